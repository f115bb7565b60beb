"""Which tables, views and foreign tables there are, and whether one of them is still what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chakra.pg.quoting import quote_qualified

if TYPE_CHECKING:
    from chakra.db import Database

KINDS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}
"""Manual, chapter 52, pg_class.relkind: what has rows and a name of its own."""

# reltuples is what VACUUM, ANALYZE or CREATE INDEX counted last, -1 where none of them ran; a partitioned table's
# rows are those of its parts.
_LISTED = """
SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
    CASE WHEN c.relkind IN ('v', 'f') THEN NULL
         WHEN c.relkind = 'p' THEN
            (SELECT sum(part.reltuples) FILTER (WHERE part.reltuples >= 0)
               FROM pg_catalog.pg_partition_tree(c.oid) tree JOIN pg_catalog.pg_class part ON part.oid = tree.relid
              WHERE tree.isleaf)
         WHEN c.reltuples < 0 THEN NULL
         ELSE c.reltuples END::bigint AS rows
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%'
    AND (n.nspname NOT LIKE 'pg\\_temp\\_%' OR n.oid = pg_catalog.pg_my_temp_schema())
    AND ($1::text IS NULL OR n.nspname = $1)
ORDER BY n.nspname, c.relname
"""

# The row versions (xmin) of everything a description is made of: DDL that changes a table writes new versions
# of these catalog rows, in whatever process it ran. Manual: chapter 52, pg_class, pg_attribute, pg_attrdef,
# pg_constraint, pg_index, pg_rewrite, pg_description.
_FOUND = """
SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
    concat_ws(';', c.oid, c.xmin,
        (SELECT string_agg(a.xmin::text || ':' || a.attnum, ',' ORDER BY a.attnum)
           FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
        (SELECT string_agg(d.xmin::text || ':' || d.adnum, ',' ORDER BY d.adnum)
           FROM pg_catalog.pg_attrdef d WHERE d.adrelid = c.oid),
        (SELECT string_agg(k.xmin::text || ':' || k.oid, ',' ORDER BY k.oid)
           FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid),
        (SELECT string_agg(i.xmin::text || ':' || i.indexrelid, ',' ORDER BY i.indexrelid)
           FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid),
        (SELECT string_agg(r.xmin::text || ':' || r.oid, ',' ORDER BY r.oid)
           FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND c.relkind IN ('v', 'm')),
        (SELECT string_agg(o.xmin::text || ':' || o.objsubid, ',' ORDER BY o.objsubid)
           FROM pg_catalog.pg_description o
          WHERE o.objoid = c.oid AND o.classoid = 'pg_catalog.pg_class'::regclass)) AS fingerprint
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass($1)
"""


class Listed(NamedTuple):
    """A table, view or foreign table in a list.

    Attributes:
        oid: of the relation.
        schema, name: where it is.
        kind: one of the values of ``KINDS``.
        rows: about how many rows it has, as the server's statistics say; ``None`` where it has none.
    """

    oid: int
    schema: str
    name: str
    kind: str
    rows: int | None


class Found(NamedTuple):
    """A table, view or foreign table that was looked for by its name.

    Attributes:
        oid, schema, name, kind: as in ``Listed``.
        fingerprint: changes with whatever a description of it is made of, but the types of its columns.
    """

    oid: int
    schema: str
    name: str
    kind: str
    fingerprint: str


async def listed(database: Database, schema: str | None = None) -> list[Listed]:
    """The tables, views and foreign tables of a database, or of one schema, by name; partitions are left out."""
    rows = await database.run_fetch(_LISTED, (schema,))
    return [Listed(r["oid"], r["schema"], r["name"], KINDS[r["kind"]], r["rows"]) for r in rows]


async def find(database: Database, schema: str | None, name: str) -> Found | None:
    """The table, view or foreign table of a name; without a schema as the search path has it."""
    row = await database.run_fetchrow(_FOUND, (quote_qualified(schema, name),))
    if row is None or row["kind"] not in KINDS:
        return None
    return Found(row["oid"], row["schema"], row["name"], KINDS[row["kind"]], row["fingerprint"])


__all__ = ["KINDS", "Found", "Listed", "find", "listed"]
