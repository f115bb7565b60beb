"""Rows of values, and comparisons with any or all of many: against SQL written by hand, and complements by exclude."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

import chakra
from chakra import All, F, OuterRef, Q, Row, Subquery, Value
from chakra.errors import DataError, FieldError
from tests.query.test_security import PAYLOADS, VALUES
from tests.query.words import shop
from tests.query.words.shop import Item, Shop, wrong_about
from tests.relations.conftest import SHARED

pytestmark = SHARED
MODELS, fill = shop.MODELS, shop.fill
ITEMS, SHOPS = Item.objects, Shop.objects
ANY: Any = chakra.Any
D = Decimal
PRICES = ITEMS.filter(price__isnull=False).values("price")

CONDITIONS: dict[str, tuple[Any, str]] = {
    # name: condition, the same in SQL
    "greater": (Row("stock", "id") > (3, 2), "(stock, id) > (3, 2)"),
    "less or equal": (Row("stock", "id") <= (3, 2), "(stock, id) <= (3, 2)"),
    "equal": (Row("kind", "stock") == ("wood", 1), "kind = 'wood' AND stock = 1"),
    "not equal": (Row("kind", "stock") != ["wood", 1], "kind <> 'wood' OR stock <> 1"),
    "NULL before what decides": (Row("price", "id") > (D("2.5"), 3), "(price, id) > (2.5, 3)"),
    "NULL behind what decides": (Row("id", "price") > (3, D("2.5")), "(id, price) > (3, 2.5)"),
    "a NULL given": (Row("id", "price") < (3, None), "(id, price) < (3, NULL::numeric)"),
    "fractions beside whole numbers": (Row("stock", "id") >= (2.5, 3), "(stock, id) >= (2.5, 3)"),
    "numbers beyond all": (Row("stock", "id") < (10**30, 3), "true"),
    "three, of several types": (
        Row("day", "kind", "name") >= (dt.date(2024, 1, 31), "light", "a"),
        "(day, kind, name) >= ('2024-01-31'::date, 'light', 'a')",
    ),
    "an ISO text for a date": (Row("day", "id") > ("2024-01-31", 1), "(day, id) > ('2024-01-31'::date, 1)"),
    "expressions": (Row(F("id") * 2, "stock") == Row(F("stock") - 1, 3), "id * 2 = stock - 1 AND stock = 3"),
    "a literal on the left": (Row(Value(3), "id") > Row("stock", Value(2)), "(3, id) > (stock, 2)"),
    "along a key": (
        Row("shop__city", "id") > ("Oslo", 1),
        "((SELECT city FROM shops s WHERE s.id = shop_id), id) > ('Oslo', 1)",
    ),
    "between": (Row("stock", "id").between((3, 2), (40, 3)), "(stock, id) BETWEEN (3, 2) AND (40, 3)"),
    "in a list": (
        Row("kind", "stock").in_([("wood", 1), ("light", 40), ("light", 1)]),
        "(kind, stock) IN (('wood', 1), ('light', 40), ('light', 1))",
    ),
    "in a list with what no row has": (
        Row("price", "stock").in_([(D("19.9"), 3.0), (None, 3), (D("2.5"), 40.5), ("2.50", 10**20)]),
        "(price, stock) = (19.9, 3)",
    ),
    "in no list": (Row("kind", "stock").in_([]), "false"),
    "in a set": (Row("kind", "id").in_({("wood", 2)}), "id = 2"),
    "not in a list": (
        Row("price", "stock").not_in([(D("2.5"), 40)]),
        "((price, stock) IN ((2.5, 40))) IS NOT TRUE",
    ),
    "in a query": (
        Row("kind", "stock").in_(ITEMS.filter(id__gt=6).values("kind", "stock")),
        "(kind, stock) IN (SELECT kind, stock FROM items WHERE id > 6)",
    ),
    "not in a query with NULLs": (
        Row("shop", "price").not_in(ITEMS.filter(id__gt=2).values("shop", "price")),
        "NOT EXISTS (SELECT FROM items o WHERE id > 2 AND o.shop_id = items.shop_id AND o.price = items.price)",
    ),
    "one row of a query": (
        Row("kind", "stock") == ITEMS.order_by("id").values("kind", "stock")[:1],
        "(kind, stock) = ('light', 3)",
    ),
    "any row of a query": (
        Row("id", "stock") == ANY(ITEMS.filter(stock__gt=2).values("id", "stock")),
        "stock > 2",
    ),
    "all values are NULL": (Row("price", "weight").is_null(), "(price, weight) IS NULL"),
    "no value is NULL": (Row("price", "weight").is_not_null(), "(price, weight) IS NOT NULL"),
    "with other conditions": (
        Q(kind="wood") & (Row("stock", "id") > (1, 1)),
        "kind = 'wood' AND (stock, id) > (1, 1)",
    ),
    "greater than all": (F("price") > All(PRICES.filter(kind="food")), "price > 2.5"),
    "greater than any": (Q(price__gt=ANY(PRICES.filter(kind="food"))), "price > 0"),
    "all of none": (Q(price__gt=All(PRICES.filter(id=100))), "true"),
    "any of none": (Q(price__gt=ANY(PRICES.filter(id=100))), "false"),
    "all of NULLs": (Q(price__gte=All(ITEMS.values("price"))), "price >= ALL (SELECT price FROM items)"),
    "the greatest of its kind": (
        Q(stock__gte=All(ITEMS.filter(kind=OuterRef("kind")).values("stock"))),
        "stock = (SELECT max(stock) FROM items o WHERE o.kind = items.kind)",
    ),
    "equal to any is in": (Q(shop=ANY(SHOPS.filter(city="Rome"))), "shop_id = 2"),
    "unlike all": (Q(shop__ne=All(SHOPS.filter(city="Rome"))), "shop_id <> 2"),
    "any element of an array": (F("stock") == ANY("sizes"), "stock = ANY (sizes)"),
    "all elements of an array": (Q(stock__gte=All(F("sizes"))), "stock >= ALL (sizes)"),
    "a literal beside an array": (Value("wood") == ANY("words"), "'wood' = ANY (words)"),
    "any of a list": (Q(stock=ANY([1, 40])), "stock IN (1, 40)"),
    "all of a list": (Q(stock__gt=All([1, 2.5])), "stock > 2.5"),
    "all of a list with what no integer is": (Q(stock__lt=All((10**30, 3.5))), "stock < 3.5"),
    "a list with a NULL": (Q(stock__gt=All([1, None])), "stock > ALL (ARRAY[1, NULL])"),
    "no list": (Q(stock__gt=All([])), "true"),
    "floats": (Q(weight__lt=ANY([2, float("inf")])), "weight < 'Infinity'"),
    "dates": (Q(day__gt=ANY(["2024-01-31", dt.date(2025, 1, 1)])), "day > '2024-01-31'"),
    "behind a transform": (Q(day__year__lt=All([2024, 2025])), "day < '2024-01-01'"),
    "patterns": (Q(name__regex=ANY(["^l", "k$"])), "name ~ ANY (ARRAY['^l', 'k$'])"),
    "of partners": (
        Q(shop__items__stock__gt=All([39])),
        "EXISTS (SELECT FROM items o WHERE o.shop_id = items.shop_id AND o.stock > 39)",
    ),
}


@pytest.mark.parametrize("name", CONDITIONS)
async def test_a_condition(rows: Any, name: str) -> None:
    condition, sql = CONDITIONS[name]
    query = ITEMS.order_by("id").values_list("id")
    select = "SELECT id FROM items WHERE"
    assert await wrong_about(rows, query.filter(condition), f"{select} ({sql}) ORDER BY id") is None
    assert (
        await wrong_about(rows, query.exclude(condition), f"{select} ({sql}) IS NOT TRUE ORDER BY id") is None
    )
    assert (
        await wrong_about(rows, query.filter(~condition), f"{select} ({sql}) IS NOT TRUE ORDER BY id") is None
    )


@pytest.mark.parametrize(
    "name", ["greater", "in a list with what no row has", "greater than all", "any of a list"]
)
async def test_a_condition_as_a_value(rows: Any, name: str) -> None:
    condition, sql = CONDITIONS[name]
    query = ITEMS.annotate(x=condition).order_by("id").values_list("x")
    assert await wrong_about(rows, query, f"SELECT ({sql}) FROM items ORDER BY id") is None
    assert await ITEMS.filter(condition).update(name="x") == await ITEMS.filter(name="x").count()


async def test_a_row_as_a_value(rows: Any) -> None:
    query = ITEMS.order_by("id").values(x=Row("id", "name", F("price") * 2))[:2]
    assert await query == [{"x": (1, "lamp", D("39.80"))}, {"x": (2, "desk", D("480.00"))}]
    table = await query.to_arrow()
    assert table["x"].to_pylist()[0] == {"id": 1, "name": "lamp", "f3": D("39.80")}
    first = ITEMS.order_by(Row("stock", "id").desc()).values_list("id", flat=True)
    assert await first == await ITEMS.order_by("-stock", "-id").values_list("id", flat=True)
    assert await SHOPS.annotate(
        x=Subquery(ITEMS.filter(shop=OuterRef("pk"), stock=40).values("id")[:1])
    ).filter(Row("id", "x") == (2, 3)).values_list("city", flat=True) == ["Rome"]


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "one value": (lambda: Row("id"), "two values or more, not 1"),
    "other lengths": (lambda: Row("id", "name") > (1,), "has 2 values, and is compared with 1"),
    "rows of other lengths": (lambda: Row("id", "name") > Row("id", "name", "kind"), "is compared with 3"),
    "no row": (lambda: Row("id", "name") > 5, "is compared with as many values, not 5"),
    "a text": (lambda: Row("id", "name") == "ab", "is compared with as many values"),
    "no tuples": (lambda: Row("id", "name").in_([1, 2]), "takes tuples of 2 values, not 1"),
    "no list": (lambda: Row("id", "name").in_("ab"), "takes a list of tuples"),
    "expressions in a list": (lambda: Row("id", "name").in_([(F("id"), "x")]), "takes plain values"),
    "a query of one": (
        lambda: ITEMS.filter(Row("id", "name").in_(SHOPS.values("id"))).to_sql(),
        "gives 1 values a row",
    ),
    "a lookup of texts": (
        lambda: ITEMS.filter(Row("id", "name").contains((1, "x"))).to_sql(),
        "is no lookup for",
    ),
    "beside a value": (
        lambda: ITEMS.filter(Row("id", "name") == F("id")).to_sql(),
        "is compared with a tuple",
    ),
    "a list of arrays": (
        lambda: ITEMS.filter(Row("id", "sizes").in_([(1, [2])])).to_sql(),
        "there are no lists",
    ),
    "no field": (lambda: ITEMS.filter(Row("id", "nope") > (1, 2)).to_sql(), "Item has no field 'nope'"),
    "any by itself": (lambda: ITEMS.annotate(x=ANY("sizes")).to_sql(), "stands beside an operator"),
    "any in a function": (
        lambda: ITEMS.filter(stock=F("id") + ANY("sizes")).to_sql(),
        "stands beside an operator",
    ),
    "any beside a lookup": (
        lambda: ITEMS.filter(name__contains=ANY(["a"])).to_sql(),
        "not beside 'contains'",
    ),
    "any beside in": (lambda: ITEMS.filter(name__in=ANY(["a"])).to_sql(), "not beside 'in'"),
    "any of one": (lambda: ANY(5), "takes a query, an array or a list, not 5"),
    "any of no array": (lambda: ITEMS.filter(name=ANY("kind")).to_sql(), "Item.kind is text"),
    "any of several fields": (
        lambda: ITEMS.filter(stock=ANY(ITEMS.values("id", "kind"))).to_sql(),
        "gives 2 values",
    ),
    "any of a word for a number": (lambda: ITEMS.filter(stock=ANY(["x"])).to_sql(), "'x' does not fit"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_refused(rows: Any, name: str) -> None:
    made, message = WRONG[name]
    with pytest.raises((FieldError, DataError)) as caught:
        made()
    assert message in str(caught.value)


async def test_names_and_values_from_outside(rows: Any) -> None:
    for name in PAYLOADS:
        if name in ("self", "objects", "save"):
            continue
        for made in (
            lambda n: Row(n, "id") > (1, 2),
            lambda n: F("id") == ANY(n),
            lambda n: F("id") == All(F(n)),
        ):
            with pytest.raises(FieldError):
                ITEMS.filter(made(name)).to_sql()
    for value in VALUES:
        await ITEMS.create(name=value, kind="'")
        ways = (
            Row("name", "kind") == (value, "'"), Row("name", "kind").in_([(value, "'"), ("$1", "x")]),
            Q(name=ANY([value]), kind=All(["'"])),
        )  # fmt: skip
        for way in ways:
            assert (await ITEMS.filter(way).values("name").to_arrow())["name"].to_pylist() == [value]
            assert await ITEMS.filter(way).count() == 1
        await ITEMS.filter(kind="'").delete()
