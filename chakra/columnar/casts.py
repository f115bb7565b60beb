"""From any fitting Arrow array to what the row kernel writes directly, or to the wire bytes of its family."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from chakra.columnar.families import encode_column
from chakra.columnar.families.dispatch import storage_of, wholly_null, without_dictionary
from chakra.columnar.families.ends import has_ends
from chakra.columnar.families.simple import has_bounds
from chakra.columnar.kernels import rows_encode as kernels
from chakra.columnar.meaning import meant, with_rounding
from chakra.columnar.options import DEFAULT, Options
from chakra.columnar.types import (
    DAYS_TO_EPOCH,
    MICROSECONDS_TO_EPOCH,
    VARLEN,
    ColumnSpec,
    arrow_type,
    column_type,
)
from chakra.pg.types import PgType

# src/include/datatype/timestamp.h, from 2000-01-01: 4714-11-24 BC to 5874897-12-31, and to 294276-12-31.
DATES = (-2451545, 2145031948)
TIMESTAMPS = (-211813488000000000, 9223371331200000000 - 1)
DAY_MICROSECONDS = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """One column of one batch as the encode kernel reads it.

    Attributes:
        array: the array as it was handed in, for errors.
        words: entries of the kernel's plan row, by index.
        keep: what owns the memory behind the addresses.
    """

    array: pa.Array
    words: dict[int, int]
    keep: object


def source(array: pa.Array, spec: ColumnSpec, first_row: int, options: Options) -> Source:
    """Prepare a column for the encode kernel.

    Fast as it stands: the Arrow type the column would be read as, and every integer width, string kind and
    finer or coarser float that casts to it without loss. Everything else is encoded by its family first.

    Raises:
        DataError: a value, or the Arrow type, does not fit the column; names row and column.
    """
    if wholly_null(array):  # NULL is the same in every type
        array = pa.nulls(len(array))
    array, options = meant(array, spec, first_row, options), with_rounding(spec, options)
    plain = unwrapped(array)
    words = _direct(plain, spec.type, options)
    if words is None:
        cast = _cast(plain, spec.type)
        if cast is not None:
            plain, words = cast, _direct(cast, spec.type, options)
    keep: object = plain
    if words is None:
        raw = encode_column(array, spec.type, spec.name, first_row, options)
        keep = (raw, array)
        words = {
            kernels.LAYOUT: kernels.RAW,
            kernels.VALUES: raw.data.ctypes.data,
            kernels.OFFSETS: raw.starts.ctypes.data,
            kernels.LENGTHS: raw.lengths.ctypes.data,
        }
    elif words[kernels.LAYOUT] == kernels.VIEW:
        keep = (plain, _variadic(plain, words))
    if words[kernels.LAYOUT] not in (kernels.RAW, kernels.ALL_NULL):
        validity = plain.buffers()[0]
        if plain.null_count and validity is not None:
            words[kernels.VALID] = validity.address
            words[kernels.VALID_BIT] = plain.offset
    words[kernels.REQUIRED] = int(not spec.nullable)
    return Source(array, words, keep)


def unwrapped(array: pa.Array) -> pa.Array:
    """The array without extension types and dictionaries; run-end encoding is left to the families."""
    if isinstance(array, pa.ExtensionArray):
        array = storage_of(array)
    if pa.types.is_dictionary(array.type) and not pa.types.is_nested(array.type.value_type):
        array = without_dictionary(array)
    return array


def _variadic(array: pa.Array, words: dict[int, int]) -> object:
    """Addresses of the data buffers of a string_view or binary_view."""
    addresses = np.array([b.address if b is not None else 0 for b in array.buffers()[2:]] or [0], np.int64)
    words[kernels.OFFSETS] = addresses.ctypes.data
    return addresses


_WIDTHS = {2: kernels.FIXED2, 4: kernels.FIXED4, 8: kernels.FIXED8, 16: kernels.FIXED16}


def _storage(type_: PgType) -> pa.DataType | None:
    """What a column of the type is read as, without extension; ``None`` where a family reads it."""
    row = column_type(type_)
    if row.arrow is None:
        return None
    found = arrow_type(type_, DEFAULT)
    return found.storage_type if isinstance(found, pa.BaseExtensionType) else found


def _direct(array: pa.Array, type_: PgType, options: Options) -> dict[int, int] | None:
    """Plan words of an array that needs no conversion, else ``None``."""
    kind, base = array.type, type_.base
    if pa.types.is_null(kind):
        return {kernels.LAYOUT: kernels.ALL_NULL}
    row, storage = column_type(type_), _storage(type_)
    if storage is None:
        return None
    if row.layout == VARLEN:
        return _bytes(array, storage, base, row.skip)
    same = kind == storage or (pa.types.is_timestamp(kind) and _same_clock(kind, storage))
    values = array.buffers()[1] if same else None
    if values is None:
        return None
    if pa.types.is_boolean(kind):
        return {
            kernels.LAYOUT: kernels.BOOL,
            kernels.VALUES: values.address,
            kernels.BITS: array.offset,
        }
    width = kind.bit_width // 8
    words = {
        kernels.LAYOUT: _WIDTHS[width],
        kernels.VALUES: values.address + width * array.offset,
    }
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        if has_ends(array) or (options.bounds_are_infinite and has_bounds(array)):
            return None
        low, high = DATES if pa.types.is_date(kind) else TIMESTAMPS
        add = -DAYS_TO_EPOCH if pa.types.is_date(kind) else -MICROSECONDS_TO_EPOCH
        limits = np.iinfo(np.int32 if pa.types.is_date(kind) else np.int64)
        words |= {
            kernels.RANGED: 1,
            kernels.ADD: add,
            kernels.LOW: max(low - add, int(limits.min)),
            kernels.HIGH: min(high - add, int(limits.max)),
        }
    elif pa.types.is_time(kind):
        words |= {kernels.RANGED: 1, kernels.LOW: 0, kernels.HIGH: DAY_MICROSECONDS}
    return words


def _same_clock(kind: pa.DataType, storage: pa.DataType) -> bool:
    """timestamp[us]: with any zone, or none (then UTC), into timestamptz; without into timestamp."""
    return bool(
        pa.types.is_timestamp(storage) and kind.unit == "us" and (storage.tz is not None or kind.tz is None)
    )


def _bytes(array: pa.Array, storage: pa.DataType, base: PgType, skip: int) -> dict[int, int] | None:
    kind = array.type
    if pa.types.is_string(storage):
        layouts = {
            pa.string(): kernels.NARROW,
            pa.large_string(): kernels.LARGE,
            pa.string_view(): kernels.VIEW,
        }
        if base.name == "name":  # counts bytes, not characters
            return None
    else:
        layouts = {
            pa.binary(): kernels.NARROW,
            pa.large_binary(): kernels.LARGE,
            pa.binary_view(): kernels.VIEW,
        }
        if base.name == "char":
            return None
    layout = layouts.get(kind)
    if layout is None:
        return None
    buffers = array.buffers()
    words = {kernels.LAYOUT: layout, kernels.PREFIX: skip, kernels.TEXT: int(pa.types.is_string(storage))}
    if words[kernels.TEXT] and base.name in ("varchar", "bpchar") and base.modifiers:
        words[kernels.CHARACTERS] = base.modifiers[0]
    if layout == kernels.VIEW:
        words[kernels.VALUES] = buffers[1].address + 16 * array.offset if buffers[1] is not None else 0
        return words
    if buffers[1] is None or buffers[1].size == 0:
        return None
    words[kernels.OFFSETS] = buffers[1].address + (4 if layout == kernels.NARROW else 8) * array.offset
    words[kernels.VALUES] = buffers[2].address if buffers[2] is not None else 0
    return words


def _cast(array: pa.Array, type_: PgType) -> pa.Array | None:
    """A lossless cast Arrow does in one pass; ``None`` = let the family convert, or say why it cannot."""
    storage, kind = _storage(type_), array.type
    if storage is None:
        return None
    integers = pa.types.is_integer(kind) and pa.types.is_integer(storage)
    floats = (
        pa.types.is_floating(kind) and pa.types.is_floating(storage) and kind.bit_width < storage.bit_width
    )
    # A date, a coarser or a nanosecond timestamp keeps the family's checks.
    clocks = (
        pa.types.is_timestamp(kind)
        and pa.types.is_timestamp(storage)
        and kind.unit in ("s", "ms")
        and (storage.tz is not None or kind.tz is None)
    )
    if not (integers or floats or clocks):
        return None
    try:
        return array.cast(pa.timestamp("us", kind.tz) if clocks else storage)
    except pa.ArrowInvalid:
        return None


__all__ = ["Source", "source", "unwrapped"]
