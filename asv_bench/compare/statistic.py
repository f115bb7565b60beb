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
    def medians(self) -> list[float]:
        """The median ratio of each turn; pairs stood beside each other in time."""
        return [
            statistics.median(a / b for a, b in zip(ours, reference, strict=False))
            for ours, reference in zip(self.ours, self.reference, strict=True)
        ]

    @property
    def median(self) -> float:
        return statistics.median(self.medians)

    @property
    def error(self) -> float:
        """Standard error of the median, as a share of it; from the spread of the turns, outliers not counted much."""
        logs = [math.log(value) for value in self.medians]
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


def change(base: Turns, head: Turns, least: float) -> Change:
    """Compare two sides whose turns alternated.

    Args:
        least: the least change that counts, however quiet the machine is.
    """
    minimum = head.minimum / base.minimum - 1
    median = head.median / base.median - 1
    limit = max(least, SURE * math.hypot(base.error, head.error))
    pairs = list(zip(base.medians, head.medians, strict=False))
    agreeing = sum(h > b * (1 + limit / 2) for b, h in pairs) / len(pairs)
    return Change(minimum, median, limit, agreeing)
