"""Entries of the history: read, written, put in the units of today's goals."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from asv_bench.harness.measure import Value
from asv_bench.harness.target import SCALES, Figure, Goal, Target

FOLDER = Path(__file__).parent / "commits"

DIGITS = 4
"""Significant digits that are kept; noise begins at the second."""

TIMES = ("s", "ms", "µs")
"""Units that are one another's."""


@dataclass(frozen=True)
class Number:
    """One figure of one commit.

    Attributes:
        target: the id of the target, a word.
        id: of the goal within it.
        goal: the goal as it was then, with its unit: ``≤ 25 µs``.
        minimum: in that unit, from the fastest blocks.
        median: in that unit, over the rounds.
        verdict: what was said of it then.
    """

    target: str
    id: str
    goal: str
    minimum: float
    median: float
    verdict: str

    @property
    def unit(self) -> str:
        return self.goal.split(" ", 2)[2] if self.goal.count(" ") >= 2 else ""

    def under(self, goal: Goal) -> Figure | None:
        """The same figure held to another goal; ``None`` where their units measure different things."""
        if self.unit == goal.unit:
            scale = 1.0
        elif self.unit in TIMES and goal.unit in TIMES:
            scale = SCALES[goal.unit] / SCALES[self.unit]
        else:
            return None
        bare = scale / SCALES[goal.unit]
        return Figure(goal, Value(self.minimum * bare, self.median * bare))


@dataclass(frozen=True)
class Entry:
    """One commit, measured once by its own harness.

    Attributes:
        commit: all forty digits.
        date: when it was committed.
        title: the first line of its message.
        measured: when.
        machine: a name that its runs share; runs of two machines are two series.
        about: the machine in words, with its system and Python.
        versions: of the server and of what Chakra is made of.
        size: what ``--size`` was.
        note: what else to know about the run.
    """

    commit: str
    date: datetime
    title: str
    measured: datetime
    machine: str
    about: str
    versions: str
    size: str
    note: str
    figures: Sequence[Number]

    def find(self, target: type[Target], goal: Goal) -> Figure | None:
        """What this commit came out at for a goal of today's, if it was measured in a unit that can be compared."""
        for number in self.figures:
            if (number.target, number.id) == (target.id, goal.id):
                return number.under(goal)
        return None

    def beside(self, earlier: Entry) -> Entry:
        """The earlier entry of this commit with what was measured again in place of what it had."""
        new = {(figure.target, figure.id): figure for figure in self.figures}
        kept = [new.pop((figure.target, figure.id), figure) for figure in earlier.figures]
        return replace(earlier, figures=(*kept, *new.values()))

    def path(self, folder: Path = FOLDER) -> Path:
        """Where the entry is kept."""
        return folder / self.machine / f"{self.commit[:12]}.json"

    def write(self, folder: Path = FOLDER) -> Path:
        """Write the entry, one line a figure, in place of an earlier one of this commit and machine."""
        head = {
            "commit": self.commit,
            "date": self.date.isoformat(),
            "title": self.title,
            "measured": self.measured.isoformat(timespec="minutes"),
            "machine": self.machine,
            "about": self.about,
            "versions": self.versions,
            "size": self.size,
            "note": self.note,
        }
        lines = [
            json.dumps([f.target, f.id, f.goal, f.minimum, f.median, f.verdict], ensure_ascii=False)
            for f in self.figures
        ]
        text = json.dumps(head, ensure_ascii=False, indent=1)[:-2] + ',\n "figures": [\n  '
        text += ",\n  ".join(lines) + "\n ]\n}\n"
        path = self.path(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def read(folder: Path = FOLDER) -> list[Entry]:
    """All entries, oldest commit first."""
    entries = [load(path) for path in folder.glob("*/*.json")]
    return sorted(entries, key=lambda entry: (entry.date, entry.commit, entry.machine))


def load(path: Path) -> Entry:
    """One entry."""
    known: dict[str, Any] = json.loads(path.read_text())
    for name in ("date", "measured"):
        known[name] = datetime.fromisoformat(known[name])
    known["figures"] = tuple(Number(*row) for row in known["figures"])
    return Entry(**known)


def numbers(outcomes: Sequence[Mapping[str, Any]]) -> tuple[Number, ...]:
    """The figures in what ``chakra bench --json`` wrote; those that were not measured are left out."""
    return tuple(
        Number(
            outcome["target"],
            figure["id"],
            figure["goal"],
            rounded(figure["minimum"]),
            rounded(figure["median"]),
            figure["verdict"],
        )
        for outcome in outcomes
        for figure in outcome["figures"]
        if figure["minimum"] is not None
    )


def rounded(value: float) -> float:
    """A number with as many digits as are kept."""
    return float(f"{value:.{DIGITS}g}")


def slug(text: str) -> str:
    """A text as part of a path: ``2 × AMD EPYC`` is ``2-amd-epyc``."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unknown"
