"""Tables to NumPy arrays.

One rule for NULL: numbers, booleans and times come as plain arrays where no value is NULL and as
``numpy.ma.MaskedArray`` where one is (NaN stays a value of its own). Everything NumPy has no number for
(text, bytes, decimals, lists, structs, …) comes as an object array of Python values with ``None`` for NULL, hstore
as dicts; JSON as an array of ``StringDType``, and as :class:`~chakra.pg.json_text.JsonText` inside lists and
structs, so that it can be told from strings.

dtypes: bool, intN, uintN, floatN; date ``datetime64[D]``; timestamp ``datetime64[us]``, in UTC where the
column has a zone (then the dtype's metadata say ``{"tz": "UTC"}``, by which bulk writes know that they are
moments); time ``timedelta64[us]`` since midnight; vectors float32 or float16 of shape (rows, n).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chakra.columnar.sinks.plain import refuse_duplicates
from chakra.columnar.types import ZONE
from chakra.errors import DataError
from chakra.pg.json_text import JsonText


def to_numpy(table: pa.Table) -> dict[str, NDArray[Any]]:
    """``{name: array}`` by the rule above; memory is shared where a column is one chunk without NULLs.

    Raises:
        FieldError: two columns have one name.
        DataError: a date or time inside a list or struct has no Python value; names the column.
    """
    refuse_duplicates(table, "a dict")
    return {name: column_to_numpy(table.column(i), name) for i, name in enumerate(table.column_names)}


def column_to_numpy(column: pa.ChunkedArray, name: str = "") -> NDArray[Any]:
    """One column by the rule above; ``name`` is for errors."""
    kind = column.type
    if pa.types.is_fixed_size_list(kind) and pa.types.is_floating(kind.value_type) and column.null_count == 0:
        parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
        flat: NDArray[Any] = (
            np.concatenate(parts) if parts else np.zeros(0, kind.value_type.to_pandas_dtype())
        )
        return flat.reshape(len(column), kind.list_size)
    dtype = _dtype(kind)
    if isinstance(kind, pa.BaseExtensionType) and kind.extension_name == "arrow.json":
        return np.array(column.to_pylist(), np.dtypes.StringDType(na_object=None))
    if dtype is None:
        out = np.empty(len(column), object)
        try:
            values_of = column.to_pylist()
            remake = _remade(kind)
            out[:] = values_of if remake is None else list(map(remake, values_of))
        except (OverflowError, ValueError) as error:  # dates outside the years 1 to 9999 have no Python value
            raise DataError(
                f'column "{name}": a value inside {column.type} has no Python object ({error}); '
                "read it with to_arrow()",
                column=name,
            ) from None
        return out
    chunks = [_chunk(chunk, dtype) for chunk in column.chunks]
    values: NDArray[Any] = (
        chunks[0] if len(chunks) == 1 else np.concatenate(chunks) if chunks else np.zeros(0, dtype)
    )
    if column.null_count == 0:
        return values
    mask = np.concatenate([chunk.is_null().to_numpy(zero_copy_only=False) for chunk in column.chunks])
    masked: NDArray[Any] = np.ma.MaskedArray(values, mask)
    return masked


def _remade(kind: pa.DataType) -> Callable[[Any], Any] | None:
    """What makes of pyarrow's values those that say what they are: dicts of maps, marked text of json; ``None`` = they
    do already.
    """
    if isinstance(kind, pa.BaseExtensionType):
        return _document if kind.extension_name == "arrow.json" else _remade(kind.storage_type)
    if pa.types.is_map(kind):
        return _mapping
    if pa.types.is_struct(kind):
        parts = {field.name: part for field in kind if (part := _remade(field.type)) is not None}
        return partial(_struct, parts) if parts else None
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _remade(kind.value_type)
        return None if inner is None else partial(_list, inner)
    return None


def _document(value: Any) -> Any:
    return None if value is None else JsonText(value)


def _mapping(value: Any) -> Any:
    return None if value is None else dict(value)


def _struct(parts: dict[str, Callable[[Any], Any]], value: Any) -> Any:
    if value is None:
        return None
    return {name: parts[name](item) if name in parts else item for name, item in value.items()}


def _list(inner: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else list(map(inner, value))


def _dtype(kind: pa.DataType) -> np.dtype[Any] | None:
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        found: np.dtype[Any] = np.dtype(kind.to_pandas_dtype())
        return found
    if pa.types.is_date32(kind):
        return np.dtype("datetime64[D]")
    if pa.types.is_timestamp(kind):
        plain = np.dtype(f"datetime64[{kind.unit}]")
        # NumPy has no zones; this is how bulk writes know that these are moments.
        return plain if kind.tz is None else np.dtype(plain, metadata={ZONE: kind.tz})
    if pa.types.is_time64(kind):
        return np.dtype(f"timedelta64[{kind.unit}]")
    return None


def _chunk(array: pa.Array, dtype: np.dtype[Any]) -> NDArray[Any]:
    if pa.types.is_boolean(array.type):
        found: NDArray[Any] = array.fill_null(False).to_numpy(zero_copy_only=False)
        return found
    values = array.buffers()[1]
    if values is None:
        return np.zeros(len(array), dtype)
    # A date is 4 bytes in Arrow and 8 in datetime64[D]; everything else has the same bytes.
    stored = np.dtype(np.int32) if pa.types.is_date32(array.type) else np.dtype(f"i{dtype.itemsize}")
    numbers = np.frombuffer(values, stored, len(array), stored.itemsize * array.offset)
    return numbers.astype(np.int64).view(dtype) if stored.itemsize != dtype.itemsize else numbers.view(dtype)


__all__ = ["column_to_numpy", "to_numpy"]
