"""A query put into WITH, into FROM and into LATERAL has the rows that it has by itself, whatever it says."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest

import chakra
from chakra import (
    CTE,
    ArraySubquery,
    Avg,
    Case,
    Coalesce,
    Count,
    DenseRank,
    Exists,
    F,
    Lag,
    OuterRef,
    Prefetch,
    Q,
    RowNumber,
    StringAgg,
    Subquery,
    Sum,
    Value,
    When,
    Window,
)
from chakra.functions import Length, Upper
from tests.query.subqueries import blog
from tests.query.subqueries.blog import MODELS, Author, Kind, Post, Seat, Tag
from tests.relations.conftest import SHARED

__all__ = ["MODELS", "fill"]

pytestmark = SHARED

POSTS, AUTHORS, TAGS, SEATS = Post.objects, Author.objects, Tag.objects, Seat.objects


async def fill() -> None:
    """The tables are there: only their rows are made."""

    class Made:
        async def create_tables(self, *_: Any) -> None: ...

    await blog.fill(Made())


QUERIES: dict[str, Any] = {
    "all": POSTS.all(),
    "filtered": POSTS.filter(views__gt=5, kind=Kind.NEWS),
    "by what is behind it": POSTS.filter(author__city="Oslo").exclude(tags="y"),
    "by dates": POSTS.filter(day__range=(dt.date(2020, 1, 1), dt.date(2021, 2, 1))),
    "nothing": POSTS.none(),
    "slice": POSTS.order_by("-views", "id")[1:4],
    "first of each": POSTS.order_by("kind", "-id").distinct("kind"),
    "annotated": POSTS.annotate(more=F("views") * 2, home=F("author__city"), up=Upper("title")),
    "counted": AUTHORS.annotate(n=Count("posts"), s=Sum("posts__views", default=0)).filter(n__gt=0),
    "hidden": AUTHORS.alias(n=Count("posts")).filter(n__gt=1),
    "hidden beside another": AUTHORS.alias(n=Count("posts")).annotate(m=F("n") + 1).filter(m__gt=1),
    "case": POSTS.annotate(size=Case(When(views__gt=15, then=Value("big")), default=Value("small"))),
    "subqueries": POSTS.annotate(
        name=Subquery(AUTHORS.filter(id=OuterRef("author")).values("name")),
        answers_of=ArraySubquery(POSTS.filter(answer_to=OuterRef("pk")).order_by("id").values("id")),
    ).filter(Exists(TAGS.filter(posts=OuterRef("pk")))),
    "window": POSTS.annotate(place=Window(RowNumber(), partition_by="author", order_by="-id")).filter(
        place=1
    ),
    "windows": POSTS.annotate(
        before=Window(Lag("views"), order_by="id"), r=Window(DenseRank(), order_by="kind")
    ),
    "union": POSTS.filter(id__lt=3).union(POSTS.filter(id__gt=2).order_by("-id")[:2]),
    "union, annotated": POSTS.filter(id__lt=3)
    .annotate(w=Value("a"))
    .union(POSTS.annotate(w=Value("b")), all=True),
    "join": AUTHORS.join(p=POSTS.filter(views__gt=5)).annotate(t=F("p__title")),
    "lateral": AUTHORS.lateral(p=POSTS.filter(author=OuterRef("pk")).order_by("-id")[:1]).annotate(
        t=F("p__title")
    ),
    "with": AUTHORS.with_(p=POSTS.values("author").annotate(n=Count("*"))).annotate(n=F("p__n")),
    "composite key": SEATS.filter(number=1),
    "values": POSTS.values("id", "title", "author", "kind", "price"),
    "values behind a key": POSTS.values("id", "author__name", year=F("day__year")),
    "values of partners": POSTS.values("id", "tags__name"),
    "values, distinct": POSTS.values("kind", "author").distinct(),
    "values, ordered and cut": POSTS.order_by("-day").values("day", "views")[:3],
    "grouped": POSTS.values("author").annotate(n=Count("*"), s=Sum("views"), m=Avg("price")),
    "grouped by two": POSTS.values("kind", "author__city").annotate(n=Count("*")).filter(n__gt=1),
    "grouped by a value": POSTS.values(long=Length("title")).annotate(
        names=StringAgg("title", ",", order_by="id")
    ),
    "groups of groups": AUTHORS.annotate(n=Count("posts")).values("n").annotate(k=Count("*")),
    "one row": POSTS.values(n=Count("*")),
    "tuples": POSTS.values_list("id", "views"),
    "one value": POSTS.values_list("title", flat=True),
    "union of values": POSTS.values("title").union(AUTHORS.values(title=F("name"))),
    "union of groups": POSTS.values("author").annotate(n=Count("*")).union(AUTHORS.values("id", n=Value(0))),
}


def plain(rows: list[Any], names: list[str]) -> Counter[str]:
    """What rows hold, in whichever order they come."""
    found = []
    for row in rows:
        if hasattr(row, "_state"):
            row = [getattr(row, name) for name in names]
        found.append(repr(list(row.values()) if isinstance(row, dict) else row))
    return Counter(found)


@pytest.mark.parametrize("name", QUERIES)
async def test_same_rows(rows: Any, name: str) -> None:
    query = QUERIES[name]
    source = await query.column_source(rows)
    names = [column.name for column in source.columns]
    expected = plain(await query, names)
    columns = await query.to_arrow(numeric="string")
    copies = {
        "in WITH": CTE(query).objects,
        "twice": CTE(CTE(query, materialized=False).objects).objects,
        "united": CTE(query).objects.union(CTE(query).objects, all=True)[: sum(expected.values())],
    }
    for kind, copy in copies.items():
        if kind != "united" or sum(expected.values()) < 2:
            assert plain(await copy, names) == expected, kind
        table = await copy.to_arrow(numeric="string")
        assert [field.type for field in table.schema] == [field.type for field in columns.schema], kind
        assert await copy.count() == sum(expected.values()), kind
    if query._select.result in ("instances", "dict"):
        one = TAGS.filter(name="x")
        outputs = [name.replace("__", "_") for name in names]
        for joined in (
            one.join(j=query, on=True),
            one.lateral(j=query),
            one.with_(j=query).join("j", on=True),
        ):
            fields = [f"j__{c.attribute}" for c in joined._select.clauses.joins[0].table.columns]
            found = await joined.values(*fields)
            assert len(fields) == len(outputs) == len(found[0] if found else outputs)
            if query._select.result == "dict":
                assert plain([[*row.values()] for row in found], names) == expected
            assert await joined.count() == sum(expected.values())


async def test_one_row_of_aggregates(rows: Any) -> None:
    """As a value of every row, and of the rows that belong to each."""
    total = POSTS.aggregate(s=Sum("views"), n=Count("*"))
    found = await AUTHORS.join(total=total, on=True).order_by("id").values_list("id", "total__s", "total__n")
    assert found == [(1, 65, 5), (2, 65, 5), (3, 65, 5), (4, 65, 5)]
    found = (
        await AUTHORS.with_(total=total).join("total", on=True).order_by("id").values_list("id", "total__s")
    )
    assert found == [(1, 65), (2, 65), (3, 65), (4, 65)]
    assert await CTE(total).objects == [{"s": 65, "n": 5}]
    total = POSTS.filter(author=OuterRef("pk")).aggregate(n=Count("*"))
    found = await AUTHORS.lateral(total=total).order_by("id").values_list("id", "total__n")
    assert found == [(1, 2), (2, 1), (3, 1), (4, 0)]
    own = POSTS.filter(author=OuterRef("pk")).values("author").annotate(s=Sum("views"), n=Count("*"))
    found = await AUTHORS.lateral(own=own, left=True).order_by("id").values_list("id", "own__s", "own__n")
    assert found == [(1, 40, 2), (2, None, 1), (3, 5, 1), (4, None, None)]


async def test_loaded_along(rows: Any) -> None:
    """A query over rows in WITH loads what belongs to them, and is loaded for others."""
    latest = CTE(
        POSTS.annotate(place=Window(RowNumber(), partition_by="author", order_by="-id")).filter(place=1)
    )
    query = latest.objects.prefetch_related("tags", "author__posts").select_related("author").order_by("id")
    found = [(p.id, [t.name for t in p.tags], p.author and len(p.author.posts)) for p in await query]
    assert found == [(2, ["x"], 2), (3, [], 1), (4, ["y"], None), (5, [], 1)]
    best = Prefetch("posts", CTE(POSTS.filter(views__gt=8)).objects.order_by("-views")[:1], to_attr="best")
    authors = await AUTHORS.order_by("id").prefetch_related(best)
    assert [[p.id for p in a.best] for a in authors] == [[2], [], [], []]
    nested = await AUTHORS.order_by("id").prefetch_related(best).to_arrow(nested=True)
    assert [[p["id"] for p in row] for row in nested["best"].to_pylist()] == [[2], [], [], []]
    keyed = await latest.objects.in_bulk([2, 9])
    assert [*keyed] == [2]
    assert await latest.objects.contains(keyed[2])
    assert (await latest.objects.latest("day")).id == 5
    assert await latest.objects.filter(Q(tags="x") | Q(views=20)).count() == 2
    assert await latest.objects.annotate(n=Count("tags")).values_list("id", "n").order_by("id") == [
        (2, 1),
        (3, 0),
        (4, 1),
        (5, 0),
    ]
    assert await AUTHORS.filter(posts__in=latest.objects).order_by("id").values_list("id", flat=True) == [
        1,
        2,
        3,
    ]
    assert await AUTHORS.annotate(
        n=Coalesce(Subquery(latest.objects.filter(author=OuterRef("id")).values("id")), 0)
    ).order_by("id").values_list("n", flat=True) == [2, 3, 5, 0]
    with pytest.raises(chakra.FieldError, match=r"sample\(\) draws rows of a table"):
        latest.objects.sample(50).to_sql()
