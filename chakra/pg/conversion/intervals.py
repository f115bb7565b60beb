"""Intervals: timedeltas and what carries months, whole; fields that a column does not keep are refused."""

from __future__ import annotations

import datetime as dt
import re
from functools import partial
from typing import Any

from chakra.pg.conversion.base import Conversion, Unfit, as_str, in_microseconds, is_numpy, numpy_unit, refuse
from chakra.pg.interval import Interval, interval_of, interval_parts
from chakra.pg.types import PgType

_ISO = re.compile(
    r"(?P<sign>[+-])?P(?!$)(?:(?P<years>[+-]?\d+)Y)?(?:(?P<months>[+-]?\d+)M)?(?:(?P<weeks>[+-]?\d+)W)?"
    r"(?:(?P<days>[+-]?\d+)D)?(?:T(?!$)(?:(?P<hours>[+-]?\d+)H)?(?:(?P<minutes>[+-]?\d+)M)?"
    r"(?:(?P<seconds>[+-]?\d+(?:\.\d{1,6})?)S)?)?"
)

# src/include/utils/timestamp.h, INTERVAL_MASK over the field numbers of src/include/utils/datetime.h
_MONTH, _YEAR, _DAY, _HOUR, _MINUTE, _SECOND = (1 << n for n in (1, 2, 3, 10, 11, 12))
_FULL_RANGE = 0x7FFF
_MICROSECONDS = {_HOUR: 3_600_000_000, _MINUTE: 60_000_000}


def _parsed(text: str) -> dt.timedelta:
    found = _ISO.fullmatch(text.strip())
    if found is None:
        raise Unfit("expected an interval in ISO format, such as P1DT2H30M")
    sign = -1 if found["sign"] == "-" else 1
    parts = {name: found[name] or "0" for name in ("years", "months", "weeks", "days", "hours", "minutes")}
    years, months, weeks, days, hours, minutes = (int(part) for part in parts.values())
    seconds = found["seconds"] or "0"
    whole, _, fraction = seconds.lstrip("+-").partition(".")
    micros = int(whole) * 1_000_000 + int(fraction.ljust(6, "0") or 0)
    micros = -micros if seconds.startswith("-") else micros
    micros += (hours * 60 + minutes) * 60_000_000
    return interval_of(sign * (12 * years + months), sign * (7 * weeks + days), sign * micros)


def _from_numpy(value: Any) -> dt.timedelta | None:
    if value != value:  # NaT
        return None
    unit = numpy_unit(value)
    if unit in ("Y", "M"):
        return interval_of(int(value.astype("int64")) * (12 if unit == "Y" else 1), 0, 0)
    if unit == "generic" or unit == "":
        raise Unfit("a timedelta64 without a unit says no length")
    found = in_microseconds(value, "Python's timedelta").item()
    if isinstance(found, int):
        raise Unfit("it is out of range of Python's timedelta")
    return found  # type: ignore[no-any-return]


def _interval(value: Any, *, fields: int, precision: int | None) -> dt.timedelta | None:
    try:
        return _kept(value, fields, precision)
    except OverflowError:
        raise Unfit("it is more days than a timedelta has (999,999,999)") from None


def _kept(value: Any, fields: int, precision: int | None) -> dt.timedelta | None:
    if is_numpy(value) and value.dtype.kind == "m":
        value = _from_numpy(value)
        if value is None:
            return None
    text = as_str(value)
    if text is not None:
        value = _parsed(text)
    elif type(value).__name__ == "MonthDayNano":  # of pyarrow
        if value.nanoseconds % 1000:
            raise Unfit("it has nanoseconds, and the column keeps microseconds")
        value = interval_of(value.months, value.days, value.nanoseconds // 1000)
    if not isinstance(value, dt.timedelta):
        refuse("a timedelta, a chakra.Interval, or ISO text", value)
    if getattr(value, "nanoseconds", 0):  # pandas' Timedelta
        raise Unfit("it has nanoseconds, and the column keeps microseconds")
    months, days, micros = interval_parts(value)
    if fields != _FULL_RANGE:
        if months and not fields & (_MONTH | _YEAR):
            raise Unfit("it has months, and the column keeps none")
        if months % 12 and not fields & _MONTH:
            raise Unfit("it has months, and the column keeps whole years")
        if days and not fields & _DAY and not fields & (_HOUR | _MINUTE | _SECOND):
            raise Unfit("it has days, and the column keeps only months and years")
        if micros and not fields & (_HOUR | _MINUTE | _SECOND):
            raise Unfit("it has a time, and the column keeps none")
        if not fields & _SECOND and micros % 60_000_000:
            raise Unfit("it has seconds, and the column keeps none")
        if not fields & (_SECOND | _MINUTE) and micros % 3_600_000_000:
            raise Unfit("it has minutes, and the column keeps none")
    if precision is not None and precision < 6 and micros % 10 ** (6 - precision):
        raise Unfit(f"its fraction of a second has more than the {precision} digits that are kept")
    return interval_of(months, days, micros)


def interval_conversion(type_: PgType) -> Conversion | None:
    """The conversion of ``interval``, or ``None`` for others."""
    if type_.name != "interval":
        return None
    fields, precision = _FULL_RANGE, None
    if type_.typmod >= 0:
        fields = (type_.typmod >> 16) & _FULL_RANGE
        precision = type_.typmod & 0xFFFF
        precision = None if precision == 0xFFFF else precision
    usual = frozenset[type]({dt.timedelta, Interval} if type_.typmod < 0 else ())
    takes = "timedelta, chakra.Interval, NumPy timedelta64, ISO text; nothing that the column does not keep"
    return Conversion(usual, partial(_interval, fields=fields, precision=precision), takes)


__all__ = ["interval_conversion"]
