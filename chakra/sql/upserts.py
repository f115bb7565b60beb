"""INSERT … ON CONFLICT of one row: what finds the row that is there, and what becomes of it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

from chakra.errors import FieldError
from chakra.expressions import Slot
from chakra.expressions.aggregates import has_aggregate
from chakra.expressions.excluded import Excluded
from chakra.expressions.windows import has_window
from chakra.pg.quoting import quote_identifier
from chakra.schema import Column, Table
from chakra.sql.ctes import Numbers
from chakra.sql.dml import returned, store, write_insert
from chakra.sql.render import render, render_conditions
from chakra.sql.resolve import resolve_filters
from chakra.sql.scope import RESOLVERS, Scope
from chakra.sql.select import Select
from chakra.sql.shapes import remember
from chakra.sql.sources import ColumnRef, Source
from chakra.sql.statement import Statement, Writer
from chakra.sql.writes import assignments_shape, numbered_assignments

TARGET = "chakra_target"
"""What the table is called: in an UPDATE of ON CONFLICT a bare name could mean either row."""


class Conflict(NamedTuple):
    """What an INSERT does where a row is there.

    Attributes:
        fields: attributes whose unique index decides; none: any, or ``constraint``.
        constraint: the name of the one that decides.
        predicate: of a partial index, as SQL.
        update: what fields of the row that is there are set to; ``None``: nothing is done.
        where: which rows are updated, as the filters of a query; ``None``: all.
    """

    fields: tuple[str, ...]
    constraint: str | None
    predicate: str | None
    update: dict[str, Any] | None
    where: Select | None


def upsert_statement(
    stored: Table, assigned: dict[str, Any], conflict: Conflict, returning: tuple[str, ...]
) -> tuple[Statement, list[Any]]:
    """Return the compiled statement and its literal values."""
    values: list[Any] = []
    key: list[Hashable] = ["upsert", assignments_shape(assigned, values), returning, *conflict[:3]]
    if conflict.update is not None:
        key.append(assignments_shape(conflict.update, values))
    if conflict.where is not None:
        key.append(conflict.where.shape(values))
    found = stored.statements.get(tuple(key))
    if found is None:
        found = remember(stored, tuple(key), _compiled(stored, assigned, conflict, returning))
    return found, values


class _Around(Scope):
    """The scope of what the row that is there is set to: beside it stands the one that was to be inserted."""

    __slots__ = ("excluded",)

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.root.alias = TARGET
        self.excluded = Source(table, "excluded", None, None, False)


def _excluded(scope: Scope, node: Excluded) -> ColumnRef:
    if not isinstance(scope, _Around):
        raise FieldError(
            f"{node!r} is of a row that could not be inserted: it stands in update_fields={{…}} and where= of "
            'create(on_conflict="update"), and in no query inside of these'
        )
    return ColumnRef(scope.excluded, scope.excluded.table.column(node.name))


RESOLVERS[Excluded] = _excluded


def _compiled(
    table: Table, assigned: dict[str, Any], conflict: Conflict, returning: tuple[str, ...]
) -> Statement:
    numbers = Numbers()
    values = numbered_assignments(assigned, numbers)
    update = numbered_assignments(conflict.update or {}, numbers)
    where = None if conflict.where is None else conflict.where.numbered(numbers)
    writer = Writer()
    sent = [table.by_attribute[name] for name, value in update.items() if isinstance(value, Slot)]
    write_insert(table, values, writer, alias=TARGET, also=sent)
    writer.write(" ON CONFLICT")
    if conflict.constraint is not None:
        writer.write(f" ON CONSTRAINT {quote_identifier(conflict.constraint)}")
    elif conflict.fields:
        writer.write(f" ({', '.join(table.by_attribute[name].quoted for name in conflict.fields)})")
        if conflict.predicate is not None:
            writer.write(f" WHERE {conflict.predicate}")
    if conflict.update is None:
        writer.write(" DO NOTHING")
        return writer.finish(returned(writer, table, returning))
    scope = _Around(table)
    sets: list[tuple[Column, Any]] = []
    for name, value in update.items():
        column = table.by_attribute[name]
        sets.append((column, scope.resolve_right(ColumnRef(scope.root, column), "exact", value)))
    conditions = [] if where is None else resolve_filters(where.select.filters, scope)
    computed = [value for _, value in sets]
    if any(has_aggregate(value) or has_window(value) for value in (*computed, *conditions)):
        raise FieldError(
            "on_conflict: a row is updated by its own values; what other rows have is Subquery(…)"
        )
    if scope.qualified:
        raise FieldError(f"on_conflict can use fields of {table.title} only, not those of related tables")
    writer.qualify = True
    writer.write(" DO UPDATE SET ")
    for position, (column, value) in enumerate(sets):
        writer.write(f"{', ' if position else ''}{column.quoted} = ")
        if isinstance(value, Slot):
            store(writer, value.index, column, table)
        else:
            render(value, writer)
    render_conditions(conditions, writer, " WHERE ")
    writer.qualify = False
    return writer.finish(returned(writer, table, returning))


__all__ = ["Conflict", "upsert_statement"]
