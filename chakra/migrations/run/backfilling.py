"""Values for rows that are there, written in batches of pages, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chakra.migrations.steps import Backfill
from chakra.pg.quoting import quote_string

if TYPE_CHECKING:
    from chakra.db import Database

PAGES = 128
"""Pages of a batch: 1 MB of rows, some 10,000 narrow ones; locked for some 50 ms."""


async def backfill(
    database: Database, work: Backfill, tell: Callable[[int, int], object] | None = None, pages: int = PAGES
) -> int:
    """Write all batches, and return how many rows were written. Cut off, it is simply begun again.

    The table is gone through page by page (manual, 60.3, "TID scans"), so that no key is needed and each page is read
    once; rows that are written meanwhile move behind the end, and do not wait for it any more.

    Args:
        tell: called with the pages done and all pages.
        pages: of a batch.
    """
    name = quote_string(work.table)
    written, start = 0, 0
    end = await database.fetchval(
        f"SELECT pg_catalog.pg_relation_size({name}::regclass) / current_setting('block_size')::int"
    )
    while start < end:
        stop = start + pages
        written += await _update(
            database, work, f"ctid >= '({start},0)'::tid AND ctid < '({stop},0)'::tid AND ({work.where})"
        )
        start = stop
        if tell is not None:
            tell(min(start, end), end)
    # Rows that a transaction from before the column put behind the end, if any.
    return written + await _update(database, work, work.where)


async def _update(database: Database, work: Backfill, where: str) -> int:
    """One batch. Rows that row security hides are an error, and not left out."""
    async with database.transaction(settings={"row_security": "off"}):
        status = await database.execute(f"UPDATE {work.table} SET {work.assign} WHERE {where}")
    return int(status.rpartition(" ")[2])


__all__ = ["PAGES", "backfill"]
