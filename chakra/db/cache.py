"""What is kept and what is given up: a pure least-recently-used policy, no I/O."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class StatementCache(Generic[T]):
    """Prepared statements by SQL text, or what else says which they are; at most ``limit``, and the least recently
    used is given up first.

    Args:
        limit: statements kept; 0 keeps none.

    Attributes:
        hits: how often one was found.
    """

    __slots__ = ("_entries", "hits", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.hits = 0
        self._entries: OrderedDict[Hashable, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, sql: Hashable) -> bool:
        return sql in self._entries

    def get(self, sql: Hashable) -> T | None:
        """Return the statement kept for this text and mark it as just used."""
        found = self._entries.get(sql)
        if found is not None:
            self._entries.move_to_end(sql)
            self.hits += 1
        return found

    def put(self, sql: Hashable, statement: T) -> list[T]:
        """Keep a statement; returns those given up to stay within the limit."""
        if not self.limit:
            return []
        self._entries[sql] = statement
        self._entries.move_to_end(sql)
        given_up = []
        while len(self._entries) > self.limit:
            given_up.append(self._entries.popitem(last=False)[1])
        return given_up

    def values(self) -> Iterable[T]:
        """All statements kept, the least recently used first."""
        return self._entries.values()

    def drop(self, sql: Hashable) -> T | None:
        """Forget one statement and return it, or ``None``."""
        return self._entries.pop(sql, None)

    def clear(self) -> list[T]:
        """Forget every statement and return them."""
        given_up = list(self._entries.values())
        self._entries.clear()
        return given_up


__all__ = ["StatementCache"]
