"""Whatever users hand to a bulk write, as record batches with known column names; no I/O of its own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from chakra.columnar.types import ColumnSpec
from chakra.columnar.values import array_of
from chakra.errors import DataError
from chakra.pg.types import TEXT

_INDEX = re.compile(r"__index_level_\d+__")

_ACCEPTED = (
    "anything with __arrow_c_stream__ (a pyarrow Table or RecordBatchReader, a polars or pandas DataFrame, a "
    "duckdb relation, …), a dict of NumPy arrays or lists, a list of dicts, or an iterable of pyarrow RecordBatches"
)


@dataclass(frozen=True, slots=True)
class Source:
    """Record batches, each with the columns ``names`` in that order.

    Attributes:
        instances: the values were Python objects of rows; their ``date.max`` is infinity, as in single rows.
    """

    names: list[str]
    batches: Iterable[pa.RecordBatch] | AsyncIterable[pa.RecordBatch]
    instances: bool = False


async def source_of(data: Any, columns: Sequence[ColumnSpec]) -> Source:
    """Open the data a bulk write was given.

    Parameters:
        data: see the module's message of what is accepted.
        columns: of the target table, for plain Python values in a dict.

    Raises:
        DataError: it is something else, or its columns differ in length.
    """
    if isinstance(data, Source):
        return data
    if isinstance(data, Mapping):
        table = _from_mapping(data, columns)
        return Source(table.schema.names, table.to_batches())
    if isinstance(data, pa.RecordBatchReader):
        # Not through the C interface, which would leave nothing but the text of what a Python generator raises.
        return Source(data.schema.names, data)
    if hasattr(data, "__arrow_c_stream__"):
        return _from_stream(data)
    if hasattr(data, "__arrow_c_array__"):
        batch = _exported(data, pa.record_batch)
        return Source(batch.schema.names, [batch])
    if isinstance(data, AsyncIterable):
        return await _from_async(data)
    if isinstance(data, Iterable) and not isinstance(data, str | bytes):
        return _from_iterable(data)
    raise DataError(f"cannot insert a {type(data).__name__}: expected {_ACCEPTED}")


def _from_mapping(data: Mapping[str, Any], columns: Sequence[ColumnSpec]) -> pa.Table:
    by_name = {spec.name: spec for spec in columns}
    arrays, names, count = [], [], -1
    for name, values in data.items():
        # A column the table does not have is reported with all other name errors, later.
        spec = by_name.get(name) or ColumnSpec(str(name), TEXT)
        if name not in by_name:
            array = pa.nulls(max(count, 0))
        elif isinstance(values, str | bytes | Mapping) or not hasattr(values, "__len__"):
            raise DataError(f'column "{name}" is a {type(values).__name__}, expected an array or a list')
        else:
            array = array_of(_column(values), spec)
            if count >= 0 and len(array) != count:
                raise DataError(f'column "{name}" has {len(array)} values, others have {count}', column=name)
            count = len(array)
        arrays.append(array)
        names.append(str(name))
    whole = [a if len(a) == count or count < 0 else pa.nulls(count) for a in arrays]
    return pa.Table.from_arrays(whole, names=names)


def _column(values: Any) -> Any:
    """A column of a mapping; those of polars and pandas become Arrow arrays, which keep nanoseconds and NULLs."""
    if isinstance(values, pa.Array | pa.ChunkedArray | np.ndarray) or not hasattr(
        values, "__arrow_c_stream__"
    ):
        return values
    if str(getattr(values, "dtype", "")) == "object":
        # pandas: any Python objects, which the column's type tells how to read; NaN, NaT and NA stand for NULL.
        return np.ma.MaskedArray(values.to_numpy(), values.isna().to_numpy())
    return _exported(values, pa.chunked_array)


def _exported(data: Any, open_: Callable[[Any], Any]) -> Any:
    """What an object exports through Arrow's C interface.

    Raises:
        DataError: it cannot: a type Arrow does not have, values of several types in one column, no columns.
    """
    title = f"{type(data).__module__.partition('.')[0]} {type(data).__name__}"
    objects = [str(dtype) for dtype in getattr(data, "dtypes", ())] if title.startswith("polars") else []
    if "Object" in objects:  # polars exports the addresses of such objects
        name = data.columns[objects.index("Object")]
        raise DataError(
            f'column "{name}" of the {title} holds Python objects (pl.Object): convert it to a type of polars',
            column=name,
        )
    try:
        return open_(data)
    except (pa.ArrowException, TypeError, ValueError) as error:
        reason = "; ".join(str(part) for part in error.args) or type(error).__name__
        raise DataError(f"the {title} cannot be read as columns of Arrow: {reason}") from error


def _from_stream(data: Any) -> Source:
    reader = _exported(data, pa.RecordBatchReader.from_stream)
    names = reader.schema.names
    # The unnamed index of a pandas DataFrame: row numbers, or what filtering left of them.
    kept = [name for name in names if not _INDEX.fullmatch(name)]
    if (reader.schema.metadata or {}).get(b"pandas") is None or kept == names:
        return Source(names, reader)
    return Source(kept, (batch.select(kept) for batch in reader))


def _from_iterable(data: Iterable[Any]) -> Source:
    batches = iter(data)
    first = next(batches, None)
    if first is None:
        raise DataError("cannot insert an iterable without any record batch: its columns are unknown")
    checked = _batch(first)
    return Source(checked.schema.names, chain([checked], map(_batch, batches)))


async def _from_async(data: AsyncIterable[Any]) -> Source:
    batches = aiter(data)
    first = await anext(batches, None)
    if first is None:
        raise DataError("cannot insert an iterable without any record batch: its columns are unknown")
    checked = _batch(first)

    async def rest() -> AsyncIterator[pa.RecordBatch]:
        yield checked
        async for batch in batches:
            yield _batch(batch)

    return Source(checked.schema.names, rest())


def _batch(found: Any) -> pa.RecordBatch:
    if isinstance(found, pa.RecordBatch):
        return found
    if hasattr(found, "__arrow_c_array__") and not isinstance(found, pa.Array):
        return pa.record_batch(found)
    raise DataError(
        f"cannot insert an iterable of {type(found).__name__}: expected {_ACCEPTED}; model instances go to "
        "bulk_create()"
    )


__all__ = ["Source", "source_of"]
