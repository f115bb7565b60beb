"""The table of conversions: what a value of any class means for a type, and what is refused with which reason."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import ipaddress
import math
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chakra.errors import DataError, FieldError
from chakra.pg import types as T
from chakra.pg.conversion import Bounds, conversion_of, convert
from chakra.pg.interval import Interval


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


class Word(str, enum.Enum):  # noqa: UP042
    A = "a"


class MyDate(dt.date):
    pass


class MyDateTime(dt.datetime):
    pass


COLOR = T.PgType(name="color", kind="enum", python=Color, labels=("red", "blue"))
LEVEL = T.PgType(name="level", kind="enum", python=Level, labels=("LOW", "HIGH"))
PAIR = T.PgType(name="pair", kind="composite", fields=(("a", T.INT4), ("b", T.TEXT)))
DOMAIN = T.PgType(name="pos", kind="domain", element=T.INT4)
UTC = dt.UTC
NOON = dt.datetime(2024, 1, 1, 12)
KEY = uuid.UUID(int=7)

TAKEN: list[tuple[T.PgType, Any, Any]] = [
    *((T.INT4, v, 5) for v in (5, 5.0, Decimal("5.00"), "5", " +5 ", np.str_("5"))),
    *((T.INT4, v, 5) for v in (np.int8(5), np.uint64(5), np.float32(5))),
    (DOMAIN, 5.0, 5),
    (T.BOOL, np.bool_(True), True),
    *((T.FLOAT8, v, 1.5) for v in (1.5, Decimal("1.5"), "1.5", np.float32(1.5), np.float64(1.5))),
    (T.FLOAT8, 2**53, 2.0**53),
    (T.FLOAT8, "-inf", -math.inf),
    (T.FLOAT4, 1.1, 1.1),
    (T.FLOAT4, 2**24, 2.0**24),
    (T.NUMERIC, 0.1, Decimal("0.1")),
    (T.NUMERIC, 0.1 + 0.2, Decimal("0.3")),
    (T.NUMERIC, np.float32(0.1), Decimal("0.1")),
    (T.NUMERIC, "1.50", Decimal("1.50")),
    (T.NUMERIC, np.int64(3), Decimal(3)),
    (T.NUMERIC(10, 2), 1.005, Decimal("1.01")),
    (T.NUMERIC(10, 2), -1.005, Decimal("-1.01")),
    (T.NUMERIC(10, 2), Decimal("1.500"), Decimal("1.50")),
    (T.NUMERIC(10, 2), "99999999.99", Decimal("99999999.99")),
    (T.NUMERIC(10, 2, rounding="half_up"), Decimal("1.005"), Decimal("1.01")),
    (T.NUMERIC(3, -2), 12300, Decimal(12300)),
    (T.MONEY, Decimal("12.50"), "12.50"),
    (T.MONEY, 1.5, "1.50"),
    (T.MONEY, "-$1,234.50", "-1234.50"),
    (T.PG_LSN, "16/B374D848", 0x16B374D848),
    *((T.POINT, v, (1.0, 2.0)) for v in ((1, 2), [1, "2"], {"y": 2, "x": 1})),
    *((T.BOX, v, ((1.0, 2.0), (3.0, 4.0))) for v in ((1, 2, 3, 4), ((1, 2), (3, 4)))),
    (T.LSEG, {"x1": 1, "y1": 2, "x2": 3, "y2": 4}, ((1.0, 2.0), (3.0, 4.0))),
    (T.LINE, (1, 2, 3), (1.0, 2.0, 3.0)),
    *((T.CIRCLE, v, ((1.0, 2.0), 3.0)) for v in ((1, 2, 3), ((1, 2), 3), {"x": 1, "y": 2, "r": 3})),
    *((T.PATH, v, ((1.0, 2.0),)) for v in (((1, 2),), {"closed": True, "points": [(1, 2)]})),
    (T.PATH, [(1, 2)], [(1.0, 2.0)]),
    (T.POLYGON, [(1, 2), {"x": 3, "y": 4}], ((1.0, 2.0), (3.0, 4.0))),
    (T.TID, (1, 2), (1, 2)),
    *((T.TEXT, v, "a") for v in ("a", np.str_("a"), Word.A)),
    (T.BPCHAR(2), "a    ", "a    "),
    (T.BYTEA, bytearray(b"x"), b"x"),
    (T.BYTEA, memoryview(b"x"), b"x"),
    *((T.UUID, v, KEY) for v in (KEY, str(KEY), KEY.hex, str(KEY).upper())),
    (T.JSONB, "a string", "a string"),
    (T.JSONB, {"a": [1, None]}, {"a": [1, None]}),
    (T.INET, "10.0.0.1", ipaddress.ip_address("10.0.0.1")),
    (T.INET, "10.0.0.1/8", ipaddress.ip_interface("10.0.0.1/8")),
    (T.CIDR, "10.0.0.0/8", ipaddress.ip_network("10.0.0.0/8")),
    (COLOR, Color.RED, "red"),
    (COLOR, "blue", "blue"),
    (LEVEL, Level.LOW, "LOW"),
    (T.BIT(3), "101", "101"),
    *(
        (T.DATE, v, dt.date(2024, 1, 1))
        for v in (
            dt.date(2024, 1, 1),
            MyDate(2024, 1, 1),
            "2024-01-01",
            dt.datetime(2024, 1, 1),
            pd.Timestamp("2024-01-01"),
            np.datetime64("2024-01-01"),
            np.datetime64("2024-01-01T00:00:00", "ns"),
        )
    ),
    (T.DATE, "infinity", dt.date.max),
    (T.TIME, "10:30", dt.time(10, 30)),
    (T.TIMETZ, "10:30+02:00", dt.time(10, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))),
    *(
        (T.TIMESTAMP, v, NOON)
        for v in (
            NOON,
            MyDateTime(2024, 1, 1, 12),
            "2024-01-01T12:00:00",
            "2024-01-01 12:00",
            pd.Timestamp(NOON),
            np.datetime64("2024-01-01T12:00:00", "ns"),
        )
    ),
    (T.TIMESTAMP, dt.date(2024, 1, 1), dt.datetime(2024, 1, 1)),
    *(
        (T.TIMESTAMPTZ, v, NOON.replace(tzinfo=UTC))
        for v in (
            NOON.replace(tzinfo=UTC),
            "2024-01-01T14:00:00+02:00",
            "2024-01-01T12:00:00Z",
            pd.Timestamp(NOON, tz="UTC"),
        )
    ),
    (T.TIMESTAMPTZ, "-infinity", dt.datetime.min),
    (T.TIMESTAMPTZ, pd.NaT, None),
    (T.TIMESTAMP, np.datetime64("NaT", "us"), None),
    *(
        (T.INTERVAL, v, dt.timedelta(days=1, hours=2))
        for v in (
            dt.timedelta(days=1, hours=2),
            "P1DT2H",
            pd.Timedelta(days=1, hours=2),
            np.timedelta64(26 * 3600, "s"),
        )
    ),
    (T.INTERVAL, np.timedelta64(14, "M"), Interval(14)),
    (T.INTERVAL, "P1Y2M", Interval(14)),
    (T.INTERVAL, "-P1M", Interval(-1)),
    (T.array_of(T.INT4), (1, "2", None, 3.0), [1, 2, None, 3]),
    (T.array_of(T.INT4), np.array([1, 2]), [1, 2]),
    (T.array_of(T.INT4, 2), [[1], (2.0,)], [[1], [2]]),
    (PAIR, {"b": "x", "a": "1"}, (1, "x")),
    (PAIR, (1.0, None), (1, None)),
    (T.INT4RANGE, (0, 5), Bounds(0, 5, True, False, False)),
    (T.INT4RANGE, [0, 5.0], Bounds(0, 5, True, False, False)),
    (T.INT4RANGE, (None, 5), Bounds(None, 5, False, False, False)),
    (T.INT4RANGE, "(0,5]", Bounds(0, 5, False, True, False)),
    (T.INT4RANGE, "empty", Bounds(None, None, False, False, True)),
    (T.INT4RANGE, {"lower": 1, "upper": 2, "lower_inc": False, "upper_inc": True}, Bounds(1, 2, False, True, False)),
    (T.DATERANGE, '["2024-01-01",)', Bounds(dt.date(2024, 1, 1), None, True, False, False)),
    (T.INT4MULTIRANGE, [(0, 5), "[7,9)"], [Bounds(0, 5, True, False, False), Bounds(7, 9, True, False, False)]),
    (T.HSTORE, {"a": None, "b": "c"}, {"a": None, "b": "c"}),
    (T.VECTOR(2), np.array([1, 2]), [1.0, 2.0]),
    (T.VECTOR, "[1,2.5]", [1.0, 2.5]),
]  # fmt: skip

REFUSED: list[tuple[T.PgType, Any, str]] = [
    *((T.INT4, v, "not a whole number") for v in (1.5, Decimal("1.5"), math.nan, math.inf, Decimal("NaN"))),
    *((T.INT4, v, "expected") for v in (True, np.bool_(False), "1.0", "x", "", int, [1], b"1", dt.date.max)),
    (T.INT2, "32768", "out of range: -32768 to 32767"),
    (T.BOOL, 1, "expected a bool"),
    (T.BOOL, "true", "expected a bool"),
    (T.FLOAT8, 2**53 + 1, "exactly"),
    (T.FLOAT8, Decimal("1e400"), "out of range"),
    (T.FLOAT8, Decimal("1e-400"), "zero"),
    (T.FLOAT8, True, "expected a number"),
    (T.FLOAT4, 1e-50, "zero"),
    (T.FLOAT4, 1e39, "out of range of real"),
    (T.FLOAT4, 2**24 + 1, "exactly"),
    (T.NUMERIC(10, 2), Decimal("1.005"), "3 digits after the point, and 2 are kept"),
    (T.NUMERIC(10, 2), "1.005", "3 digits after the point"),
    (T.NUMERIC(10, 2), 10**8, "more than 8 digits before the point"),
    (T.NUMERIC(10, 2), 99999999.999, "more than 8 digits"),
    (T.NUMERIC(10, 2), Decimal("Infinity"), "no infinity"),
    (T.NUMERIC, True, "expected a number"),
    (T.NUMERIC, "1,5", "digits of a number"),
    (T.MONEY, Decimal("1.234"), "2 are kept"),
    (T.MONEY, 12, "units or cents"),
    (T.MONEY, "1.234,50", "expected an amount"),
    (T.PG_LSN, "16", "position of the log"),
    (T.POINT, (1,), "two numbers"),
    (T.POINT, {"x": 1}, "expected the fields x, y"),
    (T.POINT, "(1,2)", "expected a point"),
    (T.POLYGON, [], "no point"),
    *((T.TEXT, v, "expected a str") for v in (5, b"a", KEY, Level.LOW, ["a"], {"a": 1})),
    (T.TEXT, "a\0b", "NUL"),
    (T.TEXT, "\ud800", "surrogate"),
    (T.VARCHAR(2), "abc", "3 characters, and the column takes 2"),
    (T.NAME, "x" * 64, "63 bytes"),
    (T.BYTEA, "text", "expected bytes"),
    (T.UUID, "1234", "32 hex digits"),
    (T.UUID, KEY.bytes, "expected a UUID"),
    (T.JSONB, {1, 2}, "no JSON"),
    (T.JSON, math.nan, "no JSON"),
    (T.INET, "10.0.0.256", "does not appear"),
    (T.INET, 1, "expected an address"),
    (T.CIDR, "10.0.0.1/8", "host bits"),
    (COLOR, "green", "labels of color are red, blue"),
    (COLOR, 1, "a member of Color or its label"),
    (COLOR, Level.LOW, "a member of Color"),
    (T.BIT(3), "10", "2 bits, and the column takes 3"),
    (T.DATE, NOON, "time of day"),
    (T.DATE, dt.datetime(2024, 1, 1, tzinfo=UTC), "time of day or a zone"),
    (T.DATE, "2024-13-01", "a date in ISO format"),
    (T.DATE, 20240101, "expected a date"),
    (T.TIME, dt.time(1, tzinfo=UTC), "without a zone"),
    (T.TIME(0), dt.time(23, 59, 59, 999999), "more than the 0 digits"),
    (T.TIMETZ, dt.time(1), "with a zone"),
    (T.TIMESTAMP, NOON.replace(tzinfo=UTC), "it has a zone"),
    (T.TIMESTAMP(3), NOON.replace(microsecond=1), "more than the 3 digits"),
    (T.TIMESTAMP, np.datetime64("2024-01-01T12:00:00.000000001"), "nanoseconds"),
    (T.TIMESTAMP, pd.Timestamp("2024-01-01T12:00:00.000000001"), "nanoseconds"),
    *((T.TIMESTAMPTZ, v, "naive_datetimes") for v in (NOON, dt.date(2024, 1, 1), pd.Timestamp(NOON))),
    *((T.TIMESTAMPTZ, v, "naive_datetimes") for v in ("2024-01-01T12:00:00", "2024-01-01")),
    (T.TIMESTAMPTZ, np.datetime64("2024-01-01"), "naive_datetimes"),
    (T.TIMESTAMPTZ, 0, "expected a datetime"),
    # 2⁶⁴ microseconds and a second: what is left when they are cut to 64 bits is a moment of 1970.
    *((t, np.datetime64(18446744073710, "s"), "range of Python's dates") for t in (T.TIMESTAMP, T.TIMESTAMPTZ, T.DATE)),
    *((T.TIMESTAMP, np.datetime64(2**62, u), "range of Python's dates") for u in ("ms", "us", "m", "h", "D", "Y")),
    (T.DATE, np.datetime64("5900000-01-01"), "range of Python's dates"),
    (T.INTERVAL, np.timedelta64(18446744073710, "s"), "range of Python's timedelta"),
    (T.INTERVAL, np.timedelta64(2**62, "D"), "range of Python's timedelta"),
    (T.INTERVAL, 5, "expected a timedelta"),
    (T.INTERVAL, "1 day", "ISO format"),
    (T.INTERVAL, np.timedelta64(1, "ns"), "nanoseconds"),
    (T.INTERVAL, pd.Timedelta(nanoseconds=1), "nanoseconds"),
    (T.INTERVAL(0), dt.timedelta(microseconds=1), "more than the 0 digits"),
    (T.array_of(T.INT4), "12", "expected a list"),
    (T.array_of(T.INT4), {1, 2}, "expected a list"),
    (T.array_of(T.INT4), {"a": 1}, "expected a list"),
    (T.array_of(T.INT4), [1.5], "whole number"),
    (PAIR, {"a": 1}, "the field 'b' of"),
    (PAIR, {"a": 1, "b": "x", "c": 1}, "'c' is not one of the fields a, b"),
    (PAIR, (1,), "expected 2 fields (a, b), found 1"),
    (PAIR, (1, "x", "lost"), "expected 2 fields (a, b), found 3"),
    (PAIR, ("x", "y"), "field a: expected the digits"),
    (T.INT4RANGE, {"lower": 1, "upper": 5}, "says its bounds: lower_inc, upper_inc"),
    (T.INT4RANGE, (1, 2, 3), "two bounds"),
    (T.INT4RANGE, (5, 1), "above its upper"),
    (T.INT4RANGE, (1.5, 2), "whole number"),
    (T.INT4RANGE, 7, "expected a range"),
    (T.INT4RANGE, "1,5", "text of a range"),
    (T.INT4MULTIRANGE, "{[1,2)}", "expected a list of ranges"),
    (T.HSTORE, {"a": 1}, "str or None"),
    (T.HSTORE, [("a", "1")], "expected a mapping"),
    (T.VECTOR(2), [1.0], "1 dimensions, and the column 2"),
    (T.LTREE, 5, "its text as a str"),
]  # fmt: skip


def names(case: Any) -> str:
    if isinstance(case, memoryview):
        return "memoryview"  # its repr is an address
    return case.sql if isinstance(case, T.PgType) else repr(case)[:40]


@pytest.mark.parametrize(("type_", "value", "expected"), TAKEN, ids=names)
def test_what_is_taken(type_: T.PgType, value: Any, expected: Any) -> None:
    found = convert(value, type_)
    assert plain(found) == expected
    assert type(plain(found)) is type(expected) or isinstance(expected, tuple)
    assert plain(convert(found, type_)) == expected  # once is enough


def plain(value: Any) -> Any:
    """A value whose ranges are no classes of the driver."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not hasattr(value, "isempty"):
        return value
    return Bounds(*(getattr(value, f.name) for f in dataclasses.fields(Bounds)))


@pytest.mark.parametrize(("type_", "value", "reason"), REFUSED, ids=names)
def test_what_is_refused(type_: T.PgType, value: Any, reason: str) -> None:
    with pytest.raises(DataError, match="does not fit") as caught:
        convert(value, type_)
    assert reason in str(caught.value)
    assert type_.sql in str(caught.value)


@pytest.mark.parametrize("type_", dict.fromkeys(type_ for type_, *_ in (*TAKEN, *REFUSED)), ids=names)
def test_null_is_null(type_: T.PgType) -> None:
    assert convert(None, type_) is None


def test_what_a_datetime_without_a_zone_means() -> None:
    assert convert(NOON, T.TIMESTAMPTZ, "utc") == NOON.replace(tzinfo=UTC)
    assert convert(NOON, T.TIMESTAMPTZ, "local") == NOON.astimezone()
    assert convert([NOON], T.array_of(T.TIMESTAMPTZ), "utc") == [NOON.replace(tzinfo=UTC)]
    assert convert(dt.date(2024, 1, 1), T.TIMESTAMPTZ, "utc") == dt.datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("type_", [T.TEXT, T.INT4, T.NUMERIC])
def test_only_a_numeric_with_a_scale_rounds(type_: T.PgType) -> None:
    with pytest.raises(FieldError, match="rounding"):
        type_(3, rounding="half_up") if type_ is T.TEXT else type_(rounding="half_up")


def test_an_interval_keeps_what_its_column_keeps() -> None:
    # typmods as format_type() names them: interval year to month, interval day to second, interval hour to minute
    year_to_month = T.PgType("interval", 1186, typmod=((1 << 2 | 1 << 1) << 16) | 0xFFFF)
    day_to_second = T.PgType("interval", 1186, typmod=((1 << 3 | 1 << 10 | 1 << 11 | 1 << 12) << 16) | 0xFFFF)
    assert convert(Interval(14), year_to_month) == Interval(14)
    assert convert(dt.timedelta(45), day_to_second) == dt.timedelta(45)
    for type_, value in ((year_to_month, dt.timedelta(45)), (day_to_second, Interval(1))):
        with pytest.raises(DataError, match="the column keeps"):
            convert(value, type_)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_into_numeric_is_what_fifteen_digits_say(value: float) -> None:
    found = convert(value, T.NUMERIC)
    assert found == decimal.Context(prec=15).create_decimal(Decimal(value)) or abs(
        found - Decimal(value)
    ) <= abs(Decimal(value)) * Decimal("1e-14")


@given(st.integers(-(2**80), 2**80))
def test_whole_numbers_in_any_clothes(value: int) -> None:
    for clothes in (Decimal(value), str(value), value):
        if -(2**63) <= value < 2**63:
            assert convert(clothes, T.INT8) == value
        elif type(clothes) is not int:
            with pytest.raises(DataError, match="out of range"):
                convert(clothes, T.INT8)


def test_the_usual_classes_are_left_alone() -> None:
    value = dt.timedelta(1)
    assert conversion_of(T.INTERVAL).usual == {dt.timedelta, Interval}
    values = [value, None, value]
    assert conversion_of(T.INTERVAL).all_of(values) is values
