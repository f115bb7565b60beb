"""Record batches as the bytes of a file, piece by piece: no more than a batch is in memory at any time."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

Open = Callable[[Any, pa.Schema], Any]

FORMATS: dict[str, tuple[str, Open]] = {
    "arrow": ("application/vnd.apache.arrow.stream", pyarrow.ipc.new_stream),
    "parquet": ("application/vnd.apache.parquet", pyarrow.parquet.ParquetWriter),
    "csv": ("text/csv", pyarrow.csv.CSVWriter),
}
"""Media type of a format, and what writes it."""


class _Pieces(io.RawIOBase):
    """A file that is taken away as it is written."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.pieces.append(bytes(data))
        return len(self.pieces[-1])

    def take(self) -> bytes:
        taken, self.pieces = b"".join(self.pieces), []
        return taken


async def file_of(batches: Any, schema: pa.Schema, format: str) -> AsyncIterator[bytes]:
    """The file, as what a streaming response takes.

    Args:
        batches: ``query.arrow_batches(…)``. It holds one connection until the last byte is sent, or the client is
            gone.
        schema: ``await query.arrow_schema()``: asked for before the answer begins, so that what is wrong with the
            query is an answer of its own.
        format: one of ``FORMATS``.
    """
    file = _Pieces()
    writer = FORMATS[format][1](pa.PythonFile(file, "w"), schema)
    async with aclosing(aiter(batches)) as stream:
        async for batch in stream:
            await asyncio.to_thread(
                writer.write_batch, batch
            )  # compressing is work that others need not wait for
            if piece := file.take():
                yield piece
    writer.close()
    if piece := file.take():
        yield piece
