"""Arrow types that a library cannot read, replaced at any depth; the sinks say which, nothing here imports them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from chakra.errors import FieldError

Leaf = Callable[[pa.DataType], pa.DataType]
"""Gives the type to use for one that is no list, struct or map."""

INTERVAL = pa.struct({"months": pa.int32(), "days": pa.int32(), "nanoseconds": pa.int64()})


def plain_type(type_: pa.DataType, leaf: Leaf) -> pa.DataType:
    """The type with extension types replaced by their storage, and ``leaf`` applied at the bottom."""
    if isinstance(type_, pa.BaseExtensionType):
        return plain_type(type_.storage_type, leaf)
    if pa.types.is_map(type_):
        return pa.map_(plain_type(type_.key_type, leaf), plain_type(type_.item_type, leaf))
    if pa.types.is_list(type_):
        return pa.list_(type_.value_field.with_type(plain_type(type_.value_type, leaf)))
    if pa.types.is_struct(type_):
        fields = [type_.field(i) for i in range(type_.num_fields)]
        return pa.struct([f.with_type(plain_type(f.type, leaf)) for f in fields])
    return leaf(type_)


def convert(column: pa.ChunkedArray, target: pa.DataType) -> pa.ChunkedArray:
    """The column as ``target``, which :func:`plain_type` made of its type.

    Raises:
        pyarrow.ArrowInvalid: a value does not fit.
    """
    if column.type == target:
        return column
    return pa.chunked_array([_convert(chunk, target) for chunk in column.chunks], type=target)


def _convert(array: pa.Array, target: pa.DataType) -> pa.Array:
    # Array.cast goes through lists and structs, but knows no way from intervals to anything.
    type_ = array.type
    if type_ == target:
        return array
    if pa.types.is_interval(type_):
        return _intervals(array)
    if pa.types.is_list(type_):
        buffers = array.buffers()[:2]
        values = _convert(array.values, target.value_type)
        return pa.Array.from_buffers(target, len(array), buffers, offset=array.offset, children=[values])
    if pa.types.is_struct(type_):
        parts = [_convert(array.field(i), target.field(i).type) for i in range(type_.num_fields)]
        mask = array.is_null() if array.null_count else None
        return pa.StructArray.from_arrays(parts, fields=list(target), mask=mask)
    return array.cast(target)


def _intervals(array: pa.Array) -> pa.Array:
    """month_day_nano intervals as struct{months, days, nanoseconds}."""
    # Arrow columnar format, month_day_nano: int32 months, int32 days, int64 nanoseconds
    layout = np.dtype([("months", np.int32), ("days", np.int32), ("nanoseconds", np.int64)])
    values = array.buffers()[1]
    records = np.frombuffer(values, layout, len(array), 16 * array.offset) if values else np.zeros(0, layout)
    parts = [pa.array(np.ascontiguousarray(records[name])) for name in layout.names or ()]
    mask = None if array.null_count == 0 else array.is_null()
    return pa.StructArray.from_arrays(parts, fields=list(INTERVAL), mask=mask)


def refuse_duplicates(table: pa.Table, holder: str) -> None:
    """Refuse a table for a container whose columns are told apart by name.

    Raises:
        FieldError: two columns have one name.
    """
    names = table.column_names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise FieldError(
            f'two columns have the name "{twice}", and {holder} can hold one: rename one with AS'
        )


__all__ = ["INTERVAL", "Leaf", "convert", "plain_type", "refuse_duplicates"]
