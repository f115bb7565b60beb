"""Windows: answers worked out by hand, the same by SQL written by hand, as rows and as columns."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, cast

import pytest

import chakra
from chakra import (
    Avg,
    Count,
    CumeDist,
    DenseRank,
    F,
    FirstValue,
    Frame,
    Interval,
    Lag,
    LastValue,
    Lead,
    NthValue,
    Ntile,
    PercentRank,
    Prefetch,
    Q,
    Rank,
    RowNumber,
    StringAgg,
    Subquery,
    Sum,
    Value,
    Window,
)
from chakra.errors import FieldError
from chakra.sql import select_statement
from tests.query.subqueries.blog import Author, Kind, Post, fill

POSTS, AUTHORS = Post.objects, Author.objects
D = Decimal
YEAR, MONTH = dt.timedelta(days=366), dt.timedelta(days=200)


@pytest.fixture
async def blog(db: Any) -> Any:
    await fill(db)
    return db


def up_to(low: Any, high: Any, mode: str = "rows", **more: Any) -> Frame:
    frame: Frame = getattr(Frame, mode)(low, high, **more)
    return frame


def days(frame: Frame) -> Window:
    return Window(Count("*"), order_by="day", frame=frame)


WINDOWS: dict[str, tuple[Window, list[Any], str]] = {
    # name: window, its values for posts 1 to 5, the same in SQL
    "row number": (
        Window(RowNumber(), partition_by="kind", order_by="-id"),
        [3, 2, 2, 1, 1],
        "row_number() OVER (PARTITION BY kind ORDER BY id DESC)",
    ),
    "rank": (Window(Rank(), order_by="kind"), [1, 1, 4, 4, 1], "rank() OVER (ORDER BY kind)"),
    "dense rank": (
        Window(DenseRank(), order_by="kind"),
        [1, 1, 2, 2, 1],
        "dense_rank() OVER (ORDER BY kind)",
    ),
    "percent rank": (
        Window(PercentRank(), order_by="kind"),
        [0.0, 0.0, 0.75, 0.75, 0.0],
        "percent_rank() OVER (ORDER BY kind)",
    ),
    "cumulative": (
        Window(CumeDist(), order_by="kind"),
        [0.6, 0.6, 1.0, 1.0, 0.6],
        "cume_dist() OVER (ORDER BY kind)",
    ),
    "parts": (Window(Ntile(2), order_by="id"), [1, 1, 1, 2, 2], "ntile(2) OVER (ORDER BY id)"),
    "the one before": (
        Window(Lag("views"), order_by="id"),
        [None, 10, 30, None, 20],
        "lag(views) OVER (ORDER BY id)",
    ),
    "two before, with a default": (
        Window(Lag("id", 2, default=-1), order_by="id"),
        [-1, -1, 1, 2, 3],
        "lag(id, 2, -1) OVER (ORDER BY id)",
    ),
    "a default with more digits": (
        Window(Lag("price", default=D("7.125")), order_by="id"),
        [D("7.125"), D("1.50"), None, D("9.99"), D("3.00")],
        "lag(price, 1, 7.125) OVER (ORDER BY id)",
    ),
    "a longer default": (
        Window(Lead("title", default="none behind"), order_by="id"),
        ["b", "c", "d", "e", "none behind"],
        "lead(title, 1, 'none behind') OVER (ORDER BY id)",
    ),
    "a default out of the row": (
        Window(Lead("id", default=F("views")), order_by="id"),
        [2, 3, 4, 5, 5],
        "lead(id, 1, views) OVER (ORDER BY id)",
    ),
    "the one behind": (
        Window(Lead("day", 1), partition_by="kind", order_by="day"),
        [dt.date(2020, 6, 1), dt.date(2022, 1, 1), dt.date(2021, 6, 1), None, None],
        "lead(day) OVER (PARTITION BY kind ORDER BY day)",
    ),
    "first": (
        Window(FirstValue("title"), partition_by="kind", order_by=F("views").desc(nulls="last")),
        ["b", "b", "d", "d", "b"],
        "first_value(title) OVER (PARTITION BY kind ORDER BY views DESC NULLS LAST)",
    ),
    "last, to the peers": (
        Window(LastValue("title"), order_by="id"),
        ["a", "b", "c", "d", "e"],
        "last_value(title) OVER (ORDER BY id)",
    ),
    "last of all": (
        Window(LastValue("title"), order_by="id", frame=Frame.rows(None, None)),
        ["e"] * 5,
        "last_value(title) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    ),
    "the second": (
        Window(NthValue("title", 2), order_by="id"),
        [None, "b", "b", "b", "b"],
        "nth_value(title, 2) OVER (ORDER BY id)",
    ),
    "enums": (
        Window(Lag("kind"), order_by="id"),
        [None, Kind.NEWS, Kind.NEWS, Kind.ESSAY, Kind.ESSAY],
        "lag(kind) OVER (ORDER BY id)",
    ),
    "all rows": (Window(Sum("views")), [65] * 5, "sum(views) OVER ()"),
    "running total": (
        Window(Sum("price"), order_by="id"),
        [D("1.50"), D("1.50"), D("11.49"), D("14.49"), D("16.49")],
        "sum(price) OVER (ORDER BY id)",
    ),
    "aggregate with a condition": (
        Window(Count("*", filter=Q(views__gt=8)), partition_by="kind"),
        [2, 2, 1, 1, 2],
        "count(*) FILTER (WHERE views > 8) OVER (PARTITION BY kind)",
    ),
    "a condition on partners": (
        Window(Count("*", filter=Q(tags="x"))),
        [2] * 5,
        "count(*) FILTER (WHERE id IN (SELECT post_id FROM posts_tags WHERE tag_id = 'x')) OVER ()",
    ),
    "aggregate with a default": (
        Window(Sum("views", default=0), order_by="-id", frame=Frame.rows(1, 1)),
        [0, 10, 30, 0, 20],
        "coalesce(sum(views) OVER (ORDER BY id DESC ROWS BETWEEN 1 FOLLOWING AND 1 FOLLOWING), 0)",
    ),
    "over a relation": (
        Window(RowNumber(), partition_by="author__city", order_by="-views"),
        [2, 1, 1, 1, 3],
        "row_number() OVER (PARTITION BY (SELECT city FROM authors a WHERE a.id = author_id) ORDER BY views DESC)",
    ),
    "over a part of a value": (
        Window(Count("*"), partition_by=["day__year", F("kind")]),
        [2, 2, 2, 2, 1],
        "count(*) OVER (PARTITION BY extract(year FROM day), kind)",
    ),
    "of an expression": (
        Window(Sum(F("views") * 2), partition_by="kind", order_by=[F("id") * -1]),
        [90, 70, 40, 40, 10],
        "sum(views * 2) OVER (PARTITION BY kind ORDER BY -id)",
    ),
    "rows": (
        Window(Count("*"), order_by="id", frame=Frame.rows(-1, 1)),
        [2, 3, 3, 3, 2],
        "count(*) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)",
    ),
    "rows behind": (
        Window(Sum("id"), order_by="id", frame=Frame.rows(1, None)),
        [14, 12, 9, 5, None],
        "sum(id) OVER (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)",
    ),
    "range of numbers": (
        Window(Sum("id"), order_by="id", frame=Frame.range(-2, 0)),
        [1, 3, 6, 9, 12],
        "sum(id) OVER (ORDER BY id RANGE BETWEEN 2 PRECEDING AND CURRENT ROW)",
    ),
    "range of decimals": (
        Window(Count("price"), order_by="price", frame=Frame.range(D("-1.5"), D("0.5"))),
        [2, 0, 1, 3, 2],
        "count(price) OVER (ORDER BY price RANGE BETWEEN 1.5 PRECEDING AND 0.5 FOLLOWING)",
    ),
    "range of days": (
        days(Frame.range(-MONTH, 0)),
        [1, 2, 1, 2, 1],
        "count(*) OVER (ORDER BY day RANGE BETWEEN '200 days' PRECEDING AND CURRENT ROW)",
    ),
    "range of months": (
        days(Frame.range(Interval(months=-12), dt.timedelta(days=1))),
        [1, 2, 3, 3, 3],
        "count(*) OVER (ORDER BY day RANGE BETWEEN '12 months' PRECEDING AND '1 day' FOLLOWING)",
    ),
    "groups": (
        Window(Count("*"), order_by="kind", frame=Frame.groups(-1, -1)),
        [0, 0, 3, 3, 0],
        "count(*) OVER (ORDER BY kind GROUPS BETWEEN 1 PRECEDING AND 1 PRECEDING)",
    ),
    "without the row": (
        Window(Sum("id"), frame=Frame.rows(None, None, exclude="current")),
        [14, 13, 12, 11, 10],
        "sum(id) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW)",
    ),
    "without its group": (
        Window(Sum("id"), order_by="kind", frame=Frame.range(None, None, exclude="group")),
        [7, 7, 8, 8, 7],
        "sum(id) OVER (ORDER BY kind RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE GROUP)",
    ),
    "without its ties": (
        Window(Sum("id"), order_by="kind", frame=Frame.range(None, None, exclude="ties")),
        [8, 9, 11, 12, 12],
        "sum(id) OVER (ORDER BY kind RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE TIES)",
    ),
    "of a text": (
        Window(StringAgg("title", "-"), order_by="id"),
        ["a", "a-b", "a-b-c", "a-b-c-d", "a-b-c-d-e"],
        "string_agg(title, '-') OVER (ORDER BY id)",
    ),
}


@pytest.mark.parametrize("name", WINDOWS)
async def test_a_window(blog: Any, name: str) -> None:
    window, expected, sql = WINDOWS[name]
    query = POSTS.annotate(x=window).order_by("id")
    assert [post.x for post in await query] == expected
    assert await query.values_list("x", flat=True) == expected
    by_hand = await chakra.raw(f"SELECT {sql} AS x FROM posts ORDER BY id", blog).all()
    plain = [value.value if isinstance(value, Kind) else value for value in expected]
    assert [row["x"] for row in by_hand] == plain
    assert (await query.values("x").to_arrow())["x"].to_pylist() == plain


@pytest.mark.parametrize("name", WINDOWS)
async def test_the_type_of_a_window(blog: Any, name: str) -> None:
    """What compiling says is what the server says, so that columns of no rows have it as well."""
    query = POSTS.values(x=WINDOWS[name][0])
    compiled, values = select_statement(query._select)
    (output,) = compiled.statement.outputs
    ((_, found),) = await blog.describe(compiled.statement.literal_sql(values))
    if name == "a default out of the row":  # an integer beside a bigint: the server knows
        assert output.type is None
        return
    assert output.type is not None
    assert output.type.base.name == found.base.name
    assert output.nullable or None not in WINDOWS[name][1]


FIRST = Window(RowNumber(), partition_by="kind", order_by="-id")
NEWEST = POSTS.annotate(rn=FIRST).filter(rn__lte=2)  # of news 5, 2 and of essays 4, 3

KEPT: dict[str, tuple[Any, list[int]]] = {
    # name: query, keys of its rows by their order
    "by a name": (NEWEST, [2, 3, 4, 5]),
    "by the window": (POSTS.filter(Window(Rank(), order_by="id") > 3), [4, 5]),
    "by a keyword and the window": (NEWEST.exclude(rn=1), [2, 3]),
    "after all others, said before": (POSTS.filter(id__lt=5).annotate(rn=FIRST).filter(rn=1), [2, 4]),
    "after all others, said between": (POSTS.annotate(rn=FIRST).filter(id__lt=5).filter(rn=1), [2, 4]),
    "after all others, said last": (POSTS.annotate(rn=FIRST).filter(rn=1).filter(id__lt=5), [2, 4]),
    "in one call": (POSTS.annotate(rn=FIRST).filter(rn=1, id__lt=5), [2, 4]),
    "this or that": (POSTS.annotate(rn=FIRST).filter(Q(rn=1) | Q(views=30)), [2, 4, 5]),
    "neither this nor that": (POSTS.annotate(rn=FIRST).exclude(Q(rn=1) | Q(views=30)), [1, 3]),
    "NULL of a window": (POSTS.annotate(b=Window(Lag("id"), order_by="id")).filter(b=None), [1]),
    "denied, where it is NULL": (
        POSTS.annotate(b=Window(Lag("id"), order_by="id")).exclude(b__gt=2),
        [1, 2, 3],
    ),
    "with a field": (POSTS.annotate(b=Window(Lag("views"), order_by="id")).filter(b__gt=F("views")), [5]),
    "two windows": (
        POSTS.annotate(rn=FIRST, n=Window(Count("*"), partition_by="kind")).filter(rn=F("n")),
        [1, 3],
    ),
    "a part of a window": (
        POSTS.annotate(b=Window(Lag("day"), order_by="id")).filter(b__year=2020),
        [2, 3],
    ),
    "of values of a query": (POSTS.annotate(rn=FIRST).filter(rn__in=POSTS.filter(id=3).values("id")), [1]),
    "partners besides": (NEWEST.filter(author__name="Ann"), [1, 2]),
    "tags besides": (NEWEST.filter(tags="y"), [1, 4]),
    "turned round and cut": (NEWEST.order_by("-rn", "id")[1:3], [3, 4]),
    "distinct on": (NEWEST.order_by("kind", "id").distinct("kind"), [2, 3]),
    "in a query": (POSTS.filter(id__in=NEWEST.filter(kind=Kind.NEWS)), [2, 5]),
    "windows of a window's rows": (POSTS.filter(id__in=NEWEST).annotate(r=FIRST).filter(r=2), [2, 3]),
}


@pytest.mark.parametrize("name", KEPT)
async def test_rows_kept_by_windows(blog: Any, name: str) -> None:
    query, expected = KEPT[name]
    asked = query if query._select.sliced or query._select.order else query.order_by("id")
    assert [post.id for post in await asked] == expected
    assert await query.count() == len(expected)
    assert await query.exists()
    assert not await query.none().exists()
    assert (await asked.values("id").to_arrow())["id"].to_pylist() == expected
    assert [post.id async for post in asked] == expected
    assert await query.aggregate(n=Count("*"), ids=Sum("id")) == {"n": len(expected), "ids": sum(expected)}


async def test_what_comes_after_conditions_on_windows(blog: Any) -> None:
    assert await NEWEST.values_list("kind", flat=True).distinct().order_by("kind") == [Kind.NEWS, Kind.ESSAY]
    assert await NEWEST.values("kind").distinct().count() == 2
    distinct = NEWEST.values_list("kind", flat=True).distinct().order_by("-rn", "kind")
    assert await distinct == [Kind.NEWS, Kind.ESSAY]
    posts = await NEWEST.select_related("author").order_by("id")
    assert [(p.id, p.rn, p.author and p.author.name) for p in posts] == [
        (2, 2, "Ann"),
        (3, 2, "Bob"),
        (4, 1, None),
        (5, 1, "Cyd"),
    ]
    assert (await NEWEST.get(rn=1, kind=Kind.NEWS)).id == 5
    first = await NEWEST.order_by("rn", "-id").first()
    assert first is not None and first.id == 5


async def test_a_slice_for_each_of_rows_kept_by_windows(blog: Any) -> None:
    best = Prefetch("posts", NEWEST.order_by("-rn", "id")[:1])
    found = await AUTHORS.order_by("id").prefetch_related(best)
    assert [[post.id for post in author.posts] for author in found] == [[2], [3], [5], []]


async def test_windows_over_groups(blog: Any) -> None:
    """The aggregates of a query come first, windows are over its groups."""
    query = POSTS.values("kind").annotate(n=Sum("views"), r=Window(Rank(), order_by="-n")).order_by("r")
    assert await query.values_list("kind", "n", "r") == [(Kind.NEWS, 45, 1), (Kind.ESSAY, 20, 2)]
    of_all = query.annotate(rest=Window(Sum("n")) - F("n"))
    assert await of_all.values_list("kind", "rest") == [(Kind.NEWS, 20), (Kind.ESSAY, 45)]
    assert await query.filter(r=2).values_list("kind", flat=True) == [Kind.ESSAY]
    assert await query.filter(n__gt=5, r=2).values_list("kind", flat=True) == [Kind.ESSAY]
    assert await query.filter(n__lt=40, r=1).values_list("kind", flat=True) == [Kind.ESSAY]
    by_partners = AUTHORS.annotate(n=Count("posts"), r=Window(Rank(), order_by="-n")).filter(r__lte=2)
    assert await by_partners.order_by("id").values_list("name", "n", "r") == [
        ("Ann", 2, 1),
        ("Bob", 1, 2),
        ("Cyd", 1, 2),
    ]


async def test_sorted_by_a_window(blog: Any) -> None:
    assert await POSTS.order_by(Window(RowNumber(), order_by="-id")).values_list("id", flat=True) == [
        5,
        4,
        3,
        2,
        1,
    ]
    by_share = POSTS.order_by(Window(Sum("views"), partition_by="kind").desc(), "id")
    assert await by_share.values_list("id", flat=True) == [1, 2, 5, 3, 4]


async def test_aggregates_over_windows(blog: Any) -> None:
    steps = POSTS.annotate(step=F("views") - Window(Lag("views"), order_by="id"))
    assert await steps.aggregate(Avg("step"), n=Count("step")) == {"step__avg": D("2.5"), "n": 2}
    assert [d["step"] for d in await steps.values("step").order_by("id")] == [None, 20, None, None, -15]


async def test_writing_rows_kept_by_windows(blog: Any) -> None:
    assert await NEWEST.filter(author__isnull=False).update(views=F("views") + 1, title="new") == 3
    found = await POSTS.order_by("id").values_list("id", "views", "title")
    assert found == [(1, 10, "a"), (2, 31, "new"), (3, None, "new"), (4, 20, "d"), (5, 6, "new")]
    assert await POSTS.annotate(rn=FIRST).filter(rn=1, answers=None).delete() == 2
    assert await POSTS.order_by("id").values_list("id", flat=True) == [1, 2, 3]


async def test_in_parts_it_is_read_whole(blog: Any) -> None:
    found = await POSTS.values("id", x=FIRST).to_arrow(partitions=3)
    assert sorted(zip(*found.to_pydict().values(), strict=True)) == [(1, 3), (2, 2), (3, 2), (4, 1), (5, 1)]
    found = await NEWEST.values("id").to_arrow(partitions=3)
    assert sorted(found["id"].to_pylist()) == [2, 3, 4, 5]


async def test_one_shape_for_all_offsets(blog: Any) -> None:
    def sql(window: Window) -> str:
        return POSTS.annotate(x=window).to_sql()[0]

    def frame(frame: Frame, **more: Any) -> str:
        return sql(Window(Sum("views"), order_by="id", frame=frame, **more))

    assert frame(Frame.rows(-1, 2)) == frame(Frame.rows(-3, 4))
    assert sql(Window(Lag("views", 2), order_by="id")) == sql(Window(Lag("views", 3), order_by="id"))
    texts = [
        frame(Frame.rows(-1, 0)),
        frame(Frame.rows(0, 1)),
        frame(Frame.groups(-1, 0)),
        frame(Frame.range(-1, 0)),
        frame(Frame.rows(None, 0)),
        frame(Frame.rows(-1, 0, exclude="ties")),
        frame(Frame.rows(-1, 0), partition_by="kind"),
        sql(Window(Sum("views"), order_by="-id")),
        sql(Window(Sum("views"), order_by="id")),
        sql(Window(Sum("views", default=0), order_by="id")),
        sql(Window(Avg("views"), order_by="id")),
        sql(Window(Lag("views"), order_by="id")),
        sql(Window(Lead("views"), order_by="id")),
        sql(Window(Lead("views", default=1), order_by="id")),
    ]
    assert len(set(texts)) == len(texts)
    for distance in (1, 2):  # not the one that was seen first
        lagging = POSTS.annotate(x=Window(Lag("id", distance), order_by="id")).order_by("id")
        assert (await lagging.values_list("x", flat=True))[2] == 3 - distance


REFUSED: dict[str, tuple[Any, str]] = {
    "no function": (lambda: Window(F("id")), "takes a window function or an aggregate"),
    "distinct": (lambda: Window(Count("id", distinct=True)), "have no distinct="),
    "an order of the aggregate": (lambda: Window(StringAgg("title", order_by="id")), "have no order_by="),
    "no frame": (lambda: Window(Count("*"), frame=cast(Any, "rows")), r"frame= takes Frame\.rows"),
    "groups of nothing": (lambda: Window(Count("*"), frame=Frame.groups(-1)), "needs order_by="),
    "distances of two": (
        lambda: Window(Count("*"), order_by=["id", "day"], frame=Frame.range(-1)),
        "need order_by= one value",
    ),
    "an end before the start": (lambda: Frame.rows(1, 0), r"Frame\.rows\(1, 0\) ends before it starts"),
    "an end before the start, on one side": (lambda: Frame.rows(-1, -2), "ends before it starts"),
    "half a row": (lambda: Frame.rows(cast(Any, -0.5)), "whole numbers or None"),
    "no distance": (lambda: Frame.range("1 day"), "timedelta"),
    "a distance to both sides": (lambda: Frame.range(Interval(1, -1)), "both sides"),
    "another exclusion": (lambda: Frame.rows(exclude="me"), "'current', 'group', 'ties'"),
    "no part": (lambda: Ntile(0), "whole number from 1 on"),
    "a frame by itself": (Frame, r"Frame\.rows"),
    "unknown names": (lambda: POSTS.annotate(x=Window(Sum("vews"))).to_sql(), "Did you mean 'views'"),
    "partners": (
        lambda: AUTHORS.annotate(x=Window(Sum("posts__views"))).to_sql(),
        "may have several of Post",
    ),
    "a window in a window": (
        lambda: POSTS.annotate(x=FIRST, y=Window(Sum("x"))).to_sql(),
        "cannot stand in another one",
    ),
    "a window in an aggregate": (
        lambda: POSTS.annotate(x=FIRST, y=Sum("x")).to_sql(),
        "computed after aggregates",
    ),
    "partners and a window in one condition": (
        lambda: POSTS.annotate(x=FIRST).filter(answers__id__gt=F("x")).to_sql(),
        "rows of which there may be several",
    ),
    "locks": (lambda: POSTS.annotate(x=FIRST).select_for_update().to_sql(), "over a window"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_windows_refuse(name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(FieldError, match=message):
        make()


async def test_a_window_is_no_value_to_store(blog: Any) -> None:
    with pytest.raises(FieldError, match="sets no field from a window"):
        await POSTS.update(views=FIRST)
    ranked = POSTS.annotate(rn=FIRST).values("rn")
    with pytest.raises(FieldError):
        await POSTS.update(views=ranked)
    assert await POSTS.filter(id=1).update(views=Subquery(ranked.order_by("-rn")[:1])) == 1
    assert (await POSTS.get(id=1)).views == 3


async def test_a_default_that_does_not_fit(blog: Any) -> None:
    with pytest.raises(chakra.DataError, match="default"):
        await POSTS.annotate(x=Window(Lag("views", default="many"), order_by="id"))
    assert await POSTS.filter(id=1).values_list(
        Window(Lag("views", default=Value(7)), order_by="id"), flat=True
    ) == [7]
