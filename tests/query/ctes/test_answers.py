"""Queries in WITH and in FROM: answers worked out by hand, the same by SQL written by hand, as rows and as columns."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

import chakra
from chakra import CTE, Count, Exists, F, OuterRef, Q, Rank, RowNumber, Subquery, Sum, Value, Window
from chakra.errors import FieldError
from tests.query.ctes.conftest import check
from tests.query.ctes.tables import MODELS, Author, Edge, Post, fill
from tests.relations.conftest import SHARED

__all__ = ["MODELS", "fill"]

pytestmark = SHARED

AUTHORS, POSTS = Author.objects, Post.objects

TOTALS = POSTS.values("author").annotate(n=Count("*"), seen=Sum("views"))
SEEN = POSTS.filter(views__gt=5)
TOP = CTE(TOTALS.filter(n__gt=1), name="top", materialized=True)
LATE = POSTS.filter(author=OuterRef("pk")).order_by("-id")
SQL_TOTALS = "SELECT author_id, count(*) AS n, sum(views) AS seen FROM posts GROUP BY author_id"

AGAIN = CTE.recursive(
    AUTHORS.filter(id=1).annotate(k=Value(0)),
    lambda last: AUTHORS.filter(id=1).join(last=last).filter(last__k__lt=2).annotate(k=F("last__k") + 1),
)

VALUES: dict[str, tuple[Any, list[tuple[Any, ...]], str]] = {
    # name: query of values in order, its rows, the same in SQL
    "annotated": (
        AUTHORS.with_(totals=TOTALS).annotate(k=F("totals__n")).order_by("id").values("name", "k"),
        [("Ann", 2), ("Bob", 1), ("Cyd", 1), ("Dee", None)],
        f"WITH t AS ({SQL_TOTALS}) SELECT name, n FROM authors a LEFT JOIN t ON t.author_id = a.id ORDER BY a.id",
    ),
    "filtered, sorted, chosen": (
        AUTHORS.with_(totals=TOTALS)
        .filter(totals__n__lte=1)
        .order_by("-totals__seen", "-id")
        .values("name", "totals__seen"),
        [("Bob", None), ("Cyd", 5)],
        f"WITH t AS ({SQL_TOTALS}) SELECT name, seen FROM authors a JOIN t ON t.author_id = a.id WHERE n <= 1 "
        "ORDER BY seen DESC, a.id DESC",
    ),
    "rows without a partner": (
        AUTHORS.with_(totals=TOTALS).filter(totals__isnull=True).order_by("id").values("name"),
        [("Dee",)],
        "SELECT name FROM authors WHERE id NOT IN (SELECT author_id FROM posts WHERE author_id IS NOT NULL)",
    ),
    "without what a condition says of a partner": (
        AUTHORS.with_(totals=TOTALS).exclude(totals__n=1).order_by("id").values("name"),
        [("Ann",), ("Dee",)],
        "SELECT name FROM authors WHERE id IN (1, 4) ORDER BY id",
    ),
    "on from its values": (
        AUTHORS.with_(totals=TOTALS)
        .filter(totals__author__city="Oslo")
        .order_by("id")
        .values("totals__author__name"),
        [("Ann",), ("Cyd",)],
        "SELECT name FROM authors WHERE id IN (1, 3) ORDER BY id",
    ),
    "several rows for one: a condition": (
        AUTHORS.with_(seen=SEEN).filter(seen__views__gt=5, seen__title="b").order_by("id").values("name"),
        [("Ann",)],
        "SELECT name FROM authors WHERE id = 1",
    ),
    "several rows for one: none of them": (
        AUTHORS.with_(seen=SEEN)
        .exclude(seen__title="a")
        .filter(seen__isnull=True)
        .order_by("id")
        .values("name"),
        [("Bob",), ("Cyd",), ("Dee",)],
        "SELECT name FROM authors WHERE id > 1 ORDER BY id",
    ),
    "several rows for one: counted": (
        AUTHORS.with_(seen=SEEN)
        .annotate(k=Count("seen"), s=Sum("seen__views"), m=Count("posts"))
        .order_by("id")
        .values("id", "k", "s", "m"),
        [(1, 2, 40, 2), (2, 0, None, 1), (3, 0, None, 1), (4, 0, None, 0)],
        "SELECT id, (SELECT count(*) FROM posts WHERE views > 5 AND author_id = a.id), "
        "(SELECT sum(views) AS s FROM posts WHERE views > 5 AND author_id = a.id), "
        "(SELECT count(*) AS m FROM posts WHERE author_id = a.id) FROM authors a ORDER BY id",
    ),
    "several values for one, by a key that may be NULL": (
        AUTHORS.with_(seen=SEEN.values("author", "title"))
        .filter(seen__isnull=True)
        .order_by("id")
        .values("id"),
        [(2,), (3,), (4,)],
        "SELECT id FROM authors WHERE id > 1 ORDER BY id",
    ),
    "by the primary key, of rows that partners repeat": (
        AUTHORS.with_(again=AUTHORS.annotate(t=F("posts__title")))
        .filter(again__t__gte="a")
        .order_by("id")
        .values("id"),
        [(1,), (2,), (3,)],
        "SELECT id FROM authors WHERE id < 4 ORDER BY id",
    ),
    "by the primary key, of rows that a recursion repeats": (
        AUTHORS.with_(again=AGAIN).filter(again__k__gte=0).values("id"),
        [(1,)],
        "SELECT id FROM authors WHERE id = 1",
    ),
    "each row of a join, grouped with its values": (
        AUTHORS.join(p=POSTS.all())
        .annotate(k=Count("*"), t=F("p__title"))
        .order_by("t")
        .values("id", "k", "t"),
        [(1, 1, "a"), (1, 1, "b"), (2, 1, "c"), (3, 1, "e")],
        "SELECT a.id, 1::bigint, title FROM authors a JOIN posts p ON p.author_id = a.id ORDER BY title",
    ),
    "by the primary key": (
        AUTHORS.with_(big=AUTHORS.annotate(k=Count("posts")).filter(k__gt=1))
        .filter(big__k=2)
        .values("id", "big__name"),
        [(1, "Ann")],
        "SELECT id, name FROM authors WHERE id = 1",
    ),
    "by a key of one's own": (
        POSTS.with_(far=AUTHORS.filter(city="Oslo"))
        .filter(far__isnull=False)
        .order_by("id")
        .values("id", "far__name"),
        [(1, "Ann"), (2, "Ann"), (5, "Cyd")],
        "SELECT p.id, name FROM posts p JOIN authors a ON a.id = author_id WHERE city = 'Oslo' ORDER BY p.id",
    ),
    "by a key that both have": (
        POSTS.with_(totals=TOTALS).filter(totals__n=2).order_by("id").values("id", "totals__seen"),
        [(1, 40), (2, 40)],
        "SELECT id, 40 FROM posts WHERE author_id = 1 ORDER BY id",
    ),
    "one that reads another": (
        AUTHORS.with_(top=TOP, far=AUTHORS.filter(id__in=TOP.objects.values("author")))
        .filter(far__isnull=False)
        .values("name", "top__n"),
        [("Ann", 2)],
        "SELECT name, 2 FROM authors WHERE id = 1",
    ),
    "its own rows": (
        TOP.objects.order_by("author").values("author", "n", "seen"),
        [(1, 2, 40)],
        f"SELECT * FROM ({SQL_TOTALS}) t WHERE n > 1",
    ),
    "its own rows, filtered, joined and annotated": (
        CTE(TOTALS)
        .objects.filter(author__city="Oslo")
        .annotate(more=F("n") * 10)
        .order_by("author__name")
        .values("author__name", "more"),
        [("Ann", 20), ("Cyd", 10)],
        "SELECT name, count(*) * 10 FROM posts p JOIN authors a ON a.id = author_id WHERE city = 'Oslo' "
        "GROUP BY name "
        "ORDER BY name",
    ),
    "its own rows, grouped again": (
        CTE(TOTALS).objects.values("n").annotate(k=Count("*")).order_by("n").values("n", "k"),
        [(1, 3), (2, 1)],
        f"SELECT n, count(*) FROM ({SQL_TOTALS}) t GROUP BY n ORDER BY n",
    ),
    "in a list": (
        AUTHORS.filter(id__in=TOP.objects.values("author")).values("name"),
        [("Ann",)],
        "SELECT name FROM authors WHERE id = 1",
    ),
    "instances in a list": (
        AUTHORS.filter(id__in=CTE(AUTHORS.filter(id__gt=2)).objects).order_by("id").values("id"),
        [(3,), (4,)],
        "SELECT id FROM authors WHERE id > 2 ORDER BY id",
    ),
    "not in a list": (
        AUTHORS.exclude(id__in=CTE(TOTALS).objects.values("author")).values("name"),
        [("Dee",)],
        "SELECT name FROM authors WHERE id = 4",
    ),
    "whether there is a row, and its value": (
        AUTHORS.filter(Exists(TOP.objects.filter(author=OuterRef("pk"))))
        .annotate(k=Subquery(TOP.objects.filter(author=OuterRef("pk")).values("n")[:1]))
        .values("name", "k"),
        [("Ann", 2)],
        "SELECT name, 2 FROM authors WHERE id = 1",
    ),
    "twice in one query, and another that looks alike": (
        AUTHORS.with_(one=CTE(POSTS.filter(id=1)), two=CTE(POSTS.filter(id=2)))
        .filter(one__isnull=False)
        .values("one__title", "two__title"),
        [("a", "b")],
        "SELECT 'a', 'b'::text AS b",
    ),
    "joined": (
        AUTHORS.join(seen=SEEN).order_by("seen__id").values("name", "seen__title"),
        [("Ann", "a"), ("Ann", "b")],
        "SELECT name, title FROM authors a JOIN posts p ON p.author_id = a.id WHERE views > 5 ORDER BY p.id",
    ),
    "joined, keeping rows without a partner": (
        AUTHORS.join(seen=SEEN, left=True).filter(seen__isnull=True).order_by("id").values("name"),
        [("Bob",), ("Cyd",), ("Dee",)],
        "SELECT name FROM authors WHERE id > 1 ORDER BY id",
    ),
    "joined by a condition": (
        AUTHORS.join(near=AUTHORS.all(), on=Q(city=F("near__city")) & Q(id__lt=F("near__id"))).values(
            "name", "near__name"
        ),
        [("Ann", "Cyd")],
        "SELECT a.name, b.name AS other FROM authors a JOIN authors b ON a.city = b.city AND a.id < b.id",
    ),
    "joined by a condition about another table": (
        POSTS.join(home=AUTHORS.all(), on=Q(author__city=F("home__city")))
        .order_by("id", "home__id")
        .values("id", "home__name"),
        [(1, "Ann"), (1, "Cyd"), (2, "Ann"), (2, "Cyd"), (3, "Bob"), (5, "Ann"), (5, "Cyd")],
        "SELECT p.id, h.name FROM posts p JOIN authors a ON a.id = p.author_id JOIN authors h ON h.city = a.city "
        "ORDER BY p.id, h.id",
    ),
    "joined by a name of both": (
        AUTHORS.join(twin=AUTHORS.filter(id__lt=3), on="name").order_by("id").values("id", "twin__city"),
        [(1, "Oslo"), (2, "Rome")],
        "SELECT id, city FROM authors WHERE id < 3 ORDER BY id",
    ),
    "every row with every other": (
        AUTHORS.filter(id__lt=3)
        .join(e=Edge.objects.filter(id__lt=3).values("a"), on=True)
        .order_by("id", "e__a")
        .values("id", "e__a"),
        [(1, 1), (1, 2), (2, 1), (2, 2)],
        "SELECT a.id, e.a FROM authors a, edges e WHERE a.id < 3 AND e.id < 3 ORDER BY 1, 2",
    ),
    "by the name of one in WITH": (
        AUTHORS.with_(totals=TOTALS)
        .join("totals", on=Q(id__lt=F("totals__author")))
        .order_by("id", "totals__author")
        .values("id", "totals__author"),
        [(1, 2), (1, 3), (2, 3)],
        "SELECT a.id, t.author_id FROM authors a JOIN (SELECT DISTINCT author_id FROM posts) t ON a.id < "
        "t.author_id ORDER BY 1, 2",
    ),
    "two joins, one after the other": (
        AUTHORS.join(p=POSTS.all())
        .join(q=POSTS.all(), on=Q(p__id__lt=F("q__id")) & Q(q__author=F("id")))
        .values("p__id", "q__id"),
        [(1, 2)],
        "SELECT 1 AS p, 2 AS q",
    ),
    "grouped over a join": (
        AUTHORS.join(p=POSTS.all())
        .values("city")
        .annotate(s=Sum("p__views"), k=Count("*"))
        .order_by("city")
        .values("city", "s", "k"),
        [("Oslo", 45, 3), ("Rome", None, 1)],
        "SELECT city, sum(views), count(*) FROM authors a JOIN posts p ON p.author_id = a.id GROUP BY city "
        "ORDER BY city",
    ),
    "each row, counted over a join": (
        AUTHORS.join(p=POSTS.all(), left=True)
        .annotate(k=Count("p__id"), m=Count("posts"))
        .order_by("id")
        .values("id", "k", "m"),
        [(1, 2, 2), (2, 1, 1), (3, 1, 1), (4, 0, 0)],
        "SELECT a.id, count(p.id), count(p.id) AS m FROM authors a LEFT JOIN posts p ON p.author_id = a.id "
        "GROUP BY a.id "
        "ORDER BY a.id",
    ),
    "a slice, joined": (
        AUTHORS.join(last=POSTS.order_by("-id")[:3]).order_by("last__id").values("name", "last__id"),
        [("Bob", 3), ("Cyd", 5)],
        "SELECT name, p.id FROM authors a JOIN (SELECT * FROM posts ORDER BY id DESC LIMIT 3) p ON "
        "p.author_id = a.id "
        "ORDER BY p.id",
    ),
    "the last of each": (
        AUTHORS.lateral(late=LATE[:1]).order_by("id").values("name", "late__title"),
        [("Ann", "b"), ("Bob", "c"), ("Cyd", "e")],
        "SELECT name, title FROM authors a JOIN LATERAL (SELECT * FROM posts WHERE author_id = a.id ORDER BY "
        "id DESC LIMIT 1) p "
        "ON true ORDER BY a.id",
    ),
    "the last of each, or none": (
        AUTHORS.lateral(late=LATE[:1], left=True).order_by("id").values("name", "late__price"),
        [("Ann", None), ("Bob", D("9.99")), ("Cyd", D("2.00")), ("Dee", None)],
        "SELECT name, price FROM authors a LEFT JOIN LATERAL (SELECT * FROM posts WHERE author_id = a.id "
        "ORDER BY id DESC LIMIT 1) p "
        "ON true ORDER BY a.id",
    ),
    "values of the row around": (
        AUTHORS.lateral(late=LATE.values("title", home=OuterRef("city"))[:1])
        .filter(late__home="Oslo")
        .order_by("id")
        .values("late__title", "late__home"),
        [("b", "Oslo"), ("e", "Oslo")],
        "SELECT 'b' AS t, 'Oslo' AS c UNION ALL SELECT 'e', 'Oslo'",
    ),
    "of each row behind a key": (
        POSTS.lateral(near=AUTHORS.filter(city=OuterRef("author__city")).exclude(id=OuterRef("author")))
        .order_by("id")
        .values("id", "near__name"),
        [(1, "Cyd"), (2, "Cyd"), (5, "Ann")],
        "SELECT p.id, b.name FROM posts p JOIN authors a ON a.id = p.author_id JOIN authors b ON b.city = "
        "a.city AND b.id <> a.id "
        "ORDER BY p.id",
    ),
    "of each, with a condition on both": (
        AUTHORS.lateral(late=LATE[:2], on=Q(late__views__gt=F("id") + 10))
        .order_by("late__id")
        .values("id", "late__id"),
        [(1, 2)],
        "SELECT 1 AS a, 2 AS b",
    ),
    "of each, asking one in WITH": (
        AUTHORS.lateral(t=CTE(TOTALS).objects.filter(author=OuterRef("pk")))
        .order_by("id")
        .values("id", "t__n"),
        [(1, 2), (2, 1), (3, 1)],
        f"SELECT author_id, n FROM ({SQL_TOTALS}) t WHERE author_id IS NOT NULL ORDER BY author_id",
    ),
    "windows inside": (
        CTE(POSTS.annotate(place=Window(RowNumber(), partition_by="author", order_by="-id")))
        .objects.filter(place=1, author__isnull=False)
        .order_by("id")
        .values("id", "place"),
        [(2, 1), (3, 1), (5, 1)],
        "SELECT max(id), 1::bigint AS place FROM posts WHERE author_id IS NOT NULL GROUP BY author_id ORDER BY 1",
    ),
    "windows outside": (
        AUTHORS.with_(totals=TOTALS)
        .annotate(r=Window(Rank(), order_by=F("totals__n").desc(nulls="last")))
        .filter(r__lte=2)
        .order_by("id")
        .values("id", "r"),
        [(1, 1), (2, 2), (3, 2)],
        "SELECT 1::bigint AS id, 1::bigint AS r UNION ALL SELECT 2, 2 UNION ALL SELECT 3, 2",
    ),
    "distinct": (
        AUTHORS.join(p=POSTS.all()).values("city").distinct().order_by("city"),
        [("Oslo",), ("Rome",)],
        "SELECT DISTINCT city FROM authors WHERE id < 4 ORDER BY city",
    ),
    "sets inside": (
        CTE(AUTHORS.filter(id=1).union(AUTHORS.filter(id=3))).objects.order_by("-id").values("id"),
        [(3,), (1,)],
        "SELECT id FROM authors WHERE id IN (1, 3) ORDER BY id DESC",
    ),
    "in a query over rows": (
        AUTHORS.with_(totals=TOTALS)
        .order_by("-totals__n", "-id")
        .filter(totals__isnull=False)[:2]
        .values("id", "totals__n"),
        [(1, 2), (3, 1)],
        "SELECT 1::bigint AS id, 2::bigint AS n UNION ALL SELECT 3, 1",
    ),
}


@pytest.mark.parametrize("name", VALUES)
async def test_values(rows: Any, name: str) -> None:
    query, expected, sql = VALUES[name]
    if query._select.sliced:
        assert [tuple(row.values()) for row in await query] == expected
        assert (await query.to_arrow()).num_rows == await query.count() == len(expected)
        assert await query.aggregate(n=Count("*")) == {"n": len(expected)}
        return
    await check(rows, query, expected, sql)


async def test_values_of_several_rows(rows: Any) -> None:
    """As behind a relation: a row comes once for each, and what is counted afterwards is of the rows themselves."""
    query = (
        AUTHORS.with_(seen=SEEN).filter(seen__isnull=False).order_by("seen__id").values("name", "seen__title")
    )
    expected = [{"name": "Ann", "seen__title": "a"}, {"name": "Ann", "seen__title": "b"}]
    assert await query == (await query.to_arrow()).to_pylist() == expected
    assert await query.count() == 2
    assert await query.aggregate(n=Count("*")) == {"n": 1}


async def test_instances(rows: Any) -> None:
    cte = CTE(POSTS.select_related("author").prefetch_related("author__posts").annotate(more=F("views") + 1))
    query = cte.objects.filter(id__lt=4).order_by("id")
    found = await query
    assert [(p.id, p.price, p.more, p.author and p.author.name) for p in found] == [
        (1, D("1.50"), 11, "Ann"),
        (2, None, 31, "Ann"),
        (3, D("9.99"), None, "Bob"),
    ]
    assert [post.id for post in found[0].author.posts] == [1, 2]
    assert (await query.to_arrow()).schema.names[-1] == "more"
    assert [post.id for post in await query.filter(author__posts__title="b")] == [1, 2]
    assert (await cte.objects.get(id=5)).more == 6
    assert (await cte.objects.first()).id == 1
    assert await cte.objects.filter(Post.views > 10).order_by("-id").values_list("id", flat=True) == [4, 2]
    found[0].title = "changed"
    await found[0].save()
    assert (await POSTS.get(id=1)).title == "changed"
    joined = await AUTHORS.lateral(late=LATE[:1]).annotate(title=F("late__title")).order_by("id")
    assert [(a.name, a.title) for a in joined] == [("Ann", "b"), ("Bob", "c"), ("Cyd", "e")]
    assert [a.id for a in await AUTHORS.join(p=cte).select_related().order_by("id", "p__id")] == [1, 1, 2, 3]
    flat = CTE(AUTHORS.values_list("name", flat=True)).objects
    assert await flat.order_by("-name") == ["Dee", "Cyd", "Bob", "Ann"]
    named = CTE(AUTHORS.values_list("id", "name", named=True)).objects.order_by("id")
    assert (await named)[0].name == "Ann"


async def test_a_cte_is_its_rows(rows: Any) -> None:
    assert await TOP == await TOP.objects == [{"author": 1, "n": 2, "seen": 40}]
    few = CTE(AUTHORS.filter(id__lt=3))
    assert [a.id for a in await AUTHORS.filter(id__in=few).order_by("id")] == [1, 2]
    assert await AUTHORS.filter(Exists(few)).count() == 4
    assert [a.id for a in await CTE(few).objects.order_by("id")] == [1, 2]
    with pytest.raises(AttributeError, match=r"its rows are a query: cte\.objects\.filter"):
        few.filter(id=1)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"has no attribute 'nonsense'$"):
        few.nonsense  # type: ignore[attr-defined]  # noqa: B018


async def test_writing_where_others_say_which(rows: Any) -> None:
    assert await AUTHORS.with_(totals=TOTALS).filter(totals__n__gt=1).update(city="Bonn") == 1
    assert await AUTHORS.join(seen=SEEN).filter(seen__title="b").update(city=F("name")) == 1
    assert await AUTHORS.filter(id__in=TOP.objects.values("author")).update(name="Ada") == 1
    ann = await AUTHORS.get(id=1)
    assert (ann.name, ann.city) == ("Ada", "Ann")
    stale = POSTS.lateral(other=POSTS.filter(author=OuterRef("author"), id__gt=OuterRef("id")))
    assert await stale.delete() == 1
    assert await POSTS.order_by("id").values_list("id", flat=True) == [2, 3, 4, 5]
    with pytest.raises(FieldError, match="fields of the same table only"):
        await AUTHORS.with_(totals=TOTALS).update(name=F("totals__n"))
    pick = Subquery(CTE(TOTALS).objects.filter(author=OuterRef("pk")).values("n")[:1])
    assert await AUTHORS.filter(id=2).update(name=pick) == 1
    assert (await AUTHORS.get(id=2)).name == "1"


async def test_locks(rows: Any) -> None:
    async with rows.transaction():
        query = AUTHORS.with_(totals=TOTALS).filter(totals__isnull=True).select_for_update()
        assert query.to_sql()[0].endswith('FOR UPDATE OF "authors"')
        assert [a.id for a in await query] == [4]
        first = CTE(POSTS.order_by("id").select_for_update(skip_locked=True)[:2])
        assert "FOR UPDATE SKIP LOCKED)" in first.objects.to_sql()[0].replace("LIMIT $1::bigint ", "")
        assert [p.id for p in await first.objects.order_by("id")] == [1, 2]
    with pytest.raises(chakra.TransactionError, match="locks rows until the transaction ends"):
        await first.objects
    with pytest.raises(FieldError, match="locks rows of tables"):
        CTE(POSTS.all()).objects.select_for_update().to_sql()


async def test_one_shape_and_another(rows: Any) -> None:
    """Queries in WITH that look alike are told from one that is named twice."""

    def ids(one: CTE, other: CTE) -> Any:
        return (
            AUTHORS.filter(id__in=one.objects)
            .filter(id__in=other.objects)
            .order_by("id")
            .values_list("id", flat=True)
        )

    def below(limit: int) -> CTE:
        return CTE(AUTHORS.filter(id__lt=limit))

    for _ in range(2):
        three = below(3)
        assert await ids(three, three) == [1, 2]
        assert await ids(below(4), below(2)) == [1]
        assert await ids(below(2), below(4)) == [1]
        assert await ids(below(4), below(4)) == [1, 2, 3]
    for third, expected in ((0, [2, 3]), (1, [2, 3, 4]), (2, [2])):
        given = [CTE(AUTHORS.filter(id__gt=1, id__lt=limit)) for limit in (4, 5, 3)]
        query = AUTHORS.filter(Q(id__in=given[2]) | Q(id__in=given[1])).exclude(~Q(id__in=given[0]), id=0)
        query = query.filter(id__in=given[third]).order_by("id").values_list("id", flat=True)
        assert await query == expected


async def test_tables_without_a_model(rows: Any) -> None:
    authors, posts = rows.table("authors"), rows.table("posts")
    totals = posts.values("author_id").annotate(n=Count("*"))
    query = (
        authors.join(totals=totals, on=Q(id=F("totals__author_id")))
        .order_by("id")
        .values("name", "totals__n")
    )
    expected = [("Ann", 2), ("Bob", 1), ("Cyd", 1)]
    assert [tuple(row.values()) for row in await query] == expected
    assert (await query.to_arrow())["totals__n"].to_pylist() == [2, 1, 1]
    late = posts.filter(author_id=OuterRef("id")).order_by("-id")[:1]
    query = authors.lateral(late=late).order_by("id").values("name", "late__title")
    assert [tuple(row.values()) for row in await query] == [("Ann", "b"), ("Bob", "c"), ("Cyd", "e")]
    both = CTE(await totals.reflect(), name="both")
    assert (
        await (await authors.reflect()).filter(id__in=both.objects.filter(n=2).values("author_id")).count()
        == 1
    )


async def test_another_database(rows: Any, dsn: str) -> None:
    other = await chakra.connect(dsn)
    try:
        for query in (
            AUTHORS.with_(x=TOTALS.using(other)),
            AUTHORS.join(x=TOTALS.using(other)),
            AUTHORS.lateral(x=LATE.using(other)),
            AUTHORS.filter(id__in=CTE(TOTALS.using(other)).objects.values("author")),
        ):
            with pytest.raises(FieldError, match="said to run on another database"):
                await query.using(rows)
        assert await CTE(TOTALS.using(other)).objects.count() == 4
    finally:
        await other.close()
