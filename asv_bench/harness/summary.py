"""What a run comes down to, small enough to be kept: figures, and minimum, median and spread of every contender.

Reports, charts and the pages of the documentation are made of this, so that a run can be read long after it.
"""

from __future__ import annotations

import inspect
import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asv_bench.harness.measure import Timing
from asv_bench.harness.target import Outcome

ROOT = Path(__file__).parents[2]
DIGITS = 4
"""Digits of a number that are kept."""


def rounded(value: float) -> float:
    """As many digits as count."""
    return float(f"{value:.{DIGITS}g}")


@dataclass(frozen=True)
class Measured:
    """What is kept of a contender, in seconds or bytes."""

    minimum: float
    median: float
    spread: float
    blocks: int

    @classmethod
    def of(cls, timing: Timing) -> Measured:
        numbers = (timing.minimum, timing.median, timing.spread)
        return cls(*map(rounded, numbers), len(timing.samples))


@dataclass(frozen=True)
class Held:
    """A figure beside its goal, both in the goal's unit; without numbers when there was nothing to compare with."""

    id: str
    what: str
    goal: str
    unit: str
    minimum: float | None
    median: float | None
    verdict: str


@dataclass(frozen=True)
class Row:
    """One target.

    Attributes:
        asked: what is called.
        sql: what the server is asked, where that is not each library's own.
        took: seconds that it took, checks and all.
        run: which one of the runs of its summary it is from.
        failed: why there is nothing.
    """

    number: int
    id: str
    title: str
    figures: tuple[Held, ...]
    times: dict[str, Measured]
    notes: tuple[str, ...] = ()
    asked: str = ""
    sql: tuple[str, ...] = ()
    took: float = 0.0
    run: int = 0
    failed: str = ""

    def figure(self, id: str) -> Held | None:
        """A figure by its id."""
        return next((figure for figure in self.figures if figure.id == id), None)

    def ratio(self, name: str, to: str = "chakra") -> float | None:
        """How many times as long as ``to`` a contender takes, by the minima."""
        if name not in self.times or to not in self.times:
            return None
        return self.times[name].minimum / self.times[to].minimum


@dataclass(frozen=True)
class Run:
    """Where and when rows were measured."""

    machine: str
    versions: str
    peers: dict[str, str]
    left_out: dict[str, str]
    size: str
    date: str
    commit: str

    def told(self) -> str:
        """Where and when, in a sentence."""
        return f"{self.machine}; {self.versions}; size {self.size}, {self.date}, commit {self.commit}."


@dataclass(frozen=True)
class Summary:
    """Rows of one run, or of several that were put together."""

    runs: tuple[Run, ...] = ()
    rows: tuple[Row, ...] = field(default=())

    def row(self, id: str) -> Row | None:
        """A row by the id of its target; rows that failed are not there."""
        return next((row for row in self.rows if row.id == id and not row.failed), None)

    def updated(self, newer: Summary, order: Sequence[str]) -> Summary:
        """Rows of ``newer`` in place of ours, in the order of ``order``; runs that have no rows left are dropped."""
        rows = {row.id: (self.runs[row.run], row) for row in self.rows}
        rows |= {row.id: (newer.runs[row.run], row) for row in newer.rows if not row.failed}
        known = [rows[id] for id in order if id in rows]
        runs = list(dict.fromkeys(json.dumps(asdict(run)) for run, _ in known))
        placed = [replace(row, run=runs.index(json.dumps(asdict(run)))) for run, row in known]
        return Summary(tuple(Run(**json.loads(run)) for run in runs), tuple(placed))


def row_of(outcome: Outcome, took: float, failed: str = "") -> Row:
    """An outcome as a row."""
    figures = [
        Held(
            figure.goal.id,
            figure.goal.what,
            str(figure.goal),
            figure.goal.unit,
            None if figure.value is None else rounded(figure.shown(figure.value.minimum)),
            None if figure.value is None else rounded(figure.shown(figure.value.median)),
            figure.verdict,
        )
        for figure in outcome.figures
    ]
    return Row(
        outcome.target.number,
        outcome.target.id,
        outcome.target.title,
        tuple(figures),
        {name: Measured.of(timing) for name, timing in outcome.timings.items()},
        tuple(outcome.notes),
        inspect.cleandoc(type(outcome.target).__doc__ or "").replace("``", "`"),
        outcome.target.sql,
        round(took, 1),
        failed=failed,
    )


def commit() -> str:
    """The commit that is checked out, with a plus when files were changed since."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "chakra") else "")
    except OSError:
        return ""


def today() -> str:
    """The date, in UTC."""
    return datetime.now(UTC).date().isoformat()


def dump(summary: Summary) -> str:
    """As JSON: a line for each contender, so that changes can be read in a diff."""
    rows: list[str] = []
    for row in summary.rows:
        plain = asdict(row)
        times = {name: list(asdict(measured).values()) for name, measured in row.times.items()}
        figures = plain.pop("figures")
        plain["times"] = "TIMES"
        plain["figures"] = "FIGURES"
        text = json.dumps(plain, ensure_ascii=False)
        text = text.replace('"TIMES"', _lines(times.items()))
        text = text.replace(
            '"FIGURES"', "[" + _joined(json.dumps(f, ensure_ascii=False) for f in figures) + "]"
        )
        rows.append(text)
    runs = _joined(json.dumps(asdict(run), ensure_ascii=False) for run in summary.runs)
    return f'{{"runs": [{runs}],\n"rows": [{_joined(rows)}]}}\n'


def _lines(items: Iterable[tuple[str, Any]]) -> str:
    return (
        "{" + _joined(f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(v)}" for name, v in items) + "}"
    )


def _joined(lines: Iterable[str]) -> str:
    return ",".join(f"\n{line}" for line in lines)


def load(text: str) -> Summary:
    """What ``dump`` wrote."""
    read = json.loads(text)
    rows = [
        Row(
            **{
                **row,
                "figures": tuple(Held(**figure) for figure in row["figures"]),
                "times": {name: Measured(*numbers) for name, numbers in row["times"].items()},
                "notes": tuple(row["notes"]),
                "sql": tuple(row["sql"]),
            }
        )
        for row in read["rows"]
    ]
    return Summary(tuple(Run(**run) for run in read["runs"]), tuple(rows))


__all__ = ["Held", "Measured", "Row", "Run", "Summary", "commit", "dump", "load", "row_of", "today"]
