"""Tables to pandas frames; the only place where pandas is needed."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from chakra.columnar.sinks.plain import convert, plain_type
from chakra.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd


def to_pandas(table: pa.Table, **options: Any) -> pd.DataFrame:
    """A pandas frame, by :meth:`pyarrow.Table.to_pandas`: NULL integers make a float column unless a
    ``types_mapper=pandas.ArrowDtype`` keeps Arrow's types; uuid comes as 16 bytes and json as text.

    Raises:
        ConfigError: pandas is not installed.
        DataError: a date lies outside the years 1 to 9999 and pandas has a Python object for each; names the
            column.
    """
    if importlib.util.find_spec("pandas") is None:
        raise ConfigError('to_pandas() needs pandas: pip install "chakra-orm[pandas]"')
    columns = [convert(column, plain_type(column.type, _leaf)) for column in table.columns]
    fields = [pa.field(f.name, c.type) for f, c in zip(table.schema, columns, strict=True)]
    plain = pa.Table.from_arrays(columns, schema=pa.schema(fields)) if fields else table
    try:
        frame: pd.DataFrame = plain.to_pandas(**options)
    except (OverflowError, ValueError) as error:
        raise _refusal(plain, options, error) from None
    return frame


def _leaf(type_: pa.DataType) -> pa.DataType:
    """Arrow hands pandas neither views nor values of one size from inside lists."""
    if pa.types.is_fixed_size_binary(type_):
        return pa.binary()
    if pa.types.is_string_view(type_):
        return pa.large_string()
    return pa.large_binary() if pa.types.is_binary_view(type_) else type_


def _refusal(table: pa.Table, options: dict[str, Any], error: Exception) -> Exception:
    """What to raise for a table of which some column has values without Python objects."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            column.to_pandas(**options)
        except (OverflowError, ValueError) as found:
            return DataError(
                f'column "{name}": a value of {column.type} has no Python object ({found}); read it with to_arrow()',
                column=name,
            )
    return error


__all__ = ["to_pandas"]
