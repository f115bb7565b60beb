"""``returning=`` of bulk verbs, and what finds and changes rows behind a conflict clause, for one row and for many."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from chakra import Excluded, F, Field, ForeignKey, Index, Model, Q, Unique, field, foreign_key
from chakra.errors import DatabaseError, DataError, FieldError
from chakra.functions import Lower
from chakra.query.bulk_write import COPY_FROM_ROWS
from chakra.types import Integer
from tests.query.conftest import watched

pytestmark = pytest.mark.usefixtures("stock")

MANY = COPY_FROM_ROWS + 10


class Shop(Model, table="shops"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Item(Model, table="stock_items"):
    id: Field[int] = field(primary_key=True)
    email: Field[str]
    n: Field[int] = field(Integer, default=0)
    note: Field[str] = field(db_default="'-'")
    day: Field[date | None] = field(default=None)
    shop: ForeignKey[Shop | None] = foreign_key(related_name="items", on_delete="set null", default=None)

    class Meta:
        indexes = (
            Index(Lower("email"), unique=True, name="stock_email"),
            Index("n", "note", unique=True, where=Q(note__gt="z"), name="stock_part"),
        )
        constraints = (Unique("email", "note", name="stock_both"),)


class Bare(Model, table="bare_keys"):
    id: Field[int] = field(primary_key=True)


ITEMS = Item.objects
BY_EMAIL: dict[str, Any] = {"conflict_fields": [Lower("email")]}


@pytest.fixture
async def stock(db: Any) -> Any:
    await db.create_tables(Shop, Item, Bare)
    return db


def items(count: int, prefix: str = "e", **values: Any) -> list[Item]:
    return [Item(email=f"{prefix}{i}", n=i, **values) for i in range(count)]


async def rows(**how: Any) -> list[tuple[Any, ...]]:
    return [tuple(r) for r in await ITEMS.filter(**how).order_by("id").values_list("email", "n", "note")]


@pytest.mark.parametrize("count", [1, 3, MANY])
async def test_new_rows(stock: Any, count: int) -> None:
    made = items(count)
    assert await ITEMS.bulk_create(made, returning=True) == made
    assert [(o.email, o.n, o.note, o.day) for o in made] == [(f"e{i}", i, "-", None) for i in range(count)]
    assert sorted({o.id for o in made}) == list(range(1, count + 1)) and all(o._state.saved for o in made)
    made[0].n = -1
    await made[0].save()
    named = await ITEMS.bulk_create(mixed := items(count, "f"), returning=["note", "email"])
    assert named == [{"note": "-", "email": f"f{i}"} for i in range(count)]
    assert [o.id for o in mixed] == [o.id for o in await ITEMS.filter(email__startswith="f").order_by("n")]
    table = await ITEMS.bulk_create(made := items(count, "g"), returning="arrow")
    assert table.schema.equals((await ITEMS.to_arrow()).schema)
    assert table.column("email").to_pylist() == [o.email for o in made]
    assert table.column("id").to_pylist() == [o.id for o in made]
    data = {"email": [f"h{i}" for i in range(count)], "n": list(range(count))}
    result = await ITEMS.bulk_insert(data, returning=["n", "note"])
    assert result.rows == [{"n": i, "note": "-"} for i in range(count)]
    assert (result.inserted, result.updated, result.skipped, result.keys) == (count, 0, 0, None)
    frame = pa.table({"email": [f"i{i}" for i in range(count)], "n": range(count)})
    result = await ITEMS.bulk_insert(frame, returning=True)
    assert [(type(o), o.email, o.note) for o in result.rows] == [(Item, f"i{i}", "-") for i in range(count)]
    found = await ITEMS.filter(email__startswith="i").order_by("id").to_arrow()
    frame = frame.set_column(0, "email", pa.array([f"j{i}" for i in range(count)]))
    result = await ITEMS.bulk_insert(frame, returning="arrow")
    assert result.rows.drop_columns(["id", "email"]) == found.drop_columns(["id", "email"])
    assert repr(result).endswith(f"skipped=0, rows=<{count}>)")
    loose = await stock.table("stock_items").bulk_insert({"email": ["k"], "n": [1]}, returning=True)
    assert [(type(row), row["note"]) for row in loose.rows] == [(dict, "-")]


@pytest.mark.parametrize("count", [2, MANY])
async def test_rows_that_may_be_there(stock: Any, count: int) -> None:
    await ITEMS.bulk_create(items(count, note="old"))
    more: dict[str, Any] = {
        "on_conflict": "update",
        "update_fields": {"n": F("n") * 10 + Excluded("n")},
        **BY_EMAIL,
    }
    # Every second is there already, and of these all but the first pass the condition.
    given = [Item(email=f"E{i}", n=1) if i % 2 == 0 else Item(email=f"new{i}", n=5) for i in range(count)]
    passed = Q(n__gt=0) & Q(n__gte=Excluded("n"))
    back = await ITEMS.bulk_create(given, returning=True, where=passed, **more)
    assert back == given[1:]
    expected = [(f"e{i}", i * 10 + 1, "old") if i % 2 == 0 else (f"new{i}", 5, "-") for i in range(1, count)]
    assert [(o.email, o.n, o.note) for o in back] == expected
    assert (given[0].id, given[0].n, given[0].email) == (1, 1, "E0")  # what it met, and nothing of it
    data = {"email": ["NEW1", *[f"E{i}" for i in range(0, count, 2)], "fresh"], "n": [1] * (count // 2 + 2)}
    result = await ITEMS.bulk_insert(data, returning=["email", "n"], **more)
    first = [{"email": "new1", "n": 51}, {"email": "e0", "n": 1}]
    assert result.rows[:2] == first and result.rows[-1] == {"email": "fresh", "n": 1}
    assert (result.inserted, result.updated, result.skipped) == (1, count // 2 + 1, 0)
    how: dict[str, Any] = {"on_conflict": "ignore", **BY_EMAIL}
    result = await ITEMS.bulk_insert({"email": ["A", "E0", "a"], "n": [1, 2, 3]}, returning="arrow", **how)
    assert result.rows.column("email").to_pylist() == ["A"] and (result.inserted, result.skipped) == (1, 2)
    keys = (await ITEMS.bulk_insert({"email": ["E0", "b"], "n": [1, 2]}, returning="keys", **how)).keys
    assert keys.to_pylist() == [1, (await ITEMS.get(email="b")).id]
    # Several groups of instances: they come in the order in which they were given.
    mixed = [Item(email="m0"), Item(email="M1", note="x"), Item(email="E0", note="y"), Item(email="m3")]
    assert await ITEMS.bulk_create(mixed, returning=["email"], **how) == [
        {"email": "m0"}, {"email": "M1"}, {"email": "m3"},
    ]  # fmt: skip
    assert mixed[2].id == 1 and [
        o.email for o in await ITEMS.filter(pk__in=[o.id for o in mixed]).order_by("email")
    ]
    table = await ITEMS.bulk_create([Item(email="p", note="q"), Item(email="o")], returning="arrow", **how)
    assert table.column("email").to_pylist() == ["p", "o"]


async def test_what_decides(stock: Any) -> None:
    """The same words in ``create`` and in both bulk forms."""
    await ITEMS.bulk_create([Item(email="a", n=1), Item(email="b", n=2, note="zz")])
    by: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"conflict_fields": [Lower("email")]}, {"email": "A", "n": 7, "note": "q"}),
        ({"conflict_fields": [Lower(Item.email)]}, {"email": "A", "n": 7, "note": "q"}),
        ({"conflict_fields": [Item.email, "note"]}, {"email": "a", "n": 7, "note": "-"}),
        ({"conflict_fields": [F("email"), F("note")]}, {"email": "a", "n": 7, "note": "-"}),
        ({"conflict_constraint": "stock_both"}, {"email": "a", "n": 7, "note": "-"}),
        ({"conflict_constraint": "stock_items_pkey"}, {"id": 1, "email": "xx", "n": 7, "note": "q"}),
        (
            {"conflict_fields": ["n", "note"], "conflict_where": Q(note__gt="z")},
            {"email": "new", "n": 2, "note": "zz"},
        ),
    ]  # fmt: skip
    for number, (how, values) in enumerate(by):
        hit = 2 if "conflict_where" in how else 1
        how = {"on_conflict": "update", "update_fields": {"day": date(2000, 1, number + 1)}, **how}
        await ITEMS.update(day=None)
        one = await ITEMS.create(**values, **how)
        assert (one.id, one.day) == (hit, date(2000, 1, number + 1)), how
        await ITEMS.update(day=None)
        (one,) = await ITEMS.bulk_create([Item(**values)], returning=True, **how)
        assert (one.id, one.day) == (hit, date(2000, 1, number + 1)), how
        await ITEMS.update(day=None)
        data = {name: [value] for name, value in values.items()}
        result = await ITEMS.bulk_insert(data, returning=["id", "day"], **how)
        assert result.rows == [{"id": hit, "day": date(2000, 1, number + 1)}] and result.updated == 1, how
        how = {name: value for name, value in how.items() if name != "update_fields"} | {
            "on_conflict": "ignore"
        }
        assert await ITEMS.create(**values, **how) is None
        result = await ITEMS.bulk_insert(data, returning="keys", **how)
        assert (result.skipped, result.keys.to_pylist()) == (1, [hit]), how
    assert await ITEMS.count() == 2


async def test_changed_rows(stock: Any) -> None:
    for count in (1, MANY):
        prefix = f"c{count}-"
        made = await ITEMS.bulk_create(items(count, prefix))
        await ITEMS.filter(email__startswith=prefix).update(note="seen")
        for number, row in enumerate(made):
            row.n = number + 100
        gone = Item(id=10**6, email="-", n=1)
        assert await ITEMS.bulk_update([gone, *made[::-1]], ["n"], returning=True) == made[::-1]
        assert {o.note for o in made} == {"seen"} and not made[0]._state.changed
        named = await ITEMS.bulk_update(made, ["n"], returning=["n", "note"])
        assert named == [{"n": number + 100, "note": "seen"} for number in range(count)]
        ids = [o.id for o in made][::-1]
        data = {"id": ids, "n": list(range(count))}
        found = await ITEMS.bulk_update(data, returning=True)
        assert [(o.id, o.n, o.note) for o in found] == [(key, n, "seen") for n, key in enumerate(ids)]
        table = await ITEMS.bulk_update(data, returning="arrow")
        assert table.column("id").to_pylist() == ids and table.schema.equals((await ITEMS.to_arrow()).schema)
        several = await ITEMS.bulk_update(
            {"note": ["seen"], "day": [date(2001, 1, 1)]}, key=["note"], returning=["id"]
        )
        assert sorted(row["id"] for row in several) == sorted(ids)
        await ITEMS.filter(email__startswith=prefix).update(note="done", day=None)
    assert await ITEMS.bulk_update([], ["n"], returning=True) == []
    assert await ITEMS.bulk_create([], returning=["n"]) == []
    empty = await ITEMS.bulk_create([], returning="arrow")
    assert empty.num_rows == 0 and empty.schema.equals((await ITEMS.to_arrow()).schema)
    assert [o.id for o in await Bare.objects.bulk_create([Bare(), Bare()], returning=True)] == [1, 2]
    shop = await Shop.objects.create(name="s")
    assert await shop.items.bulk_create([Item(email="of")], returning=["shop"]) == [{"shop_id": shop.id}]


async def test_triggers(stock: Any) -> None:
    """Rows that one leaves out are skipped, or refused where instances wait for them; keys that it makes are taken."""
    await stock.execute(
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.email LIKE 'out%' THEN RETURN NULL; END IF; IF NEW.email LIKE 'key%' THEN NEW.id := NEW.id + 1000000; "
        "END IF; NEW.note := upper(NEW.email); RETURN NEW; END $$; CREATE TRIGGER meddle BEFORE INSERT ON stock_items "
        "FOR EACH ROW EXECUTE FUNCTION meddle()"
    )
    try:
        for count in (3, MANY):
            made = items(count, f"key{count}-")
            await ITEMS.bulk_create(made, returning=True)
            assert [o.note for o in made] == [f"KEY{count}-{i}" for i in range(count)]
            there = (
                await ITEMS.filter(email__startswith=f"key{count}-")
                .order_by("n")
                .values_list("id", flat=True)
            )
            assert [o.id for o in made] == there
            some = [*items(count, f"a{count}-"), Item(email="out", n=1)]
            with pytest.raises(DatabaseError, match=f"let in {count} of {count + 1} rows"):
                await ITEMS.bulk_create(some, returning=True)
            assert await ITEMS.filter(email__startswith=f"a{count}-").count() == 0
            how: dict[str, Any] = {"on_conflict": "ignore", **BY_EMAIL}
            back = await ITEMS.bulk_create(some, returning=True, **how)
            assert back == some[:-1] and (back[1].note, some[-1].id) == (f"A{count}-1", None)
            data = {"email": ["out1", f"b{count}", "out2"], "n": [1, 2, 3]}
            result = await ITEMS.bulk_insert(data, returning=["n", "note"])
            assert (result.rows, result.skipped) == ([{"n": 2, "note": f"B{count}"}], 2)
            with pytest.raises(DatabaseError, match="gave a row of Item another key"):
                await ITEMS.bulk_create(
                    [Item(email="keyless"), Item(email="out")], returning=True, on_conflict="ignore"
                )
        assert await ITEMS.filter(email="keyless").count() == 0
    finally:
        await stock.execute("DROP FUNCTION meddle CASCADE")


async def test_a_row_that_cannot_be_read_undoes_its_write(stock: Any) -> None:
    """Python has no day before the year 1."""
    await ITEMS.bulk_create(items(2))
    early = "0044-03-15 BC"
    await stock.execute(f"UPDATE stock_items SET day = '{early}' WHERE id = 1")
    ways: list[Any] = [
        lambda: ITEMS.update(n=77, returning=True),
        lambda: ITEMS.update(n=77, returning=["day"]),
        lambda: ITEMS.filter(id=1).delete(returning=True),
        lambda: ITEMS.bulk_update({"id": [1], "n": [77]}, returning=["day"]),
        lambda: ITEMS.bulk_insert(
            {"id": [1], "n": [77], "email": ["x"]}, on_conflict="update", returning=True
        ),
        lambda: ITEMS.create(
            id=1, email="x", n=77, on_conflict="update", update_fields=["n"], returning=["day"]
        ),
    ]
    for number, way in enumerate(ways):
        with pytest.raises(DataError):
            await way()
        async with stock.transaction():
            with pytest.raises(DataError):
                await way()
            assert await ITEMS.filter(n=77).count() == 0, number
    assert [row[:2] for row in await rows()] == [("e0", 0), ("e1", 1)]
    with watched(stock) as sent:  # no transaction where every value can be read
        assert await ITEMS.filter(id=1).update(n=5, returning=["n", "email"]) == [{"n": 5, "email": "e0"}]
    assert len(sent) == 1


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    ("bulk_create", {"returning": "keys"}, r"returning=…\) takes True, \"arrow\" or a list of names"),
    ("bulk_create", {"returning": []}, "would return rows without a value"),
    ("bulk_create", {"returning": ["n", "n"]}, "stands twice"),
    ("bulk_insert", {"returning": ["nn"]}, "no field 'nn'"),
    ("bulk_insert", {"returning": "n"}, '"keys", "arrow", True or a list of names'),
    ("bulk_insert", {"conflict_fields": [Lower("email")]}, "need on_conflict"),
    ("bulk_insert", {"on_conflict": "update", "conflict_fields": [Lower("day")]}, "day"),
    ("bulk_insert", {"on_conflict": "ignore", "conflict_fields": [Lower(Shop.name)]}, "no field of Item"),
    ("bulk_insert", {"on_conflict": "ignore", "conflict_fields": [Lower("shop__name")]}, "row of Item"),
    (
        "bulk_create",
        {"on_conflict": "ignore", "conflict_constraint": "no"},
        "it has stock_both, stock_items_pkey",
    ),
    (
        "bulk_create",
        {"on_conflict": "ignore", "conflict_constraint": "stock_both", "conflict_fields": ["email"]},
        "in place of conflict_fields",
    ),
    ("bulk_create", {"on_conflict": "ignore", "conflict_fields": [Lower("note"), "n"]}, "over exactly these"),
    ("bulk_insert", {"on_conflict": "update", **BY_EMAIL, "update_fields": {}}, "sets nothing"),
    ("bulk_insert", {"on_conflict": "update", **BY_EMAIL, "update_fields": {"x": 1}}, "no field 'x'"),
    (
        "bulk_create",
        {"on_conflict": "update", **BY_EMAIL, "update_fields": {"n": F("shop__name")}},
        "fields of Item only",
    ),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
async def test_what_is_refused(number: int) -> None:
    verb, options, says = WRONG[number]
    data = {"email": ["a"], "n": [1], "note": ["x"]}
    given = [Item(email="a", n=1, note="x")] if verb == "bulk_create" else data
    with pytest.raises(FieldError, match=says):
        await getattr(ITEMS, verb)(given, **options)
    assert await ITEMS.count() == 0


async def test_partitions(stock: Any) -> None:
    """Servers before 18 do not say which rows of theirs are new."""
    await stock.execute(
        "CREATE TABLE parted (k int NOT NULL, v text, PRIMARY KEY (k)) PARTITION BY RANGE (k); "
        "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10); "
        "CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20); INSERT INTO parted VALUES (1, 'a')"
    )
    table = stock.table("parted")
    for more in ({"v": "said"}, {"v": Lower("v")}, ["v"]):
        data = {"k": [1, 12], "v": ["X", "Y"]}
        result = await table.bulk_insert(data, on_conflict="update", update_fields=more, returning=["k", "v"])
        assert (result.inserted, result.updated) == (1, 1)
        value = {"said": "said"}.get(str(more["v"]), "said") if isinstance(more, dict) else "X"
        assert result.rows == [{"k": 1, "v": value}, {"k": 12, "v": "Y"}]
        await table.filter(k=12).delete()
