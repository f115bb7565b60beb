"""What would surprise: tables that nobody analyzed yet, keys that become numbered with rows in them."""

from __future__ import annotations

import pytest

from chakra.errors import MigrationError
from chakra.migrations import AlterColumn, Column, CreateTable
from chakra.migrations.run import Runner
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
        (Identity(start=100), [1, 2, 7, 100]),
        (Identity(increment=-1), [-1, 1, 2, 7]),
    ],
    ids=["by default", "always", "start", "down"],
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
