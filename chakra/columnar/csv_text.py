"""CSV as PostgreSQL writes and reads it, between columns of text and bytes; no I/O.

Format: manual, COPY, "CSV Format"; ``CopyAttributeOutCSV`` in ``src/backend/commands/copyto.c`` and
``CopyReadAttributesCSV`` in ``copyfromparse.c``. A value is quoted if it has a delimiter, a quote or an end of line in
it, or is what NULL is written as, so that both stay apart.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from chakra.errors import DataError, FieldError

LARGE: Final = 1 << 28
"""Bytes of text from which lines get 64-bit offsets: quotes may double them, and 32 bits end at 2 GiB."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written.

    Attributes:
        delimiter: between values, one ASCII character.
        quote: around values, one ASCII character, written twice within them.
        null: what NULL is, without quotes.
        header: whether the first line has the names of the columns.
        encoding: of the text, as Python calls it.

    Raises:
        FieldError: a value that the format does not have.
    """

    delimiter: str = ","
    quote: str = '"'
    null: str = ""
    header: bool = True
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        for name in ("delimiter", "quote"):
            value = getattr(self, name)
            if not isinstance(value, str) or len(value) != 1 or not value.isascii() or value in "\r\n\0":
                raise FieldError(f"{name} is one ASCII character and no end of a line, not {value!r}")
        if self.delimiter == self.quote:
            raise FieldError(f"delimiter and quote are both {self.quote!r}: they have to differ")
        if not isinstance(self.null, str) or set(self.null) & {self.delimiter, self.quote, "\r", "\n", "\0"}:
            raise FieldError(
                f"null={self.null!r}: expected a text without the delimiter, the quote and ends of lines"
            )
        if type(self.header) is not bool:
            raise FieldError(f"header is True or False, not {self.header!r}")
        try:
            found = codecs.lookup(self.encoding)
            "".encode(self.encoding)  # those that are no text encodings are refused here
        except (LookupError, TypeError, ValueError):
            raise FieldError(
                f'encoding={self.encoding!r}: expected a text encoding of Python, such as "utf-8" or "latin-1"'
            ) from None
        object.__setattr__(self, "encoding", found.name)


class Lines:
    """Columns of text as the lines of a file.

    Parameters:
        names: of the columns.
    """

    def __init__(self, dialect: Dialect, names: Sequence[str]) -> None:
        self._dialect = dialect
        self._names = list(names)
        self._rows = 0
        self._encoder = (
            None if dialect.encoding == "utf-8" else codecs.getincrementalencoder(dialect.encoding)()
        )
        marked = (dialect.delimiter, dialect.quote, "\r", "\n")
        self._quoted = "[" + "".join(f"\\x{ord(mark):02x}" for mark in marked) + "]"

    def header(self) -> bytes:
        """The line of names; nothing where the file has none."""
        if not self._dialect.header:
            return b""
        return self._text([pa.array([name]) for name in self._names])

    def of(self, batch: pa.RecordBatch) -> bytes:
        """The lines of rows whose columns are text.

        Raises:
            DataError: a character that the file's encoding does not have; names row and column.
        """
        if not batch.num_rows:
            return b""
        columns = batch.columns
        if batch.nbytes > LARGE:
            columns = [column.cast(pa.large_string()) for column in columns]
        made = self._text(columns)
        self._rows += batch.num_rows
        return made

    def _text(self, columns: list[pa.Array]) -> bytes:
        made = [self._written(column, alone=len(columns) == 1) for column in columns]
        lines = _joined([*made, pa.scalar(self._dialect.delimiter, made[0].type)])
        lines = _joined([lines, pa.scalar("", lines.type), pa.scalar("\n", lines.type)])
        _, offsets, data = lines.buffers()
        width = np.int64 if pa.types.is_large_string(lines.type) else np.int32
        ends = np.frombuffer(offsets, width)[lines.offset : lines.offset + len(lines) + 1]
        text = memoryview(data)[int(ends[0]) : int(ends[-1])].tobytes()
        return text if self._encoder is None else self._encoded(text.decode(), columns)

    def _written(self, column: pa.Array, *, alone: bool) -> pa.Array:
        dialect, kind = self._dialect, column.type
        needs = pc.call_function("match_substring_regex", [column], pc.MatchSubstringOptions(self._quoted))
        for text in (dialect.null, *(("\\.",) if alone else ())):  # \. ended the data before PostgreSQL 18
            same = pc.call_function("equal", [column, pa.scalar(text, kind)])
            needs = pc.call_function("or", [needs, same])
        if needs.true_count:
            quote = dialect.quote
            twice = pc.call_function(
                "replace_substring", [column], pc.ReplaceSubstringOptions(quote, quote * 2)
            )
            around = pa.scalar(quote, kind)
            quoted = _joined([around, twice, around, pa.scalar("", kind)])
            column = pc.call_function("if_else", [needs, quoted, column])
        return pc.call_function("coalesce", [column, pa.scalar(dialect.null, kind)])

    def _encoded(self, text: str, columns: list[pa.Array]) -> bytes:
        assert self._encoder is not None
        try:
            return self._encoder.encode(text)
        except UnicodeEncodeError as error:
            wrong, name = text[error.start], self._dialect.encoding
        for column, title in zip(columns, self._names, strict=True):
            for row, value in enumerate(column.to_pylist()):
                if value is not None and wrong in value:
                    row += self._rows
                    raise DataError(
                        f'row {row}, column "{title}": {wrong!r} is not in the encoding {name}; "utf-8" has every '
                        "character",
                        row=row,
                        column=title,
                    )
        raise DataError(f"{wrong!r} is not in the encoding {name}")


def _joined(values: list[Any]) -> pa.Array:
    return pc.call_function("binary_join_element_wise", values, pc.JoinOptions(null_handling="emit_null"))


class Rows:
    """The bytes of a file as batches of text columns, whole records at a time; tells the lines on which they are.

    Parameters:
        dialect: how it is written.
        names: of the columns by position; ``None`` = those of the first line.
        title: what errors call the file.
    """

    def __init__(self, dialect: Dialect, names: Sequence[str] | None, title: str) -> None:
        self.names: list[str] = list(names or ())
        self._dialect = dialect
        self._title = title
        self._named = names is not None
        self._header = dialect.header
        self._decoder = (
            None if dialect.encoding == "utf-8" else codecs.getincrementaldecoder(dialect.encoding)()
        )
        self._begun = False
        self._line = 1
        self._pending = b""
        self._row = 0
        self._places: list[tuple[int, NDArray[np.int64] | int]] = []

    def feed(self, data: bytes, *, last: bool = False) -> pa.RecordBatch | None:
        """Take the next bytes; gives the records that are complete, if there are any.

        Raises:
            DataError: a record with more values, or fewer, than there are columns; a quote where none may be; bytes
                that are no text of the encoding. Names the line.
        """
        buffer = self._pending + self._utf8(data, last)
        if not self._begun and buffer:
            self._begun = True
            buffer = buffer.removeprefix(codecs.BOM_UTF8)
        ends = self._ends(buffer, last)
        if self._header and len(ends):
            first = int(ends[0]) + 1
            self._take_header(buffer[:first])
            buffer, ends = buffer[first:], ends[1:] - first
        if last and not self.names:
            raise DataError(f"{self._title} is empty: there is no line with the names of its columns")
        if not len(ends):
            self._pending = buffer
            return None
        end = int(ends[-1]) + 1
        self._pending = buffer[end:]
        return self._parsed(buffer[:end], ends)

    def line_of(self, row: int) -> int | None:
        """The line on which a row begins; ``None`` if it is not known any more."""
        for first, lines in reversed(self._places):
            if row >= first:
                if isinstance(lines, int):
                    return lines + row - first
                return int(lines[row - first]) if row - first < len(lines) else None
        return None

    @property
    def waits(self) -> int:
        """Bytes of a record whose end has not come."""
        return len(self._pending)

    def _utf8(self, data: bytes, last: bool) -> bytes:
        if self._decoder is None:
            return data
        try:
            return self._decoder.decode(data, last).encode()
        except UnicodeError as error:
            raise DataError(
                f"{self._title}, on line {self._line} or behind it: the bytes are no text of the encoding "
                f"{self._dialect.encoding} ({error})"
            ) from None

    def _ends(self, buffer: bytes, last: bool) -> NDArray[np.int64]:
        """Where records end: at ends of lines that are not within quotes."""
        if not buffer:
            return np.zeros(0, np.int64)
        view = np.frombuffer(buffer, np.uint8)
        quotes = np.flatnonzero(view == ord(self._dialect.quote))
        self._check_quotes(view, quotes, last)
        marks = view == 10
        carriage = np.flatnonzero(view == 13)
        if carriage.size:
            following = carriage + 1
            known = following < len(view)
            alone = carriage[known][view[following[known]] != 10]
            marks[alone] = True
            if last and not known.all():
                marks[-1] = True
        ends = np.flatnonzero(marks)
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
        if last and len(view) and (not ends.size or ends[-1] != len(view) - 1):
            if quotes.size % 2:
                line = self._line + _lines_in(view[: int(quotes[-1])])
                raise DataError(f"{self._title}, line {line}: the value that a quote begins there never ends")
            ends = np.append(ends, len(view) - 1)
        return ends.astype(np.int64)

    def _check_quotes(self, view: NDArray[np.uint8], quotes: NDArray[Any], last: bool) -> None:
        """Refuse quotes inside of values that are not quoted, and text behind the end of one that is."""
        if not quotes.size:
            return
        allowed = np.array([ord(self._dialect.delimiter), 10, 13], np.uint8)
        opening, closing = quotes[::2], quotes[1::2]
        before = opening[opening > 0]
        wrong = before[~np.isin(view[before - 1], allowed)]
        if wrong.size:  # but the second one of two within quotes
            wrong = wrong[~np.isin(wrong - 1, closing)]
        behind = closing[closing < len(view) - 1]
        stray = behind[~np.isin(view[behind + 1], allowed)]
        if stray.size:
            stray = stray[~np.isin(stray + 1, opening)]
        found = [int(each[0]) for each in (wrong, stray) if each.size]
        if found:
            line = self._line + _lines_in(view[: min(found)])
            raise DataError(
                f"{self._title}, line {line}: a quote inside a value that is not quoted, or text behind the quote that "
                f"ends one; a value with {self._dialect.quote} in it is quoted, and it is written twice there"
            )

    def _take_header(self, record: bytes) -> None:
        self._header = False
        lines = _lines_in(np.frombuffer(record, np.uint8))
        if not self._named:
            read = self._read(record, None)
            names = [column[0].as_py() or "" for column in read.columns]
            for position, name in enumerate(names):
                if not name:
                    raise DataError(f"{self._title}, line {self._line}: column {position + 1} has no name")
                if name in names[:position]:
                    raise DataError(
                        f'{self._title}, line {self._line}: two columns are called "{name}"', column=name
                    )
            self.names = names
        self._line += lines

    def _parsed(self, block: bytes, ends: NDArray[np.int64]) -> pa.RecordBatch:
        view = np.frombuffer(block, np.uint8)
        starts = np.concatenate(([0], ends[:-1] + 1))
        if len(self.names) > 1:  # an empty line is no record, but of one column it is NULL
            sizes = ends - starts
            empty = (sizes == 0) & np.isin(view[ends], (10, 13)) | (sizes == 1) & (view[starts] == 13)
            if empty.any():
                starts = starts[~empty]
        breaks = _breaks(view)
        lines: NDArray[np.int64] | int = self._line + np.searchsorted(breaks, starts)
        if len(starts) and np.array_equal(lines, self._line + np.arange(len(starts))):
            lines = self._line
        self._places = [*self._places[-3:], (self._row, lines)]
        batch = self._read(block, self.names)
        self._line += len(breaks)
        self._row += batch.num_rows
        return batch

    def _read(self, block: bytes, names: list[str] | None) -> pa.RecordBatch:
        dialect = self._dialect
        wrong: list[Any] = []

        def refuse(row: Any) -> str:
            wrong.append(row)
            return "error"

        width = self._width(block) if names is None else len(names)
        inner = [str(position) for position in range(width)]
        try:
            table = csv.read_csv(
                pa.py_buffer(block),
                csv.ReadOptions(column_names=inner, use_threads=False, block_size=len(block) + 1),
                csv.ParseOptions(
                    delimiter=dialect.delimiter,
                    quote_char=dialect.quote,
                    newlines_in_values=True,
                    ignore_empty_lines=width > 1,
                    invalid_row_handler=refuse,
                ),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(inner, pa.string()),
                    null_values=[dialect.null],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            raise self._refused(block, wrong, error) from None
        columns = [column.combine_chunks() for column in table.columns]
        return pa.RecordBatch.from_arrays(columns, names=names or inner)

    def _width(self, record: bytes) -> int:
        view = np.frombuffer(record, np.uint8)
        quotes = np.flatnonzero(view == ord(self._dialect.quote))
        delimiters = np.flatnonzero(view == ord(self._dialect.delimiter))
        return 1 + int((np.searchsorted(quotes, delimiters) % 2 == 0).sum())

    def _refused(self, block: bytes, wrong: list[Any], error: pa.ArrowInvalid) -> DataError:
        if wrong:
            row = wrong[0]
            number = self._row + (row.number or 1) - 1
            line, text = self.line_of(number), row.text if len(row.text) <= 80 else f"{row.text[:76]} …"
            at = "" if line is None else f", line {line}"
            return DataError(
                f"{self._title}{at}: {row.actual_columns} values for {row.expected_columns} columns "
                f"({', '.join(self.names)}): {text!r}",
                row=number,
            )
        try:
            block.decode()
        except UnicodeDecodeError as fault:
            line = self._line + _lines_in(np.frombuffer(block, np.uint8)[: fault.start])
            return DataError(
                f"{self._title}, line {line}: byte {block[fault.start]:#04x} is no UTF-8; say which encoding the file "
                'has: encoding="latin-1", …'
            )
        return DataError(f"{self._title}, from line {self._line} on: {error}")


def _breaks(view: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Where lines end, within quotes as well."""
    marks = view == 10
    carriage = np.flatnonzero(view == 13)
    following = carriage + 1
    inside = following < len(view)
    marks[carriage[~inside]] = True
    marks[carriage[inside][view[following[inside]] != 10]] = True
    return np.flatnonzero(marks).astype(np.int64)


def _lines_in(view: NDArray[np.uint8]) -> int:
    return len(_breaks(view))


__all__ = ["Dialect", "Lines", "Rows"]
