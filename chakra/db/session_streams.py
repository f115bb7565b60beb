"""A stream on its session: begun once the wire is free, ended once whoever asks, and its session borrowed for it."""

from __future__ import annotations

import abc
import asyncio
import logging
from typing import Self

from chakra.db.session import Session
from chakra.db.statements import Statement, shortened
from chakra.db.streams import OpenStream, Reader, clear_wire
from chakra.errors import ConnectionLost, TransactionError

_log = logging.getLogger("chakra.db")

# How long the end of a stream may take before its connection is cut.
END_TIMEOUT = 10.0


class SessionStream(OpenStream):
    """An open stream that knows the session it is read from.

    Attributes:
        session: where it runs.
        loan: of the session when it was opened.
    """

    __slots__ = ("_ending", "loan", "session")

    def __init__(self, session: Session, statement: Statement, reader: Reader, *, exclusive: bool) -> None:
        super().__init__(shortened(statement.sql), reader, session.transaction, exclusive=exclusive)
        self.session = session
        self.loan = session.loan
        self._ending: asyncio.Task[None] | None = None

    @abc.abstractmethod
    async def _start(self) -> None:
        """Begin the query; what it leaves on the session when it fails, ``_stop`` takes away."""

    @abc.abstractmethod
    async def _stop(self) -> None:
        """Bring the session back to where it was before the stream."""

    async def open(self) -> Self:
        """Begin it, once nothing else occupies the connection.

        Raises:
            TransactionError: another stream that is being read does.
        """
        await clear_wire(self.session.streams)
        self.session.streams.append(self)
        await self._start()
        return self

    def check_open(self) -> None:
        """Refuse to read on when the stream was ended from elsewhere.

        Raises:
            TransactionError: its transaction has ended.
            ConnectionLost: its connection was given back.
        """
        if self.loan != self.session.loan:
            raise ConnectionLost(
                f"the stream of {self.label} ended when its connection was given back to the pool; read it inside "
                "the acquire() block"
            )
        if self.ended or self._ending is not None:
            raise TransactionError(
                f"the stream of {self.label} ended with the transaction it was opened in; read it inside the block"
            )

    def forget(self) -> None:
        """It is exhausted: nothing of it is left on the server."""
        self.ended = True
        if self in self.session.streams:
            self.session.streams.remove(self)

    @property
    def is_ending(self) -> bool:
        """Whether it is being ended, whoever asked for that."""
        return self._ending is not None

    async def end(self) -> None:
        """Stop it on the server, once, whoever asks first; goes on behind the scenes if the caller is cancelled.

        Does not fail: a connection on which a stream cannot be ended is cut.
        """
        if self.ended:
            return
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        try:
            if not self.session.closed:
                async with asyncio.timeout(END_TIMEOUT):
                    await self._stop()
        except BaseException as error:
            self.session.terminate()
            if not isinstance(error, Exception):
                raise
            _log.debug("a stream could not be ended and its connection was closed: %s", error)
        finally:
            self.forget()


__all__ = ["SessionStream"]
