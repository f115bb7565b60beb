"""What the catalog says of whole tables: how they are stored and cut, what views ask, what columns draw from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chakra.pg.lexing import tokens
from chakra.schema import Partitioning, PartitionOf, Sequence, View

if TYPE_CHECKING:
    from chakra.db import Database

# Manual, chapter 52, pg_class, pg_partitioned_table, pg_inherits, pg_sequence. Parameters of the TOAST table are kept
# with it. A sequence that belongs to a column (serial, identity) is that column's own matter.
_WORDS = """
SELECT c.oid::bigint AS relation, c.relkind::text AS kind, c.relpersistence = 'u' AS unlogged,
    s.spcname::text AS tablespace, pg_catalog.obj_description(c.oid, 'pg_class') AS comment,
    (SELECT array_agg(word ORDER BY word)
       FROM (SELECT unnest(c.reloptions) UNION ALL SELECT 'toast.' || o FROM unnest(t.reloptions) o)
            given(word)) AS storage,
    p.partstrat::text AS strategy,
    (SELECT array_agg(coalesce(a.attname::text, '') ORDER BY k.position)
       FROM unnest(p.partattrs) WITH ORDINALITY k(number, position)
       LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number AND k.number > 0) AS keys,
    pg_catalog.pg_get_expr(p.partexprs, c.oid) AS expressions,
    wn.nspname::text AS parent_schema, w.relname::text AS parent,
    pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound,
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END AS query,
    EXISTS (SELECT FROM pg_catalog.pg_attrdef d
              JOIN pg_catalog.pg_depend u ON u.classid = 'pg_catalog.pg_attrdef'::regclass AND u.objid = d.oid
              JOIN pg_catalog.pg_sequence q ON q.seqrelid = u.refobjid
             WHERE d.adrelid = c.oid) AS draws
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace
LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid
LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid AND c.relispartition
LEFT JOIN pg_catalog.pg_class w ON w.oid = i.inhparent
LEFT JOIN pg_catalog.pg_namespace wn ON wn.oid = w.relnamespace
WHERE c.oid = ANY ($1::oid[])
"""

_SEQUENCES = """
SELECT d.adrelid::bigint AS relation, n.nspname::text AS schema, c.relname::text AS name,
    q.seqstart AS start, q.seqincrement AS increment, q.seqmin AS minimum, q.seqmax AS maximum,
    q.seqcycle AS cycle, q.seqcache AS cache, pg_catalog.format_type(q.seqtypid, NULL) AS type
FROM pg_catalog.pg_attrdef d
JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.objid = d.oid
    AND p.refclassid = 'pg_catalog.pg_class'::regclass
JOIN pg_catalog.pg_sequence q ON q.seqrelid = p.refobjid
JOIN pg_catalog.pg_class c ON c.oid = q.seqrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE d.adrelid = ANY ($1::oid[]) AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend o WHERE o.classid = 'pg_catalog.pg_class'::regclass AND o.objid = c.oid
        AND o.refclassid = 'pg_catalog.pg_class'::regclass AND o.deptype IN ('a', 'i'))
ORDER BY d.adrelid, d.adnum
"""

_STRATEGIES: dict[str, Any] = {
    "r": "range",
    "l": "list",
    "h": "hash",
}  # manual, pg_partitioned_table.partstrat


async def words_of(database: Database, oids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """What ``schema.Table`` says of whole tables, by OID and by the name of its attribute."""
    wanted = list(oids)
    found = {row["relation"]: _words(row) for row in await database.run_fetch(_WORDS, (wanted,))}
    if any([words.pop("draws") for words in found.values()]):
        for row in await database.run_fetch(_SEQUENCES, (wanted,)):
            facts = {name: row[name] for name in _FACTS}
            found[row["relation"]].setdefault("sequences", ())
            found[row["relation"]]["sequences"] += (Sequence(row["name"], schema=row["schema"], **facts),)
    return found


_FACTS = ("start", "increment", "minimum", "maximum", "cycle", "cache", "type")


def _words(row: Any) -> dict[str, Any]:
    options = [tuple(word.split("=", 1)) for word in row["storage"] or ()]
    found = {
        "comment": row["comment"],
        "unlogged": row["unlogged"],
        "tablespace": row["tablespace"],
        "storage": tuple(options),
        "draws": row["draws"],
    }
    if row["strategy"] is not None:
        found["partition_by"] = Partitioning(_STRATEGIES[row["strategy"]], _keys(row))
    if row["bound"] is not None:
        found["partition_of"] = PartitionOf(row["parent_schema"], row["parent"], row["bound"])
    if row["query"] is not None:
        found["view"] = View(row["query"].strip().rstrip(";"), row["kind"] == "m")
    return found


def _keys(row: Any) -> tuple[str, ...]:
    expressions = iter(_split(row["expressions"] or ""))
    return tuple(name or f"({next(expressions)})" for name in row["keys"])


def _split(listed: str) -> list[str]:
    """Expressions as ``pg_get_expr`` lists them, apart."""
    found, depth = [""], 0
    for kind, text in tokens(listed):
        depth += (text in "([") - (text in ")]") if kind == "other" else 0
        if kind == "other" and text == "," and not depth:
            found.append("")
        else:
            found[-1] += text
    return [text.strip() for text in found]


__all__ = ["words_of"]
