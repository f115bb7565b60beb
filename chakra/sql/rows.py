"""Resolving rows of values, and what stands beside one value or each of many."""

from __future__ import annotations

from chakra.errors import FieldError
from chakra.expressions import Expression, QueryExpression, Slot
from chakra.expressions.rows import All, Any_, Quantified, Row
from chakra.sql.nodes import KeyRef
from chakra.sql.scope import RESOLVERS, Scope


def row(scope: Scope, node: Row) -> Row:
    """A row of values.

    Raises:
        FieldError: one of them is a key of several columns.
    """
    parts = tuple([scope.resolve(part) for part in node.parts])
    for part in parts:
        if isinstance(part, KeyRef | Row):
            raise FieldError(f"{node!r}: {part!r} is several values; name them one by one")
    return node.rebuild(parts)


def quantified(scope: Scope, node: Quantified) -> Expression:
    """Many values beside one.

    Raises:
        FieldError: they stand elsewhere.
    """
    if scope.compared is None:
        raise FieldError(
            f'{node!r} stands beside an operator: F("price") > {node!r}, filter(price__gt={node!r})'
        )
    left, _ = scope.compared
    outside, scope.compared = scope.compared, (left, "in")
    try:
        values = node.values
        if not isinstance(values, Slot):
            if not isinstance(values, QueryExpression):
                scope.compared = None
            values = scope.resolve(values)
        return node.rebuild((values,))
    finally:
        scope.compared = outside


RESOLVERS.update({Row: row, Any_: quantified, All: quantified})

__all__: list[str] = []
