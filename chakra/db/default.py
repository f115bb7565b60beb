"""Which database a query runs on: the first connected in the running event loop and still open, or one by its name."""

from __future__ import annotations

import asyncio
import inspect
import os
from typing import TYPE_CHECKING, Any, TypeAlias

from chakra.errors import ConfigError, FieldError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chakra.db import Database

_open: list[Database] = []
_named: list[Database] = []
"""Those that ``using("…")`` knows by a name; none of them is a default."""
_why = ""
"""What became of databases that are no longer on the list without having been closed."""


def register(database: Database) -> None:
    """Note a connected database; the first one open in a loop is the default there, unless it has a name."""
    _drop_dead()
    (_open if database.alias is None else _named).append(database)


def check_free(alias: str | None) -> None:
    """Refuse a name that a database of the running loop has.

    Raises:
        ConfigError: one has it.
    """
    loop = asyncio.get_running_loop()
    if alias is not None and any(each.alias == alias and each.loop is loop for each in _named):
        raise ConfigError(f"a database called {alias!r} is connected already; close it first")


def database_named(name: str) -> Database:
    """The database that ``using("…")`` calls so: ``default``, ``replica`` (of the default), or one with that alias.

    Raises:
        ConfigError: none is connected here; says which are.
    """
    if name in ("default", "primary"):
        return default_database()
    if name == "replica":
        return default_database().replica
    try:
        loop: object = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    _drop_dead()
    for database in _named:
        if database.alias == name and (loop is None or database.loop is loop):
            return database
    if "://" in name:  # which may hold a password
        raise FieldError(
            "using() takes a database, or the name of one that is connected; a URL is for chakra.connect()"
        )
    known = sorted({str(each.alias) for each in _named} | {"default", "replica"})
    raise ConfigError(
        f"no database called {name!r} is connected here (known: {', '.join(known)}): "
        f"call `await chakra.connect(url, alias={name!r})` first"
    )


def forget(database: Database) -> None:
    """Take a closed database off the list; the next open one becomes the default."""
    for each in (_open, _named):
        if database in each:
            each.remove(database)


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


Router: TypeAlias = "Callable[[Any, bool], Database | str | None]"

router: Router | None = None
"""Decides where queries go that name no database; set by ``route``."""


def route(function: Router | None) -> Router | None:
    """Have a function decide where queries and instances go that name no database; also as a decorator.

    Args:
        function: called as ``function(model, writes)`` with the model of the query (``None`` of a table without one)
            and whether it writes; gives a database, its name as for ``using``, or ``None`` for the default one. A read
            that it sends to ``"replica"`` stays on the primary inside a transaction there. ``None`` in its place: the
            default database for all.

    Returns:
        The same.

    Raises:
        ConfigError: it is no function, or an ``async def``, which nobody could await.
    """
    global router
    if function is not None and (not callable(function) or inspect.iscoroutinefunction(function)):
        raise ConfigError(
            "route() takes a plain function of (model, writes) that gives a database, its name or None, not "
            + ("an async def" if callable(function) else f"a value of type {type(function).__name__}")
        )
    router = function
    return function


def routed(model: Any, writes: bool) -> Database:
    """The database of a query or an instance that names none, where there is a router.

    Raises:
        ConfigError: the router gives what is no database, or none is connected.
    """
    found = router(model, writes) if router is not None else None
    if found is None:
        return default_database()
    if isinstance(found, str):
        found = database_named(found)
    elif not hasattr(found, "held_session"):
        raise ConfigError(f"the router gave {found!r} for {model!r}: expected a database, its name, or None")
    primary = found.primary
    if primary is not None and (writes or primary.in_transaction):
        return primary  # type: ignore[return-value]
    return found


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
    for database in [each for each in (*_open, *_named) if each.loop.is_closed()]:
        forget(database)
        database.abandon()
        _why = " in this event loop (the one before was never closed, and its loop is over)"


def _forked() -> None:
    global _why
    _named.clear()
    if _open:
        _open.clear()
        _why = " in this process (one was in the process it was forked from; each process needs its own)"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


__all__ = ["check_free", "database_named", "default_database", "forget", "register", "route", "routed"]
