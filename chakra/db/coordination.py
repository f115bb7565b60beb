"""What a database, or a pinned connection, can do beside running statements: callbacks, retries, deadlines."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from chakra.db import two_phase
from chakra.db.backoff import USUAL, Backoff
from chakra.db.callbacks import call_alone, checked
from chakra.db.deadlines import Deadline
from chakra.db.executor import Executor
from chakra.db.scope import Isolation
from chakra.db.session import Session
from chakra.db.transactions import Transaction
from chakra.db.two_phase import Prepared
from chakra.errors import DataError, QueryError

if TYPE_CHECKING:
    from chakra.db.locks import Lock
    from chakra.db.retrying import Attempts

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


class Coordination(Executor):
    """Callbacks at the end of a transaction, blocks that are run again or cut off, several queries at once, locks."""

    # -- the end of a transaction -------------------------------------------------------------------

    def on_commit(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` (plain or ``async def``) once the transaction around has committed; see
        ``Transaction.on_commit``.

        Outside of a transaction everything is committed already: a plain function is called at once, an ``async def``
        one runs as a task, which ``close()`` waits for; what it raises is logged.
        """
        block = self.current_transaction()
        if block is not None:
            block.on_commit(callback)
            return
        result = checked(callback, "on_commit")()
        if inspect.isawaitable(result):
            self.pool.run_behind(call_alone(callback, result))

    def on_rollback(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` (plain or ``async def``) once the innermost block around, or one around that, has been
        rolled back; see ``Transaction.on_rollback``.

        Outside of a transaction nothing can be rolled back, and it is never called.
        """
        block = self.current_transaction()
        if block is not None:
            block.on_rollback(callback)
        else:
            checked(callback, "on_rollback")

    # -- once more ----------------------------------------------------------------------------------

    def retrying(
        self,
        times: int = 3,
        isolation: Isolation | None = None,
        *,
        readonly: bool = False,
        deferrable: bool = False,
        settings: Mapping[str, object] | None = None,
        timeout: float | None = None,
        backoff: Backoff = USUAL,
    ) -> Attempts:
        """A block that is run again after a serialization failure or a deadlock::

            async for attempt in db.retrying(times=3):
                async with attempt:
                    ...

        Each attempt is a transaction of its own; what runs in it runs again, so it should change nothing else. The
        block is the last thing in the loop: what follows belongs behind the loop. Inside another transaction the one
        attempt is a savepoint, and a failure is raised: the server wants the outermost transaction to start over.

        Args:
            times: how often it is run again, at most.
            isolation, readonly, deferrable, settings, timeout: of the transactions, as for ``transaction()``.
            backoff: how long to wait before each retry.

        Raises:
            SerializationError: the last attempt failed as well.
            CommitUnknown: a commit got no answer; it is not tried again.
        """
        from chakra.db.retrying import Attempts

        def make() -> Transaction:
            return self.transaction(
                isolation, readonly=readonly, deferrable=deferrable, settings=settings, timeout=timeout
            )

        return Attempts(make, checked_times(times), backoff)

    def retry(
        self,
        times: int = 3,
        isolation: Isolation | None = None,
        *,
        readonly: bool = False,
        deferrable: bool = False,
        settings: Mapping[str, object] | None = None,
        timeout: float | None = None,
        backoff: Backoff = USUAL,
    ) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
        """Decorate an ``async def``: each call runs in a transaction, and again after a serialization failure or a
        deadlock. Arguments and errors as for ``retrying()``.
        """
        block = self.transaction(
            isolation,
            readonly=readonly,
            deferrable=deferrable,
            retries=checked_times(times),
            settings=settings,
            timeout=timeout,
        )
        block.backoff = backoff
        return block

    # -- in time, at once ---------------------------------------------------------------------------

    def deadline(self, seconds: float) -> Deadline:
        """``async with db.deadline(2.0):``, after which everything in the block is stopped, waits for a connection
        included.

        What runs on a server then is cancelled there. Transactions that begin in the block tell their server, too
        (``statement_timeout``, which a smaller one that is set already keeps). Of nested deadlines the one that strikes
        first counts. A COMMIT on its way is not cut off.

        Args:
            seconds: how long the block may take.

        Raises:
            DeadlineExceeded: it took longer.
        """
        return Deadline(seconds)

    @overload
    async def gather(self, first: Awaitable[A], /) -> tuple[A]: ...
    @overload
    async def gather(self, first: Awaitable[A], second: Awaitable[B], /) -> tuple[A, B]: ...
    @overload
    async def gather(
        self, first: Awaitable[A], second: Awaitable[B], third: Awaitable[C], /
    ) -> tuple[A, B, C]: ...
    @overload
    async def gather(
        self, first: Awaitable[A], second: Awaitable[B], third: Awaitable[C], fourth: Awaitable[D], /
    ) -> tuple[A, B, C, D]: ...
    @overload
    async def gather(self, *given: Awaitable[A]) -> list[A]: ...
    async def gather(self, *given: Awaitable[Any]) -> Any:
        """Await several independent queries at once: ``authors, count = await db.gather(q1, q2.count())``.

        Each runs on a connection of its own, at most ``max_connections`` at a time. In a transaction, and on a pinned
        connection, they run one after the other, as there is one connection for all. Querysets that name no database
        run on this one. When one fails, or the caller is cancelled, the others are cancelled, and have ended before the
        error comes out.

        Args:
            given: querysets, calls (coroutines), or anything else that is awaited.

        Returns:
            The results as a list, in the order of the arguments.

        Raises:
            QueryError: one of them cannot be awaited.
        """
        from chakra.db import gathering

        try:
            gathering.checked(given)
            here = [self._here(each) for each in given]
            alone = self.held_session() is not None
        except BaseException:
            gathering.drop(given)
            raise
        if alone:
            return await gathering.in_turn(here)
        return await gathering.at_once(here, self.pool.settings.max_connections)

    # -- with others --------------------------------------------------------------------------------

    def lock(
        self,
        name: str | int,
        *,
        wait: bool = True,
        shared: bool = False,
        timeout: float | None = None,
        transaction: bool | None = None,
    ) -> Lock:
        """``async with db.lock("name"):``, a block that only one program at a time is in (an advisory lock).

        Outside of a transaction the lock has a connection for itself, and is released at the end of the block. When
        that connection breaks the block is cancelled, for others may have the lock. In a transaction the lock is the
        transaction's, and held until that ends.

        Args:
            name: a text, or a number that fits into bigint; ``lock.key`` is the number the server knows it by.
            wait: wait for it; otherwise it is an error if somebody else holds it.
            shared: others that share it may hold it at the same time.
            timeout: seconds to wait at most.
            transaction: ``True``: begin a transaction for the block where there is none, and let it hold the lock; one
                connection for lock and statements. ``False``: a connection for the lock also inside a transaction.

        Raises:
            LockNotAvailable: somebody else holds it, with ``wait=False``, or for longer than ``timeout``.
            LockLost: its connection broke during the block.
            QueryError: a block around this one holds it, or there is no connection to spare.
        """
        from chakra.db.locks import Lock

        return Lock(
            self,
            name,
            wait=wait,
            shared=shared,
            timeout=timeout,
            transaction=transaction,
            pinned=self._pinned(),
        )

    def _pinned(self) -> Session | None:
        """The session of a pinned connection."""
        return None

    async def notify(self, channel: str, payload: str = "") -> None:
        """Send a note to whoever listens to a channel; from a transaction, once it has committed.

        Args:
            channel: its name, of 63 bytes at most.
            payload: what is sent with it, of less than 8,000 bytes. Equal notes of one transaction arrive once.

        Raises:
            QueryError: the channel is no name.
            DataError: the payload is no text, or too long.
        """
        from chakra.db.listening import check_channel

        check_channel(channel)
        if not isinstance(payload, str):
            raise DataError(
                f"what is sent with a note is text, not {type(payload).__name__}: json.dumps(…) makes one"
            )
        await self.run_execute("SELECT pg_catalog.pg_notify($1, $2)", (channel, payload))

    # -- in two phases ------------------------------------------------------------------------------

    async def prepared(self) -> list[Prepared]:
        """The transactions of this database that were prepared and wait for their end, the oldest first."""
        return two_phase.prepared_of(await self.run_fetch(two_phase.LIST))

    async def commit_prepared(self, gid: str) -> None:
        """Commit a transaction that ``prepare(gid)`` has prepared, here or elsewhere.

        Args:
            gid: what it was called.

        Raises:
            DatabaseError: there is none of that name, or another role's.
            TransactionError: called inside a transaction.
            CommitUnknown: no answer came.
        """
        await two_phase.finish(self.core, self.held_session(), gid, commit=True)

    async def rollback_prepared(self, gid: str) -> None:
        """Roll back a transaction that ``prepare(gid)`` has prepared; as ``commit_prepared``."""
        await two_phase.finish(self.core, self.held_session(), gid, commit=False)

    def _here(self, given: Any) -> Any:
        """What is gathered, on this database if it is a query that names none."""
        return given.__chakra_on__(self) if hasattr(given, "__chakra_on__") else given


def checked_times(times: int) -> int:
    """A number of retries.

    Raises:
        QueryError: it is none.
    """
    if not isinstance(times, int) or isinstance(times, bool) or times < 0:
        raise QueryError(
            f"times is how often a failed block is run again, a whole number from 0; {times!r} is none. A decorator "
            "is written with brackets: @db.retry()"
        )
    return times


__all__ = ["Coordination", "checked_times"]
