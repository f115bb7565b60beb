"""Fixtures of the database layer: databases with settings of their own, and a proxy that counts messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from chakra.db import Database
from tests.db.proxy import Proxy

Open = Callable[..., Awaitable[Database]]


@pytest.fixture
async def open_db(pg: asyncpg.Connection[Any], dsn: str) -> AsyncIterator[Open]:
    """``await open_db(max_connections=3, …)``: a database on the emptied schema, closed after the test."""
    opened: list[Database] = []

    async def connect(url: str | None = None, **settings: Any) -> Database:
        database = await Database.connect(url or dsn, **settings)
        opened.append(database)
        return database

    yield connect
    for database in opened:
        await database.close(timeout=1)


@pytest.fixture
async def db(open_db: Open) -> Database:
    """One database with at most four connections."""
    return await open_db(max_connections=4, acquire_timeout=5)


@pytest.fixture
async def proxy(pg: asyncpg.Connection[Any], dsn: str) -> AsyncIterator[Proxy]:
    """A relay to the server that counts what the client sends; connect to ``proxy.url``."""
    async with Proxy(pg._addr, dsn) as relay:
        yield relay
