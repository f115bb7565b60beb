"""Pieces every family builds from: Arrow buffers as NumPy views, validity, offsets, checked casts."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chakra.columnar.buffers import I32, I64, U8, AnyArray, RawColumn
from chakra.columnar.families.fault import ValueFault
from chakra.pg.showing import shown as shown_value
from chakra.pg.showing import shown_text
from chakra.pg.types import PgType

INT32_MAX = 2**31 - 1


class _View:
    """A writable array interface over memory that something else owns.

    Numba compiles a kernel once more for read-only arrays, which doubles compile time and cache; kernels
    never write to their inputs, so every input is shown to them as writable.
    """

    def __init__(self, address: int, count: int, dtype: np.dtype[Any], keep: object) -> None:
        self.__array_interface__ = {
            "data": (address, False),
            "shape": (count,),
            "typestr": dtype.str,
            "version": 3,
        }
        self.keep = keep


def writable(array: AnyArray) -> Any:
    """The array itself if it may be written to, else a view of the same memory that may."""
    if array.flags.writeable and array.flags.c_contiguous:
        return array
    if not array.flags.c_contiguous:
        return np.ascontiguousarray(array)
    if array.size == 0:
        return np.zeros(0, array.dtype)
    return np.asarray(_View(array.ctypes.data, array.size, array.dtype, array))


def view(buffer: pa.Buffer | None, dtype: Any, offset: int = 0, count: int = -1) -> Any:
    """A NumPy view of an Arrow buffer from element ``offset``, ``count`` elements (-1 = to the end)."""
    kind = np.dtype(dtype)
    if buffer is None or buffer.size < kind.itemsize:
        return np.zeros(0, kind)
    total = buffer.size // kind.itemsize
    array = np.asarray(_View(buffer.address, total * kind.itemsize, np.dtype(np.uint8), buffer)).view(kind)
    return array[offset : total if count < 0 else offset + count]


def validity(lengths: I32) -> tuple[pa.Buffer | None, int]:
    """Arrow validity bitmap and NULL count of a column from its wire lengths (-1 = NULL)."""
    return bitmap(lengths >= 0)


def bitmap(valid: NDArray[np.bool_]) -> tuple[pa.Buffer | None, int]:
    """Arrow validity bitmap (``None`` = all valid) and NULL count from booleans."""
    nulls = valid.size - int(np.count_nonzero(valid))
    if nulls == 0:
        return None, 0
    return pa.py_buffer(np.packbits(valid, bitorder="little")), nulls


def is_valid(array: pa.Array) -> NDArray[np.bool_]:
    """One boolean a value: not NULL."""
    if array.null_count == 0:
        return np.ones(len(array), np.bool_)
    found: NDArray[np.bool_] = array.is_valid().to_numpy(zero_copy_only=False)
    return found


def build(type_: pa.DataType, count: int, valid: NDArray[np.bool_] | None, *buffers: AnyArray) -> pa.Array:
    """An Arrow array over NumPy buffers; ``valid`` ``None`` = no NULL."""
    mask, nulls = (None, 0) if valid is None else bitmap(valid)
    return pa.Array.from_buffers(type_, count, [mask, *map(pa.py_buffer, buffers)], null_count=nulls)


def build_nested(
    type_: pa.DataType, count: int, valid: NDArray[np.bool_], children: list[pa.Array], *buffers: AnyArray
) -> pa.Array:
    """A list, map or struct over decoded children."""
    mask, nulls = bitmap(valid)
    parts = [mask, *map(pa.py_buffer, buffers)]
    return pa.Array.from_buffers(type_, count, parts, null_count=nulls, children=children)


def values_of(array: pa.Array, dtype: Any) -> Any:
    """The fixed-width values of a primitive array as NumPy, slice respected; NULL slots hold anything."""
    return view(array.buffers()[1], dtype, array.offset, len(array))


def offsets_of(array: pa.Array) -> I64:
    """int64[n + 1] offsets of a list, map, string or binary array, slice respected."""
    large = pa.types.is_large_list(array.type) or _is_large(array.type)
    found = view(array.buffers()[1], np.int64 if large else np.int32, array.offset, len(array) + 1)
    if found.size == 0:  # an empty array may come without an offsets buffer
        return np.zeros(1, np.int64)
    wide_offsets: I64 = found.astype(np.int64, copy=False)
    return wide_offsets


def _is_large(type_: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(type_) or pa.types.is_large_binary(type_))


def contiguous(sizes: AnyArray) -> I64:
    """int64[n + 1] offsets of values laid end to end."""
    offsets = np.zeros(sizes.size + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


def narrow(offsets: I64, what: str, hint: str) -> I32:
    """Offsets as Arrow's int32.

    Raises:
        ValueFault: they pass 2 GiB; names the value that crosses the limit.
    """
    if offsets[-1] > INT32_MAX:
        index = int(np.searchsorted(offsets, INT32_MAX, side="right")) - 1
        raise ValueFault(index, f"one batch holds more than 2^31-1 {what}; {hint}")
    return offsets.astype(np.int32)


def all_null(count: int) -> RawColumn:
    """``count`` NULLs."""
    return RawColumn(np.zeros(0, np.uint8), np.zeros(count, np.int64), np.full(count, -1, np.int32))


def raw_column(data: U8, offsets: I64, valid: NDArray[np.bool_]) -> RawColumn:
    """Values laid end to end in ``data``."""
    lengths = np.diff(offsets).astype(np.int32)
    lengths[~valid] = -1
    return RawColumn(data, np.ascontiguousarray(offsets[:-1]), lengths)


def fixed_column(data: AnyArray, valid: NDArray[np.bool_]) -> RawColumn:
    """Fixed-width values: ``data`` has one item a value, already in network order."""
    width = data.dtype.itemsize if data.ndim == 1 else data.dtype.itemsize * data.shape[1]
    lengths = np.where(valid, width, -1).astype(np.int32)
    flat = np.ascontiguousarray(data).view(np.uint8).reshape(-1)
    return RawColumn(flat, np.arange(valid.size, dtype=np.int64) * width, lengths)


def refuse(array: pa.Array, type_: PgType, accepts: str) -> NoReturn:
    """Raise: no value of this Arrow type fits the PostgreSQL type.

    Raises:
        ValueFault: always; it names the first row that holds a value.
    """
    valid = np.flatnonzero(is_valid(array))
    index = int(valid[0]) if valid.size else 0
    # What pandas makes of whole numbers with gaps; 15 of 28 real CSV files had such a column.
    gaps = pa.types.is_floating(array.type) and array.null_count
    hint = (
        '; whole numbers with gaps are doubles to pandas: read_csv(…, dtype_backend="pyarrow") keeps them whole, '
        "dtype=str keeps their text"
    )
    raise ValueFault(
        index, f"Arrow {array.type} does not fit {type_.sql}, which takes {accepts}{hint if gaps else ''}"
    )


def cast(array: pa.Array, target: pa.DataType, type_: PgType) -> pa.Array:
    """Cast without loss.

    Raises:
        ValueFault: a value does not fit; names its row, found by halving.
    """
    try:
        return array.cast(target)
    except pa.ArrowInvalid:
        pass
    low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            array.slice(low, middle - low).cast(target)
        except pa.ArrowInvalid:
            high = middle
        else:
            low = middle
    raise ValueFault(low, f"{shown(array, low)} does not fit {type_.sql}")


def shown(array: pa.Array, index: int) -> str:
    """A value for a message: Python's spelling, or the integer behind a moment Python has no object for."""
    try:
        return shown_value(array[index].as_py())
    except (OverflowError, ValueError):
        return shown_text(f"{array[index].value} ({array.type})", f"a {array.type}")


__all__ = [
    "INT32_MAX",
    "all_null",
    "bitmap",
    "build",
    "build_nested",
    "cast",
    "contiguous",
    "fixed_column",
    "is_valid",
    "narrow",
    "offsets_of",
    "raw_column",
    "refuse",
    "shown",
    "validity",
    "values_of",
    "view",
    "writable",
]
