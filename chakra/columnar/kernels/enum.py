"""Kernels of enums: label texts on the wire to positions in the catalog's list of labels; no Python objects.

An enum travels as the text of its label (``src/backend/utils/adt/enum.c``, ``enum_send``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chakra.columnar.buffers import AnyArray
from chakra.columnar.kernels._jit import inner, kernel

_i64: Any = np.int64  # as a global it costs nothing, and type checkers let the arithmetic be

OK = 0
BAD_VALUE = 1  # outside of the data
UNKNOWN = 2  # not one of the labels


@inner
def hashed(data: AnyArray, start: int, length: int) -> Any:
    """FNV-1a over the bytes, cut to 31 bits so that it needs no unsigned arithmetic."""
    value = 0x811C9DC5 & 0x7FFFFFFF
    for k in range(length):
        value = ((value ^ _i64(data[start + k])) * 0x01000193) & 0x7FFFFFFF
    return value


@kernel
def index(labels: AnyArray, offsets: AnyArray, table: AnyArray) -> None:
    """Fill an open-addressing hash table. labels: uint8[]. offsets: int64[m + 1]. table: int32[2^k > m]."""
    mask = table.size - 1
    table[:] = -1
    for i in range(offsets.size - 1):
        slot = hashed(labels, offsets[i], offsets[i + 1] - offsets[i]) & mask
        while table[slot] >= 0:
            slot = (slot + 1) & mask
        table[slot] = i


@kernel
def find(
    data: AnyArray,
    starts: AnyArray,
    lengths: AnyArray,
    labels: AnyArray,
    offsets: AnyArray,
    table: AnyArray,
    out: AnyArray,
) -> Any:
    """Look up every value.

    data: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL. labels, offsets, table: from ``index``.
    out: int32[n], position of the label, 0 for NULL.
    Returns (BAD_VALUE or UNKNOWN, row, position).
    """
    mask = table.size - 1
    for row in range(starts.size):
        length = _i64(lengths[row])
        out[row] = 0
        if length < 0:
            continue
        start = starts[row]
        if start < 0 or start + length > data.size:
            return BAD_VALUE, row, start
        slot = hashed(data, start, length) & mask
        while True:
            i = table[slot]
            if i < 0:
                return UNKNOWN, row, start
            if offsets[i + 1] - offsets[i] == length:
                same = True
                for k in range(length):
                    if labels[offsets[i] + k] != data[start + k]:
                        same = False
                        break
                if same:
                    out[row] = i
                    break
            slot = (slot + 1) & mask
    return OK, 0, 0
