"""What the server's catalog says about writing into a table, asked in one statement; pure text."""

from __future__ import annotations

from chakra.errors import DataError
from chakra.schema import Column, Table

REWRITTEN = """EXISTS (
    SELECT FROM pg_catalog.pg_class AS c
    WHERE c.oid = pg_catalog.to_regclass($1) AND (c.relkind = 'v' OR c.relhasrules AND EXISTS (
        SELECT FROM pg_catalog.pg_rewrite WHERE ev_class = c.oid AND ev_type = '3' AND ev_enabled <> 'D')))"""

SECURED = "coalesce(pg_catalog.row_security_active(pg_catalog.to_regclass($1)), false)"

# trigger.h: ROW 1, INSERT 4, and BEFORE 2 or INSTEAD 64.
_TRIGGERS = "tgtype & 5 = 5 AND tgtype & 66 <> 0 AND tgenabled <> 'D' AND NOT tgisinternal"

REPLACED = f"""({REWRITTEN} OR EXISTS (
    SELECT FROM pg_catalog.pg_trigger
    WHERE {_TRIGGERS} AND (
        tgrelid = $1::text::regclass
        OR tgrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1::text::regclass)))))"""

ROWS_REPLACED = f"SELECT {REPLACED}"
"""Whether something sees each row before it is inserted, and may leave it out or change its key or fill a column:
triggers of the table or of a partition, rules, whatever a view stands for."""


# A domain that would not allow NULL, or says more about it.
_CONSTRAINED = """t.typtype = 'd' AND t.typdefaultbin IS NULL AND (
    t.typnotnull OR EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE contypid = t.oid)
    OR EXISTS (SELECT FROM pg_catalog.pg_type AS b WHERE b.oid = t.typbasetype AND b.typtype = 'd'))"""


def unchecked(names: str) -> str:
    """The condition that a column is left out whose domain would not allow NULL, or says more about it.

    COPY puts NULL there without asking the domain (``copyfrom.c``, BeginCopyFrom), INSERT asks.

    Args:
        names: the parameter with the names of the columns that are given.
    """
    return f"""EXISTS (
    SELECT FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped AND NOT a.atthasdef
        AND a.attname <> ALL ({names}::text[]) AND {_CONSTRAINED})"""


DRAWN_FACTS = f"SELECT {SECURED} OR {REPLACED} OR {unchecked('$2')}"
"""Whether COPY is not the way to write rows with keys that were drawn before, given some columns."""

# A table without triggers says so in its row; those of partitions are only their own.
_FILLED = f"""EXISTS (
    SELECT FROM pg_catalog.pg_class AS c
    WHERE c.oid = pg_catalog.to_regclass($1) AND (
        c.relkind = 'v'
        OR c.relhastriggers AND EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = c.oid AND {_TRIGGERS})
        OR c.relkind = 'p' AND EXISTS (
            SELECT FROM pg_catalog.pg_trigger
            WHERE {_TRIGGERS} AND tgrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid)))))"""

INSERT_FACTS = f"""
SELECT {SECURED} OR {REWRITTEN} AS insert_only, columns.always, columns.made, columns.unchecked, {_FILLED} AS filled
FROM (
    SELECT min(name) FILTER (WHERE given AND identity = 'a') AS always,
        array_agg(name) FILTER (WHERE NOT given AND (defaulted OR identity <> '')) AS made,
        array_agg(name) FILTER (WHERE NOT given AND NOT defaulted AND constrained) AS unchecked
    FROM (
        SELECT a.attname::text AS name, a.attname = ANY ($2::text[]) AS given, a.attidentity AS identity,
            a.atthasdef OR t.typdefaultbin IS NOT NULL AS defaulted, {_CONSTRAINED} AS constrained
        FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
    ) AS described
) AS columns"""
"""For a table and the columns that are given values: whether rows get in by INSERT only; the given column that is an
identity GENERATED ALWAYS, which COPY would write all the same; the columns left out for which the server has a default,
of their own or of their domain; those left out whose domain has to be asked whether it takes NULL; whether something
may fill in what is missing.

COPY refuses views and row security (``copyto.c``, ``copy.c``) and passes rules by (manual, COPY, Notes)."""

DEFAULT_OF = """
SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid)
FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attname = $2 AND a.attgenerated = ''"""
"""The default of a column, as SQL."""

UNIQUE_INDEXES = """
SELECT (SELECT array_agg(pg_catalog.pg_get_indexdef(i.indexrelid, n, false) ORDER BY n)
        FROM generate_series(1, i.indnkeyatts) AS n) AS columns,
    pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate, c.relname::text AS name
FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = pg_catalog.to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indimmediate
ORDER BY c.relname"""
"""What the unique indexes of a table are over: what ON CONFLICT can find conflicts by."""


ARBITERS = """
SELECT c.conname::text AS name, CASE WHEN c.contype <> 'x' THEN (
        SELECT array_agg(a.attname::text ORDER BY k.position)
        FROM unnest(c.conkey) WITH ORDINALITY AS k(number, position)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.number) END AS columns
FROM pg_catalog.pg_constraint AS c
WHERE c.conrelid = pg_catalog.to_regclass($1) AND c.contype IN ('p', 'u', 'x') AND NOT c.condeferrable
ORDER BY c.conname"""
"""The constraints of a table by which ON CONFLICT can find conflicts, and their columns, if being equal is what they
forbid."""


ROWS_WRITTEN = """
SELECT current_setting('track_counts') = 'on' AS counted, array_agg(named.name ORDER BY named.name) AS names,
    array_agg(named.deleted ORDER BY named.name) AS deleted, array_agg(named.updated ORDER BY named.name) AS updated
FROM (
    SELECT CASE WHEN pg_catalog.pg_table_is_visible(t.oid) THEN '' ELSE n.nspname || '.' END || t.relname AS name,
        sum(written.deleted)::bigint AS deleted, sum(written.updated)::bigint AS updated
    FROM (
        SELECT CASE WHEN c.relispartition THEN pg_catalog.pg_partition_root(c.oid) ELSE c.oid END AS whole,
            pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid) AS deleted,
            pg_catalog.pg_stat_get_xact_tuples_updated(c.oid) AS updated
        FROM pg_catalog.pg_class AS c WHERE c.relkind = 'r' OFFSET 0
    ) AS written
    JOIN pg_catalog.pg_class AS t ON t.oid = written.whole
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
    WHERE (written.deleted > 0 OR written.updated > 0) AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    GROUP BY 1
) AS named"""
"""Rows that this connection deleted and updated, by table, partitions as their whole: those of this transaction, and
what of earlier ones was not yet added to the statistics, which happens between transactions only (``pgstat.c``). What
foreign keys do is counted like everything else, since the server does it by statements of its own
(``ri_triggers.c``). It looks once at every table of the database: 0.2 ms for 400 relations."""


def computed_error(table: Table, column: Column) -> DataError:
    """The error of a value for a column that the server computes, in whatever way it was to be written."""
    own = (
        ". An identity column takes values of your own once it is GENERATED BY DEFAULT: ALTER TABLE "
        f"{table.quoted} ALTER COLUMN {column.quoted} SET GENERATED BY DEFAULT"
    )
    return DataError(
        f'column "{column.attribute}" of {table.title} is GENERATED ALWAYS: the server computes it; leave it out of '
        f"the data{own if column.computed is None else ''}",
        column=column.attribute,
    )


__all__ = [
    "ARBITERS",
    "DEFAULT_OF",
    "DRAWN_FACTS",
    "INSERT_FACTS",
    "REPLACED",
    "ROWS_REPLACED",
    "ROWS_WRITTEN",
    "SECURED",
    "UNIQUE_INDEXES",
    "computed_error",
    "unchecked",
]
