"""Every complete program in README and docs runs as it is printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def programs() -> list[tuple[str, str]]:
    """(name, source) of every Python block that starts an event loop itself."""
    found = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for source in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S):
            if "asyncio.run(" in source:
                found.append((str(page.relative_to(ROOT)), source))
    return found


@pytest.mark.parametrize(("page", "source"), programs(), ids=lambda value: value if len(value) < 40 else "")
def test_program(page: str, source: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(source)
    result = subprocess.run(
        [sys.executable, "-W", "error", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{page}: {result.stderr}"
    assert result.stdout


def test_there_are_programs() -> None:
    assert {"README.md", "docs/quickstart.md"} <= {page for page, _ in programs()}
