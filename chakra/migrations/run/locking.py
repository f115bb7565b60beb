"""Locks on several tables, so that nobody else is who has to give way.

Whoever adds a row locks its table, and then, by the foreign key, the one that it refers to; whoever reads a view locks
it, and then its tables. A transaction that holds the second and waits for the first makes a circle of the two, and the
server ends one of them after ``deadlock_timeout`` (1 s): possibly not the migration. So all are asked for at once,
views and tables that refer to others first; and with one of them held, the next is waited for no longer than that the
circle is gone before the server looks for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from chakra.errors import DatabaseError
from chakra.migrations.steps import Lock, Step

if TYPE_CHECKING:
    from chakra.db import Executor

NOT_ALLOWED = "42501"
HOLDING = 0.4
"""Seconds that all others are waited for while one is held: well below ``deadlock_timeout``. The first is waited for as
much shorter, so that whoever queues behind it waits no longer than the timeout in all."""

# Only what may be locked by itself: a role that may merely refer to a table may not (manual, LOCK).
_THERE = """
SELECT t.name, c.relkind = 'v' AS view FROM unnest($1::text[]) WITH ORDINALITY t(name, place)
JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(t.name)
WHERE c.relkind IN ('r', 'p', 'v') AND pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')
ORDER BY view DESC, place
"""
_REFERS = """
SELECT a.name AS own, b.name AS other FROM unnest($1::text[]) a(name) CROSS JOIN unnest($1::text[]) b(name)
WHERE a.name <> b.name AND EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE contype = 'f'
    AND conrelid = pg_catalog.to_regclass(a.name) AND confrelid = pg_catalog.to_regclass(b.name))
"""


async def lock_at_once(database: Executor, steps: Sequence[Step], timeout: float) -> None:
    """Take the locks of the steps of a transaction, where they are of several tables that others may write.

    Args:
        timeout: seconds that the first is waited for, which holds up nobody but who comes behind.
    """
    strongest: dict[str, Lock] = {}
    for step in steps:
        if step.lock.blocks_writes:
            for name in step.tables:
                strongest[name] = max(step.lock, strongest.get(name, Lock.NONE))
    if len(strongest) < 2:
        return
    there = await database.fetch(_THERE, list(strongest))
    if len(there) < 2:
        return
    names = [row["name"] for row in there]
    views = {row["name"] for row in there if row["view"]}
    pairs = await database.fetch(_REFERS, names)
    held = min(timeout / 2, HOLDING)
    await database.execute(f"SET LOCAL lock_timeout = {int(max(timeout / 2, timeout - 2 * held) * 1000)}")
    begun = 0.0
    for number, name in enumerate(_ordered(names, pairs)):
        if number >= (0 if views else 1):  # a view is locked with its tables
            begun = begun or time.monotonic()
            left = max(held - (time.monotonic() - begun), 0.001)
            await database.execute(f"SET LOCAL lock_timeout = {max(int(left * 1000), 1)}")
        lock = f"LOCK TABLE {name} IN {strongest[name].sql} MODE"
        if name not in views:
            await database.execute(lock)
            continue
        try:
            async with database.transaction():
                await database.execute(lock)
        except DatabaseError as error:  # the owner of the view may not lock the tables below it
            if error.sqlstate != NOT_ALLOWED:
                raise
    await database.execute(f"SET LOCAL lock_timeout = {int(timeout * 1000)}")


def _ordered(names: Iterable[str], pairs: Iterable[Any]) -> list[str]:
    """Tables that refer to others before those; in a circle as they come."""
    left, found = list(names), list[str]()
    refers = [(row["own"], row["other"]) for row in pairs]
    while left:
        free = [one for one in left if not any(other == one and own in left for own, other in refers)]
        found.append((free or left)[0])
        left.remove(found[-1])
    return found


__all__ = ["HOLDING", "lock_at_once"]
