"""Transaction blocks: what commits, what rolls back, who is in, and what misuse says."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from chakra import errors
from chakra.db import Database
from tests.db.conftest import Open
from tests.db.faults import settled


@pytest.fixture
async def t(db: Database) -> Database:
    """A database with a table ``t (id int primary key)``."""
    await db.execute("create table t (id int primary key deferrable initially immediate)")
    return db


async def ids(db: Any) -> list[int]:
    return [row["id"] for row in await db.fetch("select id from t order by id")]


async def add(db: Any, id: int) -> None:
    await db.run_execute("insert into t values ($1)", (id,))


async def test_commit_and_roll_back(t: Database, pg: asyncpg.Connection[Any]) -> None:
    async with t.transaction():
        await add(t, 1)
        assert await pg.fetchval("select count(*) from t") == 0
    assert await pg.fetchval("select count(*) from t") == 1
    with pytest.raises(KeyError):
        async with t.transaction():
            await add(t, 2)
            raise KeyError
    assert await ids(t) == [1]
    await settled(t, pg)


async def test_nested_blocks_are_savepoints(t: Database) -> None:
    async with t.transaction():
        await add(t, 1)
        with pytest.raises(errors.UniqueViolation):
            async with t.transaction():
                await add(t, 2)
                await add(t, 1)
        async with t.transaction():
            await add(t, 3)
            async with t.transaction():
                await add(t, 4)
            with pytest.raises(KeyError):
                async with t.transaction():
                    await add(t, 5)
                    raise KeyError
        await add(t, 6)
    assert await ids(t) == [1, 3, 4, 6]


async def test_an_error_caught_inside_the_block_is_not_committed_over(t: Database) -> None:
    with pytest.raises(errors.TransactionError, match=r"rolled back.*savepoint"):
        async with t.transaction():
            await add(t, 1)
            with pytest.raises(errors.UniqueViolation):
                await add(t, 1)
    assert await ids(t) == []


async def test_an_error_caught_inside_a_nested_block(t: Database) -> None:
    async with t.transaction():
        await add(t, 1)
        with pytest.raises(errors.TransactionError, match="savepoint"):
            async with t.transaction():
                await add(t, 2)
                with pytest.raises(errors.UniqueViolation):
                    await add(t, 1)
        await add(t, 3)
    assert await ids(t) == [1, 3]


async def test_a_statement_in_an_aborted_transaction_says_what_to_do(t: Database) -> None:
    with pytest.raises(errors.TransactionError, match="earlier statement in it failed"):
        async with t.transaction():
            with pytest.raises(errors.DataError):
                await t.fetch("select 1/0")
            await t.fetch("select 1")


@pytest.mark.parametrize("level", ["read_committed", "repeatable_read", "serializable"])
async def test_isolation(t: Database, level: Any) -> None:
    async with t.transaction(level):
        assert await t.fetchval("show transaction_isolation") == level.replace("_", " ")


async def test_options(t: Database) -> None:
    async with t.transaction("serializable", readonly=True, deferrable=True):
        assert await t.fetchval("show transaction_read_only") == "on"
        assert await t.fetchval("show transaction_deferrable") == "on"
    with pytest.raises(errors.TransactionError, match="read-only"):
        async with t.transaction(readonly=True):
            await add(t, 1)
    with pytest.raises(errors.TransactionError, match="read_committed, repeatable_read, serializable"):
        t.transaction("'; drop table t")  # type: ignore[arg-type]
    with pytest.raises(errors.TransactionError, match="outermost"):
        async with t.transaction(), t.transaction("serializable"):
            pass
    with pytest.raises(errors.TransactionError, match="for one block"):
        block = t.transaction()
        async with block:
            pass
        async with block:
            pass


async def test_tasks_of_the_block_are_in_it(t: Database) -> None:
    with pytest.raises(KeyError):
        async with t.transaction():
            await asyncio.create_task(add(t, 1))
            await asyncio.gather(add(t, 2))
            assert t.in_transaction
            raise KeyError
    assert not t.in_transaction
    assert await ids(t) == []


async def test_other_tasks_are_not(t: Database) -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def other() -> None:
        await inside.wait()
        await add(t, 2)
        assert not t.in_transaction
        leave.set()

    task = asyncio.create_task(other())
    with pytest.raises(KeyError):
        async with t.transaction():
            await add(t, 1)
            inside.set()
            await leave.wait()
            raise KeyError
    await task
    assert await ids(t) == [2]


async def test_two_tasks_at_once_in_one_transaction(t: Database) -> None:
    async with t.transaction():
        first, second = await asyncio.gather(
            t.fetchval("select 1 from pg_sleep(0.05)"), t.fetchval("select 2"), return_exceptions=True
        )
        assert first == 1
        assert isinstance(second, errors.TransactionError)
        assert "two tasks" in str(second)
        assert await t.fetchval("select 3") == 3


async def test_two_nested_blocks_at_once(t: Database) -> None:
    async def nested(n: int) -> None:
        async with t.transaction():
            await add(t, n)
            await asyncio.sleep(0.02)

    async with t.transaction():
        results = await asyncio.gather(nested(1), nested(2), return_exceptions=True)
    assert results[0] is None
    assert isinstance(results[1], errors.TransactionError)
    assert await ids(t) == [1]


async def test_a_task_that_outlives_its_transaction_is_told(t: Database) -> None:
    over = asyncio.Event()

    async def late() -> None:
        await over.wait()
        await add(t, 9)

    async with t.transaction():
        task = asyncio.create_task(late())
        apart = asyncio.create_task(late(), context=contextvars.Context())
        await add(t, 1)
    over.set()
    with pytest.raises(errors.TransactionError, match="the transaction this task was started in is over"):
        await task
    await apart
    assert await ids(t) == [1, 9]


async def test_a_block_in_a_generator_left_in_another_context(
    t: Database, pg: asyncpg.Connection[Any]
) -> None:
    async def rows() -> AsyncIterator[int]:
        async with t.transaction():
            await add(t, 1)
            yield 1
            yield 2

    stream = rows()
    await anext(stream)
    await asyncio.create_task(stream.aclose())  # type: ignore[attr-defined]
    assert await t.fetchval("select count(*) from t") == 0
    await settled(t, pg)


async def test_a_nested_block_left_open(t: Database, pg: asyncpg.Connection[Any]) -> None:
    with pytest.raises(errors.TransactionError, match="nested in it was still open"):
        async with t.transaction():
            await add(t, 1)
            inner = await t.transaction().__aenter__()
            await add(t, 2)
    assert not inner.is_open
    async with t.transaction():  # most likely on the same connection, which is not the inner one's any more
        await add(t, 3)
        with pytest.raises(errors.TransactionError, match="rolled back with the one around it"):
            await inner.__aexit__(None, None, None)
        await inner.__aexit__(KeyError, KeyError(), None)
        assert t.in_transaction
        await add(t, 4)
    assert await ids(t) == [3, 4]
    await settled(t, pg)


async def test_on_commit(t: Database) -> None:
    called: list[str] = []

    async def later() -> None:
        called.append(f"async {await t.fetchval('select count(*) from t')}")

    async with t.transaction() as outer:
        outer.on_commit(lambda: called.append("outer"))
        async with t.transaction() as inner:
            inner.on_commit(later)
        with pytest.raises(KeyError):
            async with t.transaction() as failed:
                failed.on_commit(lambda: called.append("never"))
                raise KeyError
        await add(t, 1)
        assert called == []
    assert sorted(called) == ["async 1", "outer"]
    with pytest.raises(errors.TransactionError, match="too late"):
        outer.on_commit(print)
    with pytest.raises(KeyError):
        async with t.transaction() as outer:
            outer.on_commit(lambda: called.append("never"))
            raise KeyError
    assert "never" not in called


async def test_every_callback_of_a_commit_runs(t: Database) -> None:
    called: list[str] = []

    async def later() -> None:
        called.append("later")
        raise ValueError("second")

    with pytest.raises(KeyError, match="first") as caught:
        async with t.transaction() as outer:
            outer.on_commit(lambda: called.append("one"))
            outer.on_commit(lambda: {}["first"])
            async with t.transaction() as inner:
                inner.on_commit(later)
            outer.on_commit(lambda: called.append("last"))
            await add(t, 1)
    assert called == ["one", "later", "last"]
    assert "second" in caught.value.__notes__[0]
    assert await ids(t) == [1] and not t.in_transaction


async def test_retries_need_something_to_call_again(t: Database) -> None:
    with pytest.raises(errors.TransactionError, match=r"@db\.transaction\(retries=n\)"):
        async with t.transaction(retries=2):
            pass


async def test_run_repeats_after_a_serialization_failure(t: Database) -> None:
    attempts = 0

    @t.transaction("serializable", retries=3)
    async def work(n: int, *, fail: int) -> int:
        nonlocal attempts
        attempts += 1
        await add(t, n + attempts)
        if attempts <= fail:
            raise errors.SerializationError("again", sqlstate="40001")
        return attempts

    assert work.__name__ == "work"
    assert await work(10, fail=2) == 3
    assert await ids(t) == [13]
    attempts = 0
    with pytest.raises(errors.SerializationError):
        await work(20, fail=9)
    assert attempts == 4
    assert await ids(t) == [13]


async def test_run_does_not_repeat_what_is_committed(t: Database) -> None:
    """A callback may meet a conflict in a transaction of its own."""

    def conflict() -> None:
        raise errors.SerializationError("of the callback", sqlstate="40001")

    @t.transaction(retries=3)
    async def work() -> None:
        transaction = t.current_transaction()
        assert transaction is not None
        transaction.on_commit(conflict)
        await t.execute("insert into t select count(*) from t")

    with pytest.raises(errors.SerializationError, match="of the callback"):
        await work()
    assert await ids(t) == [0]


async def test_run_with_a_real_conflict(open_db: Open) -> None:
    db = await open_db(max_connections=3)
    await db.execute("create table t (id int primary key, n int); insert into t values (1, 0)")

    async def increment() -> None:
        n = await db.fetchval("select n from t where id = 1")
        await asyncio.sleep(0.005)
        await db.run_execute("update t set n = $1 where id = 1", (n + 1,))

    await asyncio.gather(*(db.transaction("serializable", retries=30).run(increment) for _ in range(4)))
    assert await db.fetchval("select n from t") == 4


async def test_run_inside_another_transaction_is_not_repeated(t: Database) -> None:
    attempts = 0

    async def work() -> None:
        nonlocal attempts
        attempts += 1
        raise errors.SerializationError("again")

    with pytest.raises(errors.SerializationError):
        async with t.transaction():
            await t.transaction(retries=5).run(work)
    assert attempts == 1


async def test_two_databases_do_not_mix(open_db: Open) -> None:
    one, two = await open_db(max_connections=2), await open_db(max_connections=2)
    await one.execute("create table t (id int primary key)")
    with pytest.raises(KeyError):
        async with one.transaction():
            await add(one, 1)
            async with two.transaction():
                assert await ids(two) == []
                await add(two, 2)
                assert await ids(one) == [1]
            raise KeyError
    assert await ids(one) == [2]


async def test_transactions_of_a_pinned_connection_are_its_own(t: Database) -> None:
    async with t.acquire() as connection:
        with pytest.raises(KeyError):
            async with connection.transaction():
                await add(connection, 1)
                async with connection.transaction():
                    await add(connection, 2)
                assert connection.in_transaction and not t.in_transaction
                await add(t, 3)
                raise KeyError
        assert not connection.in_transaction
        assert await ids(connection) == [3]


async def test_a_pinned_connection_inside_a_transaction_is_apart(t: Database) -> None:
    async with t.transaction():
        await add(t, 1)
        async with t.acquire() as connection:
            assert await ids(connection) == []


async def test_the_connection_breaks_inside(t: Database, pg: asyncpg.Connection[Any]) -> None:
    with pytest.raises(errors.ConnectionLost):
        async with t.transaction():
            await add(t, 1)
            pid = await t.fetchval("select pg_backend_pid()")
            await pg.fetchval("select pg_terminate_backend($1)", pid)
            await asyncio.sleep(0.05)
    assert await ids(t) == []
    await settled(t, pg)


async def test_a_commit_that_fails(t: Database, pg: asyncpg.Connection[Any]) -> None:
    await t.execute("create table u (id int unique deferrable initially deferred)")
    with pytest.raises(errors.UniqueViolation):
        async with t.transaction():
            await t.run_execute("insert into u values (1), (1)")
    assert await ids(t) == []
    await settled(t, pg)


async def test_user_sql_that_ends_the_transaction(t: Database, pg: asyncpg.Connection[Any]) -> None:
    async with t.transaction():
        await add(t, 1)
        await t.execute("rollback")
    assert await ids(t) == []
    await settled(t, pg)


@asynccontextmanager
async def wrapped(db: Database) -> AsyncIterator[None]:
    async with db.transaction():
        yield


async def test_a_block_wrapped_by_another_context_manager(t: Database) -> None:
    async with wrapped(t):
        assert t.in_transaction
        await add(t, 1)
    assert not t.in_transaction
    assert await ids(t) == [1]
