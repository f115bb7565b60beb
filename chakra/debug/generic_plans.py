"""Plans for any values. ``EXPLAIN (GENERIC_PLAN)`` does not give one where values are bound, as a driver that prepares
does; what is prepared by name has such a plan on every server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from chakra.pg.lexing import tokens

_numbers = count()


async def generic_plan(
    execute: Callable[[str], Awaitable[Any]],
    fetch: Callable[[str], Awaitable[Any]],
    sql: str,
    prefix: str = "EXPLAIN ",
) -> Any:
    """Ask for the plan of a statement for any values, in a transaction of the caller's, which is to be taken back.

    What is prepared goes with the block, or, where that fails, when the session is reset; the name is a new one each
    time.

    Args:
        execute, fetch: run SQL of the caller on one connection.
        prefix: ``EXPLAIN (…) `` with its options.
    """
    name = f"chakra_plan_{next(_numbers)}"
    values = max((int(text[1:]) for kind, text in tokens(sql) if kind == "param"), default=0)
    given = f"({', '.join(['NULL'] * values)})" if values else ""
    await execute("SET LOCAL plan_cache_mode = force_generic_plan")
    await execute(f"PREPARE {name} AS {sql}")
    rows = await fetch(f"{prefix}EXECUTE {name}{given}")
    await execute(f"DEALLOCATE {name}")
    return rows


__all__ = ["generic_plan"]
