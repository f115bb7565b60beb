"""Conditions and values as constant SQL, for places that take no parameters: predicates and terms of indexes."""

from __future__ import annotations

from itertools import count
from typing import Any

from chakra.errors import FieldError
from chakra.expressions import Condition, Expression
from chakra.expressions.q import Q
from chakra.pg.conversion import Naive
from chakra.schema import Column, Table
from chakra.sql.own_columns import TableScope
from chakra.sql.partners import columns_of
from chakra.sql.render import render, render_conditions
from chakra.sql.resolve import resolve_filters
from chakra.sql.scope import Scope
from chakra.sql.select import Select, numbered
from chakra.sql.statement import Statement, Writer


def constant_condition(
    table: Table, condition: Any, option: str, *, alias: str = "", naive: Naive = "error"
) -> str:
    """The SQL of a condition over one table, its values written in as typed literals.

    Args:
        condition: ``Q(active=True)``, a typed expression (``Post.price > 10``), or several in a list, all of which
            must hold.
        option: what the caller named it, for errors.
        naive: what a datetime without a zone means for ``timestamptz``.
        alias: what the statement calls the table; columns stand alone without it.

    Raises:
        FieldError: no condition, an unknown field, or one of another table.
        DataError: a value does not fit its field.
    """
    statement, values = compiled_condition(table, condition, option, alias=alias)
    return statement.literal_sql(values, naive)


def compiled_condition(
    table: Table, condition: Any, option: str, *, alias: str = ""
) -> tuple[Statement, list[Any]]:
    """The same condition with parameters in place of its values, and the values."""
    given: list[Condition] = []
    for one in condition if isinstance(condition, list | tuple) else [condition]:
        if not isinstance(one, Condition):
            raise FieldError(
                f"{option} takes a condition, Q(active=True) or {table.title}.active == True, not {condition!r}"
            )
        if not (isinstance(one, Q) and not one):
            given.append(one)
    if not given:
        raise FieldError(f"{option} is an empty condition")
    select = Select(table).filtered(False, tuple(given), {})
    values: list[Any] = []
    select.shape(values)
    scope = Scope(table)
    found = resolve_filters(numbered(select, len(values)).select.filters, scope)
    if scope.qualified:
        raise FieldError(f"{option} can use fields of {table.title} only, not those of related tables")
    scope.root.alias = alias or scope.root.alias
    writer = Writer(qualify=bool(alias))
    render_conditions(found, writer, "")
    if writer.heads is not None:
        raise FieldError(f"{option} can use no queries in WITH (CTE); they have no place in front of it")
    return writer.finish(), values


def constant_value(
    table: Table, value: Expression, option: str, *, alias: str = "", naive: Naive = "error"
) -> tuple[str, tuple[Column, ...]]:
    """The SQL of a value of one row of a table, with constants written in, and the columns it is computed from.

    Args:
        option, alias, naive: as for :func:`constant_condition`.

    Raises:
        FieldError: it is no value of a row of this table alone.
        DataError: a constant does not fit its place.
    """
    values: list[Any] = []
    value.shape(values)
    scope = TableScope(table, {name: held.keys for name, held in table.relations.items() if held.forward})
    scope.root.alias = alias or scope.root.alias
    writer = Writer(qualify=bool(alias))
    try:
        found = scope.resolve(value.numbered(count()))
    except FieldError as error:
        raise FieldError(f"{option}: {error}") from error
    render(found, writer)
    columns = tuple(dict.fromkeys(reference.column for reference in columns_of(found)))
    return str(writer.finish().literal_sql(values, naive)), columns


__all__ = ["compiled_condition", "constant_condition", "constant_value"]
