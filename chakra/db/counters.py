"""What a database counts of itself: plain numbers, changed where something happens anyway; reads no clock."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

# Upper ends of the steps in which waits for a connection are counted, in seconds; the last step is open.
WAIT_STEPS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)


class Counters:
    """The numbers of one pool and of the statements run on it, from its beginning on.

    Those of statements that end with a connection (``statements``, ``hits``, ``misses``, ``again``, ``lent``) are here
    for connections that are gone; each open one counts its own.

    Attributes:
        opened: connections that were opened.
        failed: attempts to open one that failed.
        lost: connections that ended without us: by the server, the network, or a reset that failed.
        expired: connections that were replaced at the end of their lifetime.
        unused: connections that were closed after ``idle_timeout``.
        checked: idle connections that were asked whether they still answer.
        waits, wait_seconds, wait_steps: borrowers that had to wait, for how long together, and how many for how long.
        timeouts: borrowers that got no connection in time.
        refused: borrowers that found the queue full.
        lent: how often a connection was lent.
        statements: statements that were run, Chakra's own included.
        hits, misses: statements that were found prepared, and that had to be.
        again: statements that were prepared once more because the catalog had changed under them.
        errors: failed statements by the name of their error.
        copied_out, copied_in: bytes that COPY has read and written.
    """

    __slots__ = (
        "again",
        "checked",
        "copied_in",
        "copied_out",
        "errors",
        "expired",
        "failed",
        "hits",
        "lent",
        "lost",
        "misses",
        "opened",
        "refused",
        "statements",
        "timeouts",
        "unused",
        "wait_seconds",
        "wait_steps",
        "waits",
    )

    def __init__(self) -> None:
        self.opened = self.failed = self.lost = self.expired = self.unused = self.checked = 0
        self.waits = self.timeouts = self.refused = self.lent = 0
        self.wait_seconds = 0.0
        self.wait_steps = [0] * (len(WAIT_STEPS) + 1)
        self.statements = self.hits = self.misses = self.again = 0
        self.errors: dict[str, int] = {}
        self.copied_out = self.copied_in = 0

    def waited(self, seconds: float) -> None:
        """Count one borrower that had to wait."""
        self.waits += 1
        self.wait_seconds += seconds
        self.wait_steps[bisect_left(WAIT_STEPS, seconds)] += 1

    def error(self, error: BaseException) -> None:
        """Count one failed statement."""
        name = type(error).__name__
        self.errors[name] = self.errors.get(name, 0) + 1


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """The pool at one moment.

    Attributes:
        size: connections open or being opened.
        max_size: connections open at most.
        idle: connections nobody has borrowed.
        waiting: borrowers in the queue.
    """

    size: int
    max_size: int
    idle: int
    waiting: int

    def __str__(self) -> str:
        return f"size {self.size} of {self.max_size}, idle {self.idle}, waiting {self.waiting}"


def steps_up_to(steps: Sequence[int]) -> list[int]:
    """How many were in a step or in one before it."""
    total, summed = 0, []
    for number in steps:
        total += number
        summed.append(total)
    return summed


__all__ = ["WAIT_STEPS", "Counters", "PoolFigures", "steps_up_to"]
