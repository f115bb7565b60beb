"""Which database a query runs on when none is named: the first one that was connected and is still open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chakra.errors import ConfigError

if TYPE_CHECKING:
    from chakra.db import Database

_open: list[Database] = []


def register(database: Database) -> None:
    """Note a connected database; the first one open is the default."""
    _open.append(database)


def forget(database: Database) -> None:
    """Take a closed database off the list; the next open one becomes the default."""
    if database in _open:
        _open.remove(database)


def default_database() -> Database:
    """Return the default database.

    Raises:
        ConfigError: none is connected.
    """
    if not _open:
        raise ConfigError(
            "no database is connected: call `await chakra.connect(url)` first, or name one with .using(db)"
        )
    return _open[0]


__all__ = ["default_database", "forget", "register"]
