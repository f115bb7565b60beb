"""``bit`` and ``varbit`` to text of zeros and ones, as PostgreSQL shows them, and back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import RawColumn
from chakra.columnar.families.fault import ValueFault, malformed
from chakra.columnar.families.parts import contiguous, raw_column, shown
from chakra.columnar.families.simple import text_column, varlen_array
from chakra.columnar.kernels import bits as kernels
from chakra.columnar.options import Options
from chakra.columnar.types import string_type
from chakra.pg.types import TEXT, PgType


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """Text."""
    return string_type(options)


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode bit strings.

    Raises:
        ValueFault: malformed.
    """
    offsets = np.empty(len(raw) + 1, np.int64)
    status, row, position = kernels.sizes(raw.data, raw.starts, raw.lengths, offsets)
    if status == kernels.BAD_PADDING:
        malformed(
            raw, int(row), int(position), "zeros after the last bit", f"0x{int(raw.data[position]):02x}"
        )
    if status:
        malformed(raw, int(row), int(position), "a bit string whose bytes match its number of bits")
    out = np.empty(offsets[-1], np.uint8)
    kernels.decode(raw.data, raw.starts, offsets, out)
    return varlen_array(string_type(options), offsets, out, raw, text=True)


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode text of zeros and ones.

    Raises:
        ValueFault: not text, another character, or not as long as the type says.
    """
    text = text_column(array, TEXT)
    if type_.modifiers:
        (limit,) = type_.modifiers
        wrong = (text.lengths != limit if type_.name == "bit" else text.lengths > limit) & (text.lengths >= 0)
        if wrong.any():
            index = int(np.argmax(wrong))
            raise ValueFault(index, f"{int(text.lengths[index])} bits do not fit {type_.sql}")
    offsets = contiguous(np.where(text.lengths >= 0, 4 + (text.lengths.astype(np.int64) + 7) // 8, 0))
    out = np.empty(offsets[-1], np.uint8)
    status, row, _ = kernels.encode(text.data, text.starts, text.lengths, offsets, out)
    if status:
        raise ValueFault(int(row), f"{shown(array, int(row))} is not a text of 0 and 1")
    return raw_column(out, offsets, text.lengths >= 0)


__all__ = ["arrow_type", "decode", "encode"]
