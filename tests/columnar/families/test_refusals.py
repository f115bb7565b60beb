"""What families refuse, both ways: the message names row, column and place, and says what would do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from chakra.columnar.families import decode_column, encode_column, unify
from chakra.columnar.options import Options
from chakra.columnar.types import arrow_type
from chakra.errors import CopyFormatError, DataError, FieldError
from chakra.pg import types as t
from chakra.pg.types import PgType, array_of, enum_type
from tests.columnar import reference_families as reference
from tests.columnar.families.support import raw_of, values_of

MOOD = enum_type("mood", ("sad", "happy"))
PAIR = PgType("pair", oid=99001, kind="composite", fields=(("a", t.INT2), ("b", t.TEXT)))
XY = pa.struct([("x", pa.float64()), ("y", pa.float64())])
SPARSE = pa.struct(
    [("dimensions", pa.int32()), ("indices", pa.list_(pa.int32())), ("values", pa.list_(pa.float32()))]
)


def _invalid_utf8() -> pa.Array:
    buffers = [None, pa.py_buffer(np.array([0, 1, 3], np.int32)), pa.py_buffer(b"a\xff\xfe")]
    return pa.Array.from_buffers(pa.string(), 2, buffers)


# type, array, row (from 100), what the message says
ENCODE: list[tuple[PgType, pa.Array, int, str]] = [
    (t.INT2, pa.array([1, 40000]), 101, "40000 does not fit smallint"),
    (t.INT4, pa.array([None, 2**40], pa.uint64()), 101, "does not fit integer"),
    (t.INT8, pa.array([0, 2**63], pa.uint64()), 101, "9223372036854775808 does not fit bigint"),
    (t.OID, pa.array([-1]), 100, "-1 does not fit oid"),
    (t.INT4, pa.array([Decimal("1.5")]), 100, "1.5"),
    (t.INT4, pa.array(["1"]), 100, "Arrow string does not fit integer, which takes integers"),
    (t.INT4, pa.array([1.0]), 100, "Arrow double does not fit integer"),
    (t.BOOL, pa.array([1]), 100, "takes booleans"),
    (t.FLOAT4, pa.array([1.0, 1e300]), 101, "1e+300 is out of range for real"),
    (t.FLOAT8, pa.array([None, 2**53 + 1]), 101, "9007199254740993 does not fit double precision"),
    (t.TEXT, pa.array(["ok", "", "a\0b"]), 102, "NUL character"),
    (t.TEXT, pa.array(["\0", None]), 100, "NUL character"),
    (t.TEXT, _invalid_utf8(), 101, "not valid UTF-8"),
    (t.TEXT, pa.array([b"x"]), 100, "takes text"),
    (
        t.VARCHAR(3),
        pa.array(["ééé", "abc  ", "éééé"]),
        102,
        "longer than the 3 characters of character varying(3)",
    ),
    (t.NAME, pa.array(["é" * 32]), 100, "63 bytes"),
    (t.QCHAR, pa.array([b"ab"]), 100, "takes 1"),
    (t.BYTEA, pa.array(["x"]), 100, "takes bytes"),
    (t.UUID, pa.array(["00000000-0000-0000-0000-00000000000g"]), 100, "is not a UUID"),
    (t.UUID, pa.array([b"x" * 15]), 100, "has 15 bytes"),
    (t.DATE, pa.array([0, 2**31 - 2], pa.int32()).view(pa.date32()), 101, "out of range for date"),
    (t.DATE, pa.array([dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, 1)]), 101, "has a time of day"),
    (t.DATE, pa.array([0, 1], pa.date64()), 101, "has a time of day"),
    # Year 5,900,000, and 2³² days: cut to 32 bits they are other days.
    (
        t.DATE,
        pa.array([0, 186123849580800], pa.timestamp("s")),
        101,
        "out of range for date, which goes from",
    ),
    (t.DATE, pa.array([0, 2**32 * 86_400], pa.timestamp("s")), 101, "out of range for date, which goes from"),
    (t.DATE, pa.array([0, 2**32 * 86_400_000], pa.date64()), 101, "out of range for date, which goes from"),
    (t.DATE, pa.array([0, -(2**63)], pa.timestamp("ms")), 101, "out of range for date, which goes from"),
    (t.TIMESTAMP, pa.array([-(2**62)]).view(pa.timestamp("us")), 100, "out of range"),
    (t.TIMESTAMP, pa.array([-(2**63)]).view(pa.timestamp("us")), 100, "out of range"),
    (t.TIMESTAMP, pa.array([1], pa.timestamp("ns")), 100, "allow_truncate=True"),
    (t.TIMESTAMP, pa.array([2**60], pa.timestamp("s")), 100, "does not fit"),
    (t.TIMESTAMP, pa.array([1], pa.timestamp("us", "UTC")), 100, "without zone"),
    (t.TIME, pa.array([1], pa.timestamp("us")), 100, "takes times"),
    (t.INTERVAL, pa.array([None, 1], pa.duration("ns")), 101, "allow_truncate=True"),
    (t.INTERVAL, pa.array([{"months": 1, "days": None, "nanoseconds": 1}]), 100, "NULL days"),
    (t.INTERVAL, pa.array([{"months": 1}]), 100, "takes intervals, durations and structs"),
    (t.INTERVAL, pa.array([pa.MonthDayNano([1, 1, 1])]), 100, "finer than the microseconds"),
    (
        t.NUMERIC(5, 2),
        pa.array([Decimal("999.99"), Decimal("1000.00")]),
        101,
        "1000.00 is out of range for numeric(5, 2)",
    ),
    (t.NUMERIC(5, 2), pa.array([None, Decimal("0.001")]), 101, "more digits after the point"),
    (t.NUMERIC(5, 2), pa.array([1000]), 100, "out of range"),
    (t.NUMERIC(5, 2), pa.array(["Infinity"]), 100, "out of range"),
    (t.NUMERIC, pa.array(["1.2.3"]), 100, "1.2.3 is not a number"),
    (t.NUMERIC, pa.array([""]), 100, "is not a number"),
    (t.NUMERIC, pa.array(["1e"]), 100, "is not a number"),
    (t.NUMERIC, pa.array([b"1"]), 100, "takes decimals"),
    (
        MOOD,
        pa.array(["sad", "angry"]),
        101,
        "'angry' is not a label of \"mood\"; its labels are 'sad', 'happy'",
    ),
    (MOOD, pa.array(["x", "sad"]).dictionary_encode(), 100, "'x' is not a label"),
    (MOOD, pa.array([1]), 100, "text or dictionaries of text"),
    (t.INET, pa.array(["1.2.3.4", "1.2.3"]), 101, "'1.2.3' is not an inet address"),
    (t.INET, pa.array(["1.2.3.4/33"]), 100, "prefix longer than the address"),
    (t.INET, pa.array(["1::2::3"]), 100, "is not an inet"),
    (t.INET, pa.array(["1:2:3:4:5:6:7:8:9"]), 100, "is not an inet"),
    (t.CIDR, pa.array(["10.0.0.1/8"]), 100, "bits set to the right of its prefix"),
    (t.MACADDR, pa.array(["08:00:2b:01:02"]), 100, "is not a macaddr"),
    (t.BIT(3), pa.array(["101", "10"]), 101, "2 bits do not fit bit(3)"),
    (t.VARBIT, pa.array(["012"]), 100, "not a text of 0 and 1"),
    (array_of(t.INT2), pa.array([[1], [2, 70000]]), 101, 'column "c"[]: 70000 does not fit smallint'),
    (array_of(t.INT4, 2), pa.array([[[1], [2]], [[1], [2, 3]]]), 101, "inner lists of different lengths"),
    (array_of(t.INT4, 2), pa.array([[[1], None]]), 100, "a NULL instead of an inner list"),
    (array_of(t.INT4, 2), pa.array([[1]]), 100, "nested 1 deep, not 2"),
    (array_of(t.INT4), pa.array([1]), 100, "lists nested 1 deep"),
    (array_of(t.INT4), pa.array([[["1"]]]), 100, "takes integers"),
    (PAIR, pa.array([{"a": 1, "b": "x"}, {"a": 40000, "b": "x"}]), 101, 'column "c".a: 40000'),
    (PAIR, pa.array([{"a": 1}]), 100, "structs of exactly the fields a, b"),
    (
        t.INT4RANGE,
        pa.array([{"lower": 2**40, "upper": None, "lower_inc": True, "upper_inc": False}]),
        100,
        'column "c".lower',
    ),
    (t.INT4RANGE, pa.array([{"lower": 1, "upper": 2}]), 100, "a range says its bounds"),
    (
        t.HSTORE,
        pa.array([[("a", "1")], [("b", "1"), ("b", "2")]], pa.map_(pa.string(), pa.string())),
        101,
        "'b' twice",
    ),
    (t.FLOAT4, pa.array([1.0, 1e-50]), 101, "out of range"),
    (t.INT4RANGE, pa.array([{"low": 1, "upper": 2}]), 100, "structs of lower, upper"),
    (
        t.INT4MULTIRANGE,
        pa.array([[{"lower": 1, "upper": 2, "lower_inc": True, "upper_inc": False}], [None]]),
        101,
        "a NULL range",
    ),
    (
        t.HSTORE,
        pa.array([[("a", "1")], [("b", "\0")]], pa.map_(pa.string(), pa.string())),
        101,
        ".value: a NUL",
    ),
    (t.HSTORE, pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int32())), 100, "takes text"),
    (t.VECTOR(2), pa.array([[1.0, 2.0], [1.0]]), 101, "1 dimensions do not fit vector(2)"),
    (t.VECTOR, pa.array([[1.0], [float("nan")]]), 101, "not a number"),
    (t.VECTOR, pa.array([[None, 1.0]]), 100, "NULL is not a number"),
    (t.VECTOR, pa.array([[1e39]]), 100, "not a number"),
    (t.HALFVEC, pa.array([[70000.0]]), 100, "not a number"),
    (
        t.SPARSEVEC(3),
        pa.array([{"dimensions": 3, "indices": [3], "values": [1.0]}], SPARSE),
        100,
        "ascending indices",
    ),
    (
        t.SPARSEVEC(3),
        pa.array([{"dimensions": 3, "indices": [1, 0], "values": [1, 1]}], SPARSE),
        100,
        "ascending",
    ),
    (
        t.SPARSEVEC(3),
        pa.array([{"dimensions": 3, "indices": [0], "values": []}], SPARSE),
        100,
        "as many indices",
    ),
    (t.SPARSEVEC(3), pa.array([{"dimensions": 4, "indices": [], "values": []}], SPARSE), 100, "4 dimensions"),
    (t.POINT, pa.array([{"x": 1.0, "y": None}], XY), 100, "a NULL y"),
    (t.POLYGON, pa.array([[]], pa.list_(XY)), 100, "at least one"),
    (t.POLYGON, pa.array([[None]], pa.list_(XY)), 100, "a NULL point"),
    (t.TIMETZ, pa.array([{"time": dt.time(), "offset_seconds": 60000}]), 100, "less than 16 hours"),
    (t.TSVECTOR, pa.array(["a:0"]), 100, "positions begin at 1"),
    (t.TSQUERY, pa.array(["a b"]), 100, "two lexemes without an operator at character 2"),
    (t.TSQUERY, pa.array(["(a"]), 100, "expected )"),
    (t.TSQUERY, pa.array(["a &"]), 100, "expected a lexeme, ! or ( at the end"),
]


@pytest.mark.parametrize(("type_", "array", "row", "says"), ENCODE)
def test_encode_refuses(type_: PgType, array: pa.Array, row: int, says: str) -> None:
    with pytest.raises(DataError) as caught:
        encode_column(array, type_, "c", 100)
    assert says in str(caught.value)
    assert f'row {row}, column "c"' in str(caught.value)
    assert (caught.value.row, caught.value.column) == (row, "c")


NUMERIC = reference.encode_numeric
FAR_DATES = bytes.fromhex("00000001 00000000 0000043a 00000001 00000001 00000004 7fffffff")
# type, wire value, options, what the message says
DECODE: list[tuple[PgType, bytes, Options, str]] = [
    (t.DATE, b"\x7f\xff\xff\xff", Options(), 'infinity of a date has no date32[day]; choose infinity="null"'),
    (t.TIMESTAMP, b"\x80" + bytes(7), Options(), "-infinity of a timestamp"),
    (t.TIMESTAMP, b"\x7f\xff" + bytes(6), Options(), "after 294247-01-10"),
    (t.TIME, (86_400_000_000).to_bytes(8, "big"), Options(), "24:00:00 of a time"),
    (t.INTERVAL, b"\x7f" + b"\xff" * 7 + b"\x7f\xff\xff\xff" * 2, Options(), "infinity of an interval"),
    (t.INTERVAL, b"\x7f" + bytes(15), Options(), "passes the nanoseconds of month_day_nano"),
    (t.NUMERIC(5, 2), NUMERIC(Decimal("NaN")), Options(), "NaN has no decimal128(5, 2)"),
    (t.NUMERIC(5, 2), NUMERIC(Decimal("NaN")), Options(infinity="clamp"), "NaN has no decimal128(5, 2)"),
    (
        t.NUMERIC,
        NUMERIC(Decimal("1.25")),
        Options(numeric=(10, 1)),
        "1.25 does not fit decimal128(10, 1) exactly",
    ),
    (
        t.NUMERIC,
        NUMERIC(Decimal(10**6)),
        Options(numeric=(6, 0)),
        "1000000 does not fit decimal128(6, 0) exactly",
    ),
    (t.NUMERIC, NUMERIC(Decimal("1e-80")), Options(), "80 after the point, a decimal holds 76"),
    (MOOD, b"angry", Options(), "'angry' is not a known label"),
    (
        array_of(t.INT4),
        reference.encode([[1]], array_of(t.INT4, 2)) or b"",
        Options(),
        "an array of 2 dimensions in a column read as integer[]; declare",
    ),
    (array_of(t.DATE), FAR_DATES, Options(), 'column "c"[]: infinity of a date'),
    (
        t.VECTOR(2),
        reference.encode([1.0], t.VECTOR) or b"",
        Options(),
        "1 dimensions, the column declares vector(2)",
    ),
]


@pytest.mark.parametrize(("type_", "value", "options", "says"), DECODE)
def test_decode_refuses(type_: PgType, value: bytes, options: Options, says: str) -> None:
    with pytest.raises(DataError) as caught:
        decode_column(raw_of([None, value], "c", 7), type_, options)
    assert not isinstance(caught.value, CopyFormatError)
    assert says in str(caught.value)
    assert (caught.value.row, caught.value.column) == (8, "c")


# type, wire value, expected, byte of the value the error points at
MALFORMED: list[tuple[PgType, bytes, str, int]] = [
    (t.INT4, bytes(3), "int4 of 4 bytes", 0),
    (t.BOOL, b"\2", "a bool of 0 or 1", 0),
    (t.TEXT, b"ab\xff", "valid UTF-8", 2),
    (t.JSONB, b"\2{}", "the version byte 1", 0),
    (t.NUMERIC, bytes(7), "8 + 2 * ndigits", 0),
    (t.NUMERIC, b"\0\0\0\0\x12\x34\0\0", "a numeric sign", 4),
    (t.NUMERIC, b"\0\1\0\0\0\0\0\0\x27\x10", "digits from 0 to 9999", 0),
    (t.NUMERIC(3, 0), b"\0\2\0\0\0\0\0\2\0\0\0\x2c", "digits from 0 to 9999, the first not 0", 0),
    (t.INET, b"\7\x20\0\4" + bytes(4), "address family", 0),
    (t.INET, b"\2\x21\0\4" + bytes(4), "a prefix length", 1),
    (t.VARBIT, b"\0\0\0\1\xff", "zeros after the last bit", 4),
    (array_of(t.INT4), bytes(11), "at least 12 bytes", 0),
    (array_of(t.INT4), b"\0\0\0\0\0\0\0\2\0\0\0\x17", "array flags", 4),
    (array_of(t.INT4), b"\0\0\0\0\0\0\0\0\0\0\0\x14", "elements of type integer (OID 23)", 8),
    (
        array_of(t.INT4),
        b"\0\0\0\1\0\0\0\0\0\0\0\x17\x7f\xff\xff\xff\0\0\0\1",
        "dimensions whose elements fit",
        12,
    ),
    (
        array_of(t.INT4),
        b"\0\0\0\1\0\0\0\0\0\0\0\x17\0\0\0\1\0\0\0\1\0\0\0\5\0",
        "an element inside the array",
        20,
    ),
    (PAIR, b"\0\0\0\3", "2 fields", 0),
    (t.INT4RANGE, b"\x40", "flags up to 0x1f", 0),
    (t.INT4RANGE, b"\x02\0\0\0\4\0\0\0\1", "range bounds that fill", 9),
    (t.INT4MULTIRANGE, b"\0\0\0\1", "ranges fit the value", 0),
    (t.HSTORE, b"\0\0\0\1\xff\xff\xff\xff\0\0\0\0", "keys and values that fill", 4),
    (t.VECTOR, b"\0\2\0\0\0\0\0\0", "count matches its length", 0),
    (t.TSVECTOR, b"\0\0\0\1abc", "lexemes end with a zero byte", 7),
    (t.TSQUERY, b"\0\0\0\1\7", "a tsquery", 0),
    (t.PATH, b"\2\0\0\0\0", "open (0) or closed (1)", 0),
]


@pytest.mark.parametrize(("type_", "value", "expected", "at"), MALFORMED)
def test_malformed_bytes_are_pointed_at(type_: PgType, value: bytes, expected: str, at: int) -> None:
    raw = raw_of([None, value], "c", 7)
    with pytest.raises(CopyFormatError) as caught:
        decode_column(raw, type_)
    error = caught.value
    assert expected in error.expected
    assert error.found
    assert (error.row, error.column, error.position) == (8, "c", int(raw.starts[1]) + at)


ACCEPTED: list[tuple[PgType, Callable[[], pa.Array], list[Any]]] = [
    (t.INT2, lambda: pa.array([1, None], pa.uint64()), [1, None]),
    (t.INT8, lambda: pa.array([Decimal("7.00")]), [7]),
    (t.FLOAT8, lambda: pa.array(np.array([1.5], np.float16)), [1.5]),
    (t.FLOAT4, lambda: pa.array([0.1]), [np.float32(0.1).item()]),
    (t.FLOAT8, lambda: pa.array([3]), [3.0]),
    (t.TEXT, lambda: pa.array(["a", None, "bb"]).dictionary_encode(), ["a", None, "bb"]),
    (
        t.TEXT,
        lambda: pa.array(["a", "a longer text than 12"], pa.string_view()),
        ["a", "a longer text than 12"],
    ),
    (t.TEXT, lambda: pa.nulls(2), [None, None]),
    (t.INT4, lambda: pa.RunEndEncodedArray.from_arrays([2, 3], pa.array([7, None])), [7, 7, None]),
    (
        array_of(t.TEXT),
        lambda: pa.array([["a", None]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
        [["a", None]],
    ),
    (t.TEXT, lambda: pa.array(["x\0", "y"]).slice(1), ["y"]),
    (t.BYTEA, lambda: pa.array([b"ab", None], pa.binary(2)), [b"ab", None]),
    (t.BYTEA, lambda: pa.array([b"ab"], pa.binary_view()), [b"ab"]),
    (t.UUID, lambda: pa.array(["{A0EEBC99-9c0b4ef8-bb6d6bb9bd380a11}"]).cast(pa.large_string()), None),
    (t.DATE, lambda: pa.array([dt.datetime(2020, 1, 2)]), [dt.date(2020, 1, 2)]),
    (t.DATE, lambda: pa.array([dt.date(2020, 1, 2)], pa.date64()), [dt.date(2020, 1, 2)]),
    (t.TIME, lambda: pa.array([dt.time(1, 2, 3)], pa.time32("s")), [dt.time(1, 2, 3)]),
    (t.TIME, lambda: pa.array([1000], pa.time64("ns")), [dt.time(0, 0, 0, 1)]),
    (t.TIMESTAMP, lambda: pa.array([5000], pa.timestamp("ns")), [dt.datetime(1970, 1, 1, 0, 0, 0, 5)]),
    (t.TIMESTAMP, lambda: pa.array([dt.date(2020, 1, 1)]), [dt.datetime(2020, 1, 1)]),
    (
        t.TIMESTAMPTZ,
        lambda: pa.array([1], pa.timestamp("s", "Asia/Tokyo")),
        [dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC)],
    ),
    (
        t.TIMESTAMPTZ,
        lambda: pa.array([1], pa.timestamp("ms")),
        [dt.datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=dt.UTC)],
    ),
    (t.INTERVAL, lambda: pa.array([-1], pa.duration("s")), [pa.MonthDayNano([0, -1, 86_399_000_000_000])]),
    (
        t.INTERVAL,
        lambda: pa.array([{"days": 2, "months": 1, "nanoseconds": 3000}, None]),
        [pa.MonthDayNano([1, 2, 3000]), None],
    ),
    (t.NUMERIC(10, 2), lambda: pa.array([Decimal("1.5000")]), [Decimal("1.50")]),
    (t.NUMERIC(10, 2), lambda: pa.array([Decimal("1.5")], pa.decimal32(5, 1)), [Decimal("1.50")]),
    (
        t.NUMERIC(10, 2),
        lambda: pa.array([Decimal("-1.5"), None], pa.decimal64(9, 1)),
        [Decimal("-1.50"), None],
    ),
    (t.NUMERIC(10, 2), lambda: pa.array([7, None], pa.int8()), [Decimal("7.00"), None]),
    (t.NUMERIC(20, 0), lambda: pa.array([2**64 - 1], pa.uint64()), [Decimal(2**64 - 1)]),
    (t.NUMERIC(20, 0), lambda: pa.array([-(2**63)]), [Decimal(-(2**63))]),
    (t.NUMERIC(10, 2), lambda: pa.array([" -1.5e1 ", None]), [Decimal("-15.00"), None]),
    (MOOD, lambda: pa.array(["happy", None], pa.string_view()), ["happy", None]),
    (MOOD, lambda: pa.DictionaryArray.from_arrays([1, None, 1], ["unused", "sad"]), ["sad", None, "sad"]),
    (MOOD, lambda: pa.DictionaryArray.from_arrays(pa.nulls(1, pa.int8()), pa.array([], pa.string())), [None]),
    (
        t.INET,
        lambda: pa.array(["2001:DB8:0:0::0001", "::ffff:1.2.3.4/128"]),
        ["2001:db8::1", "::ffff:1.2.3.4"],
    ),
    (t.MACADDR, lambda: pa.array(["0800.2B01.0203", "08002b010203"]), ["08:00:2b:01:02:03"] * 2),
    (array_of(t.INT4), lambda: pa.array([[1], None, []], pa.large_list(pa.int64())), [[1], None, []]),
    (array_of(t.INT4), lambda: pa.array([[1, 2], None], pa.list_(pa.int32(), 2)), [[1, 2], None]),
    (array_of(t.INT4), lambda: pa.array([[1, 2], [3]], pa.list_view(pa.int32())), [[1, 2], [3]]),
    (array_of(t.INT4), lambda: pa.array([[None], None], pa.list_(pa.null())), [[None], None]),
    (array_of(t.INT4, 2), lambda: pa.array([[[], []]]), [[]]),
    (PAIR, lambda: pa.array([{"b": "x", "a": 1}, None]), [{"a": 1, "b": "x"}, None]),
    (t.HSTORE, lambda: pa.array([[{"key": "a", "value": None}]]), [[("a", None)]]),
    (t.VECTOR(2), lambda: pa.array([[1, 2], None]), [[1.0, 2.0], None]),
    (t.HALFVEC, lambda: pa.array([[1.5]], pa.large_list(pa.float64())), [[1.5]]),
    (t.TID, lambda: pa.array([{"block": 1, "offset": 2}]), [{"block": 1, "offset": 2}]),
]


@pytest.mark.parametrize(("type_", "make", "expected"), ACCEPTED)
def test_other_arrow_types_go_in(type_: PgType, make: Callable[[], pa.Array], expected: Any) -> None:
    sent = encode_column(make(), type_, "c")
    found = decode_column(raw_of(values_of(sent)), type_)
    if expected is None:
        assert str(found[0].as_py()) == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    else:
        assert found.to_pylist() == expected


def test_values_hidden_under_null_lists_are_not_looked_at() -> None:
    offsets = pa.py_buffer(np.array([0, 1, 2], np.int32))
    hidden = pa.Array.from_buffers(
        pa.list_(pa.int64()), 2, [pa.py_buffer(b"\x02"), offsets], children=[pa.array([2**40, 5])]
    )
    assert decode_column(
        raw_of(values_of(encode_column(hidden, array_of(t.INT4)))), array_of(t.INT4)
    ).to_pylist() == [
        None,
        [5],
    ]


def test_truncation_is_for_the_asking() -> None:
    allowed = Options(allow_truncate=True)
    nanoseconds = encode_column(pa.array([-1, 1999], pa.timestamp("ns")), t.TIMESTAMP, options=allowed)
    assert decode_column(nanoseconds, t.TIMESTAMP).view(pa.int64()).to_pylist() == [-1, 1]
    wire = values_of(encode_column(pa.array([Decimal("0.126")]), t.NUMERIC(5, 2), options=allowed))
    assert wire == [reference.encode_numeric(Decimal("0.126"))]  # the server rounds, as for INSERT


def test_a_type_without_its_oid_cannot_be_an_element() -> None:
    with pytest.raises(DataError, match="take the type from a connected database"):
        encode_column(pa.array([["sad"]]), array_of(MOOD))


def test_unknown_types_travel_as_opaque_bytes() -> None:
    geometry = PgType("geometry")
    raw = raw_of([b"\x01\x02", None, b""])
    found = decode_column(raw, geometry)
    assert found.type == pa.binary()
    assert values_of(encode_column(found, geometry)) == [b"\x01\x02", None, b""]


def test_the_type_of_a_bare_numeric_needs_data_or_an_option() -> None:
    with pytest.raises(FieldError, match='numeric="float64"'):
        arrow_type(t.NUMERIC)
    assert arrow_type(t.NUMERIC, Options(numeric=(40, 2))) == pa.decimal256(40, 2)
    assert arrow_type(t.NUMERIC(10, 2), Options(numeric="string")) == pa.string()


def test_dimensions_that_nobody_declared_follow_from_the_data() -> None:
    undeclared = replace(array_of(t.INT4), ndims=0)
    flat, square = array_of(t.INT4), array_of(t.INT4, 2)
    wire = [None, reference.encode([], flat), reference.encode([[1, 2], [3, None]], square)]
    found = decode_column(raw_of(wire), undeclared)
    assert found.type == pa.list_(pa.list_(pa.int32()))
    assert found.to_pylist() == [None, [], [[1, 2], [3, None]]]
    with pytest.raises(DataError, match=r"row 3.*1 dimensions in a column read as integer\[\]\[\]; cast it"):
        decode_column(raw_of([*wire, reference.encode([1], flat)]), undeclared)
    assert arrow_type(undeclared, Options(streaming=True)) == pa.list_(pa.int32())
    assert decode_column(raw_of(wire[:2]), undeclared, Options(streaming=True)).to_pylist() == [None, []]
    with pytest.raises(DataError, match="row 2"):
        decode_column(raw_of(wire), undeclared, Options(streaming=True))
    empty = decode_column(raw_of(wire[:2]), undeclared)
    assert [a.to_pylist() for a in unify([empty, found])] == [[None, []], found.to_pylist()]
    with pytest.raises(DataError, match="differ in their number of dimensions"):
        unify([found, decode_column(raw_of([reference.encode([1], flat)]), undeclared)], "c")


def test_batches_of_different_scales_get_one_type() -> None:
    def batch(*values: str) -> pa.Array:
        return decode_column(raw_of([reference.encode_numeric(Decimal(v)) for v in values]), t.NUMERIC)

    small, large = batch("1.5"), batch("-0.00001")
    assert [a.type for a in unify([small, large])] == [pa.decimal128(38, 5)] * 2
    assert unify([small, large])[0].to_pylist() == [Decimal("1.5")]
    wide = unify([batch("9" * 36), large])
    assert [a.type for a in wide] == [pa.decimal256(76, 5)] * 2
    assert wide[0].to_pylist() == [Decimal("9" * 36)]
    lists = [pa.array([[Decimal("1.5")]]), pa.array([[Decimal("1.25")], None])]
    assert len({a.type for a in unify(lists)}) == 1
    with pytest.raises(DataError, match='column "n": no Arrow decimal'):
        unify([batch("9" * 70), batch("1e-20")], "n")
