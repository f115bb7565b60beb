"""``numeric`` to Arrow decimals, float64 or text, and numbers of every Arrow type to ``numeric``.

What a column becomes, see :func:`decimal_type`: ``numeric(p, s)`` is ``decimal128(p, s)``, ``decimal256``
from 39
digits. A ``numeric`` without precision (or of more than 76 digits) takes ``numeric=(p, s)`` from the
options, or
the largest scale in the data. ``numeric="float64"`` and ``"string"`` hold for every numeric, declared or not:
``"string"`` is the way to read NaN and infinities exactly as PostgreSQL writes them.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chakra.columnar.buffers import RawColumn
from chakra.columnar.families.fault import ValueFault, malformed
from chakra.columnar.families.parts import (
    build,
    is_valid,
    narrow,
    offsets_of,
    refuse,
    validity,
    values_of,
    view,
)
from chakra.columnar.kernels import numeric as kernels
from chakra.columnar.kernels import numeric_text as texts
from chakra.columnar.options import DECIMAL256_DIGITS, Options
from chakra.columnar.types import string_type
from chakra.errors import FieldError
from chakra.pg.showing import shown_text
from chakra.pg.types import PgType

DECIMAL128_DIGITS = 38  # Arrow columnar format: the largest precision of a 128-bit decimal
_POLICIES = {"error": kernels.ERROR, "null": kernels.NULL, "clamp": kernels.CLAMP, "sentinel": kernels.ERROR}
_HINT = 'read the column with numeric="string", numeric="float64" or infinity="null"'
_ACCEPTS = "decimals, integers, floats and strings"


def declared(type_: PgType) -> tuple[int, int] | None:
    """Arrow precision and scale of ``numeric(p, s)``; ``None`` without modifiers or beyond 76 digits.

    A negative scale widens to scale 0 and a scale above the precision widens the precision, because few
    libraries read such decimals: ``numeric(2, -3)`` holds the same values as decimal(5, 0).
    """
    precision, scale = type_.precision, type_.scale
    if precision is None or scale is None:
        return None
    precision = precision - scale if scale < 0 else max(precision, scale)
    return (precision, max(scale, 0)) if precision <= DECIMAL256_DIGITS else None


def decimal_type(precision: int, scale: int) -> pa.DataType:
    """decimal128, or decimal256 from 39 digits on."""
    wide = precision > DECIMAL128_DIGITS
    return pa.decimal256(precision, scale) if wide else pa.decimal128(precision, scale)


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """The Arrow type of a numeric column.

    Raises:
        FieldError: it follows from the data only: no precision, no ``numeric=``.
    """
    if options.numeric == "float64":
        return pa.float64()
    if options.numeric == "string":
        return string_type(options)
    found = declared(type_) or options.numeric
    if found is None:
        raise FieldError(
            f"the Arrow type of a {type_.sql} without precision follows from the data; where it is needed "
            'first, choose one: numeric=(precision, scale), numeric="float64" or numeric="string"'
        )
    return decimal_type(*found)


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode to what :func:`arrow_type` says, or to decimals of the largest scale in the data.

    Raises:
        ValueFault: malformed, NaN or infinite against the policy, or not exact in the decimal type.
    """
    if options.numeric == "float64":
        return _decode_float64(raw)
    if options.numeric == "string":
        return _decode_string(raw, options)
    found = declared(type_) or options.numeric or _measure(raw)
    return decode_decimal(raw, found[0], found[1], options)


def decode_decimal(raw: RawColumn, precision: int, scale: int, options: Options) -> pa.Array:
    """Decode to ``decimal(precision, scale)``, exactly."""
    words = 4 if precision > DECIMAL128_DIGITS else 2
    count = len(raw)
    out = np.empty(count * words, np.uint64)
    valid = np.empty(count, np.uint8)
    status, row, position = kernels.decode_decimal(
        raw.data,
        raw.starts,
        raw.lengths,
        precision,
        scale,
        _POLICIES[options.infinity],
        words,
        np.empty(2 * words, np.uint64),
        out,
        out.view(np.int64),
        valid,
    )
    if status:
        _raise(raw, status, row, position, decimal_type(precision, scale))
    return build(decimal_type(precision, scale), count, valid.view(np.bool_), out)


def _measure(raw: RawColumn) -> tuple[int, int]:
    """Precision and scale that hold every value of the column exactly."""
    status, row, position, scale, digits = kernels.extent(raw.data, raw.starts, raw.lengths)
    if status:
        _raise(raw, status, row, position, pa.null())
    if digits + scale > DECIMAL256_DIGITS:
        index = _first_beyond(raw, DECIMAL256_DIGITS, scale)
        raise ValueFault(
            index,
            f"the numeric values need {digits} digits before and {scale} after the point, a decimal holds "
            f'{DECIMAL256_DIGITS} in all; read the column with numeric="string", numeric="float64" or '
            "numeric=(precision, scale)",
        )
    return (DECIMAL128_DIGITS if digits + scale <= DECIMAL128_DIGITS else DECIMAL256_DIGITS), scale


def _first_beyond(raw: RawColumn, precision: int, scale: int) -> int:
    """The first value that decimal(precision, scale) cannot hold, or the one of the largest scale."""
    out, valid = np.empty(len(raw) * 4, np.uint64), np.empty(len(raw), np.uint8)
    status, row, _ = kernels.decode_decimal(
        raw.data,
        raw.starts,
        raw.lengths,
        precision,
        min(scale, precision),
        kernels.NULL,
        4,
        np.empty(8, np.uint64),
        out,
        out.view(np.int64),
        valid,
    )
    return int(row) if status else 0


def _decode_float64(raw: RawColumn) -> pa.Array:
    count = len(raw)
    out, slow = np.empty(count, np.float64), np.empty(count, np.uint8)
    status, row, position = texts.decode_float64(raw.data, raw.starts, raw.lengths, out, slow)
    if status:
        _raise(raw, status, row, position, pa.float64())
    rest = np.flatnonzero(slow)
    if rest.size:  # Arrow reads text with correct rounding, as strtod in PostgreSQL's own cast does
        part = RawColumn(raw.data, raw.starts[rest], raw.lengths[rest])
        out[rest] = _text(part).cast(pa.float64()).to_numpy()
    return build(pa.float64(), count, raw.lengths >= 0, out)


def _text(raw: RawColumn) -> pa.Array:
    count = len(raw)
    offsets = np.empty(count + 1, np.int64)
    status, row, position = texts.text_sizes(raw.data, raw.starts, raw.lengths, offsets)
    out = np.empty(0 if status else offsets[-1], np.uint8)
    if not status:
        status, row, position = texts.decode_text(raw.data, raw.starts, raw.lengths, offsets, out)
    if status:
        _raise(raw, status, row, position, pa.string())
    mask, nulls = validity(raw.lengths)
    return pa.Array.from_buffers(
        pa.large_string(), count, [mask, pa.py_buffer(offsets), pa.py_buffer(out)], null_count=nulls
    )


def _decode_string(raw: RawColumn, options: Options) -> pa.Array:
    found = _text(raw)
    if options.strings != "large_utf8":
        narrow(view(found.buffers()[1], np.int64), "bytes of text", 'use strings="large_utf8"')
    return found.cast(string_type(options))


def _raise(raw: RawColumn, status: int, row: int, position: int, target: pa.DataType) -> NoReturn:
    """Turn a kernel's status into a fault."""
    if status == kernels.BAD_LENGTH:
        malformed(raw, row, position, "a numeric of 8 + 2 * ndigits bytes")
    if status == kernels.BAD_SIGN:
        sign = raw.data[position + 4 : position + 6].tobytes().hex()
        malformed(
            raw, row, position + 4, "a numeric sign 0x0000, 0x4000, 0xc000, 0xd000 or 0xf000", f"0x{sign}"
        )
    if status == kernels.BAD_DIGIT:
        malformed(raw, row, position, "numeric digits from 0 to 9999, the first not 0")
    if status == kernels.SPECIAL:
        sign = {0xC0: "NaN", 0xD0: "Infinity", 0xF0: "-Infinity"}[int(raw.data[position + 4])]
        raise ValueFault(row, f"{sign} has no {target}; {_HINT}")
    one = RawColumn(raw.data, raw.starts[row : row + 1], raw.lengths[row : row + 1])
    try:
        shown = _text(one)[0].as_py()
    except ValueFault as fault:  # not only too large: no server wrote it
        raise fault.within(row, "") from None
    shown = shown_text(shown)
    why = "has too many digits" if status == kernels.TOO_WIDE else "has more digits after the point"
    raise ValueFault(
        row, f'{shown} does not fit {target} exactly: it {why}; read the column with numeric="string"'
    )


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode decimals, integers, floats and numbers written as text.

    Decimals and text with more digits after the point than ``numeric(p, s)`` keeps are refused, unless
    ``allow_truncate`` asks for the server's rounding; a float has no decimal scale of its own, so it is
    written with the fewest digits that read back to it and the server rounds those, as INSERT would.

    Raises:
        ValueFault: a value does not fit, or the Arrow type has no numbers.
    """
    kind = array.type
    if pa.types.is_decimal(kind):
        return _encode_decimal(array, kind.scale, type_, options)
    if pa.types.is_integer(kind):
        return _encode_decimal(array, 0, type_, options)
    if pa.types.is_floating(kind):
        return _encode_text(_digits_of(array), type_, exact=False)
    if pa.types.is_string_view(kind) or pa.types.is_string(kind):
        return _encode_text(array.cast(pa.large_string()), type_, exact=not options.allow_truncate)
    if pa.types.is_large_string(kind):
        return _encode_text(array, type_, exact=not options.allow_truncate)
    refuse(array, type_, _ACCEPTS)


def _digits_of(array: pa.Array) -> pa.Array:
    """Floats as text with the digits that the server's own cast keeps: 15, or 6 of a single (``numeric.c``,
    float8_numeric and float4_numeric). Nearly always that is the shortest text that reads back as the float.
    """
    digits = 15 if pa.types.is_float64(array.type) else 6
    wide = array.cast(pa.float32()) if pa.types.is_float16(array.type) else array
    text = wide.cast(pa.large_string())
    longer = pc.call_function("greater", [pc.call_function("binary_length", [text]), pa.scalar(digits)])
    # Numbers that small have fewer digits in their shortest text than in the cast's.
    tiny = np.finfo(np.float64 if digits == 15 else np.float32).tiny
    small = pc.call_function("less", [pc.call_function("abs", [wide]), pa.scalar(tiny, wide.type)])
    longer = pc.call_function("or", [longer, small])
    if not pc.call_function("any", [longer]).as_py():
        return text
    rows = np.flatnonzero(longer.fill_null(False).to_numpy(zero_copy_only=False))
    found = text.to_pylist()
    for row in rows.tolist():
        found[row] = format(array[row].as_py(), f".{digits}g")
    return pa.array(found, pa.large_string())


def _encode_decimal(array: pa.Array, value_scale: int, type_: PgType, options: Options) -> RawColumn:
    count, kind = len(array), array.type
    bits = kind.bit_width
    words = max(bits // 64, 2)
    if bits >= 128:
        values = values_of(array, np.dtype((np.void, bits // 8))).view(np.uint64)
    else:  # sign-extend to 128 bits
        unsigned = pa.types.is_unsigned_integer(kind)
        small = values_of(array, f"{'u' if unsigned else 'i'}{bits // 8}")
        pairs = np.zeros((count, 2), np.uint64)
        pairs[:, 0] = small.astype(np.uint64) if unsigned else small.astype(np.int64).view(np.uint64)
        if not unsigned:
            pairs[:, 1] = (small.astype(np.int64) >> 63).view(np.uint64)
        values = pairs.reshape(-1)
    stride = 8 + 2 * ((39 if words == 2 else 78) // 4 + 3)
    out, lengths = np.empty(count * stride, np.uint8), np.empty(count, np.int32)
    status, row, _ = kernels.encode_decimal(
        values,
        values.view(np.int64),
        words,
        value_scale,
        is_valid(array),
        type_.precision or 0,
        type_.scale or 0,
        not options.allow_truncate,
        stride,
        np.empty(2 * words, np.uint64),
        np.empty(stride // 2, np.int64),
        out,
        lengths,
    )
    if status:
        _refuse_value(array, int(row), type_, status)
    return RawColumn(out, np.arange(count, dtype=np.int64) * stride, lengths)


def _encode_text(array: pa.Array, type_: PgType, *, exact: bool) -> RawColumn:
    offsets = offsets_of(array)
    lengths = np.diff(offsets).astype(np.int32)
    lengths[~is_valid(array)] = -1
    text = view(array.buffers()[2], np.uint8)
    room = np.zeros(len(array) + 1, np.int64)
    np.cumsum(np.maximum(lengths, 0) + 16, out=room[1:])
    out, sizes = np.empty(room[-1], np.uint8), np.empty(len(array), np.int32)
    groups = np.empty(int(lengths.max(initial=0)) // 4 + 4, np.int64)
    status, row, _ = texts.encode_text(
        text, offsets[:-1], lengths, type_.precision or 0, type_.scale or 0, exact, groups, room, out, sizes
    )
    if status:
        _refuse_value(array, int(row), type_, status)
    return RawColumn(out, room[:-1], sizes)


def _refuse_value(array: pa.Array, row: int, type_: PgType, status: int) -> NoReturn:
    shown = shown_text(str(array[row].as_py()))
    why = {
        kernels.TOO_WIDE: f"is out of range for {type_.sql}",
        kernels.INEXACT: f"has more digits after the point than {type_.sql}; allow_truncate=True rounds",
        kernels.BAD_TEXT: "is not a number",
    }[status]
    raise ValueFault(row, f"{shown} {why}")


__all__ = ["arrow_type", "decimal_type", "declared", "decode", "decode_decimal", "encode"]
