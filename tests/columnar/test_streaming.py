"""Large reads and writes by querysets: bounded memory, back-pressure, and stopping that reaches the server."""

from __future__ import annotations

import asyncio
import contextlib
import io
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pyarrow as pa
import pytest

import chakra
from chakra.errors import ConnectionLost, DataError, QueryCancelled
from tests.db.faults import settled

# In the SELECT list: FROM would make all of it before the first row.
ENDLESS = "select generate_series(1, 1000000000000) as i, repeat('x', 100) as t"
WIDE = "select i::int8 as i, repeat('y', 400) as t from generate_series(1, {}) i"


@pytest.fixture
async def one(dsn: str, pg: asyncpg.Connection[Any]) -> AsyncIterator[Any]:
    """A database with one connection, and a table ``t``: what leaves the connection unusable is noticed."""
    db = await chakra.connect(dsn, max_connections=1, acquire_timeout=5)
    await db.execute("create table t (i int8, t text)")
    await chakra.raw("select 1", db).to_arrow()
    yield db
    await db.close(timeout=1)


async def eventually(pg: asyncpg.Connection[Any], condition: str, expected: Any = True) -> None:
    """Ask the server until it answers as expected, for at most ten seconds."""
    async with asyncio.timeout(10):
        while await pg.fetchval(condition) != expected:
            await asyncio.sleep(0.002)


BOUND = 4_000_000
"""Bytes a stream that nobody reads may hold: 1 MiB of chunks, the decoder's block and one open batch."""

COPIES = (
    "select count(*) from pg_stat_activity where datname = current_database() and state = 'active' "
    "and query like '%COPY %' and pid <> pg_backend_pid()"
)


def endless_batches() -> Any:
    batch = pa.record_batch({"i": pa.array(range(1000), pa.int64()), "t": ["x" * 100] * 1000})

    async def batches() -> AsyncIterator[pa.RecordBatch]:
        while True:
            yield batch
            await asyncio.sleep(0)

    return batches()


# -- memory ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [{"max_rows": 1000}, {"max_rows": None, "max_bytes": 400_000}])
async def test_memory_does_not_grow_with_the_result(one: Any, limit: dict[str, Any]) -> None:
    """84 MB in batches of 0.4 MB: at no time is there more than a few batches and the buffers of the stream."""

    async def peak(rows: int) -> int:
        tracemalloc.start()
        try:
            seen = 0
            async for batch in chakra.raw(WIDE.format(rows), one).arrow_batches(**limit):
                seen += batch.num_rows
            assert seen == rows
            return tracemalloc.get_traced_memory()[1]  # NumPy, whose buffers batches are, tells tracemalloc
        finally:
            tracemalloc.stop()

    before = pa.total_allocated_bytes()
    await peak(1000)
    small, large = await peak(20_000), await peak(200_000)
    assert large < small + 500_000
    assert large < 8_000_000
    assert pa.total_allocated_bytes() <= before


async def test_batches_by_bytes(one: Any) -> None:
    sizes = [
        b.nbytes
        async for b in chakra.raw(WIDE.format(5000), one).arrow_batches(max_rows=None, max_bytes=100_000)
    ]
    assert len(sizes) >= 20
    assert max(sizes) <= 100_000
    (single,) = [
        b async for b in chakra.raw("select repeat('z', 3000) as t", one).arrow_batches(max_bytes=100)
    ]
    assert single.num_rows == 1  # a row larger than the limit is a batch of its own


async def test_a_consumer_that_stops_reading_stops_the_server(one: Any, pg: asyncpg.Connection[Any]) -> None:
    batches = chakra.raw(ENDLESS, one).arrow_batches(max_rows=1000)
    tracemalloc.start()
    try:
        await anext(batches)
        # The server waits for the client to read.
        await eventually(
            pg,
            f"select count(*) = 1 from ({COPIES.replace('count(*)', 'wait_event as w')}) q where w = 'ClientWrite'",
        )
        for _ in range(50):  # 100 ms, in which a reader that does not stop takes 20 MB
            await asyncio.sleep(0.002)
        assert tracemalloc.get_traced_memory()[0] < BOUND
    finally:
        tracemalloc.stop()
    assert (await anext(batches)).num_rows == 1000
    await batches.aclose()
    await settled(one, pg)


# -- stopping -------------------------------------------------------------------------------------------


async def test_leaving_early_outside_and_inside_a_transaction(one: Any, pg: asyncpg.Connection[Any]) -> None:
    pid = await one.fetchval("select pg_backend_pid()")
    async with contextlib.aclosing(chakra.raw(ENDLESS, one).arrow_batches(max_rows=10)) as batches:
        async for _ in batches:
            break
    await settled(one, pg)
    async with one.transaction():
        await one.execute("insert into t values (1, 'mine')")
        async with contextlib.aclosing(one.table("t").arrow_batches()) as batches:
            assert (await anext(batches)).column("t").to_pylist() == ["mine"]
        async with contextlib.aclosing(chakra.raw(ENDLESS, one).arrow_batches(max_rows=10)) as batches:
            await anext(batches)
        await one.execute("insert into t values (2, 'too')")
    assert await pg.fetchval("select count(*) from t") == 2
    assert await one.fetchval("select pg_backend_pid()") == pid  # the connection was not given up


async def drain(query: Any) -> None:
    async for _ in query.arrow_batches():
        pass


ENDLESS_WORK: dict[str, Callable[[Any], Any]] = {
    "to_arrow": lambda db: chakra.raw(ENDLESS, db).to_arrow(),
    "to_polars": lambda db: chakra.raw(ENDLESS, db).to_polars(),
    "arrow_batches": lambda db: drain(chakra.raw(ENDLESS, db)),
    "bulk_insert": lambda db: db.table("t").bulk_insert(endless_batches()),
}


@pytest.mark.parametrize("work", ENDLESS_WORK)
async def test_cancelling_stops_the_server(one: Any, pg: asyncpg.Connection[Any], work: str) -> None:
    task = asyncio.create_task(ENDLESS_WORK[work](one))
    await eventually(pg, COPIES, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(pg, COPIES, 0)
    await settled(one, pg)
    assert await pg.fetchval("select count(*) from t") == 0


@pytest.mark.parametrize("work", ENDLESS_WORK)
async def test_cancelling_inside_a_transaction_rolls_back(
    one: Any, pg: asyncpg.Connection[Any], work: str
) -> None:
    async def inside() -> None:
        async with one.transaction():
            await one.execute("insert into t values (1, 'mine')")
            await ENDLESS_WORK[work](one)

    task = asyncio.create_task(inside())
    await eventually(pg, COPIES, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(pg, COPIES, 0)
    await settled(one, pg)
    assert await pg.fetchval("select count(*) from t") == 0


async def test_timeouts(one: Any, pg: asyncpg.Connection[Any]) -> None:
    with pytest.raises(QueryCancelled, match=r"timeout=0\.05 s"):
        await chakra.raw(ENDLESS, one).to_arrow(timeout=0.05)
    await settled(one, pg)
    with pytest.raises(QueryCancelled, match=r"timeout=0\.05 s"):
        await one.table("t").bulk_insert(endless_batches(), timeout=0.05)
    await settled(one, pg)
    assert await pg.fetchval("select count(*) from t") == 0
    data = {"i": [1], "t": ["x"]}
    assert (await one.table("t").bulk_insert(data, timeout=30)).inserted == 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await drain(chakra.raw(ENDLESS, one))
    await settled(one, pg)


async def test_the_server_s_own_timeout(one: Any, pg: asyncpg.Connection[Any]) -> None:
    for work in ENDLESS_WORK.values():
        with pytest.raises(QueryCancelled, match="statement timeout"):
            async with one.transaction():
                await one.execute("set local statement_timeout = '50ms'")
                await work(one)
        await settled(one, pg)
    assert await pg.fetchval("select count(*) from t") == 0


class Boom(Exception):
    pass


async def test_a_progress_callable_that_raises(one: Any, pg: asyncpg.Connection[Any]) -> None:
    def boom(rows: int, _: int) -> None:
        assert rows >= 0
        raise Boom

    with pytest.raises(Boom):
        await chakra.raw(ENDLESS, one).to_arrow(progress=boom)
    await settled(one, pg)
    with pytest.raises(Boom):
        async for _ in chakra.raw(ENDLESS, one).arrow_batches(progress=boom):
            pass
    await settled(one, pg)
    with pytest.raises(Boom):
        await one.table("t").bulk_insert(endless_batches(), progress=boom)
    await settled(one, pg)
    assert await pg.fetchval("select count(*) from t") == 0


async def test_progress_only_goes_forward(one: Any) -> None:
    for work in (
        lambda progress: chakra.raw(WIDE.format(20_000), one).to_arrow(progress=progress),
        lambda progress: collected(chakra.raw(WIDE.format(20_000), one), progress),
        lambda progress: one.table("t").bulk_insert(
            pa.table({"i": range(20_000), "t": ["y" * 400] * 20_000}), progress=progress
        ),
    ):
        seen: list[tuple[int, int]] = []
        await work(lambda rows, size, seen=seen: seen.append((rows, size)))
        assert len(seen) >= 5
        assert seen == sorted(seen)
        assert seen[-1][0] == 20_000
        assert seen[-1][1] > 20_000 * 400
        with contextlib.redirect_stdout(io.StringIO()):
            await work(True)


async def collected(query: Any, progress: Any) -> None:
    async for _ in query.arrow_batches(progress=progress):
        pass


# -- the server goes away -------------------------------------------------------------------------------


@pytest.mark.parametrize("work", ENDLESS_WORK)
async def test_a_backend_that_dies(one: Any, pg: asyncpg.Connection[Any], work: str) -> None:
    pid = await one.fetchval("select pg_backend_pid()")
    task = asyncio.create_task(ENDLESS_WORK[work](one))
    await eventually(pg, COPIES, 1)
    await pg.fetchval("select pg_terminate_backend($1)", pid)
    with pytest.raises(ConnectionLost):
        async with asyncio.timeout(10):
            await task
    await settled(one, pg)
    assert await one.fetchval("select pg_backend_pid()") != pid
    assert await pg.fetchval("select count(*) from t") == 0


async def test_a_bad_value_late_in_the_data_leaves_nothing(one: Any, pg: asyncpg.Connection[Any]) -> None:
    good = pa.record_batch({"i": pa.array(range(1000), pa.int64()), "t": ["x" * 100] * 1000})
    bad = pa.record_batch({"i": pa.array([1, 2], pa.int64()), "t": ["fine", "a\0b"]})

    async def batches() -> AsyncIterator[pa.RecordBatch]:
        for _ in range(50):
            yield good
        yield bad

    with pytest.raises(DataError, match='row 50001, column "t"'):
        await one.table("t").bulk_insert(batches())
    await settled(one, pg)
    assert await pg.fetchval("select count(*) from t") == 0


async def test_a_batch_of_large_rows_ends_before_max_rows(one: Any) -> None:
    """150 MB in 150 rows: without a limit in bytes, batches end at 64 MiB of the stream."""
    sql = "select repeat('z', 1000000) as t from generate_series(1, 150)"
    rows = [b.num_rows async for b in chakra.raw(sql, one).arrow_batches()]
    assert sum(rows) == 150
    assert max(rows) <= 68
