"""What would surprise: tables that nobody analyzed yet, keys that become numbered with rows in them."""

from __future__ import annotations

import pytest

from chakra.errors import ChakraError, MigrationError
from chakra.migrations import (
    AddColumn,
    AddConstraint,
    AddIndex,
    AddLabel,
    AlterColumn,
    Column,
    CreateEnum,
    CreatePolicy,
    CreateTable,
    Index,
    Operation,
    Policy,
    RunSQL,
    SetRowSecurity,
    Unique,
)
from chakra.migrations.frozen import type_of_text, type_text
from chakra.migrations.run import Runner, look
from chakra.migrations.run.backfilling import backfill
from chakra.migrations.steps import Backfill
from chakra.pg.types import PgType
from chakra.schema import Identity, Term
from tests.migrations.carried_out import emptied, history, quick


async def test_rewrite_of_a_table_without_statistics(dsn: str) -> None:
    """A table that was just restored has no statistics: it counts as large all the same."""
    table = CreateTable('"of rows"', [Column("id", "bigint"), Column("name", "text")], primary_key=["id"])
    async with await emptied(dsn) as database:
        await Runner(database, history([table]), quick()).apply()
        await database.execute(
            'ALTER TABLE "of rows" SET (autovacuum_enabled = false); '
            'INSERT INTO "of rows" SELECT i, i FROM generate_series(1, 20000) i'
        )
        graph = history([table], [AlterColumn('"of rows"', Column("name", "integer"))])
        with pytest.raises(MigrationError, match="20,000 rows"):
            await Runner(database, graph, quick(allow_rewrite=False)).apply()
        await database.execute('DELETE FROM "of rows" WHERE id > 5')
        (planned,) = await Runner(database, graph).plan()
        assert planned.rows == {'"of rows"': 5}


@pytest.mark.parametrize(
    ("identity", "numbers"),
    [
        ("by default", [1, 2, 7, 8]),
        ("always", [1, 2, 7, 8]),
        ("serial", [1, 2, 7, 8]),
        (Identity(start=9, increment=3, serial=True), [1, 2, 7, 9]),
        (Identity(start=100), [1, 2, 7, 100]),
        (Identity(increment=-1), [-1, 1, 2, 7]),
    ],
    ids=["by default", "always", "serial", "serial by threes", "start", "down"],
)
async def test_a_key_that_is_numbered_from_now_on(dsn: str, identity: object, numbers: list[int]) -> None:
    table = CreateTable(
        "things", [Column("id", "bigint"), Column("n", "integer", null=True)], primary_key=["id"]
    )
    column = Column("id", "bigint", identity=identity)  # type: ignore[arg-type]
    async with await emptied(dsn) as database:
        await Runner(database, history([table]), quick()).apply()
        await database.execute("INSERT INTO things VALUES (1), (2), (7)")
        await Runner(database, history([table], [AlterColumn("things", column)]), quick()).apply()
        await database.execute("INSERT INTO things (n) VALUES (1)")
        assert await database.fetchval("SELECT array_agg(id ORDER BY id) FROM things") == numbers


async def test_rows_that_row_security_hides(dsn: str) -> None:
    """A table whose rows the role does not see is not taken for empty, nor are its rows left out of a backfill."""
    table = CreateTable(
        "notes", [Column("id", "bigint"), Column("word", "text", null=True)], primary_key=["id"]
    )
    policy = CreatePolicy("notes", "none", Policy(using="false"))
    async with await emptied(dsn) as database:
        graph = history([table, policy, SetRowSecurity("notes")])
        await Runner(database, graph, quick()).apply()
        await database.execute(
            "INSERT INTO notes VALUES (1, NULL); DROP ROLE IF EXISTS reader_of_notes; CREATE ROLE reader_of_notes; "
            "GRANT SELECT, UPDATE ON notes TO reader_of_notes; GRANT reader_of_notes TO CURRENT_USER"
        )
        assert (await look(database, graph.state)).empty == frozenset()
        work = Backfill('"notes"', "\"word\" = 'x'", '"word" IS NULL')
        for sees, message in (
            (look(database, graph.state), "has to see all rows"),
            (backfill(database, work), "row-level"),
        ):
            with pytest.raises(ChakraError, match=message):
                async with database.transaction():
                    await database.execute("SET LOCAL ROLE reader_of_notes")
                    await sees
        await database.execute("DROP OWNED BY reader_of_notes; DROP ROLE reader_of_notes")
        assert await backfill(database, work) == 1


@pytest.mark.parametrize(
    ("operations", "says"),
    [
        (
            [
                AlterColumn("posts", Column("name", "text"), fill="'same'"),
                AddConstraint("posts", Unique("name", name="k")),
            ],
            "which k forbids. Find them",
        ),
        (
            [AddIndex("posts", Index(Term(expression="lower(name)"), name="k", unique=True))],
            "could not create unique index",
        ),
    ],
    ids=["rows that were filled", "an expression"],
)
async def test_a_unique_index_that_fails_stays_out_of_the_way(
    dsn: str, operations: list[Operation], says: str
) -> None:
    """Half built, it would go on refusing rows of everybody who writes."""
    table = CreateTable(
        "posts", [Column("id", "bigint"), Column("name", "text", null=True)], primary_key=["id"]
    )
    async with await emptied(dsn) as database:
        await Runner(database, history([table]), quick()).apply()
        await database.execute("INSERT INTO posts VALUES (1, NULL), (2, NULL), (3, 'a'), (4, 'A')")
        graph = history([table], operations)
        with pytest.raises(MigrationError, match=says):
            await Runner(database, graph, quick()).apply()
        await database.execute("INSERT INTO posts VALUES (5, 'same'), (6, 'same')")
        assert not await database.fetchval("SELECT pg_catalog.to_regclass('k') IS NOT NULL")
        with pytest.raises(
            MigrationError, match=r"is half applied, . of . steps, and there is no such file: bring"
        ):
            await Runner(database, history([table]), quick()).apply()
        await database.execute("UPDATE posts SET name = id")
        await Runner(database, graph, quick()).apply()


async def test_a_migration_that_did_nothing_is_thrown_away(dsn: str) -> None:
    """It failed at its first step and another file was made in its place: it stands in nobody's way."""
    table = CreateTable("posts", [Column("id", "bigint")], primary_key=["id"])
    more = AddColumn("posts", Column("more", "text", null=True))
    async with await emptied(dsn) as database:
        await Runner(database, history([table]), quick()).apply()
        with pytest.raises(MigrationError, match="division by zero"):
            await Runner(database, history([table], [more, RunSQL("SELECT 1/0")]), quick()).apply()
        assert await Runner(database, history([table]), quick()).plan() == []
        assert await Runner(database, history([table]), quick()).apply() == []
        assert len(await Runner(database, history([table], [more]), quick()).apply()) == 1


async def test_no_advice_to_split_what_cannot_be(dsn: str) -> None:
    """A label that is taken back writes the table anew; that is no change of a type that could be split."""
    mood, table = (
        CreateEnum("mood", ["ok"]),
        CreateTable("posts", [Column("id", "bigint"), Column("mood", "mood")], primary_key=["id"]),
    )
    graph = history([mood, table], [AddLabel("mood", "sad")])
    async with await emptied(dsn) as database:
        await Runner(database, graph, quick()).apply()
        await database.execute(
            "INSERT INTO posts SELECT i, 'ok' FROM generate_series(1, 40) i; ANALYZE posts"
        )
        runner = Runner(database, graph, quick(allow_rewrite=False, large=30))
        with pytest.raises(MigrationError, match=r"Allow it with --allow-rewrite where that may be$"):
            await runner.back(graph.order[-1].key)


def test_types_with_names_that_are_no_words_are_read_back() -> None:
    for schema in (None, "app", "Odd schema", "a.b"):
        for name in (
            "mood",
            "Mood",
            "Mood Type",
            "a.b",
            'say "x"',
            "text",
            "x[]",
            "1st",
            "a-b",
            "it's",
            "ünï",
            "$a",
        ):
            type_ = PgType(name, kind="enum", schema=schema)
            read = type_of_text(type_text(type_))
            assert (read.schema, read.typname) == (schema, name)
            several = type_of_text(type_text(PgType("_x", kind="array", element=type_, ndims=2)))
            assert several.element is not None
            assert (several.element.schema, several.element.typname, several.ndims) == (schema, name, 2)
    assert (
        type_text(PgType("Mood", kind="enum", schema="app")) == "app.Mood"
    )  # files that are there stay as they are
