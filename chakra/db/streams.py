"""Streams that are open on a session: registered there, so that nobody else gets the session before they have ended.

Two ends watch each other. ``Stream`` is what a user iterates over; when the last reference to it goes (a plain
``break``, a ``return``, an exception), its ``Reader`` says so at once. ``OpenStream`` is the query on the server; the
session knows all of its own, and whoever needs the wire next ends those nobody reads any more.
"""

from __future__ import annotations

import abc
import asyncio
import logging
import re
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from chakra.errors import ConnectionLost, TransactionError

if TYPE_CHECKING:
    from chakra.db.session import Session
    from chakra.db.transactions import Transaction

T = TypeVar("T")

_log = logging.getLogger("chakra.db")

_CONSTANT = re.compile(r"'(?:[^']|'')*(?:'|$)")

# Turns of the event loop that finalisers of generators get before a stream counts as still being read: asyncio makes a
# task of ``aclose()`` in the first, which runs in the second, and a generator around a generator takes two more.
FINALISER_TURNS = 4

# How long the end of a stream may take before its connection is cut.
END_TIMEOUT = 10.0


class Reader:
    """Whether anybody still holds the iterator of a stream.

    Attributes:
        gone: the iterator was dropped, so nothing more will be asked of the stream.
        on_gone: called when that happens; set while a session is borrowed for this stream alone.
    """

    __slots__ = ("_loop", "_thread", "gone", "on_gone")

    def __init__(self) -> None:
        self.gone = False
        self.on_gone: Callable[[], object] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def watch(self, on_gone: Callable[[], object]) -> None:
        """Call ``on_gone()`` on the running loop if the iterator is dropped before :meth:`unwatch`."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.on_gone = on_gone

    def unwatch(self) -> None:
        """The stream has ended: dropping the iterator means nothing any more."""
        self.on_gone = None

    def leave(self) -> None:
        """The iterator was dropped; may be called by the garbage collector, in any thread."""
        self.gone = True
        if self.on_gone is None or self._loop is None or self._loop.is_closed():
            return
        if threading.get_ident() == self._thread:
            self._call()
        else:
            with suppress(RuntimeError):  # the loop was closed in this moment
                self._loop.call_soon_threadsafe(self._call)

    def _call(self) -> None:
        on_gone, self.on_gone = self.on_gone, None
        if on_gone is not None:
            on_gone()


class Stream(AsyncIterator[T], Generic[T]):
    """An asynchronous iterator that is safe to leave at any point: with ``break``, ``return`` or an exception.

    Also an asynchronous context manager, which ends the stream at the end of the block where a reference to it is
    kept; ``aclose()`` does so by hand.
    """

    __slots__ = ("_items", "_make", "_reader")

    def __init__(self, make: Callable[[Reader], AsyncGenerator[T, None]]) -> None:
        self._make = make
        self._reader = Reader()
        self._items = make(self._reader)

    def __aiter__(self) -> Stream[T]:
        return self

    def read_by(self, reader: Reader) -> AsyncGenerator[T, None]:
        """The items as a plain generator, for a stream around this one whose ``reader`` is watched instead."""
        return self._make(reader)

    def __anext__(self) -> Awaitable[T]:
        return self._items.__anext__()

    async def aclose(self) -> None:
        """End the stream, on the server too; does nothing if it has ended."""
        await self._items.aclose()

    async def __aenter__(self) -> Stream[T]:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._reader.leave()


class OpenStream(abc.ABC):
    """A query that is being read from one session, until it is exhausted, left, or its session given back.

    Attributes:
        session: where it runs.
        label: the beginning of its SQL, for messages.
        exclusive: nothing else can be run on the session meanwhile.
        reader: whether anybody still reads it.
        scope: innermost transaction when it was opened; the stream ends with it.
        ended: nothing of it is left on the session.
    """

    __slots__ = ("_ending", "ended", "exclusive", "label", "loan", "reader", "scope", "session")

    def __init__(self, session: Session, sql: str, reader: Reader, *, exclusive: bool) -> None:
        self.session = session
        self.loan = session.loan
        self.label = shortened(sql)
        self.reader = reader
        self.exclusive = exclusive
        self.scope: Transaction | None = session.transaction
        self.ended = False
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
        await clear_wire(self.session)
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


async def clear_wire(session: Session, but: OpenStream | None = None) -> None:
    """Make way for a statement: end the streams that nobody reads any more.

    Args:
        but: the stream the statement belongs to.

    Raises:
        TransactionError: one that is still being read occupies the connection.
    """
    turns = 0
    while others := [s for s in session.streams if s is not but]:
        stream = next((s for s in others if s.reader.gone or s._ending is not None), None)
        if stream is not None:
            await stream.end()
            continue
        busy = next((s for s in others if s.exclusive), None)
        if busy is None:
            return
        if turns == FINALISER_TURNS:
            raise TransactionError(
                f"this connection is reading a stream, {busy.label}, and can run nothing else until that ends. "
                "Finish its loop or aclose() it first, read it whole (await, to_arrow()), or use a second connection"
            )
        turns += 1
        await asyncio.sleep(0)


async def end_streams(session: Session, of: Transaction | Reader | None = None) -> None:
    """End the streams of a session, or only those opened in one transaction block, or those of one reader."""
    for stream in tuple(session.streams):
        if of is None or of is stream.scope or of is stream.reader:
            await stream.end()


def shortened(sql: str, limit: int = 80) -> str:
    """The beginning of an SQL text on one line, without its string constants: a COPY carries values in them."""
    text = _CONSTANT.sub("'…'", " ".join(sql[: 4 * limit].split()))
    return text if len(text) <= limit else text[: limit - 1] + "…"


__all__ = ["OpenStream", "Reader", "Stream", "clear_wire", "end_streams", "shortened"]
