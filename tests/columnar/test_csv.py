"""The text of CSV files without a server: Python's own reader agrees, in any pieces; what is malformed is named."""

from __future__ import annotations

import csv
import io
import itertools
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chakra.columnar.csv_text import Dialect, Lines, Rows
from chakra.errors import DataError

TEXTS = st.none() | st.text(st.sampled_from("ab,;\"'\n\r\\.N é"), max_size=6)
TABLES = st.integers(1, 3).flatmap(lambda n: st.lists(st.tuples(*[TEXTS] * n), max_size=6))
DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from(",;\t|"),
    quote=st.sampled_from("\"'"),
    null=st.sampled_from(["", "N", "\\N", "a b"]),
    header=st.booleans(),
    encoding=st.sampled_from(["utf-8", "latin-1", "utf-16", "utf-8-sig"]),
)


def read(data: bytes, dialect: Dialect, names: list[str] | None, size: int) -> tuple[Rows, list[Any]]:
    rows = Rows(dialect, names, "f.csv")
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    found = [rows.feed(piece) for piece in pieces] + [rows.feed(b"", last=True)]
    return rows, [tuple(r.values()) for b in found if b is not None for r in b.to_pylist()]


@given(table=TABLES, dialect=DIALECTS, size=st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read(table: list[tuple[str | None, ...]], dialect: Dialect, size: int) -> None:
    width = len(table[0]) if table else 2
    names = [f'c"{i},' for i in range(width)]
    lines = Lines(dialect, names)
    columns = [pa.array([row[i] for row in table], pa.string()) for i in range(width)]
    half = len(table) // 2
    batch = pa.RecordBatch.from_arrays(columns, names)
    data = lines.header() + lines.of(batch[:half]) + lines.of(batch[half:])
    rows, found = read(data, dialect, None if dialect.header else names, size)
    assert found == table and rows.names == names
    text = io.StringIO(data.decode(dialect.encoding), newline="")
    reader = csv.reader(text, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True)
    told = [record or [""] for record in reader][dialect.header :]
    assert told == [[dialect.null if v is None else v for v in row] for row in table]


def lines_of(data: bytes) -> list[int | None]:
    rows = Rows(Dialect(), None, "f.csv")
    batch = rows.feed(data, last=True)
    assert batch is not None
    return [rows.line_of(row) for row in range(batch.num_rows)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a,b\n1,2\n3,4\n", [2, 3]),
        (b"a,b\r\n1,2\r\n3,4", [2, 3]),
        (b"a,b\r1,2\r3,4\r", [2, 3]),
        (b'a,b\n"1\n\n",2\n\n3,4\n', [2, 6]),
        (b'"a\n",b\n"1\r\nx",2\r\n3,4\n5,6', [3, 5, 6]),
        (b"a\n\n1\n\n", [2, 3, 4]),
        ("\ufeffa,b\n1,2\n".encode(), [2]),
    ],
)
def test_lines(data: bytes, expected: list[int]) -> None:
    assert lines_of(data) == expected


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "^f.csv is empty"),
        (b"a,b\n1,2\n\n3\n", r"^f.csv, line 4: 1 values for 2 columns \(a, b\): '3'"),
        (b'a,b\n"x\ny",2\n1,2,3\n', "^f.csv, line 4: 3 values for 2 columns"),
        (b'a,b\n1,2\n3,4" x\n', "^f.csv, line 3: a quote inside a value"),
        (b'a,b\n1,2\n3,"4"x\n', "^f.csv, line 3: a quote inside a value"),
        (b'a,b\n1,"2\n3', "^f.csv, line 2: the value that a quote begins there never ends"),
        (b"a,b\n1,2\n3,\xff\n", "^f.csv, line 3: byte 0xff is no UTF-8; .*encoding="),
        (b"a,b,a\n", '^f.csv, line 1: two columns are called "a"'),
        (b"a,\n", "^f.csv, line 1: column 2 has no name"),
    ],
)
def test_malformed(data: bytes, says: str) -> None:
    for size in (1, 3, 100):
        with pytest.raises(DataError, match=says):
            read(data, Dialect(), None, size)


def test_characters_that_the_encoding_lacks() -> None:
    lines = Lines(Dialect(encoding="latin-1"), ["a", "b"])
    batch = pa.record_batch({"a": ["x", "é"], "b": [None, "2 €"]})
    lines.of(batch[:1])
    with pytest.raises(DataError, match="row 1, column \"b\": '€' is not in the encoding iso8859-1"):
        lines.of(batch[1:])
    with pytest.raises(DataError, match="no text of the encoding utf-16"):
        list(itertools.chain(read(b"\xff\xfea\x00\x00\xd8b\x00", Dialect(encoding="utf-16"), None, 100)))
