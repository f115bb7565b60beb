"""Composite values in rows: a statement that returns them checks that their attributes are those the driver knows.

A row carries the types of a composite's attributes, but not their names, and the driver asks for those once. After
``ALTER TYPE … RENAME ATTRIBUTE`` in another session it would go on with the old names, or with swapped ones, and no
message of the server tells. So a statement whose rows hold composites is prepared with a condition of its own: the
attributes in the catalog are those of when the driver asked. It is evaluated once for each run, about 15 µs on the
server, and costs no round trip (docs/decisions/0014-types-of-parameters.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import asyncpg

from chakra.db import driver
from chakra.pg.marks import STALE_RECORDS
from chakra.pg.quoting import quote_string
from chakra.pg.types import BY_OID, JSON, JSONB

if TYPE_CHECKING:
    from chakra.db.session import Session

# The composites that types are made of: manual, chapter 52, pg_type and pg_attribute.
_ATTRIBUTES = """
WITH RECURSIVE wanted(oid) AS (
    SELECT unnest($1::oid[])
  UNION
    SELECT needed.oid
    FROM wanted JOIN pg_catalog.pg_type t ON t.oid = wanted.oid
    CROSS JOIN LATERAL (
        SELECT unnest(ARRAY[t.typbasetype, CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN t.typelem ELSE 0 END])
      UNION ALL
        SELECT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) needed(oid)
    WHERE needed.oid <> 0
), relations AS (
    SELECT t.typrelid AS oid FROM wanted JOIN pg_catalog.pg_type t USING (oid) WHERE t.typtype = 'c'
)
SELECT (SELECT array_agg(oid ORDER BY oid) FROM relations) AS relations, array_agg(text)::text AS names
FROM (
    SELECT a.attrelid::text || ' ' || a.attname AS text FROM pg_catalog.pg_attribute a
    WHERE a.attrelid IN (SELECT oid FROM relations) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum
) AS attributes
"""

_QUERY = re.compile(r"\s*\(*\s*(?:select|values|table)\b", re.IGNORECASE)
_WRITE = re.compile(r"\s*(?:insert|update|delete)\b", re.IGNORECASE)
# What cannot stand in parentheses, or may not: it is left as it is.
_NOT_INSIDE = re.compile(r";|--|/\*|\binto\b", re.IGNORECASE)


def composites_in(statement: driver.RawStatement) -> list[int]:
    """OIDs of result types that are composites, or arrays that may hold some."""
    try:
        types = [attribute.type for attribute in statement.get_attributes()]
    except Exception:  # the driver has forgotten one of them
        return []
    return [t.oid for t in types if t.kind in ("composite", "array") and t.oid not in BY_OID]


def documents_in(statement: driver.RawStatement) -> frozenset[int]:
    """Positions of the result columns that are json or jsonb, or arrays, of which the driver makes Python values."""
    try:
        attributes = statement.get_attributes()
    except Exception:  # the driver has forgotten a type
        return frozenset()
    return frozenset(i for i, a in enumerate(attributes) if a.type.oid in _DOCUMENTS)


_DOCUMENTS = frozenset({JSON.oid, JSON.array_oid, JSONB.oid, JSONB.array_oid})


async def guard_records(
    session: Session, sql: str, statement: driver.RawStatement, oids: Sequence[int]
) -> driver.RawStatement:
    """Prepare a statement with its check; where it takes none, the statement is returned as it is.

    The names are asked for before the driver asks for them, so that a change in between fails the check.
    """
    writes = _WRITE.match(sql) is not None
    if (
        writes and session.in_transaction
    ):  # behind a rule it takes no WITH, and an error would end the transaction
        return statement
    if not writes and (_QUERY.match(sql) is None or _NOT_INSIDE.search(sql) is not None):
        return statement
    row = await session.raw.fetchrow(_ATTRIBUTES, oids)
    if not row["relations"]:
        return statement
    relations = ",".join(map(str, row["relations"]))
    if session.records.get(relations) != row["names"]:
        await session.raw.reload_schema_state()
        session.records[relations] = row["names"]
    guard = (
        "(CASE WHEN (SELECT array_agg(a.attrelid::text || ' ' || a.attname ORDER BY a.attrelid, a.attnum) "
        f"FROM pg_catalog.pg_attribute AS a WHERE a.attrelid IN ({relations}) AND a.attnum > 0 "
        f"AND NOT a.attisdropped)::text = {quote_string(row['names'])} "
        f"THEN '0' ELSE {quote_string(STALE_RECORDS)} END)::pg_catalog.int4 = 0"
    )
    rows = f"WITH q AS ({sql}) SELECT q.* FROM q" if writes else f"SELECT q.* FROM ({sql}) AS q"
    try:
        return await session.parse(f"{rows} WHERE {guard}")
    except asyncpg.PostgresError:
        if session.in_transaction:
            raise
        return statement


__all__ = ["composites_in", "documents_in", "guard_records"]
