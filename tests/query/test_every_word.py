"""Every word that queries promise, used once: methods, lookups, expressions, with answers worked out by hand."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

import chakra
from chakra import (
    CTE,
    JSON_NULL,
    ArrayAgg,
    ArraySubquery,
    Avg,
    Case,
    Cast,
    Coalesce,
    Count,
    Exists,
    F,
    Func,
    JsonAgg,
    Lag,
    Max,
    Min,
    OuterRef,
    Prefetch,
    Q,
    Rank,
    RowNumber,
    StdDev,
    StringAgg,
    Subquery,
    Sum,
    Value,
    Variance,
    When,
    Window,
)
from chakra.query.queryset import QuerySet
from chakra.types import Text
from tests.query.library import Author, Book, stamp

pytestmark = pytest.mark.usefixtures("library")

B, A = Book.objects.order_by("id"), Author.objects.order_by("id")


async def ids(query: Any) -> list[int]:
    return [row.pk for row in await query]


async def flat(query: Any, name: str = "id") -> list[Any]:
    return await query.values_list(name, flat=True)  # type: ignore[no-any-return]


async def listed(stream: Any) -> list[int]:
    return [row.pk async for row in stream]


async def made(work: Any) -> Any:
    found = await work
    row, *created = found if isinstance(found, tuple) else (found,)
    return (row.title, *created)


async def locked(**options: Any) -> list[int]:
    async with chakra.transaction():
        return await ids(B.select_for_update(**options))


async def _keys(work: Any) -> list[int]:
    return sorted(await work)


async def _titles(work: Any) -> list[str]:
    return [book.title for book in await work]


async def _bulk_updated() -> int:
    book = await Book.objects.get(id=1)
    book.title = "again"
    return await Book.objects.bulk_update([book], ["title"])


async def _inserted() -> int:
    return (await Book.objects.bulk_insert({"title": ["a", "b"], "author_id": [1, 2]})).inserted  # type: ignore[no-any-return]


async def _plans(work: Any) -> bool:
    return "Execution Time" in (await work)[0]


async def _text(said: tuple[str, list[Any]]) -> tuple[str, list[Any]]:
    return said[0].partition('FROM "books" ')[2], said[1]


async def _first_of_ann() -> list[int]:
    ann = Author.objects.filter(name="Ann").values("id")
    return await flat(B.with_(a=ann).join("a", on=Q(author=F("a__id")))[:1])


ANN = {"title": "new", "author_id": 1}
METHODS: dict[str, tuple[Callable[[], Any], Any]] = {
    "filter": (lambda: ids(B.filter(pages=100)), [1, 3]),
    "exclude": (lambda: ids(B.exclude(pages=100)), [2, 4, 5, 6]),
    "get": (lambda: made(Book.objects.get(id=1)), ("Alpha",)),
    "first": (lambda: made(B.first()), ("Alpha",)),
    "last": (lambda: made(B.last()), ("alphabet",)),
    "earliest": (lambda: made(Book.objects.filter(printed__isnull=False).earliest("printed")), ("Alpha",)),
    "latest": (lambda: made(Book.objects.filter(pages__gt=0).latest("pages")), ("Ünïcode 日本",)),
    "all": (lambda: ids(B.all()), [1, 2, 3, 4, 5, 6]),
    "none": (lambda: ids(B.none()), []),
    "order_by": (lambda: ids(Book.objects.order_by("-author__name", F("id").desc())), [6, 4, 5, 3, 2, 1]),
    "reverse": (lambda: ids(B.reverse()), [6, 5, 4, 3, 2, 1]),
    "distinct": (lambda: flat(Book.objects.distinct("author").order_by("author", "-id")), [2, 5, 6]),
    "limit": (lambda: ids(B.limit(2)), [1, 2]),
    "offset": (lambda: ids(B.offset(4)), [5, 6]),
    "values": (lambda: B.filter(id=1).values("id", t=F("title")), [{"id": 1, "t": "Alpha"}]),
    "values_list": (lambda: B.filter(id=1).values_list("id", "title", named=True), [(1, "Alpha")]),
    "only": (lambda: ids(B.only("title")), [1, 2, 3, 4, 5, 6]),
    "defer": (lambda: ids(B.defer("title")), [1, 2, 3, 4, 5, 6]),
    "select_related": (lambda: flat(B.select_related("author").filter(author__name="Ann")), [1, 2]),
    "prefetch_related": (lambda: ids(A.prefetch_related("books")), [1, 2, 3]),
    "annotate": (lambda: flat(A.annotate(n=Count("books")), "n"), [2, 2, 2]),
    "aggregate": (lambda: Book.objects.aggregate(n=Count("*"), m=Max("pages")), {"n": 6, "m": 320}),
    "alias": (lambda: ids(B.alias(half=F("pages") / 2).filter(half=50)), [1, 3]),
    "count": (B.count, 6),
    "exists": (lambda: B.filter(pages=1).exists(), False),
    "contains": (lambda: B.contains(Book(id=6)), True),
    "in_bulk": (lambda: _keys(Book.objects.in_bulk([1, 3])), [1, 3]),
    "union": (lambda: ids(B[:1].union(B.filter(id=6)).order_by("id")), [1, 6]),
    "intersection": (lambda: ids(B.intersection(B.filter(id=6))), [6]),
    "difference": (lambda: ids(B.difference(B.filter(id__lt=6))), [6]),
    "select_for_update": (lambda: locked(nowait=True, of=["self"], no_key=True), [1, 2, 3, 4, 5, 6]),
    "create": (lambda: made(Book.objects.create(**ANN)), ("new",)),
    "get_or_create": (lambda: made(Book.objects.get_or_create(title="n", defaults={"author_id": 1})), ("n", True)),
    "update_or_create": (
        lambda: made(Book.objects.update_or_create(id=1, defaults={"title": "changed"})),
        ("changed", False),
    ),
    "bulk_create": (lambda: _titles(Book.objects.bulk_create([Book(**ANN), Book(**ANN)])), ["new", "new"]),
    "bulk_update": (_bulk_updated, 1),
    "bulk_insert": (_inserted, 2),
    "update": (lambda: Book.objects.filter(pages=100).update(pages=F("pages") + 1), 2),
    "delete": (lambda: Book.objects.filter(id=6).delete(), 1),
    "iterator": (lambda: listed(B.iterator(chunk_size=2)), [1, 2, 3, 4, 5, 6]),
    "explain": (lambda: _plans(B.explain(analyze=True, format="json")), True),
    "to_sql": (lambda: _text(Book.objects.filter(id=7).values("id").to_sql()), ('WHERE "id" = $1::bigint', [7])),
    "fetch_mode": (lambda: ids(B.fetch_mode("peers")), [1, 2, 3, 4, 5, 6]),
    "with_": (_first_of_ann, [1]),
}  # fmt: skip


LOOKUPS: dict[str, list[int]] = {
    "title__exact=Alpha": [1], "title__iexact=ALPHA": [1], "title__contains=lph": [1, 2, 6],
    "title__icontains=ALPHA": [1, 2, 6], "title__startswith=alp": [6], "title__istartswith=ALP": [1, 6],
    "title__endswith=slash": [3], "title__iendswith=SLASH": [3], "title__regex=^[a-z]+$": [6],
    "title__iregex=^ALPHA$": [1], "title__ne=Alpha": [2, 3, 4, 5, 6],
}  # fmt: skip
OTHERS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "in": ({"pages__in": [100, 250]}, [1, 2, 3]),
    "gt": ({"pages__gt": 100}, [2, 4]),
    "gte": ({"pages__gte": 250}, [2, 4]),
    "lt": ({"pages__lt": 100}, [5]),
    "lte": ({"pages__lte": 100}, [1, 3, 5]),
    "range": ({"pages__range": (100, 250)}, [1, 2, 3]),
    "isnull": ({"pages__isnull": True}, [6]),
    "date": ({"added__date": dt.date(2020, 1, 5)}, [1]),
    "year": ({"printed__year": 2020}, [2]),
    "iso_year": ({"printed__iso_year": 2020}, [1, 2]),
    "month": ({"printed__month__gte": 7}, [1, 3]),
    "day": ({"printed__day": 29}, [2]),
    "week": ({"printed__week": 1}, [1]),
    "week_day": ({"printed__week_day": 1}, [3]),
    "iso_week_day": ({"printed__iso_week_day": 7}, [3]),
    "quarter": ({"printed__quarter": 1}, [2, 4]),
    "time": ({"added__time": dt.time(12, 0)}, [3]),
    "hour": ({"opens__hour": 9}, [1]),
    "minute": ({"opens__minute__gt": 30}, [3]),
    "second": ({"added__second": 59}, [2]),
    "JSON path": ({"data__b__c": [1, 2]}, [1]),
    "has_key": ({"data__has_key": "a"}, [1, 2, 4]),
    "JSON null": ({"data__a": JSON_NULL}, [4]),
    "data__contains": ({"data__contains": {"a": 2}}, [2]),
    "overlap": ({"tags__overlap": ["new", "old"]}, [1, 2, 4]),
    "across relations": ({"author__publisher__city__startswith": "Ber", "added__gt": stamp("2020-02-01")}, [2]),
}  # fmt: skip

books = Book.objects.filter(author=OuterRef("id")).order_by("id")
EXPRESSIONS: dict[str, tuple[Any, list[Any]]] = {
    "Q": (Q(name="Ann"), [True, False, False]),
    "F": (F("name"), ["Ann", "Bob", "Zoë"]),
    "Value": (Value("v"), ["v", "v", "v"]),
    "Case": (Case(When(name="Ann", then=1), default=0), [1, 0, 0]),
    "When": (Case(When(Q(name="Bob"), then=Value("b"))), [None, "b", None]),
    "Subquery": (Subquery(books.values("title")[:1]), ["Alpha", "back\\slash", "Ünïcode 日本"]),
    "Exists": (Exists(books.filter(pages=0)), [False, True, False]),
    "OuterRef": (Exists(books), [True, True, True]),
    "ArraySubquery": (ArraySubquery(books.values("id")), [[1, 2], [3, 5], [4, 6]]),
    "Coalesce": (Coalesce("publisher__city", Value("-")), ["Berlin", "-", "-"]),
    "Cast": (Cast("id", Text), ["1", "2", "3"]),
    "Func": (Func("upper", "name", type=Text), ["ANN", "BOB", "ZOË"]),
    "Count": (Count("books__pages"), [2, 2, 1]),
    "Sum": (Sum("books__pages"), [350, 100, 320]),
    "Avg": (Avg("books__pages"), [175, 50, 320]),
    "Min": (Min("books__pages"), [100, 0, 320]),
    "Max": (Max("books__price"), [Decimal("20.50"), Decimal("5.00"), Decimal("15.25")]),
    "ArrayAgg": (ArrayAgg("books__id", order_by="-books__id"), [[2, 1], [5, 3], [6, 4]]),
    "StringAgg": (StringAgg("books__kind", "+", order_by="books__id", filter=Q(books__kind__isnull=False)),
                  ["novel+poetry", "novel", "poetry"]),
    "JsonAgg": (JsonAgg("books__pages", order_by="books__id"), [[100, 250], [100, 0], [320, None]]),
    "StdDev": (StdDev("books__pages"), [75, 50, 0]),
    "Variance": (Variance("books__pages", sample=True), [11250, 5000, None]),
    "Window": (Window(RowNumber(), order_by="-id"), [3, 2, 1]),
    "Rank": (Window(Rank(), order_by="name"), [1, 2, 3]),
    "Lag": (Window(Lag("name"), order_by="id"), [None, "Ann", "Bob"]),
    "default=": (Sum("books__pages", filter=Q(books__pages=0), default=-1), [-1, 0, -1]),
    "distinct=": (Count("books__kind", distinct=True), [2, 1, 1]),
}  # fmt: skip


class Undo(Exception):
    """What was written is taken back."""


async def test_methods() -> None:
    wrong = []
    for name, (call, expected) in METHODS.items():
        with suppress(Undo):
            async with chakra.transaction():
                found = await call()
                if found != expected:
                    wrong.append(f"{name}: {found}, and not {expected}")
                raise Undo
    assert not wrong, "\n".join(wrong)


def test_every_method_of_the_contract_is_there() -> None:
    assert not [name for name in METHODS if not hasattr(QuerySet, name)]


async def test_lookups() -> None:
    for said, expected in LOOKUPS.items():
        name, _, value = said.partition("=")
        assert await ids(B.filter(**{name: value})) == expected, said
    for word, (conditions, expected) in OTHERS.items():
        assert await ids(B.filter(**conditions)) == expected, word
        assert await ids(B.exclude(**conditions)) == [i for i in range(1, 7) if i not in expected], word


async def test_expressions() -> None:
    wrong = []
    for name, (expression, expected) in EXPRESSIONS.items():
        query = A.annotate(x=expression)
        rows, columns = await flat(query, "x"), (await query.values("x").to_arrow())["x"].to_pylist()
        if name == "JsonAgg":
            columns = [json.loads(text) for text in columns]
        if rows != expected or columns != expected:
            wrong.append(f"{name}: {rows}, {columns}")
    assert not wrong, "\n".join(wrong)


async def test_the_rest() -> None:
    assert [row.pk for row in (await B)[2:4]] == await ids(B[2:4]) == [3, 4]
    assert (await B[5]).title == "alphabet"
    best = Prefetch("books", queryset=Book.objects.order_by("-id")[:1], to_attr="latest")
    assert [[book.id for book in author.latest] for author in await A.prefetch_related(best)] == [
        [2],
        [5],
        [6],
    ]
    rows = await A
    await chakra.prefetch(rows, "books")
    assert [len(author.books) for author in rows] == [2, 2, 2]
    numbers = CTE.recursive(
        Book.objects.filter(id=1).values("id", n=Value(1)),
        lambda self: self.objects.filter(n__lt=3).values("id", n=F("n") + 1),
    )
    assert sorted([row["n"] for row in await numbers.objects]) == [1, 2, 3]
    assert await Book.objects.filter(id__in=Book.objects.filter(pages=100).values("id")).count() == 2
    assert await A.exclude(id__in=Book.objects.values("sequel_of")).values_list("id", flat=True) == [2, 3]
    assert await A.annotate(Count("books")).values_list("books__count", flat=True) == [2, 2, 2]
    book = await Book.objects.get(id=1)
    book.pages = F("pages") + 1  # type: ignore[assignment]
    await book.save()
    assert (await Book.objects.get(id=1)).pages == 101
    assert [row.pk async for row in B] == [1, 2, 3, 4, 5, 6]
    ann = await Author.objects.get(id=1)
    assert (await ann.books.filter(pages=101).create(title="of Ann")).author_id == 1
