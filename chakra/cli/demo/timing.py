"""Chakra beside plain asyncpg for the same rows: in turns, in one process, the best of several."""

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

WRITTEN = 100_000
INSTANCES = 10_000
GETS = 300

Way = Callable[[], Awaitable[int]]
"""One way to do a thing; returns how many rows it moved, which must be the same for every way."""


@dataclass(frozen=True)
class Contest:
    """One thing done in several ways, asyncpg's first; ``times`` repetitions are timed together."""

    what: str
    ways: dict[str, Way]
    times: int = 1


async def compare(url: str, console: Console, turns: int) -> None:
    """Time everything on one server and print the table."""
    connection = await asyncpg.connect(url)
    try:
        table = Table(title=f"Same rows, same server, best of {turns}", title_justify="left")
        table.add_column("what")
        table.add_column("how")
        table.add_column("time", justify="right")
        table.add_column("asyncpg = 1", justify="right")
        for contest in await contests(connection):
            seconds = await measure(contest, turns)
            for way, best in seconds.items():
                first = way == next(iter(seconds))
                times = next(iter(seconds.values())) / best
                faster = "" if first else f"{times:.1f} × as fast"
                table.add_row(contest.what if first else "", way, spell(best), faster)
            table.add_section()
        console.print(table)
    finally:
        await connection.close()


async def measure(contest: Contest, turns: int) -> dict[str, float]:
    """Seconds of each way for one repetition."""
    best = dict.fromkeys(contest.ways, float("inf"))
    moved: dict[str, int] = {}
    for _ in range(turns):
        for name, way in contest.ways.items():
            began = time.perf_counter()
            moved[name] = await way()
            best[name] = min(best[name], (time.perf_counter() - began) / contest.times)
    if len(set(moved.values())) != 1:
        raise AssertionError(f"{contest.what}: the ways moved different numbers of rows: {moved}")
    return best


def spell(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:,.1f} ms"


async def contests(connection: Any) -> list[Contest]:
    """What is compared; the SQL on asyncpg's side is Chakra's own."""
    everything, _ = Flight.objects.all().to_sql()
    some, parameters = Flight.objects.order_by("id").limit(INSTANCES).to_sql()
    one, _ = Flight.objects.filter(id=1).to_sql()
    fetch_one = await connection.prepare(one)
    columns = [column.name for column in ScratchFlight.__table__.columns if column.name != "id"]
    written = Flight.objects.order_by("id").limit(WRITTEN).values(
        *(name for name in columns if name not in ("carrier", "origin")),
        carrier=chakra.F("carrier_id"),
        origin=chakra.F("origin_id"),
    )  # fmt: skip
    data = (await written.to_arrow()).select(columns)
    records = list(zip(*(data[name].to_pylist() for name in columns), strict=True))

    async def fetch() -> int:
        return len(await connection.fetch(everything))

    async def to_arrow() -> int:
        return int((await Flight.objects.to_arrow()).num_rows)

    async def to_polars() -> int:
        return int((await Flight.objects.to_polars()).height)

    async def copy_records() -> int:
        await connection.execute("truncate scratch_flights")
        status = await connection.copy_records_to_table("scratch_flights", records=records, columns=columns)
        return int(status.split()[-1])

    async def bulk_insert() -> int:
        await connection.execute("truncate scratch_flights")
        return int((await ScratchFlight.objects.bulk_insert(data)).inserted)

    async def fetch_some() -> int:
        return len(await connection.fetch(some, *parameters))

    async def instances() -> int:
        return len(await Flight.objects.order_by("id").limit(INSTANCES))

    async def fetchrow() -> int:
        return sum([(await fetch_one.fetchrow(key))["id"] > 0 for key in range(1, GETS + 1)])

    async def get() -> int:
        return sum([(await Flight.objects.get(id=key)).id > 0 for key in range(1, GETS + 1)])

    return [
        Contest(
            f"read {await Flight.objects.count():,} flights",
            {"asyncpg fetch()": fetch, "to_arrow()": to_arrow, "to_polars()": to_polars},
        ),
        Contest(
            f"write {WRITTEN:,} flights",
            {"asyncpg COPY of records": copy_records, "bulk_insert(table)": bulk_insert},
        ),
        Contest(
            f"read {INSTANCES:,} flights",
            {"asyncpg fetch()": fetch_some, "model instances": instances},
        ),
        Contest(
            "read one flight",
            {"asyncpg fetchrow()": fetchrow, "objects.get(id=…)": get},
            GETS,
        ),
    ]
