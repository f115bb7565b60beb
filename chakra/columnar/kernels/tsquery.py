"""Kernels of tsquery: bytes to the text PostgreSQL writes, and back; no Python objects.

Wire layout (``src/backend/utils/adt/tsquery.c``, ``tsquerysend``): int32 number of items, then the items in Polish
order, the **right** operand of an operator before the left one. A lexeme is uint8 1, uint8 weights (bit 3 = A),
uint8 prefix, its bytes and a zero byte; an operator is uint8 2, uint8 operator, and behind <-> a uint16 distance.
Read from its end it is the text from its end, and postfix: so these kernels write both directions backwards and need
no tree.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chakra.columnar.buffers import AnyArray
from chakra.columnar.kernels._jit import (
    inner,
    kernel,
    load_be_i32,
    store_be_32,
)
from chakra.columnar.kernels.memory import copy_value
from chakra.columnar.kernels.textsearch import (
    BAD_COUNT,
    BAD_DISTANCE,
    BAD_END,
    BAD_ITEM,
    BAD_LEXEME,
    MOST_BYTES,
    MOST_DISTANCE,
    NO_CLOSE,
    NO_OPEN,
    NO_OPERAND,
    NO_OPERATOR,
    NO_QUERY,
    OK,
    TOO_LARGE,
    is_space,
    put_decimal,
    read_lexeme,
)

_i64: Any = np.int64  # as a global it costs nothing, and type checkers let the arithmetic be

# Operators on the wire (ts_type.h, OP_*); the stack of the encoder also holds parentheses, as 0.
NOT = 1
AND = 2
OR = 3
PHRASE = 4


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
            while at < end and is_space(_i64(text[at])):
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
