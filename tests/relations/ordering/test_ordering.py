"""Order along relations: rows come once, and of several partners the smallest or the largest value decides."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import Count, F, Field, ForeignKey, ManyToMany, Model, field, foreign_key, many_to_many
from chakra.errors import FieldError
from chakra.types import Integer
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED


class Land(Model, table="or_lands"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]

    class Meta:
        ordering = ("-name",)


class Author(Model, table="or_authors"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    land: ForeignKey[Land | None] = foreign_key(related_name="authors", default=None)

    class Meta:
        ordering = ("land", "name")


class Book(Model, table="or_books"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    pages: Field[int | None] = field(Integer)
    good: Field[bool] = field(default=False)
    author: ForeignKey[Author] = foreign_key(related_name="books")
    shelves: ManyToMany["Shelf"] = many_to_many(related_name="books")  # noqa: UP037

    class Meta:
        ordering = ("-pages",)


class Shelf(Model, table="or_shelves"):
    id: Field[int] = field(primary_key=True)
    height: Field[int] = field(Integer)


MODELS = (Land, Author, Book, Shelf)


async def fill() -> None:
    """Ann (Peru): a of 10 pages on shelves 1 and 2, b of 40, c of unknown length; Bob (Chad): d of 20, good, on shelf
    2; Cy (no land): e of 30; Di (Chad): no books. Shelves are 5 and 7 high.
    """
    peru, chad = await Land.objects.create(name="Peru"), await Land.objects.create(name="Chad")
    ann, bob, cy, _ = [
        await Author.objects.create(name=name, land=land)
        for name, land in (("Ann", peru), ("Bob", chad), ("Cy", None), ("Di", chad))
    ]
    low, high = await Shelf.objects.create(height=5), await Shelf.objects.create(height=7)
    for title, pages, author in (
        ("a", 10, ann),
        ("b", 40, ann),
        ("c", None, ann),
        ("d", 20, bob),
        ("e", 30, cy),
    ):
        await Book.objects.create(title=title, pages=pages, author=author, good=title == "d")
    a, d = await Book.objects.get(title="a"), await Book.objects.get(title="d")
    await a.shelves.add(low, high)
    await d.shelves.add(high)


async def names(query: Any) -> str:
    return " ".join([author.name for author in await query])


async def titles(query: Any) -> str:
    return "".join([book.title for book in await query])


async def test_by_the_row_behind_a_key(rows: Any) -> None:
    every = Book.objects
    query = every.order_by("author__name", "-title")
    assert query.to_sql()[0].count("JOIN") == 1
    assert await titles(query) == "cbade"
    assert await titles(every.order_by("-author__land__name", "title")) == "eabcd"  # NULL is the largest
    assert await titles(every.order_by(F("author__land__name").desc(nulls="last"), "title")) == "abcde"
    assert await titles(every.order_by("author_id", "title")) == "abcde"
    assert "JOIN" not in every.order_by("author_id").to_sql()[0]
    assert "JOIN" not in every.order_by("author__id", "author__pk").to_sql()[0]


async def test_by_a_relation(rows: Any) -> None:
    """It means the order of the table it leads to, and of those that one names."""
    assert await titles(Book.objects.order_by("author", "title")) == "eabcd"  # none, Peru, Chad
    assert await titles(Book.objects.order_by("-author", "title")) == "dabce"
    assert await names(Author.objects.all()) == "Cy Ann Bob Di"
    assert await names(Author.objects.reverse()) == "Di Bob Ann Cy"
    assert await names(Author.objects.order_by("-land", "-name")) == "Di Bob Ann Cy"
    # The order of books: the most pages first, unknown ones before. Of authors' books the first decides.
    assert await names(Author.objects.order_by("books", "id")) == "Di Ann Cy Bob"
    assert await names(Author.objects.order_by("-books", "id")) == "Ann Bob Cy Di"


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("books__pages", "Ann Bob Cy Di"),  # 10, 20, 30, none
        ("-books__pages", "Di Ann Cy Bob"),  # none, 40, 30, 20
        ("books__title", "Ann Bob Cy Di"),
        ("-books__title", "Di Cy Bob Ann"),
        ("books__good", "Ann Cy Bob Di"),  # no min() of booleans
        ("books__shelves__height", "Ann Bob Cy Di"),  # 5, 7, none, none
        ("-books__shelves__height", "Cy Di Ann Bob"),  # none, none, 7, 7
        ("books__shelves", "Ann Bob Cy Di"),
        ("books__id", "Ann Bob Cy Di"),
    ],
)
async def test_by_rows_of_which_there_may_be_many(rows: Any, term: str, expected: str) -> None:
    query = Author.objects.order_by(term, "id")
    sql, _ = query.to_sql()
    assert sql.count("ORDER BY (SELECT") == 1
    assert await names(query) == expected
    assert await names(query.reverse()) == " ".join(reversed(expected.split()))
    assert await query.count() == 4
    assert await names(query[1:3]) == " ".join(expected.split()[1:3])
    assert (await query.first()).name == expected.split(maxsplit=1)[0]  # type: ignore[union-attr]
    assert (await query.last()).name == expected.rsplit(maxsplit=1)[-1]  # type: ignore[union-attr]
    assert await query.values_list("name", flat=True) == expected.split()
    assert await query.distinct().values_list("name", flat=True) == expected.split()
    assert (await query.values("name").to_arrow())["name"].to_pylist() == expected.split()


async def test_expressions_of_many_rows(rows: Any) -> None:
    every = Author.objects
    assert await names(every.order_by(F("books__pages").desc(nulls="last"), "id")) == "Ann Cy Bob Di"
    assert await names(every.order_by(F("books__pages").asc(nulls="first"), "id")) == "Di Ann Bob Cy"
    assert await names(every.order_by((F("books__pages") * -1).asc(), "id")) == "Ann Cy Bob Di"
    assert await names(every.order_by(Count("books").desc(), "id")) == "Ann Bob Cy Di"
    assert (await every.exclude(books=None).latest("books__pages")).name == "Ann"
    assert (await every.earliest("books__pages")).name == "Ann"
    assert (await every.filter(books__pages__lt=40).latest("books__pages")).name == "Cy"


async def test_a_filter_says_which_rows_decide(rows: Any) -> None:
    """As for aggregates: the last one that is about the same rows."""
    query = Author.objects.filter(books__pages__gt=15).order_by("books__pages", "id")
    assert await names(query) == "Bob Cy Ann"  # 20, 30, 40
    assert await names(query.filter(books__pages__lt=15)) == "Ann"
    assert await names(Author.objects.filter(name__ne="Di").order_by("books__pages")) == "Ann Bob Cy"


async def test_values_of_many_rows_are_sorted_by_themselves(rows: Any) -> None:
    """The query returns one row for each of them."""
    query = Author.objects.order_by("books__pages", "name").values_list("name", "books__pages")
    assert await query == [("Ann", 10), ("Bob", 20), ("Cy", 30), ("Ann", 40), ("Ann", None), ("Di", None)]
    query = Author.objects.order_by("-books__title").values_list("name", "books__pages")
    assert await query == [("Di", None), ("Cy", 30), ("Bob", 20), ("Ann", None), ("Ann", 40), ("Ann", 10)]
    query = Author.objects.annotate(title=F("books__title")).order_by("books__pages", "name")
    assert [(a.name, a.title) for a in await query][:3] == [("Ann", "a"), ("Bob", "d"), ("Cy", "e")]  # type: ignore[attr-defined]


async def test_groups_come_once_too(rows: Any) -> None:
    query = Author.objects.values("land__name").annotate(n=Count("books"))
    assert await query.order_by("-books__pages").values_list("land__name", "n") == [
        ("Peru", 3), (None, 1), ("Chad", 1),
    ]  # fmt: skip
    with pytest.raises(FieldError, match=r"Count\(Author\.id\) would count each row once for every partner"):
        await Author.objects.values("land").annotate(n=Count("id")).order_by("books__pages")


async def test_writes_and_counts_need_no_order(rows: Any) -> None:
    query = Author.objects.filter(land__name="Chad").order_by("books__pages")
    with sends(rows, 3) as statements:
        assert await query.count() == 2
        assert await query.exists()
        assert await query.update(name="x") == 2
    assert not any("ORDER BY" in sql for sql in statements)


@pytest.mark.parametrize(
    ("term", "why"),
    [
        ("nothing", "Author has no field 'nothing'"),
        ("land__nothing", "Land has no field 'nothing' \\(in 'land__nothing'\\); it has .*authors"),
        ("name__nothing", "'nothing' is no lookup for 'name'"),
        ("books__pages__gt", "ends in the lookup 'gt'; a field is needed"),
        ("land__", "Land has no field ''"),
    ],
)
async def test_what_is_no_path(rows: Any, term: str, why: str) -> None:
    with pytest.raises(FieldError, match=why):
        await Author.objects.order_by(term)
