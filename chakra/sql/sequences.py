"""Statements that bring sequences up to the values a table has; loads with keys of their own leave them behind."""

from __future__ import annotations

from chakra.pg.quoting import quote_identifier, quote_qualified, quote_string
from chakra.schema import Table

# Of serial columns (dependency "auto") and identity columns ("internal"); manual, chapter 52, pg_depend, pg_sequence.
SEQUENCES_OF = """
SELECT a.attname::text AS column, n.nspname::text AS schema, s.relname::text AS sequence,
    q.seqincrement > 0 AS ascending
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
    AND d.refobjid = pg_catalog.to_regclass($1) AND d.deptype IN ('a', 'i')
    AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
ORDER BY a.attnum
"""

DRAWN_AT_MOST = 10_000
"""Steps up to which a sequence is moved by drawing from it, about 1 ms. ``setval`` says where it stands, whatever
others drew since it was looked at, so it is for distances that nobody draws in that moment."""


def move_sequence(table: Table, column: str, schema: str, sequence: str, ascending: bool) -> str:
    """The query that moves a sequence past the largest value of its column, never back.

    It gives the value the sequence stands at then; no row if there was nothing to do.
    """
    name = quote_qualified(schema, sequence)
    literal = f"{quote_string(name)}::pg_catalog.regclass"
    largest = f"{'max' if ascending else 'min'}({quote_identifier(column)})::bigint"
    return (
        f"SELECT CASE WHEN steps > {DRAWN_AT_MOST} THEN pg_catalog.setval({literal}, last) "
        f"ELSE (SELECT {'max' if ascending else 'min'}(k) "
        f"FROM (SELECT pg_catalog.nextval({literal}) AS k FROM pg_catalog.generate_series(1, steps)) drawn) END "
        "FROM (SELECT t.last, pg_catalog.ceil((t.last - s.last_value)::numeric / q.seqincrement)::bigint "
        "+ CASE WHEN s.is_called THEN 0 ELSE 1 END AS steps "
        f"FROM (SELECT {largest} AS last FROM {table.quoted}) t, {name} s, pg_catalog.pg_sequence q "
        f"WHERE q.seqrelid = {literal}) moved WHERE steps > 0"
    )


__all__ = ["SEQUENCES_OF", "move_sequence"]
