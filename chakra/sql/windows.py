"""Resolving windows: what they are about, and where they may stand."""

from __future__ import annotations

from chakra.errors import FieldError
from chakra.expressions import Condition, Expression, Order
from chakra.expressions.aggregates import Aggregate
from chakra.expressions.windows import Over, Window, check_frame, has_window, taken_over
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
        partition, order = _resolved(scope, node)
        frame, over = node.frame, node.over
        if over is not None:
            base = definition(scope, over.name, repr(node))
            own = node.rebuilt(function, partition, order, frame, over)
            partition, order, frame, over = taken_over(
                repr(node), own, (base.partition, base.order, base.frame)
            )
            check_frame("Window", order, frame)
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
    return node.rebuilt(rebuilt, partition, order, frame, over)


def definition(scope: Scope, name: str, what: str) -> Over:
    """A window that others share, resolved once; the ones it goes on from stand before it.

    Raises:
        FieldError: the query knows none of that name.
    """
    found: Over | None = scope.defined.get(name)
    if found is not None:
        return found
    given = scope.windows.get(name)
    if given is None:
        known = f"it has {', '.join(scope.windows)}" if scope.windows else "it has none"
        raise FieldError(
            f"{what}: the query has no window {name!r}; {known}. Name it first: window({name}=Over(…))"
        )
    partition, order = _resolved(scope, given)
    frame, over = given.frame, given.over
    if over is not None:
        base = definition(scope, over.name, f"window {name!r}")
        own = given.rebuilt(partition, order, frame, over)
        what = f"window {name!r}"
        partition, order, frame, over = taken_over(what, own, (base.partition, base.order, base.frame))
        check_frame("Over", order, frame)
    resolved: Over = given.rebuilt(partition, order, frame, over)
    scope.defined[name] = resolved
    return resolved


def _resolved(scope: Scope, node: Window | Over) -> tuple[tuple[Expression, ...], tuple[Order, ...]]:
    """What a window is partitioned and sorted by."""
    partition = [part for term in node.partition for part in _columns(scope.resolve(term))]
    order = [
        Order(part, term.descending, term.nulls)
        for term in node.order
        for part in _columns(scope.resolve(term.expression))
    ]
    return tuple(partition), tuple(order)


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

__all__ = ["check_conditions", "definition"]
