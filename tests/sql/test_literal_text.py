"""What literals look like, where they are put, and what they refuse; needs a server only at the end."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import io
import ipaddress
import sys
import uuid
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from chakra.errors import DataError, FieldError
from chakra.pg import types as T
from chakra.pg.types import PgType, array_of, enum_type
from chakra.sql.literals import render_literal

PAIR = PgType("pair", kind="composite", schema="s", fields=(("a", T.INT4), ("b", T.TEXT)))


NEW_YEAR = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


class Colour(enum.Enum):
    """Values that are no strings: the labels are the names."""

    RED = 1


class Word(str, enum.Enum):  # noqa: UP042 - the mixin is what users have, and it formats differently
    """A str that formats as its member's name."""

    HELLO = "hello"


class Shouting(str):
    """A str with a text of its own."""

    __slots__ = ()

    def __str__(self) -> str:
        return "'); drop table t; --"

    __repr__ = __format__ = __str__  # type: ignore[assignment]

    def replace(self, *args: Any) -> str:
        return self


class Liar(int):
    """An int with a text of its own."""

    __slots__ = ()

    def __str__(self) -> str:
        return "'); drop table t; --"

    __repr__ = __str__


class LyingMoment(dt.datetime):
    """A datetime with a text of its own."""

    def isoformat(self, *args: Any, **kwargs: Any) -> str:
        return "'); drop table t; --"


class LyingNumber(decimal.Decimal):
    """A Decimal with a text of its own."""

    def __str__(self) -> str:
        return "'); drop table t; --"


@dataclass
class Span:
    """A range of another library."""

    lower: Any
    upper: Any
    lower_inc: bool = True
    upper_inc: bool = False
    isempty: bool = False


TEXTS = [
    (-1, T.INT8, "('-1'::bigint)"),
    (None, T.INT4, "(NULL::integer)"),
    ("it's", T.TEXT, "('it''s'::text)"),
    ("a\\b", T.TEXT, "( E'a\\\\b'::text)"),
    (b"\x00\xff", T.BYTEA, "( E'\\\\x00ff'::bytea)"),
    ([1, 2, None], array_of(T.INT8), "('{1,2,NULL}'::bigint[])"),
    ([[1], [2]], array_of(T.INT8, 2), "('{{1},{2}}'::bigint[])"),
    (["NULL", None, ""], array_of(T.TEXT), "('{\"NULL\",NULL,\"\"}'::text[])"),
    ([], array_of(T.TEXT), "('{}'::text[])"),
    ([[], []], array_of(T.TEXT), "('{}'::text[])"),
    (NEW_YEAR, T.TIMESTAMPTZ, "('2024-01-01 00:00:00+00'::timestamp with time zone)"),
    (dt.date.max, T.DATE, "('infinity'::date)"),
    (dt.timedelta(days=-1, seconds=1), T.INTERVAL, "('-1 days +00:00:01.000000'::interval)"),
    (-0.0, T.FLOAT8, "('-0.0'::double precision)"),
    (float("-inf"), T.FLOAT4, "('-Infinity'::real)"),
    # A parameter has no modifier, so the literal has none: 1.239 must not become 1.24 before it is compared.
    (decimal.Decimal("1.239"), T.NUMERIC(12, 2), "('1.239'::numeric)"),
    (dt.time(1, 2, 3, 4), T.TIME(3), "('01:02:03.000004'::time without time zone)"),
    # SQL reads these two names alone as a length of one.
    ("abc", T.BPCHAR(3), "('abc'::bpchar)"),
    ("101", T.BIT(3), "('101'::\"bit\")"),
    (b"\xff", T.QCHAR, "('-1'::integer::\"char\")"),
    (uuid.UUID(int=1), T.UUID, "('00000000000000000000000000000001'::uuid)"),
    ({"a": None}, T.HSTORE, "('\"a\"=>NULL'::hstore)"),
    ([1, 0.5], T.VECTOR(2), "('[1.0,0.5]'::vector)"),
    ({"a": [1, "é"]}, T.JSONB, "('{\"a\":[1,\"é\"]}'::jsonb)"),
    ((1, None), PAIR, "('(1,)'::\"s\".\"pair\")"),
    ({"b": 'x"'}, PAIR, "( E'(,\"x\\\\\"\")'::\"s\".\"pair\")"),
    ([(1, "x")], array_of(PAIR), "( E'{\"(1,\\\\\"x\\\\\")\"}'::\"s\".\"pair\"[])"),
    (Colour.RED, enum_type("colour", ("RED",)), "('RED'::\"colour\")"),
    (Word.HELLO, T.TEXT, "('hello'::text)"),
    (Span(1, None), T.INT4RANGE, "('[\"1\",)'::int4range)"),
    (Span(1, 2, isempty=True), T.INT4RANGE, "('empty'::int4range)"),
    ([Span(1, 2), (3, 4)], T.INT4MULTIRANGE, "('{[\"1\",\"2\"),[\"3\",\"4\"]}'::int4multirange)"),
    ("16/B374D848", T.PG_LSN, "('16/B374D848'::pg_lsn)"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "type_", "sql"), TEXTS)
def test_text_of_a_literal(value: object, type_: PgType, sql: str) -> None:
    assert render_literal(value, type_) == sql


@pytest.mark.parametrize(
    ("value", "type_", "sql"),
    [
        (Shouting("x"), T.TEXT, "('x'::text)"),
        ([Shouting("x")], array_of(T.TEXT), "('{\"x\"}'::text[])"),
        (Liar(7), T.INT4, "('7'::integer)"),
        ([Liar(7), 8], array_of(T.INT4), "('{7,8}'::integer[])"),
        (Liar(7), T.NUMERIC, "('7'::numeric)"),
        (LyingNumber("1.5"), T.NUMERIC, "('1.5'::numeric)"),
        (LyingMoment(2024, 1, 1), T.TIMESTAMP, "('2024-01-01 00:00:00'::timestamp without time zone)"),
        (LyingMoment(2024, 1, 1), T.DATE, "('2024-01-01'::date)"),
    ],
)
def test_a_subclass_cannot_bring_its_own_text(value: object, type_: PgType, sql: str) -> None:
    assert render_literal(value, type_) == sql


REFUSED: list[tuple[object, PgType, str]] = [
    (2**63, T.INT8, "9223372036854775808 cannot be written as bigint: expected a whole number from -9"),
    (-32769, T.INT2, "from -32768 to 32767"),
    (-1, T.OID, "from 0 to 4294967295"),
    ("1", T.INT4, "'1' cannot be written as integer: expected a whole number, found str"),
    (1, T.BOOL, "expected a bool, found int"),
    (1, T.TEXT, "expected a str, found int"),
    ("a\0b", T.TEXT, r"NUL byte \(character 1\)"),
    ("ab\ud800", T.TEXT, r"lone surrogate \(character 2\)"),
    (["a\0"], array_of(T.TEXT), "NUL byte"),
    ({"\udc80": "x"}, T.HSTORE, "lone surrogate"),
    ({None: "x"}, T.HSTORE, "expected a str, found NoneType"),
    ("é" * 32, T.NAME, "at most 63 bytes"),
    (b"ab", T.QCHAR, "exactly one byte, found 2"),
    ([b"\xff"], array_of(T.QCHAR), "only bytes up to 127"),
    (memoryview(b"abcd")[::2], T.BYTEA, "contiguous"),
    ("x", T.BYTEA, "bytes-like"),
    ("not-a-uuid", T.UUID, "expected a UUID"),
    ("0" * 31 + "-", T.UUID, "expected a UUID"),
    (decimal.Decimal("sNaN"), T.NUMERIC, "signaling NaN"),
    (decimal.Decimal("1e-16384"), T.NUMERIC, "at most 16383 digits after the point"),
    (decimal.Decimal("1e131072"), T.NUMERIC, "at most 131072 digits before the point"),
    (1e300, T.FLOAT4, "float"),
    ("1.5", T.FLOAT8, "cannot be written as double precision"),
    (NEW_YEAR, T.TIMESTAMP, "without a zone"),
    ("2024-01-01", T.DATE, "expected a date, found str"),
    ("2024-01-01", T.TIMESTAMPTZ, "expected a datetime or a date, found str"),
    (dt.time(1), T.TIMETZ, "zone of fixed offset"),
    (dt.time(1, tzinfo=dt.timezone(dt.timedelta(hours=-16))), T.TIMETZ, "below 16 hours"),
    (dt.time(1), T.INTERVAL, "expected a timedelta"),
    (ipaddress.ip_network("::/0"), T.VECTOR, "expected a list of numbers, found IPv6Network"),
    ("[1,", T.VECTOR, "cannot be written as vector"),
    ([("a", "b")], T.HSTORE, "expected a mapping of str to str or None, found list"),
    ("1.2.3.4/33", T.INET, "1.2.3.4/33"),
    ("10.0.0.1/8", T.CIDR, "host bits set"),
    ("102", T.BIT, "only 0 and 1"),
    ((1, 2**16), T.TID, "from 0 to 65535"),
    ("16-B374D848", T.PG_LSN, "log position"),
    (float("nan"), T.JSONB, "not JSON compliant"),
    (object(), T.JSON, "not JSON serializable"),
    ("abc", array_of(T.TEXT), "expected a list, found str"),
    ({"a": 1}, array_of(T.TEXT), "expected a list, found dict"),
    ([[1], [2, 3]], array_of(T.INT4), "one length"),
    ([[1], None], array_of(T.INT4), "one length"),
    ([[[1]], [[1, 2]]], array_of(T.INT4), "one length"),
    ([[[[[[[1]]]]]]], array_of(T.INT4), "at most 6 dimensions, found 7"),
    ((1,), PAIR, r"expected 2 fields \(a, b\), found 1"),
    ({"c": 1}, PAIR, "'c' is not one of the fields a, b"),
    ("ab", PAIR, "expected a tuple or a mapping, found str"),
    (5, T.INT4RANGE, "expected a range or a tuple of its bounds, found int"),
    ((1, 2, 3), T.INT4RANGE, "at most two bounds, found 3"),
    ("", T.INT4MULTIRANGE, "expected a list of ranges, found str"),
    (Span("a", 2), T.INT4RANGE, "expected a whole number, found str"),
]


@pytest.mark.parametrize(("value", "type_", "message"), REFUSED)
def test_refusal_names_value_type_and_reason(value: object, type_: PgType, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        render_literal(value, type_)
    assert type_.sql in str(caught.value)


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(DataError) as caught:
        render_literal("x" * 1000, T.INT4)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize("kind", ["array", "range", "multirange", "domain", "composite"])
def test_a_type_that_says_too_little_is_named(kind: Any) -> None:
    with pytest.raises(FieldError, match="thing"):
        render_literal([1], PgType("thing", kind=kind))


def calls_of(function: Any, *args: Any) -> int:
    counts: collections.Counter[str] = collections.Counter()
    sys.setprofile(lambda frame, event, arg: counts.update([event]))
    try:
        function(*args)
    finally:
        sys.setprofile(None)
    return counts["call"]


@pytest.mark.parametrize(
    ("values", "type_"), [(list(range(10_000)), T.INT8), ([f"name {i}" for i in range(10_000)], T.TEXT)]
)
def test_long_lists_take_no_python_call_per_element(values: list[Any], type_: PgType) -> None:
    assert calls_of(render_literal, values, array_of(type_)) < 20
    assert calls_of(render_literal, values[0], type_) <= 5


@pytest.mark.parametrize("standard", ["on", "off"])
async def test_literals_stand_where_parameters_would(pg: asyncpg.Connection[Any], standard: str) -> None:
    await pg.execute(f"set standard_conforming_strings = {standard}; set escape_string_warning = off")
    minus, comment, slash = (
        render_literal(-1, T.INT4),
        render_literal("/*--$1", T.TEXT),
        render_literal("\\", T.TEXT),
    )
    numbers = render_literal([7, 8], array_of(T.INT4))
    # Beside a minus sign, an identifier, a cast, an index and a comment, a literal stays one value.
    sql = f"select 5 -{minus}, 5-{minus}::text::int, {comment}as x, {numbers}[1], {slash}||{slash}"
    assert tuple(await pg.fetchrow(sql)) == (6, 6, "/*--$1", 7, "\\\\")


async def test_copy_of_a_query_with_literals_gives_the_rows_of_the_parameters(
    pg: asyncpg.Connection[Any],
) -> None:
    await pg.execute(
        "create table t (id bigint, name text, price numeric(12, 2), tags text[]);"
        "insert into t values (1, 'it''s \\', 1.24, '{a,NULL}'), (-1, 'b', 1.23, '{}'), (3, 'c', null, null)"
    )
    where = "id = any({}) and name = {} and price > {} and tags = {}"
    given: list[tuple[object, PgType]] = [
        ([1, -1], array_of(T.INT8)),
        ("it's \\", T.TEXT),
        (decimal.Decimal("1.239"), T.NUMERIC(12, 2)),
        (["a", None], array_of(T.TEXT)),
    ]
    literals = where.format(*(render_literal(value, type_) for value, type_ in given))
    sink = io.BytesIO()
    await pg.copy_from_query(f"select id from t where {literals}", output=sink)
    assert sink.getvalue() == b"1\n"
    bound = where.format("$1", "$2", "$3", "$4")
    assert [r["id"] for r in await pg.fetch(f"select id from t where {bound}", *(v for v, _ in given))] == [1]
