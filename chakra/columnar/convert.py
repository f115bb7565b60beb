"""Decoded columns to the Arrow types of what their model declares, value for value, or an error that names the row."""

from __future__ import annotations

from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from chakra.columnar.families.parts import shown
from chakra.columnar.options import Options
from chakra.columnar.types import ColumnSpec, arrow_type
from chakra.errors import DataError, FieldError
from chakra.pg.types import PgType


def convert(
    array: pa.Array, spec: ColumnSpec, target: pa.DataType | None, options: Options, first_row: int = 0
) -> pa.Array:
    """Convert what was decoded as ``spec.type`` to the type of ``spec.declared``.

    Parameters:
        array: decoded values, not a slice.
        spec: the column; a pair of types that ``chakra.schema.declared.reading`` gives.
        target: Arrow type of the declared type; ``None`` = parts of it follow from the data, and stay as they are.
        first_row: for errors, the number of the first row.

    Raises:
        DataError: a value is none of the declared type: too large, or not exact. Names row, column and both types.
    """
    assert spec.declared is not None
    target = target or _target(array.type, spec.declared.base, options)
    try:
        return _cast(array, spec.declared.base, target)
    except pa.ArrowInvalid:
        _name(array, spec, target, first_row)


def _target(kind: pa.DataType, declared: PgType, options: Options) -> pa.DataType:
    """The Arrow type of a declared type; what follows from the data is as it was decoded."""
    if pa.types.is_list(kind) and declared.element is not None:
        inner = declared if pa.types.is_list(kind.value_type) else declared.element.base
        return pa.list_(_target(kind.value_type, inner, options))
    if pa.types.is_struct(kind) and declared.fields:
        fields = [(name, _target(kind.field(name).type, t.base, options)) for name, t in declared.fields]
        return pa.struct(fields)
    try:
        return arrow_type(declared, options)
    except FieldError:
        return kind


def _name(array: pa.Array, spec: ColumnSpec, target: pa.DataType, first_row: int) -> NoReturn:
    """Raise for the first value that cannot be converted, found by halving; of records for the field in them.

    Raises:
        DataError: always.
    """
    assert spec.declared is not None
    wire, declared, name, label = spec.type.base, spec.declared.base, spec.name, spec.label
    row = at = _first(array, declared, target)
    while (inner := _within(array.slice(at, 1), wire, declared, target)) is not None:
        array, wire, declared, target, step = inner
        at, name, label = _first(array, declared, target), name + step, ""
    raise DataError(
        f'row {first_row + row}, column "{name}": {shown(array, at)} does not fit {declared.sql}, as which '
        f"{label or 'it'} is declared; the column in the database is {wire.sql}: declare it so",
        row=first_row + row,
        column=spec.name,
    ) from None


def _first(array: pa.Array, declared: PgType, target: pa.DataType) -> int:
    """The first value that cannot be converted, where one cannot."""
    low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        if _fits(array.slice(low, middle - low), declared, target):
            low = middle
        else:
            high = middle
    return low


def _fits(array: pa.Array, declared: PgType, target: pa.DataType) -> bool:
    try:
        _cast(pa.concat_arrays([array]), declared, target)
    except pa.ArrowInvalid:
        return False
    return True


def _within(
    array: pa.Array, wire: PgType, declared: PgType, target: pa.DataType
) -> tuple[pa.Array, PgType, PgType, pa.DataType, str] | None:
    """The values in a list of records, or the field of a record, among which the one is that cannot be converted, with
    their types and how they are named; ``None`` = it is no record.
    """
    if wire.element is not None and declared.element is not None and wire.element.name == RECORD:
        return array.flatten(), wire.element.base, declared.element.base, target.value_type, "[]"
    if wire.name != RECORD:
        return None
    whole, types = pa.concat_arrays([array]), dict(declared.fields)
    for name, type_ in wire.fields:
        found, wanted = whole.field(name), target.field(name).type
        if not _fits(found, types[name].base, wanted):
            return found, type_.base, types[name].base, wanted, f".{name}"
    return None


RECORD = "record"
"""The type of rows that a query itself puts together, whose fields are columns of other tables."""


def _cast(array: pa.Array, declared: PgType, target: pa.DataType) -> pa.Array:
    """One level; containers keep their own buffers around converted values.

    Raises:
        ArrowInvalid: a value does not fit.
    """
    if array.type == target:
        return array
    if pa.types.is_list(target):
        assert declared.element is not None
        child = declared
        if not pa.types.is_list(target.value_type):  # the innermost level, whatever the number of dimensions
            child = declared.element.base
        values = _cast(array.values, child, target.value_type)
        return pa.Array.from_buffers(
            target, len(array), array.buffers()[:2], null_count=array.null_count, children=[values]
        )
    if pa.types.is_struct(target):
        fields = dict(declared.fields)
        children = [
            _cast(array.field(target.field(i).name), fields[target.field(i).name].base, target.field(i).type)
            for i in range(target.num_fields)
        ]
        return pa.Array.from_buffers(
            target, len(array), array.buffers()[:1], null_count=array.null_count, children=children
        )
    if isinstance(array, pa.ExtensionArray):
        return _cast(array.storage, declared, target)
    if isinstance(target, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(target, array.cast(target.storage_type))
    if pa.types.is_dictionary(target):
        return _labelled(array, target, declared)
    return array.cast(target)


def _labelled(array: pa.Array, target: pa.DataType, declared: PgType) -> pa.Array:
    """Texts as labels of an enum."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    labels = pa.array(declared.labels, target.value_type)
    known = pc.SetLookupOptions(value_set=labels)
    found = pc.call_function("index_in", [array.cast(target.value_type)], known)
    if found.null_count != array.null_count:
        raise pa.ArrowInvalid("a text is no label")
    return pa.DictionaryArray.from_arrays(found.cast(target.index_type), labels)


__all__ = ["convert"]
