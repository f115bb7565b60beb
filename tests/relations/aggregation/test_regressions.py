"""Aggregates over joins where joins mislead: several relations, conditions, groups, slices, orders, all at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from chakra import (
    ArrayAgg,
    Avg,
    Count,
    F,
    Field,
    ForeignKey,
    ManyToMany,
    Max,
    Min,
    Model,
    Q,
    StdDev,
    StringAgg,
    Sum,
    field,
    foreign_key,
    many_to_many,
)
from chakra.errors import FieldError
from chakra.types import Integer, Numeric
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED


class Publisher(Model, table="ar_publishers"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    awards: Field[int] = field(Integer)


class Author(Model, table="ar_authors"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    age: Field[int] = field(Integer)
    friends: ManyToMany["Author"] = many_to_many()  # noqa: UP037


class Book(Model, table="ar_books"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    pages: Field[int] = field(Integer)
    price: Field[Decimal] = field(Numeric(8, 2))
    publisher: ForeignKey[Publisher] = foreign_key(related_name="books")
    authors: ManyToMany[Author] = many_to_many(related_name="books")


class Store(Model, table="ar_stores"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    books: ManyToMany[Book] = many_to_many(related_name="stores")


MODELS = (Publisher, Author, Book, Store)


async def fill() -> None:
    """Publishers Big 1 (3 awards): books A 1 (100 pages, 30; by Ann, Bob), B 2 (200, 20; Ann); Mid 2 (1): C 3 (300, 10;
    Cy); Nil 3 (0): none. Authors Ann 1 (30), Bob 2 (40), Cy 3 (50), Di 4 (30); Ann's friends are Bob and Cy. Stores One
    1 sells A and B, Two 2 sells B and C, Off 3 nothing.
    """
    big, mid, _ = [
        await Publisher.objects.create(name=n, awards=a) for n, a in (("Big", 3), ("Mid", 1), ("Nil", 0))
    ]
    ann, bob, cy, _ = [
        await Author.objects.create(name=n, age=a)
        for n, a in (("Ann", 30), ("Bob", 40), ("Cy", 50), ("Di", 30))
    ]
    await ann.friends.add(bob, cy)
    books = []
    for name, pages, price, publisher, authors in (
        ("A", 100, 30, big, (ann, bob)), ("B", 200, 20, big, (ann,)), ("C", 300, 10, mid, (cy,)),
    ):  # fmt: skip
        books.append(await Book.objects.create(name=name, pages=pages, price=price, publisher=publisher))
        await books[-1].authors.add(*authors)
    one, two, _ = [await Store.objects.create(name=name) for name in ("One", "Two", "Off")]
    await one.books.add(*books[:2])
    await two.books.add(*books[1:])


async def test_many_relations_in_one_query(rows: Any) -> None:
    """None multiplies another, at any depth."""
    query = Publisher.objects.order_by("id").annotate(
        n=Count("books"),
        pages=Sum("books__pages"),
        people=Count("books__authors", distinct=True),
        links=Count("books__authors"),
        stores=Count("books__stores"),
        oldest=Max("books__authors__age"),
        cheapest=Min("books__price"),
    )
    with sends(rows, 1):
        found = await query.values_list("n", "pages", "people", "links", "stores", "oldest", "cheapest")
    assert found == [
        (2, 300, 2, 3, 3, 40, Decimal("20.00")),
        (1, 300, 1, 1, 1, 50, Decimal("10.00")),
        (0, None, 0, 0, 0, None, None),
    ]


async def test_conditions_on_several_aggregates(rows: Any) -> None:
    every = Publisher.objects.annotate(n=Count("books"), stores=Count("books__stores")).order_by("id")
    assert [p.name for p in await every.filter(n=F("stores"))] == ["Mid", "Nil"]
    assert [p.name for p in await every.filter(Q(n__gt=1) | Q(awards=0))] == ["Big", "Nil"]
    assert [p.name for p in await every.filter(n__lt=F("awards"))] == ["Big"]
    assert [p.name for p in await every.exclude(n=0, stores=0)] == ["Big", "Mid"]
    assert [p.name for p in await every.annotate(both=F("n") + F("stores")).filter(both=2)] == ["Mid"]  # type: ignore[list-item]
    assert await every.filter(n__gt=0).count() == 2
    assert await every.filter(n=0).exists()
    assert await every.aggregate(s=Sum("n"), m=Max("stores")) == {"s": 3, "m": 3}


async def test_filters_before_and_after(rows: Any) -> None:
    """Before: of which rows; after: which publishers."""
    cheap = Publisher.objects.filter(books__price__lt=25).annotate(n=Count("books")).order_by("id")
    assert await cheap.values_list("name", "n") == [("Big", 1), ("Mid", 1)]
    after = Publisher.objects.annotate(n=Count("books")).filter(books__price__lt=25).order_by("id")
    assert await after.values_list("name", "n") == [("Big", 2), ("Mid", 1)]
    both = cheap.filter(n__lt=5).annotate(links=Count("books__authors"))
    assert await both.values_list("name", "n", "links") == [("Big", 1, 1), ("Mid", 1, 1)]
    other = Publisher.objects.filter(books__stores__name="One").annotate(n=Count("books")).order_by("id")
    assert await other.values_list("name", "n") == [("Big", 2)]
    none = Publisher.objects.exclude(books__price__lt=25).annotate(n=Count("books"))
    assert await none.values_list("name", "n") == [("Nil", 0)]


async def test_conditions_inside(rows: Any) -> None:
    query = Store.objects.order_by("id").annotate(
        thick=Count("books", filter=Q(books__pages__gte=200)),
        old=Count("books", filter=Q(books__authors__age__gt=35)),
        young=Count("books", filter=~Q(books__authors__age__gt=35)),
        big=Sum("books__price", filter=Q(books__publisher__name="Big"), default=0),
    )
    assert await query.values_list("thick", "old", "young", "big") == [
        (1, 1, 1, 50),
        (2, 1, 1, 20),
        (0, 0, 0, 0),
    ]


async def test_groups_along_paths(rows: Any) -> None:
    by = Book.objects.values("publisher__name").annotate(n=Count("id"), total=Sum("pages"))
    assert await by.order_by("publisher__name").values_list("publisher__name", "n", "total") == [
        ("Big", 2, 300), ("Mid", 1, 300),
    ]  # fmt: skip
    by = Author.objects.values("age").annotate(n=Count("books")).order_by("age")
    assert await by.values_list("age", "n") == [(30, 2), (40, 1), (50, 1)]
    people = Author.objects.values("books__publisher__name").annotate(n=Count("id", distinct=True))
    by = people.order_by("-n", "books__publisher__name")
    assert await by.values_list("books__publisher__name", "n") == [("Big", 2), ("Mid", 1), (None, 1)]
    kept = Author.objects.values("age").annotate(n=Count("books")).filter(n__gt=1)
    assert await kept == [{"age": 30, "n": 2}]
    assert await kept.count() == 1
    assert (await kept.to_arrow()).to_pylist() == [{"age": 30, "n": 2}]


async def test_of_all_rows(rows: Any) -> None:
    with sends(rows, 1):
        found = await Book.objects.aggregate(
            n=Count("*"), links=Count("authors"), stores=Count("stores"), pages=Sum("pages"), age=Avg("authors__age"),
            awards=Sum("publisher__awards"),
        )  # fmt: skip
    assert found == {"n": 3, "links": 4, "stores": 4, "pages": 600, "age": Decimal("37.5"), "awards": 7}
    assert await Book.objects.filter(authors__name="Ann").aggregate(n=Count("id"), p=Sum("pages")) == {
        "n": 2,
        "p": 300,
    }
    assert await Book.objects.filter(authors__age__gt=0).aggregate(n=Count("id")) == {"n": 3}
    assert await Book.objects.filter(name="none").aggregate(n=Count("authors"), s=Sum("pages")) == {
        "n": 0,
        "s": None,
    }
    assert await Book.objects.none().aggregate(n=Count("authors")) == {"n": 0}
    spread = await Author.objects.aggregate(
        s=StdDev("books__pages"), t=StringAgg("books__name", order_by="books__name")
    )
    assert spread["t"] == "A,A,B,C"
    assert float(spread["s"]) == pytest.approx(82.9156, abs=0.0001)  # of 100, 100, 200, 300


async def test_of_some_rows(rows: Any) -> None:
    """Aggregates over a slice, or over distinct rows, follow their relations."""
    first = Book.objects.order_by("-price")[:2]
    assert await first.aggregate(Count("authors__name"), s=Sum("publisher__awards")) == {
        "authors__name__count": 3, "s": 6,
    }  # fmt: skip
    assert await Book.objects.order_by("id")[1:].aggregate(n=Count("stores"), p=Min("publisher__name")) == {
        "n": 3, "p": "Big",
    }  # fmt: skip
    assert await Book.objects.distinct().aggregate(n=Count("authors"), m=Count("stores")) == {"n": 4, "m": 4}
    with pytest.raises(FieldError, match="the query over Book has no field 'publisher'"):
        await Book.objects.values("name")[:2].aggregate(Count("publisher__name"))


async def test_of_ones_own_model(rows: Any) -> None:
    query = Author.objects.order_by("id").annotate(
        n=Count("friends"), old=Avg("friends__age"), known=Count("friends__books", distinct=True)
    )
    assert await query.values_list("name", "n", "old", "known") == [
        ("Ann", 2, 45, 2), ("Bob", 1, 30, 2), ("Cy", 1, 30, 2), ("Di", 0, None, 0),
    ]  # fmt: skip


async def test_with_everything_else_a_query_says(rows: Any) -> None:
    query = (
        Book.objects.select_related("publisher")
        .prefetch_related("authors")
        .annotate(n=Count("authors"), names=ArrayAgg("authors__name", order_by="authors__name"))
        .order_by("-n", "name")[:2]
    )
    with sends(rows, 2):
        found = [(b.name, b.n, b.names, b.publisher.name, len(b.authors)) for b in await query]  # type: ignore[attr-defined]
    assert found == [("A", 2, ["Ann", "Bob"], "Big", 2), ("B", 1, ["Ann"], "Big", 1)]
    assert await Book.objects.annotate(n=Count("authors")).filter(n__gt=1).update(pages=1) == 1
    assert await Book.objects.annotate(n=Count("stores")).filter(n=2).values_list("name", flat=True) == ["B"]
    async with rows.transaction():
        locked = await Book.objects.annotate(n=Count("authors")).select_for_update().order_by("id")
        assert [b.n for b in locked] == [2, 1, 1]  # type: ignore[attr-defined]


async def test_names_that_are_taken(rows: Any) -> None:
    for name in ("books", "name", "save", "pk"):
        with pytest.raises(
            FieldError, match=f"annotation '{name}' has the name of a field or method of Publisher"
        ):
            Publisher.objects.annotate(**{name: Count("books")})
    with pytest.raises(FieldError, match="Publisher has no field 'book'; it has id, name, awards, books"):
        await Publisher.objects.annotate(n=Count("book"))
    with pytest.raises(FieldError, match=r"two values are named 'books__count'"):
        Publisher.objects.annotate(Count("books"), books__count=Count("id"))
