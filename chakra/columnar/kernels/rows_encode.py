"""The hot kernel of writing: Arrow buffers to COPY BINARY tuples in one pass, row by row; no Python objects.

The format is in ``rows_decode``. ``plan`` is int64[columns, WIDTH]: where each column's buffers are, and what
its values must satisfy. A refused value is only reported; its family says what is wrong with it.
"""

from __future__ import annotations

from chakra.columnar.buffers import I64
from chakra.columnar.kernels._jit import (
    copy_bytes,
    inner,
    kernel,
    load_i16,
    load_i32,
    load_i64,
    load_u8,
    store_8,
    store_64,
    store_be_16,
    store_be_32,
    store_be_64,
    zero_bytes,
)
from chakra.columnar.kernels.rows_decode import find_bad_utf8

# Layouts of the source.
RAW = 0  # wire bytes: address of int64 starts at OFFSETS, of int32 lengths at LENGTHS (-1 = NULL)
FIXED2 = 2
BOOL = 3  # bits
FIXED4 = 4
NARROW = 5  # bytes with int32 offsets
LARGE = 6  # bytes with int64 offsets
VIEW = 7  # 16-byte views; OFFSETS = address of int64[], the addresses of the variadic buffers
FIXED8 = 8
ALL_NULL = 9
FIXED16 = 16

# Columns of the plan. Addresses stand at row 0 of the batch, a slice's offset applied; bits have their own.
LAYOUT = 0
VALUES = 1
VALID = 2  # address of the validity bitmap, 0 = no NULL
VALID_BIT = 3  # bit of row 0
OFFSETS = 4
LENGTHS = 5
ADD = 6  # added to FIXED4 and FIXED8
LOW = 7  # the sum must lie in [LOW, HIGH] if RANGED
HIGH = 8
RANGED = 9
REQUIRED = 10  # NULL is refused
TEXT = 11  # must be UTF-8 without NUL
CHARACTERS = 12  # TEXT of at most so many characters, spaces at the end aside; 0 = any
PREFIX = 13  # bytes 0x01 in front (jsonb's version)
BITS = 14  # bit of row 0 in VALUES of BOOL
WIDTH = 16

# Statuses.
DONE = 0  # all rows are written
SPACE = 1  # the output is full; result[2] = bytes the next row needs at least
REFUSED = 2  # row result[0], column result[2]: the value does not fit
MISSING = 3  # NULL in a REQUIRED column

MAX_FIELD = 0x3FFFFFFF
HIGH_BITS = -0x7F7F7F7F7F7F7F80


@inner
def is_text(address: int, size: int, characters: int) -> bool:
    """UTF-8, no NUL byte, at most ``characters`` characters (0 = any; spaces at the end do not count)."""
    at = 0
    plain = True
    while at + 8 <= size:
        word = load_i64(address + at)
        if (word & HIGH_BITS) | zero_bytes(word) != 0:  # words with high bits take the slow way
            plain = False
            break
        at += 8
    if plain:
        while at < size:
            byte = load_u8(address + at)
            if byte == 0 or byte > 127:
                plain = False
                break
            at += 1
    if not plain:
        for k in range(at, size):
            if load_u8(address + k) == 0:
                return False
        if find_bad_utf8(address, size) >= 0:
            return False
    if characters > 0 and size > characters:
        while size > 0 and load_u8(address + size - 1) == 32:
            size -= 1
        count = 0
        for k in range(size):
            if load_u8(address + k) & 0xC0 != 0x80:
                count += 1
        if count > characters:
            return False
    return True


@kernel
def encode_rows(
    plan: I64,
    columns: int,
    row: int,
    end: int,
    target: int,
    position: int,
    capacity: int,
    result: I64,
) -> int:
    """Write rows ``row`` to ``end`` until they are done or the output is full.

    plan: int64[columns, WIDTH], see above. target: address of the output. position: first byte to write.
    capacity: bytes at target. result: int64[3], on return row reached, bytes written, column or detail.
    Returns a status from above; rows before result[0] are whole.
    """
    status = DONE
    detail = 0
    while row < end:
        at = position
        if capacity - at < 2 + 4 * columns:
            status = SPACE
            detail = 2 + 4 * columns
            break
        store_be_16(target + at, columns)
        at += 2
        column = 0
        while column < columns:
            layout = plan[column, LAYOUT]
            bitmap = plan[column, VALID]
            null = layout == ALL_NULL
            if bitmap != 0:
                bit = plan[column, VALID_BIT] + row
                null = (load_u8(bitmap + (bit >> 3)) >> (bit & 7)) & 1 == 0
            size = 0
            source = 0
            if layout == RAW:
                size = load_i32(plan[column, LENGTHS] + 4 * row)
                null = size < 0
            if null:
                if plan[column, REQUIRED] != 0:
                    status = MISSING
                    detail = column
                    break
                if capacity - at < 4:
                    status = SPACE
                    detail = at - position + 4
                    break
                store_be_32(target + at, -1)
                at += 4
                column += 1
                continue
            values = plan[column, VALUES]
            if layout in (FIXED8, FIXED4):
                if capacity - at < 12:
                    status = SPACE
                    detail = at - position + 12
                    break
                wide = layout == FIXED8
                value = load_i64(values + 8 * row) if wide else load_i32(values + 4 * row)
                if plan[column, RANGED] != 0:
                    if value < plan[column, LOW] or value > plan[column, HIGH]:
                        status = REFUSED
                        detail = column
                        break
                    value += plan[column, ADD]
                if wide:
                    store_be_32(target + at, 8)
                    store_be_64(target + at + 4, value)
                    at += 12
                else:
                    store_be_32(target + at, 4)
                    store_be_32(target + at + 4, value)
                    at += 8
                column += 1
                continue
            if layout == BOOL:
                if capacity - at < 5:
                    status = SPACE
                    detail = at - position + 5
                    break
                bit = plan[column, BITS] + row
                store_be_32(target + at, 1)
                store_8(target + at + 4, (load_u8(values + (bit >> 3)) >> (bit & 7)) & 1)
                at += 5
                column += 1
                continue
            if layout == FIXED2:
                if capacity - at < 6:
                    status = SPACE
                    detail = at - position + 6
                    break
                store_be_32(target + at, 2)
                store_be_16(target + at + 4, load_i16(values + 2 * row))
                at += 6
                column += 1
                continue
            # Everything else is bytes to copy.
            if layout == RAW:
                source = values + load_i64(plan[column, OFFSETS] + 8 * row)
            elif layout == NARROW:
                offset = load_i32(plan[column, OFFSETS] + 4 * row)
                size = load_i32(plan[column, OFFSETS] + 4 * row + 4) - offset
                source = values + offset
            elif layout == LARGE:
                offset = load_i64(plan[column, OFFSETS] + 8 * row)
                size = load_i64(plan[column, OFFSETS] + 8 * row + 8) - offset
                source = values + offset
            elif layout == VIEW:
                view = values + 16 * row
                size = load_i32(view)
                if size <= 12:
                    source = view + 4
                else:
                    source = load_i64(plan[column, OFFSETS] + 8 * load_i32(view + 8)) + load_i32(view + 12)
            else:
                size = 16
                source = values + 16 * row
            prefix = plan[column, PREFIX]
            if size + prefix > MAX_FIELD:
                status = REFUSED
                detail = column
                break
            if capacity - at < 4 + prefix + size:
                status = SPACE
                detail = at - position + 4 + prefix + size
                break
            if plan[column, TEXT] != 0 and not is_text(source, size, plan[column, CHARACTERS]):
                status = REFUSED
                detail = column
                break
            store_be_32(target + at, prefix + size)
            at += 4
            if prefix != 0:
                store_8(target + at, 1)
                at += 1
            if size <= 64:
                k = 0
                while k + 8 <= size:
                    store_64(target + at + k, load_i64(source + k))
                    k += 8
                while k < size:
                    store_8(target + at + k, load_u8(source + k))
                    k += 1
            else:
                copy_bytes(target + at, source, size)
            at += size
            column += 1
        if column < columns:
            break
        position = at
        row += 1
    result[0] = row
    result[1] = position
    result[2] = detail
    return status
