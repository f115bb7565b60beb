"""Tables that the tests of a module share (``tests/relations/conftest.py``), with extensions they need: a module names
them in ``EXTENSIONS``, and is skipped where the server has not all of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

import chakra
from tests.plugins.database import EMPTY
from tests.relations.conftest import Tables, rows


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_tables(request: pytest.FixtureRequest, dsn: str) -> AsyncIterator[Tables]:
    """The tables of a module, in a database that has nothing else."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(EMPTY)
    for name in getattr(request.module, "EXTENSIONS", ()):
        if not await connection.fetchval(
            "select count(*) from pg_available_extensions where name = $1", name
        ):
            await connection.close()
            pytest.skip(f"the server has no extension {name}")
        await connection.execute(f"create extension if not exists {name}")
    await connection.close()
    database = await chakra.connect(dsn)
    await database.create_tables(*request.module.MODELS)
    yield Tables(database, request.module)
    await database.close()


__all__ = ["rows", "shared_tables"]
