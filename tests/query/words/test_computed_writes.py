"""Expressions where a row is written: made, saved again, by lookups, of tables without a model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from chakra import Case, Count, F, Max, OuterRef, RowNumber, Subquery, Value, When, Window
from chakra.errors import DatabaseError, DataError, FieldError
from chakra.functions import Concat, Lower, MakeDate, Upper
from tests.query.words import shop
from tests.query.words.shop import Item, Shop
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED
MODELS, fill = shop.MODELS, shop.fill
ITEMS, SHOPS = Item.objects, Shop.objects
HIGHEST = Subquery(ITEMS.order_by("-stock").values("stock")[:1])


async def test_a_row_is_made_of_expressions(rows: Any) -> None:
    """One statement; the instance has what the server made of them."""
    with sends(rows, 1):
        made = await ITEMS.create(
            name=Lower(Value("AbC")), kind=Concat(Value("a"), Value("'; --")), price=Value(Decimal("1.25")) * 2,
            stock=HIGHEST, day=MakeDate(2024, 2, 29), shop_id=1, weight=Case(When(Value(1) == Value(1), then=2.5)),
        )  # fmt: skip
    assert (made.name, made.kind, made.price, made.stock) == ("abc", "a'; --", Decimal("2.50"), 40)
    assert (made.day, made.weight, made.id, made.shop_id) == (dt.date(2024, 2, 29), 2.5, 9, 1)
    again = await ITEMS.get(id=9)
    assert repr(again) == repr(made)
    made.stock = F("stock") + 2
    made.name = Concat("name", Value("!"))
    await made.save()
    assert (made.stock, made.name) == (42, "abc!")
    other = Item(name=Upper(Value("q")), kind="k")
    await other.save()
    assert (other.name, other.stock, other.sizes) == ("Q", 0, [])


async def test_other_ways_to_make_rows(rows: Any) -> None:
    found, created = await SHOPS.get_or_create(city="Bergen", defaults={"city": Upper(Value("Bergen"))})
    assert (found.city, created) == ("BERGEN", True)
    found, created = await SHOPS.update_or_create(id=1, defaults={"city": Concat("city", Value("!"))})
    assert (found.city, created) == ("Oslo!", False)
    item = await (await SHOPS.get(id=2)).items.create(name=Lower(Value("X")), kind="k")
    assert (item.name, item.shop_id) == ("x", 2)
    row = await rows.table("shops").create(city=Lower(Value("OSLO")))
    assert row["city"] == "oslo"


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "a field": (lambda: ITEMS.create(name=F("kind"), kind="x"), "Item.name: F('kind') is computed from rows"),
    "an aggregate": (lambda: ITEMS.create(name="x", kind="x", stock=Max("stock")), "is computed from rows"),
    "a count": (lambda: ITEMS.create(name="x", kind="x", stock=Count("*")), "is computed from rows"),
    "a window": (
        lambda: ITEMS.create(name="x", kind="x", stock=Window(RowNumber())),
        "is computed from rows",
    ),
    "no field": (lambda: ITEMS.create(name=Lower("nope"), kind="x"), "Item has no field 'nope'"),
    "a query about the row": (
        lambda: ITEMS.create(
            name="x", kind="x", stock=Subquery(ITEMS.filter(id=OuterRef("id")).values("stock"))
        ),
        "is computed from rows",
    ),
    "rows in bulk": (
        lambda: ITEMS.bulk_create([Item(name="a", kind="b"), Item(name=Lower(Value("A")), kind="b")]),
        "bulk writes take values: create() takes expressions",
    ),
    "dicts in bulk": (lambda: ITEMS.bulk_insert([{"name": Lower(Value("A")), "kind": "b"}]), "found Call"),
    "another type": (lambda: ITEMS.create(name="x", kind="k", stock=Lower(Value("x"))), "is of type integer"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_refused(rows: Any, name: str) -> None:
    made, message = WRONG[name]
    with pytest.raises((FieldError, DataError, DatabaseError)) as caught:
        await made()
    assert message in str(caught.value)
    assert await ITEMS.count() == 8
