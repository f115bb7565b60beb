"""Kernels of arrays: headers and element positions on the wire to list offsets, and back; no Python objects.

Wire layout (``src/backend/utils/adt/arrayfuncs.c``, ``array_send``), all big-endian int32: number of
dimensions, flags (1 = has NULL), element OID, then size and lower bound of each dimension, then every
element as its length (-1 = NULL) and its bytes. An empty array has 0 dimensions.

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
BAD_HEADER = 1  # shorter than its header, or outside the data
BAD_FLAGS = 2
BAD_OID = 3
OTHER_DIMENSIONS = 4  # not the declared number; position holds the number found
BAD_SIZE = 5  # a negative dimension, or more elements than bytes for them
BAD_ELEMENT = 6  # an element passes the end of the value, or bytes are left after the last
RAGGED = 7  # lists of one level differ in length
NULL_LIST = 8  # a NULL inside, above the elements
TOO_LARGE = 9
LOWER_BOUND = 10  # a dimension that does not begin at 1; position holds where it begins


@kernel
def shapes(
    data: AnyArray, starts: AnyArray, lengths: AnyArray, ndims: int, oid: int, first: int, sizes: AnyArray
) -> Any:
    """Check the headers and read the dimensions.

    data: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL. ndims: declared number. oid: element OID to
    find, 0 = any. first: the index that dimensions begin at. sizes: int64[n * ndims], result; zeros for NULL and
    empty arrays.
    Returns BAD_HEADER, BAD_FLAGS, BAD_OID, OTHER_DIMENSIONS, BAD_SIZE or LOWER_BOUND.
    """
    base = data.ctypes.data
    for row in range(starts.size):
        for k in range(ndims):
            sizes[row * ndims + k] = 0
        length = _i64(lengths[row])
        if length < 0:
            continue
        start = starts[row]
        if length < 12 or start < 0 or start + length > data.size:
            return BAD_HEADER, row, start
        dimensions = load_be_i32(base + start)
        flags = load_be_i32(base + start + 4)
        if flags != 0 and flags != 1:
            return BAD_FLAGS, row, start + 4
        if oid != 0 and (load_be_i32(base + start + 8) & 0xFFFFFFFF) != oid:
            return BAD_OID, row, start + 8
        if dimensions == 0:
            if length != 12:
                return BAD_ELEMENT, row, start + 12
            continue
        if dimensions < 0 or dimensions > 6:
            return BAD_HEADER, row, start
        if dimensions != ndims:
            return OTHER_DIMENSIONS, row, dimensions
        room = length - 12 - 8 * ndims
        if room < 0:
            return BAD_HEADER, row, start
        total = 1
        for k in range(ndims):
            size = load_be_i32(base + start + 12 + 8 * k)
            if size < 0 or size * total > room // 4:
                return BAD_SIZE, row, start + 12 + 8 * k
            bound = load_be_i32(base + start + 16 + 8 * k)
            if bound != first:
                return LOWER_BOUND, row, bound
            sizes[row * ndims + k] = size
            total *= size
    return OK, 0, 0


@kernel
def elements(
    data: AnyArray,
    starts: AnyArray,
    lengths: AnyArray,
    ndims: int,
    counts: AnyArray,
    offsets: AnyArray,
    element_starts: AnyArray,
    element_lengths: AnyArray,
) -> Any:
    """Find every element, after ``shapes`` has passed.

    counts: int64[n], elements of each array. offsets: int64[n + 1], their sum. element_starts:
    int64[offsets[n]].
    element_lengths: int32[offsets[n]], -1 = NULL.
    Returns BAD_ELEMENT.
    """
    base = data.ctypes.data
    for row in range(starts.size):
        if lengths[row] < 0:
            continue
        at = starts[row] + 12
        end = starts[row] + _i64(lengths[row])
        if counts[row] > 0 or end > at:
            at += 8 * ndims
        for k in range(counts[row]):
            if end - at < 4:
                return BAD_ELEMENT, row, at
            size = load_be_i32(base + at)
            at += 4
            if size < -1 or size > end - at:
                return BAD_ELEMENT, row, at - 4
            element_starts[offsets[row] + k] = at
            element_lengths[offsets[row] + k] = size
            if size > 0:
                at += size
        if at != end:
            return BAD_ELEMENT, row, at
    return OK, 0, 0


@kernel
def measure(
    valid: AnyArray,
    ndims: int,
    offsets: AnyArray,
    bases: AnyArray,
    list_valid: AnyArray,
    ends: AnyArray,
    sizes: AnyArray,
    out_offsets: AnyArray,
) -> Any:
    """Shape and wire size of each nested list.

    valid: bool[n]. offsets: int64[], the offsets of every level end to end; those of level k begin at
    ``bases[k]``. list_valid: bool[], validity of the inner lists, laid out like offsets. ends: int64[m +
    1], wire bytes of the elements summed up, each with its 4-byte length. sizes: int64[n * ndims], result.
    out_offsets: int64[n + 1], result: where each array goes.
    Returns RAGGED, NULL_LIST or TOO_LARGE.
    """
    out_offsets[0] = 0
    for row in range(valid.size):
        for k in range(ndims):
            sizes[row * ndims + k] = 0
        if not valid[row]:
            out_offsets[row + 1] = out_offsets[row]
            continue
        low = offsets[bases[0] + row]
        high = offsets[bases[0] + row + 1]
        sizes[row * ndims] = high - low
        for k in range(1, ndims):
            if high > low:
                base = bases[k]
                size = offsets[base + low + 1] - offsets[base + low]
                for i in range(low, high):
                    if not list_valid[base + i]:
                        return NULL_LIST, row, 0
                    if offsets[base + i + 1] - offsets[base + i] != size:
                        return RAGGED, row, 0
                sizes[row * ndims + k] = size
                low, high = offsets[base + low], offsets[base + high]
        total = _i64(12)
        if high > low:
            total += 8 * ndims + ends[high] - ends[low]
        if total > 0x3FFFFFFF:
            return TOO_LARGE, row, 0
        out_offsets[row + 1] = out_offsets[row] + total
    return OK, 0, 0


@kernel
def assemble(
    valid: AnyArray,
    ndims: int,
    firsts: AnyArray,
    sizes: AnyArray,
    oid: int,
    data: AnyArray,
    element_starts: AnyArray,
    element_lengths: AnyArray,
    out_offsets: AnyArray,
    out: AnyArray,
) -> None:
    """Write the arrays. firsts: int64[n], first element of each. oid: of the elements. out: uint8[]."""
    base = data.ctypes.data
    for row in range(valid.size):
        if not valid[row]:
            continue
        head = out.ctypes.data + out_offsets[row]
        count = 1
        for k in range(ndims):
            count *= sizes[row * ndims + k]
        store_be_32(head, ndims if count > 0 else 0)
        store_be_32(head + 8, oid)
        at = head + 12
        flags = 0
        if count > 0:
            for k in range(ndims):
                store_be_32(at, sizes[row * ndims + k])
                store_be_32(at + 4, 1)
                at += 8
        for i in range(firsts[row], firsts[row] + count):
            length = _i64(element_lengths[i])
            store_be_32(at, length)
            at += 4
            if length < 0:
                flags = 1
                continue
            copy_value(at, base + element_starts[i], length)
            at += length
        store_be_32(head + 4, flags)
