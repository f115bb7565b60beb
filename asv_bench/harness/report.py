"""`bench.md`: everything a run found, as a page of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from asv_bench.harness.compare import FLOORS, OURS, in_lines, is_ours, lines_of, partner, split, wins
from asv_bench.harness.page import BLOCKS
from asv_bench.harness.summary import Held, Row, Summary
from asv_bench.harness.words import Grid, duration, fenced, number, size, times

SIZED = {"object_memory", "connection_memory", "column_memory"}
"""Rows whose numbers are bytes."""


def shown(row: Row, value: float) -> str:
    """A number of a row in its unit."""
    return size(value) if row.id in SIZED else duration(value)


def of(held: Held) -> tuple[str, str]:
    """Minimum and median of a figure with its unit."""
    unit = f" {held.unit}".rstrip()
    return tuple(  # type: ignore[return-value]
        "—" if value is None else number(value) + unit for value in (held.minimum, held.median)
    )


def figures(summary: Summary) -> Grid:
    """Every goal and what came of it."""
    grid = Grid(("#", "target", "figure", "goal", "minimum", "median", "verdict"), right=(0, 4, 5))
    for row in summary.rows:
        for position, held in enumerate(row.figures):
            first = ("", "") if position else (str(row.number), row.title)
            grid.rows.append((*first, held.what, held.goal, *of(held), held.verdict))
    return grid


def contenders(row: Row) -> Grid:
    """The times of a row, fastest first."""
    grid = Grid(("contender", "minimum", "median", "±", "blocks", "by Chakra's"), right=(1, 2, 3, 4, 5))
    for name, taken in sorted(row.times.items(), key=lambda item: item[1].minimum):
        ours = OURS if is_ours(name) and OURS in row.times else partner(name, row)
        grid.rows.append(
            (
                f"**{name}**" if is_ours(name) else name,
                *(shown(row, value) for value in (taken.minimum, taken.median, taken.spread)),
                str(taken.blocks),
                "" if ours is None else times(taken.minimum / row.times[ours].minimum),
            )
        )
    return grid


def lines(row: Row) -> Grid:
    """A row of many lines: Chakra's time, and how many times as long the others take."""
    found = lines_of(row)
    ours = list(dict.fromkeys(name for line in found.values() for name in line if name.startswith(OURS)))
    others = list(
        dict.fromkeys(name for line in found.values() for name in line if not name.startswith(OURS))
    )
    grid = Grid(("line", *ours, *others), right=range(1, 1 + len(ours) + len(others)))
    for line, names in found.items():
        cells = [duration(row.times[names[name]].minimum) if name in names else "—" for name in ours]
        for name in others:
            beside = partner(names[name], row) if name in names else None
            ratio = None if beside is None else row.times[names[name]].minimum / row.times[beside].minimum
            behind = ratio is not None and ratio < 1 and name not in FLOORS
            cells.append("—" if ratio is None else f"**{times(ratio)}**" if behind else times(ratio))
        grid.rows.append((line, *cells))
    return grid


def where_peers_win(summary: Summary) -> list[str]:
    """A sentence for each row in which somebody else is ahead."""
    found: dict[str, list[str]] = {}
    for win in wins(summary):
        line, name = split(win.name)
        said = f"{name} ({line})" if line else name
        found.setdefault(f"{win.row.number}, {win.row.title}", []).append(f"{said} {times(win.times)}")
    return [f"{row}: {', '.join(names)}" for row, names in found.items()]


def missed(summary: Summary) -> list[str]:
    """A sentence for each goal that is not met."""
    return [
        f"{row.number}, {row.title}: {held.what} {of(held)[0]} ({of(held)[1]}), goal {held.goal}"
        + ("" if held.verdict == "MISSED" else f" ({held.verdict})")
        for row in summary.rows
        for held in row.figures
        if held.verdict in ("MISSED", "unclear")
    ]


def _list(items: Iterable[str], empty: str) -> str:
    return "\n".join(f"- {item}" for item in items) or empty


def _row(row: Row) -> str:
    parts = [f"### {row.number}. {row.title}"]
    if row.failed:
        return f"{parts[0]}\n\nfailed: {row.failed}"
    if row.asked:
        parts.append(row.asked)
    if row.sql:
        parts.append("```sql\n" + ";\n".join(row.sql) + "\n```")
    if row.times:
        parts.append((lines(row) if in_lines(row) else contenders(row)).markdown())
    if row.notes:
        parts.append(_list(row.notes, ""))
    return "\n\n".join(parts)


def report(summary: Summary, charts: Sequence[str]) -> str:
    """The whole page.

    Args:
        charts: names of picture files beside it.
    """
    parts = ["# What was measured", *(run.told() for run in summary.runs)]
    for run in summary.runs:
        parts.append(
            _list([f"{name}: {versions}" for name, versions in run.peers.items()], "No other library.")
        )
    if any(run.size == "tiny" for run in summary.runs):
        parts.append("**Size tiny: this only shows that everything runs; the figures mean nothing.**")
    parts += ["## Figures", figures(summary).markdown()]
    parts += ["## The page that promised them"]
    for title, block in BLOCKS.values():
        parts += [f"### {title}", block(summary)]
    parts += [f"![{name.partition('.')[0]}]({name})" for name in charts]
    parts += ["## Where somebody else is ahead", _list(where_peers_win(summary), "Nowhere.")]
    parts += ["## Goals not met", _list(missed(summary), "None.")]
    left_out = [f"{name}: {why}" for run in summary.runs for name, why in run.left_out.items()]
    left_out += [f"{row.number}, {row.title}: {row.failed}" for row in summary.rows if row.failed]
    parts += ["## What was left out", _list(left_out, "Nothing.")]
    parts += ["## Times", *map(_row, summary.rows)]
    return "\n\n".join(parts) + "\n"


__all__ = [
    "contenders",
    "figures",
    "fenced",
    "lines",
    "missed",
    "of",
    "report",
    "shown",
    "where_peers_win",
]
