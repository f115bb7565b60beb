"""Transactions: BEGIN … COMMIT, nested ones as savepoints, carried by a context variable per task."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import os
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

from chakra.db import driver, local_settings
from chakra.db.errors import was_answered
from chakra.db.generators import SuspendedFrame, enclosing_generator
from chakra.db.streams import end_streams
from chakra.errors import ConnectionLost, SerializationError, TransactionError

if TYPE_CHECKING:
    from types import TracebackType

    from chakra.db.database import Database
    from chakra.db.session import Session

_log = logging.getLogger("chakra.db")
P = ParamSpec("P")
R = TypeVar("R")

Isolation = Literal["read_committed", "repeatable_read", "serializable"]

_ISOLATION = {
    "read_committed": "READ COMMITTED",
    "repeatable_read": "REPEATABLE READ",
    "serializable": "SERIALIZABLE",
}

ABORTED = "25P02"

# Pause before retry n (from 0): up to this many seconds times 2**n, chosen at random so that two
# transactions that met once do not meet again.
RETRY_PAUSE = 0.01

active: ContextVar[Transaction | None] = ContextVar("chakra_transaction", default=None)
"""Innermost transaction of the running task, of whichever database."""

if hasattr(os, "register_at_fork"):  # a child process is in no transaction of its parent
    os.register_at_fork(after_in_child=lambda: active.set(None))


class Transaction:
    """A transaction block, made by ``db.transaction(...)``.

    The end of the outermost block raises ``CommitUnknown`` where COMMIT got no answer: it may have happened.
    Used as ``async with db.transaction():``; inside it every statement of this task (and of the tasks it
    starts and awaits) on this database runs in it. A block inside a block is a savepoint. Also a decorator,
    and ``await db.transaction(retries=3).run(func, *args)``: those two can run their body again.

    Args:
        database: whose transaction it is.
        isolation: ``"read_committed"``, ``"repeatable_read"``, ``"serializable"``; ``None`` = the server's.
        readonly: refuse writes.
        deferrable: with serializable and readonly: wait for a snapshot that cannot fail.
        retries: how often a body that met a serialization failure or deadlock is run again.
        settings: PostgreSQL settings that hold inside the block (``{"app.tenant": "a"}``), as by SET LOCAL: text,
            numbers, booleans or UUIDs. They are sent along with BEGIN, and a nested block sets back what was
            there before.
        session: the session of a pinned connection; ``None`` = borrow one.
    """

    __slots__ = (
        "_begin",
        "_callbacks",
        "_committed",
        "_depth",
        "_generator",
        "_late",
        "_loan",
        "_owner",
        "_parent",
        "_pinned",
        "_retries",
        "_settings",
        "_state",
        "_token",
        "database",
        "outer",
        "session",
    )

    def __init__(
        self,
        database: Database,
        *,
        isolation: Isolation | None = None,
        readonly: bool = False,
        deferrable: bool = False,
        retries: int = 0,
        settings: Mapping[str, object] | None = None,
        session: Session | None = None,
    ) -> None:
        if isolation is not None and isolation not in _ISOLATION:
            raise TransactionError(
                f"unknown isolation level {isolation!r}; known are {', '.join(_ISOLATION)}"
            )
        words = ["BEGIN"]
        if isolation is not None:
            words.append("ISOLATION LEVEL " + _ISOLATION[isolation])
        if readonly:
            words.append("READ ONLY")
        if deferrable:
            words.append("DEFERRABLE")
        self.database = database
        self.session: Session | None = None
        self.outer: Transaction | None = None
        self._begin = " ".join(words)
        self._retries = retries
        self._settings = local_settings.checked(settings) if settings else {}
        self._pinned = session
        self._parent: Transaction | None = None
        self._depth = 0
        self._state: Literal["new", "open", "done"] = "new"
        self._token: Token[Transaction | None] | None = None
        self._owner: asyncio.Task[Any] | None = None
        self._loan = 0
        self._generator: SuspendedFrame | None = None
        self._callbacks: list[Callable[[], object]] = []
        self._late: asyncio.CancelledError | None = None
        self._committed = False

    # -- as a block ---------------------------------------------------------------------------------

    async def __aenter__(self) -> Transaction:
        if self._retries:
            raise TransactionError(
                "a block cannot be run again: with retries use @db.transaction(retries=n) on a function, or "
                "await db.transaction(retries=n).run(func, *args)"
            )
        return await self._enter()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._exit(error)

    @property
    def is_open(self) -> bool:
        """Whether statements can run in it now."""
        return self._state == "open"

    def on_commit(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` (plain or ``async def``) once the outermost block has committed.

        Not called when this block or one around it rolls back. All callbacks run, in the order they were given, also
        after one that raises; its error leaves the block then, with notes of those of others. The transaction stays
        committed.
        """
        if self._state == "done":
            raise TransactionError("on_commit() came too late: the transaction is over")
        self._callbacks.append(callback)

    async def _enter(self) -> Transaction:
        if self._state != "new":
            raise TransactionError("a transaction object is for one block; call db.transaction() again")
        self.outer = active.get()
        parent = self._pinned.transaction if self._pinned is not None else self.database.current_transaction()
        if parent is not None:
            await self._enter_nested(parent)
        else:
            await self._enter_outermost()
        self._state = "open"
        self._owner = asyncio.current_task()
        assert self.session is not None
        self._loan = self.session.loan
        self.session.transaction = self
        if self._pinned is None:
            self._generator = enclosing_generator()
            self._token = active.set(self)
        return self

    async def _enter_outermost(self) -> None:
        pool = self.database.pool
        session = self._pinned
        if session is None:
            session = pool.take() or await pool.acquire()
        else:
            await session.free()
        try:
            await self._send(session, self._begin)
        except BaseException as error:
            # BEGIN may have gone through: it was cut off, or a setting was refused. A borrower who keeps the connection
            # must not go on in that transaction, which nobody would commit.
            if self._pinned is not None or isinstance(error, Exception):
                await self._undo_beginning(session, error)
            if self._pinned is None:
                pool.release(session)
            raise
        self.session = session

    async def _enter_nested(self, parent: Transaction) -> None:
        session = parent.session
        assert session is not None
        if self._begin != "BEGIN":
            raise TransactionError(
                "isolation, readonly and deferrable belong to the outermost transaction; this one is inside "
                "another and becomes a savepoint"
            )
        if session.transaction is not parent:
            raise TransactionError(
                "two tasks opened nested transactions in one transaction at the same time; savepoints must "
                "close in the order they opened, so run them one after the other"
            )
        await session.free()
        self._depth = parent._depth + 1
        self._parent = parent
        try:
            await self._send(session, f"SAVEPOINT {self._savepoint}", self._saved)
        except BaseException as error:
            # Settings of a block that is not entered must not hold in the one around it.
            await self._undo_beginning(session, error)
            self._parent = None
            raise
        self.session = session

    async def _undo_beginning(self, session: Session, error: BaseException) -> None:
        """Take back what a beginning that failed may have begun."""
        answered = was_answered(error)
        if isinstance(error, Exception) and not answered and not isinstance(error.__cause__, TimeoutError):
            return  # it was not sent, or the connection is gone
        if not answered or (self._settings and getattr(error, "sqlstate", None) != ABORTED):
            await self._undo(session)

    async def _send(self, session: Session, begin: str, save: str = "") -> None:
        """Begin the block, with its settings if it has some, in one round trip."""
        settings = self._settings
        if not settings:
            await session.script(begin, "transaction")
            return
        if local_settings.renames(settings):
            self.database.note(session)  # what is known of relations by name does not hold in here
        text = local_settings.set_local(settings, save)
        if not text.isascii():
            driver.check_text(session.raw)
        await session.script(f"{begin}; {text}", "transaction", f"{begin}; {local_settings.shown(settings)}")

    @property
    def _savepoint(self) -> str:
        return f"chakra_{self._depth}"

    @property
    def _saved(self) -> str:
        return f"chakra.saved_{self._depth}"

    @property
    def _undo_savepoint(self) -> str:
        return f"ROLLBACK TO SAVEPOINT {self._savepoint}; RELEASE SAVEPOINT {self._savepoint}"

    async def _exit(self, error: BaseException | None) -> None:
        if self._state == "done":  # it ended with the block around it; the session is someone else's by now
            if error is None:
                raise TransactionError("this nested transaction was rolled back with the one around it")
            return
        session = self.session
        assert session is not None
        self._state = "done"
        self._leave_context()
        if session.loan != self._loan:
            if error is None:
                raise TransactionError(
                    "the transaction was rolled back: its connection was given back to the pool while the block was "
                    "still open; end the block before the acquire() block around it"
                )
            return
        left_open = session.transaction is not self
        while session.transaction not in (self, None):
            assert session.transaction is not None
            session.transaction._state = "done"
            session.transaction = session.transaction._parent
        session.transaction = self._parent
        try:
            if session.streams:
                await self._end_streams(session)
            if error is not None or left_open:
                await self._undo(session)
            elif self._parent is not None:
                await self._release_savepoint(session)
            else:
                await self._commit(session)
        finally:
            if self._parent is None:
                if session.effects:  # others can see them now
                    self.database.settle_effects(session)
                if self._pinned is None:
                    await self._give_back(session)
        if error is None:
            if left_open:
                raise TransactionError(
                    "the transaction was rolled back: its block ended while one nested in it was still open"
                )
            try:
                await self._after_commit()
            finally:
                if self._late is not None:
                    raise self._late

    async def _end_streams(self, session: Session) -> None:
        try:
            await end_streams(session, self if self._parent is not None else None)
        except BaseException:
            await self._undo(session)
            raise

    async def _commit(self, session: Session) -> None:
        if session.closed:
            raise ConnectionLost("the connection broke during the transaction; the server rolled it back")
        try:
            status = await self._send_commit(session)
        except TransactionError:
            if self._pinned is not None and session.in_transaction:  # not sent: another task's statement runs
                await self._undo(session)
            raise
        if status == "ROLLBACK":  # the server's answer to COMMIT of an aborted transaction
            raise TransactionError(
                "the transaction was rolled back: a statement in it failed and its error was caught inside "
                "the block. Put the statement that may fail into a nested db.transaction() (a savepoint)",
                sqlstate="25P02",
            )

    async def _send_commit(self, session: Session) -> str:
        """Send COMMIT and wait for its answer, which a cancel of the task does not take away from it.

        A cancelled COMMIT may have happened. So it goes on as a task of the pool, and the cancel is delivered
        after it and what follows a commit. Where no answer comes the cancel is not kept waiting for more than
        ``PATIENCE``, and nobody knows.
        """
        pool = self.database.pool
        work = pool.finish(session, session.commit)
        try:
            await asyncio.wait((work,))
        except asyncio.CancelledError as cancel:
            session.suspect = True  # until the answer is there
            work.add_done_callback(_look_at)
            if not await pool.settle(work):
                cancel.add_note("the COMMIT of the transaction was on its way: it may have happened")
                raise
            if work.cancelled() or work.exception() is not None or work.result() == "ROLLBACK":
                raise
            session.suspect = False
            cancel.add_note("the transaction was committed before the cancel was delivered")
            self._late = cancel
        return work.result()

    async def _release_savepoint(self, session: Session) -> None:
        script, shown = f"RELEASE SAVEPOINT {self._savepoint}", None
        if self._settings:
            shown = f"{script}; {local_settings.shown(self._settings)}"
            script = f"{script}; {local_settings.set_back(self._settings, self._saved)}"
        try:
            await session.script(script, "transaction", shown)
        except BaseException:
            await self._undo(session)
            raise

    async def _undo(self, session: Session) -> None:
        """Roll back to where the block began; goes on behind the scenes if the task is cancelled again."""
        if session.closed:
            return
        script = "ROLLBACK" if self._parent is None else self._undo_savepoint
        pool = self.database.pool
        if not await pool.settle(pool.run_to_end(session, script)):
            session.suspect = True  # until it is over; whatever is next on the session waits for it

    async def _give_back(self, session: Session) -> None:
        pool = self.database.pool
        if session.dirty and not session.suspect:
            await pool.release_changed(session)
        else:
            pool.release(session)

    async def _after_commit(self) -> None:
        if self._parent is not None:
            self._parent._callbacks += self._callbacks
            return
        self._committed = True
        first: Exception | None = None
        for callback in self._callbacks:
            try:
                result = callback()
                if inspect.isawaitable(result):
                    await result
            except Exception as error:
                if first is None:
                    first = error
                    continue
                _log.exception("a callback of on_commit() failed after another one: %r", callback)
                first.add_note(f"another callback of on_commit() failed as well: {error!r}")
        if first is not None:
            raise first

    def _leave_context(self) -> None:
        if self._token is not None:
            # ValueError: the block was an async generator finished in another context, where the variable
            # was never set. The context it was set in skips transactions that are over.
            with suppress(ValueError):
                active.reset(self._token)
            self._token = None

    def check_usable(self) -> bool:
        """Whether a statement of this task may run here; ``False`` = over, look further out.

        Raises:
            TransactionError: the block is over, and the task was started inside it: what it still does
                would silently happen outside the transaction.
        """
        if self._state == "open":
            session = self.session
            assert session is not None
            if session.loan == self._loan:
                self._check_place()
                return True
            self._state = "done"  # its connection was taken away from it
        if self._owner is not asyncio.current_task():
            raise TransactionError(
                "the transaction this task was started in is over. Await the task inside the block, or "
                "start it with asyncio.create_task(..., context=contextvars.Context()) to keep it apart"
            )
        return False

    def _check_place(self) -> None:
        """Refuse statements from another event loop, and those that only seem to belong to the block.

        Raises:
            TransactionError: says which.
        """
        if asyncio.get_running_loop() is not self.database.pool.loop:
            raise TransactionError(
                "this transaction belongs to another event loop (another thread, or a second asyncio.run): its "
                "connection cannot be used from here. Run the statement in the loop of the block, or start the thread "
                "with an empty context (contextvars.Context().run) and connect there"
            )
        if self._generator is not None and not self._generator.runs(self._owner):
            raise TransactionError(
                f"this statement stands outside of the async generator {self._generator}, but would run in the "
                "transaction that the generator has open, and be lost if that rolls back. Open the transaction around "
                "the loop over the generator instead of in it, or run the generator's statements on a connection of "
                "its own (async with db.acquire() as connection: async with connection.transaction())"
            )

    # -- as a function ------------------------------------------------------------------------------

    def __call__(self, func: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        """Decorate an ``async def``: each call runs in a transaction of its own."""

        @functools.wraps(func)
        async def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            return await self.run(func, *args, **kwargs)

        return wrapper

    async def run(self, func: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """Await ``func(*args, **kwargs)`` in a transaction, again after a serialization failure or deadlock.

        A run inside another transaction is a savepoint and is not repeated: the server wants the outermost
        transaction to start over.

        Raises:
            SerializationError: it still failed after ``retries`` more attempts.
            CommitUnknown: a commit got no answer; it is not tried again, whatever ``retries`` says.
        """
        attempt = 0
        while True:
            block = self._fresh()
            await block._enter()
            try:
                try:
                    result = await func(*args, **kwargs)
                except BaseException as error:
                    await block._exit(error)
                    raise
                await block._exit(None)
                return result
            except SerializationError:
                # After the commit it comes from a callback: another run would write everything twice.
                if block._committed or block._parent is not None or attempt >= self._retries:
                    raise
            await asyncio.sleep(RETRY_PAUSE * 2**attempt * random.random())
            attempt += 1

    def _fresh(self) -> Transaction:
        block = Transaction(self.database, session=self._pinned)
        block._begin, block._settings = self._begin, self._settings
        return block


def _look_at(work: asyncio.Task[Any]) -> None:
    """Take note of how a task ended whose caller is gone, so that asyncio does not complain of it."""
    if not work.cancelled():
        work.exception()


def current_for(database: Database) -> Transaction | None:
    """Return the innermost open transaction of this task on ``database``, or ``None``."""
    scope = active.get()
    while scope is not None:
        if scope.database is database and scope.check_usable():
            return scope
        scope = scope.outer
    return None


__all__ = ["Isolation", "Transaction", "active", "current_for"]
