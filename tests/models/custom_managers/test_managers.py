"""Managers and querysets of one's own: methods, default filters, and where they are kept."""

from __future__ import annotations

from typing import Any, Self

import pytest

from chakra import (
    Count,
    F,
    Field,
    ForeignKey,
    ManyToMany,
    Model,
    Prefetch,
    Q,
    QuerySet,
    field,
    foreign_key,
    many_to_many,
)
from chakra.errors import FieldError
from tests.relations.conftest import SHARED, rows, sends, shared_tables

__all__ = ["rows", "shared_tables"]

pytestmark = SHARED


class TomeQuerySet(QuerySet["Tome"]):
    note = ""

    def long(self) -> Self:
        return self.filter(pages__gte=300)

    def noted(self, note: str) -> Self:
        new = self.all()
        new.note = note
        return new

    async def delete(self) -> int:
        """Books are put away, not deleted."""
        return await self.update(gone=True)


class SortedQuerySet(QuerySet["Tome"]):
    def initial(self) -> Self:
        return self.annotate(twice=F("pages") * 2).order_by("-pages").select_related("author")


class Living(QuerySet[Any]):
    def initial(self) -> Self:
        return self.filter(gone=False)


class Mixed(Living):
    def named(self, name: str) -> Self:
        return self.filter(name=name)


class Base(Model):
    name: Field[str]
    gone: Field[bool] = field(default=False)
    objects = Mixed.as_manager()
    every = QuerySet.as_manager()

    class Meta:
        abstract = True


class Author(Base, table="cm_authors"):
    id: Field[int] = field(primary_key=True)


class Tag(Base, table="cm_tags"):
    id: Field[int] = field(primary_key=True)
    books: ManyToMany[Tome] = many_to_many(related_name="tags")


class Tome(Model, table="cm_books"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    pages: Field[int]
    gone: Field[bool] = field(default=False)
    author: ForeignKey[Author] = foreign_key(related_name="books")

    objects = TomeQuerySet.as_manager(gone=False)
    every = TomeQuerySet.as_manager()
    thick = TomeQuerySet.as_manager(Q(pages__gt=100) & Q(gone=False))
    ranked = SortedQuerySet.as_manager()


MODELS = (Author, Tag, Tome)


async def fill() -> None:
    """Ann 1: Dune 1 (400 pages), Emma 2 (90), Gone 3 (500, put away); Bob 2, put away: Ides 4 (300). Tags: new 1 (all
    of them), old 2, put away (Dune).
    """
    ann = await Author.objects.create(name="Ann")
    bob = await Author.objects.create(name="Bob", gone=True)
    for title, pages, gone, author in (
        ("Dune", 400, False, ann),
        ("Emma", 90, False, ann),
        ("Gone", 500, True, ann),
        ("Ides", 300, False, bob),
    ):
        await Tome.objects.create(title=title, pages=pages, gone=gone, author=author)
    new, old = await Tag.objects.create(name="new"), await Tag.objects.create(name="old", gone=True)
    await new.books.add(1, 2, 3, 4)
    await old.books.add(1)


async def titles(query: Any) -> list[str]:
    return sorted([book.title for book in await query])


QUERIES = {
    "the default filter": (lambda: Tome.objects, "Dune Emma Ides"),
    "no filter": (lambda: Tome.every, "Dune Emma Gone Ides"),
    "a condition": (lambda: Tome.thick, "Dune Ides"),
    "a method": (lambda: Tome.objects.all().long(), "Dune Ides"),
    "a method of another manager": (lambda: Tome.every.all().long(), "Dune Gone Ides"),
    "after a filter": (lambda: Tome.objects.filter(author=1).long(), "Dune"),
    "after a union": (lambda: Tome.objects.long().union(Tome.every.filter(id=3)), "Dune Gone Ides"),
    "an inherited manager of the target": (
        lambda: Tome.every.filter(author__in=Author.objects),
        "Dune Emma Gone",
    ),
    "conditions across relations see all": (lambda: Tome.objects.filter(author__name="Bob"), "Ides"),
}


@pytest.mark.parametrize("case", QUERIES)
async def test_queries_begin_at_the_manager(rows: Any, case: str) -> None:
    query, expected = QUERIES[case]
    assert await titles(query()) == expected.split()


async def test_methods_are_kept_through_values(rows: Any) -> None:
    assert await Tome.objects.values_list("title", flat=True).long().order_by("title") == ["Dune", "Ides"]
    assert await Tome.objects.values("author").annotate(n=Count("*")).long().order_by("author") == [
        {"author": 1, "n": 1},
        {"author": 2, "n": 1},
    ]
    assert (await Tome.objects.order_by("id").long().to_arrow())["title"].to_pylist() == ["Dune", "Ides"]


async def test_what_a_manager_begins_with(rows: Any) -> None:
    with sends(rows, 1):
        books = await Tome.ranked.all()
        assert [(b.title, b.twice, b.author.name) for b in books] == [
            ("Gone", 1000, "Ann"), ("Dune", 800, "Ann"), ("Ides", 600, "Bob"), ("Emma", 180, "Ann"),
        ]  # fmt: skip


async def test_attributes_of_a_queryset_go_along(rows: Any) -> None:
    noted = Tome.objects.noted("mine")
    assert (noted.long().order_by("id")[:1].note, noted.values("id").note, Tome.objects.note) == (
        "mine",
        "mine",
        "",
    )
    ann = await Author.objects.get(id=1)
    assert ann.books.noted("set").long().note == "set"
    assert await titles(ann.books.noted("set").long()) == ["Dune"]


async def test_sets_of_rows_are_of_the_default_manager(rows: Any) -> None:
    ann, new = await Author.objects.get(id=1), await Tag.objects.get(id=1)
    assert isinstance(ann.books, TomeQuerySet) and isinstance(new.books, TomeQuerySet)
    assert await titles(ann.books) == ["Dune", "Emma"]
    assert await titles(ann.books.long()) == ["Dune"]
    assert await titles(new.books.long()) == ["Dune", "Ides"]
    assert await titles(ann.books.long().union(Tome.every.filter(id=4))) == ["Dune", "Ides"]
    dune = await Tome.objects.get(title="Dune")
    assert [tag.name for tag in await dune.tags.named("new")] == ["new"]
    assert await dune.tags.count() == 1


async def test_keys_and_instances_see_all_rows(rows: Any) -> None:
    ides = await Tome.objects.get(title="Ides")
    assert (await ides.author).name == "Bob"
    assert (await Tome.objects.select_related("author").get(id=4)).author.name == "Bob"
    assert [b.author.name for b in await Tome.objects.filter(id=4).prefetch_related("author")] == ["Bob"]
    gone = await Tome.every.get(id=3)
    await gone.refresh()
    gone.title = "Went"
    await gone.save()
    assert (await Tome.every.get(id=3)).title == "Went"


async def test_prefetched_sets_begin_at_the_default_manager(rows: Any) -> None:
    with sends(rows, 2):
        (ann,) = await Author.objects.prefetch_related("books")
        assert await titles(ann.books) == ["Dune", "Emma"] and len(ann.books) == 2
    assert await titles(ann.books.long()) == ["Dune"]
    (all_of,) = await Author.objects.prefetch_related(Prefetch("books", queryset=Tome.every.order_by("id")))
    assert [book.title for book in all_of.books] == ["Dune", "Emma", "Gone"]
    tag = await Tag.objects.prefetch_related("books__tags").get(id=1)
    assert {book.title: [t.name for t in book.tags] for book in tag.books} == {
        "Dune": ["new"], "Emma": ["new"], "Ides": ["new"],
    }  # fmt: skip
    columns = (
        await Author.objects.prefetch_related("books").only("name", "books__title").to_arrow(nested=True)
    )
    assert [[book["title"] for book in row] for row in columns["books"].to_pylist()] == [["Dune", "Emma"]]


async def test_a_row_that_the_filter_hides_is_not_put_into_a_loaded_set(rows: Any) -> None:
    (ann,) = await Author.objects.prefetch_related("books")
    await ann.books.create(title="Lost", pages=10, gone=True)
    assert await titles(ann.books) == ["Dune", "Emma"]


async def test_overridden_verbs_are_those_of_sets_too(rows: Any) -> None:
    ann = await Author.objects.get(id=1)
    assert await ann.books.long().delete() == 1
    assert await titles(Tome.objects) == ["Emma", "Ides"]
    assert await titles(Tome.every) == ["Dune", "Emma", "Gone", "Ides"]


async def test_bulk_update_takes_any_rows(rows: Any) -> None:
    books = await Tome.every.order_by("id")
    for book in books:
        book.pages = 1
    assert await Tome.objects.bulk_update(books, ["pages"]) == 4
    with pytest.raises(FieldError, match="writes the rows it is given"):
        await Tome.objects.filter(gone=False).bulk_update(books, ["pages"])


async def test_managers_belong_to_the_class(rows: Any) -> None:
    book = await Tome.objects.get(id=1)
    for name in ("objects", "every"):
        with pytest.raises(AttributeError, match=f"{name} belongs to the class: Tome.{name}"):
            getattr(book, name)
    with pytest.raises(FieldError, match="Base is abstract"):
        _ = Base.every
    assert Author.every is Author.every and Author.every is not Tag.every
    assert Author.every.table.title == "Author"


class Slotted(QuerySet[Any]):
    __slots__ = ("kept",)


class Sliced(QuerySet[Any]):
    def initial(self) -> Any:
        return self[:3]


class Valued(QuerySet[Any]):
    def initial(self) -> Any:
        return self.values("id")


class Forgetful(QuerySet[Any]):
    def initial(self) -> Any:
        self.filter(id=1)


class Wrong(Model):
    id: Field[int] = field(primary_key=True)
    sliced = Sliced.as_manager()
    valued = Valued.as_manager()
    nothing = Forgetful.as_manager()
    unknown = QuerySet.as_manager(nmae="x")


def hidden() -> Any:
    class Hiding(Base):
        id: Field[int] = field(primary_key=True)
        every: Field[int]

    return Hiding


REFUSED = {
    "slots": (Slotted.as_manager, "Slotted has __slots__ of its own"),
    "a slice": (lambda: Wrong.sliced, r"Wrong.sliced: Sliced.initial\(\) gives a slice"),
    "values": (lambda: Wrong.valued, "gives rows of values"),
    "None": (lambda: Wrong.nothing, "has to return the queryset that queries begin with, not None"),
    "an unknown field": (lambda: [Wrong.unknown.to_sql()], "nmae"),
    "the class itself": (lambda: type("A", (Model,), {"objects": Mixed}), r"objects = Mixed.as_manager\(\)"),
    "the class by another name": (
        lambda: type("A", (Model,), {"live": Mixed}),
        r"objects = Mixed.as_manager\(\)",
    ),
    "something else": (lambda: type("A", (Model,), {"objects": 5}), "A.objects is 5, no manager"),
    "a field of that name": (hidden, "Hiding.every: a manager that Hiding inherits has that name"),
    "a model with a table": (lambda: type("Novel", (Tome,), {}), r"tome: OneToOne\[Tome\] = one_to_one"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_refused(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(FieldError, match=message):
        make()
