"""The plan of a statement that a profiler found slow, for any values: those it was run with are not known."""

from __future__ import annotations

from chakra.db.hooks import QueryEvent
from chakra.debug.generic_plans import generic_plan
from chakra.errors import ChakraError
from chakra.pg.lexing import tokens

_PLANNED = frozenset({"select", "with", "insert", "update", "delete", "merge", "values", "table"})


async def plan_of(event: QueryEvent) -> str:
    """The plan as text, or why there is none."""
    database = event.chain.database
    if database is None:
        return "no plan: the database is closed"
    sql = event.sql
    words = [text.lower() for kind, text in tokens(sql) if kind == "word"]
    if event.kind == "copy_in" or not words or words[0] not in _PLANNED:
        return "no plan: EXPLAIN does not take such a statement"
    try:
        async with database.acquire() as connection, connection.transaction():
            rows = await generic_plan(connection.execute, connection.fetch, sql)
    except ChakraError as error:
        return f"no plan: {type(error).__name__}"
    return "\n".join(row[0] for row in rows)


__all__ = ["plan_of"]
