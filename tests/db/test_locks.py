"""Advisory locks: one at a time, whoever waits, is cut off or loses the connection; and their names in SQL."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from chakra import sync
from chakra.db import Database
from chakra.db.locks import lock_key
from chakra.errors import LockLost, LockNotAvailable, PoolTimeout, QueryError
from tests.db.conftest import Open
from tests.db.faults import Moment, cancelled_everywhere, settled

HERE = (
    "from pg_locks where locktype = 'advisory' "
    "and database = (select oid from pg_database where datname = current_database())"
)
HELD = f"select count(*) {HERE}"
KEY = f"select classid::bigint << 32 | objid::bigint {HERE}"
TAKEN = f"select pg_terminate_backend(pid) {HERE}"


def apart(work: Awaitable[Any]) -> asyncio.Task[Any]:
    """A task that is part of nothing that is open here."""

    async def run() -> Any:
        return await work

    return asyncio.get_running_loop().create_task(run(), context=contextvars.Context())


async def test_names_are_numbers_that_sql_finds(db: Database) -> None:
    sql = "select ('x' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 16))::bit(64)::bigint"
    for name in ("", "x", "nightly report", "äöü 🐘", "a'b\\c"):
        assert lock_key(name) == await db.fetchval(sql, name)
        async with db.lock(name) as lock:
            assert lock.key == lock_key(name)
            assert await db.fetchval(KEY) == lock.key
    for number in (0, 7, -1, 2**63 - 1, -(2**63)):
        assert lock_key(number) == number
        async with db.lock(number, shared=True):
            assert await db.fetchval(HELD) == 1
    for wrong in (2**63, 1.5, None, True, b"x", "\ud800"):
        with pytest.raises(QueryError, match="a lock has a name"):
            db.lock(wrong)  # type: ignore[arg-type]


async def held(db: Any, **options: Any) -> str:
    async with db.lock("x", **options):
        return "got it"


async def refused(db: Any, **options: Any) -> str:
    with pytest.raises(LockNotAvailable) as caught:
        await apart(held(db, **options))
    return str(caught.value)


async def test_who_gets_it(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=4)
    other = await open_db(max_connections=2)
    for who in (db, other):
        for transaction in (None, True):
            async with db.lock("x"):
                waits = "the lock 'x' did not become free within 0.02 s"
                assert (
                    await refused(who, wait=False, transaction=transaction)
                    == "the lock 'x' is held by somebody else"
                )
                assert await refused(who, wait=False, shared=True, transaction=transaction)
                assert await refused(who, timeout=0.02, transaction=transaction) == waits
                assert await refused(who, timeout=0.02, shared=True, transaction=transaction) == waits
                waiting = apart(held(who, transaction=transaction))
                while not await pg.fetchval(f"{HELD} and not granted") and who is other:
                    await asyncio.sleep(0)
                assert not waiting.done()
            assert await waiting == "got it"
            async with db.lock("x", shared=True):
                assert await apart(held(who, shared=True, wait=False, transaction=transaction)) == "got it"
                assert await refused(who, wait=False, transaction=transaction)
            assert await pg.fetchval(HELD) == 0
    await settled(db, pg)


async def test_in_a_transaction_until_its_end(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=1)
    async with db.transaction():
        for options in ({}, {"timeout": 5}, {"wait": False}, {"transaction": True}, {"shared": True}):
            async with db.lock("x", **options):  # again and again: it is this transaction's
                assert db.in_transaction
        assert await pg.fetchval(HELD) == 2
        assert await db.fetchval("show lock_timeout") == "0"
        with pytest.raises(KeyError):
            async with db.transaction(), db.lock("y"):
                assert await pg.fetchval(HELD) == 3
                raise KeyError
        assert await pg.fetchval(HELD) == 2
        await pg.execute("select pg_advisory_lock(5)")
        with pytest.raises(LockNotAvailable):
            async with db.lock(5, timeout=0.02):
                pass
        assert await db.fetchval("select 1") == 1  # the transaction goes on
        await pg.execute("select pg_advisory_unlock(5)")
    assert await pg.fetchval(HELD) == 0
    with pytest.raises(KeyError):
        async with db.lock("x", transaction=True):  # begins one
            await db.execute("create table t (n int)")
            raise KeyError
    assert await db.fetchval("select to_regclass('t')") is None
    with pytest.raises(QueryError, match="max_connections is 1"):
        async with db.lock("x"):
            pass
    await settled(db, pg)


async def test_no_block_waits_for_its_own_locks(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    """Twenty blocks that need a lock and a connection each, on three connections."""
    db = await open_db(max_connections=3, acquire_timeout=10)
    inside = most = 0

    async def work(name: str) -> None:
        nonlocal inside, most
        async with db.lock(name):
            inside += name == "x"
            most = max(most, inside)
            await db.fetchval("select 1")
            await asyncio.sleep(0)
            inside -= name == "x"

    await asyncio.gather(*(work("x" if n % 2 else f"name {n}") for n in range(20)))
    assert most == 1
    with pytest.raises(QueryError, match="held by a block around this one"):
        async with db.lock("x"), db.lock("x", shared=True):
            pass
    with pytest.raises(QueryError, match="for one block"):
        async with db.lock("x") as lock, lock:
            pass
    small = await open_db(min_connections=3, max_connections=3, acquire_timeout="50ms")
    async with small.lock("a"), small.lock("b"):
        assert await small.fetchval("select 1") == 1
        with pytest.raises(PoolTimeout, match="locks hold all but one"):
            async with small.lock("c"):
                pass
    async with db.acquire() as connection:  # a pinned connection holds its locks itself
        async with connection.lock("x"):
            assert await pg.fetchval(HELD) == 1
            assert await refused(db, wait=False)
            assert await connection.fetchval("select 1") == 1
        assert await pg.fetchval(HELD) == 0
    await settled(db, pg)


async def test_the_connection_breaks(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=3)
    reached: list[str] = []

    def kill() -> None:
        """In a task: the cancel may come before the answer to who kills."""
        kills.append(asyncio.create_task(pg.execute(TAKEN)))

    kills: list[asyncio.Task[Any]] = []

    async def waits() -> None:
        async with db.lock("x"):
            kill()
            await asyncio.sleep(30)
            reached.append("never")

    async def works() -> None:
        async with db.lock("x"):
            kill()
            await db.fetchval("select pg_sleep(30)")
            reached.append("never")

    async def ends() -> None:
        async with db.lock("x"):
            session = db.pool._borrowed.copy().pop()
            session.terminate()

    async def fails() -> None:
        async with db.lock("x"):
            kill()
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                raise KeyError from None

    for work in (waits, works, ends):
        with pytest.raises(LockLost, match="broke, and the server let others have it"):
            await work()
        await asyncio.gather(*kills)
        await settled(db, pg)
    with pytest.raises(KeyError) as caught:
        await fails()
    await asyncio.gather(*kills)
    assert "let others have it" in caught.value.__notes__[0]
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0 and not reached
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02), db.lock("x"):
            await asyncio.sleep(30)
    await settled(db, pg)


async def locks(db: Database) -> None:
    async with db.lock("x"):
        await db.fetchval("select 1")


async def locks_at_once(db: Database) -> None:
    await asyncio.gather(locks(db), locks(db))


async def tries(db: Database) -> None:
    async with db.lock("x", wait=False, shared=True, timeout=10):
        await db.fetchval("select 1")


async def in_a_transaction(db: Database) -> None:
    async with db.lock("x", transaction=True, timeout=10):
        await db.fetchval("select 1")


async def pinned(db: Database) -> None:
    async with db.acquire() as connection, connection.lock("x"):
        await connection.fetchval("select 1")


@pytest.mark.parametrize("moment", ["waiting", "answered"])
async def test_cancelled_everywhere(open_db: Open, pg: asyncpg.Connection[Any], moment: Moment) -> None:
    db = await open_db(max_connections=3)
    work: Callable[[Database], Awaitable[None]]
    for work in (locks, locks_at_once, tries, in_a_transaction, pinned):
        strikes = 0
        async for k in cancelled_everywhere(lambda work=work: work(db), moment=moment):  # type: ignore[misc]
            strikes = k
            await settled(db, pg)  # which looks for locks, too
        assert strikes, work.__name__
    never = await open_db(max_connections=3, reset="never")
    async for _ in cancelled_everywhere(lambda: locks(never), moment=moment):
        await settled(never, pg)


def test_plain_calls(dsn: str) -> None:
    with sync.connect(dsn) as db:
        with db.lock("x") as lock:
            assert lock.key == lock_key("x") and db.fetchval(HELD) == 1
            with pytest.raises(QueryError, match="block around this one"), db.lock("x"):
                pass
        with db.transaction(), db.lock("x"):
            assert db.fetchval(HELD) == 1
        assert db.fetchval(HELD) == 0


async def test_no_block_waits_for_itself(db: Database) -> None:
    async with db.acquire() as pinned:
        ways: dict[str, tuple[Any, ...]] = {
            "twice": (db.lock("x"), db.lock("x")),
            "then by a transaction": (db.lock("x"), db.transaction(), db.lock("x")),
            "then by a lazy one": (db.lock("x"), db.transaction(lazy=True), db.lock("x")),
            "then by one of its own": (db.lock("x"), db.lock("x", transaction=True)),
            "by a transaction first": (db.transaction(), db.lock("x"), db.lock("x", transaction=False)),
            "by its own first": (db.lock("x", transaction=True), db.lock("x", transaction=False)),
            "by a pinned connection first": (pinned.lock("x"), db.lock("x")),
        }
        for name, blocks in ways.items():
            async with asyncio.timeout(10), AsyncExitStack() as stack:
                for block in blocks[:-1]:
                    await stack.enter_async_context(block)
                with pytest.raises(QueryError, match="is held by a block around this one"):
                    await stack.enter_async_context(blocks[-1])
            assert await db.fetchval(HELD) == 0, name
        again = {
            "in one transaction": (db.transaction(), db.lock("x"), db.transaction(), db.lock("x")),
            "in a lazy one": (db.transaction(lazy=True), db.lock("x"), db.lock("x", timeout=5)),
            "on one connection": (pinned.lock("x"), pinned.transaction(), pinned.lock("x")),
            "behind one that is over": (db.lock("x"),),
        }
        for name, blocks in again.items():
            async with asyncio.timeout(10), AsyncExitStack() as stack:
                for block in blocks:
                    await stack.enter_async_context(block)
            assert await db.fetchval(HELD) == 0, name
