"""Parts of a page that a script writes: from ``<!-- written by asv_bench/decisions/NAME.py: PART -->`` to the next
``<!-- until here -->``.
"""

from __future__ import annotations

import os
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
    """The machine, the versions, the day, and how busy the machine was, as a sentence."""
    busy = f"load of the last 15 minutes {os.getloadavg()[2]:.0f} on {os.cpu_count()} cores"
    when = f"{date.today():%-d %B %Y}"
    return f"{when}: {machine()}; PostgreSQL {server.split(maxsplit=1)[0]}; {versions()}; {busy}."


def put(page: Path, script: str, parts: Mapping[str, str]) -> None:
    """Replace the parts of a page.

    Raises:
        ValueError: the page has no place for one of them.
    """
    text = page.read_text()
    for name, part in parts.items():
        begin, end = f"<!-- written by asv_bench/decisions/{script}: {name} -->\n", "\n<!-- until here -->"
        before, found, rest = text.partition(begin)
        if not found or end not in rest:
            raise ValueError(f"{page} has no part {name!r}: expected {begin!r}")
        text = f"{before}{begin}\n{part}\n{end}{rest.partition(end)[2]}"
    page.write_text(text)


__all__ = ["DOCS", "put", "table", "where_and_when"]
