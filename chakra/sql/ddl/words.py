"""What stands around the columns of CREATE TABLE: how the table is cut and stored; and what is said of it."""

from __future__ import annotations

import re

from chakra.errors import FieldError
from chakra.pg.quoting import quote_block, quote_identifier, quote_string
from chakra.schema import Partitioning, Table

# Manual, CREATE TABLE, "Storage Parameters", and CREATE VIEW: plain words, for the TOAST table behind "toast.".
STORAGE_NAME = re.compile(r"(?:toast\.)?[a-z][a-z0-9_]{0,62}\Z")


def partition_clause(table: Table, by: Partitioning | None) -> str:
    """``PARTITION BY RANGE (…)`` with a space in front, or nothing."""
    if by is None:
        return ""
    columns = table.by_attribute  # first: the name of a column may look like an expression
    keys = [
        key if key.startswith("(") and key not in columns else table.column(key).quoted for key in by.keys
    ]
    return f" PARTITION BY {by.strategy.upper()} ({', '.join(keys)})"


def storage_clause(storage: tuple[tuple[str, str], ...]) -> str:
    """``WITH (fillfactor = '70')`` with a space in front, or nothing.

    Raises:
        FieldError: a name is no plain word.
    """
    if not storage:
        return ""
    for name, _ in storage:
        if not STORAGE_NAME.match(name):
            raise FieldError(
                f"{name!r} names no storage parameter: those are words such as fillfactor, autovacuum_enabled or "
                "toast.autovacuum_enabled"
            )
    given = ", ".join(f"{name} = {quote_string(value)}" for name, value in storage)
    return f" WITH ({given})"


def tablespace_clause(tablespace: str | None) -> str:
    """``TABLESPACE name`` with a space in front, or nothing."""
    return "" if tablespace is None else f" TABLESPACE {quote_identifier(tablespace)}"


def comment_on(kind: str, quoted: str, comment: str | None) -> str:
    """``COMMENT ON``: what the database says of a table or view.

    Args:
        kind: ``TABLE``, ``VIEW`` or ``MATERIALIZED VIEW``.
        quoted: its name.
    """
    text = "NULL" if comment is None else quote_string(comment)
    return f"COMMENT ON {kind} {quoted} IS {text}"


def unless_there(quoted: str, statements: list[str]) -> str:
    """Statements that run together, and only if there is nothing of that name."""
    body = " ".join(f"{statement};" for statement in statements)
    return quote_block(f"IF pg_catalog.to_regclass({quote_string(quoted)}) IS NULL THEN {body} END IF;")


__all__ = [
    "STORAGE_NAME",
    "comment_on",
    "partition_clause",
    "storage_clause",
    "tablespace_clause",
    "unless_there",
]
