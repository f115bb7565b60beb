"""One type for the batches of a result whose ``numeric`` scale follows from the data; below the sinks."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from chakra.columnar.families.parts import is_valid
from chakra.columnar.options import DECIMAL256_DIGITS
from chakra.errors import DataError


def unify(arrays: list[pa.Array], name: str = "") -> list[pa.Array]:
    """Bring the batches of one column to one type: decimals, at any depth, to the largest scale among them,
    and lists to the depth of those that hold elements (arrays whose dimensions nobody declared).

    Parameters:
        arrays: the decoded batches of one column, equal in type but for decimals and depth of lists. The list
            is changed: each array may go as soon as the next one takes its place, so that a large column is
            not held twice.
        name: the column, for errors.

    Returns:
        The list.

    Raises:
        DataError: no Arrow decimal holds every value exactly, or arrays differ in dimensions.
    """
    if not arrays:
        return []
    types = [array.type for array in arrays]
    if all(type_ == types[0] for type_ in types[1:]):
        return arrays
    deepest = max(types, key=_depth)
    if any(_depth(array.type) < _depth(deepest) and len(array.flatten()) for array in arrays):
        raise DataError(f'column "{name}": its arrays differ in their number of dimensions', column=name)
    target = deepest
    for i in range(len(arrays)):
        if _depth(arrays[i].type) != _depth(deepest):
            arrays[i] = _deepen(arrays[i], deepest)
        target = _merge(target, arrays[i].type)
    for candidate in (target, _widen(target)):
        try:
            for i in range(len(arrays)):
                if arrays[i].type != candidate:
                    arrays[i] = arrays[i].cast(candidate)
            return arrays
        except pa.ArrowInvalid:
            continue
    raise DataError(
        f'column "{name}": no Arrow decimal holds all of its numeric values exactly; read it with '
        'numeric="string", numeric="float64" or numeric=(precision, scale)',
        column=name,
    )


def _depth(type_: pa.DataType) -> int:
    return 1 + _depth(type_.value_type) if pa.types.is_list(type_) else 0


def _deepen(array: pa.Array, target: pa.DataType) -> pa.Array:
    """Lists without any element, as lists of the deeper type."""
    offsets = pa.py_buffer(bytes(4 * (len(array) + 1)))
    validity = pa.py_buffer(np.packbits(is_valid(array), bitorder="little"))
    child = pa.nulls(0, target.value_type)
    return pa.Array.from_buffers(target, len(array), [validity, offsets], children=[child])


def _merge(a: pa.DataType, b: pa.DataType) -> pa.DataType:
    if a == b:
        return a
    if pa.types.is_decimal(a) and pa.types.is_decimal(b):
        scale = max(a.scale, b.scale)
        if pa.types.is_decimal256(a) or pa.types.is_decimal256(b):
            return pa.decimal256(DECIMAL256_DIGITS, scale)
        return pa.decimal128(max(a.precision, b.precision), scale)
    if pa.types.is_list(a):
        return pa.list_(a.value_field.with_type(_merge(a.value_type, b.value_type)))
    if pa.types.is_struct(a):
        fields = [a.field(i).with_type(_merge(a.field(i).type, b.field(i).type)) for i in range(a.num_fields)]
        return pa.struct(fields)
    raise DataError(f"batches of one column have the types {a} and {b}")


def _widen(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(type_):
        return pa.decimal256(DECIMAL256_DIGITS, type_.scale)
    if pa.types.is_list(type_):
        return pa.list_(type_.value_field.with_type(_widen(type_.value_type)))
    if pa.types.is_struct(type_):
        fields = [type_.field(i).with_type(_widen(type_.field(i).type)) for i in range(type_.num_fields)]
        return pa.struct(fields)
    return type_


__all__ = ["unify"]
