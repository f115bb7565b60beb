"""Transactions: BEGIN … COMMIT, nested ones as savepoints, carried by a context variable per task."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from chakra.db import driver, local_settings
from chakra.db.backoff import USUAL, Backoff
from chakra.db.callbacks import call_committed, call_undone, coroutine_of
from chakra.db.core import Core
from chakra.db.deadlines import Deadline, end_of_time, milliseconds_left
from chakra.db.errors import was_answered
from chakra.db.generators import enclosing_generator
from chakra.db.preparing import Preparable, check_not_aborted, look_at
from chakra.db.scope import PLAIN, Isolation, Scope, beginning
from chakra.db.session import Session
from chakra.db.statements import Own
from chakra.db.streams import end_streams
from chakra.errors import ChakraError, CommitUnknown, ConnectionLost, SerializationError, TransactionError

P = ParamSpec("P")
R = TypeVar("R")

ABORTED = "25P02"

active: ContextVar[Transaction | None] = ContextVar("chakra_transaction", default=None)
"""Innermost transaction of the running task, of whichever database."""

if hasattr(os, "register_at_fork"):  # a child process is in no transaction of its parent
    os.register_at_fork(after_in_child=lambda: active.set(None))


class Transaction(Preparable):
    """A transaction block, made by ``db.transaction(...)``.

    The end of the outermost block raises ``CommitUnknown`` where COMMIT got no answer: it may have happened.
    Used as ``async with db.transaction():``; inside it every statement of this task (and of the tasks it
    starts and awaits) on this database runs in it. A block inside a block is a savepoint. Also a decorator,
    and ``await db.transaction(retries=3).run(func, *args)``: those two can run their body again.

    Args:
        core: of the database whose transaction it is.
        isolation: ``"read_committed"``, ``"repeatable_read"``, ``"serializable"``; ``None`` = the server's.
        readonly: refuse writes.
        deferrable: with serializable and readonly: wait for a snapshot that cannot fail.
        retries: how often a body that met a serialization failure or deadlock is run again.
        settings: PostgreSQL settings that hold inside the block (``{"app.tenant": "a"}``), as by SET LOCAL: text,
            numbers, booleans or UUIDs. They are sent along with BEGIN, and a nested block sets back what was
            there before.
        session: the session of a pinned connection; ``None`` = borrow one.
        timeout: seconds it may take, from waiting for its connection to its end.

    Attributes:
        gid: what it was prepared as, by ``prepare()``.
        backoff: how long to wait before each retry.
    """

    __slots__ = (
        "_begin",
        "_deadline",
        "_doubtful",
        "_late",
        "_limited",
        "_pinned",
        "_retries",
        "_settings",
        "_token",
        "backoff",
        "core",
        "outer",
        "session",
    )

    def __init__(
        self,
        core: Core,
        *,
        isolation: Isolation | None = None,
        readonly: bool = False,
        deferrable: bool = False,
        retries: int = 0,
        settings: Mapping[str, object] | None = None,
        session: Session | None = None,
        timeout: float | None = None,
    ) -> None:
        super().__init__()
        self._begin = PLAIN
        if isolation is not None or readonly or deferrable:
            self._begin = beginning(isolation, readonly=readonly, deferrable=deferrable)
        self.core = core
        self.session: Session | None = None
        self.outer: Transaction | None = None
        self._retries = retries
        self.backoff: Backoff = USUAL
        self.gid: str | None = None
        self._deadline = None if timeout is None else Deadline(timeout)
        self._doubtful = self._limited = False
        self._settings = local_settings.checked(settings) if settings else {}
        self._pinned = session
        self._token: Token[Transaction | None] | None = None
        self._late: asyncio.CancelledError | None = None

    unbegun: Any = None
    """Of a lazy one, what stands for its session; see ``chakra.db.lazy``."""

    def usable_unbegun(self) -> bool:
        """Whether statements may run in it before it has a session: in a lazy one."""
        return False

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

    async def _enter(self) -> Transaction:
        deadline = self._deadline
        if deadline is None:
            return await self._open()
        await deadline.__aenter__()
        try:
            return await self._open()
        except BaseException as error:
            await deadline.__aexit__(type(error), error, None)
            raise

    async def _open(self) -> Transaction:
        if self.state != "new":
            raise TransactionError("a transaction object is for one block; call db.transaction() again")
        self.outer = active.get()
        pinned = session = self._pinned
        around: Scope | None = None
        if pinned is not None:
            around = pinned.transaction
        elif (block := current_for(self.core)) is not None:
            around, session = block, block.session
            if session is None:
                session = await block.unbegun.begun()
        if around is None:
            session = await self._enter_outermost(session)
        else:
            assert session is not None
            await self._enter_nested(around, session)
        self.session = session
        self.opened(session.loan, enclosing_generator() if pinned is None else None)
        session.transaction = self
        if pinned is None:
            self._token = active.set(self)
        return self

    async def _enter_outermost(self, pinned: Session | None) -> Session:
        pool, session = self.core.pool, pinned
        if session is None:
            session = pool.take() or await pool.acquire()
        else:
            await session.free()
        try:
            await self._send(session, self._begin)
        except BaseException as error:
            # BEGIN may have gone through: it was cut off, or a setting was refused. A borrower who keeps the connection
            # must not go on in that transaction, which nobody would commit.
            if pinned is not None or isinstance(error, Exception):
                await self._undo_beginning(session, error)
            if pinned is None:
                pool.release(session)
            raise
        return session

    async def _enter_nested(self, around: Scope, session: Session) -> None:
        self.nest(around, session.transaction, self._begin)
        self.until = around.until
        await session.free()
        try:
            await self._send(session, Own(f"SAVEPOINT {self.savepoint}"), self._saved)
        except BaseException as error:
            # Settings of a block that is not entered must not hold in the one around it.
            await self._undo_beginning(session, error)
            self.parent = None
            raise

    async def _undo_beginning(self, session: Session, error: BaseException) -> None:
        """Take back what a beginning that failed may have begun."""
        answered = was_answered(error)
        if isinstance(error, Exception) and not answered and not isinstance(error.__cause__, TimeoutError):
            return  # it was not sent, or the connection is gone
        if not answered or (
            (self._settings or self._limited) and getattr(error, "sqlstate", None) != ABORTED
        ):
            await self._undo(session)

    async def _send(self, session: Session, begin: Own, save: str = "") -> None:
        """Begin the block, with its settings if it has some, in one round trip."""
        settings, limit = self._settings, milliseconds_left(self.until)
        if not settings and not limit:
            await session.script(begin, "transaction")
            return
        if local_settings.renames(settings):
            self.core.note(session)  # what is known of relations by name does not hold in here
        text, names = "", [*settings]
        if settings:
            text = local_settings.set_local(settings, save)
        if limit:
            text += ("; " if text else "") + local_settings.at_most(limit, save)
            names.append(local_settings.TIMEOUT)
            self.until, self._limited = end_of_time(), True
        if not text.isascii():
            driver.check_text(session.raw)
        shown = Own(f"{begin.sql}; {local_settings.shown(names)}")
        await session.script(shown, "transaction", f"{begin.sql}; {text}")

    @property
    def _saved(self) -> str:
        return f"chakra.saved_{self.depth}"

    async def _exit(self, error: BaseException | None) -> None:
        deadline = self._deadline
        try:
            await self._end(error)
            if error is not None:
                await self._call_undone(error)
        except BaseException as failed:
            await self._call_undone(failed)
            if deadline is not None:
                await deadline.__aexit__(type(failed), failed, None)
            raise
        if deadline is not None:
            await deadline.__aexit__(None if error is None else type(error), error, None)

    async def _end(self, error: BaseException | None) -> None:
        if self.state == "done":  # it ended with the block around it; the session is someone else's by now
            if error is None:
                raise TransactionError("this nested transaction was rolled back with the one around it")
            return
        session = self.session
        assert session is not None
        self._leave_context()
        if self.state == "ended":
            await self._end_prepared(session, error)
            return
        if not self.leave(session.loan):
            if error is None:
                raise TransactionError(
                    "the transaction was rolled back: its connection was given back to the pool while the block was "
                    "still open; end the block before the acquire() block around it"
                )
            return
        left_open = session.transaction is not self
        if left_open:
            self.unwind(session.transaction)
        session.transaction = self.parent
        try:
            ended = not session.streams or await self._streams_ended(session)
            if not ended:
                pass  # the pool ends the streams and the transaction before it lends the session again
            elif error is not None or left_open:
                await self._undo(session)
            elif self.parent is not None:
                await self._release_savepoint(session)
            else:
                await self._commit(session)
                self.committed = True
        finally:
            if self.parent is None:
                if session.effects:  # others can see them now
                    self.core.settle_effects(session)
                if self._pinned is None:
                    await self._give_back(session)
        if error is None:
            if left_open:
                raise TransactionError(
                    "the transaction was rolled back: its block ended while one nested in it was still open"
                )
            try:
                if self.parent is not None:
                    self.parent.callbacks += self.callbacks
                    self.parent.hand_over(self)
                else:
                    await call_committed(self.callbacks)
            finally:
                if self._late is not None:
                    raise self._late

    async def _streams_ended(self, session: Session) -> bool:
        """End what is still read in the block; returns whether it has ended.

        A task that is being cancelled waits for ``PATIENCE`` at most, where the session goes back to the pool: a silent
        server would hold up the cancel until the stream is given up.
        """
        if self.parent is not None or self._pinned is not None:
            await self._end_streams(session)
            return True
        pool, ended = self.core.pool, False
        try:
            ended = await pool.settle(pool.run_behind(end_streams(session.streams)))
        finally:
            session.suspect = session.suspect or not ended
        return ended

    async def _end_streams(self, session: Session) -> None:
        try:
            await end_streams(session.streams, self if self.parent is not None else None)
        except BaseException:
            await self._undo(session)
            raise

    async def _commit(self, session: Session) -> None:
        if session.closed:
            raise ConnectionLost("the connection broke during the transaction; the server rolled it back")
        try:
            status = await self._send_end(session, session.commit, "COMMIT", self._deliver_later)
        except TransactionError:
            if self._pinned is not None and session.in_transaction:  # not sent: another task's statement runs
                await self._undo(session)
            raise
        check_not_aborted(status)

    async def _send_end(
        self,
        session: Session,
        send: Callable[[], Coroutine[Any, Any, str]],
        what: str,
        late: Callable[[asyncio.CancelledError], None],
    ) -> str:
        """Send COMMIT and wait for its answer, which a cancel of the task does not take away from it.

        A cancelled COMMIT may have happened. So it goes on as a task of the pool, and the cancel is delivered
        after it and what follows a commit. Where no answer comes the cancel is not kept waiting for more than
        ``PATIENCE``, and nobody knows.

        Args:
            send: sends it, or PREPARE TRANSACTION.
            what: that statement.
            late: takes a cancel that came before the answer.
        """
        pool = self.core.pool
        self._doubtful = True
        work = pool.finish(session, send)
        try:
            await asyncio.wait((work,))
        except asyncio.CancelledError as cancel:
            session.suspect = True  # until the answer is there
            work.add_done_callback(look_at)
            if not await pool.settle(work):
                cancel.add_note(f"the {what} of the transaction was on its way: it may have happened")
                raise
            self._doubtful = _is_doubtful(work)
            if work.cancelled() or work.exception() is not None or work.result() == "ROLLBACK":
                raise
            session.suspect = False
            late(cancel)
        self._doubtful = _is_doubtful(work)
        return work.result()

    async def _release_savepoint(self, session: Session) -> None:
        release, sent = f"RELEASE SAVEPOINT {self.savepoint}", None
        if self._settings or self._limited:
            sent, names = release, [*self._settings]
            if self._limited:  # it was set on top of the others
                sent += "; " + local_settings.limit_back(self._saved)
                names.append(local_settings.TIMEOUT)
            if self._settings:
                sent += "; " + local_settings.set_back(self._settings, self._saved)
            release = f"{release}; {local_settings.shown(names)}"
        try:
            await session.script(Own(release), "transaction", sent)
        except BaseException:
            await self._undo(session)
            raise

    async def _undo(self, session: Session) -> None:
        """Roll back to where the block began; goes on behind the scenes if the task is cancelled again."""
        if session.closed:
            return
        pool = self.core.pool
        if not await pool.settle(pool.run_to_end(session, Own(self.undo))):
            session.suspect = True  # until it is over; whatever is next on the session waits for it

    async def _give_back(self, session: Session) -> None:
        pool = self.core.pool
        if not session.dirty or session.suspect:
            pool.release(session)
            return
        try:
            await pool.release_changed(session)
        except asyncio.CancelledError as cancel:
            if not self.committed:
                raise
            self._deliver_later(cancel)

    def _deliver_later(self, cancel: asyncio.CancelledError) -> None:
        """Keep a cancel that came too late until what follows a commit is done."""
        cancel.add_note("the transaction was committed before the cancel was delivered")
        self._late = cancel

    async def _call_undone(self, error: BaseException) -> None:
        """Call what waits for the rollback, unless nobody knows whether there was one."""
        undoings, self.undoings = self.undoings, []
        if self.committed or self._doubtful:
            return
        if self.marked is not None:
            self.marked.rolled_back = True
        if undoings:
            await call_undone(undoings, error)

    def _leave_context(self) -> None:
        if self._token is not None:
            # ValueError: the block was an async generator finished in another context, where the variable
            # was never set. The context it was set in skips transactions that are over.
            with suppress(ValueError):
                active.reset(self._token)
            self._token = None

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
                    result = await coroutine_of(func, func(*args, **kwargs))
                except BaseException as error:
                    await block._exit(error)
                    raise
                await block._exit(None)
                return result
            except SerializationError:
                if not block.repeatable or attempt >= self._retries:
                    raise
            await self.backoff.pause(attempt)
            attempt += 1

    @property
    def repeatable(self) -> bool:
        """Whether a block that met a serialization failure may be run again.

        Not inside another one: the server wants the outermost transaction to start over. And not after its commit,
        when the failure is of a callback: another run would write everything twice.
        """
        return self.parent is None and not self.committed and not self._doubtful

    def _fresh(self) -> Transaction:
        timeout = None if self._deadline is None else self._deadline.seconds
        block = Transaction(self.core, session=self._pinned, timeout=timeout)
        block._begin, block._settings, block.backoff = self._begin, self._settings, self.backoff
        return block


def _is_doubtful(work: asyncio.Task[Any]) -> bool:
    """Whether the end of a COMMIT does not tell if it happened."""
    if work.cancelled():
        return True
    error = work.exception()
    return error is not None and (isinstance(error, CommitUnknown) or not isinstance(error, ChakraError))


def current_for(core: Core) -> Transaction | None:
    """Return the innermost open transaction of this task on a database, or ``None``."""
    block = active.get()
    while block is not None:
        if block.core is core:
            session = block.session
            if session is None:
                if block.usable_unbegun():
                    return block
            elif block.check_usable(session.loan, core.pool.loop):
                return block
        block = block.outer
    return None


__all__ = ["Isolation", "Transaction", "active", "current_for"]
