"""Type checkers understand models: mypy and pyright, both strict, agree with every line of ``user_code.py``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CODE = HERE / "user_code.py"

PYRIGHT = {
    "include": ["."],
    "extraPaths": [str(ROOT)],
    "pythonVersion": f"{sys.version_info.major}.{sys.version_info.minor}",
    "typeCheckingMode": "strict",
    # mypy's comments are not pyright's: each checker must see the mistakes for itself.
    "enableTypeIgnoreComments": False,
    "reportUnnecessaryTypeIgnoreComment": "error",
    "reportMissingModuleSource": False,
}


def mypy(code: Path, cache: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores",
         "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(cache), str(code)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith(str(code)) or code.name in line]
    return len([line for line in lines if ": error:" in line]), done.stdout + done.stderr


def pyright(code: str, folder: Path) -> tuple[int, str]:
    (folder / "user_code.py").write_text(code)
    (folder / "pyrightconfig.json").write_text(json.dumps(PYRIGHT))
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "-p", str(folder)],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
    )  # fmt: skip
    errors = [line for line in done.stdout.splitlines() if " - error:" in line]
    assert errors or "0 errors" in done.stdout, done.stdout + done.stderr
    return len(errors), done.stdout


@pytest.fixture(scope="module")
def cache() -> Path:
    """mypy's cache of the repository, so that a second run takes a second."""
    return ROOT / ".mypy_cache" / "typing"


def broken() -> str:
    """The user's program with a wrong claim and a mistake more."""
    code = CODE.read_text()
    changed = code.replace("assert_type(user.id, int)", "assert_type(user.id, str)")
    changed = changed.replace("user.boss = None\n", "user.boss = None\n    user.kind = 5\n", 1)
    assert changed.count("user.kind = 5") == 1 and changed != code
    return changed


@pytest.mark.slow
def test_mypy_strict(cache: Path, tmp_path: Path) -> None:
    errors, output = mypy(CODE, cache)
    assert errors == 0, output
    wrong = tmp_path / "user_code.py"
    wrong.write_text(broken())
    errors, output = mypy(wrong, cache)
    assert errors == 2, f"the two mistakes must be seen:\n{output}"


@pytest.mark.slow
def test_pyright_strict(tmp_path: Path) -> None:
    errors, output = pyright(CODE.read_text(), tmp_path)
    assert errors == 0, output
    errors, output = pyright(broken(), tmp_path)
    assert errors == 2, f"the two mistakes must be seen:\n{output}"
