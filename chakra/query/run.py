"""Running the SELECT of a queryset: compile, send, build. Every verb that reads rows goes through here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chakra.debug.nplusone import watch
from chakra.query import columnar_rows, execute
from chakra.query.columnar_rows import COLUMNAR_FROM_ROWS as LARGE
from chakra.query.hydrate import grouper, hydrate, joined, loader
from chakra.query.state import RowState
from chakra.sql import Compiled, Select, select_statement

if TYPE_CHECKING:
    from chakra.db import Database


async def rows(database: Database, select: Select, mode: str | None = None) -> list[Any]:
    """All rows, as what the query says they are; large results of simple types are read as columns.

    Args:
        mode: how their relations are loaded when they are awaited, see ``QuerySet.fetch_mode``.
    """
    compiled, values = select_statement(select)
    load = compiled.loader or loader(compiled)
    found = await _columns(database, select, compiled, values) if compiled.last_rows >= LARGE else None
    if found is None:
        found = await execute.fetch(database, compiled.statement, values)
        compiled.last_rows = len(found)
    made = hydrate(compiled.last_rows, load, found, RowState(database, True, shared=True))
    return made if mode is None and not watch.on else joined(made, compiled, mode)


async def groups(
    database: Database,
    select: Select,
    owner: tuple[str, ...],
    many: bool,
    held: dict[Any, Any],
    mode: str | None = None,
    path: str = "",
) -> list[Any]:
    """All rows as instances, put where they belong: into the list of ``held`` for their ``owner``, or there
    themselves if there is one for each (``hydrate.grouper``). Rows that stand in several lists are one instance.

    Args:
        mode: how their relations are loaded when they are awaited.
        path: from the rows of the query that was asked to these, which are loaded for it.
    """
    compiled, values = select_statement(select)
    load = grouper(compiled, owner, many)
    found = await _columns(database, select, compiled, values) if compiled.last_rows >= LARGE else None
    if found is None:
        found = await execute.fetch(database, compiled.statement, values)
        compiled.last_rows = len(found)
    made = hydrate(compiled.last_rows, load, found, RowState(database, True, shared=True), held)
    return made if mode is None and not watch.on else joined(made, compiled, mode, path)


async def _columns(
    database: Database, select: Select, compiled: Compiled, values: list[Any]
) -> Iterable[Any] | None:
    """The rows of a large result as tuples, read as columns; ``None`` if they have to be read as records."""
    if not columnar_rows.pays(compiled, select, database):
        return None
    found = await columnar_rows.fetch_columns(database, compiled, values)
    if found is None:
        return None
    tuples, compiled.last_rows = found
    return tuples


async def some_rows(database: Database, select: Select, mode: str | None = None) -> list[Any]:
    """The rows of a query with a small limit."""
    compiled, values = select_statement(select)
    records = await execute.fetch(database, compiled.statement, values)
    if not records:
        return []
    load = compiled.loader or loader(compiled)
    made = load(records, RowState(database, True, shared=True))
    return made if mode is None and not watch.on else joined(made, compiled, mode)


async def row(database: Database, select: Select, mode: str | None = None) -> Any:
    """The first row, or ``None``."""
    compiled, values = select_statement(select)
    record = await execute.fetchrow(database, compiled.statement, values)
    if record is None:
        return None
    return joined(loader(compiled)((record,), RowState(database, True, shared=True)), compiled, mode)[0]


async def keyed(
    database: Database, select: Select, mode: str | None = None
) -> tuple[list[Any], list[tuple[Any, ...]]]:
    """The rows of a page, and of each of them where it stands in the order (``Clauses.keyed``)."""
    compiled, values = select_statement(select)
    records = await execute.fetch(database, compiled.statement, values)
    width = len(compiled.statement.outputs) - compiled.keys
    load = loader(compiled)
    made = load([record[:width] for record in records], RowState(database, True, shared=True))
    keys = [tuple(record[width:]) for record in records]
    return (made if mode is None and not watch.on else joined(made, compiled, mode)), keys


async def scalar(database: Database, select: Select) -> Any:
    """The one value of a query that gives one."""
    compiled, values = select_statement(select)
    record = await execute.fetchrow(database, compiled.statement, values)
    return record[0]


__all__ = ["groups", "keyed", "row", "rows", "scalar", "some_rows"]
