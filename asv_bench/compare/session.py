"""Both sides in turns on one server (A B, B A, …), in several processes each; suspicions are looked at again."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from asv_bench.compare.statistic import Change, Turns, change
from asv_bench.compare.watched import WATCHED, Watched
from asv_bench.history.run import ROOT, HistoryError, environment, worktree

SECONDS = 150.0
"""How long noisy figures get more turns, in further processes; everything is measured once however long it takes."""

GENERATIONS, TURNS = 2, 3
"""Processes of each side, one after the other, and turns of each. Where a process happens to lie in memory makes 3 % of
difference that no number of turns in that process would show."""

Names = tuple[str, str]
"""A target and a contender of it."""


class CompareError(Exception):
    """The comparison cannot be made; says why."""


class Side:
    """A process that measures one Chakra."""

    def __init__(self, folder: Path, url: str, *, tiny: bool) -> None:
        self._log = (folder / "log").open("a+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "asv_bench.compare.worker", url, *(["tiny"] if tiny else [])],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def __enter__(self) -> Side:
        self._answer()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        if kind is not None:
            self._process.kill()
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def ask(self, **order: Any) -> dict[str, Any]:
        """An order, and its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise CompareError(f"a side's process has ended:\n{self._log.read()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def side_folder(spec: str, work: Path) -> Iterator[Path]:
    """A folder to import from: Chakra of a commit, or of a folder, and the harness of this checkout.

    Raises:
        CompareError: git does not know the commit, or there is no Chakra in it.
    """
    with ExitStack() as stack:
        if "/" in spec and (Path(spec) / "chakra").is_dir():
            tree = Path(spec).resolve()
        else:
            try:
                tree = stack.enter_context(worktree(spec))
            except HistoryError as error:
                raise CompareError(str(error)) from error
        if not (tree / "chakra" / "__init__.py").exists():
            raise CompareError(f"there is no chakra/ in {spec}")
        work.mkdir()
        (work / "chakra").symlink_to(tree / "chakra")
        (work / "asv_bench").symlink_to(ROOT / "asv_bench")
        yield work


@dataclass
class Findings:
    """What a session came out at.

    Attributes:
        changes: of each contender, from the turns that decided.
        first: the changes that were suspicious at first and looked at again.
        counts: Python calls of base and head; ``None`` = a side cannot do it.
        notes: what could not be compared, and why.
    """

    changes: dict[Names, Change] = field(default_factory=dict)
    sides: dict[Names, tuple[Turns, Turns]] = field(default_factory=dict)
    first: dict[Names, Change] = field(default_factory=dict)
    counts: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def slower(self) -> list[Names]:
        return [names for names, found in self.changes.items() if found.is_slower]

    @property
    def noisy(self) -> list[Names]:
        """Figures of which nothing is said: they may be slower or faster by less than their limits."""
        return [
            names
            for names, found in self.changes.items()
            if found.is_noisy and not found.is_slower and names not in self.first
        ]

    @property
    def more_calls(self) -> list[str]:
        return [
            name
            for name, (base, head) in self.counts.items()
            if base is not None and (head is None or head > base)
        ]

    @property
    def is_regression(self) -> bool:
        return bool(self.slower or self.more_calls or self.broken)


class Session:
    """Compares two folders on one server."""

    def __init__(self, base: Path, head: Path, url: str, *, tiny: bool, say: Callable[[str], None]) -> None:
        self.folders = (base, head)
        self.url = url
        self.tiny = tiny
        self.say = say

    def run(
        self,
        watched: tuple[Watched, ...],
        generations: int = GENERATIONS,
        turns: int = TURNS,
        seconds: float = SECONDS,
    ) -> Findings:
        """Measure all, noisy figures longer; then measure again, in new processes, what is suspicious.

        A regression is what is found twice.
        """
        found = Findings()
        begun = time.monotonic()
        self._measure(watched, generations, turns, found, counts=True)
        while found.noisy and time.monotonic() - begun < seconds:
            self.say(f"more turns for what is noisy: {', '.join(map(' '.join, found.noisy))}")
            more = tuple(w for w in watched if w.target.id in {target for target, _ in found.noisy})
            self._measure(more, 1, turns, found, counts=False)
        suspicious = {names: found.changes[names] for names in found.slower}
        if suspicious:
            self.say(f"again, in new processes: {', '.join(map(' '.join, suspicious))}")
            again = tuple(w for w in watched if w.target.id in {target for target, _ in suspicious})
            second = Findings()
            self._measure(again, generations, turns, second, counts=False)
            found.first = suspicious
            for names in suspicious:
                found.changes[names] = second.changes[names]
                found.sides[names] = second.sides[names]
        return found

    def _measure(
        self, watched: tuple[Watched, ...], generations: int, turns: int, found: Findings, *, counts: bool
    ) -> None:
        """Fill ``found`` with the sides' turns and their changes."""
        for generation in range(generations):
            with ExitStack() as stack:
                sides = [
                    stack.enter_context(Side(folder, self.url, tiny=self.tiny)) for folder in self.folders
                ]
                if counts and generation == 0:
                    # First of all: a process that has the columnar engine reads rows in another way.
                    found.counts = self._counts(sides, found)
                for turn in range(turns):
                    self.say(f"turn {generation * turns + turn + 1} of {generations * turns}")
                    for each in watched:
                        # Sizes do not vary from turn to turn.
                        if not each.is_size or turn == 0:
                            self._turn(each, sides, found, backwards=bool(turn % 2))
        for names, (base, head) in found.sides.items():
            of = next(w for w in WATCHED if w.target.id == names[0])
            found.changes[names] = change(base, head, of.least, exact=of.is_size)

    def _turn(self, watched: Watched, sides: list[Side], found: Findings, *, backwards: bool) -> None:
        id = watched.target.id
        answers: list[Mapping[str, Any]] = [{}, {}]
        for place in (1, 0) if backwards else (0, 1):
            answers[place] = sides[place].ask(do="measure", target=id)
        if self._failed(id, answers, found):
            return
        for name in answers[0]["samples"]:
            reference = answers[0]["reference"]
            if name == reference or name not in answers[1]["samples"]:
                continue
            if watched.is_size and not name.startswith("chakra"):
                continue
            turns = found.sides.setdefault((id, name), (Turns(), Turns()))
            for side, answer in zip(turns, answers, strict=True):
                samples = answer["samples"]
                side.add(samples[name], samples[reference] if reference else None)

    def _counts(self, sides: list[Side], found: Findings) -> dict[str, tuple[float | None, float | None]]:
        answers = [side.ask(do="counts") for side in sides]
        if self._failed("calls", answers, found):
            return {}
        base, head = (answer["counts"] for answer in answers)
        found.notes += [f"{name} cannot be counted in base: {why}" for name, why in answers[0]["why"].items()]
        found.broken += [
            f"{name} cannot be counted in head: {why}"
            for name, why in answers[1]["why"].items()
            if name not in answers[0]["why"]
        ]
        return {name: (base[name], head[name]) for name in base}

    def _failed(self, what: str, answers: list[Any], found: Findings) -> bool:
        """Whether a side cannot do it; a base that cannot is older, a head that cannot is broken."""
        base, head = (answer.get("error") for answer in answers)
        if base is not None:
            note = f"{what} is not compared, base cannot do it: {base}"
            if note not in found.notes:
                found.notes.append(note)
        elif head is not None:
            note = f"{what} fails in head: {head}"
            if note not in found.broken:
                found.broken.append(note)
        return base is not None or head is not None


def compare(
    base: str,
    head: str,
    url: str,
    *,
    watched: tuple[Watched, ...] = WATCHED,
    tiny: bool = False,
    generations: int = GENERATIONS,
    turns: int = TURNS,
    seconds: float = SECONDS,
    say: Callable[[str], None],
) -> Findings:
    """Compare two commits, or folders, on a server."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chakra-compare-")))
        folders = [
            stack.enter_context(side_folder(spec, work / name))
            for name, spec in (("base", base), ("head", head))
        ]
        return Session(folders[0], folders[1], url, tiny=tiny, say=say).run(
            watched, generations, turns, seconds
        )
