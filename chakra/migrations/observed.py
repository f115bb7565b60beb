"""The state that a database is in, read from its catalog. No data is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chakra import introspect
from chakra.migrations.frozen import frozen
from chakra.migrations.state import Composite, Domain, Key, State
from chakra.pg.lexing import tokens
from chakra.schema import Guard, Policy, Sequence, Table, Trigger

if TYPE_CHECKING:
    from chakra.db import Database

# Manual, chapter 52: pg_type, pg_enum. What belongs to an extension is that extension's own matter.
_OWN_TYPE = """
NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid
    AND e.deptype = 'e')
"""
_ENUMS = f"""
SELECT n.nspname::text AS schema, t.typname::text AS name,
    array(SELECT enumlabel::text FROM pg_catalog.pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder) AS labels
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND n.nspname = ANY ($1::text[]) AND {_OWN_TYPE}
ORDER BY 1, 2
"""
_DOMAINS = f"""
SELECT n.nspname::text AS schema, t.typname::text AS name,
    pg_catalog.format_type(t.typbasetype, t.typtypmod) AS type, NOT t.typnotnull AS nullable,
    t.typdefault AS default,
    CASE WHEN t.typcollation <> b.typcollation THEN co.collname::text END AS collation,
    CASE WHEN NOT pg_catalog.pg_collation_is_visible(co.oid) THEN con.nspname::text END AS collation_schema,
    array(SELECT conname::text FROM pg_catalog.pg_constraint
           WHERE contypid = t.oid AND contype = 'c' ORDER BY conname) AS names,
    array(SELECT pg_catalog.pg_get_expr(conbin, 0) FROM pg_catalog.pg_constraint
           WHERE contypid = t.oid AND contype = 'c' ORDER BY conname) AS checks
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_catalog.pg_collation co ON co.oid = t.typcollation
LEFT JOIN pg_catalog.pg_namespace con ON con.oid = co.collnamespace
WHERE t.typtype = 'd' AND n.nspname = ANY ($1::text[]) AND {_OWN_TYPE}
ORDER BY 1, 2
"""
_COMPOSITES = f"""
SELECT n.nspname::text AS schema, t.typname::text AS name,
    array(SELECT attname::text FROM pg_catalog.pg_attribute
           WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) AS names,
    array(SELECT pg_catalog.format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute
           WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) AS types
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
JOIN pg_catalog.pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
WHERE n.nspname = ANY ($1::text[]) AND {_OWN_TYPE}
ORDER BY 1, 2
"""
# A sequence that a column owns (serial, identity) is that column's own matter.
_SEQUENCES = """
SELECT n.nspname::text AS schema, c.relname::text AS name, q.seqstart AS start, q.seqincrement AS increment,
    q.seqmin AS minimum, q.seqmax AS maximum, q.seqcycle AS cycle, q.seqcache AS cache,
    pg_catalog.format_type(q.seqtypid, NULL) AS type
FROM pg_catalog.pg_sequence q JOIN pg_catalog.pg_class c ON c.oid = q.seqrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1::text[]) AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
        WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend o WHERE o.classid = 'pg_catalog.pg_class'::regclass
        AND o.objid = c.oid AND o.refclassid = 'pg_catalog.pg_class'::regclass AND o.deptype IN ('a', 'i'))
ORDER BY 1, 2
"""
# Manual, chapter 52: pg_policy.polcmd, pg_trigger.
_SECURED = """
SELECT n.nspname::text AS schema, c.relname::text AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY ($1::oid[]) AND (c.relrowsecurity OR c.relforcerowsecurity)
"""
_POLICIES = """
SELECT n.nspname::text AS schema, c.relname::text AS table, p.polname::text AS name, p.polcmd::text AS command,
    p.polpermissive AS permissive, array(
        SELECT CASE WHEN r = 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(r)::text END FROM unnest(p.polroles) r
    ) AS roles,
    pg_catalog.pg_get_expr(p.polqual, p.polrelid) AS using,
    pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) AS check
FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY ($1::oid[]) ORDER BY 1, 2, 3
"""
_TRIGGERS = """
SELECT n.nspname::text AS schema, c.relname::text AS table, t.tgname::text AS name,
    pg_catalog.pg_get_triggerdef(t.oid) AS definition, t.tgenabled::text AS enabled
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY ($1::oid[]) AND NOT t.tgisinternal AND t.tgparentid = 0 ORDER BY 1, 2, 3
"""
_SCHEMAS = """
SELECT nspname::text FROM pg_catalog.pg_namespace
WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%' ORDER BY 1
"""
# A key that holds nothing is none: its triggers are disabled, or it is NOT ENFORCED (PostgreSQL 18).
_IDLE = """
SELECT n.nspname::text AS schema, c.relname::text AS table, k.conname::text AS name
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.conrelid = ANY ($1::oid[]) AND k.contype = 'f' AND (pg_catalog.to_jsonb(k) ->> 'conenforced' = 'false'
    OR EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled IN ('D', 'R')))
"""
_FIRES = {"O": "origin", "A": "always", "R": "replica", "D": "never"}
_COMMANDS = {"*": "all", "r": "select", "a": "insert", "w": "update", "d": "delete"}

JOURNAL = "chakra_migrations"
"""The table that says which migrations were applied; it is nobody's model."""


async def observed(database: Database, schemas: Iterable[str] | None = None) -> State:
    """The state of a database, with expressions as the server writes them.

    What stands in the schema that new tables are made in has no schema in it, as models declare such tables.

    Args:
        schemas: only these; default: all but the server's own.
    """
    ((current,),) = await database.run_fetch("SELECT current_schema()::text", ())
    there = [row[0] for row in await database.run_fetch(_SCHEMAS, ())]
    wanted = there if schemas is None else [name for name in there if name in set(schemas)]
    listed = [
        one
        for one in await introspect.listed(database)
        if one.schema in wanted and one.name != JOURNAL and one.kind != "foreign table"
    ]
    partitions = await _partitions(database, wanted)
    found = await introspect.read(database, [*listed, *partitions])
    oids = [one.oid for one in (*listed, *partitions)]

    def key(schema: str, name: str) -> Key:
        return (None if schema == current else schema, name)

    def bare(table: Table) -> Table:
        made = frozen(without_schema(table, current))
        return replace(made, statements={}, described={}, taken={}, parts={})

    idle = {tuple(row) for row in await database.run_fetch(_IDLE, (oids,))}
    found = [_without(one, idle) for one in found]
    rows = {
        name: await database.run_fetch(sql, (wanted,))
        for name, sql in (
            ("enums", _ENUMS),
            ("composites", _COMPOSITES),
            ("sequences", _SEQUENCES),
        )
    }
    facts = ("start", "increment", "minimum", "maximum", "cycle", "cache", "type")
    extensions = await database.run_fetch(
        "SELECT extname::text FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql' ORDER BY 1", ()
    )
    return State(
        schemas=frozenset(name for name in wanted if name != current and name != "public"),
        extensions=frozenset(row[0] for row in extensions),
        enums=MappingProxyType({key(r["schema"], r["name"]): tuple(r["labels"]) for r in rows["enums"]}),
        domains=MappingProxyType(await domains_of(database, wanted, key)),
        composites=MappingProxyType(
            {
                key(r["schema"], r["name"]): Composite(tuple(zip(r["names"], r["types"], strict=True)))
                for r in rows["composites"]
            }
        ),
        sequences=MappingProxyType(
            {
                key(r["schema"], r["name"]): Sequence(
                    r["name"], schema=key(r["schema"], "")[0], **{word: r[word] for word in facts}
                )
                for r in rows["sequences"]
            }
        ),
        tables=MappingProxyType({(made.schema, made.name): made for made in map(bare, found)}),
        guards=MappingProxyType(await guards_of(database, oids, key)),
    )


async def domains_of(database: Database, schemas: list[str], key: Any) -> dict[Key, Domain]:
    """The domains of schemas, as the server writes them.

    Args:
        key: makes the key of a schema and a name.
    """
    rows = await database.run_fetch(_DOMAINS, (schemas,))
    return {key(row["schema"], row["name"]): _domain(row) for row in rows}


def _without(table: Table, idle: set[tuple[str, ...]]) -> Table:
    kept = tuple([one for one in table.foreign_keys if (table.schema, table.name, one.name) not in idle])
    return table if len(kept) == len(table.foreign_keys) else replace(table, foreign_keys=kept)


def _domain(row: Any) -> Domain:
    collation = row["collation"]
    return Domain(
        row["type"],
        row["nullable"],
        row["default"],
        tuple(zip(row["names"], row["checks"], strict=True)),
        collation if row["collation_schema"] is None else (row["collation_schema"], collation),
    )


async def _partitions(database: Database, schemas: list[str]) -> list[Any]:
    rows = await database.run_fetch(
        "SELECT n.nspname::text AS schema, c.relname::text AS name FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relispartition AND c.relkind IN ('r', 'p') AND n.nspname = ANY ($1::text[]) ORDER BY 1, 2",
        (schemas,),
    )
    found = [await introspect.find(database, row["schema"], row["name"]) for row in rows]
    return [one for one in found if one is not None]


def without_schema(table: Table, current: str) -> Table:
    """A table as models declare it that stand in the schema new tables are made in: they say none."""
    keys = tuple(
        [
            replace(one, target_schema=None) if one.target_schema == current else one
            for one in table.foreign_keys
        ]
    )
    whole = table.partition_of
    if whole is not None and whole.schema == current:
        whole = replace(whole, schema=None)
    columns = tuple([replace(column, type=_bare_type(column.type, current)) for column in table.columns])
    return replace(
        table,
        schema=None if table.schema == current else table.schema,
        foreign_keys=keys,
        partition_of=whole,
        columns=columns,
        sequences=tuple([replace(s, schema=None) if s.schema == current else s for s in table.sequences]),
        statements={},
        described={},
        taken={},
        parts={},
    )


def _bare_type(type_: Any, current: str) -> Any:
    if type_.element is not None:
        type_ = replace(type_, element=_bare_type(type_.element, current))
    if type_.fields:
        type_ = replace(type_, fields=tuple([(name, _bare_type(one, current)) for name, one in type_.fields]))
    return replace(type_, schema=None) if type_.schema == current else type_


async def guards_of(database: Database, oids: list[int], key: Any) -> dict[Key, Guard]:
    """Row security, policies and triggers of tables and views, as the server writes them.

    Args:
        key: makes the key of a schema and a name.
    """
    guards: dict[Key, Guard] = {}
    for row in await database.run_fetch(_SECURED, (oids,)):
        guards[key(row["schema"], row["name"])] = Guard(row["enabled"], row["forced"])
    for row in await database.run_fetch(_POLICIES, (oids,)):
        where = key(row["schema"], row["table"])
        roles = () if list(row["roles"]) == ["public"] else tuple(row["roles"])
        policy = Policy(_COMMANDS[row["command"]], roles, row["using"], row["check"], row["permissive"])
        known = guards.get(where, Guard())
        guards[where] = replace(known, policies={**known.policies, row["name"]: policy})
    for row in await database.run_fetch(_TRIGGERS, (oids,)):
        where = key(row["schema"], row["table"])
        known = guards.get(where, Guard())
        constraint = row["definition"].startswith("CREATE CONSTRAINT")
        trigger = Trigger(_trigger_body(row["definition"], row["table"]), constraint, _FIRES[row["enabled"]])
        guards[where] = replace(known, triggers={**known.triggers, row["name"]: trigger})
    return guards


def _trigger_body(definition: str, table: str) -> str:
    """What stands behind the name in ``pg_get_triggerdef``, with ``{table}`` in place of the table."""
    parts = list(tokens(definition))
    words = [number for number, (kind, _) in enumerate(parts) if kind in ("word", "quoted")]
    start = next(n for n in words if parts[n][1] == "TRIGGER")
    name = next(n for n in words if n > start)
    on = next(n for n in words if n > name and parts[n][1] == "ON")
    named = [n for n in words if n > on and parts[n][1].strip('"').replace('""', '"') == table]
    end = next(n for n in named if n + 1 == len(parts) or parts[n + 1][1] != ".")
    head = "".join(text for _, text in parts[name + 1 : on + 1]).strip()
    return f"{head} {{table}}{''.join(text for _, text in parts[end + 1 :])}"


__all__ = ["JOURNAL", "domains_of", "guards_of", "observed", "without_schema"]
