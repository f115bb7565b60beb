"""Which model, and which part of it, the server means when it refuses to make something: asked in a second attempt.

A server that refuses an expression names neither index nor field: "functions in index expression must be marked
IMMUTABLE". Tables are made by one message with all statements in it; where that fails they are tried once more one by
one, and a table that cannot be made part by part, all of it in a transaction that is rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from chakra.db import Database
from chakra.errors import DatabaseError, DataError
from chakra.schema import Table
from chakra.sql.ddl.indexes import create_index
from chakra.sql.ddl.tables import create_table

OF_DECLARATIONS = ("0A", "22", "42")
"""Classes of errors (manual, appendix A) about what a statement says: unknown features, values, names and types."""


DUPLICATE_TABLE = "42P07"  # duplicate_table, of indexes and sequences as well

_UNSTEADY = {
    "concat(": '. Concat() writes values of any type, dates among them: texts are joined by F("a") + F("b")',
    "concat_ws(": '. ConcatWS() writes values of any type, dates among them: texts are joined by F("a") + F("b")',
    "to_tsvector(": '. SearchVector() without config="english" (or another) goes by a setting',
}
"""Functions that surprise here, and what to write instead."""


class _Undone(Exception):
    """Rolls the attempt back."""


async def meant(database: Database, tables: Sequence[Table], statements: Sequence[str]) -> str:
    """What an error says of the part that cannot be made; empty where a second attempt does not fail as well."""
    found = ""
    with suppress(_Undone):
        async with database.transaction():
            for statement in statements:
                error = await _error(database, statement)
                if error is None:
                    continue
                found = await _shown(database, tables, statement, error)
                break
            raise _Undone
    return found


async def _error(
    database: Database, statement: str, *, keep: bool = True
) -> DatabaseError | DataError | None:
    """The error of a statement, which stands if there is none."""
    try:
        async with database.transaction():
            await database.execute(statement)
            if not keep:
                raise _Undone
    except (DatabaseError, DataError) as error:
        return error
    except _Undone:
        pass
    return None


async def _shown(
    database: Database, tables: Sequence[Table], statement: str, error: DatabaseError | DataError
) -> str:
    about = ""
    for table in tables:
        for index, name in zip(table.indexes, table.names.indexes, strict=True):
            if statement in (create_index(table, index, name), create_index(table, index, name, True)):
                about = f"{table.title}, the index {name} ({', '.join(index.columns)})"
        if table.view is not None and f"VIEW {table.quoted} " in statement:
            about = f"the query of {table.title}"
        if f"TABLE {table.quoted} (" in statement or f"TABLE IF NOT EXISTS {table.quoted} (" in statement:
            about = table.title
            for part, alone in _parts(table):
                found = await _error(database, create_table(alone, (), False)[0], keep=False)
                if found is not None and found.sqlstate == error.sqlstate:
                    about = f"{table.title}, {part}" if part else about
                    break
    if not about:
        return ""
    return f". That is {about}{_hint(error, statement)}"


def _hint(error: DatabaseError | DataError, statement: str) -> str:
    if error.sqlstate == DUPLICATE_TABLE:
        return (
            ". Names of indexes and of keys are of one schema with those of tables: choose another name=, or leave it "
            "out, above all in an abstract base"
        )
    if error.sqlstate == "0A000" and "DEFAULT" in str(error):
        return '. A text is SQL there, and a value of texts is Value("…")'
    if "immutable" not in str(error).lower():
        return ""
    words = [said for call, said in _UNSTEADY.items() if call in statement]
    return (
        ". What an index or a computed field holds must be the same whatever the session: it depends on no "
        f"setting, such as the zone or the style of dates, and on no other rows{''.join(words)}"
    )


def _parts(table: Table) -> Iterator[tuple[str, Table]]:
    """A table with none of its parts, then with one of them at a time, and what that is."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("db_default", "computed", "collation", "sequence", "compression")
    )
    plain = tuple([replace(column, virtual=False, **nothing) for column in table.columns])
    bare = replace(
        table,
        columns=plain,
        uniques=(),
        checks=(),
        exclusions=(),
        foreign_keys=(),
        indexes=(),
        sequences=(),
        partition_by=None,
        comment=None,
        statements={},
    )
    yield "", bare
    for position, column in enumerate(table.columns):
        others = (*plain[:position], column, *plain[position + 1 :])
        yield f"the field {column.attribute}", replace(bare, columns=others, statements={})
    for unique, name in zip(table.uniques, table.names.uniques, strict=True):
        yield f"the Unique {name}", replace(bare, uniques=(unique,), statements={})
    for exclusion, name in zip(table.exclusions, table.names.exclusions, strict=True):
        yield f"the Exclude {name}", replace(bare, exclusions=(exclusion,), statements={})
    for check, name in zip(table.checks, table.names.checks, strict=True):
        yield f"the Check {name}", replace(bare, checks=(check,), statements={})


__all__ = ["DUPLICATE_TABLE", "OF_DECLARATIONS", "meant"]
