"""How far a run is: on a terminal one line that stays, elsewhere one line for each target.

Nothing is drawn by a thread while a clock runs: the line is drawn between rounds, at most once a second.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from asv_bench.harness.target import Target

UNKNOWN = 15.0
"""Seconds that a target is thought to take that was never measured."""

REDRAWN = 1.0
SLOWEST, QUICKEST = 0.25, 1.0
"""Between what shares of its time a contender gets."""


def clock(seconds: float) -> str:
    """``4:05``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Schedule:
    """How long targets took the last time, on this machine and at this size, and what that says of the rest.

    Args:
        path: where that is kept.
        targets: what is to be run.
        limit: seconds that all of it may take.
        others: seconds of targets on another machine, for the first run.
    """

    def __init__(
        self, path: Path, targets: Sequence[Target], limit: float, others: Mapping[str, float] | None = None
    ) -> None:
        self.path = path
        kept: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
        self.known = {**(others or {}), **kept}
        self.left = [target.id for target in targets]
        self.limit = limit
        self.begun = perf_counter()

    @property
    def elapsed(self) -> float:
        return perf_counter() - self.begun

    def expected(self, id: str) -> float:
        """Seconds of one target."""
        return self.known.get(id, UNKNOWN)

    @property
    def rest(self) -> float:
        """Seconds of all targets that have not ended."""
        return sum(self.expected(id) for id in self.left)

    @property
    def pace(self) -> float:
        """What share of its usual time a contender is to get, so that the whole ends within the limit."""
        share = (self.limit - self.elapsed) / max(self.rest, 1.0)
        return min(QUICKEST, max(SLOWEST, share))

    def ended(self, id: str, took: float, pace: float) -> None:
        """A target took so long; what it would have taken at its usual pace is kept for the next run."""
        self.left.remove(id)
        if pace == QUICKEST:
            self.known[id] = round(took, 1)

    def keep(self) -> None:
        """Write what was learned."""
        self.path.write_text(json.dumps(self.known, indent=1))


class Shown:
    """The line itself."""

    def __init__(self, console: Console, schedule: Schedule, count: int) -> None:
        self.console, self.schedule, self.count = console, schedule, count
        self.progress = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.description}"),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )
        self.total = schedule.rest
        self.task: TaskID = self.progress.add_task("", total=self.total)
        self.done, self.what, self.drawn = 0, "", 0.0

    def __enter__(self) -> Shown:
        self.progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.progress.stop()

    def starts(self, target: Target) -> None:
        """A target is next."""
        self.what = f"{target.number}. {target.title}"
        self.begun = perf_counter()
        self.target = target.id
        if not self.console.is_terminal:
            self.console.print(f"[dim]{self._words()}[/]", highlight=False)
        self._draw()

    def ends(self) -> None:
        """It is over."""
        self.done += 1

    def tick(self) -> None:
        """Between rounds."""
        if self.console.is_terminal and perf_counter() - self.drawn >= REDRAWN:
            self._draw()

    def _words(self) -> str:
        schedule = self.schedule
        within = min(perf_counter() - self.begun, schedule.expected(self.target))
        rest = max(schedule.rest - within, 0)
        return (
            f"{self.done + 1} of {self.count}: {self.what} · {clock(schedule.elapsed)} elapsed,"
            f" about {clock(rest)} to go"
        )

    def _draw(self) -> None:
        self.drawn = perf_counter()
        elapsed = self.schedule.elapsed
        rest = self.schedule.rest - min(perf_counter() - self.begun, self.schedule.expected(self.target))
        self.progress.update(
            self.task, completed=elapsed, total=elapsed + max(rest, 0), description=self._words()
        )
        self.progress.refresh()


__all__ = ["Schedule", "Shown"]
