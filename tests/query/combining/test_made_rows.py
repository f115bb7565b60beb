"""Groups of rows that are made first: of slices, of the first of each, of what windows give; against SQL by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D
from typing import Any, cast

import pyarrow as pa
import pytest

from chakra import (
    CTE,
    Avg,
    Case,
    Count,
    F,
    Max,
    OuterRef,
    Q,
    Rank,
    RowNumber,
    Subquery,
    Sum,
    Value,
    When,
    Window,
)
from chakra.errors import FieldError
from tests.query.subqueries.blog import MODELS, Author, Kind, Post
from tests.query.subqueries.blog import fill_tables as fill
from tests.relations.conftest import SHARED

__all__ = ["MODELS", "fill"]

pytestmark = SHARED

POSTS, AUTHORS = Post.objects, Author.objects
PLACED = POSTS.annotate(place=Window(RowNumber(), partition_by="kind", order_by="-id"))
MOST = Window(Max("views"), partition_by="kind")
RANKED = "(SELECT *, row_number() OVER (PARTITION BY kind ORDER BY id DESC) AS place FROM posts) AS p"

GROUPS: dict[str, tuple[Any, str]] = {
    # name: query, the same rows in SQL
    "by a window": (
        PLACED.values("place").annotate(n=Count("*"), v=Sum("views")),
        f"SELECT place, count(*), sum(views) FROM {RANKED} GROUP BY 1",
    ),
    "by a window of values()": (
        POSTS.values(most=MOST).annotate(n=Count("*")),
        "SELECT m, count(*) FROM (SELECT max(views) OVER (PARTITION BY kind) AS m FROM posts) AS p GROUP BY 1",
    ),
    "of a window": (
        PLACED.values("author__name").annotate(last=Max("place")),
        f"SELECT a.name, max(place) FROM {RANKED} LEFT JOIN authors a ON a.id = p.author_id GROUP BY 1",
    ),
    "filtered by a window": (
        PLACED.filter(place__lte=2).values("kind").annotate(n=Count("*")),
        f"SELECT kind, count(*) FROM {RANKED} WHERE place <= 2 GROUP BY 1",
    ),
    "filtered by a window or not": (
        POSTS.filter(Q(views=MOST) | Q(title="c")).values("kind").annotate(n=Count("*")),
        "SELECT kind, count(*) FROM (SELECT *, max(views) OVER (PARTITION BY kind) AS m FROM posts) AS p"
        " WHERE views = m OR title = 'c' GROUP BY 1",
    ),
    "filtered by a hidden window": (
        POSTS.alias(place=Window(Rank(), order_by="-views"))
        .filter(place__lte=3)
        .values("kind")
        .annotate(n=Count("*")),
        "SELECT kind, count(*) FROM (SELECT *, rank() OVER (ORDER BY views DESC) AS r FROM posts) AS p WHERE r <= 3"
        " GROUP BY 1",
    ),
    "by a choice of windows": (
        POSTS.annotate(top=Case(When(views=MOST, then=Value("top")), default=Value("other")))
        .values("top")
        .annotate(n=Count("*")),
        "SELECT CASE WHEN views = m THEN 'top' ELSE 'other' END, count(*) FROM"
        " (SELECT *, max(views) OVER (PARTITION BY kind) AS m FROM posts) AS p GROUP BY 1",
    ),
    "by a window in sets": (
        PLACED.filter(place__lte=2).values("place", n=Count("*"), v=Sum("views")).rollup("place"),
        f"SELECT place, count(*), sum(views) FROM {RANKED} WHERE place <= 2 GROUP BY ROLLUP (place)",
    ),
    "in sets, filtered by a window": (
        PLACED.filter(place__lte=2).values("kind", n=Count("*")).cube("kind").filter(n__gt=1),
        f"SELECT kind, count(*) FROM {RANKED} WHERE place <= 2 GROUP BY CUBE (kind) HAVING count(*) > 1",
    ),
    "by a window over aggregates of partners": (
        AUTHORS.annotate(n=Count("posts"), place=Window(Rank(), order_by="-n"))
        .values("place")
        .annotate(a=Count("*")),
        "SELECT place, count(*) FROM (SELECT rank() OVER (ORDER BY count(p.id) DESC) AS place FROM authors a"
        " LEFT JOIN posts p ON p.author_id = a.id GROUP BY a.id) AS x GROUP BY 1",
    ),
    "of a slice": (
        POSTS.order_by("-id")[:3].values("kind").annotate(n=Count("*"), v=Sum("views")),
        "SELECT kind, count(*), sum(views) FROM (SELECT * FROM posts ORDER BY id DESC LIMIT 3) AS p GROUP BY 1",
    ),
    "of a slice of aggregates": (
        AUTHORS.annotate(n=Count("posts")).order_by("id")[:3].values("n").annotate(a=Count("*")),
        "SELECT n, count(*) FROM (SELECT count(p.id) AS n FROM authors a LEFT JOIN posts p ON p.author_id = a.id"
        " GROUP BY a.id ORDER BY a.id LIMIT 3) AS x GROUP BY 1",
    ),
    "of the first of each": (
        POSTS.distinct("kind").order_by("kind", "-id").values("author").annotate(n=Count("*")),
        "SELECT author_id, count(*) FROM (SELECT DISTINCT ON (kind) * FROM posts ORDER BY kind, id DESC) AS p"
        " GROUP BY 1",
    ),
    "of partners that were filtered": (
        AUTHORS.filter(posts__views__gt=8).order_by("id")[:3].values("posts__kind").annotate(n=Count("*")),
        "SELECT p.kind, count(*) FROM authors a JOIN posts p ON p.author_id = a.id WHERE p.views > 8 GROUP BY 1",
    ),
    "filtered again": (
        PLACED.filter(place=1).values("kind").annotate(n=Count("*")).filter(kind="news", n=1),
        f"SELECT kind, count(*) FROM {RANKED} WHERE place = 1 AND kind = 'news' GROUP BY 1",
    ),
    "behind a position": (
        POSTS.order_by("-views").after((30, 2)).values("kind").annotate(n=Count("*")),
        "SELECT kind, count(*) FROM posts WHERE views < 30 GROUP BY 1",
    ),
    "in sets, by aggregates of each row": (
        AUTHORS.annotate(p=Count("posts"), v=Sum("posts__views"), t=Count("posts__tags"))
        .values("p", n=Count("*"), v2=Sum("v"))
        .rollup("p"),
        "SELECT p, count(*), sum(v) FROM (SELECT (SELECT count(*) FROM posts WHERE author_id = a.id) AS p,"
        " (SELECT sum(views) FROM posts WHERE author_id = a.id) AS v FROM authors a) AS x GROUP BY ROLLUP (p)",
    ),
    "in sets, by a window beside aggregates of each row": (
        AUTHORS.annotate(p=Count("posts"), r=Window(Rank(), order_by="-name"), t=Count("posts__tags"))
        .filter(p__gt=0)
        .values("r", n=Count("*"))
        .rollup("r"),
        "SELECT r, count(*) FROM (SELECT rank() OVER (ORDER BY name DESC) AS r FROM authors a"
        " WHERE EXISTS (SELECT 1 FROM posts WHERE author_id = a.id)) AS x GROUP BY ROLLUP (r)",
    ),
    "in WITH as well": (
        AUTHORS.with_(t=POSTS.values("author").annotate(v=Sum("views")))
        .annotate(r=Window(Rank(), order_by="name"))
        .filter(r__lte=3)
        .values("t__v")
        .annotate(n=Count("*")),
        "SELECT (SELECT sum(views) FROM posts p WHERE p.author_id = a.id), count(*) FROM authors a WHERE id <= 3"
        " GROUP BY 1",
    ),
    "rows that are alike, sorted by others": (
        POSTS.values("kind").distinct().order_by("-views"),
        "SELECT DISTINCT kind FROM posts",
    ),
}


def alike(rows: Any) -> list[str]:
    return sorted(repr([getattr(value, "value", value) for value in row]) for row in rows)


@pytest.mark.parametrize("name", GROUPS)
async def test_groups_of_made_rows(rows: Any, name: str) -> None:
    query, sql = GROUPS[name]
    expected = alike(await rows.fetch(sql))
    assert alike([[*row.values()] for row in await query]) == expected
    assert alike([[*row.values()] for row in (await query.to_arrow()).to_pylist()]) == expected
    assert await query.count() == len(expected)
    assert (await query.aggregate(n=Count("*"))) == {"n": len(expected)}


async def test_inside_of_another_query(rows: Any) -> None:
    own = (
        PLACED.filter(author=OuterRef("id"), place__lte=2)
        .values("kind")
        .annotate(n=Count("*"))
        .order_by("-n")
    )
    found = AUTHORS.annotate(n=Subquery(own.values("n")[:1])).order_by("id")
    assert await found.values_list("n", flat=True) == [2, 1, 1, None]
    mean = POSTS.filter(author=OuterRef("id")).aggregate(mean=Avg("views"))
    assert await AUTHORS.annotate(mean=mean).order_by("id").values_list("mean", flat=True) == [
        20,
        None,
        5,
        None,
    ]
    assert await AUTHORS.values("id", mean=mean).filter(mean__gt=5) == [{"id": 1, "mean": 20}]
    cut = POSTS.filter(author=OuterRef("id")).order_by("-id")[:1].aggregate(v=Sum("views"))
    assert await AUTHORS.annotate(v=cut).order_by("id").values_list("v", flat=True) == [30, None, 5, None]
    kinds = POSTS.filter(author=OuterRef("id")).values("kind").distinct().aggregate(n=Count("*"))
    assert await AUTHORS.annotate(n=kinds).order_by("id").values_list("n", flat=True) == [1, 1, 1, 0]
    assert await AUTHORS.filter(id__lte=kinds).values_list("id", flat=True) == [1]
    placed = PLACED.filter(author=OuterRef("id"), place=1).aggregate(v=Sum("views"))
    assert await AUTHORS.annotate(v=placed).order_by("id").values_list("v", flat=True) == [30, None, 5, None]
    with pytest.raises(FieldError, match="has no field 'nothing'"):
        POSTS.filter(nothing=1)[:2].aggregate(v=Sum("views")).to_sql()
    newest = POSTS.filter(author=OuterRef("id")).order_by("-id").values("title")
    assert await AUTHORS.annotate(x=newest[:1]).order_by("id").values_list("x", flat=True) == [
        "b",
        "c",
        "e",
        None,
    ]
    with pytest.raises(FieldError, match="may give several rows"):
        await AUTHORS.annotate(x=newest)


ALIKE: dict[str, tuple[Any, Any, Any]] = {
    # name: what is computed, its value for post 1, the Arrow type
    "text": (F("title"), "a", pa.string()),
    "enum": (F("kind"), Kind.NEWS, pa.dictionary(pa.int8(), pa.string())),
    "bigint": (F("id") + 1, 2, pa.int64()),
    "numeric": (Window(Sum("id"), partition_by="kind"), D(8), pa.decimal128(38, 0)),
    "integer": (Window(Max("views"), partition_by="kind"), 30, pa.int32()),
    "date": (F("day"), dt.date(2020, 1, 1), pa.date32()),
}
MADE: dict[str, Any] = {
    "union": lambda value: POSTS.annotate(x=value).union(POSTS.annotate(x=value).none(), all=True),
    "WITH": lambda value: CTE(POSTS.annotate(x=value)).objects,
    "slice": lambda value: POSTS.annotate(x=value)[:9].union(POSTS.annotate(x=value).none(), all=True),
}


@pytest.mark.parametrize("made", MADE)
async def test_values_of_one_name_are_of_the_types_of_their_queries(rows: Any, made: str) -> None:
    for value, expected, type_ in [*ALIKE.values(), *reversed(ALIKE.values())]:
        query = MADE[made](value)
        assert await query.values_list("x", flat=True).get(id=1) == expected
        assert (await query.get(id=1)).x == expected
        assert (await query.values("x").to_arrow()).schema.field("x").type == type_
        grouped = query.values("x").annotate(n=Count("*"))
        assert expected in [row["x"] for row in await grouped]
        assert (await grouped.to_arrow()).schema.field("x").type == type_


REFUSED: dict[str, tuple[Any, str]] = {
    "an unnamed window": (
        lambda: POSTS.values_list("kind", MOST).annotate(n=Count("*")),
        "cannot be grouped by: windows are computed after groups",
    ),
    "locked rows": (
        lambda: PLACED.select_for_update().filter(place=1).values("kind").annotate(n=Count("*")),
        "lock them in a query of their own",
    ),
    "what is no value": (lambda: POSTS.annotate(n=cast(Any, 3)), "must be an expression"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused(name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(FieldError, match=message):
        make().to_sql()
