"""Functions of ranges and multiranges (manual, "Range/Multirange Functions and Operators")."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from chakra.errors import FieldError
from chakra.expressions.base import Expression
from chakra.expressions.calls import Call, Function, Kind, of_type
from chakra.expressions.rules import SPANS
from chakra.expressions.values import as_argument
from chakra.pg.quoting import quote_string
from chakra.pg.types import (
    BOOL,
    DATEMULTIRANGE,
    DATERANGE,
    INT4MULTIRANGE,
    INT4RANGE,
    INT8MULTIRANGE,
    INT8RANGE,
    NUMMULTIRANGE,
    NUMRANGE,
    TSMULTIRANGE,
    TSRANGE,
    TSTZMULTIRANGE,
    TSTZRANGE,
    PgType,
)

RANGE_OF = {
    "int2": INT4RANGE,
    "int4": INT4RANGE,
    "int8": INT8RANGE,
    "numeric": NUMRANGE,
    "date": DATERANGE,
    "timestamp": TSRANGE,
    "timestamptz": TSTZRANGE,
}
"""The server's own range over values of a type."""

MULTIRANGE_OF = {
    each.element.name: each
    for each in (
        INT4MULTIRANGE, INT8MULTIRANGE, NUMMULTIRANGE, TSMULTIRANGE, TSTZMULTIRANGE, DATEMULTIRANGE
    )
    if each.element is not None
}  # fmt: skip
"""The multirange of a range, by the name of that; of ranges of users only the server knows it."""

BOUNDS = ("[)", "[]", "(]", "()")

_SPAN = Kind("a range or a multirange", SPANS, like=True, only=True)
_RANGE = Kind("a range", frozenset({"range"}), like=True, only=True)


def range_of(type_: PgType) -> PgType:
    """The range type that a range is of, or that a multirange is made of."""
    base = type_.base
    return base.element.base if base.kind == "multirange" and base.element is not None else base


def _element(types: Sequence[PgType | None]) -> PgType | None:
    return None if types[0] is None else range_of(types[0]).element


def _merged(types: Sequence[PgType | None]) -> PgType | None:
    return None if types[0] is None else range_of(types[0])


def _many(types: Sequence[PgType | None]) -> PgType | None:
    found = types[0]
    if found is None or found.base.kind == "multirange":
        return None if found is None else found.base
    return MULTIRANGE_OF.get(found.base.name)


def _bound(name: str, sql: str, word: str) -> Function[Any]:
    """NULL for the empty range, and where a range is open to that side."""
    return Function[Any](name, f"{sql}({{0}})", (_SPAN,), _element, word, strict=False)


def _asked(name: str, sql: str) -> Function[bool]:
    return Function[bool](name, f"{sql}({{0}})", (_SPAN,), BOOL, sql)


RangeLower = _bound("RangeLower", "lower", "lower")
RangeUpper = _bound("RangeUpper", "upper", "upper")
# What Django calls them in paths.
_bound("RangeLower", "lower", "startswith")
_bound("RangeUpper", "upper", "endswith")
IsEmpty = _asked("IsEmpty", "isempty")
LowerInc, UpperInc = _asked("LowerInc", "lower_inc"), _asked("UpperInc", "upper_inc")
LowerInf, UpperInf = _asked("LowerInf", "lower_inf"), _asked("UpperInf", "upper_inf")
RangeMerge = Function[Any]("RangeMerge", "range_merge({*})", (_SPAN, _SPAN), _merged, least=1)
_MULTIRANGE = Function[Any](
    "MultiRangeOf", {"range": "multirange({0})", "multirange": "{0}"}, (_SPAN,), _many, "multirange"
)


def MultiRangeOf(*ranges: Any) -> Expression:
    """The multirange of one or several ranges: names of fields and expressions: ``MultiRangeOf("span", "other")``.

    Raises:
        FieldError: no range is given.
    """
    if not ranges:
        raise FieldError("MultiRangeOf() takes ranges: names of fields and expressions")
    first, *others = (_MULTIRANGE(each) for each in ranges)
    found: Expression = first
    for other in others:
        found = found + other
    return found


def RangeOf(lower: Any, upper: Any, *, bounds: str = "[)", type: PgType | None = None) -> Call[Any]:
    """A range out of two values: ``RangeOf("start", "end")``, ``RangeOf("low", None, bounds="(]", type=NumRange)``.

    Args:
        lower: the lower bound: the name of a field, an expression or a plain value; ``None`` = open.
        upper: the upper one.
        bounds: whether the bounds belong to it: ``"[)"``, ``"[]"``, ``"(]"`` or ``"()"``.
        type: which range type (``chakra.types``); without it that over the values of ``lower``.

    Raises:
        FieldError: the bounds are none of the four, or the type is no range.
    """
    if bounds not in BOUNDS:
        raise FieldError(f"RangeOf(): bounds= is one of {', '.join(BOUNDS)}, not {bounds!r}")
    if type is None:
        function = _INFERRED[bounds]
    elif isinstance(type, PgType) and type.base.kind == "range":
        function = _constructor(type.base, bounds)
    else:
        raise FieldError(f"RangeOf(): type= is a range of chakra.types, such as TsTzRange, not {type!r}")
    return function(*map(as_argument, (lower, upper)))


@cache
def _constructor(type_: PgType, bounds: str) -> Function[Any]:
    assert type_.element is not None
    sql = f"{type_.bare.replace('{', '{{')}({{0}}, {{1}}, {quote_string(bounds)})"
    element = type_.element.base
    # A cast between moments would go by the session's TimeZone.
    moment = element.name in ("timestamp", "timestamptz")
    kind = Kind(element.sql, frozenset({element.name}), element, only=True) if moment else of_type(element)
    return Function[Any]("RangeOf", sql, (kind, kind), type_, strict=False)


def _over(types: Sequence[PgType | None]) -> PgType | None:
    return None if types[0] is None else RANGE_OF.get(types[0].base.name)


def _inferred(bounds: str) -> Function[Any]:
    sql = {name: f"{type_.bare}({{0}}, {{1}}, {quote_string(bounds)})" for name, type_ in RANGE_OF.items()}
    kind = Kind("a number, a date or a moment", frozenset(RANGE_OF), like=True, only=True)
    return Function[Any]("RangeOf", sql, (kind, kind), _over, strict=False, widest=True)


_INFERRED = {bounds: _inferred(bounds) for bounds in BOUNDS}

__all__ = [
    "IsEmpty", "LowerInc", "LowerInf", "MultiRangeOf", "RangeLower", "RangeMerge", "RangeOf", "RangeUpper", "UpperInc",
    "UpperInf",
]  # fmt: skip
