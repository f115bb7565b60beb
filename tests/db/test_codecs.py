"""JSON and extension types as Python objects, on every connection, and against the server's own text."""

from __future__ import annotations

import math
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chakra import JSON_NULL, errors
from chakra.db import Database, codecs
from tests.db.conftest import Open
from tests.plugins.needs import needs_extension

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(JSON.map(lambda value: JSON_NULL if value is None else value))
def test_json_round_trip(value: Any) -> None:
    assert codecs.decode_json(codecs.encode_json(value)) == value
    assert codecs.decode_jsonb(codecs.encode_jsonb(value)) == value
    assert codecs.encode_jsonb(value)[0] == 1


@given(st.dictionaries(st.text(max_size=20), st.none() | st.text(max_size=20)))
def test_hstore_round_trip(value: dict[str, str | None]) -> None:
    try:
        encoded = codecs.encode_hstore(value)
    except UnicodeEncodeError:
        return
    assert codecs.decode_hstore(encoded) == value


VALUES: list[Any] = [
    {"a": [1, None, {"b": "ü\U0001f40d"}]},
    [],
    "text",
    "",
    5,
    1.5,
    True,
    {"k": ""},
    -0.0,
    10**30,
]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("type_", ["json", "jsonb"])
async def test_json_through_the_server(db: Database, type_: str, value: Any) -> None:
    assert await db.fetchval(f"select $1::{type_}", value) == value
    assert await db.fetchval(f"select array[$1::{type_}, null]", value) == [value, None]


async def test_json_means_the_same_to_the_server(db: Database, pg: asyncpg.Connection[Any]) -> None:
    for value in VALUES:
        text = await db.fetchval("select $1::jsonb::text", value)
        assert await db.fetchval("select $1::text::jsonb", text) == value


async def test_what_json_cannot_hold(db: Database) -> None:
    for wrong in (math.nan, math.inf, {"a": object()}, {1, 2}, b"x"):
        with pytest.raises(errors.DataError, match=r"\$1"):
            await db.fetchval("select $1::jsonb", wrong)
    with pytest.raises(errors.DataError):
        await db.fetchval("select $1::jsonb", {"a": "\0"})


async def test_hstore(db: Database) -> None:
    await db.execute("create extension hstore")
    value = {"a": "1", "b": None, "ü'\"=>": ",\\"}
    assert await db.fetchval("select $1::hstore", value) == value
    assert await db.fetchval("select 'x=>1, y=>NULL'::hstore") == {"x": "1", "y": None}
    assert await db.fetchval("select ''::hstore") == {}
    assert await db.fetchval("select array[$1::hstore]", {"a": "b"}) == [{"a": "b"}]
    for wrong in ("a=>1", {"a": 1}, {1: "a"}):
        with pytest.raises(errors.DataError, match=r"\$1"):
            await db.fetchval("select $1::hstore", wrong)


@needs_extension("vector")
async def test_vectors(db: Database) -> None:
    await db.execute("create extension vector")
    for type_ in ("vector", "halfvec"):
        assert await db.fetchval(f"select $1::{type_}", [1, 2.5, -0.0]) == [1.0, 2.5, -0.0]
        assert await db.fetchval(f"select $1::{type_}::text", (1, 2.5)) == "[1,2.5]"
        assert await db.fetchval(f"select $1::{type_}", "[3, 4]") == [3.0, 4.0]
        assert await db.fetchval(f"select array[$1::{type_}]", [1]) == [[1.0]]
        for wrong in ([], ["x"], 5, [1] * 16001, "nonsense"):
            with pytest.raises(errors.DataError, match=r"\$1"):
                await db.fetchval(f"select $1::{type_}", wrong)
    assert await db.fetchval("select '{1:1.5}/3'::sparsevec") == "{1:1.5}/3"
    assert await db.fetchval("select $1::sparsevec", "{1:1.5}/3") == "{1:1.5}/3"


async def test_text_like_extensions(db: Database) -> None:
    await db.execute("create extension citext; create extension ltree")
    assert await db.fetchval("select $1::citext", "Ab") == "Ab"
    assert await db.fetchval("select $1::ltree", "a.b") == "a.b"


async def test_every_connection_has_the_codecs(open_db: Open) -> None:
    db = await open_db(max_connections=3, min_connections=2)
    await db.execute("create schema ext; create extension hstore schema ext")
    async with db.acquire() as one, db.acquire() as two, db.acquire() as three:
        for connection in (one, two, three):
            assert await connection.fetchval("select 'a=>1'::ext.hstore") == {"a": "1"}


async def test_an_extension_made_in_a_transaction(open_db: Open) -> None:
    db = await open_db(max_connections=2, min_connections=2)
    async with db.transaction():
        await db.execute("create extension hstore")
        assert await db.fetchval("select 'a=>1'::hstore") == {"a": "1"}
    async with db.acquire() as one, db.acquire() as two:
        for connection in (one, two):
            assert await connection.fetchval("select 'a=>1'::hstore") == {"a": "1"}
    await db.execute("drop extension hstore; create extension hstore")  # under a new OID
    assert await db.fetchval("select 'a=>1'::hstore") == {"a": "1"}


async def test_hardware_addresses_in_the_forms_of_the_server(db: Database) -> None:
    forms = ("08:00:2B:01:02:03", "08-00-2b-01-02-03", "08002b:010203", "08002b-010203", "0800.2b01.0203")
    for text in (*forms, "0800-2b01-0203", "08002b010203", " 08002b010203 "):
        assert await db.fetchval("select $1::macaddr", text) == "08:00:2b:01:02:03", text
        assert await db.fetchval("select ($1::text)::macaddr", text) == "08:00:2b:01:02:03", text
    for text in (
        "08002b010203.",
        "08.00.2b.01.02.03",
        "08:00-2b:01:02:03",
        "08002b.010203",
        "0800:2b01:0203",
        "x",
        "",
    ):
        for sql in ("select $1::macaddr", "select ($1::text)::macaddr"):
            with pytest.raises(errors.DataError):
                await db.fetchval(sql, text)
