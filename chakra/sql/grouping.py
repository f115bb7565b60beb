"""GROUP BY: what a query with aggregates is grouped by, so that everything it returns has one value a group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chakra.expressions import Expression, Slot
from chakra.expressions.aggregates import Aggregate
from chakra.sql.nodes import KeyRef
from chakra.sql.scope import Scope
from chakra.sql.sources import ColumnRef, Correlated, Source


def group_terms(
    given: tuple[Expression, ...], scope: Scope, returned: Iterable[Expression]
) -> list[Expression]:
    """The terms of GROUP BY.

    Args:
        given: what the query was grouped by when its first aggregate was added; empty = the rows of the root table.
        returned: resolved outputs, conditions on groups, and the order: their columns outside of aggregates are
            grouped by as well, unless they depend on a key that is.
    """
    root = scope.root.table
    keyed: set[int] = set()
    terms: list[Expression] = [part for term in given for part in columns_of_key(term)]
    if not given:
        if root.primary_key and not scope.derived:
            keyed.add(id(scope.root))
        columns = root.key_columns or root.columns
        terms = [ColumnRef(scope.root, column) for column in columns]
    for expression in returned:
        for column in _free_columns(expression, terms):
            source = column.source
            if (
                source not in scope.sources
                or id(source) in keyed
                or any(same(column, term) for term in terms)
            ):
                continue
            made = source.rows is not None or (scope.derived and source is scope.root)
            if not given and source.table.primary_key and not made:
                keyed.add(id(source))
                terms += _key(source)
            else:
                terms.append(column)
    return terms


def columns_of_key(term: Expression) -> tuple[Expression, ...]:
    """A term of GROUP BY, ORDER BY or DISTINCT ON as several: a key of several columns stands for these.

    One of which parts may be NULL stays whole: there is no key then, whatever the other parts say.
    """
    return term.parts if isinstance(term, KeyRef) and not term.missing else (term,)


def _key(source: Source) -> list[ColumnRef]:
    return [ColumnRef(source, column) for column in source.table.key_columns]


def _free_columns(expression: Expression, terms: list[Expression]) -> Iterator[ColumnRef]:
    """The columns in a tree that stand neither in an aggregate nor in one of the terms."""
    if isinstance(expression, Aggregate) or any(same(expression, term) for term in terms):
        return
    if isinstance(expression, ColumnRef):
        yield expression
    if isinstance(expression, Correlated):
        yield from expression.outer
    parts = expression.parts if isinstance(expression, KeyRef) else expression.children
    for part in parts:
        yield from _free_columns(part, terms)


def same(one: Expression, other: Expression) -> bool:
    """Whether two resolved trees are written alike."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, ColumnRef) and isinstance(other, ColumnRef):
        return one.source is other.source and one.column.name == other.column.name
    if isinstance(one, Slot) and isinstance(other, Slot):
        return one.index == other.index
    if isinstance(one, KeyRef) and isinstance(other, KeyRef):
        return len(one.parts) == len(other.parts) and all(map(same, one.parts, other.parts))
    mine, others = one.children, other.children
    return (
        bool(mine)
        and len(mine) == len(others)
        and one.own_shape() == other.own_shape()
        and all(map(same, mine, others))
    )


__all__ = ["columns_of_key", "group_terms", "same"]
