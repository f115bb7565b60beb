"""What a value beside an operator becomes: as stored values, but numbers of any size answer like mathematics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache, partial
from numbers import Number
from typing import Any

from chakra.pg.conversion import Naive, conversion_of
from chakra.pg.conversion.base import ODD, Conversion, Unfit, as_str, is_numpy, refuse
from chakra.pg.conversion.numbers import FLOAT4, as_decimal, is_digits, whole
from chakra.pg.json_text import JsonText
from chakra.pg.types import FLOAT8, INT8, INT8_DIGITS, NUMERIC, PgType, array_of

WHOLE = frozenset({"int2", "int4", "int8"})
_FLOATS = frozenset({"float4", "float8"})
_LOW, _HIGH = -(2**63), 2**63 - 1


def beyond_integers(value: Any) -> bool:
    """Whether a number may be none that ``bigint`` has: a fraction by its class, or too large.

    Queries with such numbers are statements of their own: beside a column of integers they travel as ``numeric``.
    """
    if type(value) is int:
        return not _LOW <= value <= _HIGH
    if isinstance(value, float | Decimal):
        return True
    if isinstance(value, str):
        return len(value) > INT8_DIGITS and beyond_digits(value)
    if is_numpy(value):
        return bool(value.dtype.kind == "f" or (value.dtype.kind == "u" and int(value) > _HIGH))
    if isinstance(value, int):
        return not _LOW <= value <= _HIGH
    return isinstance(value, Number)


def beyond_digits(text: str) -> bool:
    """Whether a text is the digits of a whole number that ``bigint`` does not have."""
    text = str.__str__(text)
    return is_digits(text) and not _LOW <= whole(text) <= _HIGH


def compared_type(type_: PgType, sample: Any) -> PgType:
    """The type in which a value travels beside one of type ``type_``.

    Whole numbers go as ``bigint`` whatever the column's width, real numbers as ``double precision``: the operators
    between widths belong to the same index (``integer_ops`` and ``float_ops``, pg_amop.dat).
    """
    base = type_.base
    if base.name in WHOLE:
        return NUMERIC if beyond_integers(sample) else INT8
    if base.name == "float4":
        return FLOAT8
    return type_


@lru_cache(maxsize=1024)
def comparison_of(type_: PgType, naive: Naive = "error", beyond: bool = False) -> Conversion:
    """The conversion of a value that is compared with one of a type, to what :func:`compared_type` says.

    Args:
        beyond: beside integers, for numbers that may be none of ``bigint``, which travel as ``numeric``.
    """
    base = type_.base
    if base.kind == "base" and base.name in WHOLE:
        if beyond:
            return Conversion(frozenset(), _beside_integers, "")
        return Conversion(frozenset({int}), whole, "")
    if base.name == "numeric":
        return Conversion(frozenset(), _exact, "")
    if base.kind == "base" and base.name in _FLOATS:
        single = base.name == "float4"
        return Conversion(frozenset() if single else frozenset({float}), partial(_float, single=single), "")
    found = conversion_of(_bare(base), naive)
    if base.name in _DOCUMENTS:
        return Conversion(found.usual, partial(_document, convert=found.convert), "")
    return found


_DOCUMENTS = frozenset({"json", "jsonb"})


def _document(value: Any, *, convert: Callable[[Any], Any]) -> Any:
    """A document, and what is none but a number like those in there: a Decimal, or one of NumPy's."""
    if isinstance(value, Decimal) and value.is_finite():
        return JsonText(value)
    plain: Any = value
    return convert(plain.item() if is_numpy(plain) else plain)


@lru_cache(maxsize=1024)
def members_of(type_: PgType, naive: Naive = "error") -> Conversion:
    """The conversion of a list of values of which one may equal a value of the type, without ``None``."""
    base = type_.base
    if base.kind == "base" and base.name in WHOLE:
        return Conversion(frozenset(), _whole_members, "")
    inner = comparison_of(base, naive)
    if base.name in _LISTS:
        found = conversion_of(array_of(_bare(base)), naive)
        if base.name not in _DOCUMENTS:
            return found
        return Conversion(frozenset(), lambda values: found.convert(inner.all_of(values)), "")
    return Conversion(frozenset(), inner.all_of, "")


_LISTS = frozenset({"vector", "halfvec", "json", "jsonb"})
"""Types of which a value may be a list, which is none of the dimensions of an array of them."""


def whole_bounds(pair: tuple[Any, Any]) -> tuple[int, int]:
    """The whole numbers between two numbers, as the first and the last of them; ``(1, 0)`` if there is none.

    Raises:
        Unfit: one of them is no number.
    """
    low, high = (exact_number(bound) for bound in pair)
    if low != low or high != high or low == math.inf or high == -math.inf:
        return 1, 0
    first = _LOW if low == -math.inf else math.ceil(low)
    last = _HIGH if high == math.inf else math.floor(high)
    if first > _HIGH or last < _LOW or first > last:
        return 1, 0
    return max(first, _LOW), min(last, _HIGH)


def exact_number(value: Any) -> Any:
    """A number beside whole ones: an ``int``, or a Decimal that may be a fraction or no finite number.

    Raises:
        Unfit: it is no number.
    """
    if type(value) is int:
        return value
    if value is None:
        refuse("a number", value)
    if isinstance(value, float) or (is_numpy(value) and value.dtype.kind == "f"):
        return Decimal(float(value))  # by all its digits, as it is stored in a column of integers
    return whole(value) if as_str(value) is not None else _exact(value)


def _beside_integers(value: Any) -> Decimal:
    number = exact_number(value)
    if type(number) is int and not -_FAR < number < _FAR:
        number = _FAR if number > 0 else -_FAR  # to make a Decimal of very many digits takes seconds
    return _exact(Decimal(number))


def _exact(value: Any) -> Decimal:
    """A number as a Decimal; a float with the digits that the server's cast to ``numeric`` keeps."""
    if type(value) is Decimal and _within(value) and not value.is_snan():
        return value
    if isinstance(value, Fraction):
        return Decimal(value.numerator) / Decimal(value.denominator)
    if isinstance(value, int) and value.bit_length() > _BITS_BEFORE:
        return Decimal((int(value < 0), (9,), _DIGITS_BEFORE))
    found = as_decimal(value)
    if not _within(found):  # what is beyond all that numeric holds is as large, or as small
        if found.adjusted() > _DIGITS_BEFORE:
            return Decimal((found.is_signed(), (9,), _DIGITS_BEFORE))
        if found.adjusted() < -_DIGITS_AFTER:
            return Decimal((found.is_signed(), (1,), -_DIGITS_AFTER))
    return found


_FAR = 2**80
"""Beyond all integers of the server."""


def _within(number: Decimal) -> bool:
    return -_DIGITS_AFTER <= number.adjusted() <= _DIGITS_BEFORE or not number or not number.is_finite()


# src/include/utils/numeric.h and numeric.c: digits before the point, without the first, and behind it.
_DIGITS_BEFORE, _DIGITS_AFTER = 131_071, 16_383
_BITS_BEFORE = math.ceil((_DIGITS_BEFORE + 1) * math.log2(10))


def _float(value: Any, *, single: bool) -> float:
    """A number as the nearest float; beside ``real`` as the nearest of those, if it is within their range."""
    try:
        if isinstance(value, float) or (is_numpy(value) and value.dtype.kind == "f"):
            found = float(value)
        else:
            found = float(_exact(value))
    except OverflowError:
        found = math.inf if value > 0 else -math.inf
    if single and math.isfinite(found):
        try:
            (rounded,) = FLOAT4.unpack(FLOAT4.pack(found))
        except OverflowError:
            return found
        return found if rounded == 0 else float(rounded)
    return found


def may_be_integer(value: Any) -> bool:
    """Whether a value may equal one of ``bigint``; what is no number at all may, for the conversion to refuse it."""
    try:
        return value is None or bool(_whole_members([value]))
    except (Unfit, *ODD):
        return True


def _whole_members(values: list[Any]) -> list[int]:
    if set(map(type, values)) <= _INT and (not values or (min(values) >= _LOW and max(values) <= _HIGH)):
        return values
    return list(_equal_to_some(values))


_INT = frozenset({int})


def _equal_to_some(values: Iterable[Any]) -> Iterable[int]:
    """The whole numbers among numbers: fractions and what is out of range equal no integer."""
    for row, value in enumerate(values):
        try:
            number = exact_number(value)
        except Unfit as error:
            error.row = row
            raise
        if isinstance(number, Decimal) and not number.is_finite():
            continue
        found = int(number)
        if found == number and _LOW <= found <= _HIGH:
            yield found


def _bare(type_: PgType) -> PgType:
    """The type without modifiers, also of its elements: what is compared is not cut to what a column keeps."""
    if type_.name == "sparsevec":
        return type_  # a mapping of indices has no other dimensions than the column's
    if type_.kind == "base":
        return replace(type_, typmod=-1, rounding=None) if type_.typmod >= 0 else type_
    if type_.kind in ("array", "range", "multirange", "domain") and type_.element is not None:
        return replace(type_, element=_bare(type_.element))
    return type_


__all__ = [
    "WHOLE",
    "beyond_digits",
    "beyond_integers",
    "compared_type",
    "comparison_of",
    "exact_number",
    "may_be_integer",
    "members_of",
    "whole_bounds",
]
