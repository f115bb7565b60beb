"""Which database a query runs on when none is named: the first connected in the running event loop and still open."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from chakra.errors import ConfigError

if TYPE_CHECKING:
    from chakra.db import Database

_open: list[Database] = []
_why = ""
"""What became of databases that are no longer on the list without having been closed."""


def register(database: Database) -> None:
    """Note a connected database; the first one open in a loop is the default there."""
    _drop_dead()
    _open.append(database)


def forget(database: Database) -> None:
    """Take a closed database off the list; the next open one becomes the default."""
    if database in _open:
        _open.remove(database)


def default_database() -> Database:
    """Return the default database of the running loop; outside any, the first one open.

    Raises:
        ConfigError: none is connected here; says where there is one.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _drop_dead()
        if _open:
            return _open[0]
    else:
        for database in _open:
            if database.loop is loop:
                return database
        _drop_dead()
    raise ConfigError(
        f"no database is connected{_elsewhere()}: call `await chakra.connect(url)` first, or name one with .using(db)"
    )


def _elsewhere() -> str:
    if _open:
        return (
            f" in this event loop ({len(_open)} in another loop, of another thread; a database serves the loop it was "
            "connected in)"
        )
    return _why


def _drop_dead() -> None:
    """Let go of databases whose loop is over: nobody can close them in order any more."""
    global _why
    for database in [each for each in _open if each.loop.is_closed()]:
        _open.remove(database)
        database.pool.abandon()
        _why = " in this event loop (the one before was never closed, and its loop is over)"


def _forked() -> None:
    global _why
    if _open:
        _open.clear()
        _why = " in this process (one was in the process it was forked from; each process needs its own)"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


__all__ = ["default_database", "forget", "register"]
