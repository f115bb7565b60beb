"""INSERT, UPDATE and DELETE statements; the counterpart of ``select`` for writes.

Single-row statements take their values in the order of the attributes they are compiled for; those over a query
take the query's literals behind the assigned ones, numbered like the query's shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chakra.errors import FieldError
from chakra.expressions import Expression, Slot, Value
from chakra.schema import Column, Table
from chakra.sql.render import render, render_conditions
from chakra.sql.scope import ColumnRef, Scope
from chakra.sql.select import Select, resolve_filters, write_from
from chakra.sql.statement import Output, Statement, Writer


def compile_insert(table: Table, attributes: Sequence[str], returning: Sequence[str] = ()) -> Statement:
    """``INSERT`` of one row with the given attributes, returning others."""
    return compile_insert_rows(table, attributes, 1, returning)


def compile_insert_rows(
    table: Table, attributes: Sequence[str], rows: int, returning: Sequence[str] = ()
) -> Statement:
    """``INSERT`` of several rows in one statement; values come row after row."""
    columns = [table.by_attribute[name] for name in attributes]
    writer = Writer()
    writer.write(f"INSERT INTO {table.quoted}")
    if columns:
        writer.write(f" ({', '.join(c.quoted for c in columns)}) VALUES ")
        width = len(columns)
        for row in range(rows):
            writer.write(", (" if row else "(")
            for position, column in enumerate(columns):
                writer.write(", " if position else "")
                _store(writer, row * width + position, column, table)
            writer.write(")")
    else:
        writer.write(" DEFAULT VALUES")
    return writer.finish(_returning(writer, table, returning))


def compile_update_row(table: Table, attributes: Sequence[str], returning: Sequence[str] = ()) -> Statement:
    """``UPDATE`` of the row with a given primary key; the key's values come behind the attributes'."""
    writer = Writer()
    writer.write(f"UPDATE {table.quoted} SET ")
    for position, name in enumerate(attributes):
        column = table.by_attribute[name]
        writer.write(f"{', ' if position else ''}{column.quoted} = ")
        _store(writer, position, column, table)
    _where_key(writer, table, len(attributes))
    return writer.finish(_returning(writer, table, returning))


def compile_delete_row(table: Table) -> Statement:
    """``DELETE`` of the row with a given primary key."""
    writer = Writer()
    writer.write(f"DELETE FROM {table.quoted}")
    _where_key(writer, table, 0)
    return writer.finish()


def compile_update(select: Select, assignments: Mapping[str, Any]) -> Statement:
    """``UPDATE`` of all rows of a query; literals of the assignments are numbered before the query's.

    Raises:
        FieldError: an unknown field, or a query that UPDATE cannot take (limit, distinct).
    """
    table = select.table
    scope = Scope(table)
    sets: list[tuple[Column, Expression]] = []
    for name, value in assignments.items():
        column = assigned_column(table, name)
        if isinstance(value, Expression) and not isinstance(value, Value):
            sets.append((column, scope.resolve(value)))
        else:
            inner = value.value if isinstance(value, Value) else value
            sets.append((column, Slot(scope.next_index(), inner)))
    if scope.joined:
        raise FieldError("update() can set a field from fields of the same table only, not across relations")
    conditions = _write_filters(select, scope, "update")
    writer = Writer(qualify=scope.joined)
    writer.write(f"UPDATE {table.quoted} SET ")
    for position, (column, expression) in enumerate(sets):
        writer.write(f"{', ' if position else ''}{column.quoted} = ")
        if isinstance(expression, Slot):
            _store(writer, expression.index, column, table)
        else:
            render(expression, writer)
    _where(writer, select, scope, conditions)
    return writer.finish()


def compile_delete(select: Select) -> Statement:
    """``DELETE`` of all rows of a query.

    Raises:
        FieldError: a query that DELETE cannot take (limit, distinct).
    """
    scope = Scope(select.table)
    conditions = _write_filters(select, scope, "delete")
    writer = Writer(qualify=scope.joined)
    writer.write(f"DELETE FROM {select.table.quoted}")
    _where(writer, select, scope, conditions)
    return writer.finish()


def assigned_column(table: Table, name: str) -> Column:
    """The column that an assignment by attribute or single-column relation name writes."""
    relation = table.relations.get(name)
    if relation is not None and len(relation.columns) == 1 and name not in table.by_attribute:
        return table.by_attribute[relation.columns[0]]
    return table.column(name)


def _write_filters(select: Select, scope: Scope, what: str) -> list[Any]:
    if select.limit is not None or select.offset is not None or select.distinct is not None:
        raise FieldError(
            f"{what}() takes no sliced or distinct query; filter on the primary keys of the rows instead"
        )
    for name, expression in select.annotations:
        scope.annotations[name] = scope.resolve(expression)
    return resolve_filters(select.filters, scope)


def _where(writer: Writer, select: Select, scope: Scope, conditions: list[Any]) -> None:
    """The WHERE of a write; a query over several tables finds its rows by primary key in a subquery."""
    if select.nothing:
        writer.write(" WHERE FALSE")
        render_conditions(conditions, writer, " AND ")
        return
    if not scope.joined:
        render_conditions(conditions, writer)
        return
    table = select.table
    if not table.primary_key:
        raise FieldError(f"{table.title} has no primary key; a write across relations needs one")
    keys = ", ".join(c.quoted for c in table.key_columns)
    writer.write(f" WHERE ({keys}) IN (SELECT ")
    for position, column in enumerate(table.key_columns):
        writer.write(", " if position else "")
        render(ColumnRef(scope.root, column), writer)
    write_from(scope, writer)
    render_conditions(conditions, writer)
    writer.write(")")


def _where_key(writer: Writer, table: Table, first: int) -> None:
    if not table.primary_key:
        raise FieldError(f"{table.title} has no primary key; single rows cannot be told apart")
    for position, column in enumerate(table.key_columns):
        writer.write(f"{' AND ' if position else ' WHERE '}{column.quoted} = ")
        _store(writer, first + position, column, table)


def _store(writer: Writer, index: int, column: Column, table: Table) -> None:
    dump = column.dump
    label = f"{table.title}.{column.attribute}"
    writer.parameter(index, (dump,) if dump is not None else (), column.type, label)


def _returning(writer: Writer, table: Table, attributes: Sequence[str]) -> list[Output]:
    if not attributes:
        return []
    columns = [table.by_attribute[name] for name in attributes]
    writer.write(f" RETURNING {', '.join(c.quoted for c in columns)}")
    return [Output(c.attribute, c.type, c.nullable, c.load) for c in columns]


__all__ = [
    "assigned_column",
    "compile_delete",
    "compile_delete_row",
    "compile_insert",
    "compile_insert_rows",
    "compile_update",
    "compile_update_row",
]
