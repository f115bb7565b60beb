"""Queries to Arrow: a connection's COPY stream through the decoder; SQL comes in finished."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from chakra.columnar.decode import Decoder
from chakra.columnar.options import DEFAULT, Options
from chakra.columnar.progress import Meter, Progress
from chakra.columnar.types import ColumnSpec

if TYPE_CHECKING:
    from chakra.db.executor import Executor
    from chakra.db.streams import Reader
    from chakra.sql.guards import ReadGuard


async def read_table(
    db: Executor,
    sql: str,
    columns: Sequence[ColumnSpec],
    options: Options = DEFAULT,
    *,
    progress: Progress = None,
    guard: ReadGuard | None = None,
) -> pa.Table:
    """Run a query through COPY and collect the result as one table.

    Parameters:
        db: where to run it; the surrounding transaction's connection is used if there is one.
        sql: a SELECT with its values written in.
        columns: its result columns.
        options: see :class:`~chakra.columnar.options.Options`.
        progress: see :data:`~chakra.columnar.progress.Progress`.
        guard: what the columns were described as; ``None`` = they cannot be others.

    Raises:
        StaleTypes: the columns are others; nothing was read.
        DataError: a value has no place in its Arrow type; the query is stopped.
        DatabaseError, ConnectionLost: from the server.
    """
    decoder = Decoder(columns, options, pages_ahead=True)
    feed = decoder.feed
    before = None if guard is None else guard.before(sql)
    with Meter(progress, "reading") as meter:
        if progress:

            def sink(chunk: bytes) -> None:
                feed(chunk)
                meter.update(decoder.rows, decoder.bytes_read)

            await db.copy_out(sql, sink, guard=before)
        else:
            await db.copy_out(sql, feed, guard=before)
        decoder.finish()
        meter.end(decoder.rows, decoder.bytes_read)
    return decoder.table()


async def read_batches(
    db: Executor,
    sql: str,
    columns: Sequence[ColumnSpec],
    options: Options = DEFAULT,
    *,
    max_rows: int | None = 65_536,
    max_bytes: int | None = None,
    progress: Progress = None,
    guard: ReadGuard | None = None,
    reader: Reader | None = None,
) -> AsyncGenerator[pa.RecordBatch, None]:
    """Run a query through COPY and give record batches as they become full.

    Reading goes on only as fast as batches are taken, at most 1 MiB ahead. ``aclose()``, or leaving the loop
    in an ``aclosing`` block, stops the query on the server.

    Parameters:
        max_rows, max_bytes: size of a batch at most, see :class:`~chakra.columnar.decode.Decoder`.
        reader: of the iterator that stands around this one and is what may be dropped.
        Others: as in :func:`read_table`.

    Raises:
        FieldError: a column's type follows from its data; names it and the ``numeric=`` options.
        StaleTypes, DataError, DatabaseError, ConnectionLost: as in :func:`read_table`.
    """
    decoder = Decoder(columns, replace(options, streaming=True), max_rows=max_rows, max_bytes=max_bytes)
    before = None if guard is None else guard.before(sql)
    with Meter(progress, "reading") as meter:
        async with db.copy_out_stream(sql, reader=reader, guard=before) as stream:
            async for chunk in stream:
                decoder.feed(chunk)
                meter.update(decoder.rows, decoder.bytes_read)
                for batch in decoder.batches():
                    yield batch
        decoder.finish()
        meter.end(decoder.rows, decoder.bytes_read)
    for batch in decoder.batches():
        yield batch


__all__ = ["read_batches", "read_table"]
