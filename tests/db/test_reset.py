"""What a reset undoes beside settings: prepared statements, temporary objects, the seed; and the setting pool.reset."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import asyncpg
import pytest

from chakra import errors
from chakra.db import Database
from tests.db.conftest import Open
from tests.db.proxy import Proxy

QUERY = "select name from who where id = $1"


@pytest.fixture
async def one(open_db: Open) -> Database:
    db = await open_db(max_connections=1)
    await db.execute(
        "create table who (id bigint primary key, name text); insert into who values (1, 'good')"
    )
    assert await good(db)
    return db


async def good(db: Database) -> bool:
    """Whether a query that was prepared before answers right; it is our own, so nothing is reset after it."""
    row = await db.run_fetchrow(QUERY, (1,))
    return row is not None and row[0] == "good"


async def name_of(db: Database, query: str) -> str:
    found = await db.run_fetchrow("select name from pg_prepared_statements where statement = $1", (query,))
    assert found is not None
    return str(found[0])


ATTACKS = {
    "another under our name": "deallocate {name}; prepare {name} (bigint) as select 'evil ' || $1",
    "another under our name, and one of its own": "deallocate {name}; prepare x as select 1; "
    "prepare {name} (bigint) as select 'evil'",
    "ours is gone": "deallocate {name}",
    "all are gone": "deallocate all",
    "all are gone, with everything": "discard all",
    "all are gone, and one is there": "deallocate all; prepare {name} (bigint) as select 'evil'",
    "one of its own": "prepare x as select 1",
    "one with a name like ours": "prepare chakra_1 as select 1",
    "one with a quoted name": 'prepare "chakra_1; x" as select 1',
    "through a function": "select attack('{name}')",
}  # fmt: skip

ATTACK = """create function attack(name text) returns void language plpgsql as $f$begin
    execute format('deallocate %I', name); execute format('prepare %I (bigint) as select ''evil''', name); end$f$"""


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("how", ["execute", "acquire", "transaction"])
async def test_prepared_statements_of_others(one: Database, attack: str, how: str) -> None:
    await one.execute(ATTACK)
    assert await good(one)
    sql = ATTACKS[attack].format(name=await name_of(one, QUERY))
    if how == "acquire":
        async with one.acquire() as connection:
            await connection.execute(sql)
    elif how == "transaction" and "discard" not in sql:  # which no transaction takes
        async with one.transaction():
            await one.execute(sql)
    else:
        for statement in sql.split("; ") if "discard" in sql else [sql]:
            await one.execute(statement)
    async with one.transaction():  # where nothing could be prepared again after a failure
        assert await good(one)
        left = await one.run_fetch("select name from pg_prepared_statements where from_sql")
        assert left == []
    assert await good(one)


async def test_names_cannot_be_guessed(one: Database) -> None:
    for number in range(20):
        await one.run_fetch(f"select {number}::int")
    found = await one.run_fetch("select name from pg_prepared_statements where name like 'chakra%'")
    numbers = sorted(int(row["name"].removeprefix("chakra_")) for row in found)
    assert min(b - a for a, b in pairwise(numbers)) > 1_000_000


async def test_deallocated_within_a_transaction(one: Database) -> None:
    async with one.transaction():
        assert await good(one)
        await one.execute("deallocate all")
        assert await good(one)


async def test_statements_are_kept_otherwise(one: Database, proxy: Proxy, open_db: Open) -> None:
    db = await open_db(proxy.url, max_connections=1)
    await good(db)
    await db.execute("set work_mem = '1MB'")
    proxy.sent.clear()
    await good(db)
    assert proxy.round_trips == 1


async def test_after_deallocate_all_nothing_is_closed_one_by_one(open_db: Open, proxy: Proxy) -> None:
    db = await open_db(proxy.url, max_connections=1)
    for number in range(20):
        await db.run_fetch(f"select {number}::int")
    await db.execute("prepare x as select 1")
    proxy.sent.clear()
    await db.run_fetch("select 1::int")
    assert proxy.round_trips == 2


SHADOWS = [
    "create temp table who (id bigint, name text)",
    'create table "pg_temp".who as select 1::bigint as id, \'evil\'::text as name',
    "select 1::bigint as id, 'evil'::text as name into \"pg_temp\".who",
    "create view \"pg_temp\".who as select 1::bigint as id, 'evil'::text as name",
    "explain analyze create table \"pg_temp\".who as select 1::bigint as id, 'evil'::text as name",
    "set search_path = evil, public",
    "update pg_settings set setting = 'evil' where name = 'search_path'",
    "select set_config('search_path', 'evil', false)",
    "alter role current_user in database \"{database}\" set search_path = evil; set search_path = evil; "
    "alter role current_user in database \"{database}\" reset search_path",
    "create temp sequence who",
    "create type pg_temp.evil as (x int); create function pg_temp.evil() returns int language sql as 'select 1'; "
    "create domain pg_temp.evil2 as int; create operator pg_temp.@@@ (rightarg = int, function = abs)",
]  # fmt: skip


@pytest.mark.parametrize("sql", SHADOWS)
async def test_relations_that_hide_others(one: Database, sql: str) -> None:
    await one.execute(
        "create schema evil; create table evil.who as select 1::bigint as id, 'evil'::text as name"
    )
    await one.execute(sql.format(database=one.name))
    assert await good(one)
    assert await one.run_execute("update who set name = 'good' where id = $1", (1,)) == 1
    left = "select count(*) from pg_class where relnamespace = pg_my_temp_schema()"
    assert (await one.run_fetchrow(left))[0] == 0  # type: ignore[index]


async def test_the_seed_of_random_numbers(one: Database) -> None:
    seen = set()
    for _ in range(5):
        await one.execute("select setseed(0.5)")
        seen.add((await one.run_fetchrow("select random()"))[0])  # type: ignore[index]
    assert len(seen) == 5


async def test_what_is_left_is_gone_when_the_call_returns(one: Database, pg: asyncpg.Connection[Any]) -> None:
    locks = "select count(*) from pg_locks where locktype = 'advisory'"
    await one.fetch("select pg_advisory_lock(7)")
    assert await pg.fetchval(locks) == 0
    with pytest.raises(errors.DataError):
        await one.execute("select pg_advisory_lock(7); commit; select 1 / 0")
    assert await pg.fetchval(locks) == 0
    async with one.acquire() as connection:
        await connection.fetch("select pg_advisory_lock(7)")
        assert await pg.fetchval(locks) == 1
    assert await pg.fetchval(locks) == 0


async def test_never(open_db: Open) -> None:
    db = await open_db(max_connections=1, reset="never")
    await db.execute("set work_mem = '123kB'")
    assert await db.fetchval("show work_mem") == "123kB"
    for sql in ("begin; create table left_open ()", "begin; select 1 / 0"):
        try:
            await db.execute(sql)
        except errors.DataError:
            assert "/" in sql
        assert await db.fetchval("select to_regclass('left_open') is null")


async def test_always(open_db: Open) -> None:
    db = await open_db(max_connections=1, reset="always")
    await db.run_fetch("select set_config('my.flag', 'x', false)")  # as if it were ours
    assert (await db.run_fetchrow("select current_setting('my.flag', true)"))[0] in ("", None)  # type: ignore[index]


async def test_other_words_are_refused(open_db: Open) -> None:
    with pytest.raises(
        errors.ConfigError, match=r"pool\.reset in connect\(\): expected one of auto, always, never"
    ):
        await open_db(reset="sometimes")
