"""Running compiled statements; the one place where errors about parameters learn which field they mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chakra.db.statements import Statement as Sent
from chakra.db.statements import Told
from chakra.errors import DatabaseError, DataError, FieldError, TransactionError
from chakra.pg.conversion import Naive
from chakra.pg.types import PgType
from chakra.query.blame import too_large
from chakra.query.described import checked_table
from chakra.query.privileges import refused
from chakra.sql import Statement

if TYPE_CHECKING:
    from chakra.db import Database

_NUMBERED = re.compile(r"\$(\d+)")


def bound(
    database: Database, statement: Statement, values: list[Any], *, shown: bool = False
) -> Sequence[Any]:
    """The parameters of a statement: a query's values as those of the types they are sent as.

    Args:
        shown: it is not run, but its plan is shown.

    Raises:
        DataError: a value does not fit.
        TransactionError: it locks rows, and there is no transaction that would keep them locked.
    """
    if statement.bound_to:
        one_database(database, statement)
        if statement.locks and not shown and not database.in_transaction:
            raise TransactionError(
                "select_for_update() locks rows until the transaction ends, and there is none: read them in "
                "`async with db.transaction():`"
            )
    bind = statement.bind if database.naive == "error" else statement.bind_for(database.naive)
    return bind(values)


def one_database(database: Database, statement: Statement) -> None:
    """Refuse a statement with a query inside that was said to run on another database.

    Raises:
        FieldError: names both.
    """
    for reference in statement.databases:
        other = reference()
        if other is None or other.pool is not database.pool:
            named = "one that is closed" if other is None else repr(other)
            raise FieldError(
                f"a query inside of this one is said to run on another database ({named}) than {database!r}; read it "
                "first: field__in=await query"
            )


async def fetch(database: Database, statement: Statement, values: list[Any]) -> list[Any]:
    """Run a statement with a query's values and return its rows.

    Raises:
        DataError: a value does not fit the type of its field; names the field.
    """
    if statement.writes:
        await check_writes(database, statement)
    try:
        arguments, sent = bound(database, statement, values), sent_for(database, statement)
        rows = await database.run_fetch(sent, arguments)
        if sent.sql in database.documents and holds_documents(database, statement):
            rows = await database.run_fetch(sent_for(database, statement), arguments)
        return rows
    except DatabaseError as error:
        raise await refused(database, statement.sql, error) from error.__cause__
    except DataError as error:
        named = name_field(error, statement, values, database.naive)
        raise named from behind(named, error)


async def fetch_written(database: Database, statement: Statement, values: list[Any]) -> list[Any]:
    """Run a write and return its rows; one that cannot be read undoes it.

    The server commits a statement that runs by itself before the driver reads what it returned, and then there are
    values that Python does not have: days after the year 9999 or before 1. Where a column could hold one the statement
    runs in a transaction, or a savepoint, which is two more round trips.
    """
    if all(output.type is not None and _readable(output.type) for output in statement.outputs):
        return await fetch(database, statement, values)
    async with database.transaction():
        return await fetch(database, statement, values)


async def fetchrow_written(database: Database, statement: Statement, values: list[Any]) -> Any:
    """The same of one row, or ``None``."""
    rows = await fetch_written(database, statement, values)
    return rows[0] if rows else None


# Types of which every value is one in Python.
_READABLE = frozenset(
    {"bool", "int2", "int4", "int8", "oid", "float4", "float8", "numeric", "uuid", "bytea"}
    | {"text", "varchar", "bpchar", "name", "citext", "json", "jsonb"}
)


def _readable(type_: PgType) -> bool:
    base = type_.base
    if base.element is not None:
        return _readable(base.element)
    return base.kind == "enum" or (base.kind == "base" and base.name in _READABLE)


async def fetchrow(database: Database, statement: Statement, values: list[Any]) -> Any:
    """Run a statement and return its first row or ``None``."""
    if statement.writes:
        await check_writes(database, statement)
    try:
        arguments, sent = bound(database, statement, values), sent_for(database, statement)
        row = await database.run_fetchrow(sent, arguments)
        if sent.sql in database.documents and holds_documents(database, statement):
            row = await database.run_fetchrow(sent_for(database, statement), arguments)
        return row
    except DatabaseError as error:
        raise await refused(database, statement.sql, error) from error.__cause__
    except DataError as error:
        named = name_field(error, statement, values, database.naive)
        raise named from behind(named, error)


async def execute(database: Database, statement: Statement, values: list[Any]) -> int:
    """Run a statement and return the number of rows it touched."""
    if statement.writes:
        await check_writes(database, statement)
    try:
        return await database.run_execute(statement, bound(database, statement, values))
    except DatabaseError as error:
        raise await refused(database, statement.sql, error) from error.__cause__
    except DataError as error:
        named = name_field(error, statement, values, database.naive)
        raise named from behind(named, error)


async def check_writes(database: Database, statement: Statement) -> None:
    """Refuse what queries in WITH write to columns that are not what the model declares: they go by that.

    Raises:
        FieldError: names table, column and both types.
    """
    for table, names in statement.writes:
        stored = await checked_table(database, table, names)
        for name in names:
            column = stored.by_attribute[name]
            if column.declared is not None:
                raise FieldError(
                    f"{table.title}.{name} is declared as {column.declared.sql} and is {column.type.sql} in this "
                    "database; a query in WITH writes what is declared: declare the column's type, or write with "
                    "update()"
                )


def sent_for(database: Database, statement: Statement) -> Sent:
    """What is sent for a statement here: with casts where something else is stored than is declared as text."""
    return database.as_text.get(statement.key, statement) if database.as_text else statement


def holds_documents(database: Database, statement: Statement) -> bool:
    """Whether a query that was just run gave parsed JSON where a model declares text: the column is json or jsonb in
    this database.

    The driver reads values by the server's types and parses such columns. They are asked for as text then, from now on
    by ``sent_for``, so that rows have what columns have. It goes by the types, not by the values: a document can be a
    text or null. Only queries: what wrote something is not run again.
    """
    found = database.documents.get(statement.sql)
    if (
        not found
        or found.isdisjoint(statement.texts)
        or statement.key in database.as_text
        or not statement.reads
    ):
        return False
    database.as_text[statement.key] = Told(statement.as_text(), statement.touches, reads=True)
    return True


def name_field(
    error: DataError, statement: Statement, values: list[Any], naive: Naive = "error"
) -> DataError:
    """Return the error with the field in place of a bare ``$n``, or of no name at all."""
    if type(error) is not DataError:
        return error
    found = _NUMBERED.fullmatch(error.column or "")
    position, why = (int(found[1]) - 1, None) if found is not None else _refused(statement, values, naive)
    if position is None or position >= len(statement.parameters):
        return error
    parameter = statement.parameters[position]
    shown = f" ({parameter.type.sql})" if parameter.type is not None else ""
    return DataError(
        f"{parameter.label}{shown}: {error if why is None else f'{why}: {error}'}",
        row=error.row,
        column=parameter.label,
        sqlstate=error.sqlstate,
        detail=error.detail,
    )


def behind(named: BaseException, error: BaseException) -> BaseException | None:
    """What an error is raised from: the one it stands for, or, where it is that one, the driver's as before."""
    return error.__cause__ if named is error else error


def _refused(statement: Statement, values: list[Any], naive: Naive) -> tuple[int | None, str | None]:
    """The parameter whose conversion fails, whose text no PostgreSQL string can hold, or which has no room in its
    column, and why: the server does not say which one it was.
    """
    for position, parameter in enumerate(statement.parameters):
        try:
            value = parameter.sent(values, naive)
        except DataError:
            return position, too_large(values[parameter.index], parameter.type)
        if _unstorable(value):
            return position, None
        why = too_large(value, parameter.type)
        if why is not None:
            return position, why
    return None, None


def _unstorable(value: Any) -> bool:
    """Whether a NUL byte or a lone surrogate stands in a text, or in one of a list."""
    if isinstance(value, list | tuple):
        return any(map(_unstorable, value))
    if not isinstance(value, str):
        return False
    return "\0" in value or (not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value))


__all__ = [
    "behind",
    "check_writes",
    "execute",
    "fetch",
    "fetch_written",
    "fetchrow",
    "fetchrow_written",
    "holds_documents",
    "name_field",
    "one_database",
    "sent_for",
]
