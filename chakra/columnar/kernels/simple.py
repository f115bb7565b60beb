"""Kernels of values that need a byte swap or a copy, wherever in the data they are; no Python objects.

They serve elements of arrays, fields of composites and the like, which the row kernel does not reach. Every
kernel returns ``(status, row, position)``; status 0 is success. Encoding these types needs no kernel: NumPy's
byte swap and Arrow's own buffers are the wire bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chakra.columnar.buffers import AnyArray
from chakra.columnar.kernels._jit import kernel, load_be_i32, load_be_i64, store_32, store_64
from chakra.columnar.kernels.memory import copy_value

_i64: Any = np.int64  # as a global it costs nothing, and type checkers let the arithmetic be

OK = 0
BAD_LENGTH = 1
BAD_PREFIX = 2
BAD_TEXT = 3


@kernel
def gather_fixed(
    data: AnyArray, starts: AnyArray, lengths: AnyArray, width: int, swap: bool, out: AnyArray
) -> Any:
    """Collect fixed-width values.

    data: uint8[], wire bytes. starts: int64[n]. lengths: int32[n], -1 = NULL. width: bytes a value; swap
    turns network order into little-endian, for 1, 2, 4 and 8. out: uint8[n * width], NULL = zeros.
    Returns BAD_LENGTH where a value has another width or lies outside of data.
    """
    source = data.ctypes.data
    target = out.ctypes.data
    for row in range(starts.size):
        length = _i64(lengths[row])
        to = row * width
        if length < 0:
            for k in range(width):
                out[to + k] = 0
            continue
        start = starts[row]
        if length != width or start < 0 or start + width > data.size:
            return BAD_LENGTH, row, start
        if swap and width == 4:
            store_32(target + to, load_be_i32(source + start))
        elif swap and width == 8:
            store_64(target + to, load_be_i64(source + start))
        elif swap and width == 2:
            out[to] = data[start + 1]
            out[to + 1] = data[start]
        else:
            copy_value(target + to, source + start, width)
    return OK, 0, 0


@kernel
def varlen_offsets(data: AnyArray, starts: AnyArray, lengths: AnyArray, skip: int, offsets: AnyArray) -> Any:
    """Where each value goes: offsets int64[n + 1] in bytes, after ``skip`` leading bytes that must be 1.

    data: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL, which takes no room.
    Returns BAD_LENGTH or BAD_PREFIX.
    """
    total = 0
    offsets[0] = 0
    for row in range(starts.size):
        length = _i64(lengths[row])
        if length >= 0:
            start = starts[row]
            if length < skip or start < 0 or start + length > data.size:
                return BAD_LENGTH, row, start
            for k in range(skip):
                if data[start + k] != 1:
                    return BAD_PREFIX, row, start + k
            total += length - skip
        offsets[row + 1] = total
    return OK, 0, 0


@kernel
def gather_varlen(data: AnyArray, starts: AnyArray, offsets: AnyArray, skip: int, out: AnyArray) -> None:
    """Copy every value, less ``skip`` leading bytes, to ``out[offsets[i]:offsets[i + 1]]``."""
    for row in range(starts.size):
        source = starts[row] + skip
        to = offsets[row]
        size = offsets[row + 1] - to
        copy_value(out.ctypes.data + to, data.ctypes.data + source, size)


@kernel
def prefix(
    data: AnyArray, starts: AnyArray, lengths: AnyArray, byte: int, offsets: AnyArray, out: AnyArray
) -> None:
    """Copy every value behind one byte: offsets int64[n + 1] of the results, out: uint8[offsets[n]]."""
    for row in range(starts.size):
        length = _i64(lengths[row])
        if length < 0:
            continue
        to = offsets[row]
        out[to] = byte
        copy_value(out.ctypes.data + to + 1, data.ctypes.data + starts[row], length)


@kernel
def encode_uuid(text: AnyArray, starts: AnyArray, lengths: AnyArray, out: AnyArray) -> Any:
    """Read UUIDs written as 32 hexadecimal digits, hyphens between bytes, braces around; out: uint8[n * 16].

    text: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL.
    Returns BAD_TEXT. Source: src/backend/utils/adt/uuid.c, string_to_uuid.
    """
    for row in range(starts.size):
        if lengths[row] < 0:
            for k in range(16):
                out[row * 16 + k] = 0
            continue
        at = starts[row]
        end = at + _i64(lengths[row])
        if end - at >= 2 and text[at] == 123 and text[end - 1] == 125:
            at += 1
            end -= 1
        nibbles = 0
        value = 0
        hyphen = True  # one just seen, or none may come yet
        while at < end:
            byte = _i64(text[at])
            if byte == 45:
                if hyphen or nibbles % 4 != 0:
                    return BAD_TEXT, row, at
                hyphen = True
                at += 1
                continue
            hyphen = False
            if 48 <= byte <= 57:
                digit = byte - 48
            elif 97 <= byte <= 102:
                digit = byte - 87
            elif 65 <= byte <= 70:
                digit = byte - 55
            else:
                return BAD_TEXT, row, at
            if nibbles == 32:
                return BAD_TEXT, row, at
            value = value * 16 + digit
            nibbles += 1
            if nibbles % 2 == 0:
                out[row * 16 + nibbles // 2 - 1] = value
                value = 0
            at += 1
        if nibbles != 32 or hyphen:
            return BAD_TEXT, row, at
    return OK, 0, 0
