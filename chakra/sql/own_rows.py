"""Which aggregates are of a query's own rows, and which of the rows behind a to-many relation of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chakra.expressions import Expression, F, Q
from chakra.expressions.aggregates import Aggregate
from chakra.schema import Table


def of_own_rows(table: Table, values: Iterable[Expression]) -> bool:
    """Whether the aggregates in some values are of the rows of a table, and none of rows behind a to-many relation."""
    return not any(
        _names_partners(table, part)
        for value in values
        for aggregate in _aggregates(value)
        for part in aggregate.children
        if part is not aggregate.condition  # of partners it says which rows count, and counts none
    )


def names_partners(table: Table, conditions: Iterable[Expression], keywords: Mapping[str, Any]) -> bool:
    """Whether a call of ``filter`` says anything of what is behind a to-many relation."""
    return _names_partners(table, Q(*conditions, **keywords))


def _aggregates(node: Expression) -> Iterator[Aggregate]:
    if isinstance(node, Aggregate):
        yield node
        return
    for child in node.children:
        yield from _aggregates(child)


def _names_partners(table: Table, node: Expression) -> bool:
    """Whether a value names what is behind a to-many relation."""
    if isinstance(node, F):
        return _leads_to_many(table, node.path)
    if isinstance(node, Q):
        inside = [value for value in node.keywords.values() if isinstance(value, Expression)]
        return any(_leads_to_many(table, name) for name in node.keywords) or any(
            _names_partners(table, value) for value in (*node.conditions, *inside)
        )
    return any(_names_partners(table, child) for child in node.children)


def _leads_to_many(table: Table, path: str) -> bool:
    for name in path.split("__"):
        relation = table.relations.get(name)
        if relation is None or name in table.by_attribute:
            return False
        if relation.many:
            return True
        table = relation.target
    return False


__all__ = ["names_partners", "of_own_rows"]
