"""Guards: SQL that stands in front of a COPY in the same message and fails if types are not those described.

A COPY stream does not say which types it holds. A guard asks the server's own parser, which sees the catalog as the
COPY behind it will, whatever snapshot the transaction has, and takes the locks the COPY will need: no DDL can come
between the two. Both are one simple query, and so one implicit transaction and one round trip
(docs/decisions/0013-declared-types.md).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from chakra.pg.marks import STALE_TYPES
from chakra.pg.quoting import quote_identifier, quote_qualified, quote_string
from chakra.pg.types import PgType


@dataclass(frozen=True, slots=True)
class ReadGuard:
    """What the result columns of a query were described as.

    Attributes:
        oids: types of the columns, domains by their own OID.
        composites: composite types in them, whose attributes can change under one OID.
        asked: the query to ask about, where the one that is read casts columns, and so hides their types.
        levels: what the records in its columns were described as, each by the query for them alone: the types of their
            fields are hidden, too.
    """

    oids: tuple[int, ...]
    composites: tuple[PgType, ...] = ()
    asked: str | None = None
    levels: tuple[ReadGuard, ...] = ()

    def before(self, query: str) -> str:
        """The guard for ``COPY (query) TO``; the query is planned, but not run: nothing joins ON false."""
        query = self.asked or query
        names = [f"c{i}" for i in range(len(self.oids))]
        found = ", ".join(f"pg_catalog.pg_typeof(q.{name})::oid" for name in names)
        own = f"SELECT {_check(found, self.oids, self.composites)} {_nowhere(query, names)}"
        return "; ".join([own, *(level.before(query) for level in self.levels)])


def describe_query(query: str, columns: int) -> str:
    """The query for one row: the type OIDs of the result columns of another, which is not run."""
    names = [f"c{i}" for i in range(columns)]
    found = ", ".join(f"pg_catalog.pg_typeof(q.{name})::oid" for name in names)
    return f"SELECT ARRAY[{found}] AS types {_nowhere(query, names)}"


def _nowhere(query: str, names: Sequence[str]) -> str:
    return f"FROM (VALUES (1)) AS d LEFT JOIN ({query}) AS q ({', '.join(names)}) ON false"


def write_guard(
    target: str,
    names: Sequence[str],
    oids: Sequence[int],
    composites: Sequence[PgType] = (),
    *,
    rowtype: str | None = None,
    relation: int | None = None,
) -> str:
    """The guard for ``COPY target (names) FROM``.

    EXPLAIN takes the lock of an INSERT, and asks for the rights of one, without running anything: LOCK TABLE would ask
    for rights to the whole table, and takes no foreign table.

    Args:
        target: the table as the COPY writes it, quoted.
        names: the columns, unquoted.
        oids: their types as described.
        rowtype: the table's row type, quoted with its schema; default: ``target``.
        relation: OID of the table; ``None`` = a table of this session's own, which nobody else can lock or alter.
    """
    row = rowtype or target
    found = ", ".join(f"pg_catalog.pg_typeof((NULL::{row}).{quote_identifier(name)})::oid" for name in names)
    check = _check(found, oids, composites)
    if relation is None:
        return f"SELECT {check}"
    same = f"{quote_string(target)}::pg_catalog.regclass = {relation}::oid AND "
    columns = ", ".join(map(quote_identifier, names))
    nulls = ", ".join(["NULL"] * len(names))
    return (
        f"EXPLAIN (COSTS OFF) INSERT INTO {target} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({nulls}); "
        f"SELECT {_check(found, oids, composites, same)}"
    )


def insert_check(rowtype: str, columns: Sequence[tuple[str, Sequence[int]]]) -> str:
    """A condition for an INSERT … SELECT: true, or an error if a column has none of its types any more.

    It holds no column of the SELECT, so it is looked at once for all rows.

    Args:
        rowtype: the table's row type, quoted.
        columns: names, unquoted, and the OIDs of types.
    """
    tests = " AND ".join(
        f"pg_catalog.pg_typeof((NULL::{rowtype}).{quote_identifier(name)})::oid = ANY ({_oids(oids)})"
        for name, oids in columns
    )
    return f"{_zero(tests)} = 0"


def _check(found: str, oids: Sequence[int], composites: Sequence[PgType], also: str = "") -> str:
    records = "".join(f" AND {_record(type_)}" for type_ in composites if type_.fields)
    return _zero(f"{also}ARRAY[{found}] = {_oids(oids)}{records}")


def _zero(condition: str) -> str:
    """0 if a condition holds, else an error of the server's.

    The cast is of a value, not of a constant, which would fail when the text is parsed.
    """
    return f"(CASE WHEN {condition} THEN '0' ELSE {quote_string(STALE_TYPES)} END)::pg_catalog.int4"


def _oids(oids: Sequence[int]) -> str:
    numbers = quote_string(
        "{" + ",".join(map(str, oids)) + "}"
    )  # one constant: elements would be parsed one by one
    return f"{numbers}::pg_catalog.oid[]"


def _record(type_: PgType) -> str:
    """Whether a composite type has the attributes it was described with, in this order.

    The names show in a row of NULLs as JSON; the parser knows the types. A catalog query sees the attributes as of the
    transaction's snapshot, so it is only asked where a domain may refuse NULLs.
    """
    name = quote_qualified(type_.schema, type_.typname)
    if any(inner.kind == "domain" for _, inner in type_.fields):
        labels = quote_string(json.dumps([field for field, _ in type_.fields], ensure_ascii=False))
        named = (
            "(SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type "
            f"AS t ON t.typrelid = a.attrelid WHERE t.oid = {type_.oid}::oid AND a.attnum > 0 AND NOT a.attisdropped)"
            f"::text = {labels}"
        )
    else:
        keys = json.dumps(
            {field: None for field, _ in type_.fields}, separators=(",", ":"), ensure_ascii=False
        )
        nulls = ", ".join(["NULL"] * len(type_.fields))
        named = f"pg_catalog.row_to_json(ROW({nulls})::{name})::text = {quote_string(keys)}"
    types = ", ".join(
        f"pg_catalog.pg_typeof((NULL::{name}).{quote_identifier(field)})::oid" for field, _ in type_.fields
    )
    expected = _oids([inner.oid for _, inner in type_.fields])
    return (
        f"{quote_string(name)}::pg_catalog.regtype = {type_.oid}::oid "
        f"AND {named} AND ARRAY[{types}] = {expected}"
    )


__all__ = ["ReadGuard", "describe_query", "insert_check", "write_guard"]
