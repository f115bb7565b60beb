"""Reads on replicas: a pool over several servers, with the primary in their place where none can serve."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from contextvars import ContextVar
from dataclasses import replace
from typing import Final

from chakra.db.address import Address, Password
from chakra.db.core import Core
from chakra.db.hooks import QueryEvent
from chakra.db.pool import Pool
from chakra.db.session import Session
from chakra.db.statements import Own
from chakra.errors import ChakraError, ConfigError, ConnectionLost

_log = logging.getLogger("chakra.db")

# Positions in the log of changes (WAL) as numbers: manual, section 9.28.3 and 9.28.4.
WRITTEN: Final = Own("SELECT (pg_catalog.pg_current_wal_insert_lsn() - '0/0')::int8")
REPLAYED: Final = Own(
    "SELECT ((CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() "
    "ELSE pg_catalog.pg_current_wal_insert_lsn() END) - '0/0')::int8"
)

# Seconds between two looks at a replica that is behind: the first, and the longest. A replica next door is behind by
# a millisecond or two.
FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.05

# Classes of what a server says that is there and takes nobody now: resources, operator intervention (shutdown).
_NOT_NOW = ("53", "57")

_marks: ContextVar[dict[int, int | None]] = ContextVar("chakra_written")
"""By the mark of a primary: how far a replica must be for this task, ``None`` = that must be asked for."""


class Writes:
    """What tasks have written to a primary, so that their reads on its replicas can wait for it.

    A task is marked by its first write, and with it the tasks it starts afterwards. What a child task writes marks
    the child alone.

    Args:
        ask: asks the primary how far its log is, and says whether that is all the running task has written; within a
            transaction the end is to come.
    """

    __slots__ = ("_ask", "key")

    def __init__(self, ask: Callable[[], Awaitable[tuple[int, bool]]]) -> None:
        self._ask = ask
        self.key = id(self)

    def see(self, event: QueryEvent) -> None:
        """A hook of the primary: mark the task that writes."""
        if (
            event.phase == "after"
            and event.kind not in ("copy_out", "transaction")
            and not event.statement.reads
        ):
            self.mark(None)

    def mark(self, position: int | None) -> None:
        """Note how far a replica must be for the running task."""
        marks = _marks.get({})
        if position is not None:
            before = marks.get(self.key)
            if self.key in marks and (before is None or before >= position):
                return
        elif self.key in marks and marks[self.key] is None:
            return
        _marks.set({**marks, self.key: position})

    @property
    def marked(self) -> bool:
        """Whether the running task has written."""
        marks = _marks.get(None)
        return marks is not None and self.key in marks

    async def position(self) -> int:
        """How far a replica must be for the running task."""
        known = _marks.get({})[self.key]
        if known is not None:
            return known
        position, stays = await self._ask()
        if stays:
            _marks.set({**_marks.get({}), self.key: position})
        return position


class ReplicaCore(Core):
    """The common ground of a database's replicas.

    Attributes:
        addresses: of the replicas.
        down: positions of those that could not be reached the last time.
    """

    __slots__ = ("_stand_in", "_turn", "_writes", "addresses", "down")

    pool: ReplicaPool

    def __init__(self, primary: Core, writes: Writes, password: Password | None) -> None:
        settings = primary.settings
        self.addresses = [Address.read(url, settings.database, password) for url in settings.replicas.urls]
        self.down: set[int] = set()
        self._turn = 0
        self._stand_in = read_only(primary.address)
        self._writes = writes
        super().__init__(settings.replicas.urls[0], settings, password)
        self.server_version = primary.server_version

    def make_pool(self) -> Pool:
        return ReplicaPool(self, self._writes)

    async def _open_session(self) -> Session:
        """Open a session to one of the replicas, each in its turn; those that are down come last.

        Raises:
            ConnectionLost: none can be reached.
        """
        count = len(self.addresses)
        self._turn += 1
        order = sorted(range(count), key=lambda n: (n in self.down, (n - self._turn) % count))
        last: ChakraError | None = None
        for position in order:
            try:
                session = await self.open_one(position)
            except ChakraError as error:
                if not not_now(error):
                    raise
                last = error
            else:
                return session
        assert last is not None
        raise last

    async def open_one(self, position: int) -> Session:
        """Open a session to one of the replicas, noting whether it can be reached."""
        try:
            session = await self.open_at(self.addresses[position])
        except ChakraError as error:
            if not_now(error) and position not in self.down:
                self.down.add(position)
                _log.warning("the replica %s cannot be reached: %s", self.addresses[position].where, error)
                self.pool.look_again()
            raise
        if position in self.down:
            self.down.discard(position)
            _log.warning("the replica %s can be reached again", self.addresses[position].where)
        return session

    async def open_stand_in(self) -> Session:
        """Open a session to the primary that takes no writes."""
        session = await self.open_at(self._stand_in)
        if getattr(session.raw.get_settings(), "default_transaction_read_only", "on") != "on":
            session.terminate()
            raise ConfigError(
                f"{self._stand_in.where} cannot stand in for replicas: a pooler in front of it passes over "
                'default_transaction_read_only, so writes would get through. Set replicas.fallback = "error"'
            )
        return session


def read_only(address: Address) -> Address:
    """The same place, by sessions that take no writes."""
    settings = {**address.arguments["server_settings"], "default_transaction_read_only": "on"}
    return replace(address, arguments={**address.arguments, "server_settings": settings})


def not_now(error: ChakraError) -> bool:
    """Whether a server cannot be reached or takes nobody now, in contrast to one that refuses us."""
    return isinstance(error, ConnectionLost) or (getattr(error, "sqlstate", None) or "")[:2] in _NOT_NOW


class ReplicaPool(Pool):
    """Sessions of replicas. Where none can be reached, or none has what the borrower has written, sessions of the
    primary that take no writes, in a pool of their own with the same limits.

    Attributes:
        stand_in: the latter.
    """

    __slots__ = ("_core", "_probe", "_replayed", "_writes", "stand_in")

    def __init__(self, core: ReplicaCore, writes: Writes) -> None:
        database, settings = core.settings.database, replace(core.settings.pool, min_connections=0)
        super().__init__(
            core._open_session, settings, refresh=Session.forget_statements, stateless=database.pgbouncer
        )
        self.stand_in = Pool(
            core.open_stand_in, settings, refresh=Session.forget_statements, stateless=database.pgbouncer
        )
        self._core = core
        self._writes = writes
        self._probe: asyncio.TimerHandle | None = None
        self._replayed: dict[str, int] = {}

    # -- borrow -------------------------------------------------------------------------------------

    def take(self) -> Session | None:
        if self._writes.marked or self._core.down:
            return None
        return super().take()

    async def acquire(self, timeout: float | None = None) -> Session:
        """Borrow a session of a replica that has what the running task has written, or else one of the primary.

        Raises:
            PoolTimeout: no connection became free in time, or no replica caught up and there is no fallback.
            ConnectionLost: no replica can be reached and there is no fallback, or the pool is closed.
        """
        self._check_usable()
        if len(self._core.down) == len(self._core.addresses):
            return await self._fall_back(timeout, ConnectionLost("no replica can be reached"))
        try:
            session = super().take() or await super().acquire(timeout)
        except ChakraError as error:
            if self._closing or not not_now(error):
                raise
            return await self._fall_back(timeout, error)
        if not self._writes.marked:
            return session
        lost: ChakraError | None = None
        try:
            position = await self._writes.position()
            if await self._caught_up(session, position):
                return session
        except BaseException as error:
            session.suspect |= not isinstance(error, ChakraError)
            if not session.closed or not isinstance(error, ConnectionLost):
                self.release(session)
                raise
            lost = error
        self.release(session)
        wait = self._core.settings.replicas.wait
        return await self._fall_back(
            timeout, lost or self._timeout(f"the replica {session.host} has not caught up within {wait:g} s")
        )

    async def _fall_back(self, timeout: float | None, error: ChakraError) -> Session:
        if self._core.settings.replicas.fallback != "primary":
            raise error
        self.stand_in.generation = self.generation
        return self.stand_in.take() or await self.stand_in.acquire(timeout)

    async def _caught_up(self, session: Session, position: int) -> bool:
        """Wait until the replica of a session is so far, but not for ever."""
        if self._replayed.get(session.host, -1) >= position:
            return True
        end = self.loop.time() + self._core.settings.replicas.wait
        pause = FIRST_PAUSE
        while True:
            [row] = await session.fetch_quietly(REPLAYED, ())
            if row[0] is not None:
                self._replayed[session.host] = row[0]
                if row[0] >= position:
                    return True
            now = self.loop.time()
            if now >= end:
                return False
            await asyncio.sleep(min(pause, end - now))
            pause = min(pause * 2, LONGEST_PAUSE)

    # -- give back ----------------------------------------------------------------------------------

    def release(self, session: Session) -> None:
        if session in self.stand_in._borrowed:
            self.stand_in.release(session)
        else:
            super().release(session)

    async def release_changed(self, session: Session) -> None:
        if session in self.stand_in._borrowed:
            await self.stand_in.release_changed(session)
        else:
            await super().release_changed(session)

    async def recovered(self) -> None:
        await super().recovered()
        await self.stand_in.recovered()

    # -- replicas that are down ---------------------------------------------------------------------

    def look_again(self) -> None:
        """Try those that are down again after a while, behind the scenes."""
        if self._probe is None and not self._closing:
            self._probe = self.loop.call_later(self._core.settings.replicas.retry, self._look)

    def _look(self) -> None:
        self._probe = None
        if not self._closing:
            self._spawn(self._try_again())

    async def _try_again(self) -> None:
        for position in sorted(self._core.down):
            if self._closing or self.size >= self.settings.max_connections:
                break
            self._opening += 1
            session = None
            try:
                session = await self._core.open_one(position)
            except ChakraError as error:
                _log.debug("a replica is still away: %s", error)
            finally:
                self._opening -= 1
            if session is not None:
                self._put_in(session)
            self._note_drained()
        if self._core.down:
            self.look_again()

    # -- end ----------------------------------------------------------------------------------------

    async def close(self, timeout: float | None = None) -> None:
        if self._probe is not None:
            self._probe.cancel()
        await asyncio.gather(super().close(timeout), self.stand_in.close(timeout))

    def abandon(self, *, forked: bool = False) -> None:
        super().abandon(forked=forked)
        self.stand_in.abandon(forked=forked)


def replica_core(
    primary: Core,
    identity: Hashable,
    password: Password | None,
    ask: Callable[[], Awaitable[tuple[int, bool]]],
) -> tuple[ReplicaCore, Writes]:
    """The ground of the replicas of a database, and what its writes are noted by; opens nothing.

    Args:
        identity: of the primary: DDL that goes through it concerns the replicas, too.
        ask: how far the log of the primary is, and whether that is the end of what the running task has written.
    """
    writes = Writes(ask)
    core = ReplicaCore(primary, writes, password)
    core.connected_to(primary.types.database, identity)
    primary.hooks.add(writes.see)
    return core, writes


__all__ = ["REPLAYED", "WRITTEN", "ReplicaCore", "ReplicaPool", "Writes", "replica_core"]
