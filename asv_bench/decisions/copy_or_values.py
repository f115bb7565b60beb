"""Figures of docs/decisions/0006: ways to insert instances and get their keys back, by number of rows.

``python asv_bench/decisions/copy_or_values.py postgresql://… [repetitions]`` (makes a table and drops it). VALUES:
one INSERT with a parameter for each value. unnest: one INSERT from an array for each column. COPY: draw the keys,
then COPY. Beside them asyncpg's ``copy_records_to_table``, which gives no keys back, and its ``executemany``.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

import chakra
from chakra import Field, Model, field
from chakra.query import bulk_write

SIZES = (5, 20, 40, 80, 160, 320, 640, 1_000, 3_000, 10_000)
MANY = 1_000  # from here on a plan made anew does not show
MAX_PARAMETERS = 32_767  # of one statement: the count is an int16 in the message Bind
NEVER = 1_000_000


class NewRow(Model, table="decision_rows"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    email: Field[str]
    age: Field[int]
    is_active: Field[bool]
    score: Field[float | None] = field(default=None)
    created_at: Field[dt.datetime]


COLUMNS = ["name", "email", "age", "is_active", "score", "created_at"]
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
EXECUTEMANY = (
    f"INSERT INTO decision_rows ({', '.join(COLUMNS)}) VALUES ({', '.join(f'${i}' for i in range(1, 7))})"
)


def values(count: int) -> list[tuple[Any, ...]]:
    """Rows of the benchmark table, without keys."""
    return [
        (
            f"name {i}",
            f"user{i}@example.com",
            i % 90,
            i % 3 == 0,
            None if i % 10 == 0 else i * 0.5,
            START + dt.timedelta(seconds=i),
        )
        for i in range(count)
    ]


class Ways:
    """The contenders; each takes the rows as tuples and as instances, and uses one of them."""

    def __init__(self, raw: asyncpg.Connection[Any]) -> None:
        self.raw = raw

    async def by_values(self, _: list[Any], instances: list[Any]) -> None:
        bulk_write.COPY_FROM_ROWS = bulk_write.COPY_SEQUENCES_FROM_ROWS = NEVER
        bulk_write.takes_columns = lambda column: False
        try:
            await NewRow.objects.bulk_create(instances)
        finally:
            bulk_write.takes_columns = chakra.sql.takes_columns

    async def by_arrays(self, _: list[Any], instances: list[Any]) -> None:
        bulk_write.COPY_FROM_ROWS = NEVER
        await NewRow.objects.bulk_create(instances)

    async def by_copy(self, _: list[Any], instances: list[Any]) -> None:
        bulk_write.COPY_FROM_ROWS = 0
        await NewRow.objects.bulk_create(instances)

    async def copy_records(self, rows: list[Any], _: list[Any]) -> None:
        await self.raw.copy_records_to_table("decision_rows", records=rows, columns=COLUMNS)

    async def executemany(self, rows: list[Any], _: list[Any]) -> None:
        await self.raw.executemany(EXECUTEMANY, rows)

    def all(self) -> dict[str, Callable[[list[Any], list[Any]], Awaitable[None]]]:
        return {
            "VALUES": self.by_values,
            "unnest": self.by_arrays,
            "COPY": self.by_copy,
            "copy_records": self.copy_records,
            "executemany": self.executemany,
        }


async def compare(ways: Ways, cleaner: asyncpg.Connection[Any], repetitions: int, step: int) -> None:
    """Print a table; with ``step`` 1 every call has another number of rows, which VALUES has to be prepared for."""
    print("another number of rows in every call" if step else "the same number of rows in every call")
    print(f"{'rows':>6}" + "".join(f"{name:>18}" for name in ways.all()))
    for size in SIZES:
        if step and size >= MANY:
            break
        figures: dict[str, list[float]] = {name: [] for name in ways.all()}
        # Not before every turn: it makes the sessions plan anew, which costs them a millisecond.
        await cleaner.execute("TRUNCATE decision_rows")
        total = 0
        for turn in range(-1, repetitions):
            count = size + max(turn, 0) * step
            for name, way in ways.all().items():
                if name == "VALUES" and count * len(COLUMNS) > MAX_PARAMETERS:
                    continue
                rows = values(count)
                instances = [NewRow(**dict(zip(COLUMNS, row, strict=True))) for row in rows]
                gc.collect()
                start = time.perf_counter()
                await way(rows, instances)
                if turn >= 0:
                    figures[name].append((time.perf_counter() - start) * 1e3)
                total += count
        assert await cleaner.fetchval("SELECT count(*) FROM decision_rows") == total
        cells = [f"{min(f):.2f} ({sorted(f)[len(f) // 2]:.2f})" if f else "" for f in figures.values()]
        print(f"{size:>6}" + "".join(f"{cell:>18}" for cell in cells), flush=True)


async def main(url: str, repetitions: int) -> None:
    """Print both tables."""
    db = await chakra.connect(url, max_connections=1)
    await db.execute("DROP TABLE IF EXISTS decision_rows")
    await db.create_tables(NewRow)
    raw, cleaner = await asyncpg.connect(url), await asyncpg.connect(url)
    print("milliseconds, minimum (median) of", repetitions)
    for step in (0, 1):
        await compare(Ways(raw), cleaner, repetitions, step)
    await db.execute("DROP TABLE decision_rows")
    for connection in (db, raw, cleaner):
        await connection.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30))
