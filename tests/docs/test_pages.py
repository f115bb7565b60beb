"""What pages take from the code is what the code says, and no page is lost."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_written_parts_are_up_to_date() -> None:
    result = subprocess.run(
        [sys.executable, "ci/pages.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_every_page_can_be_found() -> None:
    listed = set(re.findall(r"[\w/.-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if not page.startswith("decisions/")} <= listed


def test_the_notebook_is_the_page() -> None:
    spec = importlib.util.spec_from_file_location("ci_notebook", ROOT / "ci" / "notebook.py")
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert made.NOTEBOOK.read_text() == made.notebook(), f"stale: run {sys.executable} ci/notebook.py"
