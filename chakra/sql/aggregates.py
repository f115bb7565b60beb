"""Resolving aggregates: which rows they are about, and what they cannot be of."""

from __future__ import annotations

from chakra.errors import FieldError
from chakra.expressions import Condition, Expression, Lookup, Slot
from chakra.expressions.aggregates import Aggregate, has_aggregate
from chakra.expressions.q import all_of
from chakra.expressions.rules import is_unordered
from chakra.expressions.windows import has_window
from chakra.sql.grouping import same
from chakra.sql.infer import type_of
from chakra.sql.nodes import PartnerAggregate
from chakra.sql.partners import strict_sources
from chakra.sql.products import branch_of
from chakra.sql.scope import RESOLVERS, Scope
from chakra.sql.sources import Block, ColumnRef, Source


def aggregate(scope: Scope, node: Aggregate) -> Expression:
    """Resolve an aggregate; one of the partners of each row becomes a subquery, where there is one value a row.

    Its condition is about the rows that its argument names, each of which counts once: what it says of partners of
    theirs is an EXISTS.
    """
    scope.aggregated = True
    block = Block() if scope.per_row else scope.main
    with scope.counting_in(block if scope.per_row else None):
        children = [c if c is node.condition else scope.resolve(c) for c in node.children]
        scope.counting = False
        if node.condition is not None:
            named = [
                branch_of(child, block)
                for child, given in zip(children, node.children, strict=True)
                if given is not node.condition
            ]
            scope.joins = block, frozenset[int](scope.shown).union(*named)
            condition = scope.condition(node.condition)
            children = [condition if c is node.condition else c for c in children]
        resolved = node.rebuild(tuple(children))
        check(resolved)
        if resolved.rule.keeps_nulls:
            _leave_out_missing(resolved, block)
        if block is scope.main or not block.sources:
            return resolved
        scope.apart = True
        return PartnerAggregate(resolved, *scope.counted(block))


def check(node: Aggregate) -> None:
    """Refuse what the server would, by the names of the query.

    Raises:
        FieldError: an argument is of a type that the aggregate does not take, or stands for a window or for another
            aggregate; a distinct aggregate is sorted by what it does not take in.
    """
    if any(map(has_window, node.children)):
        raise FieldError(
            f"{node!r}: windows are computed after aggregates; aggregate() takes them, over all rows of the query"
        )
    inner = next(
        (child for child in node.children if child is not node.default and has_aggregate(child)), None
    )
    if inner is not None:
        raise FieldError(
            f"{node!r}: {inner!r} is an aggregate, or made of one, and cannot stand in another of the same groups; "
            "aggregate() takes it, over all groups of the query"
        )
    check_types(node)
    if node.distinct:
        _check_order(node)


def check_types(node: Aggregate) -> None:
    """Refuse arguments of types that an aggregate does not take.

    Raises:
        FieldError: names aggregate, argument and type.
    """
    name = type(node).__name__
    first = type_of(node.argument)
    for position, argument in enumerate(node.arguments):
        kind = node.kind(position, first)
        found = None if isinstance(argument, Slot) else type_of(argument)
        if found is None or kind.cast is not None or kind.takes(found):
            continue
        counted = name in ("Sum", "Avg") and found.base.name == "bool"
        instead = '; Count("*", filter=…) counts rows' if counted else _INSTEAD.get(name, "")
        raise FieldError(f"{name}() takes {kind.name}, and {argument!r} is {found.sql}{instead}")
    if name in ("Min", "Max") and first is not None and first.base.name == "bool":
        raise FieldError(
            f"{name}() takes what can be sorted, and {node.argument!r} is boolean; "
            f"{'BoolAnd' if name == 'Min' else 'BoolOr'}() is the {'least' if name == 'Min' else 'greatest'} of these"
        )
    if name in ("Min", "Max") and first is not None and is_unordered(first):
        raise FieldError(
            f"{name}() takes what can be sorted, and {node.argument!r} is {first.sql}, which has no order"
        )


_INSTEAD = {"PercentileCont": "; PercentileDisc() takes all that can be sorted"}


def _check_order(node: Aggregate) -> None:
    """DISTINCT only takes an order by what it makes distinct (manual, "Aggregate Expressions")."""
    name = type(node).__name__
    for term in node.order:
        if not any(same(term.expression, argument) for argument in node.arguments):
            raise FieldError(
                f"{name}(distinct=True): it takes every value once, so that it can only be sorted by the value itself, "
                f"not by {term.expression!r}"
            )
    first = type_of(node.argument)
    for position, argument in enumerate(node.arguments) if node.order else ():
        kind, found = node.kind(position, first), type_of(argument)
        if kind.cast is not None and found is not None and not kind.takes(found):
            raise FieldError(
                f"{name}(distinct=True): {argument!r} is {found.sql} and becomes {kind.cast.sql}, by which it would be "
                f"sorted; say so in both: Cast(…, {kind.cast.sql.capitalize()})"
            )


def _leave_out_missing(node: Aggregate, block: Block) -> None:
    """Let an aggregate that keeps NULLs be about the rows that are there: an outer join has a row of NULLs for none.

    A value that is there without a row, such as ``Coalesce("posts__views", 0)``, is one.
    """
    conditions: list[Condition] = []
    for source in strict_sources(node.argument):
        last = _last_of_many(source, block)
        if last is None or last.on is None or any(last is known for known in block.sources[:1]):
            continue
        key = ColumnRef(last, last.table.by_attribute[last.on.target_columns[0]])
        conditions.append(Lookup(key, "isnull", False))
    if conditions:
        own = [] if node.condition is None else [node.condition]
        node.condition = all_of([*own, *conditions])


def _last_of_many(source: Source, block: Block) -> Source | None:
    """The last source on the way to one of which there may be several rows, or none."""
    step: Source | None = source
    while step is not None:
        if any(step is first for first in block.many):
            return step
        step = step.parent
    return None


RESOLVERS[Aggregate] = aggregate

__all__ = ["check", "check_types"]
