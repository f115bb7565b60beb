"""``create(on_conflict=…)``: one statement that inserts a row, or leaves or changes the one that is there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chakra import Excluded, F, Field, Model, Q, Subquery, Value, field
from chakra.errors import DataError, FieldError, UniqueViolation
from chakra.functions import Lower
from chakra.types import Integer
from tests.query.conftest import watched

pytestmark = pytest.mark.usefixtures("items")


class Item(Model, table="upserted"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(unique=True)
    stock: Field[int] = field(Integer, default=0)
    note: Field[str] = field(db_default="'-'")
    live: Field[bool] = field(default=False)
    code: Field[int | None] = field(Integer, default=None)


ITEMS = Item.objects


@pytest.fixture
async def items(db: Any) -> Any:
    await db.create_tables(Item)
    await db.execute("CREATE UNIQUE INDEX ON upserted (code) WHERE live")
    await ITEMS.create(name="a", stock=5, note="first", live=True, code=1)
    return db


async def rows() -> list[tuple[Any, ...]]:
    found = await ITEMS.order_by("id").values_list("name", "stock", "note", "code")
    return [tuple(row) for row in found]


async def test_ignore(items: Any) -> None:
    with watched(items) as sent:
        assert await ITEMS.create(name="a", stock=9, on_conflict="ignore") is None
        made = await ITEMS.create(name="b", stock=9, on_conflict="ignore")
    assert [sql.split()[0] for sql in sent if "INSERT" in sql] == ["INSERT", "INSERT"]
    assert (made.name, made.stock, made.note, made._state.saved) == ("b", 9, "-", True)
    assert (
        await ITEMS.create(name="b", on_conflict="ignore", conflict_fields=["name"], returning=["id"]) is None
    )
    with pytest.raises(UniqueViolation):
        await ITEMS.create(name="c", code=1, live=True, on_conflict="ignore", conflict_fields=["name"])
    assert await rows() == [("a", 5, "first", 1), ("b", 9, "-", None)]


async def test_update(items: Any) -> None:
    how: dict[str, Any] = {"on_conflict": "update", "conflict_fields": ["name"]}
    with watched(items) as sent:
        found = await ITEMS.create(name="a", stock=9, live=True, code=2, **how)
    assert len([sql for sql in sent if "INSERT INTO" in sql]) == 1
    assert not any('FROM "upserted"' in sql for sql in sent)
    assert (found.id, found.stock, found.note, found.code) == (1, 9, "first", 2)
    found.note = "changed"
    await found.save()
    found = await ITEMS.create(name="a", stock=1, note="x", update_fields=["note"], **how)
    assert (found.stock, found.note) == (9, "x")
    values = await ITEMS.create(name="n", stock=1, **how, returning=["id", "stock"])
    assert values["stock"] == 1 and values["id"] > 1
    # By the primary key, where nothing else is said.
    found = await ITEMS.create(id=1, name="aa", on_conflict="update")
    assert (found.id, found.name, found.stock) == (1, "aa", 0)
    assert await rows() == [("aa", 0, "x", None), ("n", 1, "-", None)]


async def test_what_excluded_holds(items: Any) -> None:
    how: dict[str, Any] = {"on_conflict": "update", "conflict_fields": ["name"]}
    more = {"stock": F("stock") + Excluded("stock") * 10, "note": Lower(Value("SEEN"))}
    found = await ITEMS.create(name="a", stock=2, update_fields=more, **how)
    assert (found.stock, found.note) == (25, "seen")
    found = await ITEMS.create(name="a", update_fields={"stock": 7, "note": "o'x"}, **how)
    assert (found.stock, found.note) == (7, "o'x")
    other = Subquery(ITEMS.filter(name="a").values("stock")[:1])
    found = await ITEMS.create(
        name="a", stock=3, update_fields={"code": other, "stock": Excluded("stock")}, **how
    )
    assert (found.code, found.stock) == (7, 3)
    # An expression is computed before the rows are compared.
    found = await ITEMS.create(name=Lower(Value("A")), stock=4, **how)
    assert (found.id, found.name, found.stock) == (1, "a", 4)
    greater: dict[str, Any] = {"where": Q(stock__lt=Excluded("stock"), note="o'x"), **how}
    assert await ITEMS.create(name="a", stock=4, update_fields=["stock"], **greater) is None
    found = await ITEMS.create(name="a", stock=5, update_fields=["stock"], **greater)
    assert found is not None and found.stock == 5
    assert await ITEMS.create(name="a", stock=6, **how, where=[Item.stock > 5, Item.live == True]) is None  # noqa: E712


async def test_what_finds_the_row(items: Any) -> None:
    partial: dict[str, Any] = {"conflict_fields": ["code"], "conflict_where": Q(live=True)}
    found = await ITEMS.create(
        name="z", code=1, live=True, stock=8, on_conflict="update", update_fields=["stock"], **partial
    )
    assert (found.name, found.stock) == ("a", 8)
    assert await ITEMS.create(name="y", code=1, live=False, on_conflict="ignore", **partial) is not None
    (constraint,) = [
        row[0] for row in await items.fetch(
            "SELECT conname::text FROM pg_constraint WHERE conrelid = 'upserted'::regclass AND contype = 'u'"
        )
    ]  # fmt: skip
    found = await ITEMS.create(name="a", stock=1, on_conflict="update", conflict_constraint=constraint)
    assert (found.id, found.stock) == (1, 1)
    assert await ITEMS.create(name="a", on_conflict="ignore", conflict_constraint=constraint) is None


async def test_tables_without_a_model(items: Any) -> None:
    table = items.table("upserted")
    how: dict[str, Any] = {"on_conflict": "update", "conflict_fields": ["name"]}
    found = await table.create(name="a", stock=3, live=False, update_fields={"stock": F("stock") + 1}, **how)
    assert (found["id"], found["stock"], found["note"]) == (1, 6, "first")
    assert await table.create(name="a", stock=3, live=False, on_conflict="ignore") is None
    made = await table.create(name="t", stock=3, live=False, **how, returning=["name"])
    assert made == {"name": "t"}


async def test_fifty_at_once(items: Any) -> None:
    async def one() -> Any:
        return await ITEMS.create(
            name="race", stock=1, on_conflict="update", conflict_fields=["name"],
            update_fields={"stock": F("stock") + Excluded("stock")},
        )  # fmt: skip

    found = await asyncio.gather(*(one() for _ in range(50)))
    assert sorted(row.stock for row in found) == list(range(1, 51))
    assert len({row.id for row in found}) == 1


async def test_get_or_create_fifty_at_once(items: Any) -> None:
    found = await asyncio.gather(*(ITEMS.get_or_create(name="got", defaults={"stock": n}) for n in range(50)))
    assert sum(created for _, created in found) == 1
    assert len({(row.id, row.stock) for row, _ in found}) == 1
    found = await asyncio.gather(
        *(ITEMS.update_or_create(name="set", defaults={"stock": n}) for n in range(50))
    )
    assert sum(created for _, created in found) == 1
    assert len({row.id for row, _ in found}) == 1 and await ITEMS.filter(name__in=["got", "set"]).count() == 2


NEW: dict[str, Any] = {"name": "a", "stock": 1}
UPDATE: dict[str, Any] = {**NEW, "on_conflict": "update", "conflict_fields": ["name"]}
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ('on_conflict="ignore" or "update", not \'replace\'', {**NEW, "on_conflict": "replace"}),
    ("conflict_fields needs on_conflict", {**NEW, "conflict_fields": ["name"]}),
    ("takes a list of names", {**NEW, "on_conflict": "ignore", "conflict_fields": "name"}),
    ("no field 'x'", {**UPDATE, "conflict_fields": ["x"]}),
    ("no field 'x'", {**UPDATE, "update_fields": ["x"]}),
    ("no field 'x'", {**UPDATE, "update_fields": {"x": 1}}),
    ("no field 'x'", {**UPDATE, "update_fields": {"stock": Excluded("x")}}),
    ("for which the new row has no value", {**UPDATE, "update_fields": ["note"]}),
    ('need on_conflict="update"', {**NEW, "on_conflict": "ignore", "update_fields": ["stock"]}),
    ("where takes a condition", {**UPDATE, "where": 3}),
    ("stands in place of conflict_fields", {**UPDATE, "conflict_constraint": "c"}),
    ("in no query inside", {**UPDATE, "update_fields": {
        "stock": Subquery(ITEMS.filter(stock=Excluded("stock")).values("stock")[:1])}}),
    ("the data has no column 'id'", {**NEW, "on_conflict": "update"}),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(REFUSED)))
async def test_refused(case: int) -> None:
    text, values = REFUSED[case]
    with pytest.raises(FieldError, match=text):
        await ITEMS.create(**values)
    assert await rows() == [("a", 5, "first", 1)]


async def test_elsewhere_it_is_none() -> None:
    with pytest.raises(FieldError, match="of a row that could not be inserted"):
        await ITEMS.filter(stock=Excluded("stock"))
    with pytest.raises(DataError, match=r"Item\.stock"):
        await ITEMS.create(**{**UPDATE, "update_fields": {"stock": 2**40}})


async def test_create_defaults(items: Any) -> None:
    for table in (ITEMS, items.table("upserted")):
        new = {"note": "new", "stock": 1, "live": False}
        made, created = await table.update_or_create({"note": "old"}, new, name="cd")
        assert created and (made["note"] if isinstance(made, dict) else made.note) == "new"
        made, created = await table.update_or_create(defaults={"note": "old"}, create_defaults=new, name="cd")
        assert not created and (made["note"] if isinstance(made, dict) else made.note) == "old"
        assert await ITEMS.filter(name="cd", stock=1, note="old").delete() == 1
        made, created = await table.update_or_create({"note": "x"}, {"stock": 0, "live": False}, name="cd")
        assert created and (await ITEMS.get(name="cd")).note == "-"
        assert await ITEMS.filter(name="cd").delete() == 1
    with pytest.raises(FieldError, match="no field 'x'"):
        await ITEMS.update_or_create({}, {"x": 1}, name="cd")
