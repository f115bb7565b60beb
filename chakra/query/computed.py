"""Which field an error of the server means: NULL where none may be, or a value for what the server computes itself."""

from __future__ import annotations

from chakra.errors import DatabaseError, DataError, NotNullViolation
from chakra.schema import Table
from chakra.sql.write_facts import computed_error

COMPUTED = ("42P10", "428C9")
"""What COPY (``copy.c``, CopyGetAttnums), INSERT and UPDATE (``rewriteHandler.c``) say of generated columns."""


def named(error: DatabaseError, table: Table) -> DatabaseError | DataError:
    """The error that names the column of the data, or the error itself."""
    if isinstance(error, NotNullViolation):
        _name_null(error, table)
    if error.sqlstate not in COMPUTED:
        return error
    text = str(error)
    meant = [
        c for c in table.columns if f'"{c.name}"' in text
    ]  # the server quotes names, but does not escape them
    return computed_error(table, max(meant, key=lambda c: len(c.name))) if meant else error


def _name_null(error: NotNullViolation, table: Table) -> None:
    """Name the field as queries do; the server knows columns, and what is refused before it is asked no table."""
    if error.table is None:
        error.table = table.name
    elif error.table == table.name and error.row is None:
        column = next((c for c in table.columns if c.name == error.column), None)
        if column is not None:
            error.column = column.attribute
            error.args = (f"{table.title}.{column.attribute}: {error.args[0]}", *error.args[1:])


__all__ = ["named"]
