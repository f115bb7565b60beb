"""Streams that are open on a session: registered there, so that nobody else gets the session before they have ended.

Two ends watch each other. ``Stream`` is what a user iterates over; when the last reference to it goes (a plain
``break``, a ``return``, an exception), its ``Reader`` says so at once. ``OpenStream`` is the query on the server; the
session keeps a list of all of its own, and whoever needs the wire next ends those nobody reads any more. How one is
begun and ended on a session is said above it (``chakra.db.session_streams``).
"""

from __future__ import annotations

import abc
import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

from chakra.db.scope import Scope
from chakra.errors import TransactionError

T = TypeVar("T")

# Turns of the event loop that finalisers of generators get before a stream counts as still being read: asyncio makes a
# task of ``aclose()`` in the first, which runs in the second, and a generator around a generator takes two more.
FINALISER_TURNS = 4


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
        label: the beginning of its SQL, for messages.
        exclusive: nothing else can be run on the session meanwhile.
        reader: whether anybody still reads it.
        scope: innermost transaction when it was opened; the stream ends with it.
        ended: nothing of it is left on the session.
    """

    __slots__ = ("ended", "exclusive", "label", "reader", "scope")

    def __init__(self, label: str, reader: Reader, scope: Scope | None, *, exclusive: bool) -> None:
        self.label = label
        self.reader = reader
        self.scope = scope
        self.exclusive = exclusive
        self.ended = False

    @property
    @abc.abstractmethod
    def is_ending(self) -> bool:
        """Whether it is being ended, whoever asked for that."""

    @abc.abstractmethod
    async def end(self) -> None:
        """Stop it on the server, once, whoever asks first; does not fail."""


async def clear_wire(streams: list[OpenStream], but: OpenStream | None = None) -> None:
    """Make way for a statement: end those of a session's streams that nobody reads any more.

    Args:
        but: the stream the statement belongs to.

    Raises:
        TransactionError: one that is still being read occupies the connection.
    """
    turns = 0
    while others := [s for s in streams if s is not but]:
        stream = next((s for s in others if s.reader.gone or s.is_ending), None)
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


async def end_streams(streams: list[OpenStream], of: Scope | Reader | None = None) -> None:
    """End a session's streams, or only those opened in one transaction block, or those of one reader."""
    for stream in tuple(streams):
        if of is None or of is stream.scope or of is stream.reader:
            await stream.end()


__all__ = ["OpenStream", "Reader", "Stream", "clear_wire", "end_streams"]
