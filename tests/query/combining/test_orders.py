"""Orders of groups, of distinct rows and of values that are called as fields: which rows there are, they never say."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import Count, F, OuterRef, Subquery, Sum, Value
from chakra.errors import FieldError
from chakra.functions import Upper
from tests.query.subqueries.blog import MODELS, Author, Post
from tests.query.subqueries.blog import fill_tables as fill
from tests.relations.conftest import SHARED

__all__ = ["MODELS", "fill"]

pytestmark = SHARED
POSTS, AUTHORS = Post.objects, Author.objects
KINDS = POSTS.values("kind").annotate(n=Count("*"))
VIEWS = F("views") % 20

ORDERS: dict[str, tuple[Any, list[Any], str]] = {
    # name: query of two values, the second ones in order, SQL for them
    "groups by values of rows": (
        KINDS.order_by("views"),
        [3, 2],
        "SELECT count(*) FROM posts GROUP BY kind ORDER BY min(views)",
    ),
    "groups by values of rows, down": (
        KINDS.order_by("-title"),
        [3, 2],
        "SELECT count(*) FROM posts GROUP BY kind ORDER BY max(title) DESC",
    ),
    "groups by an order said before": (
        POSTS.order_by("-author__name").values("kind").annotate(n=Count("*")),
        [3, 2],
        "SELECT count(*) FROM posts p LEFT JOIN authors a ON a.id = author_id GROUP BY kind"
        " ORDER BY max(name) DESC NULLS LAST",
    ),
    "groups by what depends on them": (
        POSTS.values("author").annotate(n=Count("*")).order_by("author__name"),
        [2, 1, 1, 1],
        "SELECT count(*) FROM posts p LEFT JOIN authors a ON a.id = author_id GROUP BY a.id ORDER BY a.name",
    ),
    "groups, turned round": (
        KINDS.order_by("views").reverse(),
        [3, 2],
        "SELECT count(*) FROM posts GROUP BY kind ORDER BY max(views) DESC NULLS LAST",
    ),
    "a value that is called as a field": (
        POSTS.exclude(views=None).values("kind", views=VIEWS).order_by("views"),
        [0, 5, 10, 10],
        "SELECT views % 20 FROM posts WHERE views IS NOT NULL ORDER BY 1",
    ),
    "the same beside a join": (
        POSTS.exclude(views=None).values("author__name", views=VIEWS).order_by("-views"),
        [10, 10, 5, 0],
        "SELECT views % 20 FROM posts WHERE views IS NOT NULL ORDER BY 1 DESC",
    ),
    "the same, distinct": (
        POSTS.exclude(views=None).values(kind=Value("x"), views=VIEWS).distinct().order_by("-views"),
        [10, 5, 0],
        "SELECT DISTINCT views % 20 FROM posts WHERE views IS NOT NULL ORDER BY 1 DESC",
    ),
    "the field behind such a value": (
        POSTS.exclude(views=None).order_by(F("views").desc()).values("kind", views=VIEWS),
        [10, 0, 10, 5],
        "SELECT views % 20 FROM posts WHERE views IS NOT NULL ORDER BY posts.views DESC",
    ),
    "names that change places": (
        POSTS.values(views="id", id="views").order_by("-views"),
        [5, 20, None, 30, 10],
        "SELECT views FROM posts ORDER BY id DESC",
    ),
}


@pytest.mark.parametrize("name", ORDERS)
async def test_orders(rows: Any, name: str) -> None:
    query, expected, sql = ORDERS[name]
    assert [row[0] for row in await rows.fetch(sql)] == expected
    assert [[*row.values()][1] for row in await query] == expected
    assert [[*row.values()][1] for row in (await query.to_arrow()).to_pylist()] == expected
    assert await query.count() == len(expected)
    assert [[*row.values()][1] for row in await query[1:]] == expected[1:]


async def test_pages_and_dates(rows: Any) -> None:
    named = POSTS.exclude(views=None).values("id", views=VIEWS).order_by("-views")
    page = await named.page(3)
    rest = await named.page(3, after=page.next)
    assert [row["views"] for row in (*page, *rest)] == [10, 10, 5, 0]
    years = POSTS.dates("day", "year").order_by("-day")
    assert [day.year for day in await years] == [2022, 2021, 2020]
    assert [day.year for day in await years.page(2)] == [2022, 2021]


async def test_a_subquery_about_what_is_grouped_by_in_sets(rows: Any) -> None:
    """It stands for each group once, in subtotals for NULL."""
    own = (
        POSTS.filter(author__city=OuterRef("city"))
        .values("author__city")
        .annotate(v=Sum("views"))
        .values("v")
    )
    query = AUTHORS.values("city", n=Count("*"), v=Subquery(own)).rollup("city").order_by("city", "n")
    assert await query.values_list("city", "n", "v") == [
        ("Oslo", 2, 45),
        ("Rome", 1, None),
        (None, 1, None),
        (None, 4, None),
    ]
    assert (await query.to_arrow())["n"].to_pylist() == [2, 1, 1, 4]


REFUSED: dict[str, Any] = {
    "no least value": lambda: KINDS.order_by(Upper("title") == "A"),
    "aggregates and values": lambda: KINDS.order_by(F("n") + F("views")),
    "positions": lambda: KINDS.order_by("views").after((1, "news")),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused(name: str) -> None:
    with pytest.raises(FieldError, match="has several values in a group"):
        REFUSED[name]().to_sql()
