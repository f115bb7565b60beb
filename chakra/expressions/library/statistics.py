"""Aggregates of statistics, and of sorted values (manual, "Aggregate Functions for Statistics", "Ordered-Set")."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from chakra.errors import FieldError
from chakra.expressions.aggregates import Aggregate, Rule, list_type, order_term, same_type
from chakra.expressions.calls import ANY, REAL, Kind
from chakra.expressions.rules import NUMBERS
from chakra.expressions.values import Value, as_expression
from chakra.pg.types import FLOAT8, INT8, PgType, array_of

PAIR = (REAL, REAL)


class Corr(Aggregate):
    """Correlation of two values, from -1 to 1: ``Corr("y", "x")``. All of two leave out rows where either is NULL."""

    rule = Rule("corr", FLOAT8, PAIR)
    __slots__ = ()


class CovarPop(Aggregate):
    """Covariance of two values, of the population they are."""

    rule = Rule("covar_pop", FLOAT8, PAIR)
    __slots__ = ()


class CovarSamp(Aggregate):
    """Covariance of two values, of which they are a sample."""

    rule = Rule("covar_samp", FLOAT8, PAIR)
    __slots__ = ()


class RegrAvgX(Aggregate):
    """Mean of the second value: ``RegrAvgX("y", "x")``."""

    rule = Rule("regr_avgx", FLOAT8, PAIR)
    __slots__ = ()


class RegrAvgY(Aggregate):
    """Mean of the first value."""

    rule = Rule("regr_avgy", FLOAT8, PAIR)
    __slots__ = ()


class RegrCount(Aggregate):
    """Number of rows that have both values."""

    rule = Rule("regr_count", INT8, PAIR, never_null=True)
    __slots__ = ()


class RegrIntercept(Aggregate):
    """Where the line that fits best crosses x = 0."""

    rule = Rule("regr_intercept", FLOAT8, PAIR)
    __slots__ = ()


class RegrR2(Aggregate):
    """Square of the correlation."""

    rule = Rule("regr_r2", FLOAT8, PAIR)
    __slots__ = ()


class RegrSlope(Aggregate):
    """Slope of the line that fits best."""

    rule = Rule("regr_slope", FLOAT8, PAIR)
    __slots__ = ()


class RegrSXX(Aggregate):
    """Sum of squares of the second value: ``sum(x²) - sum(x)² / n``."""

    rule = Rule("regr_sxx", FLOAT8, PAIR)
    __slots__ = ()


class RegrSXY(Aggregate):
    """Sum of products of both values: ``sum(x * y) - sum(x) * sum(y) / n``."""

    rule = Rule("regr_sxy", FLOAT8, PAIR)
    __slots__ = ()


class RegrSYY(Aggregate):
    """Sum of squares of the first value: ``sum(y²) - sum(y)² / n``."""

    rule = Rule("regr_syy", FLOAT8, PAIR)
    __slots__ = ()


class Mode(Aggregate):
    """The value that is there most often; of several, the first in the order: ``Mode("size")``, ``Mode("-size")``."""

    rule = Rule("mode", same_type, within=True, distinct=False, windows=False)
    __slots__ = ()


FRACTION = Kind("fraction", literal=FLOAT8)


def _percentile_type(types: Sequence[PgType | None]) -> PgType | None:
    value, fraction = types
    found = FLOAT8 if value is not None and value.name in NUMBERS else value
    return list_type([found]) if fraction is not None and fraction.kind == "array" else found


def _one_or_list(types: Sequence[PgType | None]) -> PgType | None:
    value, fraction = types
    return list_type([value]) if fraction is not None and fraction.kind == "array" else value


class _Percentile(Aggregate):
    __slots__ = ()

    def __init__(self, expression: Any, fraction: float | Sequence[float], **options: Any) -> None:
        several = isinstance(fraction, list | tuple)
        given = [self._fraction(each) for each in (fraction if several else [fraction])]  # type: ignore[union-attr]
        literal = Value(given, array_of(FLOAT8)) if several else Value(given[0], FLOAT8)
        super().__init__(expression, literal, **options)

    def _fraction(self, given: Any) -> float:
        if isinstance(given, bool) or not isinstance(given, int | float | Decimal) or not 0 <= given <= 1:
            raise FieldError(
                f"{type(self).__name__}(): a fraction is a number from 0 to 1, or several in a list, not {given!r}"
            )
        return float(given)


class PercentileCont(_Percentile):
    """The value below which a share of the values lies, between two if need be: ``PercentileCont("price", 0.5)``.

    Args:
        expression: numbers or intervals; ``"-price"`` counts from the other end.
        fraction: from 0 to 1; of several in a list, an array comes back.
    """

    rule = Rule(
        "percentile_cont",
        _percentile_type,
        (Kind("numbers or intervals", NUMBERS | {"interval"}), FRACTION),
        within=True,
        distinct=False,
        windows=False,
    )
    __slots__ = ()


class PercentileDisc(_Percentile):
    """The first value at or above a share of the values, of any type that can be sorted; as ``PercentileCont``."""

    rule = Rule("percentile_disc", _one_or_list, (ANY, FRACTION), within=True, distinct=False, windows=False)
    __slots__ = ()


def _hypothetical(name: str, type_: PgType) -> Rule:
    return Rule(name, type_, (ANY, ANY), within=True, distinct=False, windows=False, never_null=True)


class _Hypothetical(Aggregate):
    """What a window function would give for a row that is not there: ``RankOf(19.90, "-price")``.

    Args:
        value: of that row; several in a tuple. A text is a text here, and ``F("…")`` a field that is grouped by.
        order_by: what rows are sorted by; as many in a tuple.
    """

    __slots__ = ()

    def __init__(self, value: Any, order_by: Any, **options: Any) -> None:
        name = type(self).__name__
        terms = order_by if isinstance(order_by, tuple | list) else (order_by,)
        values = value if isinstance(value, tuple | list) else (value,)
        if len(terms) != len(values) or not terms:
            raise FieldError(
                f"{name}() takes as many values as terms to sort by, not {value!r} and {order_by!r}"
            )
        super().__init__(terms[0], Value(None), **options)
        self.extra = tuple(map(as_expression, values))
        self.order = tuple(map(order_term, terms[1:]))


class RankOf(_Hypothetical):
    """The rank that a row would have, from 1 on."""

    rule = _hypothetical("rank", INT8)
    __slots__ = ()


class DenseRankOf(_Hypothetical):
    """The rank that a row would have, without gaps."""

    rule = _hypothetical("dense_rank", INT8)
    __slots__ = ()


class PercentRankOf(_Hypothetical):
    """The share of rows that would come before a row, from 0 to 1."""

    rule = _hypothetical("percent_rank", FLOAT8)
    __slots__ = ()


class CumeDistOf(_Hypothetical):
    """The share of rows, itself included, that would come before a row or be its peers."""

    rule = _hypothetical("cume_dist", FLOAT8)
    __slots__ = ()


__all__ = [
    "Corr", "CovarPop", "CovarSamp", "CumeDistOf", "DenseRankOf", "Mode", "PercentRankOf", "PercentileCont",
    "PercentileDisc", "RankOf", "RegrAvgX", "RegrAvgY", "RegrCount", "RegrIntercept", "RegrR2", "RegrSXX", "RegrSXY",
    "RegrSYY", "RegrSlope",
]  # fmt: skip
