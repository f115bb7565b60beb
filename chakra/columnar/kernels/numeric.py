"""Kernels of ``numeric``: base-10000 digits on the wire to decimals, floats and text, and back; no Python objects.

Wire layout (``src/backend/utils/adt/numeric.c``, ``numeric_send``), all big-endian int16: ``ndigits``, ``weight``,
``sign``, ``dscale``, then ``ndigits`` digits of 0–9999; the value is the sum of ``digit[i] * 10000^(weight - i)``.
``sign`` is 0x0000 (+), 0x4000 (-), 0xC000 (NaN), 0xD000 (Infinity), 0xF000 (-Infinity).

Every kernel returns ``(status, row, position)``; status 0 is success.
"""

from __future__ import annotations

import numpy as np

from chakra.columnar.kernels._jit import kernel

OK = 0
BAD_LENGTH = 1  # header missing, or ndigits disagrees with the length, or outside the buffer
BAD_SIGN = 2
BAD_DIGIT = 3  # a digit above 9999
SPECIAL = 4  # NaN or an infinity, which the policy does not let through
TOO_WIDE = 5  # more digits than the precision
INEXACT = 6  # non-zero digits after the scale
BAD_TEXT = 7  # not a number

ERROR = 0  # infinity policies
NULL = 1
CLAMP = 2

_SHIFT = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_TEN = np.uint64(10)
_BASE = np.uint64(10000)
_TEXT_NAN = np.frombuffer(b"NaN", np.uint8)
_TEXT_INFINITY = np.frombuffer(b"-Infinity", np.uint8)


@kernel
def head(data, start, length):
    """Header of one value: (ndigits, weight, sign, dscale); ndigits -1 = malformed length."""
    if start < 0 or length < 8 or start + length > data.size:
        return -1, 0, 0, 0
    ndigits = (np.int64(data[start]) << 8) | np.int64(data[start + 1])
    weight = (np.int64(data[start + 2]) << 8) | np.int64(data[start + 3])
    if weight >= 32768:
        weight -= 65536
    sign = (np.int64(data[start + 4]) << 8) | np.int64(data[start + 5])
    dscale = (np.int64(data[start + 6]) << 8) | np.int64(data[start + 7])
    if ndigits * 2 + 8 != length:
        return -1, 0, 0, 0
    return ndigits, weight, sign, dscale


@kernel
def width(digit):
    """Decimal digits of 1–9999."""
    if digit >= 100:
        return 4 if digit >= 1000 else 3
    return 2 if digit >= 10 else 1


@kernel
def power(exponent):
    """10**exponent as int64, exponent 0–18."""
    value = 1
    for _ in range(exponent):
        value *= 10
    return value


@kernel
def to_int64(data, start, length, precision, scale):
    """One finite value as ``value * 10**scale`` in an int64: (status, result); precision at most 18."""
    ndigits, weight, sign, _ = head(data, start, length)
    if ndigits < 0:
        return BAD_LENGTH, 0
    if sign != 0 and sign != 0x4000:
        return (SPECIAL if sign == 0xC000 or sign == 0xD000 or sign == 0xF000 else BAD_SIGN), 0
    exponent = 4 * weight + scale  # of the digit at hand, in units of the result's last place
    position = start + 8
    end = start + length
    result = 0
    started = False
    while position < end and exponent >= 0:
        digit = (np.int64(data[position]) << 8) | np.int64(data[position + 1])
        if digit > 9999:
            return BAD_DIGIT, 0
        if not started and digit != 0:
            if width(digit) + exponent > precision:
                return TOO_WIDE, 0
            started = True
        result = result * 10000 + digit
        position += 2
        exponent -= 4
    if started:
        exponent += 4
        while exponent >= 4:
            result *= 10000
            exponent -= 4
        if exponent == 1:
            result *= 10
        elif exponent == 2:
            result *= 100
        elif exponent == 3:
            result *= 1000
        exponent -= 4
    if position < end:
        digit = (np.int64(data[position]) << 8) | np.int64(data[position + 1])
        if digit > 9999:
            return BAD_DIGIT, 0
        if exponent > -4:
            if exponent == -1:
                unit = 10
            elif exponent == -2:
                unit = 100
            else:
                unit = 1000
            if digit % unit != 0:
                return INEXACT, 0
            if not started and digit != 0 and width(digit) + exponent > precision:
                return TOO_WIDE, 0
            result += digit // unit
            position += 2
        while position < end:
            if data[position] != 0 or data[position + 1] != 0:
                return INEXACT, 0
            position += 2
    return OK, (-result if sign == 0x4000 else result)


@kernel
def times(limbs, factor, addend):
    """``limbs * factor + addend`` in place; limbs: uint64[], each below 2^32, least first; factor below 2^32."""
    carry = addend
    for k in range(limbs.size):
        product = limbs[k] * factor + carry
        limbs[k] = product & _LOW
        carry = product >> _SHIFT


@kernel
def to_limbs(data, start, length, precision, scale, limbs):
    """The magnitude of one finite value as ``value * 10**scale`` into limbs: (status, negative)."""
    ndigits, weight, sign, _ = head(data, start, length)
    limbs[:] = _ZERO
    if ndigits < 0:
        return BAD_LENGTH, False
    if sign != 0 and sign != 0x4000:
        return (SPECIAL if sign == 0xC000 or sign == 0xD000 or sign == 0xF000 else BAD_SIGN), False
    exponent = 4 * weight + scale
    position = start + 8
    end = start + length
    started = False
    while position < end:
        digit = (np.int64(data[position]) << 8) | np.int64(data[position + 1])
        if digit > 9999:
            return BAD_DIGIT, False
        if digit != 0:
            if exponent <= -4:
                return INEXACT, False
            if not started and width(digit) + exponent > precision:
                return TOO_WIDE, False
            started = True
        if exponent >= 0:
            if started:
                times(limbs, _BASE, np.uint64(digit))
        elif exponent > -4:
            unit = power(-exponent)
            if digit % unit != 0:
                return INEXACT, False
            times(limbs, np.uint64(power(4 + exponent)), np.uint64(digit // unit))
        position += 2
        exponent -= 4
    exponent += 4  # of the last digit read; what it lacks to the last place are zeros
    if started:
        while exponent >= 4:
            times(limbs, _BASE, _ZERO)
            exponent -= 4
        if exponent > 0:
            times(limbs, np.uint64(power(exponent)), _ZERO)
    return OK, sign == 0x4000


@kernel
def store(limbs, negative, out, at):
    """Write limbs as two's complement uint64 words, least first, at ``out[at:]``."""
    words = limbs.size // 2
    borrow = negative
    for k in range(words):
        word = limbs[2 * k] | (limbs[2 * k + 1] << _SHIFT)
        if negative:
            word = ~word
            if borrow:  # + 1 of the two's complement, carried while a word wraps
                if word == ~_ZERO:
                    word = _ZERO
                else:
                    word = word + _ONE
                    borrow = False
        out[at + k] = word


@kernel
def decode_decimal(data, starts, lengths, precision, scale, policy, words, out, valid):
    """Decode to Arrow decimals.

    data: uint8[], wire bytes. starts: int64[n]. lengths: int32[n], -1 = NULL. precision, scale: of the result,
    in decimal digits. policy: ERROR, NULL or CLAMP for ±Infinity (NaN: ERROR and CLAMP refuse it). words: 2 for
    decimal128, 4 for decimal256. out: uint64[n * words]. valid: uint8[n].
    Returns BAD_LENGTH, BAD_SIGN, BAD_DIGIT, SPECIAL, TOO_WIDE or INEXACT with row and position.
    Source: numeric.c, numeric_send.
    """
    limbs = np.zeros(2 * words, np.uint64)
    for row in range(starts.size):
        start = starts[row]
        length = np.int64(lengths[row])
        at = row * words
        if length < 0:
            valid[row] = 0
            for k in range(words):
                out[at + k] = _ZERO
            continue
        valid[row] = 1
        if precision <= 18:
            status, value = to_int64(data, start, length, precision, scale)
            if status == OK:
                out[at] = np.uint64(value & 0x7FFFFFFFFFFFFFFF) | (np.uint64(value < 0) << np.uint64(63))
                fill = ~_ZERO if value < 0 else _ZERO
                for k in range(1, words):
                    out[at + k] = fill
                continue
        else:
            status, value = OK, 0
            # Most values of wide columns are small: at most four digit groups fit an int64.
            if length <= 16:
                status, value = to_int64(data, start, length, min(precision, 18), scale)
                if status == OK:
                    out[at] = np.uint64(value & 0x7FFFFFFFFFFFFFFF) | (np.uint64(value < 0) << np.uint64(63))
                    fill = ~_ZERO if value < 0 else _ZERO
                    for k in range(1, words):
                        out[at + k] = fill
                    continue
            status, negative = to_limbs(data, start, length, precision, scale, limbs)
            if status == OK:
                store(limbs, negative, out, at)
                continue
        if status != SPECIAL:
            return status, row, start
        nan = data[start + 4] == 0xC0
        if policy == NULL:
            valid[row] = 0
            for k in range(words):
                out[at + k] = _ZERO
        elif policy == CLAMP and not nan:
            limbs[:] = _ZERO
            for _ in range(precision):
                times(limbs, _TEN, np.uint64(9))
            store(limbs, data[start + 4] == 0xF0, out, at)
        else:
            return SPECIAL, row, start
    return OK, 0, 0


@kernel
def extent(data, starts, lengths):
    """Largest dscale and most digits before the point: (status, row, position, scale, integer digits).

    data: uint8[]. starts: int64[n]. lengths: int32[n]. NaN and infinities do not count.
    """
    scale = 0
    digits = 0
    for row in range(starts.size):
        length = np.int64(lengths[row])
        if length < 0:
            continue
        start = starts[row]
        ndigits, weight, sign, dscale = head(data, start, length)
        if ndigits < 0:
            return BAD_LENGTH, row, start, 0, 0
        if sign != 0 and sign != 0x4000:
            continue
        if dscale > scale:
            scale = dscale
        if ndigits > 0:
            first = (np.int64(data[start + 8]) << 8) | np.int64(data[start + 9])
            if first > 9999:
                return BAD_DIGIT, row, start, 0, 0
            before = 4 * weight + width(max(first, 1))
            if before > digits:
                digits = before
    return OK, 0, 0, scale, digits


@kernel
def decode_float64(data, starts, lengths, out, slow):
    """Decode to float64 where that takes one correctly rounded operation, and mark the other rows.

    data: uint8[]. starts: int64[n]. lengths: int32[n]. out: float64[n], NULL = 0. slow: uint8[n], 1 = the caller
    must convert this row through text: its digits pass 2^53 or its power of ten passes 10^22, the largest a
    float64 holds exactly.
    Returns BAD_LENGTH, BAD_SIGN or BAD_DIGIT with row and position.
    """
    for row in range(starts.size):
        length = np.int64(lengths[row])
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
            digit = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
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
def text_sizes(data, starts, lengths, offsets):
    """Bytes of each value as ``numeric_out`` writes it, summed up: offsets int64[n + 1]; NULL takes none."""
    offsets[0] = 0
    for row in range(starts.size):
        length = np.int64(lengths[row])
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
                first = (np.int64(data[start + 8]) << 8) | np.int64(data[start + 9])
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


@kernel
def group(data, start, ndigits, i):
    """Digit group ``i`` of a value, 0 outside of what is stored."""
    if i < 0 or i >= ndigits:
        return 0
    at = start + 8 + 2 * i
    return (np.int64(data[at]) << 8) | np.int64(data[at + 1])


@kernel
def decode_text(data, starts, lengths, offsets, out):
    """Write each value as ``numeric_out`` does; offsets from ``text_sizes``, out: uint8[offsets[n]]."""
    for row in range(starts.size):
        length = np.int64(lengths[row])
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


@kernel
def put16(out, at, value):
    """Write an int16, big-endian."""
    out[at] = (value >> 8) & 0xFF
    out[at + 1] = value & 0xFF


@kernel
def finish(groups, count, low, negative, dscale, precision, scale, exact, out, at):
    """Write digit groups (least first, the least of weight ``low``) as one wire value: (status, length).

    precision 0 = no limit; else groups must fit ``numeric(precision, scale)``: digits before the point always,
    digits after it where ``exact`` is set (without it the server rounds, as INSERT does).
    """
    first = 0
    while first < count and groups[first] == 0:
        first += 1
    while count > first and groups[count - 1] == 0:
        count -= 1
    ndigits = count - first
    weight = low + count - 1
    if ndigits == 0:
        weight = 0
        negative = False
    elif precision > 0:
        if width(groups[count - 1]) + 4 * weight > precision - scale:
            return TOO_WIDE, 0
        if exact:
            last = groups[first]
            after = -4 * (low + first)
            while last % 10 == 0:
                last //= 10
                after -= 1
            if after > scale:
                return INEXACT, 0
    if weight > 32767 or weight < -32768 or ndigits > 32767 or dscale > 16383:
        return TOO_WIDE, 0
    put16(out, at, ndigits)
    put16(out, at + 2, weight)
    put16(out, at + 4, 0x4000 if negative else 0)
    put16(out, at + 6, dscale)
    for i in range(ndigits):
        put16(out, at + 8 + 2 * i, groups[count - 1 - i])
    return OK, 8 + 2 * ndigits


@kernel
def encode_decimal(values, words, value_scale, valid, precision, scale, exact, stride, out, lengths):
    """Encode Arrow decimals.

    values: uint64[n * words], two's complement, least word first. value_scale: digits after the point in them.
    valid: bool[n]. precision, scale: of the target column, 0 = any. exact: refuse digits after the scale.
    stride: bytes reserved a value, at least 8 + 2 * (digits / 4 + 3). out: uint8[n * stride]. lengths: int32[n].
    Returns TOO_WIDE or INEXACT with the row. Source: numeric.c, numeric_recv.
    """
    limbs = np.zeros(2 * words, np.uint64)
    groups = np.zeros(stride // 2, np.int64)
    partial = value_scale % 4
    low = -(value_scale // 4) - (1 if partial else 0)
    cut = power(partial if partial else 4)
    lift = power(4 - partial) if partial else 1
    dscale = max(value_scale, 0)
    for row in range(valid.size):
        if not valid[row]:
            lengths[row] = -1
            continue
        at = row * words
        negative = (values[at + words - 1] >> np.uint64(63)) != _ZERO
        small = True
        borrow = negative
        for k in range(words):
            word = values[at + k]
            if negative:
                word = ~word
                if borrow:
                    if word == ~_ZERO:
                        word = _ZERO
                    else:
                        word = word + _ONE
                        borrow = False
            limbs[2 * k] = word & _LOW
            limbs[2 * k + 1] = word >> _SHIFT
            if k > 0 and word != _ZERO:
                small = False
        count = 0
        if small and limbs[1] < np.uint64(0x80000000):
            rest = np.int64((limbs[1] << _SHIFT) | limbs[0])
            groups[0] = rest % cut * lift
            rest //= cut
            count = 1
            while rest != 0:
                groups[count] = rest % 10000
                rest //= 10000
                count += 1
        else:
            top = 2 * words
            divisor = np.uint64(cut)
            while True:
                while top > 0 and limbs[top - 1] == _ZERO:
                    top -= 1
                if top == 0:
                    break
                remainder = _ZERO
                for k in range(top):
                    part = (remainder << _SHIFT) | limbs[top - 1 - k]
                    limbs[top - 1 - k] = part // divisor
                    remainder = part % divisor
                groups[count] = np.int64(remainder) * lift if count == 0 else np.int64(remainder)
                count += 1
                divisor = _BASE
        status, length = finish(
            groups, count, low, negative, dscale, precision, scale, exact, out, row * stride
        )
        if status != OK:
            return status, row, 0
        lengths[row] = length
    return OK, 0, 0


@kernel
def lower(byte):
    """An ASCII letter in lower case."""
    return byte + 32 if 65 <= byte <= 90 else byte


@kernel
def special(text, at, end):
    """Sign word of ``nan``, ``[+-]inf``, ``[+-]infinity`` in any case; -1 = none of them."""
    sign = 0
    if at < end and (text[at] == 43 or text[at] == 45):
        sign = 1 if text[at] == 43 else 2
        at += 1
    size = end - at
    if size == 3 and sign == 0:
        if lower(text[at]) == 110 and lower(text[at + 1]) == 97 and lower(text[at + 2]) == 110:
            return 0xC000
    if size == 3 or size == 8:
        for k in range(size):
            if lower(text[at + k]) != lower(_TEXT_INFINITY[k + 1]):
                return -1
        return 0xF000 if sign == 2 else 0xD000
    return -1


@kernel
def encode_text(text, starts, lengths, precision, scale, exact, offsets, out, sizes):
    """Encode numbers written as text: ``[+-]digits[.digits][e[+-]digits]``, ``NaN``, ``[+-]Infinity``.

    text: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL. precision, scale, exact: as in
    ``encode_decimal``; an infinity does not fit a precision. offsets: int64[n + 1], room for
    16 + lengths[i] bytes each. out: uint8[]. sizes: int32[n], bytes written, -1 = NULL.
    Returns BAD_TEXT, TOO_WIDE or INEXACT with row and position. Source: numeric.c, numeric_in, set_var_from_str.
    """
    longest = 0
    for row in range(starts.size):
        longest = max(longest, np.int64(lengths[row]))
    groups = np.zeros(longest // 4 + 4, np.int64)
    for row in range(starts.size):
        if lengths[row] < 0:
            sizes[row] = -1
            continue
        at = starts[row]
        end = at + np.int64(lengths[row])
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
                exponent = exponent * 10 + np.int64(text[at]) - 48
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
                groups[count] += (np.int64(text[at]) - 48) * unit
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
