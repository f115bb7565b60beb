"""The tables the query tests share, with a few rows in them."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import chakra
from tests.query.library import Author, Book, Publisher, fill


@pytest.fixture
async def library(db: Any) -> AsyncIterator[Any]:
    """A database with publishers, authors and books."""
    await db.create_tables(Publisher, Author, Book)
    await fill()
    yield db


@pytest.fixture
def statements(db: Any) -> Iterator[list[str]]:
    """SQL of every statement that is sent from now on."""
    with watched(db) as seen:
        yield seen


@contextmanager
def watched(db: Any) -> Iterator[list[str]]:
    """Collect the SQL sent while the block runs."""
    seen: list[str] = []

    def note(event: Any) -> None:
        if event.phase == "before":
            seen.append(event.sql)

    remove = db.hooks.add(note)
    try:
        yield seen
    finally:
        remove()


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Count, as ``made``, the Python-level calls of Chakra's own while the block runs, generated code included."""
    found: Counter[str] = Counter()
    home = str(Path(chakra.__file__).parent)

    def note(frame: Any, event: str, argument: Any) -> None:
        name = frame.f_code.co_filename
        found["made"] += event == "call" and (name.startswith(home) or name in ("<string>", "<bind>"))

    gc.disable()
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(None)
        gc.enable()
