"""Tables that the tests of a module share: ``MODELS``, ``EXTENSIONS``, ``fill()``, and ``SHARED`` as its mark."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

import chakra
from tests.plugins.database import EMPTY

SHARED = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(request: pytest.FixtureRequest, dsn: str, server_facts: Any) -> AsyncIterator[Any]:
    """A database with the tables of the module, filled; tests do not change them."""
    module = request.module
    missing = sorted(set(getattr(module, "EXTENSIONS", ())) - server_facts.extensions)
    if missing:
        pytest.skip(f"the server has no extension {', '.join(missing)}")
    connection = await asyncpg.connect(dsn)
    await connection.execute(EMPTY)
    for name in getattr(module, "EXTENSIONS", ()):
        await connection.execute(f"CREATE EXTENSION {name}")
    if hasattr(module, "BEFORE"):
        await connection.execute(module.BEFORE)
    await connection.close()
    database = await chakra.connect(dsn)
    await database.create_tables(*module.MODELS)
    await module.fill()
    yield database
    await database.close()
