"""Nobody sees another tenant's rows because of what was left on a connection: row security is the judge.

The pool has one connection, so every statement is the next borrower of the one before it. Each way is also tried with
``reset = "never"``, where it must leak: otherwise it would prove nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

import chakra
from chakra import ChakraError, Database
from chakra.db.statements import Told
from tests.plugins.needs import ServerFacts
from tests.query.tenant_cases import PREPARE, QUERIES, RELATIONS, SETUP, STATEMENTS

Run = Callable[[Any, str], Awaitable[Any]]


async def acquired(db: Database, sql: str) -> None:
    async with db.acquire() as connection:
        await connection.fetch(sql)


async def acquired_and_failed(db: Database, sql: str) -> None:
    async with db.acquire() as connection:
        await connection.fetch(sql)
        raise ChakraError


async def in_a_transaction(db: Database, sql: str) -> None:
    async with db.transaction():
        await db.fetch(sql)


async def in_a_savepoint(db: Database, sql: str) -> None:
    async with db.transaction(), db.transaction():
        await db.fetchrow(sql)


async def in_a_transaction_of_a_connection(db: Database, sql: str) -> None:
    async with db.acquire() as connection, connection.transaction():
        await connection.fetchval(sql)


async def batches(db: Database, sql: str) -> None:
    async for _ in chakra.raw(sql, db).arrow_batches():
        pass


async def batches_left(db: Database, sql: str) -> None:
    stream = chakra.raw(sql, db).arrow_batches()
    await anext(aiter(stream), None)
    await stream.aclose()  # type: ignore[attr-defined]


async def stream(db: Database, sql: str) -> None:
    async with db.copy_out_stream(sql) as chunks:
        async for _ in chunks:
            pass


async def copied_in_a_transaction(db: Database, sql: str) -> None:
    async with db.transaction():
        await db.copy_out(sql, len)


async def cursor(db: Database, sql: str) -> None:
    async for _ in db.run_cursor(Told(sql, None, reads=True)):
        pass


async def by_tag(db: Database, sql: str) -> None:
    await db.executemany(sql, [()])


DOORS: dict[str, Run] = {
    "execute": lambda db, sql: db.execute(sql),
    "execute with arguments": lambda db, sql: db.execute(sql.replace("'A'", "$1", 1), "A"),
    "fetch": lambda db, sql: db.fetch(sql),
    "fetchrow": lambda db, sql: db.fetchrow(sql),
    "fetchval": lambda db, sql: db.fetchval(sql),
    "executemany": by_tag,
    "raw().all()": lambda db, sql: chakra.raw(sql, db).all(),
    "raw().one()": lambda db, sql: chakra.raw(sql, db).one(),
    "raw().first()": lambda db, sql: chakra.raw(sql, db).first(),
    "raw().to_arrow()": lambda db, sql: chakra.raw(sql, db).to_arrow(),
    "raw().arrow_batches()": batches,
    "raw().arrow_batches(), left": batches_left,
    "copy_out": lambda db, sql: db.copy_out(sql, len),
    "copy_out_stream": stream,
    "copy_out in a transaction": copied_in_a_transaction,
    "run_cursor": cursor,
    "acquire": acquired,
    "acquire, failed": acquired_and_failed,
    "transaction": in_a_transaction,
    "savepoint": in_a_savepoint,
    "transaction of a connection": in_a_transaction_of_a_connection,
}


async def _create(r: Any) -> None:
    async with r.database.transaction():
        await r.create(id=8, a="A")
        await r.count()


OPERATIONS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "rows": lambda r: r.filter(id__gt=0),
    "a comparison": lambda r: r.filter(a="A"),
    "a lookup": lambda r: r.filter(a__icontains="A", a__iexact="a"),
    "count": lambda r: r.count(),
    "exists": lambda r: r.exists(),
    "first": lambda r: r.first(),
    "aggregate": lambda r: r.aggregate(n=chakra.Count("id")),
    "explain": lambda r: r.explain(analyze=True),
    "to_arrow": lambda r: r.filter(id__gt=0).to_arrow(),
    "arrow_schema": lambda r: r.values("id").arrow_schema(),
    "to_arrow in parts": lambda r: r.to_arrow(partitions=2),
    "create": lambda r: r.create(id=2, a="A"),
    "create in a transaction": _create,
    "update": lambda r: r.update(a="A"),
    "update_or_create": lambda r: r.update_or_create(id=3, defaults={"a": "A"}),
    "bulk_insert": lambda r: r.bulk_insert({"id": [4, 5], "a": ["A", "A"]}),
    "bulk_insert beside what is there": lambda r: r.bulk_insert(
        {"id": [4], "a": ["A"]}, on_conflict="ignore"
    ),
    "bulk_insert with its keys": lambda r: r.bulk_insert({"id": [6], "a": ["A"]}, returning="keys"),
    "bulk_update": lambda r: r.bulk_update({"id": [1], "a": ["A"]}, key=["id"]),
    "copy_in": lambda r: r.database.copy_in("r", ["id", "a"], [COPY]),
    "delete": lambda r: r.filter(id=1).delete(),
}

COPY = (
    b"PGCOPY\n\xff\r\n\0" + bytes(8)
    + b"\0\2" + b"\0\0\0\4" + b"\0\0\0\7" + b"\0\0\0\1A" + b"\xff\xff"
)  # fmt: skip


@pytest.fixture
async def url(pg: asyncpg.Connection[Any], dsn: str) -> str:
    """Address for a role that row security applies to, with the objects of the cases."""
    await pg.execute(
        """do $$ begin if not exists (select from pg_roles where rolname = 'chakra_webapp') then
               create role chakra_webapp login password 'webapp'; end if; end $$;
           grant all on schema public to chakra_webapp; set role chakra_webapp"""
    )
    await pg.execute(SETUP)
    user = urlsplit(dsn).username
    return dsn.replace(f"//{user}@", "//chakra_webapp:webapp@").replace(f"//{user}:", "//chakra_webapp:")


@asynccontextmanager
async def tenant(url: str, reset: str) -> AsyncIterator[Database]:
    database = await Database.connect(url, max_connections=1, reset=reset)
    try:
        yield database
    finally:
        await database.close(timeout=1)


async def leaks(db: Database, run: Awaitable[Any]) -> bool:
    """Whether the next borrower sees rows, having named no tenant."""
    with suppress(ChakraError):
        await run
    seen = await db.run_fetch("select id from invoices")
    if seen:
        await db.execute("reset app.tenant")
    return bool(seen)


async def leaking(db: Database, statements: list[str], doors: dict[str, Run]) -> set[tuple[str, str]]:
    return {(sql, door) for sql in statements for door, run in doors.items() if await leaks(db, run(db, sql))}


def test_there_are_many_ways() -> None:
    assert len({*QUERIES, *STATEMENTS, *RELATIONS}) >= 100


@pytest.mark.parametrize("reset", ["auto", "always"])
async def test_sql_of_others(url: str, reset: str) -> None:
    doors = (
        DOORS if reset == "auto" else {name: DOORS[name] for name in ("fetch", "copy_out_stream", "acquire")}
    )
    async with tenant(url, reset) as db:
        assert await leaking(db, QUERIES, doors) == set()
        assert await leaking(db, STATEMENTS, {"execute": DOORS["execute"]}) == set()
        assert db.pool.figures.size == 1


async def test_each_way_would_leak(url: str, server_facts: ServerFacts) -> None:
    statements = [sql for sql in STATEMENTS if server_facts.major >= 15 or not sql.startswith("merge")]
    async with tenant(url, "never") as db:
        found = await leaking(db, [*QUERIES, *statements], {"execute": DOORS["execute"]})
        assert {sql for sql, _ in found} == {*QUERIES, *statements}
        found = await leaking(db, QUERIES[:1], DOORS)
        assert {door for _, door in found} == DOORS.keys()


@pytest.mark.parametrize("reset", ["auto", "always"])
async def test_compiled_statements_over_relations_that_run_code(
    url: str, pg: asyncpg.Connection[Any], reset: str
) -> None:
    async with tenant(url, reset) as db:
        assert await leaking_relations(db, pg) == {}


async def test_each_relation_would_leak(url: str, pg: asyncpg.Connection[Any]) -> None:
    async with tenant(url, "never") as db:
        found = await leaking_relations(db, pg)
    assert found.keys() == RELATIONS.keys()
    assert {operation for operations in found.values() for operation in operations} == OPERATIONS.keys()


async def leaking_relations(db: Database, pg: asyncpg.Connection[Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, ddl in RELATIONS.items():
        await pg.execute(PREPARE)
        await pg.execute(ddl)
        await pg.execute("reset app.tenant")
        db.schema_changed()
        table: Any = db.table("r")
        operations = [how for how, run in OPERATIONS.items() if await leaks(db, run(table))]
        if operations:
            found[name] = operations
    return found


async def test_streams_of_relations_that_run_code(url: str, pg: asyncpg.Connection[Any]) -> None:
    await pg.execute(
        "create view r as select id, a from log where become('A'); insert into log (a) values ('x')"
    )
    async with tenant(url, "auto") as db:
        async for _ in db.table("r").iterator():
            pass
        assert await db.run_fetch("select id from invoices") == []
        async for _ in db.table("r").arrow_batches():
            pass
        assert await db.run_fetch("select id from invoices") == []


async def test_a_tenant_by_transaction(url: str) -> None:
    """The way to do it: nothing is left behind, and nothing has to be reset."""
    async with tenant(url, "auto") as db:
        invoices: Any = db.table("invoices")
        for name, ids in (("A", [1]), ("B", [2]), ("C", []), ("A' or true --", [])):
            async with db.transaction(settings={"app.tenant": name}):
                assert await invoices.values_list("id", flat=True) == ids
                assert (await invoices.to_arrow()).num_rows == len(ids)
            assert await invoices == []
