"""The growing output of one batch: buffers the row kernel writes and the Arrow arrays made of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import I64, U8, AnyArray, RawColumn
from chakra.columnar.families import decode_column, unify
from chakra.columnar.kernels import rows_decode as kernels
from chakra.columnar.options import Options
from chakra.columnar.pages import Range, populate
from chakra.columnar.plan import ColumnPlan
from chakra.errors import CopyFormatError

INT32_MAX = 2**31 - 1
_NOTHING: AnyArray = np.empty(0, np.uint8)
FIRST_BYTES = 32  # guess for a value of varying length before any was seen
AHEAD_BYTES = 1024 * 1024  # of a buffer for which pages are asked at a time, and before they are needed


class Segment:
    """Room for ``rows`` rows; the kernel finds it through ``plan``.

    Every Arrow buffer is its own allocation, so a caller who keeps one column keeps no other. Reserved memory
    that is never written costs no page; NumPy asks for huge pages from 4 MiB on, which nearly halves the time
    of the kernel on a big read (1M users: 262,144 rows a segment 43 ms, 1,048,576 rows 27 ms).
    """

    def __init__(
        self, columns: Sequence[ColumnPlan], rows: int, expected: Sequence[float], options: Options
    ) -> None:
        self.columns = columns
        self.rows = rows
        self.options = options
        self._widths = [e if c.varies else c.width for c, e in zip(columns, expected, strict=True)]
        self._populated = [0] * (2 * len(columns))
        self._pieces: list[list[pa.Array]] = [[] for _ in columns]  # of columns that families decode
        self._piece_bytes = [0] * len(columns)
        self.decoded = 0  # rows that families have decoded
        self._stride = int(AHEAD_BYTES / 2 / max([8, *self._widths])) + 1
        count = len(columns)
        self.plan: I64 = np.zeros((count, kernels.WIDTH), np.int64)
        self.values: list[AnyArray] = []
        self.offsets: list[AnyArray | None] = []
        self.positions: list[I64 | None] = []
        self.nulls: U8 = np.zeros((count, rows), np.uint8)
        for c, column in enumerate(columns):
            row = self.plan[c]
            row[kernels.LAYOUT] = column.layout
            row[kernels.NULLS] = self.nulls[c].ctypes.data
            for index, word in column.words:
                row[index] = word
            if column.varies:
                capacity = int(expected[c] * rows * 1.125) + 1024
                if column.narrow:
                    capacity = min(capacity, INT32_MAX)
                offsets: AnyArray = np.empty(rows + 1, np.int32 if column.narrow else np.int64)
                offsets[0] = 0
                row[kernels.OFFSETS] = offsets.ctypes.data
                self.offsets.append(offsets)
                self.values.append(np.empty(capacity + kernels.PAD, np.uint8))
                row[kernels.CAPACITY] = capacity
            else:
                self.offsets.append(None)
                self.values.append(np.empty(rows * column.width, np.uint8))
            positions = np.empty(rows, np.int64) if column.layout == kernels.RAW else None
            if positions is not None:
                row[kernels.POSITIONS] = positions.ctypes.data
            self.positions.append(positions)
            row[kernels.VALUES] = self.values[c].ctypes.data

    def grow(self, c: int, needed: int, row: int) -> None:
        """Make room for ``needed`` bytes of values in column ``c``, whose first ``row`` rows are written."""
        offsets = self.offsets[c]
        assert offsets is not None
        capacity = max(needed, 2 * int(self.plan[c, kernels.CAPACITY]))
        if self.columns[c].narrow:
            capacity = min(capacity, INT32_MAX)
        used = int(offsets[row])
        values = np.empty(capacity + kernels.PAD, np.uint8)
        values[:used] = self.values[c][:used]
        self.values[c] = values
        self.plan[c, kernels.VALUES] = values.ctypes.data
        self.plan[c, kernels.CAPACITY] = capacity

    def populate(self, row: int) -> int:
        """Have the pages made that rows behind ``row`` will be written to; returns the row to ask again at."""
        ranges: list[Range] = []
        for c, width in enumerate(self._widths):
            values, offsets = self.values[c], self.offsets[c]
            reached = row * width
            if offsets is not None:
                reached = int(offsets[row])
                self._ahead(ranges, offsets, 2 * c + 1, row * offsets.itemsize)
            self._ahead(ranges, values, 2 * c, int(reached))
        if ranges:
            populate(ranges)
        return row + self._stride

    def _ahead(self, ranges: list[Range], array: AnyArray, number: int, reached: int) -> None:
        """Add the next step of a buffer that is written up to ``reached``, if it comes near what was asked for."""
        done = max(self._populated[number], reached)
        stop = min(reached + 2 * AHEAD_BYTES, array.nbytes)
        if done < stop and (stop - done >= AHEAD_BYTES or stop == array.nbytes):
            ranges.append((array, done, stop))
            self._populated[number] = stop

    def sizes(self, row: int) -> list[float]:
        """Bytes a value of each varying column had on average, for the next segment."""
        return [
            0.0 if o is None or row == 0 else float(o[row] + before) / row
            for o, before in zip(self.offsets, self._piece_bytes, strict=True)
        ]

    def decode_piece(self, row: int, first_row: int) -> None:
        """Let the families decode the rows up to ``row``, and use the memory of their bytes again.

        Raises:
            CopyFormatError, DataError: a family refused a value.
        """
        for c, column in enumerate(self.columns):
            if column.layout == kernels.RAW:
                offsets = self.offsets[c]
                assert offsets is not None
                self._pieces[c].append(self._family(c, row, first_row))
                self._piece_bytes[c] += int(offsets[row])
                offsets[row] = 0  # from where the kernel goes on
        self.decoded = row

    def finish(self, row: int, first_row: int) -> list[pa.Array]:
        """The first ``row`` rows as Arrow arrays; the segment must not be written afterwards.

        Raises:
            CopyFormatError, DataError: a family refused a value.
        """
        return [self._taken(c, row, first_row) for c in range(len(self.columns))]

    def _taken(self, c: int, row: int, first_row: int) -> pa.Array:
        """One column; what was reserved for it goes back before the next one is made."""
        array = self._array(c, row, first_row)
        self.values[c] = _NOTHING
        self.offsets[c] = self.positions[c] = None
        return array

    def _array(self, c: int, count: int, first_row: int) -> pa.Array:
        column = self.columns[c]
        if column.layout == kernels.RAW:
            pieces = self._pieces[c]
            if self.decoded < count or not pieces:
                pieces.append(self._family(c, count, first_row))
            if len(pieces) == 1:
                return pieces[0]
            return pa.concat_arrays(unify(pieces, column.spec.name))
        null = self.nulls[c, :count]
        nulls = int(np.count_nonzero(null))
        mask = pa.py_buffer(~np.packbits(null, bitorder="little")) if nulls else None
        arrow = column.arrow
        assert arrow is not None
        storage = arrow.storage_type if isinstance(arrow, pa.BaseExtensionType) else arrow
        values, offsets = self.values[c], self.offsets[c]
        if offsets is not None:
            plain = _PLAIN[column.layout]
            used = int(offsets[count])
            buffers = [mask, _trimmed(offsets, count + 1), _trimmed(values, used)]
            array = pa.Array.from_buffers(plain, count, buffers, null_count=nulls)
            if plain != storage:
                array = array.cast(storage)
        elif column.layout == kernels.BOOL:
            bits = pa.py_buffer(np.packbits(values[:count], bitorder="little"))
            array = pa.Array.from_buffers(storage, count, [mask, bits], null_count=nulls)
        else:
            buffers = [mask, _trimmed(values, count * column.width)]
            array = pa.Array.from_buffers(storage, count, buffers, null_count=nulls)
        return array if storage is arrow else pa.ExtensionArray.from_storage(arrow, array)

    def _family(self, c: int, count: int, first_row: int) -> pa.Array:
        """The rows of a column that no family has decoded yet, up to ``count``; copies what it takes of the bytes."""
        begin, offsets, positions = self.decoded, self.offsets[c], self.positions[c]
        assert offsets is not None
        assert positions is not None
        lengths = np.diff(offsets[begin : count + 1]).astype(np.int32)
        null = self.nulls[c, begin:count]
        if null.any():
            lengths[null != 0] = -1
        spec = self.columns[c].spec
        starts = offsets[begin:count]
        first_row += begin
        raw = RawColumn(self.values[c][: int(offsets[count])], starts, lengths, spec.name, first_row)
        try:
            return decode_column(raw, spec.type, self.options)
        except CopyFormatError as error:
            index = (error.row or first_row) - first_row
            position = error.position - int(starts[index]) + int(positions[begin + index])
            raise CopyFormatError(
                str(error).replace(f"at byte {error.position}", f"at byte {position}"),
                position=position,
                expected=error.expected,
                found=error.found,
                row=error.row,
                column=error.column,
            ) from None


_PLAIN = {
    kernels.TEXT: pa.string(),
    kernels.BINARY: pa.binary(),
    kernels.LARGE_TEXT: pa.large_string(),
    kernels.LARGE_BINARY: pa.large_binary(),
}


def _trimmed(array: AnyArray, count: int) -> pa.Buffer:
    """A buffer of the first ``count`` items; memory that stands mostly unused goes back."""
    if 2 * count < array.size:
        array = array[:count].copy()
    return pa.py_buffer(array[:count])


__all__ = ["Segment"]
