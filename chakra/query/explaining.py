"""Asking for plans: of queries as rows and as columns, of what they would write, and of anybody's SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chakra.db.statements import Told
from chakra.debug.explain import explained, prefix_of
from chakra.debug.generic_plans import generic_plan
from chakra.errors import QueryError
from chakra.pg.text import SqlText
from chakra.query import bulk, columnar_rows, execute, write
from chakra.schema import Table
from chakra.sql import Select, Statement, delete_statement, select_statement, update_statement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chakra.db import Database


class _Undone(Exception):
    """Ends a block whose writes are not wanted."""


async def undone(database: Database, run: Callable[[], Awaitable[Any]]) -> Any:
    """Run something in a transaction, or inside one behind a savepoint, and take back what it wrote."""
    found = None
    try:
        async with database.transaction():
            found = await run()
            raise _Undone
    except _Undone:
        return found


async def explain(
    database: Database,
    select: Select,
    options: dict[str, Any],
    update: Mapping[str, Any] | None = None,
    delete: bool = False,
    columns: bool = False,
) -> Any:
    """The plan of a query, or of what it would be as UPDATE, DELETE or COPY.

    Raises:
        FieldError: more than one of them, or an option that is none.
    """
    prefix = prefix_of(options, database.server_version[0])
    if (update is not None) + delete + columns > 1:
        raise QueryError("explain() takes one of update={…}, delete=True and columns=True")
    if update is not None:
        if not isinstance(update, Mapping):
            raise QueryError(f"explain(update=…) takes a dict of fields and values, not {update!r}")

        assigned = write.assigned_fields(select.table, dict(update))

        async def shown(stored: Table) -> Any:
            statement, values = update_statement(select.for_write(), assigned, stored)
            return explained(await _ask(database, prefix, statement, values, options), options)

        return await write.on_checked(database, select.table, tuple(assigned), shown)
    if delete:
        statement, values = delete_statement(select.for_write())
        return explained(await _ask(database, prefix, statement, values, options), options)
    if columns:
        if options.get("generic_plan", False):
            raise QueryError(
                "explain(columns=True, generic_plan=True): columns are read with the values in the text"
            )
        return explained(await _columns(database, prefix, select, options), options)
    compiled, values = select_statement(select)
    rows = await _ask(database, prefix, compiled.statement, values, options)
    how = None if options.get("format") == "json" else columnar_rows.how_read(compiled, select, database)
    return explained(rows, options, how)


async def _ask(
    database: Database, prefix: str, statement: Statement, values: list[Any], options: dict[str, Any]
) -> Any:
    analyze = options.get("analyze", False)
    if options.get("generic_plan", False):
        return await _generic(database, prefix, statement.sql)
    question = Told(prefix + statement.sql, statement.touches, reads=not analyze)
    arguments = execute.bound(database, statement, values, shown=not analyze)
    if analyze and not statement.reads:
        return await undone(database, lambda: database.run_fetch(question, arguments))
    return await database.run_fetch(question, arguments)


async def _generic(database: Database, prefix: str, sql: str) -> Any:
    """The plan of a statement for any values."""
    return await undone(database, lambda: generic_plan(database.execute, database.fetch, sql, prefix))


async def _columns(database: Database, prefix: str, select: Select, options: dict[str, Any]) -> Any:
    """The plan of the query that COPY is given, with its values in it; hooks do not see it."""
    source = await bulk.source_of(select, database)
    sql = source.sql
    if not isinstance(sql, SqlText):
        raise TypeError(f"the query for COPY is {type(sql).__name__}, not SqlText")
    return await database.ask(SqlText(prefix + sql, sql.touches, prefix + sql.key, sql.reads))


async def explain_raw(database: Database, sql: str, params: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The plan of anybody's SQL. With ``analyze`` it is run and taken back, whatever it does."""
    prefix = prefix_of(options, database.server_version[0])
    if options.get("generic_plan", False):
        rows = await _generic(database, prefix, sql)
    elif options.get("analyze", False):
        rows = await undone(database, lambda: database.fetch(prefix + sql, *params))
    else:
        rows = await database.fetch(prefix + sql, *params)
    return explained(rows, options)


__all__ = ["explain", "explain_raw", "undone"]
