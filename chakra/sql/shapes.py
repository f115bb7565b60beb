"""The shape cache: statements are compiled once per shape and kept with the table they are about.

A shape is what a query looks like with its values taken out. Finding a known one costs a walk over the query's
parts and one dictionary lookup; see ``tests/sql/test_shapes.py`` for the calls it may make.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from chakra.errors import FieldError
from chakra.schema import Table
from chakra.sql.compile import compile_select
from chakra.sql.dml import (
    compile_delete,
    compile_delete_row,
    compile_insert,
    compile_insert_columns,
    compile_insert_computed,
    compile_insert_rows,
    compile_update,
    compile_update_row,
)
from chakra.sql.rowplan import Compiled, derived_table
from chakra.sql.select import Select
from chakra.sql.statement import Statement
from chakra.sql.writes import Returned, assignments_shape

T = TypeVar("T")

MAX_SHAPES = 2_000
"""Shapes kept per table. A program has tens; beyond this limit values are leaking into shapes (annotation names
made from data, say), and the oldest entry goes for each new one. An entry costs about 4 KB."""


def remember(table: Table, key: Hashable, value: T) -> T:
    """Keep a compiled statement under its shape."""
    statements = table.statements
    if len(statements) >= MAX_SHAPES:
        statements.pop(next(iter(statements)), None)
    statements[key] = value
    return value


def select_statement(select: Select) -> tuple[Compiled, list[Any]]:
    """Return the compiled query and its literal values."""
    values: list[Any] = []
    key = select.shape(values)
    compiled = select.table.statements.get(key)
    if compiled is None:
        compiled = remember(select.table, key, compile_select(select, len(values)))
    return compiled, values


def over_rows(select: Select) -> Select:
    """A query over the rows of another one: to aggregate what is cut, distinct or grouped already."""
    try:
        compiled, _ = select_statement(select)
    except FieldError:  # its conditions may be about a query around it; what it returns is asked without them
        described = select.copy()
        described.filters, described.order, described.backwards = (), (), False
        described.limit = described.offset = None
        compiled, _ = select_statement(described.with_clauses(distinct=None))
    outer = Select(derived_table(compiled, f"the query over {select.table.title}"))
    outer.order = ()
    return outer.with_clauses(inner=select)


def _row_statement(kind: str, make: Callable[..., Statement]) -> Callable[..., Statement]:
    def cached(table: Table, *arguments: Hashable) -> Statement:
        key = (kind, *arguments)
        found: Statement | None = table.statements.get(key)
        return remember(table, key, make(table, *arguments)) if found is None else found

    return cached


insert_statement = _row_statement("insert", compile_insert)
insert_columns_statement = _row_statement("insert columns", compile_insert_columns)
insert_rows_statement = _row_statement("insert rows", compile_insert_rows)
update_row_statement = _row_statement("update row", compile_update_row)
delete_row_statement = _row_statement("delete row", compile_delete_row)


def update_statement(
    select: Select, assignments: dict[str, Any], stored: Table, returning: tuple[Returned, ...] = ()
) -> tuple[Statement, list[Any]]:
    """Return the compiled UPDATE of a query's rows and its literal values.

    Args:
        stored: the table as the server has it, which keeps the statement: it is about the types of its columns.
        returning: attributes whose values the rows have afterwards.
    """
    values: list[Any] = []
    sets = assignments_shape(assignments, values)
    key = ("update", sets, returning, select.shape(values))
    found = stored.statements.get(key)
    if found is None:
        found = remember(stored, key, compile_update(select, assignments, stored, returning))
    return found, values


def insert_computed_statement(
    table: Table, assigned: dict[str, Any], returning: tuple[str, ...]
) -> tuple[Statement, list[Any]]:
    """Return the compiled INSERT of a row with expressions among its values, and its literal values."""
    values: list[Any] = []
    key = ("insert computed", assignments_shape(assigned, values), returning)
    found = table.statements.get(key)
    if found is None:
        found = remember(table, key, compile_insert_computed(table, assigned, returning))
    return found, values


def delete_statement(
    select: Select, stored: Table | None = None, returning: tuple[str, ...] = ()
) -> tuple[Statement, list[Any]]:
    """Return the compiled DELETE of a query's rows and its literal values.

    Args:
        stored: the table as the server has it, where something is returned; it keeps the statement then.
        returning: attributes whose values from before are returned.
    """
    values: list[Any] = []
    key = ("delete", returning, select.shape(values))
    keeper = select.table if stored is None else stored
    found = keeper.statements.get(key)
    if found is None:
        found = remember(keeper, key, compile_delete(select, len(values), stored, returning))
    return found, values


__all__ = [
    "MAX_SHAPES",
    "delete_row_statement",
    "delete_statement",
    "insert_columns_statement",
    "insert_computed_statement",
    "insert_rows_statement",
    "insert_statement",
    "over_rows",
    "select_statement",
    "update_row_statement",
    "update_statement",
]
