"""A block that is run again after a serialization failure: ``async for attempt in db.retrying():``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from types import CodeType, TracebackType
from typing import Any, Literal

from chakra.db.backoff import Backoff
from chakra.db.loops import comes_back
from chakra.db.transactions import Transaction
from chakra.errors import SerializationError, TransactionError

RULE = (
    "Write the loop over retrying() with the attempt's block in it and nothing behind that, and return the result "
    "after the loop"
)


class Run:
    """One run of a block that may be run again, as both kinds of attempts know it.

    Attributes:
        number: which one it is, from 1.
        last: a failure is final.
        state: whether its block has begun, and how it ended; ``"again"`` = the next attempt follows.
    """

    __slots__ = ("last", "number", "state")

    def __init__(self, number: int, *, last: bool) -> None:
        self.number = number
        self.last = last
        self.state: Literal["new", "open", "done", "again"] = "new"

    def begin(self) -> None:
        """Refuse a second block."""
        if self.state != "new":
            raise TransactionError(f"an attempt is for one block. {RULE}")

    def swallows(self, error: BaseException | None, block: Transaction, follows: bool) -> bool:
        """Note how the block ended; returns whether its error is swallowed, for the next attempt follows.

        Args:
            follows: whether that is what the loop goes on with.
        """
        self.state = "done"
        if not isinstance(error, SerializationError) or self.last or not block.repeatable:
            return False
        if not follows:
            error.add_note(
                f"it was not run again: the loop over retrying() ends or goes on behind the block. {RULE}"
            )
            return False
        self.state = "again"
        return True


def next_number(before: Run | None) -> int:
    """Number of the attempt behind another one; 0 = there is none.

    Raises:
        TransactionError: that one's block was never entered, or is open still.
    """
    if before is None:
        return 1
    if before.state == "done":
        return 0
    if before.state != "again":
        raise TransactionError(f"the loop went on without the attempt's block. {RULE}")
    return before.number + 1


class Attempt(Run):
    """One run of the block: a transaction, which the end of the block commits.

    Attributes:
        transaction: what it runs in.
    """

    __slots__ = ("transaction",)

    def __init__(self, number: int, transaction: Transaction, *, last: bool) -> None:
        super().__init__(number, last=last)
        self.transaction = transaction

    async def __aenter__(self) -> Transaction:
        self.begin()
        await self.transaction.__aenter__()
        self.state = "open"
        return self.transaction

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Coroutine[Any, Any, bool]:
        frame = sys._getframe(1)  # of the block, while it stands at the call
        return self._exit(error, frame.f_code, frame.f_lasti)

    async def _exit(self, error: BaseException | None, code: CodeType, at: int) -> bool:
        block = self.transaction
        try:
            await block.__aexit__(None if error is None else type(error), error, None)
        except BaseException as failed:
            if not self.swallows(failed, block, comes_back(code, at)):
                raise
            return True
        return self.swallows(error, block, error is not None and comes_back(code, at))


class Attempts:
    """What ``db.retrying()`` returns: an asynchronous iterator of attempts, until one gets through."""

    __slots__ = ("_attempt", "_backoff", "_make", "_times")

    def __init__(self, make: Callable[[], Transaction], times: int, backoff: Backoff) -> None:
        self._make = make
        self._times = times
        self._backoff = backoff
        self._attempt: Attempt | None = None

    def __aiter__(self) -> Attempts:
        return self

    async def __anext__(self) -> Attempt:
        number = next_number(self._attempt)
        if not number:
            raise StopAsyncIteration
        if number > 1:
            await self._backoff.pause(number - 2)
        self._attempt = Attempt(number, self._make(), last=number > self._times)
        return self._attempt


__all__ = ["RULE", "Attempt", "Attempts", "Run", "next_number"]
