"""`chakra migrate apply` while the server crashes, and killed itself: it is run again, and goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import chakra
from chakra import embedded
from chakra.migrations.diff import diff
from chakra.migrations.files import Graph, load_folder
from chakra.migrations.observed import observed
from chakra.migrations.run import Runner, read_journal
from tests.migrations.carried_out import quick

FIRST = """
from chakra.migrations import Column, CreateTable

operations = [CreateTable("posts", [Column("id", "bigint", identity="by default"), Column("title", "text")])]
"""
SECOND = """
from chakra.migrations import AddColumn, AddIndex, Column, DropColumn, Index, RunSQL

requires = ["0001_first"]

operations = [
    AddColumn("posts", Column("slug", "text"), fill="lower(title)"),
    AddIndex("posts", Index("slug", name="posts_slug_idx")),
    RunSQL("UPDATE posts SET title = title || '!'; SELECT pg_advisory_xact_lock(16)", ""),
    DropColumn("posts", "title"),
]
"""
WAITS = """
SELECT a.pid FROM pg_stat_activity a JOIN pg_locks l USING (pid)
WHERE NOT l.granted AND a.query LIKE $1 AND a.pid <> pg_backend_pid()
"""
RUNNER = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A server of its own, which may be killed, and a project of it."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_first.py").write_text(FIRST)
    with embedded.start(tmp_path / "server", settings={"fsync": False, "shared_buffers": "16MB"}) as found:
        (tmp_path / "chakra.toml").write_text(
            f'[database]\nurl = "{found.url}"\n[migrations]\nmodels = ["shop"]\n'
        )
        yield found.url


async def connected(url: str) -> Any:
    """A connection, as soon as the server takes one."""
    for _ in range(1000):
        with suppress(OSError, asyncpg.PostgresError):
            return await asyncpg.connect(url)
        await asyncio.sleep(0.01)
    raise AssertionError("the server did not come back")


async def until(
    connection: Any, sql: str, *values: Any, wanted: bool = True, process: subprocess.Popen[str] | None = None
) -> Any:
    """Ask until there is an answer, or none."""
    for _ in range(2000):
        if process is not None and process.poll() is not None:
            raise AssertionError(process.communicate()[0])
        found = await connection.fetchval(sql, *values)
        if bool(found) == wanted:
            return found
        await asyncio.sleep(0.005)
    raise AssertionError(sql)


def apply(folder: Path) -> subprocess.Popen[str]:
    """The command, under way."""
    words = [sys.executable, "-m", "chakra.cli", "migrate", "apply"]
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


async def test_killed_and_run_again(server: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    async with await chakra.connect(server) as database:
        await Runner(database, Graph(load_folder(folder)), quick()).apply()
        await database.execute("INSERT INTO posts (title) SELECT 'T' || i FROM generate_series(1, 500) i")
    (folder / "0002_second.py").write_text(SECOND)

    # The server crashes while the index waits for an older snapshot: it is there, and not valid.
    admin = await connected(server)
    await admin.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    other = await connected(server)
    process = apply(tmp_path)
    os.kill(await until(other, WAITS, "CREATE INDEX CONCURRENTLY%", process=process), signal.SIGKILL)
    said = await asyncio.to_thread(process.communicate)
    assert process.returncode != 0 and "Traceback" not in said[0], said[0]
    admin = await connected(server)
    assert await admin.fetchval("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 1
    assert await admin.fetchval("SELECT count(*) FROM posts WHERE slug = lower(title)") == 500

    # Killed itself, it leaves a server that does not know it yet.
    await admin.execute("SELECT pg_advisory_lock(16)")
    process = apply(tmp_path)
    await until(admin, WAITS, "UPDATE%", process=process)
    process.kill()
    await asyncio.to_thread(process.communicate)
    assert await admin.fetchval("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0
    await admin.execute("SELECT pg_advisory_unlock(16)")
    await until(admin, RUNNER, wanted=False)

    async with await chakra.connect(server) as database:
        graph = Graph(load_folder(folder))
        assert await Runner(database, graph, quick()).apply() == [graph.find("2").key]
        assert all(entry.finished for entry in (await read_journal(database)).values())
        assert diff(await observed(database), graph.state) == []
        assert await database.fetchval("SELECT count(DISTINCT slug) FROM posts") == 500
    await admin.close()
