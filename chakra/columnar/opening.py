"""The data of a bulk write, opened for a table: its columns named, matched and in the order of the data; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from chakra.columnar.derived import extended, mapped
from chakra.columnar.inputs import Source, source_of
from chakra.columnar.rows_of_dicts import as_columns, kept_columns, known_part
from chakra.columnar.types import ColumnSpec
from chakra.columnar.values import array_of
from chakra.columnar.write import match_columns
from chakra.errors import DataError
from chakra.pg.conversion import Naive
from chakra.pg.types import without_binary
from chakra.schema import Column, PythonDefault, Table, moments_now


def specs_of(columns: Iterable[Column], naive: Naive = "error") -> list[ColumnSpec]:
    """Describe columns for the encoder, by the names queries use."""
    return [
        ColumnSpec(c.attribute, c.type, c.nullable, c.declared, naive=naive, members=c.members)
        for c in columns
    ]


def sent(columns: Sequence[Column], naive: Naive) -> list[ColumnSpec]:
    """The columns as they travel: text where the type has no binary format."""
    specs = specs_of(columns, naive)
    return [replace(s, type=without_binary(s.type, to="write") or s.type) for s in specs]


async def open_data(
    data: Any,
    table: Table,
    known: Sequence[Column],
    naive: Naive,
    extra: str = "error",
    *,
    rounded: bool = False,
) -> tuple[Source, tuple[Column, ...]]:
    """Open the data, its columns named as fields; returns them in the order of the data.

    Raises:
        FieldError: ``extra`` is no known word.
        DataError: not data, an unknown column, or one twice.
    """
    data = as_columns(data)
    fields = {
        c.name: c.attribute for c in known if c.name != c.attribute and c.name not in table.by_attribute
    }
    if fields and isinstance(data, Mapping):
        twice = [name for name in data if name in fields and fields[name] in data]
        if twice:
            raise DataError(f'the data has two columns "{fields[twice[0]]}"', column=fields[twice[0]])
        data = {fields.get(name, name): values for name, values in data.items()}
    specs = [replace(spec, rounded=rounded) for spec in sent(known, naive)]
    if extra == "ignore":
        data = known_part(data, {*fields, *table.by_attribute})
    source = await source_of(data, specs)
    with source.closed_on_failure():
        source = kept_columns(source, {*fields, *table.by_attribute}, extra, table.title)
        names = [fields.get(name, name) for name in source.names]
        if names != source.names:
            renamed = mapped(source, lambda batch: batch.rename_columns(names))
            source = replace(source, names=names, batches=renamed)
        match_columns(names, specs, table.title)
    return source, tuple(table.by_attribute[name] for name in names)


def known_rows(data: Any, source: Source) -> int | None:
    """How many rows the data has, if it can say so without being read."""
    if isinstance(source.batches, list):
        return sum(int(batch.num_rows) for batch in source.batches)
    for name in ("num_rows", "height"):  # pyarrow, polars
        found: object = getattr(data, name, None)
        if isinstance(found, int):
            return found
    if hasattr(data, "__dataframe__"):  # pandas
        rows: int = len(data)
        return rows
    return None


def with_defaults(
    source: Source, given: tuple[Column, ...], table: Table, naive: Naive, update: bool = False
) -> tuple[Source, tuple[Column, ...]]:
    """The source with a column for each default of the model's that the data leaves to it, and for the time of the
    write; for that alone where rows are updated.
    """
    moments = {
        name: PythonDefault(value) for name, value in moments_now(table.moments, update=update).items()
    }
    for attribute, default in (moments if update else table.defaults | moments).items():
        column = table.by_attribute[attribute]
        if column not in given:
            source = extended(source, attribute, _default_column(column, default, naive))
            given = (*given, column)
    return source, given


def _default_column(column: Column, default: PythonDefault, naive: Naive) -> Callable[[int, int], pa.Array]:
    (spec,) = sent([column], naive)

    def made(first: int, rows: int) -> pa.Array:
        array = array_of(default.values(rows), spec, first)
        return array if default.factory is not None else array.take(np.zeros(rows, np.int64))

    return made


__all__ = ["known_rows", "open_data", "sent", "specs_of", "with_defaults"]
