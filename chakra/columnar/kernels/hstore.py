"""Kernels of hstore: pairs on the wire to positions of keys and values, and back; no Python objects.

Wire layout (``contrib/hstore/hstore_io.c``, ``hstore_send``), big-endian: int32 number of pairs, then for
each the int32 length and bytes of the key, and the int32 length (-1 = NULL) and bytes of the value.

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
BAD_COUNT = 1
BAD_PAIR = 2
TOO_LARGE = 3


@kernel
def counts(data: AnyArray, starts: AnyArray, lengths: AnyArray, offsets: AnyArray) -> Any:
    """Pairs of each value, summed up: offsets int64[n + 1]. Returns BAD_COUNT."""
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
        if count < 0 or count > (length - 4) // 8:
            return BAD_COUNT, row, start
        offsets[row + 1] += count
    return OK, 0, 0


@kernel
def pairs(
    data: AnyArray,
    starts: AnyArray,
    lengths: AnyArray,
    offsets: AnyArray,
    found_starts: AnyArray,
    found_lengths: AnyArray,
) -> Any:
    """Find keys and values, after ``counts`` has passed.

    offsets: int64[n + 1]; m = offsets[n]. found_starts: int64[2 * m], found_lengths: int32[2 * m], results:
    all keys, then all values.
    Returns BAD_PAIR.
    """
    m = offsets[starts.size]
    for row in range(starts.size):
        length = _i64(lengths[row])
        if length < 0:
            continue
        at = starts[row] + 4
        end = starts[row] + length
        for i in range(offsets[row], offsets[row + 1]):
            for side in range(2):
                if end - at < 4:
                    return BAD_PAIR, row, at
                size = load_be_i32(data.ctypes.data + at)
                at += 4
                if size < side * -1 or size > end - at:
                    return BAD_PAIR, row, at - 4
                found_starts[side * m + i] = at
                found_lengths[side * m + i] = size
                if size > 0:
                    at += size
        if at != end:
            return BAD_PAIR, row, at
    return OK, 0, 0


@kernel
def measure(
    valid: AnyArray, offsets: AnyArray, key_lengths: AnyArray, value_lengths: AnyArray, out_offsets: AnyArray
) -> Any:
    """Wire size of each value, summed up: out_offsets int64[n + 1]. Returns TOO_LARGE."""
    out_offsets[0] = 0
    for row in range(valid.size):
        total = _i64(0)
        if valid[row]:
            total += 4
            for i in range(offsets[row], offsets[row + 1]):
                total += 8 + _i64(key_lengths[i]) + max(_i64(value_lengths[i]), 0)
        if total > 0x3FFFFFFF:
            return TOO_LARGE, row, 0
        out_offsets[row + 1] = out_offsets[row] + total
    return OK, 0, 0


@kernel
def assemble(
    valid: AnyArray,
    offsets: AnyArray,
    keys: AnyArray,
    key_starts: AnyArray,
    key_lengths: AnyArray,
    values: AnyArray,
    value_starts: AnyArray,
    value_lengths: AnyArray,
    out_offsets: AnyArray,
    out: AnyArray,
) -> None:
    """Write the pairs ``offsets[i]:offsets[i + 1]`` of each value. keys, values: uint8[]. out: uint8[]."""
    for row in range(valid.size):
        if not valid[row]:
            continue
        at = out.ctypes.data + out_offsets[row]
        store_be_32(at, offsets[row + 1] - offsets[row])
        at += 4
        for i in range(offsets[row], offsets[row + 1]):
            length = _i64(key_lengths[i])
            store_be_32(at, length)
            copy_value(at + 4, keys.ctypes.data + key_starts[i], length)
            at += 4 + length
            length = _i64(value_lengths[i])
            store_be_32(at, length)
            copy_value(at + 4, values.ctypes.data + value_starts[i], length)
            at += 4 + max(length, 0)
