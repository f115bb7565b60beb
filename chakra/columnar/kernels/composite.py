"""Kernels of composites: field positions inside a row value on the wire, and back; no Python objects.

Wire layout (``src/backend/utils/adt/rowtypes.c``, ``record_send``), big-endian: int32 number of fields,
then for each its uint32 type OID, int32 length (-1 = NULL) and bytes. Dropped columns do not travel.

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
BAD_HEADER = 1
OTHER_FIELDS = 2  # not the number of fields asked for; position holds the number found
BAD_FIELD = 3  # a field passes the end of the value, or bytes are left after the last
TOO_LARGE = 4


@kernel
def fields(
    data: AnyArray,
    starts: AnyArray,
    lengths: AnyArray,
    count: int,
    oids: AnyArray,
    field_starts: AnyArray,
    field_lengths: AnyArray,
) -> Any:
    """Find every field of every row value.

    data: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL. count: fields of the type. oids:
    int64[count],
    result: the type OID of each field in the first row that is not NULL, else 0. field_starts: int64[count *
    n],
    field_lengths: int32[count * n], results, one field after the other; a NULL row has NULL fields.
    Returns BAD_HEADER, OTHER_FIELDS or BAD_FIELD.
    """
    n = starts.size
    for row in range(n):
        length = _i64(lengths[row])
        if length < 0:
            for f in range(count):
                field_starts[f * n + row] = 0
                field_lengths[f * n + row] = -1
            continue
        at = starts[row]
        end = at + length
        if length < 4 or at < 0 or end > data.size:
            return BAD_HEADER, row, at
        found = load_be_i32(data.ctypes.data + at)
        if found != count:
            return OTHER_FIELDS, row, found
        at += 4
        for f in range(count):
            if end - at < 8:
                return BAD_FIELD, row, at
            if oids[f] == 0:
                oids[f] = load_be_i32(data.ctypes.data + at) & 0xFFFFFFFF
            size = load_be_i32(data.ctypes.data + at + 4)
            at += 8
            if size < -1 or size > end - at:
                return BAD_FIELD, row, at - 4
            field_starts[f * n + row] = at
            field_lengths[f * n + row] = size
            if size > 0:
                at += size
        if at != end:
            return BAD_FIELD, row, at
    return OK, 0, 0


@kernel
def measure(valid: AnyArray, count: int, field_lengths: AnyArray, out_offsets: AnyArray) -> Any:
    """Wire size of each row value, summed up: out_offsets int64[n + 1]. field_lengths: int32[count * n]."""
    n = valid.size
    out_offsets[0] = 0
    for row in range(n):
        total = _i64(0)
        if valid[row]:
            total = _i64(4 + 8 * count)
            for f in range(count):
                total += max(_i64(field_lengths[f * n + row]), 0)
        if total > 0x3FFFFFFF:
            return TOO_LARGE, row, 0
        out_offsets[row + 1] = out_offsets[row] + total
    return OK, 0, 0


@kernel
def headers(
    valid: AnyArray,
    count: int,
    oids: AnyArray,
    field_lengths: AnyArray,
    out_offsets: AnyArray,
    targets: AnyArray,
    out: AnyArray,
) -> None:
    """Write counts, OIDs and lengths; targets int64[count * n], result: where the bytes of each field go."""
    n = valid.size
    base = out.ctypes.data
    for row in range(n):
        if not valid[row]:
            continue
        at = out_offsets[row]
        store_be_32(base + at, count)
        at += 4
        for f in range(count):
            length = _i64(field_lengths[f * n + row])
            store_be_32(base + at, oids[f])
            store_be_32(base + at + 4, length)
            at += 8
            targets[f * n + row] = at
            at += max(length, 0)


@kernel
def fill(
    valid: AnyArray, data: AnyArray, starts: AnyArray, lengths: AnyArray, targets: AnyArray, out: AnyArray
) -> None:
    """Copy the bytes of one field into every row value. targets: int64[n]."""
    for row in range(valid.size):
        if valid[row]:
            copy_value(out.ctypes.data + targets[row], data.ctypes.data + starts[row], _i64(lengths[row]))
