"""The value of an interval: a ``timedelta`` that keeps the three parts PostgreSQL stores; pure."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

DAYS_OF_MONTH = 30
"""What a month counts for where a number of days is needed, as in PostgreSQL's comparisons (``timestamp.c``,
``interval_cmp_value``)."""
DAYS_OF_YEAR = 365
"""What twelve months count for. PostgreSQL compares by 360; 365 is what Python drivers have always made of a year."""

_DAY = 86_400_000_000


class IntervalParts(NamedTuple):
    """What PostgreSQL stores of an interval (``src/include/datatype/timestamp.h``, ``Interval``)."""

    months: int
    days: int
    microseconds: int


class Interval(dt.timedelta):
    """An interval whose months, days and microseconds are not what a plain ``timedelta`` would store.

    Rows have a plain ``timedelta`` where that says everything, and this where it does not: months, and a time of a
    day or more, or below zero, beside the days. It is equal to the ``timedelta`` it was read as before (30 days a
    month, 365 a year), and every writer stores its parts as they are: ``1 mon`` stays ``1 mon``. Sums, differences
    and whole multiples keep the parts; arithmetic with dates uses the ``timedelta``.

    Args:
        months, days, microseconds: the parts, whole numbers.

    Raises:
        OverflowError: more days than a ``timedelta`` has (999,999,999).
    """

    __slots__ = ("_parts",)

    _parts: IntervalParts

    def __new__(cls, months: int = 0, days: int = 0, microseconds: int = 0) -> Interval:
        for name, value in (("months", months), ("days", days), ("microseconds", microseconds)):
            if type(value) is not int:
                raise TypeError(f"Interval takes whole numbers, not {name}={value!r}")
        sign = -1 if months < 0 else 1
        years, rest = divmod(abs(months), 12)
        whole = days + sign * (years * DAYS_OF_YEAR + rest * DAYS_OF_MONTH)
        try:
            made = super().__new__(cls, whole, 0, microseconds)
        except OverflowError:
            raise OverflowError(
                f"an interval of {months} months, {days} days and {microseconds} microseconds is more days than a "
                "timedelta has (999,999,999)"
            ) from None
        made._parts = IntervalParts(months, days, microseconds)
        return made

    @property
    def months(self) -> int:
        """Months, years included: 14 for ``1 year 2 mons``."""
        return self._parts.months

    @property
    def parts(self) -> IntervalParts:
        """Months, days and microseconds as PostgreSQL stores them. (``days`` is the timedelta's own.)"""
        return self._parts

    def __repr__(self) -> str:
        months, days, microseconds = self._parts
        return f"Interval(months={months}, days={days}, microseconds={microseconds})"

    def __str__(self) -> str:
        return interval_text(self)

    def __reduce__(self) -> Any:
        return Interval, tuple(self._parts)

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, dt.timedelta):
            return NotImplemented
        mine, others = self._parts, interval_parts(other)
        return interval_of(*(a + b for a, b in zip(mine, others, strict=True)))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if not isinstance(other, dt.timedelta):
            return NotImplemented
        mine, others = self._parts, interval_parts(other)
        return interval_of(*(a - b for a, b in zip(mine, others, strict=True)))

    def __rsub__(self, other: Any) -> Any:
        return -self + other if isinstance(other, dt.timedelta) else NotImplemented

    def __neg__(self) -> Any:
        return interval_of(*(-part for part in self._parts))

    def __mul__(self, other: Any) -> Any:
        if type(other) is not int:
            return super().__mul__(other)
        return interval_of(*(part * other for part in self._parts))

    __rmul__ = __mul__


def interval_parts(value: dt.timedelta) -> IntervalParts:
    """The parts in which a ``timedelta`` is stored: its own, or its days and the rest of a day."""
    if isinstance(value, Interval):
        return value._parts
    return IntervalParts(0, value.days, value.seconds * 1_000_000 + value.microseconds)


def interval_of(months: int, days: int, microseconds: int) -> dt.timedelta:
    """The value of three parts: a plain ``timedelta`` if that is stored as just these, else an ``Interval``.

    Raises:
        OverflowError: more days than a ``timedelta`` has.
    """
    if not months and 0 <= microseconds < _DAY:
        return dt.timedelta(days, 0, microseconds)
    return Interval(months, days, microseconds)


def interval_text(value: dt.timedelta) -> str:
    """A text that every server reads as exactly these parts.

    The clock always carries a sign: without it ``IntervalStyle = sql_standard`` would spread a leading minus
    over all parts (``DecodeInterval``, src/backend/utils/adt/datetime.c).
    """
    months, days, microseconds = interval_parts(value)
    seconds, fraction = divmod(abs(microseconds), 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    clock = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{fraction:06}"
    shown = f"{months} mons " if months else ""
    return f"{shown}{days} days {'-' if microseconds < 0 else '+'}{clock}"


__all__ = ["Interval", "IntervalParts", "interval_of", "interval_parts", "interval_text"]
