"""A migration that is cut off at any statement, before it or behind it, and goes on when it is run again."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

import chakra
from chakra.errors import ChakraError, MigrationError
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
from chakra.migrations.files import Graph, Name
from chakra.migrations.observed import observed
from chakra.migrations.run import Runner, read_journal
from tests.migrations.carried_out import Strike, emptied, history, migration, quick

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


def graph() -> Graph:
    return Graph([migration(1, BEFORE), migration(2, AFTER, functions=FUNCTIONS)])


async def begun(dsn: str) -> Any:
    database = await emptied(dsn)
    await Runner(database, history(BEFORE), quick()).apply()
    await database.execute(ROWS)
    return database


@pytest.mark.parametrize("direction", ["forward", "back"])
async def test_cut_off_at_every_statement(dsn: str, direction: str, caplog: pytest.LogCaptureFixture) -> None:
    """All connections are cut at once; then the same is run with new ones, until it gets through."""
    database = await begun(dsn)
    start = await observed(database)
    await Runner(database, graph(), quick()).apply()
    end = await observed(database)
    await database.close()
    database = await begun(dsn)
    if direction == "back":
        await Runner(database, graph(), quick()).apply()
    admin = await asyncpg.connect(dsn)
    cut = 0
    for at in range(1, 200):
        strike = Strike(at, database.pool.terminate)
        runner = Runner(database, graph(), quick(hear=strike))
        try:
            if direction == "forward":
                await runner.apply()
            else:
                await runner.back(Name("", "0002_test"))
        except (ChakraError, OSError):
            cut += 1
            await database.close()
            database = await chakra.connect(dsn, max_connections=4)
            await _released(admin)
            continue
        if not strike.struck:
            break
        # It struck, and nothing was lost by it: the work was over by then. Begin anew for the next one.
        await database.close()
        admin.terminate()  # emptying the database ends all others
        database = await begun(dsn)
        admin = await asyncpg.connect(dsn)
        if direction == "back":
            await Runner(database, graph(), quick()).apply()
    assert cut > 6  # each time one word later, and from where the last run was cut
    assert diff(await observed(database), end if direction == "forward" else start) == []
    entries = await read_journal(database)
    if direction == "forward":
        assert all(entry.finished for entry in entries.values()) and len(entries) == 2
        assert (
            await database.fetchval("SELECT sum(calls) FROM counted") == 1
        )  # in the transaction of its step
        assert await database.fetchval("SELECT count(DISTINCT slug) FROM posts WHERE title IS NOT NULL") == 40
        assert await database.fetchval("SELECT mood::text FROM posts WHERE id = 1") == "happy"
        assert await database.fetchval("SELECT max(num) FROM posts") == 140
    else:
        assert list(entries) == [Name("", "0001_test")]
        assert await database.fetchval("SELECT count(*) FROM posts") == 40
    assert await database.fetchval("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0
    await admin.close()
    await database.close()
    assert not [r for r in caplog.records if r.name.startswith("asyncio")]


async def _released(admin: Any) -> None:
    """Wait until the server has let go of what was ended: it does so at its next look."""
    for _ in range(400):
        held = await admin.fetchval(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
            "WHERE locktype = 'advisory' AND pid <> pg_backend_pid() AND granted AND datname = current_database()"
        )
        if not held:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the lock of a connection that was ended is still held")


async def test_one_runner_at_a_time(dsn: str) -> None:
    database = await begun(dsn)
    other = await chakra.connect(dsn, max_connections=3)
    said: list[str] = []

    async def meanwhile() -> None:
        try:
            await Runner(other, graph(), quick()).apply()
        except MigrationError as error:
            said.append(str(error))

    async def again(db: Any) -> None:
        await meanwhile()

    one = Graph([migration(1, BEFORE), migration(2, [RunPython("again", "")], functions={"again": again})])
    await Runner(database, one, quick()).apply()
    assert len(said) == 1 and "somebody else is migrating this database: process" in said[0]
    await other.close()
    await database.close()


async def test_a_lock_that_is_not_to_be_had(dsn: str) -> None:
    """Others wait behind a migration for as long as lock_timeout, and no longer; nothing is half done."""
    database = await begun(dsn)
    blocker = await asyncpg.connect(dsn)
    await blocker.execute("BEGIN; SELECT * FROM posts LIMIT 1")
    heard: list[str] = []
    plain = Graph([migration(1, BEFORE), migration(2, [RenameColumn("posts", "title", "headline")])])
    options = quick(lock_timeout=0.05, hear=lambda key, step, what: heard.append(what))
    with pytest.raises(MigrationError, match=r"no lock on \"posts\" in 3 attempts of 0.05 s"):
        await Runner(database, plain, options).apply()
    assert sum(word.startswith("wait: ACCESS EXCLUSIVE not free") for word in heard) == 2
    assert await database.fetchval("SELECT count(title) FROM posts") == 39

    async def pause(_: float) -> None:
        await blocker.execute("ROLLBACK")

    await Runner(database, plain, quick(lock_timeout=0.05, sleep=pause)).apply()
    assert await database.fetchval("SELECT count(headline) FROM posts") == 39
    await blocker.close()
    await database.close()
