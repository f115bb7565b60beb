"""pgvector's vector, halfvec and sparsevec to fixed-size lists and structs of floats, and back.

``vector(n)`` is ``fixed_size_list<float32>[n]``, ``halfvec(n)`` of float16; without a declared n, a plain
list. ``sparsevec`` is ``struct{dimensions, indices, values}`` with indices from 0, as on the wire.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import I64, AnyArray, RawColumn
from chakra.columnar.families.array import list_parts
from chakra.columnar.families.fault import ValueFault, malformed, owner
from chakra.columnar.families.parts import (
    bitmap,
    build,
    build_nested,
    contiguous,
    is_valid,
    narrow,
    raw_column,
    refuse,
    values_of,
)
from chakra.columnar.kernels import vector as kernels
from chakra.columnar.options import Options
from chakra.pg.showing import shown as shown_value
from chakra.pg.showing import shown_text
from chakra.pg.types import PgType

_FLOATS: dict[str, tuple[pa.DataType, int]] = {"vector": (pa.float32(), 4), "halfvec": (pa.float16(), 2)}
_SPARSE = pa.struct(
    [("dimensions", pa.int32()), ("indices", pa.list_(pa.int32())), ("values", pa.list_(pa.float32()))]
)
_HINT = "read smaller batches"


def _dimensions(type_: PgType) -> int:
    return type_.modifiers[0] if type_.modifiers else -1


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """A list of floats, of fixed size where the type declares it; a struct for sparsevec."""
    if type_.name == "sparsevec":
        return _SPARSE
    item, _ = _FLOATS[type_.name]
    return pa.list_(item, _dimensions(type_))


def _counts(raw: RawColumn, type_: PgType, declared: int, layout: tuple[int, int, int, int]) -> I64:
    head, at, size, width = layout
    offsets = np.empty(len(raw) + 1, np.int64)
    status, row, position = kernels.counts(
        raw.data, raw.starts, raw.lengths, head, at, size, width, declared, offsets
    )
    if status == kernels.OTHER_COUNT:
        raise ValueFault(int(row), f"{int(position)} dimensions, the column declares {type_.sql}")
    if status:
        malformed(raw, int(row), int(position), f"a {type_.name} whose count matches its length")
    return offsets


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode vectors.

    Raises:
        ValueFault: malformed, or of other dimensions than declared.
    """
    if type_.name == "sparsevec":
        return _decode_sparse(raw, type_)
    item, size = _FLOATS[type_.name]
    declared = _dimensions(type_)
    offsets = _counts(raw, type_, declared, (4, 0, 2, size))
    values = build(item, int(offsets[-1]), None, _gather(raw, 4, offsets, size))
    target = arrow_type(type_, options)
    if declared >= 0:
        return build_nested(target, len(raw), raw.lengths >= 0, [values])
    return build_nested(target, len(raw), raw.lengths >= 0, [values], narrow(offsets, "numbers", _HINT))


def _gather(raw: RawColumn, head: int, offsets: I64, size: int) -> AnyArray:
    out = np.empty(offsets[-1] * size, np.uint8)
    kernels.gather(raw.data, raw.starts, raw.lengths, head, offsets, size, out)
    numbers: AnyArray = out.view(f"u{size}").byteswap(inplace=True)
    return numbers


def _decode_sparse(raw: RawColumn, type_: PgType) -> pa.Array:
    offsets = _counts(raw, type_, -1, (12, 4, 4, 8))
    valid = raw.lengths >= 0
    ends = narrow(offsets, "numbers", _HINT)
    mask, nulls = bitmap(valid)
    total = int(offsets[-1])
    dimensions = np.zeros(len(raw), np.int32)
    heads = raw.data[raw.starts[valid][:, None] + np.arange(4)] if valid.any() else np.zeros((0, 4), np.uint8)
    dimensions[valid] = np.ascontiguousarray(heads).view(">i4").reshape(-1)
    children = [build(pa.int32(), len(raw), valid, dimensions)]
    for head, item in ((12, pa.int32()), (-1, pa.float32())):
        buffers = [mask, pa.py_buffer(ends)]
        numbers = build(item, total, None, _gather(raw, head, offsets, 4))
        children.append(
            pa.Array.from_buffers(pa.list_(item), len(raw), buffers, null_count=nulls, children=[numbers])
        )
    return build_nested(_SPARSE, len(raw), valid, children)


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode lists of floats of any width; for sparsevec the struct, with indices from 0, ascending.

    Raises:
        ValueFault: another Arrow type, other dimensions, a NULL, NaN or infinite number, or one out of range.
    """
    if type_.name == "sparsevec":
        return _encode_sparse(array, type_)
    found = list_parts(array)
    if found is None:
        refuse(array, type_, "lists of floats")
    offsets, inner = found
    valid = is_valid(array)
    item, size = _FLOATS[type_.name]
    numbers = _numbers(inner, item, offsets, valid, type_)
    counts = np.diff(offsets)
    declared = _dimensions(type_)
    wrong = valid & ((counts != declared) if declared >= 0 else ((counts < 1) | (counts > 16000)))
    if wrong.any():
        index = int(np.argmax(wrong))
        wanted = type_.sql if declared >= 0 else f"{type_.sql}, which takes 1 to 16000"
        raise ValueFault(index, f"{int(counts[index])} dimensions do not fit {wanted}")
    out_offsets = contiguous(np.where(valid, 4 + counts * size, 0))
    out = np.zeros(out_offsets[-1], np.uint8)
    kernels.put(valid, counts, 2, out_offsets[:-1], out)
    kernels.place(valid, numbers.byteswap().view(np.uint8), offsets * size, out_offsets[:-1] + 4, out)
    return raw_column(out, out_offsets, valid)


def _numbers(inner: pa.Array, item: pa.DataType, offsets: I64, valid: Any, type_: PgType) -> AnyArray:
    """The numbers in the item's width; pgvector takes neither NULL nor NaN nor infinities."""
    if not (pa.types.is_floating(inner.type) or pa.types.is_integer(inner.type)):
        refuse(inner, type_, "lists of floats")
    values = values_of(
        inner.cast(pa.float64()) if pa.types.is_integer(inner.type) else inner, _width(inner.type)
    )
    with np.errstate(over="ignore", invalid="ignore"):
        narrowed: AnyArray = np.ascontiguousarray(values.astype(item.to_pandas_dtype(), copy=False))
    # NumPy turns each half float into a float to look at it: 2 ns a number where its bits take 0.1.
    wrong = (
        (narrowed.view(np.uint16) & 0x7C00) == 0x7C00 if narrowed.itemsize == 2 else ~np.isfinite(narrowed)
    )
    if inner.null_count:
        wrong |= ~is_valid(inner)
    for index in np.flatnonzero(wrong):
        row = owner(offsets, int(index))
        if valid[row]:
            shown = shown_text(str(values[index])) if is_valid(inner)[index] else "NULL"
            raise ValueFault(row, f"{shown} is not a number {type_.sql} can hold")
    return narrowed


def _width(type_: pa.DataType) -> str:
    return f"f{type_.bit_width // 8}" if pa.types.is_floating(type_) else "f8"


def _encode_sparse(array: pa.Array, type_: PgType) -> RawColumn:
    names = [field.name for field in _SPARSE]
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        array = _from_texts(array, type_)
    kind = array.type
    if not pa.types.is_struct(kind) or sorted(kind.field(i).name for i in range(kind.num_fields)) != sorted(
        names
    ):
        refuse(array, type_, f"structs of {', '.join(names)}")
    given = [kind.field(i).name for i in range(kind.num_fields)]
    columns = dict(zip(given, array.flatten(), strict=True))
    valid = is_valid(array)
    for name in names:
        missing = valid & ~is_valid(columns[name])
        if missing.any():
            raise ValueFault(int(np.argmax(missing)), f"a NULL {name}, which {type_.sql} cannot hold")
    places, numbers = list_parts(columns["indices"]), list_parts(columns["values"])
    if places is None or numbers is None or not pa.types.is_integer(places[1].type):
        refuse(array, type_, "lists of indices and of values")
    offsets = places[0]
    counts = np.diff(offsets)
    differing = valid & (counts != np.diff(numbers[0]))
    if differing.any():
        raise ValueFault(int(np.argmax(differing)), "as many indices as values are needed")
    dimensions = columns["dimensions"].cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    indices = places[1].cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    _check_sparse(indices, dimensions, offsets, valid, type_)
    values = _numbers(numbers[1], pa.float32(), numbers[0], valid, type_)
    out_offsets = contiguous(np.where(valid, 12 + counts * 8, 0))
    out = np.zeros(out_offsets[-1], np.uint8)
    starts = out_offsets[:-1]
    kernels.put(valid, dimensions, 4, starts, out)
    kernels.put(valid, counts, 4, starts + 4, out)
    places_wire = np.ascontiguousarray(indices.astype(">i4")).view(np.uint8)
    kernels.place(valid, places_wire, offsets * 4, starts + 12, out)
    kernels.place(valid, values.byteswap().view(np.uint8), numbers[0] * 4, starts + 12 + 4 * counts, out)
    return raw_column(out, out_offsets, valid)


_TEXT = re.compile(r"\s*\{([^{}]*)\}\s*/\s*([0-9]+)\s*")


def _from_texts(array: pa.Array, type_: PgType) -> pa.Array:
    """The structs that texts such as ``{1:0.5,3:2}/5`` mean, as rows write them."""
    found: list[dict[str, Any] | None] = []
    for row, text in enumerate(array.to_pylist()):
        if text is None:
            found.append(None)
            continue
        match = _TEXT.fullmatch(text)
        try:
            if match is None:
                raise ValueError(text)
            inner, dimensions = match.groups()
            pairs = sorted(
                (int(i), float(v)) for i, v in (part.split(":") for part in inner.split(",") if inner)
            )
        except ValueError:
            raise ValueFault(
                row, f"{shown_value(text)} is no text of {type_.sql}, such as {{1:0.5,3:2}}/5"
            ) from None
        found.append(
            {
                "dimensions": int(dimensions),
                "indices": [index - 1 for index, _ in pairs],
                "values": [value for _, value in pairs],
            }
        )
    return pa.array(found, _SPARSE)


def _check_sparse(indices: I64, dimensions: I64, offsets: I64, valid: Any, type_: PgType) -> None:
    declared = _dimensions(type_)
    wrong = valid & ((dimensions != declared) if declared >= 0 else ((dimensions < 1) | (dimensions > 10**9)))
    if wrong.any():
        index = int(np.argmax(wrong))
        raise ValueFault(index, f"{int(dimensions[index])} dimensions do not fit {type_.sql}")
    limits = np.repeat(np.where(valid, dimensions, 2**31), np.diff(offsets))
    outside = (indices < 0) | (indices >= limits)
    if indices.size > 1:
        behind = np.zeros(indices.size, np.bool_)
        behind[1:] = indices[1:] <= indices[:-1]
        firsts = offsets[:-1]
        behind[firsts[firsts < indices.size]] = False
        outside |= behind
    if outside.any():
        bad = int(np.argmax(outside))
        raise ValueFault(
            owner(offsets, bad), f"index {int(indices[bad])}: {type_.sql} takes ascending indices from 0"
        )


__all__ = ["arrow_type", "decode", "encode"]
