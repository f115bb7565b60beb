"""Functions of arrays (manual, "Array Functions and Operators"). Positions count from 0, as in paths and brackets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from chakra.expressions.calls import COUNT, STRING, Function, Kind, first
from chakra.pg.types import INT4, TEXT, PgType, array_of

_ARRAY = Kind("array", frozenset({"array"}), only=True)
_SAME = Kind("array of the same elements", frozenset({"array"}), like=True, only=True)
_ELEMENT = Kind("element", like=True, part=True)
_LENGTH = "CASE WHEN {0} IS NOT NULL THEN COALESCE(array_length({0}, {1|1}), 0) END"
_POSITIONS = "ARRAY(SELECT place - 1 FROM unnest(array_positions({0}, {1})) AS places(place))"

ArrayLength = Function[int](
    "ArrayLength", {"array": _LENGTH}, (_ARRAY, COUNT), INT4, "len", least=1, strict=False
)
Cardinality = Function[int]("Cardinality", {"array": "cardinality({0})"}, (_ARRAY,), INT4, "cardinality")
ArrayAppend = Function[Any]("ArrayAppend", "array_append({0}, {1})", (_ARRAY, _ELEMENT), first, strict=False)
ArrayPrepend = Function[Any](
    "ArrayPrepend", "array_prepend({1}, {0})", (_ARRAY, _ELEMENT), first, strict=False
)
ArrayCat = Function[Any]("ArrayCat", "array_cat({0}, {1})", (_ARRAY, _SAME), first, strict=False)
ArrayRemove = Function[Any]("ArrayRemove", "array_remove({0}, {1})", (_ARRAY, _ELEMENT), first, strict=False)
ArrayReplace = Function[Any](
    "ArrayReplace", "array_replace({0}, {1}, {2})", (_ARRAY, _ELEMENT, _ELEMENT), first, strict=False
)
ArrayPosition = Function[int](
    "ArrayPosition",
    "(array_position({0}, {1}, {2|0} + 1) - 1)",
    (_ARRAY, _ELEMENT, COUNT),
    INT4,
    least=2,
    strict=False,
)
ArrayPositions = Function[list[int]](
    "ArrayPositions",
    f"CASE WHEN {{0}} IS NOT NULL THEN {_POSITIONS} END",
    (_ARRAY, _ELEMENT),
    array_of(INT4),
    strict=False,
)
ArrayToString = Function[str](
    "ArrayToString", "array_to_string({*})", (_ARRAY, STRING, STRING), TEXT, least=2, strict=False
)
StringToArray = Function[list[str]](
    "StringToArray", "string_to_array({*})", (STRING, STRING, STRING), array_of(TEXT), least=2, strict=False
)
TrimArray = Function[Any]("TrimArray", "trim_array({*})", (_ARRAY, COUNT), first)
ArrayReverse = Function[Any]("ArrayReverse", "array_reverse({0})", (_ARRAY,), first)
ArraySort = Function[Any]("ArraySort", "array_sort({0})", (_ARRAY,), first)

# What brackets and words of paths stand for.


@lru_cache(maxsize=1024)
def element(dimensions: int, given: tuple[str, ...]) -> Function[Any]:
    """What takes an element out of an array of some dimensions, or a row where one position is left out.

    Args:
        given: for each position how it is written: ``literal`` (counted from 1 already), ``end`` (from behind, below
            0), or ``computed`` (from 0).
    """
    kinds = (_ARRAY, *[COUNT] * len(given))
    places = [_PLACE[how].format(number=number, place=f"{{{number}}}") for number, how in enumerate(given, 1)]
    if len(given) == dimensions:
        sql: Any = "({0})" + "".join(f"[{place}]" for place in places)
    elif len(given) == dimensions - 1:
        row = "({0})" + "".join(f"[{place}:{place}]" for place in places)
        sql = f"NULLIF(ARRAY(SELECT unnest({row})), '{{{{}}')"
    else:
        sql = {f"{dimensions} or {dimensions - 1} positions": ""}

    def type_(types: Sequence[PgType | None]) -> PgType | None:
        array = types[0]
        if array is None or array.base.element is None:
            return None
        rest = dimensions - len(given)
        return array_of(array.base.element, rest) if rest else array.base.element

    return Function("Element", sql, kinds, type_, strict=False)


_PLACE = {
    "literal": "{place}",
    "end": "array_upper({{0}}, {number}) + 1 + {place}",
    "computed": "{place} + 1",
}


@lru_cache(maxsize=16)
def part(start: str, stop: str) -> Function[Any]:
    """What takes a slice out of an array; both bounds as for :func:`element`, or empty."""
    number = 1
    written = []
    for how, more in ((start, " + 1"), (stop, "")):
        written.append("" if not how else f"{{{number}}}{more if how == 'computed' else ''}")
        number += bool(how)
    counts = [COUNT] * (number - 1)
    return Function[Any]("Slice", f"({{0}})[{':'.join(written)}]", (_ARRAY, *counts), first, strict=False)


__all__ = [
    "ArrayAppend", "ArrayCat", "ArrayLength", "ArrayPosition", "ArrayPositions", "ArrayPrepend", "ArrayRemove",
    "ArrayReplace", "ArrayReverse", "ArraySort", "ArrayToString", "Cardinality", "StringToArray", "TrimArray",
]  # fmt: skip
