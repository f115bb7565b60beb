"""Windows that several expressions share: answers, the text of WINDOW, and what is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from chakra import Count, F, Frame, Lag, Max, Over, Rank, RowNumber, Subquery, Sum, Window
from chakra.errors import FieldError
from tests.query.words import shop
from tests.query.words.shop import Item, Shop, wrong_about
from tests.relations.conftest import SHARED

pytestmark = SHARED
MODELS, fill = shop.MODELS, shop.fill
ITEMS = Item.objects
KINDS = ITEMS.window(
    k=Over(partition_by="kind"),
    s=Over("k", order_by="-id"),
    f=Over("s", frame=Frame.rows(-1, 0)),
    d=Over(order_by=F("day").asc(nulls="first")),
)

CASES: dict[str, tuple[Any, str]] = {
    # name: query of values, the same in SQL without WINDOW
    "one, shared": (
        KINDS.annotate(a=Window(RowNumber(), over="s"), b=Window(Lag("id"), over="s"))
        .order_by("id")
        .values_list("a", "b"),
        "SELECT row_number() OVER (PARTITION BY kind ORDER BY id DESC), "
        "lag(id) OVER (PARTITION BY kind ORDER BY id DESC) FROM items ORDER BY id",
    ),
    "three, each of which goes on from another": (
        KINDS.values_list(
            "id", Window(Count("*"), over="k"), Window(Sum("stock"), over="f"), Window(Sum("stock"), over="s")
        ).order_by("id"),
        "SELECT id, count(*) OVER (PARTITION BY kind), sum(stock) OVER (PARTITION BY kind ORDER BY id DESC ROWS "
        "BETWEEN 1 PRECEDING AND CURRENT ROW), sum(stock) OVER (PARTITION BY kind ORDER BY id DESC) "
        "FROM items ORDER BY id",
    ),
    "gone on from by the expression": (
        KINDS.annotate(
            x=Window(Max("id"), over="k", order_by="id"), y=Window(Sum("id"), over="s", frame=Frame.range(-2, 0))
        )
        .order_by("id")
        .values_list("x", "y"),
        "SELECT max(id) OVER (PARTITION BY kind ORDER BY id), sum(id) OVER (PARTITION BY kind ORDER BY id DESC RANGE "
        "BETWEEN 2 PRECEDING AND CURRENT ROW) FROM items ORDER BY id",
    ),
    "a distance from the order of the one before": (
        KINDS.filter(day__isnull=False)
        .annotate(n=Window(Count("*"), over="d", frame=Frame.range(dt.timedelta(days=-40), 0)))
        .order_by("id")
        .values_list("n"),
        "SELECT count(*) OVER (ORDER BY day RANGE BETWEEN '40 days' PRECEDING AND CURRENT ROW) FROM items "
        "WHERE day IS NOT NULL ORDER BY id",
    ),
    "an object": (
        ITEMS.annotate(n=Window(Rank(), over=Over(partition_by="kind", order_by="stock")))
        .order_by("id").values_list("n"),
        "SELECT rank() OVER (PARTITION BY kind ORDER BY stock) FROM items ORDER BY id",
    ),
    "an object that goes on": (
        KINDS.annotate(n=Window(Rank(), over=Over("k", order_by="stock"))).order_by("id").values_list("n"),
        "SELECT rank() OVER (PARTITION BY kind ORDER BY stock) FROM items ORDER BY id",
    ),
    "a filter": (
        KINDS.annotate(a=Window(RowNumber(), over="s")).filter(a=1).order_by("id").values_list("id", "a"),
        "SELECT max(id), 1::bigint FROM items GROUP BY kind ORDER BY 1",
    ),
    "a filter, and the order": (
        KINDS.alias(a=Window(RowNumber(), over="s")).filter(a__lt=3).order_by("a", "id").values_list("id"),
        "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY kind ORDER BY id DESC) AS a FROM items) q "
        "WHERE a < 3 ORDER BY a, id",
    ),
    "of groups": (
        ITEMS.values_list("kind").window(w=Over(order_by="-n")).annotate(n=Count("*"), r=Window(Rank(), over="w"))
        .order_by("kind"),
        "SELECT kind, count(*), rank() OVER (ORDER BY count(*) DESC) FROM items GROUP BY kind ORDER BY kind",
    ),
    "along a key": (
        ITEMS.window(w=Over(partition_by="shop__city", order_by="id"))
        .annotate(n=Window(RowNumber(), over="w")).order_by("id").values_list("n"),
        "SELECT row_number() OVER (PARTITION BY city ORDER BY i.id) FROM items i LEFT JOIN shops s ON s.id = shop_id "
        "ORDER BY i.id",
    ),
    "named and not used": (KINDS.order_by("id").values_list("id"), "SELECT id FROM items ORDER BY id"),
    "named after it is used": (
        ITEMS.annotate(n=Window(RowNumber(), over="w")).window(w=Over(order_by="-id")).order_by("id").values_list("n"),
        "SELECT row_number() OVER (ORDER BY id DESC) FROM items ORDER BY id",
    ),
    "inside of a query": (
        Shop.objects.filter(pk__lt=3)
        .annotate(x=Subquery(KINDS.annotate(a=Window(RowNumber(), over="s")).filter(a=2, kind="wood").values("id")))
        .order_by("id").values_list("x"),
        "SELECT 4::bigint UNION ALL SELECT 4",
    ),
    "of a union": (
        KINDS.annotate(a=Window(RowNumber(), over="s")).filter(a=1)
        .union(KINDS.annotate(a=Window(RowNumber(), over="s")).filter(a=2)).order_by("id").values_list("id", "a"),
        "SELECT id, a FROM (SELECT id, row_number() OVER (PARTITION BY kind ORDER BY id DESC) AS a FROM items) q "
        "WHERE a < 3 ORDER BY id",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_windows_with_names(rows: Any, name: str) -> None:
    query, sql = CASES[name]
    assert await wrong_about(rows, query, sql) is None


async def test_each_is_written_once(rows: Any) -> None:
    sql = KINDS.values(a=Window(RowNumber(), over="f"), b=Window(Count("*"), over="f")).to_sql()[0]
    assert sql.endswith(
        'WINDOW "k" AS (PARTITION BY "kind"), "s" AS ("k" ORDER BY "id" DESC), '
        '"f" AS ("s" ROWS BETWEEN $1::bigint PRECEDING AND CURRENT ROW)'
    )
    assert sql.count('OVER "f"') == 2
    with_literals = ITEMS.window(w=Over(order_by=F("id") * 2)).values(a=Window(RowNumber(), over="w"))
    assert with_literals.to_sql()[1] == [2]


async def test_other_uses(rows: Any) -> None:
    numbered = KINDS.annotate(a=Window(RowNumber(), over="s"))
    assert await numbered.aggregate(Sum("a")) == {"a__sum": 15}
    assert await numbered.filter(a=3).update(stock=5) == 2
    assert await numbered.filter(a=3).delete() == 2


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "no such window": (
        lambda: KINDS.annotate(x=Window(Rank(), over="w")).to_sql(),
        "the query has no window 'w'; it has k, s, f, d. Name it first: window(w=Over(…))",
    ),
    "none at all": (lambda: ITEMS.annotate(x=Window(Rank(), over="w")).to_sql(), "it has none"),
    "the name twice": (lambda: KINDS.window(k=Over()), "there is a window 'k' already"),
    "the one before is not there": (lambda: ITEMS.window(w=Over("v"), v=Over()), "from 'v', which is not named"),
    "in a circle": (lambda: ITEMS.window(w=Over("w")), "goes on from 'w', which is not named before"),
    "no window": (lambda: ITEMS.window(w="kind"), "w= takes Over(…), not 'kind'"),  # type: ignore[arg-type]
    "no name": (lambda: Window(Rank(), over=5), "takes the name of a window or Over(…), not 5"),  # type: ignore[arg-type]
    "no name before": (lambda: Over(5), "takes the name of another window, not 5"),  # type: ignore[arg-type]
    "partitioned again": (
        lambda: KINDS.annotate(x=Window(Rank(), over="k", partition_by="id")).to_sql(), "and not again"
    ),
    "partitioned again by a window": (
        lambda: KINDS.window(w=Over("k", partition_by="id")).annotate(x=Window(Rank(), over="w")).to_sql(),
        "window 'w': what a window is partitioned by",
    ),
    "sorted again": (lambda: KINDS.annotate(x=Window(Rank(), over="s", order_by="id")).to_sql(), "an order already"),
    "sorted again, an object": (lambda: Window(Rank(), over=Over(order_by="id"), order_by="id"), "an order already"),
    "after a frame": (
        lambda: KINDS.annotate(x=Window(Sum("id"), over="f", frame=Frame.rows())).to_sql(), "has a frame"
    ),
    "no frame": (lambda: Over(frame=5), "Over(): frame= takes Frame.rows"),  # type: ignore[arg-type]
    "groups without an order": (lambda: Over(frame=Frame.groups(-1, 0)), "needs order_by="),
    "groups without an order, late": (
        lambda: KINDS.annotate(x=Window(Sum("id"), over="k", frame=Frame.groups(-1, 0))).to_sql(), "needs order_by="
    ),
    "partners": (
        lambda: Shop.objects.window(w=Over(order_by="items__id")).annotate(x=Window(Rank(), over="w")).to_sql(),
        "each may have several of Item",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_refused(rows: Any, name: str) -> None:
    made, message = WRONG[name]
    with pytest.raises(FieldError) as caught:
        made()
    assert message in str(caught.value)
