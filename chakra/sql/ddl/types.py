"""What the types of columns need before a table can be made: extensions, enums, domains, composites and ranges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chakra.pg.domains import DomainWords
from chakra.pg.quoting import quote_block, quote_identifier, quote_qualified, quote_string
from chakra.pg.types import PgType
from chakra.schema import Exclude, Index, Table
from chakra.sql.ddl.terms import quoted_name

# Types that an extension brings: type → extension, as contrib and pgvector name them.
EXTENSIONS = {
    "citext": "citext",
    "hstore": "hstore",
    "ltree": "ltree",
    "vector": "vector",
    "halfvec": "vector",
    "sparsevec": "vector",
}


OPERATOR_CLASSES = {"gin_trgm_ops": "pg_trgm", "gist_trgm_ops": "pg_trgm", "gin_bigm_ops": "pg_bigm"}
"""Operator classes of extensions over types that need none: class → extension."""
METHODS = {"bloom": "bloom", "hnsw": "vector", "ivfflat": "vector"}
"""Access methods of extensions."""
_IN_BTREE_GIST = frozenset(
    {
        "int2",
        "int4",
        "int8",
        "float4",
        "float8",
        "numeric",
        "timestamp",
        "timestamptz",
        "time",
        "timetz",
        "date",
    }
    | {
        "interval",
        "oid",
        "money",
        "bpchar",
        "text",
        "varchar",
        "bytea",
        "bit",
        "varbit",
        "macaddr",
        "macaddr8",
    }
    | {"uuid", "bool"}
)
"""Types that ``gist`` compares with the extension ``btree_gist`` alone (manual, F.8)."""


def _extensions(tables: Iterable[Table]) -> Iterator[str]:
    """The extensions that indexes and exclusion constraints need."""
    for table in tables:
        made: list[Index | Exclude] = [*table.indexes, *table.exclusions]
        for one in made:
            if one.method in METHODS:
                yield METHODS[one.method]
            for term in one.terms:
                if isinstance(term.opclass, str) and term.opclass in OPERATOR_CLASSES:
                    yield OPERATOR_CLASSES[term.opclass]
                if one.method != "gist" or term.opclass is not None:
                    continue
                type_ = term.type if term.column is None else table.column(term.column).type
                if type_ is not None:
                    base = type_.base
                    if base.kind == "enum" or (base.kind == "base" and base.name in _IN_BTREE_GIST):
                        yield "btree_gist"


def create_types(tables: Iterable[Table]) -> list[str]:
    """Statements for the extensions and types that columns and indexes of tables need, each once, and those first that
    others stand on.
    """
    tables = list(tables)
    statements = [
        f"CREATE EXTENSION IF NOT EXISTS {quote_identifier(name)}" for name in extensions_of(tables)
    ]
    for type_ in types_of(tables):
        make = _MAKERS.get(type_.kind)
        if make is not None and not type_.sql_name:  # records and ranges of the server
            statement = make(type_)
            if statement not in statements:
                statements.append(statement)
    return statements


def extensions_of(tables: Iterable[Table]) -> list[str]:
    """The extensions that columns, indexes and exclusion constraints of tables need, each once."""
    tables = list(tables)
    found = [*_extensions(tables), *(EXTENSIONS[t.name] for t in types_of(tables) if t.name in EXTENSIONS)]
    return list(dict.fromkeys(found))


def drop_types(tables: Iterable[Table]) -> list[str]:
    """Statements that drop the enums, domains and composites of tables which nobody else uses; but a domain of which
    only the base is said may refuse what making it anew would not, and stays.
    """
    statements: list[str] = []
    for type_ in reversed(list(types_of(tables))):
        if type_.kind in ("enum", "composite") or (type_.kind == "domain" and type_.words):
            name = quote_qualified(type_.schema, type_.typname)
            kind = "DOMAIN" if type_.kind == "domain" else "TYPE"
            # Another table may still use the type: then it stays.
            ignored = "EXCEPTION WHEN dependent_objects_still_exist THEN NULL"
            statements.append(quote_block(f"DROP {kind} IF EXISTS {name}; {ignored};"))
    return statements


def create_enum(type_: PgType) -> str:
    """``CREATE TYPE … AS ENUM``; an enum of that name and the same labels may exist already."""
    name = quote_qualified(type_.schema, type_.typname)
    hidden = _hidden(type_, "enum", "Enum(…, ")
    labels = ", ".join(quote_string(label) for label in type_.labels)
    array = f"ARRAY[{labels}]::text[]"
    message = quote_string(
        f"the type {type_.typname} exists with other labels; rename the enum or alter the type"
    )
    return quote_block(
        f"{hidden}CREATE TYPE {name} AS ENUM ({labels}); "
        "EXCEPTION WHEN duplicate_object THEN "
        f"IF (SELECT array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum "
        f"WHERE enumtypid = {quote_string(name)}::regtype) IS DISTINCT FROM {array} "
        f"THEN RAISE EXCEPTION USING ERRCODE = 'duplicate_object', MESSAGE = {message}; END IF;"
    )


def _hidden(type_: PgType, kind: str, call: str) -> str:
    """What refuses to make a type that no column would get."""
    if type_.schema is not None:  # without one the server looks among its own first
        return ""
    message = quote_string(
        f"the {kind} {type_.typname} has the name of a type of PostgreSQL; call it something else, "
        f'{call}"my_{type_.typname}"), or name its schema: {call}schema="app")'
    )
    return (
        f"IF EXISTS (SELECT FROM pg_catalog.pg_type WHERE typname = {quote_string(type_.typname)} "
        "AND typnamespace = 'pg_catalog'::regnamespace) THEN "
        f"RAISE EXCEPTION USING ERRCODE = 'invalid_object_definition', MESSAGE = {message}; END IF; "
    )


def domain_clauses(words: DomainWords) -> str:
    """What stands behind the type in ``CREATE DOMAIN``, with a space in front of each part."""
    sql = "" if words.collation is None else f" COLLATE {quoted_name(words.collation)}"
    if words.default is not None:
        sql += f" DEFAULT {words.default}"
    if not words.nullable:
        sql += " NOT NULL"
    for name, check in words.checks:
        sql += f" CONSTRAINT {quote_identifier(name)} CHECK ({check})"
    return sql


# Manual, chapter 52: pg_type, pg_constraint. Of two domains the same, if the server takes them for such.
_DOMAIN_FACTS = (
    "SELECT (typbasetype, typtypmod, typnotnull, typdefault, typcollation, "
    "array(SELECT (conname, pg_catalog.pg_get_expr(conbin, 0))::text FROM pg_catalog.pg_constraint "
    "WHERE contypid = t.oid AND contype = 'c' ORDER BY conname))::text FROM pg_catalog.pg_type t WHERE t.oid = "
)


def create_domain(type_: PgType) -> str:
    """``CREATE DOMAIN``; a domain of that name may exist already, if it says the same."""
    assert type_.element is not None
    name = quote_qualified(type_.schema, type_.typname)
    words = type_.words or DomainWords()
    said = f"{type_.element.sql}{domain_clauses(words)}"
    hidden = _hidden(type_, "domain", "Domain(")
    made = f"{hidden}CREATE DOMAIN {name} AS {said}; EXCEPTION WHEN duplicate_object THEN "
    if not words:
        return quote_block(f"{made}NULL;")
    message = quote_string(
        f"the domain {type_.typname} exists with another type, default or conditions; alter it, or declare it as it is"
    )
    other = "pg_temp.chakra_domain"
    return quote_block(
        f"{made}CREATE DOMAIN {other} AS {said}; "
        f"IF ({_DOMAIN_FACTS}{quote_string(name)}::regtype) IS DISTINCT FROM "
        f"({_DOMAIN_FACTS}{quote_string(other)}::regtype) "
        f"THEN RAISE EXCEPTION USING ERRCODE = 'duplicate_object', MESSAGE = {message}; END IF; "
        f"DROP DOMAIN {other};"
    )


def create_composite(type_: PgType) -> str:
    """``CREATE TYPE … AS (…)``; one of that name may exist already."""
    name = quote_qualified(type_.schema, type_.typname)
    fields = ", ".join([f"{quote_identifier(part)} {inner.sql}" for part, inner in type_.fields])
    hidden = _hidden(type_, "composite type", "Composite(")
    ignored = "EXCEPTION WHEN duplicate_object OR duplicate_table THEN NULL"
    return quote_block(f"{hidden}CREATE TYPE {name} AS ({fields}); {ignored};")


def create_range(type_: PgType) -> str:
    """``CREATE TYPE … AS RANGE``, in the subtype's own order; one of that name may exist already."""
    assert type_.element is not None
    name = quote_qualified(type_.schema, type_.typname)
    ignored = "EXCEPTION WHEN duplicate_object THEN NULL"
    return quote_block(f"CREATE TYPE {name} AS RANGE (subtype = {type_.element.sql}); {ignored};")


_MAKERS = {
    "enum": create_enum,
    "domain": create_domain,
    "composite": create_composite,
    "range": create_range,
}


def types_of(tables: Iterable[Table]) -> Iterator[PgType]:
    """Every type of the tables' columns, and before it what it is made of."""
    for table in tables:
        for column in table.columns:
            yield from _parts(column.type)


def _parts(type_: PgType) -> Iterator[PgType]:
    if type_.element is not None:
        yield from _parts(type_.element)
    for _, inner in type_.fields:
        yield from _parts(inner)
    yield type_


__all__ = [
    "create_composite",
    "create_domain",
    "create_enum",
    "create_range",
    "create_types",
    "domain_clauses",
    "drop_types",
    "extensions_of",
    "types_of",
]
