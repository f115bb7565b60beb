"""How long a block of plain calls may take: ``with db.deadline(2.0):``."""

from __future__ import annotations

import time
from contextlib import suppress
from contextvars import Token

from chakra.db.deadlines import Limit, checked_seconds, current
from chakra.errors import QueryError


class Deadline(Limit):
    """What ``db.deadline(seconds)`` returns. Calls in the block are cut off when its time is over; what Python does
    between them is not.

    Attributes:
        end: when it strikes; that of a deadline around it if that one is sooner.
    """

    __slots__ = ("_token",)

    def __init__(self, seconds: float) -> None:
        super().__init__(0.0, checked_seconds(seconds))
        self._token: Token[Limit | None] | None = None

    @property
    def remaining(self) -> float:
        """Seconds that are left; 0 when the time is over."""
        return max(self.end - time.monotonic(), 0.0)

    def __enter__(self) -> Deadline:
        if self._token is not None:
            raise QueryError("a deadline is for one block; call db.deadline() again")
        around = current.get()
        self.end = time.monotonic() + self.seconds
        if around is not None and around.end < self.end:
            self.end, self.seconds = around.end, around.seconds
        self._token = current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._token is not None
        with suppress(ValueError):  # a generator that was finished in another context
            current.reset(self._token)


__all__ = ["Deadline"]
