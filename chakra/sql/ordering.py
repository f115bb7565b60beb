"""ORDER BY: names become values to sort by; of a row's partners, of which there may be many, one decides.

A row comes once, whatever it is sorted by: going up, the smallest value among its partners says where it stands, going
down the largest, and a row without partners stands where NULL does. Where the query returns values of these partners,
one row each, they are sorted by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chakra.errors import FieldError
from chakra.expressions import Expression, F, Order
from chakra.expressions.aggregates import Max, Min, has_aggregate
from chakra.expressions.rules import is_unordered
from chakra.expressions.windows import has_window
from chakra.sql.grouping import columns_of_key, group_terms
from chakra.sql.infer import type_of
from chakra.sql.nodes import FirstPartner
from chakra.sql.products import Branch
from chakra.sql.scope import Scope
from chakra.sql.select import Named, Select
from chakra.sql.sources import ColumnRef


def order_of(select: Select, terms: tuple[Any, ...], scope: Scope, shown: Branch) -> list[Order]:
    """The resolved terms of a query's order.

    Args:
        shown: the to-many relations of whose partners the query returns values.
    """
    found = [order for term in terms for order in term_of(term, scope, shown)]
    if select.backwards:
        if not found and not select.table.primary_key:
            raise FieldError(
                f"{select.table.title} has no primary key and the query no order, so nothing can be turned round: "
                "say which rows come last, order_by(…)"
            )
        if not found:
            found = [Order(ColumnRef(scope.root, c), False) for c in select.table.key_columns]
        found = [term.reversed() for term in found]
    return found


def as_returned(terms: tuple[Any, ...], outputs: Named) -> tuple[Any, ...]:
    """The terms of an order that was said: a name of a value is that, though it may be a field's as well."""
    values = {name: value for name, value in outputs if isinstance(value, Expression) or name != value}
    if not values:
        return terms
    found: list[Any] = []
    for term in terms:
        value = values.get(term.removeprefix("-")) if isinstance(term, str) else None
        if value is None:
            found.append(term)
        elif isinstance(value, str):
            found.append(f"-{value}" if term.startswith("-") else value)
        else:
            found.append(Order(value, term.startswith("-")))
    return tuple(found)


def order_of_groups(
    order: list[Order],
    given: tuple[Expression, ...],
    scope: Scope,
    returned: list[Expression],
    *,
    keyed: bool,
) -> list[Order]:
    """The order of groups: of what has several values in a group, the smallest going up, and the largest going down.

    Raises:
        FieldError: the least of such values is not known to the server, or pages are cut by it.
    """
    width = len(group_terms(given, scope, returned))
    found: list[Order] = []
    for term in order:
        value = term.expression
        if len(group_terms(given, scope, [*returned, value])) > width:
            type_ = type_of(value)
            unknown = type_ is not None and (
                type_.base.name in _NO_LEAST or type_.kind in ("range", "multirange")
            )
            if keyed or unknown or has_aggregate(value) or has_window(value):
                raise FieldError(
                    f"order_by(): {value!r} has several values in a group; sort groups by what they are grouped by, or "
                    "by aggregates"
                )
            value = (Max if term.descending else Min)("_").rebuild((value,))
        found.append(Order(value, term.descending, term.nulls))
    return found


_NO_LEAST = frozenset(
    {"bool", "uuid", "json", "jsonb", "bit", "varbit", "bytea", "macaddr", "macaddr8", "tsvector", "hstore"}
)
"""Types of which some server that is supported has no ``min``."""


def check_sorted(values: Iterable[Expression]) -> None:
    """Refuse what the server cannot put in an order, or group by.

    Raises:
        FieldError: there is such a value.
    """
    for value in values:
        type_ = type_of(value)
        if type_ is not None and is_unordered(type_):
            part = 'a part of it (…__key, …["key"]), or by Cast(…, Jsonb)'
            raise FieldError(
                f"{value!r} is {type_.base.sql}, which has no order and no equality: sort and group by "
                f"{part if type_.base.name == 'json' else 'something of it, or by Cast(…, Text)'}"
            )


def term_of(term: Any, scope: Scope, shown: Branch, depth: int = 0) -> list[Order]:
    """One term as resolved ones: the name of a relation means the order of the table it leads to."""
    if isinstance(term, str):
        descending = term.startswith("-")
        path = term[1:] if descending else term
        relation = scope.relation_at(path)
        if relation is not None and relation.target.ordering and depth < MOST_RELATIONS:
            further = [through(path, other, descending) for other in relation.target.ordering]
            if None not in further:
                return [order for other in further for order in term_of(other, scope, shown, depth + 1)]
        return [Order(part, descending) for part in _values(F(path), descending, scope, shown)]
    if isinstance(term, Order):
        parts = _values(term.expression, term.descending, scope, shown)
        return [Order(part, term.descending, term.nulls) for part in parts]
    return [Order(part, False) for part in _values(term, False, scope, shown)]


MOST_RELATIONS = 8
"""Relations that an order follows from one table's order to the next; those of tables may run in a circle."""


def through(path: str, term: Any, turned: bool) -> str | None:
    """A term of a table's own order as seen through a relation, or ``None`` if it is no plain name."""
    if not isinstance(term, str):
        return None
    descending = term.startswith("-") != turned
    return f"{'-' if descending else ''}{path}__{term.removeprefix('-')}"


def _values(term: Expression, descending: bool, scope: Scope, shown: Branch) -> tuple[Expression, ...]:
    found, block = scope.beside(term, shown)
    if not block.sources:
        return columns_of_key(found)
    if not scope.per_row:
        return (scope.resolve(Max(term) if descending else Min(term)),)
    scope.apart = True
    sources, conditions = scope.counted(block)
    return (FirstPartner(found, sources, conditions, descending),)


__all__ = [
    "MOST_RELATIONS",
    "as_returned",
    "check_sorted",
    "order_of",
    "order_of_groups",
    "term_of",
    "through",
]
