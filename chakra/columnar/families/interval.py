"""Intervals to month_day_nano and back; NumPy's byte swap is all the arithmetic they need.

Wire layout (``src/backend/utils/adt/timestamp.c``, ``interval_send``): int64 microseconds, int32 days, int32
months, big-endian. Since PostgreSQL 17 the extremes of all three together mean ±infinity.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import RawColumn
from chakra.columnar.families.fault import ValueFault
from chakra.columnar.families.parts import build, cast, fixed_column, is_valid, refuse, values_of
from chakra.columnar.families.simple import gather, microseconds
from chakra.columnar.options import Options
from chakra.pg.types import PgType

_WIRE = np.dtype([("time", ">i8"), ("days", ">i4"), ("months", ">i4")])
_ARROW = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanos", "<i8")])  # columnar format: month_day_nano
_I32, _I64 = np.iinfo(np.int32), np.iinfo(np.int64)
_PARTS = {
    "months": ("months", pa.int32()),
    "days": ("days", pa.int32()),
    "nanoseconds": ("nanos", pa.int64()),
}
_STORED = {"months": "months", "days": "days", "microseconds": "time"}
"""What Python's values become whose time passes the nanoseconds of month_day_nano."""
_ACCEPTS = "intervals, durations and structs of months, days and nanoseconds"
_MAX_MICROSECONDS = _I64.max // 1000


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """month_day_nano: the three parts stay apart, as in PostgreSQL."""
    return pa.month_day_nano_interval()


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode intervals.

    Raises:
        ValueFault: malformed, microseconds that pass 292 years in nanoseconds, or an infinity against the
        policy.
    """
    wire = gather(raw, 16, "an interval", swap=False).view(_WIRE)
    valid = raw.lengths >= 0
    high = (wire["months"] == _I32.max) & (wire["days"] == _I32.max) & (wire["time"] == _I64.max)
    low = (wire["months"] == _I32.min) & (wire["days"] == _I32.min) & (wire["time"] == _I64.min)
    infinite = (high | low) & valid
    if infinite.any():
        if options.infinity == "error":
            index = int(np.argmax(infinite))
            word = "infinity" if high[index] else "-infinity"
            raise ValueFault(
                index,
                f'{word} of an interval has no month_day_nano; choose infinity="null", infinity="clamp" or '
                'infinity="sentinel", which can be written back',
            )
        if options.infinity == "null":
            valid &= ~infinite
    time = wire["time"].astype(np.int64)
    large = ((time > _MAX_MICROSECONDS) | (time < -_MAX_MICROSECONDS)) & valid & ~infinite
    if large.any():
        index = int(np.argmax(large))
        raise ValueFault(
            index,
            f"an interval of {int(time[index])} microseconds passes the nanoseconds of month_day_nano "
            "(2562047 hours); read it as text: CAST(column AS text)",
        )
    out = np.empty(len(raw), _ARROW)
    out["months"], out["days"] = wire["months"], wire["days"]
    with np.errstate(over="ignore"):
        out["nanos"] = time * 1000
    out["nanos"][high], out["nanos"][low] = _I64.max, _I64.min
    return build(pa.month_day_nano_interval(), len(raw), valid, out)


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode month_day_nano, durations of any unit, and structs of months, days and nanoseconds (what a library
    without such a type, like Polars, makes of it).

    Raises:
        ValueFault: another Arrow type, a NULL part, or nanoseconds that would be lost.
    """
    out = np.zeros(len(array), _WIRE)
    valid = is_valid(array)
    if pa.types.is_duration(array.type):
        # As a timedelta: days, and the rest of a day.
        days, rest = np.divmod(microseconds(array, pa.duration("us"), type_, options), 86_400_000_000)
        out["days"], out["time"] = days, rest
        return fixed_column(out, valid)
    if pa.types.is_struct(array.type) and {f.name for f in array.type} == set(_STORED):
        for (name, field), kind in zip(_STORED.items(), (pa.int32(), pa.int32(), pa.int64()), strict=True):
            out[field] = values_of(cast(array.field(name), kind, type_), kind.to_pandas_dtype())
        return fixed_column(out, valid)
    if pa.types.is_struct(array.type):
        values = _parts(array, type_)
    elif array.type == pa.month_day_nano_interval():
        values = values_of(array, _ARROW)
    else:
        refuse(array, type_, _ACCEPTS)
    # What decode() makes of ±infinity: nanoseconds that no other interval has.
    high = (values["months"] == _I32.max) & (values["days"] == _I32.max) & (values["nanos"] == _I64.max)
    low = (values["months"] == _I32.min) & (values["days"] == _I32.min) & (values["nanos"] == _I64.min)
    finer = (values["nanos"] % 1000 != 0) & valid & ~high & ~low
    if finer.any() and not options.allow_truncate:
        index = int(np.argmax(finer))
        raise ValueFault(
            index,
            f"{int(values['nanos'][index])} ns is finer than the microseconds of {type_.sql}; "
            "allow_truncate=True cuts it",
        )
    out["months"], out["days"] = values["months"], values["days"]
    out["time"] = values["nanos"] // 1000
    out["time"][high], out["time"][low] = _I64.max, _I64.min
    return fixed_column(out, valid)


def _parts(array: pa.Array, type_: PgType) -> Any:
    given = [array.type.field(i).name for i in range(array.type.num_fields)]
    if sorted(given) != sorted(_PARTS):
        refuse(array, type_, _ACCEPTS)
    columns = dict(zip(given, array.flatten(), strict=True))
    values = np.zeros(len(array), _ARROW)
    for name, (field, arrow) in _PARTS.items():
        missing = is_valid(array) & ~is_valid(columns[name])
        if missing.any():
            raise ValueFault(int(np.argmax(missing)), f"NULL {name}, which {type_.sql} cannot hold")
        if not pa.types.is_integer(columns[name].type):
            refuse(array, type_, _ACCEPTS)
        values[field] = values_of(cast(columns[name], arrow, type_), arrow.to_pandas_dtype())
    return values


__all__ = ["arrow_type", "decode", "encode"]
