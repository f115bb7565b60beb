"""Arrays of any type, 1 to 6 dimensions, to nested lists and back; elements go through the dispatcher.

The list is nested as deeply as the type declares dimensions; PostgreSQL does not enforce that declaration,
so a row of another number of dimensions is an error that names it when reading, and what is nested deeper has as many
when writing; a union of such lists has rows of several. An empty array is an empty outer list,
whatever its dimensions. Arrow lists have no lower bounds: others than 1 are an error when reading, since they
could not be written back.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import I64, RawColumn
from chakra.columnar.families.dispatch import decode_values, encode_values
from chakra.columnar.families.fault import ValueFault, malformed, owner
from chakra.columnar.families.parts import (
    build_nested,
    contiguous,
    is_valid,
    narrow,
    offsets_of,
    raw_column,
    refuse,
    view,
)
from chakra.columnar.kernels import array as kernels
from chakra.columnar.options import Options
from chakra.columnar.types import arrow_type as table_type
from chakra.columnar.types import column_type
from chakra.errors import DataError, FieldError
from chakra.pg.types import BY_OID, PgType

_HINT = "read smaller batches"
_MAX_DIMENSIONS = 6  # src/include/utils/array.h, MAXDIM


def _element(type_: PgType) -> tuple[PgType, int]:
    assert type_.element is not None
    return type_.element, max(type_.ndims, 1)


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """``list<…>`` as deep as the declared dimensions.

    Raises:
        FieldError: none are declared (``ndims=0``: the column of a query, not of a table), and the schema
            need not be known before the data: the first array tells.
    """
    element, ndims = _element(type_)
    if type_.ndims == 0 and not options.streaming:
        raise FieldError(f"the dimensions of {type_.sql} follow from the data")
    found = table_type(element, options)
    for _ in range(ndims):
        found = pa.list_(found)
    return found


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode arrays.

    Raises:
        ValueFault: malformed, of other dimensions, or an element is wrong.
    """
    element, ndims = _element(type_)
    if type_.ndims == 0 and not options.streaming:
        ndims = _seen_dimensions(raw)
    count = len(raw)
    sizes = np.empty(count * ndims, np.int64)
    oid = _seen_oid(raw, element)
    first = 0 if type_.name in _FROM_ZERO else 1
    status, row, position = kernels.shapes(raw.data, raw.starts, raw.lengths, ndims, oid, first, sizes)
    if status == kernels.BAD_OID and _oid(raw, int(row)) == element.oid:
        row = np.flatnonzero(raw.lengths >= 12)[0]  # the first row, which the others were held against
        position = raw.starts[row] + 8
    if status:
        _raise(raw, int(row), int(position), int(status), type_, ndims)
    shape = sizes.reshape(count, ndims)
    counts = shape.prod(axis=1)
    offsets = contiguous(counts)
    starts, lengths = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.int32)
    status, row, position = kernels.elements(
        raw.data, raw.starts, raw.lengths, ndims, counts, offsets, starts, lengths
    )
    if status:
        _raise(raw, int(row), int(position), int(status), type_, ndims)
    narrow(offsets, "array elements", _HINT)
    try:
        found = decode_values(RawColumn(raw.data, starts, lengths, raw.name), element, options)
    except ValueFault as fault:
        raise fault.within(owner(offsets, fault.index), "[]") from None
    for level in reversed(range(1, ndims)):
        lists = shape[:, :level].prod(axis=1)
        inner = contiguous(np.repeat(shape[:, level], lists)).astype(np.int32)
        valid = np.ones(inner.size - 1, np.bool_)
        found = build_nested(pa.list_(found.type), valid.size, valid, [found], inner)
    outer = contiguous(shape[:, 0]).astype(np.int32)
    return build_nested(pa.list_(found.type), count, raw.lengths >= 0, [found], outer)


def _seen_dimensions(raw: RawColumn) -> int:
    """Dimensions of the first array that has elements; 1 if none has."""
    told = np.flatnonzero((raw.lengths > 12) & (raw.starts >= 0) & (raw.starts + 4 <= raw.data.size))
    if not told.size:
        return 1
    at = int(raw.starts[told[0]])
    found = int.from_bytes(raw.data[at : at + 4].tobytes(), "big")
    return found if 1 <= found <= _MAX_DIMENSIONS else 1


def _seen_oid(raw: RawColumn, element: PgType) -> int:
    """The element OID on the wire, which every row must share; 0 = no row tells.

    Raises:
        ValueFault: it is another built-in type than the one asked for (a stale schema, a wrong cast).
    """
    told = np.flatnonzero(raw.lengths >= 12)
    if not told.size or int(raw.starts[told[0]]) + 12 > raw.data.size:
        return 0
    at = int(raw.starts[told[0]]) + 8
    found = _oid(raw, int(told[0]))
    if not same_layout(found, element):
        malformed(
            raw,
            int(told[0]),
            at,
            f"elements of type {element.sql} (OID {element.oid})",
            f"{BY_OID[found].sql} ({found})",
        )
    return found


def _oid(raw: RawColumn, row: int) -> int:
    at = int(raw.starts[row]) + 8
    return int.from_bytes(raw.data[at : at + 4].tobytes(), "big")


def same_layout(oid: int, type_: PgType) -> bool:
    """Whether a type seen on the wire may be read as ``type_``: not known to be different."""
    seen = BY_OID.get(oid)
    if seen is None or type_.oid in (0, oid):
        return True
    a, b = column_type(seen), column_type(type_)
    return (a.family, a.layout, a.arrow, seen.base.kind) == (b.family, b.layout, b.arrow, type_.base.kind)


_FROM_ZERO = frozenset({"oidvector", "int2vector"})
"""Types whose values all begin at 0 (``oid.c``, ``int.c``: buildoidvector, buildint2vector)."""


def _raise(raw: RawColumn, row: int, position: int, status: int, type_: PgType, ndims: int) -> NoReturn:
    if status == kernels.OTHER_DIMENSIONS:
        advice = "declare the column so" if type_.ndims else "cast it, or read it from its table"
        shape, _ = _element(type_)
        raise ValueFault(
            row, f"an array of {position} dimensions in a column read as {shape.sql}{'[]' * ndims}; {advice}"
        )
    if status == kernels.LOWER_BOUND:
        raise ValueFault(
            row,
            f"an array that begins at {position}, which a list of Arrow cannot: read it from 1 on, as column[:], or "
            "as text, CAST(column AS text)",
        )
    expected = {
        kernels.BAD_HEADER: "an array of at least 12 bytes with 0 to 6 dimensions",
        kernels.BAD_FLAGS: "array flags 0 or 1",
        kernels.BAD_OID: "the element OID of the other rows",
        kernels.BAD_SIZE: "dimensions whose elements fit the value",
        kernels.BAD_ELEMENT: "an element inside the array, and nothing after the last",
    }[status]
    malformed(raw, row, position, expected)


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode nested lists of any Arrow list type, as deep as the type declares dimensions or deeper.

    Raises:
        ValueFault: not lists, not as deep, inner lists of different lengths or NULL, or a wrong element.
    """
    if pa.types.is_union(array.type):
        return _encode_mixed(array, type_, options)
    element, ndims = _element(type_)
    oid = known_oid(element, type_)
    valid = is_valid(array)
    ndims = max(ndims, _depth(array.type, element))
    levels: list[I64] = []
    flags = [valid]
    inner = array
    for level in range(ndims):
        if level:
            flags.append(is_valid(inner))
        found = list_parts(inner)
        if found is None and level and not len(inner):
            found = np.zeros(1, np.int64), inner  # of empty lists nobody knows how deep they are
        if found is None:
            if level == 0:
                refuse(array, type_, f"lists nested {ndims} deep")
            raise ValueFault(
                0, f"Arrow {array.type} does not fit {type_.sql}: it is nested {level} deep, not {ndims}"
            )
        offsets, inner = found
        levels.append(offsets)
    try:
        values = encode_values(inner, element, options)
    except ValueFault as fault:
        raise fault.within(_row_of(levels, fault.index), "[]") from None
    bases = contiguous(np.array([offsets.size for offsets in levels]))
    ends = contiguous(np.maximum(values.lengths, 0).astype(np.int64) + 4)
    sizes, out_offsets = np.empty(valid.size * ndims, np.int64), np.empty(valid.size + 1, np.int64)
    padded = np.concatenate([np.append(part, True) for part in flags])
    joined = np.concatenate(levels)
    status, row, _ = kernels.measure(valid, ndims, joined, bases, padded, ends, sizes, out_offsets)
    if status:
        reason = {
            kernels.RAGGED: "inner lists of different lengths: a PostgreSQL array is rectangular",
            kernels.NULL_LIST: "a NULL instead of an inner list: only elements of an array may be NULL",
            kernels.TOO_LARGE: "an array of more than 1 GB",
        }[int(status)]
        raise ValueFault(int(row), reason)
    firsts = levels[0][:-1]
    for offsets in levels[1:]:
        firsts = offsets[firsts]
    out = np.empty(out_offsets[-1], np.uint8)
    kernels.assemble(
        valid,
        ndims,
        np.ascontiguousarray(firsts),
        sizes,
        oid,
        values.data,
        values.starts,
        values.lengths,
        out_offsets,
        out,
    )
    return raw_column(out, out_offsets, valid)


def _depth(kind: pa.DataType, element: PgType) -> int:
    """How deep lists are nested, down to what the element itself may be a list of."""
    depth = 0
    while is_list(kind):
        kind, depth = kind.value_type, depth + 1
    if element.name in LISTS:
        return 0
    return depth - 1 if element.kind == "multirange" else depth


def is_list(kind: pa.DataType) -> bool:
    """Whether an Arrow type is a list of some kind; maps are none."""
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


LISTS = frozenset({"json", "jsonb", "vector", "halfvec", "path", "polygon", "hstore"})
"""Types whose values may be lists themselves, so that those say nothing of dimensions."""


def _encode_mixed(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode a dense union of lists, each of its own depth."""
    codes = view(array.buffers()[1], np.int8, array.offset, len(array))
    offsets = view(array.buffers()[2], np.int32, array.offset, len(array))
    starts, lengths = np.zeros(len(array), np.int64), np.zeros(len(array), np.int32)
    parts, base = [], 0
    for code in range(array.type.num_fields):
        rows = np.flatnonzero(codes == code)
        try:
            raw = encode_values(array.field(code).take(pa.array(offsets[rows])), type_, options)
        except ValueFault as fault:
            raise fault.within(int(rows[fault.index]), "") from None
        starts[rows], lengths[rows] = raw.starts + base, raw.lengths
        parts.append(raw.data)
        base += raw.data.size
    return RawColumn(np.concatenate(parts), starts, lengths)


def _row_of(levels: list[I64], element: int) -> int:
    for offsets in reversed(levels):
        element = owner(offsets, element)
    return element


def known_oid(part: PgType, whole: PgType) -> int:
    """The OID the server demands in front of an element or field.

    Raises:
        DataError: nobody has asked the server for it yet.
    """
    if part.oid == 0:
        raise DataError(
            f"the OID of {part.sql}, part of {whole.sql}, is not known; "
            "take the type from a connected database"
        )
    return part.oid


def list_parts(array: pa.Array) -> tuple[I64, pa.Array] | None:
    """Offsets from 0 and the values they cover, of any Arrow list or map; ``None`` for other arrays."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return list_parts(array.storage)
    if pa.types.is_fixed_size_list(kind):
        size = kind.list_size
        offsets = np.arange(len(array) + 1, dtype=np.int64) * size
        return offsets, array.values.slice(array.offset * size, len(array) * size)
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        width = np.int32 if pa.types.is_list_view(kind) else np.int64
        sizes = view(array.buffers()[2], width, array.offset, len(array))
        return contiguous(np.where(is_valid(array), sizes, 0)), array.flatten()
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind)):
        return None
    offsets = offsets_of(array)
    if array.null_count and bool(np.any(np.diff(offsets)[~is_valid(array)])):
        # NULL lists may hide values; taking all rows drops them, so that they are neither checked nor
        # encoded.
        array = array.take(pa.array(np.arange(len(array))))
        offsets = offsets_of(array)
    first, last = int(offsets[0]), int(offsets[-1])
    values = (
        pa.StructArray.from_arrays([array.keys, array.items], ["key", "value"])
        if pa.types.is_map(kind)
        else array.values
    )
    return offsets - first, values.slice(first, last - first)


__all__ = ["LISTS", "arrow_type", "decode", "encode", "is_list", "known_oid", "list_parts", "same_layout"]
