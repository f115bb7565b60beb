"""Tables without a model: descriptions read from the server's catalog."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from chakra.db import with_modifier
from chakra.errors import FieldError
from chakra.pg.lexing import tokens
from chakra.pg.quoting import quote_qualified
from chakra.pg.types import PgType
from chakra.query import catalogue
from chakra.schema import Column, ForeignKeyConstraint, Table, Unique
from chakra.schema.constraints import OnDelete

if TYPE_CHECKING:
    from chakra.db import Database

# The row versions (xmin) of everything a description is made of: DDL that changes a table writes new versions
# of these catalog rows, in whatever process it ran. Manual: chapter 52, pg_class, pg_attribute, pg_constraint.
_FINGERPRINT = """
SELECT c.oid::bigint AS oid, c.relkind::text AS kind, n.nspname::text AS schema, c.relname::text AS name,
    concat_ws(';', c.oid, c.xmin,
        (SELECT string_agg(a.xmin::text || ':' || a.attnum, ',' ORDER BY a.attnum)
           FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
        (SELECT string_agg(d.xmin::text || ':' || d.adnum, ',' ORDER BY d.adnum)
           FROM pg_catalog.pg_attrdef d WHERE d.adrelid = c.oid),
        (SELECT string_agg(k.xmin::text || ':' || k.oid, ',' ORDER BY k.oid)
           FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid)) AS fingerprint
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass($1)
"""

_COLUMNS = """
SELECT a.attname::text AS name, a.atttypid AS type, a.atttypmod AS typmod, a.attndims::int AS ndims,
    a.attnotnull AS required, a.attidentity::text <> '' AS identity,
    pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable,
    pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS db_default
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

_CONSTRAINTS = """
SELECT k.conname::text AS name, k.contype::text AS kind,
    (SELECT array_agg(a.attname::text ORDER BY o.position)
       FROM unnest(k.conkey) WITH ORDINALITY o(number, position)
       JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = o.number) AS columns,
    k.confdeltype::text AS on_delete, fn.nspname::text AS target_schema, f.relname::text AS target,
    (SELECT array_agg(a.attname::text ORDER BY o.position)
       FROM unnest(k.confkey) WITH ORDINALITY o(number, position)
       JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = o.number) AS target_columns
FROM pg_catalog.pg_constraint k
LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid AND k.contype = 'f'
LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
WHERE k.conrelid = $1::bigint::oid AND k.contype IN ('p', 'u', 'f')
ORDER BY k.oid
"""

_RELATION_KINDS = frozenset("rpvmf")  # table, partitioned table, view, materialized view, foreign table

_ON_DELETE: dict[str, OnDelete] = {  # manual, pg_constraint.confdeltype
    "a": "no action",
    "r": "restrict",
    "c": "cascade",
    "n": "set null",
    "d": "set default",
}

_reflected: WeakKeyDictionary[Database, dict[str, tuple[str, Table]]] = WeakKeyDictionary()


def _check_text(name: Any) -> None:
    if not isinstance(name, str):
        model = getattr(name, "__table__", None)
        said = "" if model is None else f"; of a model the query is {name.__name__}.objects"
        raise FieldError(f"db.table() takes the name of a table as text, not {name!r}{said}")


def parse_name(text: str) -> tuple[str | None, str]:
    """Take ``name``, ``schema.name`` or a quoted form of either apart; case is kept.

    Raises:
        FieldError: anything else.
    """
    _check_text(text)
    parts: list[str] = []
    expect_name = True
    for kind, token in tokens(text):
        if expect_name and kind == "quoted" and token.startswith('"') and len(token) > 2:
            parts.append(token[1:-1].replace('""', '"'))
        elif expect_name and kind == "word":
            parts.append(token)
        elif expect_name or token != ".":
            parts = []
            break
        expect_name = not expect_name
    if len(parts) not in (1, 2) or expect_name:
        raise FieldError(
            f"{text!r} is not a table's name: write name or schema.name, with double quotes around parts "
            "that are not plain words"
        )
    return (None, parts[0]) if len(parts) == 1 else (parts[0], parts[1])


class NoTable(FieldError):
    """There is no table of that name."""


async def reflect(database: Database, name: str) -> Table:
    """Describe an existing table, view or foreign table from the catalog.

    One small query asks whether the description at hand is still true; only then the catalog is read again.

    Raises:
        FieldError: there is no such table.
    """
    schema, table = parse_name(name)
    found = await database.run_fetchrow(_FINGERPRINT, (quote_qualified(schema, table),))
    if found is None or found["kind"] not in _RELATION_KINDS:
        there = await catalogue.instead_of(database, schema, table)
        raise NoTable(f"the database {database.name} has no table {name!r}{there}")
    known = _reflected.setdefault(database, {})
    # Changes of a type (ALTER TYPE … ADD VALUE) leave the rows of the tables that use it as they are.
    fingerprint = f"{found['fingerprint']};{database.types.version}"
    seen, described = known.get(name, (None, None))
    if described is None or seen != fingerprint:
        described = await _describe(database, found)
        known[name] = (fingerprint, described)
    return described


async def exists(database: Database, name: str) -> bool:
    """Whether there is a table, view or foreign table of that name."""
    row = await database.run_fetchrow(_FINGERPRINT, (quote_qualified(*parse_name(name)),))
    return row is not None and row["kind"] in _RELATION_KINDS


def known(database: Database, name: str) -> Table | None:
    """The description of a table as it was read last, without asking again; ``None`` if it never was."""
    return _reflected.get(database, {}).get(name, (None, None))[1]


async def _describe(database: Database, found: Any) -> Table:
    rows = await database.run_fetch(_COLUMNS, (found["oid"],))
    types = await database.types.resolve_many([row["type"] for row in rows])
    columns = tuple(
        Column(
            name=row["name"],
            type=_declared(types[row["type"]], row["typmod"], row["ndims"]),
            nullable=not row["required"],
            db_default=row["db_default"],
            identity=row["identity"],
            readable=row["readable"],
        )
        for row in rows
    )
    primary_key: tuple[str, ...] = ()
    uniques: list[Unique] = []
    foreign_keys: list[ForeignKeyConstraint] = []
    for row in await database.run_fetch(_CONSTRAINTS, (found["oid"],)):
        names = tuple(row["columns"])
        if row["kind"] == "p":
            primary_key = names
        elif row["kind"] == "u":
            uniques.append(Unique(*names, name=row["name"]))
        else:
            foreign_keys.append(
                ForeignKeyConstraint(
                    names,
                    row["target"],
                    tuple(row["target_columns"]),
                    row["target_schema"],
                    _ON_DELETE[row["on_delete"]],
                )
            )
    return Table(
        name=found["name"],
        schema=found["schema"],
        columns=columns,
        primary_key=primary_key,
        uniques=tuple(uniques),
        foreign_keys=tuple(foreign_keys),
    )


def _declared(type_: PgType, typmod: int, ndims: int) -> PgType:
    """The type of a column. Views and CREATE TABLE AS declare no dimensions: there they follow from the data."""
    found = with_modifier(type_, typmod, ndims)
    return replace(found, ndims=0) if found.kind == "array" and ndims == 0 else found


__all__ = ["NoTable", "exists", "known", "parse_name", "reflect"]
