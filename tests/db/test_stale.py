"""The catalog changes under prepared statements: the next query works, outside a transaction at least."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from chakra import errors
from chakra.db import Database
from chakra.db.statements import Own
from tests.db.conftest import Open
from tests.db.proxy import Proxy


@pytest.fixture
async def t(open_db: Open) -> Database:
    """One connection, a table with a row, and a statement prepared on it."""
    db = await open_db(max_connections=1)
    await db.execute("create type mood as enum ('sad', 'ok'); create type pair as (x int, y int)")
    await db.execute(
        "create table t (id int, a int, m mood, p pair); insert into t values (1, 2, 'ok', (1, 2))"
    )
    await db.run_fetch("select * from t")
    await db.run_fetchrow("select a from t where id = $1", (1,))
    await db.run_execute("update t set m = $1", ("sad",))
    return db


CHANGES = {
    "column type": "alter table t alter a type bigint",
    "new column": "alter table t add column b text default 'x'",
    "dropped column": "alter table t drop column p",
    "renamed table": "alter table t rename to old; create table t (id int, a text, m mood)",
    "new table": "drop table t; create table t (id bigint, a numeric, m mood)",
    "new type": "alter table t drop column m; drop type mood; create type mood as enum ('sad'); "
    "alter table t add column m mood",
    "new label": "alter type mood add value 'great'",
    "composite": "alter type pair add attribute z int",
    "index": "create index i on t (id); drop index i",
}


@pytest.mark.parametrize("who", ["us", "someone else"])
@pytest.mark.parametrize("what", CHANGES)
async def test_the_next_query_works(t: Database, pg: asyncpg.Connection[Any], what: str, who: str) -> None:
    for change in CHANGES[what].split("; "):
        await (t.execute(change) if who == "us" else pg.execute(change))
    await t.run_fetch("select * from t")
    await t.run_fetchrow("select a from t where id = $1", (1,))
    assert await t.run_execute("update t set m = $1", ("sad",)) in (0, 1)
    columns = {
        r["attname"]
        for r in await pg.fetch(
            "select attname from pg_attribute where attrelid = 't'::regclass and attnum > 0 "
            "and not attisdropped"
        )
    }
    await t.run_execute("insert into t (id) values (7)")
    assert set((await t.run_fetch("select * from t"))[0].keys()) == columns


async def test_inside_a_transaction_there_is_no_second_try(t: Database, pg: asyncpg.Connection[Any]) -> None:
    await pg.execute("alter table t alter a type bigint")
    with pytest.raises(errors.DatabaseError, match="cached statement plan"):
        async with t.transaction():
            await t.run_fetch("select * from t")
    async with t.transaction():  # but the plans were dropped, so the next transaction works
        assert len(await t.run_fetch("select * from t")) == 1


async def test_our_own_change_is_known_inside_the_transaction_and_after(open_db: Open) -> None:
    db = await open_db(max_connections=2, min_connections=2)
    await db.execute("create table t (a int); insert into t values (1)")
    first, second = await db.pool.acquire(), await db.pool.acquire()
    for session in (first, second):
        await session.fetch(Own("select * from t"), ())
        db.pool.release(session)
    async with db.transaction():
        await db.execute("alter table t alter a type text")
        assert (await db.run_fetch("select * from t"))[0]["a"] == "1"
    for _ in range(2):
        async with db.transaction():
            assert (await db.run_fetch("select * from t"))[0]["a"] == "1"
        held = db.pool.take()  # so that the other connection takes the next turn
        assert held is not None
        db.pool._idle.insert(0, held)
        db.pool._borrowed.discard(held)


async def test_a_write_is_not_run_twice(t: Database, pg: asyncpg.Connection[Any]) -> None:
    insert = "with made as (insert into t (id, p) values ($1, (1, 2)) returning p) select p from made"
    await t.run_fetch(insert, (5,))
    await pg.execute("alter type pair add attribute z int")
    with pytest.raises(errors.DatabaseError):
        await t.run_fetch(insert, (6,))
    assert await t.fetchval("select count(*) from t where id = 6") == 1
    again = "insert into t (id, p) values ($1, (1, 2, 3)) returning p"
    assert tuple((await t.run_fetch(again, (7,)))[0]["p"]) == (1, 2, 3)


async def test_deallocate_all(t: Database) -> None:
    for leave in ("deallocate all", "discard all"):
        await t.execute(leave)
        assert (await t.run_fetchrow("select a from t where id = $1", (1,)))["a"] == 2  # type: ignore[index]


async def test_one_retry_costs_what_it_must(open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(proxy.url, max_connections=1)
    await pg.execute("create table t (a int)")
    await db.run_fetch("select * from t")
    await pg.execute("alter table t add column b int")
    before = proxy.sent[b"P"]
    await db.run_fetch("select * from t")
    assert proxy.sent[b"P"] == before + 1


async def test_an_error_that_only_sounds_stale_is_not_retried(t: Database) -> None:
    await t.execute(
        "create function fails() returns int language plpgsql as $$ begin "
        "insert into t (id) values (9); raise feature_not_supported; end $$"
    )
    with pytest.raises(errors.DatabaseError):
        await t.fetch("select fails()")
    assert await t.fetchval("select count(*) from t where id = 9") == 0
