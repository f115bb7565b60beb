"""Reading columns: the methods that querysets and raw queries share; each goes through the door in ``bulk``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from chakra._late import late
from chakra.query.verbs import (
    BatchOptions,
    CsvOptions,
    File,
    ParquetOptions,
    PlanOptions,
    ReadOptions,
    TableOptions,
    runs,
)

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from chakra.columnar.parallel import ReadPlan
    from chakra.db import Database
    from chakra.db.streams import Stream
    from chakra.query import bulk, files
else:
    late(globals(), "chakra.db.streams", "Stream")
    late(globals(), "chakra.query", "bulk files")


class ColumnReads:
    """``to_arrow`` and its kin, for whatever can say what to read (``column_source``) and where.

    Options of all of them: ``numeric``, ``infinity``, ``strings``, ``uuid`` and ``interval``, see
    ``chakra.columnar.Options``, and ``nested``: rows behind relations that ``prefetch_related`` names become lists of
    structs, those behind ``select_related`` structs, read along in one statement.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def _source(self) -> Database: ...

        async def column_source(self, database: Database, *, nested: bool = False) -> bulk.ColumnSource: ...

    @runs
    async def to_arrow(self, **options: Unpack[TableOptions]) -> pyarrow.Table:
        """Return the rows as a ``pyarrow.Table``, read through binary COPY.

        Args:
            options: see ``chakra.query.verbs.TableOptions``: those of all, and ``partitions``, ``partition_by``,
                ``progress`` and ``timeout``. Queries that are ordered, limited, distinct or aggregated, raw SQL, and
                reads inside a transaction take one connection, whatever ``partitions`` says.

        Raises:
            DataError: a value has no place in its Arrow type; names row and column.
            FieldError: an unknown option or value; ``nested=True`` where nothing is loaded along.
            QueryCancelled: the timeout passed.
        """
        return await bulk.to_arrow(self, self._source, options)

    @runs
    async def to_polars(self, **options: Unpack[TableOptions]) -> polars.DataFrame:
        """Return the rows as a ``polars.DataFrame``; options as for ``to_arrow``."""
        return await bulk.to_polars(self, self._source, options)

    @runs
    async def to_pandas(self, **options: Unpack[TableOptions]) -> pandas.DataFrame:
        """Return the rows as a ``pandas.DataFrame``; options as for ``to_arrow``."""
        return await bulk.to_pandas(self, self._source, options)

    @runs
    async def to_numpy(self, **options: Unpack[TableOptions]) -> dict[str, Any]:
        """Return ``{name: ndarray}``, masked arrays where there are NULLs; options as for ``to_arrow``."""
        return await bulk.to_numpy(self, self._source, options)

    def arrow_batches(self, **options: Unpack[BatchOptions]) -> Stream[pyarrow.RecordBatch]:
        """Stream record batches with bounded memory: ``async for batch in qs.arrow_batches(max_rows=65_536)``.

        The server is asked for no more than the loop takes, 1 MiB and one batch ahead. There is no timeout: how
        long a stream lasts is up to its reader; ``asyncio.timeout`` around the loop, or leaving it, stops the query.
        Until then its connection runs nothing else, which in a transaction is the connection of all statements.

        Args:
            options: ``max_rows``, ``max_bytes`` (of the stream, per batch), ``progress``, and those of all.
        """
        return Stream(lambda reader: bulk.arrow_batches(self, self._source, reader, options))

    @runs
    async def arrow_schema(self, **options: Unpack[ReadOptions]) -> pyarrow.Schema:
        """Return the schema that ``arrow_batches`` gives, before any data is read.

        Raises:
            FieldError: the type of a numeric follows from the data; names the options.
        """
        return await bulk.arrow_schema(self, self._source, options)

    @runs
    async def to_parquet(self, file: File, /, **options: Unpack[ParquetOptions]) -> int:
        """Write the rows into a Parquet file, in bounded memory; return how many.

        Args:
            file: a path, which gets its content when all of it is written, or an open binary file.
            options: ``compression`` (``"snappy"``, ``"zstd"``, ``"gzip"``, ``"brotli"``, ``"lz4"``, ``"none"``),
                ``row_group_rows``, ``progress``, and those of all.

        Raises:
            FieldError: a column whose type Parquet does not have, or a numeric without precision; names the options.
            DataError: a value has no place in its Arrow type; the file is as it was.
            OSError: the file cannot be written.
        """
        return await files.to_parquet(self, self._source, file, options)

    @runs
    async def to_csv(self, file: File, /, **options: Unpack[CsvOptions]) -> int:
        """Write the rows into a CSV file, every value as PostgreSQL writes it, in bounded memory; return how many.

        Args:
            file: as for ``to_parquet``.
            options: ``delimiter``, ``quote``, ``null``, ``header``, ``encoding``, ``compression`` (``"gzip"``,
                ``"bz2"``, ``"zstd"``, ``"none"``; default: by the end of the name) and ``progress``.

        Raises:
            FieldError: an option that does not go.
            DataError: a character that the encoding does not have; the file is as it was.
            OSError: the file cannot be written.
        """
        return await files.to_csv(self, self._source, file, options)

    @runs
    async def read_plan(self, **options: Unpack[PlanOptions]) -> ReadPlan:
        """Cut the query into picklable tasks over one snapshot: ``async with await qs.read_plan(…) as plan:``.

        ``partitions`` and ``partition_by`` as for ``to_arrow``.

        Raises:
            TransactionError: inside a transaction, whose changes the tasks could not see.
        """
        return await bulk.read_plan(self, self._source, options)


__all__ = ["ColumnReads"]
