"""Kernels of ``numeric`` as text and as float64, both ways; the layout is told in ``numeric.py``.

Every kernel returns ``(status, row, position)``; status 0 is success.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chakra.columnar.buffers import AnyArray
from chakra.columnar.kernels._jit import inner, kernel
from chakra.columnar.kernels.numeric import (
    BAD_DIGIT,
    BAD_LENGTH,
    BAD_SIGN,
    BAD_TEXT,
    OK,
    TOO_WIDE,
    finish,
    head,
    power,
    put16,
    width,
)

_i64: Any = np.int64  # as a global it costs nothing, and type checkers let the arithmetic be

_TEXT_NAN = np.frombuffer(b"NaN", np.uint8)
_TEXT_INFINITY = np.frombuffer(b"-Infinity", np.uint8)


@kernel
def decode_float64(data: AnyArray, starts: AnyArray, lengths: AnyArray, out: AnyArray, slow: AnyArray) -> Any:
    """Decode to float64 where that takes one correctly rounded operation, and mark the other rows.

    data: uint8[]. starts: int64[n]. lengths: int32[n]. out: float64[n], NULL = 0. slow: uint8[n], 1 = the
    caller must convert this row through text: its digits pass 2^53 or its power of ten passes 10^22, the
    largest a float64 holds exactly.
    Returns BAD_LENGTH, BAD_SIGN or BAD_DIGIT with row and position.
    """
    for row in range(starts.size):
        length = _i64(lengths[row])
        slow[row] = 0
        out[row] = 0.0
        if length < 0:
            continue
        start = starts[row]
        ndigits, weight, sign, _ = head(data, start, length)
        if ndigits < 0:
            return BAD_LENGTH, row, start
        if sign != 0 and sign != 0x4000:
            if sign == 0xC000:
                out[row] = np.nan
            elif sign == 0xD000:
                out[row] = np.inf
            elif sign == 0xF000:
                out[row] = -np.inf
            else:
                return BAD_SIGN, row, start
            continue
        whole = 0
        for i in range(ndigits):
            at = start + 8 + 2 * i
            digit = (_i64(data[at]) << 8) | _i64(data[at + 1])
            if digit > 9999:
                return BAD_DIGIT, row, start
            if i < 4:
                whole = whole * 10000 + digit
        exponent = 4 * (weight - ndigits + 1)
        if ndigits == 0:
            continue
        if ndigits > 4 or whole > 9007199254740992 or exponent < -22 or exponent > 22:
            slow[row] = 1
            continue
        scaled = np.float64(whole)
        factor = 1.0
        for _ in range(abs(exponent)):
            factor *= 10.0
        if exponent < 0:
            scaled /= factor
        else:
            scaled *= factor
        out[row] = -scaled if sign == 0x4000 else scaled
    return OK, 0, 0


@kernel
def text_sizes(data: AnyArray, starts: AnyArray, lengths: AnyArray, offsets: AnyArray) -> Any:
    """Bytes of each value as ``numeric_out`` writes it, summed up: offsets int64[n + 1]; NULL takes none."""
    offsets[0] = 0
    for row in range(starts.size):
        length = _i64(lengths[row])
        if length < 0:
            offsets[row + 1] = offsets[row]
            continue
        start = starts[row]
        ndigits, weight, sign, dscale = head(data, start, length)
        if ndigits < 0:
            return BAD_LENGTH, row, start
        size = 0
        if sign == 0xC000:
            size = 3
        elif sign == 0xD000:
            size = 8
        elif sign == 0xF000:
            size = 9
        elif sign == 0 or sign == 0x4000:
            size = 1
            if ndigits > 0 and weight >= 0:
                first = (_i64(data[start + 8]) << 8) | _i64(data[start + 9])
                if first > 9999 or first == 0:
                    return BAD_DIGIT, row, start
                size = width(first) + 4 * weight
            if dscale > 0:
                size += 1 + dscale
            if sign == 0x4000:
                size += 1
        else:
            return BAD_SIGN, row, start
        offsets[row + 1] = offsets[row] + size
    return OK, 0, 0


@inner
def group(data: AnyArray, start: int, ndigits: int, i: int) -> Any:
    """Digit group ``i`` of a value, 0 outside of what is stored."""
    if i < 0 or i >= ndigits:
        return 0
    at = start + 8 + 2 * i
    return (_i64(data[at]) << 8) | _i64(data[at + 1])


@kernel
def decode_text(data: AnyArray, starts: AnyArray, lengths: AnyArray, offsets: AnyArray, out: AnyArray) -> Any:
    """Write each value as ``numeric_out`` does; offsets from ``text_sizes``, out: uint8[offsets[n]]."""
    for row in range(starts.size):
        length = _i64(lengths[row])
        if length < 0:
            continue
        start = starts[row]
        to = offsets[row]
        ndigits, weight, sign, dscale = head(data, start, length)
        if ndigits < 0:
            return BAD_LENGTH, row, start
        if sign == 0xC000:
            for k in range(3):
                out[to + k] = _TEXT_NAN[k]
            continue
        if sign == 0xD000 or sign == 0xF000:
            skip = 1 if sign == 0xD000 else 0
            for k in range(skip, 9):
                out[to + k - skip] = _TEXT_INFINITY[k]
            continue
        if sign == 0x4000:
            out[to] = 45
            to += 1
        if ndigits == 0 or weight < 0:
            out[to] = 48
            to += 1
        else:
            for i in range(weight + 1):
                digit = group(data, start, ndigits, i)
                if digit > 9999:
                    return BAD_DIGIT, row, start
                unit = 1000
                places = width(digit) if i == 0 else 4
                for k in range(4):
                    if 4 - k <= places:
                        out[to] = 48 + digit // unit % 10
                        to += 1
                    unit //= 10
        if dscale > 0:
            out[to] = 46
            to += 1
            for k in range(dscale):
                digit = group(data, start, ndigits, weight + 1 + k // 4)
                if digit > 9999:
                    return BAD_DIGIT, row, start
                place = k % 4
                if place == 0:
                    digit //= 1000
                elif place == 1:
                    digit //= 100
                elif place == 2:
                    digit //= 10
                out[to] = 48 + digit % 10
                to += 1
    return OK, 0, 0


@inner
def lower(byte: Any) -> Any:
    """An ASCII letter in lower case."""
    return byte + 32 if 65 <= byte <= 90 else byte


@inner
def special(text: AnyArray, at: int, end: int) -> Any:
    """Sign word of ``nan``, ``[+-]inf``, ``[+-]infinity`` in any case; -1 = none of them."""
    sign = 0
    if at < end and (text[at] == 43 or text[at] == 45):
        sign = 1 if text[at] == 43 else 2
        at += 1
    size = end - at
    nan = size == 3 and sign == 0 and lower(text[at]) == 110
    if nan and lower(text[at + 1]) == 97 and lower(text[at + 2]) == 110:
        return 0xC000
    if size == 3 or size == 8:
        for k in range(size):
            if lower(text[at + k]) != lower(_TEXT_INFINITY[k + 1]):
                return -1
        return 0xF000 if sign == 2 else 0xD000
    return -1


@kernel
def encode_text(
    text: AnyArray,
    starts: AnyArray,
    lengths: AnyArray,
    precision: int,
    scale: int,
    exact: bool,
    groups: AnyArray,
    offsets: AnyArray,
    out: AnyArray,
    sizes: AnyArray,
) -> Any:
    """Encode numbers written as text: ``[+-]digits[.digits][e[+-]digits]``, ``NaN``, ``[+-]Infinity``.

    text: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL. precision, scale, exact: as in
    ``encode_decimal``; an infinity does not fit a precision. groups: int64[longest / 4 + 4], scratch.
    offsets: int64[n + 1], room for 16 + lengths[i] bytes each. out: uint8[]. sizes: int32[n], bytes written, -1 = NULL.
    Returns BAD_TEXT, TOO_WIDE or INEXACT with row and position. Source: numeric.c, numeric_in,
    set_var_from_str.
    """
    for row in range(starts.size):
        if lengths[row] < 0:
            sizes[row] = -1
            continue
        at = starts[row]
        end = at + _i64(lengths[row])
        while at < end and (text[at] == 32 or 9 <= text[at] <= 13):
            at += 1
        while end > at and (text[end - 1] == 32 or 9 <= text[end - 1] <= 13):
            end -= 1
        to = offsets[row]
        word = special(text, at, end)
        if word >= 0:
            if precision > 0 and word != 0xC000:
                return TOO_WIDE, row, at
            put16(out, to, 0)
            put16(out, to + 2, 0)
            put16(out, to + 4, word)
            put16(out, to + 6, 0)
            sizes[row] = 8
            continue
        negative = False
        if at < end and (text[at] == 43 or text[at] == 45):
            negative = text[at] == 45
            at += 1
        first = at
        before = 0
        after = 0
        point = False
        while at < end:
            if text[at] == 46:
                if point:
                    return BAD_TEXT, row, at
                point = True
            elif 48 <= text[at] <= 57:
                if point:
                    after += 1
                else:
                    before += 1
            else:
                break
            at += 1
        stop = at
        if before + after == 0:
            return BAD_TEXT, row, at
        exponent = 0
        if at < end:
            if lower(text[at]) != 101:
                return BAD_TEXT, row, at
            at += 1
            down = False
            if at < end and (text[at] == 43 or text[at] == 45):
                down = text[at] == 45
                at += 1
            if at == end:
                return BAD_TEXT, row, at
            while at < end:
                if text[at] < 48 or text[at] > 57:
                    return BAD_TEXT, row, at
                exponent = exponent * 10 + _i64(text[at]) - 48
                if exponent > 200000:
                    return TOO_WIDE, row, at
                at += 1
            if down:
                exponent = -exponent
        after -= exponent  # places after the point of the last digit written; negative = zeros follow it
        partial = after % 4
        low = -(after // 4) - (1 if partial else 0)
        place = (4 - partial) % 4  # decimal place of the last digit inside its group
        count = 0
        groups[0] = 0
        unit = power(place)
        at = stop - 1
        while at >= first:
            if text[at] != 46:
                groups[count] += (_i64(text[at]) - 48) * unit
                unit *= 10
                if unit == 10000:
                    count += 1
                    groups[count] = 0
                    unit = 1
            at -= 1
        status, length = finish(
            groups, count + 1, low, negative, max(after, 0), precision, scale, exact, out, to
        )
        if status != OK:
            return status, row, first
        sizes[row] = length
    return OK, 0, 0
