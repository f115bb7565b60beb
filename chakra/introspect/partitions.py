"""The partitions of a table, at every level, out of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from chakra.db import Database

# Manual, chapter 52, pg_class.relpartbound, pg_inherits. A partition that is being detached concurrently takes no rows
# any more; pg_partition_tree() leaves it out.
_PARTITIONS = """
SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name,
    pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound, pn.nspname::text AS parent_schema,
    p.relname::text AS parent, t.level, NOT t.isleaf AS is_cut,
    CASE WHEN t.isleaf AND c.reltuples >= 0 THEN c.reltuples::bigint END AS rows
FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1)) t
JOIN pg_catalog.pg_class c ON c.oid = t.relid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class p ON p.oid = t.parentrelid
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
WHERE t.level > 0
ORDER BY t.level, pg_catalog.pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT', n.nspname, c.relname
"""


class ListedPartition(NamedTuple):
    """A partition in a list.

    Attributes:
        oid, schema, name: where it is.
        bound: which rows it takes, as SQL.
        parent_schema, parent: what it is a part of.
        level: 1 for parts of the table, 2 for parts of these, and so on.
        is_cut: whether it is cut into partitions itself.
        rows: about how many rows it has, as the server's statistics say; ``None`` where it has none.
    """

    oid: int
    schema: str
    name: str
    bound: str
    parent_schema: str
    parent: str
    level: int
    is_cut: bool
    rows: int | None


async def partitions(database: Database, quoted: str) -> list[ListedPartition]:
    """The partitions of a table by level, the default ones last; none where there is no such table."""
    return [ListedPartition(*row) for row in await database.run_fetch(_PARTITIONS, (quoted,))]


__all__ = ["ListedPartition", "partitions"]
