"""How long a block may take: everything in it is cut off when its time is over, in Python and on the server."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Final

from chakra.errors import DeadlineExceeded, QueryCancelled, QueryError

current: ContextVar[Limit | None] = ContextVar("chakra_deadline", default=None)
"""The deadline that strikes first of those around the running code."""

# Of statement_timeout, in milliseconds: an int4 (``guc_tables.c``).
_MOST: Final = 2**31 - 1


class Limit:
    """A moment after which nothing may go on.

    Attributes:
        end: when, by the clock of ``time.monotonic()``, which is that of the event loop.
        seconds: how long that was from the beginning of its block.
    """

    __slots__ = ("end", "seconds")

    def __init__(self, end: float, seconds: float) -> None:
        self.end = end
        self.seconds = seconds

    def exceeded(self, cause: BaseException | None) -> DeadlineExceeded:
        """The error that says so, with what notes on the ``cause`` say of a commit."""
        error = DeadlineExceeded(
            f"the deadline of {self.seconds:g} s passed; what ran was stopped, on the server too",
            seconds=self.seconds,
        )
        for note in getattr(cause, "__notes__", ()):
            error.add_note(note)
        return error

    def is_behind(self, error: BaseException | None) -> bool:
        """Whether an error is the server's word that the time is over."""
        return isinstance(error, QueryCancelled) and asyncio.get_running_loop().time() >= self.end


class Deadline(Limit):
    """What ``db.deadline(seconds)`` returns: ``async with db.deadline(2.0):``.

    Attributes:
        end: when it strikes; that of a deadline around it if that one is sooner.
    """

    __slots__ = ("_task", "_timeout", "_token")

    def __init__(self, seconds: float) -> None:
        super().__init__(math.inf, checked_seconds(seconds))
        self._task: asyncio.Task[Any] | None = None
        self._timeout: asyncio.Timeout | None = None
        self._token: Token[Limit | None] | None = None

    @property
    def remaining(self) -> float:
        """Seconds that are left; 0 when the time is over."""
        return max(self.end - asyncio.get_running_loop().time(), 0.0)

    async def __aenter__(self) -> Deadline:
        if self._timeout is not None:
            raise QueryError("a deadline is for one block; call db.deadline() again")
        around = current.get()
        self._task = asyncio.current_task()
        own = self.end = asyncio.get_running_loop().time() + self.seconds
        strikes: float | None = own
        if around is not None and around.end <= own:
            self.end = around.end
            # Its timer stops this task, too, unless it is another task's.
            strikes = None if getattr(around, "_task", None) is self._task else around.end
        self._timeout = asyncio.timeout_at(strikes)
        await self._timeout.__aenter__()
        self._token = current.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._timeout is not None
        if self._token is not None:
            with suppress(ValueError):  # a generator that was finished in another context
                current.reset(self._token)
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise self.exceeded(error) from error
        if self.is_behind(error):
            raise self.exceeded(error) from error


def milliseconds_left(before: float) -> int:
    """What ``statement_timeout`` a block that begins now needs; 0 = none, for it is not told to end, or the blocks
    around it were told before.

    Args:
        before: when these have to end.
    """
    limit = current.get()
    if limit is None or limit.end >= before:
        return 0
    left = limit.end - asyncio.get_running_loop().time()
    return min(max(math.ceil(left * 1000), 1), _MOST)


def end_of_time() -> float:
    """When the running code has to end."""
    limit = current.get()
    return math.inf if limit is None else limit.end


def checked_seconds(seconds: float) -> float:
    """A time in seconds.

    Raises:
        QueryError: it is none.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or math.isnan(seconds):
        raise QueryError(f"a deadline is a number of seconds (0.5, 30); {seconds!r} is none")
    return float(seconds)


__all__ = ["Deadline", "Limit", "checked_seconds", "current", "end_of_time", "milliseconds_left"]
