"""Queries inside of queries: answers worked out by hand, the same by SQL written by hand, as rows and as columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chakra import ArraySubquery, Count, Exists, F, OuterRef, Q, Subquery, Sum
from tests.query.subqueries.blog import Author, Booking, Kind, Post, Seat, Tag, fill

POSTS, AUTHORS, TAGS, SEATS = Post.objects, Author.objects, Tag.objects, Seat.objects
OSLO = AUTHORS.filter(city="Oslo")
BUSY = POSTS.values("author").annotate(n=Count("id")).filter(n__gt=1)


@pytest.fixture
async def blog(db: Any) -> Any:
    await fill(db)
    return db


ROWS: dict[str, tuple[Any, list[Any], str]] = {
    # name: query, keys of its rows, the same in SQL
    "rows of a model": (
        POSTS.filter(author__in=OSLO),
        [1, 2, 5],
        "SELECT id FROM posts WHERE author_id IN (SELECT id FROM authors WHERE city = 'Oslo')",
    ),
    "by an expression": (
        POSTS.filter(Post.id.in_(POSTS.filter(views__lt=15))),
        [1, 5],
        "SELECT id FROM posts WHERE id IN (SELECT id FROM posts WHERE views < 15)",
    ),
    "values": (
        AUTHORS.filter(id__in=POSTS.filter(views__gt=15).values("author")),
        [1],
        "SELECT id FROM authors WHERE id IN (SELECT author_id FROM posts WHERE views > 15)",
    ),
    "flat values": (
        AUTHORS.filter(pk__in=POSTS.filter(views__gt=15).values_list("author_id", flat=True)),
        [1],
        "SELECT id FROM authors WHERE id IN (SELECT author_id FROM posts WHERE views > 15)",
    ),
    "the way back": (
        AUTHORS.filter(posts__in=POSTS.filter(kind=Kind.ESSAY)),
        [2],
        "SELECT DISTINCT a.id FROM authors a JOIN posts p ON p.author_id = a.id WHERE p.kind = 'essay'",
    ),
    "many to many": (
        POSTS.filter(tags__in=TAGS.filter(name__startswith="x")),
        [1, 2],
        "SELECT DISTINCT post_id FROM posts_tags WHERE tag_id LIKE 'x%'",
    ),
    "many to many, back": (
        TAGS.filter(posts__in=POSTS.filter(views=20)),
        ["y"],
        "SELECT tag_id FROM posts_tags WHERE post_id = 4",
    ),
    "the model itself": (
        POSTS.filter(answer_to__in=POSTS.filter(author__name="Ann")),
        [2, 3],
        "SELECT id FROM posts WHERE answer_to_id IN (SELECT p.id FROM posts p JOIN authors a ON a.id = p.author_id "
        "WHERE a.name = 'Ann')",
    ),
    "a field of a partner": (
        POSTS.filter(author__city__in=AUTHORS.filter(name="Ann").values("city")),
        [1, 2, 5],
        "SELECT p.id FROM posts p JOIN authors a ON a.id = p.author_id WHERE a.city = 'Oslo'",
    ),
    "a part of a value": (
        POSTS.filter(day__year__in=POSTS.filter(title="a").values("day__year")),
        [1, 2],
        "SELECT id FROM posts WHERE extract(year FROM day) = 2020",
    ),
    "sliced by an order": (
        POSTS.filter(id__in=POSTS.order_by(F("views").desc(nulls="last"))[:2]),
        [2, 4],
        "SELECT id FROM posts WHERE views >= 20",
    ),
    "from the middle": (
        POSTS.filter(id__in=POSTS.order_by("id")[1:3]),
        [2, 3],
        "SELECT id FROM posts WHERE id BETWEEN 2 AND 3",
    ),
    "distinct": (
        AUTHORS.filter(city__in=AUTHORS.values("city").distinct()),
        [1, 2, 3],
        "SELECT id FROM authors WHERE city IS NOT NULL",
    ),
    "distinct and sliced": (
        POSTS.filter(kind__in=POSTS.order_by("-kind").values("kind").distinct()[:1]),
        [3, 4],
        "SELECT id FROM posts WHERE kind = (SELECT max(kind) FROM posts)",
    ),
    "the first of each": (
        POSTS.filter(id__in=POSTS.distinct("kind").order_by("kind", "-id")),
        [4, 5],
        "SELECT max(id) FROM posts GROUP BY kind",
    ),
    "groups": (
        AUTHORS.filter(id__in=BUSY.values("author")),
        [1],
        "SELECT author_id FROM posts WHERE author_id IS NOT NULL GROUP BY author_id HAVING count(*) > 1",
    ),
    "rows with aggregates": (
        POSTS.filter(author__in=AUTHORS.annotate(n=Count("posts")).filter(n=1)),
        [3, 5],
        "SELECT id FROM posts WHERE author_id IN (2, 3)",
    ),
    "three levels": (
        POSTS.filter(
            author__in=AUTHORS.filter(
                id__in=POSTS.filter(answer_to__in=POSTS.filter(title="a")).values("author")
            )
        ),
        [1, 2, 3],
        "SELECT id FROM posts WHERE author_id IN (SELECT author_id FROM posts WHERE answer_to_id IN "
        "(SELECT id FROM posts WHERE title = 'a'))",
    ),
    "one of two conditions": (
        POSTS.filter(Q(author__in=OSLO.filter(fame=5)) | Q(views=20)),
        [1, 2, 4],
        "SELECT id FROM posts WHERE author_id IN (SELECT id FROM authors WHERE fame = 5) OR views = 20",
    ),
    "the one row": (
        POSTS.filter(author=AUTHORS.filter(name="Bob")[:1]),
        [3],
        "SELECT id FROM posts WHERE author_id = (SELECT id FROM authors WHERE name = 'Bob')",
    ),
    "more than the one value": (
        POSTS.filter(views__gt=POSTS.filter(title="a").values("views")[:1]),
        [2, 4],
        "SELECT id FROM posts WHERE views > (SELECT views FROM posts WHERE title = 'a')",
    ),
    "another than the one value": (
        POSTS.filter(Post.views != POSTS.filter(title="a").values("views")[:1]),
        [2, 4, 5],
        "SELECT id FROM posts WHERE views <> 10",
    ),
    "nothing": (
        POSTS.filter(author__in=AUTHORS.none()),
        [],
        "SELECT id FROM posts WHERE author_id IN (SELECT id FROM authors WHERE false)",
    ),
    "Subquery in a list": (
        POSTS.filter(author__in=Subquery(OSLO.values("id"))),
        [1, 2, 5],
        "SELECT id FROM posts WHERE author_id IN (SELECT id FROM authors WHERE city = 'Oslo')",
    ),
    "NULLs inside": (
        POSTS.filter(id__in=POSTS.values("answer_to")),
        [1, 3],
        "SELECT id FROM posts WHERE id IN (SELECT answer_to_id FROM posts)",
    ),
    "NULLs on the left": (
        POSTS.filter(answer_to__in=POSTS.filter(author=1)),
        [2, 3],
        "SELECT id FROM posts WHERE answer_to_id IN (SELECT id FROM posts WHERE author_id = 1)",
    ),
    "NULLs on both sides": (
        POSTS.filter(answer_to__in=POSTS.values("answer_to")),
        [2, 3, 4],
        "SELECT id FROM posts WHERE answer_to_id IN (SELECT answer_to_id FROM posts)",
    ),
    "two conditions": (
        POSTS.filter(author__in=OSLO, views=30),
        [2],
        "SELECT id FROM posts WHERE author_id IN (SELECT id FROM authors WHERE city = 'Oslo') AND views = 30",
    ),
    "whether there is one": (
        POSTS.filter(Exists(POSTS.filter(answer_to=OuterRef("pk")))),
        [1, 3],
        "SELECT id FROM posts p WHERE EXISTS (SELECT FROM posts a WHERE a.answer_to_id = p.id)",
    ),
    "two values of the row around": (
        POSTS.filter(Exists(POSTS.filter(author=OuterRef("author"), views__gt=OuterRef("views")))),
        [1],
        "SELECT p.id FROM posts p WHERE p.views < (SELECT max(views) FROM posts a WHERE a.author_id = p.author_id)",
    ),
    "a value of its partner": (
        POSTS.filter(Exists(AUTHORS.filter(city=OuterRef("author__city")).exclude(id=OuterRef("author")))),
        [1, 2, 5],
        "SELECT p.id FROM posts p JOIN authors a ON a.id = p.author_id WHERE EXISTS "
        "(SELECT FROM authors o WHERE o.city = a.city AND o.id <> a.id)",
    ),
    "two queries out": (
        AUTHORS.filter(
            Exists(
                POSTS.filter(author=OuterRef("pk")).filter(
                    Exists(POSTS.filter(answer_to=OuterRef("pk")).exclude(author=OuterRef(OuterRef("pk"))))
                )
            )
        ),
        [1, 2],
        "SELECT id FROM authors a WHERE EXISTS (SELECT FROM posts p WHERE p.author_id = a.id AND EXISTS "
        "(SELECT FROM posts q WHERE q.answer_to_id = p.id AND q.author_id IS DISTINCT FROM a.id))",
    ),
    "arithmetic with the row around": (
        POSTS.filter(Exists(POSTS.filter(views=OuterRef("views") * 2))),
        [1, 5],
        "SELECT id FROM posts p WHERE EXISTS (SELECT FROM posts q WHERE q.views = p.views * 2)",
    ),
    "in, correlated": (
        AUTHORS.filter(fame__in=POSTS.filter(author=OuterRef("pk")).values("views")),
        [],
        "SELECT id FROM authors a WHERE fame IN (SELECT views FROM posts WHERE author_id = a.id)",
    ),
    "inside of a condition on partners": (
        AUTHORS.filter(posts__id__in=POSTS.filter(views__gt=5).values("answer_to"), posts__views__gt=5),
        [1],
        "SELECT a.id FROM authors a WHERE EXISTS (SELECT FROM posts p WHERE p.author_id = a.id AND p.views > 5 AND "
        "p.id IN (SELECT answer_to_id FROM posts WHERE views > 5))",
    ),
    "a partner of the row around": (
        AUTHORS.filter(Exists(POSTS.filter(id=OuterRef("posts__answer_to")))),
        [1, 2],
        "SELECT DISTINCT author_id FROM posts WHERE answer_to_id IS NOT NULL AND author_id IS NOT NULL",
    ),
    "a group exists": (
        AUTHORS.filter(Exists(BUSY.filter(author=OuterRef("pk")).values("author"))),
        [1],
        "SELECT author_id FROM posts WHERE author_id IS NOT NULL GROUP BY author_id HAVING count(*) > 1",
    ),
    "a slice that is empty": (
        AUTHORS.filter(Exists(POSTS.filter(author=OuterRef("pk"))[1:])),
        [1],
        "SELECT 1",
    ),
    "annotated": (
        AUTHORS.annotate(
            top=Subquery(POSTS.filter(author=OuterRef("pk")).order_by("-views").values("title")[:1])
        ).filter(top__in=["b", "e"]),
        [1, 3],
        "SELECT id FROM authors a WHERE (SELECT title FROM posts WHERE author_id = a.id ORDER BY views DESC LIMIT 1) "
        "IN ('b', 'e')",
    ),
    "annotated with a condition": (
        AUTHORS.annotate(writes=Exists(POSTS.filter(author=OuterRef("pk")))).filter(writes=False),
        [4],
        "SELECT id FROM authors WHERE id NOT IN (SELECT author_id FROM posts WHERE author_id IS NOT NULL)",
    ),
    "an annotation of the query around": (
        AUTHORS.annotate(double=F("fame") * 2).filter(Exists(POSTS.filter(views=OuterRef("double")))),
        [1],
        "SELECT id FROM authors WHERE fame * 2 IN (SELECT views FROM posts)",
    ),
    "of several columns": (
        SEATS.filter(pk__in=Booking.objects.values("row", "number")),
        [(1, 1), (2, 1)],
        'SELECT "row", number FROM seats WHERE ("row", number) IN (SELECT "row", number FROM bookings)',
    ),
    "rows of several columns": (
        SEATS.filter(pk__in=SEATS.filter(number=1)),
        [(1, 1), (2, 1)],
        'SELECT "row", number FROM seats WHERE number = 1',
    ),
    "the one row of several columns": (
        SEATS.filter(pk=SEATS.order_by("-row")[:1]),
        [(2, 1)],
        "SELECT 2, 1",
    ),
    "another row of several columns": (
        SEATS.filter(Exists(SEATS.filter(pk__gt=OuterRef("pk")))),
        [(1, 1), (1, 2)],
        'SELECT "row", number FROM seats WHERE ("row", number) <> (2, 1)',
    ),
}

EVERYTHING = {
    Post: [1, 2, 3, 4, 5],
    Author: [1, 2, 3, 4],
    Tag: ["x", "y", "z"],
    Seat: [(1, 1), (1, 2), (2, 1)],
}


def keys(rows: Any) -> list[Any]:
    return sorted(row.pk for row in rows)


@pytest.mark.parametrize("name", ROWS)
async def test_rows(blog: Any, name: str) -> None:
    query, expected, sql = ROWS[name]
    names = query.table.primary_key
    assert keys(await query) == expected
    by_hand = [tuple(row) if len(names) > 1 else row[0] for row in await blog.fetch(sql)]
    assert sorted(by_hand) == expected
    assert await query.count() == len(expected)
    assert await query.exists() == bool(expected)
    columns = (await query.values(*names).to_arrow()).to_pydict()
    assert sorted(zip(*columns.values(), strict=True)) == [
        key if len(names) > 1 else (key,) for key in expected
    ]


@pytest.mark.parametrize("name", ROWS)
async def test_what_is_denied_is_the_rest(blog: Any, name: str) -> None:
    """Also where the left side, or a value inside, is NULL."""
    query, expected, _ = ROWS[name]
    model = query.table.row_class
    denied = query._select.copy()
    denied.filters = tuple((not negated, *rest) for negated, *rest in denied.filters)
    if len(denied.filters) > 1:
        pytest.skip("several calls of filter")
    rest = [key for key in EVERYTHING[model] if key not in expected]
    query = query._with(denied)
    assert keys(await query) == rest
    names = query.table.primary_key
    columns = (await query.values(*names).to_arrow()).to_pydict()
    assert len(columns[names[0]]) == len(rest)


DENIED: dict[str, tuple[Any, list[Any]]] = {
    "NULLs inside hide no rows": (POSTS.exclude(id__in=POSTS.values("answer_to")), [2, 4, 5]),
    "by ~Q": (POSTS.filter(~Q(id__in=POSTS.values("answer_to"))), [2, 4, 5]),
    "by not_in": (POSTS.filter(Post.id.not_in(POSTS.values("answer_to"))), [2, 4, 5]),
    "a NULL on the left is none of them": (POSTS.exclude(answer_to__in=POSTS.filter(author=1)), [1, 4, 5]),
    "one of two conditions": (POSTS.exclude(author__in=OSLO, views=30), [1, 3, 4, 5]),
    "partners": (POSTS.exclude(tags__in=TAGS.filter(name="x")), [3, 4, 5]),
    "whether there is one": (POSTS.exclude(Exists(POSTS.filter(answer_to=OuterRef("pk")))), [2, 4, 5]),
    "whether there is none": (POSTS.filter(~Exists(POSTS.filter(answer_to=OuterRef("pk")))), [2, 4, 5]),
    "denied twice": (POSTS.exclude(~Q(id__in=POSTS.values("answer_to"))), [1, 3]),
    "inside": (
        POSTS.filter(author__in=AUTHORS.exclude(id__in=POSTS.filter(views=5).values("author"))),
        [1, 2, 3],
    ),
    "several columns": (SEATS.exclude(pk__in=Booking.objects.values("row", "number")), [(1, 2)]),
    "nothing": (POSTS.exclude(id__in=POSTS.none()), [1, 2, 3, 4, 5]),
}


@pytest.mark.parametrize("name", DENIED)
async def test_denied(blog: Any, name: str) -> None:
    query, expected = DENIED[name]
    assert keys(await query) == expected
    assert await query.count() == len(expected)


OF_AUTHOR = POSTS.filter(author=OuterRef("pk"))
TOP = Subquery(OF_AUTHOR.order_by(F("views").desc(nulls="last")).values("title")[:1])
NUMBER = Subquery(OF_AUTHOR.values("author").annotate(n=Count("id")).values("n"))
SORTED = AUTHORS.order_by("id")

VALUES: dict[str, tuple[Any, list[Any]]] = {
    "one value": (SORTED.annotate(x=TOP).values_list("x", flat=True), ["b", "c", "e", None]),
    "values() by name": (SORTED.values("id", x=TOP), [
        {"id": 1, "x": "b"}, {"id": 2, "x": "c"}, {"id": 3, "x": "e"}, {"id": 4, "x": None},
    ]),
    "in a list": (SORTED.values_list("id", TOP), [(1, "b"), (2, "c"), (3, "e"), (4, None)]),
    "a number": (SORTED.annotate(x=NUMBER).values_list("x", flat=True), [2, 1, 1, None]),
    "arithmetic": (SORTED.annotate(x=NUMBER + F("fame")).values_list("x", flat=True), [7, 4, None, None]),
    "a condition": (SORTED.annotate(x=Exists(OF_AUTHOR)).values_list("x", flat=True), [True, True, True, False]),
    "no condition": (SORTED.annotate(x=~Exists(OF_AUTHOR)).values_list("x", flat=True), [False, False, False, True]),
    "an array": (
        SORTED.annotate(x=ArraySubquery(OF_AUTHOR.order_by("-id").values("title"))).values_list("x", flat=True),
        [["b", "a"], ["c"], ["e"], []],
    ),
    "an array with NULL": (
        SORTED.annotate(x=ArraySubquery(OF_AUTHOR.order_by("id").values("views"))).values_list("x", flat=True),
        [[10, 30], [None], [5], []],
    ),
    "of instances, the key": (
        SORTED.annotate(x=Subquery(OF_AUTHOR.order_by("-id")[:1])).values_list("x", flat=True),
        [2, 3, 5, None],
    ),
    "in an enum's values": (
        SORTED.annotate(x=Subquery(OF_AUTHOR.order_by("id").values("kind")[:1])).values_list("x", flat=True),
        [Kind.NEWS, Kind.ESSAY, Kind.NEWS, None],
    ),
    "sorted by it": (
        AUTHORS.annotate(x=TOP).order_by("-x").filter(x__isnull=False).values_list("id", flat=True),
        [3, 2, 1],
    ),
    "sorted by what is not returned": (
        AUTHORS.order_by(TOP.desc(nulls="last")).values_list("id", flat=True),
        [3, 2, 1, 4],
    ),
    "sorted by a condition": (
        AUTHORS.order_by(Exists(OF_AUTHOR), "id").values_list("id", flat=True),
        [4, 1, 2, 3],
    ),
    "grouped by it": (
        AUTHORS.annotate(x=Exists(OF_AUTHOR)).values("x").annotate(n=Count("id")).order_by("x").values_list("x", "n"),
        [(False, 1), (True, 3)],
    ),
    "beside groups": (
        POSTS.values("author")
        .annotate(n=Count("id"), x=Subquery(AUTHORS.filter(id=OuterRef("author")).values("name")[:1]))
        .order_by("author")
        .values_list("author", "n", "x"),
        [(1, 2, "Ann"), (2, 1, "Bob"), (3, 1, "Cyd"), (None, 1, None)],
    ),
    "beside an aggregate of partners": (
        SORTED.annotate(n=Count("posts"), x=TOP).values_list("n", "x"),
        [(2, "b"), (1, "c"), (1, "e"), (0, None)],
    ),
    "a partner's": (
        POSTS.order_by("id")
        .annotate(x=Subquery(AUTHORS.filter(city=OuterRef("author__city")).order_by("-id").values("name")[:1]))
        .values_list("x", flat=True),
        ["Cyd", "Cyd", "Bob", None, "Cyd"],
    ),
    "computed inside of both": (
        SORTED.annotate(x=Subquery(OF_AUTHOR.annotate(d=F("views") - OuterRef("fame")).order_by("-d").values("d")[:1]))
        .values_list("x", flat=True),
        [25, None, None, None],
    ),
    "two queries out": (
        SORTED.annotate(
            x=Subquery(
                OF_AUTHOR.annotate(
                    y=Subquery(
                        AUTHORS.filter(id=OuterRef(OuterRef("pk")), city=OuterRef("author__city")).values("name")[:1]
                    )
                ).order_by("id").values("y")[:1]
            )
        ).values_list("x", flat=True),
        ["Ann", "Bob", "Cyd", None],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
async def test_values(blog: Any, name: str) -> None:
    query, expected = VALUES[name]
    assert await query == expected
    assert [row async for row in query] == expected
    assert await query.count() == len(expected)
    columns = (await query.to_arrow()).to_pylist()

    def plain(value: Any) -> Any:
        return value.value if isinstance(value, Kind) else value

    for found, row in zip(columns, expected, strict=True):
        wanted = row.values() if isinstance(row, dict) else row if isinstance(row, tuple) else (row,)
        assert list(map(plain, found.values())) == list(map(plain, wanted))


async def test_instances_have_it(blog: Any) -> None:
    ann, bob, *_ = await SORTED.annotate(top=TOP, writes=Exists(OF_AUTHOR))
    assert (ann.top, ann.writes, bob.top) == ("b", True, "c")


async def test_aggregates(blog: Any) -> None:
    assert await AUTHORS.aggregate(n=Sum(NUMBER), all=Count("*")) == {"n": 4, "all": 4}
    assert await AUTHORS.aggregate(n=Count("id", filter=Exists(OF_AUTHOR))) == {"n": 3}
    assert await AUTHORS.annotate(x=NUMBER).aggregate(n=Sum("x")) == {"n": 4}
    assert await POSTS.filter(author__in=OSLO).aggregate(n=Sum("views")) == {"n": 45}


async def test_update(blog: Any) -> None:
    views = OF_AUTHOR.values("author").annotate(s=Sum("views")).values("s")
    assert await AUTHORS.update(fame=Subquery(views)) == 4
    assert await SORTED.values_list("fame", flat=True) == [40, None, 5, None]
    assert await POSTS.filter(author__in=OSLO).update(views=F("views") + 1) == 3
    assert await POSTS.order_by("id").values_list("views", flat=True) == [11, 31, None, 20, 6]
    assert await POSTS.filter(id=4).update(author=AUTHORS.filter(name="Dee")[:1]) == 1
    assert await POSTS.filter(author__name="Dee").values_list("id", flat=True) == [4]
    assert await AUTHORS.filter(Exists(OF_AUTHOR)).update(city="here") == 4
    assert await AUTHORS.filter(~Exists(OF_AUTHOR)).update(city="there") == 0


async def test_delete(blog: Any) -> None:
    assert await POSTS.exclude(id__in=POSTS.values("answer_to")).filter(tags=None).delete() == 1
    assert await POSTS.order_by("id").values_list("id", flat=True) == [1, 2, 3, 4]
    assert await TAGS.filter(~Exists(POSTS.filter(tags=OuterRef("pk")))).delete() == 1
    assert await TAGS.order_by("name").values_list("name", flat=True) == ["x", "y"]


async def test_sets_of_partners_are_queries_too(blog: Any) -> None:
    ann = await AUTHORS.get(name="Ann")
    assert keys(await POSTS.filter(answer_to__in=ann.posts)) == [2, 3]
    assert keys(await POSTS.exclude(id__in=ann.posts.filter(views=10))) == [2, 3, 4, 5]
    first = await POSTS.get(id=1)
    assert keys(await POSTS.filter(tags__in=first.tags.exclude(name="x"))) == [1, 4]


async def test_in_streams_and_single_rows(blog: Any) -> None:
    query = POSTS.filter(author__in=OSLO).order_by("-id")
    assert [post.id async for post in query] == [5, 2, 1]
    assert (await query.first()).id == 5
    assert (await query.filter(views=30).get()).id == 2
    assert [post.id for post in await query[1:]] == [2, 1]
    assert (await query.in_bulk()).keys() == {1, 2, 5}
    assert await query.contains(await POSTS.get(id=5))


async def test_prefetches_take_them(blog: Any) -> None:
    from chakra import Prefetch

    answered = POSTS.filter(Exists(POSTS.filter(answer_to=OuterRef("pk")))).order_by("id")
    authors = await SORTED.prefetch_related(Prefetch("posts", answered))
    assert [[post.id for post in author.posts] for author in authors] == [[1], [3], [], []]


@pytest.mark.parametrize(
    "make", [lambda rows: rows, lambda rows: Subquery(rows.values("id"))], ids=["rows", "Subquery"]
)
async def test_a_query_that_was_narrowed_later_is_another(blog: Any, make: Callable[[Any], Any]) -> None:
    query = POSTS.filter(author__in=make(OSLO))
    OSLO.filter(name="Ann")
    assert keys(await query) == [1, 2, 5]
