"""What the types of columns need before a table can be made: extensions and enums."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chakra.pg.quoting import quote_block, quote_identifier, quote_qualified, quote_string
from chakra.pg.types import PgType
from chakra.schema import Exclude, Index, Table

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
    """Statements for the extensions and enums that columns and indexes of tables need, each once."""
    tables = list(tables)
    statements = [
        f"CREATE EXTENSION IF NOT EXISTS {quote_identifier(name)}" for name in extensions_of(tables)
    ]
    for type_ in types_of(tables):
        if type_.kind == "enum":
            statement = create_enum(type_)
            if statement not in statements:
                statements.append(statement)
    return statements


def extensions_of(tables: Iterable[Table]) -> list[str]:
    """The extensions that columns, indexes and exclusion constraints of tables need, each once."""
    tables = list(tables)
    found = [*_extensions(tables), *(EXTENSIONS[t.name] for t in types_of(tables) if t.name in EXTENSIONS)]
    return list(dict.fromkeys(found))


def drop_types(tables: Iterable[Table]) -> list[str]:
    """Statements that drop the enums of tables which nobody else uses."""
    statements: list[str] = []
    for type_ in types_of(tables):
        if type_.kind == "enum":
            name = quote_qualified(type_.schema, type_.typname)
            # Another table may still use the type: then it stays.
            ignored = "EXCEPTION WHEN dependent_objects_still_exist THEN NULL"
            statements.append(quote_block(f"DROP TYPE IF EXISTS {name}; {ignored};"))
    return statements


def create_enum(type_: PgType) -> str:
    """``CREATE TYPE … AS ENUM``; an enum of that name and the same labels may exist already."""
    name = quote_qualified(type_.schema, type_.typname)
    hidden = ""
    if type_.schema is None:  # the server looks there first, so that columns would get its own type
        message = quote_string(
            f"the enum {type_.typname} has the name of a type of PostgreSQL; call it something else, "
            f'Enum(…, "my_{type_.typname}"), or name its schema: Enum(…, schema="app")'
        )
        hidden = (
            f"IF EXISTS (SELECT FROM pg_catalog.pg_type WHERE typname = {quote_string(type_.typname)} "
            "AND typnamespace = 'pg_catalog'::regnamespace) THEN "
            f"RAISE EXCEPTION USING ERRCODE = 'invalid_object_definition', MESSAGE = {message}; END IF; "
        )
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


def types_of(tables: Iterable[Table]) -> Iterator[PgType]:
    """Every type of the tables' columns, and of what they are made of."""
    for table in tables:
        for column in table.columns:
            found: PgType | None = column.type
            while found is not None:
                yield found
                found = found.element


__all__ = ["create_enum", "create_types", "drop_types", "extensions_of", "types_of"]
