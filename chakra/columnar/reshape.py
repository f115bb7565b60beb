"""Decoded values in the other Arrow types that a read may ask for: uuid as text, intervals as durations or text."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pyarrow as pa

from chakra.columnar.families.fault import ValueFault
from chakra.columnar.options import Options
from chakra.columnar.types import string_type

_PARTS = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanos", "<i8")])  # columnar format: month_day_nano
_DAY = 86_400_000_000
_MOST = 2**63 - 1


def reshapes(options: Options) -> bool:
    """Whether the options ask for other types than the decoder makes."""
    return options.uuid != "bytes" or options.interval != "month_day_nano"


def reshaped_type(kind: pa.DataType, options: Options) -> pa.DataType:
    """The type that values of a decoded type get, also inside lists, structs and maps."""
    if isinstance(kind, pa.BaseExtensionType):
        return (
            string_type(options) if options.uuid == "text" and kind.extension_name == "arrow.uuid" else kind
        )
    if pa.types.is_interval(kind):
        if options.interval == "text":
            return string_type(options)
        return pa.duration("us") if options.interval == "duration" else kind
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(reshaped_type(kind.value_type, options)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(reshaped_type(field.type, options)) for field in kind])
    return kind


def reshape(array: pa.Array, options: Options, name: str, first_row: int) -> pa.Array:
    """The values of a column, which is no slice, in the types that the options ask for.

    Raises:
        DataError: an interval has months, or is infinite, and shall be a duration; names row and column.
    """
    target = reshaped_type(array.type, options)
    if target == array.type:
        return array
    try:
        return _reshape(array, target)
    except ValueFault as fault:
        raise fault.error(name, first_row, "") from None


def _reshape(array: pa.Array, target: pa.DataType) -> pa.Array:
    kind = array.type
    if kind == target:
        return array
    if pa.types.is_list(kind):
        try:
            values = _reshape(array.values, target.value_type)
        except ValueFault as fault:
            owner = int(np.searchsorted(array.offsets.to_numpy(), fault.index, "right")) - 1
            raise fault.within(owner, "[]") from None
        return pa.Array.from_buffers(
            target, len(array), array.buffers()[:2], offset=array.offset, children=[values]
        )
    if pa.types.is_struct(kind):
        parts = [_reshape(array.field(i), target.field(i).type) for i in range(kind.num_fields)]
        mask = array.is_null() if array.null_count else None
        return pa.StructArray.from_arrays(parts, fields=list(target), mask=mask)
    if pa.types.is_interval(kind):
        return _intervals(array, target)
    texts = [None if value is None else str(uuid.UUID(bytes=value)) for value in array.storage.to_pylist()]
    return pa.array(texts, target)


def _intervals(array: pa.Array, target: pa.DataType) -> pa.Array:
    nulls = array.is_null().to_numpy(zero_copy_only=False)
    data = array.buffers()[1]
    parts = (
        np.frombuffer(data, _PARTS, len(array), 16 * array.offset)
        if data is not None
        else np.zeros(0, _PARTS)
    )
    micros = parts["nanos"] // 1000
    if pa.types.is_duration(target):
        return _durations(parts, micros, nulls, target)
    rows = zip(parts["months"].tolist(), parts["days"].tolist(), micros.tolist(), nulls.tolist(), strict=True)
    return pa.array([None if null else iso_interval(m, d, us) for m, d, us, null in rows], target)


def iso_interval(months: int, days: int, microseconds: int) -> str:
    """The parts in ISO 8601, each with its sign, as both PostgreSQL and Chakra read them: ``P14M-3DT7200.5S``."""
    found = "P" + (f"{months}M" if months else "") + (f"{days}D" if days else "")
    if microseconds or len(found) == 1:
        seconds, rest = divmod(abs(microseconds), 1_000_000)
        fraction = f".{rest:06}".rstrip("0") if rest else ""
        found += f"T{'-' if microseconds < 0 else ''}{seconds}{fraction}S"
    return found


def _durations(parts: Any, micros: Any, nulls: Any, target: pa.DataType) -> pa.Array:
    months = (parts["months"] != 0) & ~nulls
    if months.any():
        raise ValueFault(
            int(np.argmax(months)),
            'an interval with months has no length: read it with interval="text", or without',
        )
    days = parts["days"].astype(np.int64)
    beyond = (np.abs(days.astype(np.float64) * _DAY + micros) >= _MOST) & ~nulls
    if beyond.any():
        raise ValueFault(
            int(np.argmax(beyond)), 'an interval of more than 292271 years is no duration; interval="text"'
        )
    return pa.array(days * _DAY + micros, pa.int64(), mask=nulls).view(target)


__all__ = ["iso_interval", "reshape", "reshaped_type", "reshapes"]
