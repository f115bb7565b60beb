"""Type checkers understand models: mypy and pyright, both strict, accept ``accepted.py`` line by line, and each of them
refuses every line of ``refused.py`` that says so, and no other.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FILES = ("accepted.py", "refused.py")

PYRIGHT = {
    "include": ["."],
    "extraPaths": [str(ROOT)],
    "pythonVersion": f"{sys.version_info.major}.{sys.version_info.minor}",
    "typeCheckingMode": "strict",
    "enableTypeIgnoreComments": False,
    "reportMissingModuleSource": False,
    # What follows from an error, or from an expression that stands there for its error alone.
    "reportUnusedExpression": False,
    "reportUnknownMemberType": False,
    "reportUnknownArgumentType": False,
    "reportUnknownVariableType": False,
    "reportUnusedCoroutine": False,
    "reportUnusedFunction": False,
}

Lines = dict[str, dict[int, str]]
"""Of each file the lines with errors."""


def expected() -> Lines:
    """The lines that have to be refused."""
    return {
        name: {
            number: line.strip()
            for number, line in enumerate((HERE / name).read_text().splitlines(), 1)
            if "  # refused" in line
        }
        for name in FILES
    }


def mypy() -> Lines:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", "--config-file",
         str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache" / "typing"),
         *(str(HERE / name) for name in FILES)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert not done.stderr and done.returncode == 1, done.stdout + done.stderr
    return noted(re.findall(r"^(?:.*/)?(\w+\.py):(\d+): error: (.*)$", done.stdout, re.MULTILINE))


def pyright(folder: Path) -> Lines:
    for name in FILES:
        (folder / name).write_text((HERE / name).read_text())
    (folder / "pyrightconfig.json").write_text(json.dumps(PYRIGHT))
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
    )  # fmt: skip
    found = json.loads(done.stdout[done.stdout.index("{") :])
    assert found["summary"]["filesAnalyzed"] == len(FILES), done.stdout
    return noted(
        [
            (Path(each["file"]).name, each["range"]["start"]["line"] + 1, each["message"])
            for each in found["generalDiagnostics"]
            if each["severity"] == "error"
        ]
    )


def noted(errors: list[tuple[str, int | str, str]]) -> Lines:
    found: Lines = {name: {} for name in FILES}
    for name, line, message in errors:
        found[name].setdefault(int(line), message)
    return found


def compare(found: Lines) -> None:
    wanted = expected()
    problems = [
        f"{name}:{line}: {found[name].get(line) or 'not refused: ' + wanted[name][line]}"
        for name in FILES
        for line in sorted(wanted[name].keys() ^ found[name].keys())
    ]
    assert not problems, "\n".join(problems)
    assert not wanted["accepted.py"] and len(wanted["refused.py"]) > 80


@pytest.mark.slow
def test_mypy_strict() -> None:
    compare(mypy())


@pytest.mark.slow
def test_pyright_strict(tmp_path: Path) -> None:
    compare(pyright(tmp_path))


def test_the_classes_can_be_made() -> None:
    """What checkers accept, Chakra does, too."""
    from tests.typing import accepted

    assert [*accepted.User.__table__.by_attribute][:2] == ["id", "name"]
    assert accepted.User(name="Ann", team_id=5).team_id == 5
    assert "users" in accepted.Team.__table__.relations and "tasks" in accepted.Folder.__table__.relations
