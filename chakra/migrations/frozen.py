"""From descriptions of tables to what a state keeps of them: only what the database sees, everything named."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from chakra.errors import DataError, FieldError, MigrationError
from chakra.expressions import Value
from chakra.migrations.state import Composite, Domain, Key, State, title
from chakra.pg.domains import DomainWords
from chakra.pg.lexing import tokens
from chakra.pg.quoting import quote_identifier
from chakra.pg.types import BY_NAME, PgType, parse_type
from chakra.schema import NO_GUARD, Column, NextValue, Table
from chakra.schema.terms import changed
from chakra.sql.ddl.types import extensions_of, types_of
from chakra.sql.declared import Declaring


def reference(type_: PgType) -> PgType:
    """A type as columns of a state have it: of a type that users made, schema and name.

    Two references are equal if they name the same; modifiers and dimensions are kept.
    """
    if type_.kind == "array" and type_.element is not None:
        element = reference(type_.element)
        name = element.name if element.name.startswith("_") else f"_{element.name}"
        return PgType(name, kind="array", element=element, ndims=max(type_.ndims, 1))
    if type_.kind in ("enum", "composite", "domain"):
        return PgType(type_.name, kind="enum", schema=type_.schema)
    known = BY_NAME.get(type_.name)
    if known is not None:
        return known if type_.typmod < 0 else replace(known, typmod=type_.typmod)
    return PgType(type_.name, sql_name=type_.sql_name, schema=type_.schema, typmod=type_.typmod)


def type_text(type_: PgType) -> str:
    """A type of a state as migration files write it; :func:`type_of_text` reads it."""
    if type_.kind == "array" and type_.element is not None:
        return type_text(type_.element) + "[]" * max(type_.ndims, 1)
    if type_.kind != "enum":
        return type_.sql
    key = (type_.schema, type_.typname)
    name = title(key)
    # A name that reads like one of the server's types, or not as one word ("Mood Type"), has to be in quotes.
    try:
        read = type_of_text(name)
        plain = read.kind == "enum" and (read.schema, read.typname) == key
    except MigrationError:
        plain = False
    return name if plain else ".".join([quote_identifier(part) for part in key if part is not None])


def type_of_text(text: str) -> PgType:
    """A type as migration files write it: as SQL spells it, users' types by schema and name.

    Raises:
        MigrationError: it is none.
    """
    bare = text.strip()
    dimensions = 0
    while bare.endswith("[]"):
        bare, dimensions = bare[:-2].rstrip(), dimensions + 1
    names = [part for kind, part in tokens(bare) if kind in ("word", "quoted")]
    others = [part for kind, part in tokens(bare) if kind not in ("word", "quoted")]
    if '"' not in bare and "." not in bare:
        known = _built_in(bare)
        if known is not None:
            return reference(
                known if not dimensions else PgType("_", kind="array", element=known, ndims=dimensions)
            )
    if not names or len(names) > 2 or others != ["."] * (len(names) - 1):
        raise MigrationError(
            f"{text!r} is no type as SQL writes it, such as 'numeric(12, 2)', 'text[]' or 'app.mood'"
        )
    plain = [name[1:-1].replace('""', '"') if name.startswith('"') else name for name in names]
    made = PgType(plain[-1], kind="enum", schema=plain[0] if len(plain) == 2 else None)
    return made if not dimensions else reference(PgType("_", kind="array", element=made, ndims=dimensions))


def _built_in(text: str) -> PgType | None:
    try:
        return parse_type(text)
    except FieldError:
        return None


def frozen(table: Table) -> Table:
    """A table without what only Python sees; attributes are columns, and constraints and indexes have names."""
    declaring = Declaring(table)
    names = table.names

    def stored(group: Iterable[Any], given: Iterable[str], write: Any = lambda one: one) -> tuple[Any, ...]:
        return tuple([_by_column(table, write(one), name) for one, name in zip(group, given, strict=True)])

    by = table.partition_by
    return Table(
        name=table.name,
        schema=table.schema,
        columns=tuple(map(_frozen_column, table.columns)),
        primary_key=tuple([column.name for column in table.key_columns]),
        uniques=stored(table.uniques, names.uniques, declaring.unique),
        checks=stored(table.checks, names.checks, declaring.check),
        indexes=stored(table.indexes, names.indexes, declaring.index),
        foreign_keys=stored(table.foreign_keys, names.foreign_keys),
        exclusions=stored(table.exclusions, names.exclusions, declaring.exclusion),
        comment=table.comment,
        unlogged=table.unlogged,
        tablespace=table.tablespace,
        storage=table.storage,
        partition_by=by
        and replace(
            by,
            keys=tuple(
                [
                    key if key.startswith("(") and key not in table.by_attribute else table.column(key).name
                    for key in by.keys
                ]
            ),
        ),
        partition_of=table.partition_of,
        view=table.view,
    )


def thawed(table: Table, state: State) -> Table:
    """A table of a state with types in full in place of references to them."""

    def full(type_: PgType) -> PgType:
        if type_.kind == "array" and type_.element is not None:
            return replace(type_, element=full(type_.element))
        key = (type_.schema, type_.typname)
        if type_.kind == "enum" and key in state.domains:
            base = type_of_text(state.domains[key].type)
            return PgType(type_.name, kind="domain", schema=type_.schema, element=full(base))
        if type_.kind == "enum" and key in state.composites:
            parts = tuple([(name, full(type_of_text(text))) for name, text in state.composites[key].fields])
            return PgType(type_.name, kind="composite", schema=type_.schema, fields=parts)
        return (
            replace(type_, labels=state.enums[key]) if type_.kind == "enum" and key in state.enums else type_
        )

    columns = tuple([replace(column, type=full(column.type)) for column in table.columns])
    return replace(table, columns=columns, statements={}, described={}, taken={}, parts={})


def _frozen_column(column: Column) -> Column:
    default = column.db_default
    return Column(
        name=column.name,
        type=reference(column.type),
        nullable=column.nullable,
        db_default=str(default) if isinstance(default, NextValue) else default,
        identity=column.identity,
        always=column.always,
        serial=column.serial,
        computed=column.computed,
        virtual=column.virtual,
        sequence=column.sequence,
        collation=column.collation,
        comment=column.comment,
        storage=column.storage,
        compression=column.compression,
    )


def _by_column(table: Table, one: Any, name: str) -> Any:
    if not hasattr(one, "terms"):
        return changed(one, name=name)
    terms = tuple(
        [
            changed(term, type=None)
            if term.column is None
            else changed(term, column=table.column(term.column).name, type=None)
            for term in one.terms
        ]
    )
    return changed(one, name=name, terms=terms, include=tuple([table.column(a).name for a in one.include]))


_EMPTY: tuple[Any, ...] = (dict, list, set, tuple, str, bytes, int, float, bool)
"""Factories that make the same for every row."""


def default_fills(tables: Iterable[Table]) -> dict[tuple[str, str], str]:
    """SQL of what Python fills in for new rows, by table and column: what rows that are there may have as well.

    Functions that make another value for each row are left out, and so are values that SQL has no text for.
    """
    found: dict[tuple[str, str], str] = {}
    for table in tables:
        declaring = Declaring(table)
        for attribute, default in table.defaults.items():
            if default.factory is not None and default.factory not in _EMPTY:
                continue
            (value,) = default.values(1)
            column = table.column(attribute)
            with suppress(FieldError, DataError):
                text = declaring.default(column, Value(value), f"{table.title}.{attribute}")
                found[title((table.schema, table.name)), column.name] = text
    return found


def state_of(tables: Iterable[Table]) -> State:
    """The state that descriptions of tables ask for: they themselves, and the schemas, extensions, types and sequences
    that they need.
    """
    given = list(tables)
    enums: dict[Key, tuple[str, ...]] = {}
    domains: dict[Key, Domain] = {}
    composites: dict[Key, Composite] = {}
    for type_ in types_of(given):
        key = (type_.schema, type_.typname)
        if type_.kind == "enum":
            enums[key] = type_.labels
        elif type_.kind == "domain" and type_.element is not None:
            words = type_.words or DomainWords()
            domains[key] = Domain(
                reference(type_.element).sql, words.nullable, words.default, words.checks, words.collation
            )
        elif type_.kind == "composite" and type_.fields:
            composites[key] = Composite(tuple([(name, reference(part).sql) for name, part in type_.fields]))
    sequences = {(one.schema, one.name): one for table in given for one in table.sequences}
    schemas = {table.schema for table in given} | {
        schema for schema, _ in (*enums, *domains, *composites, *sequences)
    }
    return State(
        schemas=frozenset(schema for schema in schemas if schema is not None and schema != "public"),
        extensions=frozenset(extensions_of(given)),
        enums=MappingProxyType(enums),
        domains=MappingProxyType(domains),
        composites=MappingProxyType(composites),
        sequences=MappingProxyType(sequences),
        tables=MappingProxyType({(table.schema, table.name): frozen(table) for table in given}),
        guards=MappingProxyType(
            {(table.schema, table.name): table.guard for table in given if table.guard != NO_GUARD}
        ),
    )


__all__ = ["default_fills", "frozen", "reference", "state_of", "thawed", "type_of_text", "type_text"]
