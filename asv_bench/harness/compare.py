"""Who is compared with whom in a summary: which contender of ours stands beside one of theirs, who is a floor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from asv_bench.harness.summary import Row, Summary

OURS = "chakra"
BETWEEN = ": "
"""Stands between a line and a contender in rows that are many lines."""

FLOORS = frozenset(
    {
        "asyncpg, prepared",
        "asyncpg, bare records",
        "the drain",
        "COPY of ready bytes",
        "ready bytes",
        "the server alone",
        "the finished table",
        "asyncpg",
    }
)
"""What does less than is asked, to show what the rest costs: no library that could be used instead."""

NOTICED = 1.02
"""A contender wins where Chakra takes this many times as long, by the minimum and by the median."""


def split(name: str) -> tuple[str, str]:
    """The line that a timing belongs to, or nothing, and its contender."""
    line, _, contender = name.rpartition(BETWEEN)
    return line, contender


def is_ours(name: str) -> bool:
    """Whether a contender is Chakra, in whatever variant."""
    contender = split(name)[1]
    return contender == OURS or contender.startswith(OURS + ",")


def partner(name: str, row: Row) -> str | None:
    """The contender of ours that does what this one does: of the same line, and of the same variant if there is one."""
    line, contender = split(name)
    before = line + BETWEEN if line else ""
    words = contender.split(", ")
    for position in range(1, len(words)):
        found = before + ", ".join([OURS, *words[position:]])
        if found in row.times:
            return found
    return before + OURS if before + OURS in row.times else None


def in_lines(row: Row) -> bool:
    """Whether a row is many lines, each timed like a row of its own."""
    return any(split(name)[0] for name in row.times)


def lines_of(row: Row) -> dict[str, dict[str, str]]:
    """Line → contender → name of its timing."""
    found: dict[str, dict[str, str]] = {}
    for name in row.times:
        line, contender = split(name)
        found.setdefault(line, {})[contender] = name
    return found


@dataclass(frozen=True)
class Win:
    """A contender that is ahead of Chakra, and how many times its time Chakra takes."""

    row: Row
    name: str
    times: float


def wins(summary: Summary) -> Iterator[Win]:
    """Where somebody else is ahead, by the minimum and by the median."""
    for row in summary.rows:
        for name, taken in row.times.items():
            ours = partner(name, row)
            if is_ours(name) or ours is None or split(name)[1] in FLOORS:
                continue
            ratios = (
                row.times[ours].minimum / taken.minimum,
                row.times[ours].median / taken.median,
            )
            if min(ratios) >= NOTICED:
                yield Win(row, name, ratios[0])


__all__ = ["BETWEEN", "FLOORS", "OURS", "Win", "in_lines", "is_ours", "lines_of", "partner", "split", "wins"]
