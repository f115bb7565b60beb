"""CREATE and DROP from table descriptions, in dependency order; pure text, run by whoever asks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from chakra.errors import FieldError
from chakra.pg.quoting import quote_block, quote_identifier, quote_qualified, quote_string
from chakra.pg.types import PgType
from chakra.schema import Column, ForeignKeyConstraint, Index, Table, Unique
from chakra.schema.constraints import ON_DELETE

# Types that an extension brings: type → extension, as contrib and pgvector name them.
EXTENSIONS = {
    "citext": "citext",
    "hstore": "hstore",
    "ltree": "ltree",
    "vector": "vector",
    "halfvec": "vector",
    "sparsevec": "vector",
}
MAX_NAME = 63  # bytes; NAMEDATALEN - 1


def creation_order(tables: Iterable[Table]) -> list[Table]:
    """Order tables so that a foreign key's target comes before its source, as far as there are no cycles."""
    known = {(t.schema, t.name): t for t in tables}
    done: dict[tuple[str | None, str], Table] = {}
    visiting: set[tuple[str | None, str]] = set()

    def visit(key: tuple[str | None, str]) -> None:
        if key in done or key in visiting:
            return
        visiting.add(key)
        for constraint in known[key].foreign_keys:
            target = (constraint.target_schema, constraint.target)
            if target in known:
                visit(target)
        visiting.discard(key)
        done[key] = known[key]

    for key in known:
        visit(key)
    return list(done.values())


SET_COLUMNS_FROM = 15
"""The server's major version from which a foreign key can say which of its columns ON DELETE sets."""


def check_server(tables: Iterable[Table], major: int) -> None:
    """Refuse what a server of this major version cannot create.

    Raises:
        FieldError: a foreign key that would set some of its columns, and leave others, when its target goes.
    """
    for table in tables:
        for key in table.foreign_keys:
            if key.set_columns and major < SET_COLUMNS_FROM:
                kept = ", ".join(name for name in key.columns if name not in key.set_columns)
                raise FieldError(
                    f"{table.title}: on_delete={key.on_delete!r} of the key ({', '.join(key.columns)}) has to leave "
                    f"{kept} as it is, which needs PostgreSQL {SET_COLUMNS_FROM}; the server is {major}. Use another "
                    "on_delete"
                )


def create_statements(tables: Iterable[Table], *, if_not_exists: bool = False) -> list[str]:
    """Everything needed to create tables: extensions, enum types, tables, late foreign keys, indexes."""
    ordered = creation_order(tables)
    batch = {(t.schema, t.name) for t in ordered}
    statements: list[str] = []
    for type_ in _types(ordered):
        if type_.name in EXTENSIONS:
            statement = f"CREATE EXTENSION IF NOT EXISTS {quote_identifier(EXTENSIONS[type_.name])}"
        elif type_.kind == "enum":
            statement = create_enum(type_)
        else:
            continue
        if statement not in statements:
            statements.append(statement)
    created: set[tuple[str | None, str]] = set()
    late: list[str] = []
    for table in ordered:
        created.add((table.schema, table.name))
        early: list[ForeignKeyConstraint] = []
        for constraint in table.foreign_keys:
            target = (constraint.target_schema, constraint.target)
            if target in batch and target not in created:
                statement = f"ALTER TABLE {table.quoted} ADD {_foreign_key(table, constraint)}"
                if if_not_exists:
                    ignored = "EXCEPTION WHEN duplicate_object THEN NULL"
                    statement = quote_block(f"{statement}; {ignored};")
                late.append(statement)
            else:
                early.append(constraint)
        statements.append(_create_table(table, early, if_not_exists))
    statements.extend(late)
    for table in ordered:
        statements.extend(
            create_index(table, index, name, if_not_exists)
            for index, name in zip(table.indexes, index_names(table), strict=True)
        )
    return statements


def drop_statements(tables: Iterable[Table], *, cascade: bool = False) -> list[str]:
    """Drop tables, sources of foreign keys first, then the enum types nobody else uses."""
    ordered = creation_order(tables)
    if not ordered:
        return []
    names = ", ".join(t.quoted for t in reversed(ordered))
    statements = [f"DROP TABLE IF EXISTS {names}{' CASCADE' if cascade else ''}"]
    for type_ in _types(ordered):
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


def index_names(table: Table) -> list[str]:
    """The names of a table's indexes. Those that are not given are made of the columns, and a number where two
    indexes over the same columns differ otherwise, as the server makes them.
    """
    taken = {_unique_name(table, unique) for unique in table.uniques}
    taken |= {index.name for index in table.indexes if index.name}
    found: list[str] = []
    for index in table.indexes:
        name, number = index.name, 0
        while name is None:
            columns = (_part(table, item, "expr") for item in index.columns)
            ending = f"{'key' if index.unique else 'idx'}{number or ''}"
            made = object_name(table.name, *columns, ending)
            name, number = (None if made in taken else made), number + 1
        taken.add(name)
        found.append(name)
    return found


def _unique_name(table: Table, unique: Unique) -> str:
    return unique.name or object_name(table.name, *(_column(table, n).name for n in unique.columns), "key")


def create_index(table: Table, index: Index, name: str, if_not_exists: bool = False) -> str:
    """``CREATE INDEX`` for one index of a table, under one of its ``index_names``."""
    if index.definition is not None:
        return (
            index.definition.replace(" INDEX ", " INDEX IF NOT EXISTS ", 1)
            if if_not_exists
            else index.definition
        )
    columns: list[str] = []
    for item in index.columns:
        bare = item.lstrip("-")
        sql = bare if bare.startswith("(") else _column(table, bare).quoted
        columns.append(sql + (" DESC" if item.startswith("-") else ""))
    method = "" if index.method == "btree" else f" USING {quote_identifier(index.method)}"
    return (
        f"CREATE {'UNIQUE ' if index.unique else ''}INDEX {'IF NOT EXISTS ' if if_not_exists else ''}"
        f"{quote_identifier(name)} ON {table.quoted}{method} ({', '.join(columns)})"
        f"{f' WHERE {index.where}' if index.where else ''}"
    )


def _part(table: Table, item: str, expression: str) -> str:
    """What the name of an index calls one of its columns."""
    bare = item.lstrip("-")
    return expression if bare.startswith("(") else _column(table, bare).name


def object_name(*parts: str) -> str:
    """``table_column_key``; a name too long for PostgreSQL keeps its start and end around a hash."""
    name = "_".join(parts)
    if len(name.encode()) <= MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    tail = f"_{digest}_{parts[-1]}"
    head = name.encode()[: MAX_NAME - len(tail.encode())].decode(errors="ignore")
    return head + tail


def _create_table(table: Table, foreign_keys: Sequence[ForeignKeyConstraint], if_not_exists: bool) -> str:
    if not table.columns:
        raise FieldError(f"{table.title} has no columns")
    lines = [_column_line(column) for column in table.columns]
    if table.primary_key:
        lines.append(f"PRIMARY KEY ({', '.join(c.quoted for c in table.key_columns)})")
    for unique in table.uniques:
        columns = [_column(table, name) for name in unique.columns]
        name = _unique_name(table, unique)
        lines.append(f"CONSTRAINT {quote_identifier(name)} UNIQUE ({', '.join(c.quoted for c in columns)})")
    for number, check in enumerate(table.checks):
        name = check.name or object_name(table.name, f"check{number or ''}")
        lines.append(f"CONSTRAINT {quote_identifier(name)} CHECK ({check.condition})")
    lines.extend(_foreign_key(table, constraint) for constraint in foreign_keys)
    body = ",\n    ".join(lines)
    return f"CREATE TABLE {'IF NOT EXISTS ' if if_not_exists else ''}{table.quoted} (\n    {body}\n)"


def _column_line(column: Column) -> str:
    line = f"{column.quoted} {column.type.sql}"
    if column.computed is not None:
        line += f" GENERATED ALWAYS AS ({column.computed}) {'VIRTUAL' if column.virtual else 'STORED'}"
    elif column.identity:
        line += f" GENERATED {'ALWAYS' if column.always else 'BY DEFAULT'} AS IDENTITY"
    elif column.db_default is not None:
        line += f" DEFAULT {column.db_default}"
    return line if column.nullable else f"{line} NOT NULL"


def _foreign_key(table: Table, constraint: ForeignKeyConstraint) -> str:
    name = object_name(table.name, *constraint.columns, "fkey")
    own = ", ".join(quote_identifier(c) for c in constraint.columns)
    other = ", ".join(quote_identifier(c) for c in constraint.target_columns)
    target = quote_qualified(constraint.target_schema, constraint.target)
    line = f"CONSTRAINT {quote_identifier(name)} FOREIGN KEY ({own}) REFERENCES {target} ({other})"
    if constraint.on_delete not in ON_DELETE:
        raise FieldError(f"on_delete={constraint.on_delete!r}: use one of {', '.join(ON_DELETE)}")
    if constraint.on_delete != "no action":
        line += f" ON DELETE {constraint.on_delete.upper()}"
    if constraint.set_columns:
        line += f" ({', '.join(map(quote_identifier, constraint.set_columns))})"
    return line + (" DEFERRABLE INITIALLY DEFERRED" if constraint.deferrable else "")


def _column(table: Table, attribute: str) -> Column:
    return table.column(attribute)


def _types(tables: Iterable[Table]) -> Iterator[PgType]:
    for table in tables:
        for column in table.columns:
            found: PgType | None = column.type
            while found is not None:
                yield found
                found = found.element


__all__ = [
    "check_server",
    "create_enum",
    "create_index",
    "create_statements",
    "creation_order",
    "drop_statements",
    "index_names",
    "object_name",
]
