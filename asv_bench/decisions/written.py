"""Parts of a page that a script writes: ``<!-- written by asv_bench/decisions/NAME.py: PART -->`` to ``<!-- until here -->``."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from asv_bench.harness.table import machine, versions

DOCS = Path(__file__).parents[2] / "docs"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A Markdown table whose first columns are texts and whose others are numbers."""
    marks = ["---" if place < left else "---:" for place in range(len(headers))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (headers, marks, *rows))


def where_and_when(server: str) -> str:
    """The machine, the versions and the day, as a sentence."""
    return f"{date.today():%-d %B %Y}: {machine()}; PostgreSQL {server.split()[0]}; {versions()}."


def put(page: Path, script: str, parts: Mapping[str, str]) -> None:
    """Replace the parts of a page.

    Raises:
        ValueError: the page has no place for one of them.
    """
    text = page.read_text()
    for name, part in parts.items():
        begin, end = f"<!-- written by asv_bench/decisions/{script}: {name} -->\n", "\n<!-- until here -->"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        if not re.search(pattern, text, re.DOTALL):
            raise ValueError(f"{page} has no part {name!r}: expected {begin!r}")
        text = re.sub(pattern, lambda _, part=part: begin + part + end, text, count=1, flags=re.DOTALL)
    page.write_text(text)


__all__ = ["DOCS", "platform", "put", "table", "where_and_when"]
