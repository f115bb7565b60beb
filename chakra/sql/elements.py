"""Nodes for conditions on the elements of an array: ``tags__any__startswith="a"``, ``marks__all__gt=3``."""

from __future__ import annotations

from chakra.expressions import Call, Expression
from chakra.pg.types import PgType


class Elements(Expression):
    """Any element of an array, or every one, as the left side of a condition.

    Attributes:
        every: whether all of them are meant.
        type: of an element.
    """

    __slots__ = ("every", "type", "value")

    def __init__(self, value: Expression, every: bool, type: PgType | None) -> None:
        self.value = value
        self.every = every
        self.type = type

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.value,)

    def rebuild(self, children: tuple[Expression, ...]) -> Elements:
        return Elements(children[0], self.every, self.type)

    def __repr__(self) -> str:
        return f"{self.value!r}__{'all' if self.every else 'any'}"


class Element(Expression):
    """The element that such a condition looks at."""

    __slots__ = ("type",)

    def __init__(self, type: PgType | None) -> None:
        self.type = type


def elements_in(left: Expression) -> Elements | None:
    """The elements that a left side is made of, if it is made of such."""
    while isinstance(left, Call) and left.arguments:
        left = left.arguments[0]
    return left if isinstance(left, Elements) else None


def of_one(left: Expression, elements: Elements) -> Expression:
    """The left side about one element."""
    if left is elements:
        return Element(elements.type)
    assert isinstance(left, Call)
    first, *others = left.arguments
    return left.rebuild((of_one(first, elements), *others))


__all__ = ["Element", "Elements", "elements_in", "of_one"]
