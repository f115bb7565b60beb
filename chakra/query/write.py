"""Writing single rows and the rows of a query; each function is one statement, or says which two it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from chakra.db import default as databases
from chakra.db.default import database_named, default_database
from chakra.errors import DatabaseError, DataError, FieldError, UniqueViolation
from chakra.expressions import Expression
from chakra.expressions.infer import operand
from chakra.query import execute, tracking, undone
from chakra.query.computed import named
from chakra.query.described import checked_table, outdated
from chakra.query.hydrate import SLOT, loader
from chakra.query.lost import gone, own_row, with_version
from chakra.query.read_only import read_only
from chakra.query.sequences import explain
from chakra.query.state import RowState, forget_loaded, own_state
from chakra.schema import Table, moments_now
from chakra.sql import (
    Conflict,
    Select,
    Statement,
    assign,
    delete_statement,
    insert_computed_statement,
    insert_statement,
    no_key,
    select_statement,
    update_statement,
    upsert_statement,
)
from chakra.sql.writes import Returned

if TYPE_CHECKING:
    from chakra.db import Database

T = TypeVar("T")


def written_values(instance: Any, table: Table) -> tuple[tuple[str, ...], list[Any]]:
    """The attributes an INSERT of the instance names, and their values.

    Attributes never set are left to the server; so are generated ones that are ``None``, and those it computes always.
    """
    names: list[str] = []
    values: list[Any] = []
    for column in table.columns:
        attribute = column.attribute
        if column.computed is not None and table.row_class is not None:
            continue
        try:
            value = getattr(instance, SLOT + attribute)
        except AttributeError:
            continue
        if value is None and column.generated:
            continue
        names.append(attribute)
        values.append(value)
    if table.moments:
        for attribute, value in moments_now(table.moments).items():
            if attribute not in names:
                names.append(attribute)
                values.append(value)
    return tuple(names), values


def take_moments(instance: Any, table: Table, names: Iterable[str], values: Iterable[Any]) -> None:
    """Let an instance have the time at which its row was written."""
    for name, value in zip(names, values, strict=False):
        if name in table.moments and not isinstance(value, Expression):
            setattr(instance, SLOT + name, value)


def database_of(instance: Any, database: Database | str | None = None) -> Database:
    """The database to use for an instance: the one named, the one it came from, or the default."""
    if database is not None:
        return database_named(database) if isinstance(database, str) else database
    found: Database | None = instance._state.database
    if found is None:
        if databases.router is not None:
            return databases.routed(type(instance), True)
        return default_database()
    return found if found.primary is None else found.primary  # type: ignore[return-value]


async def insert(
    instance: Any, database: Database, into: Table | None = None, read_back: tuple[str, ...] = ()
) -> None:
    """Insert an instance and fill in what the server generated: one statement.

    Args:
        into: a partition of its table.
        read_back: attributes that are filled in as well, as the row has them.
    """
    table: Table = type(instance).__table__ if into is None else into
    if table.read_only:
        raise read_only(table, "save()")
    names, values = written_values(instance, table)
    returning = tuple([name for name in table.generated if name not in names])
    if read_back:
        returning = tuple(dict.fromkeys((*returning, *read_back)))
    held = tracking.images(instance, table) if table.mutable else None
    computed = False
    for value in values:
        if isinstance(value, Expression):
            computed = True
    block = database.current_transaction()
    was = None if block is None else undone.before(instance, block, table, names if computed else read_back)
    if computed:
        later = await _insert_computed(instance, database, dict(zip(names, values, strict=True)), returning)
        _saved(instance, database, held, later, was, names)
        return

    async def work(stored: Table) -> dict[str, Any]:
        statement: Statement = insert_statement(stored, names, returning)
        if not returning:
            await execute.execute(database, statement, values)
            return tracking.set_meanwhile(instance, names, values)
        fetch = execute.fetchrow_written if read_back else execute.fetchrow
        row = await fetch(database, statement, values)
        if row is None:
            raise _not_let_in(table)
        later = tracking.set_meanwhile(instance, names, values)
        take(instance, statement, row)
        return later

    later = await on_checked(database, table, names, work, inserts=True)
    if table.moments:
        take_moments(instance, table, names, values)
    _saved(instance, database, held, later, was, names)


async def _insert_computed(
    instance: Any, database: Database, assigned: dict[str, Any], generated: tuple[str, ...]
) -> dict[str, Any]:
    """INSERT with expressions among the values; the instance takes what came of them.

    Returns what was set meanwhile.
    """
    table: Table = type(instance).__table__
    names, values = tuple(assigned), tuple(assigned.values())
    computed = tuple([name for name, value in assigned.items() if isinstance(value, Expression)])

    async def work(stored: Table) -> dict[str, Any]:
        returning = tuple(dict.fromkeys((*generated, *computed)))
        statement, literals = insert_computed_statement(stored, assigned, returning)
        row = await execute.fetchrow(database, statement, literals)
        if row is None:
            raise _not_let_in(table)
        later = tracking.set_meanwhile(instance, names, values)
        take(instance, statement, row)
        return later

    later = await on_checked(database, table, names, work, inserts=True)
    if table.moments:
        take_moments(instance, table, names, values)
    return later


async def on_checked(
    database: Database,
    table: Table,
    names: Sequence[str],
    work: Callable[[Table], Awaitable[T]],
    *,
    inserts: bool = False,
) -> T:
    """Run a write of some fields with the table as the server has it; once more if that was out of date."""
    inserted = names if inserts else None
    stored = await checked_table(database, table, names)
    try:
        return await work(stored)
    except (DataError, DatabaseError) as error:
        found = _explained(error, table, inserted)
        if not await outdated(database, table, stored, names, found):
            if found is error:
                raise
            raise found from error
    return await _written(table, work(await checked_table(database, table, names)), inserted)


async def _written(table: Table, work: Awaitable[T], inserted: Collection[str] | None = None) -> T:
    """Await a write; values for columns that the server computes are named as such.

    Raises:
        DataError: such a value.
    """
    try:
        return await work
    except DatabaseError as error:
        found = _explained(error, table, inserted)
        if found is error:
            raise
        raise found from error


def _explained(
    error: DataError | DatabaseError, table: Table, inserted: Collection[str] | None
) -> DataError | DatabaseError:
    """What a write was refused for, in the words of its fields.

    Args:
        inserted: the attributes a new row is made with; keys made for the others are known to be the server's.
    """
    if not isinstance(error, DatabaseError):
        return error
    if isinstance(error, UniqueViolation) and inserted is not None:
        explain(error, table, inserted)
    return named(error, table)


async def insert_values(
    table: Table, database: Database, values: dict[str, Any], wanted: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Insert a row of a table without a model; return what the role may read of it, or some columns."""
    names = tuple(table.column(name).attribute for name in values)
    returning = wanted or tuple(c.attribute for c in table.columns if c.readable)
    await checked_table(database, table, names)
    literals = list(values.values())
    if any(isinstance(value, Expression) for value in literals):
        assigned = dict(zip(names, literals, strict=True))
        statement, literals = insert_computed_statement(table, assigned, returning)
    else:
        statement = insert_statement(table, names, returning)
    if not returning:
        await _written(table, execute.execute(database, statement, literals), names)
        return {}
    row = await _written(table, execute.fetchrow(database, statement, literals), names)
    if row is None:
        raise _not_let_in(table)
    return dict(row)


async def upsert(
    instance: Any,
    table: Table,
    database: Database,
    assigned: dict[str, Any],
    conflict: Conflict,
    returning: tuple[Returned, ...],
) -> dict[str, Any] | None:
    """INSERT … ON CONFLICT of one row; return what the row has then, ``None`` if it was left as it is.

    Args:
        instance: takes these values; ``None``: there is none.
    """

    async def work(stored: Table) -> dict[str, Any] | None:
        statement, literals = upsert_statement(stored, assigned, conflict, returning)
        row = await execute.fetchrow_written(database, statement, literals)
        if row is None:
            return None
        if instance is not None:
            take(instance, statement, row)
        pairs = zip(statement.outputs, row, strict=True)
        return {o.name: value if o.load is None else o.load(value) for o, value in pairs}

    names = tuple(dict.fromkeys((*assigned, *(conflict.update or ()))))
    block = None if instance is None else database.current_transaction()
    filled = [name for name in returning if isinstance(name, str)]
    was = None if block is None else undone.before(instance, block, table, filled)
    found = await on_checked(database, table, names, work)
    if found is not None and instance is not None:
        _saved(instance, database, was=was, names=assigned)
    return found


def _not_let_in(table: Table) -> Exception:
    return DatabaseError(f"a trigger or rule of the table did not let in this {table.title}: no row was made")


def _saved(
    instance: Any,
    database: Database,
    held: dict[str, Any] | None = None,
    later: dict[str, Any] | None = None,
    was: undone.Before | None = None,
    names: Iterable[str] = (),
) -> None:
    state = own_state(instance)
    if was is not None or state.undo:
        undone.note(
            instance, was, [name for name in names if name not in type(instance).__table__.primary_key]
        )
    state.database = database
    state.saved = True
    state.changed.clear()
    if held is not None:
        state.held = held
    if later:
        for name, value in later.items():
            setattr(instance, SLOT + name, value)
        state.changed.update(later)


def take(instance: Any, statement: Statement, row: Any) -> None:
    """Fill in what a statement returned of the instance's row."""
    if instance._state.held:
        tracking.forget(instance, [output.name for output in statement.outputs])
    fields = type(instance).__table__.by_attribute
    for output, value in zip(statement.outputs, row, strict=True):
        if output.name in fields:  # and no side of one
            setattr(instance, SLOT + output.name, output.load(value) if output.load else value)


async def refresh(
    instance: Any, fields: Iterable[str] = (), *, database: Database | str | None = None
) -> None:
    """Read the instance's row again, all of it or some fields; loaded relations are forgotten: all, or those by these.

    Raises:
        DoesNotExist: the row is gone.
        FieldError: there is no such field, or the instance was never saved.
    """
    table: Table = type(instance).__table__
    if not table.primary_key:
        raise FieldError(no_key(table))
    if instance._state.undo:
        undone.settle(instance)  # or what is read now would be written again
    if any(getattr(instance, SLOT + name, None) is None for name in table.primary_key):
        raise FieldError(f"this {table.title} was never saved; there is nothing to refresh")
    found = database_of(instance, database)
    select = own_row(instance)
    fields = tuple(fields)
    behind = [name for name in fields if not has_column(table, name)]
    wanted = tuple(a for name in fields if name not in behind for a in table.attributes(name))
    for name in behind:
        forget_loaded(instance, name)
    if behind and not wanted:
        return
    if wanted:
        select = select.with_clauses(only=frozenset(wanted))
    compiled, values = select_statement(select)
    row = await execute.fetchrow(found, compiled.statement, values)
    if row is None:
        raise gone(instance, "refreshed")
    (fresh,) = loader(compiled)((row,), RowState(found, True, shared=True))
    names = wanted or [c.attribute for c in table.columns]
    for name in names:
        setattr(instance, SLOT + name, getattr(fresh, SLOT + name))
    state = own_state(instance)
    state.saved = True
    state.changed.difference_update(names)
    tracking.forget(instance, names)
    if not wanted:
        state.loaded.clear()
        state.behind = {}
    for name, relation in table.relations.items() if wanted else ():
        if not set(wanted).isdisjoint(relation.keys):
            forget_loaded(instance, name)


def has_column(table: Table, name: str) -> bool:
    """Whether a name stands for columns of the table, and not for rows that point at it."""
    relation = table.relations.get(name) if isinstance(name, str) and "+" not in name else None
    return relation is None or bool(relation.keys)


def assigned_fields(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    """What ``update`` sets, by attribute.

    Raises:
        FieldError: nothing, or what is no field.
    """
    if not values:
        raise FieldError("update() needs at least one field to set")
    found: dict[str, Any] = {}
    for name, value in values.items():
        assign(table, found, name, operand(value))
    if table.moments:
        found = moments_now(table.moments, update=True) | found
    return with_version(table, found)


async def update_rows(select: Select, database: Database, values: dict[str, Any]) -> int:
    """One UPDATE over all rows of a query."""
    assigned = assigned_fields(select.table, values)

    def work(stored: Table) -> Awaitable[int]:
        statement, literals = update_statement(select.for_write(), assigned, stored)
        return execute.execute(database, statement, literals)

    return await on_checked(database, select.table, tuple(assigned), work)


async def delete_rows(select: Select, database: Database) -> int:
    """One DELETE over all rows of a query."""
    statement, literals = delete_statement(select.for_write())
    return await execute.execute(database, statement, literals)


__all__ = [
    "assigned_fields",
    "database_of",
    "delete_rows",
    "gone",
    "has_column",
    "insert",
    "insert_values",
    "on_checked",
    "refresh",
    "take",
    "take_moments",
    "update_rows",
    "upsert",
    "written_values",
]
