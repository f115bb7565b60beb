"""What would surprise: tables that nobody analyzed yet, keys that become numbered with rows in them."""

from __future__ import annotations

import pytest

from chakra.errors import ChakraError, MigrationError
from chakra.migrations import AlterColumn, Column, CreatePolicy, CreateTable, Policy, SetRowSecurity
from chakra.migrations.run import Runner, look
from chakra.migrations.run.backfilling import backfill
from chakra.migrations.steps import Backfill
from chakra.schema import Identity
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
