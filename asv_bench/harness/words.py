"""Numbers, times and sizes as a reader would write them, and tables that a console and a page show alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.table import Table
from rich.text import Text

STYLES = {
    "met": "green",
    "promised": "yellow",
    "MISSED": "bold red",
    "unclear": "magenta",
    "not measured": "dim",
}


def number(value: float) -> str:
    """Three digits that count."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Seconds in the unit a reader would choose."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if abs(seconds) * scale >= 1:
            return f"{number(seconds * scale)} {unit}"
    return f"{number(seconds * 1e9)} ns"


def size(count: float) -> str:
    """Bytes in the unit a reader would choose."""
    for unit, scale in (("MB", 1e6), ("KB", 1e3)):
        if abs(count) >= scale:
            return f"{number(count / scale)} {unit}"
    return f"{number(count)} bytes"


def times(ratio: float) -> str:
    """``3.2 ×``."""
    return f"{number(ratio)} ×"


def fenced(text: str) -> str:
    """Text as a block of code."""
    return f"```text\n{text}\n```"


@dataclass
class Grid:
    """A table.

    Attributes:
        right: columns whose cells are numbers.
    """

    headers: tuple[str, ...]
    right: Iterable[int] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def markdown(self) -> str:
        """For a page; what was missed stands out."""
        right = set(self.right)
        rule = "|".join("---:" if column in right else "---" for column in range(len(self.headers)))
        lines = [f"| {' | '.join(self.headers)} |", f"|{rule}|"]
        for row in self.rows:
            lines.append(f"| {' | '.join('**missed**' if cell == 'MISSED' else cell for cell in row)} |")
        return "\n".join(lines)

    def table(self, title: str) -> Table:
        """For a console."""
        table = Table(title=title, title_justify="left")
        right = set(self.right)
        for column, header in enumerate(self.headers):
            table.add_column(header, justify="right" if column in right else "left")
        for row in self.rows:
            table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
        return table


__all__ = ["STYLES", "Grid", "duration", "fenced", "number", "size", "times"]
