"""Kernels of ``numeric``: base-10000 digits to decimals, floats and text, and back; no Python objects.

Wire layout (``src/backend/utils/adt/numeric.c``, ``numeric_send``), all big-endian int16: ``ndigits``,
``weight``, ``sign``, ``dscale``, then ``ndigits`` digits of 0–9999; the value is the sum of ``digit[i] *
10000^(weight - i)``. ``sign`` is 0x0000 (+), 0x4000 (-), 0xC000 (NaN), 0xD000 (Infinity), 0xF000
(-Infinity).

Every kernel returns ``(status, row, position)``; status 0 is success.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chakra.columnar.buffers import AnyArray
from chakra.columnar.kernels._jit import inner, kernel, load_be_i64, store_be_64

_u64: Any = np.uint64
_i64: Any = np.int64  # as a global it costs nothing, and type checkers let the arithmetic be

OK = 0
BAD_LENGTH = 1  # header missing, or ndigits disagrees with the length, or outside the buffer
BAD_SIGN = 2
BAD_DIGIT = 3  # a digit above 9999
SPECIAL = 4  # NaN or an infinity, which the policy does not let through
TOO_WIDE = 5  # more digits than the precision
INEXACT = 6  # non-zero digits after the scale
BAD_TEXT = 7  # not a number (numeric_text.py)

ERROR = 0  # infinity policies
NULL = 1
CLAMP = 2

_SHIFT = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_TEN = np.uint64(10)
_BASE = np.uint64(10000)
_ROOM = np.uint64(4294967)  # a last limb below it stays one when three zeros are added
_TWO_GROUPS = np.uint64(100000000)  # a constant: LLVM divides by it with a multiplication
POWERS = np.array([10**n for n in range(19)], np.int64)


@inner
def head(data: AnyArray, start: int, length: int) -> Any:
    """Header of one value: (ndigits, weight, sign, dscale); ndigits -1 = malformed length."""
    if start < 0 or length < 8 or start + length > data.size:
        return -1, 0, 0, 0
    ndigits = (_i64(data[start]) << 8) | _i64(data[start + 1])
    weight = (_i64(data[start + 2]) << 8) | _i64(data[start + 3])
    if weight >= 32768:
        weight -= 65536
    sign = (_i64(data[start + 4]) << 8) | _i64(data[start + 5])
    dscale = (_i64(data[start + 6]) << 8) | _i64(data[start + 7])
    if ndigits * 2 + 8 != length:
        return -1, 0, 0, 0
    return ndigits, weight, sign, dscale


@inner
def width(digit: int) -> Any:
    """Decimal digits of 1–9999."""
    if digit >= 100:
        return 4 if digit >= 1000 else 3
    return 2 if digit >= 10 else 1


@inner
def power(exponent: int) -> Any:
    """10**exponent as int64, exponent 0–18."""
    value = 1
    for _ in range(exponent):
        value *= 10
    return value


@inner
def times(limbs: AnyArray, factor: Any, addend: Any) -> None:
    """``limbs * factor + addend`` in place; limbs: uint64[] below 2^32, least first; factor below 2^32."""
    carry = addend
    for k in range(limbs.size):
        product = limbs[k] * factor + carry
        limbs[k] = product & _LOW
        carry = product >> _SHIFT


@inner
def to_limbs(data: AnyArray, start: int, length: int, precision: int, scale: int, limbs: AnyArray) -> Any:
    """The magnitude of one finite value as ``value * 10**scale`` into limbs: (status, negative)."""
    ndigits, weight, sign, _ = head(data, start, length)
    for k in range(limbs.size):
        limbs[k] = _ZERO
    if ndigits < 0:
        return BAD_LENGTH, False
    if sign != 0 and sign != 0x4000:
        return (SPECIAL if sign == 0xC000 or sign == 0xD000 or sign == 0xF000 else BAD_SIGN), False
    exponent = 4 * weight + scale
    position = start + 8
    end = start + length
    started = False
    while position < end:
        digit = (_i64(data[position]) << 8) | _i64(data[position + 1])
        if digit > 9999:
            return BAD_DIGIT, False
        if started and exponent >= 4 and position + 4 <= end:
            second = (_i64(data[position + 2]) << 8) | _i64(data[position + 3])
            if second > 9999:
                return BAD_DIGIT, False
            times(limbs, _TWO_GROUPS, np.uint64(digit * 10000 + second))
            position += 4
            exponent -= 8
            continue
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
        while exponent >= 8:
            times(limbs, _TWO_GROUPS, _ZERO)
            exponent -= 8
        if exponent > 0:
            times(limbs, np.uint64(power(exponent)), _ZERO)
    return OK, sign == 0x4000


@inner
def store(limbs: AnyArray, negative: bool, out: AnyArray, at: int) -> None:
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


@inner
def decode_small(address: int, length: int, scale: int, limit: int) -> Any:
    """A value of at most four digit groups as ``value * 10**scale``: (result, whether this way could tell).

    address: 16 readable bytes. length: of the value, 8–16. limit: the result must stay below, at most 10^18.
    Whole words and no loops; whatever is unusual (also what is malformed) is left to the general way.
    """
    head_word = load_be_i64(address)
    ndigits = head_word >> 48
    sign = head_word & 0xFFFF0000
    if 8 + 2 * ndigits != length or (sign != 0 and sign != 0x40000000):
        return 0, False
    if ndigits == 0:
        return 0, True
    word = load_be_i64(address + 8) >> (16 * (4 - ndigits))
    first = (word >> 48) & 0xFFFF if ndigits == 4 else 0
    second = (word >> 32) & 0xFFFF if ndigits > 2 else 0
    third = (word >> 16) & 0xFFFF if ndigits > 1 else 0
    last = word & 0xFFFF
    if first > 9999 or second > 9999 or third > 9999 or last > 9999:
        return 0, False
    value = (first * 10000 + second) * 100000000 + third * 10000 + last
    weight = (head_word >> 32) & 0xFFFF
    if weight >= 32768:
        weight -= 65536
    exponent = 4 * (weight - ndigits + 1) + scale
    if exponent >= 0:
        if exponent + 4 * ndigits > 18:
            return 0, False
        result = value * POWERS[exponent]
    elif exponent == -1:
        result = value // 10
        value -= result * 10
    elif exponent == -2:
        result = value // 100
        value -= result * 100
    elif exponent == -3:
        result = value // 1000
        value -= result * 1000
    else:
        return 0, False
    if result >= limit or (exponent < 0 and value != 0):
        return 0, False
    return (-result if sign != 0 else result), True


@kernel
def decode_decimal(
    data: AnyArray,
    starts: AnyArray,
    lengths: AnyArray,
    precision: int,
    scale: int,
    policy: int,
    words: int,
    limbs: AnyArray,
    out: AnyArray,
    signed: AnyArray,
    valid: AnyArray,
) -> Any:
    """Decode to Arrow decimals.

    data: uint8[], wire bytes. starts: int64[n]. lengths: int32[n], -1 = NULL. precision, scale: of the
    result, in decimal digits. policy: ERROR, NULL or CLAMP for ±Infinity (NaN: ERROR and CLAMP refuse it).
    words: 2 for decimal128, 4 for decimal256. limbs: uint64[2 * words], scratch. out: uint64[n * words];
    signed: the same memory as int64. valid: uint8[n].
    Returns BAD_LENGTH, BAD_SIGN, BAD_DIGIT, SPECIAL, TOO_WIDE or INEXACT with row and position.
    Source: numeric.c, numeric_send.
    """
    base = data.ctypes.data
    limit = POWERS[min(precision, 18)]
    for row in range(starts.size):
        start = starts[row]
        length = _i64(lengths[row])
        at = row * words
        if length < 0:
            valid[row] = 0
            for k in range(words):
                out[at + k] = _ZERO
            continue
        valid[row] = 1
        if 8 <= length <= 16 and 0 <= start <= data.size - 16:
            value, done = decode_small(base + start, length, scale, limit)
            if done:
                signed[at] = value
                for k in range(1, words):
                    signed[at + k] = value >> 63
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
            for k in range(2 * words):
                limbs[k] = _ZERO
            for _ in range(precision):
                times(limbs, _TEN, np.uint64(9))
            store(limbs, data[start + 4] == 0xF0, out, at)
        else:
            return SPECIAL, row, start
    return OK, 0, 0


@kernel
def extent(data: AnyArray, starts: AnyArray, lengths: AnyArray) -> Any:
    """Largest dscale and most digits before the point: (status, row, position, scale, integer digits).

    data: uint8[]. starts: int64[n]. lengths: int32[n]. NaN and infinities do not count.
    """
    scale = 0
    digits = 0
    for row in range(starts.size):
        length = _i64(lengths[row])
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
            first = (_i64(data[start + 8]) << 8) | _i64(data[start + 9])
            if first > 9999:
                return BAD_DIGIT, row, start, 0, 0
            before = 4 * weight + width(max(first, 1))
            if before > digits:
                digits = before
    return OK, 0, 0, scale, digits


@inner
def put16(out: AnyArray, at: int, value: int) -> None:
    """Write an int16, big-endian."""
    out[at] = (value >> 8) & 0xFF
    out[at + 1] = value & 0xFF


@inner
def finish(
    groups: AnyArray,
    count: int,
    low: int,
    negative: bool,
    dscale: int,
    precision: int,
    scale: int,
    exact: bool,
    out: AnyArray,
    at: int,
) -> Any:
    """Write digit groups (least first, the least of weight ``low``) as one wire value: (status, length).

    precision 0 = no limit; else groups must fit ``numeric(precision, scale)``: digits before the point
    always,
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
            while after > scale and last % 10 == 0:
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


@inner
def split_limbs(
    values: AnyArray, at: int, words: int, negative: bool, partial: int, limbs: AnyArray, groups: AnyArray
) -> Any:
    """Digit groups of a two's complement number of ``words`` uint64 at ``values[at]``, least first: how many.

    The least group has ``partial`` digits (0 = four) before its zeros. limbs: uint64[2 * words], scratch.
    groups: int64[], result.
    """
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
    count = 0
    top = 2 * words
    if partial and limbs[top - 1] < _ROOM:  # zeros behind it, and all divisions are by constants
        times(limbs, _u64(power(4 - partial)), _ZERO)
        partial = 0
    while top > 0 and limbs[top - 1] == _ZERO:
        top -= 1
    if partial:
        divisor = _u64(power(partial))
        remainder = _ZERO
        for k in range(top):
            part = (remainder << _SHIFT) | limbs[top - 1 - k]
            quotient = part // divisor
            limbs[top - 1 - k] = quotient
            remainder = part - quotient * divisor
        groups[0] = _i64(remainder) * power(4 - partial)
        count = 1
    while True:
        while top > 0 and limbs[top - 1] == _ZERO:
            top -= 1
        if top == 0:
            return count
        remainder = _ZERO
        for k in range(top):
            part = (remainder << _SHIFT) | limbs[top - 1 - k]
            quotient = part // _TWO_GROUPS
            limbs[top - 1 - k] = quotient
            remainder = part - quotient * _TWO_GROUPS
        both = _i64(remainder)
        groups[count + 1] = both // 10000
        groups[count] = both - groups[count + 1] * 10000
        count += 2


@inner
def encode_small(magnitude: int, negative: bool, lift: int, low: int, dscale: int, address: int) -> Any:
    """Write a value of at most four digit groups: its length.

    magnitude: ``magnitude * lift`` is below 10^16 and its last four digits are the group of weight ``low``.
    address: 16 writable bytes. Whole words and no loops: 15 ns a value less than the general way.
    """
    high = magnitude * lift // 100000000
    rest = magnitude * lift - high * 100000000
    top = high // 10000
    third = rest // 10000
    word = (top << 48) | ((high - top * 10000) << 32) | (third << 16) | (rest - third * 10000)
    if word == 0:
        store_be_64(address, dscale)
        return 8
    lead = int(word < 0x1000000000000) + int(word < 0x100000000) + int(word < 0x10000)
    trail = int(word & 0xFFFFFFFFFFFF == 0) + int(word & 0xFFFFFFFF == 0) + int(word & 0xFFFF == 0)
    ndigits = 4 - lead - trail
    sign = 0x40000000 if negative else 0
    store_be_64(address, (ndigits << 48) | (((low + 3 - lead) & 0xFFFF) << 32) | sign | dscale)
    store_be_64(address + 8, word << (16 * lead))
    return 8 + 2 * ndigits


@kernel
def encode_decimal(
    values: AnyArray,
    signed: AnyArray,
    words: int,
    value_scale: int,
    valid: AnyArray,
    precision: int,
    scale: int,
    exact: bool,
    stride: int,
    limbs: AnyArray,
    groups: AnyArray,
    out: AnyArray,
    lengths: AnyArray,
) -> Any:
    """Encode Arrow decimals.

    values: uint64[n * words], two's complement, least word first; signed: the same memory as int64.
    value_scale: digits after the point in them. valid: bool[n]. precision, scale: of the column, 0 = any.
    exact: refuse digits after the scale. stride: bytes reserved a value, at least 8 + 2 * (digits / 4 + 3).
    limbs: uint64[2 * words] and groups: int64[stride / 2], scratch. out: uint8[n * stride]. lengths: int32[n].
    Returns TOO_WIDE or INEXACT with the row. Source: numeric.c, numeric_recv.
    """
    base = out.ctypes.data
    partial = value_scale % 4
    low = -(value_scale // 4) - (1 if partial else 0)
    lift = power((4 - partial) % 4)
    dscale = max(value_scale, 0)
    # Below ``limit`` a value needs no more checks and has at most four groups.
    limit = power(16) // lift
    if precision > 0:
        limit = min(limit, power(min(max(precision - scale + value_scale, 0), 18)))
        if exact and value_scale > scale:
            limit = 0
    if dscale > 16383:
        limit = 0
    for row in range(valid.size):
        if not valid[row]:
            lengths[row] = -1
            continue
        at = row * words
        word = signed[at]
        negative = signed[at + words - 1] < 0
        small = (word < 0) == negative
        for k in range(1, words):
            if signed[at + k] != word >> 63:
                small = False
        if small and -limit < word < limit:
            lengths[row] = encode_small(abs(word), negative, lift, low, dscale, base + row * stride)
            continue
        count = split_limbs(values, at, words, negative, partial, limbs, groups)
        status, length = finish(
            groups, count, low, negative, dscale, precision, scale, exact, out, row * stride
        )
        if status != OK:
            return status, row, 0
        lengths[row] = length
    return OK, 0, 0
