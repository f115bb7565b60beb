"""Set operations: answers worked out by hand, the same by SQL written by hand, as rows and as columns."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, cast

import pytest

import chakra
from chakra import Count, Exists, F, OuterRef, Prefetch, RowNumber, Subquery, Sum, Value, Window
from chakra.errors import FieldError
from chakra.types import Real
from tests.query.conftest import watched
from tests.query.subqueries.blog import Author, Kind, Post, Seat, Tag, fill

POSTS, AUTHORS, TAGS, SEATS = Post.objects, Author.objects, Tag.objects, Seat.objects
NEWS, ESSAYS = POSTS.filter(kind=Kind.NEWS), POSTS.filter(kind=Kind.ESSAY)  # 1, 2, 5 and 3, 4
EARLY, LATE = POSTS.filter(id__lte=3), POSTS.filter(id__gte=3)


@pytest.fixture
async def blog(db: Any) -> Any:
    await fill(db)
    return db


ROWS: dict[str, tuple[Any, list[int], str]] = {
    # name: query, keys of its rows, the same in SQL
    "union": (EARLY.union(LATE), [1, 2, 3, 4, 5], "{early} UNION {late}"),
    "union all": (EARLY.union(LATE, all=True), [1, 2, 3, 3, 4, 5], "{early} UNION ALL {late}"),
    "intersection": (EARLY.intersection(LATE), [3], "{early} INTERSECT {late}"),
    "intersection all": (
        EARLY.union(EARLY, all=True).intersection(LATE.union(LATE, all=True), all=True),
        [3, 3],
        "({early} UNION ALL {early}) INTERSECT ALL ({late} UNION ALL {late})",
    ),
    "difference": (EARLY.difference(LATE), [1, 2], "{early} EXCEPT {late}"),
    "difference all": (
        EARLY.union(EARLY, all=True).difference(LATE, all=True),
        [1, 1, 2, 2, 3],
        "({early} UNION ALL {early}) EXCEPT ALL {late}",
    ),
    "of three": (
        EARLY.difference(POSTS.filter(id=1), POSTS.filter(id=2)),
        [3],
        "SELECT id FROM posts WHERE id = 3",
    ),
    "in each other": (
        NEWS.union(ESSAYS.difference(LATE.filter(id__gt=3))),
        [1, 2, 3, 5],
        "SELECT id FROM posts WHERE id <> 4",
    ),
    "filtered": (EARLY.union(LATE).filter(views__gt=8), [1, 2, 4], "SELECT id FROM posts WHERE views > 8"),
    "filtered inside and outside": (
        NEWS.filter(views__lt=20).union(ESSAYS).exclude(id=5),
        [1, 3, 4],
        "SELECT id FROM posts WHERE id IN (1, 3, 4)",
    ),
    "by what its keys lead to": (
        EARLY.union(LATE).filter(author__name="Ann"),
        [1, 2],
        "SELECT id FROM posts WHERE author_id = 1",
    ),
    "by partners": (
        EARLY.union(LATE).filter(tags="x").filter(answers__id__gt=2),
        [1],
        "SELECT 1 AS id",
    ),
    "parts that are sliced": (
        POSTS.order_by("id")[:1].union(POSTS.order_by("-id")[:2]),
        [1, 4, 5],
        "SELECT id FROM posts WHERE id IN (1, 4, 5)",
    ),
    "a part that takes the first for each": (
        POSTS.order_by("kind", "-id").distinct("kind").union(POSTS.filter(id=1)),
        [1, 4, 5],
        "SELECT id FROM posts WHERE id IN (1, 4, 5)",
    ),
    "a part without rows": (NEWS.union(POSTS.none()), [1, 2, 5], "SELECT id FROM posts WHERE kind = 'news'"),
    "parts by what is behind them": (
        POSTS.filter(author__city="Oslo").union(POSTS.filter(tags="y")),
        [1, 2, 4, 5],
        "SELECT id FROM posts WHERE id <> 3",
    ),
    "in a list": (
        POSTS.filter(id__in=NEWS.filter(id__gt=1).union(ESSAYS.filter(id=3))),
        [2, 3, 5],
        "SELECT id FROM posts WHERE id IN (2, 3, 5)",
    ),
    "not in a list": (
        POSTS.exclude(
            author__in=POSTS.filter(id=1).values("author").union(POSTS.filter(id=4).values("author"))
        ),
        [3, 4, 5],
        "SELECT id FROM posts WHERE author_id IS NULL OR author_id <> 1",
    ),
    "values in a list": (
        POSTS.filter(id__in=NEWS.values("id").union(ESSAYS.filter(id=3).values("id"))),
        [1, 2, 3, 5],
        "SELECT id FROM posts WHERE id <> 4",
    ),
    "over rows kept by a window": (
        POSTS.annotate(rn=Window(RowNumber(), partition_by="kind", order_by="id"))
        .filter(rn=1)
        .union(POSTS.annotate(rn=F("id")).filter(id=5)),
        [1, 3, 5],
        "SELECT id FROM posts WHERE id IN (1, 3, 5)",
    ),
    "kept by a window over it": (
        NEWS.union(ESSAYS).annotate(rn=Window(RowNumber(), order_by="-id")).filter(rn__lte=2),
        [4, 5],
        "SELECT id FROM posts WHERE id > 3",
    ),
}


@pytest.mark.parametrize("name", ROWS)
async def test_combined_rows(blog: Any, name: str) -> None:
    query, expected, sql = ROWS[name]
    parts = {
        "early": "SELECT id FROM posts WHERE id <= 3",
        "late": "SELECT id FROM posts WHERE id >= 3",
    }
    by_hand = await chakra.raw(f"SELECT id FROM ({sql.format(**parts)}) AS t ORDER BY id", blog).all()
    assert [row["id"] for row in by_hand] == expected
    ordered = query.order_by("id")
    assert [post.id for post in await ordered] == expected
    assert [post.id async for post in ordered.iterator(2)] == expected
    assert await ordered.values_list("id", flat=True) == expected
    assert (await ordered.values("id").to_arrow())["id"].to_pylist() == expected
    assert sorted((await query.to_arrow(partitions=3))["id"].to_pylist()) == expected
    assert await query.count() == len(expected)
    assert await query.exists()
    assert await query.aggregate(n=Count("*"), s=Sum("id")) == {"n": len(expected), "s": sum(expected)}
    assert [post.id for post in await ordered[1:3]] == expected[1:3]
    assert [post.id for post in await ordered.reverse()] == expected[::-1]
    first, last = await query.first(), await query.last()
    assert (first.id, last.id) == (expected[0], expected[-1])
    assert await query.filter(id=expected[-1]).exists()
    assert not await query.filter(id=6).exists()


async def test_instances_are_whole(blog: Any) -> None:
    query = NEWS.select_related("author").prefetch_related("tags").union(ESSAYS.filter(id=4)).order_by("id")
    found = await query
    assert [(p.id, p.kind, p.price, p.day) for p in found[:1]] == [
        (1, Kind.NEWS, Decimal("1.50"), dt.date(2020, 1, 1))
    ]
    assert [p.author.name if p.author else None for p in found] == ["Ann", "Ann", None, "Cyd"]
    assert [sorted(tag.name for tag in p.tags) for p in found] == [["x", "y"], ["x"], ["y"], []]
    found[0].title = "changed"
    await found[0].save()
    assert (await POSTS.get(id=1)).title == "changed"
    assert (await query.get(id=4)).kind is Kind.ESSAY
    with pytest.raises(Post.DoesNotExist):
        await query.get(id=3)
    assert sorted(await NEWS.union(ESSAYS).in_bulk([1, 3, 7])) == [1, 3]
    with pytest.raises(chakra.NotLoaded):
        _ = (await NEWS.only("title").union(ESSAYS).order_by("id"))[0].views


async def test_annotations_and_groups(blog: Any) -> None:
    one, other = (
        NEWS.annotate(n=Count("answers"), w=Value("a")),
        ESSAYS.annotate(w=Value("b"), n=Count("tags")),
    )
    both = one.union(other).order_by("id")
    expected = [(1, 2, "a"), (2, 0, "a"), (3, 0, "b"), (4, 1, "b"), (5, 0, "a")]
    assert [(p.id, p.n, p.w) for p in await both] == expected
    assert await both.filter(n__gt=0).values_list("id", "n", "w") == [row for row in expected if row[1]]
    assert await both.values("w").annotate(s=Sum("n")).order_by("w").values_list("w", "s") == [
        ("a", 2),
        ("b", 1),
    ]
    again = NEWS.union(ESSAYS).annotate(n=Count("answers"), rows=Count("*")).order_by("id")
    assert [(p.id, p.n, p.rows) for p in await again] == [
        (1, 2, 1),
        (2, 0, 1),
        (3, 1, 1),
        (4, 0, 1),
        (5, 0, 1),
    ]
    assert await NEWS.union(ESSAYS).values("kind").annotate(n=Count("*")).order_by("kind") == [
        {"kind": Kind.NEWS, "n": 3},
        {"kind": Kind.ESSAY, "n": 2},
    ]


async def test_values(blog: Any) -> None:
    cities, tags = AUTHORS.values("city", n=F("fame")), TAGS.values("name", n=Value(1))
    both = cities.union(tags).order_by("city", "n")
    expected = [("Oslo", 5), ("Oslo", None), ("Rome", 3), ("x", 1), ("y", 1), ("z", 1), (None, 9)]
    assert await both == [{"city": city, "n": n} for city, n in expected]
    assert await both.filter(n__lt=4).values_list("city", flat=True) == ["Rome", "x", "y", "z"]
    assert await both.exclude(city__in=list("xyz")).count() == 4
    assert await both.aggregate(Sum("n")) == {"n__sum": 20}
    assert await both.values_list("n", flat=True).distinct().order_by("n") == [1, 3, 5, 9, None]
    assert (await both.to_arrow()).to_pylist() == [{"city": city, "n": n} for city, n in expected]
    flat = AUTHORS.values_list("name", flat=True).union(TAGS.values_list("name", flat=True)).order_by("-name")
    assert await flat[:3] == ["z", "y", "x"]
    assert await flat.first() == "z"
    named = AUTHORS.values_list("name", "city", named=True).difference(
        AUTHORS.filter(id__gt=1).values("name", "city")
    )
    assert [row.city for row in await named] == ["Oslo"]
    kinds = NEWS.values_list("kind", flat=True).union(ESSAYS.values_list("kind", flat=True))
    assert await kinds.order_by("kind") == [Kind.NEWS, Kind.ESSAY]
    assert await kinds.filter(kind=Kind.ESSAY) == [Kind.ESSAY]


TYPES: dict[str, tuple[Any, list[Any], str]] = {
    # name: query of x, its values, the type of the column
    "whole numbers": (
        POSTS.values(x="views").union(POSTS.values(x="id")),
        [1, 2, 3, 4, 5, 10, 20, 30, None],
        "int64",
    ),
    "decimals": (
        POSTS.filter(id__lt=3)
        .values(x="price")
        .union(POSTS.filter(id=3).values(x="views"), SEATS.values(x="row")),
        [Decimal(1), Decimal("1.50"), Decimal(2), None],
        "decimal128(21, 2)",
    ),
    "floats": (
        POSTS.filter(id=1).values(x="price").union(POSTS.filter(id=1).values(x=Value(0.5, Real))),
        [0.5, 1.5],
        "float",
    ),
    "dates": (
        POSTS.filter(id=1)
        .values(x="day")
        .union(POSTS.filter(id=1).values(x=Value(dt.datetime(2019, 1, 1, 8)))),
        [dt.datetime(2019, 1, 1, 8), dt.datetime(2020, 1, 1)],
        "timestamp[us]",
    ),
}


@pytest.mark.parametrize("name", TYPES)
async def test_types_of_all_parts(blog: Any, name: str) -> None:
    query, expected, arrow = TYPES[name]
    query = query.order_by("x")
    assert await query.values_list("x", flat=True) == expected
    table = await query.to_arrow()
    assert str(table.schema.field("x").type) == arrow
    assert table["x"].to_pylist() == expected


async def test_inside_of_other_queries(blog: Any) -> None:
    own = POSTS.filter(author=OuterRef("id"))
    either = own.filter(views__gt=20).union(own.filter(kind=Kind.ESSAY))
    assert await AUTHORS.filter(Exists(either)).order_by("id").values_list("name", flat=True) == [
        "Ann",
        "Bob",
    ]
    best = own.values("title").union(own.values("title"), all=True).order_by("-title")[:1]
    found = await AUTHORS.annotate(best=Subquery(best)).order_by("id").values_list("best", flat=True)
    assert found == ["b", "c", "e", None]
    posts = Prefetch("posts", NEWS.union(ESSAYS).order_by("-id"))
    loaded = await AUTHORS.order_by("id").prefetch_related(posts)
    assert [[post.id for post in author.posts] for author in loaded] == [[2, 1], [3], [5], []]
    posts = Prefetch("posts", NEWS.union(ESSAYS).order_by("-id")[:1])
    loaded = await AUTHORS.order_by("id").prefetch_related(posts)
    assert [[post.id for post in author.posts] for author in loaded] == [[2], [3], [5], []]


async def test_sets_of_partners(blog: Any) -> None:
    """The rows of a union need not be those of the owner."""
    ann = await AUTHORS.get(id=1)
    both = ann.posts.union(POSTS.filter(id=3)).order_by("id")
    assert [(p.id, p.author_id) for p in await both] == [(1, 1), (2, 1), (3, 2)]
    with watched(blog) as seen:
        assert [(await p.author).name for p in await both] == ["Ann", "Ann", "Bob"]
    assert len(seen) == 4


async def test_writing(blog: Any) -> None:
    assert await NEWS.filter(id=1).union(ESSAYS.filter(id=4)).update(title="x") == 2
    assert await POSTS.filter(title="x").order_by("id").values_list("id", flat=True) == [1, 4]
    assert await EARLY.union(LATE).difference(EARLY).filter(id=4).delete() == 1
    assert await POSTS.count() == 4


async def test_keys_of_several_columns(blog: Any) -> None:
    both = SEATS.filter(row=1).union(SEATS.filter(row=2)).exclude(pk=(1, 2)).order_by("pk")
    assert await both.values_list("row", "number") == [(1, 1), (2, 1)]
    assert await both.delete() == 2


def test_literals_of_all_parts_are_values() -> None:
    def sql(one: int, other: int, outside: int) -> tuple[str, list[Any]]:
        return NEWS.filter(id=one).union(POSTS.filter(views=other)).filter(id__lt=outside).to_sql()

    (text, values), (again, others) = sql(1, 20, 3), sql(2, 30, 4)
    assert text == again
    assert sorted(map(str, values)) == sorted(map(str, [Kind.NEWS.value, 1, 20, 3]))
    assert sorted(map(str, others)) == sorted(map(str, [Kind.NEWS.value, 2, 30, 4]))
    made = [
        query.to_sql()[0]
        for query in (
            NEWS.union(ESSAYS),
            NEWS.union(ESSAYS, all=True),
            NEWS.intersection(ESSAYS),
            NEWS.difference(ESSAYS),
            NEWS.union(ESSAYS, ESSAYS),
            NEWS.union(ESSAYS.filter(id=1)),
            NEWS.union(ESSAYS[:1]),
        )
    ]
    assert len(set(made)) == len(made)
    names = AUTHORS.values("name").union(TAGS.values("name")).to_sql()[0]
    assert names != AUTHORS.values("name").union(AUTHORS.values("name")).to_sql()[0]


REFUSED: dict[str, tuple[Any, str]] = {
    "no query": (lambda: NEWS.union(cast(Any, [1])), r"takes querysets, not \[1\]"),
    "rows of another model": (lambda: NEWS.union(AUTHORS), "rows of Post and rows of Author"),
    "values beside rows": (lambda: NEWS.union(ESSAYS.values("id")), "rows of Post and values"),
    "rows beside values": (lambda: NEWS.values("id").union(ESSAYS), "values and rows of Post"),
    "fewer columns": (
        lambda: NEWS.values("id", "views").union(ESSAYS.values("id")),
        r"2 values \(id, views\) and of 1 \(id\)",
    ),
    "other types": (
        lambda: NEWS.values("title").union(ESSAYS.values("views")),
        "title is text in the first .*views is integer",
    ),
    "other annotations": (lambda: NEWS.annotate(a=Value(1)).union(ESSAYS), "annotated with a and with nothing"),
    "locks": (lambda: NEWS.union(ESSAYS.select_for_update()), "locks rows of tables"),
    "locks of the result": (lambda: NEWS.union(ESSAYS).select_for_update().to_sql(), "locks rows of tables"),
    "all by its place": (lambda: NEWS.union(ESSAYS, all=cast(Any, 1)), "all"),
    "names of tables": (lambda: NEWS.values("id").union(ESSAYS.values("id")).filter(title="a").to_sql(), "title"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(FieldError, match=message):
        make()


async def test_one_database(blog: Any, dsn: str) -> None:
    other = await chakra.connect(dsn)
    try:
        with pytest.raises(FieldError, match="two databases"):
            NEWS.using(blog).union(ESSAYS.using(other))
        assert await NEWS.union(ESSAYS.using(blog)).count() == 5
    finally:
        await other.close()


async def test_no_other_query_is_the_query_itself(blog: Any) -> None:
    assert NEWS.union() is NEWS
    assert await NEWS.union(NEWS).count() == 3


async def test_tables_without_a_model(blog: Any) -> None:
    both = blog.table("tags").union(blog.table("authors").filter(id=1).values("name")).order_by("-name")
    assert await both[:2] == [{"name": "z"}, {"name": "y"}]
    assert await both.filter(name__gt="Ann").count() == 3
    assert (await both.to_arrow())["name"].to_pylist() == ["z", "y", "x", "Ann"]
