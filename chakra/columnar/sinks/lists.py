"""Columns to lists of the Python values asyncpg gives for the same rows, without Python code per value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from chakra.columnar.types import ColumnSpec
from chakra.pg.json_text import load_json

_EPOCH = dt.datetime(1970, 1, 1)
_EPOCH_UTC = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()


def _plain(column: pa.Array) -> list[Any]:
    """Numbers and booleans, of a column whose NULLs are filled with anything."""
    return column.to_numpy(zero_copy_only=False).tolist()  # type: ignore[no-any-return]


def _text(column: pa.Array) -> list[Any]:
    # Through an object array: 0.25 ms for 10,000 strings, where to_pylist takes 1.6 ms.
    return column.to_numpy(zero_copy_only=False).tolist()  # type: ignore[no-any-return]


def _json(column: pa.Array) -> list[Any]:
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    return [None if text is None else load_json(text) for text in _text(storage)]


def _timestamp(column: pa.Array) -> list[Any]:
    steps = column.view(pa.int64()).to_numpy().view("m8[us]").tolist()
    return list(map(_EPOCH.__add__, steps))


def _timestamptz(column: pa.Array) -> list[Any]:
    steps = column.view(pa.int64()).to_numpy().view("m8[us]").tolist()
    return list(map(_EPOCH_UTC.__add__, steps))


def _date(column: pa.Array) -> list[Any]:
    days = column.view(pa.int32()).to_numpy().astype(np.int64) + _EPOCH_ORDINAL
    return list(map(dt.date.fromordinal, days.tolist()))


# Fixed-width values leave whatever bytes under a NULL: they are made first and NULLs put in afterwards.
_FIXED: dict[str, Callable[[pa.Array], list[Any]]] = {
    "bool": _plain,
    "int2": _plain,
    "int4": _plain,
    "int8": _plain,
    "float4": _plain,
    "float8": _plain,
    "date": _date,
    "timestamp": _timestamp,
    "timestamptz": _timestamptz,
}
_OBJECTS: dict[str, Callable[[pa.Array], list[Any]]] = {
    "text": _text,
    "varchar": _text,
    "bpchar": _text,
    "name": _text,
    "bytea": _text,
    "json": _json,
    "jsonb": _json,
}

LISTABLE = frozenset(_FIXED) | frozenset(_OBJECTS)
"""Types whose lists hold exactly what asyncpg returns; others have forms of their own there."""


def to_lists(table: pa.Table, columns: tuple[ColumnSpec, ...]) -> list[list[Any]]:
    """Return each column as a list of Python values.

    Raises:
        OverflowError, ValueError: a date or time outside the years 1 to 9999, which Python cannot hold.
    """
    return [_column(chunked, spec) for chunked, spec in zip(table.columns, columns, strict=True)]


def _column(chunked: pa.ChunkedArray, spec: ColumnSpec) -> list[Any]:
    found: list[Any] = []
    for chunk in chunked.chunks:
        found.extend(_chunk(chunk, spec.type.name))
    return found


def _chunk(chunk: pa.Array, name: str) -> list[Any]:
    convert = _FIXED.get(name)
    if convert is None:
        return _OBJECTS[name](chunk)
    if not chunk.null_count:
        return convert(chunk)
    filled = pa.Array.from_buffers(chunk.type, len(chunk), [None, *chunk.buffers()[1:]], offset=chunk.offset)
    null = np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False)).tolist()
    values = convert(filled)
    for position in null:
        values[position] = None
    return values


__all__ = ["LISTABLE", "to_lists"]
