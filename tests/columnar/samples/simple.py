"""Samples of types that are one number, one text or one moment."""

from __future__ import annotations

import datetime as dt
import uuid

import pyarrow as pa

from chakra.columnar.options import Options
from chakra.pg import types as t
from tests.columnar.samples.base import (
    INF,
    MDN,
    NAN,
    UTC,
    s,
)

_TIMES = (
    ("'2000-01-01 00:00:00'", dt.datetime(2000, 1, 1)),
    ("'1970-01-01 00:00:00'", dt.datetime(1970, 1, 1)),
    ("'1969-12-31 23:59:59.999999'", dt.datetime(1969, 12, 31, 23, 59, 59, 999999)),
    ("'0001-01-01 00:00:00'", dt.datetime(1, 1, 1)),
    ("'9999-12-31 23:59:59.999999'", dt.datetime(9999, 12, 31, 23, 59, 59, 999999)),
)
_FAR_TIMES = (
    ("'4714-11-24 00:00:00 BC'", -210866803200000000),
    ("'0001-12-31 BC'", -62135683200000000),
    ("'294247-01-10 04:00:54.775806'", 2**63 - 2),  # the last number is what others mean infinity by
)

SIMPLE = (
    s(t.BOOL, pa.bool_(), ("true", True), ("false", False)),
    s(t.INT2, pa.int16(), ("0", 0), ("'-32768'", -32768), ("32767", 32767)),
    s(t.INT4, pa.int32(), ("0", 0), ("'-2147483648'", -(2**31)), ("2147483647", 2**31 - 1)),
    s(t.INT8, pa.int64(), ("0", 0), ("'-9223372036854775808'", -(2**63)), ("9223372036854775807", 2**63 - 1)),
    s(
        t.FLOAT4,
        pa.float32(),
        ("1.5", 1.5),
        ("'NaN'", NAN),
        ("'-Infinity'", -INF),
        ("'Infinity'", INF),
        ("'-0'", -0.0),
    ),
    s(
        t.FLOAT8,
        pa.float64(),
        ("0.1", 0.1),
        ("'NaN'", NAN),
        ("'-Infinity'", -INF),
        ("'Infinity'", INF),
        ("'-0'", -0.0),
        ("'5e-324'", 5e-324),
        ("'1.7976931348623157e308'", 1.7976931348623157e308),
    ),
    s(t.OID, pa.uint32(), ("0", 0), ("4294967295", 2**32 - 1)),
    s(t.XID, pa.uint32(), ("'4294967295'", 2**32 - 1)),
    s(t.XID8, pa.uint64(), ("'18446744073709551615'", 2**64 - 1), ("'0'", 0)),
    s(t.PG_LSN, pa.uint64(), ("'16/B374D848'", 0x16_B374D848), ("'FFFFFFFF/FFFFFFFF'", 2**64 - 1)),
    s(t.REGTYPE, pa.uint32(), ("'int4'", 23)),
    s(t.MONEY, pa.int64(), ("'12.34'", 1234), ("'-92233720368547758.08'", -(2**63))),
    s(
        t.TEXT,
        pa.string(),
        ("''", ""),
        ("'a'", "a"),
        ("'Ünïcödé 🎉'", "Ünïcödé 🎉"),
        ("repeat('x', 5000)", "x" * 5000),
    ),
    s(t.TEXT, pa.large_string(), ("''", ""), ("'é'", "é"), options=Options(strings="large_utf8")),
    s(
        t.TEXT,
        pa.string_view(),
        ("''", ""),
        ("'a longer string than twelve'", "a longer string than twelve"),
        options=Options(strings="view"),
    ),
    s(t.VARCHAR(5), pa.string(), ("''", ""), ("'12345'", "12345"), ("'éééé1'", "éééé1")),
    s(t.BPCHAR(4), pa.string(), ("'ab'", "ab  "), ("''", "    ")),
    s(t.NAME, pa.string(), ("'pg_class'", "pg_class")),
    s(t.CITEXT, pa.string(), ("'MiXed'", "MiXed"), setup="create extension citext"),
    s(t.XML, pa.string(), ("'<a>é</a>'", "<a>é</a>"), writes=False),
    s(t.QCHAR, pa.binary(), ("'r'", b"r"), ("''", b"\0")),
    s(t.BYTEA, pa.binary(), (r"'\x'", b""), (r"'\x00ff01'", b"\x00\xff\x01")),
    s(
        t.UUID,
        pa.uuid(),
        ("'00000000-0000-0000-0000-000000000000'", uuid.UUID(int=0)),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
    ),
    s(t.JSON, pa.json_(pa.string()), ("""'{"a":  [1, null]}'""", '{"a":  [1, null]}'), ("'\"\"'", '""')),
    s(t.JSONB, pa.json_(pa.string()), ("""'{"b": "é", "a":1}'""", '{"a": 1, "b": "é"}'), ("'null'", "null")),
    s(t.JSONPATH, pa.string(), ("'$.a[*]'", '$."a"[*]')),
    s(
        t.LTREE,
        pa.string(),
        ("'Top.Science.Astronomy'", "Top.Science.Astronomy"),
        ("''", ""),
        setup="create extension ltree",
    ),
)

TEMPORAL = (
    s(
        t.DATE,
        pa.date32(),
        ("'1970-01-01'", dt.date(1970, 1, 1)),
        ("'0001-01-01'", dt.date(1, 1, 1)),
        ("'9999-12-31'", dt.date(9999, 12, 31)),
        ("'2000-02-29'", dt.date(2000, 2, 29)),
    ),
    s(t.DATE, pa.date32(), ("'4714-11-24 BC'", -2440588), ("'5874897-12-31'", 2145042905), integers=True),
    s(
        t.DATE,
        pa.date32(),
        ("'infinity'", None),
        ("'-infinity'", None),
        ("'2000-01-01'", dt.date(2000, 1, 1)),
        options=Options(infinity="null"),
    ),
    s(
        t.DATE,
        pa.date32(),
        ("'infinity'", 2**31 - 1),
        ("'-infinity'", -(2**31)),
        options=Options(infinity="clamp"),
        integers=True,
        writes=False,
    ),
    s(t.TIME, pa.time64("us"), ("'00:00'", dt.time()), ("'23:59:59.999999'", dt.time(23, 59, 59, 999999))),
    s(t.TIME, pa.time64("us"), ("'24:00'", None), options=Options(infinity="null")),
    s(t.TIME, pa.time64("us"), ("'24:00'", dt.time(23, 59, 59, 999999)), options=Options(infinity="clamp")),
    s(t.TIMESTAMP, pa.timestamp("us"), *_TIMES),
    s(t.TIMESTAMP, pa.timestamp("us"), *_FAR_TIMES, integers=True),
    s(
        t.TIMESTAMPTZ,
        pa.timestamp("us", "UTC"),
        *((sql[:-1] + "+00'", value.replace(tzinfo=UTC)) for sql, value in _TIMES),
    ),
    s(
        t.TIMESTAMPTZ,
        pa.timestamp("us", "UTC"),
        ("'4714-11-24 00:00:00+00 BC'", -210866803200000000),
        integers=True,
    ),
    s(
        t.TIMESTAMPTZ,
        pa.timestamp("us", "UTC"),
        ("'infinity'", None),
        ("'-infinity'", None),
        ("'294276-12-31 23:59:59.999999+00'", None),
        options=Options(infinity="null"),
    ),
    s(
        t.TIMESTAMP,
        pa.timestamp("us"),
        ("'infinity'", 2**63 - 1),
        ("'-infinity'", -(2**63)),
        ("'294276-12-31 23:59:59.999999'", 2**63 - 1),
        options=Options(infinity="clamp"),
        integers=True,
        writes=False,
    ),
    s(
        t.INTERVAL,
        pa.month_day_nano_interval(),
        ("'0'", MDN([0, 0, 0])),
        ("'1 year 2 mons -3 days'", MDN([14, -3, 0])),
        ("'-00:00:00.000001'", MDN([0, 0, -1000])),
        ("'2562047:47:16.854775'", MDN([0, 0, 9223372036854775000])),
        ("'178000000 years'", MDN([2136000000, 0, 0])),
    ),
    s(
        t.INTERVAL,
        pa.month_day_nano_interval(),
        ("'infinity'", None),
        ("'1 day'", MDN([0, 1, 0])),
        options=Options(infinity="null"),
        since=(17, "the infinity of intervals"),
    ),
    s(
        t.TIMETZ,
        pa.struct([("time", pa.time64("us")), ("offset_seconds", pa.int32())]),
        ("'12:34:56.789+02:30'", {"time": dt.time(12, 34, 56, 789000), "offset_seconds": 9000}),
        ("'00:00-15:59:59'", {"time": dt.time(), "offset_seconds": -57599}),
    ),
)
