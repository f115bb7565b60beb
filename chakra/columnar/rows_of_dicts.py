"""Data as beginners have it: a list of dicts, and frames with columns the table does not have; no I/O."""

from __future__ import annotations

from collections.abc import AsyncIterable, Collection, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from chakra.columnar.inputs import Source
from chakra.errors import DataError, FieldError
from chakra.pg.conversion import shown


def as_columns(data: Any) -> Any:
    """A list of dicts, one a row, as a dict of lists; anything else as it is.

    Raises:
        DataError: a row has other keys than the first one. What it lacks could be NULL or the column's default,
            which only its author knows.
    """
    if not isinstance(data, list | tuple) or not data or not isinstance(data[0], Mapping):
        return data
    names = list(data[0])
    columns: dict[Any, list[Any]] = {name: [] for name in names}
    for row, item in enumerate(data):
        if not isinstance(item, Mapping):
            raise DataError(f"row {row} is {shown(item)}, the rows before it are dicts", row=row)
        if len(item) != len(names) or not all(name in item for name in names):
            raise _other_keys(row, item, names)
        for name, values in columns.items():
            values.append(item[name])
    return columns


def _other_keys(row: int, item: Mapping[Any, Any], names: list[Any]) -> DataError:
    missing = next((name for name in names if name not in item), None)
    if missing is not None:
        what = f'has no "{missing}"'
    else:
        missing = next(name for name in item if name not in names)
        what = f'has "{missing}", which row 0 does not have'
    return DataError(
        f"row {row} {what}: give every row the same keys, with None for NULL, or insert rows of different keys "
        "separately, so that columns left out get their defaults",
        row=row,
        column=str(missing),
    )


def kept_columns(source: Source, known: Collection[str], extra: str, table: str) -> Source:
    """The source without the columns that a table does not have, if that is wanted.

    Raises:
        FieldError: ``extra`` is neither ``"error"`` nor ``"ignore"``.
        DataError: the data has no column of the table.
    """
    if extra not in ("error", "ignore"):
        raise FieldError(f'extra is "error" or "ignore", not {extra!r}')
    kept = [name for name in source.names if name in known]
    if extra == "error" or kept == source.names:
        return source
    if not kept:
        raise DataError(f"none of the data's columns ({', '.join(source.names)}) is one of {table}")

    def pick(batch: pa.RecordBatch) -> pa.RecordBatch:
        if batch.schema.names != source.names:
            raise DataError(f"a batch has the columns {batch.schema.names}, the first one had {source.names}")
        return batch.select(kept)

    batches = source.batches
    if isinstance(batches, AsyncIterable):
        return replace(source, names=kept, batches=(pick(batch) async for batch in batches))
    if isinstance(batches, list):
        return replace(source, names=kept, batches=list(map(pick, batches)))
    return replace(source, names=kept, batches=map(pick, batches))


def known_part(data: Any, known: Collection[str]) -> Any:
    """A frame without the columns that a table does not have: of those nobody asks whether Arrow has their types."""
    library, names = type(data).__module__.partition(".")[0], getattr(data, "columns", None)
    if library not in ("pandas", "polars") or names is None or not hasattr(data, "__arrow_c_stream__"):
        return data
    kept = [name for name in names if name in known]
    return data[kept] if kept and len(kept) < len(names) else data


__all__ = ["as_columns", "kept_columns", "known_part"]
