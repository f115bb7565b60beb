"""From a type to the family that decodes and encodes its values, at any depth; the families' front door."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Protocol, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chakra.columnar.buffers import RawColumn
from chakra.columnar.families.fault import ValueFault
from chakra.columnar.families.parts import all_null, writable
from chakra.columnar.options import DEFAULT, Options
from chakra.columnar.types import column_type
from chakra.errors import DataError
from chakra.pg.types import PgType


class Family(Protocol):
    """What every module of this package offers."""

    def arrow_type(self, type_: PgType, options: Options) -> pa.DataType: ...

    def decode(self, raw: RawColumn, type_: PgType, options: Options) -> pa.Array: ...

    def encode(self, array: pa.Array, type_: PgType, options: Options) -> RawColumn: ...


@cache
def _family(name: str) -> Family:
    return cast("Family", importlib.import_module(f"chakra.columnar.families.{name}"))


def decode_values(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode values of any type; for containers, which translate faults themselves.

    Raises:
        ValueFault: a value is malformed or does not fit its Arrow type.
    """
    return _family(column_type(type_).family).decode(raw, type_.base, options)


def encode_values(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode values for any type; for containers, which translate faults themselves.

    Raises:
        ValueFault: a value does not fit the PostgreSQL type.
    """
    if wholly_null(array):
        return all_null(len(array))
    if isinstance(array, pa.ExtensionArray):
        array = storage_of(array)
    base = type_.base
    if pa.types.is_dictionary(array.type) and base.kind != "enum":
        array = without_dictionary(array)
    if pa.types.is_run_end_encoded(array.type):
        array = without_runs(array)
    return _family(column_type(base).family).encode(array, base, options)


def wholly_null(array: pa.Array) -> bool:
    """Whether no value of an array is there, whatever type its maker gave it."""
    kind = array.type
    if pa.types.is_dictionary(kind) and array.dictionary.null_count:
        return bool(len(array) == pc.call_function("is_null", [array]).true_count)
    if pa.types.is_run_end_encoded(kind):
        return wholly_null(array.values)
    if pa.types.is_union(kind):
        return all(value is None for value in array.to_pylist())
    return bool(array.null_count == len(array))


def storage_of(array: pa.ExtensionArray) -> pa.Array:
    """The storage of an extension array; booleans of one byte (``arrow.bool8``) as booleans."""
    if array.type.extension_name == "arrow.bool8":
        return pc.call_function("not_equal", [array.storage, pa.scalar(0, pa.int8())])
    return array.storage


def without_dictionary(array: pa.Array) -> pa.Array:
    """The values of a dictionary array; pyarrow (26) cannot take from the views that polars puts into them."""
    values = array.dictionary
    plain = _PLAIN.get(values.type)
    if plain is not None:
        array = pa.DictionaryArray.from_arrays(array.indices, values.cast(plain))
    return array.dictionary_decode()


def without_runs(array: pa.RunEndEncodedArray) -> pa.Array:
    """The values of a run-end encoded array; Arrow's own function knows few types of them."""
    positions = pa.array(np.arange(len(array.values), dtype=np.int32))
    runs = pa.RunEndEncodedArray.from_arrays(array.run_ends, positions)
    values = array.values
    if pa.types.is_dictionary(values.type) and not pa.types.is_nested(values.type.value_type):
        values = without_dictionary(values)
    if len(array) == 0:
        return values.slice(0, 0)
    whole = pc.call_function("run_end_decode", [runs])
    return values.take(whole.slice(array.offset, len(array)))


_PLAIN = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}


def decode_column(raw: RawColumn, type_: PgType, options: Options = DEFAULT) -> pa.Array:
    """Decode the values of one column, of any type.

    Parameters:
        raw: where the wire bytes of every value are.
        type_: the PostgreSQL type of the column.
        options: ``numeric=``, ``infinity=``, ``strings=``.

    Returns:
        An Arrow array of ``len(raw)`` values. Its type is ``arrow_type(type_, options)``, except where that
        follows from the data only: a ``numeric`` without precision gets the largest scale of these values
        (see :func:`~chakra.columnar.families.unify.unify` for several batches).

    Raises:
        CopyFormatError: the bytes are not a value of the type.
        DataError: a value does not fit the Arrow type and the options do not say what it should become.
    """
    data = writable(raw.data)
    if data is not raw.data:
        raw = RawColumn(data, raw.starts, raw.lengths, raw.name, raw.first_row)
    try:
        return decode_values(raw, type_, options)
    except ValueFault as fault:
        raise fault.error(raw.name, raw.first_row, "") from None


def encode_column(
    array: pa.Array | pa.ChunkedArray,
    type_: PgType,
    name: str = "",
    first_row: int = 0,
    options: Options = DEFAULT,
) -> RawColumn:
    """Encode one Arrow array as values of a PostgreSQL type.

    Parameters:
        array: any Arrow array whose values fit the type.
        type_: the type of the target column; it alone decides the wire format.
        name, first_row: for errors: the column's name and the absolute number of the array's first row.
        options: ``allow_truncate=``.

    Returns:
        The wire bytes. ``data`` may be the array's own memory: keep the array unchanged while it is used.

    Raises:
        DataError: a value, or the whole Arrow type, does not fit; names row and column.
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    try:
        array.validate()  # kernels trust the sizes of buffers; this costs microseconds, whatever the length
    except pa.ArrowInvalid as error:
        raise DataError(f'column "{name}": {error}', column=name) from None
    try:
        raw = encode_values(array, type_, options)
    except ValueFault as fault:
        raise fault.error(name, first_row, "") from None
    return RawColumn(raw.data, raw.starts, raw.lengths, name, first_row)


__all__ = [
    "Family",
    "decode_column",
    "decode_values",
    "encode_column",
    "encode_values",
    "storage_of",
    "wholly_null",
    "without_dictionary",
    "without_runs",
]
