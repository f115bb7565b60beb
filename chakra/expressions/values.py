"""Values: literals, fields by name, and arithmetic over them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from decimal import Decimal
from typing import Any

from chakra.errors import FieldError
from chakra.expressions.base import MAKE, Expression
from chakra.expressions.infer import (
    NO_MODELS,
    PLAIN,
    SEQUENCES,
    literal,
    literal_key,
    models_of,
    operand,
    places_of,
)
from chakra.expressions.rules import BITS
from chakra.pg.types import PgType


class Value(Expression):
    """A literal, sent as a parameter. ``type`` says which PostgreSQL type it has; else Python's decides."""

    __slots__ = ("models", "type", "value")

    def __init__(self, value: Any, type: PgType | None = None) -> None:
        cls = value.__class__
        if cls in PLAIN:
            self.value, self.models = value, NO_MODELS
        elif hasattr(cls, "__chakra_query__"):
            raise FieldError("Value() takes a plain value; a query stands by itself, or as Subquery(…)")
        else:
            self.models = models_of(value)
            self.value = literal(value) if cls in SEQUENCES else operand(value)
        self.type = type

    def shape(self, values: list[Any]) -> Hashable:
        values.append(self.value)
        key = literal_key(self.value)
        return (Value, key, self.type, self.models) if self.models or self.type is not None else key

    def numbered(self, numbers: Iterator[int]) -> Slot:
        return Slot(next(numbers), self.value, self.type, self.models)

    def __repr__(self) -> str:
        return f"Value({self.value!r})"


class Slot(Expression):
    """A literal whose value is kept apart from the statement: position ``index`` of the query's values.

    Made by the compiler out of ``Value`` and of keywords; ``sample`` is the value of the query that was compiled first
    and may be looked at for its Python type only, which is part of the shape.

    Attributes:
        models: those whose instances the value is, or holds.
        steps: what turns such instances into values, before anything else is done to these.
    """

    __slots__ = ("index", "models", "sample", "steps", "type")

    def __init__(
        self,
        index: int,
        sample: Any,
        type: PgType | None = None,
        models: frozenset[Any] = frozenset(),
        steps: tuple[Any, ...] = (),
    ) -> None:
        self.index = index
        self.sample = sample
        self.type = type
        self.models = models
        self.steps = steps

    def __repr__(self) -> str:
        return "…"


class F(Expression):
    """A field by its path from the query's model: ``F("price")``, ``F("author__name")``."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        if not isinstance(path, str) or not path:
            raise FieldError(f"F() takes the name of a field, not {path!r}")
        self.path = path

    def own_shape(self) -> Hashable:
        return self.path

    def shape(self, values: list[Any]) -> Hashable:
        return (F, self.path)

    def __repr__(self) -> str:
        return f"F({self.path!r})"


class Operation(Expression):
    """Two values joined by an operator that is no comparison: arithmetic, bits, ``||``."""

    __slots__ = ("left", "operator", "right")

    OPERATORS = frozenset({"+", "-", "*", "/", "%", "^", "||", *BITS})

    def __init__(self, operator: str, left: Expression, right: Expression) -> None:
        if operator not in self.OPERATORS:
            raise FieldError(f"unknown operator {operator!r}; known are {' '.join(sorted(self.OPERATORS))}")
        self.operator = operator
        self.left = left
        self.right = right

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.left, self.right)

    def rebuild(self, children: tuple[Expression, ...]) -> Operation:
        return Operation(self.operator, *children)

    def own_shape(self) -> Hashable:
        left, right = self.left, self.right
        if type(right) is Value and type(right.value) is Decimal:
            return self.operator, places_of(right.value)
        if type(left) is Value and type(left.value) is Decimal:
            return self.operator, places_of(left.value), "left"
        return self.operator

    def __repr__(self) -> str:
        return f"({self.left!r} {self.operator} {self.right!r})"


class Prefixed(Expression):
    """A value behind a prefix operator: ``-`` or ``~``, the bits turned round."""

    __slots__ = ("operator", "value")

    def __init__(self, operator: str, value: Expression) -> None:
        self.operator = operator
        self.value = value

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.value,)

    def rebuild(self, children: tuple[Expression, ...]) -> Prefixed:
        return Prefixed(self.operator, children[0])

    def own_shape(self) -> Hashable:
        return self.operator

    def __repr__(self) -> str:
        return f"{self.operator}{self.value!r}"


def as_expression(value: Any) -> Expression:
    """Return expressions as they are, queries as their rows, and wrap anything else as a ``Value``."""
    if isinstance(value, Expression):
        return value
    return MAKE.rows(value) if hasattr(type(value), "__chakra_query__") else Value(value)


def as_argument(value: Any) -> Expression:
    """An argument of a function: a text is the path of a field, anything else as for :func:`as_expression`."""
    return F(value) if isinstance(value, str) else as_expression(value)


def _operation(operator: str, left: Any, right: Any) -> Operation:
    return Operation(operator, as_expression(left), as_expression(right))


MAKE.operation = _operation
MAKE.prefixed = Prefixed

__all__ = ["F", "Operation", "Prefixed", "Slot", "Value", "as_argument", "as_expression"]
