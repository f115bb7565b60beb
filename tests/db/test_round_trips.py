"""How many round trips a call costs, counted on the wire: on the hot paths time would be noise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from chakra import Field, Model, field
from chakra.db import Database
from chakra.types import BigInt
from tests.db.conftest import Open
from tests.db.proxy import Proxy


@pytest.fixture
async def db(open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any]) -> Database:
    """One connection through the counting proxy, with everything prepared once."""
    database = await open_db(proxy.url, max_connections=1)
    await pg.execute("create table t (id int primary key)")
    await database.run_fetchrow("select $1::int", (1,))
    await database.run_execute("insert into t values ($1)", (0,))
    proxy.sent.clear()
    return database


async def test_a_known_statement_is_one_round_trip(db: Database, proxy: Proxy) -> None:
    for n in range(1, 11):
        await db.run_fetchrow("select $1::int", (n,))
        await db.run_fetch("select $1::int", (n,))
        await db.run_execute("insert into t values ($1)", (n,))
    assert proxy.round_trips == 30
    assert proxy.sent[b"P"] == 0  # nothing was parsed again


async def test_a_new_statement_is_two(db: Database, proxy: Proxy) -> None:
    await db.run_fetch("select 'new'")
    assert proxy.round_trips == 2


async def test_acquire_and_release_are_none(db: Database, proxy: Proxy) -> None:
    for _ in range(10):
        async with db.acquire():
            pass
        db.pool.release(await db.pool.acquire())
    assert proxy.round_trips == 0


async def test_a_reset_is_one(db: Database, proxy: Proxy) -> None:
    await db.execute("set work_mem = '1MB'")
    assert proxy.round_trips == 2
    await db.fetchval("select $1::int", 1)
    assert proxy.round_trips == 4
    await db.run_fetch("select $1::int", (1,))
    assert proxy.round_trips == 5


async def test_a_reset_is_one_for_all_of_a_transaction_or_a_pinned_connection(
    db: Database, proxy: Proxy
) -> None:
    async with db.transaction():
        for n in range(5):
            await db.fetchval("select $1::int", n)
    assert proxy.round_trips == 1 + 5 + 1 + 1
    async with db.acquire() as connection:
        for n in range(5):
            await connection.fetchval("select $1::int", n)
    assert proxy.round_trips == 8 + 5 + 1


async def test_without_resets_there_are_none(
    open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any]
) -> None:
    db = await open_db(proxy.url, max_connections=1, reset="never")
    await db.fetchval("select $1::int", 1)
    proxy.sent.clear()
    await db.fetchval("select $1::int", 1)
    await db.execute("set work_mem = '1MB'")
    assert proxy.round_trips == 2


async def test_resets_after_everything(open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(proxy.url, max_connections=1, reset="always")
    for _ in range(4):
        async with db.acquire() as connection:
            proxy.sent.clear()
            await connection.run_fetchrow("select $1::int", (1,))
        assert proxy.sent[b"Q"] == 1  # the script is a simple query; nothing else is


async def test_transactions(db: Database, proxy: Proxy) -> None:
    async with db.transaction():
        await db.run_fetchrow("select $1::int", (1,))
    assert proxy.round_trips == 3
    async with db.transaction(), db.transaction():
        pass
    assert proxy.round_trips == 3 + 4


async def test_copy(db: Database, proxy: Proxy) -> None:
    await db.copy_out("select 1", lambda data: None)
    assert proxy.round_trips == 2  # somebody's SQL: the session is reset
    data = [b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff"]
    await db.copy_in("t", ["id"], data)
    assert proxy.round_trips == 4  # asks once whether the table may call what stays on a session
    await db.copy_in("t", ["id"], data)
    assert proxy.round_trips == 5


async def test_a_new_connection_asks_nothing_after_the_first(open_db: Open, proxy: Proxy) -> None:
    db = await open_db(proxy.url, max_connections=2)
    proxy.sent.clear()
    first, second = await db.pool.acquire(), await db.pool.acquire()
    assert proxy.round_trips == 0
    for session in (first, second):
        db.pool.release(session)


async def test_describe(db: Database, proxy: Proxy) -> None:
    assert [name for name, _ in await db.describe("select 1 as a, 'x'::text as b")] == ["a", "b"]
    assert proxy.round_trips == 2  # the second ends the transaction that the first has opened


class Row(Model, table="columns"):
    id: Field[int] = field(BigInt, primary_key=True)
    v: Field[int | None] = field(BigInt)


async def _many(db: Database, start: int) -> None:
    await Row.objects.using(db).bulk_create([Row(id=start + i, v=i) for i in range(600)])


COLUMNS: dict[str, tuple[int, Callable[[Database, int], Awaitable[Any]]]] = {
    # what it costs with and without knowing the server's types
    "to_arrow": (1, lambda db, n: Row.objects.using(db).to_arrow()),
    "few instances": (
        1,
        lambda db, n: Row.objects.using(db).bulk_create([Row(id=n, v=1), Row(id=n + 1, v=2)]),
    ),
    "many instances": (2, _many),
    "columns": (2, lambda db, n: Row.objects.using(db).bulk_insert({"id": [n], "v": [1]})),
    "update": (5, lambda db, n: Row.objects.using(db).bulk_update([Row(id=1, v=n)], ["v"])),
}


@pytest.mark.parametrize("kind", ["int8", "int4"])
@pytest.mark.parametrize("what", COLUMNS)
async def test_knowing_the_types_costs_nothing(
    db: Database, proxy: Proxy, pg: asyncpg.Connection[Any], what: str, kind: str
) -> None:
    await pg.execute(
        f"create table columns (id {kind} primary key, v {kind}); insert into columns values (1, 1)"
    )
    trips, run = COLUMNS[what]
    for n in (1000, 2000, 3000, 4000):
        proxy.sent.clear()
        await run(db, n)
        if n > 2000:  # described, looked at and prepared by now
            assert proxy.round_trips == trips
    async with db.transaction():
        proxy.sent.clear()
        await run(db, 5000)
        assert proxy.round_trips <= trips + 1  # where a savepoint is


async def test_types_that_changed_cost_a_description(
    db: Database, proxy: Proxy, pg: asyncpg.Connection[Any]
) -> None:
    await pg.execute("create table columns (id int8 primary key, v int8); insert into columns values (1, 2)")
    await Row.objects.using(db).to_arrow()
    await pg.execute("alter table columns alter v type int4")
    proxy.sent.clear()
    await Row.objects.using(db).to_arrow()
    assert proxy.round_trips == 3  # the guard fails, the description (prepared), the COPY
    proxy.sent.clear()
    await Row.objects.using(db).to_arrow()
    assert proxy.round_trips == 1
