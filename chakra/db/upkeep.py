"""The pool's housekeeping: idle sessions that are too old, not needed, or silent for long; it lends nothing."""

from __future__ import annotations

import abc
import asyncio
import logging
import time
from collections.abc import Callable

from chakra.config import PoolSettings
from chakra.db import endings
from chakra.db.counters import Counters
from chakra.db.endings import Endings
from chakra.db.session import Session
from chakra.errors import ConnectionLost

_log = logging.getLogger("chakra.db")


class Upkeep(Endings, abc.ABC):
    """The sessions of a pool, and what becomes of those nobody has borrowed.

    Attributes:
        settings: sizes and times.
        counters: what the pool counts.
    """

    __slots__ = ("_borrowed", "_checking", "_closing", "_fits", "_idle", "_reaper", "counters", "settings")

    def __init__(self, settings: PoolSettings, fits: Callable[[Session], bool] | None) -> None:
        super().__init__()
        self.settings = settings
        self.counters = Counters()
        self._fits = fits
        self._idle: list[Session] = []
        self._borrowed: set[Session] = set()
        self._checking = 0
        self._closing = False
        self._reaper: asyncio.TimerHandle | None = None

    def sessions(self) -> tuple[list[Session], list[Session]]:
        """Those nobody has borrowed, the longest idle first, and those somebody has."""
        return list(self._idle), list(self._borrowed)

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Connections open or being opened."""

    @abc.abstractmethod
    def _hand_over(self, session: Session) -> bool:
        """Lend a session to the first in the queue, if there is one."""

    @abc.abstractmethod
    def _lost(self) -> None:
        """A connection is gone: open another for whoever waits."""

    @abc.abstractmethod
    def _refill(self) -> None:
        """Open what is missing to ``min_connections``."""

    def _retire(self, session: Session) -> None:
        self._spawn(self._close_session(session))
        self._lost()
        self._refill()

    def _ended(self, session: Session, *, lost: bool = False) -> None:
        """Keep the numbers of a session that is gone."""
        counters = self.counters
        counters.lost += lost
        counters.lent += session.lent
        counters.statements += session.ran
        counters.hits += session.hits
        counters.misses += session.misses
        counters.again += session.again

    async def _close_session(self, session: Session) -> None:
        self._ended(session)
        try:
            await session.raw.close(timeout=endings.RECOVERY_TIMEOUT)
        except Exception as error:
            session.terminate()
            _log.debug("a connection did not close in order: %s", error)
        except BaseException:
            session.terminate()
            raise

    # -- age ----------------------------------------------------------------------------------------

    def _plan_reaping(self) -> None:
        settings = self.settings
        periods = [t for t in (settings.idle_timeout, settings.max_lifetime, settings.check_after) if t]
        if periods and not self._closing:
            self._reaper = self.loop.call_later(max(min(periods) / 2, 0.01), self._reap)

    def _reap(self) -> None:
        """Close idle sessions that are too old or no longer needed, and ask the silent ones whether they answer."""
        self._reaper = None
        settings, now = self.settings, time.monotonic()
        kept: list[Session] = []
        spare = self.size - settings.min_connections
        for session in self._idle:  # the longest idle first
            if session.raw.is_closed():
                self._ended(session, lost=True)
                spare -= 1
                continue
            old = now > session.expires
            unused = settings.idle_timeout and now - session.idle_since > settings.idle_timeout and spare > 0
            if old or unused:
                self.counters.expired += old
                self.counters.unused += not old
                spare -= 1
                self._spawn(self._close_session(session))
            else:
                kept.append(session)
        self._idle[:] = kept
        if settings.check_after:
            self._check_idle(settings.check_after)
        self._refill()
        if self._idle or self._checking or self.settings.min_connections:
            self._plan_reaping()

    def _check_idle(self, silence: float) -> None:
        """Ask the idle sessions of which nothing was heard for so many seconds; borrowers do not get them meanwhile."""
        now = time.monotonic()
        due = [session for session in self._idle if now - session.seen >= silence]
        for session in due:
            self._idle.remove(session)
            self._borrowed.add(session)
            self._checking += 1
            self._spawn(self._check(session))

    async def _check(self, session: Session) -> None:
        """One round trip on an idle session: it is put back as long idle as before, or cut."""
        self.counters.checked += 1
        try:
            async with asyncio.timeout(endings.RECOVERY_TIMEOUT):
                await session.raw.execute("SELECT")
            if self._fits is not None and not self._fits(session):
                raise ConnectionLost("its server is not what target_session_attrs asks for any more")
        except BaseException as error:
            session.terminate()
            if not isinstance(error, Exception):
                raise
            _log.debug("an idle connection was closed: %s", error)
        finally:
            self._checking -= 1
            self._borrowed.discard(session)
            if session.raw.is_closed():
                self._ended(session, lost=not self._closing)
                self._lost()
                self._refill()
            else:
                self._checked(session)

    def _checked(self, session: Session) -> None:
        session.seen = time.monotonic()
        if self._closing:
            self._retire(session)
        elif not self._hand_over(session):
            self._idle.append(session)
            self._idle.sort(key=_idle_since)
            if self._reaper is None:
                self._plan_reaping()


def _idle_since(session: Session) -> float:
    return session.idle_since


__all__ = ["Upkeep"]
