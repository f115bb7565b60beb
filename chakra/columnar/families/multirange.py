"""Multiranges to lists of the range struct, and back; the ranges go through the dispatcher."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import RawColumn
from chakra.columnar.families.array import list_parts
from chakra.columnar.families.dispatch import decode_values, encode_values
from chakra.columnar.families.fault import ValueFault, malformed, owner
from chakra.columnar.families.parts import build_nested, contiguous, is_valid, narrow, raw_column, refuse
from chakra.columnar.kernels import range as kernels
from chakra.columnar.options import Options
from chakra.columnar.types import arrow_type as table_type
from chakra.pg.types import PgType


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """A list of the range struct."""
    assert type_.element is not None
    return pa.list_(table_type(type_.element, options))


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode multiranges.

    Raises:
        ValueFault: malformed, or a range is wrong.
    """
    assert type_.element is not None
    offsets = np.empty(len(raw) + 1, np.int64)
    status, row, position = kernels.counts(raw.data, raw.starts, raw.lengths, offsets)
    if status:
        malformed(raw, int(row), int(position), "a multirange whose ranges fit the value")
    starts, lengths = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.int32)
    status, row, position = kernels.members(raw.data, raw.starts, raw.lengths, offsets, starts, lengths)
    if status:
        malformed(raw, int(row), int(position), "ranges that fill the multirange")
    ends = narrow(offsets, "ranges", "read smaller batches")
    try:
        ranges = decode_values(RawColumn(raw.data, starts, lengths, raw.name), type_.element, options)
    except ValueFault as fault:
        raise fault.within(owner(offsets, fault.index), "[]") from None
    return build_nested(pa.list_(ranges.type), len(raw), raw.lengths >= 0, [ranges], ends)


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode lists of range structs.

    Raises:
        ValueFault: not such lists, a NULL range inside, or a range does not fit.
    """
    assert type_.element is not None
    found = list_parts(array)
    if found is None:
        refuse(array, type_, "lists of range structs")
    offsets, inner = found
    try:
        ranges = encode_values(inner, type_.element, options)
    except ValueFault as fault:
        raise fault.within(owner(offsets, fault.index), "[]") from None
    valid = is_valid(array)
    null = np.flatnonzero(ranges.lengths < 0)
    null = null[valid[np.searchsorted(offsets, null, side="right") - 1]] if null.size else null
    if null.size:
        raise ValueFault(owner(offsets, int(null[0])), f"a NULL range, which {type_.sql} cannot hold")
    ends = contiguous(np.maximum(ranges.lengths, 0).astype(np.int64) + 4)
    out_offsets = contiguous(np.where(valid, 4 + ends[offsets[1:]] - ends[offsets[:-1]], 0))
    out = np.empty(out_offsets[-1], np.uint8)
    kernels.join(valid, offsets, ranges.data, ranges.starts, ranges.lengths, out_offsets, out)
    return raw_column(out, out_offsets, valid)


__all__ = ["arrow_type", "decode", "encode"]
