"""How a family says that one value is wrong, so that containers can translate positions on the way out."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from chakra.columnar.buffers import I64, RawColumn
from chakra.errors import CopyFormatError, DataError
from chakra.pg.showing import showing


class ValueFault(Exception):
    """One value cannot be decoded or encoded; the dispatcher turns it into a public error.

    A container decodes all of its elements as one column, so a fault inside it carries the element's index;
    the container replaces that index by its own with :meth:`within` and the outermost one knows the row.

    Attributes:
        index: position of the value in the column being worked on.
        reason: what is wrong with it, for a :class:`DataError`.
        position: byte offset in the data handed in, where the bytes themselves are wrong.
        expected, found: given together with ``position``; they make it a :class:`CopyFormatError`.
        path: where inside the value, in SQL's spelling: ``[]``, ``.field``, ``.lower``.
    """

    def __init__(
        self, index: int, reason: str = "", *, position: int = -1, expected: str = "", found: str = ""
    ) -> None:
        super().__init__(index, reason, position, expected, found)
        self.index = int(index)
        self.reason = reason
        self.position = int(position)
        self.expected = expected
        self.found = found
        self.path = ""

    def within(self, index: int, step: str) -> ValueFault:
        """The same fault seen from the container: value ``index`` of it, one ``step`` deeper."""
        self.index = int(index)
        self.path = step + self.path
        return self

    def error(self, name: str, first_row: int, problem: str) -> DataError:
        """The public error, naming row and column."""
        row = first_row + self.index
        where = f'row {row}, column "{name}"{self.path}'
        if self.expected:
            return CopyFormatError(
                f"{where}: expected {self.expected} at byte {self.position}, found {self.found}",
                position=self.position,
                expected=self.expected,
                found=self.found,
                row=row,
                column=name,
            )
        return DataError(f"{where}: {problem}{self.reason}", row=row, column=name)


def malformed(raw: RawColumn, index: int, position: int, expected: str, found: str = "") -> NoReturn:
    """Raise for bytes that break the format; without ``found``, the value's length and first bytes are shown.

    Raises:
        ValueFault: always.
    """
    if not found:
        start, length = int(raw.starts[index]), int(raw.lengths[index])
        if start < 0 or start + max(length, 0) > raw.data.size:
            found = f"a value of {length} bytes at byte {start} of {raw.data.size}"
        else:
            shown = raw.data[start : start + min(max(length, 0), 24)].tobytes().hex(" ")
            found = f"{length} bytes"
            if showing.values:
                found += f": {shown}{' …' if length > 24 else ''}"
    raise ValueFault(index, position=position, expected=expected, found=found)


def owner(offsets: I64, element: int) -> int:
    """The list that holds an element: the last ``i`` with ``offsets[i] <= element``, skipping empty lists."""
    return int(np.searchsorted(offsets, element, side="right")) - 1


__all__ = ["ValueFault", "malformed", "owner"]
