"""INSERT … ON CONFLICT: what becomes of rows that are there, and the statement for one row."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

from chakra.errors import FieldError
from chakra.expressions import Condition, Expression, Slot
from chakra.expressions.aggregates import has_aggregate
from chakra.expressions.excluded import Excluded
from chakra.expressions.sides import New, Old, Side
from chakra.expressions.windows import has_window
from chakra.schema import Column, Table
from chakra.sql.ctes import Numbers
from chakra.sql.dml import returned, store, write_insert
from chakra.sql.literals import bare_type
from chakra.sql.render import render, render_conditions
from chakra.sql.resolve import resolve_filters
from chakra.sql.scope import RESOLVERS, Scope
from chakra.sql.select import Numbered, Select
from chakra.sql.shapes import remember
from chakra.sql.sources import ColumnRef, Source
from chakra.sql.statement import Statement, Writer
from chakra.sql.writes import Returned, assignments_shape, numbered_assignments

TARGET = "chakra_target"
"""What the table is called: in an UPDATE of ON CONFLICT a bare name could mean either row."""


class Conflict(NamedTuple):
    """What an INSERT does where a row is there.

    Attributes:
        target: what decides that one is, as SQL (``Target.sql``).
        update: what fields of the row that is there are set to; ``None``: nothing is done.
        where: which rows are updated, as the filters of a query; ``None``: all.
    """

    target: str
    update: dict[str, Any] | None
    where: Select | None

    def shape(self, values: list[Any]) -> Hashable:
        """The structural key; literals are appended to ``values``."""
        update = None if self.update is None else assignments_shape(self.update, values)
        return self.target, update, None if self.where is None else self.where.shape(values)

    def numbered(self, numbers: Iterator[int]) -> NumberedConflict:
        """The same with slots for literals, in the order of ``shape``."""
        update = None if self.update is None else numbered_assignments(self.update, numbers)
        return NumberedConflict(
            self.target, update, None if self.where is None else self.where.numbered(numbers)
        )


class NumberedConflict(NamedTuple):
    """``Conflict`` with slots for its literals."""

    target: str
    update: dict[str, Expression] | None
    where: Numbered | None

    def sent(self, table: Table) -> list[Column]:
        """The columns that literals are assigned to."""
        update = self.update or {}
        return [table.by_attribute[name] for name, value in update.items() if isinstance(value, Slot)]


def conditions_of(table: Table, where: Any) -> Select:
    """``where=`` of an upsert as the filters of a query.

    Raises:
        FieldError: no condition, or none that says anything.
    """
    conditions = tuple(where) if isinstance(where, list | tuple) else (where,)
    for condition in conditions:
        if not isinstance(condition, Condition):
            raise FieldError(f"where takes a condition, Q(…) or {table.title}.field > 1, not {condition!r}")
    rows = Select(table).filtered(False, conditions, {})
    rows.order = ()
    return rows


def upsert_statement(
    stored: Table, assigned: dict[str, Any], conflict: Conflict, returning: tuple[Returned, ...]
) -> tuple[Statement, list[Any]]:
    """Return the compiled statement and its literal values."""
    values: list[Any] = []
    key = ("upsert", assignments_shape(assigned, values), returning, conflict.shape(values))
    found = stored.statements.get(key)
    if found is None:
        found = remember(stored, key, _compiled(stored, assigned, conflict, returning))
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
            f"{node!r} is of a row that could not be inserted: it stands in update_fields={{…}} and where= of writes "
            'with on_conflict="update", and in no query inside of these'
        )
    return ColumnRef(scope.excluded, scope.excluded.table.column(node.name))


def _side(scope: Scope, node: Side) -> ColumnRef:
    raise FieldError(f"{node!r} is of a row that a write returns: it stands in returning=[…]")


RESOLVERS.update({Excluded: _excluded, Old: _side, New: _side})


def _compiled(
    table: Table, assigned: dict[str, Any], conflict: Conflict, returning: tuple[Returned, ...]
) -> Statement:
    numbers = Numbers()
    values = numbered_assignments(assigned, numbers)
    found = conflict.numbered(numbers)
    writer = Writer()
    write_insert(table, values, writer, alias=TARGET, also=found.sent(table))
    write_conflict(table, found, writer)
    return writer.finish(returned(writer, table, returning))


def write_conflict(
    table: Table, conflict: NumberedConflict, writer: Writer, *, mark: str | None = None
) -> None:
    """Write what an INSERT into a table that is called ``TARGET`` does where a row is there.

    Args:
        mark: the condition that is true, and that is to be evaluated for each row that is updated.

    Raises:
        FieldError: what cannot be computed from the two rows.
    """
    writer.write(f" ON CONFLICT{conflict.target}")
    if conflict.update is None:
        writer.write(" DO NOTHING")
        return
    scope = _Around(table)
    sets: list[tuple[Column, Any]] = []
    for name, value in conflict.update.items():
        column = table.by_attribute[name]
        sets.append((column, scope.resolve_right(ColumnRef(scope.root, column), "exact", value)))
    conditions = [] if conflict.where is None else resolve_filters(conflict.where.select.filters, scope)
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
        if mark is not None and not position:
            writer.write(f"CASE WHEN {mark} THEN ")
        if not isinstance(value, Slot):
            render(value, writer)
        elif mark is None or position:
            store(writer, value.index, column, table)
        else:  # inside of CASE a value does not take the type of its column
            writer.write("CAST(")
            store(writer, value.index, column, table)
            writer.write(f" AS {bare_type(column.type)})")
        if mark is not None and not position:
            writer.write(" END")
    render_conditions(conditions, writer, " WHERE ")
    writer.qualify = False


__all__ = [
    "TARGET",
    "Conflict",
    "NumberedConflict",
    "conditions_of",
    "upsert_statement",
    "write_conflict",
]
