"""Columns into tables: whatever exports Arrow, through the encoder, into one COPY; all rows or none."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyarrow as pa

from chakra.columnar.encode import SLICE_ROWS, Encoder
from chakra.columnar.inputs import Source, check_batch
from chakra.columnar.options import InfinityOption, Options
from chakra.columnar.progress import Meter, Progress
from chakra.columnar.result import InsertResult
from chakra.columnar.types import ColumnSpec
from chakra.columnar.values import array_of
from chakra.errors import DataError, FieldError

if TYPE_CHECKING:
    from chakra.db.executor import Executor

# The server starts on a chunk when all of it has arrived: for 10,000 rows (0.9 MB) chunks of 64 KiB let it work
# while the rest is sent, which large writes reach with large chunks as well.
ROWS_CHUNK: Final = 64 * 1024

# Rows of Python values converted at a time: 0.3 ms of work for seven columns, of which 0.07 ms is there for any
# number of rows.
ROWS_AT_ONCE: Final = 1_000

MOST_ROWS: Final = 2**31 - 1  # of one Arrow array with 32-bit offsets; no batch is larger

Batches: TypeAlias = Iterable[pa.RecordBatch] | AsyncIterable[pa.RecordBatch]


async def copy_source(
    db: Executor,
    table: str,
    schema: str | None,
    source: Source,
    specs: Sequence[ColumnSpec],
    *,
    names: Sequence[str] | None = None,
    batch_rows: int | None = None,
    progress: Progress = None,
    allow_truncate: bool = False,
    infinity: InfinityOption = "error",
    guard: str | None = None,
) -> InsertResult:
    """Write an opened source through one COPY; all rows or none, but those that triggers leave out (``skipped``).

    Parameters:
        db: where to write; the surrounding transaction's connection is used if there is one.
        table, schema: unquoted names.
        specs: the target columns in the order of the source's, named as errors shall name them.
        names: their names in the table, where those differ.
        batch_rows: rows prepared at a time, default 65,536.
        progress: see :data:`~chakra.columnar.progress.Progress`.
        allow_truncate: let nanoseconds be cut to microseconds, and decimals be rounded to the column's scale.
        infinity: ``"sentinel"`` = ±(2**63 - 1) of timestamps mean infinity.
        guard: SQL that fails if the columns are others than ``specs``; see ``chakra.sql.guards``.

    Raises:
        StaleTypes: the guard failed; some of the source may have been read.
        DataError: a value does not fit its column, with row and column; nothing is visible in the table.
        DatabaseError, ConnectionLost: from the server.
    """
    if batch_rows is not None and (type(batch_rows) is not int or batch_rows < 1):
        raise FieldError(f"batch_rows={batch_rows!r}: expected a whole number from 1 on, or None")
    options = Options(allow_truncate=allow_truncate, bounds_are_infinite=source.instances, infinity=infinity)
    encoder = Encoder(specs, options, slice_rows=min(batch_rows or SLICE_ROWS, MOST_ROWS))
    with Meter(progress, "writing") as meter:
        written = await db.copy_in(
            table, names or source.names or None, _chunks(encoder, source, meter), schema=schema, guard=guard
        )
        meter.end(encoder.rows, encoder.bytes_written)
    return InsertResult(written, skipped=encoder.rows - written)


def match_columns(names: Sequence[str], columns: Sequence[ColumnSpec], table: str) -> list[ColumnSpec]:
    """The target columns in the order of the data's.

    Raises:
        DataError: a name twice, or a name the table does not have.
    """
    by_name = {spec.name: spec for spec in columns}
    for position, name in enumerate(names):
        if name not in by_name:
            known = ", ".join(by_name)
            raise DataError(
                f'{table} has no column "{name}"; its columns are {known}. '
                'bulk_insert(…, extra="ignore") leaves out what it does not have',
                column=name,
            )
        if name in names[:position]:
            raise DataError(f'the data has two columns "{name}"', column=name)
    if not names and by_name:
        raise DataError(f"the data has no columns; those of {table} are {', '.join(by_name)}")
    return [by_name[name] for name in names]


def _chunks(
    encoder: Encoder, source: Source, meter: Meter
) -> Iterator[memoryview] | AsyncIterator[memoryview]:
    if isinstance(source.batches, AsyncIterable):
        return _async_chunks(encoder, source.batches, source.names, meter)
    return _sync_chunks(encoder, source.batches, source.names, meter)


def _sync_chunks(
    encoder: Encoder, batches: Iterable[pa.RecordBatch], names: Sequence[str], meter: Meter
) -> Iterator[memoryview]:
    for batch in batches:
        for chunk in encoder.encode(check_batch(batch, names)):
            yield chunk
            meter.update(encoder.rows, encoder.bytes_written)
    yield encoder.finish()


async def _async_chunks(
    encoder: Encoder, batches: AsyncIterable[pa.RecordBatch], names: Sequence[str], meter: Meter
) -> AsyncIterator[memoryview]:
    async for batch in batches:
        for chunk in encoder.encode(check_batch(batch, names)):
            yield chunk
            meter.update(encoder.rows, encoder.bytes_written)
    yield encoder.finish()


async def copy_rows(
    db: Executor,
    table: str,
    schema: str | None,
    columns: Sequence[ColumnSpec],
    values: Sequence[Any],
    count: int,
    *,
    names: Sequence[str] | None = None,
    guard: str | None = None,
) -> int:
    """Write rows given as lists of Python values, one list a column, through one COPY; returns their number.

    Parameters:
        columns: the target columns of ``values``, in order; the table's others get their defaults.
        values: for each column ``count`` plain values (or an Arrow or NumPy array of them).
        names: names of the columns in the table, where they differ from those errors shall use.
        guard: as in :func:`copy_source`.

    Raises:
        DataError: a value does not fit its column; names row and column, and nothing is visible. A
            surrounding transaction stays usable.
        DatabaseError, ConnectionLost: from the server.
    """
    rows = RowStream(count)
    for spec, column in zip(columns, values, strict=True):
        rows.add(spec, column)
    return await copy_stream(db, table, schema, names or [spec.name for spec in columns], rows, guard=guard)


async def copy_stream(
    db: Executor,
    table: str,
    schema: str | None,
    names: Sequence[str],
    rows: RowStream,
    *,
    guard: str | None = None,
) -> int:
    """Write rows through one COPY; returns their number. Raises as :func:`copy_rows`."""
    if not names:
        raise DataError(f"no column of {table} to write: COPY cannot insert rows of defaults alone")
    chunks: Iterable[memoryview] = rows.chunks()
    if db.in_transaction:
        # All of it before the first byte is sent: a bad value must not abort the transaction.
        chunks = list(chunks)
    return await db.copy_in(table, names, chunks, schema=schema, guard=guard)


class RowStream:
    """Rows of Python values, a list for each column, as a COPY stream made some rows at a time.

    The server works on the rows sent while the next ones are converted.

    Parameters:
        count: number of rows.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._specs: list[ColumnSpec] = []
        self._values: list[Any] = []
        self._first: list[pa.Array] = []

    def add(self, spec: ColumnSpec, values: Any) -> None:
        """Add a column: a sequence of plain values, or an Arrow or NumPy array of them.

        Raises:
            DataError: there are more values than rows, or fewer.
        """
        if len(values) != self.count:
            raise DataError(
                f'column "{spec.name}" has {len(values)} values for {self.count} rows', column=spec.name
            )
        self._specs.append(spec)
        self._values.append(values)

    def prepare(self) -> None:
        """Convert the first rows of the columns added so far now: for when there is something to wait for.

        Raises:
            DataError: a value does not fit its column.
        """
        for spec, values in zip(self._specs, self._values, strict=True):
            self._first.append(array_of(values[:ROWS_AT_ONCE], spec))

    def allow_null(self) -> None:
        """Let NULL into columns that are declared without it: the server fills them in."""
        self._specs = [replace(spec, nullable=True) for spec in self._specs]

    def chunks(self) -> Iterator[memoryview]:
        """Encode the rows.

        Raises:
            DataError: a value does not fit its column.
        """
        encoder = Encoder(self._specs, Options(bounds_are_infinite=True), chunk_bytes=ROWS_CHUNK)
        for start in range(0, self.count, ROWS_AT_ONCE):
            values = [column[start : start + ROWS_AT_ONCE] for column in self._values]
            if start == 0:
                values[: len(self._first)] = self._first
            yield from encoder.encode(batch_of(self._specs, values, start))
        yield encoder.finish()


def batch_of(columns: Sequence[ColumnSpec], values: Sequence[Any], first_row: int = 0) -> pa.RecordBatch:
    """Lists of Python values, one a column and all of one length, as a record batch.

    Parameters:
        first_row: for errors, the number of the first row.

    Raises:
        DataError: a value does not fit its column.
    """
    arrays = [array_of(column, spec, first_row) for column, spec in zip(values, columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=[spec.name for spec in columns])


__all__ = [
    "RowStream",
    "batch_of",
    "copy_rows",
    "copy_source",
    "copy_stream",
    "match_columns",
]
