"""What a database, or a pinned connection, can do beside running statements: callbacks, retries."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from chakra.db.backoff import USUAL, Backoff
from chakra.db.callbacks import call_alone
from chakra.db.executor import Executor
from chakra.db.scope import Isolation
from chakra.db.transactions import Transaction
from chakra.errors import TransactionError

if TYPE_CHECKING:
    from chakra.db.retrying import Attempts

P = ParamSpec("P")
R = TypeVar("R")


class Coordination(Executor):
    """Callbacks at the end of a transaction, and blocks that are run again."""

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
        result = callback()
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

    # -- once more ----------------------------------------------------------------------------------

    def retrying(
        self,
        times: int = 3,
        isolation: Isolation | None = None,
        *,
        readonly: bool = False,
        deferrable: bool = False,
        settings: Mapping[str, object] | None = None,
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
            isolation, readonly, deferrable, settings: of the transactions, as for ``transaction()``.
            backoff: how long to wait before each retry.

        Raises:
            SerializationError: the last attempt failed as well.
            CommitUnknown: a commit got no answer; it is not tried again.
        """
        from chakra.db.retrying import Attempts

        def make() -> Transaction:
            return self.transaction(isolation, readonly=readonly, deferrable=deferrable, settings=settings)

        return Attempts(make, checked_times(times), backoff)

    def retry(
        self,
        times: int = 3,
        isolation: Isolation | None = None,
        *,
        readonly: bool = False,
        deferrable: bool = False,
        settings: Mapping[str, object] | None = None,
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
        )
        block.backoff = backoff
        return block


def checked_times(times: int) -> int:
    """A number of retries.

    Raises:
        TransactionError: it is none.
    """
    if not isinstance(times, int) or isinstance(times, bool) or times < 0:
        raise TransactionError(
            f"times is how often a failed block is run again, a whole number from 0; {times!r} is none. A decorator "
            "is written with brackets: @db.retry()"
        )
    return times


__all__ = ["Coordination", "checked_times"]
