"""Which column an error of the server means when values were given for one that it computes itself."""

from __future__ import annotations

from chakra.errors import DatabaseError
from chakra.schema import Table
from chakra.sql.write_facts import computed_error

COMPUTED = ("42P10", "428C9")
"""What COPY (``copy.c``, CopyGetAttnums), INSERT and UPDATE (``rewriteHandler.c``) say of generated columns."""


def named(error: DatabaseError, table: Table) -> DatabaseError | Exception:
    """The error that names the column of the data, or the error itself."""
    if error.sqlstate not in COMPUTED:
        return error
    text = str(error)
    meant = [
        c for c in table.columns if f'"{c.name}"' in text
    ]  # the server quotes names, but does not escape them
    return computed_error(table, max(meant, key=lambda c: len(c.name))) if meant else error


__all__ = ["named"]
