"""Values for rows that are there, written in batches of pages, each in a transaction of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from chakra.migrations.steps import Backfill
from chakra.pg.quoting import quote_string

if TYPE_CHECKING:
    from chakra.db import Database

PAGES = 128
"""Pages of a batch at most: 1 MB of rows, some 10,000 narrow ones; locked for some 50 ms. Where they take longer,
batches get smaller: others wait for rows of them.
"""
LONG = 0.25
"""Seconds of a batch that is too long."""
ROWS = 500
"""Rows of a batch of what was left."""
ROUNDS = 30
"""How often rows that others hold are come back for, before they are waited for."""


async def backfill(
    database: Database,
    work: Backfill,
    tell: Callable[[int, int], object] | None = None,
    pages: int = PAGES,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> int:
    """Write all batches, and return how many rows were written. Cut off, it is simply begun again.

    The table is gone through page by page (manual, 60.3, "TID scans"), so that no key is needed and each page is read
    once. Rows that others hold are left out, and come back for: a batch that waited for one of them, with others
    locked, could be what they wait for themselves.

    Args:
        tell: called with the pages done and all pages.
        pages: of a batch at most.
        pause: awaited before rows that all are held are looked at again.
    """
    name = quote_string(work.table)
    written, start = 0, 0
    end = await database.fetchval(
        f"SELECT pg_catalog.pg_relation_size({name}::regclass) / current_setting('block_size')::int"
    )
    most, pages = pages, max(pages // 8, 1)
    while start < end:
        stop, begun = start + pages, time.monotonic()
        written += await _update(database, work, f"ctid >= '({start},0)'::tid AND ctid < '({stop},0)'::tid")
        start, took = stop, time.monotonic() - begun
        if took > LONG:
            pages = max(pages // 2, 1)
        elif took < LONG / 2:
            pages = min(pages * 2, most)
        if tell is not None:
            tell(min(start, end), end)
    return written + await _rest(database, work, pause)


async def _rest(database: Database, work: Backfill, pause: Callable[[float], Awaitable[object]]) -> int:
    """Rows that others held, and those that they moved to a page that was done, or behind the end."""
    written = 0
    for _ in range(ROUNDS):
        async with database.transaction(settings=_ALL):
            rows = await database.fetch(f"SELECT ctid::text AS place FROM {work.table} WHERE {work.where}")
        places, done = [row["place"] for row in rows], 0
        for start in range(0, len(places), ROWS):
            done += await _update(
                database, work, "ctid = ANY ($1::text[]::tid[])", places[start : start + ROWS]
            )
        written += done
        if done == len(places):
            return written
        if not done:
            await pause(0.1)
    async with database.transaction(settings=_ALL):
        status = await database.execute(f"UPDATE {work.table} SET {work.assign} WHERE {work.where}")
    return written + int(status.rpartition(" ")[2])


async def _update(database: Database, work: Backfill, where: str, *values: object) -> int:
    """One batch. Rows that row security hides are an error, and not left out."""
    free = f"SELECT ctid FROM {work.table} WHERE {where} AND ({work.where}) FOR NO KEY UPDATE SKIP LOCKED"
    async with database.transaction(settings=_ALL):
        status = await database.execute(
            f"UPDATE {work.table} SET {work.assign} WHERE ctid = ANY (ARRAY({free}))", *values
        )
    return int(status.rpartition(" ")[2])


_ALL = {"row_security": "off"}

__all__ = ["PAGES", "backfill"]
