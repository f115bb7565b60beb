"""Whether one side is slower: on both of minimum and median, by more than noise, in most of the turns."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

SURE = 4.0
"""Standard errors between the sides' medians that noise does not reach."""

NOISY = 0.25
"""A limit above which a figure was not told apart from noise; then there are more turns, as long as there is time."""

LEAST_TURNS = 4
"""Of fewer turns no spread is known."""

MOST_TURNS = 0.75
"""Share of turns in which the slower side has to be the slower one."""


@dataclass
class Turns:
    """What one side was measured at, turn by turn: times of ours, and of what they are divided by."""

    ours: list[list[float]] = field(default_factory=list)
    reference: list[list[float]] = field(default_factory=list)

    def add(self, ours: Sequence[float], reference: Sequence[float] | None) -> None:
        """One more turn; without a reference the times stand for themselves."""
        self.ours.append(list(ours))
        self.reference.append([1.0] * len(ours) if reference is None else list(reference))

    @property
    def minimum(self) -> float:
        """The best time of ours by the best of the reference, over all turns."""
        return min(map(min, self.ours)) / min(map(min, self.reference))

    @property
    def each(self) -> list[float]:
        """The same of each turn. On a machine with ten programs a core most blocks are interrupted, and medians over
        blocks of the same code differed by 200 %; the best of a turn's blocks differed by 4 %.
        """
        return [min(ours) / min(reference) for ours, reference in zip(self.ours, self.reference, strict=True)]

    @property
    def median(self) -> float:
        """The median of the turns."""
        return statistics.median(self.each)

    @property
    def error(self) -> float:
        """Standard error of the median, as a share of it; from the spread of the turns, outliers not counted much."""
        logs = [math.log(value) for value in self.each]
        middle = statistics.median(logs)
        spread = 1.4826 * statistics.median(abs(value - middle) for value in logs)
        return 1.2533 * spread / math.sqrt(len(logs))


@dataclass(frozen=True)
class Change:
    """How head differs from base; shares, more than 0 is slower or larger."""

    minimum: float
    median: float
    limit: float
    agreeing: float

    @property
    def is_noisy(self) -> bool:
        """Whether a change that matters could hide in the limit."""
        return self.limit > NOISY

    @property
    def is_slower(self) -> bool:
        return min(self.minimum, self.median) > self.limit and self.agreeing >= MOST_TURNS

    @property
    def is_faster(self) -> bool:
        return max(self.minimum, self.median) < -self.limit


def change(base: Turns, head: Turns, least: float, *, exact: bool = False) -> Change:
    """Compare two sides whose turns alternated.

    Args:
        least: the least change that counts, however quiet the machine is.
        exact: whether turns do not differ by noise, so that few are enough.
    """
    minimum = head.minimum / base.minimum - 1
    median = head.median / base.median - 1
    limit = max(least, SURE * math.hypot(base.error, head.error))
    if not exact and len(base.ours) < LEAST_TURNS:
        limit = math.inf
    pairs = list(zip(base.each, head.each, strict=False))
    agreeing = sum(h > b * (1 + limit / 2) for b, h in pairs) / len(pairs)
    return Change(minimum, median, limit, agreeing)
