"""Where client CPU goes in a bulk read: ``python asv_bench/decisions/drain_profile.py URL`` (docs/benchmarks.md).

Reads 1M rows of ``memory_users`` (made by ``peak_memory.py``), the ways in turn. CPU is user and system time of this
process, not the server's. Then the decoder alone, split by what it calls.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

import chakra
from chakra.columnar import Decoder
from chakra.columnar.segment import Segment

ROUNDS = 21
SQL = "select * from memory_users"


def cpu() -> float:
    """Seconds of CPU this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def compare(ways: dict[str, Callable[[], Awaitable[Any]]]) -> None:
    """Print wall clock and CPU of each way."""
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(ROUNDS + 1):
        for way, work in ways.items():
            wall, before = time.perf_counter(), cpu()
            await work()
            found[way].append(((time.perf_counter() - wall) * 1e3, (cpu() - before) * 1e3))
    print("| | wall, ms | client CPU, ms |\n|---|---:|---:|")
    for way, runs in found.items():
        cells = [f"{min(c):.0f} ({statistics.median(c):.0f})" for c in zip(*runs[1:], strict=True)]
        print(f"| {way} | {' | '.join(cells)} |")


def split(decode: Callable[[], Any]) -> None:
    """Print how the decoder's time divides."""
    module = sys.modules["chakra.columnar.decode"]
    spent: Counter[str] = Counter()

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                spent[name] += time.perf_counter() - start

        return call

    class Kernels:
        """The kernel module with a clock."""

        def __getattr__(self, name: str) -> Any:
            return getattr(kernels, name)

    kernels = module.kernels
    watched: Any = Kernels()
    watched.decode_rows = timed("kernel", kernels.decode_rows)
    module.kernels = watched
    Segment.finish = timed("Arrow arrays", Segment.finish)  # type: ignore[method-assign]
    runs = []
    for _ in range(ROUNDS):
        spent.clear()
        start = time.perf_counter()
        decode()
        runs.append(({**spent}, time.perf_counter() - start))
    parts, whole = min(runs, key=lambda run: run[1])
    for name, seconds in parts.items():
        print(f"{name}: {seconds * 1e3:.1f} ms")
    print(
        f"chunks into blocks, and the rest: {(whole - sum(parts.values())) * 1e3:.1f} ms of {whole * 1e3:.1f}"
    )


async def main(url: str) -> None:
    """Print both tables."""
    async with chakra.connect(url) as db:
        query = chakra.raw(SQL, db)
        source = await query.column_source(db)
        chunks: list[bytes] = []
        await db.copy_out(source.sql, chunks.append)
        plain = await asyncpg.connect(url)

        async def drop(data: bytes) -> None:
            pass

        async def asyncpg_drain() -> None:
            await plain.copy_from_query(SQL, output=drop, format="binary")

        async def drain() -> None:
            await db.copy_out(source.sql, len)

        def decode() -> Any:
            decoder = Decoder(source.columns)
            for chunk in chunks:
                decoder.feed(chunk)
            decoder.finish()
            return decoder.table()

        async def decode_alone() -> None:
            decode()

        print(f"{sum(map(len, chunks)) / 1e6:.0f} MB in {len(chunks)} chunks; minimum (median) of {ROUNDS}\n")
        await compare(
            {
                "the drain, asyncpg `copy_from_query`": asyncpg_drain,
                "the drain, Chakra": drain,
                "`to_arrow()`": query.to_arrow,
                "decode alone, chunks out of memory": decode_alone,
            }
        )
        print()
        split(decode)
        await plain.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
