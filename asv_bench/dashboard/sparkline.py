"""The course of one figure as inline SVG: a line of the minima, a paler one of the medians, the goal across."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from asv_bench.harness.target import Goal

WIDTH, HEIGHT, MARGIN = 220, 44, 5

ROOM_FOR_GOAL = 3.0
"""The goal is drawn if it makes the picture this much higher at most; else all of the line would be flat."""

ROOM_FOR_MEDIANS = 2.0
"""Likewise for medians; those of a busy hour end at the edge."""


@dataclass(frozen=True)
class Point:
    """A figure of one commit.

    Attributes:
        place: number of the commit among all of them; those that did not measure it leave a gap.
        minimum: in the goal's unit.
        median: likewise.
        verdict: against today's goal.
        text: what is shown of the point when somebody asks.
    """

    place: int
    minimum: float
    median: float
    verdict: str
    text: str


def sparkline(points: Sequence[Point], places: int, goal: Goal, label: str) -> str:
    """An ``<svg>`` of the points on an axis with as many places; colours are the page's."""
    low, high, goal_fits = _range(points, goal)

    def x(place: int) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * place / max(places - 1, 1)

    def y(value: float) -> float:
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (min(max(value, low), high) - low) / (high - low)

    def line(name: str, values: list[tuple[int, float]]) -> Iterator[str]:
        for part in _unbroken(values):
            coordinates = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in part)
            yield f'<polyline class="{name}" points="{coordinates}"/>'

    drawn = []
    if goal_fits:
        level = f"{y(goal.limit):.1f}"
        drawn.append(f'<line class="goal" x1="0" x2="{WIDTH}" y1="{level}" y2="{level}"/>')
    drawn += line("median", [(point.place, point.median) for point in points])
    drawn += line("minimum", [(point.place, point.minimum) for point in points])
    drawn += [
        f'<circle class="{point.verdict.replace(" ", "-").lower()}" cx="{x(point.place):.1f}" '
        f'cy="{y(point.minimum):.1f}" r="3"><title>{escape(point.text)}</title></circle>'
        for point in points
    ]
    return (
        f'<svg class="sparkline" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        + "".join(drawn)
        + "</svg>"
    )


def _range(points: Sequence[Point], goal: Goal) -> tuple[float, float, bool]:
    minima, medians = [point.minimum for point in points], [point.median for point in points]
    low, high = min(minima), max(minima)
    # A line that changes by less than a tenth of its height is shown as nearly flat, not as mountains of noise.
    least = max(abs(high), abs(low)) * 0.1 or 1.0
    if high - low < least:
        low, high = (low + high - least) / 2, (low + high + least) / 2
    room = (ROOM_FOR_MEDIANS - 1) * (high - low)
    low, high = max(min(low, *medians), low - room), min(max(high, *medians), high + room)
    with_goal = (min(low, goal.limit), max(high, goal.limit))
    if with_goal[1] - with_goal[0] <= ROOM_FOR_GOAL * (high - low):
        return *with_goal, True
    return low, high, False


def _unbroken(values: list[tuple[int, float]]) -> Iterator[list[tuple[int, float]]]:
    part: list[tuple[int, float]] = []
    for value in values:
        if part and value[0] != part[-1][0] + 1:
            yield part
            part = []
        part.append(value)
    if part:
        yield part
