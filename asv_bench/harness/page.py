"""The page on which Chakra's speed was promised, line by line, with what was measured in place of what was hoped for.

Sections are data and are made of a summary; `markdown` and the console show the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from asv_bench.harness.summary import Held, Measured, Row, Summary
from asv_bench.harness.words import Grid, fenced, number, size, times

MET, MISSED, UNCLEAR, ABSENT = "met", "MISSED", "unclear", "not measured"

SIMILAR = 0.8
"""What "similar" is held to: SQLAlchemy may be faster by a fifth."""


def judged(values: tuple[float, float] | None, limit: float, *, at_least: bool = False) -> str:
    """Minimum and median against a promise: both must keep it."""
    if values is None:
        return ABSENT
    kept = {(value >= limit) if at_least else (value <= limit) for value in values}
    return UNCLEAR if len(kept) == 2 else MET if kept == {True} else MISSED


def both(held: Held | None) -> tuple[float, float] | None:
    """Minimum and median of a figure."""
    if held is None or held.minimum is None or held.median is None:
        return None
    return held.minimum, held.median


def ratios(row: Row | None, name: str, to: str = "chakra") -> tuple[float, float] | None:
    """How many times as long as ``to`` a contender takes, by the minima and by the medians."""
    if row is None or name not in row.times or to not in row.times:
        return None
    a, b = row.times[name], row.times[to]
    return a.minimum / b.minimum, a.median / b.median


@dataclass(frozen=True)
class Promise:
    """A line of *Performance Targets*."""

    operation: str
    target: str
    row: str
    figure: str
    limit: float
    versus: str
    faster: float


PROMISES = (
    Promise("Simple SELECT (1 row)", "< 50 µs overhead", "get", "overhead", 50, "2-3x faster", 2),
    Promise("Bulk SELECT (10k rows)", "< 5 ms overhead", "instances", "overhead", 5, "5-10x faster", 5),
    Promise("INSERT (1 row)", "< 100 µs overhead", "create", "overhead", 100, "2x faster", 2),
    Promise("Bulk INSERT (10k rows)", "< 10 ms overhead", "bulk_create", "floor", 10, "10x faster", 10),
    Promise("Query building", "< 10 µs", "build", "known", 10, "5x faster", 5),
    Promise("Connection acquire", "< 100 µs", "acquire", "time", 100, "similar", SIMILAR),
)


def targets(summary: Summary) -> Grid:
    """*Performance Targets*: each with the figure, and what SQLAlchemy takes."""
    grid = Grid(
        ("Operation", "Target", "Chakra", "verdict", "vs SQLAlchemy: target", "measured", "verdict"),
        right=(2, 5),
    )
    for promise in PROMISES:
        row = summary.row(promise.row)
        held = row.figure(promise.figure) if row is not None else None
        found, versus = both(held), ratios(row, "SQLAlchemy")
        grid.rows.append(
            (
                promise.operation,
                promise.target,
                "—"
                if found is None or held is None
                else f"{number(found[0])} ({number(found[1])}) {held.unit}",
                judged(found, promise.limit),
                promise.versus,
                "—" if versus is None else f"{times(versus[0])} ({number(versus[1])})",
                judged(versus, promise.faster, at_least=True),
            )
        )
    return grid


TARGETS_NOTE = (
    "Minimum, and the median in brackets; *met* needs both. Overhead is the time over the same SQL on a held, prepared "
    'asyncpg statement; of the bulk INSERT, over COPY of bytes made before. "2-3x faster" is held to its lower end, '
    f'"similar" to {SIMILAR} ×.'
)


@dataclass(frozen=True)
class Section:
    """A section of times.

    Attributes:
        text: what the page says is done.
        call: what Chakra is called with.
        lines: label → contender, in the order of the page.
        faster: how many times as long the ORMs are to take, and as the page says it.
        raw: how many times the time of raw asyncpg Chakra may take.
    """

    title: str
    text: str
    call: str
    row: str
    lines: tuple[tuple[str, str], ...]
    raws: tuple[tuple[str, str], ...]
    faster: float
    promise: str
    raw: float


ORMS = (("SQLAlchemy", "SQLAlchemy"), ("Django ORM", "Django"), ("Tortoise ORM", "Tortoise"))
OTHERS = (("Piccolo", "Piccolo"), ("yara-orm", "yara-orm"), ("oxyde", "oxyde"))

SIMPLE = Section(
    "Simple Query Performance",
    "SELECT * FROM users WHERE id = 1",
    "await User.objects.get(id=key)",
    "get",
    ORMS,
    (
        ("Raw asyncpg, pool.fetchrow", "asyncpg, pool.fetchrow"),
        ("Raw asyncpg, held and prepared", "asyncpg, prepared"),
    ),
    3,
    "3-4x faster",
    1.2,
)
FETCH = Section(
    "Bulk Fetch Performance",
    "SELECT * FROM users LIMIT 10000",
    'await User.objects.order_by("id").limit(10_000)',
    "instances",
    ORMS,
    (("Raw asyncpg, bare records", "asyncpg, prepared"),),
    5,
    "5-10x faster",
    1.2,
)
INSERT = Section(
    "Insert Performance",
    "INSERT 1000 rows",
    "await User.objects.bulk_create([User(**row) for row in rows])",
    "insert_whole",
    ORMS,
    (
        ("Raw asyncpg, executemany", "asyncpg, executemany"),
        ("Raw asyncpg, copy_records (no keys)", "asyncpg, copy_records"),
    ),
    5,
    "5-7x faster",
    1.125,
)
SECTIONS = (SIMPLE, FETCH, INSERT)


def section(summary: Summary, part: Section) -> str:
    """One of the sections of times, as it is printed."""
    row = summary.row(part.row)
    head = f"Benchmark: {part.text}\nChakra:    {part.call}\n"
    if row is None or "chakra" not in row.times:
        return f"{head}\nnot measured"
    lines = [
        (label, row.times[name], times_of(row, name))
        for label, name in (*part.lines, *OTHERS, ("Chakra ORM", "chakra"), *part.raws)
        if name in row.times
    ]
    width = max(len(label) for label, *_ in lines) + 2
    # Two digits of the shortest time, so that all lines have as many after the point.
    digits = max(0, 1 - math.floor(math.log10(min(taken.median for _, taken, _ in lines) * 1e3)))
    numbers = [
        (f"{taken.median * 1e3:.{digits}f}", f"{taken.spread * 1e3:.{digits}f}") for _, taken, _ in lines
    ]
    left, right = (max(len(pair[side]) for pair in numbers) for side in (0, 1))
    text = [
        f"{label + ':':{width}}{median:>{left}}ms ± {spread:>{right}}ms {note:>8}".rstrip()
        for (label, _, note), (median, spread) in zip(lines, numbers, strict=True)
    ]
    return "\n".join([head, *text, "", *kept(row, part)])


def times_of(row: Row, name: str) -> str:
    """What stands behind a line: the ratio of the medians, which is what the line shows."""
    if name == "chakra":
        return "←"
    found = ratios(row, name)
    return "" if found is None else f"{found[1]:.1f} ×"


def kept(row: Row, part: Section) -> list[str]:
    """What the page promised, and whether it is so."""
    lines = []
    for label, name in part.lines:
        found = ratios(row, name)
        verdict = judged(found, part.faster, at_least=True)
        lines.append(f"{label} / Chakra: {_shown(found)}, promised {part.promise}: {verdict}")
    for label, name in part.raws:
        found = ratios(row, "chakra", name)
        verdict = judged(found, part.raw)
        lines.append(f"Chakra / {label}: {_shown(found)}, promised {part.raw:g} ×: {verdict}")
    return lines


def _shown(found: tuple[float, float] | None) -> str:
    return "—" if found is None else f"{times(found[0])} ({number(found[1])})"


TIMES_NOTE = "Median ± half the width of the middle half of the blocks; × = so many times Chakra's time."


@dataclass(frozen=True)
class Weight:
    """A line of *Memory Efficiency*: contender → the name of its timing is ``{contender}{suffix}``."""

    metric: str
    row: str
    suffix: str
    promised: float
    said: str


WEIGHTS = (
    Weight("Memory per connection", "connection_memory", ", connection, resident", 50_000, "~50 KB"),
    Weight("… of it from Python", "connection_memory", ", connection", 50_000, "~50 KB"),
    Weight("Object overhead", "object_memory", "", 200, "~200 bytes"),
    Weight("Query builder memory", "connection_memory", ", query", 500, "~0.5 KB"),
)

WEIGHED = ("SQLAlchemy", "Django", "Tortoise", "Piccolo", "yara-orm", "oxyde")


def memory(summary: Summary) -> Grid:
    """*Memory Efficiency*."""

    def taken(weight: Weight, name: str) -> Measured | None:
        row = summary.row(weight.row)
        return None if row is None else row.times.get(name + weight.suffix)

    names = [name for name in WEIGHED if any(taken(weight, name) is not None for weight in WEIGHTS)]
    grid = Grid(("Metric", *names, "Chakra ORM", "Target", "verdict"), right=range(1, len(names) + 2))
    for weight in WEIGHTS:
        ours = taken(weight, "chakra")
        found = [taken(weight, name) for name in (*names, "chakra")]
        grid.rows.append(
            (
                weight.metric,
                *("—" if one is None else size(one.minimum) for one in found),
                weight.said,
                judged(None if ours is None else (ours.minimum, ours.median), weight.promised),
            )
        )
    return grid


MEMORY_NOTE = (
    "A connection: growth of the process's resident memory for each of twenty, and what of it Python allocates "
    "(psycopg keeps its buffers in libpq, which only the first counts). An object: seven columns, values not "
    "counted. A query: two conditions, an order and a limit, nothing built of it yet."
)

Block = Callable[[Summary], str]


def _targets_block(summary: Summary) -> str:
    where = [f"Measured on {run.told()}" for run in summary.runs]
    return "\n\n".join([targets(summary).markdown(), TARGETS_NOTE, *where])


def _times_block(part: Section) -> Block:
    return lambda summary: f"{fenced(section(summary, part))}\n\n{TIMES_NOTE}"


BLOCKS: dict[str, tuple[str, Block]] = {
    "targets": ("Performance Targets", _targets_block),
    "simple-query": (SIMPLE.title, _times_block(SIMPLE)),
    "bulk-fetch": (FETCH.title, _times_block(FETCH)),
    "insert": (INSERT.title, _times_block(INSERT)),
    "memory": ("Memory Efficiency", lambda summary: f"{memory(summary).markdown()}\n\n{MEMORY_NOTE}"),
}
"""Name of a block → title of its section, and its Markdown."""

__all__ = ["BLOCKS", "MEMORY_NOTE", "SECTIONS", "TARGETS_NOTE", "TIMES_NOTE", "memory", "section", "targets"]
