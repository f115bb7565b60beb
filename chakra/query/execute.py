"""Running compiled statements; the one place where errors about parameters learn which field they mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from chakra.errors import DataError
from chakra.query.blame import too_large
from chakra.sql import Statement

if TYPE_CHECKING:
    from chakra.db import Database

_NUMBERED = re.compile(r"\$(\d+)")


async def fetch(database: Database, statement: Statement, values: list[Any]) -> list[Any]:
    """Run a statement with a query's values and return its rows.

    Raises:
        DataError: a value does not fit the type of its field; names the field.
    """
    try:
        return await database.run_fetch(statement.sql, statement.bind(values), pure=statement.pure)
    except DataError as error:
        raise name_field(error, statement, values) from error


async def fetchrow(database: Database, statement: Statement, values: list[Any]) -> Any:
    """Run a statement and return its first row or ``None``."""
    try:
        return await database.run_fetchrow(statement.sql, statement.bind(values), pure=statement.pure)
    except DataError as error:
        raise name_field(error, statement, values) from error


async def execute(database: Database, statement: Statement, values: list[Any]) -> int:
    """Run a statement and return the number of rows it touched."""
    try:
        return await database.run_execute(statement.sql, statement.bind(values), pure=statement.pure)
    except DataError as error:
        raise name_field(error, statement, values) from error


def name_field(error: DataError, statement: Statement, values: list[Any]) -> DataError:
    """Return the error with the field in place of a bare ``$n``, or of no name at all."""
    if type(error) is not DataError:
        return error
    found = _NUMBERED.fullmatch(error.column or "")
    position, why = (int(found[1]) - 1, None) if found is not None else _refused(statement, values)
    if position is None or position >= len(statement.parameters):
        return error
    parameter = statement.parameters[position]
    shown = f" ({parameter.type.sql})" if parameter.type is not None else ""
    return DataError(f"{parameter.label}{shown}: {why or error}", row=error.row, column=parameter.label)


def _refused(statement: Statement, values: list[Any]) -> tuple[int | None, str | None]:
    """The parameter whose conversion fails, whose text no PostgreSQL string can hold, or which has no room in its
    column, and why: the server does not say which one it was.
    """
    for position, parameter in enumerate(statement.parameters):
        value = values[parameter.index]
        try:
            for adapt in parameter.conversions:
                value = adapt(value)
        except DataError:
            return position, None
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


__all__ = ["execute", "fetch", "fetchrow", "name_field"]
