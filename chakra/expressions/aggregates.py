"""Aggregates: one value for many rows. Each is a row of a small table: SQL function and type of the result."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from chakra.errors import FieldError
from chakra.expressions.base import Expression, Order
from chakra.expressions.conditions import as_condition
from chakra.expressions.infer import places_of
from chakra.expressions.values import F, Value, as_expression
from chakra.pg.types import FLOAT8, INT8, JSONB, NUMERIC, TEXT, PgType, array_of

MAX_DIGITS = 38  # Arrow decimal128; a sum keeps the scale of its argument and may use all digits


def _sum_type(argument: PgType) -> PgType | None:
    """Result of ``sum`` (manual, "General-Purpose Aggregate Functions"): wide enough, the scale unchanged."""
    if argument.name in ("int2", "int4"):
        return INT8
    if argument.name == "int8":
        return NUMERIC(MAX_DIGITS, 0)
    if argument.name == "numeric":
        scale = argument.scale
        return NUMERIC if scale is None else NUMERIC(max(MAX_DIGITS, argument.precision or 0), scale)
    return argument if argument.name in ("float4", "float8", "interval", "money") else None


def _average_type(argument: PgType) -> PgType | None:
    if argument.name in ("float4", "float8"):
        return FLOAT8
    if argument.name in ("int2", "int4", "int8", "numeric"):
        return NUMERIC
    return argument if argument.name == "interval" else None


class Aggregate(Expression):
    """An aggregate function over the rows of a group.

    Args:
        expression: a field's name, an expression, or for ``Count`` ``"*"``.
        filter: only rows for which this condition holds.
        distinct: every value once.
        order_by: order in which values are taken, where that matters; several in a list.
        default: what stands for the value of no rows, in place of NULL.
    """

    function: ClassVar[str] = ""
    ordered: ClassVar[bool] = False

    __slots__ = ("argument", "condition", "default", "distinct", "extra", "order", "places")

    def __init__(
        self,
        expression: str | Expression,
        *,
        filter: Expression | None = None,
        distinct: bool = False,
        order_by: str | Expression | Order | Sequence[Any] = (),
        default: Any = None,
    ) -> None:
        self.argument = _argument(type(self).__name__, expression)
        if filter is not None and not isinstance(filter, Expression):
            raise FieldError(f"filter= takes a condition, not {filter!r}")
        self.condition = None if filter is None else as_condition(filter)
        self.distinct = distinct
        terms = tuple(order_by) if isinstance(order_by, tuple | list) else (order_by,)
        if terms and not self.ordered:
            raise FieldError(f"{type(self).__name__} does not depend on an order; drop order_by=")
        self.order = tuple(order_term(term) for term in terms)
        self.default = None if default is None else as_expression(default)
        self.places = places_of(default)
        self.extra: tuple[Expression, ...] = ()

    @property
    def children(self) -> tuple[Expression, ...]:
        last = [part for part in (self.condition, self.default) if part is not None]
        return (self.argument, *self.extra, *(term.expression for term in self.order), *last)

    def rebuild(self, children: tuple[Expression, ...]) -> Aggregate:
        new = self.__class__.__new__(self.__class__)
        extra, order = len(self.extra), len(self.order)
        new.argument = children[0]
        new.extra = children[1 : 1 + extra]
        new.order = tuple(
            Order(e, o.descending, o.nulls)
            for e, o in zip(children[1 + extra : 1 + extra + order], self.order, strict=True)
        )
        last = list(children[1 + extra + order :])
        new.condition = None if self.condition is None else last.pop(0)  # type: ignore[assignment]
        new.default = None if self.default is None else last.pop(0)
        new.distinct = self.distinct
        new.places = self.places
        return new

    def own_shape(self) -> Hashable:
        order = tuple((term.descending, term.nulls) for term in self.order)
        return (
            self.distinct,
            self.condition is None,
            self.default is None,
            self.places,
            len(self.extra),
            order,
        )

    def result(self, argument: PgType | None) -> PgType | None:
        """The type of the result for an argument of that type; ``None`` where only the server knows."""
        return argument

    def result_or_default(self, argument: PgType | None) -> PgType | None:
        """The type of the result where ``default`` may stand for it: a numeric has room for the digits of both."""
        found = self.result(argument)
        if self.default is None or found is None or found.name != "numeric" or found.scale is None:
            return found
        if self.places is None:
            return NUMERIC
        return NUMERIC(max(MAX_DIGITS, found.precision or 0), max(found.scale, self.places))

    def call_name(self) -> str:
        """The SQL function."""
        return self.function

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.argument!r})"


def _argument(name: str, given: Any) -> Expression:
    """What an aggregate is of.

    Raises:
        FieldError: a model, or a relation as an attribute of one.
    """
    if isinstance(given, str):
        return F(given)
    if not isinstance(given, Expression) and (
        given is None or isinstance(given, type) or hasattr(type(given), "__get__")
    ):
        raise FieldError(f"{name}() takes the name of a field or an expression, not {given!r}")
    return as_expression(given)


def order_term(term: Any) -> Order:
    if isinstance(term, Order):
        return term
    if isinstance(term, str):
        return Order(F(term.removeprefix("-")), term.startswith("-"))
    if not isinstance(term, Expression):
        raise FieldError(f"order_by= takes names and expressions, not {term!r}")
    return Order(term, False)


class Star(Expression):
    """``*``, the argument of ``count(*)``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'*'"


class Count(Aggregate):
    """Number of rows (``Count("*")``) or of values that are not NULL."""

    function = "count"
    __slots__ = ()

    def __init__(self, expression: str | Expression = "*", **options: Any) -> None:
        super().__init__(
            Star() if isinstance(expression, str) and expression == "*" else expression, **options
        )

    def result(self, argument: PgType | None) -> PgType | None:
        return INT8


class Sum(Aggregate):
    """Sum of values; a numeric keeps its scale."""

    function = "sum"
    __slots__ = ()

    def result(self, argument: PgType | None) -> PgType | None:
        return None if argument is None else _sum_type(argument)


class Avg(Aggregate):
    """Mean of values."""

    function = "avg"
    __slots__ = ()

    def result(self, argument: PgType | None) -> PgType | None:
        return None if argument is None else _average_type(argument)


class Min(Aggregate):
    """Smallest value."""

    function = "min"
    __slots__ = ()


class Max(Aggregate):
    """Largest value."""

    function = "max"
    __slots__ = ()


class _Spread(Aggregate):
    """A measure of how far values are from their mean: of the population they are, or of which they are a sample.

    Args:
        sample: divide by one less than their number.
    """

    __slots__ = ("sample",)

    def __init__(self, expression: str | Expression, *, sample: bool = False, **options: Any) -> None:
        super().__init__(expression, **options)
        self.sample = sample

    def rebuild(self, children: tuple[Expression, ...]) -> Aggregate:
        new = super().rebuild(children)
        new.sample = self.sample  # type: ignore[attr-defined]
        return new

    def own_shape(self) -> Hashable:
        return (super().own_shape(), self.sample)

    def call_name(self) -> str:
        return f"{self.function}_{'samp' if self.sample else 'pop'}"

    def result(self, argument: PgType | None) -> PgType | None:
        return None if argument is None else _average_type(argument)


class StdDev(_Spread):
    """Standard deviation; of a sample with ``sample=True``."""

    function = "stddev"
    __slots__ = ()


class Variance(_Spread):
    """Variance; of a sample with ``sample=True``."""

    function = "var"
    __slots__ = ()


class ArrayAgg(Aggregate):
    """The values as an array."""

    function = "array_agg"
    ordered = True
    __slots__ = ()

    def result(self, argument: PgType | None) -> PgType | None:
        if argument is None:
            return None
        if argument.kind == "array":  # of one dimension more; that it has no other type is said by the server
            return replace(argument, ndims=argument.ndims + 1) if argument.ndims else None
        return array_of(argument)


class StringAgg(Aggregate):
    """The values as one text, with a delimiter between them."""

    function = "string_agg"
    ordered = True
    __slots__ = ()

    def __init__(self, expression: str | Expression, delimiter: str = ",", **options: Any) -> None:
        super().__init__(expression, **options)
        self.extra = (Value(delimiter, TEXT),)

    def result(self, argument: PgType | None) -> PgType | None:
        return TEXT


class JsonAgg(Aggregate):
    """The values as one JSONB array."""

    function = "jsonb_agg"
    ordered = True
    __slots__ = ()

    def result(self, argument: PgType | None) -> PgType | None:
        return JSONB


def named_values(
    method: str, unnamed: tuple[Expression, ...], named: dict[str, Expression]
) -> dict[str, Expression]:
    """Values by name; an aggregate of a field has one of its own, the field's and its own: ``price__sum``.

    Raises:
        FieldError: an unnamed value that is no such aggregate, or two values of one name.
    """
    found: dict[str, Expression] = {}
    for value in unnamed:
        if not isinstance(value, Aggregate) or not isinstance(value.argument, F):
            raise FieldError(f"{method}(): {value!r} has no name of its own; give it one, name={value!r}")
        name = f"{value.argument.path}__{type(value).__name__.lower()}"
        if name in found or name in named:
            raise FieldError(f"{method}(): two values are named {name!r}; name one of them otherwise")
        found[name] = value
    return found | named


def has_aggregate(*expressions: Expression) -> bool:
    """Whether an aggregate stands anywhere in one of the trees."""
    nodes = [*expressions]
    for node in nodes:  # grows while it is walked: half the price of a function that calls itself
        if isinstance(node, Aggregate):
            return True
        nodes += node.children
    return False


__all__ = [
    "Aggregate",
    "ArrayAgg",
    "Avg",
    "Count",
    "JsonAgg",
    "Max",
    "Min",
    "StdDev",
    "StringAgg",
    "Sum",
    "Variance",
    "has_aggregate",
    "named_values",
]
