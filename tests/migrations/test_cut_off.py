"""A migration that is cut off at any statement, before it or behind it, and goes on when it is run again."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

import chakra
from chakra.errors import ChakraError, MigrationError
from chakra.migrations import RenameColumn, RunPython
from chakra.migrations.files import Graph
from chakra.migrations.run import Runner
from tests.migrations.carried_out import Strike, migration, quick
from tests.migrations.cut_off import BEFORE, STORIES, begun, go, over, ready, released


@pytest.mark.parametrize("direction", ["forward", "back"])
@pytest.mark.parametrize("title", list(STORIES))
async def test_cut_off_at_every_statement(
    dsn: str, title: str, direction: str, caplog: pytest.LogCaptureFixture
) -> None:
    """All connections are cut at once; then the same is run with new ones, until it gets through."""
    story = STORIES[title]
    database, _, wanted = await ready(dsn, story, direction)
    admin = await asyncpg.connect(dsn)
    cut = 0
    for at in range(1, 200):
        strike = Strike(at, database.pool.terminate)
        try:
            await go(database, story, direction, strike)
        except (ChakraError, OSError):
            cut += 1
            await database.close()
            database = await chakra.connect(dsn, max_connections=4)
            await released(admin)
            continue
        if not strike.struck:
            break
        # It struck, and nothing was lost by it: the work was over by then. Begin anew for the next one.
        await database.close()
        admin.terminate()  # emptying the database ends all others
        database, _, wanted = await ready(dsn, story, direction)
        admin = await asyncpg.connect(dsn)
    assert cut > 6  # each time one word later, and from where the last run was cut
    await over(database, story, direction, wanted)
    await admin.close()
    await database.close()
    assert not [r for r in caplog.records if r.name.startswith("asyncio")]


async def test_one_runner_at_a_time(dsn: str) -> None:
    database = await begun(dsn, STORIES["operations"])
    other = await chakra.connect(dsn, max_connections=3)
    said: list[str] = []

    async def meanwhile() -> None:
        try:
            await Runner(other, STORIES["operations"].graph, quick()).apply()
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
    database = await begun(dsn, STORIES["operations"])
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
