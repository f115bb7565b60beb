"""Values that need a swap or a copy, anywhere in the data, and the checked way from Arrow to each.

The row kernel does the same for top-level columns in one pass; this module reaches elements and fields, and
encodes for both. Types without a row in ``COLUMN_TYPES`` come here too, as opaque bytes.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chakra.columnar.buffers import I64, AnyArray, RawColumn
from chakra.columnar.families.ends import DATE_ENDS, TIMESTAMP_ENDS, with_infinities
from chakra.columnar.families.fault import ValueFault, malformed
from chakra.columnar.families.parts import (
    build,
    cast,
    contiguous,
    fixed_column,
    is_valid,
    narrow,
    offsets_of,
    raw_column,
    refuse,
    shown,
    validity,
    values_of,
    view,
)
from chakra.columnar.kernels import simple as kernels
from chakra.columnar.options import Options
from chakra.columnar.types import (
    BOOL,
    DAYS_TO_EPOCH,
    FIXED1,
    FIXED2,
    FIXED4,
    FIXED8,
    FIXED16,
    MICROSECONDS_TO_EPOCH,
    column_type,
)
from chakra.columnar.types import arrow_type as table_type
from chakra.pg.showing import shown as shown_value
from chakra.pg.showing import shown_text
from chakra.pg.types import PgType

_WIDTHS = {FIXED1: 1, FIXED2: 2, FIXED4: 4, FIXED8: 8, FIXED16: 16}

# src/include/datatype/timestamp.h: the first and the last day (and microsecond) PostgreSQL has, from
# 2000-01-01.
MIN_DATE = -2451545  # 4714-11-24 BC
END_DATE = 2145031949  # the day after 5874897-12-31
MIN_TIMESTAMP = -211813488000000000  # 4714-11-24 00:00:00 BC
END_TIMESTAMP = 9223371331200000000  # 294277-01-01 00:00:00
DAY_MICROSECONDS = 86_400_000_000

INT64 = np.iinfo(np.int64)
# date.min and date.max, datetime.min and datetime.max, from 1970: the driver of the rows writes and reads
# ±infinity as them.
DATE_BOUNDS = (-719162, 2932896)
TIMESTAMP_BOUNDS = (-62135596800000000, 253402300799999999)


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """The Arrow type the table gives."""
    return table_type(type_, options)


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode a simple type.

    Raises:
        ValueFault: wrong length, invalid UTF-8, an infinity (or another value Arrow has no place for) against
            the policy.
    """
    target = table_type(type_, options)
    storage = target.storage_type if isinstance(target, pa.BaseExtensionType) else target
    row = column_type(type_)
    if row.layout in _WIDTHS or row.layout == BOOL:
        found = _decode_fixed(raw, type_, storage, 1 if row.layout == BOOL else _WIDTHS[row.layout], options)
    else:
        found = decode_varlen(raw, storage, row.skip)
    return found if target is storage else pa.ExtensionArray.from_storage(target, found)


def gather(raw: RawColumn, width: int, what: str, *, swap: bool = True) -> NDArray[np.uint8]:
    """Collect fixed-width values as bytes, in the machine's order if ``swap``; NULL = zeros."""
    out = np.empty(len(raw) * width, np.uint8)
    status, row, position = kernels.gather_fixed(raw.data, raw.starts, raw.lengths, width, swap, out)
    if status:
        malformed(raw, int(row), position, f"{what} of {width} byte{'s' if width > 1 else ''}")
    return out


def _decode_fixed(
    raw: RawColumn, type_: PgType, storage: pa.DataType, width: int, options: Options
) -> pa.Array:
    out = gather(raw, width, type_.name, swap=width < 16)
    valid = raw.lengths >= 0
    values: Any = out
    if pa.types.is_boolean(storage):
        if out.size and out.max() > 1:
            index = int(np.argmax(out > 1))
            malformed(raw, index, int(raw.starts[index]), "a bool of 0 or 1")
        return build(storage, len(raw), valid, np.packbits(out, bitorder="little"))
    if pa.types.is_date32(storage):
        values = _shift(out.view(np.int32), valid, DAYS_TO_EPOCH, type_, storage, options)
    elif pa.types.is_timestamp(storage):
        values = _shift(out.view(np.int64), valid, MICROSECONDS_TO_EPOCH, type_, storage, options)
    elif pa.types.is_time64(storage):
        values = time_of_day(out.view(np.int64), valid, type_, options)
    return build(storage, len(raw), valid, values)


def _shift(
    values: AnyArray,
    valid: NDArray[np.bool_],
    add: int,
    type_: PgType,
    storage: pa.DataType,
    options: Options,
) -> AnyArray:
    """Move PostgreSQL's epoch to Arrow's; ``valid`` loses the values the policy turns into NULL."""
    limits = np.iinfo(values.dtype)
    high = values > limits.max - add  # +infinity, and the timestamps of the years 294247–294276
    low = values == limits.min
    outside = (high | low) & valid
    if options.infinity == "sentinel":
        return with_infinities(values, valid, add, type_, storage, outside)
    if outside.any():
        if options.infinity == "error":
            index = int(np.argmax(outside))
            word = "-infinity" if low[index] else "infinity"
            what = word if values[index] in (limits.min, limits.max) else "a value after 294247-01-10"
            raise ValueFault(
                index,
                f'{what} of a {type_.name} has no {storage}; choose infinity="null", infinity="clamp" or '
                'infinity="sentinel", which can be written back',
            )
        if options.infinity == "null":
            valid &= ~outside
    with np.errstate(over="ignore"):
        shifted: AnyArray = values + values.dtype.type(add)
    shifted[high] = limits.max
    shifted[low] = limits.min
    return shifted


def time_of_day(values: I64, valid: NDArray[np.bool_], type_: PgType, options: Options) -> I64:
    """Check microseconds of a day; 24:00:00 has no Arrow value and falls under the ``infinity`` policy."""
    outside = valid & ((values < 0) | (values >= DAY_MICROSECONDS))
    if not outside.any():
        return values
    index = int(np.argmax(outside))
    if np.any(outside & (values != DAY_MICROSECONDS)):
        index = int(np.argmax(outside & (values != DAY_MICROSECONDS)))
        number = shown_text(str(int(values[index])), "that many")
        raise ValueFault(index, f"{number} microseconds are not a {type_.name}")
    if options.infinity in ("error", "sentinel"):
        raise ValueFault(
            index,
            f'24:00:00 of a {type_.name} has no time64[us]; choose infinity="null" or infinity="clamp", or read it '
            "as text: CAST(column AS text)",
        )
    if options.infinity == "null":
        valid &= ~outside
    clamped = values.copy()
    clamped[outside] = DAY_MICROSECONDS - 1
    return clamped


def decode_varlen(raw: RawColumn, storage: pa.DataType, skip: int = 0) -> pa.Array:
    """Copy values of any length into a string or binary array of the given type."""
    count = len(raw)
    offsets = np.empty(count + 1, np.int64)
    status, row, position = kernels.varlen_offsets(raw.data, raw.starts, raw.lengths, skip, offsets)
    if status == kernels.BAD_PREFIX:
        malformed(raw, int(row), position, "the version byte 1", str(int(raw.data[position])))
    if status:
        malformed(raw, int(row), position, f"a value of at least {skip} bytes inside the data")
    out = np.empty(offsets[-1], np.uint8)
    kernels.gather_varlen(raw.data, raw.starts, offsets, skip, out)
    text = (
        pa.types.is_string(storage) or pa.types.is_large_string(storage) or pa.types.is_string_view(storage)
    )
    return varlen_array(storage, offsets, out, raw, text=text)


def varlen_array(
    storage: pa.DataType, offsets: I64, out: AnyArray, raw: RawColumn, *, text: bool
) -> pa.Array:
    """A string or binary array over bytes laid end to end; text is checked to be UTF-8."""
    large = pa.types.is_large_string(storage) or pa.types.is_large_binary(storage)
    ends: AnyArray = (
        offsets if large else narrow(offsets, "bytes", 'use strings="large_utf8" or smaller batches')
    )
    mask, nulls = validity(raw.lengths)
    plain = (
        (pa.large_string() if large else pa.string())
        if text
        else (pa.large_binary() if large else pa.binary())
    )
    found = pa.Array.from_buffers(
        plain, len(raw), [mask, pa.py_buffer(ends), pa.py_buffer(out)], null_count=nulls
    )
    if text and out.size and out.max() > 127:
        _check_utf8(found, raw)
    return found if plain == storage else found.cast(storage)


def _check_utf8(array: pa.Array, raw: RawColumn) -> None:
    try:
        array.validate(full=True)
        return
    except pa.ArrowInvalid:
        pass
    offsets = offsets_of(array)
    data = array.buffers()[2].to_pybytes()
    for index in range(len(array)):
        try:
            data[offsets[index] : offsets[index + 1]].decode()
        except UnicodeDecodeError as error:
            position = int(raw.starts[index]) + error.start
            found = data[offsets[index] + error.start :][:4].hex(" ")
            malformed(raw, index, position, "valid UTF-8 text", f"bytes {found}")


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode any Arrow array whose values fit a simple type.

    Raises:
        ValueFault: a value, or the Arrow type, does not fit.
    """
    target = table_type(type_, Options())
    storage = target.storage_type if isinstance(target, pa.BaseExtensionType) else target
    layout = column_type(type_).layout
    if layout == BOOL:
        if not pa.types.is_boolean(array.type):
            refuse(array, type_, "booleans")
        return fixed_column(array.cast(pa.uint8()).fill_null(0).to_numpy(), is_valid(array))
    if layout == FIXED16:
        return _encode_uuid(array, type_)
    if layout in _WIDTHS:
        if pa.types.is_integer(storage):
            values = _integers(array, storage, type_)
        elif pa.types.is_floating(storage):
            values = _floats(array, storage, type_)
        elif pa.types.is_date32(storage):
            values = _dates(array, type_, options)
        elif pa.types.is_time64(storage):
            values = times(array, type_, options)
        else:
            values = _timestamps(array, type_, options)
        return fixed_column(values.astype(values.dtype.newbyteorder(">")), is_valid(array))
    if pa.types.is_binary(storage):
        return _encode_binary(array, type_)
    found = text_column(array, type_)
    return _prefixed(found) if column_type(type_).skip else found


def _integers(array: pa.Array, storage: pa.DataType, type_: PgType) -> AnyArray:
    if not (pa.types.is_integer(array.type) or pa.types.is_decimal(array.type)):
        refuse(array, type_, "integers")
    found: AnyArray = values_of(cast(array, storage, type_), storage.to_pandas_dtype())
    return found


def _floats(array: pa.Array, storage: pa.DataType, type_: PgType) -> AnyArray:
    if pa.types.is_decimal(array.type):
        # As text, which is read as the nearest float: pyarrow's own cast multiplies, and is off in the last digits.
        array = array.cast(pa.string()).cast(pa.float64())
    if pa.types.is_floating(array.type):
        if array.type.bit_width <= storage.bit_width:
            array = array.cast(storage)
        else:
            wide = values_of(array, np.float64)
            with np.errstate(over="ignore", under="ignore"):
                narrowed: AnyArray = wide.astype(np.float32)
            outside = (np.isinf(narrowed) & np.isfinite(wide)) | ((narrowed == 0) & (wide != 0))
            outside &= is_valid(array)
            if outside.any():
                index = int(np.argmax(outside))
                raise ValueFault(index, f"{shown_value(float(wide[index]))} is out of range for {type_.sql}")
            return narrowed
    elif pa.types.is_integer(array.type):
        return _whole_floats(array, storage, type_)
    else:
        refuse(array, type_, "floats, integers and decimals")
    found: AnyArray = values_of(array, storage.to_pandas_dtype())
    return found


def _whole_floats(array: pa.Array, storage: pa.DataType, type_: PgType) -> AnyArray:
    """Integers as floats that are the same numbers, of any size: pyarrow's own cast asks for 24 or 53 bits."""
    given = values_of(array, array.type.to_pandas_dtype())
    found: AnyArray = given.astype(storage.to_pandas_dtype())
    # 2**63 and 2**64 are floats, and no integers of 64 bits: to them the largest ones are rounded up.
    past = found >= float(2 ** (array.type.bit_width - pa.types.is_signed_integer(array.type)))
    with np.errstate(invalid="ignore"):
        other = past | (np.where(past, 0, found).astype(given.dtype) != np.where(past, 0, given))
    other &= is_valid(array)
    if other.any():
        index = int(np.argmax(other))
        raise ValueFault(index, f"{shown(array, index)} does not fit {type_.sql}: it would be another number")
    return found


_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def _dates(array: pa.Array, type_: PgType, options: Options) -> AnyArray:
    early: Any = False
    if pa.types.is_date32(array.type):
        days = values_of(array, np.int32).astype(np.int64)
    elif pa.types.is_date64(array.type) or (pa.types.is_timestamp(array.type) and array.type.tz is None):
        # Not by pyarrow's cast to date32: out of range it gives another day, for which a day has to be guessed.
        day = 86_400 * _PER_SECOND["ms" if pa.types.is_date64(array.type) else array.type.unit]
        moments = values_of(array, np.int64)
        days = moments // day
        early = (moments != days * day) & is_valid(array)
    else:
        refuse(array, type_, "dates, and timestamps without zone at midnight")
    first, last = (days == end for end in DATE_ENDS)
    if pa.types.is_timestamp(array.type):  # or infinity as timestamps say it
        first, last = (
            known | (days == end // DAY_MICROSECONDS)
            for known, end in zip((first, last), TIMESTAMP_ENDS, strict=True)
        )
    values = days - DAYS_TO_EPOCH
    values[first | last] = 0
    _check_range(array, values, MIN_DATE, END_DATE, type_, "5874897-12-31")
    if np.any(early):
        index = int(np.argmax(early))
        raise ValueFault(index, f"{shown(array, index)} has a time of day, which {type_.sql} does not keep")
    days_from_2000: AnyArray = _infinite(values.astype(np.int32), DAYS_TO_EPOCH, DATE_BOUNDS, options)
    days_from_2000[first], days_from_2000[last] = np.iinfo(np.int32).min, np.iinfo(np.int32).max
    return days_from_2000


def times(array: pa.Array, type_: PgType, options: Options) -> AnyArray:
    """Microseconds of a day from any Arrow time."""
    if not pa.types.is_time(array.type):
        refuse(array, type_, "times")
    found = microseconds(array, pa.time64("us"), type_, options)
    _check_range(array, found, 0, DAY_MICROSECONDS + 1, type_, "24:00:00")
    return found


def _timestamps(array: pa.Array, type_: PgType, options: Options) -> AnyArray:
    zoned = type_.name == "timestamptz"
    if pa.types.is_date(array.type) and not zoned:
        array = cast(array, pa.timestamp("us"), type_)
    elif not pa.types.is_timestamp(array.type):
        refuse(array, type_, "timestamps" if zoned else "timestamps and dates")
    elif array.type.tz is not None and not zoned:
        refuse(array, type_, "timestamps without zone: convert them to the wall clock you mean first")
    # A timestamp without zone in a timestamptz column is UTC: NumPy's datetime64 is defined so, and it has
    # no zone.
    values = microseconds(array, pa.timestamp("us", array.type.tz), type_, options)
    first, last = (values == end for end in TIMESTAMP_ENDS)
    with np.errstate(over="ignore"):
        shifted = values - np.int64(MICROSECONDS_TO_EPOCH)
    shifted[first | last] = 0
    early = (values < MIN_TIMESTAMP + MICROSECONDS_TO_EPOCH) & ~first
    shifted[early] = MIN_TIMESTAMP - 1  # no wrap to the far end
    _check_range(array, shifted, MIN_TIMESTAMP, END_TIMESTAMP, type_, "294276-12-31")
    found = _infinite(shifted, MICROSECONDS_TO_EPOCH, TIMESTAMP_BOUNDS, options)
    found[first], found[last] = INT64.min, INT64.max
    return found


def has_bounds(array: pa.Array) -> bool:
    """Whether a date32 or a timestamp[us] holds the first or last day or instant Python knows."""
    dates = pa.types.is_date(array.type)
    values = values_of(array, np.int32 if dates else np.int64)
    low, high = DATE_BOUNDS if dates else TIMESTAMP_BOUNDS
    return bool(values.size and (values.max() >= high or values.min() <= low))


def _infinite(values: AnyArray, epoch: int, bounds: tuple[int, int], options: Options) -> AnyArray:
    """The values with Python's bounds as ±infinity, if the options say so."""
    if options.bounds_are_infinite:
        limits = np.iinfo(values.dtype)
        low, high = (bound - epoch for bound in bounds)
        values = np.where(values == low, limits.min, np.where(values == high, limits.max, values))
    return values


def microseconds(array: pa.Array, target: pa.DataType, type_: PgType, options: Options) -> I64:
    """A temporal array in microseconds; finer values are refused unless ``allow_truncate`` cuts them.

    Raises:
        ValueFault: a nanosecond would be lost, or a coarse value overflows.
    """
    if array.type.unit == "ns" and options.allow_truncate:
        nanoseconds: I64 = values_of(array, np.int64)
        return nanoseconds // 1000
    if array.type.unit == "ns":
        nanoseconds = values_of(array, np.int64)
        finer = (nanoseconds % 1000 != 0) & is_valid(array)
        if finer.any():
            index = int(np.argmax(finer))
            raise ValueFault(
                index,
                f"{shown_text(f'{int(nanoseconds[index])} ns')} is finer than the microseconds of {type_.sql}; "
                "allow_truncate=True cuts it",
            )
        return nanoseconds // 1000
    found: I64 = values_of(cast(array, target, type_), np.int64)
    return found


def _check_range(array: pa.Array, values: AnyArray, low: int, end: int, type_: PgType, last: str) -> None:
    outside = ((values < low) | (values >= end)) & is_valid(array)
    if outside.any():
        index = int(np.argmax(outside))
        first = "0" if low == 0 else "4714-11-24 BC"
        raise ValueFault(
            index,
            f"{shown(array, index)} is out of range for {type_.sql}, which goes from {first} to {last}",
        )


def _encode_uuid(array: pa.Array, type_: PgType) -> RawColumn:
    kind, valid = array.type, is_valid(array)
    if pa.types.is_fixed_size_binary(kind) and kind.byte_width == 16:
        return fixed_column(values_of(array, "V16"), valid)
    if is_text(kind):
        found = text_column(array, type_)
        out = np.empty(len(array) * 16, np.uint8)
        status, row, _ = kernels.encode_uuid(found.data, found.starts, found.lengths, out)
        if status:
            raise ValueFault(int(row), f"{shown(array, int(row))} is not a UUID")
        return fixed_column(out.reshape(-1, 16), valid)
    if is_bytes(kind):
        found = _binary_column(array)
        _check_length(found, 16, array, type_)
        return found
    refuse(array, type_, "16 bytes or text")


def _check_length(raw: RawColumn, width: int, array: pa.Array, type_: PgType) -> None:
    wrong = (raw.lengths >= 0) & (raw.lengths != width)
    if wrong.any():
        index = int(np.argmax(wrong))
        raise ValueFault(
            index, f"{shown(array, index)} has {int(raw.lengths[index])} bytes, {type_.sql} takes {width}"
        )


def is_text(kind: pa.DataType) -> bool:
    """Any of Arrow's string types."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_bytes(kind: pa.DataType) -> bool:
    """Any of Arrow's binary types."""
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _encode_binary(array: pa.Array, type_: PgType) -> RawColumn:
    if not is_bytes(array.type):
        refuse(array, type_, "bytes")
    found = _binary_column(array)
    if type_.name == "char":
        _check_length(found, 1, array, type_)
    return found


def _binary_column(array: pa.Array) -> RawColumn:
    kind = array.type
    if pa.types.is_fixed_size_binary(kind):
        return fixed_column(values_of(array, f"V{kind.byte_width}"), is_valid(array))
    if pa.types.is_binary_view(kind) or pa.types.is_string_view(kind):
        array = array.cast(pa.large_binary() if pa.types.is_binary_view(kind) else pa.large_string())
    return raw_column(view(array.buffers()[2], np.uint8), offsets_of(array), is_valid(array))


def text_column(array: pa.Array, type_: PgType) -> RawColumn:
    """The bytes of an Arrow string array, without a copy, checked for what PostgreSQL text cannot hold.

    Raises:
        ValueFault: not a string array, invalid UTF-8, a NUL character, or longer than the type allows.
    """
    if not is_text(array.type):
        refuse(array, type_, "text")
    found = _binary_column(array)
    first, last = (
        (int(found.starts[0]), int(found.starts[-1] + max(found.lengths[-1], 0))) if len(found) else (0, 0)
    )
    used = found.data[first:last]
    if used.size:
        if used.max() > 127:
            _refuse_invalid(array, type_)
        if used.min() == 0:
            _refuse_nul(found, type_)
    _check_characters(array, found, type_)
    return found


def _refuse_invalid(array: pa.Array, type_: PgType) -> None:
    try:
        array.validate(full=True)
        return
    except pa.ArrowInvalid:
        pass
    for index in range(len(array)):
        try:
            array[index].as_py()
        except UnicodeDecodeError as error:
            where = f"{error.reason} at byte {error.start}"
            raise ValueFault(index, f"not valid UTF-8 ({where}), which {type_.sql} cannot store") from None


def _refuse_nul(raw: RawColumn, type_: PgType) -> None:
    nul = np.flatnonzero(raw.data == 0)
    index = np.searchsorted(raw.starts, nul, side="right") - 1
    # Bytes of a NULL slot, or before a slice, belong to no value.
    inside = (index >= 0) & (nul < raw.starts[index] + raw.lengths[index])
    # Empty values share their start with the next one, which searchsorted has picked.
    if inside.any():
        raise ValueFault(int(index[np.argmax(inside)]), f"a NUL character, which {type_.sql} cannot store")


def _check_characters(array: pa.Array, raw: RawColumn, type_: PgType) -> None:
    """``varchar(n)``, ``char(n)``: at most n characters, spaces after them aside; ``name``: 63 bytes."""
    limit = 63 if type_.name == "name" else type_.modifiers[0] if type_.modifiers else 0
    if limit == 0 or not len(raw) or int(raw.lengths.max()) <= limit:
        return
    if type_.name == "name":
        outside = raw.lengths > limit
    else:
        plain = array.cast(pa.large_string())
        outside = _longer(plain, limit).fill_null(False).to_numpy(False)
    if outside.any():
        _refuse_long(array, int(np.argmax(outside)), limit, type_)


def _longer(array: pa.Array, limit: int) -> pa.Array:
    trimmed = pc.call_function("utf8_rtrim", [array], pc.TrimOptions(" "))
    return pc.call_function("greater", [pc.call_function("utf8_length", [trimmed]), pa.scalar(limit)])


def _refuse_long(array: pa.Array, index: int, limit: int, type_: PgType) -> NoReturn:
    text = array[index].as_py()
    start = text if len(text) <= 60 else f"{text[:60]} …"
    unit = "bytes" if type_.name == "name" else "characters"
    raise ValueFault(index, f"{shown_value(start)} is longer than the {limit} {unit} of {type_.sql}")


def _prefixed(raw: RawColumn) -> RawColumn:
    """jsonb: its version byte 1 in front (src/backend/utils/adt/jsonb.c, jsonb_recv)."""
    offsets = contiguous(np.where(raw.lengths >= 0, raw.lengths.astype(np.int64) + 1, 0))
    out = np.empty(offsets[-1], np.uint8)
    kernels.prefix(raw.data, raw.starts, raw.lengths, 1, offsets, out)
    return raw_column(out, offsets, raw.lengths >= 0)


__all__ = [
    "arrow_type",
    "decode",
    "decode_varlen",
    "encode",
    "gather",
    "is_bytes",
    "is_text",
    "microseconds",
    "text_column",
    "time_of_day",
    "times",
    "varlen_array",
]
