"""Querysets that write: create, get_or_create, update, delete, bulk_create of few, raw statements."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

import chakra
from chakra import F, Q, Value
from chakra.errors import (
    DataError,
    DoesNotExist,
    FieldError,
    MultipleObjectsReturned,
    TransactionError,
    UniqueViolation,
)
from tests.query.library import Author, Book, Kind, Publisher, ids

pytestmark = pytest.mark.usefixtures("library")
BOOKS = Book.objects.order_by("id")


async def test_create_is_one_statement(statements: list[str]) -> None:
    book = await Book.objects.create(title="new", author_id=1, kind=Kind.POETRY)
    assert len(statements) == 1 and statements[0].startswith("INSERT")
    assert book.id == 7 and (await Book.objects.get(id=7)).kind is Kind.POETRY


async def test_get_or_create(statements: list[str]) -> None:
    made, created = await Publisher.objects.get_or_create(name="New", defaults={"city": lambda: "Rome"})
    assert created and made.city == "Rome"
    again, created = await Publisher.objects.get_or_create(name="New", defaults={"city": "Oslo"})
    assert not created and again == made and again.city == "Rome"
    found, created = await Publisher.objects.get_or_create(name__iexact="NEW", defaults={"name": "x"})
    assert not created and found == made
    other, created = await Publisher.objects.get_or_create(name__exact="Exact", city__isnull=True)
    assert created and (other.name, other.city) == ("Exact", None)
    ann = await Author.objects.get(name="Ann")
    book, created = await Book.objects.get_or_create(title="of ann", author=ann)
    assert created and book.author is ann
    with pytest.raises(MultipleObjectsReturned):
        await Book.objects.get_or_create(pages=100)


async def test_get_or_create_when_both_want_to_create() -> None:
    async def one() -> tuple[Publisher, bool]:
        return await Publisher.objects.get_or_create(name="race")

    results = await asyncio.gather(*(one() for _ in range(8)))
    assert sum(created for _, created in results) == 1
    assert len({p.id for p, _ in results}) == 1
    assert await Publisher.objects.filter(name="race").count() == 1


async def test_get_or_create_does_not_hide_other_conflicts(db: Any) -> None:
    with pytest.raises(UniqueViolation):
        await Author.objects.get_or_create(name="Nobody", defaults={"email": "ann@x.org"})
    async with db.transaction():
        with pytest.raises(UniqueViolation):
            await Author.objects.get_or_create(name="Nobody", defaults={"email": "ann@x.org"})
        assert await Author.objects.count() == 3, "the transaction around it lives on"


async def test_update_or_create(statements: list[str]) -> None:
    made, created = await Publisher.objects.update_or_create(name="New", defaults={"city": "Rome"})
    assert created and made.city == "Rome"
    again, created = await Publisher.objects.update_or_create(name="New", defaults={"city": "Oslo"})
    assert not created and again.id == made.id
    assert (await Publisher.objects.get(name="New")).city == "Oslo"
    changed, _ = await Book.objects.update_or_create(
        id=3, defaults={"author": await Author.objects.get(name="Zoë"), "kind": "poetry"}
    )
    assert changed.author_id == 3 and (await Book.objects.get(id=3)).kind is Kind.POETRY


async def test_concurrent_update_or_create_loses_nothing() -> None:
    async def bump() -> None:
        async with chakra.transaction():
            found = await Book.objects.select_for_update().get(id=1)
            await Book.objects.update_or_create(id=1, defaults={"stock": found.stock + 1})

    await asyncio.gather(*(bump() for _ in range(6)))
    assert (await Book.objects.get(id=1)).stock == 11


async def test_update() -> None:
    assert await BOOKS.filter(author__name="Ann").update(stock=9, kind=Kind.NOVEL) == 2
    assert await BOOKS.filter(kind="novel").values_list("id", flat=True) == [1, 2, 3]
    assert await BOOKS.filter(id=1).update(price=F("price") * 2, stock=F("stock") + 1, title=Value("t")) == 1
    book = await Book.objects.get(id=1)
    assert (book.price, book.stock, book.title) == (Decimal("20.00"), 10, "t")
    assert await BOOKS.filter(id=1).update(printed=F("printed") + dt.timedelta(days=2)) == 1
    assert (await Book.objects.get(id=1)).printed == dt.date(2020, 1, 1)
    bob = await Author.objects.get(name="Bob")
    assert await BOOKS.filter(id=1).update(author=bob, sequel_of=None) == 1
    assert await BOOKS.filter(id=1).update(sequel_of_id=3, rating=None) == 1
    assert await ids(BOOKS.filter(author=bob)) == [1, 3, 5]
    assert await BOOKS.filter(Q(id=1) | Q(id=2)).update(sold_out=Book.stock > 9) == 2
    assert await BOOKS.filter(sold_out=True).values_list("id", flat=True) == [1]
    assert await BOOKS.exclude(sequel_of__title="t").update(pages=1) == 4
    assert await BOOKS.select_related("author").order_by("author__name").filter(id=1).update(pages=5) == 1
    assert await Book.objects.annotate(n=F("pages") + 1).filter(n=6).update(pages=6) == 1
    assert await BOOKS.filter(id=2).update(data={"x": [1]}, tags=["q"]) == 1
    assert (await Book.objects.get(data__contains={"x": [1]}, tags=["q"])).id == 2
    assert await BOOKS.filter(id=77).update(pages=5) == 0


async def test_updates_that_cannot_be() -> None:
    with pytest.raises(FieldError, match="at least one field"):
        await BOOKS.update()
    with pytest.raises(FieldError, match="Book has no field 'nope'"):
        await BOOKS.update(nope=1)
    with pytest.raises(FieldError, match="not across relations"):
        await BOOKS.update(title=F("author__name"))
    assert await BOOKS.count() == 6


async def test_delete() -> None:
    assert await BOOKS.none().filter(author__name="Bob").delete() == 0
    assert await BOOKS.none().filter(author__name="Bob").update(pages=1) == 0
    assert await BOOKS.filter(author__name="Bob", pages__gt=0).delete() == 1
    assert await ids(BOOKS) == [1, 2, 4, 5, 6]
    assert await Book.objects.filter(id=1).delete() == 1
    assert (await Book.objects.get(id=2)).sequel_of_id is None, "the server sets the key to NULL"  # type: ignore[attr-defined]
    assert await Author.objects.filter(name="Ann").delete() == 1
    assert await ids(BOOKS) == [4, 5, 6], "and takes along what cascades"
    assert await Book.objects.all().delete() == 3


async def test_writes_inside_transactions(db: Any) -> None:
    with pytest.raises(RuntimeError):
        async with db.transaction():
            book = await Book.objects.create(title="gone", author_id=1)
            await Book.objects.filter(id=1).update(title="gone")
            async with db.transaction():
                await book.delete()
            raise RuntimeError
    assert not await Book.objects.filter(title="gone").exists()
    async with db.transaction():
        with pytest.raises(UniqueViolation):
            async with db.transaction():
                await Publisher.objects.create(name="Big House")
        await Publisher.objects.create(name="after the savepoint")
    assert await Publisher.objects.filter(name="after the savepoint").exists()
    with pytest.raises((UniqueViolation, TransactionError)):
        async with db.transaction():
            with pytest.raises(UniqueViolation):
                await Publisher.objects.create(name="Big House")
            await Publisher.objects.create(name="never")
    assert not await Publisher.objects.filter(name="never").exists()


async def test_bulk_create_of_few(statements: list[str]) -> None:
    made = await Publisher.objects.bulk_create([Publisher(name=f"p{i}", city=None) for i in range(5)])
    assert [p.id for p in made] == [3, 4, 5, 6, 7]
    assert len([s for s in statements if 'INSERT INTO "publishers"' in s]) == 1
    made[0].city = "Rome"
    await made[0].save()
    assert statements[-1].startswith("UPDATE") and (await Publisher.objects.get(id=3)).city == "Rome"
    assert (await Publisher.objects.get(id=4)).city is None
    assert await Publisher.objects.bulk_create([]) == []


async def test_bulk_create_with_different_attributes_set(db: Any) -> None:
    mixed = [Publisher(name="a", id=50), Publisher(name="b"), Publisher(name="c", id=51, city="x")]
    await Publisher.objects.bulk_create(mixed)
    assert mixed[0].id == 50 and mixed[2].id == 51 and mixed[1].id not in (None, 50, 51)
    assert await Publisher.objects.filter(id__in=[p.id for p in mixed]).count() == 3
    with pytest.raises(UniqueViolation):
        await Publisher.objects.bulk_create([Publisher(name="d"), Publisher(name="e", id=50)])
    assert not await Publisher.objects.filter(name="d").exists(), "all or none"
    with pytest.raises(DataError, match="row 1 is"):
        await Publisher.objects.bulk_create([Publisher(name="f"), Author(name="g")])
    books = [
        Book(title="x", author_id=1, kind=Kind.NOVEL, tags=["t"], data={"a": 1}),
        Book(title="y", author_id=2),
    ]
    await Book.objects.bulk_create(books)
    assert (await Book.objects.get(id=books[0].id)).kind is Kind.NOVEL


# -- raw statements -----------------------------------------------------------------------------------


async def test_raw_rows(db: Any) -> None:
    rows = await chakra.raw(
        "select id, title from books where pages = $1 order by id", db, params=[100]
    ).all()
    assert [row["id"] for row in rows] == [1, 3]
    assert (await chakra.raw("select 1 as x").one())["x"] == 1
    assert await chakra.raw("select 1 where false").first() is None
    with pytest.raises(DoesNotExist, match="returned no row"):
        await chakra.raw("select 1 where false").one()
    with pytest.raises(MultipleObjectsReturned, match="returned 6 rows"):
        await chakra.raw("select * from books").one()
    with pytest.raises(DataError):
        await chakra.raw("select $1::int", params=["x"]).all()


TRICKY = """
select '$1' as quoted, $1::text as one, E'it\\'s $2' as escaped, $tag$ $1 $tag$ as dollar, "$1" as named -- $2
  , /* $1 /* $2 */ */ $2::int + $2 as two
from (select 5 as "$1") q;
"""


async def test_raw_parameters_are_found_by_the_grammar_of_sql() -> None:
    query = chakra.raw(TRICKY, params=["it's", 20])
    row = await query.one()
    expected = {"quoted": "$1", "one": "it's", "escaped": "it's $2", "dollar": " $1 ", "named": 5, "two": 40}
    assert dict(row) == expected
    assert (await query.to_arrow()).to_pylist() == [expected]
    with pytest.raises(FieldError, match="has 2 parameters, but 1 values were given"):
        await chakra.raw(TRICKY, params=["x"]).to_arrow()


async def test_raw_instances(db: Any) -> None:
    query = chakra.raw(
        "select id, kind, title, 5 as five from books where id = $1", db, params=[2], model=Book
    )
    book = await query.one()
    assert isinstance(book, Book) and book.kind is Kind.POETRY and book.five == 5  # type: ignore[attr-defined]
    book.title = "changed"
    await book.save()
    assert (await Book.objects.get(id=2)).title == "changed"
    with pytest.raises(chakra.NotLoaded):
        _ = book.pages
    with pytest.raises(FieldError, match="the rows lack id, without which they are no Book; they have title"):
        await chakra.raw("select title from books", model=Book).all()
