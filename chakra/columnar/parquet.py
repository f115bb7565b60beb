"""Parquet files: which columns have a place in them, writing batches, reading batches. Files are opened elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, get_args

import pyarrow as pa
from pyarrow import parquet

from chakra.errors import DataError, FieldError

Compression = Literal["snappy", "zstd", "gzip", "brotli", "lz4", "none"]
COMPRESSIONS: Final[tuple[str, ...]] = get_args(Compression)

READ_ROWS: Final = 65_536
"""Rows decoded at a time."""


class Writer:
    """Writes batches of one schema into an open binary file.

    Raises:
        FieldError: a column of a type that Parquet does not have; names it and the way out.
    """

    def __init__(self, file: Any, schema: pa.Schema, compression: str, row_group_rows: int) -> None:
        self._schema = schema
        self._rows = row_group_rows
        self._writer = parquet.ParquetWriter(file, schema, compression=compression)
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch.

        Raises:
            DataError: its columns are of other types than the file's.
        """
        if not batch.schema.equals(self._schema):
            raise DataError("the types of the columns were changed by another session while they were read")
        self._writer.write_batch(batch, self._rows)
        self.rows += batch.num_rows

    def abandon(self) -> None:
        """Let go of a file that is to be removed; left open, it would be written to when the writer is collected."""
        with suppress(Exception):
            self._writer.close()

    def close(self) -> None:
        """Write the end of the file, without which it is none."""
        self._writer.close()


def check_compression(option: str | None) -> str:
    """The word of a codec.

    Raises:
        FieldError: it is none.
    """
    found = "none" if option is None else option
    if not isinstance(found, str) or found not in COMPRESSIONS:
        raise FieldError(f"compression is one of {', '.join(map(repr, COMPRESSIONS))}, not {option!r}")
    return found


def check_schema(schema: pa.Schema) -> None:
    """Refuse columns that have no place in a Parquet file.

    Raises:
        FieldError: names the column and what to do.
    """
    for field in schema:
        if _holds(field.type, pa.types.is_interval):
            raise FieldError(
                f'column "{field.name}": Parquet has no type for months, days and microseconds of an interval; '
                'interval="duration" (no months) or interval="text" (ISO 8601) choose one that it has'
            )
        if _holds(field.type, lambda kind: pa.types.is_struct(kind) and not kind.num_fields):
            raise FieldError(
                f'column "{field.name}" has a composite without fields, which Parquet cannot hold'
            )


def _holds(kind: pa.DataType, asked: Any) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return _holds(kind.storage_type, asked)
    if pa.types.is_dictionary(kind):
        return _holds(kind.value_type, asked)
    return bool(asked(kind)) or any(_holds(kind.field(i).type, asked) for i in range(kind.num_fields))


class Reader:
    """Batches of an open Parquet file.

    Attributes:
        names: of its columns.

    Raises:
        DataError: it is none.
    """

    def __init__(self, file: Any, title: str) -> None:
        self._title = title
        try:
            self._file = parquet.ParquetFile(file, pre_buffer=False)
            self.schema: pa.Schema = self._file.schema_arrow
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{title} is no Parquet file: {error}") from None
        self.names: list[str] = self.schema.names

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows, some at a time, with these columns in this order.

        Raises:
            DataError: the file is damaged.
        """
        try:
            # Each row group by itself: pyarrow (26) cannot put parts of two into one batch where a dictionary is within
            # a struct ("Nested data conversions not implemented for chunked array outputs").
            for group in range(self._file.num_row_groups):
                for batch in self._file.iter_batches(READ_ROWS, row_groups=[group], columns=list(columns)):
                    yield batch.select(list(columns))
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{self._title} cannot be read: {error}") from None


__all__ = ["COMPRESSIONS", "Compression", "Reader", "Writer", "check_compression", "check_schema"]
