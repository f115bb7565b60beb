"""How a queryset's SELECT becomes the SELECTs of a read in parts: where to cut is asked of the snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chakra.db.statements import Own, Told, behind
from chakra.errors import DatabaseError
from chakra.pg.text import SqlText
from chakra.schema import Column
from chakra.sql.literals import ServerText
from chakra.sql.partitions import SAMPLE, quantiles, split_at, split_pages
from chakra.sql.select import Select
from chakra.sql.shapes import select_statement

if TYPE_CHECKING:
    from chakra.columnar.parallel import Snapshot
    from chakra.db import Record, Session

_SAMPLED_PER_PART = 100
"""Values a part's bounds must rest on; of fewer rows all are looked at, which is then cheap. With 100 a part has
within a tenth of its share of the rows, two times in three."""

_PLAIN_TEXT = Own("SET LOCAL datestyle TO 'ISO'; SET LOCAL intervalstyle TO 'iso_8601'")
"""Bounds are read by other sessions, so they must mean the same under whatever settings those have."""


@dataclass(frozen=True)
class Cutting:
    """A query to be cut: called with a snapshot, it gives the SELECTs of the parts.

    Attributes:
        select: a query that may be cut.
        partitions: how many parts.
        column: the column of the root table to cut by; ``None`` = row addresses.
    """

    select: Select
    partitions: int
    column: Column | None

    async def __call__(self, snapshot: Snapshot) -> list[str]:
        """One SELECT where there is nothing to cut by: no column is named, and rows have no addresses."""
        if self.column is not None:
            bounds = await self._bounds(snapshot, self.column)
            return [_sql(part, snapshot) for part in split_at(self.select, self.column, bounds)]
        pages = await snapshot.pages(self.select.table.quoted)
        if pages is None:
            return [_sql(self.select, snapshot)]
        return [_sql(part, snapshot) for part in split_pages(self.select, pages, self.partitions)]

    async def _bounds(self, snapshot: Snapshot, column: Column) -> list[Any]:
        keys = self.select.with_clauses(outputs=((column.attribute, column.attribute),))
        keys.result = "tuple"
        sql, connection = _sql(keys, snapshot), snapshot.connection
        session = connection.held_session()
        if not await connection.is_harmless(behind(sql)):
            connection.note(session)
        try:
            await session.script(_PLAIN_TEXT)
            row = await self._quantiles(session, sql, SAMPLE)
            if row["sampled"] < _SAMPLED_PER_PART * self.partitions:
                row = await self._quantiles(session, sql, 1)
        except DatabaseError as error:
            error.add_note(
                f"while asking for quantiles of partition_by={column.attribute!r} ({column.type.sql})"
            )
            raise
        bounds = dict.fromkeys(row["bounds"] or ())  # a value that fills several parts bounds only one
        return [ServerText(bound) for bound in bounds]

    async def _quantiles(self, session: Session, keys: SqlText, share: float) -> Record:
        question = Told(quantiles(keys.key, self.partitions, share), keys.touches, reads=True)
        [row] = await session.fetch_once(question, quantiles(keys, self.partitions, share))
        return row


def _sql(select: Select, snapshot: Snapshot) -> SqlText:
    compiled, values = select_statement(select)
    return compiled.statement.literal_sql(values, snapshot.connection.naive)


__all__ = ["Cutting"]
