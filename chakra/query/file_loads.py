"""The door from CSV and Parquet files to tables; rows pass through it a batch at a time, all or none.

Text is not read by ``COPY … (FORMAT csv)``, which takes a moment without a zone and rounds, without a word: what a
value means needs rows and columns (docs/decisions/0038-files.md).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from chakra.errors import DataError, FieldError
from chakra.pg.conversion import Naive, shown
from chakra.query import bulk_columns
from chakra.query.file_ends import Origin, check_file, in_thread, title_of
from chakra.query.options import checked
from chakra.query.verbs import DIALECT, LoadCsvOptions, LoadParquetOptions
from chakra.schema import Column, Table
from chakra.sql.stored import with_text

if TYPE_CHECKING:
    import pyarrow

    from chakra.columnar import InsertResult
    from chakra.columnar.csv_text import Rows
    from chakra.db import Database

READ_BYTES = 1 << 22
"""Bytes of a CSV file read at a time: 4 MiB are some 40,000 rows of seven columns."""


async def load_parquet(
    table: Table, database: Database, where: Any, options: LoadParquetOptions
) -> InsertResult:
    """Insert the rows of a Parquet file, all or none.

    Raises:
        FieldError, DataError: as ``bulk_insert``; the message begins with the file.
        OSError: the file cannot be read.
    """
    given: dict[str, Any] = checked("load_parquet", options, LoadParquetOptions)
    check_file("load_parquet", where, "read")
    columns = given.pop("columns", None)
    title = title_of(where)
    from chakra.columnar.inputs import Source
    from chakra.columnar.parquet import Reader

    async def opened(file: Any, stored: Table) -> tuple[Table, Source]:
        reader = await in_thread(Reader, file, title)
        names = _named(reader.names, columns, title)
        kept = _kept(names, stored, given.get("extra", "error"))
        picked = [name for name, called in zip(reader.names, names, strict=True) if called in kept]

        async def batches() -> AsyncIterator[pyarrow.RecordBatch]:
            steps = reader.batches(picked)
            while (batch := await in_thread(next, steps, None)) is not None:
                yield batch.rename_columns(kept)

        return stored, Source(kept, batches())

    return await _load(table, database, where, given, opened, lambda row: None)


async def load_csv(table: Table, database: Database, where: Any, options: LoadCsvOptions) -> InsertResult:
    """Insert the rows of a CSV file, all or none.

    Raises:
        FieldError, DataError: as ``bulk_insert``; the message begins with the file and the line.
        OSError: the file cannot be read.
    """
    given: dict[str, Any] = checked("load_csv", options, LoadCsvOptions)
    check_file("load_csv", where, "read")
    from chakra.columnar.compressed import codec_of, decompressing
    from chakra.columnar.csv_text import Dialect, Rows
    from chakra.columnar.inputs import Source
    from chakra.columnar.staging import naive_of

    dialect = Dialect(**{name: given.pop(name) for name in DIALECT if name in given})
    columns, title = given.pop("columns", None), title_of(where)
    codec = codec_of(given.pop("compression", None), title)
    by_position = columns is not None and not isinstance(columns, Mapping)
    if not dialect.header and not by_position:
        raise FieldError("load_csv(header=False) needs the names of the columns in their order: columns=[…]")
    rows: Rows | None = None

    async def opened(file: Any, stored: Table) -> tuple[Table, Source]:
        nonlocal rows
        rows = Rows(dialect, _listed(columns) if by_position else None, title)
        text = decompressing(file, codec)
        steps = _records(rows, text, title)
        first = await in_thread(next, steps, None)
        names = _named(rows.names, None if by_position else columns, title)
        kept = _kept(names, stored, given.get("extra", "error"))
        meant = _Meant.of(names, kept, stored, naive_of(database, given.get("naive_datetimes")))

        async def batches() -> AsyncIterator[pyarrow.RecordBatch]:
            batch, done = first, 0
            while batch is not None:
                yield await in_thread(meant.values, batch, done)
                done += batch.num_rows
                batch = await in_thread(next, steps, None)

        return with_text(stored, meant.by_server), Source(kept, batches())

    return await _load(
        table, database, where, given, opened, lambda row: None if rows is None else rows.line_of(row)
    )


def _records(rows: Rows, file: Any, title: str) -> Iterator[pyarrow.RecordBatch]:
    """The records of an open file, some at a time."""
    size = READ_BYTES
    while True:
        try:
            data = file.read(size)
        except (EOFError, ValueError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise DataError(f"{title} cannot be read: {error}") from None
        if not isinstance(data, bytes):
            raise FieldError(f'{title} gives {type(data).__name__}; open it as binary: open(path, "rb")')
        batch = rows.feed(data, last=not data)
        if batch is not None:
            yield batch
        if not data:
            return
        size = max(READ_BYTES, rows.waits)  # of a record that is larger, twice as much each time


@dataclass(frozen=True)
class _Meant:
    """What the columns of a CSV file are for a table.

    Attributes:
        kept: position, name and column of each that is written.
        by_server: attributes of the columns whose text the server reads.
    """

    kept: list[tuple[int, str, Column | None]]
    by_server: frozenset[str]
    naive: Naive

    @classmethod
    def of(cls, names: list[str], kept: Sequence[str], table: Table, naive: Naive) -> _Meant:
        from chakra.columnar.csv_values import read_here

        by_name = {column.name: column for column in table.columns}
        found = [
            (position, name, table.by_attribute.get(name) or by_name.get(name))
            for position, name in enumerate(names)
            if name in kept
        ]
        by_server = {c.attribute for _, _, c in found if c is not None and not read_here(c.type)}
        return cls(found, frozenset(by_server), naive)

    def values(self, batch: pyarrow.RecordBatch, first_row: int) -> pyarrow.RecordBatch:
        """A batch of text as the values of the columns, as far as they are read on this side."""
        from chakra.columnar.csv_values import check_zones, values_of

        arrays = []
        for position, name, column in self.kept:
            array = batch.column(position)
            if column is not None and column.attribute in self.by_server:
                check_zones(array, column.type, name, first_row)
            elif column is not None and column.declared is None:
                array = values_of(array, column.type, self.naive, name, first_row)
            arrays.append(array)
        return type(batch).from_arrays(arrays, names=[name for _, name, _ in self.kept])


def _listed(columns: Any) -> list[str]:
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        raise FieldError(
            f"columns is a list of fields in the order of the file, or a dict, not {shown(columns)}"
        )
    found = list(columns)
    if not found or not all(isinstance(name, str) for name in found):
        raise FieldError(f"columns is a list of fields in the order of the file, not {shown(columns)}")
    return found


def _named(names: Sequence[str], columns: Any, title: str) -> list[str]:
    """What the columns of a file are called in the table.

    Raises:
        FieldError: the names are no dict, or one of a column that the file does not have.
    """
    if columns is None:
        return list(names)
    if not isinstance(columns, Mapping) or not all(
        isinstance(n, str) for pair in columns.items() for n in pair
    ):
        raise FieldError(
            f'columns is a dict from names in the file to fields, {{"Full name": "name"}}, not {shown(columns)}'
        )
    for name in columns:
        if name not in names:
            raise FieldError(f'columns: {title} has no column "{name}"; it has {", ".join(names)}')
    return [columns.get(name, name) for name in names]


def _kept(names: list[str], table: Table, extra: str) -> list[str]:
    """The columns to be written; those that are too many are left to ``bulk_insert``, unless they are to be ignored."""
    if extra != "ignore":
        return names
    known = {*table.by_attribute, *(column.name for column in table.columns)}
    return [name for name in names if name in known] or names


async def _load(
    table: Table, database: Database, where: Any, options: dict[str, Any], opened: Any, line_of: Any
) -> InsertResult:
    """Insert what a file holds; errors say where in it.

    Args:
        opened: gives the table as it is to be written, and its source, of the open file and the table as it is stored.
        line_of: gives the line of a row, if that is known.
    """
    again = os.fsdecode(os.fspath(where)) if isinstance(where, str | bytes | os.PathLike) else iter(())

    async def write() -> InsertResult:
        async with Origin(where) as file:
            start = 0 if isinstance(again, str) else None
            given: Any = {**options}
            return await bulk_columns.insert(
                table, database, again, given, opened=partial(_from_start, opened, file, start)
            )

    async with _told(title_of(where), line_of):
        if not database.in_transaction:
            return await write()
        async with database.transaction():  # a bad value must not end the surrounding one
            return await write()


async def _from_start(opened: Any, file: Any, start: int | None, stored: Table) -> Any:
    if start is not None and file.seekable():  # it may be the second time
        await in_thread(file.seek, start)
    return await opened(file, stored)


@asynccontextmanager
async def _told(title: str, line_of: Any) -> AsyncIterator[None]:
    """Put the file, and the line where it is known, in front of what errors say."""
    try:
        yield
    except DataError as error:
        line = None if error.row is None else line_of(error.row)
        message = str(error)
        if not message.startswith(title):
            at = title if line is None else f"{title}, line {line}"
            error.args = (f"{at}: {message}", *error.args[1:])
        raise


__all__ = ["load_csv", "load_parquet"]
