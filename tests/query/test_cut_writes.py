"""Writes to the rows of a query that is cut, sorted or distinct: these rows and no others."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import pytest

from chakra import F, Field, Model, field
from chakra.errors import FieldError
from chakra.functions import Random
from tests.query.conftest import watched
from tests.query.library import Author, Book

pytestmark = pytest.mark.usefixtures("library")
BOOKS = Book.objects


async def written() -> list[int]:
    return await BOOKS.filter(loan=None, pages=1000).order_by("id").values_list("id", flat=True)


CASES: list[tuple[str, Any, list[int]]] = [
    ("first", BOOKS.order_by("id")[:2], [1, 2]),
    ("last", BOOKS.order_by("-id")[:2], [5, 6]),
    ("offset", BOOKS.order_by("id")[4:], [5, 6]),
    ("descending values", BOOKS.order_by(F("price").desc(nulls="last"), "id")[:2], [2, 4]),
    ("of a relation", BOOKS.order_by("author__name", "-id")[:1], [2]),
    ("filtered by a relation", BOOKS.filter(author__name="Bob").order_by("-id")[:1], [5]),
    ("reversed", BOOKS.order_by("id").reverse()[:1], [6]),
    ("computed", BOOKS.annotate(n=F("stock") * -1).order_by("n")[:1], [4]),
    ("distinct", BOOKS.order_by("author", "-id").distinct("author"), [2, 5, 6]),
    ("distinct rows", BOOKS.filter(author__name="Ann").distinct(), [1, 2]),
    ("nothing", BOOKS.order_by("id")[:0], []),
    ("of none", BOOKS.none()[:3], []),
]


@pytest.mark.parametrize("case", CASES, ids=[name for name, *_ in CASES])
async def test_updated_and_deleted(case: Any, library: Any) -> None:
    _, query, expected = case
    with watched(library) as sent:
        assert await query.update(pages=1000, loan=None) == len(expected)
    assert len([sql for sql in sent if "UPDATE" in sql]) <= 1
    assert await written() == expected
    rows = await query.update(pages=1001, returning=["id", "pages"])
    assert sorted(row["id"] for row in rows) == expected
    table = await query.update(pages=1002, returning="arrow")
    assert sorted(table.column("id").to_pylist()) == expected
    assert sorted(b.id for b in await query.updating(pages=1003).objects) == expected
    found = await query.select_related("author").update(pages=1004, returning=True)
    assert sorted((b.id, b.author.id) for b in found) == sorted(
        await BOOKS.filter(id__in=expected).values_list("id", "author_id")
    )
    assert await BOOKS.filter(pages=1004).count() == len(expected)
    assert await query.delete() == len(expected)
    left = await BOOKS.values_list("id", flat=True)
    # Sequels know that their first book is gone, and stay.
    assert sorted(left) == [n for n in range(1, 7) if n not in expected]


async def test_random_rows_are_as_many_as_were_asked_for(library: Any) -> None:
    await library.execute(
        "INSERT INTO books (title, author_id, stock, sold_out) SELECT 't', 1, 0, false FROM generate_series(1, 300)"
    )
    for n in range(5):
        assert await BOOKS.order_by(Random())[:7].update(pages=5000 + n) == 7


async def test_a_queue(library: Any) -> None:
    """What another transaction has locked is left out."""
    async with library.transaction():
        await BOOKS.select_for_update().get(id=1)
        waiting = BOOKS.select_for_update(skip_locked=True).order_by("id")[:2]

        async def other() -> Any:
            return await waiting.using(library).update(title="taken", returning=["id"])

        rows = await asyncio.get_running_loop().create_task(other(), context=contextvars.Context())
        assert sorted(row["id"] for row in rows) == [2, 3]
    assert await BOOKS.filter(title="taken").count() == 2


class Pair(Model, table="cut_pairs"):
    a: Field[int] = field(primary_key=True)
    b: Field[int] = field(primary_key=True)
    v: Field[int] = field(default=0)


async def test_keys_of_several_columns_and_sets(library: Any) -> None:
    await library.create_tables(Pair)
    await Pair.objects.bulk_create([Pair(a=a, b=b) for a in (1, 2) for b in (1, 2)])
    assert await Pair.objects.order_by("b", "a")[:3].update(v=1) == 3
    assert [(p.a, p.b) for p in await Pair.objects.filter(v=0)] == [(2, 2)]
    assert await library.table("cut_pairs").order_by("-a", "-b")[:1].delete() == 1
    assert await Pair.objects.filter(v=0).count() == 0
    ann = await Author.objects.get(name="Ann")
    assert await ann.books.order_by("-id")[:1].update(pages=77) == 1
    assert (await BOOKS.get(pages=77)).id == 2
    await library.execute("CREATE TABLE keyless (x int); INSERT INTO keyless VALUES (1), (2)")
    with pytest.raises(FieldError, match="no primary key"):
        await library.table("keyless").order_by("x")[:1].update(x=3)
