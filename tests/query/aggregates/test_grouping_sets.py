"""ROLLUP, CUBE and GROUPING SETS: their rows, those of SQL written by hand, and what may be said of them."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import (
    ArrayAgg,
    BoolAnd,
    Count,
    Exists,
    Grouping,
    Max,
    OuterRef,
    Prefetch,
    Q,
    Rank,
    Subquery,
    Sum,
    Window,
)
from chakra.errors import FieldError
from chakra.functions import Concat, Left, Upper
from chakra.sql import select_statement
from tests.query.aggregates.sales import MODELS, Sale, Shop, Size, fill
from tests.relations.conftest import SHARED

__all__ = ["MODELS", "fill"]
pytestmark = SHARED

SALES, SHOPS = Sale.objects, Shop.objects
TOTALS = SALES.values("region", "city", total=Sum("pages"))

QUERIES: dict[str, tuple[Any, str]] = {
    # name: a query, and the same in SQL; its rows in any order
    "rollup": (
        TOTALS.rollup("region", "city"),
        "SELECT region, city, sum(pages) FROM sales GROUP BY ROLLUP (region, city)",
    ),
    "rollup before the aggregate": (
        SALES.values("region", "city").rollup("region", "city").annotate(total=Sum("pages")),
        "SELECT region, city, sum(pages) FROM sales GROUP BY ROLLUP (region, city)",
    ),
    "rollup behind the aggregate": (
        SALES.values("region", "city").annotate(total=Sum("pages")).rollup("region", "city"),
        "SELECT region, city, sum(pages) FROM sales GROUP BY ROLLUP (region, city)",
    ),
    "what is not named is in every group": (
        TOTALS.rollup("city"),
        "SELECT region, city, sum(pages) FROM sales GROUP BY region, ROLLUP (city)",
    ),
    "cube": (
        SALES.values("region", "size", n=Count("*")).cube("size", "region"),
        "SELECT region, size, count(*) FROM sales GROUP BY CUBE (size, region)",
    ),
    "sets": (
        SALES.values("region", "size", "city", n=Count("*")).grouping_sets(("region", "size"), "city", ()),
        "SELECT region, size, city, count(*) FROM sales GROUP BY GROUPING SETS ((region, size), city, ())",
    ),
    "one of all": (
        SALES.values(n=Count("*")).grouping_sets(()),
        "SELECT count(*) FROM sales GROUP BY GROUPING SETS (())",
    ),
    "several that stand together": (
        SALES.values("region", "size", "city", n=Count("*")).rollup(("region", "size"), "city"),
        "SELECT region, size, city, count(*) FROM sales GROUP BY ROLLUP ((region, size), city)",
    ),
    "one by another": (
        SALES.values("region", "size", n=Count("*")).rollup("region").cube("size"),
        "SELECT region, size, count(*) FROM sales GROUP BY ROLLUP (region), CUBE (size)",
    ),
    "by what is not returned": (
        SALES.values("region", n=Count("*")).rollup("region", "city"),
        "SELECT region, count(*) FROM sales GROUP BY ROLLUP (region, city)",
    ),
    "by a name of an expression": (
        SALES.values(head=Left("region", 2), n=Count("*")).rollup("head"),
        "SELECT left(region, 2), count(*) FROM sales GROUP BY ROLLUP (left(region, 2))",
    ),
    "by the expression": (
        SALES.values(head=Left("region", 2), n=Count("*")).rollup(Left("region", 2)),
        "SELECT left(region, 2), count(*) FROM sales GROUP BY ROLLUP (left(region, 2))",
    ),
    "by an expression under the name of a field": (
        SALES.values(region=Left("region", 1), n=Count("*")).rollup("region"),
        "SELECT left(region, 1), count(*) FROM sales GROUP BY ROLLUP (left(region, 1))",
    ),
    "by another expression": (
        SALES.values(head=Left("region", 2), n=Count("*")).rollup(Left("region", 3)),
        "SELECT left(region, 2), count(*) FROM sales GROUP BY left(region, 2), ROLLUP (left(region, 3))",
    ),
    "what is made of keys": (
        SALES.values("region", loud=Upper("region"), n=Count("*")).rollup("region"),
        "SELECT region, upper(region), count(*) FROM sales GROUP BY ROLLUP (region)",
    ),
    "what is made of a key and a field": (
        SALES.values("region", both=Concat("region", "code"), n=Count("*")).rollup("region"),
        "SELECT region, concat(region, code), count(*) FROM sales GROUP BY concat(region, code), ROLLUP (region)",
    ),
    "by aggregates of each row": (
        SHOPS.annotate(n=Count("sales")).values("n", shops=Count("*")).rollup("n"),
        "SELECT n, count(*) FROM (SELECT count(sales.id) AS n FROM shops LEFT JOIN sales ON shop_id = shops.id "
        "GROUP BY shops.id) AS counted GROUP BY ROLLUP (n)",
    ),
    "by conditions": (
        SALES.values(large=Q(small__gt=6), n=Count("*")).rollup("large"),
        "SELECT small > 6, count(*) FROM sales GROUP BY ROLLUP (small > 6)",
    ),
    "by conditions on partners": (
        SHOPS.values(large=Q(sales__small__gt=6), n=Count("*")).rollup("large"),
        "SELECT large, count(*) FROM (SELECT id IN (SELECT shop_id FROM sales WHERE small > 6) AS large FROM shops) "
        "AS s GROUP BY ROLLUP (large)",
    ),
    "by values of queries": (
        SHOPS.values(
            last=Subquery(SALES.filter(shop=OuterRef("pk")).order_by("-id").values("region")[:1]),
            n=Count("*"),
        ).rollup("last"),
        "SELECT last, count(*) FROM (SELECT (SELECT region FROM sales WHERE shop_id = shops.id ORDER BY id DESC "
        "LIMIT 1) AS last FROM shops) AS s GROUP BY ROLLUP (last)",
    ),
    "hidden groupings": (
        SALES.values("region", n=Count("*")).rollup("region").alias(g=Grouping("region")).filter(g=1),
        "SELECT NULL, 6",
    ),
    "a sum of sums": (
        SALES.values("region").rollup("region").annotate(x=Window(Sum(Sum("small")), order_by="region")),
        "SELECT region, sum(sum(small)) OVER (ORDER BY region) FROM sales GROUP BY ROLLUP (region)",
    ),
    "along a relation": (
        SALES.values("shop__name", "region", n=Count("*")).rollup("shop__name", "region"),
        "SELECT name, region, count(*) FROM sales LEFT JOIN shops ON shops.id = shop_id GROUP BY ROLLUP (name, region)",
    ),
    "by a key": (
        SALES.values("shop", n=Count("*")).rollup("shop"),
        "SELECT shop_id, count(*) FROM sales GROUP BY ROLLUP (shop_id)",
    ),
    "partners": (
        SHOPS.values("sales__region", n=Count("sales"), most=Max("sales__pages")).rollup("sales__region"),
        "SELECT region, count(sales.id), max(pages) FROM shops LEFT JOIN sales ON shop_id = shops.id "
        "GROUP BY ROLLUP (region)",
    ),
    "groupings": (
        SALES.values("region", "city", g=Grouping("region", "city"), h=Grouping("city")).rollup(
            "region", "city"
        ),
        "SELECT region, city, grouping(region, city), grouping(city) FROM sales GROUP BY ROLLUP (region, city)",
    ),
    "a grouping of an expression": (
        SALES.values(head=Left("region", 2), g=Grouping("head")).cube("head"),
        "SELECT left(region, 2), grouping(left(region, 2)) FROM sales GROUP BY CUBE (left(region, 2))",
    ),
    "plain groups": (
        SALES.values("region").annotate(g=Grouping("region")),
        "SELECT region, 0 FROM sales GROUP BY region",
    ),
    "kept by a grouping": (
        SALES.values("region", "city", g=Grouping("city")).rollup("region", "city").filter(g=1),
        "SELECT region, city, grouping(city) FROM sales GROUP BY ROLLUP (region, city) HAVING grouping(city) = 1",
    ),
    "kept by an aggregate": (
        SALES.values("region", "city", ok=BoolAnd("paid")).cube("region", "city").filter(ok=False),
        "SELECT region, city, bool_and(paid) FROM sales GROUP BY CUBE (region, city) HAVING NOT bool_and(paid)",
    ),
    "rows are kept first": (
        TOTALS.rollup("region", "city").filter(region="east"),
        "SELECT region, city, sum(pages) FROM sales WHERE region = 'east' GROUP BY ROLLUP (region, city)",
    ),
    "dropped, a key among the reasons": (
        TOTALS.rollup("region").exclude(Q(total__gt=42) | Q(region="east")),
        "SELECT region, city, sum(pages) FROM sales GROUP BY city, ROLLUP (region) "
        "HAVING (sum(pages) > 42 OR region = 'east') IS NOT TRUE",
    ),
    "windows over groups": (
        TOTALS.rollup("region").annotate(place=Window(Rank(), partition_by="region", order_by="-total")),
        "SELECT region, city, sum(pages), rank() OVER (PARTITION BY region ORDER BY sum(pages) DESC) FROM sales "
        "GROUP BY city, ROLLUP (region)",
    ),
    "kept by a window": (
        TOTALS.rollup("region", "city").annotate(place=Window(Rank(), order_by="-total")).filter(place=2),
        "SELECT NULL, NULL, 85, 2",
    ),
    "united": (
        SALES.values("region", n=Count("*"))
        .rollup("region")
        .union(SHOPS.values("name", n=Count("*")).rollup("name")),
        "SELECT region, count(*) FROM sales GROUP BY ROLLUP (region) UNION "
        "SELECT name, count(*) FROM shops GROUP BY ROLLUP (name)",
    ),
    "enums": (
        SALES.values("size", n=Count("*")).rollup("size"),
        "SELECT size, count(*) FROM sales GROUP BY ROLLUP (size)",
    ),
    "no aggregate": (
        SALES.values("region", "size").cube("region", "size"),
        "SELECT region, size FROM sales GROUP BY CUBE (region, size)",
    ),
    "of no rows": (TOTALS.none().rollup("region", "city"), "SELECT NULL, NULL, NULL"),
}


def told(rows: Any) -> list[Any]:
    return sorted([tuple(row) for row in rows], key=repr)


@pytest.mark.parametrize("name", QUERIES)
async def test_rows(rows: Any, name: str) -> None:
    query, text = QUERIES[name]
    sizes = {"small": Size.SMALL, "large": Size.LARGE}
    raw = [tuple(row.values()) for row in await rows.fetch(text)]
    asked = query.rows() if hasattr(query, "rows") else query
    found = [tuple(row.values()) for row in await asked]
    assert told(found) == told([tuple(sizes.get(value, value) for value in row) for row in raw])
    table = await query.to_arrow()
    columns = [tuple(row.values()) for row in table.to_pylist()]
    assert told(columns) == told(raw)
    outputs = select_statement(query._select)[0].statement.outputs
    for position, output in enumerate(outputs):
        assert output.nullable or not any(row[position] is None for row in found), output
    assert await query.count() == len(raw)
    assert await query.exists()
    assert (await query.aggregate(n=Count("*")))["n"] == len(raw)


async def test_by_hand(rows: Any) -> None:
    query = TOTALS.rollup("region", "city").order_by("region", "city", "total")
    assert await query.values_list("region", "city", "total") == [
        ("east", "Ayr", 40), ("east", "Bath", None), ("east", None, 40),
        ("west", "Cork", 40), ("west", None, 5), ("west", None, 45),
        (None, None, 85),
    ]  # fmt: skip
    assert (await query.reverse().first())["total"] == 85
    assert [row["total"] for row in await query[1:3]] == [None, 40]
    assert await query.values("region").distinct().order_by("region").values_list("region", flat=True) == [
        "east", "west", None,
    ]  # fmt: skip
    assert await query.aggregate(Max("total"), Count("region"), cities=ArrayAgg("city", distinct=True)) == {
        "total__max": 85, "region__count": 6, "cities": ["Ayr", "Bath", "Cork", None],
    }  # fmt: skip


async def test_the_order_and_the_filter_by_groupings(rows: Any) -> None:
    query = SALES.values("region", "city", g=Grouping("region", "city"), n=Count("*")).cube("region", "city")
    assert await query.order_by("-g", "region").values_list("g", flat=True) == [
        3,
        2,
        2,
        2,
        2,
        1,
        1,
        0,
        0,
        0,
        0,
    ]
    subtotals = query.filter(g=1).order_by("region").values("region", "n")
    assert await subtotals == [{"region": "east", "n": 3}, {"region": "west", "n": 3}]
    assert (await subtotals.to_arrow()).to_pylist() == await subtotals


async def test_inside_of_other_queries(rows: Any) -> None:
    assert await SHOPS.filter(id__in=SALES.values("shop").rollup("shop")).count() == 2
    assert await SHOPS.exclude(id__in=SALES.values("shop").rollup("shop")).values_list("id", flat=True) == [3]
    most = SALES.filter(shop=OuterRef("pk")).values("region", n=Count("*")).rollup("region").order_by("-n")
    found = SHOPS.annotate(n=Subquery(most.values("n")[:1])).order_by("id")
    assert await found.values_list("n", flat=True) == [3, 2, 0]
    assert await SHOPS.filter(Exists(most.filter(n__gt=2))).values_list("id", flat=True) == [1]


async def test_groups_are_those_of_the_expression_that_is_returned(rows: Any) -> None:
    """Whatever it is called: its literals are those of GROUP BY."""
    first = SALES.values(city=Left("city", 1)).annotate(n=Count("*"))
    assert told(row.values() for row in await first) == [("A", 2), ("B", 1), ("C", 2), (None, 1)]
    assert told(row.values() for row in await SALES.values(Left("city", 1)).annotate(n=Count("*"))) == [
        ("A", 2), ("B", 1), ("C", 2), (None, 1),
    ]  # fmt: skip
    assert (await SALES.values(Left("region", 1)).annotate(n=Count("*")).to_arrow()).num_rows == 2
    assert [row["n"] for row in await first.order_by("-city")] == [1, 2, 1, 2]
    rolled = SALES.values(region=Left("region", 1), n=Count("*")).rollup("region").order_by("-region")
    assert [row["n"] for row in await rolled] == [6, 3, 3]
    two = Left("region", 1)
    assert await SALES.values(two).annotate(n=Count("*")).values("n").count() == 2


async def test_deleting_groups_is_refused(rows: Any) -> None:
    with pytest.raises(FieldError, match=r"grouped by rollup\(F\('region'\)\): a group is no row"):
        await TOTALS.rollup("region").delete()


async def test_prefetched_as_columns(rows: Any) -> None:
    """Groups of the rows behind each row, in an order that is always the same."""
    totals = SALES.values("size", "region", n=Count("*")).rollup("size")
    query = SHOPS.order_by("id").prefetch_related(Prefetch("sales", queryset=totals))
    first, second, third = (await query.to_arrow(nested=True))["sales"].to_pylist()
    assert [tuple(row.values()) for row in first] == [
        ("small", "east", 2), ("large", "east", 1), (None, "east", 3),
    ]  # fmt: skip
    assert len(second) == 3 and third == []
