"""Types that change without a rewrite: expand, fill, contract, with somebody writing between, and all the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chakra.errors import DatabaseError, DataError, MigrationError
from chakra.migrations import (
    AddColumn,
    AddConstraint,
    Check,
    Column,
    CreateEnum,
    CreatePolicy,
    CreateTable,
    CreateTrigger,
    CreateView,
    Exclude,
    ForeignKey,
    Index,
    Partitioning,
    Policy,
    Trigger,
    Unique,
)
from chakra.migrations.diff import diff
from chakra.migrations.files import Graph, Name
from chakra.migrations.observed import observed
from chakra.migrations.operations import Operation
from chakra.migrations.run import Runner
from chakra.migrations.splitting import split
from chakra.migrations.state import State
from tests.migrations.carried_out import emptied, history, made, migration, quick, written

SAME = "EXECUTE FUNCTION suppress_redundant_updates_trigger()"


def tables(number: str, code: str, at: str, data: str, label: str) -> list[Operation]:
    """Two tables, one of which refers to the other and to itself, with all that may be about a column.

    Args:
        number: type of keys and numbers; the others are of columns.
        label: a value of code.
    """
    return [
        CreateEnum("kind", ["news", "story"]),
        CreateTable(
            "authors",
            [Column("id", number, identity="always"), Column("boss", number, null=True)],
            primary_key=["id"],
            constraints=[ForeignKey("boss", "authors", "id", name="authors_boss_fkey")],
        ),
        CreateTable(
            "posts",
            [
                Column("id", number, identity="by default"),
                Column("author", number),
                Column("number", number, default="0", comment="how many"),
                Column("code", code, default=label, null=True),
                Column("at", at),
                Column("data", data, null=True),
                Column("body", "text", null=True),
            ],
            primary_key=["author", "id"],
            constraints=[
                ForeignKey("author", "authors", "id", name="posts_author_fkey", on_delete="cascade"),
                Unique("number", "author", name="posts_number_key", deferrable="immediate"),
                Check("number >= 0", name="posts_number_check"),
            ],
            indexes=[
                Index("-code", name="posts_code_idx", where="body IS NULL"),
                Index("(number + 1)", name="posts_more_idx"),
                Index("body", name="posts_body_idx"),
            ],
        ),
        CreateView("busy", "SELECT id, number FROM posts", [Column("id", number), Column("number", number)]),
        CreateView("busier", "SELECT id FROM busy", [Column("id", number)]),
        CreatePolicy("posts", "seen", Policy(using="number >= 0")),
        CreateTrigger("posts", "same", Trigger(f"BEFORE UPDATE OF number ON {{table}} FOR EACH ROW {SAME}")),
    ]


BEFORE = tables("integer", "text", "text", "text", "'news'::text")
AFTER = tables("bigint", "kind", "timestamp with time zone", "jsonb", "'news'::kind")
USING = {("posts", "at"): "to_timestamp(at, 'DD.MM.YYYY')"}
BACK = {("posts", "at"): "to_char(at, 'DD.MM.YYYY')"}
ROWS = """
INSERT INTO authors (boss) SELECT CASE WHEN i > 1 THEN 1 END FROM generate_series(1, 3) i;
INSERT INTO posts (author, number, at, data) SELECT 1 + i % 3, i, '02.01.2026', '{"a": 1}'
FROM generate_series(1, 300) i;
GRANT UPDATE (number) ON posts TO PUBLIC;
ALTER TABLE posts ALTER COLUMN number SET STATISTICS 77
"""


def state_of(operations: Sequence[Operation]) -> State:
    state = State()
    for one in operations:
        state = one.apply(state)
    return state


def graph_of(before: Sequence[Operation], after: Sequence[Operation], **words: Any) -> Graph:
    """A history, and the migrations that lead on in steps, as their files have them."""
    graph = history(before)
    made = split(graph, "", state_of(after), **words)
    keys = ["0001_test", *[one.name for one in made]]
    more = [
        replace(migration(2, written(one.operations)), key=Name("", one.name), requires=(Name("", keys[n]),))
        for n, one in enumerate(made)
    ]
    return Graph([*graph.order, *more])


async def test_there_and_back_with_rows_that_are_written_meanwhile(dsn: str) -> None:
    async with await made(dsn, state_of(AFTER)) as database:
        wanted = await observed(database)
    graph = graph_of(BEFORE, AFTER, usings=USING, backs=BACK)
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
        assert await kept(database) == ["{=w/postgres}", 77]
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
        assert await kept(database) == ["{=w/postgres}", 77]
        with pytest.raises(DatabaseError, match="posts_author_fkey"):
            await database.execute("INSERT INTO posts (author, at) VALUES (99, '')")


async def kept(database: Any) -> list[Any]:
    """What the catalog says of the column, and no state has."""
    return list(
        await database.fetchrow(
            "SELECT attacl::text, attstattarget::int FROM pg_attribute WHERE attrelid = 'posts'::regclass "
            "AND attname = 'number'"
        )
    )
