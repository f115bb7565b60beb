"""Tables to Polars frames; the only importer of polars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from chakra.columnar.sinks.plain import INTERVAL, convert, plain_type, refuse_duplicates
from chakra.errors import ConfigError, DataError

if TYPE_CHECKING:
    import polars as pl

DECIMAL128_DIGITS = 38


def to_polars(table: pa.Table) -> pl.DataFrame:
    """A Polars frame over the same memory where Polars has the type.

    Where it has not, also inside other types: uuid and json become their storage (16 bytes, text); an interval
    becomes struct{months: Int32, days: Int32, nanoseconds: Int64}; decimals of more than 38 digits become
    decimals of 38 if every value fits. An enum becomes ``pl.Enum`` with all its labels.

    Raises:
        FieldError: two columns have one name.
        ConfigError: polars is not installed.
        DataError: a decimal needs more than 38 digits; names the column and the ways out.
    """
    try:
        import polars as pl
    except ImportError:
        raise ConfigError('to_polars() needs polars: pip install "chakra-orm[polars]"') from None
    refuse_duplicates(table, "a Polars frame")
    frame = pl.from_arrow(plain(table), rechunk=False)
    assert isinstance(frame, pl.DataFrame)
    enums = {name: dtype for name in table.column_names if (dtype := _enum(table[name])) is not None}
    return frame.cast(enums) if enums else frame


def _enum(column: pa.ChunkedArray) -> Any:
    """The Polars type for a column of an enum, or of a list of them: its labels, in their order."""
    import polars as pl

    kind, depth = column.type, 0
    while pa.types.is_list(kind):
        kind, depth = kind.value_type, depth + 1
    if not pa.types.is_dictionary(kind) or not column.num_chunks:
        return None
    chunk = column.chunk(0)
    for _ in range(depth):
        chunk = chunk.values
    found: Any = pl.Enum(chunk.dictionary.to_pylist())
    for _ in range(depth):
        found = pl.List(found)
    return found


def plain(table: pa.Table) -> pa.Table:
    """The table in types Polars reads, without field metadata."""
    columns, fields = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        converted = _convert(column, plain_type(field.type, _leaf), field.name)
        columns.append(converted)
        fields.append(pa.field(field.name, converted.type))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _leaf(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal256(type_):
        return pa.decimal128(DECIMAL128_DIGITS, min(type_.scale, DECIMAL128_DIGITS))
    return INTERVAL if pa.types.is_interval(type_) else type_


def _convert(column: pa.ChunkedArray, target: pa.DataType, name: str) -> pa.ChunkedArray:
    try:
        return convert(column, target)
    except pa.ArrowInvalid as error:
        raise DataError(
            f'column "{name}": {column.type} does not fit 38 digits, the most of a Polars decimal ({error}); '
            'read it with numeric="string", numeric="float64" or numeric=(precision, scale)',
            column=name,
        ) from None


__all__ = ["plain", "to_polars"]
