"""Kernels of values that are a header and then numbers of one width, both ways: pgvector and lists of points.

Wire layouts, big-endian: ``vector`` int16 n, int16 0, n float4; ``halfvec`` the same with float2;
``sparsevec`` int32 dimensions, int32 n, int32 0, n int32 indices from 0, n float4 (pgvector
``src/vector.c``, ``halfvec.c``, ``sparsevec.c``, ``*_send``); ``path`` uint8 closed, int32 n, ``polygon``
int32 n, then n points of two float8 (``src/backend/utils/adt/geo_ops.c``). To these kernels all are
``head`` bytes of which ``count_size`` bytes from ``count_at`` are n, then n items of ``width`` bytes each.

Every kernel returns ``(status, row, position)``; status 0 is success.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chakra.columnar.buffers import AnyArray
from chakra.columnar.kernels._jit import copy_bytes, kernel

_i64: Any = np.int64  # as a global it costs nothing, and type checkers let the arithmetic be

OK = 0
BAD_LENGTH = 1
OTHER_COUNT = 2  # not the declared number of items; position holds the number found


@kernel
def counts(
    data: AnyArray,
    starts: AnyArray,
    lengths: AnyArray,
    head: int,
    count_at: int,
    count_size: int,
    width: int,
    declared: int,
    offsets: AnyArray,
) -> Any:
    """Items of each value, summed up: offsets int64[n + 1]; ``declared`` >= 0: every value must have so many,
    and a NULL takes as much room.

    data: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL. Returns BAD_LENGTH or OTHER_COUNT.
    """
    offsets[0] = 0
    for row in range(starts.size):
        length = _i64(lengths[row])
        if length < 0:
            offsets[row + 1] = offsets[row] + max(declared, 0)
            continue
        start = starts[row]
        if length < head or start < 0 or start + length > data.size:
            return BAD_LENGTH, row, start
        count = 0
        for k in range(count_size):
            count = (count << 8) | _i64(data[start + count_at + k])
        if length != head + count * width:
            return BAD_LENGTH, row, start
        if declared >= 0 and count != declared:
            return OTHER_COUNT, row, count
        offsets[row + 1] = offsets[row] + count
    return OK, 0, 0


@kernel
def gather(
    data: AnyArray,
    starts: AnyArray,
    lengths: AnyArray,
    head: int,
    offsets: AnyArray,
    size: int,
    out: AnyArray,
) -> None:
    """Copy the numbers as they are (NumPy swaps them after that, 16 at a time), after ``counts`` has passed.

    offsets: int64[n + 1], numbers before each value. size: bytes of a number. head: bytes before the first;
    -1 = behind a first list of 12 + 4 * n bytes (the floats of a sparsevec). out: uint8[offsets[n] * size];
    NULL = zeros.
    """
    base = data.ctypes.data
    target = out.ctypes.data
    for row in range(starts.size):
        to = offsets[row] * size
        count = offsets[row + 1] - offsets[row]
        if lengths[row] < 0:
            for k in range(count * size):
                out[to + k] = 0
            continue
        source = starts[row] + (head if head >= 0 else 12 + 4 * count)
        copy_bytes(target + to, base + source, count * size)


@kernel
def place(valid: AnyArray, data: AnyArray, offsets: AnyArray, targets: AnyArray, out: AnyArray) -> None:
    """Copy numbers, already big-endian, into the values.

    valid: bool[n]. data: uint8[]. offsets: int64[n + 1], bytes of data before each value. targets: int64[n],
    where they go. out: uint8[].
    """
    base = data.ctypes.data
    target = out.ctypes.data
    for row in range(valid.size):
        if valid[row]:
            source = offsets[row]
            copy_bytes(target + targets[row], base + source, offsets[row + 1] - source)


@kernel
def put(valid: AnyArray, values: AnyArray, size: int, targets: AnyArray, out: AnyArray) -> None:
    """Write a big-endian integer of ``size`` bytes into every value. values: int64[n]. targets: int64[n]."""
    for row in range(valid.size):
        if valid[row]:
            for k in range(size):
                out[targets[row] + k] = (values[row] >> (8 * (size - 1 - k))) & 0xFF
