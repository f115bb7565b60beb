"""Databases of this process that are one database on the server: DDL that goes through one concerns them all."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

IDENTITY = """
SELECT d.datname::text, d.oid, pg_catalog.pg_postmaster_start_time(), pg_catalog.pg_backend_pid()
FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
"""
"""Name of the database, and with two more columns what no other database has: the time is in microseconds. The last is
the server process, by which a pooler is found out: it gives connections numbers of its own.
"""


class Siblings(Generic[T]):
    """Who is connected to what; used from any thread, and keeps nobody alive."""

    __slots__ = ("_known", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: WeakKeyDictionary[T, Hashable] = WeakKeyDictionary()

    def add(self, member: T, identity: Hashable) -> None:
        """Remember a member by what it is connected to."""
        with self._lock:
            self._known[member] = identity

    def of(self, member: T) -> Sequence[T]:
        """Return the member and all others connected to the same."""
        with self._lock:
            identity = self._known.get(member)
            if identity is None:
                return [member]
            return [other for other, theirs in self._known.items() if theirs == identity]


__all__ = ["IDENTITY", "Siblings"]
