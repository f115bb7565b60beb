"""``returning=`` of create, update and delete: instances, values, tables, and what they are refused for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import chakra
from chakra import F, Field, Model, Value, field
from chakra.errors import DataError, FieldError
from chakra.functions import Lower
from chakra.types import Text
from tests.query.library import Author, Book, Kind, Publisher

pytestmark = pytest.mark.usefixtures("library")
BOOKS = Book.objects


def by_id(rows: Any) -> list[Any]:
    return sorted(rows, key=lambda row: row["id"] if isinstance(row, dict) else row.id)


async def test_update(statements: list[str]) -> None:
    found = by_id(await BOOKS.filter(pages=100).update(stock=F("stock") + 1, kind="poetry", returning=True))
    assert [(b.id, b.stock, b.kind, b.price, b.title) for b in found] == [
        (1, 6, Kind.POETRY, Decimal("10.00"), "Alpha"),
        (3, 1, Kind.POETRY, Decimal("0.99"), "back\\slash"),
    ]
    found[0].title = "other"
    await found[0].save()
    assert len([sql for sql in statements if sql.startswith("UPDATE")]) == 2
    assert (await BOOKS.get(id=1)).title == "other"
    named = await BOOKS.filter(id=1).update(title="x", returning=["id", "kind", "author", "data"])
    assert named == [{"id": 1, "kind": Kind.POETRY, "author_id": 1, "data": {"a": 1, "b": {"c": [1, 2]}}}]
    assert await BOOKS.filter(id=77).update(title="x", returning=True) == []
    assert await BOOKS.filter(id=1).update(title="y", returning=False) == 1
    # Conditions over relations, and what is loaded along.
    rows = by_id(
        await BOOKS.filter(author__name="Zoë").select_related("author").update(pages=9, returning=True)
    )
    assert [(b.id, b.pages, b.author.name) for b in rows] == [(4, 9, "Zoë"), (6, 9, "Zoë")]
    for along in ([], ["author__publisher"]):
        query = BOOKS.filter(author__name="Zoë").select_related(*along).prefetch_related("author__books")
        rows = by_id(await query.update(pages=8, returning=True))
        assert [
            sorted(b["id"] for b in row.author.to_dict(relations=["books"])["books"]) for row in rows
        ] == [[4, 6]] * 2
    rows = await BOOKS.filter(author__name="Bob").update(pages=7, returning=("id", "pages"))
    assert by_id(rows) == [{"id": 3, "pages": 7}, {"id": 5, "pages": 7}]


async def test_delete() -> None:
    found = by_id(await BOOKS.filter(author__name="Bob").delete(returning=True))
    assert [(b.id, b.title, b.price) for b in found] == [
        (3, "back\\slash", Decimal("0.99")), (5, "", Decimal("5.00")),
    ]  # fmt: skip
    assert await BOOKS.count() == 4
    await found[0].save()  # as a new row, it is none of those that are there
    assert (await BOOKS.get(id=3)).title == "back\\slash"
    assert await BOOKS.filter(id=3).delete(returning=["title"]) == [{"title": "back\\slash"}]
    along = await BOOKS.filter(id=6).select_related("author").delete(returning=True)
    assert [(b.author.name, b._state.saved, b.author._state.saved) for b in along] == [("Zoë", False, True)]
    assert await BOOKS.filter(id=77).delete(returning=True) == []


async def test_columns(db: Any) -> None:
    names = ["id", "title", "price", "kind", "code", "tags", "data", "added"]
    expected = await BOOKS.filter(id__lt=4).order_by("id").values(*names).to_arrow()
    whole = (await BOOKS.to_arrow()).schema
    table = await BOOKS.filter(id=1).update(stock=F("stock") + 1, returning="arrow")
    assert table.schema.equals(whole) and table.column("stock").to_pylist() == [6]
    gone = await BOOKS.filter(id__lt=4).delete(returning="arrow")
    assert gone.sort_by("id").select(names).combine_chunks() == expected.combine_chunks()
    assert gone.schema.equals(whole)
    assert await BOOKS.count() == 3
    # What a table cannot hold undoes the write, in a transaction of one's own, too.
    await db.execute("UPDATE books SET added = 'infinity'")
    for _ in range(2):
        with pytest.raises(DataError, match="added"):
            await BOOKS.update(pages=1234, returning="arrow")
    async with db.transaction():
        with pytest.raises(DataError, match="added"):
            await BOOKS.delete(returning="arrow")
        assert await BOOKS.filter(id=5).update(added=None, pages=8, returning=["pages"]) == [{"pages": 8}]
    assert await BOOKS.filter(pages=1234).count() == 0 and await BOOKS.count() == 3


async def test_one_row_and_many(db: Any) -> None:
    await db.execute(
        "INSERT INTO publishers (name, city) SELECT 'p' || n, 'c' FROM generate_series(1, 5000) n"
    )
    for _ in range(2):  # the second time the shape is known to give many rows
        found = await Publisher.objects.filter(city="c").update(city="c", returning=True)
        assert len(found) == 5000 and {type(row) for row in found} == {Publisher}
        assert len({row.name for row in found}) == 5000
    table = await Publisher.objects.filter(city="c").update(city="d", returning="arrow")
    assert (table.num_rows, set(table.column("city").to_pylist())) == (5000, {"d"})
    assert await Publisher.objects.filter(city="c").count() == 0
    assert len(await Publisher.objects.filter(city="d").delete(returning=["id"])) == 5000
    assert await Publisher.objects.count() == 2


async def test_create(db: Any) -> None:
    await db.execute(
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.name := upper(NEW.name); RETURN NEW; END'; "
        "CREATE TRIGGER shout BEFORE INSERT ON publishers FOR EACH ROW EXECUTE FUNCTION shout()"
    )
    try:
        plain = await Publisher.objects.create(name="a")
        assert plain.name == "a"
        full = await Publisher.objects.create(name="b", returning=True)
        assert (full.name, full.city, full._state.changed) == ("B", None, set())
        values = await Publisher.objects.create(name=Lower(Value("CC")), returning=["name", "id"])
        assert values == {"name": "CC", "id": full.id + 1}
        rows = await db.table("publishers").create(name="d", returning=["name"])
        assert rows == {"name": "D"}
        assert (await db.table("publishers").create(name="e", returning=True))["name"] == "E"
    finally:
        await db.execute("DROP FUNCTION shout CASCADE")
    ann = await Author.objects.prefetch_related("books").get(name="Ann")
    assert len(ann.books) == 2
    made = await ann.books.create(title="third", returning=["title", "stock"])
    assert made == {"title": "third", "stock": 0}
    assert await ann.books.count() == 3


async def test_sets_of_an_instance() -> None:
    ann = await Author.objects.prefetch_related("books").get(name="Ann")
    found = await ann.books.update(pages=3, returning=["id", "pages"])
    assert by_id(found) == [{"id": 1, "pages": 3}, {"id": 2, "pages": 3}]
    assert [b.pages for b in await ann.books] == [3, 3]
    assert {b.id for b in await ann.books.delete(returning=True)} == {1, 2}
    assert await ann.books.count() == 0


async def test_tables_without_a_model(db: Any) -> None:
    books = db.table("books")
    assert await books.filter(id=1).update(title="t", returning=["id", "title"]) == [{"id": 1, "title": "t"}]
    whole = (await books.filter(id=1).update(title="u", returning=True))[0]
    assert whole["title"] == "u" and set(whole) == {c.name for c in Book.__table__.columns}
    table = await books.filter(id=1).delete(returning="arrow")
    assert table.column("title").to_pylist() == ["u"]
    assert await books.count() == 5


class Returned(Model, table="returned"):
    id: Field[int] = field(primary_key=True)
    returning: Field[str]


class Noted(Model, table="noted"):
    id: Field[int] = field(primary_key=True)
    note: Field[str] = field(Text)


async def test_a_field_of_that_name_is_meant(db: Any) -> None:
    await db.create_tables(Returned)
    row = await Returned.objects.create(returning="home")
    assert row.returning == "home"
    assert await Returned.objects.update(returning="away") == 1
    assert (await Returned.objects.get()).returning == "away"
    assert await Returned.objects.delete(returning=["returning"]) == [{"returning": "away"}]


async def test_what_is_stored_otherwise_than_declared(db: Any) -> None:
    await db.execute("CREATE TABLE noted (id int PRIMARY KEY, note jsonb)")
    await db.execute("INSERT INTO noted VALUES (1, '{\"a\": 1}'), (2, '[1]')")
    found = await Noted.objects.filter(id=1).update(note='{"b":   2}', returning=True)
    assert [row.note for row in found] == ['{"b": 2}']
    gone = await Noted.objects.delete(returning=["id", "note"])
    assert by_id(gone) == [{"id": 1, "note": '{"b": 2}'}, {"id": 2, "note": "[1]"}]


REFUSED: list[tuple[str, Any]] = [
    (r"returning=\['id'\]", lambda: BOOKS.update(pages=1, returning="id")),
    ('takes True, "arrow" or a list of names', lambda: BOOKS.delete(returning=3)),
    ("without a value", lambda: BOOKS.delete(returning=[])),
    ("no field 'nothing'", lambda: BOOKS.delete(returning=["nothing"])),
    ("names of fields", lambda: BOOKS.delete(returning=[F("id")])),
    ("stands twice", lambda: BOOKS.update(pages=1, returning=["author", "author_id"])),
    ("at least one field to set", lambda: BOOKS.update(returning=True)),
    ("at least one field to set", lambda: BOOKS.update(returning="arrow")),
    ("no field 'author__name'", lambda: BOOKS.update(pages=1, returning=["author__name"])),
    ("takes True or a list of names", lambda: Publisher.objects.create(name="n", returning="arrow")),
    ("no field 'x'", lambda: Publisher.objects.create(name="n", returning=["x"])),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
async def test_refused(case: int) -> None:
    text, ask = REFUSED[case]
    with pytest.raises(FieldError, match=text):
        await ask()
    assert await BOOKS.filter(pages=1).count() == 0 and await BOOKS.count() == 6
    assert await Publisher.objects.count() == 2


async def test_a_transaction_goes_on(db: Any) -> None:
    async with chakra.transaction():
        assert await BOOKS.filter(id=1).update(pages=2, returning=["pages"]) == [{"pages": 2}]
        with pytest.raises(DataError, match=r"Book\.stock"):
            await BOOKS.update(stock=2**20, returning=True)
        table = await BOOKS.filter(id=1).update(pages=3, returning="arrow")
        assert table.column("pages").to_pylist() == [3]
    assert (await BOOKS.get(id=1)).pages == 3
