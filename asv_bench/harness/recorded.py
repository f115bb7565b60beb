"""COPY streams of every type as a server sent them, kept in one file: kernels are timed without a server.

``python -m asv_bench.harness.recorded URL`` records again, from a server that has the extensions.
"""

from __future__ import annotations

import asyncio
import io
import random
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from asv_bench.harness import typed

FILE = Path(__file__).with_name("recorded.zip")
ROWS = 500
"""Of each type; streams of more rows repeat them in random order, which no branch predictor learns."""

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
ONE_FIELD = b"\x00\x01"
NULL = ONE_FIELD + b"\xff\xff\xff\xff"
SEED = 20240101


def recorded() -> dict[str, typed.Sample]:
    """The types there are streams of, by id."""
    with zipfile.ZipFile(FILE) as archive:
        names = set(archive.namelist())
    return {sample.id: sample for sample in typed.SAMPLES if sample.name in names}


def tuples(sample: typed.Sample) -> list[bytes]:
    """The rows of a recorded stream, each with its field count and length."""
    with zipfile.ZipFile(FILE) as archive:
        stream = archive.read(sample.name)
    found, position = [], len(HEADER)
    while stream[position : position + 2] == ONE_FIELD:
        end = position + 6 + int.from_bytes(stream[position + 2 : position + 6])
        found.append(stream[position:end])
        position = end
    return found


def stream(sample: typed.Sample, rows: int, nulls: float = 0.0) -> bytes:
    """A whole COPY stream of so many rows, a part of them NULL."""
    chance = random.Random(SEED)
    body = chance.choices(tuples(sample), k=rows)
    for position in chance.sample(range(rows), k=round(rows * nulls)):
        body[position] = NULL
    return b"".join([HEADER, *body, TRAILER])


def chunks(whole: bytes, size: int = 64 * 1024) -> Sequence[bytes]:
    """A stream in pieces, as a driver hands them out."""
    return [whole[start : start + size] for start in range(0, len(whole), size)]


async def record(url: str) -> None:
    """Ask a server for the values of all types, and keep its answers."""
    connection = await asyncpg.connect(url)
    samples, absent = await typed.prepare(connection, ROWS, print)
    with zipfile.ZipFile(FILE, "w", zipfile.ZIP_LZMA) as archive:
        for sample in samples:
            whole = io.BytesIO()
            sql = f"SELECT v FROM {typed.SCHEMA}.{sample.name}"
            await connection.copy_from_query(sql, output=whole, format="binary")
            # A fixed date: the same answers make the same file.
            archive.writestr(
                zipfile.ZipInfo(sample.name, (2024, 1, 1, 0, 0, 0)), whole.getvalue(), zipfile.ZIP_LZMA
            )
    await connection.execute(f"DROP SCHEMA {typed.SCHEMA} CASCADE")
    await connection.close()
    for name, why in absent.items():
        print(f"{name} left out: {why}")


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1]))
