"""Dates, times, timestamps: nothing is cut off, and a wall clock is no instant unless somebody says so."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from chakra.pg.conversion.base import (
    Conversion,
    Naive,
    Unfit,
    as_str,
    in_microseconds,
    is_numpy,
    numpy_unit,
    refuse,
)
from chakra.pg.types import PgType

_MIDNIGHT = dt.time()
# What texts for infinity become: equal to Python's own bounds, which rows mean infinity by, but not the same objects,
# so that columns, where those bounds are the days themselves, can tell.
LAST_DATE, FIRST_DATE = dt.date(9999, 12, 31), dt.date(1, 1, 1)
LAST_MOMENT, FIRST_MOMENT = dt.datetime(9999, 12, 31, 23, 59, 59, 999999), dt.datetime(1, 1, 1)
_INFINITIES = {"infinity": True, "inf": True, "+infinity": True, "-infinity": False, "-inf": False}


def _infinite(text: str) -> bool | None:
    """Whether a text names the end (``True``) or the beginning (``False``) of time."""
    return _INFINITIES.get(text.strip().lower())


def _from_numpy(value: Any) -> Any:
    """A NumPy scalar as a date, datetime, time or timedelta.

    Raises:
        Unfit: it is more exact than a microsecond, or out of Python's range.
    """
    if value.dtype.kind not in "mM":
        return value
    if value != value:  # NaT
        return None
    unit = numpy_unit(value)
    if unit not in ("D", "Y", "M", "W"):
        value = in_microseconds(value, "Python's dates")
    found = value.item()
    if isinstance(found, int):
        raise Unfit("it is out of range of Python's dates")
    return found


def _plain_datetime(value: dt.datetime) -> dt.datetime | None:
    """A datetime of a subclass (pandas' Timestamp) as an exact one."""
    if type(value) is dt.datetime:
        return value
    if value != value:  # pandas' NaT is a datetime, too
        return None
    if getattr(value, "nanosecond", 0):
        raise Unfit("it has nanoseconds, and the column keeps microseconds")
    return dt.datetime(
        value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond,
        value.tzinfo, fold=value.fold,
    )  # fmt: skip


_FINER = re.compile(r"[.,][0-9]{6}[0-9]*[1-9]")


def _parsed(text: str, parse: Callable[[str], Any], what: str) -> Any:
    try:
        found = parse(text.strip())
    except ValueError:
        raise Unfit(f"expected {what} in ISO format") from None
    if _FINER.search(text):  # which Python cuts off
        raise Unfit("it has nanoseconds, and the column keeps microseconds")
    return found


def _no_end(value: Any, ends: tuple[Any, Any]) -> None:
    """Refuse a text that names the last or first day or moment of Python, by which a row would mean infinity.

    Raises:
        Unfit: it does.
    """
    if value in ends:
        raise Unfit(
            "a row cannot tell this from infinity, which Python's first and last day and moment mean there: "
            'give "infinity" or "-infinity", or write it from a column: Arrow, a frame, a NumPy array of days'
        )


def _date(value: Any, *, in_columns: bool) -> dt.date | None:
    if is_numpy(value):
        value = _from_numpy(value)
        if value is None:
            return None
    text = as_str(value)
    if text is not None:
        end = _infinite(text)
        if end is not None:
            return LAST_DATE if end else FIRST_DATE
        day: dt.date = _parsed(text, dt.date.fromisoformat, "a date")
        if not in_columns:
            _no_end(day, (LAST_DATE, FIRST_DATE))
        return day
    if isinstance(value, dt.datetime):
        moment = _plain_datetime(value)
        if moment is None:
            return None
        if moment.tzinfo is not None or moment.time() != _MIDNIGHT:
            raise Unfit("it has a time of day or a zone; take its .date() first")
        return moment.date()
    if isinstance(value, dt.date):
        return value if type(value) is dt.date else dt.date(value.year, value.month, value.day)
    refuse("a date", value)


def _checked_precision(value: Any, microseconds: int, precision: int | None) -> Any:
    if precision is not None and precision < 6 and microseconds % 10 ** (6 - precision):
        raise Unfit(f"its fraction of a second has more than the {precision} digits that are kept")
    return value


def _time(value: Any, *, zoned: bool, precision: int | None) -> dt.time | None:
    text = as_str(value)
    if text is not None:
        value = _parsed(text, dt.time.fromisoformat, "a time")
    if zoned and isinstance(value, Mapping) and value.keys() == {"time", "offset_seconds"}:
        zone = dt.timezone(dt.timedelta(seconds=int(value["offset_seconds"])))  # as columns have it
        value = value["time"].replace(tzinfo=zone)
    if not isinstance(value, dt.time):
        refuse("a time", value)
    if zoned and value.utcoffset() is None:
        raise Unfit("expected a time with a zone of fixed offset")
    if not zoned and value.tzinfo is not None:
        raise Unfit("expected a time without a zone; timetz is the type with one")
    if type(value) is not dt.time:
        value = dt.time(
            value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold
        )
    return _checked_precision(value, value.microsecond, precision)  # type: ignore[no-any-return]


def _in_utc(moment: dt.datetime) -> dt.datetime | None:
    """The clock of UTC at a moment, or ``None`` where Python has no year for it."""
    try:
        return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError:
        return None


def _moment(value: Any, *, in_columns: bool) -> dt.datetime | dt.date | None:
    """A datetime (or a date, for the caller to judge) of whatever stands for one."""
    if is_numpy(value):
        value = _from_numpy(value)
        if value is None or not isinstance(value, dt.datetime):
            value = dt.datetime.combine(value, _MIDNIGHT) if isinstance(value, dt.date) else value
            if value is None:
                return None
    text = as_str(value)
    if text is not None:
        end = _infinite(text)
        if end is not None:
            return LAST_MOMENT if end else FIRST_MOMENT
        value = _parsed(text, dt.datetime.fromisoformat, "a timestamp")
        if not in_columns:
            _no_end(_in_utc(value), (LAST_MOMENT, FIRST_MOMENT))
    if isinstance(value, dt.datetime):
        return _plain_datetime(value)
    if isinstance(value, dt.date):
        return value
    refuse("a datetime", value)


def _timestamp(value: Any, *, precision: int | None, in_columns: bool) -> dt.datetime | None:
    moment = _moment(value, in_columns=in_columns)
    if moment is None:
        return None
    if not isinstance(moment, dt.datetime):
        moment = dt.datetime.combine(moment, _MIDNIGHT)
    if moment.tzinfo is not None:
        raise Unfit(
            "it has a zone, and the column none: convert it to the wall clock that is meant, .replace(tzinfo=None)"
        )
    if moment == dt.datetime.max:
        return moment
    return _checked_precision(moment, moment.microsecond, precision)  # type: ignore[no-any-return]


def _timestamptz(value: Any, *, precision: int | None, naive: Naive, in_columns: bool) -> dt.datetime | None:
    moment = _moment(value, in_columns=in_columns)
    if moment is None:
        return None
    if not isinstance(moment, dt.datetime):
        if naive == "error":
            raise Unfit("a date is no instant: " + NAIVE_CURE)
        moment = dt.datetime.combine(moment, _MIDNIGHT)
    if moment.tzinfo is None:
        if moment in (dt.datetime.max, dt.datetime.min):
            return moment  # the infinities
        if naive == "error":
            raise Unfit("it has no zone: " + NAIVE_CURE)
        moment = moment.astimezone() if naive == "local" else moment.replace(tzinfo=dt.UTC)
    elif moment.utcoffset() is None:
        raise Unfit("its zone has no offset")
    return _checked_precision(moment, moment.microsecond, precision)  # type: ignore[no-any-return]


NAIVE_CURE = (
    "give it tzinfo=, or say what values without one mean: the setting database.naive_datetimes "
    '= "utc" or "local" (bulk_insert has the option naive_datetimes=)'
)


def time_conversion(type_: PgType, naive: Naive, in_columns: bool = False) -> Conversion | None:
    """The conversion of a date or time type, or ``None`` for others.

    Args:
        in_columns: Python's first and last day and moment are themselves, and may be said in text.
    """
    name = type_.base.name
    modifiers = type_.modifiers
    precision = modifiers[0] if modifiers else None
    if name == "date":
        takes = "date; ISO text; a datetime at midnight without a zone"
        return Conversion(frozenset({dt.date}), partial(_date, in_columns=in_columns), takes)
    if name in ("time", "timetz"):
        zoned = name == "timetz"
        takes = (
            "time with a fixed offset; mapping of time, offset_seconds; ISO text"
            if zoned
            else "time without a zone; ISO text"
        )
        convert = partial(_time, zoned=zoned, precision=precision)
        usual = frozenset({dt.time}) if precision in (None, 6) else frozenset[type]()
        return Conversion(usual, convert, takes, zoned)
    if name == "timestamp":
        takes = "datetime without a zone; a date (midnight); ISO text; no more digits than are kept"
        plain = partial(_timestamp, precision=precision, in_columns=in_columns)
        return Conversion(_usual(precision), plain, takes, False)
    if name == "timestamptz":
        takes = "datetime with a zone; ISO text with one; without one only as naive_datetimes says"
        zoned_moment = partial(_timestamptz, precision=precision, naive=naive, in_columns=in_columns)
        return Conversion(_usual(precision), zoned_moment, takes, True)
    return None


def _usual(precision: int | None) -> frozenset[type]:
    return frozenset({dt.datetime}) if precision in (None, 6) else frozenset[type]()


__all__ = [
    "FIRST_DATE",
    "FIRST_MOMENT",
    "LAST_DATE",
    "LAST_MOMENT",
    "NAIVE_CURE",
    "time_conversion",
]
