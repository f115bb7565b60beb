"""The plan of a statement that a profiler found slow, for any values: those it was run with are not known."""

from __future__ import annotations

from chakra.db.hooks import QueryEvent
from chakra.errors import ChakraError
from chakra.pg.lexing import tokens

_PLANNED = frozenset({"select", "with", "insert", "update", "delete", "merge", "values", "table"})


async def plan_of(event: QueryEvent) -> str:
    """The plan as text, or why there is none.

    ``EXPLAIN (GENERIC_PLAN)`` is there since PostgreSQL 16 and asks for values all the same where a driver prepares
    it; a statement that is prepared by name has a plan for any values on every server. It goes when the connection is
    reset, as it is after any SQL that is not ours.
    """
    database = event.chain.database
    if database is None:
        return "no plan: the database is closed"
    sql = event.sql
    words = [text.lower() for kind, text in tokens(sql) if kind == "word"]
    if event.kind == "copy_in" or not words or words[0] not in _PLANNED:
        return "no plan: EXPLAIN does not take such a statement"
    values = max((int(text[1:]) for kind, text in tokens(sql) if kind == "param"), default=0)
    given = f"({', '.join(['NULL'] * values)})" if values else ""
    try:
        async with database.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            await connection.execute(f"PREPARE chakra_plan AS {sql}")
            rows = await connection.fetch(f"EXPLAIN EXECUTE chakra_plan{given}")
    except ChakraError as error:
        return f"no plan: {type(error).__name__}"
    return "\n".join(row[0] for row in rows)


__all__ = ["plan_of"]
