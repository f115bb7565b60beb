"""The same under uvloop, whose transports and futures are its own."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from chakra import errors
from chakra.db import Database

uvloop = pytest.importorskip("uvloop")

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)


async def work(dsn: str) -> None:
    async with await Database.connect(dsn, max_connections=2) as db:
        pid = await db.fetchval("select pg_backend_pid()")
        await db.execute("create table t (a int primary key)")
        async with db.transaction():
            await db.run_execute("insert into t values ($1)", (1,))
        chunks: list[bytes] = []
        assert await db.copy_out("select g from generate_series(2, 50000) g", chunks.append) == 49_999
        assert await db.copy_in("t", ["a"], chunks) == 49_999

        async def endless() -> Any:
            yield HEADER
            while True:
                yield b"\0\1\0\0\0\4\0\0\0\1" * 1000

        with pytest.raises(errors.UniqueViolation):
            await db.copy_in("t", ["a"], endless())
        async with db.copy_out_stream("select * from generate_series(1, 1000000)") as stream:
            await anext(stream)
        with pytest.raises(ZeroDivisionError):
            await db.copy_out("select * from generate_series(1, 1000000)", lambda data: 1 // 0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await db.fetch("select pg_sleep(10)")
        async with asyncio.timeout(5):
            async for _ in db.run_cursor("select * from t", prefetch=10):
                break
        for _ in range(100):
            if db.pool.figures.idle == db.pool.figures.size:
                break
            await asyncio.sleep(0.01)
        assert await db.fetchval("select count(*) from t") == 50_000
        async with db.acquire() as one, db.acquire() as two:
            assert pid in (
                await one.fetchval("select pg_backend_pid()"),
                await two.fetchval("select pg_backend_pid()"),
            )


async def test_under_uvloop(pg: asyncpg.Connection[Any], dsn: str) -> None:
    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work(dsn))

    await asyncio.to_thread(run)
