"""Types as the server knows them: read once with all they stand on, forgotten when the catalog changes."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from chakra import errors
from chakra.db import Database, with_modifier
from chakra.pg import types as pgt
from tests.plugins.needs import needs_extension

SCHEMA = """
create schema other;
create type other.mood as enum ('sad', 'ok', 'x''y');
create domain posint as int check (value > 0);
create domain price as numeric(12, 2);
create domain tags as varchar(10)[];
create domain small as posint check (value < 10);
create type inner_pair as (a price, b other.mood);
create type outer_pair as (x inner_pair, many inner_pair[], n numeric(8, 3), names varchar(5)[][]);
create type floatrange as range (subtype = float8, multirange_type_name = floatranges);
create table t (id int, dropped int, m other.mood);
alter table t drop column dropped;
"""


@pytest.fixture
async def c(db: Database) -> Database:
    """A database with types of every kind."""
    await db.execute(SCHEMA)
    return db


async def test_enum(c: Database) -> None:
    mood = await c.types.resolve("other.mood")
    assert (mood.kind, mood.labels) == ("enum", ("sad", "ok", "x'y"))
    assert (mood.schema, mood.name, mood.sql, mood.size) == ("other", "mood", '"other"."mood"', 4)
    array = await c.types.resolve("other.mood[]")
    assert (array.kind, array.element, array.oid) == ("array", mood, mood.array_oid)


async def test_domains(c: Database) -> None:
    small = await c.types.resolve("small")
    assert small.kind == "domain"
    assert small.element is not None and small.element.name == "posint"
    assert small.base is pgt.INT4
    price = await c.types.resolve("price")
    assert price.base == pgt.NUMERIC(12, 2)
    tags = (await c.types.resolve("tags")).base
    assert tags.kind == "array" and tags.element == pgt.VARCHAR(10)


async def test_composites_nest(c: Database) -> None:
    outer = await c.types.resolve("outer_pair")
    assert outer.kind == "composite"
    fields = dict(outer.fields)
    assert list(fields) == ["x", "many", "n", "names"]
    inner = fields["x"]
    assert [name for name, _ in inner.fields] == ["a", "b"]
    assert dict(inner.fields)["a"].base == pgt.NUMERIC(12, 2)
    assert dict(inner.fields)["b"].labels == ("sad", "ok", "x'y")
    assert fields["many"].element == inner
    assert fields["n"] == pgt.NUMERIC(8, 3)
    assert (fields["names"].ndims, fields["names"].element) == (2, pgt.VARCHAR(5))


async def test_row_types_of_tables_leave_dropped_columns_out(c: Database) -> None:
    row = await c.types.resolve("t")
    assert [name for name, _ in row.fields] == ["id", "m"]


async def test_ranges(c: Database) -> None:
    found = await c.types.resolve("floatrange")
    assert (found.kind, found.element) == ("range", pgt.FLOAT8)
    multi = await c.types.resolve("floatranges")
    assert (multi.kind, multi.element) == ("multirange", found)
    assert await c.types.resolve("int4range") is pgt.INT4RANGE


@needs_extension("vector")
async def test_extensions(c: Database) -> None:
    for name in ("hstore", "citext", "vector"):
        await c.execute(f"create extension {name}")
    hstore = await c.types.resolve("hstore")
    assert (hstore.name, hstore.sql, hstore.python) == ("hstore", "hstore", dict)
    assert hstore.oid and hstore.array_oid
    assert (await c.types.resolve("vector[]")).element == await c.types.resolve("vector")
    await c.execute("create extension ltree schema other")
    assert (await c.types.resolve("other.ltree")).sql == '"other"."ltree"'


async def test_built_in_types_need_no_question(c: Database) -> None:
    events: list[Any] = []
    c.hooks.add(events.append)
    assert await c.types.resolve_many([23, 25, 1007]) == {
        23: pgt.INT4,
        25: pgt.TEXT,
        1007: pgt.array_of(pgt.INT4),
    }
    assert events == []
    await c.types.resolve("outer_pair")
    asked = len(events)
    await c.types.resolve("outer_pair")
    await c.types.resolve("other.mood")
    assert asked == 4  # name and layout, each seen twice by the hook
    assert len(events) == asked + 2  # the name only: its layout came with outer_pair


async def test_unknown_types(c: Database) -> None:
    with pytest.raises(errors.FieldError, match="no type 'nowhere'"):
        await c.types.resolve("nowhere")
    with pytest.raises(errors.FieldError, match="no type with OID 999999"):
        await c.types.resolve(999999)


async def test_our_ddl_is_noticed(c: Database) -> None:
    before = await c.types.resolve("other.mood")
    await c.execute("alter type other.mood add value 'great'")
    after = await c.types.resolve("other.mood")
    assert (after.oid, after.labels) == (before.oid, (*before.labels, "great"))
    await c.execute("drop type other.mood cascade; create type other.mood as enum ('new')")
    assert (await c.types.resolve("other.mood")).labels == ("new",)


async def test_ddl_of_others_needs_a_word(c: Database, pg: asyncpg.Connection[Any]) -> None:
    await c.types.resolve("other.mood")
    await pg.execute("alter type other.mood add value 'great'")
    c.types.invalidate()
    assert (await c.types.resolve("other.mood")).labels[-1] == "great"


async def test_a_type_made_in_the_transaction(c: Database) -> None:
    with pytest.raises(KeyError):
        async with c.transaction():
            await c.execute("create type fresh as enum ('a')")
            assert (await c.types.resolve("fresh")).labels == ("a",)
            assert (await c.describe("select null::fresh as f"))[0][1].labels == ("a",)
            raise KeyError
    c.types.invalidate()
    with pytest.raises(errors.FieldError):
        await c.types.resolve("fresh")


async def test_describe(c: Database) -> None:
    columns = await c.describe(
        "select id, m, array[m], row(1, 'a') as r, 1.5::numeric(5, 2) as n from t where id = $1"
    )
    assert [name for name, _ in columns] == ["id", "m", "array", "r", "n"]
    assert [t.kind for _, t in columns] == ["base", "enum", "array", "base", "base"]
    assert columns[0][1] is pgt.INT4
    assert columns[3][1].name == "record"
    with pytest.raises(errors.DatabaseError, match="nope"):
        await c.describe("select nope")


async def test_a_name_is_a_value_not_sql(c: Database) -> None:
    for name in ("mood'; drop table t; --", "int)::text", '"', ""):
        with pytest.raises((errors.FieldError, errors.DatabaseError)):
            await c.types.resolve(name)
    assert await c.fetchval("select count(*) from t") == 0


def test_modifiers_of_arrays_belong_to_the_elements() -> None:
    found = with_modifier(pgt.array_of(pgt.NUMERIC), pgt.NUMERIC(5, 1).typmod, 2)
    assert (found.element, found.ndims, found.sql) == (pgt.NUMERIC(5, 1), 2, "numeric(5, 1)[][]")
    assert with_modifier(pgt.INT4, -1) is pgt.INT4
