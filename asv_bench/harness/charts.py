"""Pictures of a summary: bars beside peers, growth over rows, percentiles over tasks. Needs matplotlib."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from asv_bench.harness.compare import FLOORS, OURS, is_ours, lines_of
from asv_bench.harness.summary import Summary
from asv_bench.harness.words import duration, number, size, times

CHAKRA, PEER, FLOOR = "#e64a19", "#90a4ae", "#cfd8dc"
"""Ours, other libraries, and what does less than is asked."""

LINES = ("#e64a19", "#37474f", "#5c6bc0", "#00897b", "#8d6e63", "#ab47bc")
PANEL, ACROSS, BAR = 4.2, 2, 0.27
"""Inches: width of a panel, panels beside each other (a page of text has room for two), inches: height of a bar."""

NAMED = 3
"""Types that are named: the worst ones."""

USERS = {"full": 1_000_000, "quick": 1_000_000, "tiny": 2_000}
"""Rows of ``users`` by size."""


@dataclass(frozen=True)
class Panel:
    """One axis of a chart.

    Attributes:
        read: what is to be shown of a summary; empty if there is nothing.
        paint: shows it.
        bars: whether it is bars, whose number gives it its height.
    """

    title: str
    read: Callable[[Summary], Mapping[str, Any]]
    paint: Callable[[Any, Mapping[str, Any]], None]
    bars: bool = True


def bars(id: str, title: str, *, suffix: str = "", only: Callable[[str], bool] = lambda _: True) -> Panel:
    """The contenders of a row; with ``suffix`` those whose names end so, called without it."""

    def read(summary: Summary) -> dict[str, float]:
        row = summary.row(id)
        return {
            name.removesuffix(suffix): taken.minimum
            for name, taken in (row.times.items() if row is not None else ())
            if name.endswith(suffix) and only(name)
        }

    said = size if "memory" in id else duration
    return Panel(title, read, lambda axis, found: _bars(axis, found, said))


def _bars(axis: Any, found: Mapping[str, float], said: Callable[[float], str]) -> None:
    names = sorted(found, key=lambda name: found[name], reverse=True)
    colours = [CHAKRA if is_ours(n) else FLOOR if n in FLOORS else PEER for n in names]
    drawn = axis.barh(names, [found[name] for name in names], color=colours, height=0.72)
    axis.bar_label(drawn, [said(found[name]) for name in names], padding=3, fontsize=8)
    axis.margins(x=0.24)
    axis.xaxis.set_visible(False)
    axis.tick_params(axis="y", length=0, labelsize=8)
    axis.spines[:].set_visible(False)
    for label, name in zip(axis.get_yticklabels(), names, strict=True):
        if is_ours(name):
            label.set_fontweight("bold")


def _plain(name: str) -> bool:
    return "," not in name or name.startswith(("asyncpg", "polars"))


Points = list[tuple[float, float]]


def _growth(summary: Summary) -> dict[str, Points]:
    """Nanoseconds per row by the number of rows."""
    row = summary.row("growth")
    found: dict[str, Points] = {}
    for name, taken in row.times.items() if row is not None else ():
        users = USERS[summary.runs[row.run].size]  # type: ignore[union-attr]
        part = re.search(r"([\d/]+) × the rows", name)
        rows = users * Fraction(part[1]) if part else Fraction(users)
        label = "arrow_batches" if "stream" in name else "to_arrow"
        found.setdefault(label, []).append((float(rows), taken.minimum / float(rows) * 1e9))
    return found


def _grows(axis: Any, found: Mapping[str, Points]) -> None:
    for (label, points), colour in zip(found.items(), LINES, strict=False):
        axis.plot(*zip(*sorted(points), strict=True), marker="o", color=colour, label=label)
        above = 7 if label == "to_arrow" else -14
        for x, y in points:
            axis.annotate(number(y), (x, y), (0, above), textcoords="offset points", ha="center", fontsize=8)
    axis.set_xscale("log")
    axis.set_ylim(0, max(y for points in found.values() for _, y in points) * 1.25)
    _labelled(axis, "rows", "ns a row")


def percentile(what: str, title: str) -> Panel:
    """A percentile, or the time per read, over the number of tasks."""

    def read(summary: Summary) -> dict[str, Points]:
        row = summary.row("load")
        found: dict[str, Points] = {}
        for name, taken in row.times.items() if row is not None else ():
            part = re.fullmatch(r"(.+), ([\d,]+) tasks?(?:, (p\d+))?", name)
            if part and (part[3] or "") == what:
                point = (float(part[2].replace(",", "")), taken.median * 1e3)
                found.setdefault(part[1], []).append(point)
        return found

    return Panel(title, read, _percentiles, bars=False)


def _percentiles(axis: Any, found: Mapping[str, Points]) -> None:
    from matplotlib.ticker import LogLocator

    for (label, points), colour in zip(found.items(), LINES, strict=False):
        width = 2.4 if label == OURS else 1.4
        axis.plot(*zip(*sorted(points), strict=True), "o-", color=colour, label=label, lw=width, ms=4)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(top=axis.get_ylim()[1] * 3)  # room for the names
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(lambda value, _: number(value))
    _labelled(axis, "tasks at once", "ms")


def _labelled(axis: Any, across: str, up: str) -> None:
    axis.minorticks_off()
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axis.set_xlabel(across, fontsize=8)
    axis.set_ylabel(up, fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(color="#eceff1")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=8, framealpha=0.8, edgecolor="none")


def operations(kind: str, title: str) -> Panel:
    """Geometric means of the lines of one kind: how many times as long as Chakra the others take."""

    def read(summary: Summary) -> dict[str, float]:
        row = summary.row("operations")
        logs: dict[str, list[float]] = {}
        for line, names in lines_of(row).items() if row is not None else ():
            for name, timed in names.items() if line.startswith(kind) else ():
                ratio = row.times[timed].minimum / row.times[names[OURS]].minimum  # type: ignore[union-attr]
                logs.setdefault(name, []).append(math.log(ratio))
        return {name: math.exp(sum(values) / len(values)) for name, values in logs.items()}

    return Panel(title, read, lambda axis, found: _bars(axis, found, times))


def by_type(way: str, beside: str, goal: float, title: str) -> Panel:
    """Chakra's time of each type by that of its floor, in the order of the ratios."""

    def read(summary: Summary) -> dict[str, float]:
        row = summary.row("types")
        ratios = {
            line.removeprefix(f"{way}, "): row.times[names[OURS]].minimum / row.times[names[beside]].minimum  # type: ignore[union-attr]
            for line, names in (lines_of(row).items() if row is not None else ())
            if line.startswith(f"{way}, ") and beside in names
        }
        return dict(sorted(ratios.items(), key=lambda item: item[1]))

    def paint(axis: Any, found: Mapping[str, float]) -> None:
        places = range(1, len(found) + 1)
        axis.scatter(
            places, found.values(), color=[PEER if r <= goal else CHAKRA for r in found.values()], s=12
        )
        axis.axhline(goal, color=FLOOR, linewidth=1, label=f"goal {goal:g}")
        worst = list(found.items())[-NAMED:]
        axis.plot(
            [],
            [],
            " ",
            label="worst: " + ", ".join(f"{name} {times(ratio)}" for name, ratio in reversed(worst)),
        )
        axis.set_ylim(0, max(*found.values(), goal) * 1.25)
        _labelled(axis, "types, by their ratio", f"× {beside}")

    return Panel(title, read, paint, bars=False)


CHARTS: dict[str, tuple[str, tuple[Panel, ...]]] = {
    "sections": (
        "Rows: read and written",
        (
            bars("get", "objects.get(id=…)"),
            bars("instances", "10,000 instances"),
            bars("create", "create(…), one row"),
            bars("insert_whole", "1,000 rows inserted, objects made too"),
        ),
    ),
    "writing": (
        "Instances that were made before, written",
        (
            bars("bulk_create", "10,000, keys filled in"),
            bars("insert_1000", "1,000, keys filled in"),
        ),
    ),
    "relations": (
        "Rows with what stands behind their relations",
        (
            bars("select_related", "10,000 rows and 1,000 partners, one JOIN"),
            bars("prefetch_related", "1,000 rows, ten partners each"),
            bars("prefetch_many", "the same over a table between"),
        ),
    ),
    "building": (
        "Before anything is sent",
        (
            bars("build", "a query to SQL, shape known", only=_plain),
            bars("acquire", "a connection borrowed and given back"),
            bars("import", "import in a new process"),
        ),
    ),
    "columns": (
        "Columns: a million users, 1.2 million lineitems",
        (
            bars("to_arrow", "to_arrow, users"),
            bars("to_arrow_lineitem", "to_arrow, lineitem"),
            bars("to_polars", "to_polars, users"),
            bars("bulk_insert", "bulk_insert of an Arrow table"),
        ),
    ),
    "memory": (
        "Memory",
        (
            bars("object_memory", "an object of seven columns, without values"),
            bars("connection_memory", "a connection of the pool", suffix=", connection, resident"),
            bars("connection_memory", "a query, nothing built yet", suffix=", query"),
            bars("column_memory", "peak of a million rows as columns"),
        ),
    ),
    "operations": (
        "Operations of other ORMs' benchmarks: geometric means by Chakra's time",
        (
            operations("small", "A to K, small model"),
            operations("related", "A to K, with relations"),
            operations("large", "A to K, large model"),
            operations("items", "yara-orm's own nine"),
        ),
    ),
    "types": (
        "Columns by type",
        (
            by_type("read", "the drain", 1.15, "to_arrow, a column of each type"),
            by_type("write", "COPY of ready bytes", 1.25, "bulk_insert, a column of each type"),
        ),
    ),
    "growth": ("Growth", (Panel("to_arrow: time per row as results grow", _growth, _grows, bars=False),)),
    "load": (
        "get in many tasks at once, ten connections",
        (
            percentile("", "time per read"),
            percentile("p50", "50th percentile"),
            percentile("p99", "99th percentile"),
        ),
    ),
}
"""Name of a file → its title and its panels."""


def draw(summary: Summary, folder: Path, kind: str = "png", stamp: str = "") -> list[str]:
    """Write all charts that there is something to show in; return the names of the files.

    Args:
        kind: of file, ``png`` or ``svg``.
        stamp: kept in the file, to tell what it was made of.
    """
    import matplotlib as mpl

    mpl.use("agg")
    options = {"svg.fonttype": "none", "svg.hashsalt": "chakra", "font.family": "sans-serif"}
    with mpl.rc_context(options):
        return list(_written(summary, folder, kind, stamp))


def _written(summary: Summary, folder: Path, kind: str, stamp: str) -> Iterator[str]:
    from matplotlib import pyplot as plt

    for name, (title, panels) in CHARTS.items():
        shown = [(panel, found) for panel in panels if (found := panel.read(summary))]
        if not shown:
            continue
        across = min(len(shown), ACROSS)
        down = math.ceil(len(shown) / across)
        tallest = max(len(found) if panel.bars else 8 for panel, found in shown)
        figure, axes = plt.subplots(
            down,
            across,
            figsize=(PANEL * max(across, 1.4), down * (1.0 + BAR * tallest)),
            squeeze=False,
            layout="constrained",
        )
        figure.suptitle(title, fontsize=12, x=0.01, ha="left")
        for axis, (panel, found) in zip(axes.flat, shown, strict=False):
            axis.set_title(panel.title, fontsize=10, loc="left")
            panel.paint(axis, found)
            if panel.bars:  # as high as those of the panel that has most of them
                axis.set_ylim(len(found) - 0.4 - tallest, len(found) - 0.4)
        for axis in axes.flat[len(shown) :]:
            axis.remove()
        path = folder / f"{name}.{kind}"
        described = {"Description": stamp, "Date": None} if kind == "svg" else {"Description": stamp}
        figure.savefig(path, dpi=110, metadata=described)
        plt.close(figure)
        yield path.name


__all__ = ["CHARTS", "draw"]
