"""Cancelled at every await, before and after the answer came: nothing is left, the next query is right."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from chakra.db import Database
from tests.db.conftest import Open
from tests.db.faults import Moment, cancelled_everywhere, settled

MOMENTS = pytest.mark.parametrize("moment", ["waiting", "answered"])
Work = Callable[[Database], Awaitable[Any]]


async def fetch(db: Database) -> None:
    await db.run_fetch("select * from generate_series(1, 10)")


async def user_sql(db: Database) -> None:
    await db.execute("set work_mem = '123kB'")


async def user_sql_with_arguments(db: Database) -> None:
    await db.fetchval("select set_config('work_mem', $1, false)", "123kB")


async def pinned(db: Database) -> None:
    async with db.acquire() as connection:
        await connection.execute("select pg_advisory_lock(5)")
        await connection.fetch("select 1")


async def transaction(db: Database) -> None:
    async with db.transaction():
        await db.run_execute("insert into t values (1)")
        async with db.transaction():
            await db.run_execute("insert into t values (2)")
        await db.run_execute("delete from t")


async def failing_transaction(db: Database) -> None:
    with pytest.raises(KeyError):
        async with db.transaction():
            await db.run_execute("insert into t values (1)")
            try:
                async with db.transaction():
                    await db.run_execute("insert into t values (2)")
                    raise ValueError
            except ValueError:
                raise KeyError from None


async def cursor(db: Database) -> None:
    async for _ in db.run_cursor("select * from generate_series(1, 100)", prefetch=40):
        pass


async def cursor_left_early(db: Database) -> None:
    blocks = db.run_cursor("select * from generate_series(1, 100)", prefetch=40)
    await anext(blocks)
    await blocks.aclose()


async def executemany(db: Database) -> None:
    async with db.transaction():
        await db.executemany("insert into t values ($1)", [(n,) for n in range(50)])
        await db.run_execute("delete from t")


async def copy_out(db: Database) -> None:
    await db.copy_out("select * from generate_series(1, 20000)", len)


async def copy_out_slow_sink(db: Database) -> None:
    await db.copy_out("select * from generate_series(1, 20000)", lambda _: asyncio.sleep(0.001))


async def copy_out_stream(db: Database) -> None:
    async with db.copy_out_stream("select * from generate_series(1, 20000)") as stream:
        async for _ in stream:
            await asyncio.sleep(0)


async def copy_in(db: Database) -> None:
    chunks: list[bytes] = []
    await db.copy_out("select * from generate_series(1, 20000)", chunks.append)

    async def source() -> Any:
        for chunk in chunks:
            yield chunk
            await asyncio.sleep(0)

    async with db.transaction():
        await db.copy_in("t", ["id"], source())
        await db.run_execute("delete from t")


WORK: list[Work] = [
    fetch,
    user_sql,
    user_sql_with_arguments,
    pinned,
    transaction,
    failing_transaction,
    cursor,
    cursor_left_early,
    executemany,
    copy_out,
    copy_out_slow_sink,
    copy_out_stream,
    copy_in,
]


@MOMENTS
@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
async def test_cancelled_at_every_await(
    open_db: Open, pg: asyncpg.Connection[Any], work: Work, moment: Moment
) -> None:
    db = await open_db(max_connections=2)
    await pg.execute("create table t (id int)")
    strikes = 0
    # COPY of 20,000 rows is some ten to twenty chunks, with one or two awaits each.
    async for k in cancelled_everywhere(
        lambda: work(db), moment=moment, limit=30 if "copy" in work.__name__ else 60
    ):
        strikes = k
        await settled(db, pg)
        assert await pg.fetchval("select count(*) from t") == 0
        assert await db.fetchval("select current_setting('work_mem') <> '123kB'")
    assert strikes >= 1
    await settled(db, pg)


@MOMENTS
async def test_cancelled_while_waiting_for_a_connection(
    open_db: Open, pg: asyncpg.Connection[Any], moment: Moment
) -> None:
    db = await open_db(max_connections=1)
    given_back: list[bool] = []

    async def work() -> None:
        held = await db.pool.acquire()
        given_back.clear()

        def give_back() -> None:
            if not given_back:
                given_back.append(True)
                db.pool.release(held)

        # The waiting borrower gives up before the connection is there, or in the moment it gets it.
        asyncio.get_running_loop().call_later(0.002, give_back)
        async with db.acquire() as connection:
            await connection.fetchval("select 1")

    strikes = 0
    async for _ in cancelled_everywhere(work, moment=moment):
        strikes += 1
        await settled(db, pg)
    assert strikes >= 2


@MOMENTS
async def test_cancelled_while_the_pool_grows(
    open_db: Open, pg: asyncpg.Connection[Any], moment: Moment
) -> None:
    db = await open_db(max_connections=3, idle_timeout="1ms")
    async for _ in cancelled_everywhere(
        lambda: asyncio.gather(*(fetch(db) for _ in range(3))), moment=moment
    ):
        await settled(db, pg)


async def test_a_timeout_around_a_slow_query(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=1)
    pid = await db.fetchval("select pg_backend_pid()")
    for _ in range(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await db.fetch("select pg_sleep(30)")
        await settled(db, pg)
    assert await db.fetchval("select pg_backend_pid()") == pid  # cleaned, not thrown away


async def test_a_timeout_inside_a_transaction(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=1)
    await pg.execute("create table t (id int)")
    async with db.transaction():
        await db.run_execute("insert into t values (1)")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), db.transaction():
                await db.run_execute("insert into t values (2)")
                await db.fetch("select pg_sleep(30)")
        await db.run_execute("insert into t values (3)")
    assert [row["id"] for row in await pg.fetch("select id from t")] == [1, 3]
    await settled(db, pg)


async def test_a_second_cancel_during_the_roll_back(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=1)
    await pg.execute("create table t (id int)")
    inside = asyncio.Event()

    async def work() -> None:
        async with db.transaction():
            await db.run_execute("insert into t values (1)")
            inside.set()
            await db.fetch("select pg_sleep(30)")

    for turns in range(1, 8):
        inside.clear()
        task = asyncio.create_task(work())
        await inside.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settled(db, pg)
        assert await pg.fetchval("select count(*) from t") == 0
