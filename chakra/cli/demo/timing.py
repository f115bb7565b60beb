"""Chakra beside plain asyncpg for the same rows: A B A B in one process, the minimum of several turns."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table

import chakra
from chakra.cli.demo.models import Flight, ScratchFlight

__all__ = ["compare"]

TURNS = 4
INSTANCES = 10_000
GETS = 200


@dataclass(frozen=True)
class Pair:
    """One thing done both ways; each returns how many rows it moved, which must be the same."""

    what: str
    ours: str
    theirs: str
    chakra: Callable[[], Awaitable[int]]
    asyncpg: Callable[[], Awaitable[int]]
    times: int = 1


async def compare(db: chakra.Database, console: Console) -> None:
    """Time every pair on one server and print the table."""
    connection = await asyncpg.connect(str(db.url))
    try:
        table = Table(
            title=f"Same rows, same server (best of {TURNS} turns, taken alternately)", title_justify="left"
        )
        for header in ("what", "Chakra", "asyncpg"):
            table.add_column(header)
        for header in ("Chakra", "asyncpg", "ratio"):
            table.add_column(header, justify="right")
        for pair in await pairs(connection):
            ours, theirs = await measure(pair)
            table.add_row(
                pair.what, pair.ours, pair.theirs, spell(ours), spell(theirs), f"{theirs / ours:.1f} ×"
            )
        console.print(table)
        console.print("  [dim]ratio: how many times faster than asyncpg; below 1 means slower[/]")
    finally:
        await connection.close()


async def measure(pair: Pair) -> tuple[float, float]:
    """Seconds of Chakra and of asyncpg for one repetition; the first turn of each is not counted."""
    best = [float("inf"), float("inf")]
    for turn in range(TURNS + 1):
        moved = []
        for side, call in enumerate((pair.chakra, pair.asyncpg)):
            began = time.perf_counter()
            moved.append(await call())
            if turn:
                best[side] = min(best[side], (time.perf_counter() - began) / pair.times)
        if moved[0] != moved[1]:
            raise AssertionError(f"{pair.what}: Chakra moved {moved[0]} rows, asyncpg {moved[1]}")
    return best[0], best[1]


def spell(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:,.1f} ms"


async def pairs(connection: Any) -> list[Pair]:
    """What is compared; the SQL of asyncpg's side is Chakra's own."""
    everything, _ = Flight.objects.all().to_sql()
    some, parameters = Flight.objects.order_by("id").limit(INSTANCES).to_sql()
    one, _ = Flight.objects.filter(id=1).to_sql()
    fetch_one = await connection.prepare(one)
    data = await Flight.objects.values(
        "flight", "dest", "tailnum", "time_hour", "dep_delay", "arr_delay", "air_time", "distance",
        carrier=chakra.F("carrier_id"), origin=chakra.F("origin_id"),
    ).to_arrow()  # fmt: skip
    records = [tuple(row.values()) for row in data.to_pylist()]

    async def to_arrow() -> int:
        return int((await Flight.objects.to_arrow()).num_rows)

    async def to_polars() -> int:
        return int((await Flight.objects.to_polars()).height)

    async def fetch() -> int:
        return len(await connection.fetch(everything))

    async def instances() -> int:
        return len(await Flight.objects.order_by("id").limit(INSTANCES))

    async def fetch_some() -> int:
        return len(await connection.fetch(some, *parameters))

    async def get() -> int:
        return sum([(await Flight.objects.get(id=key)).id > 0 for key in range(1, GETS + 1)])

    async def fetchrow() -> int:
        return sum([(await fetch_one.fetchrow(key))["id"] > 0 for key in range(1, GETS + 1)])

    async def bulk_insert() -> int:
        await connection.execute("truncate scratch_flights")
        return int((await ScratchFlight.objects.bulk_insert(data)).inserted)

    async def copy_records() -> int:
        await connection.execute("truncate scratch_flights")
        status = await connection.copy_records_to_table(
            "scratch_flights", records=records, columns=data.column_names
        )
        return int(status.split()[-1])

    rows = f"{data.num_rows:,} flights"
    return [
        Pair(f"read {rows}", "to_arrow()", "fetch()", to_arrow, fetch),
        Pair(f"read {rows}", "to_polars()", "fetch()", to_polars, fetch),
        Pair(
            f"write {rows}, 10 columns",
            "bulk_insert(arrow)",
            "copy_records_to_table()",
            bulk_insert,
            copy_records,
        ),
        Pair(f"read {INSTANCES:,} as objects", "model instances", "fetch(): Records", instances, fetch_some),
        Pair("read one row by key", "objects.get(id=…)", "prepared fetchrow()", get, fetchrow, GETS),
    ]
