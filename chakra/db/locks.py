"""Advisory locks: a name that one block at a time holds, among all programs on a database."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from chakra.db import driver
from chakra.db.core import Core
from chakra.db.deadlines import checked_seconds
from chakra.db.executor import Executor
from chakra.db.session import Session
from chakra.db.statements import Own
from chakra.db.transactions import Transaction
from chakra.errors import ConnectionLost, LockLost, LockNotAvailable, PoolTimeout, QueryError

_holding: ContextVar[tuple[Lock, ...]] = ContextVar("chakra_locks", default=())
"""Locks of the blocks around the running code."""

_UNLOCK_ALL: Final = Own("SELECT pg_catalog.pg_advisory_unlock_all()")


def lock_key(name: str | int) -> int:
    """The number that stands for a name: the first 8 bytes of its SHA-256, as bigint. A number stands for itself.

    In SQL: ``('x' || left(encode(sha256(convert_to('name', 'UTF8')), 'hex'), 16))::bit(64)::bigint``.

    Raises:
        QueryError: it is neither a text nor a bigint.
    """
    if isinstance(name, str):
        try:
            return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        except UnicodeEncodeError:
            raise QueryError(
                "a lock has a name that UTF-8 can hold; this one has half of a surrogate pair in it"
            ) from None
    if isinstance(name, bool) or not isinstance(name, int) or not -(2**63) <= name < 2**63:
        raise QueryError(f"a lock has a name, or a number that fits into bigint; {name!r} is neither")
    return name


class _Queues:
    """What the locks of one database share in this program.

    Attributes:
        names: who is first in line here, by key: only that one occupies a connection while it waits for others.
        slots: connections that may be held by locks. One is left for the statements inside of their blocks, else
            blocks and locks waited for each other.
    """

    def __init__(self, core: Core) -> None:
        self.names: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self.slots = asyncio.Semaphore(core.pool.settings.max_connections - 1)


_queues: WeakKeyDictionary[Core, _Queues] = WeakKeyDictionary()


class Lock:
    """What ``db.lock(name)`` returns: ``async with db.lock("name"):``.

    Attributes:
        name: what it is called.
        key: the bigint that the server knows it by.
        shared: others may hold it at the same time, if they share it, too.
    """

    def __init__(
        self,
        executor: Executor,
        name: str | int,
        *,
        wait: bool,
        shared: bool,
        timeout: float | None,
        transaction: bool | None,
        pinned: Session | None,
    ) -> None:
        self.name = name
        self.key = lock_key(name)
        self.shared = shared
        self._executor = executor
        self._core = executor.core
        self._wait = wait
        self._timeout = None if timeout is None else checked_seconds(timeout)
        self._in_transaction = transaction
        self._pinned = pinned
        self._session: Session | None = None
        self._lent: Session | None = None  # by the transaction that holds it
        self._block: Transaction | None = None
        self._first: asyncio.Lock | None = None
        self._slot: asyncio.Semaphore | None = None
        self._token: Token[tuple[Lock, ...]] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._lost = self._struck = self._used = False

    @property
    def _title(self) -> str:
        return f"the lock {self.name!r}"

    def __repr__(self) -> str:
        return f"<lock {self.name!r}>"

    async def __aenter__(self) -> Lock:
        if self._used:
            raise QueryError("a lock object is for one block; call db.lock() again")
        self._used = True
        inside = self._executor.current_transaction() is not None
        if self._in_transaction or (inside and self._in_transaction is None):
            await self._enter_transaction(inside)
            return self
        if self._core.settings.database.pgbouncer:
            raise QueryError(
                f"{self._title} would belong to a connection of the pooler, which serves others as well: take it for a "
                "transaction, db.lock(…, transaction=True)"
            )
        self._check_around(self._pinned, transaction=False)
        timer = asyncio.timeout(self._timeout)
        try:
            async with timer:
                await self._enter_session()
        except TimeoutError:
            if not timer.expired():
                raise
            raise self._refused(f"did not become free within {self._timeout:g} s") from None
        self._token = _holding.set((*_holding.get(), self))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            with suppress(ValueError):  # a generator that was finished in another context
                _holding.reset(self._token)
        self._lent = None
        if self._block is not None:
            await self._block.__aexit__(kind, error, trace)
        if self._session is None:
            return  # it is the transaction's, whose end releases it
        session, self._session = self._session, None
        self._lost |= session.closed
        driver.forget_end(session.raw, self._ended)
        await self._unlock(session, error)
        if self._lost:
            self._say_lost(error)

    def _check_around(self, session: Session | None, *, transaction: bool) -> None:
        """Refuse to wait for the end of a block around this one.

        Args:
            session: the connection that is to hold it, where that is known: there it can be taken again.
            transaction: it is to be held by a transaction.
        """
        if not self._wait:
            return
        for held in _holding.get():
            if held.key != self.key or held._core is not self._core:
                continue
            holder = held._lent or held._session
            if holder is None or (holder is session and (transaction or held._lent)):
                continue
            raise QueryError(
                f"{self._title} is held by a block around this one: waiting for it would never end"
            )

    # -- for a transaction --------------------------------------------------------------------------

    async def _enter_transaction(self, inside: bool) -> None:
        executor = self._executor
        self._check_around(self._of_transaction(), transaction=True)
        if not inside:
            self._block = executor.transaction()
            await self._block.__aenter__()
        try:
            if self._timeout is None or not self._wait:
                [row] = await executor.run_fetch(self._statement("_xact"), (self.key,))
            else:
                # In a savepoint: the time limit ends with it, and the lock stays.
                limit = {"lock_timeout": max(round(self._timeout * 1000), 1)}
                async with executor.transaction(settings=limit):
                    [row] = await executor.run_fetch(self._statement("_xact"), (self.key,))
            if not self._wait and not row[0]:
                raise self._refused("is held by somebody else")
        except LockNotAvailable as error:
            refused = (
                error
                if not error.sqlstate
                else self._refused(f"did not become free within {self._timeout:g} s")
            )
            await self._leave_block(refused)
            raise refused from error.__cause__
        except BaseException as error:
            await self._leave_block(error)
            raise
        self._lent = self._of_transaction()
        self._token = _holding.set((*_holding.get(), self))

    def _of_transaction(self) -> Session | None:
        block = self._executor.current_transaction()
        return block.session if isinstance(block, Transaction) else self._pinned

    async def _leave_block(self, error: BaseException) -> None:
        if self._block is not None:
            await self._block.__aexit__(type(error), error, None)

    # -- for a connection ---------------------------------------------------------------------------

    async def _enter_session(self) -> None:
        pool = self._core.pool
        session = self._pinned
        try:
            if session is not None:
                self._core.note(session)
            else:
                await self._stand_in_line()
                session = pool.take() or await pool.acquire()
            try:
                row = await session.fetchrow(self._statement(), (self.key,))
            except BaseException:
                await self._let_go(session)
                raise
            assert row is not None
            if not self._wait and not row[0]:
                if self._pinned is None:
                    pool.release(session)
                raise self._refused("is held by somebody else")
        except BaseException:
            self._leave_line()
            raise
        self._session = session
        self._task = asyncio.current_task()
        self._cancelling = 0 if self._task is None else self._task.cancelling()
        driver.tell_end(session.raw, self._ended)
        if session.closed:
            self._ended()

    async def _stand_in_line(self) -> None:
        settings = self._core.pool.settings
        queues = _queues.get(self._core)
        if queues is None:
            if settings.max_connections < 2:
                raise QueryError(
                    f"{self._title} occupies a connection, and max_connections is 1, so nothing could run in its block"
                    ": raise it, or take the lock for a transaction, db.lock(…, transaction=True)"
                )
            queues = _queues[self._core] = _Queues(self._core)
        if not self.shared:
            first = queues.names.get(self.key)
            if first is None:
                first = queues.names[self.key] = asyncio.Lock()
            if first.locked() and not self._wait:
                raise self._refused("is held by somebody else")
            await first.acquire()
            self._first = first
        timer = asyncio.timeout(settings.acquire_timeout)
        try:
            async with timer:
                await queues.slots.acquire()
        except TimeoutError:
            if not timer.expired():
                raise
            now = self._core.pool.figures
            raise PoolTimeout(
                f"{self._title} got no connection within {settings.acquire_timeout:g} s: locks hold all but one "
                f"({now}). Raise pool.max_connections, or take locks for transactions, db.lock(…, transaction=True)",
                size=now.size,
                max_size=now.max_size,
                idle=now.idle,
                waiting=now.waiting,
            ) from None
        self._slot = queues.slots

    def _leave_line(self) -> None:
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.release()
        first, self._first = self._first, None
        if first is not None:
            first.release()

    async def _let_go(self, session: Session) -> None:
        """Take care that a session does not have the lock, whose statement was cut off or refused."""
        pool = self._core.pool
        undo = _UNLOCK_ALL if self._pinned is None else self._release_sql()
        if not session.closed and not await pool.settle(pool.run_to_end(session, undo)):
            session.suspect = True  # until it is over
        if self._pinned is None:
            pool.release(session)

    async def _unlock(self, session: Session, error: BaseException | None) -> None:
        """Release it, which goes on behind the scenes if the task is cancelled (again)."""
        pool = self._core.pool
        try:
            if not session.closed and not await pool.settle(pool.run_to_end(session, self._release_sql())):
                session.suspect = True
        finally:
            if self._pinned is None:
                pool.release(session)
            self._leave_line()

    def _ended(self, *_: object) -> None:
        """The connection is gone, and the lock with it: whoever works under it is stopped."""
        if self._session is None:
            return  # it was released before
        self._lost = True
        if self._task is not None and not self._task.done():
            self._struck = self._task.cancel()

    def _say_lost(self, error: BaseException | None) -> None:
        lost = LockLost(
            f"the connection that held {self._title} broke, and the server let others have it: what the block did may "
            "have met theirs"
        )
        if self._struck and self._task is asyncio.current_task() and self._task is not None:
            if self._task.uncancel() > self._cancelling:
                return  # somebody else cancels it, too
            if isinstance(error, asyncio.CancelledError):
                raise lost from error
        if error is None:
            raise lost
        if not isinstance(error, ConnectionLost):
            error.add_note(str(lost))

    # -- what is sent -------------------------------------------------------------------------------

    def _statement(self, scope: str = "") -> Own:
        kind = "pg_advisory" if self._wait else "pg_try_advisory"
        return Own(f"SELECT pg_catalog.{kind}{scope}_lock{'_shared' if self.shared else ''}($1)")

    def _release_sql(self) -> Own:
        return Own(f"SELECT pg_catalog.pg_advisory_unlock{'_shared' if self.shared else ''}({self.key:d})")

    def _refused(self, why: str) -> LockNotAvailable:
        return LockNotAvailable(f"{self._title} {why}")


__all__ = ["Lock", "lock_key"]
