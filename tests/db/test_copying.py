"""COPY streams: bytes out and in, back-pressure, early ends, and faults in the middle."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from chakra import errors
from chakra.db import Database
from chakra.db.copy_out import STREAM_BUFFER, ends_copy
from tests.db.conftest import Open
from tests.db.faults import settled
from tests.db.proxy import Proxy

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = b"\xff\xff"
ROWS = 200_000
MANY = f"select g::int from generate_series(1, {ROWS}) g"


def row(*values: bytes | None) -> bytes:
    return struct.pack(">h", len(values)) + b"".join(
        struct.pack(">i", -1) if v is None else struct.pack(">i", len(v)) + v for v in values
    )


def ints(count: int) -> bytes:
    return b"".join(row(struct.pack(">i", n)) for n in range(count))


async def test_out_into_a_plain_sink(db: Database) -> None:
    chunks: list[bytes] = []
    assert await db.copy_out("select 1::int, null::text, 'ab'", chunks.append) == 1
    assert b"".join(chunks) == HEADER + row(b"\0\0\0\1", None, b"ab") + TRAILER


async def test_out_into_an_async_sink(db: Database) -> None:
    size = 0

    async def sink(data: bytes) -> None:
        nonlocal size
        await asyncio.sleep(0)
        size += len(data)

    assert await db.copy_out(MANY, sink) == ROWS
    assert size == len(HEADER) + ROWS * 10 + 2


async def test_out_of_nothing(db: Database) -> None:
    chunks: list[bytes] = []
    assert await db.copy_out("select 1 where false", chunks.append) == 0
    assert b"".join(chunks) == HEADER + TRAILER


async def test_out_as_a_stream(db: Database) -> None:
    async with db.copy_out_stream(MANY) as stream:
        parts = [chunk async for chunk in stream]
    assert sum(map(len, parts)) == len(HEADER) + ROWS * 10 + 2
    assert stream.rows == ROWS


async def test_in_and_out_again(db: Database) -> None:
    await db.execute("create table t (a int, b text)")
    data = HEADER + row(b"\0\0\0\1", b"x") + row(None, None) + TRAILER

    async def source() -> AsyncIterator[bytes]:
        for at in range(len(data)):
            yield data[at : at + 1]

    assert await db.copy_in("t", ["a", "b"], source()) == 2
    assert await db.copy_in("t", None, [memoryview(data), b""]) == 2
    assert [tuple(r) for r in await db.fetch("select * from t")] == [(1, "x"), (None, None)] * 2


async def test_names_are_quoted(db: Database) -> None:
    await db.execute('create schema "my ""own"; create table "my ""own"."T 1" ("a""b" int)')
    assert await db.copy_in("T 1", ['a"b'], [HEADER + ints(3) + TRAILER], schema='my "own') == 3
    with pytest.raises(errors.DatabaseError, match="does not exist"):
        await db.copy_in("t; drop table x", None, [HEADER + TRAILER])


async def test_text_that_looks_like_a_parameter_is_left_alone(db: Database) -> None:
    chunks: list[bytes] = []
    await db.copy_out("select '$1 %s {} \\'::text", chunks.append)
    assert b"$1 %s {} \\" in b"".join(chunks)


async def test_it_runs_in_the_surrounding_transaction(db: Database, pg: asyncpg.Connection[Any]) -> None:
    await db.execute("create table t (a int)")
    with pytest.raises(KeyError):
        async with db.transaction():
            await db.copy_in("t", ["a"], [HEADER + ints(5) + TRAILER])
            size: list[int] = []
            assert await db.copy_out("select * from t", lambda data: size.append(len(data))) == 5
            assert await pg.fetchval("select count(*) from t") == 0
            raise KeyError
    assert await db.fetchval("select count(*) from t") == 0


@pytest.mark.parametrize("at", [1, 2, 5])
@pytest.mark.parametrize("slow", [False, True])
async def test_a_sink_that_raises(open_db: Open, pg: asyncpg.Connection[Any], at: int, slow: bool) -> None:
    db = await open_db(max_connections=1)
    pid = await db.fetchval("select pg_backend_pid()")
    calls = 0

    def sink(data: bytes) -> Any:
        nonlocal calls
        calls += 1
        if slow:
            return fail() if calls == at else asyncio.sleep(0)
        if calls == at:
            raise OSError(28, "No space left on device")
        return None

    async def fail() -> None:
        await asyncio.sleep(0)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        await db.copy_out(MANY, sink)
    assert not isinstance(caught.value, errors.ChakraError)
    assert calls == at
    await settled(db, pg)
    assert await db.fetchval("select pg_backend_pid()") == pid


@pytest.mark.parametrize("slow", [False, True])
async def test_a_sink_that_raises_at_the_only_chunk(
    open_db: Open, pg: asyncpg.Connection[Any], slow: bool
) -> None:
    db = await open_db(max_connections=1)
    pid = await db.fetchval("select pg_backend_pid()")

    async def fail() -> None:
        raise KeyError("mine")

    def sink(data: bytes) -> Any:
        if slow:
            return fail()
        raise KeyError("mine")

    for sql in (
        "select 1",
        "select 1 where false",
        "select -1",
        "select -1::int2 from generate_series(1, 3)",
    ):
        async with asyncio.timeout(3):
            with pytest.raises(KeyError, match="mine"):
                await db.copy_out(sql, sink)
            await settled(db, pg)
    assert await db.fetchval("select pg_backend_pid()") == pid


def test_where_a_stream_ends() -> None:
    one = row(b"\xff\xff")
    assert ends_copy(HEADER + TRAILER, first=True)
    assert ends_copy(HEADER + one + TRAILER, first=True)
    assert ends_copy(one + TRAILER, first=False)
    assert ends_copy(TRAILER, first=False)
    assert not ends_copy(HEADER + one, first=True)
    assert not ends_copy(one, first=False)
    assert not ends_copy(row(None) + row(b"x", None), first=False)
    extended = HEADER[:15] + struct.pack(">i", 3) + b"abc"
    assert ends_copy(extended + one + TRAILER, first=True)
    assert not ends_copy(extended + one, first=True)


async def test_a_consumer_that_leaves_early(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=1)
    pid = await db.fetchval("select pg_backend_pid()")
    for n in range(5):
        async with db.copy_out_stream("select repeat('x', 1000) from generate_series(1, 10000000)") as stream:
            for _ in range(n):
                await anext(stream)
        await settled(db, pg)
    assert await db.fetchval("select pg_backend_pid()") == pid


async def test_a_consumer_that_leaves_early_inside_a_transaction(
    open_db: Open, pg: asyncpg.Connection[Any]
) -> None:
    db = await open_db(max_connections=1)
    await db.execute("create table t (a int)")
    async with db.transaction():
        await db.run_execute("insert into t values (1)")
        async with db.copy_out_stream("select * from generate_series(1, 10000000)") as stream:
            await anext(stream)
        assert await db.fetchval("select count(*) from t") == 1
        with pytest.raises(KeyError):
            async with db.copy_out_stream("select * from generate_series(1, 10000000)") as stream:
                raise KeyError
        with pytest.raises(errors.DataError, match="division"):
            async with db.copy_out_stream("select 1 / (5 - g) from generate_series(1, 10) g") as stream:
                [chunk async for chunk in stream]
        await db.run_execute("insert into t values (2)")
    assert await pg.fetchval("select count(*) from t") == 2
    await settled(db, pg)


async def test_a_query_that_sends_nothing_is_left(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=1)
    async with asyncio.timeout(3):
        async with db.copy_out_stream("select pg_sleep(30)"):
            await asyncio.sleep(0.02)
    await settled(db, pg)


async def test_back_pressure(db: Database, pg: asyncpg.Connection[Any]) -> None:
    async with db.copy_out_stream("select repeat('x', 1000) from generate_series(1, 100000)") as stream:
        await anext(stream)
        for _ in range(20):
            await asyncio.sleep(0.01)
        held = stream._held
        assert held <= STREAM_BUFFER + (1 << 19)  # one read more than the limit at most
        assert [
            r["wait_event"]
            for r in await pg.fetch(
                "select wait_event from pg_stat_activity where query like 'COPY%' and pid <> pg_backend_pid() "
                "and datname = current_database()"
            )
        ] == ["ClientWrite"]
        total = held
        async for chunk in stream:
            total += len(chunk)
            assert stream._held <= STREAM_BUFFER + (1 << 19)
    assert total > 100_000_000


async def test_a_source_that_raises(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=1)
    await db.execute("create table t (a int)")

    async def source(error: BaseException) -> AsyncIterator[bytes]:
        yield HEADER + ints(50_000)
        await asyncio.sleep(0)
        raise error

    def plain() -> Any:
        yield HEADER + ints(50_000)
        raise ZeroDivisionError("mine")

    for error in (ZeroDivisionError("mine"), OSError(5, "mine"), errors.DataError("mine", row=3)):
        with pytest.raises(type(error), match="mine") as caught:
            await db.copy_in("t", ["a"], source(error))
        assert caught.value is error
        await settled(db, pg)
    with pytest.raises(ZeroDivisionError, match="mine"):
        await db.copy_in("t", ["a"], plain())
    assert await pg.fetchval("select count(*) from t") == 0
    await settled(db, pg)


async def test_a_source_is_not_read_on_after_the_server_refused(
    open_db: Open, pg: asyncpg.Connection[Any]
) -> None:
    db = await open_db(max_connections=1)
    pid = await db.fetchval("select pg_backend_pid()")
    await db.execute("create table t (a int primary key)")
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        yield HEADER
        while True:
            read += 1
            yield ints(1000)
            await asyncio.sleep(0)

    def endless_too() -> Any:
        yield HEADER
        while True:
            yield ints(1000)

    async def then_raises() -> AsyncIterator[bytes]:
        yield HEADER + ints(5000) + ints(5000)  # more than COPY gathers before it inserts
        await asyncio.sleep(0.1)
        raise ZeroDivisionError

    for source in (endless(), endless_too(), then_raises()):
        async with asyncio.timeout(5):
            with pytest.raises(errors.UniqueViolation):
                await db.copy_in("t", ["a"], source)
            await settled(db, pg)
    with pytest.raises(errors.DatabaseError, match="does not exist"):
        await db.copy_in("nowhere", ["a"], endless())
    assert read < 200
    assert await db.fetchval("select pg_backend_pid()") == pid


async def test_cancelled_after_the_server_refused(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=1)
    await db.execute("create table t (a int primary key)")

    async def then_hangs() -> AsyncIterator[bytes]:
        yield HEADER + ints(5000) + ints(5000)  # more than COPY gathers before it inserts
        await asyncio.sleep(60)

    for wait in (0.0, 0.001, 0.05):
        task = asyncio.create_task(db.copy_in("t", ["a"], then_hangs()))
        await asyncio.sleep(wait)
        task.cancel()
        async with asyncio.timeout(3):
            with pytest.raises((asyncio.CancelledError, errors.UniqueViolation)):
                await task
            await settled(db, pg)


async def test_a_source_that_raises_inside_a_transaction(db: Database) -> None:
    await db.execute("create table t (a int)")

    def source() -> Any:
        yield HEADER + ints(10)
        raise ZeroDivisionError

    async with db.transaction():
        await db.run_execute("insert into t values (1)")
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                await db.copy_in("t", ["a"], source())
        assert await db.fetchval("select count(*) from t") == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"rubbish and more", "signature"),
        (HEADER + row(b"\0"), "insufficient data left"),
        (HEADER + row(b"\0\0\0\1", b"") + TRAILER, "row field count is 2, expected 1"),
        (HEADER + ints(2), None),
    ],
)
async def test_a_malformed_stream_in(db: Database, data: bytes, words: str | None) -> None:
    await db.execute("create table t (a int)")
    if words is None:  # the server takes a missing trailer for the end
        assert await db.copy_in("t", ["a"], [data]) == 2
        return
    with pytest.raises(errors.DataError, match=words):
        await db.copy_in("t", ["a"], [data])
    assert await db.fetchval("select count(*) from t") == 0


async def test_a_constraint_in_a_copy(db: Database) -> None:
    await db.execute("create table t (a int primary key, b int not null default 1)")
    with pytest.raises(errors.UniqueViolation) as caught:
        await db.copy_in("t", ["a"], [HEADER + ints(2) + ints(2) + TRAILER])
    assert (caught.value.table, caught.value.constraint) == ("t", "t_pkey")
    assert await db.fetchval("select count(*) from t") == 0


async def test_statement_timeout_in_a_copy(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=1)
    await db.execute("create table t (a int)")

    async def slow() -> AsyncIterator[bytes]:
        yield HEADER
        while True:
            yield ints(10)
            await asyncio.sleep(0.005)

    async with db.acquire() as connection:
        await connection.execute("set statement_timeout = '50ms'")
        with pytest.raises(errors.QueryCancelled, match="statement timeout"):
            await connection.copy_out(f"select pg_sleep(0.001), g from generate_series(1, {ROWS}) g", len)
        with pytest.raises(errors.QueryCancelled, match="statement timeout"):
            await connection.copy_in("t", ["a"], slow())
        await connection.execute("set statement_timeout = 0")
        assert await connection.fetchval("select count(*) from t") == 0
    await settled(db, pg)


@pytest.mark.parametrize("direction", ["out", "in", "stream"])
@pytest.mark.parametrize("when", ["first", "later"])
async def test_the_backend_dies_in_a_copy(
    open_db: Open, pg: asyncpg.Connection[Any], direction: str, when: str
) -> None:
    db = await open_db(max_connections=1)
    await db.execute("create table t (a int)")
    pid = await db.fetchval("select pg_backend_pid()")
    calls = 0

    async def kill() -> None:
        nonlocal calls
        calls += 1
        if calls == (1 if when == "first" else 4):
            await pg.fetchval("select pg_terminate_backend($1)", pid)
            await asyncio.sleep(0.02)

    async def source() -> AsyncIterator[bytes]:
        yield HEADER
        for _ in range(200):
            await kill()
            yield ints(1000)
            await asyncio.sleep(0)
        yield TRAILER

    with pytest.raises(errors.ConnectionLost):
        if direction == "out":
            await db.copy_out(MANY, lambda _: kill())
        elif direction == "in":
            await db.copy_in("t", ["a"], source())
        else:
            async with db.copy_out_stream(
                "select repeat('x', 1000) from generate_series(1, 100000)"
            ) as stream:
                async for _ in stream:
                    await kill()
    assert await pg.fetchval("select count(*) from t") == 0
    await settled(db, pg)
    assert await db.fetchval("select pg_backend_pid()") != pid


async def test_the_line_is_cut_in_a_copy(open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(proxy.url, max_connections=1)
    await db.execute("create table t (a int)")

    def sink(data: bytes) -> None:
        proxy.cut()

    async def source() -> AsyncIterator[bytes]:
        yield HEADER + ints(1000)
        proxy.cut()
        while True:
            await asyncio.sleep(0)
            yield ints(1000)

    with pytest.raises(errors.ConnectionLost):
        await db.copy_out("select repeat('x', 1000) from generate_series(1, 100000)", sink)
    with pytest.raises(errors.ConnectionLost):
        await db.copy_in("t", ["a"], source())
    assert await db.fetchval("select count(*) from t") == 0
