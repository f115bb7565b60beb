"""Functions of dates and times (manual, "Date/Time Functions and Operators").

Parts of a ``timestamptz`` are taken in a zone that is said, or in UTC, in which rows return it: a result never depends
on a session's TimeZone. Infinity has no parts: they are NULL.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from chakra.errors import FieldError
from chakra.expressions.base import Expression
from chakra.expressions.calls import ANY, COUNT, REAL, STRING, Call, Function, first, of_type
from chakra.expressions.values import Value
from chakra.pg.quoting import quote_string
from chakra.pg.types import DATE, INT4, INTERVAL, NUMERIC, TEXT, TIME, TIMESTAMP, TIMESTAMPTZ, PgType

T = TypeVar("T")

_DATES = ("date", "timestamp", "timestamptz")
_DATES_AND_SPANS = (*_DATES, "interval")
_STAMPS = ("timestamp", "timestamptz")
_TIMES = ("time", "timestamp", "timestamptz", "interval")
_SPAN = of_type(INTERVAL)
_ZONED = "{0} AT TIME ZONE {1|'UTC'}"


class Zoned(Function[T]):
    """A function of moments, whose ``timestamptz`` is read in a zone."""

    def __call__(self, *arguments: Any, tz: str | Expression | None = None) -> Call[T]:
        """A call: ``TruncMonth("added", tz="Europe/Berlin")``.

        Args:
            tz: the zone, or an expression of one; UTC if left out. A second argument is the same.

        Raises:
            FieldError: it takes more arguments, or fewer.
        """
        return super().__call__(*arguments, *_zone(tz))


def _in_zone(sql: str, takes: Sequence[str]) -> dict[str, str]:
    """A template for each type: of a ``timestamptz`` what a clock in the zone shows."""
    return {name: sql.replace("{0}", f"({_ZONED})") if name == "timestamptz" else sql for name in takes}


def _extract(name: str, word: str, part: str, takes: Sequence[str]) -> Zoned[int]:
    found = f"EXTRACT({part} FROM {{0}})::integer"
    if part in _ENDLESS:
        found = f"CASE WHEN isfinite({{0}}) THEN {found} END"
    return Zoned[int](name, _in_zone(found, takes), (ANY, STRING), INT4, word, least=1, partial=True)


_ENDLESS = frozenset({"YEAR", "ISOYEAR"})
"""Parts that of infinity are infinity, which is no integer; all others are NULL."""


def _trunc(unit: str) -> Zoned[Any]:
    name = f"Trunc{unit.capitalize()}"
    sql = {
        "timestamptz": f"date_trunc({quote_string(unit)}, {{0}}, {{1|'UTC'}})",
        "timestamp": f"date_trunc({quote_string(unit)}, {{0}})",
        "date": f"date_trunc({quote_string(unit)}, {{0}}::timestamp)::date",
    }
    return Zoned[Any](name, sql, (ANY, STRING), first, least=1)


# The cut at the end keeps the digits of whole seconds apart from fractions, which EXTRACT(SECOND …) has.
_SECOND = "floor(EXTRACT(SECOND FROM {0}))::integer"
# 1 = Sunday … 7 = Saturday, as in Django; PostgreSQL's DOW counts from 0.
_WEEK_DAY = "(EXTRACT(DOW FROM {0})::integer + 1)"
_EPOCH = {
    name: "EXTRACT(EPOCH FROM {0})" for name in ("date", "timestamp", "timestamptz", "interval", "time")
}

Date = Zoned[dt.date]("Date", _in_zone("({0})::date", _DATES), (ANY, STRING), DATE, "date", least=1)
Time = Zoned[dt.time](
    "Time", _in_zone("({0})::time", _STAMPS), (ANY, STRING), TIME, "time", least=1, partial=True
)
ExtractYear = _extract("ExtractYear", "year", "YEAR", _DATES_AND_SPANS)
ExtractIsoYear = _extract("ExtractIsoYear", "iso_year", "ISOYEAR", _DATES)
ExtractQuarter = _extract("ExtractQuarter", "quarter", "QUARTER", _DATES_AND_SPANS)
ExtractMonth = _extract("ExtractMonth", "month", "MONTH", _DATES_AND_SPANS)
ExtractWeek = _extract("ExtractWeek", "week", "WEEK", _DATES)
ExtractDay = _extract("ExtractDay", "day", "DAY", _DATES_AND_SPANS)
ExtractDayOfYear = _extract("ExtractDayOfYear", "day_of_year", "DOY", _DATES)
ExtractWeekDay = Zoned[int](
    "ExtractWeekDay", _in_zone(_WEEK_DAY, _DATES), (ANY, STRING), INT4, "week_day", least=1, partial=True
)
ExtractIsoWeekDay = _extract("ExtractIsoWeekDay", "iso_week_day", "ISODOW", _DATES)
ExtractHour = _extract("ExtractHour", "hour", "HOUR", _TIMES)
ExtractMinute = _extract("ExtractMinute", "minute", "MINUTE", _TIMES)
ExtractSecond = Zoned[int](
    "ExtractSecond", _in_zone(_SECOND, _TIMES), (ANY, STRING), INT4, "second", least=1, partial=True
)
ExtractEpoch = Function[Any]("ExtractEpoch", _EPOCH, (ANY,), NUMERIC(38, 6), "epoch")

TruncYear, TruncQuarter, TruncMonth, TruncWeek = map(_trunc, ("year", "quarter", "month", "week"))
TruncDay, TruncHour, TruncMinute, TruncSecond = map(_trunc, ("day", "hour", "minute", "second"))

PARTS = {
    each.word: each
    for each in (
        ExtractYear, ExtractIsoYear, ExtractQuarter, ExtractMonth, ExtractWeek, ExtractDay, ExtractDayOfYear,
        ExtractWeekDay, ExtractIsoWeekDay, ExtractHour, ExtractMinute, ExtractSecond, ExtractEpoch,
    )
}  # fmt: skip
"""What ``Extract`` takes out."""

UNITS = {
    each.name.removeprefix("Trunc").lower(): each
    for each in (
        TruncYear, TruncQuarter, TruncMonth, TruncWeek, TruncDay, TruncHour, TruncMinute, TruncSecond,
    )
}  # fmt: skip
"""What ``Trunc`` cuts to."""


def Extract(value: Any, part: str, *, tz: str | Expression | None = None) -> Call[Any]:
    """A part of a date, a time or an interval: ``Extract("added", "year", tz="Europe/Berlin")``.

    Args:
        part: ``year``, ``month``, …, ``epoch``: the words of paths.
        tz: the zone in which a ``timestamptz`` is read; UTC if left out.

    Raises:
        FieldError: there is no such part.
    """
    return _named(PARTS, "Extract", part)(value, *_zone(tz))


def Trunc(value: Any, unit: str, *, tz: str | Expression | None = None) -> Call[Any]:
    """A date or a moment, cut to a unit: ``Trunc("added", "month")``; a value of the same type.

    Args:
        unit: ``year``, ``quarter``, ``month``, ``week``, ``day``, ``hour``, ``minute`` or ``second``.
        tz: the zone in which units of a ``timestamptz`` begin; UTC if left out.

    Raises:
        FieldError: there is no such unit.
    """
    return _named(UNITS, "Trunc", unit)(value, *_zone(tz))


def _named(table: Mapping[str, Function[Any]], name: str, word: str) -> Function[Any]:
    found = table.get(word)
    if found is None:
        raise FieldError(f"{name}() knows {', '.join(table)}, not {word!r}")
    return found


def _zone(tz: str | Expression | None) -> tuple[Expression, ...]:
    return () if tz is None else (Value(tz, TEXT) if isinstance(tz, str) else tz,)


def _turned(types: Sequence[PgType | None]) -> PgType | None:
    """``timestamptz`` becomes what a clock shows, and the other way round."""
    if types[0] is None:
        return None
    return {"timestamptz": TIMESTAMP, "timestamp": TIMESTAMPTZ}.get(types[0].base.name)


_SHOWN = {name: "to_char({0}, {1})" for name in ("timestamp", "interval", "int4", "int8", "numeric", "float8")} | {
    "timestamptz": "to_char({0} AT TIME ZONE {2|'UTC'}, {1})",
    "date": "to_char({0}::timestamp, {1})",
    "int2": "to_char({0}::integer, {1})",
    "float4": "to_char({0}, {1})",
}  # fmt: skip

Now = Function[dt.datetime]("Now", "now()", (), TIMESTAMPTZ)
AtTimeZone = Function[dt.datetime](
    "AtTimeZone", {name: "({0} AT TIME ZONE {1})" for name in _STAMPS}, (ANY, STRING), _turned
)
Age = Function[Any](
    "Age",
    {
        "timestamptz": "age({0} AT TIME ZONE 'UTC', {1} AT TIME ZONE 'UTC')",
        "timestamp": "age({0}, {1}::timestamp)",
        "date": "age({0}::timestamp, {1}::timestamp)",
    },
    (ANY, ANY),
    INTERVAL,
)
ToChar = Function[str]("ToChar", _SHOWN, (ANY, STRING, STRING), TEXT, least=2, strict=False)
JustifyDays = Function[dt.timedelta]("JustifyDays", "justify_days({0})", (_SPAN,), INTERVAL)
JustifyHours = Function[dt.timedelta]("JustifyHours", "justify_hours({0})", (_SPAN,), INTERVAL)
JustifyInterval = Function[dt.timedelta]("JustifyInterval", "justify_interval({0})", (_SPAN,), INTERVAL)
MakeDate = Zoned[dt.date]("MakeDate", "make_date({*})", (COUNT, COUNT, COUNT), DATE)
_MAKE_INTERVAL = Function[Any]("MakeInterval", "make_interval({*})", (*(COUNT,) * 6, REAL), INTERVAL)


def MakeInterval(
    *,
    years: Any = 0,
    months: Any = 0,
    weeks: Any = 0,
    days: Any = 0,
    hours: Any = 0,
    mins: Any = 0,
    secs: Any = 0.0,
) -> Call[Any]:
    """An interval out of its parts: numbers, names of fields and expressions: ``MakeInterval(days="grace")``."""
    return _MAKE_INTERVAL(years, months, weeks, days, hours, mins, secs)


__all__ = [
    "Age", "AtTimeZone", "Date", "Extract", "ExtractDay", "ExtractDayOfYear", "ExtractEpoch", "ExtractHour",
    "ExtractIsoWeekDay", "ExtractIsoYear", "ExtractMinute", "ExtractMonth", "ExtractQuarter", "ExtractSecond",
    "ExtractWeek", "ExtractWeekDay", "ExtractYear", "JustifyDays", "JustifyHours", "JustifyInterval", "MakeDate",
    "MakeInterval", "Now", "Time", "ToChar", "Trunc", "TruncDay", "TruncHour", "TruncMinute", "TruncMonth",
    "TruncQuarter", "TruncSecond", "TruncWeek", "TruncYear",
]  # fmt: skip
