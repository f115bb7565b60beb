"""Outcomes as text: one table of all figures, and below it the times behind them."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from asv_bench.harness.target import Figure, Outcome
from asv_bench.harness.targets.memory import Memory
from asv_bench.harness.targets.operations import OURS as LEADER
from asv_bench.harness.targets.operations import EveryOperation, by_line, means
from asv_bench.harness.targets.types import BESIDE, GOALS, PEER, READ, WRITE, ByType
from asv_bench.harness.words import STYLES, duration, number, size

OURS = ("chakra-orm", "asyncpg", "numba", "numpy", "pyarrow")


def cells(figure: Figure) -> tuple[str, str]:
    """The figure from the minima, and its median."""
    if figure.value is None:
        return "—", "—"
    unit = f" {figure.goal.unit}".rstrip()
    return tuple(  # type: ignore[return-value]
        number(figure.shown(value)) + unit for value in (figure.value.minimum, figure.value.median)
    )


def figures_table(outcomes: Iterable[Outcome]) -> Table:
    """Target, goal, figure, verdict."""
    table = Table(title="Figures", title_justify="left")
    table.add_column("#", justify="right")
    for header in ("target", "figure", "goal"):
        table.add_column(header)
    for header in ("minimum", "median"):
        table.add_column(header, justify="right")
    table.add_column("verdict")
    for outcome in outcomes:
        target = outcome.target
        for position, figure in enumerate(outcome.figures):
            table.add_row(
                "" if position else str(target.number),
                "" if position else target.title,
                figure.goal.what,
                str(figure.goal),
                *cells(figure),
                f"[{STYLES[figure.verdict]}]{figure.verdict}[/]",
                end_section=position == len(outcome.figures) - 1,
            )
    return table


def times_table(outcome: Outcome) -> Table:
    """The contenders of one target, fastest first."""
    measure = size if isinstance(outcome.target, Memory) else duration
    table = Table(title=f"{outcome.target.number}. {outcome.target.title}", title_justify="left")
    table.add_column("contender")
    for header in ("minimum", "median", "blocks", "by chakra"):
        table.add_column(header, justify="right")
    ours = outcome.timings.get("chakra")
    for timing in sorted(outcome.timings.values(), key=lambda timing: timing.minimum):
        table.add_row(
            f"[bold]{timing.name}[/]" if timing.name.startswith("chakra") else timing.name,
            measure(timing.minimum),
            measure(timing.median),
            str(len(timing.samples)),
            f"{timing.minimum / ours.minimum:.2f} ×" if ours else "",
        )
    return table


def lines_table(outcome: Outcome) -> Table:
    """The lines of row 20: Chakra's time, and how many times as long the others take."""
    lines = by_line(outcome.timings)
    others = list(dict.fromkeys(name for line in lines.values() for name in line if name != LEADER))
    table = Table(title=f"{outcome.target.number}. {outcome.target.title}", title_justify="left")
    table.add_column("line")
    for header in ("chakra", *others):
        table.add_column(header, justify="right")
    for position, (id, line) in enumerate(lines.items()):
        model, following = id.partition(",")[0], list(lines)[position + 1 :]
        table.add_row(
            id,
            duration(line[LEADER].minimum),
            *(_times(line.ratio(name, LEADER).minimum) if name in line else "—" for name in others),
            end_section=not following or following[0].partition(",")[0] != model,
        )
    mean = means(list(lines.values()))
    table.add_row("geometric mean", "", *(_times(mean[name].minimum) for name in others))
    return table


def types_table(outcome: Outcome) -> Table:
    """The lines of row 22: both ways of each type, by what is beside them."""
    lines = by_line(outcome.timings)
    table = Table(title=f"{outcome.target.number}. {outcome.target.title}", title_justify="left")
    table.add_column("type")
    for header in ("to_arrow", "of the drain", "ADBC", "bulk_insert", "of ready bytes", "ADBC"):
        table.add_column(header, justify="right")
    for id in dict.fromkeys(line.partition(", ")[2] for line in lines):
        cells = []
        for way in (READ, WRITE):
            line = lines[f"{way}, {id}"]
            ratio = line.ratio(LEADER, BESIDE[way])
            text = f"{ratio.minimum:.2f} ({ratio.median:.2f})"
            cells += [
                duration(line[LEADER].minimum),
                text if ratio.minimum <= GOALS[way] else f"[bold red]{text}[/]",
                _times(line.ratio(PEER, LEADER).minimum) if PEER in line else "—",
            ]
        table.add_row(id, *cells)
    return table


def _times(ratio: float) -> str:
    return f"{ratio:.2f} ×" if ratio >= 1 else f"[bold red]{ratio:.2f} ×[/]"


def print_outcome(console: Console, outcome: Outcome) -> None:
    """The times of one target and what to know about them."""
    if isinstance(outcome.target, EveryOperation):
        console.print(lines_table(outcome))
    elif isinstance(outcome.target, ByType):
        console.print(types_table(outcome))
    elif outcome.timings:
        console.print(times_table(outcome))
    for note in outcome.notes:
        console.print(f"  [dim]{note}[/]")
    console.print()


def machine() -> str:
    """Processor, cores, system and Python."""
    model = ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        model = f"{len(names)} × {names[0]}" if names else ""
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{model or platform.machine()}, {system}"


def versions(names: Sequence[str] = OURS) -> str:
    """Versions of what Chakra is made of."""
    return ", ".join(f"{name} {metadata.version(name)}" for name in names)


def as_json(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Everything that was measured, for other programs."""
    return [
        {
            "row": outcome.target.number,
            "target": outcome.target.id,
            "figures": [
                {
                    "id": figure.goal.id,
                    "what": figure.goal.what,
                    "goal": str(figure.goal),
                    "minimum": None if figure.value is None else figure.shown(figure.value.minimum),
                    "median": None if figure.value is None else figure.shown(figure.value.median),
                    "verdict": figure.verdict,
                }
                for figure in outcome.figures
            ],
            "samples": {name: timing.samples for name, timing in outcome.timings.items()},
            "notes": outcome.notes,
        }
        for outcome in outcomes
    ]
