"""Joined to-many relations multiply rows, and with them what is summed and counted: found before it happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chakra.expressions import Expression
from chakra.expressions.aggregates import Aggregate
from chakra.sql.partners import columns_of
from chakra.sql.sources import Block, Source

Branch = frozenset[int]
"""The first sources of the to-many relations on the way to a value."""

NO_BRANCH: Branch = frozenset()


def branch_of(expression: Expression, block: Block) -> Branch:
    """The to-many relations of a block on the way to the columns of an expression."""
    if not block.many:
        return NO_BRANCH
    many = set(map(id, block.many))
    found: set[int] = set()
    for ref in columns_of(expression):
        step: Source | None = ref.source
        while step is not None:
            if id(step) in many:
                found.add(id(step))
            step = step.parent
    return frozenset(found)


def aggregates_in(expression: Expression) -> Iterator[Aggregate]:
    """The aggregates in a tree."""
    if isinstance(expression, Aggregate):
        yield expression
        return
    for child in expression.children:
        yield from aggregates_in(child)


def shown_of(values: Iterable[Expression], block: Block) -> Branch:
    """The to-many relations of whose partners values are returned, one row each."""
    if not block.many:
        return NO_BRANCH
    plain = [branch_of(value, block) for value in values if not any(True for _ in aggregates_in(value))]
    return frozenset[int]().union(*plain)


def multiplied(computed: Iterable[Expression], block: Block) -> list[Aggregate]:
    """The aggregates whose rows would be repeated for each partner along a relation that only others ask for."""
    if not block.many:
        return []
    values = list(computed)
    aggregates = [aggregate for value in values for aggregate in aggregates_in(value)]
    shown = shown_of(values, block)
    asked = frozenset[int]().union(*(branch_of(aggregate, block) for aggregate in aggregates)) - shown
    return [a for a in aggregates if asked - branch_of(a, block) and not (a.distinct or a.rule.repeatable)]


__all__ = ["Branch", "branch_of", "multiplied", "shown_of"]
