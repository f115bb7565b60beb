"""One row per type: how SQL names it and a strategy of values; feeds the literal tests and the fuzzer."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
from dataclasses import dataclass, replace
from typing import Any

from asyncpg.types import BitString, Box, Circle, Line, LineSegment, Path, Point, Polygon, Range
from hypothesis import strategies as st

from chakra.pg import types as T
from chakra.pg.types import PgType, array_of

SCHEMA = 'Chakra\'s "literals"'
QUOTED_SCHEMA = '"Chakra\'s ""literals"""'

SEARCH_PATH = f"set search_path = {QUOTED_SCHEMA}, public"

SETUP = f"""
drop schema if exists {QUOTED_SCHEMA} cascade;
create schema {QUOTED_SCHEMA};
{SEARCH_PATH};
create extension if not exists hstore;
create extension if not exists citext;
create extension if not exists ltree;
create type {QUOTED_SCHEMA}.mood as enum ('sad', 'it''s', 'a\\b', 'NULL', '"q"', '{{x}}', '');
create domain {QUOTED_SCHEMA}.positive as bigint check (value > 0);
create domain {QUOTED_SCHEMA}.tags as text[];
create type {QUOTED_SCHEMA}.pair as (a bigint, "b ""c" text, d timestamptz);
create type {QUOTED_SCHEMA}.outer as (p {QUOTED_SCHEMA}.pair, l bigint[], m {QUOTED_SCHEMA}.mood);
create type {QUOTED_SCHEMA}.one as (x text);
create type {QUOTED_SCHEMA}.textrange as range (subtype = text);
"""

PGVECTOR = "create extension if not exists vector;"

DROP = f"drop schema {QUOTED_SCHEMA} cascade"

NAUGHTY = [
    "",
    "'",
    "''",
    "\\",
    "\\'",
    "'\\",
    "$1",
    "$$",
    "--",
    "/*",
    "*/",
    "%",
    "%s",
    "\n",
    "\r\n\t",
    "{}",
    '{"a"}',
    '"',
    ",",
    "NULL",
    "null",
    "E'x'",
    "\\x41",
    "\\000",
    "U&'\\0041'",
    "); drop table x; --",
    "é",
    "日本語",
    "🐘👩‍👩‍👧",
    "\u2028\ufeff",
    "\x01\x7f",
    "\U0010ffff",
    "ʼ＇",
    "a" * 300,
    "(a,b)",
    "[1,2)",
    "=>",
    " lead and trail ",
    ";",
    "::text",
]

plain_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
texts = st.one_of(
    st.sampled_from(NAUGHTY),
    plain_text,
    st.lists(st.one_of(st.sampled_from(NAUGHTY), plain_text), min_size=2, max_size=4).map("".join),
)


def ints(low: int, high: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(low, high), st.sampled_from([low, high, max(low, 0), max(low, -1)]))


def signed(bits: int) -> st.SearchStrategy[int]:
    return ints(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


float8s = st.one_of(
    st.floats(),
    st.sampled_from([0.0, -0.0, 5e-324, 1.7976931348623157e308, 0.1, float("nan"), float("inf")]),
    st.integers(-(2**60), 2**60),
)
# Doubles at and beside the midpoint of two 4-byte floats, where rounding twice would go wrong.
midpoints = st.builds(
    lambda m, e, d: (m + 0.5 + d) * 2.0**e,
    st.integers(2**23, 2**24 - 1),
    st.integers(-60, 60),
    st.sampled_from([0.0, 2**-29, -(2**-29)]),
)
float4s = st.one_of(st.floats(width=32), midpoints, st.floats(-3e38, 3e38))
numerics = st.one_of(
    st.decimals(allow_nan=True, allow_infinity=True).filter(lambda d: not d.is_snan()),
    st.builds(
        lambda sign, digits, exponent: decimal.Decimal((sign, digits, exponent)),
        st.integers(0, 1),
        st.lists(st.integers(0, 9), min_size=1, max_size=60).map(tuple),
        st.integers(-400, 400),
    ),
    st.sampled_from(
        [decimal.Decimal(t) for t in ("0", "-0", "0E-20", "0E+7", "1E-16383", "1E+131071", "-1E+3", "1.50")]
    ),
    st.integers(),
    st.floats(),
)
stamps = st.one_of(
    st.datetimes(), st.sampled_from([dt.datetime.min, dt.datetime.max, dt.datetime(1, 1, 1, 0, 0, 0, 1)])
)
zones = st.one_of(
    st.just(dt.UTC),
    st.timedeltas(dt.timedelta(hours=-15, minutes=-59), dt.timedelta(hours=15, minutes=59)).map(
        lambda d: dt.timezone(dt.timedelta(seconds=int(d.total_seconds())))
    ),
    st.timezones(),
)
zoned = st.one_of(
    st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 12, 31), timezones=zones),
    st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 12, 31)),
    st.dates(dt.date(2, 1, 1), dt.date(9998, 12, 31)),
    st.sampled_from(
        [zoned for m in (dt.datetime.min, dt.datetime.max) for zoned in (m, m.replace(tzinfo=dt.UTC))]
    ),
)
dates = st.one_of(st.dates(), st.sampled_from([dt.date.min, dt.date.max]), stamps)
fixed_zones = st.integers(-15 * 3600 - 3599, 15 * 3600 + 3599).map(
    lambda s: dt.timezone(dt.timedelta(seconds=s))
)
byte_strings = st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"\0", b"'\\\"", bytes(range(256))]))
buffers = st.one_of(byte_strings, byte_strings.map(bytearray), byte_strings.map(memoryview))
uuids = st.one_of(st.uuids(), st.uuids().map(str), st.uuids().map(lambda u: u.hex.upper()))
hosts = st.one_of(st.ip_addresses(), st.ip_addresses().map(str))
interfaces = st.builds(
    lambda a, p: ipaddress.ip_interface(f"{a}/{p % (a.max_prefixlen + 1)}"),
    st.ip_addresses(),
    st.integers(0, 128),
)
networks = interfaces.map(lambda i: i.network)
json_leaves = st.one_of(
    st.none(), st.booleans(), signed(64), st.floats(allow_nan=False, allow_infinity=False), texts
)
documents = st.recursive(
    json_leaves,
    lambda d: st.one_of(st.lists(d, max_size=4), st.dictionaries(texts, d, max_size=4)),
    max_leaves=8,
).filter(lambda d: d is not None)
bit_strings = st.one_of(st.text("01", max_size=40).map(BitString), st.binary(max_size=5))
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=15)
points = st.tuples(float8s, float8s).map(lambda p: Point(*p))
point_lists = st.lists(points, min_size=1, max_size=4)
half_floats = st.floats(-65504, 65504, width=16)
single_floats = st.one_of(midpoints, st.floats(allow_nan=False, allow_infinity=False, width=32))
vectors = st.lists(single_floats, min_size=1, max_size=8)
half_vectors = st.lists(st.one_of(half_floats, st.floats(-65000, 65000)), min_size=1, max_size=8)


def arrays(values: st.SearchStrategy[Any], *, nested: bool = True) -> st.SearchStrategy[list[Any]]:
    """Lists of values and NULLs in one to three dimensions."""
    member = st.one_of(values, st.none())
    flat = st.lists(member, max_size=6)
    if not nested:
        return flat

    @st.composite
    def deep(draw: st.DrawFn) -> list[Any]:
        shape = draw(st.lists(st.integers(0, 3), min_size=2, max_size=3))

        def build(rest: list[int]) -> Any:
            return [build(rest[1:]) for _ in range(rest[0])] if rest else draw(member)

        made: list[Any] = build(shape)
        return made

    return st.one_of(flat, deep())


def ranges(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Range[Any]]:
    """Ranges with bounds in order, open, closed, infinite and empty."""

    @st.composite
    def draw_range(draw: st.DrawFn) -> Range[Any]:
        low, high = sorted([draw(values), draw(values)])
        return Range(
            draw(st.sampled_from([low, None])),
            draw(st.sampled_from([high, None])),
            lower_inc=draw(st.booleans()),
            upper_inc=draw(st.booleans()),
            empty=draw(st.integers(0, 9)) == 0,
        )

    return draw_range()


class Mood(enum.Enum):
    """A Python enum whose values are the labels."""

    SAD = "sad"
    ITS = "it's"
    SLASH = "a\\b"


ENUM = T.enum_type("mood", ("sad", "it's", "a\\b", "NULL", '"q"', "{x}", ""), schema=SCHEMA)
POSITIVE = PgType("positive", kind="domain", schema=SCHEMA, element=T.INT8)
TAGS = PgType("tags", kind="domain", schema=SCHEMA, element=array_of(T.TEXT))
PAIR = PgType(
    "pair",
    kind="composite",
    schema=SCHEMA,
    fields=(("a", T.INT8), ('b "c', T.TEXT), ("d", T.TIMESTAMPTZ)),
)
OUTER = PgType(
    "outer",
    kind="composite",
    schema=SCHEMA,
    fields=(("p", PAIR), ("l", array_of(T.INT8)), ("m", ENUM)),
)
ONE = PgType("one", kind="composite", schema=SCHEMA, fields=(("x", T.TEXT),))
TEXTRANGE = PgType("textrange", kind="range", schema=SCHEMA, element=T.TEXT)

labels = st.sampled_from(ENUM.labels)
positives = ints(1, 2**63 - 1)
aware = st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 12, 31), timezones=st.just(dt.UTC))
maybe_text = st.one_of(st.none(), texts)
pairs = st.one_of(
    st.tuples(st.one_of(st.none(), signed(64)), maybe_text, st.one_of(st.none(), zoned)),
    st.fixed_dictionaries({}, optional={"a": signed(64), 'b "c': texts}),
)
outers = st.tuples(st.one_of(st.none(), pairs), st.one_of(st.none(), arrays(signed(64))), labels)
inner_dates = st.dates(dt.date(2, 1, 1), dt.date(9998, 1, 1))
int_ranges = ranges(st.integers(-(2**31) + 2, 2**31 - 2))


@dataclass(frozen=True)
class Case:
    """A type, the name a cast gives it, its values, and whether a parameter of it can travel in an array."""

    type: PgType
    sql: str
    values: st.SearchStrategy[Any]
    elements: bool = True


def _case(type_: PgType, values: st.SearchStrategy[Any], sql: str = "", elements: bool = True) -> Case:
    return Case(type_, sql or type_.sql, values, elements)


def _user(type_: PgType, values: st.SearchStrategy[Any], elements: bool = True) -> Case:
    return Case(type_, f"{QUOTED_SCHEMA}.{type_.name}", values, elements)


SCALARS: tuple[Case, ...] = (
    _case(T.BOOL, st.booleans()),
    _case(T.INT2, st.one_of(signed(16), st.booleans(), st.floats(-9e3, 9e3))),
    _case(T.INT4, signed(32)),
    _case(T.INT8, signed(64)),
    _case(T.OID, ints(0, 2**32 - 1)),
    _case(T.XID, ints(0, 2**32 - 1)),
    _case(T.CID, ints(0, 2**32 - 1)),
    _case(T.XID8, ints(0, 2**64 - 1)),
    _case(T.FLOAT4, float4s),
    _case(T.FLOAT8, float8s),
    _case(T.NUMERIC, numerics),
    _case(T.TEXT, texts),
    _case(T.VARCHAR, texts),
    _case(T.BPCHAR, texts, "bpchar"),
    _case(T.NAME, names),
    _case(T.CITEXT, texts),
    _case(T.QCHAR, st.binary(min_size=1, max_size=1), '"char"', elements=False),
    _case(T.BYTEA, buffers),
    _case(T.UUID, uuids),
    _case(T.DATE, dates),
    _case(T.TIME, st.times()),
    _case(T.TIMETZ, st.builds(lambda t, z: t.replace(tzinfo=z), st.times(), fixed_zones)),
    _case(T.TIMESTAMP, st.one_of(stamps, st.dates())),
    _case(T.TIMESTAMPTZ, zoned),
    _case(T.INTERVAL, st.timedeltas()),
    _case(T.JSON, documents, elements=False),
    _case(T.JSONB, documents, elements=False),
    _case(T.XML, st.sampled_from(["<a>it's</a>", "<b c='\\'>&amp;</b>", "<!-- x -->"])),
    _case(T.JSONPATH, st.sampled_from(["$.a", '$."it\'s"[*] ? (@ > 1)', "strict $"])),
    _case(T.INET, st.one_of(hosts, interfaces, interfaces.map(str))),
    _case(T.CIDR, st.one_of(networks, networks.map(str))),
    _case(T.MACADDR, st.binary(min_size=6, max_size=6).map(lambda b: b.hex(":"))),
    _case(T.MACADDR8, st.binary(min_size=8, max_size=8).map(lambda b: b.hex(":"))),
    _case(T.MONEY, st.integers(-(10**12), 10**12).map(lambda n: f"{n / 100:.2f}")),
    _case(T.BIT, bit_strings, '"bit"'),
    _case(T.VARBIT, bit_strings),
    _case(T.TID, st.tuples(ints(0, 2**32 - 1), ints(0, 2**16 - 1))),
    _case(T.PG_LSN, signed(64)),
    _case(T.REGCLASS, st.sampled_from(["pg_class", '"pg_type"', "pg_catalog.pg_proc"])),
    _case(T.REGTYPE, st.sampled_from(["integer", "text[]", "double precision"])),
    _case(T.REGCONFIG, st.sampled_from(["english", "simple"])),
    _case(T.TSVECTOR, st.sampled_from(["'it''s':1A b:2", "'\\\\x' c", ""])),
    _case(T.TSQUERY, st.sampled_from(["a & !b", "'it''s' <-> c", "a | (b & c)"])),
    _case(T.LTREE, st.sampled_from(["a.b.c", "Top", ""])),
    _case(T.HSTORE, st.dictionaries(texts, maybe_text, max_size=5)),
    _case(T.POINT, points),
    _case(T.LSEG, st.tuples(points, points).map(lambda v: LineSegment(*v))),
    _case(T.BOX, st.tuples(points, points).map(lambda v: Box(*v))),
    _case(T.LINE, st.tuples(float8s, st.floats(1, 9), float8s).map(lambda v: Line(*v))),
    _case(
        T.PATH,
        st.one_of(
            point_lists,
            point_lists.map(tuple),
            st.builds(lambda p, c: Path(*p, is_closed=c), point_lists, st.booleans()),
        ),
        elements=False,
    ),
    _case(T.POLYGON, point_lists.map(lambda p: Polygon(*p)), elements=False),
    _case(T.CIRCLE, st.builds(Circle, points, st.floats(0, 1e300))),
    _case(T.VECTOR, st.one_of(vectors, vectors.map(str)), elements=False),
    _case(T.HALFVEC, st.one_of(half_vectors, half_vectors.map(str)), elements=False),
    _case(T.SPARSEVEC, st.sampled_from(["{1:1.5,3:-2}/5", "{}/3"])),
    _case(T.INT4RANGE, st.one_of(int_ranges, st.tuples(st.integers(-9, 0), st.integers(1, 9)))),
    _case(T.INT8RANGE, ranges(st.integers(-(2**63) + 2, 2**63 - 2))),
    _case(T.NUMRANGE, ranges(st.decimals(-(10**30), 10**30, places=9))),
    _case(T.DATERANGE, ranges(inner_dates)),
    _case(T.TSRANGE, ranges(stamps)),
    _case(T.TSTZRANGE, ranges(aware)),
    _user(TEXTRANGE, ranges(st.text("ab'\"\\,()[] \n", max_size=5))),
    _case(T.INT4MULTIRANGE, st.lists(int_ranges, max_size=4), elements=False),
    _case(T.DATEMULTIRANGE, st.lists(ranges(inner_dates), max_size=3), elements=False),
    _case(T.NUMMULTIRANGE, st.lists(ranges(st.integers(-9, 9)), max_size=3), elements=False),
    _case(T.INT8MULTIRANGE, st.lists(ranges(st.integers(-9, 9)), max_size=3), elements=False),
    _case(T.TSMULTIRANGE, st.lists(ranges(stamps), max_size=3), elements=False),
    _case(T.TSTZMULTIRANGE, st.lists(ranges(aware), max_size=3), elements=False),
    _user(ENUM, labels),
    _user(POSITIVE, positives),
    _user(TAGS, arrays(texts), elements=False),
    _user(PAIR, pairs),
    _user(ONE, st.tuples(maybe_text)),
    _user(OUTER, outers),
)  # fmt: skip

ARRAYS: tuple[Case, ...] = (
    *(
        replace(case, type=array_of(case.type), sql=case.sql + "[]", values=arrays(case.values))
        for case in SCALARS
        if case.elements
    ),
    Case(array_of(T.QCHAR), '"char"[]', arrays(st.integers(0, 127).map(lambda b: bytes([b])))),
    Case(array_of(T.JSONB), "jsonb[]", arrays(st.dictionaries(texts, documents, max_size=3))),
    Case(array_of(T.VECTOR), "vector[]", arrays(st.lists(single_floats, min_size=1, max_size=3).map(tuple))),
    Case(array_of(T.POLYGON), "polygon[]", arrays(point_lists.map(tuple))),
    Case(array_of(T.INT4MULTIRANGE), "int4multirange[]", arrays(st.just(()))),
)

CASES: dict[str, Case] = {case.sql.replace(QUOTED_SCHEMA + ".", ""): case for case in (*SCALARS, *ARRAYS)}

JUNK: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.integers(-(2**130), 2**130),
    st.floats(),
    st.sampled_from([2**63, -(2**63) - 1, 2**31, 2**15, 2**32, 2**64, -1, "1", b"1", "true", (), [], {}, ""]),
    texts,
    st.binary(max_size=20),
    numerics,
    stamps,
    zoned,
    st.dates(),
    st.times(timezones=st.one_of(st.none(), zones)),
    st.timedeltas(),
    st.uuids(),
    hosts,
    interfaces,
    # Iterating over a network yields its addresses, and the vector codec does iterate over what it is given.
    networks.filter(lambda n: n.num_addresses < 1000),
    documents,
    bit_strings,
    int_ranges,
    st.lists(st.one_of(st.integers(-5, 5), st.text("ab", max_size=2), st.none()), max_size=3),
    st.lists(st.lists(st.integers(-5, 5), max_size=3), max_size=3),
    st.tuples(st.integers(-5, 5), st.text(max_size=2), st.none()),
    st.sampled_from(["a\0b", "\ud800", "{1,2}", "[1,2)", "00:00:00:00:00:00"]),
    st.just(object()),
)
"""Values of any kind, for any type: what asyncpg refuses, a literal refuses too."""
