"""The session of a stream: the one that is held, or one borrowed for as long as somebody reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from chakra.db.copy_out import CopyOutStream
from chakra.db.core import Core
from chakra.db.session import Session
from chakra.db.statements import Statement
from chakra.db.streams import Reader, end_streams


class StreamSession:
    """The session of a stream: the held one, or one borrowed until the stream is over or nobody reads it any more.

    An asynchronous context manager; at its end nothing of the reader's stream is left on the session. Whoever is
    cancelled does not wait for that, and neither does a finaliser: the pool sees to it, or the next statement.

    Args:
        held: gives the session that is held when the stream begins, if one is.
        reader: of the iterator that may be dropped.
    """

    __slots__ = ("_borrowed", "_held", "_loan", "_reader", "_session", "core")

    def __init__(self, core: Core, held: Callable[[], Session | None], reader: Reader) -> None:
        self.core = core
        self._held = held
        self._reader = reader
        self._borrowed = False
        self._loan = 0
        self._session: Session | None = None

    async def __aenter__(self) -> Session:
        pool = self.core.pool
        session = self._held()
        if session is not None and session.lazy:
            session = await session.begun()
        if session is None:
            self._borrowed = True
            session = pool.take() or await pool.acquire()
            self._reader.watch(lambda: pool.release(session))
        self._session = session
        self._loan = session.loan
        return session

    async def _begun(self) -> Session | None:
        held = self._held()
        return await held.begun() if held is not None and held.lazy else held

    async def for_statement(self, statement: Statement) -> Session:
        """Like entering it, and noting whether what is going to run on the session leaves something behind."""
        core = self.core
        harmless = statement.sql in core.harmless or await core.is_harmless(statement, await self._begun())
        session = await self.__aenter__()
        if not harmless:
            core.note(session)
        return session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, reader, pool = self._session, self._reader, self.core.pool
        assert session is not None
        reader.unwatch()
        if session.loan != self._loan:
            return  # the pool has it back, and ends what is open
        if isinstance(error, asyncio.CancelledError):
            reader.gone = True
        if reader.gone and self._borrowed:
            pool.release(session)
        elif self._borrowed:
            await pool.release_changed(session)
        elif not reader.gone:
            await end_streams(session.streams, reader)


class CopyOutContext:
    """What ``copy_out_stream`` returns."""

    __slots__ = ("_guard", "_reader", "_session", "_statement", "_stream", "_text")

    def __init__(
        self, session: StreamSession, statement: Statement, text: str, reader: Reader, guard: str | None
    ) -> None:
        self._session = session
        self._statement = statement
        self._text = text
        self._reader = reader
        self._guard = guard
        self._stream: CopyOutStream | None = None

    async def __aenter__(self) -> CopyOutStream:
        session = await self._session.for_statement(self._statement)
        stream = CopyOutStream(session, self._statement, self._text, self._reader, self._guard)
        try:
            self._stream = await stream.open()
        except BaseException as error:
            await self._session.__aexit__(type(error), error, None)
            raise
        return self._stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._stream is not None
        try:
            if error is None:
                await self._stream.finish()
        finally:
            await self._session.__aexit__(kind, error, trace)


__all__ = ["CopyOutContext", "StreamSession"]
