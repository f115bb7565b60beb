"""The start page: every goal with its latest figure, its verdict and its course; then the commits behind them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from asv_bench.dashboard.asv_site import benchmark_name
from asv_bench.dashboard.sparkline import Point, sparkline
from asv_bench.dashboard.style import STYLE
from asv_bench.harness.target import Figure, Goal, Target
from asv_bench.harness.targets import TARGETS
from asv_bench.history.store import Entry

VERDICTS = {
    "met": "minimum and median are on the right side of the goal",
    "promised": "users were promised less, and that is kept; the goal is not reached",
    "unclear": "minimum and median do not agree: the machine was too busy",
    "missed": "minimum and median are on the wrong side",
}

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Chakra: goals and their history</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
"""


def number(value: float) -> str:
    """Three digits that count."""
    return "0" if value == 0 else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def shown(figure: Figure, unit: bool = True) -> tuple[str, str]:
    """Minimum and median of a figure that was measured, in its goal's unit."""
    assert figure.value is not None
    tail = f" {figure.goal.unit}".rstrip() if unit else ""
    minimum, median = (number(figure.shown(value)) for value in (figure.value.minimum, figure.value.median))
    return minimum + tail, median + tail


def start_page(entries: Sequence[Entry], *, asv: bool) -> str:
    """The page as text.

    Args:
        entries: oldest first; those of the machine that measured last make the table.
        asv: whether asv's site is beside the page, in ``asv/``.
    """
    newest = max(entries, key=lambda entry: (entry.date, entry.measured))
    series = [entry for entry in entries if entry.machine == newest.machine]
    rows, absent, verdicts = [], [], []
    for target in TARGETS:
        for goal in target.goals:
            points = _points(target, goal, series)
            latest = newest.find(target, goal)
            if latest is None and not points:
                absent.append((target, goal))
                continue
            verdicts.append("not measured" if latest is None else latest.verdict.lower())
            rows.append(_row(target, goal, latest, points, len(series), asv))
    return "\n".join(
        [
            HEAD.format(style=STYLE),
            "<body>",
            _intro(newest, series, verdicts, asv),
            '<main><table class="goals"><thead><tr><th>Row</th><th>What</th><th>Goal</th><th>Latest</th>'
            "<th>Verdict</th><th>History</th></tr></thead><tbody>",
            *rows,
            "</tbody></table>",
            _legend(),
            _absent(absent),
            _commits(entries),
            _retired(entries),
            "</main></body></html>",
            "",
        ]
    )


def _points(target: type[Target], goal: Goal, series: Sequence[Entry]) -> list[Point]:
    points = []
    for place, entry in enumerate(series):
        figure = entry.find(target, goal)
        if figure is None or figure.value is None:
            continue
        minimum, median = shown(figure)
        verdict = figure.verdict.lower()
        text = f"{entry.commit[:8]}, {entry.date:%d %B %Y %H:%M}: {minimum} (median {median}), {verdict}"
        values = (figure.shown(figure.value.minimum), figure.shown(figure.value.median))
        points.append(Point(place, *values, verdict, text))
    return points


def _row(
    target: type[Target], goal: Goal, latest: Figure | None, points: list[Point], places: int, asv: bool
) -> str:
    name = benchmark_name(target, goal)
    if latest is None:
        cells, verdict = "—", "not measured"
    else:
        minimum, median = shown(latest)
        cells, verdict = f"<b>{minimum}</b> <small>median {median}</small>", latest.verdict.lower()
    what = f"<b>{escape(target.title)}</b><br>{escape(goal.what)}"
    label = f"{target.title}, {goal.what}: {len(points)} commits"
    picture = sparkline(points, places, goal, label)
    if asv and points:
        picture = f'<a href="asv/index.html#{name}" title="all of it in asv">{picture}</a>'
    return (
        f'<tr id="{target.id}-{goal.id}"><td class="row">{target.number}</td><td class="what">{what}</td>'
        f'<td class="limit">{escape(str(goal))}</td><td class="latest">{cells}</td>'
        f'<td><span class="verdict {verdict.replace(" ", "-")}">{verdict}</span></td>'
        f'<td class="course">{picture}</td></tr>'
    )


def _intro(newest: Entry, series: Sequence[Entry], verdicts: Sequence[str], asv: bool) -> str:
    counted = [
        f'<li><span class="verdict {name.replace(" ", "-")}">{verdicts.count(name)} {name}</span></li>'
        for name in (*VERDICTS, "not measured")
        if name in verdicts
    ]
    beside = (
        '<a href="asv/index.html">asv’s pages of the same figures</a>'
        if asv
        else ("asv’s own pages are not here: it was not installed when this page was built")
    )
    return (
        "<header><h1>Chakra: goals and their history</h1>"
        f"<p>{len(series)} commits on one machine ({escape(newest.about)}; {escape(newest.versions)}), the last of "
        f"them <code>{newest.commit[:8]}</code> of {newest.date:%d %B %Y}. Each was measured by the benchmark harness "
        "<em>it came with</em>, without other libraries: where a line jumps, the harness may be what changed. Times of "
        "day and neighbours on the machine move figures by some percent; minimum and median have to agree. "
        f'{beside}.</p><ul class="counts">{"".join(counted)}</ul></header>'
    )


def _legend() -> str:
    said = "".join(
        f'<li><span class="verdict {name}">{name}</span> {what}</li>' for name, what in VERDICTS.items()
    )
    return (
        f'<section><h2>How to read it</h2><ul class="legend">{said}</ul><p>In a history the line is the minimum, the '
        "pale line the median, dashes are today’s goal where it is near. A point has the colour of its verdict against "
        "today’s goal, and says its commit when the pointer rests on it. A line that begins late is a benchmark that "
        "was not there before.</p></section>"
    )


def _absent(absent: Sequence[tuple[type[Target], Goal]]) -> str:
    lines = "".join(
        f"<li>{target.number}. {escape(target.title)}: {escape(goal.what)}, {escape(str(goal))}</li>"
        for target, goal in absent
    )
    return (
        "<section><h2>Goals without a history</h2><details><summary>"
        f"{len(absent)} figures need other libraries or minutes each; <code>make bench</code> measures them</summary>"
        f"<ul>{lines}</ul></details></section>"
        if absent
        else ""
    )


def _commits(entries: Sequence[Entry]) -> str:
    lines = "".join(
        f"<tr><td><code>{entry.commit[:8]}</code></td><td>{entry.date:%d %b %Y %H:%M}</td>"
        f"<td>{escape(entry.title)}</td><td>{len(entry.figures)}</td><td>{escape(entry.machine)}<br><small>{escape(entry.note)}</small></td></tr>"
        for entry in reversed(entries)
    )
    return (
        '<section><h2>Commits</h2><div class="wide"><table class="commits"><thead><tr><th>Commit</th><th>Date</th>'
        f"<th>Title</th><th>Figures</th><th>Machine</th></tr></thead><tbody>{lines}</tbody></table></div></section>"
    )


def _retired(entries: Sequence[Entry]) -> str:
    known = {(target.id, goal.id) for target in TARGETS for goal in target.goals}
    gone = {(f.target, f.id) for entry in entries for f in entry.figures} - known
    if not gone:
        return ""
    names = ", ".join(f"<code>{target}.{id}</code>" for target, id in sorted(gone))
    return (
        "<section><h2>Figures that are no longer there</h2>"
        f"<p>Measured by older commits, goals of nobody today: {names}.</p></section>"
    )
