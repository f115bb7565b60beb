"""The tables the query tests share, with a few rows in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

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
