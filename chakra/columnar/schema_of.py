"""Which PostgreSQL types the columns of data would have in a table made for them; no I/O."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import chain
from typing import Any

import pyarrow as pa

from chakra.columnar.inputs import Source, source_of
from chakra.columnar.plan import METADATA_KEY
from chakra.columnar.rows_of_dicts import as_columns
from chakra.errors import DataError, FieldError
from chakra.pg import types as pg
from chakra.pg.json_text import JsonNull
from chakra.pg.types import BY_PYTHON, PgType, array_of, parse_type

_SIMPLE: tuple[tuple[Any, PgType], ...] = (
    (pa.types.is_boolean, pg.BOOL),
    (pa.types.is_int8, pg.INT2),
    (pa.types.is_int16, pg.INT2),
    (pa.types.is_uint8, pg.INT2),
    (pa.types.is_int32, pg.INT4),
    (pa.types.is_uint16, pg.INT4),
    (pa.types.is_int64, pg.INT8),
    (pa.types.is_uint32, pg.INT8),
    (pa.types.is_float16, pg.FLOAT4),
    (pa.types.is_float32, pg.FLOAT4),
    (pa.types.is_float64, pg.FLOAT8),
    (pa.types.is_string, pg.TEXT),
    (pa.types.is_large_string, pg.TEXT),
    (pa.types.is_string_view, pg.TEXT),
    (pa.types.is_null, pg.TEXT),
    (pa.types.is_binary, pg.BYTEA),
    (pa.types.is_large_binary, pg.BYTEA),
    (pa.types.is_binary_view, pg.BYTEA),
    (pa.types.is_fixed_size_binary, pg.BYTEA),
    (pa.types.is_date, pg.DATE),
    (pa.types.is_time, pg.TIME),
    (pa.types.is_duration, pg.INTERVAL),
    (pa.types.is_interval, pg.INTERVAL),
    (pa.types.is_struct, pg.JSONB),
    (pa.types.is_map, pg.JSONB),
)
"""Arrow types by the question that knows them, and the smallest type of PostgreSQL that holds all their values."""

_EXTENSIONS = {"arrow.uuid": pg.UUID, "arrow.json": pg.JSONB, "arrow.bool8": pg.BOOL}


async def typed_source(data: Any) -> tuple[Any, dict[str, PgType]]:
    """Look at the types of data without using it up.

    Parameters:
        data: whatever ``bulk_insert`` takes.

    Returns:
        The data, to be inserted in place of what was given, and the type of each column.

    Raises:
        DataError: no data, or a column in which no type can be seen; names it.
    """
    data = as_columns(data)
    if isinstance(data, Mapping):
        return data, {str(name): _column_type(str(name), values) for name, values in data.items()}
    source = await source_of(data, ())
    with source.closed_on_failure():
        schema, source = await _schema_of(source)
        return source, {field.name: _field_type(field) for field in schema}


async def _schema_of(source: Source) -> tuple[pa.Schema, Source]:
    """The schema of the first batch, which stays in the source."""
    batches = source.batches
    schema = getattr(batches, "schema", None)
    if isinstance(schema, pa.Schema):
        return schema, source
    if isinstance(batches, AsyncIterable):
        stream = aiter(batches)
        opening = await anext(stream, None)

        async def rest() -> AsyncIterator[pa.RecordBatch]:
            yield _there(opening)
            async for batch in stream:
                yield batch

        return _there(opening).schema, replace(source, batches=rest())
    if isinstance(batches, list):
        return _there(batches[0] if batches else None).schema, source
    iterator: Iterator[pa.RecordBatch] = iter(batches)
    first = _there(next(iterator, None))
    return first.schema, replace(source, batches=chain([first], iterator))


def _there(batch: pa.RecordBatch | None) -> pa.RecordBatch:
    if batch is None:
        raise DataError("the data has no rows from which the types of its columns could be seen")
    return batch


def _field_type(field: pa.Field) -> PgType:
    noted = (field.metadata or {}).get(METADATA_KEY)
    if noted is not None:  # read by us: the column's own type, if every database has it
        try:
            return parse_type(json.loads(noted)["sql"])
        except (FieldError, ValueError, KeyError):
            pass
    return type_for(field.type, field.name)


def type_for(arrow: pa.DataType, name: str) -> PgType:
    """The PostgreSQL type for values of an Arrow type.

    Raises:
        DataError: there is none; names the column.
    """
    if isinstance(arrow, pa.BaseExtensionType):
        known = _EXTENSIONS.get(getattr(arrow, "extension_name", ""))
        return known or type_for(arrow.storage_type, name)
    if pa.types.is_decimal(arrow):
        return pg.NUMERIC(arrow.precision, arrow.scale) if 0 <= arrow.scale <= arrow.precision else pg.NUMERIC
    if pa.types.is_uint64(arrow):
        return pg.NUMERIC(20, 0)
    if pa.types.is_timestamp(arrow):
        return pg.TIMESTAMPTZ if arrow.tz else pg.TIMESTAMP
    if pa.types.is_dictionary(arrow) or pa.types.is_run_end_encoded(arrow):
        return type_for(arrow.value_type, name)
    if isinstance(arrow, pa.ListType | pa.LargeListType | pa.FixedSizeListType | pa.ListViewType):
        inner = type_for(arrow.value_type, name)
        if inner.kind == "array":
            return array_of(inner.element, inner.ndims + 1) if inner.element is not None else inner
        return inner if inner is pg.JSONB else array_of(inner)
    for asks, found in _SIMPLE:
        if asks(arrow):
            return found
    raise DataError(
        f'column "{name}" has the Arrow type {arrow}, for which PostgreSQL has none: cast it', column=name
    )


def _column_type(name: str, values: Any) -> PgType:
    """The type for a column of a dict: an array's, or the one its Python values have in common."""
    if str(getattr(values, "dtype", "")) == "object":
        values = list(values)
    if not isinstance(values, list | tuple):
        return type_for(_array_type(name, values), name)
    seen = {type(value) for value in values if value is not None}
    if not seen:
        return pg.TEXT
    if seen <= {list, tuple}:
        inner = _column_type(name, list(chain.from_iterable(v for v in values if v is not None)))
        if inner.kind == "array" and inner.element is not None:
            return array_of(inner.element, inner.ndims + 1)
        return array_of(inner)
    if JsonNull in seen or all(issubclass(cls, Mapping) for cls in seen):
        return pg.JSONB
    if len(seen) == 1:
        found = _python_type(seen.pop(), values)
        if found is not None:
            return found
    elif seen <= {int, float}:
        return pg.FLOAT8
    elif seen <= {int, Decimal}:
        return pg.NUMERIC
    try:
        return type_for(pa.array(values).type, name)
    except pa.ArrowException as error:
        names = ", ".join(sorted(cls.__name__ for cls in {type(v) for v in values if v is not None}))
        raise DataError(
            f'column "{name}" has values of {names}, for which no one type is known: make them alike, or create '
            "the table first",
            column=name,
        ) from error


def _array_type(name: str, values: Any) -> pa.DataType:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.type
    try:
        return (pa.chunked_array if hasattr(values, "__arrow_c_stream__") else pa.array)(values).type
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(f'the type of column "{name}" cannot be told: {error}', column=name) from error


def _python_type(cls: type, values: Any) -> PgType | None:
    found = BY_PYTHON.get(cls) or next((BY_PYTHON[c] for c in cls.__mro__[1:-1] if c in BY_PYTHON), None)
    if found is pg.TIMESTAMPTZ:
        naive = {value.tzinfo is None for value in values if value is not None}
        if naive == {True}:
            return pg.TIMESTAMP
        if len(naive) > 1:
            return None
    if found is pg.INT8 and any(not -(2**63) <= v < 2**63 for v in values if v is not None):
        return pg.NUMERIC
    return found


__all__ = ["type_for", "typed_source"]
