"""``db.transaction(lazy=True)``: it begins with the first statement, of whatever kind, and only once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import chakra
from chakra import Field, Model, field
from chakra.errors import TransactionError, UniqueViolation
from tests.relations.conftest import SHARED, rows, shared_tables

__all__ = ["rows", "shared_tables"]
pytestmark = SHARED


class Item(Model, table="items"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(unique=True)


MODELS = (Item,)


async def fill() -> None:
    await Item.objects.create(name="old")


async def _nested(db: Any) -> None:
    async with db.transaction():
        await Item.objects.create(name="nested")


async def _stream(query: Any) -> None:
    async for _ in query:
        pass


FIRST: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "get": lambda db: Item.objects.get(id=1),
    "rows": lambda db: Item.objects.all(),
    "stream": lambda db: _stream(Item.objects.iterator(1)),
    "create": lambda db: Item.objects.create(name="a"),
    "update": lambda db: Item.objects.update(name="b"),
    "columns": lambda db: Item.objects.to_arrow(),
    "batches": lambda db: _stream(Item.objects.arrow_batches()),
    "bulk_insert": lambda db: Item.objects.bulk_insert({"name": ["c"]}),
    "bulk_insert on conflict": lambda db: Item.objects.bulk_insert(
        {"name": ["old"]}, on_conflict="ignore", conflict_fields=["name"]
    ),
    "bulk_update": lambda db: Item.objects.bulk_update({"id": [1], "name": ["d"]}),
    "raw": lambda db: chakra.raw("select 1 as x").to_arrow(),
    "execute": lambda db: db.execute("insert into items (name) values ('e'); select 1"),
    "fetch": lambda db: db.fetch("select $1::int", 1),
    "executemany": lambda db: db.executemany("insert into items (name) values ($1)", [("f",)]),
    "describe": lambda db: db.describe("select 1 as x"),
    "nested": _nested,
    "explain": lambda db: Item.objects.filter(id=1).explain(),
    "gather": lambda db: asyncio.gather(*(Item.objects.filter(name=f"{n}").count() for n in range(1))),
}


@pytest.mark.parametrize("first", FIRST)
async def test_what_begins_it(rows: Any, first: str) -> None:
    """One BEGIN for all that follows, no connection before, and a rollback takes it all back."""
    sent: list[str] = []
    remove = rows.hooks.add(lambda event: event.phase == "before" and sent.append(event.sql))
    try:
        with pytest.raises(ZeroDivisionError):
            async with rows.transaction(lazy=True):
                assert rows.in_transaction and rows.pool.figures.idle == rows.pool.figures.size
                assert not sent
                await FIRST[first](rows)
                await Item.objects.create(name="rolled back")
                assert sent.count("BEGIN") == 1, sent
                raise ZeroDivisionError
        assert (sent.count("BEGIN"), sent[-1]) == (1, "ROLLBACK")
        assert await Item.objects.values_list("name", flat=True) == ["old"]
        assert not rows.in_transaction and rows.pool.figures.idle == rows.pool.figures.size
    finally:
        remove()


async def test_nothing_asked_nothing_sent(rows: Any) -> None:
    sent: list[str] = []
    remove = rows.hooks.add(lambda event: sent.append(event.sql))
    called: list[int] = []
    async with rows.transaction(lazy=True) as block:
        block.on_commit(lambda: called.append(1))
    with pytest.raises(ZeroDivisionError):
        async with rows.transaction(lazy=True) as block:
            block.on_commit(lambda: called.append(2))
            raise ZeroDivisionError
    remove()
    assert (sent, called) == ([], [1])
    with pytest.raises(TransactionError, match="is for one block"):
        async with block:
            pass


async def test_several_tasks_are_the_first(rows: Any) -> None:
    sent: list[str] = []
    remove = rows.hooks.add(lambda event: event.phase == "before" and sent.append(event.sql))
    async with rows.transaction(lazy=True):
        first = asyncio.create_task(Item.objects.create(name="x"))
        await first
        late = asyncio.create_task(asyncio.sleep(0))
        async with rows.transaction(lazy=True):
            await Item.objects.create(name="y")
    await late
    remove()
    assert [each for each in sent if not each.startswith(("INSERT", "SELECT"))] == [
        *("BEGIN", "SAVEPOINT chakra_1", "RELEASE SAVEPOINT chakra_1", "COMMIT"),
    ]
    assert await Item.objects.count() == 3
    with pytest.raises(UniqueViolation):
        async with rows.transaction("serializable", lazy=True):
            await Item.objects.create(name="z")
            await Item.objects.create(name="z")
    assert await Item.objects.count() == 3
