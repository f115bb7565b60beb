"""What the kernels of tsvector and tsquery share: statuses, limits, and words as the server's parser reads them.

Texts are what ``tsvectorin`` and ``tsqueryin`` take (``src/backend/utils/adt/tsvector_parser.c``,
``gettoken_tsvector``; ``tsquery.c``, ``gettoken_query_standard``), words as they stand; white space is ASCII white
space. Other white space, not quoted, is refused: the server asks ``iswspace`` of the database's locale.

Every kernel returns ``(status, row, position)``; status 0 is success.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chakra.columnar.buffers import AnyArray
from chakra.columnar.kernels._jit import (
    inner,
    load_i64,
    store_64,
    trailing_zeros,
    zero_bytes,
)

_i64: Any = np.int64  # as a global it costs nothing, and type checkers let the arithmetic be

OK = 0

# Of bytes.
BAD_COUNT = 1  # shorter than its count, outside the data, or more items than bytes for them
BAD_LEXEME = 2  # no zero byte before the end
BAD_POSITIONS = 3  # more of them than bytes
BAD_END = 4  # bytes left behind the last item
BAD_ITEM = 5  # neither lexeme nor operator, unknown operator or flags, or an operand is missing

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
OTHER_SPACE = 20

LONGEST_LEXEME = 2046  # bytes; ts_type.h, MAXSTRLEN - 1
MOST_BYTES = 1048575  # of lexemes and positions in memory; ts_type.h, MAXSTRPOS
MOST_POSITIONS = 256  # of a lexeme, the others are dropped; ts_type.h, MAXNUMPOS
LAST_POSITION = 16383  # higher ones become this; ts_type.h, MAXENTRYPOS - 1
MOST_DISTANCE = 16384  # ts_type.h, MAXENTRYPOS

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


@inner
def is_space(byte: int) -> bool:
    """ASCII white space."""
    return byte == 32 or 9 <= byte <= 13


@inner
def is_other_space(text: AnyArray, at: int, end: int) -> bool:
    """A character of three bytes that ``iswspace`` of the C library takes for white space in locales other than C:
    U+1680, U+2000–2006, U+2008–200A, U+2028, U+2029, U+205F, U+3000.
    """
    lead = text[at]
    if lead < 0xE1 or lead > 0xE3 or at + 3 > end:
        return False
    code = (_i64(lead & 15) << 12) | (_i64(text[at + 1] & 63) << 6) | _i64(text[at + 2] & 63)
    if 0x2000 <= code <= 0x200A:
        return bool(code != 0x2007)
    return bool(code == 0x3000 or code == 0x2028 or code == 0x2029 or code == 0x205F or code == 0x1680)


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
        elif byte >= 0xE1 and is_other_space(text, at, end):
            return OTHER_SPACE, at, to
        if to - first == LONGEST_LEXEME:
            return LONG_LEXEME, at, to
        out[to] = byte
        to += 1
        at += 1
    if to == first:
        return EMPTY_LEXEME, at, to
    return OK, at, to
