"""Ranges to ``struct{lower, upper, lower_inc, upper_inc, empty}`` and back; bounds are columns again.

An unbounded side is a NULL bound, as ``lower()`` and ``upper()`` say it in SQL; an empty range has two NULL
bounds and ``empty`` set. PostgreSQL brings ranges of whole things to ``[lower, upper)`` by itself.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chakra.columnar.buffers import RawColumn
from chakra.columnar.families.dispatch import decode_values, encode_values
from chakra.columnar.families.fault import ValueFault, malformed
from chakra.columnar.families.parts import build, build_nested, is_valid, raw_column, refuse
from chakra.columnar.kernels import range as kernels
from chakra.columnar.options import Options
from chakra.columnar.types import arrow_type as table_type
from chakra.pg.types import PgType

_FLAGS = (
    ("lower_inc", kernels.LOWER_INCLUSIVE, True),
    ("upper_inc", kernels.UPPER_INCLUSIVE, False),
    ("empty", kernels.EMPTY, False),
)
_NEEDED = frozenset({"lower", "upper", "lower_inc", "upper_inc"})
_FIELDS = ("lower", "upper", *(name for name, _, _ in _FLAGS))


def _struct(bound: pa.DataType) -> pa.DataType:
    return pa.struct([("lower", bound), ("upper", bound), *((name, pa.bool_()) for name, _, _ in _FLAGS)])


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """The struct over the Arrow type of the bounds."""
    assert type_.element is not None
    return _struct(table_type(type_.element, options))


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode ranges.

    Raises:
        ValueFault: malformed, or a bound is wrong.
    """
    assert type_.element is not None
    n = len(raw)
    flags, starts, lengths = np.empty(n, np.uint8), np.empty(2 * n, np.int64), np.empty(2 * n, np.int32)
    status, row, position = kernels.bounds(raw.data, raw.starts, raw.lengths, flags, starts, lengths)
    if status == kernels.BAD_FLAGS:
        malformed(raw, int(row), int(position), "a range of at least one byte with flags up to 0x1f")
    if status:
        malformed(raw, int(row), int(position), "range bounds that fill the value")
    try:  # both sides as one column, so that a numeric without scale gets one type
        both = decode_values(RawColumn(raw.data, starts, lengths, raw.name), type_.element, options)
    except ValueFault as fault:
        side = ".lower" if fault.index < n else ".upper"
        raise fault.within(fault.index % n, side) from None
    valid = raw.lengths >= 0
    bits = [
        build(pa.bool_(), n, valid, np.packbits(flags & flag != 0, bitorder="little"))
        for _, flag, _ in _FLAGS
    ]
    return build_nested(_struct(both.type), n, valid, [both.slice(0, n), both.slice(n), *bits])


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode structs with ``lower`` and ``upper`` and whether those belong to it; without ``empty`` none is empty.

    Raises:
        ValueFault: not such structs, or a bound does not fit.
    """
    assert type_.element is not None
    if not pa.types.is_struct(array.type):
        refuse(array, type_, f"structs of {', '.join(_FIELDS)}")
    given = [array.type.field(i).name for i in range(array.type.num_fields)]
    if not _NEEDED <= set(given) <= set(_FIELDS) or len(set(given)) != len(given):
        refuse(array, type_, f"structs of {', '.join(_FIELDS)}: a range says its bounds")
    columns = dict(zip(given, array.flatten(), strict=True))
    valid = is_valid(array)
    flags = np.zeros(valid.size, np.uint8)
    for name, flag, default in _FLAGS:
        flags[_booleans(columns.get(name), valid.size, default, type_)] |= flag
    bounds = []
    for side in ("lower", "upper"):
        try:
            bounds.append(encode_values(columns[side], type_.element, options))
        except ValueFault as fault:
            raise fault.within(fault.index, f".{side}") from None
    lower, upper = bounds
    lengths = np.concatenate([lower.lengths, upper.lengths])
    out_offsets = np.empty(valid.size + 1, np.int64)
    status, row, _ = kernels.measure(valid, flags, lengths, out_offsets)
    if status:
        raise ValueFault(int(row), "a range of more than 1 GB")
    out = np.empty(out_offsets[-1], np.uint8)
    kernels.assemble(
        valid, flags, lower.data, lower.starts, upper.data, upper.starts, lengths, out_offsets, out
    )
    return raw_column(out, out_offsets, valid)


def _booleans(column: pa.Array | None, count: int, default: bool, type_: PgType) -> NDArray[np.bool_]:
    if column is None or pa.types.is_null(column.type):
        return np.full(count, default)
    if not pa.types.is_boolean(column.type):
        refuse(column, type_, "booleans as its flags")
    found: NDArray[np.bool_] = column.fill_null(default).to_numpy(zero_copy_only=False)
    return found


__all__ = ["arrow_type", "decode", "encode"]
