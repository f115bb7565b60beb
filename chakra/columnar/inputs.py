"""Whatever users hand to a bulk write, as record batches with known column names; no I/O of its own."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from chakra.columnar.lazy_inputs import file_reader, lazy_batches
from chakra.columnar.types import ColumnSpec
from chakra.columnar.values import array_of
from chakra.errors import DataError
from chakra.pg.showing import shown
from chakra.pg.types import TEXT, PgType

_INDEX = re.compile(r"__index_level_\d+__")

_ACCEPTED = (
    "anything with __arrow_c_stream__ (a pyarrow Table or RecordBatchReader, a polars or pandas DataFrame, a "
    "duckdb relation, …), a polars LazyFrame, a dataset or scanner of pyarrow, a dict of "
    "NumPy arrays or lists, a list of dicts, or an iterable of such frames and batches"
)


@dataclass(frozen=True, slots=True)
class Source:
    """Record batches, each with the columns ``names`` in that order.

    Attributes:
        instances: the values were Python objects, as in rows; their ``date.max`` is infinity, as in single rows.
        reader: what was opened to read them, and holds resources of its library until it is closed.
    """

    names: list[str]
    batches: Iterable[pa.RecordBatch] | AsyncIterable[pa.RecordBatch]
    instances: bool = False
    reader: Any = None

    @contextmanager
    def closed_on_failure(self) -> Iterator[None]:
        """Close what was opened if the block fails: who keeps the exception would keep it open with its frames."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of what was opened, so that its library can go on (DuckDB runs no other query before that)."""
        if self.reader is not None:
            self.reader.close()


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
        return Source(table.schema.names, table.to_batches(), instances=_are_objects(data, columns))
    if isinstance(data, pa.RecordBatchReader):
        # Not through the C interface, which would leave nothing but the text of what a Python generator raises.
        return Source(data.schema.names, data)
    if hasattr(data, "__arrow_c_stream__"):
        return _from_stream(data, columns)
    if hasattr(data, "__arrow_c_array__"):
        batch = _exported(data, pa.record_batch)
        return Source(batch.schema.names, [batch])
    if type(data).__name__ == "LazyFrame" and type(data).__module__.startswith("polars"):
        names, frames = await lazy_batches(data)
        return Source(names, chain.from_iterable(_alike(names, _frame(f), n) for n, f in enumerate(frames)))
    if type(data).__module__.startswith("pyarrow."):
        reader = file_reader(data)
        if reader is not None:
            return Source(reader.schema.names, reader, reader=reader)
    if isinstance(data, AsyncIterable):
        return await _from_async(data)
    if isinstance(data, Iterable) and not isinstance(data, str | bytes):
        return _from_iterable(data)
    raise DataError(f"cannot insert a {type(data).__name__}: expected {_ACCEPTED}")


def _are_objects(data: Mapping[str, Any], columns: Sequence[ColumnSpec]) -> bool:
    """Whether all dates and moments of a mapping are Python's own, whose ends are the infinities as in rows."""
    clocks = [c.name for c in columns if c.name in data and _holds_clocks(c.type)]
    return bool(clocks) and all(isinstance(data[name], list | tuple) for name in clocks)


def _holds_clocks(type_: PgType) -> bool:
    base = type_.base
    if base.element is not None:
        return _holds_clocks(base.element)
    return base.name in ("date", "timestamp", "timestamptz") or any(_holds_clocks(t) for _, t in base.fields)


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
            array = array_of(_column(values, spec), spec)
            if count >= 0 and len(array) != count:
                raise DataError(f'column "{name}" has {len(array)} values, others have {count}', column=name)
            count = len(array)
        arrays.append(array)
        names.append(str(name))
    whole = [a if len(a) == count or count < 0 else pa.nulls(count) for a in arrays]
    return pa.Table.from_arrays(whole, names=names)


def _column(values: Any, spec: ColumnSpec) -> Any:
    """A column of a mapping; those of polars and pandas become Arrow arrays, which keep nanoseconds and NULLs."""
    if isinstance(values, pa.Array | pa.ChunkedArray | np.ndarray):
        return values
    if type(values).__module__.partition(".")[0] == "pandas" and not hasattr(values, "__arrow_c_stream__"):
        values = _loaded("pandas").Series(values)  # an Index, or an array of its own types
    if not hasattr(values, "__arrow_c_stream__"):
        return values
    if str(getattr(values, "dtype", "")) == "object" and not _from_arrow(values, spec):
        # pandas: any Python objects, which the column's type tells how to read; NaN, NaT and NA stand for NULL.
        return np.ma.MaskedArray(values.to_numpy(), values.isna().to_numpy())
    array = _exported(values, pa.chunked_array)
    _refuse_foreign(array.type, spec.name)
    return array


def _from_arrow(values: Any, spec: ColumnSpec) -> bool:
    """Whether objects of pandas are what Arrow makes of values for it: DateOffsets of intervals, 16 bytes of uuids."""
    first = next(iter(values.dropna()), None)
    return type(first).__name__ == "DateOffset" or (
        spec.outside.base.name == "uuid" and isinstance(first, bytes)
    )


def _loaded(name: str) -> Any:
    """The library that an object of the caller comes from: it is there, and never loaded for this."""
    return sys.modules[name]


def _refuse_foreign(type_: pa.DataType, name: str) -> None:
    """Refuse what only pandas can read: numbers of periods, which would be stored as such.

    Raises:
        DataError: a period or an interval of pandas.
    """
    if isinstance(type_, pa.BaseExtensionType) and type_.extension_name.startswith("pandas."):
        kind = type_.extension_name.removeprefix("pandas.")
        raise DataError(
            f'column "{name}" holds values of pandas\' type {kind}, which no column has: convert them, for example '
            "with .dt.to_timestamp()",
            column=name,
        )


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
    if title.startswith("polars"):
        data = _without_int128(data)
    try:
        return open_(data)
    except Exception as error:  # each library has its own
        reason = "; ".join(str(part) for part in error.args) or type(error).__name__
        raise DataError(f"the {title} cannot be read as columns of Arrow: {reason}") from error


def _without_int128(data: Any) -> Any:
    """A frame or series of polars with its 128-bit integers, which Arrow does not have, in a type that holds them:
    64 bits if all fit, decimals of 38 digits, or digits.
    """
    pl = _loaded("polars")
    if isinstance(data, pl.Series):
        return _narrowed(data) if _is_wide(data.dtype) else data
    if not isinstance(data, pl.DataFrame):
        return data
    wide = [name for name, dtype in data.schema.items() if _is_wide(dtype)]
    return data.with_columns(_narrowed(data[name]) for name in wide) if wide else data


def _is_wide(dtype: Any) -> bool:
    return "Int128" in str(dtype)


_DECIMAL38 = 10**38  # one more than what polars' decimals of 38 digits hold


def _with_leaves(dtype: Any, number: Any) -> Any:
    """A type of polars with another one in place of its 128-bit integers."""
    pl = _loaded("polars")
    if isinstance(dtype, pl.List):
        return pl.List(_with_leaves(dtype.inner, number))
    if isinstance(dtype, pl.Array):
        return pl.Array(_with_leaves(dtype.inner, number), dtype.size)
    if isinstance(dtype, pl.Struct):
        return pl.Struct({field.name: _with_leaves(field.dtype, number) for field in dtype.fields})
    return number if str(dtype) in ("Int128", "UInt128") else dtype


def _narrowed(series: Any) -> Any:
    pl = _loaded("polars")
    if str(series.dtype) not in ("Int128", "UInt128"):  # inside lists and structs
        try:
            return series.cast(_with_leaves(series.dtype, pl.Int64))
        except pl.exceptions.PolarsError:
            return series.cast(_with_leaves(series.dtype, pl.Decimal(38, 0)))
    low, high = series.min(), series.max()
    if low is None or (low >= -(2**63) and high < 2**63):
        return series.cast(pl.Int64)
    if low > -_DECIMAL38 and high < _DECIMAL38:
        return series.cast(pl.Decimal(38, 0))
    return series.cast(pl.String)


def _from_stream(data: Any, columns: Sequence[ColumnSpec] = ()) -> Source:
    if type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns"):
        known = {c.name: c for c in columns}
        objects = [
            n
            for n, dtype in zip(data.columns, data.dtypes, strict=True)
            if n in known and str(dtype) == "object"
        ]
        if data.columns.is_unique:
            _refuse_rounded(data, known)
        if objects and data.columns.is_unique:
            return _with_objects(data, {name: known[name] for name in objects})
    reader = _exported(data, pa.RecordBatchReader.from_stream)
    names = reader.schema.names
    source = Source(names, reader, reader=reader)
    with source.closed_on_failure():
        for field in reader.schema:
            _refuse_foreign(field.type, field.name)
    # The unnamed index of a pandas DataFrame: row numbers, or what filtering left of them.
    kept = [name for name in names if not _INDEX.fullmatch(name)]
    if (reader.schema.metadata or {}).get(b"pandas") is None or kept == names:
        return source
    return replace(source, names=kept, batches=(batch.select(kept) for batch in reader))


_ROUNDED = 2.0**53
"""From here on a double stands for several whole numbers (IEEE 754, binary64: 53 bits of significand)."""


def _refuse_rounded(frame: Any, known: Mapping[str, ColumnSpec]) -> None:
    """Refuse doubles that pandas made of large whole numbers with gaps: which ones they were it no longer knows.

    Raises:
        DataError: names row and column, and how to read them.
    """
    for name, dtype in zip(frame.columns, frame.dtypes, strict=True):
        if name not in known or str(dtype) != "float64" or known[name].outside.base.name not in _WHOLE:
            continue
        values = frame[name].to_numpy()
        large = np.flatnonzero(np.isfinite(values) & (np.abs(values) >= _ROUNDED))
        if large.size and np.isnan(values).any():
            row = int(large[0])
            raise DataError(
                f'row {row}, column "{name}": {shown(values[row])} may have been another whole number before pandas '
                'made a double of it, as it does with gaps: read_csv(…, dtype_backend="pyarrow") keeps them whole',
                row=row,
                column=name,
            )


_WHOLE = frozenset({"int2", "int4", "int8"})


def _with_objects(frame: Any, objects: Mapping[str, ColumnSpec]) -> Source:
    """A pandas frame whose columns of Python objects mean what they mean in lists; the others have types of Arrow."""
    rest = _from_stream(frame.drop(columns=list(objects)))
    table = pa.Table.from_batches(rest.batches, rest.reader.schema).select(rest.names)
    found = {name: table[name] for name in table.column_names}
    for name, spec in objects.items():
        found[name] = pa.chunked_array([array_of(_column(frame[name], spec), spec)])
    names = [*map(str, frame.columns), *(name for name in table.column_names if name not in frame.columns)]
    return Source(names, pa.table([found[name] for name in names], names).to_batches())


def _from_iterable(data: Iterable[Any]) -> Source:
    frames = iter(data)
    opened: list[Source] = []
    for frame in frames:
        opened.append(_frame(frame))
        break
    if not opened:
        raise DataError("cannot insert an iterable without any record batch: its columns are unknown")
    (first,) = opened

    def batches() -> Iterator[pa.RecordBatch]:
        yield from first.batches  # type: ignore[misc]
        for number, frame in enumerate(frames, 1):
            yield from _alike(first.names, _frame(frame), number)

    return Source(first.names, batches())


async def _from_async(data: AsyncIterable[Any]) -> Source:
    frames = aiter(data)
    try:
        first = _frame(await anext(frames))
    except StopAsyncIteration:
        raise DataError(
            "cannot insert an iterable without any record batch: its columns are unknown"
        ) from None

    async def batches() -> AsyncIterator[pa.RecordBatch]:
        for batch in first.batches:  # type: ignore[union-attr]
            yield batch
        number = 0
        async for frame in frames:
            number += 1
            for batch in _alike(first.names, _frame(frame), number):
                yield batch

    return Source(first.names, batches())


def _frame(found: Any) -> Source:
    """One member of an iterable: a record batch, or a frame of any number of them."""
    if isinstance(found, pa.RecordBatch):
        return Source(found.schema.names, [found])
    columns = isinstance(found, pa.Array | pa.ChunkedArray) or type(found).__name__ in ("Series", "Index")
    if not columns and hasattr(found, "__arrow_c_stream__"):
        return _from_stream(found)
    if not columns and hasattr(found, "__arrow_c_array__"):
        batch = _exported(found, pa.record_batch)
        return Source(batch.schema.names, [batch])
    raise DataError(
        f"cannot insert an iterable of {type(found).__name__}: expected {_ACCEPTED}; model instances go to "
        "bulk_create()"
    )


def _alike(names: list[str], frame: Source, number: int) -> Iterable[pa.RecordBatch]:
    """The batches of a later frame, its columns in the order of the first one's.

    Raises:
        DataError: it has other columns.
    """
    if frame.names == names:
        return frame.batches  # type: ignore[return-value]
    if sorted(frame.names) != sorted(names):
        raise DataError(f"batch {number} has the columns {frame.names}, the first one had {names}")
    return (batch.select(names) for batch in frame.batches)  # type: ignore[union-attr]


def check_batch(batch: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    """A later batch must have the columns of the first."""
    if not isinstance(batch, pa.RecordBatch):
        raise DataError(f"expected record batches, found {type(batch).__name__}")
    if batch.schema.names != list(names):
        raise DataError(f"a batch has the columns {batch.schema.names}, the first one had {list(names)}")
    return batch


__all__ = ["Source", "check_batch", "source_of"]
