"""Arrow record batches to the bytes of a COPY BINARY stream, in chunks; whoever has a connection sends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import I64
from chakra.columnar.casts import Source, source
from chakra.columnar.families import encode_column
from chakra.columnar.framing import HEADER, TRAILER
from chakra.columnar.kernels import rows_encode as kernels
from chakra.columnar.member_values import check_members
from chakra.columnar.options import DEFAULT, Options
from chakra.columnar.types import TypesInput, specs_from
from chakra.errors import DataError, NotNullViolation

# COPY IN of 1M users: 14 KiB chunks cost twice the client CPU of 256 KiB ones, above 1 MiB nothing is gained.
CHUNK_BYTES: Final = 512 * 1024
SLICE_ROWS: Final = 65_536  # rows prepared at a time: bounds what the families hold beside the batch
# The same where families encode a column: the server works on what it has been sent while the next rows are encoded, so
# these must not take longer than what the socket holds lasts (docs/decisions/0050-columns-by-type.md).
FAMILY_ROWS: Final = 16_384


class Encoder:
    """Encodes batches of the same columns into one stream.

    Parameters:
        types: the target columns, see :func:`~chakra.columnar.types.specs_from`; they decide the format.
        options: ``allow_truncate=``.
        chunk_bytes: size of the chunks given out, unless a single row is larger.
        slice_rows: rows prepared at a time.

    Attributes:
        rows: rows encoded so far.
        bytes_written: bytes of the chunks given out so far.
    """

    def __init__(
        self,
        types: TypesInput,
        options: Options = DEFAULT,
        *,
        chunk_bytes: int = CHUNK_BYTES,
        slice_rows: int = SLICE_ROWS,
    ) -> None:
        self.specs = specs_from(types)
        self.options = options
        self.rows = 0
        self.bytes_written = 0
        self._slice_rows = slice_rows
        self._at_once = FAMILY_ROWS
        self._chunk_bytes = max(chunk_bytes, 64)
        self._result: I64 = np.zeros(3, np.int64)
        self._take(self._chunk_bytes)
        self._memory[: len(HEADER)] = HEADER
        self._position = len(HEADER)

    def _take(self, size: int) -> None:
        """A new chunk: the receiver may keep the old one as long as it likes."""
        self._chunk = np.empty(size, np.uint8)
        self._memory = self._chunk.data
        self._position = 0

    def encode(self, batch: pa.RecordBatch) -> Iterator[memoryview]:
        """Encode a batch whose columns stand in the order of ``types``; gives the chunks that became full.

        Raises:
            DataError: a value does not fit its column, or there is another number of columns.
        """
        if batch.num_columns != len(self.specs):
            raise DataError(f"expected {len(self.specs)} columns, found {batch.num_columns}")
        start = 0
        while start < batch.num_rows:
            rows = min(self._at_once, self._slice_rows)
            yield from self._encode(batch.slice(start, rows))
            start += rows

    def finish(self) -> memoryview:
        """The last chunk, with the trailer."""
        if len(self._chunk) - self._position < len(TRAILER):
            grown = np.empty(self._position + len(TRAILER), np.uint8)
            grown[: self._position] = self._chunk[: self._position]
            self._chunk, self._memory = grown, grown.data
        self._memory[self._position : self._position + len(TRAILER)] = TRAILER
        self._position += len(TRAILER)
        self.bytes_written += self._position
        return self._memory[: self._position]

    def _encode(self, batch: pa.RecordBatch) -> Iterator[memoryview]:
        for array, spec in zip(batch.columns, self.specs, strict=True):
            if spec.members is not None:
                check_members(array, spec, self.rows)
        sources = [
            source(array, spec, self.rows, self.options)
            for array, spec in zip(batch.columns, self.specs, strict=True)
        ]
        families = any(column.words[kernels.LAYOUT] == kernels.RAW for column in sources)
        self._at_once = FAMILY_ROWS if families else self._slice_rows
        plan = np.zeros((len(sources), kernels.WIDTH), np.int64)
        for c, column in enumerate(sources):
            for index, word in column.words.items():
                plan[c, index] = word
        row, count = 0, batch.num_rows
        while row < count:
            status = int(
                kernels.encode_rows(
                    plan,
                    len(sources),
                    row,
                    count,
                    self._chunk.ctypes.data,
                    self._position,
                    len(self._chunk),
                    self._result,
                )
            )
            row, self._position, detail = (int(n) for n in self._result)
            if status == kernels.SPACE:
                if self._position:
                    full = self._memory[: self._position]
                    self.bytes_written += self._position
                    self._take(self._chunk_bytes)
                    yield full
                else:
                    self._take(max(2 * len(self._chunk), detail))
            elif status != kernels.DONE:
                self._refuse(status, row, sources[detail], detail)
        self.rows += count

    def _refuse(self, status: int, row: int, column: Source, index: int) -> None:
        """Raise for the value the kernel stopped at.

        Raises:
            DataError: always; of NULL NotNullViolation.
        """
        spec, absolute = self.specs[index], self.rows + row
        where = f'row {absolute}, column "{spec.name}"'
        if status == kernels.MISSING:
            raise null_refused(absolute, spec.name)
        # The family converts the same value slowly and knows what to say.
        encode_column(column.array.slice(row, 1), spec.type, spec.name, absolute, self.options)
        raise DataError(f"{where}: the value does not fit {spec.type.sql}", row=absolute, column=spec.name)


def null_refused(row: int, name: str) -> NotNullViolation:
    """The error of a NULL that would violate NOT NULL, before it is sent."""
    return NotNullViolation(
        f'row {row}, column "{name}": NULL in a column declared NOT NULL',
        row=row,
        column=name,
        sqlstate="23502",
    )


def encode(
    batches: Any,
    types: TypesInput,
    *,
    chunk_bytes: int = CHUNK_BYTES,
    allow_truncate: bool = False,
) -> Iterator[bytes]:
    """Encode record batches as a COPY BINARY stream.

    Parameters:
        batches: anything with ``__arrow_c_stream__`` or ``__arrow_c_array__`` (a table, a record batch, a Polars
            frame, …), or an iterable of record batches.
        types: the target columns in the order of the batches': ``{name: type}``, pairs or ColumnSpecs.
        chunk_bytes: size of the chunks, unless a single row is larger.
        allow_truncate: let nanoseconds be cut to microseconds, and decimals be rounded to the column's scale.

    Raises:
        FieldError: a type is unknown.
        DataError: a value does not fit its column; names row and column. Or these are no record batches, or
            their columns have the names of ``types`` in another order.
    """
    encoder = Encoder(types, Options(allow_truncate=allow_truncate), chunk_bytes=chunk_bytes)
    return _encode(encoder, batches)


def _pieces(batches: Any) -> Iterable[pa.RecordBatch]:
    if hasattr(batches, "__arrow_c_stream__"):
        stream: Iterable[pa.RecordBatch] = pa.RecordBatchReader.from_stream(batches)
        return stream
    if hasattr(batches, "__arrow_c_array__"):
        return [pa.record_batch(batches)]
    if not isinstance(batches, Iterable):
        raise DataError(f"cannot encode a {type(batches).__name__}: expected Arrow data or record batches")
    return batches


def _encode(encoder: Encoder, batches: Any) -> Iterator[bytes]:
    names = [spec.name for spec in encoder.specs]
    for batch in _pieces(batches):
        if not isinstance(batch, pa.RecordBatch):
            raise DataError(f"expected record batches, found {type(batch).__name__}")
        found = batch.schema.names
        if found != names and sorted(found) == sorted(names):
            raise DataError(
                f"the columns of the data are {', '.join(found)}, those of the stream {', '.join(names)}: "
                "they are matched by position; bring them into one order"
            )
        for chunk in encoder.encode(batch):
            yield bytes(chunk)
    yield bytes(encoder.finish())


__all__ = ["CHUNK_BYTES", "Encoder", "encode", "null_refused"]
