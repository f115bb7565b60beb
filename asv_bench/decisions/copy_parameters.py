"""Figures of docs/decisions/0003: ways to give COPY (query) its values, timed in turn in one process.

``python asv_bench/decisions/copy_parameters.py postgresql://…`` (needs asyncpg and psycopg; makes a table and
drops it).
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from psycopg import pq

from chakra.pg.types import INT4, INT8, TEXT, array_of
from chakra.sql.literals import render_literal

ROWS = 1_000_000
SETUP = f"""
drop table if exists copy_parameters;
create table copy_parameters as
  select i::bigint as id, 'name ' || i as name, 'user' || i || '@example.com' as email, (i % 90)::int as age,
         i % 3 = 0 as is_active, case when i % 10 > 0 then i * 0.37::float8 end as score,
         timestamptz '2024-01-01+00' + i * interval '1 second' as created_at
    from generate_series(1, {ROWS}) i;
create unique index on copy_parameters (id);
vacuum analyze copy_parameters;
"""
COLUMNS = "id, name, email, age, is_active, score, created_at"


async def drop(data: bytes) -> None:
    """A sink that keeps nothing."""


class Ways:
    """Each way reads ``age >= $1 and name <> $2`` (all rows) or ``id = $1`` (one row)."""

    def __init__(self, connection: Any, dsn: str) -> None:
        self.connection = connection
        self.raw = pq.PGconn.connect(dsn.encode())

    async def copy(self, where: str) -> None:
        sql = f"select {COLUMNS} from copy_parameters where {where}"
        await self.connection.copy_from_query(sql, output=drop, format="binary")

    async def literals(self, where: str, values: list[Any]) -> None:
        await self.copy(where.format(*(render_literal(v, t) for v, t in values)))

    async def asyncpg_arguments(self, where: str, values: list[Any]) -> None:
        sql = f"select {COLUMNS} from copy_parameters where {where.format('$1', '$2')}"
        arguments = [v for v, _ in values]
        await self.connection.copy_from_query(sql, *arguments, output=drop, format="binary")

    async def settings(self, where: str, values: list[Any]) -> None:
        names = [f"chakra.p{i}" for i in range(len(values))]
        calls = ", ".join(f"set_config('{name}', ${i + 1}, false)" for i, name in enumerate(names))
        await self.connection.fetchrow(f"select {calls}", *(str(v) for v, _ in values))
        reads = [f"current_setting('{n}')::{t.sql}" for n, (_, t) in zip(names, values, strict=True)]
        await self.copy(where.format(*reads))

    async def temporary_table(self, where: str, values: list[Any]) -> None:
        columns = ", ".join(f"p{i} {t.sql}" for i, (_, t) in enumerate(values))
        await self.connection.execute(f"create temp table given ({columns})")
        places = ", ".join(f"${i + 1}" for i in range(len(values)))
        await self.connection.fetch(f"insert into given values ({places})", *(v for v, _ in values))
        await self.copy(where.format(*(f"(select p{i} from given)" for i in range(len(values)))))
        await self.connection.execute("drop table given")

    async def temporary_function(self, where: str, values: list[Any]) -> None:
        body = f"select {COLUMNS} from copy_parameters where {where.format('$1', '$2')}"
        types = ", ".join(t.sql for _, t in values)
        await self.connection.execute(
            f"create function pg_temp.given({types}) returns setof copy_parameters"
            f" language sql stable as $f$ {body} $f$"
        )
        arguments = ", ".join(render_literal(v, t) for v, t in values)
        sql = f"select * from pg_temp.given({arguments})"
        await self.connection.copy_from_query(sql, output=drop, format="binary")
        await self.connection.execute(f"drop function pg_temp.given({types})")

    async def binary_rows(self, where: str, values: list[Any]) -> None:
        """The extended protocol in binary, libpq keeping the rows undecoded: all of them at once."""
        sql = f"select {COLUMNS} from copy_parameters where {where.format('$1', '$2')}"
        bound = [str(v).encode() for v, _ in values]
        self.raw.exec_params(sql.encode(), bound, [t.oid for _, t in values], None, 1)

    async def binary_cursor(self, where: str, values: list[Any]) -> None:
        """A portal read in binary, 10,000 rows at a time."""
        sql = f"select {COLUMNS} from copy_parameters where {where.format('$1', '$2')}"
        bound = [str(v).encode() for v, _ in values]
        self.raw.exec_(b"begin")
        self.raw.exec_params(
            f"declare given binary no scroll cursor for {sql}".encode(),
            bound,
            [t.oid for _, t in values],
            None,
            1,
        )
        while self.raw.exec_params(b"fetch 10000 from given", None, None, None, 1).ntuples:
            pass
        self.raw.exec_(b"commit")

    async def asyncpg_fetch(self, where: str, values: list[Any]) -> None:
        sql = f"select {COLUMNS} from copy_parameters where {where.format('$1', '$2')}"
        await self.connection.fetch(sql, *(v for v, _ in values))


async def measure(way: Callable[..., Awaitable[None]], case: tuple[str, list[Any]]) -> float:
    start = time.perf_counter()
    await way(*case)
    return (time.perf_counter() - start) * 1000


async def main(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("set max_parallel_workers_per_gather = 0")
    await connection.execute("drop table if exists copy_parameters")
    for statement in SETUP.strip().split(";\n"):
        await connection.execute(statement)
    ways = Ways(connection, dsn)
    ways.raw.exec_(b"set max_parallel_workers_per_gather = 0")
    cases = {
        "one row": (("id = {}", [(4711, INT8)]), 300),
        "all rows": (("age >= {} and name <> {}", [(0, INT4), ("it's", TEXT)]), 7),
    }
    names = "literals asyncpg_arguments settings temporary_table temporary_function"
    names += " binary_cursor binary_rows asyncpg_fetch"
    for label, (case, rounds) in cases.items():
        times: dict[str, list[float]] = {name: [] for name in names.split()}
        for _ in range(rounds):
            for name, found in times.items():
                found.append(await measure(getattr(ways, name), case))
        print(f"{label}: milliseconds, minimum and median of {rounds}")
        for name, found in times.items():
            print(f"  {name:20} {min(found):9.3f} {statistics.median(found):9.3f}")
    keys = list(range(1, ROWS, ROWS // 10_000))
    for _ in range(2):
        start = time.perf_counter()
        text = render_literal(keys, array_of(INT8))
        print(f"  literal of 10,000 keys {(time.perf_counter() - start) * 1000:.3f} ms, {len(text)} bytes")
    await connection.execute("drop table copy_parameters")
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
