"""Kernels of bit strings, one text character a bit, both ways; no Python objects.

Wire layout (``src/backend/utils/adt/varbit.c``, ``varbit_send``): big-endian int32 number of bits, then the
bits, most significant first, the last byte filled with zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chakra.columnar.buffers import AnyArray
from chakra.columnar.kernels._jit import kernel

_i64: Any = np.int64  # as a global it costs nothing, and type checkers let the arithmetic be

OK = 0
BAD_LENGTH = 1
BAD_TEXT = 2  # a character other than 0 and 1
BAD_PADDING = 3


@kernel
def sizes(data: AnyArray, starts: AnyArray, lengths: AnyArray, offsets: AnyArray) -> Any:
    """Bits of each value, summed up: offsets int64[n + 1]. Returns (BAD_LENGTH, row, position)."""
    offsets[0] = 0
    for row in range(starts.size):
        length = _i64(lengths[row])
        offsets[row + 1] = offsets[row]
        if length < 0:
            continue
        start = starts[row]
        if length < 4 or start < 0 or start + length > data.size:
            return BAD_LENGTH, row, start
        bits = (
            (_i64(data[start]) << 24)
            | (_i64(data[start + 1]) << 16)
            | (_i64(data[start + 2]) << 8)
            | _i64(data[start + 3])
        )
        if (bits + 7) // 8 != length - 4:
            return BAD_LENGTH, row, start
        if bits % 8 != 0 and _i64(data[start + length - 1]) & ((1 << (8 - bits % 8)) - 1) != 0:
            return BAD_PADDING, row, start + length - 1
        offsets[row + 1] += bits
    return OK, 0, 0


@kernel
def decode(data: AnyArray, starts: AnyArray, offsets: AnyArray, out: AnyArray) -> None:
    """Write one ``0`` or ``1`` a bit: out uint8[offsets[n]]."""
    for row in range(starts.size):
        at = starts[row] + 4
        to = offsets[row]
        for k in range(offsets[row + 1] - to):
            out[to + k] = 48 + ((_i64(data[at + k // 8]) >> (7 - k % 8)) & 1)


@kernel
def encode(text: AnyArray, starts: AnyArray, lengths: AnyArray, offsets: AnyArray, out: AnyArray) -> Any:
    """Pack ``0`` and ``1``. text: uint8[]. lengths: int32[n], -1 = NULL. offsets: int64[n + 1]. out: zeros.

    Returns (BAD_TEXT, row, position).
    """
    for row in range(starts.size):
        length = _i64(lengths[row])
        if length < 0:
            continue
        at = offsets[row]
        out[at] = (length >> 24) & 0xFF
        out[at + 1] = (length >> 16) & 0xFF
        out[at + 2] = (length >> 8) & 0xFF
        out[at + 3] = length & 0xFF
        at += 4
        for k in range(length):
            byte = _i64(text[starts[row] + k])
            if byte != 48 and byte != 49:
                return BAD_TEXT, row, starts[row] + k
            if byte == 49:
                out[at + k // 8] = _i64(out[at + k // 8]) | (128 >> (k % 8))
    return OK, 0, 0
