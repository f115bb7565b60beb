"""Figures of docs/decisions/0037: ``bulk_create`` and ``bulk_insert`` with ``returning`` and behind conflict clauses.

``python asv_bench/decisions/bulk_returning.py postgresql://… [repetitions] [rows …]`` (makes a table and drops it).
Every way is given the same rows, half of which are there already where a clause says what becomes of them.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import sys
import time
from typing import Any

import chakra
from chakra import Excluded, F, Field, Index, Model, field
from chakra.functions import Lower

SIZES = (1, 100, 1_000, 10_000, 100_000)


class Row(Model, table="decision_returned"):
    id: Field[int] = field(primary_key=True)
    email: Field[str]
    age: Field[int]
    active: Field[bool]
    score: Field[float | None] = field(default=None)
    note: Field[str] = field(db_default="'-'")
    created: Field[dt.datetime] = field(db_default="now()")

    class Meta:
        indexes = (Index(Lower("email"), unique=True),)


BY_EMAIL: dict[str, Any] = {"conflict_fields": [Lower("email")]}
IGNORE: dict[str, Any] = {"on_conflict": "ignore", **BY_EMAIL}
UPDATE: dict[str, Any] = {
    "on_conflict": "update",
    "update_fields": {"age": F("age") + Excluded("age"), "active": Excluded("active")},
    **BY_EMAIL,
}
WAYS: dict[str, tuple[str, bool, dict[str, Any]]] = {
    "bulk_create": ("bulk_create", False, {}),
    "bulk_create, returning=['id', 'note']": ("bulk_create", False, {"returning": ["id", "note"]}),
    "bulk_create, returning=True": ("bulk_create", False, {"returning": True}),
    "bulk_create, returning='arrow'": ("bulk_create", False, {"returning": "arrow"}),
    "bulk_create, ignore": ("bulk_create", True, IGNORE),
    "bulk_create, ignore, returning=True": ("bulk_create", True, {"returning": True, **IGNORE}),
    "bulk_create, update": ("bulk_create", True, UPDATE),
    "bulk_create, update, returning=True": ("bulk_create", True, {"returning": True, **UPDATE}),
    "bulk_insert": ("bulk_insert", False, {}),
    "bulk_insert, returning='keys'": ("bulk_insert", False, {"returning": "keys"}),
    "bulk_insert, returning='arrow'": ("bulk_insert", False, {"returning": "arrow"}),
    "bulk_insert, update": ("bulk_insert", True, UPDATE),
    "bulk_insert, update, returning='arrow'": ("bulk_insert", True, {"returning": "arrow", **UPDATE}),
}


def columns(count: int) -> dict[str, list[Any]]:
    """Rows as columns."""
    return {
        "email": [f"user{i}@example.com" for i in range(count)],
        "age": [i % 90 for i in range(count)],
        "active": [i % 3 == 0 for i in range(count)],
        "score": [None if i % 10 == 0 else i * 0.5 for i in range(count)],
    }


async def measure(db: Any, way: tuple[str, bool, dict[str, Any]], count: int, turns: int) -> list[float]:
    """Milliseconds of each turn; the first one is not counted."""
    verb, there, options = way
    data, found = columns(count), list[float]()
    for turn in range(-1, turns):
        await db.execute("TRUNCATE decision_returned")
        if there:
            await Row.objects.bulk_insert({name: values[::2] for name, values in data.items()})
        given: Any = data
        if verb == "bulk_create":
            given = [
                Row(**dict(zip(data, values, strict=True))) for values in zip(*data.values(), strict=True)
            ]
        gc.collect()
        start = time.perf_counter()
        await getattr(Row.objects, verb)(given, **options)
        if turn >= 0:
            found.append((time.perf_counter() - start) * 1e3)
        assert await Row.objects.count() == count
    return found


async def main(url: str, turns: int, sizes: tuple[int, ...]) -> None:
    """Print a table."""
    db = await chakra.connect(url, max_connections=1)
    await db.execute("DROP TABLE IF EXISTS decision_returned")
    await db.create_tables(Row)
    print(f"milliseconds, minimum (median) of {turns}")
    print(f"{'':<42}" + "".join(f"{size:>18,}" for size in sizes))
    for title, way in WAYS.items():
        cells = []
        for size in sizes:
            took = sorted(await measure(db, way, size, turns))
            cells.append(f"{took[0]:.2f} ({took[len(took) // 2]:.2f})")
        print(f"{title:<42}" + "".join(f"{cell:>18}" for cell in cells), flush=True)
    await db.execute("DROP TABLE decision_returned")
    await db.close()


if __name__ == "__main__":
    asyncio.run(
        main(
            sys.argv[1],
            int(sys.argv[2]) if len(sys.argv) > 2 else 10,
            tuple(map(int, sys.argv[3:])) or SIZES,
        )
    )
