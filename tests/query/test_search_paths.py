"""One model, two tenants' schemas on one connection: a statement never means the types of another search path."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

import chakra
from chakra import Field, Model, field
from chakra.types import Integer
from tests.db.conftest import proxy  # noqa: F401
from tests.db.proxy import Proxy
from tests.plugins.needs import ServerFacts


class Kind(enum.StrEnum):
    a = "a"
    b = "b"


class Tenant(Model, table="u"):
    id: Field[int] = field(Integer, primary_key=True)
    k: Field[Kind]
    ks: Field[list[Kind] | None]


LABELS = {"public": "'a', 'b'", "ta": "'b', 'x', 'a'", "tb": "'y', 'a', 'b'"}


@pytest.fixture
async def tenants(pg: asyncpg.Connection[Any]) -> None:
    for number, (schema, labels) in enumerate(LABELS.items()):
        await pg.execute(
            f"create schema if not exists {schema}; create type {schema}.kind as enum ({labels});"
            f"create table {schema}.u (id int primary key, k {schema}.kind, ks {schema}.kind[]);"
            f"insert into {schema}.u values ({number}, 'a', array['b', 'a']::{schema}.kind[])"
        )


async def work(schema: str) -> None:
    """Every kind of statement of the row path; rows say which schema they are of."""
    number = list(LABELS).index(schema)
    assert await Tenant.objects.filter(k=Kind.a).values_list("id", "k", "ks") == [
        (number, Kind.a, [Kind.b, Kind.a])
    ]
    assert (await Tenant.objects.get(k__in=[Kind.a])).id == number
    assert await Tenant.objects.filter(ks=[Kind.b, Kind.a]).count() == 1
    assert await Tenant.objects.filter(ks__contains=[Kind.b]).exists()
    assert await Tenant.objects.filter(ks__in=[[Kind.b, Kind.a]]).exists()
    made = await Tenant.objects.create(id=10 + number, k=Kind.b, ks=[Kind.a])
    made.k = Kind.a
    await made.save()
    await Tenant.objects.bulk_create([Tenant(id=20 + i, k=Kind.b) for i in range(2)])
    assert await Tenant.objects.filter(id__gte=10).update(k=Kind.b) == 3
    assert [t.k async for t in Tenant.objects.filter(id__gte=10)] == [Kind.b] * 3
    assert await Tenant.objects.filter(k=Kind.b).delete() == 3


Enter = Callable[[Any, str], Any]


@asynccontextmanager
async def local(db: Any, schema: str) -> AsyncIterator[None]:
    async with db.transaction():
        await db.execute(f"set local search_path to {schema}")
        yield


@asynccontextmanager
async def function(db: Any, schema: str) -> AsyncIterator[None]:
    async with db.transaction():
        await db.fetch("select set_config('search_path', $1, true)", schema)
        yield


@asynccontextmanager
async def savepoint(db: Any, schema: str) -> AsyncIterator[None]:
    async with db.transaction():
        with pytest.raises(KeyError):
            async with db.transaction():
                await db.execute("set local search_path to nowhere")
                raise KeyError
        async with db.transaction():
            await db.execute(f"set local search_path to {schema}")
        yield


@asynccontextmanager
async def schema_word(db: Any, schema: str) -> AsyncIterator[None]:
    async with db.transaction():
        await db.execute(f"set local schema '{schema}'")
        yield


@asynccontextmanager
async def role(db: Any, schema: str) -> AsyncIterator[None]:
    async with db.transaction():
        if schema != "public":
            await db.execute(f"set local role {schema}")
        yield


@asynccontextmanager
async def settings(db: Any, schema: str) -> AsyncIterator[None]:
    async with db.transaction(settings={"search_path": schema}):
        yield


@asynccontextmanager
async def settings_of_role(db: Any, schema: str) -> AsyncIterator[None]:
    async with db.transaction(settings={"role": schema} if schema != "public" else {}):
        yield


@asynccontextmanager
async def settings_of_savepoint(db: Any, schema: str) -> AsyncIterator[None]:
    async with db.transaction():
        async with db.transaction(settings={"search_path": schema}):
            yield
        await work("public")


WAYS: dict[str, Enter] = {
    "settings": settings,
    "settings of a savepoint": settings_of_savepoint,
    "role in settings": settings_of_role,
    "set local": local,
    "set_config": function,
    "savepoint": savepoint,
    "set schema": schema_word,
    "role": role,
}


@pytest.fixture
async def roles(pg: asyncpg.Connection[Any], tenants: None) -> AsyncIterator[None]:
    for schema in ("ta", "tb"):
        await pg.execute(
            f"drop role if exists {schema}; create role {schema}; grant all on schema {schema} to {schema};"
            f"grant all on {schema}.u to {schema}"
        )
    yield
    await pg.execute("drop owned by ta, tb; drop role ta, tb")


@pytest.mark.parametrize("reported", [True, False], ids=["reported", "asked"])
@pytest.mark.parametrize("way", WAYS)
async def test_each_tenant_has_its_types(
    dsn: str, roles: None, way: str, reported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not reported:  # as servers before PostgreSQL 18
        monkeypatch.setattr("chakra.db.search_path.SearchPath._reported", lambda self: None)
    async with chakra.connect(dsn, max_connections=1) as db:
        for schema in ("public", "ta", "tb", "ta", "public", "tb"):
            async with WAYS[way](db, schema):
                await work(schema)
            await work("public")


async def test_a_pinned_connection_keeps_its_path(dsn: str, tenants: None) -> None:
    select = "select k from u where k = 'a'"
    async with chakra.connect(dsn, max_connections=1) as db:
        for schema in ("ta", "tb", "ta"):
            async with db.acquire() as connection:
                await connection.run_fetch("select * from u where k = $1", ("a",))
                await connection.execute(f"set search_path to {schema}")
                (row,) = await connection.run_fetch("select * from u where k = $1", ("a",))
                assert row["id"] == list(LABELS).index(schema)
                assert await connection.fetchval(select) == "a"
            await work("public")


async def test_a_rollback_returns_to_the_path_before(dsn: str, tenants: None) -> None:
    async with chakra.connect(dsn, max_connections=1) as db:
        with pytest.raises(KeyError):
            async with local(db, "ta"):
                await work("ta")
                raise KeyError
        await work("public")


async def test_names_of_types_are_looked_up_under_the_path_that_holds(dsn: str, tenants: None) -> None:
    async with chakra.connect(dsn, max_connections=1) as db:
        for schema in ("ta", "public", "tb", "ta"):
            async with local(db, schema):
                found = await db.types.resolve("kind[]")
                assert (found.schema, found.element.schema) == (schema, schema)
                assert [row["id"] for row in await db.table("u")] == [list(LABELS).index(schema)]
        assert (await db.types.resolve("kind")).schema == "public"


async def test_statements_are_prepared_once_for_each_path(
    tenants: None,
    proxy: Proxy,  # noqa: F811
    server_facts: ServerFacts,
) -> None:
    asked = 0 if server_facts.major >= 18 else 4  # for the path: in each block, and behind it
    async with chakra.connect(proxy.url, max_connections=1, reset="never") as db:
        for _ in range(3):
            proxy.sent.clear()
            for schema in ("ta", "tb"):
                async with local(db, schema):
                    await Tenant.objects.get(k=Kind.a)
            await Tenant.objects.get(k=Kind.a)
        assert proxy.round_trips == 2 * 4 + 1 + asked
        assert proxy.sent[b"P"] == 0
