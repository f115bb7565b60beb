"""pytest fixtures for projects that use Chakra: a private server and one empty database per worker.

Use it with ``pytest_plugins = ["chakra.embedded.pytest_plugin"]`` in the top ``conftest.py``. Fixtures:

``chakra_server``    session: the URL factory of the server shared by all pytest-xdist workers
``chakra_dsn``       session: URL of this worker's own database

The server is an embedded PostgreSQL made for this run and deleted after it, or, with ``CHAKRA_TEST_DSN`` in
the environment, that server (the user must be allowed to create databases).
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import pytest

from chakra.embedded.cluster import start
from chakra.pg.quoting import quote_identifier

__all__ = ["chakra_dsn", "chakra_server"]

# A test cluster is thrown away: nothing is worth an fsync, and a full page written twice is time only.
TEST_SETTINGS: dict[str, str | int | float | bool] = {
    "fsync": False,
    "synchronous_commit": False,
    "full_page_writes": False,
    "autovacuum": False,
    "max_connections": 200,
    "max_prepared_transactions": 20,
    "shared_buffers": "128MB",
    "max_wal_size": "4GB",
}


@pytest.fixture(scope="session")
def chakra_server() -> Iterator[Callable[[str], str]]:
    """A function from a database name to the URL of that database on the test server."""
    dsn = os.environ.get("CHAKRA_TEST_DSN")
    if dsn:
        parts = urlsplit(dsn)
        yield lambda name: urlunsplit(parts._replace(path="/" + quote(name, safe="")))
        return
    with start(
        Path(tempfile.gettempdir()) / f"chakra-test-{_run_id()}", settings=TEST_SETTINGS, temporary=True
    ) as server:
        yield server.url_for


@pytest.fixture(scope="session")
def chakra_dsn(chakra_server: Callable[[str], str]) -> Iterator[str]:
    """URL of a database of this worker, created empty and dropped at the end of the run."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = re.sub(r"\W", "_", f"chakra_test_{worker}_{_run_id()}")
    maintenance = os.environ.get("CHAKRA_TEST_DSN") or chakra_server("postgres")
    asyncio.run(_execute(maintenance, f"create database {quote_identifier(name)} template template0"))
    yield chakra_server(name)
    asyncio.run(_execute(maintenance, f"drop database if exists {quote_identifier(name)} with (force)"))


async def _execute(url: str, sql: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


_OWN_ID = uuid.uuid4().hex


def _run_id() -> str:
    """The same in every worker of one run, different between runs."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID", _OWN_ID)[:8]
