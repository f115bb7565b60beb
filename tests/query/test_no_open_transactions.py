"""After any operation, refused ones included, no idle session of ours is in a transaction or holds a lock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import pytest

import chakra
from chakra import Q
from chakra.errors import ChakraError
from tests.db.conftest import proxy  # noqa: F401
from tests.db.proxy import Proxy
from tests.query.library import Author, Book

HELD = """
select a.state, a.xact_start, a.query, l.locktype, l.relation::regclass, l.mode
from pg_stat_activity a left join pg_locks l on l.pid = a.pid
where a.datname = current_database() and a.application_name = 'chakra'
  and (a.xact_start is not null or a.state <> 'idle' or l.pid is not null)
"""

Operation = Callable[[Any], Awaitable[object]]


def raw(db: Any, sql: str, *params: Any) -> Any:
    return chakra.raw(sql, db, params=list(params))


async def listed(rows: Any) -> Sequence[Any]:
    return [row async for row in rows]


async def _remade(db: Any) -> None:
    await db.execute("create table made (id int)")
    await db.execute("drop table made")


# What runs on a database and on a pinned connection alike.
STATEMENTS: dict[str, Operation] = {
    "fetch": lambda db: db.fetch("select id from authors where id = $1", 1),
    "fetch, refused": lambda db: db.fetch("select id from authors where id = $1", "x"),
    "fetch, out of range": lambda db: db.fetch("select id from authors where id = $1", 2**70),
    "fetch, too few values": lambda db: db.fetch("select id from authors where id = $1 and name = $2", 1),
    "fetch, too many values": lambda db: db.fetch("select id from authors", 1, 2),
    "fetch, a lone surrogate": lambda db: db.fetch("select id from authors where name = $1", "\ud800"),
    "fetch, NUL": lambda db: db.fetch("select id from authors where name = $1", "\0"),
    "fetchrow, refused": lambda db: db.fetchrow("select id from authors where id = $1", "x"),
    "fetchval, refused": lambda db: db.fetchval("select id from authors where id = $1", "x"),
    "execute, refused": lambda db: db.execute("update authors set name = $1", 5),
    "execute, no such table": lambda db: db.execute("update nobody set name = $1", 5),
    "executemany, first refused": lambda db: db.executemany("update authors set name = $1", [(5,)]),
    "executemany, third refused": lambda db: db.executemany(
        "update authors set name = $1", [("a",), ("b",), (5,)]
    ),
    "executemany, iterator": lambda db: db.executemany("update authors set name = $1", iter([(5,)])),
    "executemany, no sequence": lambda db: db.executemany("update authors set name = $1", [5]),
    "script": lambda db: db.execute("select 1; select count(*) from authors"),
    "script, failing": lambda db: db.execute("select count(*) from authors; select 1/0"),
    "describe": lambda db: db.describe("select name from authors"),
    "describe, no such column": lambda db: db.describe("select nothing from authors"),
    "raw rows": lambda db: raw(db, "select name from authors").all(),
    "raw rows, refused": lambda db: raw(db, "select name from authors where id = $1", "x").all(),
    "raw arrow_schema": lambda db: raw(db, "select name from authors").arrow_schema(),
    "raw to_arrow": lambda db: raw(db, "select name from authors where id = $1", 1).to_arrow(),
    "raw to_arrow, refused": lambda db: raw(db, "select name from authors where id = $1", "x").to_arrow(),
    "raw to_arrow, too few values": lambda db: raw(db, "select name from authors where id = $1").to_arrow(),
    "transaction, refused": lambda db: _in_transaction(db, "select id from authors where id = $1", "x"),
}

# What queries over models and tables do.
QUERIES: dict[str, Operation] = {
    "rows": lambda db: Book.objects.filter(id=1),
    "get": lambda db: Book.objects.get(id=1),
    "get, none": lambda db: Book.objects.get(id=-1),
    "filter, text for a number": lambda db: Book.objects.filter(id="x"),
    "filter, too large": lambda db: Book.objects.filter(id=2**70),
    "filter, in": lambda db: Book.objects.filter(id__in=["x"]),
    "filter, range": lambda db: Book.objects.filter(pages__range=("a", "b")),
    "filter, label": lambda db: Book.objects.filter(kind="nothing"),
    "filter, date": lambda db: Book.objects.filter(printed="yesterday"),
    "filter, NUL": lambda db: Book.objects.filter(title="a\0"),
    "filter, other table": lambda db: Book.objects.filter(author__id="x"),
    "filter, Q": lambda db: Book.objects.filter(Q(id="x") | Q(stock=2**40)),
    "count": lambda db: Book.objects.count(),
    "count, refused": lambda db: Book.objects.filter(id=2**70).count(),
    "exists, refused": lambda db: Book.objects.filter(id="x").exists(),
    "aggregate": lambda db: Book.objects.aggregate(n=chakra.Count("id")),
    "iterator": lambda db: listed(Book.objects.iterator()),
    "iterator, refused": lambda db: listed(Book.objects.filter(id="x").iterator()),
    "explain": lambda db: Book.objects.explain(),
    "create": lambda db: Author.objects.create(name="n", email="new"),
    "create, refused": lambda db: Author.objects.create(name=5, email="x"),
    "create, too large": lambda db: Book.objects.create(title="t", author_id=1, stock=2**40),
    "create, unique": lambda db: _twice(),
    "get_or_create, refused": lambda db: Author.objects.get_or_create(name="n", email=5),
    "update_or_create, refused": lambda db: Author.objects.update_or_create(name="n", defaults={"email": 5}),
    "update, refused": lambda db: Book.objects.filter(id=1).update(stock="many"),
    "delete, refused": lambda db: Book.objects.filter(id="x").delete(),
    "save, refused": lambda db: _save(),
    "bulk_create 2, refused": lambda db: Author.objects.bulk_create([Author(name="a", email=5)] * 2),
    "bulk_create 600, refused": lambda db: Author.objects.bulk_create(
        [Author(name="a", email=5) for _ in range(600)]
    ),
    "bulk_create 600": lambda db: Author.objects.bulk_create(
        [Author(name="a", email=str(i)) for i in range(600)]
    ),
    "bulk_insert": lambda db: Author.objects.bulk_insert({"name": ["a"], "email": ["q"]}),
    "bulk_insert, refused": lambda db: Author.objects.bulk_insert({"name": ["a"], "email": [5]}),
    "bulk_insert, upsert": lambda db: Author.objects.bulk_insert(
        {"name": ["a"], "email": ["q"]}, on_conflict="update", conflict_fields=["email"]
    ),
    "bulk_update, refused": lambda db: Book.objects.bulk_update({"id": [1], "stock": ["x"]}, ["stock"]),
    "to_arrow": lambda db: Book.objects.to_arrow(),
    "to_arrow, refused": lambda db: Book.objects.filter(id="x").to_arrow(),
    "to_arrow, partitions": lambda db: Book.objects.order_by().to_arrow(partitions=2),
    "arrow_schema": lambda db: Book.objects.arrow_schema(),
    "arrow_schema, computed": lambda db: (
        Book.objects.values("id").annotate(n=chakra.F("span")).arrow_schema()
    ),
    "arrow_batches": lambda db: listed(Book.objects.arrow_batches()),
    "table": lambda db: db.table("authors").filter(id=1),
    "table, no such table": lambda db: db.table("nobody").filter(id=1),
    "table, refused": lambda db: db.table("authors").filter(id="x"),
    "table create, refused": lambda db: db.table("authors").create(name="x", email=5),
    "drop and create": _remade,
}


async def _in_transaction(db: Any, sql: str, *args: Any) -> None:
    async with db.transaction():
        await db.fetch(sql, *args)


async def _twice() -> None:
    for _ in range(2):
        await Author.objects.create(name="n", email="twice")


async def _save() -> None:
    author = (await Author.objects.all())[0]
    author.name = 5  # type: ignore[assignment]
    await author.save()


async def refused_or_done(operation: Awaitable[object]) -> None:
    with suppress(ChakraError):
        await operation


@pytest.mark.parametrize("name", QUERIES)
async def test_queries(library: Any, pg: asyncpg.Connection[Any], name: str) -> None:
    for _ in range(2):  # with statements that are new, and with known ones
        await refused_or_done(QUERIES[name](library))
        assert await pg.fetch(HELD) == []


@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("name", STATEMENTS)
async def test_statements(
    library: Any, dsn: str, pg: asyncpg.Connection[Any], name: str, pinned: bool, prepared: bool
) -> None:
    async with (
        chakra.connect(dsn, max_connections=2, prepared_statements=prepared) as db,
        db.acquire() as one,
    ):
        for _ in range(2):
            await refused_or_done(STATEMENTS[name](one if pinned else db))
            assert await pg.fetch(HELD) == []


async def test_a_row_written_after_a_refusal_has_the_time_of_its_own(
    library: Any, pg: asyncpg.Connection[Any]
) -> None:
    await pg.execute("create table dated (at timestamptz default now())")
    async with library.acquire() as one:
        await refused_or_done(one.fetch("select * from dated where at = $1", "x"))
        before = await pg.fetchval("select clock_timestamp()")
        async with one.transaction():
            await one.execute("insert into dated default values")
    assert await pg.fetchval("select at from dated") > before


async def test_only_a_refusal_costs_a_round_trip(
    pg: asyncpg.Connection[Any],
    dsn: str,
    proxy: Proxy,  # noqa: F811
) -> None:
    async with chakra.connect(proxy.url, max_connections=1, reset="never") as db:
        proxy.sent.clear()
        await db.run_fetch("select $1::int", (1,))
        await db.run_fetch("select $1::int", (2,))
        assert proxy.round_trips == 3
        with pytest.raises(ChakraError):  # of the server's: it has ended the transaction itself
            await db.run_fetch("select $1::int / 0", (1,))
        proxy.sent.clear()
        for n in (1, 2, 3):
            await db.run_fetch("select $1::int", (n,))
        assert proxy.round_trips == 3
        with pytest.raises(ChakraError):
            await db.run_fetch("select $1::date", ("x",))
        assert proxy.round_trips == 5
        with pytest.raises(ChakraError):  # known by now, and prepared anew: the server may have other types
            await db.run_fetch("select $1::date", ("x",))
        assert proxy.round_trips == 7
