"""Three ways to insert instances and get their keys back, by number of rows: docs/decisions/0006.

VALUES: one INSERT with a row of parameters for each instance. unnest: one INSERT from an array parameter for each
column. COPY: draw the keys, then COPY (what ``bulk_create`` does from ``COPY_FROM_ROWS`` on). Beside them asyncpg's
``copy_records_to_table``, which gives no keys back, and ``executemany``.

    python asv_bench/decisions/copy_or_values.py postgresql://localhost/test [repetitions]
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import sys
import time
from collections.abc import Awaitable, Callable
from operator import attrgetter
from typing import Any

import asyncpg

import chakra
from chakra import Field, Model, field
from chakra.query import bulk_write
from chakra.query.hydrate import SLOT

SIZES = (5, 20, 40, 80, 160, 320, 1000, 3000, 10_000)


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
UNNEST = (
    f"INSERT INTO decision_rows ({', '.join(COLUMNS)}) SELECT * FROM "
    "unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[], $5::float8[], $6::timestamptz[]) RETURNING id"
)
EXECUTEMANY = (
    f"INSERT INTO decision_rows (id, {', '.join(COLUMNS)}) VALUES ({', '.join(f'${i}' for i in range(1, 8))})"
)


def values(count: int) -> list[tuple[Any, ...]]:
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


async def main(url: str, repetitions: int) -> None:
    db = await chakra.connect(url, max_connections=1)
    await db.execute("DROP TABLE IF EXISTS decision_rows")
    await db.create_tables(NewRow)
    raw = await asyncpg.connect(url)
    cleaner = await asyncpg.connect(url)
    unnest = await raw.prepare(UNNEST)
    next_key = 10_000_000
    threshold = bulk_write.COPY_FROM_ROWS

    async def by_values(rows: list[Any], instances: list[Any]) -> None:
        bulk_write.COPY_FROM_ROWS = 1_000_000
        await NewRow.objects.bulk_create(instances)

    async def by_copy(rows: list[Any], instances: list[Any]) -> None:
        bulk_write.COPY_FROM_ROWS = 0
        await NewRow.objects.bulk_create(instances)

    async def by_unnest(rows: list[Any], instances: list[Any]) -> None:
        arrays = [list(map(attrgetter(SLOT + name), instances)) for name in COLUMNS]
        keys = await unnest.fetch(*arrays)
        for instance, key in zip(instances, keys, strict=True):
            instance.id = key[0]

    async def copy_records(rows: list[Any], instances: list[Any]) -> None:
        await raw.copy_records_to_table("decision_rows", records=rows, columns=["id", *COLUMNS])

    async def executemany(rows: list[Any], instances: list[Any]) -> None:
        await raw.executemany(EXECUTEMANY, rows)

    ways: dict[str, Callable[[list[Any], list[Any]], Awaitable[None]]] = {
        "VALUES": by_values,
        "unnest": by_unnest,
        "COPY": by_copy,
        "copy_records": copy_records,
        "executemany": executemany,
    }
    print("milliseconds, minimum (median) of", repetitions)
    print(f"{'rows':>6}" + "".join(f"{name:>18}" for name in ways))
    for count in SIZES:
        figures: dict[str, list[float]] = {name: [] for name in ways}
        plain = values(count)
        total = 0
        # Not before every turn: it makes the sessions plan anew, which costs them a millisecond.
        await cleaner.execute("TRUNCATE decision_rows")
        for name, way in ways.items():
            if name != "VALUES" or count * len(COLUMNS) <= bulk_write.MAX_PARAMETERS:
                rows = [(next_key + i, *row) for i, row in enumerate(plain)]
                next_key += count
                await way(rows, [NewRow(**dict(zip(COLUMNS, row, strict=True))) for row in plain])
                total += count
        assert await cleaner.fetchval("SELECT count(*) FROM decision_rows") == total
        for _ in range(repetitions):
            for name, way in ways.items():
                if name == "VALUES" and count * len(COLUMNS) > bulk_write.MAX_PARAMETERS:
                    continue
                rows = [(next_key + i, *row) for i, row in enumerate(plain)]
                next_key += count
                instances = [NewRow(**dict(zip(COLUMNS, row, strict=True))) for row in plain]
                gc.collect()
                start = time.perf_counter()
                await way(rows, instances)
                figures[name].append((time.perf_counter() - start) * 1e3)
        cells = [f"{min(f):.2f} ({sorted(f)[len(f) // 2]:.2f})" if f else "" for f in figures.values()]
        print(f"{count:>6}" + "".join(f"{cell:>18}" for cell in cells), flush=True)
    bulk_write.COPY_FROM_ROWS = threshold
    await db.execute("DROP TABLE decision_rows")
    await db.close()
    await raw.close()
    await cleaner.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30))
