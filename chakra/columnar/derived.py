"""Sources whose batches are changed, or get another column, on their way to a table; no I/O."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa

from chakra.columnar.inputs import Source, check_batch


def mapped(source: Source, change: Callable[[pa.RecordBatch], pa.RecordBatch]) -> Any:
    """The batches of a source, each checked and changed when it is asked for."""
    batches = source.batches
    if not isinstance(batches, AsyncIterable):
        return (change(check_batch(batch, source.names)) for batch in batches)
    return (change(check_batch(batch, source.names)) async for batch in batches)


def extended(source: Source, name: str, column: Callable[[int, int], pa.Array]) -> Source:
    """The source with one more column, made of the number of the first row of a batch and its rows."""
    done = 0

    def extend(batch: pa.RecordBatch) -> pa.RecordBatch:
        nonlocal done
        first, done = done, done + batch.num_rows
        return batch.append_column(name, column(first, batch.num_rows))

    return replace(source, names=[*source.names, name], batches=mapped(source, extend))


__all__ = ["extended", "mapped"]
