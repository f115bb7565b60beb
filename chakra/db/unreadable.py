"""Values that no Python object can hold: which column of which row of a result, and what to do about it.

Python's dates end with the years 1 and 9999, its times before 24:00, its timedelta after 999,999,999 days. The driver
only says that some value was out of range. Where reading again cannot change anything, the rows are read once more
with codecs that mark such values instead of raising; that costs nothing where nothing fails.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import asyncpg

from chakra.db import driver
from chakra.db.codecs import Codec, decode_interval, decode_timetz, encode_interval, encode_timetz
from chakra.db.statements import Statement
from chakra.db.wire import Wire
from chakra.errors import DataError
from chakra.pg.showing import reason

FAILURES = (ValueError, OverflowError, struct.error)
"""What comes out of the driver when a value cannot be decoded; what it cannot encode, it wraps."""


def undecodable(error: BaseException) -> bool:
    """Whether an error of the driver is about a value it could not decode, and not about the SQL's own text."""
    return isinstance(error, FAILURES) and not isinstance(error, UnicodeEncodeError)


_EPOCH = dt.date(2000, 1, 1).toordinal()
_DAY = 86_400_000_000
_MICROSECOND = dt.timedelta(microseconds=1)
_INT4, _INT8 = struct.Struct(">i"), struct.Struct(">q")
_NAIVE = dt.datetime(2000, 1, 1)
_AWARE = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


class _Beyond:
    """Stands in a row for such a value."""

    def __init__(self, text: str) -> None:
        self.text = text


async def explain(wire: Wire, statement: Statement, args: Sequence[Any], error: BaseException) -> DataError:
    """The error that names the column, and the row where the statement can be run again."""
    prepared = wire.statements.get(statement.sql)
    found = await _locate(wire, statement.sql, args) if statement.reads else None
    if found is not None:
        row, column, text = found
        return _error([column], f"{text} is out of Python's range", row=row)
    return unreadable(prepared, error)


def unreadable(statement: driver.RawStatement | None, error: BaseException) -> DataError:
    """The error that names the columns in which such a value can stand."""
    types = driver.result_types(statement) if statement is not None else []
    return _error(
        [name for name, oid in types if oid not in _CERTAIN] or [name for name, _ in types], reason(error)
    )


def _error(names: Sequence[str], reason: str, *, row: int | None = None) -> DataError:
    if len(names) == 1:
        where, column = f'column "{names[0]}"', names[0]
    elif names:
        where, column = "one of the columns " + ", ".join(f'"{name}"' for name in names), None
    else:
        where, column = "a column", None
    if row is not None:
        where = f"row {row}, {where}"
    return DataError(
        f"{where}: the server's value has no Python object ({reason}). Read it as columns, with to_arrow(), which "
        'takes all of PostgreSQL\'s dates (infinity="null" or "clamp" for infinities), or cast it to text',
        row=row,
        column=column,
    )


async def _locate(wire: Wire, sql: str, args: Sequence[Any]) -> tuple[int, str, str] | None:
    """Row, name of the column and text of the first value that cannot be read."""
    raw = wire.raw
    inside = wire.in_transaction
    for oid, (name, codec) in _MARKING.items():
        driver.set_codec(raw, oid, name, "pg_catalog", codec)
    try:
        if inside:
            await raw.execute("SAVEPOINT chakra_again")
        try:
            rows = await (await raw.prepare(sql, name="")).fetch(*args)
        finally:
            if inside:
                await raw.execute("ROLLBACK TO chakra_again; RELEASE chakra_again")
    except (*FAILURES, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None
    except BaseException:
        wire.suspect = True
        raise
    finally:
        for oid, (name, _) in _MARKING.items():
            raw.get_settings().remove_python_codec(oid, name, "pg_catalog")
        driver.set_builtin_codecs(raw)
    for row, record in enumerate(rows):
        for column, value in zip(record.keys(), record.values(), strict=True):
            text = _beyond(value)
            if text is not None:
                return row, column, text
    return None


def _beyond(value: Any) -> str | None:
    if isinstance(value, _Beyond):
        return value.text
    if isinstance(value, list | tuple):
        parts: Any = value
    elif hasattr(value, "isempty"):
        parts = (value.lower, value.upper)
    elif hasattr(value, "keys") and not isinstance(value, Mapping):
        parts = value.values()
    else:
        return None
    return next((text for text in map(_beyond, parts) if text is not None), None)


def _marking(
    encode: Callable[[Any], bytes], decode: Callable[[bytes], Any], show: Callable[[bytes], str]
) -> Codec:
    def read(data: bytes) -> Any:
        try:
            return decode(data)
        except FAILURES:
            return _Beyond(show(data))

    return Codec(encode, read)


def _encode_date(value: Any) -> bytes:
    if value in (dt.date.max, dt.date.min):
        return _INT4.pack(2**31 - 1 if value == dt.date.max else -(2**31))
    return _INT4.pack(value.toordinal() - _EPOCH)


def _encode_timestamp(value: Any) -> bytes:
    if not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if value in (dt.datetime.max, dt.datetime.min):
        return _INT8.pack(2**63 - 1 if value == dt.datetime.max else -(2**63))
    return _INT8.pack((value - _NAIVE) // _MICROSECOND)


def _encode_timestamptz(value: Any) -> bytes:
    if (
        isinstance(value, dt.datetime)
        and value.tzinfo is None
        and value in (dt.datetime.max, dt.datetime.min)
    ):
        return _encode_timestamp(value)
    if not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    return _encode_timestamp(value.astimezone(dt.UTC).replace(tzinfo=None))


def _encode_time(value: Any) -> bytes:
    return _INT8.pack((dt.datetime.combine(_NAIVE, value.replace(tzinfo=None)) - _NAIVE) // _MICROSECOND)


def _date(data: bytes) -> Any:
    (days,) = _INT4.unpack(data)
    if days in (2**31 - 1, -(2**31)):
        return dt.date.max
    return dt.date.fromordinal(days + _EPOCH)


def _shown_date(days: int) -> str:
    """Year, month and day of a count from 2000-01-01; eras of 400 years, as everybody computes it."""
    days += 730_425  # to 0000-03-01
    era, day = divmod(days, 146_097)
    year_of_era = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    year = year_of_era + era * 400
    day -= 365 * year_of_era + year_of_era // 4 - year_of_era // 100
    month = (5 * day + 2) // 153
    day = day - (153 * month + 2) // 5 + 1
    month += 3 if month < 10 else -9
    year += month <= 2
    return f"{year:04}-{month:02}-{day:02}" if year > 0 else f"{1 - year:04}-{month:02}-{day:02} BC"


def _timestamp(epoch: dt.datetime) -> Callable[[bytes], Any]:
    def decode(data: bytes) -> Any:
        (microseconds,) = _INT8.unpack(data)
        if microseconds in (2**63 - 1, -(2**63)):
            return dt.datetime.max
        return epoch + dt.timedelta(0, 0, microseconds)

    return decode


def _shown_timestamp(data: bytes) -> str:
    days, microseconds = divmod(_INT8.unpack(data)[0], _DAY)
    date, space, era = _shown_date(days).partition(" ")
    return f"{date} {_clock(microseconds)}{space}{era}"


def _clock(microseconds: int) -> str:
    seconds, fraction = divmod(microseconds, 1_000_000)
    shown = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return shown + (f".{fraction:06}" if fraction else "")


def _time(data: bytes) -> Any:
    (microseconds,) = _INT8.unpack(data)
    if microseconds >= _DAY:
        raise OverflowError
    return dt.time.min


def _shown_interval(data: bytes) -> str:
    microseconds, days, months = struct.unpack(">qii", data)
    if abs(days) >= 2**31 - 1 and abs(months) >= 2**31 - 1:
        return "infinity" if days > 0 else "-infinity"
    return f"{months} mons {days} days {microseconds} microseconds"


_MARKING: Mapping[int, tuple[str, Codec]] = {
    1082: ("date", _marking(_encode_date, _date, lambda data: _shown_date(_INT4.unpack(data)[0]))),
    1083: ("time", _marking(_encode_time, _time, lambda data: _clock(_INT8.unpack(data)[0]))),
    1114: ("timestamp", _marking(_encode_timestamp, _timestamp(_NAIVE), _shown_timestamp)),
    1184: ("timestamptz", _marking(_encode_timestamptz, _timestamp(_AWARE), _shown_timestamp)),
    1186: ("interval", _marking(encode_interval, decode_interval, _shown_interval)),
    1266: ("timetz", _marking(encode_timetz, decode_timetz, lambda data: _clock(_INT8.unpack(data[:8])[0]))),
}

_CERTAIN = frozenset({16, 17, 20, 21, 23, 25, 26, 114, 700, 701, 1042, 1043, 1700, 2950, 3802})
"""Built-in types of which every value can be read: numbers, text, bytes, uuid, JSON."""


__all__ = ["explain", "undecodable", "unreadable"]
