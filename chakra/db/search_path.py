"""Under which search path a session is: the same SQL text means other tables and types under another one."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Generic, TypeVar

import asyncpg

from chakra.db.cache import StatementCache
from chakra.db.driver import RawConnection

T = TypeVar("T")

# What changes the role, for which "$user" in the path stands, and the path. Where the server does not report the path
# (before PostgreSQL 18), one that a function sets without these words in the statement is not noticed.
_ROLE = re.compile(
    r"\b(?:set|reset)\s+(?:(?:local|session)\s+)?(?:role|authorization)\b|\bdiscard\b"
    r"|\bset_config\s*\(\s*'(?:role|session_authorization)'",
    re.IGNORECASE,
)
_PATH = re.compile(
    r"search_path|set_config|\breset\s+all\b|\bset\s+(?:(?:local|session)\s+)?schema\b|^\s*(?:do|call)\b",
    re.IGNORECASE,
)
_END = re.compile(r"\s*(?:commit|end|rollback|abort)\b", re.IGNORECASE)

_ASK = """
SELECT setting, reset_val, current_user::text AS role FROM pg_catalog.pg_settings WHERE name = 'search_path'
"""


class SearchPath:
    """The search path of one session, followed at no round trip as long as nobody changes it.

    PostgreSQL 18 reports the path by itself; older servers are asked, once, behind a statement that may have changed
    it, and at the end of the transaction in which it was another one. So is the role, on all of them.

    Attributes:
        elsewhere: what stands for the path if it is another than the session began with, else ``None``.
    """

    __slots__ = ("_asked", "_first", "_raw", "elsewhere")

    def __init__(self, raw: RawConnection) -> None:
        self._raw = raw
        self._first = self._reported()
        self._asked = False
        self.elsewhere: Hashable = None

    def _reported(self) -> str | None:
        return getattr(self._raw.get_settings(), "search_path", None)

    async def follow(self, sql: str) -> bool:
        """Look at the path behind a statement; returns whether it is another one than before."""
        before = self.elsewhere
        if _ROLE.search(sql) or (self._first is None and _PATH.search(sql)) or self._is_over(sql):
            await self._ask()
        elif self._first is not None and not self._asked:
            now = self._reported()
            self.elsewhere = None if now == self._first else now
        return self.elsewhere != before

    def returned(self) -> None:
        """The session was reset: it is under the path it began with."""
        self.elsewhere, self._asked = None, False

    def _is_over(self, sql: str) -> bool:
        return self._asked and _END.match(sql) is not None

    async def _ask(self) -> None:
        try:
            row = await self._raw.fetchrow(_ASK)
        except asyncpg.PostgresError:  # the transaction is aborted; nothing prepared before is of use
            self.elsewhere, self._asked = object(), True
            return
        path, role = row["setting"], row["role"]
        own = "$user" not in path or role == self._raw._params.user
        self.elsewhere = None if own and path == row["reset_val"] else (path, role)
        self._asked = self.elsewhere is not None


class PathStatements(Generic[T]):
    """The part of a statement cache that belongs to one search path; what is kept under all of them has one limit."""

    __slots__ = ("_kept", "_path")

    def __init__(self, path: Hashable, kept: StatementCache[T]) -> None:
        self._path = path
        self._kept = kept

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, sql: str) -> bool:
        return (self._path, sql) in self._kept

    def get(self, sql: str) -> T | None:
        """Return the statement kept for this text under this path."""
        return self._kept.get((self._path, sql))

    def put(self, sql: str, statement: T) -> list[T]:
        """Keep a statement under this path; returns those given up to stay within the limit."""
        return self._kept.put((self._path, sql), statement)

    def drop(self, sql: str) -> T | None:
        """Forget one statement and return it, or ``None``."""
        return self._kept.drop((self._path, sql))

    def clear(self) -> list[T]:
        """Forget the statements of every path but the first."""
        return self._kept.clear()


__all__ = ["PathStatements", "SearchPath"]
