"""The pool: lends sessions first come first served, takes them back for free when nothing was changed."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import random
import time
from asyncio import get_running_loop
from collections import deque
from collections.abc import Awaitable, Callable
from weakref import WeakSet

from chakra.config import PoolSettings
from chakra.db import driver, endings
from chakra.db.counters import PoolFigures
from chakra.db.session import Session
from chakra.db.upkeep import Upkeep
from chakra.errors import ConnectionLost, PoolTimeout

_log = logging.getLogger("chakra.db")

# How long ``close()`` gives a server to end its connections in order, however short its timeout.
GOODBYE = 1.0

# Connections that were opened together do not end together: each lives for some share of max_lifetime above this.
SHORTEST_LIFE = 0.9

# too_many_connections (manual, appendix A).
_TOO_MANY = "53300"


_pools: WeakSet[Pool] = WeakSet()


def _forked() -> None:
    """In a child process: the connections are the parent's. Left alone they would be ended when they are collected."""
    for pool in list(_pools):
        pool.abandon(forked=True)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class Pool(Upkeep):
    """Sessions of one database, on one event loop.

    The last session given back is lent first (its caches are warm, and the others can age out). Borrowers
    that must wait are served in the order they came. Taking and giving back an unchanged session are plain
    calls: no ``await``, no round trip, no lock.

    Args:
        open_session: opens one more session.
        settings: sizes and times.
        refresh: brings a session up to date that was last used before the catalog changed.
        stateless: nothing outlives a transaction on a connection (PgBouncer), so nothing is reset.
        fits: whether the server of a session still is what ``target_session_attrs`` asks for.

    Attributes:
        counters: what it counts.
        loop: the event loop its connections live in.
        resets: whether sessions on which something may have been left are reset at all.
        always: whether all are, whatever ran on them.
        generation: how often the catalog changed; sessions of an older one are refreshed when borrowed.
    """

    __slots__ = (
        "__weakref__",
        "_drained",
        "_forked",
        "_open_session",
        "_opening",
        "_recovering",
        "_refresh",
        "_waiters",
        "always",
        "generation",
        "resets",
    )

    def __init__(
        self,
        open_session: Callable[[], Awaitable[Session]],
        settings: PoolSettings,
        *,
        refresh: Callable[[Session], Awaitable[None]],
        stateless: bool = False,
        fits: Callable[[Session], bool] | None = None,
    ) -> None:
        super().__init__(settings, fits)
        self.generation = 0
        self.resets = settings.reset != "never" and not stateless
        self.always = settings.reset == "always" and not stateless
        self._open_session = open_session
        self._refresh = refresh
        self._waiters: deque[asyncio.Future[Session]] = deque()
        self._opening = 0
        self._recovering: set[asyncio.Task[None]] = set()
        self._forked = False
        self._drained: asyncio.Future[None] | None = None
        _pools.add(self)

    # -- figures ------------------------------------------------------------------------------------

    @property
    def figures(self) -> PoolFigures:
        """Size, limit, idle and waiting, as they are now."""
        waiting = sum(not waiter.done() for waiter in self._waiters)
        return PoolFigures(self.size, self.settings.max_connections, len(self._idle), waiting)

    @property
    def size(self) -> int:
        """Connections open or being opened."""
        return len(self._idle) + len(self._borrowed) + self._opening

    # -- borrow -------------------------------------------------------------------------------------

    def take(self) -> Session | None:
        """Return an idle session at once, or ``None`` when the borrower must ``acquire()``."""
        if get_running_loop() is not self.loop:
            raise self._elsewhere()
        idle = self._idle
        while idle:
            session = idle.pop()
            if session.raw.is_closed():
                self._ended(session, lost=True)
                continue
            if session.generation != self.generation:
                idle.append(session)
                return None
            self._borrowed.add(session)
            return session
        return None

    async def acquire(self, timeout: float | None = None) -> Session:
        """Borrow a session, waiting for at most ``timeout`` seconds (default: ``acquire_timeout``).

        Raises:
            PoolTimeout: none became free in time, or the queue is full.
            ConnectionLost: the pool is closed, or no connection can be opened.
        """
        self._check_usable()
        session = self.take()
        if session is None and self._idle:
            session = self._idle.pop()
            self._borrowed.add(session)
        if session is None:
            session = await self._wait(self.settings.acquire_timeout if timeout is None else timeout)
        if session.generation != self.generation:
            try:
                await self._refresh(session)
            except BaseException:
                session.suspect = True
                self.release(session)
                raise
            session.generation = self.generation
        return session

    async def _wait(self, timeout: float) -> Session:
        limit = self.settings.max_waiting
        if limit and self.figures.waiting >= limit:
            self.counters.refused += 1
            raise self._timeout(f"the queue for a connection is full (max_waiting = {limit})")
        waiter: asyncio.Future[Session] = self.loop.create_future()
        begun = time.monotonic()
        self._waiters.append(waiter)
        self._grow()
        try:
            async with asyncio.timeout(timeout):
                return await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release(waiter.result())  # it was handed over in the moment we gave up
            elif not waiter.cancel() and not waiter.cancelled():
                waiter.exception()
            if isinstance(error, TimeoutError):
                self.counters.timeouts += 1
                raise self._timeout(f"no connection became free within {timeout:g} s") from None
            raise
        finally:
            self.counters.waited(time.monotonic() - begun)
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _timeout(self, what: str) -> PoolTimeout:
        now = self.figures
        return PoolTimeout(
            f"{what}: {now}. Raise pool.max_connections or pool.acquire_timeout, or hold connections and "
            "transactions for a shorter time",
            size=now.size,
            max_size=now.max_size,
            idle=now.idle,
            waiting=now.waiting,
        )

    # -- give back ----------------------------------------------------------------------------------

    def release(self, session: Session) -> None:
        """Take back a session, whatever was left on it; no round trip if that is nothing, and cannot fail.

        From here on nothing that was begun under this loan touches the session.
        """
        session.loan += 1
        if session.raw.is_closed():
            self._borrowed.discard(session)
            session.lent += 1
            self._ended(session, lost=not self._closing)
            self._lost()
            return
        if session.dirty or session.unfinished:
            self._recover_behind(session)
            return
        self._borrowed.discard(session)
        session.lent += 1
        now = session.idle_since = session.seen = time.monotonic()
        if self._closing or now > session.expires:
            self.counters.expired += not self._closing
            self._retire(session)
            return
        if self._waiters and self._hand_over(session):
            return
        self._idle.append(session)
        if self._reaper is None:
            self._plan_reaping()

    async def release_changed(self, session: Session) -> None:
        """Take back a session: reset it first if something may have been left on it.

        Whoever gives it back waits, so that what it left (locks, too) is gone when its call returns. The reset goes on
        behind the scenes if the caller is cancelled; nobody gets the session before.
        """
        if (session.dirty or session.unfinished) and not session.closed:
            session.loan += 1
            await self.settle(self._recover_behind(session))
        else:
            self.release(session)

    async def release_after(self, error: BaseException, session: Session) -> None:
        """Take back a session on which something failed; only a plain refusal of the server is waited for."""
        if isinstance(error, Exception) and not session.suspect:
            await self.release_changed(session)
        else:
            self.release(session)

    async def recovered(self) -> None:
        """Wait until the sessions that are being reset behind the scenes are back, for ``PATIENCE`` at most."""
        if self._recovering:
            await asyncio.wait(tuple(self._recovering), timeout=endings.PATIENCE)

    def _recover_behind(self, session: Session) -> asyncio.Task[None]:
        task = self._spawn(self._recover(session))
        self._recovering.add(task)
        task.add_done_callback(self._recovering.discard)
        return task

    async def _recover(self, session: Session) -> None:
        try:
            async with asyncio.timeout(endings.RECOVERY_TIMEOUT):
                if session.ending is not None:
                    await session.rest()
                await session.reset(everything=session.dirty and self.resets)
            if session.unfinished:
                raise ConnectionLost("something went on during the reset")
            if self._fits is not None and not self._fits(session):
                self._check_idle(0)  # those to the same server do not fit, either
                raise ConnectionLost("its server is not what target_session_attrs asks for any more")
        except BaseException as error:
            session.terminate()
            if not isinstance(error, Exception):
                raise
            _log.debug("a connection could not be reset and was closed: %s", error)
        finally:
            session.dirty = session.suspect = False
            self.release(session)
            session.dirty = self.always  # for whoever borrows it next

    # -- open and close -----------------------------------------------------------------------------

    async def fill(self) -> None:
        """Open ``min_connections``, and one at least, so that a wrong URL shows at once."""
        await self._open()
        missing = self.settings.min_connections - self.size
        if missing > 0:
            done = await asyncio.gather(*(self._open() for _ in range(missing)), return_exceptions=True)
            for error in done:
                if error is not None:
                    raise error

    async def _open(self) -> None:
        self._opening += 1
        try:
            session = await self._open_session()
        except BaseException:
            self._opening -= 1
            self.counters.failed += 1
            raise
        self._opening -= 1
        self._put_in(session)

    def _put_in(self, session: Session) -> None:
        """A new session: nobody has used it yet."""
        self.counters.opened += 1
        session.generation = self.generation
        if self.settings.max_lifetime:
            share = SHORTEST_LIFE + (1 - SHORTEST_LIFE) * random.random()
            session.expires = session.created + self.settings.max_lifetime * share
        self._borrowed.add(session)
        session.lent -= 1  # it was not lent yet
        self.release(session)
        session.dirty = self.always

    def _grow(self) -> None:
        """Open one more session for the borrowers in the queue, if the limit allows."""
        waiting = sum(not waiter.done() for waiter in self._waiters)
        if self._opening < waiting and self.size < self.settings.max_connections and not self._closing:
            self._opening += 1  # counted from now on, so that a burst does not overshoot
            self._spawn(self._connect())

    async def _connect(self) -> None:
        try:
            session = await self._open_session()
        except Exception as error:
            self._opening -= 1
            self.counters.failed += 1
            self._failed(error)
            self._note_drained()
            return
        except BaseException:
            self._opening -= 1
            raise
        self._opening -= 1
        self._put_in(session)

    def _failed(self, error: Exception) -> None:
        """No connection could be opened: tell those in the queue for whom none will come.

        While others are being opened or are lent, that is the first in the queue. When there is none, it is all of
        them: nobody would open another for those who only wait. Where the server says that it has no room for more,
        they wait for one that is given back.
        """
        others = bool(self._opening or self._borrowed)
        if others and getattr(error, "sqlstate", None) == _TOO_MANY:
            return
        first = True
        while self._waiters and (first or not others):
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(error if first else _twin(error))
                first = False

    def _refill(self) -> None:
        """Open what is missing to ``min_connections``; what fails is tried again by the next reaping."""
        while self.size < self.settings.min_connections and not self._closing:
            self._opening += 1
            self._spawn(self._connect())

    def _hand_over(self, session: Session) -> bool:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                self._borrowed.add(session)
                waiter.set_result(session)
                return True
        return False

    def _lost(self) -> None:
        """A connection is gone: open another for whoever waits."""
        if self._waiters:
            self._grow()
        self._note_drained()

    # -- end ----------------------------------------------------------------------------------------

    async def close(self, timeout: float | None = None) -> None:
        """Refuse new borrowers, wait for those there are, then close every connection.

        Args:
            timeout: seconds to wait for borrowers (default: ``close_timeout``); then they are cut off.
        """
        self.check_closable()
        if get_running_loop() is not self.loop:
            self.abandon()
        if self._closing:
            return
        self._closing = True
        if self._reaper is not None:
            self._reaper.cancel()
        error = ConnectionLost("the database is being closed")
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(error)
        idle, self._idle = self._idle, []
        for session in idle:
            self._spawn(self._close_session(session))
        timeout = self.settings.close_timeout if timeout is None else timeout
        end = self.loop.time() + timeout
        if self._borrowed or self._opening:
            self._drained = self.loop.create_future()
            try:
                async with asyncio.timeout(timeout):
                    await self._drained
            except TimeoutError:
                _log.warning("%d borrowers did not give their connection back in time", len(self._borrowed))
            finally:
                self.terminate()
        while self._tasks:
            tasks = tuple(self._tasks)
            _, late = await asyncio.wait(tasks, timeout=max(end - self.loop.time(), GOODBYE))
            for task in late:  # each cuts its connection
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def terminate(self) -> None:
        """Cut every connection at once."""
        self._closing = True
        for session in self._idle:
            self._ended(session)
        for session in (*self._idle, *self._borrowed):
            session.terminate()
        self._idle.clear()

    def _note_drained(self) -> None:
        if (
            self._drained is not None
            and not self._drained.done()
            and not self._borrowed
            and not self._opening
        ):
            self._drained.set_result(None)

    def check_closable(self) -> None:
        """Refuse to be closed by another loop while the pool's own is alive.

        Raises:
            ConnectionLost: it is.
        """
        if get_running_loop() is not self.loop and not self._forked and not self.loop.is_closed():
            raise ConnectionLost(
                "this database was connected in another event loop, which is still alive: close it there"
            )

    def abandon(self, *, forked: bool = False) -> None:
        """Let go of every connection without the event loop, which is over or belongs to another process.

        Args:
            forked: in a child process: the sockets are the parent's, so nothing is sent on them.
        """
        self._closing = True
        self._forked |= forked
        for session in (*self._idle, *self._borrowed):
            self._ended(session)
            driver.abandon(session.raw, silently=self._forked)
        self._idle.clear()
        self._borrowed.clear()

    def _elsewhere(self) -> ConnectionLost:
        if self._forked:
            where = "the process this one was forked from; connect again in this process"
        elif self.loop.is_closed():
            where = "an event loop that is over; connect again in this one"
        else:
            where = "another event loop; connect in the loop that uses it"
        return ConnectionLost(f"this database was connected in {where}")

    def _check_usable(self) -> None:
        if self._closing:
            raise ConnectionLost("the database is closed")


def _twin(error: Exception) -> Exception:
    """The same error for one more task: a traceback belongs to one."""
    twin = copy.copy(error)
    twin.__cause__ = error.__cause__
    return twin


__all__ = ["Pool", "PoolFigures"]
