"""Tables to Polars frames; the only importer of polars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from chakra.errors import ConfigError, DataError

if TYPE_CHECKING:
    import polars as pl

DECIMAL128_DIGITS = 38


def to_polars(table: pa.Table) -> pl.DataFrame:
    """A Polars frame over the same memory where Polars has the type.

    Where it has not: uuid and json become their storage (16 bytes, text), also inside other types; an
    interval becomes struct{months: Int32, days: Int32, nanoseconds: Int64}; decimals of more than 38 digits
    become decimals of 38 if every value fits.

    Raises:
        ConfigError: polars is not installed.
        DataError: a decimal needs more than 38 digits; names the column and the ways out.
    """
    try:
        import polars as pl
    except ImportError:
        raise ConfigError('to_polars() needs polars: pip install "chakra-orm[polars]"') from None
    frame = pl.from_arrow(plain(table), rechunk=False)
    assert isinstance(frame, pl.DataFrame)
    return frame


def plain(table: pa.Table) -> pa.Table:
    """The table in types Polars reads, without field metadata."""
    columns, fields = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        target = storage(field.type)
        if pa.types.is_interval(field.type):
            column = intervals(column)
        elif target != field.type:
            column = _convert(column, target, field.name)
        columns.append(column)
        fields.append(pa.field(field.name, column.type))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def storage(type_: pa.DataType) -> pa.DataType:
    """The type Polars reads for a type, at any depth."""
    if isinstance(type_, pa.BaseExtensionType):
        return storage(type_.storage_type)
    if pa.types.is_decimal256(type_):
        return pa.decimal128(DECIMAL128_DIGITS, min(type_.scale, DECIMAL128_DIGITS))
    if pa.types.is_map(type_):
        return pa.map_(storage(type_.key_type), storage(type_.item_type))
    if pa.types.is_list(type_):
        return pa.list_(type_.value_field.with_type(storage(type_.value_type)))
    if pa.types.is_struct(type_):
        fields = [type_.field(i) for i in range(type_.num_fields)]
        return pa.struct([f.with_type(storage(f.type)) for f in fields])
    return type_


def _convert(column: pa.ChunkedArray, target: pa.DataType, name: str) -> pa.ChunkedArray:
    try:
        return column.cast(target)
    except pa.ArrowInvalid as error:
        raise DataError(
            f'column "{name}": {column.type} does not fit 38 digits, the most of a Polars decimal ({error}); '
            'read it with numeric="string", numeric="float64" or numeric=(precision, scale)',
            column=name,
        ) from None


def intervals(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """month_day_nano intervals as struct{months, days, nanoseconds}."""
    return pa.chunked_array([_interval(chunk) for chunk in column.chunks], type=INTERVAL)


INTERVAL = pa.struct({"months": pa.int32(), "days": pa.int32(), "nanoseconds": pa.int64()})


def _interval(array: pa.Array) -> pa.Array:
    # Arrow columnar format, month_day_nano: int32 months, int32 days, int64 nanoseconds
    layout = np.dtype([("months", np.int32), ("days", np.int32), ("nanoseconds", np.int64)])
    values = array.buffers()[1]
    records = np.frombuffer(values, layout, len(array), 16 * array.offset) if values else np.zeros(0, layout)
    parts = [pa.array(np.ascontiguousarray(records[name])) for name in layout.names or ()]
    mask = None if array.null_count == 0 else array.is_null()
    return pa.StructArray.from_arrays(parts, fields=list(INTERVAL), mask=mask)


__all__ = ["intervals", "plain", "to_polars"]
