"""What a plan has to know of the database beside the state: how many rows, which server, which partitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from chakra.migrations.state import Key
from chakra.sql.ddl.privileges import Privileges

_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Facts:
    """What the server said before the plan was made.

    Attributes:
        server: major version.
        rows: about how many rows a table has, by the statistics; tables that are not in it are taken for large.
        empty: tables known to have none: those of the same migration, and those that were looked at.
        partitions: the leaves of partitioned tables.
        privileges: whose views are, and who may do what with them: a view that is dropped and made again is to be as it
            was.
    """

    server: int = 18
    rows: Mapping[Key, int] = field(default_factory=lambda: _NOTHING)
    empty: frozenset[Key] = frozenset()
    partitions: Mapping[Key, tuple[Key, ...]] = field(default_factory=lambda: _NOTHING)

    privileges: Mapping[Key, Privileges] = field(default_factory=lambda: _NOTHING)

    def in_use(self, key: Key) -> bool:
        """Whether a table has to be taken for one that others read and write meanwhile."""
        return key not in self.empty

    def with_empty(self, keys: Iterable[Key]) -> Facts:
        """With more tables that have no rows."""
        return replace(self, empty=self.empty | frozenset(keys))


__all__ = ["Facts"]
