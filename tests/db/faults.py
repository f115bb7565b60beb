"""Deterministic faults: cancel a coroutine at its k-th suspension; and what must hold afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any, Literal

import asyncpg

from chakra.db import Database

Moment = Literal["waiting", "answered"]


class _CancelAt:
    def __init__(self, work: Awaitable[Any], at: int, moment: Moment) -> None:
        self.work = work
        self.at = at
        self.moment = moment
        self.struck = False

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self.work.__await__()
        task = asyncio.current_task()
        assert task is not None
        count = 0
        step: Any = lambda: next(inner)  # noqa: E731
        while True:
            try:
                future = step()
            except StopIteration as end:
                return end.value
            count += 1
            if count == self.at:
                self.struck = True
                if self.moment == "waiting" or future is None:
                    asyncio.get_running_loop().call_soon(task.cancel)
                else:
                    # Runs before the task is woken with the answer: the answer is there and is lost.
                    future.add_done_callback(lambda _: task.cancel())
            try:
                yield future
            except BaseException as error:
                thrown = error
                step = lambda: inner.throw(thrown)  # noqa: E731, B023
            else:
                step = lambda: next(inner)  # noqa: E731


async def cancelled_everywhere(
    work: Callable[[], Awaitable[Any]], *, moment: Moment, limit: int = 60
) -> AsyncIterator[int]:
    """Run ``work()`` again and again, cancelled at its 1st, 2nd, … suspension, until it gets through.

    Yields k after each run that was cancelled, for the caller to check what was left. Stops at ``limit``: a
    stream has as many suspensions as it has chunks.
    """
    for k in range(1, limit):
        strike = _CancelAt(work(), k, moment)

        async def run(strike: _CancelAt = strike) -> None:
            await strike

        try:
            await asyncio.create_task(run())
        except asyncio.CancelledError:
            yield k
        else:
            assert not strike.struck or moment == "answered", f"the cancellation at {k} was swallowed"
            if not strike.struck:
                return
            yield k


async def cut_off_everywhere(
    *, moment: Moment, limit: int = 60
) -> AsyncIterator[Callable[[Awaitable[Any]], Awaitable[bool]]]:
    """Yield ``cut_off`` again and again: ``await cut_off(work)`` cancels ``work`` at its 1st, 2nd, … suspension, as a
    timeout around it would, and goes on; it returns whether the work got through. Stops when it did unharmed.
    """
    for k in range(1, limit):
        strikes: list[_CancelAt] = []

        async def cut_off(work: Awaitable[Any], k: int = k, strikes: list[_CancelAt] = strikes) -> bool:
            strikes.append(_CancelAt(work, k, moment))
            task = asyncio.current_task()
            assert task is not None
            try:
                await strikes[0]
            except asyncio.CancelledError:
                task.uncancel()
                return False
            return True

        yield cut_off
        if not strikes[0].struck:
            return


async def settled(db: Database, pg: asyncpg.Connection[Any]) -> None:
    """Wait until the pool is at rest, then check that nothing of the past is left anywhere."""
    async with asyncio.timeout(10):
        while True:
            now = db.pool.figures
            if now.idle == now.size and not now.waiting:
                break
            await asyncio.sleep(0.002)
    assert now.size <= now.max_size
    left = await others(pg)
    assert [row for row in left if row["state"].startswith("idle in transaction")] == []
    assert [row for row in left if row["state"] == "active"] == []
    for _ in range(200):  # a backend that was ended takes a moment to let go of its own
        locks = await pg.fetch(
            "select locktype, mode, relation::regclass from pg_locks join pg_stat_activity a using (pid) "
            "where pid <> pg_backend_pid() and a.backend_type = 'client backend' "  # and no autovacuum worker
            "and database = (select oid from pg_database where datname = current_database())"
        )
        if not locks:
            break
        await asyncio.sleep(0.01)
    assert locks == []
    async with asyncio.timeout(5):
        assert await db.fetchval("select 40 + $1::int", 2) == 42
        async with db.transaction():
            assert await db.fetchval("select 40 + $1::int", 2) == 42


async def others(pg: asyncpg.Connection[Any]) -> list[Any]:
    """The other client backends of this database, once none of them runs a statement any more."""
    rows: list[Any] = []
    for _ in range(200):
        rows = await pg.fetch(
            "select pid, state, query from pg_stat_activity where datname = current_database() "
            "and pid <> pg_backend_pid() and backend_type = 'client backend' and state is not null"
        )
        if all(row["state"] == "idle" for row in rows):
            break
        await asyncio.sleep(0.01)
    return rows
