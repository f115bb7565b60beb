"""COPY in as a stream of bytes into one session; knows nothing of what the bytes mean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from chakra.db import driver
from chakra.db.errors import commit_unknown, was_answered
from chakra.db.guarding import guarded, raise_if_stale
from chakra.db.hooks import Meter
from chakra.db.session import Session, rows_of
from chakra.db.statements import Statement, Told
from chakra.db.streams import clear_wire
from chakra.errors import ChakraError, DatabaseError, DataError
from chakra.pg.quoting import quote_identifier, quote_qualified

Source: TypeAlias = AsyncIterable[Any] | Iterable[Any]
"""Chunks of a COPY stream, as anything with the buffer interface."""

# Seconds a COPY in that is to stop waits until the driver asks for the next chunk before it is cancelled.
STOP_GRACE = 0.05

# Bytes after which the event loop gets a turn: neither a plain iterator nor asyncpg, as long as the socket
# takes everything, would let it run.
TURN = 1 << 18


def copy_in_statement(schema: str | None, table: str, columns: Sequence[str] | None) -> Statement:
    """``COPY schema.table (columns) FROM STDIN (FORMAT binary)``, of unquoted names; no columns = all."""
    name = quote_qualified(schema, table)
    named = f" ({', '.join(map(quote_identifier, columns))})" if columns else ""
    return Told(f"COPY {name}{named} FROM STDIN (FORMAT binary)", ((name, True),), reads=False)


async def copy_in(session: Session, statement: Statement, source: Source, guard: str | None = None) -> int:
    """Run a COPY in; returns the number of rows.

    Args:
        statement: of ``copy_in_statement``.
        source: chunks of the stream; chunks of 256 KiB to 1 MiB are fastest. What it raises makes the server
            drop everything sent so far and comes out here unchanged. When the server refuses, the source is
            not read on.
        guard: SQL that goes in front of the COPY in the same message.

    Raises:
        TransactionError: a stream that is being read occupies the connection.
        StaleTypes: the guard failed; nothing was written, a surrounding transaction stays usable, and some of the
            source may have been read.
        CommitUnknown: all was sent outside a transaction, and no answer came.
    """
    if session.streams:
        await clear_wire(session.streams)
    driver.check_text(session.raw)
    writing = _Writing(session, statement.sql, source, guard)
    meter = Meter() if session.hooks.added else None
    if meter is not None:
        writing.next = meter.source(writing.next)
    try:
        return rows_of(await session.watch(writing.run, statement, "copy_in", meter))
    except (DatabaseError, DataError) as error:
        if guard is not None and error is not writing.raised:
            await raise_if_stale(session, error)
        raise


class _Stopped(Exception):
    """Raised inside asyncpg's source to make it end the COPY with an error."""


class _Writing:
    """One COPY in: the iterator asyncpg reads from, and what happens when one of the three ends early.

    asyncpg (0.32) does not look at the server's answer until the source has ended, and when the
    source raises after the server has refused, it waits for a second answer that never comes. So the inbound
    bytes are watched: a COPY in hears nothing from the server but its refusal. Once that is there, the source
    is ended in order, which makes asyncpg raise it.
    """

    __slots__ = (
        "alone",
        "comment",
        "ended",
        "guard",
        "in_source",
        "next",
        "raised",
        "refusal",
        "session",
        "sql",
        "stopping",
        "unbroken",
    )

    def __init__(self, session: Session, sql: str, source: Source, guard: str | None) -> None:
        self.session = session
        self.sql = sql
        self.comment = ""
        self.guard = guard
        self.next = _stepper(source)
        self.raised: BaseException | None = None
        self.refusal: driver.Refusal | None = None
        self.stopping = self.in_source = self.ended = False
        self.alone = not session.in_transaction
        self.unbroken = 0

    async def run(self, comment: str) -> str:
        self.comment = comment
        if self.session.ending is not None:  # its answers must not be taken for the COPY's
            await self.session.rest()
        with driver.watch_refusal(self.session.raw) as self.refusal:
            writing = asyncio.get_running_loop().create_task(self._write())
            try:
                await asyncio.wait((writing,))
            except BaseException as error:
                if self.alone and self.ended:
                    error.add_note(f"all of {self.sql} had been sent: it may have been written")
                self.stopping = True
                self.session.suspect = True
                if self.in_source:
                    writing.cancel()
                while not writing.done():
                    with suppress(asyncio.CancelledError):
                        await asyncio.wait((writing,), timeout=STOP_GRACE)
                        writing.cancel()
                if not writing.cancelled():
                    writing.exception()  # it is looked at: asyncio has nothing to complain of
                raise
            return writing.result()

    async def _write(self) -> str:
        try:
            sent = guarded(self.session, self.guard, self.sql + self.comment)
            return await driver.copy_in(self.session.raw, sent, self)
        except BaseException as error:
            if isinstance(error, _Stopped) or error is self.raised:
                self.session.suspect = True
                raise
            try:
                self.session.fail(error, self.sql)
            except ChakraError as found:
                # The end of a COPY that is its own transaction is its commit. Before that, nothing is written.
                if self.alone and self.ended and not was_answered(found):
                    raise commit_unknown(found, f"the end of {self.sql}") from error
                raise

    def __aiter__(self) -> _Writing:
        return self

    async def __anext__(self) -> Any:
        refusal = self.refusal
        assert refusal is not None
        if refusal.useless or self.session.raw.is_closed():
            raise StopAsyncIteration
        if self.stopping:
            raise _Stopped
        self.in_source = True
        try:
            if self.unbroken >= TURN:
                self.unbroken = 0
                await asyncio.sleep(0)
            chunk = await self.next()
            size = memoryview(chunk).nbytes
            self.unbroken += size
            self.session.counters.copied_in += size
            return chunk
        except StopAsyncIteration:
            self.ended = True
            raise
        except BaseException as error:
            if refusal.arrived:
                raise StopAsyncIteration from None
            self.raised = error
            raise
        finally:
            self.in_source = False


def _stepper(source: Source) -> Callable[[], Awaitable[Any]]:
    """The ``__anext__`` of any source."""
    if isinstance(source, AsyncIterable):
        return aiter(source).__anext__
    iterator: Iterator[Any] = iter(source)

    async def step() -> Any:
        try:
            return next(iterator)
        except StopIteration:
            raise StopAsyncIteration from None

    return step


__all__ = ["Source", "copy_in", "copy_in_statement"]
