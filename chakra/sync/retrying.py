"""Blocks that are run again, with plain calls: ``for attempt in db.retrying(): with attempt:``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from chakra.db.backoff import Backoff
from chakra.db.loops import comes_back
from chakra.db.retrying import Run, next_number
from chakra.db.transactions import Transaction


class Transacting(Protocol):
    """A transaction block with plain calls."""

    @property
    def inner(self) -> Transaction:
        """The asynchronous block it stands for."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any: ...


B = TypeVar("B", bound=Transacting)


class Attempt(Run, Generic[B]):
    """One run of the block: a transaction, which the end of the block commits.

    Attributes:
        transaction: what it runs in.
    """

    __slots__ = ("transaction",)

    def __init__(self, number: int, transaction: B, *, last: bool) -> None:
        super().__init__(number, last=last)
        self.transaction = transaction

    def __enter__(self) -> B:
        self.begin()
        self.transaction.__enter__()
        self.state = "open"
        return self.transaction

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        frame = sys._getframe(1)
        code, at = frame.f_code, frame.f_lasti
        block = self.transaction
        inner = block.inner
        try:
            block.__exit__(kind, error, trace)
        except BaseException as failed:
            if not self.swallows(failed, inner, comes_back(code, at, "FOR_ITER")):
                raise
            return True
        return self.swallows(error, inner, error is not None and comes_back(code, at, "FOR_ITER"))


class Attempts(Generic[B]):
    """What ``db.retrying()`` returns: an iterator of attempts, until one gets through."""

    def __init__(self, make: Callable[[], B], times: int, backoff: Backoff) -> None:
        self._make = make
        self._times = times
        self._backoff = backoff
        self._attempt: Attempt[B] | None = None

    def __iter__(self) -> Attempts[B]:
        return self

    def __next__(self) -> Attempt[B]:
        number = next_number(self._attempt)
        if not number:
            raise StopIteration
        if number > 1:
            time.sleep(self._backoff.seconds(number - 2))
        self._attempt = Attempt(number, self._make(), last=number > self._times)
        return self._attempt


__all__ = ["Attempt", "Attempts", "Transacting"]
