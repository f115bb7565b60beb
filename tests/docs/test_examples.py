"""Every complete program in README and docs runs as it is printed, and prints what is shown behind it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.test_pages_run import fits

ROOT = Path(__file__).parents[2]
PROGRAM = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)


def programs() -> list[tuple[str, str, str]]:
    """(name, source, output if it is shown) of every Python block that starts an event loop itself."""
    found = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for source, output in PROGRAM.findall(page.read_text()):
            if "asyncio.run(" in source:
                found.append((str(page.relative_to(ROOT)), source, output))
    return found


@pytest.mark.parametrize(
    ("page", "source", "output"), programs(), ids=lambda value: value if len(value) < 40 else ""
)
def test_program(page: str, source: str, output: str, tmp_path: Path) -> None:
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
    assert not output or fits(result.stdout, output), f"{page} prints\n{result.stdout}"


def test_there_are_programs() -> None:
    assert {"README.md", "docs/quickstart.md"} <= {page for page, *_ in programs()}
