"""inet, cidr and MAC addresses to the text PostgreSQL writes, and back from full addresses in text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import RawColumn
from chakra.columnar.families.fault import ValueFault, malformed
from chakra.columnar.families.parts import fixed_column, shown
from chakra.columnar.families.simple import text_column, varlen_array
from chakra.columnar.kernels import network as kernels
from chakra.columnar.options import Options
from chakra.columnar.types import string_type
from chakra.pg.types import TEXT, PgType

_MAC_BYTES = {"macaddr": 6, "macaddr8": 8}


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """Text: no Arrow type holds an address together with its prefix length."""
    return string_type(options)


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode addresses.

    Raises:
        ValueFault: malformed.
    """
    offsets = np.empty(len(raw) + 1, np.int64)
    width = _MAC_BYTES.get(type_.name)
    if width:
        out = np.empty(len(raw) * 3 * width, np.uint8)
        status, row, position = kernels.decode_mac(raw.data, raw.starts, raw.lengths, width, offsets, out)
    else:
        out = np.empty(len(raw) * kernels.LONGEST, np.uint8)
        status, row, position = kernels.decode_inet(raw.data, raw.starts, raw.lengths, offsets, out)
    if status:
        expected = {
            kernels.BAD_LENGTH: f"{width} bytes"
            if width
            else "an address of 4 or 16 bytes behind its header",
            kernels.BAD_FAMILY: "address family 2 (IPv4) or 3 (IPv6)",
            kernels.BAD_PREFIX: "a prefix length within the address and a cidr flag of 0 or 1",
        }[int(status)]
        malformed(raw, int(row), int(position), f"{expected} of {type_.name}")
    return varlen_array(string_type(options), offsets, out[: offsets[-1]].copy(), raw, text=True)


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode addresses written as text: IPv4 with four parts, IPv6 in any form, ``/prefix`` optional.

    Raises:
        ValueFault: not text, not an address, or bits after the prefix of a cidr.
    """
    text = text_column(array, TEXT)
    width = _MAC_BYTES.get(type_.name)
    if width:
        out = np.empty(len(array) * width, np.uint8)
        status, row, _ = kernels.encode_mac(text.data, text.starts, text.lengths, width, out)
        if status:
            raise ValueFault(int(row), f"{shown(array, int(row))} is not a {type_.name}")
        return fixed_column(out.reshape(-1, width), text.lengths >= 0)
    cidr = 1 if type_.name == "cidr" else 0
    out, sizes = np.empty(len(array) * 20, np.uint8), np.empty(len(array), np.int32)
    status, row, _ = kernels.encode_inet(text.data, text.starts, text.lengths, cidr, out, sizes)
    if status:
        reason = {
            kernels.BAD_TEXT: f"is not an {type_.name} address",
            kernels.BAD_PREFIX: "has a prefix longer than the address",
            kernels.HOST_BITS: "has bits set to the right of its prefix, which cidr does not allow",
        }[int(status)]
        raise ValueFault(int(row), f"{shown(array, int(row))} {reason}")
    return RawColumn(out, np.arange(len(array), dtype=np.int64) * 20, sizes)


__all__ = ["arrow_type", "decode", "encode"]
