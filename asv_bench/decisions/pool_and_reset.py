"""Figures of docs/decisions/0004 and 0012: statements, borrows, resets and a drained COPY, timed in turn in a process.

``python asv_bench/decisions/pool_and_reset.py postgresql://…`` (needs asyncpg; makes a table and drops it).
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import asyncpg

from chakra.db import Database
from chakra.db.relations import facts_query
from chakra.db.reset import reset_script
from chakra.db.session_effects import READ_CLOSELY, effects_of

Way = Callable[[int], Awaitable[None]]

ROW = "select 1 as id, 'abc'::text as name where $1::int8 is not null"
ROWS = 1_000_000
SETUP = f"""
drop table if exists pool_and_reset;
create table pool_and_reset as
  select i::bigint as id, 'name ' || i as name, 'user' || i || '@example.com' as email, (i % 90)::int as age,
         i % 3 = 0 as is_active, case when i % 10 > 0 then i * 0.37::float8 end as score,
         timestamptz '2024-01-01+00' + i * interval '1 second' as created_at
    from generate_series(1, {ROWS}) i;
vacuum analyze pool_and_reset;
"""


def repeat(call: Callable[[], Awaitable[Any]]) -> Way:
    """``call`` so many times in a row."""

    async def run(times: int) -> None:
        for _ in range(times):
            await call()

    return run


async def statements(connection: Any, pool: Any, db: Database) -> Mapping[str, Way]:
    """One row by a known statement, every way there is."""
    statement = await connection.prepare(ROW)
    protocol, state = connection._protocol, statement._state
    arguments = (5,)
    return {
        "PreparedStatement.fetchrow": repeat(lambda: statement.fetchrow(5)),
        "Connection.fetchrow": repeat(lambda: connection.fetchrow(ROW, 5)),
        "private bind_execute": repeat(lambda: protocol.bind_execute(state, arguments, "", 1, True, None)),
        "Database.run_fetchrow": repeat(lambda: db.run_fetchrow(ROW, arguments)),
        "Database.fetchrow": repeat(lambda: db.fetchrow(ROW, 5)),
        "asyncpg Pool.fetchrow": repeat(lambda: pool.fetchrow(ROW, 5)),
    }


async def borrows(connection: Any, pool: Any, db: Database, unreset: Database) -> Mapping[str, Way]:
    """Borrow and give back; begin and commit; SQL of others, with a reset and without."""

    async def take(times: int) -> None:
        for _ in range(times):
            session = db.pool.take()
            assert session is not None
            db.pool.release(session)

    async def ours() -> None:
        async with db.acquire():
            pass

    async def theirs() -> None:
        async with pool.acquire():
            pass

    async def our_transaction() -> None:
        async with db.transaction():
            pass

    async def their_transaction() -> None:
        async with connection.transaction():
            pass

    async def together() -> None:
        async with db.transaction():
            for _ in range(5):
                await db.fetchval(ROW, 5)

    return {
        "take and release": take,
        "db.acquire()": repeat(ours),
        "asyncpg pool.acquire()": repeat(theirs),
        "db.transaction()": repeat(our_transaction),
        "asyncpg connection.transaction()": repeat(their_transaction),
        "db.fetchval, reset = auto": repeat(lambda: db.fetchval(ROW, 5)),
        "db.fetchval, reset = never": repeat(lambda: unreset.fetchval(ROW, 5)),
        "five of them in a transaction": repeat(together),
        "the reset script": repeat(lambda: connection.execute(reset_script([]))),
        "the facts of a table": repeat(lambda: connection.execute(facts_query(['"pool_and_reset"']))),
        "DISCARD ALL": repeat(lambda: connection.execute("discard all")),
        "asyncpg's reset": repeat(lambda: connection.execute(connection.get_reset_query())),
    }


async def drains(connection: Any, pool: Any, db: Database) -> Mapping[str, Way]:
    """One million rows of seven columns, 91 MB, dropped as they come."""
    sql = "select * from pool_and_reset"

    async def drop(data: bytes) -> None: ...

    async def turn(data: bytes) -> None:
        await asyncio.sleep(0)

    async def pause(data: bytes) -> None:
        await asyncio.sleep(0.0005)

    async def stream() -> None:
        async with db.copy_out_stream(sql) as chunks:
            async for _ in chunks:
                pass

    return {
        "asyncpg copy_from_query": repeat(
            lambda: connection.copy_from_query(sql, output=drop, format="binary")
        ),
        "copy_out, plain sink": repeat(lambda: db.copy_out(sql, lambda data: None)),
        "copy_out, a turn of the loop a chunk": repeat(lambda: db.copy_out(sql, turn)),
        "copy_out, half a millisecond a chunk": repeat(lambda: db.copy_out(sql, pause)),
        "copy_out_stream": repeat(stream),
    }


async def compare(title: str, ways: Mapping[str, Way], *, times: int, rounds: int, unit: float) -> None:
    """Print minimum and median of wall and CPU time a call, all ways in turn."""
    wall: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        await way(max(times // 10, 1))
    for _ in range(rounds):
        for name, way in ways.items():
            started, worked = time.perf_counter(), time.process_time()
            await way(times)
            cpu[name].append((time.process_time() - worked) / times / unit)
            wall[name].append((time.perf_counter() - started) / times / unit)
    print(f"\n{title}  (wall min, median; client CPU min, median; {'µs' if unit < 1e-3 else 'ms'})")
    for name in ways:
        figures = (
            min(wall[name]),
            statistics.median(wall[name]),
            min(cpu[name]),
            statistics.median(cpu[name]),
        )
        print(f"{name:40}" + "".join(f"{figure:10.1f}" for figure in figures))


async def main(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=2)
    async with (
        await Database.connect(dsn, max_connections=2) as db,
        await Database.connect(dsn, max_connections=2, reset="never") as unreset,
    ):
        await connection.execute(SETUP.partition("vacuum")[0])
        await connection.execute("vacuum analyze pool_and_reset")
        things = (connection, pool, db)
        await compare("one row", await statements(*things), times=300, rounds=25, unit=1e-6)
        await compare("borrow, reset", await borrows(*things, unreset), times=200, rounds=15, unit=1e-6)
        await compare("drain", await drains(*things), times=1, rounds=7, unit=1e-3)
        sql = "select a.id, count(*) from a join b on b.a = a.id where lower(a.name) like $1 group by 1 order by 2"
        started = time.perf_counter()
        for number in range(1000):
            effects_of(f"{sql} limit {number}")
        print(f"\na new SQL text is read in {(time.perf_counter() - started) * 1e3:.1f} µs")
        long = sql + " " * READ_CLOSELY
        started = time.perf_counter()
        for _ in range(1000):
            effects_of(long)
        print(f"one of {len(long)} characters in {(time.perf_counter() - started) * 1e3:.1f} µs")
    await connection.execute("drop table pool_and_reset")
    await pool.close()
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
