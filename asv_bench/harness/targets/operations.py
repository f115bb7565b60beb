"""Row 20: what other ORMs measure themselves by. Forty-two lines, each timed like a target of its own."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from typing import Any, ClassVar

from asv_bench.harness.bench import SEED, Bench
from asv_bench.harness.entries import KINDS, Operations, tables
from asv_bench.harness.measure import Case, Timing, Timings, Value, check, measure, settle
from asv_bench.harness.target import Goal, Outcome, Target

OURS = "chakra"
BETWEEN = ": "
"""Stands between a line and a contender in the names of timings."""

PAGE = 20


@dataclass(frozen=True)
class Line:
    """One operation on one model.

    Attributes:
        id: unique, in words.
        kind: of the model.
        ability: the methods of ``Operations`` that it needs, by name.
        make: (run, library) → the contender, with ``facts`` that all must agree on.
        filled: whether the table has its rows for the whole line; otherwise each contender makes what it needs.
    """

    id: str
    kind: str
    ability: tuple[str, ...]
    make: Callable[[Run, Operations, str], Case]
    filled: bool = True


@dataclass(frozen=True)
class Run:
    """A bench with the sizes of this row.

    Attributes:
        level: rows of each of the five levels, and of one bulk insert.
        batch: rows of one transaction.
    """

    bench: Bench
    level: int
    batch: int

    @property
    def rows(self) -> int:
        """Rows of a table that is read."""
        return self.level * len(tables.LEVELS)

    async def fill(self, kind: str, rows: int) -> None:
        """Put the first so many rows into a table, outside the clock."""
        await tables.fill(self.bench.connection, kind, rows)

    async def empty(self, kind: str) -> None:
        """Empty a table, outside the clock."""
        await tables.empty(self.bench.connection, kind)

    async def held(self, kind: str) -> list[Any]:
        """What a table holds."""
        return await tables.held(self.bench.connection, kind)


def plain(row: Any, kind: str) -> list[Any]:
    """The values of an object, a dict or a tuple of any library, in the order of the table's columns."""
    names = tables.COLUMNS[kind]
    if isinstance(row, Mapping):
        # Piccolo calls a key by the name of its relation.
        found = [row["parent" if name == "parent_id" and name not in row else name] for name in names]
    elif isinstance(row, Sequence):
        found = list(row)
    else:
        found = [getattr(row, name) for name in names]
    if kind != "items" and isinstance(found[1], str):
        found[1] = datetime.fromisoformat(found[1])  # oxyde's dicts and tuples, which ``differs`` speaks of
    return found


def read(name: str) -> Callable[[Run, Operations, str], Case]:
    """Rows of one level after the other, by the method ``name``."""

    def make(run: Run, library: Operations, kind: str) -> Case:
        level, ask = cycle(tables.LEVELS), getattr(library, name)

        def facts(rows: Any) -> list[Any]:
            return sorted(plain(row, kind) for row in rows)

        return Case(library.name, lambda: ask(kind, next(level)), facts)

    return make


def page(run: Run, library: Operations, kind: str) -> Case:
    """Twenty rows of a level from somewhere in the middle."""
    drawn = random.Random(SEED)
    places = cycle([(drawn.choice(tables.LEVELS), drawn.randrange(run.level - PAGE)) for _ in range(1_000)])
    return Case(
        library.name,
        lambda: library.page(kind, *next(places)),
        lambda rows: [plain(row, kind) for row in rows],
    )


def get(run: Run, library: Operations, kind: str) -> Case:
    """Keys in random order."""
    keys = cycle(random.Random(SEED).choices(range(1, run.rows + 1), k=1_000))
    return Case(library.name, lambda: library.get(kind, next(keys)), lambda row: plain(row, kind))


def create(run: Run, library: Operations, kind: str) -> Case:
    """One row a call; the block begins with an empty table."""
    rows = cycle(tables.new_rows(kind, 1_000))
    return Case(
        library.name,
        lambda: library.create(kind, next(rows)),
        lambda _: run.held(kind),
        before=lambda: run.empty(kind),
    )


def create_each(run: Run, library: Operations, kind: str) -> Case:
    """A transaction of single inserts."""
    rows = tables.new_rows(kind, run.batch)
    return Case(
        library.name,
        lambda: library.create_each(kind, rows),
        lambda _: run.held(kind),
        before=lambda: run.empty(kind),
        single=True,
    )


def bulk(run: Run, library: Operations, kind: str) -> Case:
    """Objects made outside the clock."""
    rows, made = tables.new_rows(kind, run.level), list[Any]()

    async def before() -> None:
        await run.empty(kind)
        made[:] = library.make(kind, rows)

    return Case(
        library.name, lambda: library.bulk(kind, made), lambda _: run.held(kind), before=before, single=True
    )


def write(name: str) -> Callable[[Run, Operations, str], Case]:
    """What the method ``name`` does with objects that were loaded outside the clock."""

    def make(run: Run, library: Operations, kind: str) -> Case:
        loaded: list[Any] = []

        async def before() -> None:
            await run.fill(kind, run.batch)
            loaded[:] = sorted(await settle(library.everything(kind)), key=lambda made: made.id)

        return Case(
            library.name,
            lambda: getattr(library, name)(loaded),
            lambda _: run.held(kind),
            before=before,
            single=True,
        )

    return make


def everything(run: Run, library: Operations, kind: str) -> Case:
    """All objects of a table."""
    return Case(
        library.name,
        lambda: library.everything(kind),
        lambda rows: sorted(plain(row, kind) for row in rows),
    )


def count(run: Run, library: Operations, kind: str) -> Case:
    """A number."""
    return Case(library.name, lambda: library.count(kind), int)


def at_least(run: Run, library: Operations, kind: str) -> Case:
    """Half of all objects."""
    return Case(
        library.name,
        lambda: library.at_least(run.rows // 2),
        lambda rows: sorted(plain(row, kind) for row in rows),
    )


def grouped(run: Run, library: Operations, kind: str) -> Case:
    """Aggregates of all categories, with a HAVING that keeps them all."""
    limit = run.rows // tables.CATEGORIES // 2

    def facts(rows: Any) -> list[Any]:
        names = ("category", "rows", "total")
        return [
            [int(row[n]) for n in names] if isinstance(row, dict) else list(map(int, row)) for row in rows
        ]

    return Case(library.name, lambda: library.grouped(limit), facts)


def half(name: str) -> Callable[[Run, Operations, str], Case]:
    """A statement of the method ``name`` that writes to half of the rows."""

    def make(run: Run, library: Operations, kind: str) -> Case:
        return Case(
            library.name,
            lambda: getattr(library, name)(run.rows // 2),
            lambda _: run.held(kind),
            before=lambda: run.fill(kind, run.rows),
            single=True,
        )

    return make


LETTERS = (
    ("D filter large", ("level",), read("level"), True),
    ("E filter small", ("page",), page, True),
    ("F get", ("get",), get, True),
    ("G filter dicts", ("dicts",), read("dicts"), True),
    ("H filter tuples", ("tuples",), read("tuples"), True),
    ("A insert single", ("create",), create, False),
    ("B insert batch", ("create", "create_each"), create_each, False),
    ("C insert bulk", ("bulk",), bulk, False),
    ("I update whole", ("save", "update_whole"), write("update_whole"), False),
    ("J update partial", ("save", "update_partial"), write("update_partial"), False),
    ("K delete", ("delete", "delete_each"), write("delete_each"), False),
)
"""What reads comes first: the rows are made once for all of it."""

ITEMS = (
    ("fetch all", ("everything",), everything, True),
    ("count", ("count",), count, True),
    ("filter", ("at_least",), at_least, True),
    ("group by", ("grouped",), grouped, True),
    ("get by key", ("get",), get, True),
    ("single insert", ("create",), create, False),
    ("bulk insert", ("bulk",), bulk, False),
    ("update", ("set_zero",), half("set_zero"), False),
    ("delete", ("remove",), half("remove"), False),
)

LINES: tuple[Line, ...] = (
    *(Line(f"{kind}, {title}", kind, *rest) for kind in KINDS for title, *rest in LETTERS),  # type: ignore[arg-type]
    *(Line(f"items, {title}", "items", *rest) for title, *rest in ITEMS),  # type: ignore[arg-type]
)


class EveryOperation(Target):
    """All lines, one after the other; the contenders of a line take turns as in every other row."""

    number, id, title = 20, "operations", "operations of others' benchmarks"
    patience = 0.12
    goals: ClassVar[tuple[Goal, ...]] = (
        Goal("mean", "geometric mean of all lines: the best other ORM takes", 2.0, at_least=True),
        Goal("worst", "the worst line: the fastest other ORM takes", 1.0, at_least=True),
        *(
            Goal(kind, f"geometric mean, {title}: the best other ORM takes", 2.0, at_least=True)
            for kind, title in (
                ("small", "A to K, small"),
                ("related", "A to K with relations"),
                ("large", "A to K, large"),
                ("items", "yara-orm's operations"),
            )
        ),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        """Of the first line, with its table ready."""
        run = await self._run(bench)
        await self._prepare(run, LINES[0])
        return [LINES[0].make(run, self._ours(bench), LINES[0].kind)]

    async def run(self, bench: Bench) -> Outcome:
        run = await self._run(bench)
        libraries = [self._ours(bench), *(peer.operations() for peer in await bench.peers("operations"))]
        timings, notes = Timings(), dict[str, list[str]]()
        filled = None
        for line in LINES:
            if not (line.filled and filled == line.kind):
                await self._prepare(run, line)
            filled = line.kind if line.filled else None
            for name, timing in (await self._timed(run, line, libraries, notes)).items():
                timings[line.id + BETWEEN + name] = timing
        return self.outcome(timings, [f"{text}: {'; '.join(lines)}" for text, lines in notes.items()])

    @staticmethod
    async def _run(bench: Bench) -> Run:
        await tables.make(bench.connection)
        # A contender that failed inside a transaction must not stop the run for ever.
        await bench.connection.execute("SET lock_timeout = '20s'")
        return Run(bench, bench.size.some // 2, bench.size.some // 20)

    @staticmethod
    def _ours(bench: Bench) -> Operations:
        # Declared here and not on import: `make bench` of another row needs none of these models.
        from asv_bench.harness.entries.chakra_orm import Chakra

        return Chakra(bench.db)

    @staticmethod
    async def _prepare(run: Run, line: Line) -> None:
        if line.filled:
            await run.fill(line.kind, run.rows)
            await tables.settled(run.bench.connection, line.kind)

    async def _timed(
        self, run: Run, line: Line, libraries: Sequence[Operations], notes: dict[str, list[str]]
    ) -> Timings:
        ours, *others = libraries
        first = line.make(run, ours, line.kind)
        await check([first])
        cases = [first]
        for library in others:
            needs = (*line.ability, line.kind)
            cannot = next((library.cannot[name] for name in needs if name in library.cannot), None)
            if cannot is None:
                case = line.make(run, library, line.kind)
                try:
                    await check([line.make(run, ours, line.kind), case])
                except Exception as error:
                    cannot = " ".join(str(error).split())[:240]
            if cannot is not None:
                notes.setdefault(f"{library.name}, left out since {cannot}", []).append(line.id)
                continue
            for name in line.ability:
                if name in library.differs:
                    notes.setdefault(f"{library.name} {library.differs[name]}", []).append(line.id)
            cases.append(case)
        return await measure(
            cases,
            seconds=run.bench.seconds * self.patience * len(cases),
            min_rounds=run.bench.size.min_rounds,
            tick=run.bench.tick,
        )

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        lines = by_line(timings)
        found = {"mean": best_mean(list(lines.values())), "worst": worst(list(lines.values()))}
        for kind in (*KINDS, "items"):
            found[kind] = best_mean([line for id, line in lines.items() if id.startswith(f"{kind}, ")])
        return found


def by_line(timings: Timings) -> dict[str, Timings]:
    """Line → the timings of its contenders."""
    lines: dict[str, Timings] = {}
    for name, timing in timings.items():
        line, _, contender = name.rpartition(BETWEEN)
        lines.setdefault(line, Timings())[contender] = Timing(contender, timing.samples, timing.differs)
    return lines


def means(lines: Sequence[Timings]) -> dict[str, Value]:
    """Other library → geometric mean of how many times as long as Chakra it takes, over the lines that it is in."""
    ratios: dict[str, list[Value]] = {}
    for line in lines:
        for name in line:
            if name != OURS:
                ratios.setdefault(name, []).append(line.ratio(name, OURS))
    return {
        name: Value(_mean([v.minimum for v in values]), _mean([v.median for v in values]))
        for name, values in ratios.items()
    }


def best_mean(lines: Sequence[Timings]) -> Value | None:
    """The mean of the library whose mean is the smallest."""
    return min(means(lines).values(), key=lambda value: value.minimum, default=None)


def worst(lines: Sequence[Timings]) -> Value | None:
    """How many times as long as Chakra the fastest other takes, in the line where that is least."""
    ratios = []
    for line in lines:
        others = [name for name in line if name != OURS]
        if others:
            ratios.append(line.ratio(line.fastest(others), OURS))
    return min(ratios, key=lambda value: value.minimum, default=None)


def _mean(ratios: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


__all__ = ["LINES", "EveryOperation", "by_line", "means"]
