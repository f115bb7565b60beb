"""Resolving ``Case``: which rows its conditions are about, where they name a to-many relation."""

from __future__ import annotations

from chakra.expressions import Case, Expression
from chakra.sql.scope import RESOLVERS, Scope


def case(scope: Scope, node: Case) -> Expression:
    """Resolve the values, then the conditions: about the partners that the values name, else about any (EXISTS).

    Those inside of an aggregate are about the rows that it takes in, as its argument is.
    """
    values = [scope.resolve(value) for value in node.values]
    if scope.counting:
        conditions = [scope.resolve_condition(condition) for condition in node.conditions]
    else:
        conditions = [scope.condition_beside(condition, values) for condition in node.conditions]
    return node.rebuild((*conditions, *values))


RESOLVERS[Case] = case

__all__: list[str] = []
