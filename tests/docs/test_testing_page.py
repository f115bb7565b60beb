"""The files on the page about tests: their tests run here, with their fixtures, as part of this suite."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chakra.debug.pytest_plugin import assert_num_queries, no_n_plus_one

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
FILES = dict(re.findall(r'^```python title="([\w.]+)"\n(.*?)^```', PAGE.read_text(), re.M | re.S))
__all__ = ["assert_num_queries", "no_n_plus_one"]


def _run(name: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": f"testing_page_{name.removesuffix('.py')}"}
    exec(compile(FILES[name], f"docs/testing.md: {name}", "exec"), names)
    return names


blog = ModuleType("blog")
vars(blog).update(_run("blog.py"))
sys.modules["blog"] = blog
try:
    files = {name: _run(name) for name in FILES if name != "blog.py"}
finally:
    del sys.modules["blog"]

FIXTURES = ("db", "ann", "undone")
for file in files.values():
    globals().update({name: it for name, it in file.items() if name in FIXTURES or name.startswith("test_")})


@pytest.fixture(autouse=True)
def _empty(pg: Any) -> None:
    """Other tests of this worker leave tables in the database."""


@pytest.mark.parametrize("turn", [1, 2])
async def test_rows_are_taken_back(undone: Any, turn: int) -> None:
    async with undone.transaction():
        await blog.Author.objects.create(name="Ann")
    assert await blog.Author.objects.count() == 1


def test_all_files_are_run() -> None:
    assert sum(name.startswith("test_") for file in files.values() for name in file) == 4
    assert set(files) == {"conftest.py", "conftest_fast.py", "test_blog.py", "test_queries.py"}
