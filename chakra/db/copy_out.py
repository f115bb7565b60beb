"""COPY out as a stream of bytes from one session; knows nothing of what the bytes mean."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import suppress
from typing import Any, TypeAlias

from chakra.db import driver
from chakra.db.guarding import guarded, raise_if_stale
from chakra.db.hooks import Meter
from chakra.db.session import Session, rows_of
from chakra.db.session_streams import SessionStream
from chakra.db.statements import Own, Statement
from chakra.db.streams import Reader, clear_wire
from chakra.errors import DatabaseError, DataError
from chakra.pg.showing import showing

Sink: TypeAlias = Callable[[bytes], object]
"""Takes one chunk of a COPY stream: a plain function, or one that returns an awaitable.

A chunk holds whole rows, as ``bytes`` or ``bytearray``, and is the receiver's to keep.
"""

# Bytes a COPY stream holds for a consumer that is slower than the server: some 70 reads of asyncpg
# (about 14 KB each on a Unix socket), after which the socket is left to fill and the server waits.
STREAM_BUFFER = 1 << 20

# Seconds a COPY out that is to stop waits for the next chunk before it is cancelled; see _Reading.
STOP_GRACE = 0.05


_INT16 = struct.Struct(">h")
_INT32 = struct.Struct(">i")


class _Ready:
    """An awaitable that is done: what a plain sink gives asyncpg, cheaper than a coroutine per chunk."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        return iter(())  # type: ignore[return-value]


_READY = _Ready()


async def copy_out(
    session: Session, statement: Statement, text: str, sink: Sink, guard: str | None = None
) -> int:
    """Run ``COPY (text) TO STDOUT (FORMAT binary)`` into ``sink``; returns the number of rows.

    Args:
        statement: the query.
        text: the query with all its values written in; COPY takes no parameters.
        sink: called with each chunk; if it returns an awaitable, reading waits for it. What it raises stops
            the query on the server and comes out here unchanged.
        guard: SQL that goes in front of the COPY in the same message.

    Raises:
        TransactionError: a stream that is being read occupies the connection.
        StaleTypes: the guard failed; nothing was read, and a surrounding transaction stays usable.
    """
    if session.streams:
        await clear_wire(session.streams)
    return await read_copy(session, statement, text, sink, guard)


async def read_copy(
    session: Session, statement: Statement, text: str, sink: Sink, guard: str | None = None
) -> int:
    """Like ``copy_out``, on a session whose wire is known to be free."""
    driver.check_text(session.raw)
    meter = Meter() if session.hooks.added else None
    reading = _Reading(session, statement, text, sink if meter is None else meter.sink(sink), guard)
    try:
        return rows_of(await session.watch(reading.run, statement, "copy_out", meter, text))
    except (DatabaseError, DataError) as error:
        if guard is not None and not reading.started:
            await raise_if_stale(session, error)
        raise


class _Stopped(Exception):
    """Raised inside asyncpg's sink to make it cancel the query."""


class _Reading:
    """One COPY out, stopped without harm to its connection when its sink fails or its caller is cancelled.

    asyncpg (0.32) has two traps here. Cancelling ``copy_from_query`` while a chunk arrives leaves it
    in the middle of the COPY without a cancel request, and the connection is lost (40 times out of 40 against
    a fast server); an exception from its sink is safe. But an exception from the sink for the *last* chunk
    makes it wait for an answer the server has given already, and the connection hangs. So the COPY runs as a
    task of its own, which is stopped by an exception at its next chunk unless that is the last, and is
    cancelled only when no chunk comes within ``STOP_GRACE``.
    """

    __slots__ = (
        "comment",
        "guard",
        "in_sink",
        "raised",
        "session",
        "sink",
        "started",
        "statement",
        "stopping",
        "text",
    )

    def __init__(
        self, session: Session, statement: Statement, text: str, sink: Sink, guard: str | None
    ) -> None:
        self.session = session
        self.statement = statement
        self.text = text
        self.comment = ""
        self.guard = guard
        self.sink = sink
        self.raised: BaseException | None = None
        self.stopping = self.in_sink = self.started = False

    async def run(self, comment: str) -> str:
        self.comment = comment
        reading = asyncio.get_running_loop().create_task(self._read())
        try:
            await asyncio.wait((reading,))
        except BaseException:
            self.stopping = True
            self.session.suspect = True
            if self.in_sink:
                reading.cancel()
            while not reading.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait((reading,), timeout=STOP_GRACE)
                    reading.cancel()
            if not reading.cancelled():
                reading.exception()  # it is looked at: asyncio has nothing to complain of
            raise
        status = reading.result()
        if self.raised is not None:
            raise self.raised
        return status

    async def _read(self) -> str:
        if self.session.ending is not None:
            await self.session.rest()
        try:
            sent = guarded(
                self.session, self.guard, f"COPY ({self.text}) TO STDOUT (FORMAT binary){self.comment}"
            )
            return await driver.copy_out(self.session.raw, sent, self._write)
        except BaseException as error:
            if isinstance(error, _Stopped) or error is self.raised:
                self.session.suspect = True
                raise
            self.session.fail(error, self.text if showing.values else self.statement.sql)

    def _write(self, data: bytes) -> Awaitable[object]:
        self.session.counters.copied_out += len(data)
        if self.stopping:
            if not self._is_last(data):
                raise _Stopped
            return _READY
        try:
            answer = self.sink(data)
        except BaseException as error:
            self._sink_failed(error, data)
            return _READY
        if isinstance(answer, Awaitable):
            return self._finish(answer, data)
        self.started = True
        return _READY

    async def _finish(self, answer: Awaitable[object], data: bytes) -> None:
        self.in_sink = True
        try:
            await answer
        except BaseException as error:
            self._sink_failed(error, data)
        self.in_sink = False
        self.started = True

    def _sink_failed(self, error: BaseException, data: bytes) -> None:
        """Keep what a sink raised, and raise it into asyncpg unless this is the last chunk."""
        self.raised = error
        self.stopping = True
        if not self._is_last(data):
            raise error

    def _is_last(self, data: bytes) -> bool:
        last = ends_copy(data, first=not self.started)
        self.started = True
        return last


def ends_copy(data: bytes, *, first: bool) -> bool:
    """Whether a chunk of whole rows ends with the trailer of a binary COPY stream.

    The server sends each row as a message of its own and asyncpg hands on whole messages, so a chunk starts
    at a row. Layout: manual, COPY, "Binary Format"; src/backend/commands/copyto.c.

    Args:
        first: the chunk begins with the file header.
    """
    if data[-2:] != b"\xff\xff":  # the trailer, or by chance the end of a value
        return False
    end = len(data) - 2
    at = 0
    if first:
        at = 19 + _INT32.unpack_from(data, 15)[0]  # signature 11, flags 4, length of the extension 4
    while at < end:
        (count,) = _INT16.unpack_from(data, at)
        at += 2
        for _ in range(count):
            (length,) = _INT32.unpack_from(data, at)
            at += 4 + max(length, 0)
    return at == end


_SAVE = Own("SAVEPOINT chakra_copy")
_KEEP = Own("RELEASE SAVEPOINT chakra_copy")
_UNDO = Own("ROLLBACK TO SAVEPOINT chakra_copy; RELEASE SAVEPOINT chakra_copy")


class CopyOutStream(SessionStream):
    """A COPY out as an asynchronous iterator of chunks, read ahead by at most ``STREAM_BUFFER`` bytes.

    Ending it early cancels the query on the server. Inside a transaction the query runs behind a savepoint, so that
    an early stop does not abort the transaction.

    Attributes:
        rows: number of rows, once the stream has ended.
    """

    __slots__ = (
        "_chunks",
        "_filled",
        "_guard",
        "_held",
        "_room",
        "_savepoint",
        "_statement",
        "_task",
        "_text",
        "rows",
    )

    def __init__(
        self, session: Session, statement: Statement, text: str, reader: Reader, guard: str | None = None
    ) -> None:
        super().__init__(session, statement, reader, exclusive=True)
        self.rows: int | None = None
        self._statement = statement
        self._text = text
        self._guard = guard
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._room: asyncio.Future[None] | None = None
        self._filled: asyncio.Future[None] | None = None
        self._task: asyncio.Task[int] | None = None
        self._savepoint = False

    async def _start(self) -> None:
        if self.session.in_transaction:
            self._savepoint = True
            await self.session.script_now(_SAVE, "transaction")
        reading = read_copy(self.session, self._statement, self._text, self._sink, self._guard)
        self._task = asyncio.get_running_loop().create_task(reading)
        self._task.add_done_callback(self._wake)

    def _sink(self, data: bytes) -> Awaitable[object] | None:
        self._chunks.append(data)
        self._held += len(data)
        self._wake()
        if self._held < STREAM_BUFFER:
            return None
        self._room = asyncio.get_running_loop().create_future()
        return self._room

    def _wake(self, _: object = None) -> None:
        if self._filled is not None and not self._filled.done():
            self._filled.set_result(None)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        assert self._task is not None
        while not self._chunks:
            if self._task.done():
                self.check_open()
                self.rows = self._task.result()
                raise StopAsyncIteration
            self._filled = asyncio.get_running_loop().create_future()
            await self._filled
        self.check_open()
        chunk = self._chunks.popleft()
        self._held -= len(chunk)
        if self._room is not None and not self._room.done() and self._held < STREAM_BUFFER // 2:
            self._room.set_result(None)
        return chunk

    async def finish(self) -> None:
        """Take down the savepoint of a stream that was read to its end; does nothing for one that was left."""
        if self.rows is None or self.ended or self.loan != self.session.loan:
            return
        if self._savepoint:
            self._savepoint = (
                False  # a RELEASE that is cut off may have happened: there is nothing to go back to
            )
            await self.session.script_now(_KEEP, "transaction")
        self.forget()

    async def _stop(self) -> None:
        if self._task is not None:
            if not self._task.done():
                self._task.cancel()
            self._chunks.clear()
            await _end_of(self._task)
            if not self._task.cancelled():
                self._task.exception()  # it is looked at: asyncio has nothing to complain of
        if self._savepoint and not self.session.closed:
            await self.session.script_now(_UNDO, "transaction")
            self.session.suspect = False


async def _end_of(task: asyncio.Task[Any]) -> None:
    """Wait for a task that uses a session: it must be over before anyone else gets the session."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
            task.cancel()
    if cancelled is not None:
        raise cancelled


__all__ = ["STREAM_BUFFER", "CopyOutStream", "Sink", "copy_out", "ends_copy"]
