"""Parts of pages that scripts write: each has its place, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from asv_bench.decisions.written import DOCS, put, table

PARTS = {
    "scaling.py": ("machine", "one connection", "partitions", "growth", "a billion"),
    "profiles.py": ("machine", "times", "places", "functions"),
}


def test_parts_are_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for script, parts in PARTS.items():
        text = (DOCS / script.replace(".py", ".md")).read_text()
        page.write_text(text)
        put(page, script, {part: f"new {part}" for part in parts})
        written = page.read_text()
        for part in parts:
            begin = f"<!-- written by asv_bench/decisions/{script}: {part} -->\n"
            assert f"{begin}\nnew {part}\n\n<!-- until here -->" in written
            assert text.partition(begin)[2].partition("<!--")[0].strip(), "the page was never written"
        assert written.count("<!--") == text.count("<!--") == 2 * len(parts)
        assert [line for line in written.splitlines() if line and line[:4] != "new "] == _without_parts(text)


def _without_parts(text: str) -> list[str]:
    """The lines outside of parts that say something, with the marks."""
    found, inside = [], False
    for line in text.splitlines():
        inside = inside and line != "<!-- until here -->"
        if line and not inside:
            found.append(line)
        inside = inside or line.startswith("<!-- written by")
    return found


def test_a_page_without_the_part(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- written by asv_bench/decisions/scaling.py: machine -->\n")
    with pytest.raises(ValueError, match="has no part 'machine'"):
        put(page, "scaling.py", {"machine": "x"})
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
