"""What instances are when the transaction or the savepoint that wrote them was rolled back: to be written again.

Rows are read with plain SQL.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chakra import F, Field, Model, Version, field, on
from chakra.errors import FieldError, SerializationError
from chakra.types import Jsonb
from tests.relations.conftest import SHARED, rows, sends, shared_tables

__all__ = ["rows", "shared_tables"]

pytestmark = SHARED


class Plan(Model, table="rb_plans"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    count: Field[int] = field(default=0)
    data: Field[dict[str, Any]] = field(Jsonb, default_factory=dict)
    double: Field[int] = field(generated=F("count") * 2)
    at: Field[dt.datetime] = field(auto_now=True)
    version: Field[int] = Version()


class Plain(Model, table="rb_plain"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    count: Field[int] = field(default=0)


class Heard(Model, table="rb_heard"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    version: Field[int] = Version()


refused: set[str] = set()


@on(Heard, "after_save")
async def refuse(heard: Heard) -> None:
    if heard.name in refused:
        raise Boom


MODELS = [Plan, Plain, Heard]


class Boom(Exception):
    pass


async def fill() -> None:
    await Plan.objects.create(name="a", count=1)
    await Plain.objects.create(name="a", count=1)


async def table(db: Any, name: str = "rb_plans") -> list[tuple[Any, ...]]:
    columns = "name, count, data::text, version" if name == "rb_plans" else "name, count"
    return [tuple(r) for r in await db.fetch(f"SELECT {columns} FROM {name} ORDER BY id")]


async def flat(db: Any, work: Callable[[], Awaitable[Any]]) -> None:
    async with db.transaction():
        await work()
        raise Boom


async def savepoint(db: Any, work: Callable[[], Awaitable[Any]]) -> None:
    async with db.transaction():
        with pytest.raises(Boom):
            await flat(db, work)


async def released(db: Any, work: Callable[[], Awaitable[Any]]) -> None:
    async with db.transaction():
        async with db.transaction(), db.transaction():
            await work()
        raise Boom


async def lazy(db: Any, work: Callable[[], Awaitable[Any]]) -> None:
    async with db.transaction(lazy=True):
        await work()
        raise Boom


WAYS = [flat, savepoint, released, lazy]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def undo(request: Any, rows: Any) -> Any:
    """Run something in a block that is rolled back."""

    async def run(work: Callable[[], Awaitable[Any]]) -> None:
        if request.param is savepoint:
            await savepoint(rows, work)
        else:
            with pytest.raises(Boom):
                await request.param(rows, work)

    return run


async def test_changes_are_written_again(rows: Any, undo: Any) -> None:
    plan = await Plan.objects.get(id=1)
    plan.name, plan.count = "b", F("count") + 1
    plan.data["x"] = 1
    await undo(plan.save)
    assert await table(rows) == [("a", 1, "{}", 1)]
    with sends(rows, 1):
        await plan.save()
    assert (plan.count, plan.double, plan.version) == (2, 4, 2)
    assert await table(rows) == [("b", 2, '{"x": 1}', 2)]
    with sends(rows, 0):
        await plan.save()

    async def twice() -> None:
        plan.count = F("count") + 1
        await plan.save()
        plan.name = "c"
        await plan.save(fields=["name"])

    await undo(twice)
    plan.name = "d"  # what was set since then stands
    await plan.save()
    assert await table(rows) == [("d", 3, '{"x": 1}', 3)]
    assert (plan.name, plan.count, plan.double, plan.version) == ("d", 3, 6, 3)


async def test_new_rows_are_inserted_again(rows: Any, undo: Any) -> None:
    plan = Plan(name="n", count=4)
    await undo(plan.save)
    await plan.save()
    made = [Plan(name="m"), Plan(name="o")]
    await undo(lambda: Plan.objects.bulk_create(made))
    made[0].count = 7
    for each in made:
        await each.save()
    expected = [("a", 1, "{}", 1), ("n", 4, "{}", 1), ("m", 7, "{}", 1), ("o", 0, "{}", 1)]
    assert await table(rows) == expected
    assert {row["id"] for row in await rows.fetch("SELECT id FROM rb_plans")} == {
        1,
        plan.id,
        *(m.id for m in made),
    }
    await undo(lambda: Plan.objects.create(id=1, name="u", on_conflict="update"))
    assert await table(rows) == expected


async def test_deleted_rows_are_there_again(rows: Any, undo: Any) -> None:
    plan = await Plan.objects.get(id=1)
    await undo(plan.delete)
    plan.name = "b"
    await plan.save()
    assert await table(rows) == [("b", 1, "{}", 2)]

    async def again() -> None:
        plan.name = "c"
        await plan.save()
        await plan.delete()
        await plan.save()

    await undo(again)
    await plan.save()
    assert await table(rows) == [("c", 1, "{}", 3)]
    await undo(plan.delete)
    assert await plan.delete() == 1
    with pytest.raises(FieldError, match="never saved, or deleted already"):
        await plan.delete()


async def test_bulk_update(rows: Any, undo: Any) -> None:
    for model, name in ((Plan, "rb_plans"), (Plain, "rb_plain")):
        row = await model.objects.get(id=1)
        row.name, row.count = "b", 9
        await undo(lambda m=model, r=row: m.objects.bulk_update([r], ["count"]))
        assert await model.objects.bulk_update([row], ["count"]) == 1
        row.count = 10
        await undo(lambda m=model, r=row: m.objects.bulk_update([r], ["count"]))
        await row.save()
        assert (await table(rows, name))[0][:2] == ("b", 10)
    assert (await table(rows))[0][3] == 3


async def test_blocks_that_are_run_again_write_again(rows: Any) -> None:
    plan, new, runs = await Plan.objects.get(id=1), Plan(name="new"), 0
    plan.count = F("count") + 1

    @rows.retry(times=3)
    async def write() -> None:
        nonlocal runs
        runs += 1
        await plan.save()
        await new.save()
        if runs < 3:
            raise SerializationError("again")

    await write()
    assert (runs, plan.count, plan.version) == (3, 2, 2)
    assert await table(rows) == [("a", 2, "{}", 2), ("new", 0, "{}", 1)]


async def test_committed_ones_are_not(rows: Any) -> None:
    plan = await Plan.objects.get(id=1)
    async with rows.transaction():
        plan.name = "b"
        async with rows.transaction():
            await plan.save()
    await undone_alone(rows)
    with sends(rows, 0):
        await plan.save()
    async with rows.acquire() as connection:
        plan.name = "c"
        with pytest.raises(Boom):
            async with connection.transaction():
                await plan.save(using=connection)
                raise Boom
        await plan.save(using=connection)
    assert await table(rows) == [("c", 1, "{}", 3)]


async def undone_alone(db: Any) -> None:
    with pytest.raises(Boom):
        async with db.transaction():
            await db.execute("UPDATE rb_plans SET count = 5")
            raise Boom


async def test_an_error_in_a_hook(rows: Any) -> None:
    heard = await Heard.objects.create(name="x")
    refused.add("y")
    heard.name = "y"
    try:
        with pytest.raises(Boom):
            await heard.save()
        assert heard.version == 1
    finally:
        refused.clear()
    await heard.save()
    assert [tuple(r) for r in await rows.fetch("SELECT name, version FROM rb_heard")] == [("y", 2)]
