"""What a DELETE did to tables besides its own: ``delete(report=True)``, by the server's counts of the transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chakra.errors import FieldError
from chakra.sql.write_facts import ROWS_WRITTEN

if TYPE_CHECKING:
    from chakra.db import Database


@dataclass(frozen=True, slots=True)
class DeleteReport:
    """What ``delete(report=True)`` did; as a number it is ``rows``.

    Attributes:
        rows: how many rows of the query were deleted, which ``delete()`` returns.
        deleted: how many rows of which tables are gone, those of the query among them.
        updated: how many rows of which tables were changed by it: ``on_delete="set null"`` and ``"set default"``.
    """

    rows: int
    deleted: dict[str, int]
    updated: dict[str, int]

    def __int__(self) -> int:
        return self.rows


async def reported(database: Database, work: Callable[[], Awaitable[int]]) -> DeleteReport:
    """Delete rows, and say what else went with them.

    Raises:
        FieldError: the server does not count (``track_counts = off``).
    """
    async with database.transaction():
        before = await _counts(database)
        rows = await work()
        after = await _counts(database)
    deleted, updated = (
        {name: n - before.get(name, (0, 0))[kind] for name, counts in after.items() if (n := counts[kind])}
        for kind in (0, 1)
    )
    return DeleteReport(
        rows,
        {n: count for n, count in deleted.items() if count},
        {n: count for n, count in updated.items() if count},
    )


async def _counts(database: Database) -> dict[str, tuple[int, int]]:
    """Rows that this connection deleted and updated, by table; since when is not said."""
    ((counted, names, deleted, updated),) = await database.ask(ROWS_WRITTEN)
    if not counted:
        raise FieldError(
            "delete(report=True) goes by the rows that the server counts, and it does not: its setting track_counts is "
            "off; delete(returning=…) says which rows of the table itself are gone"
        )
    return dict(zip(names or (), zip(deleted or (), updated or (), strict=True), strict=True))


__all__ = ["DeleteReport", "reported"]
