"""Reads with and without a thread that asks for pages: ``python asv_bench/decisions/pages_ahead.py URL [TABLE …]``.

The drain, a read whose thread is ahead of the decoder and one without it, in turn, of tables made by
``peak_memory.py``; wall clock and CPU of this process. docs/decisions/0011-memory.md has the figures.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import chakra
from chakra.columnar import Decoder

ROUNDS = 15
TABLES = ("memory_users", "memory_lines")


async def compare(db: chakra.Database, table: str) -> None:
    """Print a row for each way."""
    source = await (await db.table(table).reflect()).column_source(db)

    async def read(ahead: bool) -> None:
        decoder = Decoder(source.columns, pages_ahead=ahead)
        await db.copy_out(source.sql, decoder.feed)
        decoder.finish()
        decoder.table()

    ways: dict[str, Callable[[], Awaitable[Any]]] = {
        "the drain": lambda: db.copy_out(source.sql, len),
        "without the thread": lambda: read(False),
        "with the thread": lambda: read(True),
    }
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(ROUNDS + 1):
        for way, work in ways.items():
            before, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
            await work()
            after = resource.getrusage(resource.RUSAGE_SELF)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            found[way].append(((time.perf_counter() - wall) * 1e3, cpu * 1e3))
    drain = statistics.median(wall for wall, _ in found["the drain"][1:])
    for way, runs in found.items():
        walls, cpus = zip(*runs[1:], strict=True)
        middle = statistics.median(walls)
        cells = f"{min(walls):.0f} ({middle:.0f}) | {middle / drain:.2f} × | {statistics.median(cpus):.0f}"
        print(f"| {table} | {way} | {cells} |")


async def main(url: str, tables: list[str]) -> None:
    """Print a table for Markdown."""
    print("| table | way | wall, ms | by the drain | client CPU, ms |\n|---|---|---:|---:|---:|")
    async with chakra.connect(url) as db:
        for table in tables or TABLES:
            await compare(db, table)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
