"""Resolving ``Case``: which rows its conditions are about, where they name a to-many relation."""

from __future__ import annotations

from chakra.errors import FieldError
from chakra.expressions import Case, Expression
from chakra.sql.near_names import of_argument
from chakra.sql.scope import RESOLVERS, Scope


def case(scope: Scope, node: Case) -> Expression:
    """Resolve the values, then the conditions: about the partners that the values name, else about any (EXISTS).

    Those inside of an aggregate are about the rows that it takes in, as its argument is.
    """
    try:
        values = [scope.resolve(value) for value in node.values]
    except FieldError as error:
        raise of_argument(error, node) from error
    if scope.counting:
        conditions = [scope.resolve_condition(condition) for condition in node.conditions]
    else:
        conditions = [scope.condition_beside(condition, values) for condition in node.conditions]
    return node.rebuild((*conditions, *values))


RESOLVERS[Case] = case

__all__: list[str] = []
