"""A server or a network that no longer answers: a cancel returns at once, recovery goes on behind the scenes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

import chakra
from chakra.db import endings
from tests.db.proxy import Proxy

Way = Callable[[Any, Callable[[], None]], Awaitable[Any]]
ROWS = 20_000  # 8 MB: more than the buffers on the way hold


@pytest.fixture
async def db(proxy: Proxy, pg: asyncpg.Connection[Any]) -> AsyncIterator[Any]:
    await pg.execute(
        f"create table wide as select i::int8, repeat('x', 400) t from generate_series(1, {ROWS}) i"
    )
    database = await chakra.connect(proxy.url, max_connections=3, min_connections=3)
    yield database
    proxy.cut()
    async with asyncio.timeout(5):
        await database.close(timeout=0)


def at_first(act: Callable[[], None]) -> Callable[..., None]:
    once = iter([act])
    return lambda *_: next(once, lambda: None)()


async def fetch(db: Any, hush: Callable[[], None]) -> None:
    hush()
    await db.fetch("select 1")


async def transaction(db: Any, hush: Callable[[], None]) -> None:
    async with db.transaction():
        await db.fetch("select 1")
        hush()
        await db.fetch("select 1")


async def pinned(db: Any, hush: Callable[[], None]) -> None:
    async with db.acquire() as connection:
        await connection.execute("set work_mem = '1MB'")
        hush()
        await connection.fetch("select 1")


async def pinned_transaction(db: Any, hush: Callable[[], None]) -> None:
    async with db.acquire() as connection, connection.transaction():
        await connection.fetch("select 1")
        hush()
        await connection.fetch("select 1")


async def giving_back(db: Any, hush: Callable[[], None]) -> None:
    async with db.acquire() as connection:
        await connection.execute("set work_mem = '1MB'")
        hush()


async def rolling_back(db: Any, hush: Callable[[], None]) -> None:
    async with db.transaction():
        await db.fetch("select 1")
        hush()
        raise KeyError


async def to_arrow(db: Any, hush: Callable[[], None]) -> None:
    await db.table("wide").to_arrow(progress=at_first(hush))


async def partitions(db: Any, hush: Callable[[], None]) -> None:
    await db.table("wide").to_arrow(partitions=3, progress=at_first(hush))


async def batches(db: Any, hush: Callable[[], None]) -> None:
    async for _ in db.table("wide").arrow_batches(max_rows=100):
        hush()


async def batches_in_a_transaction(db: Any, hush: Callable[[], None]) -> None:
    async with db.transaction():
        await batches(db, hush)


async def cursor_in_a_transaction(db: Any, hush: Callable[[], None]) -> None:
    async with db.transaction():
        await cursor(db, hush)


async def cursor(db: Any, hush: Callable[[], None]) -> None:
    async for _ in db.run_cursor("select * from wide", prefetch=10):
        hush()


async def bulk_insert(db: Any, hush: Callable[[], None]) -> None:
    await db.table("wide").bulk_insert(
        {"i": list(range(ROWS)), "t": ["x" * 400] * ROWS}, batch_rows=100, progress=at_first(hush)
    )


async def bulk_upsert(db: Any, hush: Callable[[], None]) -> None:
    async with db.transaction():
        await db.execute("create temporary table n (i int8 primary key, t text) on commit drop")
        await db.table("n").bulk_insert(
            {"i": list(range(ROWS)), "t": ["x" * 400] * ROWS},
            on_conflict="update",
            batch_rows=100,
            progress=at_first(hush),
        )


async def connecting(db: Any, hush: Callable[[], None]) -> None:
    hush()
    await chakra.connect(db.url)


WAYS: list[Way] = [
    fetch,
    transaction,
    pinned,
    pinned_transaction,
    giving_back,
    rolling_back,
    to_arrow,
    partitions,
]
WAYS += [
    batches,
    batches_in_a_transaction,
    cursor,
    cursor_in_a_transaction,
    bulk_insert,
    bulk_upsert,
    connecting,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_a_cancel_returns_though_nobody_answers(
    db: Any, proxy: Proxy, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recovery may take as long as it likes: were it waited for, this would never end."""
    monkeypatch.setattr(endings, "RECOVERY_TIMEOUT", 3600.0)
    silent = asyncio.Event()

    def hush() -> None:
        proxy.hush()
        silent.set()

    task = asyncio.create_task(way(db, hush))
    async with asyncio.timeout(20):
        await silent.wait()
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    # What is being recovered is lent to nobody.
    assert db.pool.figures.idle < 3 or way is connecting


async def test_a_session_that_does_not_recover_is_cut_and_the_pool_heals(
    db: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "RECOVERY_TIMEOUT", 0.05)
    task = asyncio.create_task(partitions(db, proxy.hush))
    while not proxy.silent:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10):
        while db.pool._borrowed:
            await asyncio.sleep(0.01)
    proxy.silent = False
    assert (await db.table("wide").to_arrow(partitions=3)).num_rows == ROWS


async def test_closing_a_database_nobody_answers_for(
    db: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "RECOVERY_TIMEOUT", 3600.0)
    task = asyncio.create_task(transaction(db, proxy.hush))
    while not proxy.silent:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(20):
        await db.close(timeout=0.1)
    assert db.pool.size == 0


async def test_parts_do_not_wait_for_connections_that_never_begin(
    dsn: str, proxy: Proxy, pg: asyncpg.Connection[Any]
) -> None:
    """As behind a pooler in transaction mode whose only server connection is the one that holds the snapshot."""
    await pg.execute("create table small as select i::int8 from generate_series(1, 2000) i")
    db = await chakra.connect(proxy.url, max_connections=3, min_connections=3)
    await db.table("small").to_arrow()
    proxy.server = asyncio.Lock()
    async with asyncio.timeout(20):
        table = await db.table("small").to_arrow(partitions=3)
    assert table.num_rows == 2000
    proxy.cut()
    await db.close(timeout=0)


STATEMENTS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "compiled": lambda db: db.run_fetch("select 1"),
    "row": lambda db: db.run_fetchrow("select 1"),
    "execute": lambda db: db.run_execute("select 1"),
    "script": lambda db: db.execute("select 1; select 2"),
    "many": lambda db: db.executemany("select $1::int", [(1,)]),
    "describe": lambda db: db.describe("select 1"),
    "copy_out": lambda db: db.copy_out("select 1", len),
    "copy_in": lambda db: db.copy_in("wide", ["i"], [b"PGCOPY\n\xff\r\n\0" + b"\0" * 8 + b"\xff\xff"]),
    "cursor": lambda db: anext(aiter(db.run_cursor("select 1"))),
    "commit": lambda db: asyncio.sleep(0),
}


async def savepoint(db: Any) -> None:
    async with db.transaction():
        await db.run_fetch("select 1")


STATEMENTS["savepoint"] = savepoint


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_block_goes_on_after_a_rollback_that_took_its_time(
    db: Any, proxy: Proxy, pg: asyncpg.Connection[Any], statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "PATIENCE", 0.0)
    monkeypatch.setattr(endings.Endings.settle, "__defaults__", (0.0,))
    await pg.execute("create table seen (i int)")
    cut = await db.fetchval("select pg_backend_pid()")
    async with db.transaction():
        await db.execute("insert into seen values (1)")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), db.transaction():
                await db.execute("insert into seen values (2)")
                await db.fetch("select pg_sleep(30)")
        session = db.held_session()
        assert session.ending is not None  # the rollback is still on its way
        await STATEMENTS[statement](db)
        assert session.ending is None or statement == "commit"
    assert [row[0] for row in await pg.fetch("select i from seen")] == [1]
    assert await db.fetchval("select pg_backend_pid()") == cut  # and no connection was lost over it
