"""Resolving windows: what they are about, and where they may stand."""

from __future__ import annotations

from chakra.errors import FieldError
from chakra.expressions import Condition, Expression, Order
from chakra.expressions.aggregates import Aggregate
from chakra.expressions.windows import Window, has_window
from chakra.sql.aggregates import check_types
from chakra.sql.nodes import HasPartner, KeyRef
from chakra.sql.scope import RESOLVERS, Scope
from chakra.sql.sources import Block


def window(scope: Scope, node: Window) -> Window:
    """A window over the rows of the query.

    Raises:
        FieldError: it is about partners, of which a row may have several, or another window stands in it.
    """
    scope.windowed = True
    block = Block()
    outside = scope.block, scope.joins
    scope.block, scope.joins = block, None
    try:
        function = node.function
        condition = function.condition if isinstance(function, Aggregate) else None
        parts = [c if c is condition else scope.resolve(c) for c in function.children]
        if condition is not None:
            resolved = scope.condition(condition)
            parts = [resolved if c is condition else c for c in parts]
        partition = [part for term in node.partition for part in _columns(scope.resolve(term))]
        order = [
            Order(part, term.descending, term.nulls)
            for term in node.order
            for part in _columns(scope.resolve(term.expression))
        ]
    finally:
        scope.block, scope.joins = outside
    if block.sources:
        behind = block.sources[0].table.title
        raise FieldError(
            f"{node!r} is over rows of {scope.root.table.title}, and each may have several of {behind}; ask for rows "
            f"of {behind}, or annotate an aggregate of theirs first and name that"
        )
    if any(map(has_window, (*parts, *partition, *(term.expression for term in order)))):
        raise FieldError(f"{node!r}: a window cannot stand in another one")
    rebuilt = function.rebuild(tuple(parts))
    if isinstance(rebuilt, Aggregate):
        check_types(rebuilt)
    offsets = () if node.frame is None else node.frame.offsets
    return node.rebuilt(rebuilt, tuple(partition), tuple(order), offsets)


def _columns(term: Expression) -> tuple[Expression, ...]:
    return term.parts if isinstance(term, KeyRef) else (term,)


def check_conditions(conditions: list[Condition]) -> None:
    """Refuse what no SELECT can say.

    Raises:
        FieldError: a condition is about a window and about partners, in one of them.
    """
    for condition in conditions:
        if any(isinstance(part, HasPartner) and has_window(part) for part in _parts(condition)):
            raise FieldError(
                f"{condition!r} compares a window with rows of which there may be several; write two conditions"
            )


def _parts(node: Expression) -> list[Expression]:
    return [node, *(part for child in node.children for part in _parts(child))]


RESOLVERS[Window] = window

__all__ = ["check_conditions"]
