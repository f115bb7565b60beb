"""The pool: who gets which connection when, and what a borrower cannot leave behind."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from chakra import errors
from chakra.db import Database
from tests.db.conftest import Open
from tests.db.faults import settled
from tests.db.proxy import Proxy

PID = "select pg_backend_pid()"


async def test_connections_are_opened_when_needed_and_reused(open_db: Open) -> None:
    db = await open_db(max_connections=3)
    pids = {await db.fetchval(PID) for _ in range(5)}
    assert len(pids) == 1
    async with db.acquire() as a, db.acquire() as b:
        assert await a.fetchval(PID) != await b.fetchval(PID)
        assert str(db.pool.figures) == "size 2 of 3, idle 0, waiting 0"
    assert str(db.pool.figures) == "size 2 of 3, idle 2, waiting 0"


async def test_the_last_one_given_back_is_lent_first(open_db: Open) -> None:
    db = await open_db(max_connections=3, min_connections=3)
    first, second = await db.pool.acquire(), await db.pool.acquire()
    db.pool.release(first)
    db.pool.release(second)
    assert db.pool.take() is second
    assert db.pool.take() is first
    for session in (first, second):
        db.pool.release(session)


async def test_waiting_is_fair(open_db: Open) -> None:
    db = await open_db(max_connections=1)
    order: list[int] = []

    async def borrow(n: int) -> None:
        async with db.acquire() as connection:
            await connection.fetchval("select 1")
            order.append(n)

    held = await db.pool.acquire()
    tasks = []
    for n in range(8):
        tasks.append(asyncio.create_task(borrow(n)))
        await asyncio.sleep(0)
    assert db.pool.figures.waiting == 8
    tasks[3].cancel()
    db.pool.release(held)
    await asyncio.wait(tasks)
    assert order == [0, 1, 2, 4, 5, 6, 7]


async def test_waiting_is_bounded(open_db: Open) -> None:
    db = await open_db(max_connections=2, acquire_timeout="40ms")
    async with db.acquire(), db.acquire():
        with pytest.raises(errors.PoolTimeout) as caught:
            await db.fetchval("select 1")
    error = caught.value
    assert (error.size, error.max_size, error.idle) == (2, 2, 0)
    for word in ("0.04 s", "size 2 of 2, idle 0, waiting", "pool.max_connections"):
        assert word in str(error)
    assert await db.fetchval("select 1") == 1


async def test_the_queue_is_bounded(open_db: Open) -> None:
    db = await open_db(max_connections=1, max_waiting=2)
    async with db.acquire():
        waiting = [asyncio.create_task(db.fetchval("select 1")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(errors.PoolTimeout, match=r"queue .* is full \(max_waiting = 2\)"):
            await db.fetchval("select 1")
    assert await asyncio.gather(*waiting) == [1, 1]


async def test_a_timeout_of_one_call(open_db: Open) -> None:
    db = await open_db(max_connections=1)
    async with db.acquire():
        with pytest.raises(errors.PoolTimeout, match=r"0\.01 s"):
            async with db.acquire(timeout=0.01):
                pass


async def test_overload(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=3, acquire_timeout="10s")
    sizes = []

    async def work(n: int) -> int:
        value: int = await db.fetchval("select $1::int from pg_sleep(0.001)", n)
        sizes.append(db.pool.figures.size)
        return value

    assert await asyncio.gather(*(work(n) for n in range(200))) == list(range(200))
    assert max(sizes) == 3
    await settled(db, pg)


async def test_a_failed_connect_reaches_one_who_waits(open_db: Open, proxy: Proxy) -> None:
    db = await open_db(proxy.url, max_connections=2)
    held = await db.pool.acquire()
    proxy.address = "/nowhere/at/all"
    with pytest.raises(errors.ConnectionLost, match="cannot connect"):
        await db.fetchval("select 1")
    db.pool.release(held)
    assert await db.fetchval("select 1") == 1
    assert db.pool.figures.size == 1


LEFTOVERS = {
    "set": ("set work_mem = '123kB'", "select current_setting('work_mem') <> '123kB'"),
    "set_config": (
        "select set_config('my.flag', 'x', false)",
        "select current_setting('my.flag', true) is distinct from 'x'",
    ),
    "role": ("set role pg_read_all_data", "select current_user = session_user"),
    "session authorization": (
        "set session authorization pg_read_all_data",
        "select session_user <> 'pg_read_all_data'",
    ),
    "search_path": ("set search_path = nowhere", "select current_setting('search_path') <> 'nowhere'"),
    "timezone": ("set timezone = 'Asia/Tokyo'", "select current_setting('timezone') <> 'Asia/Tokyo'"),
    "temp table": ("create temp table leftover (a int)", "select to_regclass('pg_temp.leftover') is null"),
    "temp table by select": (
        "select 1 as a into temp leftover",
        "select to_regclass('pg_temp.leftover') is null",
    ),
    "advisory lock": (
        "select pg_advisory_lock(77)",
        "select count(*) = 0 from pg_locks where locktype = 'advisory'",
    ),
    "listen": ("listen somewhere", "select count(*) = 0 from pg_listening_channels()"),
    "cursor": (
        "declare c cursor with hold for select 1",
        "select count(*) = 0 from pg_cursors where name = 'c'",
    ),
    "user function": (
        "select changes_things()",
        "select current_setting('my.flag', true) is distinct from 'y'",
    ),
    "do block": (
        "do $$ begin perform set_config('my.flag', 'z', false); end $$",
        "select current_setting('my.flag', true) is distinct from 'z'",
    ),
    "open transaction": ("begin; create table left_open ()", "select to_regclass('left_open') is null"),
    "failed transaction": (
        "begin; create table left_open (); select 1 / 0",
        "select to_regclass('left_open') is null",
    ),
}


@pytest.mark.parametrize("what", LEFTOVERS)
async def test_what_a_borrower_leaves_does_not_reach_the_next(open_db: Open, what: str) -> None:
    leave, check = LEFTOVERS[what]
    db = await open_db(max_connections=1)
    await db.execute(
        "create function changes_things() returns text language sql "
        "as $$ select set_config('my.flag', 'y', false) $$"
    )
    pid = await db.fetchval(PID)
    try:
        await db.execute(leave)
    except errors.DataError:
        assert what == "failed transaction"
    assert await db.fetchval(check) is True
    assert await db.fetchval(PID) == pid  # the connection was cleaned, not thrown away


@pytest.mark.parametrize("what", ["set", "temp table", "advisory lock", "listen", "role"])
async def test_a_pinned_connection_keeps_them_until_it_is_given_back(open_db: Open, what: str) -> None:
    leave, check = LEFTOVERS[what]
    db = await open_db(max_connections=1)
    async with db.acquire() as connection:
        await connection.execute(leave)
        assert await connection.fetchval(check) is False
    assert await db.fetchval(check) is True


async def test_leftovers_of_a_transaction(open_db: Open) -> None:
    db = await open_db(max_connections=1)
    async with db.transaction():
        await db.execute("set work_mem = '123kB'")
        assert await db.fetchval("show work_mem") == "123kB"
    assert await db.fetchval("show work_mem") != "123kB"


async def test_prepared_statements_survive_the_reset(open_db: Open) -> None:
    db = await open_db(max_connections=1)
    count = "select count(*)::int as n from pg_prepared_statements where name like 'chakra%'"
    before = (await db.run_fetchrow(count))["n"]  # type: ignore[index]
    await db.execute("set work_mem = '123kB'")
    assert (await db.run_fetchrow(count))["n"] == before  # type: ignore[index]


async def test_a_connection_given_back_refuses_its_old_owner(db: Database) -> None:
    async with db.acquire() as connection:
        assert await connection.fetchval("select 1") == 1
    with pytest.raises(errors.ConnectionLost, match="given back"):
        await connection.fetchval("select 1")


async def test_idle_connections_are_closed(open_db: Open) -> None:
    db = await open_db(max_connections=4, min_connections=1, idle_timeout="30ms")
    async with db.acquire(), db.acquire(), db.acquire():
        pass
    assert db.pool.figures.size == 3
    for _ in range(100):
        await asyncio.sleep(0.01)
        if db.pool.figures.size == 1:
            break
    assert db.pool.figures.size == 1
    assert await db.fetchval("select 1") == 1


async def test_old_connections_are_replaced(open_db: Open) -> None:
    db = await open_db(max_connections=1, max_lifetime="50ms")
    first = await db.fetchval(PID)
    await asyncio.sleep(0.06)
    await db.fetchval(PID)
    assert await db.fetchval(PID) != first
    assert db.pool.figures.size <= 1


async def test_min_connections_are_kept(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=4, min_connections=3, idle_timeout="20ms")
    pids = (
        "select pid from pg_stat_activity where application_name = 'chakra' and datname = current_database()"
    )
    before = {row["pid"] for row in await pg.fetch(pids)}
    await pg.fetch(f"select pg_terminate_backend(pid) from ({pids}) p")
    for _ in range(200):
        await asyncio.sleep(0.01)
        now = {row["pid"] for row in await pg.fetch(pids)}
        if len(now) == 3 and before.isdisjoint(now) and db.pool.figures.idle == 3:
            break
    assert str(db.pool.figures) == "size 3 of 4, idle 3, waiting 0"
    assert before.isdisjoint(now)


async def test_a_terminated_connection_is_replaced(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=2, min_connections=2)
    pid = await db.fetchval(PID)
    await pg.fetchval("select pg_terminate_backend($1)", pid)
    for _ in range(50):
        await asyncio.sleep(0.002)
        if db.pool._idle[-1].closed:
            break
    assert await db.fetchval(PID) != pid
    await settled(db, pg)


async def test_a_connection_lost_under_a_statement(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=1)
    pid = await db.fetchval(PID)
    running = asyncio.create_task(db.fetchval("select pg_sleep(10)"))
    await asyncio.sleep(0.05)
    await pg.fetchval("select pg_terminate_backend($1)", pid)
    with pytest.raises(errors.ConnectionLost):
        await running
    assert await db.fetchval(PID) != pid
    await settled(db, pg)


async def test_a_cut_line(open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(proxy.url, max_connections=2)
    running = asyncio.create_task(db.fetchval("select pg_sleep(10)"))
    await asyncio.sleep(0.05)
    proxy.cut()
    with pytest.raises(errors.ConnectionLost):
        await running
    assert await db.fetchval("select 1") == 1


async def test_close_waits_for_borrowers(open_db: Open) -> None:
    db = await open_db(max_connections=2)
    running = asyncio.create_task(db.fetchval("select 5 from pg_sleep(0.1)"))
    await asyncio.sleep(0.02)
    await db.close()
    assert await running == 5
    assert db.pool.figures.size == 0
    with pytest.raises(errors.ConnectionLost, match="closed"):
        await db.fetchval("select 1")


async def test_close_cuts_off_who_takes_too_long(open_db: Open) -> None:
    db = await open_db(max_connections=1)
    running = asyncio.create_task(db.fetchval("select pg_sleep(10)"))
    waiting = asyncio.create_task(db.fetchval("select 1"))
    await asyncio.sleep(0.02)
    await db.close(timeout=0.05)
    with pytest.raises(errors.ConnectionLost):
        await running
    with pytest.raises(errors.ConnectionLost, match="being closed"):
        await waiting
    await db.close()  # once more is no error
    assert db.pool.figures.size == 0


async def test_another_event_loop_is_refused(open_db: Open) -> None:
    db = await open_db(max_connections=1)

    async def elsewhere() -> None:
        with pytest.raises(errors.ConnectionLost, match="another event loop"):
            await db.fetchval("select 1")

    held = await db.pool.acquire()
    await asyncio.to_thread(asyncio.run, elsewhere())
    db.pool.release(held)
    await asyncio.to_thread(asyncio.run, elsewhere())
    assert await db.fetchval("select 1") == 1
