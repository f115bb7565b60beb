"""``path`` and ``polygon`` to lists of points, and back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import I64, RawColumn
from chakra.columnar.families.array import list_parts
from chakra.columnar.families.fault import ValueFault, malformed, owner
from chakra.columnar.families.fixed_struct import decode as decode_fixed
from chakra.columnar.families.fixed_struct import encode as encode_fixed
from chakra.columnar.families.parts import (
    bitmap,
    build,
    build_nested,
    contiguous,
    is_valid,
    narrow,
    raw_column,
    refuse,
)
from chakra.columnar.kernels import vector as kernels
from chakra.columnar.options import Options
from chakra.pg.types import POINT, PgType

_POINTS = pa.list_(pa.struct([("x", pa.float64()), ("y", pa.float64())]))
_PATH = pa.struct([("closed", pa.bool_()), ("points", _POINTS)])


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """``list<struct{x, y}>`` for a polygon, ``struct{closed, points}`` for a path."""
    return _PATH if type_.name == "path" else _POINTS


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode lists of points.

    Raises:
        ValueFault: malformed.
    """
    head = 5 if type_.name == "path" else 4
    offsets = np.empty(len(raw) + 1, np.int64)
    status, row, position = kernels.counts(
        raw.data, raw.starts, raw.lengths, head, head - 4, 4, 16, -1, offsets
    )
    if status:
        malformed(raw, int(row), int(position), f"a {type_.name} whose count matches its length")
    valid = raw.lengths >= 0
    points = _decode_points(raw, head, offsets, options)
    ends = narrow(offsets, "points", "read smaller batches")
    mask, nulls = bitmap(valid)
    buffers = [mask, pa.py_buffer(ends)]
    lists = pa.Array.from_buffers(_POINTS, len(raw), buffers, null_count=nulls, children=[points])
    if type_.name == "polygon":
        return lists
    closed = np.zeros(len(raw), np.uint8)
    closed[valid] = raw.data[raw.starts[valid]]
    if closed.size and closed.max() > 1:
        index = int(np.argmax(closed > 1))
        malformed(
            raw, index, int(raw.starts[index]), "a path that is open (0) or closed (1)", str(closed[index])
        )
    flags = build(pa.bool_(), len(raw), valid, np.packbits(closed, bitorder="little"))
    return build_nested(_PATH, len(raw), valid, [flags, lists])


def _decode_points(raw: RawColumn, head: int, offsets: I64, options: Options) -> pa.Array:
    counts = np.diff(offsets)
    nth = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
    starts = np.repeat(raw.starts + head, counts) + 16 * nth
    return decode_fixed(RawColumn(raw.data, starts, np.full(starts.size, 16, np.int32)), POINT, options)


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode lists of ``{x, y}``; a path is a struct of ``closed`` and ``points``.

    Raises:
        ValueFault: another shape, a NULL point, or no point at all.
    """
    valid = is_valid(array)
    path = type_.name == "path"
    lists, closed = array, None
    if path:
        kind = array.type
        given = [kind.field(i).name for i in range(kind.num_fields)] if pa.types.is_struct(kind) else []
        if sorted(given) != ["closed", "points"]:
            refuse(array, type_, "structs of closed and points")
        columns = dict(zip(given, array.flatten(), strict=True))
        lists, closed = columns["points"], columns["closed"]
        missing = valid & ~(is_valid(lists) & is_valid(closed))
        if missing.any():
            raise ValueFault(int(np.argmax(missing)), f"a NULL field, which {type_.sql} cannot hold")
        if not pa.types.is_boolean(closed.type):
            refuse(closed, type_, "a boolean as closed")
    found = list_parts(lists)
    if found is None:
        refuse(array, type_, "lists of points")
    offsets, inner = found
    if pa.types.is_null(inner.type):
        inner = pa.array([None] * len(inner), _POINTS.value_type)
    try:
        points = encode_fixed(inner, POINT, options)
    except ValueFault as fault:
        raise fault.within(owner(offsets, fault.index), "[]") from None
    counts = np.diff(offsets)
    null = np.flatnonzero(points.lengths < 0)
    if null.size:
        raise ValueFault(owner(offsets, int(null[0])), f"a NULL point, which {type_.sql} cannot hold")
    if np.any(valid & (counts == 0)):
        raise ValueFault(int(np.argmax(valid & (counts == 0))), f"no points: {type_.sql} has at least one")
    head = 5 if path else 4
    out_offsets = contiguous(np.where(valid, head + counts * 16, 0))
    out = np.zeros(out_offsets[-1], np.uint8)
    starts = out_offsets[:-1]
    if closed is not None:
        flags = closed.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        kernels.put(valid, flags, 1, starts, out)
    kernels.put(valid, counts, 4, starts + head - 4, out)
    kernels.place(valid, points.data, offsets * 16, starts + head, out)
    return raw_column(out, out_offsets, valid)


__all__ = ["arrow_type", "decode", "encode"]
