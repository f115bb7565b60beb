"""Blocks that are run again: what is repeated, what is not, and that nothing is lost silently."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

import chakra
from chakra.db import Backoff, Database
from chakra.errors import CommitUnknown, QueryError, SerializationError, TransactionError
from tests.db.conftest import Open
from tests.db.faults import Moment, cancelled_everywhere, settled


class Clock:
    """A back-off without waiting: it keeps what it would have waited."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.backoff = Backoff(first=1, most=5, random=lambda: 0.5, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def conflict(db: Any, other: asyncpg.Connection[Any]) -> None:
    """A statement that the server refuses: somebody else changed the row since this transaction began."""
    await db.fetchval("select n from t")
    await other.execute("update t set n = n + 10")
    await db.execute("update t set n = n + 1")


async def skew(db: Any, other: asyncpg.Connection[Any]) -> None:
    """Write skew, which the server finds at COMMIT: both read what the other writes."""
    await db.fetchval("select sum(n) from t")
    await db.execute("insert into t values (1)")
    async with other.transaction(isolation="serializable"):
        await other.fetchval("select sum(n) from t")
        await other.execute("insert into t values (100)")


@pytest.fixture
async def t(open_db: Open, pg: asyncpg.Connection[Any]) -> Database:
    await pg.execute("create table t (n int); insert into t values (0)")
    return await open_db(max_connections=2)


class Case:
    """What the loop of a test does: it fails in this way so many times."""

    def __init__(self, db: Database, other: asyncpg.Connection[Any], how: Any, fails: int) -> None:
        self.db = db
        self.other = other
        self.how = how
        self.fails = fails
        self.runs = 0
        self.clock = Clock()

    async def body(self) -> int:
        self.runs += 1
        if self.runs <= self.fails:
            await self.how(self.db, self.other)
        else:
            await self.db.execute("insert into t values (1000)")
        return self.runs

    def loop(self, times: int) -> Any:
        return self.db.retrying(times, "serializable", backoff=self.clock.backoff)


async def by_block(case: Case, times: int) -> int:
    result = 0
    async for attempt in case.loop(times):
        async with attempt as block:
            assert block is attempt.transaction and attempt.number == case.runs + 1
            result = await case.body()
    return result


async def by_decorator(case: Case, times: int) -> int:
    @case.db.retry(times, "serializable", backoff=case.clock.backoff)
    async def work() -> int:
        """What it does."""
        return await case.body()

    assert work.__name__ == "work" and work.__doc__ == "What it does."
    return await work()


@pytest.mark.parametrize("way", [by_block, by_decorator], ids=["block", "decorator"])
@pytest.mark.parametrize("how", [conflict, skew], ids=["statement", "commit"])
async def test_a_conflict_is_tried_again(
    t: Database, pg: asyncpg.Connection[Any], way: Callable[[Case, int], Awaitable[int]], how: Any
) -> None:
    case = Case(t, pg, how, fails=3)
    assert await way(case, 4) == 4
    assert case.clock.slept == [0.5, 1, 2]
    assert await pg.fetchval("select count(*) from t where n = 1000") == 1
    assert await pg.fetchval("select count(*) from t where n in (1, 31)") == 0
    case = Case(t, pg, how, fails=5)
    with pytest.raises(SerializationError):
        await way(case, 4)
    assert case.runs == 5
    assert case.clock.slept == [0.5, 1, 2, 2.5]  # never above half of `most`
    await settled(t, pg)


async def test_a_block_left_early_is_not_taken_for_written(t: Database, pg: asyncpg.Connection[Any]) -> None:
    """Python does not tell a block that its body returns; a COMMIT that fails then must be an error."""

    async def returns(case: Case) -> int:
        async for attempt in case.loop(3):
            async with attempt:
                return await case.body()
        return -1

    async def breaks(case: Case) -> None:
        async for attempt in case.loop(3):
            async with attempt:
                await case.body()
                break

    async def goes_on(case: Case) -> None:
        async for attempt in case.loop(3):
            async with attempt:
                await case.body()
            break

    async def conditional(case: Case) -> int:
        async for attempt in case.loop(3):
            async with attempt:
                if await case.body() > 1:
                    return case.runs
        return -1

    for leave in (returns, breaks, goes_on):
        for fails in (0, 1):
            case = Case(t, pg, skew, fails)
            if fails:
                with pytest.raises(SerializationError) as caught:
                    await leave(case)
                assert any("behind the block" in note for note in caught.value.__notes__)
            else:
                await leave(case)
            assert case.runs == 1
    assert await pg.fetchval("select count(*) from t where n = 1000") == 3
    case = Case(t, pg, skew, 1)  # the first attempt comes to the block's end, the second one returns
    assert await conditional(case) == 2
    case = Case(t, pg, conflict, 1)  # a body that fails does not return
    assert await returns(case) == 2


async def test_what_is_not_tried_again(t: Database, pg: asyncpg.Connection[Any]) -> None:
    def failing(error: Exception) -> Case:
        async def fail(*_: object) -> None:
            raise error

        return Case(t, pg, fail, fails=1)

    for error in (CommitUnknown("no answer"), KeyError("other")):
        case = failing(error)
        with pytest.raises(type(error)):
            await by_block(case, 3)
        assert case.runs == 1
    case = failing(SerializationError("again"))
    with pytest.raises(SerializationError):
        async with t.transaction("serializable"):
            async for attempt in t.retrying():
                async with attempt:
                    await case.body()
    assert case.runs == 1
    runs = 0
    with pytest.raises(SerializationError, match="of the callback"):  # the block is committed by then
        async for attempt in t.retrying():
            async with attempt as block:
                runs += 1
                block.on_commit(_of_a_callback)
    assert runs == 1
    with pytest.raises(TransactionError, match="without the attempt's block"):
        async for _ in t.retrying():
            pass
    for times in (-1, 1.5, True, by_block):
        with pytest.raises(QueryError, match="times is how often"):
            t.retry(times)  # type: ignore[arg-type]
    await settled(t, pg)


def _of_a_callback() -> None:
    raise SerializationError("of the callback")


async def test_on_the_default_database(pg: asyncpg.Connection[Any], dsn: str) -> None:
    @chakra.retry(times=2, isolation="serializable")
    async def work(n: int) -> str:
        called.append(f"run {n}")
        chakra.on_commit(lambda: called.append("committed"))
        chakra.on_rollback(lambda: called.append("undone"))
        if len(called) < 2:
            raise SerializationError("again")
        return "result"

    called: list[str] = []
    async with chakra.connect(dsn):
        assert await work(7) == "result"
    assert called == ["run 7", "undone", "run 7", "committed"]


@pytest.mark.parametrize("moment", ["waiting", "answered"])
async def test_cancelled_everywhere(t: Database, pg: asyncpg.Connection[Any], moment: Moment) -> None:
    backoff = Backoff(first=0.001, most=0.001)

    async def work() -> None:
        runs = 0
        async for attempt in t.retrying(2, backoff=backoff):
            async with attempt:
                runs += 1
                await t.execute("insert into t values (5)")
                if runs == 1:
                    raise SerializationError("again")
                await t.execute("delete from t where n = 5")

    async for _ in cancelled_everywhere(work, moment=moment):
        await settled(t, pg)
        assert await pg.fetchval("select count(*) from t") == 1


async def test_many_at_once(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    await pg.execute("create table t (n int); insert into t values (0)")
    db = await open_db(max_connections=3)

    async def increment() -> None:
        async for attempt in db.retrying(30, "serializable"):
            async with attempt:
                n = await db.fetchval("select n from t")
                await asyncio.sleep(0)
                await db.execute("update t set n = $1", n + 1)

    await asyncio.gather(*(increment() for _ in range(6)))
    assert await db.fetchval("select n from t") == 6
