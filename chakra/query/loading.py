"""Frames into tables that may not exist yet: ``db.table("t").bulk_insert(frame, create=True, mode="replace")``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chakra.errors import FieldError
from chakra.pg.types import PgType
from chakra.query.queryset import QuerySet
from chakra.query.reflect import exists, parse_name, reflect
from chakra.schema import Column, Table
from chakra.sql import create_statements

if TYPE_CHECKING:
    from chakra.columnar import InsertResult
    from chakra.db import Database

MODES = ("append", "replace", "truncate")


async def load(
    database: Database,
    name: str,
    data: Any,
    options: dict[str, Any],
    *,
    create: bool = False,
    mode: str = "append",
    dry_run: bool = False,
) -> InsertResult | str:
    """Insert data into a table by name, in one transaction with what is done to the table.

    Args:
        data, options: as for ``bulk_insert``.
        create: make the table if there is none: a nullable column for each of the data's, of the smallest type that
            holds all values of its Arrow type (``docs/bulk.md``).
        mode: ``"append"``; ``"truncate"`` empties the table first and keeps its definition; ``"replace"`` drops it
            and makes it anew from the data.
        dry_run: return the SQL that would be run, and run nothing.

    Raises:
        FieldError: an unknown mode, or no such table and neither ``create`` nor ``mode="replace"``.
        DataError: a column from which no type can be told; names it.
        DatabaseError: the table cannot be dropped or emptied, since others depend on it. Nothing is changed then.
    """
    from chakra.columnar.inputs import Source
    from chakra.columnar.schema_of import typed_source

    if mode not in MODES:
        raise FieldError(f"mode is one of {', '.join(map(repr, MODES))}, not {mode!r}")
    if not (create or dry_run or mode != "append"):
        return await (await _query(database, name)).bulk_insert(data, **options)
    schema, bare = parse_name(name)
    there = await exists(database, name)
    makes = mode == "replace" or (create and not there)
    if not (there or makes):
        await reflect(database, name)  # raises, and says what there is
    statements: list[str] = []
    names: list[str] = []
    if makes:
        data, types = await typed_source(data)
        made = _table(schema, bare, types)
        names = [column.quoted for column in made.columns]
        if there:
            statements.append(f"DROP TABLE {made.quoted}")
        statements += create_statements([made])
    elif mode == "truncate":
        statements.append(f"TRUNCATE {Table(bare, (), schema=schema).quoted}")
    try:
        if dry_run:
            return await _script(database, name, data, statements, names)
        async with database.transaction():
            if statements:
                await database.execute(";\n".join(statements))
            return await (await _query(database, name)).bulk_insert(data, **options)
    finally:
        if isinstance(data, Source):
            data.close()


async def _query(database: Database, name: str) -> QuerySet[dict[str, Any]]:
    return QuerySet(await reflect(database, name), database).values()


def _table(schema: str | None, name: str, types: dict[str, PgType]) -> Table:
    if not types:
        raise FieldError(f"the data has no columns to make the table {name!r} of")
    columns = tuple(Column(column, type_, nullable=True) for column, type_ in types.items())
    return Table(name=name, schema=schema, columns=columns)


async def _script(database: Database, name: str, data: Any, statements: list[str], names: list[str]) -> str:
    """What would be run, as text."""
    from chakra.columnar.inputs import Source
    from chakra.columnar.schema_of import typed_source

    table = Table((parsed := parse_name(name))[1], (), schema=parsed[0])
    if not names:
        opened, types = await typed_source(data)
        if isinstance(opened, Source) and opened is not data:
            opened.close()
        names = [Column(column, type_).quoted for column, type_ in types.items()]
    copy = f"COPY {table.quoted} ({', '.join(names)}) FROM STDIN (FORMAT binary)"
    lines = [*statements, copy]
    if statements:
        lines = ["BEGIN", *lines, "COMMIT"]
    return ";\n".join(lines) + ";"


__all__ = ["load"]
