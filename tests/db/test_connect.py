"""Connecting: what is checked at once, and what a wrong URL says."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from chakra import config, errors
from chakra.db import Database, driver
from tests.db.conftest import Open


async def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(errors.ConnectionLost, match=rf"cannot connect to 127\.0\.0\.1:{port}/x"):
        await Database.connect(f"postgresql://me:hush@127.0.0.1:{port}/x")


async def test_a_server_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, nobody reads
        url = f"postgresql://me:hush@127.0.0.1:{silent.getsockname()[1]}/x?sslmode=disable"
        with pytest.raises(errors.ConnectionLost, match="no answer within connect_timeout"):
            await Database.connect(url, connect_timeout="100ms")


async def test_no_such_database(dsn: str) -> None:
    with pytest.raises(errors.DatabaseError, match='database "nowhere" does not exist') as caught:
        await Database.connect(urlunsplit(urlsplit(dsn)._replace(path="/nowhere")))
    assert caught.value.sqlstate == "3D000"


@pytest.mark.parametrize(
    "url", ["mysql://x/y", "not a url", "postgresql://h:port/x", "postgresql://u:hush@[::1/x"]
)
async def test_a_malformed_url(url: str) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        await Database.connect(url)
    assert "hush" not in str(caught.value)


async def test_no_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.delenv("CHAKRA_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    config.reset()
    with pytest.raises(errors.ConfigError, match="CHAKRA_DATABASE_URL"):
        await Database.connect()
    config.reset()


async def test_the_url_of_the_environment(monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
    monkeypatch.setenv("CHAKRA_DATABASE_URL", dsn)
    config.reset()
    async with await Database.connect() as db:
        assert db.name == urlsplit(dsn).path[1:]
    config.reset()


async def test_an_unknown_setting(dsn: str) -> None:
    with pytest.raises(errors.ConfigError, match=r"did you mean pool\.max_connections"):
        await Database.connect(dsn, max_conections=3)
    with pytest.raises(errors.ConfigError, match=r"use configure\(\)"):
        await Database.connect(dsn, debug=True)


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ("options=-cstandard_conforming_strings%3Doff", "standard_conforming_strings"),
        ("client_encoding=latin1", "client_encoding"),
    ],
)
async def test_an_unsafe_session_is_refused(dsn: str, option: str, word: str) -> None:
    with pytest.raises(errors.ConfigError, match=word):
        await Database.connect(dsn + ("&" if "?" in dsn else "?") + option)


async def test_an_old_server_is_refused(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "OLDEST_MAJOR", 99)
    with pytest.raises(errors.ConfigError, match="Chakra needs 99 or newer"):
        await Database.connect(dsn)


async def test_application_name(open_db: Open, dsn: str) -> None:
    db = await open_db()
    assert await db.fetchval("show application_name") == "chakra"
    db = await open_db(application_name="reports")
    assert await db.fetchval("show application_name") == "reports"
    db = await open_db(dsn + ("&" if "?" in dsn else "?") + "application_name=mine")
    assert await db.fetchval("show application_name") == "mine"


async def test_min_connections_are_opened_at_once(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(min_connections=3, max_connections=5)
    assert str(db.pool.figures) == "size 3 of 5, idle 3, waiting 0"
    assert repr(db) == f"<Database {db.name}: size 3 of 5, idle 3, waiting 0>"


async def test_a_failed_connect_leaves_nothing_open(dsn: str, pg: asyncpg.Connection[Any]) -> None:
    with pytest.raises(errors.ConfigError):
        await Database.connect(dsn + ("&" if "?" in dsn else "?") + "client_encoding=latin1")
    for _ in range(100):
        left = await pg.fetchval(
            "select count(*) from pg_stat_activity where application_name = 'chakra' "
            "and datname = current_database()"
        )
        if not left:
            break
        await asyncio.sleep(0.01)
    assert left == 0
