"""Expressions over one table as constant SQL, for places that take no parameters: keys of partitions."""

from __future__ import annotations

from typing import Any

from chakra.errors import FieldError
from chakra.expressions import Expression
from chakra.expressions.aggregates import has_aggregate
from chakra.expressions.windows import has_window
from chakra.pg.types import PgType
from chakra.schema import Table
from chakra.sql.infer import type_of
from chakra.sql.render.base import render
from chakra.sql.scope import Scope
from chakra.sql.select import Select, numbered
from chakra.sql.statement import Writer


def constant_expression(table: Table, expression: Expression, option: str) -> tuple[str, PgType | None]:
    """The SQL of an expression over one table, its values written in as typed literals, and its type.

    Args:
        option: what the caller named it, for errors.

    Raises:
        FieldError: an unknown field, one of another table, or something that is computed over several rows.
        DataError: a value does not fit its place.
    """
    node, values = _numbered(table, expression)
    scope = Scope(table)
    found = scope.resolve(node)
    if scope.qualified:
        raise FieldError(f"{option} can use fields of {table.title} only, not those of related tables")
    if has_aggregate(found) or has_window(found):
        raise FieldError(f"{option} is about one row; {expression!r} is computed over several")
    writer = Writer()
    render(found, writer)
    return writer.finish().literal_sql(values), type_of(found)


def _numbered(table: Table, expression: Expression) -> tuple[Expression, list[Any]]:
    """The expression with slots for its literals, and the literals."""
    select = Select(table).with_clauses(annotations=(("expression", expression),), after=(0,))
    values: list[Any] = []
    select.shape(values)
    ((_, node),) = numbered(select, len(values)).select.clauses.annotations
    return node, values


__all__ = ["constant_expression"]
