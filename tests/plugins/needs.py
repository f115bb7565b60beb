"""Tests of what not every server has: ``needs_server(15, "MERGE")`` and ``needs_extension("vector")`` as marks.

They skip with the reason where the server of the tests is older, or is installed without the extension. A test that
goes by the version in its middle takes the fixture ``server_facts``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import asyncpg
import pytest


@dataclass(frozen=True)
class ServerFacts:
    """Major version, and the names of the extensions that can be created."""

    major: int
    extensions: frozenset[str]


def needs_server(major: int, feature: str) -> pytest.MarkDecorator:
    """Skip on servers before ``major``, with which ``feature`` came."""
    return pytest.mark.needs_server(major, feature)


def needs_extension(*names: str) -> pytest.MarkDecorator:
    """Skip where one of the extensions is not installed on the server."""
    return pytest.mark.needs_extension(*names)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_server(major, feature): skipped on older servers")
    config.addinivalue_line("markers", "needs_extension(*names): skipped where the server lacks one of them")


@pytest.fixture(scope="session")
def server_facts(dsn: str) -> ServerFacts:
    """What the server of the tests is."""

    async def ask() -> ServerFacts:
        connection = await asyncpg.connect(dsn)
        try:
            names = await connection.fetchval("select array_agg(name::text) from pg_available_extensions")
            return ServerFacts(connection.get_server_version().major, frozenset(names or ()))
        finally:
            await connection.close()

    return asyncio.run(ask())


@pytest.fixture(autouse=True)
def _needs(request: pytest.FixtureRequest) -> None:
    for mark in request.node.iter_markers("needs_server"):
        major, feature = mark.args
        facts = request.getfixturevalue("server_facts")
        if facts.major < major:
            pytest.skip(f"{feature} came with PostgreSQL {major}")
    for mark in request.node.iter_markers("needs_extension"):
        missing = sorted(set(mark.args) - request.getfixturevalue("server_facts").extensions)
        if missing:
            pytest.skip(f"the server has no extension {', '.join(missing)}")
