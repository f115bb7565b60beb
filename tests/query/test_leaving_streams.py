"""Streams may be left at any point, on any kind of session, and whoever has the session next finds it as new.

The rows that another connection sees are the oracle: what was acknowledged is there, what was not is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

import chakra
from chakra.errors import ConnectionLost, TransactionError, UniqueViolation
from chakra.query.tables import TableQuery
from tests.db.faults import settled


class Big(chakra.Model, table="big"):
    id: chakra.Field[int] = chakra.field(primary_key=True)
    text: chakra.Field[str]


Stream = Callable[[Any], Any]

STREAMS: dict[str, Stream] = {
    "iterator": lambda db: Big.objects.using(db).iterator(chunk_size=10),
    "async for": lambda db: aiter(Big.objects.using(db).order_by("id")),
    "values": lambda db: Big.objects.using(db).values("id").iterator(chunk_size=10),
    "table": lambda db: TableQuery(db, "big").iterator(chunk_size=10),
    "run_cursor": lambda db: db.run_cursor("select id from big", prefetch=10),
    "arrow_batches": lambda db: Big.objects.using(db).arrow_batches(max_rows=500),
    "table columns": lambda db: TableQuery(db, "big").arrow_batches(max_rows=500),
    "raw columns": lambda db: chakra.raw("select * from big", db).arrow_batches(max_rows=500),
    "copy_out_stream": lambda db: chunks(db),  # noqa: PLW0108
    "generator around": lambda db: around(Big.objects.using(db).arrow_batches(max_rows=500)),
}
COPIES = ["arrow_batches", "table columns", "raw columns", "copy_out_stream", "generator around"]


async def chunks(db: Any) -> AsyncIterator[bytes]:
    async with db.copy_out_stream("select * from big") as stream:
        async for chunk in stream:
            yield chunk


async def around(items: Any) -> AsyncIterator[Any]:
    async for item in items:
        yield item


class Left(Exception):
    """What a consumer raises in its loop."""


KEPT: list[Any] = []
"""What outlives its block: a reference, an exception with its traceback, a cycle for the collector."""


async def by_break(stream: Any) -> None:
    async for _ in stream:
        break


async def by_return(stream: Any) -> Any:
    async for item in stream:
        return item


async def by_exception(stream: Any) -> None:
    try:
        async for _ in stream:
            raise Left
    except Left:
        pass


async def by_kept_exception(stream: Any) -> None:
    try:
        async for _ in stream:
            raise Left
    except Left as error:
        KEPT.append(error)


async def by_cancel(stream: Any) -> None:
    async def loop() -> None:
        async for _ in stream:
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(loop())
    while not task.done() and (task._fut_waiter is None or _inside(task) is not loop.__code__):  # type: ignore[attr-defined]
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def _inside(task: asyncio.Task[Any]) -> Any:
    """The code of the innermost coroutine in which a task waits."""
    waiting: Any = task.get_coro()
    while getattr(waiting, "cr_await", None) is not None and hasattr(waiting.cr_await, "cr_code"):
        waiting = waiting.cr_await
    return (
        waiting.cr_code if type(waiting.cr_await).__name__ in ("FutureIter", "_asyncio.FutureIter") else None
    )


async def by_timeout(stream: Any) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            async for _ in stream:
                await asyncio.get_running_loop().create_future()


async def by_cycle(stream: Any) -> None:
    async for _ in stream:
        break
    cycle: list[Any] = [stream]
    cycle.append(cycle)


async def by_kept_reference(stream: Any) -> None:
    KEPT.append(stream)
    async for _ in stream:
        break


async def by_one_item(stream: Any) -> None:
    await anext(stream)


async def by_aclose(stream: Any) -> None:
    async with contextlib.aclosing(stream):
        async for _ in stream:
            break


WAYS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    f.__name__: f
    for f in (
        by_break,
        by_return,
        by_exception,
        by_kept_exception,
        by_cancel,
        by_timeout,
        by_cycle,
        by_kept_reference,
        by_one_item,
        by_aclose,
    )
}
KEEP_A_REFERENCE = {"by_kept_exception", "by_kept_reference"}


@pytest.fixture(autouse=True)
def forget() -> Any:
    KEPT.clear()
    yield
    KEPT.clear()
    gc.collect()


@pytest.fixture
async def one(dsn: str, pg: asyncpg.Connection[Any]) -> AsyncIterator[Any]:
    """A database with one connection, which everybody therefore gets next."""
    await pg.execute(
        "create table big as select i::int8 as id, repeat('x', 500) as text from generate_series(1, 5000) i;"
        "alter table big add primary key (id); create table log (v text)"
    )
    noise: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
    db = await chakra.connect(dsn, max_connections=1, acquire_timeout=5)
    await chakra.raw("select 1", db).to_arrow()
    yield db
    await db.close(timeout=1)
    assert noise == []


async def logged(pg: asyncpg.Connection[Any]) -> list[str]:
    return [row["v"] for row in await pg.fetch("select v from log order by v")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", STREAMS)
async def test_the_next_borrower_of_a_pooled_session(
    one: Any, pg: asyncpg.Connection[Any], kind: str, way: str
) -> None:
    await WAYS[way](STREAMS[kind](one))
    if way == "by_kept_reference":
        await KEPT.pop().aclose()  # a pooled stream that somebody holds has its connection for itself
    elif way == "by_kept_exception":
        KEPT.clear()
    gc.collect()
    await one.execute("insert into log values ('a')")
    async with one.transaction():
        await one.execute("insert into log values ('b')")
    assert await logged(pg) == ["a", "b"]
    await settled(one, pg)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", STREAMS)
async def test_the_next_borrower_of_a_pinned_session(
    one: Any, pg: asyncpg.Connection[Any], kind: str, way: str
) -> None:
    async with one.acquire() as connection:
        await WAYS[way](STREAMS[kind](connection))
    await one.execute("insert into log values ('a')")
    assert await logged(pg) == ["a"]
    async with one.transaction():
        await one.execute("insert into log values ('b')")
        KEPT.clear()
        gc.collect()  # finalisers of the stream run now
        await asyncio.sleep(0)
        await one.execute("insert into log values ('c')")
    assert await logged(pg) == ["a", "b", "c"]
    await settled(one, pg)


@pytest.mark.parametrize("way", [w for w in WAYS if w not in KEEP_A_REFERENCE])
@pytest.mark.parametrize("kind", STREAMS)
async def test_the_transaction_around_goes_on(
    one: Any, pg: asyncpg.Connection[Any], kind: str, way: str
) -> None:
    async with one.transaction():
        await one.execute("insert into log values ('a')")
        await WAYS[way](STREAMS[kind](one))
        gc.collect()
        await one.execute("insert into log values ('b')")
        async with one.transaction():
            await WAYS[way](STREAMS[kind](one))
            gc.collect()
            await one.execute("insert into log values ('c')")
    assert await logged(pg) == ["a", "b", "c"]
    await settled(one, pg)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", STREAMS)
async def test_the_end_of_a_transaction_ends_its_streams(
    one: Any, pg: asyncpg.Connection[Any], kind: str, way: str
) -> None:
    async with one.transaction():
        await one.execute("insert into log values ('a')")
        await WAYS[way](STREAMS[kind](one))
    assert await logged(pg) == ["a"]
    with pytest.raises(Left):
        async with one.transaction():
            await one.execute("insert into log values ('b')")
            await WAYS[way](STREAMS[kind](one))
            raise Left
    await one.execute("insert into log values ('c')")
    assert await logged(pg) == ["a", "c"]
    await settled(one, pg)


@pytest.mark.parametrize("kind", STREAMS)
async def test_a_savepoint_ends_only_its_own_streams(
    one: Any, pg: asyncpg.Connection[Any], kind: str
) -> None:
    async with one.transaction():
        outer = one.run_cursor("select id from big order by id", prefetch=10)
        assert len(await anext(outer)) == 10
        async with one.transaction():
            stream = STREAMS[kind](one)
            await anext(stream)
        with pytest.raises((TransactionError, ConnectionLost, StopAsyncIteration)):
            while True:
                await anext(stream)
        assert [row["id"] for row in await anext(outer)] == list(range(11, 21))


@pytest.mark.parametrize("kind", COPIES)
async def test_a_statement_within_a_loop_over_a_copy_names_the_stream(one: Any, kind: str) -> None:
    async with one.transaction():
        async for _ in STREAMS[kind](one):
            with pytest.raises(TransactionError, match=r"reading a stream, .*big.* aclose\(\)"):
                await one.execute("insert into log values ('a')")
            with pytest.raises(TransactionError, match="reading a stream"):
                await Big.objects.using(one).count()
            with pytest.raises(TransactionError, match="reading a stream"):
                await Big.objects.using(one).to_arrow()
            with pytest.raises(TransactionError, match="reading a stream"):
                await TableQuery(one, "log").bulk_insert({"v": ["b"]})
            break
        await one.execute("insert into log values ('c')")
        assert await one.fetchval("select count(*) from log") == 1


async def test_a_message_about_a_stream_holds_no_values(one: Any) -> None:
    async with one.transaction():
        async for _ in Big.objects.using(one).exclude(text="s3cret").arrow_batches(max_rows=10):
            with pytest.raises(TransactionError) as caught:
                await one.execute("select 1")
            assert "s3cret" not in str(caught.value)
            break


@pytest.mark.parametrize("kind", ["iterator", "async for", "values", "table", "run_cursor"])
async def test_statements_within_a_loop_over_a_cursor(
    one: Any, pg: asyncpg.Connection[Any], kind: str
) -> None:
    async with one.transaction():
        async for _ in STREAMS[kind](one):
            await one.execute("insert into log values ('a')")
            break
        await one.execute("insert into log values ('b')")
    assert await logged(pg) == ["a", "b"]
    # On a pinned connection the cursor has a transaction of its own, which is rolled back at its end.
    async with one.acquire() as connection:
        async for _ in STREAMS[kind](connection):
            with pytest.raises(TransactionError, match="reading a stream"):
                await connection.execute("insert into log values ('c')")
            break
        await connection.execute("insert into log values ('d')")
    assert await logged(pg) == ["a", "b", "d"]


@pytest.mark.parametrize("kind", STREAMS)
async def test_a_stream_of_a_connection_that_was_given_back(one: Any, kind: str) -> None:
    async with one.acquire() as connection:
        stream = STREAMS[kind](connection)
        await anext(stream)
    await one.execute("select 1")
    with pytest.raises((ConnectionLost, TransactionError, StopAsyncIteration)):
        while True:
            await anext(stream)


@pytest.mark.parametrize("kind", ["arrow_batches", "table columns", "raw columns"])
async def test_a_failed_insert_closes_the_stream_it_reads(
    one: Any, dsn: str, pg: asyncpg.Connection[Any], kind: str
) -> None:
    await pg.execute("create table copy (id int8 unique, text text); insert into copy values (5, 'there')")
    async with chakra.connect(dsn, max_connections=2, acquire_timeout=1) as two:
        for _ in range(4):
            with pytest.raises(UniqueViolation) as caught:
                await two.table("copy").bulk_insert(STREAMS[kind](two))
            KEPT.append(caught.value)
            await settled(two, pg)
        assert await two.table("copy").count() == 1


async def test_reading_and_writing_on_one_connection_names_the_stream(one: Any) -> None:
    async with one.transaction():
        with pytest.raises(TransactionError, match="reading a stream"):
            await TableQuery(one, "log").bulk_insert(
                chakra.raw("select text as v from big", one).arrow_batches(max_rows=10)
            )
        await one.execute("insert into log values ('a')")
    assert await one.fetchval("select count(*) from log") == 1


async def test_a_stream_is_an_asynchronous_context_manager(one: Any, pg: asyncpg.Connection[Any]) -> None:
    async with Big.objects.using(one).arrow_batches(max_rows=500) as batches:
        async for batch in batches:
            assert batch.num_rows == 500
            break
    await settled(one, pg)
    assert await Big.objects.using(one).count() == 5000


async def test_a_stream_dropped_in_another_thread(one: Any, pg: asyncpg.Connection[Any]) -> None:
    held = [Big.objects.using(one).arrow_batches(max_rows=500)]
    await anext(held[0])
    await asyncio.to_thread(held.clear)
    await one.execute("insert into log values ('a')")
    assert await logged(pg) == ["a"]
