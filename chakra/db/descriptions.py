"""What the server said of statements and tables, kept until DDL; what it means is up to the layers above."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from chakra.db.cache import StatementCache
from chakra.db.catalog import TypeCatalog

LIMIT = 2_000
"""Descriptions kept for a database; one of a statement of ten columns takes about 1 KB."""


class Descriptions:
    """Descriptions by what they are of, the least recently used given up first.

    All are forgotten when the types of the database are: DDL that goes through Chakra invalidates both. DDL of others
    is found out by the guards in front of COPY (``chakra.sql.guards``).
    """

    def __init__(self, types: TypeCatalog, limit: int = LIMIT) -> None:
        self._types = types
        self._version = types.version
        self._kept: StatementCache[Any] = StatementCache(limit)

    def get(self, key: Hashable) -> Any:
        """Return a description, or ``None``."""
        if self._version != self._types.version:
            self._kept.clear()
            self._version = self._types.version
        return self._kept.get(key)

    def put(self, key: Hashable, description: Any) -> None:
        """Keep a description."""
        self.get(key)
        self._kept.put(key, description)

    def drop(self, key: Hashable) -> None:
        """Keep one no longer."""
        self._kept.drop(key)

    def forget(self, key: Hashable) -> None:
        """Forget one that is out of date, and what is known of types with it."""
        self.drop(key)
        self._types.invalidate()


__all__ = ["Descriptions"]
