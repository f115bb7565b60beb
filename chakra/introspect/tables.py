"""From the catalog to descriptions of tables: columns, keys, constraints and indexes, of many tables at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chakra.db import with_modifier
from chakra.introspect.listing import Found, Listed
from chakra.introspect.words import words_of
from chakra.pg.types import PgType
from chakra.schema import Check, Column, ForeignKeyConstraint, Index, Table, Unique
from chakra.schema.constraints import OnDelete

if TYPE_CHECKING:
    from chakra.db import Database

# Manual, chapter 52, pg_attribute, pg_attrdef.
_COLUMNS = """
SELECT a.attrelid::bigint AS relation, a.attname::text AS name, a.atttypid AS type, a.atttypmod AS typmod,
    a.attndims::int AS ndims, a.attnotnull AS required, a.attidentity::text AS identity,
    a.attgenerated::text AS generated,
    pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable,
    pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

# Manual, chapter 52, pg_constraint, pg_index. A foreign key to a partitioned table has a row for each partition; which
# columns ON DELETE sets is known from 15 on (confdelsetcols), whether NULLs are distinct, too (indnullsnotdistinct).
_PARTS = """
SELECT k.conrelid::bigint AS relation, k.contype::text AS kind, k.conname::text AS name,
    (SELECT array_agg(a.attname::text ORDER BY o.position)
       FROM unnest(k.conkey) WITH ORDINALITY o(number, position)
       JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = o.number) AS columns,
    CASE WHEN k.contype = 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid) END AS condition,
    k.confdeltype::text AS on_delete, k.condeferred AS deferred, fn.nspname::text AS target_schema,
    f.relname::text AS target,
    (SELECT array_agg(a.attname::text ORDER BY o.position)
       FROM unnest(k.confkey) WITH ORDINALITY o(number, position)
       JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = o.number) AS target_columns,
    CASE WHEN jsonb_typeof(to_jsonb(k) -> 'confdelsetcols') = 'array' THEN
      (SELECT array_agg(a.attname::text ORDER BY a.attnum)
         FROM jsonb_array_elements_text(to_jsonb(k) -> 'confdelsetcols') s(number)
         JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = s.number::int2) END AS set_columns,
    false AS is_unique, NULL AS method, NULL AS definition, k.oid::bigint AS position
FROM pg_catalog.pg_constraint k
LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid AND k.contype = 'f'
LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
LEFT JOIN pg_catalog.pg_constraint p ON p.oid = k.conparentid AND p.conrelid = k.conrelid
WHERE k.conrelid = ANY ($1::oid[]) AND k.contype IN ('p', 'u', 'f', 'c') AND p.oid IS NULL
UNION ALL
SELECT i.indrelid::bigint, 'index', c.relname::text,
    (SELECT array_agg(CASE WHEN i.indoption[n - 1] & 1 = 1 THEN '-' ELSE '' END
                      || coalesce(a.attname::text, '(' || pg_catalog.pg_get_indexdef(i.indexrelid, n, true) || ')')
                      ORDER BY n)
       FROM generate_series(1, i.indnkeyatts) n
       LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n - 1]),
    pg_catalog.pg_get_expr(i.indpred, i.indrelid), NULL, false, NULL, NULL, NULL, NULL,
    i.indisunique, m.amname::text,
    CASE WHEN i.indnatts > i.indnkeyatts OR c.reloptions IS NOT NULL OR c.reltablespace <> 0
          OR coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', '') = 'true'
          OR EXISTS (SELECT FROM generate_series(0, i.indnkeyatts - 1) n
                       JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[n]
                       LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n]
                      WHERE NOT o.opcdefault OR i.indoption[n] NOT IN (0, 3)
                         OR i.indcollation[n] NOT IN (0, coalesce(a.attcollation, i.indcollation[n])))
         THEN pg_catalog.pg_get_indexdef(i.indexrelid) END,
    i.indexrelid::bigint
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = c.relam
WHERE i.indrelid = ANY ($1::oid[]) AND NOT c.relispartition AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY relation, position
"""

_ON_DELETE: dict[str, OnDelete] = {  # manual, pg_constraint.confdeltype
    "a": "no action",
    "r": "restrict",
    "c": "cascade",
    "n": "set null",
    "d": "set default",
}


async def read(database: Database, found: Iterable[Found | Listed]) -> list[Table]:
    """Describe existing tables, views and foreign tables, in the order given: three round trips, one for types that
    nobody asked for before, and one for sequences if defaults draw from any.

    Indexes that a partition has from its parent are the parent's. What a ``Table`` has no word for is left out:
    exclusion constraints, triggers, policies.
    """
    wanted = list(found)
    oids = [one.oid for one in wanted]
    columns: dict[int, list[Any]] = {oid: [] for oid in oids}
    parts: dict[int, list[Any]] = {oid: [] for oid in oids}
    for row in await database.run_fetch(_COLUMNS, (oids,)):
        columns[row["relation"]].append(row)
    for row in await database.run_fetch(_PARTS, (oids,)):
        parts[row["relation"]].append(row)
    words = await words_of(database, oids)
    types = await database.types.resolve_many([row["type"] for rows in columns.values() for row in rows])
    return [_table(one, columns[one.oid], parts[one.oid], types, words.get(one.oid, {})) for one in wanted]


def _table(
    found: Found | Listed, columns: Sequence[Any], parts: Sequence[Any], types: Any, words: Any
) -> Table:
    primary_key: tuple[str, ...] = ()
    uniques: list[Unique] = []
    checks: list[Check] = []
    foreign_keys: list[ForeignKeyConstraint] = []
    indexes: list[Index] = []
    for row in parts:
        kind, names = row["kind"], tuple(row["columns"] or ())
        if kind == "p":
            primary_key = names
        elif kind == "u":
            uniques.append(Unique(*names, name=row["name"]))
        elif kind == "c":
            checks.append(Check(row["condition"], name=row["name"]))
        elif kind == "f":
            foreign_keys.append(_foreign_key(names, row))
        else:
            indexes.append(
                Index(
                    *names,
                    name=row["name"],
                    unique=row["is_unique"],
                    method=row["method"],
                    where=row["condition"],
                    definition=row["definition"],
                )
            )
    return Table(
        name=found.name,
        schema=found.schema,
        columns=tuple(_column(row, types[row["type"]]) for row in columns),
        primary_key=primary_key,
        uniques=tuple(uniques),
        checks=tuple(checks),
        indexes=tuple(indexes),
        foreign_keys=tuple(foreign_keys),
        **words,
    )


def _column(row: Any, type_: PgType) -> Column:
    computed = bool(row["generated"])
    return Column(
        name=row["name"],
        type=_declared(type_, row["typmod"], row["ndims"]),
        nullable=not row["required"],
        db_default=None if computed else row["expression"],
        identity=bool(row["identity"]),
        always=row["identity"] == "a",
        computed=row["expression"] if computed else None,
        virtual=row["generated"] == "v",
        readable=row["readable"],
    )


def _foreign_key(names: tuple[str, ...], row: Any) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        names,
        row["target"],
        tuple(row["target_columns"]),
        row["target_schema"],
        _ON_DELETE[row["on_delete"]],
        row["deferred"],
        tuple(row["set_columns"] or ()),
    )


def _declared(type_: PgType, typmod: int, ndims: int) -> PgType:
    """The type of a column. Views and CREATE TABLE AS declare no dimensions: there they follow from the data."""
    found = with_modifier(type_, typmod, ndims)
    return replace(found, ndims=0) if found.kind == "array" and ndims == 0 else found


__all__ = ["read"]
