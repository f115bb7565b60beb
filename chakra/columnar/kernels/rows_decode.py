"""The hot kernel of reading: one pass over COPY BINARY tuples scans and decodes together; no Python objects.

A tuple is an int16 field count, then per field an int32 length (-1 = NULL) and that many bytes; the int16 -1
ends the stream (manual, "Binary Format" of COPY; ``src/backend/commands/copyto.c``, ``CopyOneRowTo``).

``plan`` is int64[columns, WIDTH]; a row holds what the column is (layout, epoch shift, range) and where its
output goes (addresses). Outputs are written at ``row``; a tuple cut by the end of the input is written again
from its start by the next call, so nothing needs to be undone.
"""

from __future__ import annotations

import numpy as np

from chakra.columnar.buffers import I64
from chakra.columnar.kernels._jit import (
    copy_bytes,
    inner,
    kernel,
    load_be_i16,
    load_be_i32,
    load_be_i64,
    load_be_u16,
    load_i32,
    load_i64,
    load_u8,
    store_8,
    store_16,
    store_32,
    store_64,
)

# Layouts.
RAW = 0  # bytes copied with int64 offsets; a family decodes them when the batch is full
FIXED1 = 1
FIXED2 = 2  # byte-swapped
BOOL = 3  # one byte out; packed to bits when the batch is full
FIXED4 = 4
BINARY = 5  # bytes copied with int32 offsets
TEXT = 6  # BINARY, checked to be UTF-8
FIXED8 = 8
LARGE_BINARY = 9  # BINARY and TEXT with int64 offsets
LARGE_TEXT = 10
NUMERIC = 12  # decimal128 of at most 18 digits
FIXED16 = 16  # copied
RANGED4 = 20  # FIXED4 and FIXED8 shifted by ADD, whose wire value should lie in [LOW, HIGH]
RANGED8 = 24

# Columns of the plan.
LAYOUT = 0
VALUES = 1  # address of the values: rows * width bytes; of all bytes, for layouts with offsets
NULLS = 2  # address of uint8[rows], preset to 0 (pages nobody writes to cost nothing); NULL writes 1
OFFSETS = 3  # address of int32[rows + 1] (BINARY, TEXT) or int64[rows + 1] (LARGE_*, RAW); entry 0 is set
CAPACITY = 4  # bytes at VALUES that layouts with offsets may fill
ADD = 5  # added to a RANGED value; scale of a NUMERIC
LOW = 6
HIGH = 7  # also: the largest magnitude of a NUMERIC, 10**precision - 1
POLICY = 8  # of a value outside: ERROR, NULL or CLAMP
SKIP = 9  # leading bytes of BINARY and TEXT that must be 1 and are dropped
FLOOR = 10  # POLICY holds for RANGED values from FLOOR to CEILING; others are malformed
CEILING = 11
CLAMP_LOW = 12  # what CLAMP writes
CLAMP_HIGH = 13
POSITIONS = 14  # RAW: address of int64[rows]: where in the stream the field's bytes begin, for errors
WIDTH = 16

ERROR = 0
NULL = 1
CLAMP = 2

# Statuses. Those from BAD_COUNT on describe a malformed or refused tuple or field.
FULL = 0  # ``limit`` rows are written
NEED = 1  # the tuple at ``position`` is not all there; result[3] = bytes it has at least
END = 2  # the trailer stands at ``position``
GROW = 3  # VALUES of ``column`` is too small; result[3] = bytes needed
CUT = 4  # int32 offsets of ``column`` would overflow
BAD_COUNT = 5  # field count is neither the number of columns nor -1
BAD_LENGTH = 6  # below -1 or above 1 GiB
BAD_WIDTH = 7  # not the width of the type
BAD_VALUE = 8  # bool above 1, version byte not 1
OUTSIDE = 9  # a value without an Arrow value; the family knows what to say
BAD_TEXT = 10  # not UTF-8; result[3] = offset of the first bad byte in the field

MAX_FIELD = 0x3FFFFFFF  # src/include/utils/memutils.h, MaxAllocSize: 1 GiB - 1
INT32_MAX = 0x7FFFFFFF
PAD = 16  # bytes past CAPACITY that may be written over: short values are copied by whole words
HIGH_BITS = -0x7F7F7F7F7F7F7F80  # 0x8080…80: set in a word that holds a byte above 127
NAN = 0xC000  # src/backend/utils/adt/numeric.c, NUMERIC_NAN, NUMERIC_PINF, NUMERIC_NINF, NUMERIC_NEG
PLUS_INFINITY = 0xD000
MINUS_INFINITY = 0xF000
NEGATIVE = 0x4000
POWERS = np.array([10**n for n in range(19)], np.int64)


@inner
def find_bad_utf8(address: int, size: int) -> int:
    """Offset of the first byte that is not part of well-formed UTF-8, or -1.

    address, size: uint8[size]. Source: the Unicode standard, table 3-7 (no surrogates, no overlong forms, at
    most U+10FFFF), the rule of src/common/wchar.c, pg_utf8_islegal.
    """
    at = 0
    while at < size:
        if size - at >= 8 and load_i64(address + at) & HIGH_BITS == 0:
            at += 8
            continue
        lead = load_u8(address + at)
        if lead < 0x80:
            at += 1
            continue
        low = 0x80
        high = 0xBF
        if 0xC2 <= lead <= 0xDF:
            more = 1
        elif 0xE0 <= lead <= 0xEF:
            more = 2
            if lead == 0xE0:
                low = 0xA0
            elif lead == 0xED:
                high = 0x9F
        elif 0xF0 <= lead <= 0xF4:
            more = 3
            if lead == 0xF0:
                low = 0x90
            elif lead == 0xF4:
                high = 0x8F
        else:
            return at
        if size - at <= more:
            return at
        for k in range(more):
            byte = load_u8(address + at + 1 + k)
            if byte < low or byte > high:
                return at
            low = 0x80
            high = 0xBF
        at += 1 + more
    return -1


@inner
def decode_numeric(data: int, length: int, scale: int, largest: int, policy: int) -> tuple[int, int]:
    """One numeric as an integer in units of 10**-scale: (outcome, value).

    data, length: the field. scale: 0-18. largest: 10**precision - 1, precision at most 18.
    outcome: 0 = value, 1 = NULL, 2 = OUTSIDE or malformed. Source: numeric.c, numeric_send: int16 ndigits,
    weight, sign, dscale, then base-10000 digits.
    """
    if length < 8:
        return 2, 0
    ndigits = load_be_i16(data)
    weight = load_be_i16(data + 2)
    sign = load_be_u16(data + 4)
    if ndigits < 0 or 8 + 2 * ndigits != length:
        return 2, 0
    if sign != 0 and sign != NEGATIVE:
        if policy == NULL and (sign in (NAN, PLUS_INFINITY, MINUS_INFINITY)):
            return 1, 0
        if policy == CLAMP and sign == PLUS_INFINITY:
            return 0, largest
        if policy == CLAMP and sign == MINUS_INFINITY:
            return 0, -largest
        return 2, 0
    value = 0
    exponent = 4 * weight + scale  # of the group at hand, in units of the result
    for k in range(ndigits):
        group = load_be_i16(data + 8 + 2 * k)
        if group < 0 or group > 9999:
            return 2, 0
        if exponent >= 0:
            # 9999 * 10**14 < 10**18; above, the group itself must be small. The sum stays below 2 * 10**18.
            if exponent > 14 and (exponent > 17 or group >= POWERS[18 - exponent]) and group != 0:
                return 2, 0
            if group != 0:
                value += group * POWERS[exponent]
        elif group != 0:
            if exponent < -3:
                return 2, 0
            unit = POWERS[-exponent]
            if group % unit != 0:
                return 2, 0
            value += group // unit
        if value > largest:
            return 2, 0
        exponent -= 4
    return 0, -value if sign == NEGATIVE else value


@kernel
def decode_rows(
    source: int,
    base: int,
    position: int,
    end: int,
    plan: I64,
    columns: int,
    row: int,
    limit: int,
    result: I64,
) -> int:
    """Decode whole tuples until the input, the output or the stream ends.

    source: address of the input. base: its offset in the stream. position, end: byte range in it.
    plan: int64[columns, WIDTH], see above.
    row, limit: first row to write, and the row to stop before. result: int64[4], on return position of the
    first byte not consumed (of the faulty field for errors), row reached, column, detail.
    Returns a status from above.
    """
    status = FULL
    column = 0
    detail = 0
    while row < limit:
        at = position
        if end - at < 2:
            status = NEED
            detail = 2
            break
        count = load_be_i16(source + at)
        if count != columns:
            status = END if count == -1 else BAD_COUNT
            break
        at += 2
        column = 0
        while column < columns:
            if end - at < 4:
                status = NEED
                detail = at - position + 4 + 4 * (columns - column - 1)
                break
            length = load_be_i32(source + at)
            if length < 0:
                if length != -1:
                    status = BAD_LENGTH
                    break
                at += 4
                store_8(plan[column, NULLS] + row, 1)
                layout = plan[column, LAYOUT]
                values = plan[column, VALUES]
                if layout in (TEXT, BINARY):
                    offsets = plan[column, OFFSETS] + 4 * row
                    store_32(offsets + 4, load_i32(offsets))
                elif layout in (LARGE_TEXT, LARGE_BINARY, RAW):
                    offsets = plan[column, OFFSETS] + 8 * row
                    store_64(offsets + 8, load_i64(offsets))
                elif layout in (FIXED8, RANGED8):
                    store_64(values + 8 * row, 0)
                elif layout in (FIXED4, RANGED4):
                    store_32(values + 4 * row, 0)
                elif layout == FIXED2:
                    store_16(values + 2 * row, 0)
                elif layout in (FIXED16, NUMERIC):
                    store_64(values + 16 * row, 0)
                    store_64(values + 16 * row + 8, 0)
                else:
                    store_8(values + row, 0)
                column += 1
                continue
            if end - at - 4 < length:
                if length > MAX_FIELD:
                    status = BAD_LENGTH
                else:
                    status = NEED
                    detail = at - position + 4 + length + 4 * (columns - column - 1)
                break
            at += 4
            data = source + at
            layout = plan[column, LAYOUT]
            values = plan[column, VALUES]
            if layout == FIXED8:
                if length != 8:
                    status = BAD_WIDTH
                    break
                store_64(values + 8 * row, load_be_i64(data))
            elif layout in (TEXT, BINARY, RAW, LARGE_TEXT, LARGE_BINARY):
                skip = plan[column, SKIP]
                if skip != 0:
                    if length < skip or load_u8(data) != 1:
                        status = BAD_VALUE
                        break
                    data += skip
                size = length - skip
                narrow = layout in (TEXT, BINARY)
                if narrow:
                    used = load_i32(plan[column, OFFSETS] + 4 * row)
                else:
                    used = load_i64(plan[column, OFFSETS] + 8 * row)
                if size > plan[column, CAPACITY] - used:
                    if narrow and size > INT32_MAX - used:
                        status = CUT
                    else:
                        status = GROW
                        detail = used + size
                    break
                target = values + used
                seen = 0
                if size <= 64 and end - at - length >= 8:
                    # Whole words, over the end of the value: the input has 8 more bytes, the output has PAD.
                    k = 0
                    while k + 8 <= size:
                        word = load_i64(data + k)
                        store_64(target + k, word)
                        seen |= word
                        k += 8
                    if k < size:
                        word = load_i64(data + k) & ((1 << (8 * (size - k))) - 1)
                        store_64(target + k, word)
                        seen |= word
                else:
                    copy_bytes(target, data, size)
                    seen = HIGH_BITS
                if seen & HIGH_BITS != 0 and (layout in (TEXT, LARGE_TEXT)):
                    bad = find_bad_utf8(data, size)
                    if bad >= 0:
                        status = BAD_TEXT
                        detail = skip + bad
                        break
                if narrow:
                    store_32(plan[column, OFFSETS] + 4 * row + 4, used + size)
                else:
                    store_64(plan[column, OFFSETS] + 8 * row + 8, used + size)
                    if layout == RAW:
                        store_64(plan[column, POSITIONS] + 8 * row, base + at)
            elif layout == FIXED4:
                if length != 4:
                    status = BAD_WIDTH
                    break
                store_32(values + 4 * row, load_be_i32(data))
            elif layout == BOOL:
                if length != 1:
                    status = BAD_WIDTH
                    break
                byte = load_u8(data)
                if byte > 1:
                    status = BAD_VALUE
                    break
                store_8(values + row, byte)
            elif layout in (RANGED8, RANGED4):
                wide = layout == RANGED8
                if length != (8 if wide else 4):
                    status = BAD_WIDTH
                    break
                value = load_be_i64(data) if wide else load_be_i32(data)
                if plan[column, LOW] <= value <= plan[column, HIGH]:
                    value += plan[column, ADD]
                else:
                    policy = plan[column, POLICY]
                    if policy == ERROR or value < plan[column, FLOOR] or value > plan[column, CEILING]:
                        status = OUTSIDE
                        break
                    if policy == NULL:
                        store_8(plan[column, NULLS] + row, 1)
                        value = 0
                    elif value < plan[column, LOW]:
                        value = plan[column, CLAMP_LOW]
                    else:
                        value = plan[column, CLAMP_HIGH]
                if wide:
                    store_64(values + 8 * row, value)
                else:
                    store_32(values + 4 * row, value)
            elif layout == NUMERIC:
                outcome, value = decode_numeric(
                    data, length, plan[column, ADD], plan[column, HIGH], plan[column, POLICY]
                )
                if outcome != 0:
                    if outcome != 1:
                        status = OUTSIDE
                        break
                    store_8(plan[column, NULLS] + row, 1)
                store_64(values + 16 * row, value)
                store_64(values + 16 * row + 8, value >> 63)
            elif layout == FIXED2:
                if length != 2:
                    status = BAD_WIDTH
                    break
                store_16(values + 2 * row, load_be_i16(data))
            elif layout == FIXED16:
                if length != 16:
                    status = BAD_WIDTH
                    break
                store_64(values + 16 * row, load_i64(data))
                store_64(values + 16 * row + 8, load_i64(data + 8))
            else:
                if length != 1:
                    status = BAD_WIDTH
                    break
                store_8(values + row, load_u8(data))
            at += length
            column += 1
        if column < columns:
            if status >= BAD_LENGTH:
                position = at
            break
        position = at
        row += 1
    result[0] = position
    result[1] = row
    result[2] = column
    result[3] = detail
    return status
