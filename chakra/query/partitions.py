"""Partitions as users see them in a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chakra import introspect
from chakra.query.catalogue import Listing
from chakra.schema import Table

if TYPE_CHECKING:
    from chakra.db import Database


@dataclass(frozen=True, slots=True)
class PartitionInfo:
    """A partition of a table.

    Attributes:
        schema, name: where it is.
        bound: which rows it takes, as SQL: ``FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')``, or ``DEFAULT``.
        parent: the name of the table that it is a part of.
        level: 1 for parts of the table, 2 for parts of these, and so on.
        is_cut: whether it is cut into partitions itself.
        rows: about how many rows it has, as the server's statistics say; ``None`` where it has none.
    """

    schema: str
    name: str
    bound: str
    parent: str
    level: int
    is_cut: bool
    rows: int | None

    @property
    def is_default(self) -> bool:
        """Whether it takes the rows that no other partition does."""
        return self.bound == "DEFAULT"

    @property
    def cells(self) -> tuple[str, ...]:
        """What a listing shows."""
        return self.name, self.bound, self.parent, "" if self.rows is None else f"{self.rows:,}"


class Partitions(Listing[PartitionInfo]):
    """The partitions of a table."""

    heads = ("partition", "rows it takes", "part of", "rows (about)")


async def partitions_of(database: Database, table: Table) -> Partitions:
    """The partitions of a table, those of partitions included."""
    found = await introspect.partitions(database, table.quoted)
    return Partitions(
        PartitionInfo(p.schema, p.name, p.bound, p.parent, p.level, p.is_cut, p.rows) for p in found
    )


__all__ = ["PartitionInfo", "Partitions", "partitions_of"]
