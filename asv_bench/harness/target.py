"""A target: what is measured, beside whom, and the figures that say whether its goals are met."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from asv_bench.harness.bench import Bench
from asv_bench.harness.measure import Case, Timings, Value, check, measure
from asv_bench.harness.peers import PEERS

SCALES = {
    "µs": 1e6,
    "ms": 1e3,
    "s": 1.0,
    "ns/row": 1e9,
    "×": 1.0,
    "bytes": 1.0,
    "KB": 1e-3,
    "%": 100.0,
    "": 1.0,
}
"""Unit → what a figure in seconds, bytes or as a bare number is multiplied by to be shown."""


@dataclass(frozen=True)
class Goal:
    """One figure of a target and the limit it is held to.

    Attributes:
        id: unique within the target; a word.
        what: the figure in words.
        limit: in ``unit``.
        unit: a key of ``SCALES``.
        at_least: whether the figure is to be above the limit.
        promised: the limit users were promised, where it is laxer.
    """

    id: str
    what: str
    limit: float
    unit: str = "×"
    at_least: bool = False
    promised: float | None = None

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {self.limit:g} {self.unit}".strip()

    def meets(self, shown: float, limit: float) -> bool:
        """Whether a figure in the goal's unit is on the right side of a limit."""
        return shown >= limit if self.at_least else shown <= limit


@dataclass(frozen=True)
class Figure:
    """A goal and what was measured; ``value`` is ``None`` when there was nothing to compare with."""

    goal: Goal
    value: Value | None

    def shown(self, number: float) -> float:
        """A number of the figure in the goal's unit."""
        return number * SCALES[self.goal.unit]

    @property
    def verdict(self) -> str:
        """``met``, ``promised`` (the user's own target, not our goal), ``MISSED``, ``unclear``, ``not measured``.

        Minimum and median must both be on the right side. Where one is and the other is not, the machine was
        too busy to tell.
        """
        if self.value is None:
            return "not measured"
        verdicts = {self._verdict_of(self.shown(v)) for v in (self.value.minimum, self.value.median)}
        return verdicts.pop() if len(verdicts) == 1 else "unclear"

    def _verdict_of(self, shown: float) -> str:
        if self.goal.meets(shown, self.goal.limit):
            return "met"
        if self.goal.promised is not None and self.goal.meets(shown, self.goal.promised):
            return "promised"
        return "MISSED"


@dataclass
class Outcome:
    """What came of one target."""

    target: Target
    timings: Timings
    figures: list[Figure]
    notes: list[str] = field(default_factory=list)


class Target(ABC):
    """One row of the table of targets.

    Attributes:
        number: of the row.
        id: a word.
        title: what is done.
        goals: what its figures are held to.
        patience: how many times the usual time its contenders get.
        sql: statements that Chakra sends, and who else is given them; set by ``cases``.
    """

    number: ClassVar[int]
    id: ClassVar[str]
    title: ClassVar[str]
    goals: ClassVar[tuple[Goal, ...]]
    patience: ClassVar[float] = 1.0
    sql: tuple[str, ...] = ()

    @abstractmethod
    async def cases(self, bench: Bench) -> list[Case]:
        """The contenders, ``chakra`` among them."""

    @abstractmethod
    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        """The figure of each goal, by its id, in seconds, bytes or as a ratio."""

    async def run(self, bench: Bench) -> Outcome:
        """Check, time, and work out the figures."""
        cases, notes = await agreeing(await self.cases(bench))
        timings = await measure(
            cases,
            seconds=bench.seconds * self.patience * len(cases),
            min_rounds=bench.size.min_rounds,
            tick=bench.tick,
        )
        return self.outcome(timings, notes)

    def outcome(self, timings: Timings, notes: Sequence[str] = ()) -> Outcome:
        """Figures of all goals, in their order."""
        found = self.figures(timings)
        figures = [Figure(goal, found.get(goal.id)) for goal in self.goals]
        differs = [f"{t.name}: {t.differs}" for t in timings.values() if t.differs]
        return Outcome(self, timings, figures, [*notes, *differs])


async def agreeing(cases: Sequence[Case]) -> tuple[list[Case], list[str]]:
    """Contenders whose results are Chakra's, and why others are left out.

    A library that fails, or gives something else, must not end a run of all targets; Chakra itself may do neither.

    Raises:
        Exception: whatever the check of a contender of ours raised.
    """
    kept, notes = [case for case in cases if not case.name.startswith(tuple(PEERS))], []
    first = await check(kept)
    for case in [case for case in cases if case.name.startswith(tuple(PEERS))]:
        try:
            await check([case], first)
        except Exception as error:
            notes.append(f"{case.name} left out: {' '.join(str(error).split())[:240]}")
        else:
            kept.append(case)
    return kept, notes


def ratio_to(timings: Timings, name: str, to: str) -> Value | None:
    """Time of ``name`` by time of ``to``, if both were measured."""
    return timings.ratio(name, to) if name in timings and to in timings else None


def ratio_to_best(timings: Timings, names: Sequence[str], ours: str = "chakra") -> Value | None:
    """How many times as long as ours the fastest of ``names`` takes."""
    there = [name for name in names if name in timings]
    return timings.ratio(timings.fastest(there), ours) if there and ours in timings else None


__all__ = ["SCALES", "Figure", "Goal", "Outcome", "Target", "agreeing", "ratio_to", "ratio_to_best"]
