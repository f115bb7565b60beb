"""Who may use a session: transactions of generators, of other loops, and of connections that were given back."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from chakra.db import Database
from chakra.errors import ConnectionLost, TransactionError
from tests.db.conftest import Open
from tests.db.faults import settled


@pytest.fixture
async def log(open_db: Open, pg: asyncpg.Connection[Any]) -> Database:
    await pg.execute("create table log (v text)")
    return await open_db(max_connections=2, acquire_timeout=5)


async def logged(pg: asyncpg.Connection[Any]) -> list[str]:
    return [row["v"] for row in await pg.fetch("select v from log order by v")]


async def write(db: Any, text: str) -> None:
    await db.execute("insert into log values ($1)", text)


# -- transactions in generators ---------------------------------------------------------------------


async def directly(db: Database) -> AsyncIterator[int]:
    async with db.transaction():
        await write(db, "inner")
        for i in range(3):
            yield i


async def behind_a_manager(db: Database) -> AsyncIterator[int]:
    @contextlib.asynccontextmanager
    async def unit() -> AsyncIterator[None]:
        async with db.transaction():
            yield

    async with unit():
        await write(db, "inner")
        yield 1
        yield 2


async def around_another(db: Database) -> AsyncIterator[int]:
    async for i in directly(db):
        yield i


CONSUMERS: dict[str, Callable[[Database], Awaitable[Any]]] = {
    "execute": lambda db: write(db, "outer"),
    "fetch": lambda db: db.fetch("select 1"),
    "compiled": lambda db: db.run_execute("insert into log values ('outer')"),
    "child task": lambda db: asyncio.create_task(write(db, "outer")),  # type: ignore[arg-type,return-value]
    "gather": lambda db: asyncio.gather(write(db, "outer")),
    "nested": lambda db: _nested(db),  # noqa: PLW0108
    "in_transaction": lambda db: _asks(db),  # noqa: PLW0108
    "copy": lambda db: db.copy_out("select 1", len),
}


async def _nested(db: Database) -> None:
    async with db.transaction():
        await write(db, "outer")


async def _asks(db: Database) -> bool:
    return db.in_transaction


@pytest.mark.parametrize("generator", [directly, behind_a_manager, around_another])
@pytest.mark.parametrize("what", CONSUMERS)
async def test_a_generator_cannot_capture_the_statements_of_its_consumer(
    log: Database, pg: asyncpg.Connection[Any], generator: Any, what: str
) -> None:
    items = generator(log)
    async for _ in items:
        with pytest.raises(
            TransactionError, match=r"outside of the async generator \S*(directly|manager)\(\)"
        ):
            await CONSUMERS[what](log)
        break
    with pytest.raises(TransactionError, match="outside of the async generator"):
        await CONSUMERS[what](log)
    await items.aclose()
    assert await logged(pg) == []
    await write(log, "after")
    assert await logged(pg) == ["after"]
    await settled(log, pg)


async def test_statements_of_the_generator_itself(log: Database, pg: asyncpg.Connection[Any]) -> None:
    async def helper(text: str) -> None:
        await write(log, text)

    async def rows() -> AsyncIterator[int]:
        async with log.transaction():
            await write(log, "a")
            yield 1
            await helper("b")
            yield 2
            await asyncio.create_task(helper("c"))
            async with log.transaction():
                await asyncio.gather(helper("d"))
            yield 3

    async for _ in rows():
        pass
    assert await logged(pg) == ["a", "b", "c", "d"]


async def test_a_generator_that_is_a_block_lets_its_body_in(
    log: Database, pg: asyncpg.Connection[Any]
) -> None:
    @contextlib.asynccontextmanager
    async def unit() -> AsyncIterator[None]:
        async with log.transaction():
            yield

    async with unit():
        await write(log, "a")
        await asyncio.create_task(write(log, "b"))
        assert log.in_transaction
    assert await logged(pg) == ["a", "b"]


async def test_a_generator_with_a_connection_of_its_own(log: Database, pg: asyncpg.Connection[Any]) -> None:
    async def rows() -> AsyncIterator[int]:
        async with log.acquire() as connection, connection.transaction():
            await write(connection, "inner")
            yield 1

    items = rows()
    async for _ in items:
        await write(log, "outer")
        break
    assert await logged(pg) == ["outer"]
    await items.aclose()
    assert await logged(pg) == ["outer"]
    await settled(log, pg)


async def test_a_consumer_in_the_generators_transaction_of_another_database(
    log: Database, open_db: Open, pg: asyncpg.Connection[Any]
) -> None:
    other = await open_db(max_connections=1)
    items = directly(other)
    async for _ in items:
        await write(log, "outer")
        break
    assert await logged(pg) == ["outer"]
    await items.aclose()


# -- transactions and connections that were given back ------------------------------------------------


@pytest.mark.parametrize("leave", [asyncio.CancelledError, ValueError, None])
async def test_a_block_that_outlives_its_connection(
    open_db: Open, pg: asyncpg.Connection[Any], leave: type[BaseException] | None
) -> None:
    await pg.execute("create table log (v text)")
    db = await open_db(max_connections=1, acquire_timeout=5)
    kept: list[Any] = []

    async def block(connection: Any) -> AsyncIterator[None]:
        async with connection.transaction():
            await write(connection, "of the block")
            yield

    async def work() -> None:
        async with db.acquire() as connection:
            kept.append(block(connection))
            async for _ in kept[0]:
                if leave is not None:
                    raise leave
                break

    with contextlib.suppress(asyncio.CancelledError, ValueError):
        await work()
    async with db.transaction():
        await write(db, "of the next one")
        await kept.pop().aclose()
        await write(db, "and more of it")
    assert await logged(pg) == ["and more of it", "of the next one"]
    await settled(db, pg)


async def test_a_block_that_goes_on_after_its_connection(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    await pg.execute("create table log (v text)")
    db = await open_db(max_connections=1, acquire_timeout=5)
    async with contextlib.AsyncExitStack() as stack:
        async with db.acquire() as connection:
            await stack.enter_async_context(connection.transaction())
            await write(connection, "lost")
        with pytest.raises(ConnectionLost, match="given back"):
            await write(connection, "refused")
        await write(db, "kept")
        with pytest.raises(TransactionError, match="rolled back: its connection was given back"):
            await stack.aclose()
    assert await logged(pg) == ["kept"]


async def test_a_session_given_back_while_a_statement_runs_on_it(
    open_db: Open, pg: asyncpg.Connection[Any]
) -> None:
    await pg.execute("create table log (v text)")
    db = await open_db(max_connections=1, acquire_timeout=5)
    async with db.acquire() as connection:
        slow = asyncio.create_task(connection.execute("insert into log select 'a' from pg_sleep(0.05)"))
        await asyncio.sleep(0)
    await write(db, "b")  # waits until the session is free
    assert slow.done()
    await slow
    assert await logged(pg) == ["a", "b"]
    await settled(db, pg)


# -- other loops ---------------------------------------------------------------------------------------


def elsewhere(work: Callable[[], Any]) -> str:
    """Run a coroutine in an event loop of its own; return what it raises."""

    async def run() -> None:
        await work()

    try:
        asyncio.run(run())
    except (TransactionError, ConnectionLost) as error:
        return str(error)
    return "nothing"


WORK: dict[str, Callable[[Any], Any]] = {
    "execute": lambda db: write(db, "elsewhere"),
    "compiled": lambda db: db.run_execute("insert into log values ('elsewhere')"),
    "stream": lambda db: anext(db.run_cursor("insert into log values ('elsewhere') returning v")),
    "copy": lambda db: db.copy_out("select 1", len),
}


@pytest.mark.parametrize("what", WORK)
async def test_a_thread_cannot_use_the_transaction_it_was_started_in(
    log: Database, pg: asyncpg.Connection[Any], what: str
) -> None:
    async with log.transaction():
        await write(log, "here")
        message = await asyncio.to_thread(elsewhere, lambda: WORK[what](log))
        assert "another event loop" in message and "Context" in message
    assert await logged(pg) == ["here"]


@pytest.mark.parametrize("what", WORK)
async def test_a_thread_cannot_use_a_pinned_connection(
    log: Database, pg: asyncpg.Connection[Any], what: str
) -> None:
    async with log.acquire() as connection:
        message = await asyncio.to_thread(elsewhere, lambda: WORK[what](connection))
        assert "another event loop" in message
    assert await logged(pg) == []


async def test_a_thread_with_an_empty_context_and_a_database_of_its_own(
    log: Database, dsn: str, pg: asyncpg.Connection[Any]
) -> None:
    async def work() -> None:
        async with await Database.connect(dsn, max_connections=1) as own:
            await write(own, "elsewhere")

    async with log.transaction():
        await write(log, "here")
        message = await asyncio.to_thread(contextvars.Context().run, elsewhere, work)
    assert message == "nothing"
    assert await logged(pg) == ["elsewhere", "here"]
