"""Rows that come after others, or before them, in an order: what pages by keys are cut by."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from chakra.expressions.base import Condition, Expression, Order
from chakra.expressions.values import Value


class Beyond(Condition):
    """True for rows that come after a position in an order, or before it.

    Attributes:
        terms: of the order, each of which is one value.
        values: those of the position, in the order of the terms; ``None`` = NULL.
        after: on which side of it.
    """

    __slots__ = ("after", "terms", "values")

    def __init__(self, terms: Sequence[Order], values: Sequence[Any], after: bool) -> None:
        self.terms = tuple(terms)
        self.values: tuple[Expression | None, ...] = tuple(
            [None if value is None else Value(value) for value in values]
        )
        self.after = after

    @property
    def children(self) -> tuple[Expression, ...]:
        return (*(term.expression for term in self.terms), *(v for v in self.values if v is not None))

    def rebuild(self, children: tuple[Expression, ...]) -> Beyond:
        new = object.__new__(Beyond)
        count = len(self.terms)
        new.terms = tuple(
            [Order(e, t.descending, t.nulls) for e, t in zip(children[:count], self.terms, strict=True)]
        )
        rest = iter(children[count:])
        new.values = tuple([None if value is None else next(rest) for value in self.values])
        new.after = self.after
        return new

    def own_shape(self) -> Hashable:
        terms = tuple([(term.descending, term.nulls) for term in self.terms])
        return self.after, terms, tuple([value is None for value in self.values])

    def __repr__(self) -> str:
        return f"{'after' if self.after else 'before'}({', '.join(map(repr, self.values))})"


__all__ = ["Beyond"]
