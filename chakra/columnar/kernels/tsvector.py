"""Kernels of tsvector: bytes to the text PostgreSQL writes, and back; no Python objects.

Wire layout (``src/backend/utils/adt/tsvector.c``, ``tsvectorsend``), big-endian: int32 number of lexemes, then for each
its bytes, a zero byte, uint16 number of positions, and the positions, uint16 each: two bits of weight (3 = A, 0 = D)
above 14 bits from 1 to 16383.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chakra.columnar.buffers import AnyArray
from chakra.columnar.kernels._jit import (
    inner,
    kernel,
    load_be_i32,
    load_be_u16,
    load_i64,
    load_u8,
    store_8,
    store_64,
    store_be_16,
    store_be_32,
    trailing_zeros,
    zero_bytes,
)
from chakra.columnar.kernels.textsearch import (
    AFTER_POSITION,
    BACKSLASHES,
    BAD_COUNT,
    BAD_END,
    BAD_LEXEME,
    BAD_POSITIONS,
    LAST_POSITION,
    MOST_BYTES,
    MOST_POSITIONS,
    NO_POSITION,
    OK,
    QUOTES,
    TOO_LARGE,
    ZERO_POSITION,
    is_space,
    put_decimal,
    read_lexeme,
)

_i64: Any = np.int64  # as a global it costs nothing, and type checkers let the arithmetic be


@kernel
def decode_vector(
    data: AnyArray, starts: AnyArray, lengths: AnyArray, offsets: AnyArray, out: AnyArray
) -> Any:
    """Write every tsvector as ``'word':1A,2 …`` (tsvector.c, tsvectorout).

    data: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL. offsets: int64[n + 1], result, bytes of out.
    out: uint8[], 7 bytes for every 2 of the values.
    Returns BAD_COUNT, BAD_LEXEME, BAD_POSITIONS or BAD_END.
    """
    base = data.ctypes.data
    target = out.ctypes.data
    at = 0
    offsets[0] = 0
    for row in range(starts.size):
        length = _i64(lengths[row])
        if length >= 0:
            source = starts[row]
            if length < 4 or source < 0 or source + length > data.size:
                return BAD_COUNT, row, source
            end = source + length
            count = load_be_i32(base + source)
            if count < 0 or count > (length - 4) // 3:
                return BAD_COUNT, row, source
            source += 4
            for i in range(count):
                if i > 0:
                    out[at] = 32
                    at += 1
                out[at] = 39
                at += 1
                while source < end:
                    if source + 8 <= data.size and at + 8 <= out.size:
                        word = load_i64(base + source)
                        store_64(target + at, word)
                        found = zero_bytes(word) | zero_bytes(word ^ QUOTES) | zero_bytes(word ^ BACKSLASHES)
                        plain = trailing_zeros(found) >> 3 if found != 0 else 8
                        source += plain
                        at += plain
                        if plain == 8 or source >= end:
                            continue
                    byte = load_u8(base + source)
                    if byte == 0:
                        break
                    if byte == 39 or byte == 92:
                        store_8(target + at, byte)
                        at += 1
                    store_8(target + at, byte)
                    at += 1
                    source += 1
                if end - source < 3:
                    return BAD_LEXEME, row, min(source, end)
                out[at] = 39
                at += 1
                positions = load_be_u16(base + source + 1)
                source += 3
                if end - source < 2 * positions:
                    return BAD_POSITIONS, row, source - 2
                for k in range(positions):
                    out[at] = 58 if k == 0 else 44
                    word = load_be_u16(base + source)
                    at = put_decimal(out, at + 1, word & 16383)
                    if word >= 16384:
                        out[at] = 68 - (word >> 14)
                        at += 1
                    source += 2
            if source != end:
                return BAD_END, row, source
        offsets[row + 1] = at
    return OK, 0, 0


@inner
def compare(out: AnyArray, a: int, b: int) -> Any:
    """Order of two lexemes, each with its zero byte: below, at or above 0 (ts_utils.h, tsCompareString)."""
    base = out.ctypes.data
    while max(a, b) + 8 <= out.size:
        word = load_i64(base + a)
        other = word ^ load_i64(base + b)
        zeros = zero_bytes(word)
        if other != 0:
            place = trailing_zeros(other) >> 3
            if zeros != 0 and trailing_zeros(zeros) >> 3 < place:
                return 0
            return load_u8(base + a + place) - load_u8(base + b + place)
        if zeros != 0:
            return 0
        a += 8
        b += 8
    while out[a] == out[b] and out[a] != 0:
        a += 1
        b += 1
    return _i64(out[a]) - _i64(out[b])


@inner
def sort(keys: AnyArray, spare: AnyArray, low: int, high: int, texts: int, out: AnyArray) -> None:
    """Merge sort of ``keys[low:high]``: numbers, or (texts = 1) lexemes that begin there in ``out``."""
    width = 1
    while width < high - low:
        for begin in range(low, high, 2 * width):
            middle = min(begin + width, high)
            stop = min(begin + 2 * width, high)
            a = begin
            b = middle
            for k in range(begin, stop):
                first = b == stop
                if not first and a < middle:
                    first = compare(out, keys[a], keys[b]) <= 0 if texts else keys[a] <= keys[b]
                if first:
                    spare[k] = keys[a]
                    a += 1
                else:
                    spare[k] = keys[b]
                    b += 1
        for k in range(low, high):
            keys[k] = spare[k]
        width *= 2


@inner
def put_positions(keys: AnyArray, low: int, high: int, out: AnyArray, to: int) -> Any:
    """Write sorted positions and their number, each once with its highest weight; returns the end.

    keys: int64[], 4 * position + weight. Source: tsvector.c, uniquePos.
    """
    count = 0
    for k in range(low, high):
        if count < MOST_POSITIONS and (k + 1 == high or keys[k + 1] >> 2 != keys[k] >> 2):
            store_be_16(out.ctypes.data + to + 2 + 2 * count, ((keys[k] & 3) << 14) | (keys[k] >> 2))
            count += 1
    store_be_16(out.ctypes.data + to, count)
    return to + 2 + 2 * count


@inner
def read_positions(text: AnyArray, at: int, end: int, keys: AnyArray, low: int) -> Any:
    """Read ``1A,2…`` into ``keys[low:]``, 4 * position + weight.

    Returns (status, position after them, end in keys, 1 = they are in order).
    """
    high = low
    ordered = 1
    while True:
        first = at
        value = 0
        while at < end and 48 <= text[at] <= 57:
            value = min(value * 10 + _i64(text[at]) - 48, LAST_POSITION)
            at += 1
        if at == first:
            return NO_POSITION, at, high, ordered
        if value == 0:
            return ZERO_POSITION, first, high, ordered
        weight = 0
        more = False
        while at < end and not is_space(_i64(text[at])) and not more:
            byte = _i64(text[at])
            letter = byte & 223  # upper case
            if byte == 44:
                more = True
            elif weight == 0 and (byte == 42 or letter == 65):
                weight = 3
            elif weight == 0 and (letter == 66 or letter == 67 or letter == 68):
                weight = 68 - letter
            elif byte < 48 or byte > 57:  # the server skips digits behind a weight
                return AFTER_POSITION, at, high, ordered
            at += 1
        keys[high] = 4 * value + weight
        if high > low and keys[high] <= keys[high - 1]:
            ordered = 0
        high += 1
        if not more:
            return OK, at, high, ordered


@inner
def merge(
    out: AnyArray, first: int, to: int, keys: AnyArray, spare: AnyArray, count: int, copy: AnyArray
) -> Any:
    """Sort ``count`` lexemes with positions in ``out[first:to]``, whose starts are in ``keys``; the same word once.

    copy: uint8[to - first] or more. Returns (lexemes, end of what was written). Source: tsvector.c, uniqueentry.
    """
    sort(keys, spare, 0, count, 1, out)
    size = 0
    kept = 0
    k = 0
    while k < count:
        word = keys[k]
        at = word
        while out[at] != 0:
            copy[size] = out[at]
            size += 1
            at += 1
        copy[size] = 0
        size += 1
        high = count
        while k < count and compare(out, keys[k], word) == 0:
            at = keys[k]
            while out[at] != 0:
                at += 1
            for p in range(load_be_u16(out.ctypes.data + at + 1)):
                value = load_be_u16(out.ctypes.data + at + 3 + 2 * p)
                keys[high] = ((value & 16383) << 2) | (value >> 14)
                high += 1
            k += 1
        sort(keys, spare, count, high, 0, out)
        size = put_positions(keys, count, high, copy, size)
        kept += 1
    for i in range(size):
        out[first + i] = copy[i]
    return kept, first + size


@inner
def memory(out: AnyArray, at: int, end: int) -> Any:
    """Bytes the server counts for the lexemes in ``out[at:end]`` (tsvector.c, uniqueentry)."""
    total = 0
    while at < end:
        while out[at] != 0:
            at += 1
            total += 1
        positions = load_be_u16(out.ctypes.data + at + 1)
        at += 3 + 2 * positions
        if positions > 0:
            total += total % 2 + 2 + 2 * positions
    return total


@kernel
def encode_vector(
    text: AnyArray,
    starts: AnyArray,
    lengths: AnyArray,
    keys: AnyArray,
    spare: AnyArray,
    copy: AnyArray,
    offsets: AnyArray,
    out: AnyArray,
) -> Any:
    """Read tsvectors as tsvectorin does: lexemes sorted, each once, positions in order.

    text: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL; longest = their maximum. keys, spare: int64[longest +
    2] and copy: uint8[4 * longest + 4], scratch. offsets: int64[n + 1], result, bytes of out. out: uint8[], 4 bytes a
    value and 4 for each byte of text.
    Returns a status of text; position: byte of ``text``.
    """
    to = 0
    offsets[0] = 0
    for row in range(starts.size):
        length = _i64(lengths[row])
        if length >= 0:
            at = starts[row]
            end = at + length
            first = to + 4
            to = first
            count = 0
            while True:
                while at < end and is_space(_i64(text[at])):
                    at += 1
                if at >= end:
                    break
                begin = to
                status, at, to = read_lexeme(text, at, end, 0, out, to)
                if status != OK:
                    return status, row, at
                out[to] = 0
                to += 1
                keys[count] = begin
                count += 1
                high = count
                if at < end and text[at] == 58:
                    status, at, high, sorted_ = read_positions(text, at + 1, end, keys, count)
                    if status != OK:
                        return status, row, at
                    if not sorted_:
                        sort(keys, spare, count, high, 0, out)
                to = put_positions(keys, count, high, out, to)
            # Not while reading: loads of what was just stored byte by byte wait, 6 ns a lexeme.
            ordered = 1
            while ordered < count and compare(out, keys[ordered - 1], keys[ordered]) < 0:
                ordered += 1
            if ordered < count:
                count, to = merge(out, first, to, keys, spare, count, copy)
            # In memory a tsvector is smaller than on the wire.
            if to - first > MOST_BYTES and memory(out, first, to) > MOST_BYTES:
                return TOO_LARGE, row, end
            store_be_32(out.ctypes.data + first - 4, count)
        offsets[row + 1] = to
    return OK, 0, 0
