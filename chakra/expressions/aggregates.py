"""Aggregates: one value for many rows. Each is a class with a ``Rule``: SQL function, arguments, type of the result.

Here are the common ones; ``chakra.expressions.library`` has the rest, and how users add their own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from chakra.errors import FieldError
from chakra.expressions.base import Expression, Order, Valued
from chakra.expressions.calls import ANY, STRING, Kind
from chakra.expressions.conditions import Lookup, as_condition
from chakra.expressions.infer import places_of
from chakra.expressions.q import all_of
from chakra.expressions.rules import NUMBERS
from chakra.expressions.values import F, Value, as_expression
from chakra.pg.types import BYTEA, FLOAT8, INT8, JSONB, NUMERIC, TEXT, PgType, array_of

MAX_DIGITS = 38  # Arrow decimal128; a sum keeps the scale of its argument and may use all digits

TypeRule: TypeAlias = "Callable[[Sequence[PgType | None]], PgType | None]"
"""The type of a result by those of the arguments, domains being what they are made of; ``None`` = nobody knows."""


@dataclass(frozen=True, eq=False)
class Rule:
    """What an aggregate is: a row of the table.

    Attributes:
        sql: the SQL function, quoted where it has to be.
        type: of the result.
        takes: what its arguments have to be; values of other types are refused where there is no cast to one.
        ordered: whether it depends on the order in which values are taken.
        within: whether its argument is what rows are sorted by, WITHIN GROUP; the others stand before that.
        distinct: whether it can take every value once.
        windows: whether it can stand over a window.
        never_null: whether it has a value for no rows, too.
        keeps_nulls: whether NULLs come into its result.
        repeatable: whether rows that come several times change nothing.
        known: whether nothing of the user's runs in it.
    """

    sql: str
    type: PgType | TypeRule | None
    takes: tuple[Kind, ...] = (ANY,)
    ordered: bool = False
    within: bool = False
    distinct: bool = True
    windows: bool = True
    never_null: bool = False
    keeps_nulls: bool = False
    repeatable: bool = False
    known: bool = True


def same_type(types: Sequence[PgType | None]) -> PgType | None:
    """The rule of aggregates that give one of the values."""
    return types[0]


_VECTORS = ("vector", "halfvec")


def _sum_type(types: Sequence[PgType | None]) -> PgType | None:
    """Result of ``sum`` (manual, "General-Purpose Aggregate Functions"): wide enough, the scale unchanged."""
    argument = types[0]
    if argument is None:
        return None
    if argument.name in ("int2", "int4"):
        return INT8
    if argument.name == "int8":
        return NUMERIC(MAX_DIGITS, 0)
    if argument.name == "numeric":
        scale = argument.scale
        return NUMERIC if scale is None else NUMERIC(max(MAX_DIGITS, argument.precision or 0), scale)
    return argument if argument.name in ("float4", "float8", "interval", "money", *_VECTORS) else None


def mean_type(types: Sequence[PgType | None]) -> PgType | None:
    """Result of ``avg``, and of what is made of it."""
    argument = types[0]
    if argument is None:
        return None
    if argument.name in ("float4", "float8"):
        return FLOAT8
    if argument.name in ("int2", "int4", "int8", "numeric"):
        return NUMERIC
    return argument if argument.name in ("interval", *_VECTORS) else None


def _end_type(types: Sequence[PgType | None]) -> PgType | None:
    """Result of ``min`` and ``max``, which know texts of one type only."""
    found = types[0]
    return TEXT if found is not None and found.name in ("varchar", "name") else found


def list_type(types: Sequence[PgType | None]) -> PgType | None:
    """The type of an array of the values; of arrays, one of a dimension more."""
    found = types[0]
    if found is None:
        return None
    if found.kind == "array":  # that it has no other type is said by the server
        return replace(found, ndims=found.ndims + 1) if found.ndims else None
    return array_of(found)


def _text_type(types: Sequence[PgType | None]) -> PgType | None:
    return BYTEA if types[0] is BYTEA else TEXT


ADDED = Kind("numbers, intervals, money or vectors", NUMBERS | {"interval", "money", *_VECTORS})
AVERAGED = Kind("numbers, intervals or vectors", NUMBERS | {"interval", *_VECTORS})
NUMBER = Kind("numbers", NUMBERS)


class Aggregate(Expression):
    """An aggregate function over the rows of a group.

    Args:
        expression: a field's name, an expression, or for ``Count`` ``"*"``.
        further: the other arguments of those that take several; a text is a field's name.
        filter: only rows for which this condition holds.
        distinct: every value once.
        order_by: order in which values are taken, where that matters; several in a list.
        default: what stands for the value of no rows, in place of NULL.

    Raises:
        FieldError: another number of arguments, or an option that the aggregate does not have.
    """

    rule: ClassVar[Rule] = Rule("", None)

    __slots__ = ("argument", "condition", "default", "distinct", "extra", "order", "places", "turned")

    def __init__(
        self,
        expression: Any,
        *further: Any,
        filter: Expression | None = None,
        distinct: bool = False,
        order_by: str | Expression | Order | Sequence[Any] = (),
        default: Any = None,
    ) -> None:
        name, rule = type(self).__name__, self.rule
        if len(further) + 1 != len(rule.takes):
            shown = ", ".join(kind.name for kind in rule.takes)
            raise FieldError(f"{name}() takes ({shown}), not {len(further) + 1} arguments")
        first = sort_term(expression) if rule.within else None
        self.argument = argument_of(name, expression) if first is None else first.expression
        self.turned = (False, None) if first is None else (first.descending, first.nulls)
        self.extra: tuple[Expression, ...] = tuple([argument_of(name, each) for each in further])
        if filter is not None and not isinstance(filter, Expression):
            raise FieldError(f"filter= takes a condition, not {filter!r}")
        self.condition = None if filter is None else as_condition(filter)
        if distinct and not rule.distinct:
            raise FieldError(f"{name}() takes no distinct=: it is about all rows")
        self.distinct = bool(distinct)
        terms = tuple(order_by) if isinstance(order_by, tuple | list) else (order_by,)
        if terms and not rule.ordered:
            raise FieldError(f"{name} does not depend on an order; drop order_by=")
        self.order = tuple(order_term(term) for term in terms)
        self.default = None if default is None else as_expression(default)
        self.places = places_of(default)

    @property
    def children(self) -> tuple[Expression, ...]:
        last = [part for part in (self.condition, self.default) if part is not None]
        return (self.argument, *self.extra, *(term.expression for term in self.order), *last)

    def rebuild(self, children: tuple[Expression, ...]) -> Aggregate:
        new = copy.copy(self)  # with what classes of their own hold besides
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
            self.turned,
        )

    @property
    def sorted_by(self) -> tuple[Order, ...]:
        """What rows are sorted by, of an aggregate of sorted values."""
        return (Order(self.argument, *self.turned), *self.order)

    @property
    def arguments(self) -> tuple[Expression, ...]:
        """What it is computed from."""
        return (self.argument, *self.extra)

    def kind(self, position: int, first: PgType | None) -> Kind:
        """What an argument has to be, where the first one is of a type."""
        return self.rule.takes[min(position, len(self.rule.takes) - 1)]

    def result(self, types: Sequence[PgType | None]) -> PgType | None:
        """The type of the result for arguments of those types; ``None`` where only the server knows."""
        found = self.rule.type
        return found if found is None or isinstance(found, PgType) else found(types)

    def result_or_default(self, types: Sequence[PgType | None]) -> PgType | None:
        """The type of the result where ``default`` may stand for it: a numeric has room for the digits of both."""
        found = self.result(types)
        if self.default is None or found is None or found.name != "numeric" or found.scale is None:
            return found
        if self.places is None:
            return NUMERIC
        return NUMERIC(max(MAX_DIGITS, found.precision or 0), max(found.scale, self.places))

    def call_name(self) -> str:
        """The SQL function."""
        return self.rule.sql

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.arguments))})"


def argument_of(name: str, given: Any) -> Expression:
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


def sort_term(given: Any) -> Order | None:
    """What sorted values are sorted by, where it says how: ``"-price"``, ``F("price").desc()``."""
    return order_term(given) if isinstance(given, str | Order) else None


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


if TYPE_CHECKING:

    class _Number(Aggregate, Valued[int]):
        """A whole number, for no rows too: checkers may follow it into rows of values."""

else:
    _Number = Aggregate


class Count(_Number):
    """Number of rows (``Count("*")``), or of values that are not NULL.

    With ``distinct=True`` number of different ones; of several expressions, of different rows of them, NULLs included.
    """

    rule = Rule("count", INT8, never_null=True)
    __slots__ = ()

    def __init__(self, expression: Any = "*", *further: Any, **options: Any) -> None:
        star = isinstance(expression, str) and expression == "*"
        super().__init__(Star() if star else expression, **options)
        self.extra = tuple([argument_of("Count", each) for each in further])
        if further and (star or not self.distinct):
            shown = ", ".join(map(repr, (expression, *further)))
            raise FieldError(
                f"Count({shown}): of several expressions, different rows of them are counted: distinct=True"
            )
        if star and self.distinct:
            raise FieldError(
                'Count("*") counts rows, each of which is another; name what is distinct: '
                'Count("field", distinct=True)'
            )


class Sum(Aggregate):
    """Sum of values; a numeric keeps its scale."""

    rule = Rule("sum", _sum_type, (ADDED,))
    __slots__ = ()


class Avg(Aggregate):
    """Mean of values."""

    rule = Rule("avg", mean_type, (AVERAGED,))
    __slots__ = ()


class Min(Aggregate):
    """Smallest value."""

    rule = Rule("min", _end_type, repeatable=True)
    __slots__ = ()


class Max(Aggregate):
    """Largest value."""

    rule = Rule("max", _end_type, repeatable=True)
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

    def own_shape(self) -> Hashable:
        return (super().own_shape(), self.sample)

    def call_name(self) -> str:
        return f"{self.rule.sql}_{'samp' if self.sample else 'pop'}"


class StdDev(_Spread):
    """Standard deviation; of a sample with ``sample=True``."""

    rule = Rule("stddev", mean_type, (NUMBER,))
    __slots__ = ()


class Variance(_Spread):
    """Variance; of a sample with ``sample=True``."""

    rule = Rule("var", mean_type, (NUMBER,))
    __slots__ = ()


class ArrayAgg(Aggregate):
    """The values as an array, NULLs among them."""

    rule = Rule("array_agg", list_type, ordered=True, keeps_nulls=True)
    __slots__ = ()


class StringAgg(Aggregate):
    """The values as one text, with a delimiter between them; NULLs are left out. Bytes become bytes.

    Args:
        delimiter: a text, or bytes between bytes; an expression is another one for each value.
    """

    rule = Rule("string_agg", _text_type, (STRING,), ordered=True)
    __slots__ = ()

    def __init__(self, expression: Any, delimiter: Any = ",", **options: Any) -> None:
        super().__init__(expression, **options)
        if not isinstance(delimiter, str | bytes | Expression):
            raise FieldError(
                f"StringAgg(): the delimiter is a text, bytes or an expression, not {delimiter!r}"
            )
        literal = Value(delimiter, TEXT if isinstance(delimiter, str) else BYTEA)
        self.extra = (delimiter if isinstance(delimiter, Expression) else literal,)

    def kind(self, position: int, first: PgType | None) -> Kind:
        return _BYTES if first is not None and first.base is BYTEA else STRING


_BYTES = Kind("bytes", frozenset({"bytea"}), BYTEA)


class JsonAgg(Aggregate):
    """The values as one JSONB array.

    Args:
        strict: leave NULLs out, which are ``null`` there; of nothing but NULLs it is NULL, as of no rows.
    """

    rule = Rule("jsonb_agg", JSONB, ordered=True, keeps_nulls=True)
    __slots__ = ()

    def __init__(self, expression: Any, *, strict: bool = False, **options: Any) -> None:
        super().__init__(expression, **options)
        if strict:
            self.condition = without_nulls(self.argument, self.condition)


def without_nulls(value: Expression, condition: Any) -> Any:
    """A condition that leaves out rows without a value, too.

    PostgreSQL 16 has functions for it (``jsonb_agg_strict``), which 14 has not.
    """
    there = Lookup(value, "isnull", False)
    return there if condition is None else all_of([condition, there])


def named_values(method: str, unnamed: tuple[Expression, ...], named: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name; an aggregate of a field has one of its own, the field's and its own: ``price__sum``.

    Raises:
        FieldError: an unnamed value that is no such aggregate, or two values of one name.
    """
    found: dict[str, Any] = {}
    for value in unnamed:
        if not isinstance(value, Aggregate) or not isinstance(value.argument, F):
            raise FieldError(f"{method}(): {value!r} has no name of its own; give it one, name={value!r}")
        name = f"{value.argument.path}__{type(value).__name__.lower()}"
        if name in found or name in named:
            raise FieldError(f"{method}(): two values are named {name!r}; name one of them otherwise")
        found[name] = value
    return {**found, **named}


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
    "Rule",
    "StdDev",
    "StringAgg",
    "Sum",
    "Variance",
    "has_aggregate",
    "list_type",
    "mean_type",
    "named_values",
    "same_type",
    "without_nulls",
]
