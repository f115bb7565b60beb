"""What has to be known of a database before a migration is planned."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from chakra import introspect
from chakra.errors import DatabaseError, MigrationError
from chakra.migrations.facts import Facts
from chakra.migrations.state import Key, State, quoted

if TYPE_CHECKING:
    from chakra.db import Executor

_ROWS = """
SELECT t.name, CASE WHEN c.relkind = 'p' THEN (SELECT CASE WHEN min(l.reltuples) >= 0 THEN sum(l.reltuples) END
        FROM pg_catalog.pg_partition_tree(c.oid) tree JOIN pg_catalog.pg_class l ON l.oid = tree.relid
        WHERE tree.isleaf)
    ELSE c.reltuples END::bigint AS rows, c.relkind::text AS kind
FROM unnest($1::text[]) t(name) JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(t.name)
"""
_LEAVES = """
SELECT n.nspname::text AS schema, c.relname::text AS name, tree.level::int AS level, tree.isleaf AS leaf,
    n.nspname = current_schema() AS here
FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1)) tree
JOIN pg_catalog.pg_class c ON c.oid = tree.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE tree.level > 0 ORDER BY 1, 2
"""


INSUFFICIENT_PRIVILEGE = "42501"
HIDDEN = (
    "A migration has to see all rows: run it as a role that may read the tables and from which row security hides "
    "nothing, such as one with BYPASSRLS, or the owner of tables without FORCE"
)


async def _about(database: Executor, name: str, counted: int | None) -> int:
    """About how many rows a table has: as the planner takes it, which goes by the pages there are now. Of a table that
    was never analyzed it knows no more than these, and takes a small one for larger: that one is counted.
    """
    plan = await database.fetchval(f"EXPLAIN (FORMAT JSON) SELECT FROM {name}")
    if isinstance(plan, str | bytes):
        plan = json.loads(plan)
    about = int(plan[0]["Plan"]["Plan Rows"])
    if (counted is None or counted < 0) and about < 100_000:
        return int(await database.fetchval(f"SELECT count(*) FROM {name}"))
    return about


async def look(database: Executor, state: State, keys: Iterable[Key] | None = None) -> Facts:
    """Which tables of a state have rows, about how many, and which partitions. One row of each is read at most.

    Args:
        keys: only these tables; default: all.

    Raises:
        MigrationError: row security hides rows from the role.
    """
    try:
        # Off: what would hide rows is an error then (manual, client connection defaults, row_security).
        async with database.transaction(settings={"row_security": "off"}):
            return await _look(database, state, keys)
    except DatabaseError as error:
        if error.sqlstate != INSUFFICIENT_PRIVILEGE:
            raise
        raise MigrationError(f"{error}. {HIDDEN}") from error


async def _look(database: Executor, state: State, keys: Iterable[Key] | None) -> Facts:
    wanted = [key for key in (state.tables if keys is None else keys) if key in state.tables]
    tables = {quoted(key): key for key in wanted if state.tables[key].view is None}
    rows: dict[Key, int] = {}
    empty: set[Key] = set()
    partitions: dict[Key, tuple[Key, ...]] = {}
    for row in await database.fetch(_ROWS, list(tables)):
        key = tables[row["name"]]
        rows[key] = await _about(database, row["name"], row["rows"])
        if not await database.fetchval(f"SELECT EXISTS (SELECT FROM {row['name']})"):
            empty.add(key)
            rows[key] = 0
        if row["kind"] == "p":
            below = await database.fetch(_LEAVES, row["name"])
            # Of partitions of partitions an index would have to be attached level by level.
            if all(part["level"] == 1 for part in below):
                partitions[key] = tuple(
                    [
                        (None if part["here"] and key[0] is None else part["schema"], part["name"])
                        for part in below
                    ]
                )
    views = {quoted(key): key for key in wanted if state.tables[key].view is not None}
    given = await introspect.privileges(database, views) if views else {}
    version = await database.fetchval("SELECT current_setting('server_version_num')::int / 10000")
    kept = {views[name]: one for name, one in given.items()}
    return Facts(version, rows, frozenset(empty), partitions, kept)


__all__ = ["look"]
