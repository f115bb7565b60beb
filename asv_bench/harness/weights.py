"""Run as a program: opens connections of one library and prints by how many bytes each of them made this process grow.

Twice: by the kernel's count of resident memory, which sees what libraries in C keep, and by Python's own allocators.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import asyncpg

import chakra
from asv_bench.harness.peaks import resident
from asv_bench.harness.peers.urls import address

CONNECTIONS = 20


@asynccontextmanager
async def chakra_pool(url: str, count: int) -> AsyncIterator[None]:
    async with chakra.connect(url, min_connections=count, max_connections=count):
        yield


@asynccontextmanager
async def asyncpg_pool(url: str, count: int) -> AsyncIterator[None]:
    async with asyncpg.create_pool(url, min_size=count, max_size=count):
        yield


@asynccontextmanager
async def sqlalchemy_pool(url: str, count: int) -> AsyncIterator[None]:
    from sqlalchemy.ext.asyncio import create_async_engine

    place = address(url)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        pool_size=count,
        connect_args={
            "host": place.host,
            "port": place.port,
            "user": place.user,
            "password": place.password,
            "database": place.database,
        },
    )
    async with AsyncExitStack() as opened:  # all at once, so that the pool has to make each of them
        for _ in range(count):
            await opened.enter_async_context(engine.connect())
    yield
    await engine.dispose()


@asynccontextmanager
async def django_connections(url: str, count: int) -> AsyncIterator[None]:
    from asv_bench.harness.peers.django_peer import Django

    await Django().open(url)
    from django.db import connections

    opened = [connections.create_connection("default") for _ in range(count)]
    for connection in opened:
        connection.connect()
    yield
    for connection in opened:
        connection.close()


Opens = Callable[[str, int], AbstractAsyncContextManager[None]]

WAYS: dict[str, Opens] = {
    "chakra": chakra_pool,
    "asyncpg, pool": asyncpg_pool,
    "SQLAlchemy": sqlalchemy_pool,
    "Django": django_connections,
}


async def weighed(way: Opens, url: str) -> dict[str, float]:
    """Bytes of each connection, while one that was opened before has brought what all of them share."""
    found = {}
    for name, size in (("resident", _resident), ("traced", _traced)):
        if name == "traced":  # last: what is traced takes memory of its own
            tracemalloc.start()
        async with way(url, 1):
            gc.collect()
            before = size()
            async with way(url, CONNECTIONS):
                gc.collect()
                found[name] = (size() - before) / CONNECTIONS
    return found


def _resident() -> int:
    return resident("VmRSS")


def _traced() -> int:
    return tracemalloc.get_traced_memory()[0]


if __name__ == "__main__":
    name, url = sys.argv[1:]
    print(json.dumps(asyncio.run(weighed(WAYS[name], url))))
