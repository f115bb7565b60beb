"""Types that change without a rewrite: expand, fill, contract, with somebody writing between, and all the way back."""

from __future__ import annotations

from typing import Any

import pytest

from chakra.errors import DatabaseError, DataError
from chakra.migrations.diff import diff
from chakra.migrations.files import Name
from chakra.migrations.observed import observed
from chakra.migrations.run import Runner
from tests.migrations.carried_out import emptied, in_steps, made, quick
from tests.migrations.typed import AFTER, BACK, BEFORE, ROWS, USING, state_of


async def test_there_and_back_with_rows_that_are_written_meanwhile(dsn: str) -> None:
    async with await made(dsn, state_of(AFTER)) as database:
        wanted = await observed(database)
    graph = in_steps(BEFORE, state_of(AFTER), usings=USING, backs=BACK)
    assert [one.key.name[:11] for one in graph.order[1:]] == ["0002_expand", "0003_fill_a", "0004_contra"]
    assert diff(graph.state, state_of(AFTER)) == []
    async with await emptied(dsn) as database:
        runner = Runner(database, graph, quick(allow_rewrite=False, large=1))
        expand, fill, contract = (one.key for one in graph.order[1:])
        await runner.apply(Name("", "0001_test"))
        await database.execute(ROWS)
        start = await observed(database)

        await runner.apply(expand)
        # Either column is written: what it says is in the other.
        await database.execute("INSERT INTO posts (author, number, at) VALUES (1, 1001, '03.01.2026')")
        await database.execute(
            "INSERT INTO posts (author_new, number_new, at_new, code_new) VALUES (2, 1002, '2026-01-04', 'story')"
        )
        await database.execute("UPDATE posts SET number = 1003 WHERE number = 3")
        await database.execute("UPDATE posts SET number_new = 1004 WHERE number = 4")
        await database.execute("UPDATE posts SET data = NULL WHERE number = 5")
        await database.execute("UPDATE authors SET boss_new = NULL WHERE id = 3")
        assert await database.fetchval("SELECT count(*) FROM posts WHERE number_new IS NULL") == 297
        with pytest.raises(DataError, match="invalid input"):
            await database.execute("UPDATE posts SET data = 'x' WHERE number = 1")

        await runner.apply(fill)
        assert tuple(
            await database.fetchrow(
                "SELECT count(*), count(*) FILTER (WHERE (number, id, author, code, at) = (number_new, id_new, "
                "author_new, code_new::text, to_char(at_new, 'DD.MM.YYYY'))), count(data_new) FROM posts"
            )
        ) == (302, 302, 299)

        await runner.apply(contract)
        assert diff(await observed(database), wanted) == []
        assert (
            await database.fetchval("SELECT sum(number) FROM posts") == 45150 - 7 + 1001 + 1002 + 1003 + 1004
        )
        assert (
            await database.fetchval(
                "INSERT INTO posts (author, number, at) VALUES (1, 1 << 33, now()) RETURNING id"
            )
            == 303
        )
        await database.execute("DELETE FROM posts WHERE id = 303")
        assert await database.fetchval("SELECT data ->> 'a' FROM posts WHERE number = 6") == "1"
        assert await kept(database) == ["{=w/postgres}", 77, True]
        assert (
            await database.fetchval(
                "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            )
            == 0
        )

        await runner.back(contract)
        await database.execute("UPDATE posts SET number = 2001 WHERE number = 7")
        assert await database.fetchval("SELECT number_new FROM posts WHERE number = 2001") == 2001
        await runner.back(expand)
        assert diff(await observed(database), start) == []
        assert await database.fetchval("SELECT count(*) FROM posts WHERE data = '{\"a\": 1}'") == 299
        assert await kept(database) == ["{=w/postgres}", 77, True]
        with pytest.raises(DatabaseError, match="posts_author_fkey"):
            await database.execute("INSERT INTO posts (author, at) VALUES (99, '')")

        # What does not fire, and what holds nothing, is no longer there.
        await database.execute("ALTER TABLE posts DISABLE TRIGGER ALL")
        strayed = {one.describe() for one in diff(await observed(database), start)}
        assert strayed == {
            "drop trigger same of posts",
            "create trigger same of posts",
            "add constraint posts_author_fkey to posts",
        }


async def kept(database: Any) -> list[Any]:
    """What the catalog says of the column and of a view, and no state has."""
    return list(
        await database.fetchrow(
            "SELECT attacl::text, attstattarget::int, has_table_privilege('public', 'busy', 'SELECT') "
            "FROM pg_attribute WHERE attrelid = 'posts'::regclass AND attname = 'number'"
        )
    )
