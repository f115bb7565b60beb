"""One query read by several connections over one exported snapshot, which says where it is cut."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from chakra.columnar.decode import Decoder
from chakra.columnar.options import DEFAULT, Options
from chakra.columnar.progress import Meter, Progress
from chakra.columnar.snapshot import Snapshot, SnapshotGone, adopt, nothing_written
from chakra.columnar.types import ColumnSpec
from chakra.db import StaleTypes
from chakra.db.default import default_database
from chakra.errors import DatabaseError, DataError, PoolTimeout, TransactionError
from chakra.pg.types import PgType
from chakra.sql.partitions import Cut

if TYPE_CHECKING:
    from chakra.db import Connection, Database
    from chakra.sql.guards import ReadGuard

MAX_PARTS = 256
"""More parts than this only cost round trips; a server has tens of cores, not hundreds."""

PART_BYTES = 32 * 1024 * 1024
"""Bytes of the stream a batch of one part may cover. Parts are short, and room reserved for rows that do not come
stays in huge pages: with the 256 MiB of a read in one part, four parts peak at 1.4 times the table, with 32 at 1.2
(docs/decisions/0011-memory.md)."""

_EXTRA_WAIT = 1.0  # seconds a further connection may take to open; without it the others read its parts


async def read_parts(
    database: Database,
    query: Cut | str,
    columns: Sequence[ColumnSpec],
    options: Options = DEFAULT,
    *,
    workers: int,
    progress: Progress = None,
    guard: ReadGuard | None = None,
) -> pa.Table:
    """Read a query in parts by up to ``workers`` connections and put the parts together in their order.

    A further connection is only used if the pool can give one without making anybody wait; the parts it
    would have read are read by the others. So two reads at once never block each other. One that has not begun
    when no part is left is told to stop: a pooler may let it wait for the very connection the others hold.

    Args:
        query: a query that can be cut, or the SELECT of one that is read in one part.
        columns: result columns, the same for every part.
        guard: what they were described as; looked at once on each connection, which then holds the locks.

    Raises:
        StaleTypes: they are others.
        DataError: a value has no place in its Arrow type.
        DatabaseError, ConnectionLost: from the server; the other parts are stopped.
    """
    async with Snapshot(database) as snapshot:
        statements = await snapshot.parts_of(query)
        decoders = [Decoder(columns, options, segment_bytes=PART_BYTES) for _ in statements]
        left = deque(zip(statements, decoders, strict=True))
        figures = database.pool.figures
        spare = figures.max_size - figures.size + figures.idle - figures.waiting
        extra = max(0, min(workers, len(statements)) - 1)
        with Meter(progress, "reading") as meter:

            def report() -> None:
                meter.update(sum(d.rows for d in decoders), sum(d.bytes_read for d in decoders))

            watch = report if progress else None
            waiting: set[asyncio.Task[None]] = set()
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(extra, max(0, spare))):
                        waiting.add(
                            group.create_task(_work(database, snapshot.id, left, watch, guard, waiting))
                        )
                    await _read_left(snapshot.connection, left, watch, guard)
                    stopped = [task for task in waiting if task.cancel()]
                if stopped:
                    await (
                        database.pool.recovered()
                    )  # their connections are in no transaction when the read is over
            except BaseExceptionGroup as failures:
                # Callers handle the same errors as for a read in one part; the first one stopped the others.
                raise failures.exceptions[0] from None
            meter.end(sum(d.rows for d in decoders), sum(d.bytes_read for d in decoders))
    first = decoders[0]
    for decoder in decoders[1:]:
        first.append(decoder)
    return first.table()


async def _work(
    database: Database,
    snapshot: str,
    left: deque[tuple[str, Decoder]],
    watch: Callable[[], None] | None,
    guard: ReadGuard | None,
    waiting: set[asyncio.Task[None]],
) -> None:
    """Read parts on a connection of its own, if there is one to be had; not ``waiting`` once it begins."""
    try:
        with nothing_written():
            async with (
                database.acquire(_EXTRA_WAIT) as connection,
                connection.transaction("repeatable_read", readonly=True),
            ):
                await adopt(connection, snapshot)
                waiting.difference_update([asyncio.current_task()])
                await _read_left(connection, left, watch, guard)
    except (PoolTimeout, SnapshotGone):  # whoever holds the snapshot has failed, and is about to say why
        return


async def _read_left(
    connection: Connection,
    left: deque[tuple[str, Decoder]],
    watch: Callable[[], None] | None,
    guard: ReadGuard | None,
) -> None:
    while left:
        sql, decoder = left.popleft()
        before, guard = None if guard is None else guard.before(sql), None
        try:
            await _read(connection, sql, decoder, before, watch)
        except DataError as error:
            error.add_note("the row number counts within one part of a read with partitions=")
            raise


async def _read(
    connection: Connection,
    sql: str,
    decoder: Decoder,
    guard: str | None,
    watch: Callable[[], None] | None = None,
) -> None:
    feed = decoder.feed
    if watch is None:
        await connection.copy_out(sql, feed, guard=guard)
    else:

        def sink(chunk: bytes) -> None:
            feed(chunk)
            watch()

        await connection.copy_out(sql, sink, guard=guard)
    decoder.finish()


# -- plans that other processes carry out ---------------------------------------------------------------


@dataclass(frozen=True)
class ReadTask:
    """One part of a read plan: finished SQL, what comes back, and the snapshot to read through.

    It can be pickled and read in another process or on another machine. It holds no address and no password:
    the reader brings its own connection to the same database.

    Attributes:
        sql: a SELECT with its values written in.
        columns: result columns.
        options: choices of the reader.
        snapshot: identifier of the exported snapshot; valid while the plan is open.
        number, total: which part this is.
        guard: SQL that fails if the columns are others by now; see ``chakra.sql.guards``.
    """

    sql: str
    columns: tuple[ColumnSpec, ...]
    options: Options
    snapshot: str
    number: int
    total: int
    guard: str | None = None

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the part.

        Raises:
            FieldError: the type of a numeric follows from the data; see ``Options.numeric``.
        """
        return Decoder(self.columns, replace(self.options, streaming=True)).schema

    async def read(self, database: Any = None) -> pa.Table:
        """Read the part.

        Args:
            database: a connected database; ``None`` = the default one of this process.

        Raises:
            TransactionError: the plan was closed, so its snapshot is gone.
            DatabaseError: the columns have other types by now.
        """
        if database is None:
            database = default_database()
        decoder = Decoder(self.columns, self.options)
        async with (
            database.acquire() as connection,
            connection.transaction("repeatable_read", readonly=True),
        ):
            try:
                await adopt(connection, self.snapshot)
                await _read(connection, self.sql, decoder, self.guard)
            except SnapshotGone as gone:
                raise self._gone() from gone.__cause__
            except StaleTypes as error:
                raise DatabaseError(
                    "the types of the columns are not those of when the read plan was made; make a new plan"
                ) from error
        return decoder.table()

    def _gone(self) -> TransactionError:
        return TransactionError(
            f"the snapshot {self.snapshot} of this read plan is gone: keep the plan open "
            "(`async with await qs.read_plan(…) as plan:`) until every task was read"
        )


@dataclass
class ReadPlan:
    """A query cut into tasks over one snapshot, which stays alive until the plan is closed.

    ``async with await qs.read_plan(partitions=4) as plan:`` and then ``task.read()`` for each of ``plan.tasks``,
    here or elsewhere.

    Attributes:
        tasks: the parts, in order.
        snapshot: identifier of the exported snapshot.
    """

    tasks: list[ReadTask]
    snapshot: str
    _holder: Snapshot | None = field(repr=False, default=None)

    async def close(self) -> None:
        """Let the snapshot go and give its connection back."""
        holder, self._holder = self._holder, None
        if holder is not None:
            await holder.__aexit__(None, None, None)

    async def __aenter__(self) -> ReadPlan:
        if self._holder is None:
            raise TransactionError("this read plan was closed; make a new one")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def plan_reads(
    database: Database,
    query: Cut | str,
    columns: Sequence[ColumnSpec],
    options: Options = DEFAULT,
    *,
    guard: ReadGuard | None = None,
) -> ReadPlan:
    """Export a snapshot and cut a query into tasks over it; arguments as for ``read_parts``."""
    snapshot = await Snapshot(database).__aenter__()
    try:
        statements = await snapshot.parts_of(query)
    except BaseException:
        await snapshot.__aexit__(None, None, None)
        raise
    portable = tuple(
        replace(spec, type=_portable(spec.type), declared=spec.declared and _portable(spec.declared))
        for spec in columns
    )
    tasks = [
        ReadTask(
            sql,
            portable,
            options,
            snapshot.id,
            number,
            len(statements),
            None if guard is None else guard.before(sql),
        )
        for number, sql in enumerate(statements)
    ]
    return ReadPlan(tasks, snapshot.id, snapshot)


def _portable(type_: PgType) -> PgType:
    """The type without the Python class it came from, which another process may not be able to import."""
    element = None if type_.element is None else _portable(type_.element)
    fields = tuple((name, _portable(inner)) for name, inner in type_.fields)
    return replace(type_, python=object, element=element, fields=fields)


__all__ = ["MAX_PARTS", "ReadPlan", "ReadTask", "plan_reads", "read_parts"]
