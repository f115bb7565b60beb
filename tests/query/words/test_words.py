"""``alias``, ``dates`` and ``datetimes``, ``sample``, and DISTINCT ON by expressions, against SQL written by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chakra import Avg, Collate, Count, F, Max, Prefetch, Q, RowNumber, Sum, Value, Window
from chakra.errors import DataError, FieldError
from chakra.functions import Length, Lower
from tests.query.words import shop
from tests.query.words.shop import Item, Shop, wrong_about
from tests.relations.conftest import SHARED

pytestmark = SHARED
MODELS, fill = shop.MODELS, shop.fill
ITEMS, SHOPS = Item.objects, Shop.objects

LONG = ITEMS.alias(x=Length("name"))
BUSY = SHOPS.alias(n=Count("items"))

CASES: dict[str, tuple[Any, str]] = {
    # name: query of values, the same in SQL
    "alias, filtered and sorted by": (
        LONG.filter(x__gt=3).order_by("-x", "id").values_list("id"),
        "SELECT id FROM items WHERE length(name) > 3 ORDER BY length(name) DESC, id",
    ),
    "alias of an alias": (
        LONG.alias(y=F("x") * 2).filter(y=8).order_by("id").values_list("id"),
        "SELECT id FROM items WHERE length(name) * 2 = 8 ORDER BY id",
    ),
    "an alias becomes a value": (
        LONG.annotate(x=F("x")).order_by("id").values_list("id", "x"),
        "SELECT id, length(name)::bigint FROM items ORDER BY id",
    ),
    "an alias asked for by values": (
        LONG.order_by("id").values_list("x"),
        "SELECT length(name) FROM items ORDER BY id",
    ),
    "an annotation of an alias": (
        LONG.annotate(y=F("x") + 1).order_by("id").values_list("y"),
        "SELECT length(name) + 1 FROM items ORDER BY id",
    ),
    "alias behind values": (
        ITEMS.values_list("id").alias(x=Length("name")).filter(x=4).order_by("id"),
        "SELECT id FROM items WHERE length(name) = 4 ORDER BY id",
    ),
    "an aggregate as an alias": (
        BUSY.filter(n__gt=1).order_by("-n", "id").values_list("id"),
        "SELECT shop_id FROM items GROUP BY 1 HAVING count(*) > 1 AND shop_id IS NOT NULL ORDER BY count(*) DESC",
    ),
    "HAVING by an alias": (
        ITEMS.values_list("kind").alias(n=Count("*")).filter(n=3).order_by("kind"),
        "SELECT kind FROM items GROUP BY kind HAVING count(*) = 3 ORDER BY 1",
    ),
    "a window as an alias": (
        ITEMS.alias(r=Window(RowNumber(), partition_by="kind", order_by="id")).filter(r=1).order_by("id")
        .values_list("id"),
        "SELECT min(id) FROM items GROUP BY kind ORDER BY 1",
    ),
    "a condition as an alias": (
        ITEMS.alias(dear=Q(price__gt=10)).filter(dear=True).order_by("id").values_list("id"),
        "SELECT id FROM items WHERE price > 10 ORDER BY id",
    ),
    "a union of queries with aliases": (
        LONG.filter(x=4).union(ITEMS.alias(z=Value(1)).filter(id=1)).order_by("id").values_list("id"),
        "SELECT id FROM items WHERE length(name) = 4 OR id = 1 ORDER BY id",
    ),
    "in a query around": (
        SHOPS.filter(items__in=LONG.filter(x=5)).order_by("id").values_list("id"),
        "SELECT DISTINCT shop_id FROM items WHERE length(name) = 5 AND shop_id IS NOT NULL ORDER BY 1",
    ),
    "dates by years": (
        ITEMS.dates("day", "year"),
        "SELECT DISTINCT date_trunc('year', day::timestamp)::date AS d FROM items WHERE day IS NOT NULL ORDER BY 1",
    ),
    "dates by weeks, the last first": (
        ITEMS.dates("day", "week", "DESC"),
        "SELECT DISTINCT date_trunc('week', day::timestamp)::date FROM items WHERE day IS NOT NULL ORDER BY 1 DESC",
    ),
    "dates of moments": (
        ITEMS.dates("sold", "day"),
        "SELECT DISTINCT (sold AT TIME ZONE 'UTC')::date FROM items WHERE sold IS NOT NULL ORDER BY 1",
    ),
    "dates of partners": (
        SHOPS.dates("items__day", "month"),
        "SELECT DISTINCT date_trunc('month', day::timestamp)::date FROM items WHERE day IS NOT NULL "
        "AND shop_id IS NOT NULL ORDER BY 1",
    ),
    "dates of what is computed": (
        ITEMS.alias(d=F("day") + 1).filter(id__lt=3).dates("d", "day"),
        "SELECT DISTINCT day + 1 FROM items WHERE id < 3 ORDER BY 1",
    ),
    "dates, filtered and turned round": (
        ITEMS.dates("day", "month").filter(kind="light").reverse(),
        "SELECT DISTINCT date_trunc('month', day::timestamp)::date FROM items WHERE kind = 'light' ORDER BY 1 DESC",
    ),
    "dates, cut": (
        ITEMS.dates("day", "day")[1:3],
        "SELECT DISTINCT day FROM items WHERE day IS NOT NULL ORDER BY 1 OFFSET 1 LIMIT 2",
    ),
    "datetimes": (
        ITEMS.datetimes("sold", "minute"),
        "SELECT DISTINCT date_trunc('minute', sold) FROM items WHERE sold IS NOT NULL ORDER BY 1",
    ),
    "datetimes in a zone": (
        ITEMS.datetimes("sold", "year", "DESC", tz="Asia/Tokyo"),
        "SELECT DISTINCT date_trunc('year', sold, 'Asia/Tokyo') FROM items WHERE sold IS NOT NULL ORDER BY 1 DESC",
    ),
    "datetimes in a ZoneInfo": (
        ITEMS.datetimes("sold", "day", tz=ZoneInfo("America/New_York")),
        "SELECT DISTINCT date_trunc('day', sold, 'America/New_York') FROM items WHERE sold IS NOT NULL ORDER BY 1",
    ),
    "no dates": (ITEMS.filter(id=4).dates("day", "year"), "SELECT day FROM items WHERE false"),
    "distinct on an expression": (
        ITEMS.distinct(F("id") % 3).order_by(F("id") % 3, "-id").values_list("id"),
        "SELECT DISTINCT ON (id % 3) id FROM items ORDER BY id % 3, id DESC",
    ),
    "distinct on an expression, sorted by another": (
        ITEMS.distinct(F("id") % 3).order_by("-id").values_list("id"),
        "SELECT id FROM (SELECT DISTINCT ON (id % 3) id FROM items ORDER BY id % 3, id DESC) q ORDER BY id DESC",
    ),
    "distinct on an alias": (
        LONG.distinct("x").order_by("x", "-id").values_list("id", "x"),
        "SELECT DISTINCT ON (length(name)) id, length(name) FROM items ORDER BY length(name), id DESC",
    ),
    "distinct on, without an order": (
        ITEMS.filter(id=3).distinct(Lower("name"), "kind").values_list("id"),
        "SELECT 3::bigint",
    ),
    "a collation": (
        ITEMS.order_by(Collate("name", "C").desc()).values_list("name"),
        """SELECT name FROM items ORDER BY name COLLATE "C" DESC""",
    ),
    "turned round with NULLs and a collation": (
        ITEMS.order_by(F("price").asc(nulls="first"), Collate("name", "C")).reverse().values_list("id"),
        """SELECT id FROM items ORDER BY price DESC NULLS LAST, name COLLATE "C" DESC""",
    ),
    "the whole table as a sample": (
        ITEMS.sample(100).order_by("id").values_list("id"),
        "SELECT id FROM items ORDER BY id",
    ),
    "nothing as a sample": (ITEMS.sample(0, method="bernoulli").values_list("id"), "SELECT 1 FROM items WHERE false"),
    "a sample by a seed": (
        ITEMS.sample(50, method="bernoulli", seed=7).filter(id__gt=2).order_by("id").values_list("id"),
        "SELECT id FROM items TABLESAMPLE BERNOULLI (50) REPEATABLE (7) WHERE id > 2 ORDER BY id",
    ),
    "a sample, joined": (
        ITEMS.sample(50, method="bernoulli", seed=1.5).filter(shop__city="Rome").order_by("id")
        .values_list("id", "shop__city"),
        "SELECT i.id, city FROM items i TABLESAMPLE BERNOULLI (50) REPEATABLE (1.5) JOIN shops s ON s.id = shop_id "
        "WHERE city = 'Rome' ORDER BY 1",
    ),
    "a sample in a query around": (
        SHOPS.filter(items__in=ITEMS.sample(100, seed=3)).order_by("id").values_list("id"),
        "SELECT 1::bigint UNION ALL SELECT 2 UNION ALL SELECT 3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_a_word(rows: Any, name: str) -> None:
    query, sql = CASES[name]
    assert await wrong_about(rows, query, sql) is None


async def test_an_alias_is_not_returned(rows: Any) -> None:
    item = await LONG.get(id=1)
    assert not hasattr(item, "x")
    assert "x" not in await LONG.values().get(id=1)
    assert "x" not in (await LONG.to_arrow()).schema.names
    assert (await LONG.annotate(x=F("x") + 1).get(id=1)).x == 5
    assert "x" not in await LONG.annotate(y=F("x")).alias(y=F("y")).values().get(id=1)
    shop_ = await SHOPS.prefetch_related(Prefetch("items", LONG.filter(x=4).order_by("id"))).get(id=1)
    assert [i.name for i in shop_.items] == ["lamp", "desk"]


async def test_aggregates_of_aliases(rows: Any) -> None:
    assert await LONG.aggregate(Max("x"), n=Count("*", filter=Q(x=4))) == {"x__max": 5, "n": 4}
    assert await BUSY.aggregate(Avg("n"), Sum("n")) == {"n__avg": 2, "n__sum": 6}
    assert await BUSY.filter(n=3).count() == 1
    assert await BUSY.filter(n=3).exists()


async def test_writes_by_aliases_and_samples(rows: Any) -> None:
    assert await LONG.filter(x=4).update(stock=F("stock") + F("x")) == 4
    assert await ITEMS.filter(stock=7).count() == 2
    assert await ITEMS.sample(100).filter(id__lt=3).update(stock=9) == 2
    assert await ITEMS.sample(0).delete() == 0
    assert await BUSY.filter(n=1).delete() == 1
    assert await ITEMS.count() == 7


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "a name that is taken": (lambda: ITEMS.alias(name=F("id")), "annotation 'name' has the name of a field"),
    "no expression": (lambda: ITEMS.alias(x=1), "must be an expression"),
    "no plain name": (lambda: ITEMS.alias(**{"x y": F("id")}), "cannot be an alias"),
    "an inner name": (lambda: ITEMS.alias(_x=F("id")), "underscore are internal"),
    "no date": (lambda: ITEMS.dates("name", "year"), "'name' is text, not date or timestamp or timestamptz"),
    "no kind": (lambda: ITEMS.dates("day", "hour"), "cuts to year, quarter, month, week, day, not 'hour'"),
    "a date, and no moment": (lambda: ITEMS.datetimes("day", "year"), "dates() takes those"),
    "no order": (lambda: ITEMS.dates("day", "year", "asc"), 'order is "ASC" or "DESC"'),  # type: ignore[arg-type]
    "no field": (lambda: ITEMS.dates("nope", "year"), "Item has no field 'nope'"),
    "no name": (lambda: ITEMS.dates(F("day"), "year"), "takes the name of a field"),  # type: ignore[arg-type]
    "a slice": (lambda: ITEMS[:3].dates("day", "year"), "a sliced query cannot be cut to dates"),
    "a group": (
        lambda: ITEMS.values("kind").annotate(n=Count("*")).dates("day", "year"),
        "makes others of them",
    ),
    "no zone": (lambda: ITEMS.datetimes("sold", "day", tz=5), "takes the name of a zone"),  # type: ignore[arg-type]
    "too much": (lambda: ITEMS.sample(101), "a share from 0 to 100 percent, not 101"),
    "too little": (lambda: ITEMS.sample(-1), "a share from 0 to 100 percent"),
    "no number": (lambda: ITEMS.sample(float("nan")), "a share from 0 to 100 percent"),
    "a text": (lambda: ITEMS.sample("5); drop table items; --"), "a share from 0"),  # type: ignore[arg-type]
    "no method": (lambda: ITEMS.sample(5, method="SYSTEM (1); --"), "is one of 'system', 'bernoulli'"),  # type: ignore[arg-type]
    "no seed": (lambda: ITEMS.sample(5, seed="1"), "is a number, not '1'"),  # type: ignore[arg-type]
    "a sample of a union": (
        lambda: ITEMS.filter(id=1).union(ITEMS.filter(id=2)).sample(5).to_sql(),
        "those of Item are made by queries",
    ),
    "distinct on what is none": (lambda: ITEMS.distinct(5), "takes names of fields and expressions"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_refused(rows: Any, name: str) -> None:
    made, message = WRONG[name]
    with pytest.raises(FieldError) as caught:
        made()
    assert message in str(caught.value)


async def test_a_zone_is_only_a_value(rows: Any) -> None:
    for tz in ("x'; drop table items; --", "Nowhere/Else"):
        with pytest.raises(DataError):
            await ITEMS.datetimes("sold", "day", tz=tz)
    assert await ITEMS.count() == 8
    assert await ITEMS.datetimes("sold", "year", tz=dt.UTC) == await ITEMS.datetimes("sold", "year")
