"""Tables that the tests of a module share: made once, and filled again after a test that wrote.

A module says ``MODELS`` and ``async def fill()``, and runs in one event loop: ``pytestmark = SHARED``. Keys begin at 1
whenever it is filled, in the order in which its rows are made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

import chakra
from tests.plugins.database import EMPTY
from tests.query.conftest import watched

SHARED = pytest.mark.asyncio(loop_scope="module")


READS = ("SELECT", "EXPLAIN", "WITH", "COPY (", "BEGIN", "COMMIT")
"""How statements begin that write nothing, unless they return what they wrote."""


class Tables:
    """The tables of a module, and whether they are as it fills them."""

    def __init__(self, database: Any, module: Any) -> None:
        self.database = database
        self.fill = module.fill
        tables = [table for model in module.MODELS if (table := model.__table__).view is None]
        names = [table.quoted for table in tables] + [b().quoted for table in tables for b in table.between]
        self.truncate = f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE"
        self.filled = False
        database.hooks.add(self._note)

    def _note(self, event: Any) -> None:
        if not event.sql.startswith(READS) or " RETURNING " in event.sql:
            self.filled = False

    async def ready(self) -> None:
        """Fill them, unless they are filled and nobody wrote since."""
        if not self.filled:
            await self.database.execute(self.truncate)
            await self.fill()
            self.filled = True


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_tables(request: pytest.FixtureRequest, dsn: str) -> AsyncIterator[Tables]:
    """The tables of a module, in a database that has nothing else."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(EMPTY)
    await connection.close()
    database = await chakra.connect(dsn)
    await database.create_tables(*request.module.MODELS)
    yield Tables(database, request.module)
    await database.close()


@pytest_asyncio.fixture(loop_scope="module")
async def rows(shared_tables: Tables) -> Any:
    """The database with the tables of the module, filled."""
    await shared_tables.ready()
    return shared_tables.database


@contextmanager
def sends(database: Any, count: int) -> Iterator[list[str]]:
    """Expect a number of statements while the block runs; BEGIN, COMMIT and savepoints do not count."""
    found: list[str] = []
    with watched(database) as statements:
        yield found
    transactions = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
    found += [sql for sql in statements if not sql.startswith(transactions)]
    assert len(found) == count, "\n".join(found)


__all__ = ["SHARED", "sends"]
