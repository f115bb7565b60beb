"""Kernels of bit strings, one text character a bit, both ways; no Python objects.

Wire layout (``src/backend/utils/adt/varbit.c``, ``varbit_send``): big-endian int32 number of bits, then the
bits, most significant first, the last byte filled with zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chakra.columnar.buffers import AnyArray
from chakra.columnar.kernels._jit import (
    kernel,
    load_be_i32,
    load_i64,
    load_u8,
    pack_bits,
    spread_bits,
    store_8,
    store_64,
    store_be_32,
)

_i64: Any = np.int64  # as a global it costs nothing, and type checkers let the arithmetic be

OK = 0
BAD_LENGTH = 1
BAD_TEXT = 2  # a character other than 0 and 1
BAD_PADDING = 3

# Eight characters in one word.
ONES = 0x0101010101010101
ZEROS = 0x3030303030303030  # "00000000"


@kernel
def sizes(data: AnyArray, starts: AnyArray, lengths: AnyArray, offsets: AnyArray) -> Any:
    """Bits of each value, summed up: offsets int64[n + 1]. Returns (BAD_LENGTH, row, position)."""
    base = data.ctypes.data
    offsets[0] = 0
    for row in range(starts.size):
        length = _i64(lengths[row])
        offsets[row + 1] = offsets[row]
        if length < 0:
            continue
        start = starts[row]
        if length < 4 or start < 0 or start + length > data.size:
            return BAD_LENGTH, row, start
        bits = load_be_i32(base + start) & 0xFFFFFFFF
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
        source = data.ctypes.data + starts[row] + 4
        at = out.ctypes.data + offsets[row]
        left = offsets[row + 1] - offsets[row]
        while left >= 8:
            store_64(at, spread_bits(load_u8(source)) | ZEROS)
            source += 1
            at += 8
            left -= 8
        for k in range(left):
            store_8(at + k, 48 + ((load_u8(source) >> (7 - k)) & 1))


@kernel
def encode(text: AnyArray, starts: AnyArray, lengths: AnyArray, offsets: AnyArray, out: AnyArray) -> Any:
    """Pack ``0`` and ``1``. text: uint8[]. lengths: int32[n], -1 = NULL. offsets: int64[n + 1]. out: uint8[].

    Returns (BAD_TEXT, row, position).
    """
    for row in range(starts.size):
        length = _i64(lengths[row])
        if length < 0:
            continue
        source = text.ctypes.data + starts[row]
        at = out.ctypes.data + offsets[row]
        store_be_32(at, length)
        at += 4
        left = length
        while left >= 8:
            bits = load_i64(source) ^ ZEROS
            if bits & ~ONES != 0:
                return BAD_TEXT, row, starts[row] + length - left
            store_8(at, pack_bits(bits))
            source += 8
            at += 1
            left -= 8
        if left > 0:
            byte = 0
            for k in range(left):
                bit = load_u8(source + k) ^ 48
                if bit > 1:
                    return BAD_TEXT, row, starts[row] + length - left + k
                byte |= bit << (7 - k)
            store_8(at, byte)
    return OK, 0, 0
