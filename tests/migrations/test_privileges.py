"""Views that are dropped and made again stay whose they were, and others may do with them what they might."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from chakra import Field, Model, field
from chakra.errors import DatabaseError
from chakra.migrations import AlterColumn, Column, CreateTable, CreateView, DropView
from chakra.migrations.files import Name
from chakra.migrations.operations import Operation
from chakra.migrations.run import Runner
from chakra.pg.quoting import quote_identifier
from tests.migrations.carried_out import emptied, history, quick

ROLES = ("view_owner", "view_reader", "odd \"reader'")
GRANTS = """
GRANT SELECT, INSERT ON {0} TO view_reader; GRANT SELECT (id) ON {0} TO "odd ""reader'";
GRANT SELECT ON {0} TO view_reader WITH GRANT OPTION; GRANT TRIGGER ON {0} TO PUBLIC;
ALTER {1} {0} OWNER TO view_owner;
"""
ACL = """
SELECT pg_get_userbyid(relowner)::text, (SELECT array_agg(x ORDER BY x) FROM unnest(relacl::text[]) x),
    (SELECT array_agg(attname || ' ' || attacl::text ORDER BY attnum) FROM pg_attribute
      WHERE attrelid = c.oid AND attacl IS NOT NULL)
FROM pg_class c WHERE relname = $1
"""


async def _roles(database: Any) -> None:
    for name in ROLES:
        with suppress(DatabaseError):  # of a test before this one, or beside it: roles are the cluster's
            await database.execute(f"CREATE ROLE {quote_identifier(name)}")
    await database.execute("GRANT ALL ON SCHEMA public TO view_owner")


async def test_grants_of_views(dsn: str) -> None:
    table = CreateTable("posts", [Column("id", "integer"), Column("title", "text")], primary_key=["id"])
    columns = [Column("id", "integer"), Column("title", "text")]
    views = [
        CreateView("titles", "SELECT id, title FROM posts", columns),
        CreateView("upper titles", "SELECT id, upper(title) AS title FROM titles", columns),
        CreateView("stored", "SELECT id, title FROM posts", columns, materialized=True),
    ]
    names = ("titles", "upper titles", "stored")
    wider = [Column("id", "bigint"), Column("title", "text")]
    away = [DropView(f'"{name}"' if " " in name else name) for name in ("upper titles", "stored", "titles")]
    again = [
        CreateView("titles", "SELECT id, title FROM posts", wider),
        CreateView("upper titles", "SELECT id, title FROM titles", wider),
        CreateView("stored", "SELECT id FROM posts", wider[:1], materialized=True),
    ]
    async with await emptied(dsn) as database:
        await _roles(database)
        await Runner(database, history([table, *views]), quick()).apply()
        for name in names:
            kind = "MATERIALIZED VIEW" if name == "stored" else "VIEW"
            await database.execute(GRANTS.format(f'"{name}"', kind))
        before = [await database.fetch(ACL, name) for name in names]
        change: list[Operation] = [*away, AlterColumn("posts", wider[0]), *again]
        await database.execute("GRANT SELECT ON posts TO view_owner")
        await Runner(database, history([table, *views], change), quick()).apply()
        assert [await database.fetch(ACL, name) for name in names] == before
        assert before[0][0][0] == "view_owner" and len(before[0][0][1]) == 3 and len(before[0][0][2]) == 1
        await Runner(database, history([table, *views], change), quick()).back(Name("", "0002_test"))
        assert [await database.fetch(ACL, name) for name in names] == before


class Word(Model, table="words_given"):
    id: Field[int] = field(primary_key=True)


class Count(Model, table="counts_given"):
    n: Field[int]

    class Meta:
        view = "SELECT count(*) AS n FROM words_given"
        materialized = True


async def test_grants_of_a_materialized_view_that_is_replaced(db: Any) -> None:
    await _roles(db)
    await db.create_tables(Word, Count)
    await db.execute("GRANT SELECT ON words_given TO view_owner")
    await db.execute(GRANTS.format("counts_given", "MATERIALIZED VIEW").replace("(id)", "(n)"))
    before = await db.fetch(ACL, "counts_given")
    await db.create_tables(Count, replace_views=True)
    assert await db.fetch(ACL, "counts_given") == before
    assert len(before[0][1]) == 3
