"""Deadlines: everything in the block is cut off, in Python and on the server, and the connection is clean behind it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

import chakra
from chakra import sync
from chakra.db import Database
from chakra.errors import DeadlineExceeded, PoolTimeout, QueryCancelled, QueryError
from tests.db.conftest import Open
from tests.db.faults import Moment, cancelled_everywhere, settled

SLOW = "select n, pg_sleep(case when n > 3000 then 30 else 0 end)::text from generate_series(1, 9000) n"


async def statement(db: Any) -> None:
    await db.fetch("select pg_sleep(30)")


async def in_a_transaction(db: Any) -> None:
    async with db.transaction():
        await db.execute("insert into t values (1)")
        await db.fetch("select pg_sleep(30)")


async def in_a_savepoint(db: Any) -> None:
    async with db.transaction(), db.transaction():
        await db.execute("insert into t values (1)")
        await db.fetch("select pg_sleep(30)")


async def copy_out(db: Any) -> None:
    await db.copy_out(SLOW, len)


async def copy_out_stream(db: Any) -> None:
    async with db.copy_out_stream(SLOW) as stream:
        async for _ in stream:
            pass


async def copy_in(db: Any) -> None:
    async def source() -> Any:
        yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
        await asyncio.sleep(30)

    await db.copy_in("t", ["id"], source())


async def cursor(db: Any) -> None:
    async for _ in db.run_cursor(SLOW, prefetch=1000):
        pass


async def waits_for_a_connection(db: Any) -> None:
    async with db.acquire(), db.acquire(), db.acquire():
        pass


async def waits_for_a_lock(db: Any) -> None:
    async with db.transaction():
        await db.execute("lock table t")
        async with db.acquire() as other, other.transaction():
            await other.execute("select from t")


async def something_else(_: Any) -> None:
    await asyncio.sleep(30)


async def several(db: Any) -> None:
    await db.gather(statement(db), statement(db), in_a_transaction(db))


async def tasks(db: Any) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(statement(db))
        group.create_task(something_else(db))


WORK: list[Callable[[Any], Awaitable[None]]] = [
    statement,
    in_a_transaction,
    in_a_savepoint,
    copy_out,
    copy_out_stream,
    copy_in,
    cursor,
    waits_for_a_connection,
    waits_for_a_lock,
    something_else,
    several,
    tasks,
]


async def test_everything_is_cut_off(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=2)
    await pg.execute("create table t (id int)")
    for work in WORK:
        with pytest.raises(DeadlineExceeded, match=r"deadline of 0\.05 s passed") as caught:
            async with db.deadline(0.05):
                await work(db)
        assert caught.value.seconds == 0.05 and isinstance(caught.value, TimeoutError), work.__name__
        await settled(db, pg)
        assert await pg.fetchval("select count(*) from t") == 0, work.__name__
    with pytest.raises(DeadlineExceeded, match=r"0\.05 s"):
        async with db.transaction(timeout=0.05):
            await db.execute("insert into t values (1)")
            await statement(db)
    async with db.acquire(), db.acquire():
        with pytest.raises(DeadlineExceeded):
            async with db.transaction(timeout=0.02):
                pass
        with pytest.raises(PoolTimeout):
            async with db.deadline(5):
                await db.acquire(0.01).__aenter__()
    await settled(db, pg)
    assert await pg.fetchval("select count(*) from t") == 0


async def test_a_block_in_time(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=1)
    async with db.deadline(60) as limit:
        assert 59 < limit.remaining <= 60
        assert await db.fetchval("select 1") == 1
        with pytest.raises(KeyError):
            async with chakra.deadline(math.inf) as inner:
                assert inner.remaining <= 60
                raise KeyError
        with pytest.raises(QueryCancelled):  # the server's own limit, long before the deadline
            async with db.transaction(settings={"statement_timeout": 1}):
                await statement(db)
    async with db.transaction(timeout=60):
        assert await db.fetchval("show statement_timeout") == "1min"
    assert await db.fetchval("show statement_timeout") == "0"
    with pytest.raises(QueryError, match="for one block"):
        async with limit:
            pass
    for wrong in ("2", None, True, math.nan):
        with pytest.raises(QueryError, match="number of seconds"):
            db.deadline(wrong)  # type: ignore[arg-type]


async def test_the_one_that_strikes_first_counts(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=2)
    with pytest.raises(DeadlineExceeded) as caught:
        async with db.deadline(0.04), db.deadline(10):
            await statement(db)
    assert caught.value.seconds == 0.04
    async with db.deadline(10):
        with pytest.raises(DeadlineExceeded) as caught:
            async with db.deadline(0.04):
                await statement(db)
        assert caught.value.seconds == 0.04
        assert await db.fetchval("select 1") == 1

    async def child() -> str:
        """The deadline around it is that of the task that started it."""
        try:
            async with db.deadline(10) as mine:
                assert mine.remaining <= 0.04
                await statement(db)
        except DeadlineExceeded:
            return "cut off"
        return "not"

    async with asyncio.TaskGroup() as group:
        try:
            async with db.deadline(0.04):
                task = group.create_task(child())
                await asyncio.sleep(10)
        except DeadlineExceeded:
            assert await task == "cut off"
    with pytest.raises(DeadlineExceeded):
        async with db.deadline(-1):
            await asyncio.sleep(0)
    await settled(db, pg)


async def test_the_server_is_told(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    """With the BEGIN, in no round trip of its own, and never more than it knew before."""
    db = await open_db(max_connections=1)
    seen: list[str] = []
    remove = db.hooks.add(lambda event: seen.append(event.statement.sql) if event.phase == "before" else None)

    async def limit() -> float:
        return float(
            await db.fetchval("select extract(epoch from current_setting('statement_timeout')::interval)")
        )

    async with db.deadline(20):
        assert await limit() == 0  # outside of a transaction the cancel is sent by the client
        seen.clear()
        async with db.transaction():
            first = await limit()
            assert 19 < first <= 20
            async with db.transaction():
                assert await limit() == first  # nothing new to say
            async with db.deadline(10):
                async with db.transaction(settings={"work_mem": "123kB"}):
                    assert 9 < await limit() <= 10
                    async with db.deadline(15), db.transaction():
                        assert 9 < await limit() <= 10
                assert await limit() == first
                with pytest.raises(KeyError):
                    async with db.transaction():
                        assert await limit() <= 10
                        raise KeyError
            assert await limit() == first
            assert await db.fetchval("show work_mem") != "123kB"
            async with db.transaction(settings={"statement_timeout": "2s"}):
                assert await limit() == 2
            assert await limit() == first
        assert [sql for sql in seen if "timeout TO" in sql or "BEGIN" in sql][:1] == [
            "BEGIN; SET LOCAL statement_timeout TO …"
        ]
        assert len([sql for sql in seen if sql.startswith(("BEGIN", "SAVEPOINT", "COMMIT"))]) == 7
        async with db.transaction(settings={"statement_timeout": "3s"}):
            assert await limit() == 3
        async with db.transaction(settings={"statement_timeout": "3min"}):
            assert 19 < await limit() <= 20
    async with db.transaction():
        assert await limit() == 0
    remove()
    await pg.execute("create table t (n int)")
    with pytest.raises(DeadlineExceeded):  # what the server says when the time is over, whoever is first
        async with db.deadline(0.05), db.transaction():
            await asyncio.sleep(0)
            raise await _cancelled_late()
    await settled(db, pg)


async def _cancelled_late() -> QueryCancelled:
    import time

    time.sleep(0.06)  # the loop is held up: its timer has not struck yet
    return QueryCancelled("canceling statement due to statement timeout", sqlstate="57014")


async def test_a_commit_is_not_cut_off(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=1)
    await pg.execute(
        "create table t (n int);"
        "create function slow() returns trigger language plpgsql as "
        "$$ begin perform pg_sleep(0.12); return null; end $$;"
        "create constraint trigger slow after insert on t deferrable initially deferred "
        "for each row execute function slow()"
    )
    with pytest.raises(DeadlineExceeded) as caught:
        async with db.deadline(0.05), db.acquire() as connection:
            block = connection.transaction()
            await block.__aenter__()
            await connection.execute("insert into t values (1)")
            await block.__aexit__(None, None, None)
    assert any("was committed" in note for note in caught.value.__notes__)
    assert await pg.fetchval("select count(*) from t") == 1
    await settled(db, pg)


@pytest.mark.parametrize("moment", ["waiting", "answered"])
async def test_cancelled_everywhere(open_db: Open, pg: asyncpg.Connection[Any], moment: Moment) -> None:
    db = await open_db(max_connections=2)

    async def work() -> None:
        async with db.deadline(30), db.transaction(timeout=20), db.deadline(10), db.transaction():
            await db.fetchval("select 1")

    async for _ in cancelled_everywhere(work, moment=moment):
        await settled(db, pg)
        async with db.transaction():
            assert await db.fetchval("show statement_timeout") == "0"


async def test_gather(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db: Database = await open_db(max_connections=3)
    await pg.execute("create table t (id int)")
    running = most = 0

    async def one(n: int, *, fails: bool = False) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            found = await db.fetchval("select $1::int + 0 * length(pg_sleep(0.001)::text)", n)
            if fails:
                raise KeyError(n)
            return int(found)
        finally:
            running -= 1

    assert await db.gather() == []
    twice = one(1)
    with pytest.raises(QueryError, match="the same call twice, the second time as number 3"):
        await db.gather(twice, one(2), twice)
    assert await db.gather(*(one(n) for n in range(10))) == list(range(10))
    assert most == 3
    # A gather inside of one holds no connection while it waits.
    inner = await db.gather(*(db.gather(one(n), one(n + 10)) for n in range(6)))
    assert inner == [[n, n + 10] for n in range(6)]
    with pytest.raises(KeyError, match="4"):
        await db.gather(*(one(n, fails=n == 4) for n in range(8)), statement(db))
    assert running == 0
    await settled(db, pg)
    # In a transaction one after the other, and part of it.
    most = 0
    with pytest.raises(LookupError):
        async with db.transaction():
            await db.gather(
                db.execute("insert into t values (1)"), one(1), db.execute("insert into t values (2)")
            )
            assert most == 1 and await db.fetchval("select count(*) from t") == 2
            with pytest.raises(KeyError):
                await db.gather(one(1, fails=True), db.execute("insert into t values (3)"))
            assert await db.fetchval("select count(*) from t") == 2
            raise LookupError
    async with db.acquire() as connection:
        pids = await connection.gather(*(connection.fetchval("select pg_backend_pid()") for _ in range(3)))
        assert len(set(pids)) == 1
    begun = db.fetchval("select 1")
    with pytest.raises(QueryError, match="number 2 is int"):
        await db.gather(begun, 5)  # type: ignore[arg-type]
    both_fail = [one(1, fails=True), one(2, fails=True)]
    with pytest.raises(KeyError) as caught:
        await db.gather(*both_fail)
    assert caught.value.args[0] in (1, 2)
    await settled(db, pg)


@pytest.mark.parametrize("moment", ["waiting", "answered"])
async def test_a_cancelled_gather(open_db: Open, pg: asyncpg.Connection[Any], moment: Moment) -> None:
    db = await open_db(max_connections=2)

    async def transaction() -> None:
        async with db.transaction():
            await db.fetchval("select 1")

    async for _ in cancelled_everywhere(
        lambda: db.gather(db.fetch("select 1"), transaction(), transaction(), db.fetch("select 2")),
        moment=moment,
    ):
        await settled(db, pg)


def test_plain_calls(dsn: str) -> None:
    with sync.connect(dsn) as db:
        with db.deadline(30) as limit:
            assert 29 < limit.remaining <= 30
            assert db.gather(db.raw("select 1 as n"), db.raw("select 2 as n"))[1][0]["n"] == 2
            with db.transaction():
                assert (
                    db.fetchval("select extract(epoch from current_setting('statement_timeout')::interval)")
                    > 0
                )
        with pytest.raises(DeadlineExceeded), db.deadline(0.05):
            db.execute("select pg_sleep(30)")
        with (
            pytest.raises(DeadlineExceeded),
            db.deadline(60),
            db.deadline(0.05),
            db.transaction(),
            db.deadline(30),
        ):
            db.execute("create table never (n int)")
            db.execute("select pg_sleep(30)")
        assert db.fetchval("select to_regclass('never')") is None
        assert db.fetchval("show statement_timeout") == "0"
