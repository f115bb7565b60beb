"""Kernels of inet, cidr and MAC addresses: bytes to the text PostgreSQL writes, and back; no Python objects.

Wire layout of inet and cidr (``src/backend/utils/adt/network.c``, ``network_send``): one byte each of family
(2 = IPv4, 3 = IPv6), prefix length, is-cidr and address length, then the address. MAC addresses are their 6
or 8
bytes (``mac.c``, ``mac8.c``).

Every kernel returns ``(status, row, position)``; status 0 is success.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chakra.columnar.buffers import AnyArray
from chakra.columnar.kernels._jit import inner, kernel, store_64

_i64: Any = np.int64  # as a global it costs nothing, and type checkers let the arithmetic be

OK = 0
BAD_LENGTH = 1
BAD_FAMILY = 2
BAD_PREFIX = 3
BAD_TEXT = 4
HOST_BITS = 5  # bits set to the right of a cidr's prefix

HEX = np.full(256, -1, np.int8)
"""Value of a hexadecimal digit by its byte, -1 = none. A look-up has no branches to guess: digits of an address and
letters come in no order."""
HEX[48:58] = np.arange(10)
HEX[65:71] = HEX[97:103] = np.arange(10, 16)

LONGEST = 50  # bytes of the longest text: 39 of an address, 4 of a prefix length, and room


@inner
def put_decimal(out: AnyArray, at: int, value: int) -> Any:
    """Write 0–255 in decimal; returns the position after it."""
    if value >= 100:
        out[at] = 48 + value // 100
        at += 1
    if value >= 10:
        out[at] = 48 + value // 10 % 10
        at += 1
    out[at] = 48 + value % 10
    return at + 1


@inner
def put_v4(out: AnyArray, at: int, data: AnyArray, start: int) -> Any:
    """Write four bytes as a dotted quad; returns the position after it."""
    for k in range(4):
        if k:
            out[at] = 46
            at += 1
        at = put_decimal(out, at, _i64(data[start + k]))
    return at


@inner
def put_v6(out: AnyArray, at: int, data: AnyArray, start: int) -> Any:
    """Write 16 bytes as IPv6 text, the longest run of zeros as ``::`` (src/port/inet_net_ntop.c)."""
    best = -1
    best_size = 1  # a single zero group is not shortened
    current = -1
    size = 0
    for i in range(8):
        if data[start + 2 * i] == 0 and data[start + 2 * i + 1] == 0:
            if current < 0:
                current = i
                size = 0
            size += 1
            if size > best_size:
                best = current
                best_size = size
        else:
            current = -1
    last_is_one = data[start + 14] == 0 and data[start + 15] == 1
    mapped = data[start + 10] == 0xFF and data[start + 11] == 0xFF
    embedded = best == 0 and (
        best_size == 6 or (best_size == 7 and not last_is_one) or (best_size == 5 and mapped)
    )
    for i in range(8):
        if best >= 0 and best <= i < best + best_size:
            if i == best:
                out[at] = 58
                at += 1
            continue
        if i != 0:
            out[at] = 58
            at += 1
        if i == 6 and embedded:
            return put_v4(out, at, data, start + 12)
        word = (_i64(data[start + 2 * i]) << 8) | _i64(data[start + 2 * i + 1])
        started = False
        for k in range(4):
            nibble = (word >> (12 - 4 * k)) & 15
            if nibble or started or k == 3:
                out[at] = 48 + nibble if nibble < 10 else 87 + nibble
                at += 1
                started = True
    if best >= 0 and best + best_size == 8:
        out[at] = 58
        at += 1
    return at


@kernel
def decode_inet(data: AnyArray, starts: AnyArray, lengths: AnyArray, offsets: AnyArray, out: AnyArray) -> Any:
    """Write every address as text.

    data: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL. offsets: int64[n + 1], result, bytes of
    out. out: uint8[n * LONGEST].
    Returns BAD_LENGTH, BAD_FAMILY or BAD_PREFIX.
    """
    at = 0
    offsets[0] = 0
    for row in range(starts.size):
        length = _i64(lengths[row])
        if length >= 0:
            start = starts[row]
            if length < 4 or start < 0 or start + length > data.size:
                return BAD_LENGTH, row, start
            family = _i64(data[start])
            size = _i64(data[start + 3])
            if family != 2 and family != 3:
                return BAD_FAMILY, row, start
            if size != (4 if family == 2 else 16) or length != 4 + size:
                return BAD_LENGTH, row, start + 3
            prefix = _i64(data[start + 1])
            if prefix > 8 * size or data[start + 2] > 1:
                return BAD_PREFIX, row, start + 1
            if family == 2:
                at = put_v4(out, at, data, start + 4)
            else:
                at = put_v6(out, at, data, start + 4)
            if data[start + 2] == 1 or prefix != 8 * size:
                out[at] = 47
                at = put_decimal(out, at + 1, prefix)
        offsets[row + 1] = at
    return OK, 0, 0


@inner
def read_v4(text: AnyArray, at: int, end: int, out: AnyArray, to: int) -> Any:
    """Read a dotted quad into ``out[to:to + 4]``; returns the position after it, -1 = malformed."""
    for k in range(4):
        if k:
            if at >= end or text[at] != 46:
                return -1
            at += 1
        first = at
        value = 0
        while at < end and 48 <= text[at] <= 57 and at - first < 3:
            value = value * 10 + _i64(text[at]) - 48
            at += 1
        if at == first or value > 255:
            return -1
        out[to + k] = value
    return at


@inner
def nibble_of(byte: int) -> Any:
    """Value of a hexadecimal digit, -1 = none."""
    return _i64(HEX[byte])


@inner
def read_v6(text: AnyArray, at: int, end: int, out: AnyArray, to: int) -> Any:
    """Read IPv6 text into ``out[to:to + 16]``; returns the position after it, -1 = malformed."""
    store_64(out.ctypes.data + to, 0)
    store_64(out.ctypes.data + to + 8, 0)
    groups = 0
    gap = -1  # groups before the "::"
    if at + 1 < end and text[at] == 58 and text[at + 1] == 58:
        gap = 0
        at += 2
    while at < end and text[at] != 47:
        if groups == 8:
            return -1
        first = at
        value = 0
        while at < end and at - first < 4:
            digit = nibble_of(_i64(text[at]))
            if digit < 0:
                break
            value = value * 16 + digit
            at += 1
        if at == first:
            return -1
        if at < end and text[at] == 46:  # an IPv4 tail
            if groups > 6:
                return -1
            at = read_v4(text, first, end, out, to + 2 * groups)
            if at < 0:
                return -1
            groups += 2
            if at < end and text[at] != 47:
                return -1
            break
        out[to + 2 * groups] = value >> 8
        out[to + 2 * groups + 1] = value & 0xFF
        groups += 1
        if at < end and text[at] == 58:
            at += 1
            if at < end and text[at] == 58:
                if gap >= 0:
                    return -1
                gap = groups
                at += 1
            elif at == end or text[at] == 47:
                return -1
        elif at < end and text[at] != 47:
            return -1
    if gap < 0:
        return at if groups == 8 else -1
    if groups == 8:
        return -1
    moved = 2 * (groups - gap)
    for k in range(moved):  # what follows the gap goes to the end
        out[to + 15 - k] = out[to + 2 * groups - 1 - k]
    for k in range(to + 2 * gap, to + 16 - moved):
        out[k] = 0
    return at


@kernel
def encode_inet(
    text: AnyArray, starts: AnyArray, lengths: AnyArray, cidr: int, out: AnyArray, sizes: AnyArray
) -> Any:
    """Read addresses with an optional prefix length.

    text: uint8[]. starts: int64[n]. lengths: int32[n], -1 = NULL. cidr: 1 = networks, no bits after the
    prefix. out: uint8[n * 20], 20 bytes reserved a value. sizes: int32[n], bytes written, -1 = NULL.
    Returns BAD_TEXT, BAD_PREFIX or HOST_BITS.
    """
    for row in range(starts.size):
        if lengths[row] < 0:
            sizes[row] = -1
            continue
        at = starts[row]
        end = at + _i64(lengths[row])
        to = row * 20
        v6 = False
        for k in range(at, min(end, at + 5)):  # a group has at most four digits
            if text[k] == 58:
                v6 = True
        at = read_v6(text, at, end, out, to + 4) if v6 else read_v4(text, at, end, out, to + 4)
        if at < 0:
            return BAD_TEXT, row, 0
        size = 16 if v6 else 4
        prefix = 8 * size
        if at < end:
            if text[at] != 47 or end - at > 4 or end - at < 2:
                return BAD_TEXT, row, at
            prefix = 0
            for k in range(at + 1, end):
                if text[k] < 48 or text[k] > 57:
                    return BAD_TEXT, row, k
                prefix = prefix * 10 + _i64(text[k]) - 48
            if prefix > 8 * size:
                return BAD_PREFIX, row, at
        if cidr != 0 and prefix < 8 * size:
            byte = prefix >> 3
            loose = _i64(out[to + 4 + byte]) & (0xFF >> (prefix & 7))
            for k in range(byte + 1, size):
                loose |= _i64(out[to + 4 + k])
            if loose != 0:
                return HOST_BITS, row, 0
        out[to] = 3 if v6 else 2
        out[to + 1] = prefix
        out[to + 2] = cidr
        out[to + 3] = size
        sizes[row] = 4 + size
    return OK, 0, 0


@kernel
def decode_mac(
    data: AnyArray, starts: AnyArray, lengths: AnyArray, width: int, offsets: AnyArray, out: AnyArray
) -> Any:
    """Write MAC addresses as ``08:00:2b:01:02:03``. width: 6 or 8 bytes. out: uint8[n * 3 * width]."""
    at = 0
    offsets[0] = 0
    for row in range(starts.size):
        length = _i64(lengths[row])
        if length >= 0:
            start = starts[row]
            if length != width or start < 0 or start + width > data.size:
                return BAD_LENGTH, row, start
            for k in range(width):
                if k:
                    out[at] = 58
                    at += 1
                byte = _i64(data[start + k])
                high = byte >> 4
                low = byte & 15
                out[at] = 48 + high if high < 10 else 87 + high
                out[at + 1] = 48 + low if low < 10 else 87 + low
                at += 2
        offsets[row + 1] = at
    return OK, 0, 0


@inner
def read_mac(text: AnyArray, at: int, width: int, out: AnyArray, to: int) -> Any:
    """Read pairs of digits with one separator between them: whether that is what the text is."""
    wrong = 0
    for k in range(width):
        high = nibble_of(_i64(text[at]))
        low = nibble_of(_i64(text[at + 1]))
        wrong |= high | low  # below 0 if one of them is
        out[to + k] = high * 16 + low
        if k < width - 1:
            separator = _i64(text[at + 2])
            if separator != 58 and separator != 45 and separator != 46:
                wrong = -1
        at += 3
    return wrong >= 0


@kernel
def encode_mac(text: AnyArray, starts: AnyArray, lengths: AnyArray, width: int, out: AnyArray) -> Any:
    """Read MAC addresses: hexadecimal digits, ``:``, ``-`` or ``.`` between bytes. out: uint8[n * width].

    Six bytes in an eight-byte column become EUI-64 with FF:FE in the middle, as PostgreSQL does it.
    Returns BAD_TEXT. Source: mac.c, mac8.c.
    """
    for row in range(starts.size):
        to = row * width
        at = starts[row]
        if lengths[row] == 3 * width - 1 and read_mac(text, at, width, out, to):
            continue
        for k in range(width):
            out[to + k] = 0
        if lengths[row] < 0:
            continue
        end = at + _i64(lengths[row])
        nibbles = 0
        separated = True
        while at < end:
            byte = _i64(text[at])
            digit = nibble_of(byte)
            if digit < 0:
                if separated or nibbles % 2 or (byte != 58 and byte != 45 and byte != 46):
                    return BAD_TEXT, row, at
                separated = True
            else:
                if nibbles == 2 * width:
                    return BAD_TEXT, row, at
                separated = False
                place = to + nibbles // 2
                out[place] = _i64(out[place]) * 16 + digit
                nibbles += 1
            at += 1
        if separated:
            return BAD_TEXT, row, at
        if width == 8 and nibbles == 12:
            for k in range(3):
                out[to + 7 - k] = out[to + 5 - k]
            out[to + 3] = 0xFF
            out[to + 4] = 0xFE
        elif nibbles != 2 * width:
            return BAD_TEXT, row, at
    return OK, 0, 0
