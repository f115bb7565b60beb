"""Saving and deleting one instance: what is written, to which row, and what that means for the instance."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chakra._late import late
from chakra.errors import FieldError, NotLoaded
from chakra.expressions import Expression
from chakra.query.hydrate import SLOT
from chakra.query.state import own_state
from chakra.schema import Table

if TYPE_CHECKING:
    from chakra.db import Database
    from chakra.query import execute, tracking, undone
    from chakra.query.lost import gone, moved_on, own_row, stale, version_seen, with_version
    from chakra.query.read_only import read_only
    from chakra.query.write import database_of, insert, on_checked, take
    from chakra.schema import moments_now
    from chakra.sql import delete_row_statement, no_key, update_row_statement, update_statement
else:
    late(globals(), "chakra.query", "execute tracking undone")
    late(globals(), "chakra.query.lost", "gone moved_on own_row stale version_seen with_version")
    late(globals(), "chakra.query.read_only", "read_only")
    late(globals(), "chakra.query.write", "database_of insert on_checked take")
    late(globals(), "chakra.schema", "moments_now")
    late(globals(), "chakra.sql", "delete_row_statement no_key update_row_statement update_statement")


async def save(
    instance: Any,
    *,
    database: Database | str | None = None,
    fields: Iterable[str] | None = None,
    force_insert: bool = False,
    force_update: bool = False,
) -> None:
    """Insert a new instance, or update what changed of one that was loaded or saved.

    Raises:
        DoesNotExist: the row to update is gone.
        StaleData: it has another version than the instance.
        FieldError: ``fields`` names an unknown field.
    """
    if instance._state.undo:
        undone.settle(instance)
    database = database_of(instance, database)
    if not updates(instance, fields, force_insert, force_update):
        await insert(instance, database)
        return
    table: Table = type(instance).__table__
    if table.read_only:
        raise read_only(table, "save()")
    if fields is None and force_update:
        names = _stored_names(instance, table)
    elif fields is None:
        changed = tracking.changed(instance) if table.mutable else instance._state.changed
        names = tuple([c.attribute for c in table.columns if c.attribute in changed])
    else:
        names = tuple(dict.fromkeys([a for name in fields for a in table.attributes(name)]))
    touched = bool(names)
    names = tuple([name for name in names if name != table.version])
    if not names and not (touched and fields is not None):
        return
    _check_key(instance, table, fields is not None or force_update)
    made: dict[str, Any] = {}
    if table.moments:
        names, made = _touched(table, names, instance._state.changed)
    values = _values_to_save(instance, table, names, made)
    held = tracking.images(instance, table, names) if table.mutable else {}
    later: dict[str, Any] = {}
    block = database.current_transaction()
    was = None if block is None else undone.before(instance, block, table, names)
    if any(isinstance(value, Expression) for value in values):
        later = await _save_computed(instance, database, dict(zip(names, values, strict=True)), made)
    else:
        values += _key_and_version(instance, table)
        computed = table.computed

        async def work(stored: Table) -> int:
            if not computed:
                return await execute.execute(database, update_row_statement(stored, names), values)
            statement = update_row_statement(stored, names, computed)
            row = await execute.fetchrow(database, statement, values)
            if row is not None:
                take(instance, statement, row)
            return 0 if row is None else 1

        if await on_checked(database, table, names, work) == 0:
            raise await stale(instance, database, "updated") or gone(instance, "updated")
        later = _set_meanwhile(instance, names, values, made)
        moved_on(instance, table)
    for name, value in made.items():
        setattr(instance, SLOT + name, value)
    tracking.written(instance, (*names, table.version), held, later)
    own = instance._state
    if was is not None or own.undo:
        undone.note(instance, was, [name for name in names if name not in made])
    if not own.saved:
        own.database, own.saved = database, True


def _set_meanwhile(
    instance: Any, names: Sequence[str], values: Sequence[Any], made: Mapping[str, Any]
) -> dict[str, Any]:
    """Of the fields on their way to the server those that somebody sets before its answer."""
    later = tracking.set_meanwhile(instance, names, values)
    if made and later:
        changed = instance._state.changed
        later = {name: value for name, value in later.items() if name not in made or name in changed}
    return later


def _touched(
    table: Table, names: tuple[str, ...], changed: Collection[str]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The fields that an UPDATE writes, with those that take its time, and that; what was set by hand stands."""
    made = moments_now(table.moments, update=True)
    names = tuple(dict.fromkeys((*names, *made)))
    return names, {name: value for name, value in made.items() if name not in changed}


def updates(instance: Any, fields: Iterable[str] | None, force_insert: bool, force_update: bool) -> bool:
    """Whether saving an instance is an UPDATE, by its state and by what the call said.

    Raises:
        FieldError: the call contradicts itself.
    """
    forced = force_update or fields is not None
    if force_insert and forced:
        what = "force_update=True" if force_update else "fields=…"
        raise FieldError(
            f"save(): force_insert=True makes a row of all values, and {what} writes to one that is there"
        )
    return forced or (instance._state.saved and not force_insert)


def _check_key(instance: Any, table: Table, forced: bool) -> None:
    """Check that an instance has the key by which its row is found.

    Raises:
        FieldError: it has not, or there is none.
    """
    if not table.primary_key:
        raise FieldError(no_key(table))
    missing = [name for name in table.primary_key if getattr(instance, SLOT + name, None) is None]
    if missing:
        way = (
            "save() inserts it"
            if forced and not instance._state.saved
            else "save(force_insert=True) makes a copy"
        )
        raise FieldError(
            f"this {table.title} has no {', '.join(missing)}, by which save() would find its row to update; {way}"
        )


def _stored_names(instance: Any, table: Table) -> tuple[str, ...]:
    """The attributes that an UPDATE of all of an instance sets: those that have a value, whoever gave it."""
    return tuple(
        [
            c.attribute
            for c in table.columns
            if c.computed is None
            and c.attribute not in table.primary_key
            and hasattr(instance, SLOT + c.attribute)
        ]
    )


def _values_to_save(instance: Any, table: Table, names: Sequence[str], made: Mapping[str, Any]) -> list[Any]:
    """The values of these fields.

    Args:
        made: those that are not the instance's own.

    Raises:
        FieldError: one of them cannot be written.
        NotLoaded: one of them has no value.
    """
    changed_key = [name for name in names if name in table.primary_key]
    if changed_key:
        raise FieldError(
            f"the primary key {', '.join(changed_key)} of a saved {table.title} cannot be changed by save(); "
            f"use {table.title}.objects.filter(pk=…).update(…), or save(force_insert=True) for a copy"
        )
    values = []
    for name in names:
        if table.by_attribute[name].computed is not None:
            raise FieldError(
                f"{table.title}.{name} is computed by the server and cannot be saved; leave it out of fields="
            )
        try:
            values.append(made[name] if name in made else getattr(instance, SLOT + name))
        except AttributeError:
            raise NotLoaded(
                f"{table.title}.{name} has no value to save: it was not loaded with this row (only(), defer()), or "
                "never set; give it one, or leave it out of fields="
            ) from None
    return values


def _key_and_version(instance: Any, table: Table) -> list[Any]:
    """The values by which the statements of one row find it."""
    values = [getattr(instance, SLOT + name) for name in table.primary_key]
    return [*values, version_seen(instance, table)] if table.version else values


async def _save_computed(
    instance: Any, database: Database, assigned: dict[str, Any], made: Mapping[str, Any]
) -> dict[str, Any]:
    """UPDATE the instance's row with expressions among the values; the instance takes what came of them.

    Returns what was set meanwhile.
    """
    table: Table = type(instance).__table__
    names, values = tuple(assigned), tuple(assigned.values())
    select, assigned = own_row(instance, seen=True), with_version(table, assigned)
    computed = tuple([name for name, value in assigned.items() if isinstance(value, Expression)])
    computed += table.computed

    async def work(stored: Table) -> dict[str, Any]:
        statement, literals = update_statement(select, assigned, stored, computed)
        row = await execute.fetchrow(database, statement, literals)
        if row is None:
            raise await stale(instance, database, "updated") or gone(instance, "updated")
        later = _set_meanwhile(instance, names, values, made)
        take(instance, statement, row)
        return later

    return await on_checked(database, table, tuple(assigned), work)


async def delete(instance: Any, *, database: Database | str | None = None) -> int:
    """Delete the instance's row; return 1, or 0 if it was gone already.

    Raises:
        StaleData: it has another version than the instance.
    """
    table: Table = type(instance).__table__
    if table.read_only:
        raise read_only(table, "delete()")
    if instance._state.undo:
        undone.settle(instance)
    if not instance._state.saved:
        raise FieldError(
            f"this {table.title} was never saved, or deleted already; there is nothing to delete"
        )
    database = database_of(instance, database)
    block = database.current_transaction()
    was = None if block is None else undone.before(instance, block, table)
    touched = await execute.execute(database, delete_row_statement(table), _key_and_version(instance, table))
    error = None if touched else await stale(instance, database, "deleted")
    if error is not None:
        raise error
    if was is not None or instance._state.undo:
        undone.note(instance, was, deleted=True)
    own_state(instance).saved = False
    return touched


__all__ = ["delete", "save", "updates"]
