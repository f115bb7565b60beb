"""The type table against a real server's catalog, and modifiers against what the server stores and prints."""

from __future__ import annotations

import datetime as dt
import decimal
import ipaddress
import uuid
from typing import Any, TypeAlias

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chakra.errors import FieldError
from chakra.pg import types as T
from chakra.pg.json_text import JsonNull
from chakra.pg.types import ALL_TYPES, BY_NAME, BY_OID, BY_PYTHON, PgType, array_of, enum_type, parse_type
from tests.plugins.needs import needs_extension, needs_server

CATALOG = """
select t.oid, t.typname as name, t.typarray as array_oid, t.typlen as size, t.typtype as kind,
       format_type(t.oid, null) as sql_name, a.typname as array_name,
       coalesce(r.rngsubtype, m.rngtypid) as element
  from pg_type t
  left join pg_type a on a.oid = t.typarray
  left join pg_range r on r.rngtypid = t.oid
  left join pg_range m on m.rngmultitypid = t.oid
 where t.typname = $1 and t.typnamespace = 'pg_catalog'::regnamespace
"""
KINDS = {b"b": "base", b"r": "range", b"m": "multirange"}
EXTENSIONS = {"citext": "citext", "hstore": "hstore", "ltree": "ltree"} | dict.fromkeys(
    ["vector", "halfvec", "sparsevec"], "vector"
)

Connection: TypeAlias = "asyncpg.Connection[Any]"


@pytest.mark.parametrize("type_", [t for t in ALL_TYPES if t.oid], ids=lambda t: t.name)
async def test_builtin_type_is_as_the_catalog_has_it(pg: Connection, type_: PgType) -> None:
    row = await pg.fetchrow(CATALOG, type_.name)
    assert row is not None, "the server knows no such type"
    assert (type_.oid, type_.array_oid, type_.size) == (row["oid"], row["array_oid"], row["size"])
    assert type_.kind == KINDS[row["kind"]]
    assert array_of(type_).name == row["array_name"]
    assert (type_.element.oid if type_.element else None) == row["element"]
    # With a null modifier format_type writes what the type is called where none was given.
    assert type_.sql == row["sql_name"]


@pytest.mark.parametrize(
    "type_",
    [pytest.param(t, marks=needs_extension(EXTENSIONS[t.name]), id=t.name) for t in ALL_TYPES if not t.oid],
)
async def test_extension_type_is_as_the_catalog_has_it(pg: Connection, type_: PgType) -> None:
    await pg.execute(f"create extension {EXTENSIONS[type_.name]}")
    row = await pg.fetchrow(
        "select typlen, typtype, format_type(oid, null) from pg_type where typname = $1", type_.name
    )
    assert row is not None
    assert tuple(row) == (type_.size, b"b", type_.sql)


async def test_no_common_type_of_the_server_is_missing(pg: Connection) -> None:
    left_out = (
        # Internals of the server and of its catalogs.
        "aclitem gtsvector int2vector oidvector pg_brin_bloom_summary pg_brin_minmax_multi_summary "
        "pg_dependencies pg_mcv_list pg_ndistinct pg_node_tree pg_snapshot txid_snapshot refcursor "
        "regcollation regdatabase regdictionary regnamespace regoper regoperator regproc regprocedure regrole"
    )
    names = await pg.fetch(
        "select typname from pg_type where typnamespace = 'pg_catalog'::regnamespace"
        " and typtype in ('b', 'r', 'm') and typcategory <> 'A' and typrelid = 0 and typname !~ '^_'"
        " and oid < 10000"
    )
    assert {r[0] for r in names} - set(BY_NAME) <= set(left_out.split())


MODIFIED = [
    (T.NUMERIC(12, 2), "numeric(12,2)"),
    (T.NUMERIC(5), "numeric(5,0)"),
    (T.NUMERIC(1000, 0), "numeric(1000,0)"),
    (T.NUMERIC(3, 3), "numeric(3,3)"),
    (T.VARCHAR(1), "character varying(1)"),
    (T.VARCHAR(10485760), "character varying(10485760)"),
    (T.BPCHAR(7), "character(7)"),
    (T.BIT(9), "bit(9)"),
    (T.VARBIT(64), "bit varying(64)"),
    (T.TIME(0), "time(0) without time zone"),
    (T.TIMETZ(3), "time(3) with time zone"),
    (T.TIMESTAMP(6), "timestamp(6) without time zone"),
    (T.TIMESTAMPTZ(1), "timestamp(1) with time zone"),
    (T.INTERVAL(2), "interval(2)"),
    (array_of(T.NUMERIC(12, 2)), "numeric(12,2)[]"),
    (array_of(T.VARCHAR(3), 2), "character varying(3)[]"),
    (array_of(T.TIMESTAMPTZ(3)), "timestamp(3) with time zone[]"),
]


def stored_typmod(type_: PgType) -> int:
    """A column of an array carries its element's modifier."""
    return type_.element.typmod if type_.kind == "array" and type_.element else type_.typmod


async def stored(pg: Connection, sql: str) -> tuple[int, int, str]:
    await pg.execute(f"drop table if exists t; create table t (x {sql})")
    row = await pg.fetchrow(
        "select atttypid, atttypmod, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = 't'::regclass and attname = 'x'"
    )
    assert row is not None
    return tuple(row)


@pytest.mark.parametrize(("type_", "shown"), MODIFIED, ids=lambda v: v if isinstance(v, str) else "")
async def test_modifier_is_packed_as_the_server_packs_it(pg: Connection, type_: PgType, shown: str) -> None:
    assert await stored(pg, type_.sql) == (type_.oid, stored_typmod(type_), shown)


@needs_server(15, "numeric(p, s) with s < 0 or s > p")
async def test_scale_may_be_negative_or_exceed_the_precision_since_15(pg: Connection) -> None:
    for type_ in (T.NUMERIC(5, -3), T.NUMERIC(2, 5), T.NUMERIC(1000, 1000), T.NUMERIC(1, -1000)):
        oid, typmod, shown = await stored(pg, type_.sql)
        assert (oid, typmod) == (type_.oid, type_.typmod)
        assert shown == f"numeric({type_.precision},{type_.scale})"


@needs_extension("vector")
@pytest.mark.parametrize("type_", [T.VECTOR(3), T.VECTOR(16000), T.HALFVEC(5), T.SPARSEVEC(7)])
async def test_dimensions_of_pgvector_are_packed_as_the_server_packs_them(
    pg: Connection, type_: PgType
) -> None:
    await pg.execute("create extension vector")
    _, typmod, shown = await stored(pg, type_.sql)
    assert (typmod, shown) == (type_.typmod, type_.sql)


@given(st.integers(1, 1000), st.integers(-1000, 1000))
def test_precision_and_scale_survive_packing(precision: int, scale: int) -> None:
    type_ = T.NUMERIC(precision, scale)
    assert (type_.precision, type_.scale) == (precision, scale)
    assert type_.modifiers == (precision, scale)


@pytest.mark.parametrize(
    ("type_", "modifiers"),
    [
        (T.NUMERIC, (0,)),
        (T.NUMERIC, (1001,)),
        (T.NUMERIC, (5, 1001)),
        (T.NUMERIC, (5, -1001)),
        (T.NUMERIC, (1, 2, 3)),
        (T.NUMERIC, ()),
        (T.VARCHAR, (0,)),
        (T.VARCHAR, (10485761,)),
        (T.BIT, (0,)),
        (T.TIMESTAMP, (7,)),
        (T.TIME, (-1,)),
        (T.VECTOR, (16001,)),
        (T.TEXT, (5,)),
        (T.INT4, (4,)),
        (T.VARCHAR, (True,)),
        (T.VARCHAR, ("5",)),
        (T.VARCHAR, (5.0,)),
    ],
)
def test_a_modifier_the_type_cannot_have_is_refused(type_: PgType, modifiers: tuple[Any, ...]) -> None:
    with pytest.raises(FieldError, match=type_.name):
        type_(*modifiers)


@pytest.mark.parametrize("type_", [t for t in ALL_TYPES if t.oid], ids=lambda t: t.name)
def test_every_type_is_found_by_oid_name_and_spelling(type_: PgType) -> None:
    assert BY_OID[type_.oid] is type_
    assert BY_NAME[type_.name] is type_
    assert BY_OID[type_.array_oid] == array_of(type_)
    assert parse_type(type_.sql_name) is type_
    assert parse_type(f" {type_.sql_name.upper()} [] []") == array_of(type_, 2)


@pytest.mark.parametrize(("type_", "shown"), MODIFIED, ids=lambda v: v if isinstance(v, str) else "")
def test_spelling_of_the_server_is_read_back(type_: PgType, shown: str) -> None:
    expected = type_ if type_.ndims < 2 else array_of(T.VARCHAR(3))  # the server forgets dimensions
    assert parse_type(shown) == expected


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("int", T.INT4),
        ("int8", T.INT8),
        ("decimal(5, 1)", T.NUMERIC(5, 1)),
        ("char(3)", T.BPCHAR(3)),
        ("timestamp", T.TIMESTAMP),
        ("timestamp(3)", T.TIMESTAMP(3)),
        ("Double Precision", T.FLOAT8),
        ("vector(3)", T.VECTOR(3)),
    ],
)
def test_other_spellings(text: str, type_: PgType) -> None:
    assert parse_type(text) == type_


@pytest.mark.parametrize(
    "text", ["", "nonsense", "numeric(", "numeric(a)", "numeric()", "[]", "text; drop table t", "text(5)"]
)
def test_a_spelling_that_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(FieldError):
        parse_type(text)


def test_arrays_know_their_bounds() -> None:
    assert array_of(T.TEXT, 3).sql == "text[][][]"
    with pytest.raises(FieldError, match="1 to 6"):
        array_of(T.TEXT, 7)
    with pytest.raises(FieldError, match="array of arrays"):
        array_of(array_of(T.TEXT))


async def test_enum_and_qualified_names_work_in_ddl(pg: Connection) -> None:
    mood = enum_type('mo"od', ("a",), schema="my schema")
    await pg.execute(f"create schema \"my schema\"; create type {mood.sql} as enum ('a')")
    oid, typmod, _ = await stored(pg, array_of(mood).sql)
    assert typmod == -1
    found = await pg.fetchval(
        "select typname from pg_type where oid = (select typelem from pg_type where oid = $1)", oid
    )
    assert found == 'mo"od'


def test_base_is_what_a_domain_stands_on() -> None:
    inner = PgType("inner", kind="domain", element=T.NUMERIC(5, 2))
    assert PgType("outer", kind="domain", element=inner).base == T.NUMERIC(5, 2)
    assert T.TEXT.base is T.TEXT


SAMPLES: dict[Any, Any] = {
    bool: True,
    int: 2**40,
    float: 1.5,
    str: "x",
    bytes: b"x",
    dict: "{}",  # a plain asyncpg connection carries jsonb as text
    JsonNull: "null",
    decimal.Decimal: decimal.Decimal("1.5"),
    dt.datetime: dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    dt.date: dt.date(2024, 1, 1),
    dt.time: dt.time(1, 2, 3),
    dt.timedelta: dt.timedelta(days=1),
    uuid.UUID: uuid.UUID(int=5),
    ipaddress.IPv4Address: ipaddress.ip_address("10.0.0.1"),
    ipaddress.IPv6Address: ipaddress.ip_address("::1"),
    ipaddress.IPv4Interface: ipaddress.ip_interface("10.0.0.1/8"),
    ipaddress.IPv6Interface: ipaddress.ip_interface("::1/64"),
    ipaddress.IPv4Network: ipaddress.ip_network("10.0.0.0/8"),
    ipaddress.IPv6Network: ipaddress.ip_network("2001:db8::/32"),
}


@pytest.mark.parametrize("kind", BY_PYTHON, ids=lambda k: k.__name__)
async def test_a_python_class_travels_as_the_type_of_its_annotation(pg: Connection, kind: Any) -> None:
    back = await pg.fetchval(f"select $1::{BY_PYTHON[kind].sql}", SAMPLES[kind])
    assert back == SAMPLES[kind]
