"""From the catalog to descriptions of tables: columns, keys, constraints and indexes, of many tables at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chakra.db import with_modifier
from chakra.introspect.listing import Found, Listed
from chakra.introspect.words import words_of
from chakra.pg.types import PgType
from chakra.schema import (
    Check,
    Column,
    Exclude,
    ForeignKeyConstraint,
    Identity,
    Index,
    Table,
    Term,
    Unique,
)
from chakra.schema.constraints import OnDelete

if TYPE_CHECKING:
    from chakra.db import Database

# Manual, chapter 52, pg_attribute, pg_attrdef, pg_sequence. What belongs to the type is no word of the column: its
# collation, its storage. A column numbers rows by a sequence that belongs to it: as an identity, or as serial, by a
# default that draws from the sequence and says nothing else.
_COLUMNS = """
SELECT a.attrelid::bigint AS relation, a.attname::text AS name, a.atttypid AS type, a.atttypmod AS typmod,
    a.attndims::int AS ndims, a.attnotnull AS required, a.attidentity::text AS identity,
    a.attgenerated::text AS generated,
    pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable,
    pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression,
    CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN co.collname::text END AS collation,
    CASE WHEN NOT pg_catalog.pg_collation_is_visible(co.oid) THEN con.nspname::text END AS collation_schema,
    pg_catalog.col_description(a.attrelid, a.attnum) AS comment,
    CASE WHEN a.attstorage <> t.typstorage AND rel.relkind IN ('r', 'p') THEN a.attstorage::text END AS storage,
    nullif(a.attcompression::text, '') AS compression,
    CASE WHEN s.seqrelid IS NOT NULL THEN ARRAY[s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
        s.seqcycle::int] END AS numbers, s.seqtypid::bigint AS numbered, a.attidentity = '' AND s.seqrelid IS NOT NULL
        AS serial
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class rel ON rel.oid = a.attrelid
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace con ON con.oid = co.collnamespace
LEFT JOIN pg_catalog.pg_depend of ON of.refobjid = a.attrelid AND of.refobjsubid = a.attnum
    AND of.refclassid = 'pg_catalog.pg_class'::regclass AND of.classid = 'pg_catalog.pg_class'::regclass
    AND (a.attidentity <> '' AND of.deptype = 'i' OR a.attidentity = '' AND of.deptype = 'a'
        AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
        AND pg_catalog.pg_get_expr(d.adbin, d.adrelid) ~ $re$^nextval\\('([^']|'')+'::regclass\\)$$re$
        AND EXISTS (SELECT FROM pg_catalog.pg_sequence q WHERE q.seqrelid = of.objid)
        AND EXISTS (SELECT FROM pg_catalog.pg_depend u WHERE u.classid = 'pg_catalog.pg_attrdef'::regclass
            AND u.objid = d.oid AND u.refclassid = 'pg_catalog.pg_class'::regclass AND u.refobjid = of.objid))
LEFT JOIN pg_catalog.pg_sequence s ON s.seqrelid = of.objid
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

# Manual, chapter 52, pg_constraint. A foreign key to a partitioned table has a row for each partition; which columns ON
# DELETE sets is known from 15 on (confdelsetcols).
_CONSTRAINTS = """
SELECT k.conrelid::bigint AS relation, k.oid::bigint AS made, 0 AS position,
    k.contype::text AS kind, k.conname::text AS name, k.conindid::bigint AS index,
    (SELECT array_agg(a.attname::text ORDER BY o.position)
       FROM unnest(k.conkey) WITH ORDINALITY o(number, position)
       JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = o.number) AS columns,
    CASE WHEN k.contype = 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid) END AS condition,
    k.confdeltype::text AS on_delete, k.confupdtype::text AS on_update, k.confmatchtype::text AS match,
    k.connoinherit AS no_inherit,
    CASE WHEN k.condeferrable THEN CASE WHEN k.condeferred THEN 'deferred' ELSE 'immediate' END END AS deferrable,
    fn.nspname::text AS target_schema, f.relname::text AS target,
    (SELECT array_agg(a.attname::text ORDER BY o.position)
       FROM unnest(k.confkey) WITH ORDINALITY o(number, position)
       JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = o.number) AS target_columns,
    CASE WHEN jsonb_typeof(to_jsonb(k) -> 'confdelsetcols') = 'array' THEN
      (SELECT array_agg(a.attname::text ORDER BY a.attnum)
         FROM jsonb_array_elements_text(to_jsonb(k) -> 'confdelsetcols') s(number)
         JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = s.number::int2) END AS set_columns,
    (SELECT array_agg(o.oprname::text ORDER BY e.position)
       FROM unnest(k.conexclop) WITH ORDINALITY e(oid, position)
       JOIN pg_catalog.pg_operator o ON o.oid = e.oid) AS operators,
    (SELECT array_agg(CASE WHEN pg_catalog.pg_operator_is_visible(o.oid) THEN '' ELSE n.nspname::text END
                      ORDER BY e.position)
       FROM unnest(k.conexclop) WITH ORDINALITY e(oid, position)
       JOIN pg_catalog.pg_operator o ON o.oid = e.oid
       JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace) AS operator_schemas
FROM pg_catalog.pg_constraint k
LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid AND k.contype = 'f'
LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
LEFT JOIN pg_catalog.pg_constraint p ON p.oid = k.conparentid AND p.conrelid = k.conrelid
WHERE k.conrelid = ANY ($1::oid[]) AND k.contype IN ('p', 'u', 'f', 'c', 'x') AND p.oid IS NULL
"""

# Manual, chapter 52, pg_index: a row for each column of each index, those of constraints too. Whether NULLs are
# distinct is known from 15 on (indnullsnotdistinct). indoption: 1 = descending, 2 = NULLs first.
_INDEXES = """
SELECT i.indrelid::bigint AS relation, i.indexrelid::bigint AS made, n AS position,
    c.relname::text AS name, m.amname::text AS method,
    i.indisunique AS is_unique, n <= i.indnkeyatts AS is_key, a.attname::text AS column,
    CASE WHEN a.attname IS NULL THEN pg_catalog.pg_get_indexdef(i.indexrelid, n, true) END AS expression,
    coalesce(i.indoption[n - 1], 0)::int AS options,
    CASE WHEN NOT o.opcdefault OR own.attoptions IS NOT NULL THEN o.opcname::text END AS opclass,
    CASE WHEN NOT pg_catalog.pg_opclass_is_visible(o.oid) THEN opn.nspname::text END AS opclass_schema,
    own.attoptions AS opclass_options,
    CASE WHEN i.indcollation[n - 1] NOT IN (0, coalesce(a.attcollation, 100)) THEN co.collname::text END AS collation,
    CASE WHEN NOT pg_catalog.pg_collation_is_visible(co.oid) THEN con.nspname::text END AS collation_schema,
    pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS condition, c.reloptions AS parameters,
    ts.spcname::text AS tablespace, c.relispartition AS of_parent,
    coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', '') = 'true' AS nulls_not_distinct,
    EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
        AS of_constraint
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = c.relam
CROSS JOIN LATERAL generate_series(1, i.indnatts) n
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n - 1]
LEFT JOIN pg_catalog.pg_attribute own ON own.attrelid = i.indexrelid AND own.attnum = n
LEFT JOIN pg_catalog.pg_opclass o ON n <= i.indnkeyatts AND o.oid = i.indclass[n - 1]
LEFT JOIN pg_catalog.pg_namespace opn ON opn.oid = o.opcnamespace
LEFT JOIN pg_catalog.pg_collation co ON n <= i.indnkeyatts AND co.oid = i.indcollation[n - 1]
LEFT JOIN pg_catalog.pg_namespace con ON con.oid = co.collnamespace
LEFT JOIN pg_catalog.pg_tablespace ts ON ts.oid = c.reltablespace
WHERE i.indrelid = ANY ($1::oid[])
"""

_PARTS = f"""
SELECT k.relation, false AS of_index, k.made, k.position, to_jsonb(k)::text AS row FROM ({_CONSTRAINTS}) k
UNION ALL
SELECT i.relation, true, i.made, i.position, to_jsonb(i)::text FROM ({_INDEXES}) i
ORDER BY 1, 2, 3, 4
"""
"""Constraints, then indexes, each in the order in which they were made."""

_ACTIONS: dict[str, OnDelete] = {  # manual, pg_constraint.confdeltype
    "a": "no action",
    "r": "restrict",
    "c": "cascade",
    "n": "set null",
    "d": "set default",
}
_STORAGE = {"p": "plain", "e": "external", "x": "extended", "m": "main"}
_COMPRESSION = {"p": "pglz", "l": "lz4"}


async def read(database: Database, found: Iterable[Found | Listed]) -> list[Table]:
    """Describe existing tables, views and foreign tables, in the order given: three round trips, one for types that
    nobody asked for before, and one for sequences if defaults draw from any.

    Expressions and conditions are as the server writes them. Indexes that a partition has from its parent are the
    parent's. What a ``Table`` has no word for is left out: triggers, policies, comments on indexes and constraints.
    """
    wanted = list(found)
    oids = [one.oid for one in wanted]
    columns: dict[int, list[Any]] = {oid: [] for oid in oids}
    constraints: dict[int, list[Any]] = {oid: [] for oid in oids}
    indexes: dict[int, list[Any]] = {oid: [] for oid in oids}
    for row in await database.run_fetch(_COLUMNS, (oids,)):
        columns[row["relation"]].append(row)
    for row in await database.run_fetch(_PARTS, (oids,)):
        (indexes if row["of_index"] else constraints)[row["relation"]].append(json.loads(row["row"]))
    words = await words_of(database, oids)
    types = await database.types.resolve_many([row["type"] for rows in columns.values() for row in rows])
    return [
        _table(one, columns[one.oid], constraints[one.oid], indexes[one.oid], types, words.get(one.oid, {}))
        for one in wanted
    ]


def _table(
    found: Found | Listed,
    columns: Sequence[Any],
    constraints: Sequence[Any],
    parts: Sequence[Any],
    types: Any,
    words: Any,
) -> Table:
    by_index: dict[int, list[Any]] = {}
    for row in parts:
        by_index.setdefault(row["made"], []).append(row)
    of_kind: dict[str, list[Any]] = {kind: [] for kind in "pufcx"}
    for row in constraints:
        of_kind[row["kind"]].append(row)
    return Table(
        name=found.name,
        schema=found.schema,
        columns=tuple(_column(row, types[row["type"]]) for row in columns),
        primary_key=tuple(name for row in of_kind["p"] for name in row["columns"]),
        uniques=tuple(_unique(row, by_index[row["index"]]) for row in of_kind["u"]),
        checks=tuple(
            Check(row["condition"], name=row["name"], no_inherit=row["no_inherit"]) for row in of_kind["c"]
        ),
        indexes=tuple(
            _index(rows)
            for rows in by_index.values()
            if not (rows[0]["of_constraint"] or rows[0]["of_parent"])
        ),
        foreign_keys=tuple(map(_foreign_key, of_kind["f"])),
        exclusions=tuple(_exclude(row, by_index[row["index"]]) for row in of_kind["x"]),
        **words,
    )


def _column(row: Any, type_: PgType) -> Column:
    computed = bool(row["generated"])
    return Column(
        name=row["name"],
        type=_declared(type_, row["typmod"], row["ndims"]),
        nullable=not row["required"],
        db_default=None if computed or row["serial"] else row["expression"],
        identity=bool(row["identity"]) or row["serial"],
        always=row["identity"] == "a",
        serial=row["serial"],
        computed=row["expression"] if computed else None,
        virtual=row["generated"] == "v",
        sequence=None if row["numbers"] is None else _sequence(row["numbers"], row["numbered"], type_),
        collation=_name(row["collation_schema"], row["collation"]),
        comment=row["comment"],
        storage=_STORAGE.get(row["storage"]),
        compression=_COMPRESSION.get(row["compression"]),
        readable=row["readable"],
    )


_BITS = {21: 15, 23: 31, 20: 63}  # int2, int4, int8: src/include/catalog/pg_type.dat


def _sequence(numbers: Sequence[int], counted: int, type_: PgType) -> Identity | None:
    """What a column counts by, without what its type says.

    Args:
        counted: OID of the sequence's type, which a serial column whose type was altered does not share. The ends of
            a wider one are those of the column, which holds nothing beyond them.
    """
    start, increment, least, most, cache, cycle = numbers

    def ends(bits: int) -> tuple[int, int]:
        return (1, (1 << bits) - 1) if increment > 0 else (-(1 << bits), -1)

    low, high = ends(_BITS.get(type_.oid, 63))
    if counted in _BITS and _BITS[counted] > _BITS.get(type_.oid, 63):
        wide = ends(_BITS[counted])
        least, most = (low if least == wide[0] else least), (high if most == wide[1] else most)
    return Identity(
        start=start,
        increment=increment,
        minimum=None if least == low else least,
        maximum=None if most == high else most,
        cache=cache,
        cycle=bool(cycle),
    ).options


def _name(schema: str | None, name: str | None) -> Any:
    """A name of the catalog: with its schema where the search path does not find it."""
    return name if schema is None or name is None else (schema, name)


def _term(row: Any) -> Term:
    """One key column of an index."""
    descending = bool(row["options"] & 1)
    pairs = (option.partition("=") for option in row["opclass_options"] or ())
    return Term(
        row["column"],
        row["expression"],
        descending,
        "first" if row["options"] & 2 else "last",
        _name(row["collation_schema"], row["collation"]),
        _name(row["opclass_schema"], row["opclass"]),
        tuple(sorted((name, value) for name, _, value in pairs)),
    )


def _terms(rows: Sequence[Any]) -> tuple[Term, ...]:
    return tuple([_term(row) for row in rows if row["is_key"]])


def _included(rows: Sequence[Any]) -> tuple[str, ...]:
    return tuple([row["column"] for row in rows if not row["is_key"]])


def _index(rows: Sequence[Any]) -> Index:
    first = rows[0]
    pairs = (option.partition("=") for option in first["parameters"] or ())
    return Index(
        *_terms(rows),
        name=first["name"],
        unique=first["is_unique"],
        method=first["method"],
        where=first["condition"],
        include=_included(rows),
        with_=tuple((name, value) for name, _, value in pairs),
        nulls_not_distinct=first["nulls_not_distinct"],
        tablespace=first["tablespace"],
    )


def _unique(row: Any, rows: Sequence[Any]) -> Unique:
    return Unique(
        *map(Term, row["columns"]),  # whatever a column is called: "-" and "(" mean something in texts
        name=row["name"],
        include=_included(rows),
        deferrable=row["deferrable"],
        nulls_not_distinct=rows[0]["nulls_not_distinct"],
    )


def _exclude(row: Any, rows: Sequence[Any]) -> Exclude:
    operators = [
        _name(schema or None, name)
        for schema, name in zip(row["operator_schemas"], row["operators"], strict=True)
    ]
    return Exclude(
        *zip(_terms(rows), operators, strict=True),
        name=row["name"],
        method=rows[0]["method"],
        where=rows[0]["condition"],
        include=_included(rows),
        deferrable=row["deferrable"],
    )


def _foreign_key(row: Any) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        tuple(row["columns"]),
        row["target"],
        tuple(row["target_columns"]),
        row["target_schema"],
        _ACTIONS[row["on_delete"]],
        row["deferrable"],
        tuple(row["set_columns"] or ()),
        _ACTIONS[row["on_update"]],
        "full" if row["match"] == "f" else "simple",
        row["name"],
    )


def _declared(type_: PgType, typmod: int, ndims: int) -> PgType:
    """The type of a column. Views and CREATE TABLE AS declare no dimensions: there they follow from the data."""
    found = with_modifier(type_, typmod, ndims)
    return replace(found, ndims=0) if found.kind == "array" and ndims == 0 else found


__all__ = ["read"]
