"""The door from querysets to CSV and Parquet files; rows pass through it a batch at a time. Loading has its own,
``file_loads``.

CSV is the server's text of every value. Quotes and ends of lines are put around it here, and not by ``COPY … (FORMAT
csv)``: a driver that is told to stop cannot tell the last chunk of text from others (docs/decisions/0038-files.md).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from chakra.db.streams import Stream
from chakra.errors import DatabaseError, FieldError
from chakra.pg.conversion import shown
from chakra.pg.types import TEXT
from chakra.query import bulk
from chakra.query.file_ends import Target, check_file, in_thread, title_of
from chakra.query.options import checked
from chakra.query.privileges import refused
from chakra.query.verbs import DIALECT, CsvOptions, ParquetOptions
from chakra.sql.textual import SPELLED, all_text

if TYPE_CHECKING:
    import pyarrow

    from chakra.db import Database

TEXT_BYTES = 1 << 24
"""Bytes of the stream that become lines at a time."""


async def to_parquet(query: bulk.Readable, database: Database, where: Any, options: ParquetOptions) -> int:
    """Write the rows of a query into a Parquet file; returns how many.

    Raises:
        FieldError: an option, or a column that has no place in such a file; nothing was written.
        DataError: a value has no place in its Arrow type; the file is as it was.
        OSError: the file cannot be written.
    """
    given: dict[str, Any] = checked("to_parquet", options, ParquetOptions, reading=True)
    check_file("to_parquet", where, "write")
    compression, rows = given.pop("compression", "snappy"), given.pop("row_group_rows", bulk.BATCH_ROWS)
    progress = given.pop("progress", None)
    from chakra.columnar.parquet import Writer, check_compression, check_schema

    compression = check_compression(compression)
    if type(rows) is not int or rows < 1:
        raise FieldError(f"row_group_rows is a whole number from 1 on, not {shown(rows)}")

    schema = await bulk.arrow_schema(query, database, {**given})  # type: ignore[typeddict-item]
    check_schema(schema)
    async with Target(where) as file:
        made: list[Writer] = []
        more: Any = {**given, "max_rows": rows, "progress": progress}
        try:
            # Of a caller that is cancelled meanwhile the thread makes it all the same.
            await in_thread(lambda: made.append(Writer(file, schema, compression, rows)))
            [writer] = made
            async with Stream(lambda reader: bulk.arrow_batches(query, database, reader, more)) as batches:
                async for batch in batches:
                    await in_thread(writer.write, batch)
            await in_thread(writer.close)
        except BaseException:
            for writer in made:
                await in_thread(writer.abandon)
            raise
    return writer.rows


async def to_csv(query: bulk.Readable, database: Database, where: Any, options: CsvOptions) -> int:
    """Write the rows of a query into a CSV file; returns how many, without the line of names.

    Raises:
        FieldError: an option that does not go.
        DataError: a character that the encoding does not have; the file is as it was.
        OSError: the file cannot be written.
    """
    given: dict[str, Any] = checked("to_csv", options, CsvOptions, reading=True)
    check_file("to_csv", where, "write")
    from chakra.columnar.compressed import codec_of, compressing
    from chakra.columnar.csv_text import Dialect, Lines

    dialect = Dialect(**{name: given[name] for name in DIALECT if name in given})
    codec = codec_of(given.get("compression"), title_of(where))
    source = await query.column_source(database)
    names = [column.name for column in source.columns]
    lines, rows = Lines(dialect, names), 0
    async with Target(where) as file:
        packed = compressing(file, codec)
        await in_thread(packed.write, lines.header())
        async with aclosing(_texts(database, source, names, given.get("progress"))) as batches:
            async for batch in batches:
                await in_thread(lambda made: packed.write(lines.of(made)), batch)
                rows += batch.num_rows
        await in_thread(packed.close)
    return rows


async def _texts(
    database: Database, source: bulk.ColumnSource, names: Sequence[str], progress: Any
) -> AsyncGenerator[pyarrow.RecordBatch, None]:
    """The rows of a query as the server's text, batch by batch."""
    from chakra.columnar import ColumnSpec
    from chakra.columnar.read import read_batches
    from chakra.columnar.snapshot import nothing_written

    sql = all_text(source.asked or source.sql, len(names))
    specs = [ColumnSpec(name, TEXT) for name in names]
    try:
        with nothing_written():
            async with database.transaction(settings=SPELLED):
                batches = read_batches(
                    database, sql, specs, max_rows=bulk.BATCH_ROWS, max_bytes=TEXT_BYTES, progress=progress
                )
                async with aclosing(batches):
                    async for batch in batches:
                        yield batch
    except DatabaseError as error:
        await refused(database, source.sql, error)
        raise


__all__ = ["to_csv", "to_parquet"]
