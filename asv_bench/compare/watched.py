"""What of the harness is compared between commits, and what each of its times is divided by."""

from __future__ import annotations

from dataclasses import dataclass

from asv_bench.harness import bench, targets
from asv_bench.harness.measure import Case
from asv_bench.harness.target import Target
from asv_bench.harness.targets.columns import PARTS
from asv_bench.harness.targets.memory import Memory

SIZE = bench.Size(users=100_000, many=5_000, some=500, scale=0.001, seconds=0.1, min_rounds=3)
"""A tenth of the table: a turn of everything is ten seconds. ``seconds`` are those of one contender in one turn."""

YARDSTICK = "the yardstick"


@dataclass(frozen=True)
class Watched:
    """One target.

    Attributes:
        target: of the harness.
        least: the least change that counts, as a share. Beside asyncpg's own time on the same connection ratios
            of one commit differ by 1 to 4 % from session to session, beside the yardstick by 1 to 6 %.
        by_yardstick: whether its times are divided by the yardstick's, since nothing else of the target is like them.
    """

    target: type[Target]
    least: float = 0.10
    by_yardstick: bool = False

    @property
    def is_size(self) -> bool:
        """Whether bytes are measured, which noise does not move."""
        return issubclass(self.target, Memory)


WATCHED = (
    Watched(targets.Get),
    Watched(targets.Instances),
    Watched(targets.CreateOne),
    Watched(targets.Build, by_yardstick=True),
    Watched(targets.Acquire, 0.15, by_yardstick=True),
    Watched(targets.ToArrowUsers),
    Watched(targets.BulkInsert),
    Watched(targets.ObjectMemory, 0.03),
    Watched(targets.ConnectionMemory, 0.03),
    Watched(targets.SelectRelated),
    Watched(targets.PrefetchRelated),
    Watched(targets.PrefetchMany),
    Watched(targets.BuildTyped, by_yardstick=True),
)

LEFT_OUT = (PARTS,)
"""Contenders that four connections on two cores make too noisy."""


def compared(watched: Watched, cases: list[Case]) -> tuple[list[Case], str]:
    """The contenders of a target that are Chakra's with the one they are divided by, and its name."""
    ours = [case for case in cases if case.name.startswith("chakra") and case.name not in LEFT_OUT]
    if watched.by_yardstick:
        return [*ours, Case(YARDSTICK, yardstick)], YARDSTICK
    reference = next(case for case in cases if not case.name.startswith("chakra"))
    return [*ours, reference], reference.name


class _Step:
    __slots__ = ("key", "rest")

    def __init__(self, key: int, rest: dict[str, int]) -> None:
        self.key = key
        self.rest = rest


def yardstick() -> int:
    """Some microseconds of what building a query is made of: calls, small objects, dicts, attributes."""
    total = 0
    for key in range(12):
        step = _Step(key, {"a": key, "b": key + 1})
        total += step.key + _read(step.rest, a=key)
    return total


def _read(rest: dict[str, int], **values: int) -> int:
    return sum([rest[name] for name in values]) + len((*rest, *values))
