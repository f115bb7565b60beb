"""LISTEN: notes that others send, over one connection for all who listen, which is opened anew when it breaks."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from chakra.db import driver, endings
from chakra.db.backoff import Backoff
from chakra.db.core import Core
from chakra.db.errors import translate
from chakra.db.session import Session
from chakra.errors import ChakraError, ConnectionLost, QueryError

# Pauses before a broken connection is opened again: soon at first, for a server that restarts is back within seconds.
RECONNECT = Backoff(first=0.1, most=5.0)

# Bytes of a channel's name: NAMEDATALEN - 1 (``async.c``).
NAME_BYTES = 63


@dataclass(frozen=True, slots=True)
class Note:
    """What came in: a notification, or word that some may be missing.

    Attributes:
        channel: where it was sent; empty where notes are missing.
        payload: what was sent with it.
        pid: of the server process of whoever sent it.
        missed: why notes may be missing here, between the one before and the one after; empty for a notification.
    """

    channel: str
    payload: str = ""
    pid: int = 0
    missed: str = ""


class Mailbox:
    """The notes of one listener that were not read yet.

    Attributes:
        channels: what it listens to.
        ready: done once the server knows of it.
        closed: no further note will come.
    """

    __slots__ = ("_dropped", "_limit", "_notes", "_waiter", "channels", "closed", "ready")

    def __init__(self, channels: frozenset[str], limit: int, loop: asyncio.AbstractEventLoop) -> None:
        self.channels = channels
        self.closed = False
        self.ready: asyncio.Future[None] = loop.create_future()
        self._limit = limit
        self._dropped = 0
        self._notes: deque[Note] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def put(self, note: Note) -> None:
        """Take in a note; one too many is dropped, and counted in a note behind those that were kept."""
        if len(self._notes) < self._limit:
            self._dropped = 0
            self._notes.append(note)
        else:
            if self._dropped:
                self._notes.pop()
            self._dropped += 1
            self._notes.append(
                Note(
                    "",
                    missed=f"{self._dropped} notes were dropped: {self._limit} waited to be read already (limit=)",
                )
            )
        self._wake()

    def close(self) -> None:
        """End the iteration behind the notes that are there."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> Note:
        """The next note; waits for it.

        Raises:
            StopAsyncIteration: none will come.
            QueryError: another task waits for it already.
        """
        if self._waiter is not None:
            raise QueryError(
                "two tasks wait for the notes of one listener; give each a db.listen() of its own"
            )
        while not self._notes:
            if self.closed:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._notes.popleft()


class Hub:
    """All who listen to one database in this program, and the connection they share while there are any."""

    def __init__(self, core: Core, backoff: Backoff = RECONNECT) -> None:
        self._core = core
        self._backoff = backoff
        self._boxes: list[Mailbox] = []
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def join(self, box: Mailbox) -> None:
        """Begin to listen; returns once the server knows of it.

        Raises:
            ChakraError: the server does not want it, or no connection can be had.
        """
        if self._core.settings.database.pgbouncer:
            raise QueryError(
                "listen() needs a connection of the server for itself, which a pooler in transaction mode does not "
                "give: connect to the server itself for that"
            )
        if self._core.pool.settings.max_connections < 2:
            raise QueryError(
                "listen() occupies a connection, and max_connections is 1, so nothing else could run: raise it"
            )
        if self._closed:
            raise ConnectionLost("the database is closed")
        self._boxes.append(box)
        self._changed.set()
        if self._task is None:
            # In a context of its own: it is part of no transaction, and no deadline stops it.
            self._task = Context().run(self._core.pool.run_behind, self._run())
        try:
            await box.ready
        except BaseException:
            self.leave(box)
            raise

    def leave(self, box: Mailbox) -> None:
        """Stop to listen; the server is told behind the scenes."""
        box.close()
        if box in self._boxes:
            self._boxes.remove(box)
            self._changed.set()

    async def settled(self) -> None:
        """Wait until the connection is given back, if nobody listens any more."""
        if self._task is not None and not self._boxes:
            await endings.Endings.settle(self._task)

    async def close(self) -> None:
        """End every iteration, and give the connection back."""
        self._closed = True
        for box in tuple(self._boxes):
            self.leave(box)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    # -- the connection -----------------------------------------------------------------------------

    async def _run(self) -> None:
        retry, gap = 0, ""
        try:
            while self._boxes:
                try:
                    session = await self._core.pool.acquire()
                except ChakraError as error:
                    self._refuse(error)
                    gap = gap or "the connection to the server broke"
                else:
                    retry, gap = 0, await self._serve(session, gap)
                if gap and self._boxes:
                    await self._backoff.pause(retry)
                    retry += 1
        except Exception as error:  # nobody waits for this task: who waits to listen is told
            self._refuse(error)
            raise
        finally:
            self._task = None

    def _refuse(self, error: BaseException) -> None:
        """Tell those who do not listen yet; the others are used to waiting."""
        for box in tuple(self._boxes):
            if not box.ready.done():
                box.ready.set_exception(error)
                self.leave(box)

    async def _serve(self, session: Session, gap: str) -> str:
        """Listen on a session until nobody wants to any more, or it breaks.

        Args:
            gap: why those who listened before may have missed something.

        Returns:
            Why they may have, if it broke.
        """
        raw, heard = session.raw, set[str]()
        driver.tell_end(raw, self._ended)
        try:
            while self._boxes and not session.closed:
                self._changed.clear()
                await self._keep_to(session, heard)
                for box in tuple(self._boxes):
                    if not box.ready.done() and box.channels <= heard:
                        box.ready.set_result(None)
                    elif gap and box.ready.done():
                        box.put(Note("", missed=f"{gap}; notes that were sent until now may be missing"))
                gap = ""
                if self._boxes and not session.closed:
                    await self._changed.wait()
            if session.closed:
                return "the connection to the server broke, and was opened again"
            await self._keep_to(session, heard)
            return ""
        except ChakraError as error:
            self._refuse(error)
            return gap or "the connection to the server broke, and was opened again"
        finally:
            driver.forget_end(raw, self._ended)
            if heard or session.suspect:
                session.terminate()  # cut off amid it: what arrives would be nobody's
            self._core.pool.release(session)

    async def _keep_to(self, session: Session, heard: set[str]) -> None:
        """Tell the server which channels are wanted now."""
        wanted = frozenset().union(*(box.channels for box in self._boxes))
        try:
            async with asyncio.timeout(endings.RECOVERY_TIMEOUT):
                for channel in sorted(wanted - heard):
                    await driver.listen(session.raw, channel, self._deliver)
                    heard.add(channel)
                for channel in sorted(heard - wanted):
                    await driver.unlisten(session.raw, channel, self._deliver)
                    heard.discard(channel)
        except TimeoutError:
            session.terminate()  # a silent server would have the connection for as long as the network takes
            raise ConnectionLost(
                f"the server did not answer to LISTEN within {endings.RECOVERY_TIMEOUT:g} s"
            ) from None
        except Exception as error:
            raise translate(error) from error

    def _deliver(self, _: Any, pid: int, channel: str, payload: str) -> None:
        note = Note(channel, payload, pid)
        for box in self._boxes:
            if channel in box.channels:
                box.put(note)

    def _ended(self, *_: object) -> None:
        self._changed.set()


class Listener(AsyncIterator[Note]):
    """What ``db.listen("channel")`` returns: an asynchronous iterator of notes, also for ``async with``.

    It listens from the first step of the iteration on, or from the beginning of the ``async with`` block. It may be
    left at any point, with ``break``, ``return`` or an exception.
    """

    def __init__(self, hub: Hub, channels: Sequence[str], limit: int) -> None:
        for channel in channels:
            check_channel(channel)
        if not channels:
            raise QueryError('listen() takes the names of channels: db.listen("news")')
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise QueryError(f"limit is how many notes may wait to be read, from 1 on; not {limit!r}")
        self._hub = hub
        self._channels = frozenset(channels)
        self._limit = limit
        self._box: Mailbox | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    async def _start(self) -> Mailbox:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        box = self._box = Mailbox(self._channels, self._limit, self._loop)
        try:
            await self._hub.join(box)
        except BaseException:
            self._box = None
            raise
        return box

    async def __aenter__(self) -> Listener:
        if self._box is None:
            await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Listener:
        return self

    async def __anext__(self) -> Note:
        box = self._box
        if box is None:
            box = await self._start()
        return await box.get()

    async def aclose(self) -> None:
        """Stop to listen; returns once the server knows."""
        if self._box is not None:
            self._hub.leave(self._box)
            await self._hub.settled()

    def __del__(self) -> None:
        box, loop = getattr(self, "_box", None), getattr(self, "_loop", None)
        if box is None or box.closed or loop is None or loop.is_closed():
            return
        if threading.get_ident() == self._thread:
            self._hub.leave(box)
        else:
            with suppress(RuntimeError):  # the loop was closed in this moment
                loop.call_soon_threadsafe(self._hub.leave, box)


def check_channel(channel: object) -> None:
    """Refuse what is no name of a channel.

    Raises:
        QueryError: says why.
    """
    if not isinstance(channel, str) or not channel or "\0" in channel:
        raise QueryError(f"a channel is named by a text; {channel!r} is no name")
    if len(channel.encode()) > NAME_BYTES:
        raise QueryError(f"the name of a channel has {NAME_BYTES} bytes at most: {channel!r}")


__all__ = ["Hub", "Listener", "Note", "check_channel"]
