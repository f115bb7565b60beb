"""Figures of docs/decisions/0001: one pass or scan and columns, block and segment sizes, event loop or thread.

``python asv_bench/decisions/kernel_shape.py [postgresql://…]``; the URL adds the loop and the thread (it makes a table
of 1M rows and drops it).
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from chakra.columnar import Decoder, decode_table, encode
from chakra.columnar.kernels import rows_decode
from chakra.columnar.read import read_table
from chakra.columnar.types import specs_from

ROWS = 1_000_000
ROUNDS = 9
CHUNK = 14_400  # bytes asyncpg hands out at a time
TYPES = {
    "id": "bigint",
    "name": "text",
    "email": "text",
    "age": "integer",
    "is_active": "boolean",
    "score": "double precision",
    "created_at": "timestamptz",
}
decoding = sys.modules["chakra.columnar.decode"]
framing = sys.modules["chakra.columnar.framing"]


def users() -> pa.Table:
    chance = np.random.default_rng(1)
    ids = np.arange(ROWS)
    return pa.table(
        {
            "id": ids,
            "name": pa.array([f"User Name {i}" for i in ids]),
            "email": pa.array([f"user{i}@example.com" for i in ids]),
            "age": chance.integers(18, 90, ROWS).astype(np.int32),
            "is_active": chance.random(ROWS) < 0.5,
            "score": pa.array(chance.random(ROWS) * 100, mask=chance.random(ROWS) < 0.1),
            "created_at": pa.array(chance.integers(1.5e15, 1.7e15, ROWS), pa.timestamp("us", "UTC")),
        }
    )


@contextmanager
def patched(module: Any, **values: Any) -> Iterator[None]:
    saved = {name: getattr(module, name) for name in values}
    for name, value in values.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in saved.items():
            setattr(module, name, value)


def scan_only(specs: Any, options: Any) -> Any:
    """A plan that only notes where each field is; families decode column by column afterwards."""
    found = original_plan(specs, options)
    return tuple(replace(column, layout=rows_decode.RAW, width=0, words=()) for column in found)


original_plan = decoding.plan_columns


def compare(ways: dict[str, Callable[[], object]]) -> None:
    """CPU milliseconds of each way, turn by turn: minimum and median."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.process_time()
            way()
            times[name].append(1000 * (time.process_time() - began))
    for name, found in times.items():
        print(f"{name:40} {min(found):7.1f} {statistics.median(found):7.1f}")


def offline() -> None:
    table = users()
    stream = b"".join(encode(table, TYPES))
    chunks = [stream[i : i + CHUNK] for i in range(0, len(stream), CHUNK)]
    print(f"{len(stream) / 1e6:.0f} MB, {len(chunks)} chunks; CPU ms, minimum and median of {ROUNDS}")

    def whole() -> pa.Table:
        return decode_table(chunks, TYPES)

    def columns() -> pa.Table:
        with patched(decoding, plan_columns=scan_only):
            return decode_table(chunks, TYPES)

    compare({"one pass": whole, "scan, then columns": columns})

    def block(size: int) -> Callable[[], object]:
        def run() -> object:
            with patched(framing.CopyReader.__init__, __defaults__=(size,)):
                return whole()

        return run

    compare(
        {
            f"one pass, blocks of {size >> 10} KiB": block(size)
            for size in (1 << 16, 1 << 18, 1 << 20, 1 << 22)
        }
    )

    def segment(rows: int) -> Callable[[], object]:
        def run() -> object:
            with patched(decoding, FIRST_ROWS=rows, MAX_ROWS=rows):
                return whole()

        return run

    compare({f"one pass, segments of {rows} rows": segment(rows) for rows in (1 << 14, 1 << 17, 1 << 20)})
    compare({"encode": lambda: sum(map(len, encode(table, TYPES)))})


async def in_thread(db: Any, sql: str) -> pa.Table:
    """The same read, decoding a megabyte at a time in a thread beside the loop."""
    decoder, loop = Decoder(specs_from(TYPES)), asyncio.get_running_loop()
    held: list[bytes] = []
    size = 0
    busy: asyncio.Future[None] | None = None

    def work(chunks: list[bytes]) -> None:
        for chunk in chunks:
            decoder.feed(chunk)

    async def hand_over(chunks: list[bytes]) -> None:
        nonlocal busy
        if busy is not None:
            await busy
        busy = loop.run_in_executor(None, work, chunks)

    def sink(chunk: bytes) -> Any:
        nonlocal held, size
        held.append(chunk)
        size += len(chunk)
        if size < 1 << 20:
            return None
        full, held, size = held, [], 0
        return hand_over(full)

    await db.copy_out(sql, sink)
    if busy is not None:
        await busy
    work(held)
    decoder.finish()
    return decoder.table()


async def online(url: str) -> None:
    from chakra.db import Database

    db = await Database.connect(url)
    specs = specs_from(TYPES)
    await db.execute("drop table if exists kernel_shape")
    columns = ", ".join(f"{name} {type_}" for name, type_ in TYPES.items())
    await db.execute(f"create unlogged table kernel_shape ({columns})")
    await db.copy_in("kernel_shape", list(TYPES), encode(users(), TYPES))
    sql = "select * from kernel_shape"

    def drop(chunk: bytes) -> None:
        """A sink that keeps nothing."""

    times: dict[str, list[float]] = {"drain": [], "on the loop": [], "in a thread": []}
    for _ in range(ROUNDS):
        for name, run in (
            ("drain", lambda: db.copy_out(sql, drop)),
            ("on the loop", lambda: read_table(db, sql, specs)),
            ("in a thread", lambda: in_thread(db, sql)),
        ):
            began = time.perf_counter()
            found = await run()
            times[name].append(1000 * (time.perf_counter() - began))
            del found
    print(f"wall ms, minimum and median of {ROUNDS}")
    for name, found_times in times.items():
        print(f"{name:40} {min(found_times):7.1f} {statistics.median(found_times):7.1f}")
    await db.execute("drop table kernel_shape")
    await db.close()


if __name__ == "__main__":
    offline()
    if len(sys.argv) > 1:
        asyncio.run(online(sys.argv[1]))
