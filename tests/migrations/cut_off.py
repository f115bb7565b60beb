"""Migrations that are cut off at every statement, before it or behind it, and go on when they are run again.

``python -m tests.migrations.cut_off``: a server of its own crashes at each of them, and the runner is killed (``kill
-9``) at each of them, there and back; some 400 times, which takes minutes. The tests cut the connections.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg

import chakra
from chakra import embedded
from chakra.errors import ChakraError
from chakra.migrations import (
    AddColumn,
    AddConstraint,
    AddIndex,
    AddLabel,
    AlterColumn,
    Check,
    Column,
    CreateEnum,
    CreateTable,
    DropColumn,
    DropIndex,
    ForeignKey,
    Index,
    RenameColumn,
    RunPython,
    RunSQL,
    SetPrimaryKey,
    Unique,
)
from chakra.migrations.diff import diff
from chakra.migrations.files import Graph
from chakra.migrations.observed import observed
from chakra.migrations.operations import Operation
from chakra.migrations.run import Runner, read_journal
from tests.migrations import typed
from tests.migrations.carried_out import Strike, emptied, history, in_steps, migration, quick

BEFORE = [
    CreateEnum("mood", ["sad", "ok"]),
    CreateTable("authors", [Column("id", "bigint", identity="by default")], primary_key=["id"]),
    CreateTable(
        "posts",
        [
            Column("id", "bigint", identity="by default"),
            Column("title", "text", null=True),
            Column("author", "bigint", null=True),
            Column("mood", "mood", null=True),
            Column("number", "integer"),
        ],
        primary_key=["id"],
        indexes=[Index("title", name="old_idx")],
    ),
]
AFTER = [
    AddColumn("posts", Column("slug", "text"), fill="'s' || id"),
    AddColumn("posts", Column("made", "uuid", default="gen_random_uuid()")),
    AddConstraint("posts", Unique("slug", name="posts_slug_key")),
    AddConstraint("posts", Check("number > 0", name="posts_number_check")),
    AddConstraint("posts", ForeignKey("author", "authors", "id", name="posts_author_fkey")),
    AddIndex("posts", Index("number", "-title", name="posts_number_idx")),
    AddLabel("mood", "happy", after="ok"),
    RunSQL("UPDATE posts SET mood = 'happy' WHERE id = 1", "UPDATE posts SET mood = 'ok' WHERE id = 1"),
    AlterColumn("posts", Column("title", "character varying(100)"), fill="''"),
    RunPython("forward", "backward"),
    RunPython("batches", "", transactional=False),
    SetPrimaryKey("posts", ["slug"]),
    DropIndex("posts", "old_idx"),
    RenameColumn("posts", "number", "num"),
    DropColumn("posts", "author"),
]
ROWS = """
INSERT INTO authors SELECT FROM generate_series(1, 3);
INSERT INTO posts (title, author, mood, number) SELECT nullif('t' || i, 't2'), 1 + i % 3, 'ok', i
FROM generate_series(1, 40) i;
CREATE TABLE counted (calls int);
"""


async def forward(db: Any) -> None:
    await db.execute("INSERT INTO counted VALUES (1)")


async def backward(db: Any) -> None:
    await db.execute("DELETE FROM counted")


async def batches(db: Any) -> None:
    await db.execute("UPDATE posts SET number = number + 100 WHERE number < 100")


FUNCTIONS = {"forward": forward, "backward": backward, "batches": batches}


@dataclass(frozen=True)
class Story:
    """What is applied, and taken back.

    Attributes:
        before: what is there.
        rows: SQL of what is in it.
        graph: the history, whose first migration is what is there.
        forward, back: SQL of one boolean, true once it is applied, and once it is taken back.
    """

    before: list[Operation]
    rows: str
    graph: Graph
    forward: str
    back: str


FORWARD = """
SELECT (SELECT sum(calls) FROM counted) = 1 AND count(DISTINCT slug) FILTER (WHERE title IS NOT NULL) = 40
    AND max(num) = 140 AND (SELECT mood::text FROM posts WHERE id = 1) = 'happy' FROM posts
"""
STORIES = {
    "operations": Story(
        BEFORE,
        ROWS,
        Graph([migration(1, BEFORE), migration(2, AFTER, functions=FUNCTIONS)]),
        FORWARD,
        "SELECT count(*) = 40 FROM posts",
    ),
    "types in steps": Story(
        typed.BEFORE,
        typed.ROWS,
        in_steps(typed.BEFORE, typed.state_of(typed.AFTER), usings=typed.USING, backs=typed.BACK),
        "SELECT sum(number) = 45150 AND min(at)::date = '2026-01-02' AND count(data) = 300 FROM posts",
        "SELECT sum(number) = 45150 AND min(at) = '02.01.2026' AND count(data) = 300 FROM posts",
    ),
}


async def begun(dsn: str, story: Story) -> Any:
    """A database with what is there, and rows in it."""
    database = await emptied(dsn)
    await Runner(database, history(story.before), quick()).apply()
    await database.execute(story.rows)
    return database


async def go(database: Any, story: Story, direction: str, hear: Any = None) -> None:
    """Apply all of it, or take it back."""
    runner = Runner(database, story.graph, quick(hear=hear))
    await (runner.apply() if direction == "forward" else runner.back(story.graph.order[1].key))


async def ready(dsn: str, story: Story, direction: str) -> tuple[Any, Any, Any]:
    """A database to go from, and the states of it before and behind."""
    database = await begun(dsn, story)
    start = await observed(database)
    await go(database, story, "forward")
    end = await observed(database)
    if direction == "forward":
        await database.close()
        return await begun(dsn, story), start, end
    return database, end, start


async def over(database: Any, story: Story, direction: str, wanted: Any) -> None:
    """All is as if nothing had been cut off."""
    assert diff(await observed(database), wanted) == []
    entries = await read_journal(database)
    assert all(entry.finished for entry in entries.values())
    assert len(entries) == (len(story.graph.order) if direction == "forward" else 1)
    assert await database.fetchval(story.forward if direction == "forward" else story.back)
    assert await database.fetchval("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0


async def released(admin: Any) -> None:
    """Wait until the server has let go of what was ended: it does so at its next look."""
    for _ in range(2000):
        held = await admin.fetchval(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
            "WHERE locktype = 'advisory' AND pid <> pg_backend_pid() AND granted AND datname = current_database()"
        )
        if not held:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the lock of a connection that was ended is still held")


async def connected(url: str) -> Any:
    """A connection, as soon as the server takes one."""
    for _ in range(1000):
        with suppress(OSError, asyncpg.PostgresError):
            return await asyncpg.connect(url)
        await asyncio.sleep(0.01)
    raise AssertionError("the server did not come back")


async def crash(dsn: str, story: Story, direction: str, at: int) -> bool:
    """The server crashes at a word: whether it was still under way."""
    database, _, wanted = await ready(dsn, story, direction)
    victim = await asyncpg.connect(dsn)
    strike = Strike(at, lambda: os.kill(victim.get_server_pid(), signal.SIGKILL))
    with suppress(ChakraError, OSError):
        await go(database, story, direction, strike)
    database.pool.terminate()
    await (await connected(dsn)).close()
    async with await chakra.connect(dsn, max_connections=4) as again:
        await go(again, story, direction)
        await over(again, story, direction, wanted)
    return strike.struck


async def kill(dsn: str, story: Story, direction: str, at: int) -> bool:
    """The runner is killed at a word: whether it was still under way."""
    database, _, wanted = await ready(dsn, story, direction)
    await database.close()

    async def doomed() -> None:
        strike = Strike(at, lambda: os.kill(os.getpid(), signal.SIGKILL))
        async with await chakra.connect(dsn, max_connections=4) as mine:
            await go(mine, story, direction, strike)

    process = os.fork()
    if not process:
        # A loop of the child's own: the parent's is not to be woken by it.
        asyncio.events._set_running_loop(None)
        with suppress(BaseException):
            asyncio.run(doomed())
            os._exit(0)
        os._exit(1)
    _, status = await asyncio.to_thread(os.waitpid, process, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    admin = await asyncpg.connect(dsn)
    await released(admin)
    await admin.close()
    async with await chakra.connect(dsn, max_connections=4) as again:
        await go(again, story, direction)
        await over(again, story, direction, wanted)
    return os.WIFSIGNALED(status)


async def everywhere(dsn: str, only: str) -> None:
    """All stories, there and back, cut off at each word."""
    ways: dict[str, Callable[[str, Story, str, int], Awaitable[bool]]] = {"crash": crash, "kill": kill}
    for title, story in STORIES.items():
        for direction in ("forward", "back"):
            for way, cut in ways.items():
                name, at = f"{title}, {direction}, {way}", 1
                while only in name and await cut(dsn, story, direction, at):
                    at += 1
                    if at % 10 == 0:
                        print(f"{name}: {at}", flush=True)
                print(f"{name}: {at - 1} times", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="what is part of a name: 'back, kill'")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded.start(f"{folder}/server", settings={"fsync": False, "shared_buffers": "16MB"}) as server,
    ):
        asyncio.run(everywhere(server.url, given.only))
