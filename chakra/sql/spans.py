"""Ranges and multiranges as literals: which of them, or which element, a value beside one is."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from chakra.errors import DataError
from chakra.expressions.library.ranges import MULTIRANGE_OF, range_of
from chakra.pg.conversion import Naive, Unfit, conversion_of, shown, unfit
from chakra.pg.conversion.base import ODD
from chakra.pg.conversion.comparing import exact_number
from chakra.pg.conversion.containers import bounds_of
from chakra.pg.showing import cause
from chakra.pg.types import PgType
from chakra.sql.adapting import Step

LIMITS = {"int2": 2**15, "int4": 2**31, "int8": 2**63}
"""Whole numbers of a type end before this one."""


def is_many(value: Any) -> bool:
    """Whether a value stands for several ranges: it is a sequence whose members are no bounds.

    The class of the first one tells, which is part of the shape of a query: texts are bounds.

    Raises:
        DataError: NULL is one of several ranges.
    """
    if not isinstance(value, list | tuple):
        return False
    first = next((item for item in value if item is not None), None)
    many = isinstance(first, list | tuple | Mapping | range) or hasattr(first, "isempty")
    if many and value[0] is None:
        raise DataError(f"{shown(value)} is no list of ranges: one of them is NULL")
    return many


def span_type(left: PgType, value: Any) -> PgType:
    """The type of a literal that is a range or a multirange, beside one of those: of the same family."""
    one = range_of(left)
    if not is_many(value):
        return one
    many = left.base if left.base.kind == "multirange" else MULTIRANGE_OF.get(one.name)
    if many is None:
        raise unfit(
            value,
            one,
            "several ranges beside one of a type of your own are a multirange, which only a field has",
        )
    return many


@dataclass(frozen=True, slots=True)
class ToSpan:
    """Conversion of a literal to a range or a multirange.

    Attributes:
        type: what it becomes.
        element: where it is compared with a value that may be its element: whole numbers of that type end somewhere,
            and a range that goes beyond them is cut there, which changes no answer.
    """

    type: PgType
    element: PgType | None = None

    def step(self, naive: Naive) -> Step:
        """The conversion for databases of one setting ``naive_datetimes``."""
        convert = conversion_of(self.type, naive).convert
        limit = None if self.element is None else LIMITS.get(self.element.base.name)
        many = self.type.kind == "multirange"
        least = None if self.element is None else _least(self.element.base)

        def checked(value: Any) -> Any:
            try:
                if not many and isinstance(value, list | tuple) and not value:
                    value = {"empty": True}
                if limit is not None:
                    value = [_cut(one, limit) for one in value] if many else _cut(value, limit)
                found = convert(value)
                if least is None or many or found.isempty or not found.lower is found.upper is None:
                    return found
                return convert({"lower": least, "upper": None, "lower_inc": True, "upper_inc": False})
            except Unfit as error:
                raise unfit(value, self.type, error) from None
            except ODD as error:
                raise unfit(value, self.type, error) from cause(error)

        return Step(frozenset(), None, checked)


def _least(element: PgType) -> Any:
    """The smallest value of a type, from which a range with neither bound is said to begin.

    PostgreSQL 17 and 18 take ``x <@ '(,)'`` for true where ``x`` is NULL (``rangetypes.c``,
    ``find_simplified_clause``).
    """
    limit = LIMITS.get(element.name)
    return _LEAST.get(element.name) if limit is None else -limit


_LEAST: Mapping[str, Any] = {
    "numeric": Decimal("-Infinity"),
    "date": dt.date.min,
    "timestamp": dt.datetime.min,
    "timestamptz": dt.datetime.min.replace(tzinfo=dt.UTC),
}


def _cut(value: Any, limit: int) -> Any:
    """The whole numbers in a range of numbers, cut to those below a limit."""
    found = bounds_of(value, exact_number)
    if found.isempty:
        return {"empty": True}
    low = _first(found.lower, found.lower_inc, -limit)
    high = _last(found.upper, found.upper_inc, limit - 1)
    if low is _NOTHING or high is _NOTHING or (low is not None and high is not None and low > high):
        return {"empty": True}
    return {"lower": low, "upper": high, "lower_inc": low is not None, "upper_inc": high is not None}


_NOTHING: Any = object()


def _first(bound: Any, inclusive: bool, least: int) -> Any:
    """The first whole number from a bound on; ``None`` = all are."""
    if bound is None or bound == -math.inf:
        return None
    if bound == math.inf or bound != bound:
        return _NOTHING
    whole = math.ceil(bound) if isinstance(bound, Decimal) else bound
    found = whole + 1 if whole == bound and not inclusive else whole
    return None if found <= least else _NOTHING if found > -least - 1 else found


def _last(bound: Any, inclusive: bool, most: int) -> Any:
    if bound is None or bound == math.inf:
        return None
    if bound == -math.inf or bound != bound:
        return _NOTHING
    whole = math.floor(bound) if isinstance(bound, Decimal) else bound
    found = whole - 1 if whole == bound and not inclusive else whole
    return None if found >= most else _NOTHING if found < -most - 1 else found


__all__ = ["ToSpan", "is_many", "span_type"]
