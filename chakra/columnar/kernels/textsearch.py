"""Kernels of tsvector and tsquery: bytes to the text PostgreSQL writes, and back; no Python objects.

Wire layout of a tsvector (``src/backend/utils/adt/tsvector.c``, ``tsvectorsend``), big-endian: int32 number of
lexemes, then for each its bytes, a zero byte, uint16 number of positions, and the positions, uint16 each: two bits
of weight (3 = A, 0 = D) above 14 bits from 1 to 16383.

Wire layout of a tsquery (``tsquery.c``, ``tsquerysend``): int32 number of items, then the items in Polish order, the
**right** operand of an operator before the left one. A lexeme is uint8 1, uint8 weights (bit 3 = A), uint8 prefix, its
bytes and a zero byte; an operator is uint8 2, uint8 operator, and behind <-> a uint16 distance. Read from its end it
is the text from its end, and postfix: so these kernels write both directions backwards and need no tree.

Texts are what ``tsvectorin`` and ``tsqueryin`` take (``tsvector_parser.c``, ``gettoken_tsvector``; ``tsquery.c``,
``gettoken_query_standard``), words as they stand; white space is ASCII white space.

Every kernel returns ``(status, row, position)``; status 0 is success.
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
from chakra.columnar.kernels.memory import copy_value

_i64: Any = np.int64  # as a global it costs nothing, and type checkers let the arithmetic be

OK = 0

# Of bytes.
BAD_COUNT = 1  # shorter than its count, outside the data, or more items than bytes for them
BAD_LEXEME = 2  # no zero byte before the end
BAD_POSITIONS = 3  # more of them than bytes
BAD_END = 4  # bytes left behind the last item
BAD_ITEM = (
    5  # neither lexeme nor operator, unknown operator or flags, or the value ends before the last operand
)

# Of text.
EMPTY_LEXEME = 6
LONG_LEXEME = 7
OPEN_QUOTE = 8
OPEN_ESCAPE = 9
NO_POSITION = 10
ZERO_POSITION = 11
AFTER_POSITION = 12  # something other than a weight, a comma or white space
NO_OPERAND = 13
NO_OPERATOR = 14
NO_CLOSE = 15
NO_OPEN = 16
BAD_DISTANCE = 17
NO_QUERY = 18  # tsqueryrecv refuses the empty query that tsquerysend writes
TOO_LARGE = 19

LONGEST_LEXEME = 2046  # bytes; ts_type.h, MAXSTRLEN - 1
MOST_BYTES = 1048575  # of lexemes and positions in memory; ts_type.h, MAXSTRPOS
MOST_POSITIONS = 256  # of a lexeme, the others are dropped; ts_type.h, MAXNUMPOS
LAST_POSITION = 16383  # higher ones become this; ts_type.h, MAXENTRYPOS - 1
MOST_DISTANCE = 16384  # ts_type.h, MAXENTRYPOS

# Operators on the wire (ts_type.h, OP_*); the stack of the encoder also holds parentheses, as 0.
NOT = 1
AND = 2
OR = 3
PHRASE = 4


# Eight of a character in one word.
QUOTES = 0x2727272727272727
BACKSLASHES = 0x5C5C5C5C5C5C5C5C


@inner
def put_decimal(out: AnyArray, at: int, value: int) -> Any:
    """Write 0–99999 in decimal; returns the position after it."""
    if value >= 10:
        if value >= 100:
            if value >= 1000:
                if value >= 10000:
                    out[at] = 48 + value // 10000
                    at += 1
                out[at] = 48 + value // 1000 % 10
                at += 1
            out[at] = 48 + value // 100 % 10
            at += 1
        out[at] = 48 + value // 10 % 10
        at += 1
    out[at] = 48 + value % 10
    return at + 1


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


@kernel
def decode_query(
    data: AnyArray, starts: AnyArray, lengths: AnyArray, stack: AnyArray, offsets: AnyArray, out: AnyArray
) -> Any:
    """Write every tsquery as ``'a' & !( 'b' <-> 'c':*A )`` (tsquery.c, infix), the last value first.

    data: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL. stack: int64[], an entry for every 2 bytes of the
    longest value. offsets: int64[n + 1], result, bytes of out. out: uint8[], 7 bytes for every 2 of the values; the
    text is at its end.
    Returns BAD_COUNT, BAD_LEXEME, BAD_END or BAD_ITEM, of the first value that is malformed.
    """
    at = out.size
    n = starts.size
    status = OK
    bad_row = 0
    position = 0
    offsets[n] = at
    for back in range(n):
        row = n - 1 - back
        offsets[row] = at
        length = _i64(lengths[row])
        if length < 0:
            continue
        source = starts[row]
        if length < 4 or source < 0 or source + length > data.size:
            status, bad_row, position = BAD_COUNT, row, source
            continue
        end = source + length
        count = load_be_i32(data.ctypes.data + source)
        if count < 0 or count > (length - 4) // 2:
            status, bad_row, position = BAD_COUNT, row, source
            continue
        source += 4
        first = at
        found = OK
        depth = 0
        parent = -1  # priority of the operator above
        beside = 0  # 1 = the right operand of <->, where another <-> needs parentheses
        left = count  # items
        while left > 0:
            left -= 1
            if end - source < 2:
                found = BAD_ITEM
                break
            kind = data[source]
            code = _i64(data[source + 1])
            if kind == 2:
                if code < NOT or code > PHRASE or (code == PHRASE and end - source < 4):
                    found = BAD_ITEM
                    break
                # OP_PRIORITY of ts_type.h: | 1, & 2, <-> 3, ! 4
                priority = 4 if code == NOT else 3 if code == PHRASE else 4 - code
                distance = 0
                source += 2
                if code == PHRASE:
                    distance = (_i64(data[source]) << 8) | _i64(data[source + 1])
                    source += 2
                wrap = 1 if priority < parent or (code == PHRASE and beside == 1) else 0
                if wrap:
                    at -= 2
                    out[at] = 32
                    out[at + 1] = 41
                # Bits of an entry: 0-2 operator, 3 in parentheses, 4 its right operand is written, 8- distance.
                stack[depth] = code | (wrap << 3) | (distance << 8)
                depth += 1
                parent = priority
                beside = 1 if code == PHRASE else 0
                continue
            if kind != 1 or code > 15 or end - source < 4 or data[source + 2] > 1:
                found = BAD_ITEM
                break
            if code != 0 or data[source + 2] == 1:
                for k in range(4):  # D, C, B, A from the end
                    if (code >> k) & 1:
                        at -= 1
                        out[at] = 68 - k
                if data[source + 2] == 1:
                    at -= 1
                    out[at] = 42
                at -= 1
                out[at] = 58
            source += 3
            final = source
            escapes = 0
            while final < end and data[final] != 0:
                escapes += 1 if data[final] == 39 or data[final] == 92 else 0
                final += 1
            if final == end:
                found = BAD_LEXEME
                break
            size = final - source
            at -= size + escapes + 2
            out[at] = 39
            out[at + size + escapes + 1] = 39
            if escapes == 0:
                copy_value(out.ctypes.data + at + 1, data.ctypes.data + source, size)
            else:
                to = at + 1
                for k in range(source, final):
                    if data[k] == 39 or data[k] == 92:
                        out[to] = data[k]
                        to += 1
                    out[to] = data[k]
                    to += 1
            source = final + 1
            # The operators that this operand completes.
            open_operator = False
            while depth > 0 and not open_operator:
                entry = stack[depth - 1]
                code = entry & 7
                if code == NOT:
                    at -= 1
                    out[at] = 33
                elif entry & 16 == 0:
                    stack[depth - 1] = entry | 16
                    at -= 1
                    out[at] = 32
                    distance = entry >> 8
                    if code != PHRASE:
                        at -= 1
                        out[at] = 38 if code == AND else 124
                    elif distance == 1:
                        at -= 3
                        out[at] = 60
                        out[at + 1] = 45
                        out[at + 2] = 62
                    else:
                        digits = (
                            1
                            + (1 if distance >= 10 else 0)
                            + (1 if distance >= 100 else 0)
                            + (1 if distance >= 1000 else 0)
                            + (1 if distance >= 10000 else 0)
                        )
                        at -= digits + 2
                        out[at] = 60
                        put_decimal(out, at + 1, distance)
                        out[at + digits + 1] = 62
                    at -= 1
                    out[at] = 32
                    parent = 3 if code == PHRASE else 4 - code
                    beside = 0
                    open_operator = True
                    continue
                if entry & 8:
                    at -= 2
                    out[at] = 40
                    out[at + 1] = 32
                depth -= 1
            if depth == 0:
                break
        if found == OK and (left > 0 or source != end):
            found = BAD_END
        elif found == OK and depth > 0:
            found = BAD_ITEM
        if found != OK:
            status, bad_row, position = found, row, source
            at = first
        offsets[row] = at
    return status, bad_row, position


@inner
def is_space(byte: int) -> bool:
    """ASCII white space (src/common/wchar.c does not matter: servers in UTF-8 split at nothing else)."""
    return byte == 32 or 9 <= byte <= 13


@inner
def is_operator(byte: int) -> bool:
    """``! & ( ) < |`` (ts_utils.h, ISOPERATOR)."""
    return byte == 33 or byte == 38 or byte == 40 or byte == 41 or byte == 60 or byte == 124


@inner
def read_lexeme(text: AnyArray, at: int, end: int, query: int, out: AnyArray, to: int) -> Any:
    """Read a word, quoted or not, and write what it stands for at ``out[to:]``.

    query: 1 = operators end a word that is not quoted.
    Returns (status, position after the word, end of what was written).
    """
    first = to
    quoted = text[at] == 39
    if quoted:
        at += 1
    while True:
        if quoted and at + 8 <= end and to + 8 <= out.size:
            word = load_i64(text.ctypes.data + at)
            store_64(out.ctypes.data + to, word)
            found = zero_bytes(word ^ QUOTES) | zero_bytes(word ^ BACKSLASHES)
            plain = trailing_zeros(found) >> 3 if found != 0 else 8
            at += plain
            to += plain
            if to - first > LONGEST_LEXEME:
                return LONG_LEXEME, at, to
            if plain == 8:
                continue
        if at >= end:
            if quoted:
                return OPEN_QUOTE, at, to
            break
        byte = text[at]
        if byte == 92:
            at += 1
            if at >= end:
                return OPEN_ESCAPE, at, to
            byte = text[at]
        elif quoted:
            if byte == 39:
                at += 1
                if at >= end or text[at] != 39:
                    break
        elif is_space(byte) or (byte == 58 and to > first) or (query and is_operator(byte)):
            break
        if to - first == LONGEST_LEXEME:
            return LONG_LEXEME, at, to
        out[to] = byte
        to += 1
        at += 1
    if to == first:
        return EMPTY_LEXEME, at, to
    return OK, at, to


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
        while at < end and not is_space(text[at]) and not more:
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
                while at < end and is_space(text[at]):
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


@inner
def put_operator(out: AnyArray, to: int, entry: int) -> Any:
    """Write an operator that ends before ``out[to]``; returns where it begins. entry: operator, bits 8- distance."""
    if entry & 7 == PHRASE:
        to -= 2
        out[to] = entry >> 16
        out[to + 1] = (entry >> 8) & 255
    to -= 2
    out[to] = 2
    out[to + 1] = entry & 7
    return to


@kernel
def encode_query(
    text: AnyArray,
    starts: AnyArray,
    lengths: AnyArray,
    stack: AnyArray,
    word: AnyArray,
    offsets: AnyArray,
    out: AnyArray,
) -> Any:
    """Read tsqueries as tsqueryin does, the last value first: postfix, written backwards.

    text: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL. stack: int64[], an entry for each byte of the longest
    text. word: uint8[LONGEST_LEXEME]. offsets: int64[n + 1], result, bytes of out. out: uint8[], 4 bytes a value and 5
    for each byte of text; the values are at its end.
    Returns a status of text, of the first value that is refused; position: byte of ``text``.
    """
    to = out.size
    n = starts.size
    bad = OK
    bad_row = 0
    position = 0
    offsets[n] = to
    for back in range(n):
        row = n - 1 - back
        offsets[row] = to
        length = _i64(lengths[row])
        if length < 0:
            continue
        at = starts[row]
        end = at + length
        last = to
        status = OK
        depth = 0
        count = 0
        total = 0  # bytes of lexemes
        operand = True  # what is expected; else an operator, a closing parenthesis or the end
        while True:
            while at < end and is_space(text[at]):
                at += 1
            if at >= end:
                break
            byte = text[at]
            if operand:
                if byte == 33 or byte == 40:
                    stack[depth] = NOT if byte == 33 else 0
                    depth += 1
                    at += 1
                    continue
                if byte == 58 or byte == 38 or byte == 124 or byte == 41 or byte == 60:
                    status = NO_OPERAND
                    break
                status, at, size = read_lexeme(text, at, end, 1, word, 0)
                if status != OK:
                    break
                weights = 0
                prefix = 0
                if at < end and text[at] == 58:
                    at += 1
                    flag = True
                    while at < end and flag:
                        letter = _i64(text[at]) & 223
                        if text[at] == 42:
                            prefix = 1
                        elif 65 <= letter <= 68:
                            weights |= 8 >> (letter - 65)
                        else:
                            flag = False
                        if flag:
                            at += 1
                to -= size + 4
                out[to] = 1
                out[to + 1] = weights
                out[to + 2] = prefix
                for k in range(size):
                    out[to + 3 + k] = word[k]
                out[to + 3 + size] = 0
                count += 1
                total += size + 1
                operand = False
                continue
            entry = 0
            if byte == 38 or byte == 124:
                entry = AND if byte == 38 else OR
                at += 1
            elif byte == 60:
                distance = 0
                at += 1
                if at < end and text[at] == 45:
                    distance = 1
                    at += 1
                else:
                    begin = at
                    while at < end and 48 <= text[at] <= 57:
                        distance = min(distance * 10 + _i64(text[at]) - 48, MOST_DISTANCE + 1)
                        at += 1
                    if at == begin or distance > MOST_DISTANCE:
                        status = BAD_DISTANCE
                        break
                if at >= end or text[at] != 62:
                    status = BAD_DISTANCE
                    break
                at += 1
                entry = PHRASE | (distance << 8)
            elif byte != 41:
                status = NO_OPERATOR
                break
            # Operators of the same or a higher priority (! 4, <-> 3, & 2, | 1) come first.
            code = entry & 7
            priority = 0 if entry == 0 else 3 if code == PHRASE else 4 - code
            while depth > 0 and stack[depth - 1] != 0:
                above = stack[depth - 1] & 7
                if (4 if above == NOT else 3 if above == PHRASE else 4 - above) < priority:
                    break
                depth -= 1
                to = put_operator(out, to, stack[depth])
                count += 1
            if entry == 0:
                if depth == 0:
                    status = NO_OPEN
                    break
                depth -= 1
                at += 1
            else:
                stack[depth] = entry
                depth += 1
                operand = True
        if status == OK and operand:
            status = NO_QUERY if count == 0 and depth == 0 else NO_OPERAND
        while status == OK and depth > 0:
            depth -= 1
            if stack[depth] == 0:
                status = NO_CLOSE
            else:
                to = put_operator(out, to, stack[depth])
                count += 1
        if status == OK and total > MOST_BYTES:
            status = TOO_LARGE
        if status != OK:
            bad, bad_row, position = status, row, at
            to = last
        else:
            to -= 4
            store_be_32(out.ctypes.data + to, count)
        offsets[row] = to
    return bad, bad_row, position
