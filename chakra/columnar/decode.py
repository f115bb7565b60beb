"""Bytes of a COPY BINARY stream to Arrow record batches; whoever has the bytes pushes them in, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import NoReturn

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import RawColumn
from chakra.columnar.convert import convert
from chakra.columnar.families import decode_column, unify
from chakra.columnar.framing import CopyReader
from chakra.columnar.kernels import rows_decode as kernels
from chakra.columnar.options import DEFAULT, InfinityOption, NumericOption, Options, StringsOption
from chakra.columnar.pages import CAN_POPULATE
from chakra.columnar.plan import ColumnPlan, field, plan_columns
from chakra.columnar.reshape import reshape, reshaped_type, reshapes
from chakra.columnar.segment import FIRST_BYTES, Segment
from chakra.columnar.types import TypesInput, specs_from
from chakra.errors import CopyFormatError, FieldError
from chakra.pg.showing import showing

FIRST_ROWS = 16_384
MAX_ROWS = 1_048_576
SEGMENT_BYTES = 256 * 1024 * 1024  # of the stream a batch of a whole table may take
STREAM_BYTES = 64 * 1024 * 1024  # the same of a batch of a stream for which no max_bytes was given
FAMILY_BYTES = 8 * 1024 * 1024  # the same where families decode from a second copy of the bytes
PIECE_ROWS = (
    8_192  # families decode at a time, while the server goes on (docs/decisions/0050-columns-by-type.md)
)
PAGES_FROM = 96 * 1024 * 1024  # of the stream; a thread for the pages of smaller tables costs what it saves


class Decoder:
    """Decodes one stream: :meth:`feed` chunks, take :meth:`batches`, :meth:`finish`, take the rest.

    Parameters:
        types: the columns, see :func:`~chakra.columnar.types.specs_from`.
        options: see :class:`~chakra.columnar.options.Options`. With ``streaming`` the schema is fixed before
            the data; without it a numeric without precision gets the largest scale in the data, and then only
            :meth:`table` may be called.
        max_rows: rows a batch at most; ``None`` = what suits a whole table (16,384 growing to 1,048,576).
        max_bytes: bytes of the stream a batch covers at most, unless a single row is larger. Without it a batch
            of a stream ends at 64 MiB, whatever ``max_rows`` is.
        segment_bytes: bytes of the stream a batch of a whole table may cover: fewer keep the peak lower where
            several decoders work side by side, more are faster.
        pages_ahead: let a thread ask the system for the memory of a whole table just before it is written. It pays
            where a server must wait for the decoder, and takes another core for it.

    Attributes:
        rows: rows decoded so far.

    Raises:
        FieldError: a limit below 1, or a type that needs an option (streaming).
    """

    def __init__(
        self,
        types: TypesInput,
        options: Options = DEFAULT,
        *,
        max_rows: int | None = None,
        max_bytes: int | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        pages_ahead: bool = False,
    ) -> None:
        for name, value in (("max_rows", max_rows), ("max_bytes", max_bytes)):
            if value is not None and (type(value) is not int or value < 1):
                raise FieldError(f"{name}={value!r}: expected a whole number from 1 on, or None")
        self.specs = specs_from(types)
        self.options = options
        self.columns = plan_columns(self.specs, options)
        self._to_convert = [c for c, column in enumerate(self.columns) if column.converts]
        self._reshapes = reshapes(options)
        self._has_families = any(column.layout == kernels.RAW for column in self.columns)
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._pages_ahead = pages_ahead and CAN_POPULATE and not options.streaming
        self._reader = CopyReader()
        self._result = np.zeros(4, np.int64)
        self._done: list[list[pa.Array]] = []
        self.rows = 0  # whole segments and the rows of the open one
        self._row = 0  # in the open segment
        self._expected: list[float] = [FIRST_BYTES if column.varies else 0 for column in self.columns]
        self._begin = 0  # stream position where the open segment began
        self._segment: Segment | None = None
        self._populate_at = 0  # row of the open segment
        self._bytes_a_row = 2.0  # in the last one
        self._limit = min(FIRST_ROWS, max_rows or FIRST_ROWS)
        if max_rows and not max_bytes:
            self._limit = min(max_rows, MAX_ROWS)  # what is reserved before anything is known of the rows

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, known before any data.

        Raises:
            FieldError: a column's type follows from the data; names it and the options.
        """
        for column in self.columns:
            if column.arrow is None:
                plan_columns([column.spec], replace(self.options, streaming=True))
        kinds = [column.target or column.arrow for column in self.columns]
        if self._reshapes:
            kinds = [reshaped_type(kind, self.options) for kind in kinds]
        return pa.schema([field(c.spec, kind) for c, kind in zip(self.columns, kinds, strict=True)])

    @property
    def bytes_read(self) -> int:
        """Bytes consumed so far."""
        return self._reader.position

    def feed(self, chunk: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the stream, cut anywhere.

        Raises:
            CopyFormatError: the stream is malformed.
            DataError: a value has no place in its Arrow type.
        """
        reader = self._reader
        if type(chunk) is bytes and reader.append(chunk):
            return
        view = memoryview(chunk).cast("B")
        while len(view):
            count = reader.push(view)
            if count < len(view) or reader.stop == reader.size:
                self._decode()
            view = view[count:]

    def finish(self) -> None:
        """Say that no more bytes follow.

        Raises:
            CopyFormatError: the stream is malformed or cut short.
            DataError: a value has no place in its Arrow type.
        """
        reader = self._reader
        self._decode()
        if not reader.ended:
            left = reader.stop - reader.start
            what = "the trailer, or a whole tuple" if reader.header_done else "the whole header"
            raise reader.error(what, f"the end of the stream {left} bytes on")
        self._cut()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Take the batches that are ready (none of them twice)."""
        while self._done:
            arrays = self._done.pop(0)
            if self.columns:
                yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
            else:
                yield pa.record_batch(arrays, [""]).select([])

    def append(self, other: Decoder) -> None:
        """Put what another decoder of the same columns has decoded behind what is here; it is empty then."""
        self._done.extend(other._done)
        other._done = []

    def table(self) -> pa.Table:
        """Everything decoded, after :meth:`finish`, without a copy; empty results keep their schema.

        Raises:
            DataError: the numerics of a column fit no common Arrow decimal.
        """
        done, self._done = self._done, []
        fields, chunks = [], []
        for c, column in enumerate(self.columns):
            arrays = [batch[c] for batch in done]
            for batch in done:
                batch[c] = None  # so that unify() can let go of what it replaces
            if not arrays:
                arrays = [reshape(_empty(column, self.options), self.options, column.spec.name, 0)]
            if column.arrow is None:
                arrays = unify(arrays, column.spec.name)
            fields.append(field(column.spec, arrays[0].type))
            chunks.append(pa.chunked_array(arrays))
        if not self.columns:
            return pa.table([pa.nulls(sum(len(batch[0]) for batch in done))], [""]).select([])
        return pa.Table.from_arrays(chunks, schema=pa.schema(fields))

    def _open(self) -> Segment:
        self._segment = Segment(self.columns, self._limit, self._expected, self.options)
        self._begin = self._reader.position
        self._row = 0
        later = max(0, int((PAGES_FROM - self._begin) / self._bytes_a_row))
        self._populate_at = later if self._pages_ahead else self._limit + 1
        return self._segment

    def _cut(self) -> None:
        """Close the open segment and choose the size of the next."""
        segment, row = self._segment, self._row
        if segment is None or row == 0:
            return
        taken = self._reader.position - self._begin
        self._expected = segment.sizes(row)
        # Rows without columns (SELECT FROM t) still have a number, and arrays are what counts them.
        arrays = segment.finish(row, self.rows - row) or [pa.nulls(row)]
        for c in self._to_convert:
            column = self.columns[c]
            arrays[c] = convert(arrays[c], column.spec, column.target, self.options, self.rows - row)
        if self._reshapes:
            first = self.rows - row
            arrays = [
                reshape(array, self.options, column.spec.name, first)
                for array, column in zip(arrays, self.columns, strict=False)
            ]
        self._done.append(arrays)
        self._segment = None
        self._row = 0
        self._bytes_a_row = bytes_a_row = max(taken / row, 2.0)
        if self._max_bytes:
            fits = int(2 * self._max_bytes / bytes_a_row)
            self._limit = max(1, min(fits, self._max_rows or MAX_ROWS, 8 * max(row, 128)))
        elif not self._max_rows:
            budget = FAMILY_BYTES if self._has_families else self._segment_bytes
            self._limit = max(1024, min(int(budget / bytes_a_row), MAX_ROWS, 8 * max(row, FIRST_ROWS)))
        else:  # reserve no more than a batch will take
            self._limit = max(1, min(self._max_rows, int(1.25 * STREAM_BYTES / bytes_a_row)))

    def _decode(self) -> None:
        """Run the kernel over the block until it needs more bytes or the stream ends."""
        reader, result = self._reader, self._result
        single = False  # a tuple larger than max_bytes is a batch of its own
        while reader.header_done and not reader.ended:
            segment = self._segment or self._open()
            before = self._row
            end, limit = reader.stop, segment.rows
            if self._max_bytes and single:
                limit = self._row + 1
            elif self._max_bytes:
                end = min(end, self._begin + self._max_bytes - reader.base)
            status = int(
                kernels.decode_rows(
                    reader.address,
                    reader.base,
                    reader.start,
                    end,
                    segment.plan,
                    len(self.columns),
                    self._row,
                    limit,
                    result,
                )
            )
            position, self._row, column, detail = (int(n) for n in result)
            self.rows += self._row - before
            if self._row >= self._populate_at:
                self._populate_at = segment.populate(self._row)
            reader.start = position
            beyond = status == kernels.NEED and end < reader.stop
            single = beyond and self._row == 0
            if status == kernels.FULL or beyond:
                self._cut()
            elif status == kernels.NEED:
                reader.need(detail)
                if self._exceeds(reader):
                    self._cut()
                elif self._has_families and self._row - segment.decoded >= PIECE_ROWS:
                    segment.decode_piece(self._row, self.rows - self._row)
                return
            elif status == kernels.END:
                reader.end()
                return
            elif status == kernels.GROW:
                segment.grow(column, detail, self._row)
            elif status == kernels.CUT:
                self._cut()
            else:
                self._refuse(status, column, detail)

    def _exceeds(self, reader: CopyReader) -> bool:
        """Another block could pass what a segment may take of the stream."""
        limit = 2 * FAMILY_BYTES if self._has_families else self._segment_bytes
        if self.options.streaming and not self._max_bytes:
            limit = min(limit, STREAM_BYTES)
        return self._row > 0 and reader.position - self._begin + reader.size > limit

    def _refuse(self, status: int, column: int, detail: int) -> NoReturn:
        """Raise for what the kernel found at ``reader.start``.

        Raises:
            CopyFormatError, DataError: always.
        """
        reader, row = self._reader, self.rows
        start = reader.start
        head = reader.memory[start : min(start + 4, reader.stop)]
        if status == kernels.BAD_COUNT:
            count = int.from_bytes(head[:2], "big", signed=True)
            expected, found = (
                f"a tuple of {len(self.columns)} fields, or the trailer",
                f"a field count of {count}",
            )
            raise CopyFormatError(
                f"row {row}: expected {expected} at byte {reader.position}, found {found}",
                position=reader.position,
                expected=expected,
                found=found,
                row=row,
            )
        spec, ahead = self.specs[column], 0
        if status == kernels.BAD_LENGTH:
            expected = "a field length of -1 to 1073741823"
            found = str(int.from_bytes(head, "big", signed=True))
        else:
            length = int.from_bytes(reader.memory[start - 4 : start], "big", signed=True)
            begin = bytes(reader.memory[start : start + min(length, 16)]).hex(" ")
            shown = f": {begin}" if showing.values else ""
            expected, found = f"a value of {spec.type.sql}", f"{length} bytes{shown}"
            if status == kernels.BAD_WIDTH:
                expected = f"{self.columns[column].width} bytes of {spec.type.sql}"
            elif status == kernels.BAD_TEXT:
                ahead = detail
                expected, found = "valid UTF-8 text", f"byte 0x{reader.block[start + detail]:02x}"
            else:
                self._ask_family(column, start, length)
        position = reader.position + ahead
        raise CopyFormatError(
            f'row {row}, column "{spec.name}": expected {expected} at byte {position}, found {found}',
            position=position,
            expected=expected,
            found=found,
            row=row,
            column=spec.name,
        )

    def _ask_family(self, column: int, start: int, length: int) -> None:
        """Let the family, which decodes the same value slowly, say what is wrong with it."""
        spec, reader = self.specs[column], self._reader
        data = reader.block[start : start + length].copy()
        raw = RawColumn(data, np.zeros(1, np.int64), np.array([length], np.int32), spec.name, self.rows)
        try:
            decode_column(raw, spec.type, self.options)
        except CopyFormatError as error:
            position = reader.position + error.position
            raise CopyFormatError(
                str(error).replace(f"at byte {error.position}", f"at byte {position}"),
                position=position,
                expected=error.expected,
                found=error.found,
                row=error.row,
                column=error.column,
            ) from None


def _empty(column: ColumnPlan, options: Options) -> pa.Array:
    """No values of a column: a family knows the type where it follows from the data, and an enum's labels."""
    if column.target is not None:
        return pa.nulls(0, column.target)
    if column.layout != kernels.RAW and column.arrow is not None:
        return pa.nulls(0, column.arrow)
    raw = RawColumn(np.zeros(0, np.uint8), np.zeros(1, np.int64), np.full(1, -1, np.int32))
    found = decode_column(raw, column.spec.type, options)
    if column.converts:
        found = convert(found, column.spec, None, options)
    return found.slice(0, 0)


def decode(
    chunks: Iterable[bytes | bytearray | memoryview],
    types: TypesInput,
    *,
    numeric: NumericOption = None,
    infinity: InfinityOption = "error",
    strings: StringsOption = "utf8",
    max_rows: int | None = None,
    max_bytes: int | None = None,
) -> Iterator[pa.RecordBatch]:
    """Decode a COPY BINARY stream to record batches, in bounded memory.

    Parameters:
        chunks: the bytes, cut anywhere; pulled as batches are asked for.
        types: ``{name: type}``, ``[(name, type), …]`` or ColumnSpecs; a type is SQL (``"numeric(12, 2)"``) or
            a PgType.
        numeric, infinity, strings: see :class:`~chakra.columnar.options.Options`.
        max_rows, max_bytes: size of a batch at most; default 65,536 rows.

    Raises:
        FieldError: an option or a type is unknown, or a numeric needs ``numeric=``.
        CopyFormatError: the stream is malformed; position, expected, found, row, column.
        DataError: a value has no place in its Arrow type.
    """
    options = Options(numeric, infinity, strings, streaming=True)
    if max_rows is None and max_bytes is None:
        max_rows = 65_536
    decoder = Decoder(types, options, max_rows=max_rows, max_bytes=max_bytes)
    return _decode(decoder, chunks)


def _decode(decoder: Decoder, chunks: Iterable[bytes | bytearray | memoryview]) -> Iterator[pa.RecordBatch]:
    for chunk in chunks:
        decoder.feed(chunk)
        yield from decoder.batches()
    decoder.finish()
    yield from decoder.batches()


def decode_table(
    chunks: Iterable[bytes | bytearray | memoryview],
    types: TypesInput,
    *,
    numeric: NumericOption = None,
    infinity: InfinityOption = "error",
    strings: StringsOption = "utf8",
) -> pa.Table:
    """Decode a whole COPY BINARY stream to one table; parameters and errors as in :func:`decode`.

    A numeric without precision becomes a decimal of the largest scale in the data.
    """
    decoder = Decoder(types, Options(numeric, infinity, strings))
    for chunk in chunks:
        decoder.feed(chunk)
    decoder.finish()
    return decoder.table()


def schema(
    types: TypesInput,
    *,
    numeric: NumericOption = None,
    infinity: InfinityOption = "error",
    strings: StringsOption = "utf8",
) -> pa.Schema:
    """The Arrow schema :func:`decode` gives for these columns.

    Raises:
        FieldError: an option or a type is unknown, or a numeric needs ``numeric=``.
    """
    return Decoder(types, Options(numeric, infinity, strings, streaming=True)).schema


__all__ = ["Decoder", "decode", "decode_table", "schema"]
