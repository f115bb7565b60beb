"""Resolving ``Case``: which rows its conditions are about, where they name a to-many relation."""

from __future__ import annotations

from chakra.expressions import Case, Expression
from chakra.sql.products import branch_of
from chakra.sql.scope import RESOLVERS, Scope


def case(scope: Scope, node: Case) -> Expression:
    """Resolve the values, then the conditions: about the partners that the values name, else about any (EXISTS).

    Those inside of an aggregate are about the rows that it takes in, as its argument is.
    """
    values = [scope.resolve(value) for value in node.values]
    if scope.counting:
        conditions = [scope.resolve_condition(condition) for condition in node.conditions]
        return node.rebuild((*conditions, *values))
    block = scope.block or scope.main
    named = frozenset[int]().union(*(branch_of(value, block) for value in values))
    if block is scope.main:
        named |= frozenset(map(id, block.many))
    outside = scope.joins
    if named:
        scope.joins = block, named
    try:
        conditions = [scope.condition(condition) for condition in node.conditions]
    finally:
        scope.joins = outside
    return node.rebuild((*conditions, *values))


RESOLVERS[Case] = case

__all__: list[str] = []
