"""A related set stays one through everything that narrows it: new rows belong to its owner."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import F
from chakra.errors import DoesNotExist
from tests.query.conftest import watched
from tests.query.library import Author, Book


@pytest.fixture
async def ann(library: Any) -> Any:
    return await Author.objects.get(name="Ann")


async def test_new_rows_belong_to_the_owner(ann: Any) -> None:
    """Whichever method makes them, and after whatever was said before it."""
    made = [
        await ann.books.create(title="created"),
        await ann.books.filter(stock__gt=0).create(title="created after filter"),
        await ann.books.order_by("title").exclude(stock=7).create(title="created after more"),
        (await ann.books.get_or_create(title="got"))[0],
        (await ann.books.filter(stock=3).get_or_create(title="got after filter"))[0],
        (await ann.books.update_or_create({"stock": 2}, title="updated"))[0],
        (await ann.books.select_for_update(no_key=True).update_or_create({"stock": 2}, title="more"))[0],
        *await ann.books.bulk_create([Book(title="bulk"), Book(title="bulk 2")]),
        *await ann.books.filter(stock=0).bulk_create([Book(title="bulk after filter")]),
    ]
    assert {book.author_id for book in made} == {ann.id}
    assert await Book.objects.filter(author=ann).count() == 2 + len(made)
    assert await ann.books.count() == 2 + len(made)
    assert all(book.author is ann for book in made)


async def test_rows_of_others_are_not_met(ann: Any) -> None:
    bobs = await Book.objects.get(title="back\\slash")
    found, created = await ann.books.get_or_create(title=bobs.title)
    assert created
    assert found.author_id == ann.id
    found, created = await ann.books.update_or_create({"stock": 9}, title="Alpha")
    assert not created
    assert (found.id, found.stock) == (1, 9)


async def test_plain_rows_of_a_related_set(ann: Any) -> None:
    assert await ann.books.values_list("title", flat=True).order_by("id") == ["Alpha", "100% alpha_beta"]
    assert await ann.books.filter(stock=1).values("id") == [{"id": 2}]


async def test_a_field_set_to_an_expression(ann: Any) -> None:
    """It is computed by the server, in one statement, and the instance has what came of it."""
    book = await ann.books.get(id=1)
    book.stock = F("stock") + 10
    book.title = "renamed"
    with watched(ann._state.database) as statements:
        await book.save()
    assert len(statements) == 1
    assert (book.stock, book.title) == (15, "renamed")
    await Book.objects.filter(id=1).update(stock=20)
    book.pages = F("stock") * 2
    await book.save()
    assert book.pages == 40
    book.stock = F("pages") + 1
    await book.save(update_fields=["stock"])
    assert (await Book.objects.get(id=1)).stock == book.stock == 41
    await Book.objects.filter(id=1).delete()
    book.stock = F("stock") + 1
    with pytest.raises(DoesNotExist, match="cannot be updated"):
        await book.save()
