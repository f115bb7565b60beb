"""The numbers that stand for ±infinity of dates and timestamps in Arrow, which has none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chakra.columnar.buffers import AnyArray
from chakra.columnar.families.fault import ValueFault
from chakra.columnar.families.parts import is_valid, values_of
from chakra.pg.showing import reason
from chakra.pg.types import PgType

# What infinity="sentinel" reads ±infinity as, and what every write takes for them, from 1970: days that PostgreSQL
# does not have (and DuckDB means infinity by), and the last midnight of 64-bit microseconds, 294247-01-10, with its
# negative. ±(2**63 - 1) would be what others use, but is a NaT, or one off it, in too many places.
DATE_ENDS = (-(2**31 - 1), 2**31 - 1)
TIMESTAMP_ENDS = (-9223372022400000000, 9223372022400000000)


def with_infinities(
    values: AnyArray,
    valid: NDArray[np.bool_],
    add: int,
    type_: PgType,
    storage: pa.DataType,
    outside: NDArray[np.bool_],
) -> AnyArray:
    """The values in Arrow's epoch, with the sentinels for ±infinity.

    Raises:
        ValueFault: a value that is not infinite, but too late for Arrow or the very sentinel.
    """
    limits, (low, high) = np.iinfo(values.dtype), DATE_ENDS if values.dtype == np.int32 else TIMESTAMP_ENDS
    first, last = values == limits.min, values == limits.max
    with np.errstate(over="ignore"):
        shifted: AnyArray = values + values.dtype.type(add)
    wrong = (outside | (((shifted == low) | (shifted == high)) & valid)) & ~first & ~last
    if wrong.any():
        index = int(np.argmax(wrong))
        what = (
            "a value after 294247-01-10" if outside[index] else 'the day that infinity="sentinel" stands for'
        )
        raise ValueFault(
            index, f"{what} of a {type_.name} has no {storage}; read it as text: CAST(column AS text)"
        )
    shifted[last], shifted[first] = high, low
    return shifted


def has_ends(array: pa.Array) -> bool:
    """Whether a date32 or a timestamp[us] may hold one of the sentinels of infinity."""
    dates = pa.types.is_date(array.type)
    values = values_of(array, np.int32 if dates else np.int64)
    low, high = DATE_ENDS if dates else TIMESTAMP_ENDS
    return bool(values.size and (values.max() >= high or values.min() <= low))


def with_ends(array: pa.Array, ends: NDArray[np.bool_]) -> pa.Array:
    """A timestamp array in microseconds whose first and last numbers, at ``ends``, became the sentinels of infinity.

    Raises:
        ValueFault: another of its values does not fit microseconds.
    """
    numbers = values_of(array, np.int64)
    nulls = pa.array(~is_valid(array) | ends)
    rest = pa.array(np.where(ends, 0, numbers), pa.int64()).view(array.type)
    rest = pc.call_function("if_else", [nulls, pa.scalar(None, array.type), rest])
    try:
        rest = rest.cast(pa.timestamp("us", array.type.tz))
    except pa.ArrowInvalid as error:
        raise ValueFault(0, reason(error)) from None
    low, high = TIMESTAMP_ENDS
    marks = pa.array(np.where(numbers > 0, high, low), pa.int64()).view(rest.type)
    return pc.call_function("if_else", [pa.array(ends), marks, rest])


__all__ = ["DATE_ENDS", "TIMESTAMP_ENDS", "has_ends", "with_ends", "with_infinities"]
