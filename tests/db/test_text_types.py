"""Types the driver reads as text, alone and inside arrays, composites and ranges, against the server's own text."""

from __future__ import annotations

import datetime as dt
import ipaddress
import uuid
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from chakra import Interval, errors
from chakra.db import Database, codecs, text_types, text_values
from tests.db.conftest import Open
from tests.plugins.needs import ServerFacts

EXTENSIONS = ("citext", "ltree", "hstore", "isn", "cube", "seg", "vector", "intarray", "lo")

# A value of every base type that has no empty text; the others are tried with ''.
SAMPLES = {
    "bool": "t",
    **dict.fromkeys(("int2", "int4", "int8", "oid", "xid", "cid", "xid8", "oid8", "bit", "lo"), "1"),
    "float4": "1.5",
    "float8": "-0.5",
    "numeric": "1.50",
    "money": "$1.50",
    "date": "2024-02-29",
    "time": "12:00:01",
    "timetz": "12:00:01+01:02:03",
    "timestamp": "2024-02-29 01:02:03",
    "timestamptz": "2024-02-29 01:02:03+00",
    "interval": "1 mon -25:00:00",
    "uuid": "00000000-0000-0000-0000-000000000001",
    "json": '{"a":""}',
    "jsonb": '{"a": ""}',
    "jsonpath": '$."a"',
    "inet": "1.2.3.4/8",
    "cidr": "10.0.0.0/8",
    "macaddr": "08:00:2b:01:02:03",
    "macaddr8": "08:00:2b:01:02:03:04:05",
    "point": "(1,2)",
    "line": "{1,2,3}",
    "lseg": "[(1,2),(3,4)]",
    "box": "(3,4),(1,2)",
    "path": "[(1,2),(3,4)]",
    "polygon": "((1,2),(3,4))",
    "circle": "<(1,2),3>",
    "pg_lsn": "1/2",
    "tid": "(1,2)",
    "regclass": "pg_class",
    "regtype": "integer",
    "regproc": "pg_backend_pid",
    "regprocedure": "now()",
    "regoper": "||/",
    "regoperator": "+(integer,integer)",
    "regconfig": "english",
    "regdictionary": "simple",
    "regnamespace": "pg_catalog",
    "regrole": "postgres",
    "regcollation": '"C"',
    "regdatabase": "postgres",
    "aclitem": "postgres=r/postgres",
    "pg_snapshot": "1:2:",
    "txid_snapshot": "1:2:",
    "int2vector": "1 2",
    "oidvector": "1 2",
    "ean13": "978-0-393-04002-9",
    "isbn13": "978-0-393-04002-9",
    "isbn": "0-393-04002-X",
    "cube": "(1, 2)",
    "seg": "1 .. 2",
    "lquery": "a.*",
    "ltxtquery": "a",
    "query_int": "1",
    **dict.fromkeys(("vector", "halfvec"), "[1,2]"),
    "sparsevec": "{1:1.5}/3",
}
NO_INPUT = "cannot accept a value|not implemented|Not implemented|requires the server to be built|invalid input syntax"
# Values that are sequences in Python, which the driver takes for inner arrays.
NESTING = {"int2vector", "oidvector", "path", "polygon", "vector", "halfvec"}


async def test_arrays_of_every_base_type(db: Database, server_facts: ServerFacts) -> None:
    for name in server_facts.extensions & set(EXTENSIONS):
        await db.execute(f"create extension {name}")
    types = await db.fetch(
        "select typname, t.oid::regtype::text as type, typreceive::oid <> 0 or typinput::oid <> 0 as input "
        "from pg_type t where typtype = 'b' and typarray <> 0 order by oid"
    )
    tried = 0
    for name, type_, _ in types:
        sample = SAMPLES.get(name, "")
        array = f"array['{sample}', null, '{sample}']::{type_}[]"
        try:
            await db.execute(f"select {array}")
        except errors.ChakraError as error:
            assert any(part in str(error) for part in NO_INPUT.split("|")), (name, error)
            continue
        tried += 1
        found, single, text = await db.fetchrow(
            f"select {array}, '{sample}'::{type_}, array(select unnest({array})::text)"
        )
        assert found == [single, None, single], name
        if isinstance(single, str) and name not in ("json", "jsonb", "bpchar", "char"):
            assert found == text, name
        if name not in {*NESTING, "jsonb"}:
            again = f"select array(select unnest($1::{type_}[])::text)"
            assert await db.fetchval(again, found) == text, name
    assert tried > 70


@pytest.mark.parametrize("empty", [[], [[]], [[], []], [[[]]]], ids=repr)
async def test_arrays_of_nothing_but_empty_arrays_are_empty(db: Database, empty: list[Any]) -> None:
    for type_ in ("money", "tsvector", "regclass", "int"):
        assert await db.fetchval(f"select $1::{type_}[]::text", empty) == "{}", type_


CITEXT = "create extension citext; create extension ltree; create extension isn"
CONTAINERS: list[tuple[str, str, Any]] = [
    (
        "",
        "array['a', '', null, 'NULL', '{', ',', '\"', '\\']::citext[]",
        ["a", "", None, "NULL", "{", ",", '"', "\\"],
    ),
    ("", "array[array['', 'b'], array['c', '']]::tsvector[]", [["", "'b'"], ["'c'", ""]]),
    ("", "'[0:1]={1.5,2}'::money[]", ["$1.50", "$2.00"]),
    ("", "'{}'::money[]", []),
    ("", "array['', 'a.b']::ltree[]", ["", "a.b"]),
    ("create domain shout as citext", "array['', 'x']::shout[]", ["", "x"]),
    ("create domain many as tsquery[]", "array['', 'a']::many", ["", "'a'"]),
    ("create type pair as (a citext, b int)", "row('', 1)::pair", ("", 1)),
    ("create type pair as (a tsvector, b int, c text)", "row('', 1, 'x,\"(')::pair", ("", 1, 'x,"(')),
    (
        "create type pair as (a money, b numeric, c bool, d text[])",
        "array[row('1', 1.5, true, array['', null]), null, row(null, null, null, null)]::pair[]",
        [("$1.00", Decimal("1.5"), True, ["", None]), None, (None, None, None, None)],
    ),
    (
        "create type inner_ as (r regclass); create type outer_ as (i inner_, l inner_[], at timestamptz)",
        "row(row('pg_class'), array[row('pg_am')]::inner_[], '2024-01-02 03:04:05+00')::outer_",
        (("pg_class",), [("pg_am",)], dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
    ),
    ("create type one as (a tsvector)", "row('')::one", ("",)),
    (
        "create type many as (m money, b bit(3), i inet, c cidr, u uuid, y bytea, j jsonb, t time, d date, n interval)",
        "row('1', '101', '1.2.3.4/8', '10.0.0.0/8', '00000000-0000-0000-0000-000000000001', '\\x00ff', '[1]', "
        "'01:02:03', '2020-01-02', '-1 mon 02:00')::many",
        (
            "$1.00",
            asyncpg.BitString.frombytes(b"\xa0", 3),
            ipaddress.ip_interface("1.2.3.4/8"),
            ipaddress.ip_network("10.0.0.0/8"),
            uuid.UUID(int=1),
            b"\0\xff",
            [1],
            dt.time(1, 2, 3),
            dt.date(2020, 1, 2),
            Interval(-1, 0, 7_200_000_000),
        ),
    ),
    ("create type one as (a tsvector)", "row(null)::one", (None,)),
]


@pytest.mark.parametrize(("made", "sql", "value"), CONTAINERS, ids=[c[1][:40] for c in CONTAINERS])
async def test_containers(db: Database, made: str, sql: str, value: Any) -> None:
    await db.execute(f"{CITEXT}; {made}")

    def plain(found: Any) -> Any:
        if isinstance(found, list):
            return [plain(item) for item in found]
        return tuple(map(plain, found.values())) if hasattr(found, "keys") else found

    found, text, type_ = await db.fetchrow(
        f"select v, v::text, pg_typeof(v)::text from (select {sql} as v) q"
    )
    assert plain(found) == value
    if "[0:1]" not in sql:
        assert await db.fetchval(f"select $1::{type_}::text", value) == text


async def test_ranges(db: Database) -> None:
    await db.execute(
        f"{CITEXT}; create type span as range (subtype = citext); create type paid as range (subtype = money)"
    )
    for type_ in ("span", "paid"):
        for text in ("empty", "[1,2)", "(,)", "(1,)", '["",2]' if type_ == "span" else "(,2]"):
            found, shown = await db.fetchrow(f"select '{text}'::{type_}, '{text}'::{type_}::text")
            assert await db.fetchval(f"select $1::{type_}::text", found) == shown
            assert found.isempty == (text == "empty")
        name = f"{type_}_multirange"
        found = await db.fetchval(f"select '{{[1,2),[3,4]}}'::{name}")
        assert len(found) == 2
        assert await db.fetchval(f"select $1::{name} = '{{[1,2),[3,4]}}'::{name}", found)
    assert (await db.fetchval("select '[1.5,2)'::paid")).lower == "$1.50"


async def test_composites_have_names(db: Database) -> None:
    await db.execute("create type pair as (a money, b int)")
    found = await db.fetchval("select row('1', 2)::pair")
    assert (found["b"], dict(found), found.get("c")) == (2, {"a": "$1.00", "b": 2}, None)
    assert await db.fetchval("select ($1::pair).b", {"b": 5}) == 5
    for wrong in ({"c": 1}, (1,), ("1", 2, 3)):
        with pytest.raises(errors.DataError, match=r"\$1"):
            await db.fetchval("select $1::pair", wrong)
    with pytest.raises(KeyError):
        found["c"]


async def test_what_cannot_be_read_beside_text(db: Database) -> None:
    await db.execute("create type pair as (a money, p point)")
    with pytest.raises(errors.DataError, match=r"point.*cast"):
        await db.fetchval("select row('1', '(1,2)')::pair")
    assert await db.fetchval("select row('1', null)::pair") == ("$1.00", None)


async def test_a_container_that_changed(db: Database) -> None:
    await db.execute("create type pair as (a money)")
    assert await db.fetchval("select row('1')::pair") == ("$1.00",)
    await db.execute("alter type pair add attribute b int")
    assert await db.fetchval("select row('1', 2)::pair") == ("$1.00", 2)


async def test_known_types_stay_known(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    """Registering one codec makes the driver forget what it derived; it must ask once more, not for ever."""
    await pg.execute("create extension citext; create type pair as (a int, b int)")
    db = await open_db(max_connections=1)
    assert await db.fetchval("select row(1, 2)::pair") == (1, 2)
    row = await db.fetchrow(
        "select row(1, 2)::pair, array['']::citext[], array[1], array['']::money[] is null"
    )
    assert tuple(row) == ((1, 2), [""], [1], False)
    assert await db.fetchval("select array[''::citext]") == [""]
    assert await db.fetchval("select row(1, 2)::pair") == (1, 2)


async def test_every_text_type_of_the_driver_is_known(db: Database) -> None:
    """Asked of the server, in the format the driver chooses by itself, every built-in type is read as told."""
    names = await db.fetch(
        "select typname from pg_type where typtype = 'b' and oid < 16384 and typarray <> 0"
    )
    known = {name for (name,) in names}
    assert known & text_types.READ_AS_TEXT >= {"money", "tsvector", "regclass", "aclitem"}
    assert not text_types.READ_AS_TEXT & {*codecs.BUILTIN_CODECS, *codecs.PLAIN_TEXT}


@pytest.mark.parametrize("text", ["", "{", "}", "a", "{a", "{a}b", "{a}}", '{"a', "{{a}", "(a)"])
def test_malformed_arrays(text: str) -> None:
    with pytest.raises(ValueError, match="array"):
        text_values.read_array(text, ",", str)


@pytest.mark.parametrize("text", ["", "(", "a", "(a", "a)", '("a', "[a]"])
def test_malformed_composites(text: str) -> None:
    with pytest.raises(ValueError, match="composite"):
        text_values.read_items(text)
