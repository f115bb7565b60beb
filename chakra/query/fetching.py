"""What awaiting a relation does that was not loaded: a query for the one row, for all its peers, or an error.

Peers are the rows that one result gave at one place: of the query itself, or behind one of the relations loaded along.
They know each other weakly, so that rows nobody keeps are neither held nor asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from chakra.errors import NotLoaded
from chakra.query import prefetch, run, write
from chakra.query.hydrate import SLOT
from chakra.query.state import NOT_LOADED, Fetch, RowState, loaded_value, own_state
from chakra.schema import Relation, Table
from chakra.sql import Select

if TYPE_CHECKING:
    from chakra.db import Database


def fetch_of(instance: Any) -> Fetch | None:
    """How relations of an instance are loaded; ``None`` = each by itself."""
    state: RowState = instance._state
    return state.fetch


def was_awaited(instance: Any, name: str) -> bool:
    """Whether a relation of an instance was loaded by awaiting it."""
    fetch = fetch_of(instance)
    return fetch is not None and name in fetch.awaited


def note_awaited(instance: Any, name: str, found: Any) -> None:
    """Keep what was found behind a relation of one instance."""
    state = own_state(instance)
    state.loaded[name] = found
    if state.fetch is None:
        state.fetch = Fetch("one")
    state.fetch.awaited.add(name)


def refuse(instance: Any, name: str, several: bool = False) -> None:
    """Refuse to ask for a relation, where the query of the instance said ``fetch_mode("raise")``; and count that it is
    asked for, where N+1 queries are looked for.

    Args:
        several: whether several rows may be behind it.

    Raises:
        NotLoaded: names the call to add; as ``NPlusOneError``, if it is one row too many.
    """
    fetch = fetch_of(instance)
    if fetch is None or fetch.mode != "raise":
        note_asked(instance, name, several)
        return
    path = fetch.path + name
    calls = f'.prefetch_related("{path}")'
    if not several:
        calls = f'.select_related("{path}") or {calls}'
    raise NotLoaded(
        f'{type(instance).__name__}.{name} is not loaded, and the query said fetch_mode("raise"); load it with the '
        f"query ({calls})"
    )


def note_asked(instance: Any, name: str, several: bool) -> None:
    """Count that a query is sent for a relation of one instance, where N+1 queries are looked for.

    Raises:
        NPlusOneError: it is one row too many.
    """
    fetch = fetch_of(instance)
    if fetch is not None and fetch.origin is not None:
        fetch.origin.awaited(instance, name, fetch.path + name, fetch.count, several)


def note_found(instance: Any, name: str, found: Any) -> None:
    """Let what was found behind a relation of one instance know where it comes from, with all that is found behind it
    for others of the same result.

    Args:
        found: one of the rows; they share what they know.
    """
    fetch = fetch_of(instance)
    if fetch is not None and fetch.origin is not None and found is not None:
        found._state.fetch = fetch.behind(name)


async def with_peers(instance: Any, name: str) -> Any:
    """Load a relation of an instance and of its peers: one statement, whichever are asked, and by how many tasks.

    Returns:
        What is behind the relation; ``NOT_LOADED`` if the query of the instance did not say ``fetch_mode("peers")``.
    """
    fetch = fetch_of(instance)
    relation = type(instance).__table__.relations.get(name)
    if fetch is None or fetch.mode != "peers" or relation is None:
        return NOT_LOADED
    while (found := loaded_value(instance, name)) is NOT_LOADED:
        await _once(fetch, instance, relation)
    return found


async def _once(fetch: Fetch, instance: Any, relation: Relation) -> None:
    """Load a relation, or wait for a task of the same transaction that does."""
    database, name = write.database_of(instance), relation.name
    key = (name, database.current_transaction())
    running = fetch.running.get(key)
    if running is not None:
        await running.wait()
        return
    done = fetch.running[key] = asyncio.Event()
    try:
        rows = await _with_key(database, instance, _peers(fetch, instance), relation)
        await prefetch.load(database, rows, (prefetch.Prefetch(name),), states={row._state for row in rows})
        fetch.awaited.add(name)
    finally:
        del fetch.running[key]
        done.set()


async def _with_key(database: Database, instance: Any, peers: Iterable[Any], relation: Relation) -> list[Any]:
    """The rows for which a relation is not loaded, with the key that says what is behind it; without those gone since.

    Raises:
        DoesNotExist: the instance's own row is gone, and its key was left out.
    """
    keys = relation.hops[0].columns
    rows = [row for row in peers if loaded_value(row, relation.name) is NOT_LOADED]
    await _fill(database, rows, keys)
    if _lacks(instance, keys):
        raise write.gone(instance, "asked for " + relation.name)
    return [row for row in rows if not _lacks(row, keys)]


def _lacks(row: Any, attributes: Iterable[str]) -> bool:
    """Whether fields of a row were left out."""
    return any(not hasattr(row, SLOT + name) for name in attributes)


def _peers(fetch: Fetch, instance: Any) -> list[Any]:
    """The peers of an instance that somebody keeps, itself among them, and are rows of the same database."""
    state: RowState = instance._state
    there = [row for each in fetch.peers if (row := each()) is not None]
    alike = [row for row in there if row._state.database is state.database and row._state.saved]
    return alike if any(row is instance for row in alike) else [*alike, instance]


async def _fill(database: Database, rows: Iterable[Any], attributes: Sequence[str]) -> None:
    """Read fields that were left out of rows, in one statement; rows that have them, or are gone, stay as they are."""
    lacking = [row for row in rows if _lacks(row, attributes)]
    if not lacking:
        return
    model: Any = type(lacking[0])
    keys = [model.__chakra_key__(row) for row in lacking]
    select = Select(model.__table__).filtered(False, (), {"pk__in": keys})
    select = select.with_clauses(only=frozenset(attributes))
    select.order = ()
    fresh = {model.__chakra_key__(row): row for row in await run.rows(database, select)}
    for row in lacking:
        source = fresh.get(model.__chakra_key__(row))
        for name in attributes if source is not None else ():
            if not hasattr(row, SLOT + name):
                object.__setattr__(row, SLOT + name, getattr(source, SLOT + name))


async def refresh(instance: Any, fields: Sequence[str], database: Database | str | None = None) -> None:
    """Read an instance's row again. Fields that were left out are read for its peers, too, where the query said so.

    Raises:
        DoesNotExist: the row is gone.
        FieldError: there is no such field.
    """
    fetch = fetch_of(instance)
    if fields and fetch is not None and fetch.mode == "peers" and database is None:
        table: Table = type(instance).__table__
        read = [name for name in fields if write.has_column(table, name)]
        names = [attribute for name in read for attribute in table.attributes(name)]
        if len(read) == len(fields) and not any(hasattr(instance, SLOT + name) for name in names):
            await _fill(write.database_of(instance), _peers(fetch, instance), names)
            if all(hasattr(instance, SLOT + name) for name in names):
                return
    await write.refresh(instance, fields, database=database)


__all__ = [
    "fetch_of",
    "note_asked",
    "note_awaited",
    "note_found",
    "refresh",
    "refuse",
    "was_awaited",
    "with_peers",
]
