"""Conditions: comparisons of values by lookups, and what joins and denies them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from chakra._late import late
from chakra.errors import FieldError
from chakra.expressions.base import MAKE, Condition, Expression
from chakra.expressions.infer import HIGHEST, LOWEST, NO_MODELS, PLAIN, literal_key
from chakra.expressions.values import Value, as_expression

if TYPE_CHECKING:
    from chakra.expressions.lookups import is_lookup
else:
    late(globals(), "chakra.expressions.lookups", "is_lookup")


class IsTrue(Condition):
    """A boolean value as a condition: ``filter(Book.sold_out)``."""

    __slots__ = ("inner",)

    def __init__(self, inner: Expression) -> None:
        self.inner = inner

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.inner,)

    def rebuild(self, children: tuple[Expression, ...]) -> IsTrue:
        return IsTrue(children[0])

    def __repr__(self) -> str:
        return repr(self.inner)


class Lookup(Condition):
    """``left <lookup> right``: one row of the lookups table applied to a value."""

    __slots__ = ("left", "name", "right")

    def __init__(self, left: Expression, name: str, right: Expression | bool | None) -> None:
        self.left = left
        self.name = name
        self.right = right

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.left, self.right) if isinstance(self.right, Expression) else (self.left,)

    def rebuild(self, children: tuple[Expression, ...]) -> Lookup:
        return Lookup(children[0], self.name, children[1] if len(children) > 1 else self.right)

    def shape(self, values: list[Any]) -> Hashable:
        left, right = self.left, self.right
        key = left.token or left.shape(values)
        if type(right) is Value and right.type is None and not right.models:
            value = right.value
            values.append(value)
            cls = value.__class__
            if cls is int and LOWEST <= value <= HIGHEST:
                return Lookup, self.name, key, cls
            return Lookup, self.name, key, literal_key(value)
        return Lookup, self.name, key, right.shape(values) if isinstance(right, Expression) else (right,)

    def own_shape(self) -> Hashable:
        return (self.name, None if isinstance(self.right, Expression) else (self.right,))

    def __repr__(self) -> str:
        return f"{self.left!r}.{self.name}({self.right!r})"


class Combined(Condition):
    """Conditions joined by AND or OR; none at all is true."""

    __slots__ = ("connector", "parts")

    def __init__(self, connector: str, parts: tuple[Condition, ...]) -> None:
        self.connector = connector
        self.parts = parts

    @property
    def children(self) -> tuple[Expression, ...]:
        return self.parts

    def rebuild(self, children: tuple[Expression, ...]) -> Combined:
        return Combined(self.connector, children)  # type: ignore[arg-type]

    def own_shape(self) -> Hashable:
        return self.connector

    def __repr__(self) -> str:
        return "(" + f" {self.connector} ".join(map(repr, self.parts)) + ")"


class Not(Condition):
    """True where the inner condition is not true: rows for which it is NULL count in, as in ``exclude``."""

    __slots__ = ("inner",)

    def __init__(self, inner: Condition) -> None:
        self.inner = inner

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.inner,)

    def rebuild(self, children: tuple[Expression, ...]) -> Not:
        return Not(children[0])  # type: ignore[arg-type]

    def __invert__(self) -> Condition:
        return self.inner

    def __repr__(self) -> str:
        return f"~{self.inner!r}"


_new = object.__new__
_OPERATORS = frozenset({"exact", "ne", "lt", "lte", "gt", "gte"})


def compare(left: Expression, name: str, value: Any) -> Condition:
    """Build a lookup; what ``None`` and booleans mean is part of its shape, not a value.

    Raises:
        FieldError: ``isnull`` with anything but a boolean, or ``None`` with a lookup that has no use for it.
    """
    cls = value.__class__
    if (
        (cls in PLAIN or cls is bool)
        if name in _OPERATORS
        else (cls in PLAIN and not name.endswith("isnull"))
    ):
        # What most conditions are, without the calls of two constructors: 0.3 of 1.1 µs.
        right: Value = _new(Value)
        right.value, right.models, right.type = value, NO_MODELS, None
        found: Lookup = _new(Lookup)
        found.left, found.name, found.right = left, name, right
        return found
    path, _, word = name.rpartition("__")
    prefix = f"{path}__" if path else ""
    if word == "isnull":
        if not isinstance(value, bool):
            raise FieldError(f"isnull takes True or False, not {value!r}")
        return Lookup(left, name, value)
    if value is None:
        if word in ("exact", "iexact"):
            return Lookup(left, f"{prefix}isnull", True)
        if word == "ne":
            return Lookup(left, f"{prefix}isnull", False)
        if not is_lookup(word):
            return Lookup(left, f"{name}__isnull", True)  # the last word of a path, if it is one
        raise FieldError(f"cannot use None with {name!r}; use isnull to test for NULL")
    return Lookup(left, name, as_expression(value))


def as_condition(value: Expression) -> Condition:
    """Return conditions as they are, and other expressions as the condition that they are true."""
    return value if isinstance(value, Condition) else IsTrue(value)


def _joined(connector: str, one: Expression, other: Expression) -> Condition:
    if not isinstance(other, Expression):
        raise TypeError(f"& and | combine conditions, not {other!r}")
    left, right = as_condition(one), as_condition(other)
    if left.says_nothing:
        return right
    return left if right.says_nothing else Combined(connector, (left, right))


def _denied(value: Expression) -> Condition:
    return Not(as_condition(value))


MAKE.compare = compare
MAKE.joined = _joined
MAKE.denied = _denied

__all__ = ["Combined", "IsTrue", "Lookup", "Not", "as_condition", "compare"]
