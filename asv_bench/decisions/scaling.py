"""Figures of docs/scaling.md: ``python asv_bench/decisions/scaling.py URL [--write]``

How ``to_arrow`` grows to ten million rows, what further connections buy, and what bounds each: wall clock, CPU of this
process, and CPU of the server's processes from ``/proc`` (so the server must run on this machine; without that the
column is empty). ``--write`` puts the tables into the page.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import asyncpg

import chakra
from asv_bench.decisions.written import DOCS, put, table, where_and_when
from asv_bench.harness import data
from asv_bench.harness.bench import CACHE, FULL, _settle
from asv_bench.harness.models import LineItem, NewUser, User

PARTS = (1, 2, 4, 8)
ROUNDS = 5
GIGABIT = 117e6  # bytes a second that TCP carries over a gigabit link


@dataclass(frozen=True)
class Used:
    """What one call took, in seconds."""

    wall: float
    client: float
    server: float | None


class Meter:
    """Measures calls: the clock, this process, and all server processes of one database."""

    def __init__(self, connection: asyncpg.Connection[Any], rounds: int) -> None:
        self.connection = connection
        self.rounds = rounds

    async def _server(self) -> dict[int, float] | None:
        sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        found = {}
        for (pid,) in await self.connection.fetch(sql):
            try:
                # The first number is nanoseconds on a CPU; /proc/…/stat counts in hundredths of a second.
                found[pid] = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
            except (OSError, ValueError):
                return None
        return found

    async def call(self, way: Callable[[], Awaitable[Any]]) -> Used:
        """One call."""
        gc.collect()
        before = await self._server()
        cpu, start = process_time(), perf_counter()
        result = await way()
        wall, client = perf_counter() - start, process_time() - cpu
        after = await self._server()
        del result
        server = None
        if before is not None and after is not None:
            server = sum(spent - before.get(pid, 0.0) for pid, spent in after.items())
        return Used(wall, client, server)

    async def compare(
        self, ways: dict[str, Callable[[], Awaitable[Any]]], rounds: int = 0
    ) -> dict[str, list[Used]]:
        """All ways in turn, after a round that does not count."""
        found: dict[str, list[Used]] = {way: [] for way in ways}
        for turn in range((rounds or self.rounds) + 1):
            for way, run in ways.items():
                used = await self.call(run)
                if turn:
                    found[way].append(used)
        return found


def least(found: list[Used]) -> Used:
    """The call with the shortest wall clock: what it used belongs together."""
    return min(found, key=lambda used: used.wall)


def middle(found: list[Used]) -> float:
    """The median of the wall clock."""
    return statistics.median(used.wall for used in found)


def ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:,.0f}"


def busy(used: Used) -> str:
    """Who is at work, as shares of the wall clock; more than 1 = several processes."""
    server = "" if used.server is None else f"{used.server / used.wall:.2f}"
    return f"{used.client / used.wall:.2f} / {server}"


async def drop(_: bytes) -> None:
    """A sink that keeps nothing."""


async def size_of(connection: asyncpg.Connection[Any], sql: str) -> int:
    """Bytes of the COPY stream of a query."""
    total = 0

    async def count(chunk: bytes) -> None:
        nonlocal total
        total += len(chunk)

    await connection.copy_from_query(sql, output=count, format="binary")
    return total


async def bounds(meter: Meter, name: str, query: Any, rows: int) -> list[list[str]]:
    """One connection: the server alone, the wire as well, the columns as well."""
    sql, _ = query.to_sql()
    held = meter.connection
    ways: dict[str, Callable[[], Awaitable[Any]]] = {
        "the server alone": lambda: held.execute(f"COPY ({sql}) TO '/dev/null' (FORMAT binary)"),
        "the drain": lambda: held.copy_from_query(sql, output=drop, format="binary"),
        "`to_arrow()`": query.to_arrow,
    }
    size = await size_of(held, sql)
    found = await meter.compare(ways)
    lines = []
    for way, used in found.items():
        best = least(used)
        lines.append(
            [f"{name}, {way}", f"{ms(best.wall)} ({ms(middle(used))})", ms(best.client), ms(best.server), busy(best),
             f"{best.wall / rows * 1e9:,.0f}", f"{size / best.wall / 1e6:,.0f}"]
        )  # fmt: skip
    return lines


async def parts(meter: Meter, name: str, query: Any, rows: int) -> list[list[str]]:
    """One query by more and more connections."""
    found = await meter.compare({str(n): lambda n=n: query.to_arrow(partitions=n) for n in PARTS})  # type: ignore[misc]
    one = least(found["1"]).wall
    lines = []
    for n, used in found.items():
        best = least(used)
        lines.append(
            [f"{name}, {n}", f"{ms(best.wall)} ({ms(middle(used))})", f"{one / best.wall:.2f}", ms(best.client),
             ms(best.server), busy(best), f"{rows / best.wall / 1e6:.1f}"]
        )  # fmt: skip
    return lines


async def growth(meter: Meter, rows: int) -> tuple[list[list[str]], dict[str, float]]:
    """10,000 to ten million rows, and the last as a stream, as a file, in parts."""
    sql, _ = User.objects.all().to_sql()
    ten = chakra.raw(" UNION ALL ".join([sql] * 10))

    async def stream() -> int:
        return sum([batch.num_rows async for batch in ten.arrow_batches()])

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "users.parquet"
        ways: dict[str, tuple[int, Callable[[], Awaitable[Any]]]] = {
            "`to_arrow()`": (rows // 100, User.objects.limit(rows // 100).to_arrow),
            "`to_arrow()` ": (rows // 10, User.objects.limit(rows // 10).to_arrow),
            "`to_arrow()`  ": (rows, User.objects.all().to_arrow),
            "`to_arrow()`   ": (rows * 10, ten.to_arrow),
            "`arrow_batches()`": (rows * 10, stream),
            "`to_parquet(path)`": (rows * 10, lambda: ten.to_parquet(path)),
        }
        found = await meter.compare({way: run for way, (_, run) in ways.items()}, min(3, meter.rounds))
        file = path.stat().st_size
    table_ = await User.objects.all().to_arrow()
    facts = {"table": table_.nbytes / rows, "file": file / (rows * 10)}
    del table_
    lines = []
    for way, used in found.items():
        best, count = least(used), ways[way][0]
        facts[way] = best.wall / count
        lines.append(
            [way.strip(), f"{count:,}", f"{ms(best.wall)} ({ms(middle(used))})", f"{best.wall / count * 1e9:,.0f}",
             f"{best.client / count * 1e9:,.0f}",
             "" if best.server is None else f"{best.server / count * 1e9:,.0f}"]
        )  # fmt: skip
    return lines, facts


async def writes(meter: Meter, rows: int) -> dict[str, float]:
    """Seconds a row of a bulk write, with its primary key, and of the same bytes made before."""
    whole = await User.objects.all().to_arrow()

    async def write() -> None:
        await NewUser.objects.bulk_insert(whole)

    found = []
    for _ in range(3):
        await meter.connection.execute("TRUNCATE new_users")
        found.append(await meter.call(write))
    await meter.connection.execute("TRUNCATE new_users")
    best = least(found)
    return {
        "write": best.wall / rows,
        "write_client": best.client / rows,
        "write_server": (best.server or 0.0) / rows,
    }


def billion(facts: dict[str, float], wire: float, four: float) -> list[list[str]]:
    """What a billion rows of ``users`` come to, from the figures above."""
    rows = 1e9

    def minutes(seconds: float) -> str:
        return f"{seconds / 60:,.1f} min"

    stream, file = facts["`arrow_batches()`"], facts["`to_parquet(path)`"]
    return [
        ["the COPY stream", f"{wire * rows / 1e9:,.0f} GB", minutes(wire * rows / GIGABIT), "a link of 1 Gbit/s"],
        ["", "", minutes(wire * rows / GIGABIT / 10), "a link of 10 Gbit/s"],
        ["`arrow_batches()`", "a batch: megabytes", minutes(stream * rows), "one server process"],
        ["`to_arrow(partitions=4)`", f"{facts['table'] * rows / 1e9:,.0f} GB of memory", minutes(four * rows),
         "memory, then this machine's two cores"],
        ["`to_parquet(path)`", f"{facts['file'] * rows / 1e9:,.0f} GB on disk", minutes(file * rows),
         "one server process, one thread that compresses"],
        ["`bulk_insert(batches)`", "a batch: megabytes", minutes(facts["write"] * rows),
         "one server process: rows and one index"],
    ]  # fmt: skip


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--rows", type=int, default=FULL.users)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scaling.md")
    given = parser.parse_args()
    rows: int = given.rows
    await _settle(given.url, "SET {0} = '{1}'")
    try:
        connection = await asyncpg.connect(given.url)
        await data.prepare(connection, rows, print)
        meter = Meter(connection, given.rounds)
        server = await connection.fetchval("SHOW server_version")
        async with chakra.connect(given.url):
            tables: list[tuple[str, Any, int]] = [("users", User.objects.all(), rows)]
            CACHE.mkdir(exist_ok=True)
            why = await data.prepare_lineitem(
                connection, CACHE, scale=rows * FULL.scale / FULL.users, say=print
            )
            if why is None:
                count = await connection.fetchval("SELECT count(*) FROM lineitem")
                tables.append(("lineitem", LineItem.objects.all(), count))
            else:
                print(f"lineitem left out: {why}")
            one: list[list[str]] = []
            many: list[list[str]] = []
            for name, query, count in tables:
                one += await bounds(meter, name, query, count)
                many += await parts(meter, name, query, count)
            lines, facts = await growth(meter, rows)
            facts |= await writes(meter, rows)
            wire = await size_of(connection, User.objects.all().to_sql()[0]) / rows
            four = (
                least(
                    (await meter.compare({"4": lambda: User.objects.all().to_arrow(partitions=4)}))["4"]
                ).wall
                / rows
            )
        await connection.close()
    finally:
        await _settle(given.url, "RESET {0}")
    one_headers = [
        "wall, ms",
        "client CPU, ms",
        "server CPU, ms",
        "client / server of the wall",
        "ns a row",
        "MB/s",
    ]
    parts_headers = ["wall, ms", "faster", *one_headers[1:4], "million rows a second"]
    written = {
        "machine": where_and_when(server),
        "one connection": table(["one connection", *one_headers], one),
        "partitions": table(["connections", *parts_headers], many),
        "growth": table(
            ["way", "rows", "wall, ms", "ns a row", "client CPU, ns a row", "server CPU, ns a row"], lines
        ),
        "a billion": table(
            ["users, 1,000,000,000 rows", "size", "time", "bound by"], billion(facts, wire, four)
        ),
    }
    for name, part in written.items():
        print(f"\n{name}\n\n{part}")
    if given.write:
        put(DOCS / "scaling.md", "scaling.py", written)


if __name__ == "__main__":
    asyncio.run(main())
