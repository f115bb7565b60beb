"""Numbers: whole ones in any clothes, floats within their range, decimals digit for digit."""

from __future__ import annotations

import decimal
import math
import re
import struct
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from chakra.pg.conversion.base import Conversion, Unfit, as_str, is_numpy, plain, refuse
from chakra.pg.types import PgType

_DIGITS = re.compile(r"\s*[+-]?[0-9]+\s*")
_NUMBER = re.compile(
    r"\s*([+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf(inity)?|nan))\s*", re.I
)

_RANGES = {
    "int2": (-(2**15), 2**15 - 1),
    "int4": (-(2**31), 2**31 - 1),
    "int8": (-(2**63), 2**63 - 1),
    "oid": (0, 2**32 - 1),
    "xid": (0, 2**32 - 1),
    "cid": (0, 2**32 - 1),
    "xid8": (0, 2**64 - 1),
}
_LSN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")

FLOAT4 = struct.Struct("=f")

# Digits that PostgreSQL takes of a float it casts to numeric: DBL_DIG and FLT_DIG (float8_numeric and float4_numeric
# in src/backend/utils/adt/numeric.c).
DOUBLE_DIGITS, SINGLE_DIGITS = 15, 6

NUMBERS = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8"})
"""Types whose values are written into columns of one another by their value: the same number, or an error."""

MONEY_SCALE = 2
"""Digits after the point of ``money`` where ``lc_monetary`` is that of nearly every currency."""

_EXACT = decimal.Context(prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)


def _no_number(value: Any) -> bool:
    """Whether a value is none though Python or NumPy make one of it: truth, times, arrays."""
    return isinstance(value, bool) or (
        hasattr(value, "dtype")
        and (value.dtype.kind not in "iuf" or value.ndim > 0)
        and as_str(value) is None
    )


def whole(value: Any) -> int:
    """A whole number of any class (int, float, Decimal, NumPy, digits) as an ``int``.

    Raises:
        Unfit: it has a fraction, or is none.
    """
    value = plain(value)
    if _no_number(value):
        refuse("a whole number", value)
    text = as_str(value)
    if text is not None:
        if _DIGITS.fullmatch(text) is None:
            raise Unfit("expected the digits of a whole number")
        return int(text) if len(text) < MANY_DIGITS else _of_many_digits(text.strip())
    if not hasattr(type(value), "__int__") and not hasattr(type(value), "__index__"):
        refuse("a whole number", value)
    try:
        found = int(value)
    except (ValueError, OverflowError, TypeError):
        raise Unfit("it is not a whole number") from None
    if found != value:
        raise Unfit("it is not a whole number")
    return found


def is_digits(text: str) -> bool:
    """Whether a text is the digits of a whole number, and so that number wherever one is expected."""
    return _DIGITS.fullmatch(text) is not None


MANY_DIGITS = 600
"""``int()`` takes no more digits than ``sys.get_int_max_str_digits()``, which is at least 640."""


def _of_many_digits(text: str) -> int:
    """The whole number of many digits; of more than any integer of the server has, one that is as far out of range.

    To compute it exactly takes time that grows with the square of the digits: seconds for 200,000.
    """
    digits = text.lstrip("+-").lstrip("0")
    found = int(digits or "0") if len(digits) < MANY_DIGITS else 10**MANY_DIGITS
    return -found if text.startswith("-") else found


def _integer(value: Any, *, low: int, high: int) -> int:
    found = whole(value)
    if not low <= found <= high:
        raise Unfit(f"it is out of range: {low} to {high}")
    return found


def real(value: Any) -> float:
    """A number of any class as a ``float``, if that is the nearest one there is."""
    value = plain(value)
    if _no_number(value):
        refuse("a number", value)
    text = as_str(value)
    if text is not None:
        if _NUMBER.fullmatch(text) is None:
            raise Unfit("expected the digits of a number")
        value = Decimal(text.strip())
    if isinstance(value, Decimal) and value.is_nan():
        return math.nan
    if not hasattr(type(value), "__float__") and not hasattr(type(value), "__index__"):
        refuse("a number", value)
    try:
        found = float(value)
    except (OverflowError, ValueError, TypeError):
        raise Unfit("it is out of range of double precision") from None
    if isinstance(value, int) and int(found) != value:
        raise Unfit("double precision cannot hold this whole number exactly")
    if math.isinf(found) and value not in (math.inf, -math.inf):
        raise Unfit("it is out of range of double precision")
    if found == 0 and value != 0:
        raise Unfit("double precision would make zero of it")
    return found


def _float8(value: Any) -> float:
    return float.__float__(value) if isinstance(value, float) else real(value)


def _float4(value: Any) -> float:
    found = _float8(value)
    if not math.isfinite(found):
        return found
    try:
        (single,) = FLOAT4.unpack(FLOAT4.pack(found))
    except OverflowError:
        raise Unfit("it is out of range of real") from None
    if single == 0 and found != 0:
        raise Unfit("real would make zero of it")
    if isinstance(value, int) and int(single) != value:
        raise Unfit("real cannot hold this whole number exactly")
    return found


def as_decimal(value: Any) -> Decimal:
    """A number of any class as a ``Decimal``; a float with the digits that the server's own cast keeps.

    Raises:
        Unfit: it is no number.
    """
    if type(value) is Decimal:
        return Decimal("NaN") if value.is_snan() else value  # the server has one NaN
    value = plain(value)
    if _no_number(value):
        refuse("a number", value)
    if is_numpy(value) and value.dtype.kind == "f":
        digits = DOUBLE_DIGITS if value.dtype.itemsize >= 8 else SINGLE_DIGITS
        return Decimal(format(float(value), f".{digits}g"))
    if isinstance(value, float):
        return Decimal(format(value, f".{DOUBLE_DIGITS}g"))
    if isinstance(value, int):
        return Decimal(int(value))
    if isinstance(value, Decimal):
        return as_decimal(Decimal(value))
    text = as_str(value)
    if text is not None:
        if _NUMBER.fullmatch(text) is None:
            raise Unfit("expected the digits of a number")
        return Decimal(text.strip())
    if hasattr(type(value), "__index__"):
        return Decimal(int(value))
    refuse("a Decimal, int, float or digits", value)


def fitted(number: Decimal, scale: int, *, rounds: bool) -> Decimal:
    """The number with ``scale`` digits after the point.

    Args:
        rounds: round half away from zero, as the server does; else refuse digits that would be lost.

    Raises:
        Unfit: it has more.
    """
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        return number
    kept = number.quantize(Decimal((0, (1,), -scale)), decimal.ROUND_HALF_UP, _EXACT)
    if not rounds and kept != number:
        raise Unfit(
            f"it has {-exponent} digits after the point, and {scale} are kept; round it first, or declare "
            'Numeric(p, s, rounding="half_up")'
        )
    return kept


def _numeric(value: Any, *, precision: int | None, scale: int | None, rounds: bool) -> Decimal:
    number = as_decimal(value)
    if not number.is_finite():
        if precision is not None and number.is_infinite():
            raise Unfit("a numeric with a precision holds no infinity")
        return number
    if scale is None or precision is None:
        return number
    floating = isinstance(value, float) or (is_numpy(value) and value.dtype.kind == "f")
    number = fitted(number, scale, rounds=rounds or floating)
    if number and number.adjusted() >= precision - scale:
        raise Unfit(f"it has more than {precision - scale} digits before the point")
    return number


def _quantizer(precision: int, scale: int) -> Callable[[Decimal], Decimal]:
    """What gives a Decimal the scale of a column in one C call (150 ns), or raises where that is not exact."""
    context = decimal.Context(
        prec=precision,
        Emax=decimal.MAX_EMAX,
        Emin=decimal.MIN_EMIN,
        traps=[decimal.Inexact, decimal.InvalidOperation],
    )
    return partial(Decimal.quantize, exp=Decimal((0, (1,), -scale)), context=context)


def _quick_numeric(
    quantize: Callable[[Decimal], Decimal], convert: Callable[[Any], Decimal], value: Any
) -> Decimal:
    if type(value) is Decimal:
        try:
            return quantize(value)
        except decimal.DecimalException:
            pass
    return convert(value)


def _many(quantize: Callable[[Decimal], Decimal], values: list[Any]) -> list[Any]:
    if None in values:
        return [None if value is None else quantize(value) for value in values]
    return list(map(quantize, values))


_MONEY = re.compile(r"(-?)\$?((?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]*)?)")
_MOST_MONEY = Decimal(2**63 - 1).scaleb(-MONEY_SCALE)


def _money(value: Any) -> str:
    """The text of an amount, which every reader of ``money`` takes; rows have it as text as well."""
    text = as_str(value)
    if text is not None:
        found = _MONEY.fullmatch(text.strip())
        if found is None:
            raise Unfit("expected an amount such as 12.50 or $1,234.50")
        value = Decimal(found[1] + found[2].replace(",", ""))
    elif isinstance(value, int) or (is_numpy(value) and value.dtype.kind in "iu"):
        raise Unfit("a whole number may count units or cents (as columns have them): give a Decimal")
    number = as_decimal(value)
    if not number.is_finite():
        raise Unfit("money holds neither NaN nor infinity")
    number = fitted(number, MONEY_SCALE, rounds=isinstance(value, float))
    if abs(number) > _MOST_MONEY:
        raise Unfit(f"it is out of range: at most {_MOST_MONEY}")
    return format(number, "f")


def _lsn(value: Any) -> int:
    text = as_str(value)
    found = None if text is None else _LSN.fullmatch(text)
    if text is not None and found is None:
        raise Unfit("expected a position of the log such as 16/B374D848")
    return (int(found[1], 16) << 32 | int(found[2], 16)) if found else _integer(value, low=0, high=2**64 - 1)


def _boolean(value: Any) -> bool:
    if value is True or value is False:
        return value
    if is_numpy(value) and value.dtype.kind == "b":
        return bool(value)
    refuse("a bool", value)


def number_conversion(type_: PgType) -> Conversion | None:
    """The conversion of a numeric type, or ``None`` for others."""
    name = type_.name
    if name in _RANGES:
        low, high = _RANGES[name]
        convert: Callable[[Any], Any] = partial(_integer, low=low, high=high)
        takes = (
            "int; whole numbers as float, Decimal, NumPy scalar, enum; digits as str; no bool, no fraction"
        )
        return Conversion(frozenset({int}), convert, takes)
    if name == "float8":
        takes = "float, int that it holds exactly, Decimal, NumPy scalar, digits as str; nothing out of range"
        return Conversion(frozenset({float}), _float8, takes)
    if name == "float4":
        takes = "as double precision; what real would make 0 or infinity of is refused"
        return Conversion(frozenset(), _float4, takes)
    if name == "numeric":
        rounds = type_.rounding is not None
        convert = partial(_numeric, precision=type_.precision, scale=type_.scale, rounds=rounds)
        takes = (
            'Decimal, int, digits as str, if no digit is lost (or with rounding="half_up"); float as the server '
            "casts it: 15 digits, then rounded"
        )
        if type_.scale is None or type_.precision is None:
            return Conversion(frozenset({Decimal}), convert, takes)
        quantize = _quantizer(type_.precision, type_.scale)
        return Conversion(
            frozenset(), partial(_quick_numeric, quantize, convert), takes, many=partial(_many, quantize)
        )
    if name == "money":
        return Conversion(frozenset(), _money, "as numeric with two digits after the point, no int; its text")
    if name == "pg_lsn":
        return Conversion(frozenset(), _lsn, "int; its text, such as 16/B374D848")
    if name == "bool":
        return Conversion(frozenset({bool}), _boolean, "bool, NumPy bool")
    return None


__all__ = [
    "MONEY_SCALE",
    "NUMBERS",
    "as_decimal",
    "fitted",
    "is_digits",
    "number_conversion",
    "real",
    "whole",
]
