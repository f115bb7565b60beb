"""Checks of what callers hand to the methods of queries."""

from __future__ import annotations

from typing import Any

from chakra.db.default import database_named
from chakra.db.executor import Executor
from chakra.errors import FieldError, QueryError
from chakra.pg.quoting import check_alias


def value_name(name: str) -> str:
    """Check a name that a caller gives to a computed value; internal names start with an underscore.

    Raises:
        FieldError: the name is not a plain word, or starts with an underscore.
    """
    if check_alias(name).startswith("_"):
        raise FieldError(f"{name!r} cannot name a value: names that start with an underscore are internal")
    return name


def is_attribute(row_class: Any, name: str) -> bool:
    """Whether instances of a model have an attribute of that name; what only the class has (``partitions``) is none."""
    return any(name in vars(base) for base in getattr(row_class, "__mro__", ()))


def row_count(what: str, count: int | None) -> int | None:
    """Check a number of rows; ``None`` stands for no limit.

    Raises:
        FieldError: not a whole number, or less than 0.
    """
    if count is not None and (type(count) is not int or count < 0):
        raise QueryError(f"{what} is a number of rows, 0 or more, not {count!r}")
    return count


def given_database(given: Any, where: str, also: str = "") -> Any:
    """A connected database, or a connection of one, or the one that is called so (``"replica"``).

    Args:
        where: the call it was given to, for the message.
        also: what else the message says.

    Raises:
        FieldError: it is something else; a ``connect()`` that was not awaited is told apart.
        ConfigError: no database that is connected here is called so.
    """
    if isinstance(given, Executor):
        return given
    if isinstance(given, str):
        return database_named(given)
    if hasattr(given, "__aenter__") or hasattr(given, "__await__"):
        raise QueryError(f"{where} takes a connected database; this one was not awaited: {given!r}")
    raise QueryError(
        f"{where} takes a database, the result of `await chakra.connect(url)`, not {given!r}{also}"
    )


__all__ = ["given_database", "is_attribute", "row_count", "value_name"]
