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

from chakra.db.driver import RawConnection, RawStatement
from chakra.pg.marks import STALE_RECORDS
from chakra.pg.quoting import quote_string
from chakra.pg.types import BY_OID, JSON, JSONB

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


def composites_in(statement: RawStatement) -> list[int]:
    """OIDs of result types that are composites, or arrays that may hold some."""
    try:
        types = [attribute.type for attribute in statement.get_attributes()]
    except Exception:  # the driver has forgotten one of them
        return []
    return [t.oid for t in types if t.kind in ("composite", "array") and t.oid not in BY_OID]


def documents_in(statement: RawStatement) -> frozenset[int]:
    """Positions of the result columns that are json or jsonb, or arrays, of which the driver makes Python values."""
    try:
        attributes = statement.get_attributes()
    except Exception:  # the driver has forgotten a type
        return frozenset()
    return frozenset(i for i, a in enumerate(attributes) if a.type.oid in _DOCUMENTS)


_DOCUMENTS = frozenset({JSON.oid, JSON.array_oid, JSONB.oid, JSONB.array_oid})


async def with_check(
    raw: RawConnection, sql: str, oids: Sequence[int], known: dict[str, str], *, inside: bool
) -> str | None:
    """The text of a statement with its check; ``None`` where it takes none, and is prepared as it is.

    The names are asked for before the driver asks for them, so that a change in between fails the check.

    Args:
        raw: the connection, whose types are loaded anew where they are not those of before.
        oids: types of its rows that are composites, or may hold some.
        known: attributes by the relations they are of, as they were when the driver asked; kept up to date.
        inside: whether a transaction is open, which an error would end.
    """
    writes = _WRITE.match(sql) is not None
    if writes and inside:  # behind a rule it takes no WITH
        return None
    if not writes and (_QUERY.match(sql) is None or _NOT_INSIDE.search(sql) is not None):
        return None
    row = await raw.fetchrow(_ATTRIBUTES, oids)
    if not row["relations"]:
        return None
    relations = ",".join(map(str, row["relations"]))
    if known.get(relations) != row["names"]:
        await raw.reload_schema_state()
        known[relations] = row["names"]
    guard = (
        "(CASE WHEN (SELECT array_agg(a.attrelid::text || ' ' || a.attname ORDER BY a.attrelid, a.attnum) "
        f"FROM pg_catalog.pg_attribute AS a WHERE a.attrelid IN ({relations}) AND a.attnum > 0 "
        f"AND NOT a.attisdropped)::text = {quote_string(row['names'])} "
        f"THEN '0' ELSE {quote_string(STALE_RECORDS)} END)::pg_catalog.int4 = 0"
    )
    rows = f"WITH q AS ({sql}) SELECT q.* FROM q" if writes else f"SELECT q.* FROM ({sql}) AS q"
    return f"{rows} WHERE {guard}"


__all__ = ["composites_in", "documents_in", "with_check"]
