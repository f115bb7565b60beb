"""What Chakra compiled over plain tables costs no round trip for being safe; the first time over a table costs one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from chakra import Count, Field, ForeignKey, Model, field, foreign_key
from chakra.models import Database
from tests.db.proxy import Proxy


class Owner(Model, table="owners"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(unique=True)
    made: Field[dt.datetime] = field(db_default="now()")


class Thing(Model, table="things"):
    id: Field[UUID] = field(primary_key=True, db_default="gen_random_uuid()")
    owner: ForeignKey[Owner] = foreign_key(on_delete="cascade")
    n: Field[int]


NAMES = {"number": 0}


def fresh() -> str:
    NAMES["number"] += 1
    return f"owner {NAMES['number']}"


def owners(count: int) -> list[Owner]:
    return [Owner(name=fresh()) for _ in range(count)]


def things(count: int) -> list[Thing]:
    return [Thing(owner_id=1, n=n) for n in range(count)]


def columns(count: int) -> dict[str, list[Any]]:
    return {"name": [fresh() for _ in range(count)]}


async def in_a_transaction(db: Database) -> None:
    async with db.transaction(settings={"app.tenant": "a"}):
        await Owner.objects.using(db).count()


async def pinned(db: Database) -> None:
    async with db.acquire() as connection:
        await connection.run_fetch("select 1")


async def iterated(db: Database) -> None:
    async for _ in Owner.objects.using(db).iterator():
        pass


async def batches(db: Database) -> None:
    async for _ in Owner.objects.using(db).arrow_batches():
        pass


def of_owners(db: Database) -> Any:
    return Owner.objects.using(db)


def of_things(db: Database) -> Any:
    return Thing.objects.using(db)


OPERATIONS: dict[str, Callable[[Database], Awaitable[Any]]] = {
    "get": lambda db: of_owners(db).get(id=1),
    "rows over a join": lambda db: of_things(db).filter(owner__name="x").select_related("owner"),
    "count": lambda db: of_owners(db).count(),
    "aggregate": lambda db: of_owners(db).aggregate(n=Count("id")),
    "explain": lambda db: of_owners(db).explain(),
    "iterator": iterated,
    "table": lambda db: db.table("owners").filter(id=1),
    "create": lambda db: of_owners(db).create(name=fresh()),
    "get_or_create": lambda db: of_owners(db).get_or_create(name="first"),
    "update_or_create": lambda db: of_owners(db).update_or_create(name="first", defaults={"name": "first"}),
    "update": lambda db: of_owners(db).filter(id=1).update(name="first"),
    "update over a join": lambda db: of_things(db).filter(owner__name="x").update(n=1),
    "delete": lambda db: of_owners(db).filter(id=0).delete(),
    "bulk_create, few": lambda db: of_owners(db).bulk_create(owners(3)),
    "bulk_create, many": lambda db: of_owners(db).bulk_create(owners(600)),
    "bulk_create, keys by default": lambda db: of_things(db).bulk_create(things(600)),
    "bulk_create beside what is there": lambda db: of_owners(db).bulk_create(owners(3), on_conflict="ignore"),
    "bulk_insert": lambda db: of_owners(db).bulk_insert(columns(3)),
    "bulk_insert with keys": lambda db: of_things(db).bulk_insert(
        {"owner_id": [1], "n": [1]}, returning="keys"
    ),
    "bulk_insert, update": lambda db: of_owners(db).bulk_insert(
        {"id": [1], "name": ["first"]}, on_conflict="update"
    ),
    "bulk_update": lambda db: of_owners(db).bulk_update({"id": [1], "name": ["first"]}),
    "to_arrow": lambda db: of_owners(db).filter(id__gt=0).to_arrow(),
    "to_arrow over a join": lambda db: of_things(db).values("owner__name").to_arrow(),
    "to_arrow in parts": lambda db: of_owners(db).to_arrow(partitions=3),
    "arrow_batches": batches,
    "transaction with settings": in_a_transaction,
    "acquire": pinned,
}


async def counted(
    url: str, proxy: Proxy, operation: Callable[[Database], Awaitable[Any]], reset: str
) -> tuple[int, int]:
    """Round trips of the third call, and of the first one after that over tables that are looked up again."""
    db = await Database.connect(url, max_connections=1, reset=reset)
    try:
        for _ in range(2):
            await operation(db)
        proxy.sent.clear()
        await operation(db)
        steady = proxy.round_trips
        db.core.relation_facts.forget()
        db.harmless.clear()
        await operation(db)
        return steady, proxy.round_trips - steady
    finally:
        await db.close()


@pytest.mark.parametrize("name", OPERATIONS)
async def test_no_round_trip_more(name: str, proxy: Proxy, pg: asyncpg.Connection[Any], dsn: str) -> None:
    async with await Database.connect(dsn) as db:
        await db.create_tables(Owner, Thing)
        await Owner.objects.using(db).create(name="first")
    never = await counted(proxy.url, proxy, OPERATIONS[name], "never")
    auto = await counted(proxy.url, proxy, OPERATIONS[name], "auto")
    assert auto[0] == never[0]
    touches = 0 if name == "acquire" else 1
    assert auto[1] == never[1] + touches
