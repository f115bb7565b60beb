"""What tables stand on that models do not make, and what is said of them that models have no word for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Key = tuple[str | None, str]

# Manual, chapter 52, pg_depend. What initdb makes is pinned and has no rows there; what an extension brings comes with
# it. A default, a constraint, an index, a rule, a trigger and a policy each belong to one table, a condition to
# its domain. An exclusion constraint stands on its operators; on classes of operators its index does.
_NEEDS = """
SELECT found.kind, found.relation::bigint AS relation, found.name, what.type AS what, what.identity,
    CASE WHEN d.refclassid = 'pg_catalog.pg_type'::regclass THEN tn.nspname::text END AS type_schema,
    CASE WHEN d.refclassid = 'pg_catalog.pg_type'::regclass
        THEN coalesce(el.typname, t.typname)::text END AS type_name
FROM pg_catalog.pg_depend d
CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.refclassid, d.refobjid, 0) what
LEFT JOIN pg_catalog.pg_type t ON d.refclassid = 'pg_catalog.pg_type'::regclass AND t.oid = d.refobjid
LEFT JOIN pg_catalog.pg_type el ON el.typarray = t.oid
LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
JOIN LATERAL (
    SELECT CASE WHEN a.attgenerated = '' THEN 'default' ELSE 'computed' END AS kind, f.adrelid AS relation,
        a.attname::text AS name
      FROM pg_catalog.pg_attrdef f
      JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
     WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND f.oid = d.objid
    UNION ALL
    SELECT 'constraint', k.conrelid, k.conname::text FROM pg_catalog.pg_constraint k
     WHERE d.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = d.objid AND k.contypid = 0
    UNION ALL
    SELECT 'domain', k.contypid, k.conname::text FROM pg_catalog.pg_constraint k
     WHERE d.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = d.objid AND k.contypid <> 0
    UNION ALL
    SELECT 'domain', y.oid, '' FROM pg_catalog.pg_type y
     WHERE d.classid = 'pg_catalog.pg_type'::regclass AND y.oid = d.objid AND y.typtype = 'd'
        AND d.refclassid <> 'pg_catalog.pg_type'::regclass
    UNION ALL
    SELECT 'index', i.indrelid, c.relname::text FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
     WHERE d.classid = 'pg_catalog.pg_class'::regclass AND i.indexrelid = d.objid
    UNION ALL
    SELECT CASE WHEN d.objsubid = 0 THEN 'table' ELSE 'column' END, c.oid, coalesce(a.attname::text, '')
      FROM pg_catalog.pg_class c
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
     WHERE d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = d.objid AND c.relkind IN ('r', 'p', 'm')
        AND d.refclassid <> 'pg_catalog.pg_type'::regclass
    UNION ALL
    SELECT 'view', r.ev_class, '' FROM pg_catalog.pg_rewrite r
     WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = d.objid AND r.rulename = '_RETURN'
    UNION ALL
    SELECT 'trigger', g.tgrelid, g.tgname::text FROM pg_catalog.pg_trigger g
     WHERE d.classid = 'pg_catalog.pg_trigger'::regclass AND g.oid = d.objid AND NOT g.tgisinternal
    UNION ALL
    SELECT 'policy', p.polrelid, p.polname::text FROM pg_catalog.pg_policy p
     WHERE d.classid = 'pg_catalog.pg_policy'::regclass AND p.oid = d.objid
) found ON true
WHERE d.refclassid = ANY (ARRAY['pg_proc', 'pg_operator', 'pg_opclass', 'pg_opfamily', 'pg_collation', 'pg_ts_config',
        'pg_ts_dict', 'pg_type', 'pg_am']::regclass[])
    AND d.deptype IN ('n', 'a') AND coalesce(what.schema, '') NOT IN ('pg_catalog', 'information_schema')
    AND (found.kind = 'domain' OR found.relation = ANY ($1::oid[]))
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = d.refclassid AND e.objid = d.refobjid
        AND e.deptype = 'e')
ORDER BY 1, 2, 3, 5
"""

# Which columns of which relations the query of a view reads, and policies and triggers beside their own tables.
_READS = """
SELECT DISTINCT coalesce(r.ev_class, p.polrelid, g.tgrelid)::bigint AS relation,
    CASE WHEN r.oid IS NOT NULL THEN 'view' WHEN p.oid IS NOT NULL THEN 'policy' ELSE 'trigger' END AS kind,
    coalesce(p.polname, g.tgname, '')::text AS name, c.oid::bigint AS read, n.nspname::text AS schema,
    c.relname::text AS table, coalesce(a.attname::text, '') AS column
FROM pg_catalog.pg_depend d
LEFT JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = d.objid
    AND r.rulename = '_RETURN'
LEFT JOIN pg_catalog.pg_policy p ON d.classid = 'pg_catalog.pg_policy'::regclass AND p.oid = d.objid
LEFT JOIN pg_catalog.pg_trigger g ON d.classid = 'pg_catalog.pg_trigger'::regclass AND g.oid = d.objid
    AND NOT g.tgisinternal
JOIN pg_catalog.pg_class c ON d.refclassid = 'pg_catalog.pg_class'::regclass AND c.oid = d.refobjid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
WHERE coalesce(r.ev_class, p.polrelid, g.tgrelid) = ANY ($1::oid[])
    AND (r.oid IS NULL OR r.ev_class <> c.oid) AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1, 2, 3, 4, 7
"""

# Of whole tables, keys, and triggers: what schema.Table has no word for. Manual, chapter 52.
_UNTOLD = """
SELECT c.oid::bigint AS relation, u.kind, u.name, u.detail FROM pg_catalog.pg_class c CROSS JOIN LATERAL (
    SELECT 'inherits' AS kind, '' AS name, i.inhparent::regclass::text AS detail FROM pg_catalog.pg_inherits i
     WHERE i.inhrelid = c.oid AND NOT c.relispartition
    UNION ALL
    SELECT 'of type', '', c.reloftype::regtype::text WHERE c.reloftype <> 0
    UNION ALL
    SELECT 'method', '', m.amname::text FROM pg_catalog.pg_am m
     WHERE m.oid = c.relam AND c.relkind IN ('r', 'm') AND m.amname <> 'heap'
    UNION ALL
    SELECT 'replica identity', '', c.relreplident::text WHERE c.relreplident IN ('f', 'n', 'i')
        AND c.relkind IN ('r', 'p') AND c.relnamespace <> 'pg_catalog'::regnamespace
    UNION ALL
    SELECT 'hidden', '', '' WHERE EXISTS (SELECT FROM pg_catalog.pg_class own WHERE own.relname = c.relname
        AND own.relnamespace = 'pg_catalog'::regnamespace)
    UNION ALL
    SELECT 'unfilled', '', '' WHERE c.relkind = 'm' AND NOT c.relispopulated
    UNION ALL
    SELECT 'rule', r.rulename::text, '' FROM pg_catalog.pg_rewrite r
     WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN'
    UNION ALL
    SELECT 'trigger off', t.tgname::text, CASE t.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'for replicas'
        ELSE 'also for replicas' END FROM pg_catalog.pg_trigger t
     WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'O' AND t.tgparentid = 0
    UNION ALL
    SELECT CASE WHEN to_jsonb(k) ->> 'conperiod' = 'true' THEN 'period'
                WHEN to_jsonb(k) ->> 'conenforced' = 'false' THEN 'unenforced'
                WHEN NOT k.convalidated THEN 'unvalidated'
                WHEN k.contype = 'p' AND k.condeferrable THEN 'deferrable'
                WHEN k.contype = 'p' AND (SELECT i.indnatts > i.indnkeyatts FROM pg_catalog.pg_index i
                    WHERE i.indexrelid = k.conindid) THEN 'include'
                WHEN k.contype = 'p' THEN 'called' END, k.conname::text, ''
      FROM pg_catalog.pg_constraint k
     WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f', 'c', 'x') AND k.conparentid = 0
    UNION ALL
    SELECT 'invalid', x.relname::text, '' FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
     WHERE i.indrelid = c.oid AND NOT i.indisvalid AND c.relkind <> 'p'
) u WHERE c.oid = ANY ($1::oid[]) AND u.kind IS NOT NULL
ORDER BY 1, 2, 3
"""

# What CREATE TYPE … AS RANGE says beyond the subtype: none of it is in schema.Table.
_RANGES = """
SELECT n.nspname::text AS schema, t.typname::text AS name FROM pg_catalog.pg_range r
JOIN pg_catalog.pg_type t ON t.oid = r.rngtypid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
JOIN pg_catalog.pg_type s ON s.oid = r.rngsubtype JOIN pg_catalog.pg_opclass o ON o.oid = r.rngsubopc
WHERE n.nspname <> 'pg_catalog' AND (NOT o.opcdefault OR r.rngcanonical <> 0 OR r.rngsubdiff <> 0
    OR r.rngcollation <> s.typcollation)
"""


@dataclass(frozen=True)
class Need:
    """Something that models do not make, and what stands on it.

    Attributes:
        kind: ``default``, ``computed``, ``constraint``, ``domain``, ``index``, ``table``, ``column``, ``view``,
            ``trigger`` or ``policy``.
        relation: OID of the table; of a domain of the type.
        name: of the column, constraint, index, trigger or policy; empty for what is the whole table.
        what: what it stands on, for people: ``function app.slug(text)``.
        type: of a type its schema and name.
    """

    kind: str
    relation: int
    name: str
    what: str
    type: Key | None = None


@dataclass(frozen=True)
class Read:
    """A column, or (``""``) all of a relation, that a view, a policy or a trigger reads."""

    relation: int
    kind: str
    name: str
    table: Key
    column: str


@dataclass(frozen=True)
class Untold:
    """Something that ``schema.Table`` has no word for."""

    relation: int
    kind: str
    name: str
    detail: str


@dataclass(frozen=True)
class Needs:
    """What was found."""

    needs: tuple[Need, ...] = ()
    reads: tuple[Read, ...] = ()
    untold: tuple[Untold, ...] = ()
    odd_ranges: frozenset[Key] = field(default_factory=frozenset)


async def needs_of(database: Any, oids: Iterable[int], current: str) -> Needs:
    """Ask the catalog.

    Args:
        oids: of the tables and views.
        current: the schema whose name models leave out.
    """
    wanted = list(oids)

    def key(schema: str, name: str) -> Key:
        return (None if schema == current else schema, name)

    needs = [
        Need(
            row["kind"],
            row["relation"],
            row["name"],
            f"{row['what']} {row['identity']}",
            None if row["type_name"] is None else key(row["type_schema"], row["type_name"]),
        )
        for row in await database.run_fetch(_NEEDS, (wanted,))
    ]
    reads = [
        Read(row["relation"], row["kind"], row["name"], key(row["schema"], row["table"]), row["column"])
        for row in await database.run_fetch(_READS, (wanted,))
    ]
    untold = [Untold(*row) for row in await database.run_fetch(_UNTOLD, (wanted,))]
    ranges = {key(row["schema"], row["name"]) for row in await database.run_fetch(_RANGES, ())}
    return Needs(tuple(needs), tuple(reads), tuple(untold), frozenset(ranges))


__all__ = ["Key", "Need", "Needs", "Read", "Untold", "needs_of"]
