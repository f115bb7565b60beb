"""Kernels of ranges and multiranges: flags and bounds on the wire, and back; no Python objects.

Wire layout of a range (``src/backend/utils/adt/rangetypes.c``, ``range_send``): one byte of flags, then each
finite bound, lower first, as its int32 length and bytes; an empty range is its flags alone. A multirange
(``multirangetypes.c``, ``multirange_send``) is an int32 count, then each range as its int32 length and bytes.

Every kernel returns ``(status, row, position)``; status 0 is success.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chakra.columnar.buffers import AnyArray
from chakra.columnar.kernels._jit import kernel, load_be_i32, store_be_32
from chakra.columnar.kernels.memory import copy_value

_i64: Any = np.int64  # as a global it costs nothing, and type checkers let the arithmetic be

OK = 0
BAD_FLAGS = 1
BAD_BOUND = 2  # a bound passes the end of the value, is NULL, or bytes are left after the last
BAD_COUNT = 3
BAD_RANGE = 4  # a range passes the end of the multirange, is NULL, or bytes are left after the last
TOO_LARGE = 5

# src/include/utils/rangetypes.h
EMPTY = 0x01
LOWER_INCLUSIVE = 0x02
UPPER_INCLUSIVE = 0x04
LOWER_INFINITE = 0x08
UPPER_INFINITE = 0x10


@kernel
def bounds(
    data: AnyArray,
    starts: AnyArray,
    lengths: AnyArray,
    flags: AnyArray,
    bound_starts: AnyArray,
    bound_lengths: AnyArray,
) -> Any:
    """Read flags and find the bounds.

    data: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL. flags: uint8[n], result. bound_starts:
    int64[2 * n] and bound_lengths: int32[2 * n], results: all lower bounds, then all upper ones; -1 = none.
    Returns BAD_FLAGS or BAD_BOUND.
    """
    n = starts.size
    for row in range(n):
        length = _i64(lengths[row])
        flags[row] = 0
        for side in range(2):
            bound_starts[side * n + row] = 0
            bound_lengths[side * n + row] = -1
        if length < 0:
            continue
        at = starts[row]
        end = at + length
        if length < 1 or at < 0 or end > data.size:
            return BAD_FLAGS, row, at
        flag = _i64(data[at])
        if flag > 0x1F:
            return BAD_FLAGS, row, at
        flags[row] = flag
        at += 1
        if flag & EMPTY == 0:
            for side in range(2):
                if flag & (LOWER_INFINITE << side) != 0:
                    continue
                if end - at < 4:
                    return BAD_BOUND, row, at
                size = load_be_i32(data.ctypes.data + at)
                at += 4
                if size < 0 or size > end - at:
                    return BAD_BOUND, row, at - 4
                bound_starts[side * n + row] = at
                bound_lengths[side * n + row] = size
                at += size
        if at != end:
            return BAD_BOUND, row, at
    return OK, 0, 0


@kernel
def measure(valid: AnyArray, flags: AnyArray, bound_lengths: AnyArray, out_offsets: AnyArray) -> Any:
    """Set the infinity flags and sum up the wire sizes.

    valid: bool[n]. flags: uint8[n], inclusive and empty flags; a NULL bound makes its side infinite and
    thereby exclusive. bound_lengths: int32[2 * n]. out_offsets: int64[n + 1], result.
    """
    n = valid.size
    out_offsets[0] = 0
    for row in range(n):
        total = _i64(0)
        if valid[row]:
            total += 1
            if flags[row] & EMPTY:
                flags[row] = EMPTY
            else:
                for side in range(2):
                    length = _i64(bound_lengths[side * n + row])
                    if length < 0:
                        flags[row] = (flags[row] | (LOWER_INFINITE << side)) & (
                            0xFF ^ (LOWER_INCLUSIVE << side)
                        )
                    else:
                        total += 4 + length
        if total > 0x3FFFFFFF:
            return TOO_LARGE, row, 0
        out_offsets[row + 1] = out_offsets[row] + total
    return OK, 0, 0


@kernel
def assemble(
    valid: AnyArray,
    flags: AnyArray,
    lower: AnyArray,
    lower_starts: AnyArray,
    upper: AnyArray,
    upper_starts: AnyArray,
    bound_lengths: AnyArray,
    out_offsets: AnyArray,
    out: AnyArray,
) -> None:
    """Write the ranges. lower, upper: uint8[], bytes of the bounds. out: uint8[out_offsets[n]]."""
    n = valid.size
    for row in range(n):
        if not valid[row]:
            continue
        at = out_offsets[row]
        out[at] = flags[row]
        if flags[row] & EMPTY:
            continue
        to = out.ctypes.data + at + 1
        length = _i64(bound_lengths[row])
        if length >= 0:
            store_be_32(to, length)
            copy_value(to + 4, lower.ctypes.data + lower_starts[row], length)
            to += 4 + length
        length = _i64(bound_lengths[n + row])
        if length >= 0:
            store_be_32(to, length)
            copy_value(to + 4, upper.ctypes.data + upper_starts[row], length)


@kernel
def counts(data: AnyArray, starts: AnyArray, lengths: AnyArray, offsets: AnyArray) -> Any:
    """Ranges of each multirange, summed up: offsets int64[n + 1]. Returns BAD_COUNT."""
    offsets[0] = 0
    for row in range(starts.size):
        length = _i64(lengths[row])
        offsets[row + 1] = offsets[row]
        if length < 0:
            continue
        start = starts[row]
        if length < 4 or start < 0 or start + length > data.size:
            return BAD_COUNT, row, start
        count = load_be_i32(data.ctypes.data + start)
        if count < 0 or count > (length - 4) // 5:  # a range takes at least its length and its flags
            return BAD_COUNT, row, start
        offsets[row + 1] += count
    return OK, 0, 0


@kernel
def members(
    data: AnyArray,
    starts: AnyArray,
    lengths: AnyArray,
    offsets: AnyArray,
    range_starts: AnyArray,
    range_lengths: AnyArray,
) -> Any:
    """Find the ranges, after ``counts`` has passed: int64[offsets[n]], int32[offsets[n]]. BAD_RANGE."""
    for row in range(starts.size):
        length = _i64(lengths[row])
        if length < 0:
            continue
        at = starts[row] + 4
        end = starts[row] + length
        for i in range(offsets[row], offsets[row + 1]):
            if end - at < 4:
                return BAD_RANGE, row, at
            size = load_be_i32(data.ctypes.data + at)
            at += 4
            if size < 0 or size > end - at:
                return BAD_RANGE, row, at - 4
            range_starts[i] = at
            range_lengths[i] = size
            at += size
        if at != end:
            return BAD_RANGE, row, at
    return OK, 0, 0


@kernel
def join(
    valid: AnyArray,
    offsets: AnyArray,
    data: AnyArray,
    range_starts: AnyArray,
    range_lengths: AnyArray,
    out_offsets: AnyArray,
    out: AnyArray,
) -> None:
    """Write multiranges of the ranges ``offsets[i]:offsets[i + 1]``. out: uint8[out_offsets[n]]."""
    for row in range(valid.size):
        if not valid[row]:
            continue
        at = out.ctypes.data + out_offsets[row]
        store_be_32(at, offsets[row + 1] - offsets[row])
        at += 4
        for i in range(offsets[row], offsets[row + 1]):
            length = _i64(range_lengths[i])
            store_be_32(at, length)
            copy_value(at + 4, data.ctypes.data + range_starts[i], length)
            at += 4 + length
