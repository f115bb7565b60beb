"""The reference has every public name, with a sentence on each; pages on errors have every class, with an example."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import chakra
from chakra import errors, sync

ROOT = Path(__file__).parents[2]
PUBLIC = (
    "chakra",
    "chakra.errors",
    "chakra.types",
    "chakra.functions",
    "chakra.columnar",
    "chakra.debug",
    "chakra.debug.telemetry",
    "chakra.debug.pytest_plugin",
    "chakra.embedded",
    "chakra.embedded.pytest_plugin",
    "chakra.sync",
    "chakra.migrations",
    "chakra.db.stats",
    "chakra.contrib.asgi",
)
INNER = frozenset(
    {
        "column_source",
        "ask",
        "run_cursor",
        "cursor_blocks",
        "describe_statement",
        "held_session",
        "current_transaction",
        "nest",
        "unwind",
        "note",
        "is_harmless",
        "run_execute",
        "run_fetch",
        "run_fetchrow",
        "abandon",
        "copy_out_stream",
    }
)
"""What layers of Chakra call of each other."""


def text_of(page: str) -> str:
    return (ROOT / "docs" / page).read_text()


def anchors() -> set[str]:
    pages = "".join(page.read_text() for page in (ROOT / "docs/reference").glob("*.md"))
    return {first or second for first, second in re.findall(r'\{ #(\S+) \}|<span id="([^"]+)">', pages)}


def test_every_public_name_is_there() -> None:
    there, index = anchors(), text_of("reference/index.md")
    missing, silent = [], []
    for module in PUBLIC:
        for name in importlib.import_module(module).__all__:
            shown = f"sync.{name}" if module == "chakra.sync" else name
            if name == "__version__":
                continue
            if shown not in there:
                missing.append(f"{module}.{name}")
            row = re.search(rf"^\| \[`{name}`\]\([^)]*\) \| `{re.escape(module)}` \| (.+) \|$", index, re.M)
            elsewhere = re.search(rf"^\| \[`{name}`\]", index, re.M)
            if elsewhere is None or (row is not None and not row[1].strip()):
                silent.append(f"{module}.{name}")
    assert not missing, f"no place in docs/reference: {missing}"
    assert not silent, f"no sentence in docs/reference/index.md: {silent}"


def test_methods_are_there() -> None:
    there = anchors()
    missing = [
        f"{shown}.{name}"
        for shown, cls in (
            ("QuerySet", chakra.QuerySet),
            ("Model", chakra.Model),
            ("Database", chakra.Database),
            ("sync.Database", sync.Database),
            ("CTE", chakra.CTE),
        )
        for name, found in inspect.getmembers_static(cls)
        if not name.startswith("_") and name not in INNER
        if inspect.isroutine(getattr(found, "__func__", found))
        if not {f"{shown}.{name}", f"sync.Connection.{name}"} & there  # a database has what a connection has
    ]
    assert not missing, missing
    assert {"chakra-migrate-apply", "chakra-sql", "chakra-doctor"} <= there


def test_signatures_say_what_is_called() -> None:
    """What stands in a block of code on a page of the reference is what ``inspect`` says, of some by hand."""
    page = text_of("reference/querysets.md")
    for line in (
        "async get(*conditions: Expression, **lookups: Any) -> R_co",
        "async count() -> int",
        "iterator(chunk_size: int = 2000) -> Stream[R_co]",
        "async to_arrow(**options: Unpack[TableOptions]) -> pyarrow.Table",
    ):
        assert line in page, line
    assert "| `partition_by` | `str \\| None` |" in page


def test_errors_are_explained() -> None:
    """Each class has its place on the page, and an example that prints it or catches it."""
    page = text_of("errors.md")
    sections = dict(re.findall(r"^#{3,4} (\w+) \{ #\1 \}\n(.*?)(?=^#{2,4} |\Z)", page, re.M | re.S))
    assert set(sections) == set(errors.__all__)
    rootless = {"IntegrityError"}  # its kinds have them
    silent = [
        name
        for name, text in sections.items()
        if name not in rootless and not re.search(rf"```(python|text)\n[^`]*\b{name}\b", text)
    ]
    assert not silent, silent


def test_words_of_meta_are_said() -> None:
    assert not re.findall(r"^\| `\w+` \|  \|", text_of("reference/models.md"), re.M), (
        "say it in ci/apitables.py: META"
    )
