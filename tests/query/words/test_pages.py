"""Pages by keys: put together they are the whole list, whatever the order; and cursors, which anybody may make."""

from __future__ import annotations

import base64
import datetime as dt
import json
import random
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

import chakra
from chakra import (
    Cast,
    Coalesce,
    Collate,
    Count,
    F,
    Field,
    Model,
    Over,
    Prefetch,
    RowNumber,
    Sum,
    Window,
    field,
)
from chakra.errors import DataError, FieldError, NotLoaded
from chakra.functions import Lower
from chakra.query.cursors import cursor, position
from chakra.types import Inet, Interval, Text
from tests.query.test_security import PAYLOADS, VALUES
from tests.query.words import shop
from tests.query.words.shop import Item, Shop
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED
D = Decimal


class Place(Model, table="places"):
    """A key of two fields."""

    x: Field[int] = field(primary_key=True)
    y: Field[str] = field(primary_key=True)
    n: Field[int | None] = field(default=None)


class Thing(Model, table="things"):
    """Values of many types."""

    id: Field[int] = field(primary_key=True)
    code: Field[uuid.UUID]
    raw: Field[bytes]
    yes: Field[bool]
    span: Field[chakra.Interval] = field(Interval)
    opens: Field[dt.time]
    host: Field[object] = field(Inet)


MODELS = (*shop.MODELS, Place, Thing)
ITEMS, SHOPS = Item.objects, Shop.objects


async def fill() -> None:
    await shop.fill()
    await Place.objects.bulk_create(
        [Place(x=x, y=y, n=n) for x, y, n in ((1, "b", 5), (1, "a", None), (2, "a", 5))]
    )
    for n in range(4):
        await Thing.objects.create(
            id=n, code=uuid.UUID(int=n % 2), raw=bytes([n % 3, 255]), yes=n > 1,
            opens=dt.time(n % 2, 30, microsecond=n), span=chakra.Interval(months=n % 2, days=n), host=f"10.0.0.{n % 2}",
        )  # fmt: skip


def key(row: Any) -> Any:
    return row if not hasattr(row, "pk") else row.pk


async def all_pages(query: Any, size: int) -> tuple[list[Any], list[Any]]:
    """The rows of all pages, from the first to the last one and back again."""
    found: list[Any] = []
    page = await query.page(size)
    assert page.previous is None
    while True:
        found += page
        if page.next is None:
            break
        assert len(page) == size
        page = await query.page(size, after=page.next)
        assert page and len(found) < 100
    back = list(page)
    while page.previous is not None:
        page = await query.page(size, before=page.previous)
        assert page.next is not None and len(back) < 100
        back = [*page, *back]
    return [key(row) for row in found], [key(row) for row in back]


JOINED = "items i LEFT JOIN shops s ON s.id = i.shop_id"
TERMS: list[tuple[Any, str]] = [
    (F("stock"), "i.stock"),
    (F("price"), "i.price"),
    (F("weight"), "i.weight"),
    (F("day"), "i.day"),
    (F("sold"), "i.sold"),
    (F("kind"), "i.kind"),
    (Collate("name", "C"), 'i.name COLLATE "C"'),
    (F("sizes"), "i.sizes"),
    (F("shop__city"), "s.city"),
    (F("shop"), "i.shop_id"),
    (F("day__year"), "extract(year FROM i.day)"),
    (Coalesce("price", 3) * 2, "coalesce(i.price, 3) * 2"),
    (Lower("kind"), "lower(i.kind)"),
]


async def random_rows(rng: random.Random) -> None:
    await ITEMS.delete()
    shops = [None, *await SHOPS.values_list("id", flat=True)]
    moments = [None, *(shop.at(f"2024-0{n}-01T00:00:00.00000{n}") for n in (1, 2))]
    await ITEMS.bulk_create(
        [
            Item(
                shop_id=rng.choice(shops), name=rng.choice(["a", "B", "ä", "", "a'"]), kind=rng.choice("aAb"),
                price=rng.choice([None, D("1.50"), D("2.50")]), stock=rng.choice([0, 1]),
                weight=rng.choice([None, 0.1, -0.0, 0.0, float("inf"), float("nan")]),
                day=rng.choice([None, dt.date(2023, 1, 1), dt.date(2024, 1, 1)]), sold=rng.choice(moments),
                sizes=rng.choice([[], [1], [1, 2]]), words=[],
            )
            for _ in range(rng.randint(0, 25))
        ]
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(24))
async def test_pages_are_the_whole_list(rows: Any, seed: int) -> None:
    rng = random.Random(seed)
    await random_rows(rng)
    for _ in range(3):
        terms, sql = [], []
        for expression, text in rng.sample(TERMS, rng.randint(1, 3)):
            descending, nulls = rng.random() < 0.5, rng.choice([None, "first", "last"])
            terms.append(expression.desc(nulls=nulls) if descending else expression.asc(nulls=nulls))
            last = "DESC" if descending else "ASC"
            sql.append(f"{text} {last}{f' NULLS {nulls}' if nulls else ''}")
        order = f"ORDER BY {', '.join(sql)}, i.id {last}"
        expected = [row["id"] for row in await rows.fetch(f"SELECT i.id FROM {JOINED} {order}")]
        query = ITEMS.order_by(*terms)
        if rng.random() < 0.3:
            query, expected = query.reverse(), expected[::-1]
        if rng.random() < 0.3:
            query = query.filter(stock=1)
            kept = {row["id"] for row in await rows.fetch("SELECT id FROM items WHERE stock = 1")}
            expected = [id for id in expected if id in kept]
        for size in (1, rng.randint(2, 5), 30):
            assert await all_pages(query, size) == (expected, expected), (sql, size)
        for at, id in enumerate(expected):
            page = await query.page(at + 1)
            assert [row.id for row in page] == expected[: at + 1]
            if page.next is None:
                continue
            behind = query.after(page.next)
            assert await behind.values_list("id", flat=True) == expected[at + 1 :]
            assert (await behind.values("id").to_arrow())["id"].to_pylist() == expected[at + 1 :]
            assert await query.before(page.next).count() == at, id


WAYS: dict[str, Callable[[], Any]] = {
    "no order": ITEMS.order_by,
    "by the key": lambda: ITEMS.order_by("-pk"),
    "alike in all": lambda: ITEMS.order_by("kind", "-stock"),
    "turned round": lambda: ITEMS.order_by("kind", "-stock").reverse(),
    "along keys": lambda: ITEMS.select_related("shop").order_by("-shop__city"),
    "by rows behind it": lambda: SHOPS.order_by("-items__stock", "city"),
    "by an aggregate": lambda: SHOPS.annotate(n=Count("items")).order_by("-n"),
    "by an aggregate that is not returned": lambda: SHOPS.alias(n=Sum("items__price")).order_by("n"),
    "by a window": lambda: ITEMS.alias(r=Window(RowNumber(), partition_by="kind", order_by="-id")).order_by("r"),
    "kept by a window": lambda: ITEMS.window(w=Over(partition_by="kind", order_by="id"))
    .annotate(r=Window(RowNumber(), over="w")).filter(r__lt=3).order_by("r", "-kind"),
    "dicts": lambda: ITEMS.values("name", "stock").order_by("-stock"),
    "tuples": lambda: ITEMS.values_list("name", "stock").order_by("stock"),
    "values": lambda: ITEMS.values_list("name", flat=True).order_by("-day"),
    "named": lambda: ITEMS.values_list("name", named=True).order_by("price"),
    "groups": lambda: ITEMS.values("kind", "stock").annotate(n=Count("*")).order_by("-n"),
    "groups by an expression": lambda: ITEMS.values(k=Lower("kind")).annotate(n=Count("*")).order_by("n"),
    "distinct values": lambda: ITEMS.values_list("kind", "stock").distinct().order_by("-stock"),
    "distinct rows": lambda: ITEMS.distinct().order_by("-stock"),
    "a union": lambda: ITEMS.filter(stock=3).union(ITEMS.filter(kind="food")).order_by("-price"),
    "a union of values": lambda: ITEMS.values("kind").union(SHOPS.values("city")).order_by("-kind"),
    "only some fields": lambda: ITEMS.only("name").order_by("-weight"),
    "a key of two": lambda: Place.objects.order_by("-n"),
    "by a key of two": lambda: Place.objects.order_by("-pk"),
    "a related set": lambda: SHOPS.filter(pk=2),
    "uuids": lambda: Thing.objects.order_by("code", "-raw"),
    "truth and intervals": lambda: Thing.objects.order_by("yes", "span"),
    "times and hosts": lambda: Thing.objects.order_by("-opens", "host"),
    "dates": lambda: ITEMS.dates("day", "month"),
    "nothing": lambda: ITEMS.none().order_by("stock"),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
async def test_pages_of_all_kinds_of_queries(rows: Any, name: str) -> None:
    query = WAYS[name]()
    expected = [key(row) for row in await query.after(None)]
    plain = [key(row) for row in await query]
    assert sorted(map(repr, expected)) == sorted(map(repr, plain)), "other rows"
    for size in (1, 2, 3, 50):
        assert await all_pages(query, size) == (expected, expected)


async def test_a_page(rows: Any) -> None:
    query = ITEMS.order_by("-stock").prefetch_related(Prefetch("shop"))
    with sends(rows, 2):
        page = await query.page(3)
    assert [item.id for item in page] == [6, 3, 7]
    assert page[0].shop.city is None and page[2].shop is None
    assert isinstance(page, chakra.Page) and len(page) == 3 and page.previous is None
    assert [item.id for item in await query.page(3, after=page[-1])] == [5, 1, 2]
    assert [item.id for item in await query.page(2, before=page[-1])] == [6, 3]
    assert not hasattr(page[0], "_k0") and "_k0" not in repr(page)
    assert list((await ITEMS.values("name").order_by("day").page(1))[0]) == ["name"]
    empty = await query.page(3, after=(-100, 0))
    assert (list(empty), empty.next, empty.previous) == ([], None, None)
    related = (await SHOPS.get(id=2)).items
    assert [item.id for item in await related.order_by("-stock").page(2)] == [3, 5]
    table = rows.table("items").order_by("-stock")
    first = await table.page(2)
    assert [row["id"] for row in first] == [6, 3]
    assert [row["id"] for row in await table.page(2, after=first.next)] == [7, 5]
    assert [row["id"] for row in await table.after(first[1])[:1]] == [7]


async def test_positions(rows: Any) -> None:
    """Instances, dicts, tuples and cursors, wherever a query stands."""
    query = ITEMS.order_by("-price", "kind").values_list("id", flat=True)
    whole = await query.after(None)
    assert whole == [
        row["id"] for row in await rows.fetch("SELECT id FROM items ORDER BY price DESC, kind, id")
    ]
    third = await ITEMS.get(id=whole[2])
    for given in (
        third,
        (third.price, third.kind, third.id),
        {"price": third.price, "kind": third.kind, "id": third.id},
    ):
        assert await query.after(given) == whole[3:]
        assert await query.before(given) == whole[:2]
        assert await query.before(given).reverse()[:1] == whole[1:2]
        assert await query.after(given)[1:3] == whole[4:6]
        assert await query.limit(2, after=given) == whole[3:5]
        assert await query.after(given).first() == whole[3]
        assert await query.after(given).last() == whole[-1]
        assert await query.after(given).count() == 5
        assert await query.after(given).aggregate(n=Count("*")) == {"n": 5}
        assert await ITEMS.filter(id__in=query.after(given)).count() == 5
    assert await query.limit(2, after=None) == whole[:2]
    joined = ITEMS.select_related("shop").order_by("shop__city", "id")
    assert [i.id for i in await joined.after(await joined.get(id=3))] == [4, 5, 6, 7, 8]
    with pytest.raises(NotLoaded, match=r'select_related\("shop"\)'):
        joined.after(await ITEMS.get(id=3))
    assert [i.id for i in await joined.after(await ITEMS.get(id=7))] == [8]  # it has no shop
    counted = SHOPS.annotate(n=Count("items")).order_by("n")
    assert [s.id for s in await counted.after(await counted.get(n=2))] == [2]
    assert await ITEMS.order_by("id").after((6,)).update(stock=0) == 2
    assert await ITEMS.order_by("id").before((3,)).delete() == 2


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        (ITEMS.order_by("stock", "kind"), '("stock", "kind", "id") > ($1::bigint, $2, $3::bigint)'),
        (ITEMS.order_by("-stock", "-kind"), '("stock", "kind", "id") < ($1::bigint, $2, $3::bigint)'),
        (
            ITEMS.order_by("-stock", "kind"),
            '"stock" <= $1::bigint AND ("stock" < $1::bigint OR ("stock" = $1::bigint AND "kind" > $2) OR '
            '("stock" = $1::bigint AND "kind" = $2 AND "id" > $3::bigint))',
        ),
    ],
    ids=["up", "down", "mixed"],
)
async def test_what_an_index_answers(query: Any, condition: str) -> None:
    assert f"WHERE {condition} ORDER BY" in query.after((3, "a", 1)).to_sql()[0]


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "too few values": (lambda: ITEMS.order_by("stock").after((1,)), "takes 2 values, by which rows are sorted"),
    "no position": (lambda: ITEMS.order_by("stock").before(5), "takes a row, a cursor, or the values of (stock, id)"),
    "another model": (lambda: ITEMS.after(Shop(id=1)), "takes a row of Item, not one of Shop"),
    "another value": (lambda: ITEMS.order_by("stock").after(("x", 1)).to_sql(), "'x' does not fit integer"),
    "sorted by what rows do not hold": (lambda: ITEMS.order_by(Lower("name")).after(Item(id=1)), "use page()"),
    "sorted by partners": (lambda: SHOPS.order_by("items__stock").after(Shop(id=1)), "rows do not hold"),
    "a dict without it": (lambda: ITEMS.order_by("stock").after({"id": 1}), "the row has no 'stock'"),
    "an order behind": (lambda: ITEMS.after((1,)).order_by("name"), "cannot be reordered"),
    "a slice before": (lambda: ITEMS[:3].after((1,)), "after() first, then slice"),
    "distinct on": (lambda: ITEMS.distinct("kind").after(None), "have no DISTINCT ON"),
    "distinct, by something else": (
        lambda: ITEMS.values("kind").distinct().order_by("stock").after(None), "sorted by these"
    ),
    "all of a union": (lambda: ITEMS.filter(id=1).union(ITEMS, all=True).after(None), "leave out all=True"),
    "rows of several": (
        lambda: SHOPS.values("items__id").order_by("city").after(("x", 1)).to_sql(), "once for each of Item"
    ),
    "no field": (lambda: ITEMS.order_by("nope").after((1, 2)).to_sql(), "Item has no field 'nope'"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_refused(rows: Any, name: str) -> None:
    made, message = WRONG[name]
    with pytest.raises((FieldError, DataError)) as caught:
        made()
    assert message in str(caught.value)


async def test_pages_that_are_refused(rows: Any) -> None:
    for options, message in (
        ({"rows": 0}, "a number of rows from 1 to 100000, not 0"),
        ({"rows": "3"}, "a number of rows from 1"),
        ({"rows": True}, "a number of rows from 1"),
        ({"rows": 3, "after": (1,), "before": (2,)}, "after= or before=, not both"),
    ):
        with pytest.raises(FieldError, match=message):
            await ITEMS.page(**options)  # type: ignore[arg-type]
    with pytest.raises(FieldError, match="page by after"):
        await (
            ITEMS.filter(id=(await ITEMS.create(name="x" * 60_000, kind="k")).id)
            .order_by("name")
            .page(1, after=("w", 0))
        )
    ranges = rows.table("items").annotate(x=Cast("name", Text)).order_by("x")
    assert len(await ranges.page(2)) == 2


def raw(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


async def test_cursors_from_outside(rows: Any) -> None:
    """Whatever a cursor is, it is a position of this very order or a DataError, and sends nothing."""
    query = ITEMS.order_by("-price", "name")
    good = (await query.page(2)).next
    assert good is not None
    order = json.loads(base64.urlsafe_b64decode(good + "=="))[1]
    values = [{"n": "2.50"}, "bulb", 3]
    assert [i.id for i in await query.page(9, after=raw(1, order, *values))] == [6, 8]
    wrong = [
        *PAYLOADS, *VALUES, "", "=", "====", good + "=", good + "A", good[:-1], good[1:], good[::-1], "A" * 70_000, "é",
        raw(), raw(1), raw(1, order), raw(1, order, *values, 5), raw(1, order, 5), raw(2, order, *values),
        raw(True, order, *values), raw(1, "x", *values), raw(1, None, *values), raw("1", order, *values),
        *(raw(1, order, value, "bulb", 3) for value in (
            "x", {"n": "x"}, {"n": 5}, {"n": None}, {"x": "1"}, {}, {"n": "1", "f": "1"}, {"t": "now"},
            {"d": "2024-13-01"}, {"c": "25:00"}, {"e": "1e5"}, {"e": "9" * 400}, {"i": "1 2"}, {"u": "zz"}, {"b": "*"},
            {"f": "one"}, ["x"],
            {"n": "9" * 70_000}, {"n": "1" * 5000 + "x"}, True, [[[]]], {"i": "99999999999 1 1"},
        )),
        raw(1, order, 5, 5, 3), raw(1, order, 5, "x", "y"), raw(1, order, 5, "x", 2.5), raw(1, order, 5, "\0", 2),
        base64.urlsafe_b64encode(f"[1,\"{order}\",NaN,\"a\",3]".encode()).decode(),
        base64.urlsafe_b64encode(b"[" * 20_000).decode(), base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(f'[1,"{order}",{"9" * 5000},"a",3]'.encode()).decode(),
    ]  # fmt: skip
    accepted = []
    for text in wrong:
        for ask in (query.page, lambda rows, after: query.after(after)[:rows]):
            try:
                await ask(2, after=text)
            except DataError as error:
                assert len(str(error)) < 500
            else:
                accepted.append(text)
    assert accepted == []
    other = ITEMS.order_by("price", "name")
    for query in (
        other,
        SHOPS.order_by("city"),
        ITEMS.order_by("-price", "name", "stock"),
        ITEMS.order_by("-price"),
    ):
        with pytest.raises(DataError, match="of another query"):
            await query.page(2, after=good)  # type: ignore[attr-defined]
    assert await ITEMS.count() == 8


async def test_cursors_of_all_values() -> None:
    terms = [F("x").asc()]
    now = dt.datetime(2024, 2, 29, 23, 59, 59, 1, tzinfo=dt.UTC)
    for value in (
        None, True, 0, -(2**70), "", "a\u2028'\"\\é", 0.1, -0.0, float("inf"), D("1.500"), D("NaN"), now,
        now.replace(tzinfo=None), now.astimezone(dt.timezone(dt.timedelta(hours=-5, minutes=30))), now.date(),
        now.time(), dt.timedelta(days=-3, microseconds=7), chakra.Interval(months=1, days=-2, microseconds=3),
        uuid.UUID(int=5), b"\0\xff", [1, None, [D("2")]],
    ):  # fmt: skip
        (found,) = position(cursor("t", terms, [value]), "t", terms)
        assert type(found) is type(value) and repr(found) == repr(value)
    with pytest.raises(FieldError, match="a cursor holds no object"):
        cursor("t", terms, [object()])


async def test_no_key(rows: Any) -> None:
    await rows.execute("CREATE TABLE loose (n integer)")
    try:
        with pytest.raises(FieldError, match="no primary key by which rows"):
            await rows.table("loose").order_by("n").page(3)
    finally:
        await rows.execute("DROP TABLE loose")
