"""Data that is not there yet, for bulk writes: plans of Polars, datasets and files of pyarrow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from chakra.errors import DataError


async def lazy_batches(frame: Any) -> tuple[list[str], Iterator[Any]]:
    """The columns of a Polars LazyFrame, and the frames it gives, made one after another while they are written.

    Raises:
        DataError: Polars cannot run the plan (a column that is not there, a cast that fails).
    """
    try:
        names = (await asyncio.to_thread(frame.collect_schema)).names()
    except Exception as error:
        raise _failed(error) from error
    return names, _frames(frame)


def _frames(frame: Any) -> Iterator[Any]:
    try:
        # Older versions make the whole frame at once.
        if hasattr(frame, "collect_batches"):
            yield from frame.collect_batches(maintain_order=True)
        else:
            yield frame.collect()
    except Exception as error:
        raise _failed(error) from error


def _failed(error: Exception) -> DataError:
    return DataError(f"the polars LazyFrame cannot be read: {type(error).__name__}: {error}")


def file_reader(data: Any) -> pa.RecordBatchReader | None:
    """A reader over a dataset, a fragment, a scanner or a Parquet file of pyarrow; ``None`` for anything else."""
    if hasattr(data, "iter_batches") and hasattr(data, "schema_arrow"):  # pyarrow.parquet.ParquetFile
        return pa.RecordBatchReader.from_batches(data.schema_arrow, data.iter_batches())
    if hasattr(data, "scanner"):  # a dataset or a fragment
        data = data.scanner()
    if hasattr(data, "dataset_schema") and hasattr(data, "to_reader"):
        reader: pa.RecordBatchReader = data.to_reader()
        return reader
    return None


__all__ = ["file_reader", "lazy_batches"]
