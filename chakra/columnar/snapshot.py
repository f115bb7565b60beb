"""A snapshot of the database that several connections read through, and what it is asked about where to cut a query."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from chakra.db.statements import Own, Told, behind
from chakra.errors import ChakraError, CommitUnknown, DatabaseError, DataError
from chakra.pg.quoting import quote_string
from chakra.pg.text import SqlText
from chakra.schema import Column
from chakra.sql.partitions import SAMPLE, Cut, quantiles

if TYPE_CHECKING:
    from chakra.db import Connection, Database, Record

# Kinds of relations whose rows have addresses: tables, partitioned tables, materialized views.
_ADDRESSABLE = frozenset("rpm")

# A partitioned table has no pages of its own; its largest partition says how far the ranges must reach.
_PAGES = Own("""
SELECT c.relkind::text AS kind,
    coalesce((SELECT max(pg_relation_size(t.relid)) FROM pg_partition_tree(c.oid) t WHERE t.isleaf),
             pg_relation_size(c.oid)) / current_setting('block_size')::bigint AS pages
FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1)
""")

_EXPORT = Own("SELECT pg_catalog.pg_export_snapshot()")

_SAMPLED_PER_PART = 100
"""Values a part's bounds must rest on; of fewer rows all are looked at, which is then cheap. With 100 a part has
within a tenth of its share of the rows, two times in three."""

_PLAIN_TEXT = Own("SET LOCAL datestyle TO 'ISO'; SET LOCAL intervalstyle TO 'iso_8601'")
"""Bounds are read by other sessions, so they must mean the same under whatever settings those have."""


class Snapshot:
    """A connection that holds a snapshot open for others to read through; an asynchronous context."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stack = AsyncExitStack()
        self.connection: Connection
        self.id = ""

    async def __aenter__(self) -> Snapshot:
        stack = self._stack
        try:
            self.connection = await stack.enter_async_context(self._database.acquire())
            await stack.enter_async_context(self.connection.transaction("repeatable_read", readonly=True))
            row = await self.connection.run_fetchrow(_EXPORT)
            self.id = "" if row is None else row[0]
        except BaseException:
            await stack.__aexit__(*sys.exc_info())  # with the error: a silent server is not asked to commit
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with nothing_written():
            await self._stack.__aexit__(kind, error, trace)

    async def _pages(self, relation: str) -> int | None:
        """How many pages a relation (quoted name) has; ``None`` where rows have no addresses, as in views."""
        row = await self.connection.run_fetchrow(_PAGES, (relation,))
        return None if row is None or row["kind"] not in _ADDRESSABLE else int(row["pages"])

    async def parts_of(self, query: Cut | str) -> list[str]:
        """The finished SELECTs of a query's parts; one where there is nothing to cut by: no column is named, and rows
        have no addresses.

        Raises:
            DatabaseError: values of the column have no order.
        """
        if isinstance(query, str):
            return [query]
        if query.column is not None:
            ranges = query.ranges(await self._bounds(query, query.column))
        else:
            pages = await self._pages(query.relation)
            ranges = [(None, None)] if pages is None else query.page_ranges(pages)
        return [query.sql(low, high) for low, high in ranges]

    async def _bounds(self, cut: Cut, column: Column) -> Iterable[str]:
        keys, connection = cut.keys(column), self.connection
        if not await connection.is_harmless(behind(keys)):
            connection.note(connection.held_session())
        try:
            await connection.held_session().script(_PLAIN_TEXT)
            row = await self._quantiles(keys, cut.parts, SAMPLE)
            if row["sampled"] < _SAMPLED_PER_PART * cut.parts:
                row = await self._quantiles(keys, cut.parts, 1)
        except DatabaseError as error:
            error.add_note(
                f"while asking for quantiles of partition_by={column.attribute!r} ({column.type.sql})"
            )
            raise
        return row["bounds"] or ()

    async def _quantiles(self, keys: SqlText, parts: int, share: float) -> Record:
        question = Told(quantiles(keys.key, parts, share), keys.touches, reads=True)
        [row] = await self.connection.held_session().fetch_once(question, quantiles(keys, parts, share))
        return row


@contextmanager
def nothing_written() -> Iterator[None]:
    """A COMMIT without an answer is a lost connection and no more: nobody has to look for what a read wrote."""
    try:
        yield
    except CommitUnknown as error:
        if isinstance(error.__cause__, ChakraError):
            raise error.__cause__ from None
        raise


class SnapshotGone(Exception):
    """The transaction that exported a snapshot is over."""


async def adopt(connection: Connection, snapshot: str) -> None:
    try:
        await connection.held_session().script(Own(f"SET TRANSACTION SNAPSHOT {quote_string(snapshot)}"))
    except (DatabaseError, DataError) as error:
        # 42704: no file of that name under pg_snapshots; up to PostgreSQL 17 it is 22023, as for a text that is
        # no identifier at all, which Chakra counts with the values that do not fit. 55000: the file is there, and
        # who exported it has just ended.
        if error.sqlstate in ("22023", "42704", "55000"):
            raise SnapshotGone from error
        raise


__all__ = ["Snapshot", "SnapshotGone", "adopt"]
