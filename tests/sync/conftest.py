"""Tables of the tests of plain calls, made once a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chakra import sync
from tests.plugins.database import EMPTY
from tests.sync.models import MODELS, fill


@pytest.fixture(scope="module")
def shared(dsn: str) -> Iterator[sync.Database]:
    """A database with plain calls, and the tables of ``tests.sync.models``."""
    with sync.connect(dsn) as db:
        db.execute(EMPTY)
        db.create_tables(*MODELS)
        yield db


@pytest.fixture
def db(shared: sync.Database) -> sync.Database:
    """The same with the rows of ``fill``."""
    shared.execute("truncate sync_authors, sync_posts, sync_tags restart identity cascade")
    fill(shared)
    return shared
