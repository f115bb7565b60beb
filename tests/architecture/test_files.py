"""Every file can be read in one sitting and says in its first line what it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.rules import PACKAGE, ROOT, files, module_name

LONGEST = 600
LONGEST_COMMAND = 100

HAND_WRITTEN = [
    *files(),
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted((ROOT / "asv_bench").rglob("*.py")),
    *sorted((ROOT / "ci").rglob("*.py")),
]


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


@pytest.mark.parametrize("path", HAND_WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_size(path: Path) -> None:
    assert lines(path) <= LONGEST, f"{path.relative_to(ROOT)} has {lines(path)} lines, the limit is {LONGEST}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "cli").glob("*.py")), ids=module_name)
def test_commands_are_short(path: Path) -> None:
    assert lines(path) < LONGEST_COMMAND


@pytest.mark.parametrize("path", files(), ids=module_name)
def test_the_first_line_says_what_the_module_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, f"{module_name(path)} has no docstring"
    assert docstring.split("\n\n")[0].endswith((".", ":", "::")), "the first paragraph is a sentence"


@pytest.mark.parametrize("path", files(), ids=module_name)
def test_nothing_is_left_unfinished(path: Path) -> None:
    text = path.read_text()
    for mark in ("TODO", "FIXME", "XXX", "NotImplementedError"):
        assert mark not in text, f"{module_name(path)} contains {mark}"
