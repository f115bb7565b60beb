"""Querysets that read: narrowing, order, slices, values, joins, single rows, streams."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

import chakra
from chakra import F, Model, Q, Value, field
from chakra.errors import (
    DataError,
    DoesNotExist,
    FieldError,
    MultipleObjectsReturned,
    NotLoaded,
    QueryCancelled,
)
from chakra.types import BigInt
from tests.query.library import Author, Book, Kind, Publisher, ids, stamp

pytestmark = pytest.mark.usefixtures("library")
BOOKS = Book.objects.order_by("id")


def sql(query: Any) -> str:
    return query.to_sql()[0]


def test_a_query_is_immutable_and_lazy() -> None:
    narrowed = BOOKS.filter(pages__gt=100)
    before = sql(narrowed)
    narrowed.filter(id=1).exclude(kind=Kind.NOVEL).order_by("title").distinct().limit(1).values("id")
    assert sql(narrowed) == before and "WHERE" not in sql(BOOKS)


def test_a_query_cannot_be_walked_without_await() -> None:
    for use in (list, tuple, sorted):
        with pytest.raises(TypeError, match="async for"):
            use(BOOKS)
    with pytest.raises(TypeError):
        _ = 1 in BOOKS  # type: ignore[operator]


# -- conditions ---------------------------------------------------------------------------------------


async def test_q_combinations() -> None:
    cheap, novel = Q(price__lt=6), Q(kind=Kind.NOVEL)
    assert await ids(BOOKS.filter(cheap & novel)) == [3]
    assert await ids(BOOKS.filter(cheap | novel)) == [1, 3, 5]
    assert await ids(BOOKS.filter(~cheap)) == [1, 2, 4, 6]
    assert await ids(BOOKS.filter(~(cheap | novel))) == [2, 4, 6]
    assert await ids(BOOKS.filter(~~cheap)) == [3, 5]
    assert await ids(BOOKS.filter(cheap | (Book.pages > 300), title__ne="")) == [3, 4]
    assert await ids(BOOKS.filter(Q(novel | cheap, pages=100))) == [1, 3]
    assert await ids(BOOKS.filter(Q(id=1) | Q(id=2) & Q(id=3))) == [1]
    assert await ids(BOOKS.filter((Q(id=1) | Q(id=2)) & Q(id=2))) == [2]
    assert await ids(BOOKS.exclude(cheap, novel)) == [1, 2, 4, 5, 6], "exclude drops rows where all hold"


async def test_an_empty_q_says_nothing() -> None:
    for condition in (Q(), ~Q(), Q() & Q(), Q(Q()), Q() | Q()):
        assert await BOOKS.filter(condition).count() == 6
        assert await BOOKS.exclude(condition).count() == 6
    for condition in (Q(id=1) | Q(), Q() | Q(id=1), (Book.id == 1) | Q(), Q() & (Book.id == 1), Q(Q(), id=1)):
        assert await ids(BOOKS.filter(condition)) == [1]


async def test_none_has_no_rows_whatever_is_asked() -> None:
    nothing = BOOKS.filter(Q(id=1) | Q(id=2)).none()
    assert await nothing == []
    assert await nothing.count() == 0 and not await nothing.exists() and await nothing.first() is None
    assert await nothing.update(stock=99) == 0 and await nothing.delete() == 0
    assert await nothing.filter(Q(id=3) | Q(id=4)) == []
    assert [row async for row in nothing] == []
    assert (await nothing.to_arrow()).num_rows == 0
    assert await BOOKS.count() == 6


async def test_arithmetic_with_f() -> None:
    assert await ids(BOOKS.filter(pages__gt=F("stock") * 20)) == [2, 3, 5]
    assert await ids(BOOKS.filter(price__gte=F("pages") / 10)) == [1, 5]
    assert await ids(BOOKS.filter(price=F("price") * Decimal("1.0") + 0)) == [1, 2, 3, 4, 5]
    assert await ids(BOOKS.filter(pages=F("pages") % 100)) == [5]
    assert await ids(BOOKS.filter(stock=-F("stock"))) == [3, 6]
    assert await ids(BOOKS.filter(printed__lt=F("printed") + 1)) == [1, 2, 3, 4]
    assert await ids(BOOKS.filter(added__gt=F("added") - dt.timedelta(days=1))) == [1, 2, 3, 4]
    assert await ids(BOOKS.filter(added__lt=F("added") + F("loan"))) == [1, 2]
    assert await ids(BOOKS.filter(loan__gt=-F("loan"))) == [1, 2]
    shown = await BOOKS.annotate(later=F("printed") + 1, half=F("pages") / 2, diff=100 - F("pages")).first()
    assert (shown.later, shown.half, shown.diff) == (dt.date(2019, 12, 31), 50, 0)  # type: ignore[union-attr]


async def test_annotations() -> None:
    query = BOOKS.annotate(total=F("price") * F("stock"), writer=F("author__name"), cheap=Book.price < 6)
    row = await query.get(id=1)
    assert (row.total, row.writer, row.cheap) == (Decimal("50.00"), "Ann", False)  # type: ignore[attr-defined]
    assert await ids(query.filter(total__gt=20)) == [1, 2, 4]
    assert await ids(query.filter(cheap=True)) == [3, 5]
    assert await ids(query.filter(cheap__isnull=True)) == [6]
    assert await ids(query.filter(writer__startswith="B")) == [3, 5]
    assert await query.filter(id=2).values("id", "total", "cheap") == [
        {"id": 2, "total": Decimal("20.50"), "cheap": False}
    ]
    assert (await query.filter(id=5).values().to_arrow()).to_pylist()[0]["cheap"] is True
    assert await query.annotate(one=Value(1)).filter(one=1, total__gt=F("one")).count() == 3


def test_annotation_names_are_checked() -> None:
    for name in ("title", "author", "save", "objects", "pk", "_state", "_x", "a b", 'x"', "1x", "x" * 64, ""):
        with pytest.raises(FieldError):
            BOOKS.annotate(**{name: F("id")})
    with pytest.raises(FieldError, match="must be an expression"):
        BOOKS.annotate(x="id")  # type: ignore[arg-type]


# -- relations ----------------------------------------------------------------------------------------


async def test_filters_across_foreign_keys() -> None:
    assert await ids(BOOKS.filter(author__name="Ann")) == [1, 2]
    assert await ids(BOOKS.filter(author__publisher__city="Berlin")) == [1, 2]
    assert await ids(BOOKS.filter(author__publisher__city__isnull=True)) == [3, 4, 5, 6]
    assert await ids(BOOKS.filter(sequel_of__author__name="Ann")) == [2, 4]
    assert await ids(BOOKS.exclude(sequel_of__title="Alpha")) == [1, 3, 5, 6]
    assert await ids(BOOKS.filter(Q(sequel_of__title="Alpha") | Q(author__name="Bob"))) == [2, 3, 4, 5]
    assert await ids(BOOKS.filter(author__publisher=None)) == [4, 6]
    assert await ids(BOOKS.filter(author__publisher__isnull=False)) == [1, 2, 3, 5]


async def test_keys_need_no_join() -> None:
    ann, bob, _ = await Author.objects.order_by("id")
    for query, expected in (
        (BOOKS.filter(author=ann), [1, 2]),
        (BOOKS.filter(author=ann.id), [1, 2]),
        (BOOKS.filter(author_id=ann.id), [1, 2]),
        (BOOKS.filter(author__id=ann.id), [1, 2]),
        (BOOKS.filter(author__pk=ann.id), [1, 2]),
        (BOOKS.filter(author__in=[ann, bob]), [1, 2, 3, 5]),
        (BOOKS.filter(author__in=[ann.id]), [1, 2]),
        (BOOKS.filter(author__id__gt=ann.id), [3, 4, 5, 6]),
        (BOOKS.filter(sequel_of__isnull=False), [2, 4]),
        (BOOKS.filter(sequel_of=None), [1, 3, 5, 6]),
        (BOOKS.filter(Book.author == ann), [1, 2]),
        (BOOKS.filter(Book.author.in_([ann, bob])), [1, 2, 3, 5]),
        (BOOKS.exclude(author=ann), [3, 4, 5, 6]),
    ):
        assert "JOIN" not in sql(query)
        assert await ids(query) == expected


def test_join_kinds() -> None:
    assert sql(BOOKS.filter(author__name="x")).count(" JOIN ") == 1
    assert "LEFT JOIN" not in sql(BOOKS.filter(author__name="x"))
    assert "LEFT JOIN" in sql(BOOKS.filter(sequel_of__title="x"))
    both = BOOKS.filter(author__name="x", author__email="y").order_by("author__name").values("author__email")
    assert sql(both).count(" JOIN ") == 1
    assert sql(BOOKS.filter(author__publisher__name="x", sequel_of__author__name="y")).count(" JOIN ") == 4


async def test_an_instance_of_another_model_is_refused() -> None:
    book = await BOOKS.get(id=1)
    publisher = await Publisher.objects.get(id=1)
    for make in (
        lambda: BOOKS.filter(author=book),
        lambda: BOOKS.filter(author__in=[publisher]),
        lambda: BOOKS.filter(Book.author == publisher),
        lambda: BOOKS.filter(title=book),
        lambda: BOOKS.filter(Q(sequel_of=publisher)),
    ):
        with pytest.raises(FieldError, match="not an instance of"):
            make().to_sql()
    with pytest.raises(
        FieldError, match=r"Book\.author_id takes an instance of Author, not an instance of Book"
    ):
        await BOOKS.update(author=book)
    with pytest.raises(FieldError, match="not an instance of Author"):
        await BOOKS.contains(await Author.objects.get(id=1))
    with pytest.raises(FieldError, match="has no id yet; save it"):
        BOOKS.filter(author=Author(name="new")).to_sql()
    assert await ids(BOOKS.filter(author=await book.author, sequel_of=None)) == [1]
    with pytest.raises(FieldError):
        BOOKS.filter(author=publisher).to_sql()  # the shape with an author is known by now


async def test_one_pass_iterators_and_streams_are_no_values() -> None:
    for make in (
        lambda: BOOKS.filter(id__in=(n for n in (1, 2))),
        lambda: BOOKS.filter(Book.id.in_(iter([1]))),
        lambda: BOOKS.filter(author__in=Author.objects.filter(name="x").iterator()),
    ):
        with pytest.raises(FieldError, match=r"only once|read it first"):
            make().to_sql()


async def test_select_related(statements: list[str]) -> None:
    book = await Book.objects.select_related("author__publisher", "sequel_of").get(id=2)
    assert len(statements) == 1
    assert book.author.publisher.name == "Big House"  # type: ignore[union-attr]
    assert book.sequel_of.title == "Alpha"  # type: ignore[union-attr]
    assert (await book.author).name == "Ann" and len(statements) == 1, "loaded: no further statement"
    row = await Book.objects.select_related("sequel_of__author", "author__publisher").get(id=6)
    assert row.sequel_of is None and row.author.publisher is None
    with pytest.raises(NotLoaded, match=r"Book\.author is not loaded.*select_related"):
        _ = book.sequel_of.author.name  # type: ignore[union-attr]
    with pytest.raises(
        FieldError, match="no relation 'title'; its relations to one row are author, sequel_of"
    ):
        await Book.objects.select_related("title")


async def test_a_relation_is_loaded_by_awaiting_it(statements: list[str]) -> None:
    book = await Book.objects.get(id=2)
    assert (await book.author).name == "Ann"
    assert book.author.name == "Ann" and await book.author is book.author
    assert len(statements) == 2
    last = await Book.objects.get(id=6)
    assert await last.sequel_of is None and len(statements) == 3, "a NULL key needs no query"


async def test_what_a_key_tells_without_its_row(statements: list[str]) -> None:
    book, last = await Book.objects.get(id=2), await Book.objects.get(id=6)
    ann = await Author.objects.get(id=1)
    sent = len(statements)
    assert book.author == ann and ann == book.author and book.author != await Author.objects.get(id=2)
    assert hash(book.author) == hash(ann)
    assert bool(book.sequel_of) and not last.sequel_of and last.sequel_of == None  # noqa: E711
    assert await ids(BOOKS.filter(author=book.author)) == [1, 2]
    assert len(statements) == sent + 2
    for touch in (
        lambda: book.author.name,
        lambda: book.author.nonsense,
        lambda: setattr(book.author, "name", "x"),
    ):
        with pytest.raises(NotLoaded, match=r"Book\.author is not loaded"):
            touch()


async def test_the_way_back() -> None:
    ann = await Author.objects.get(name="Ann")
    assert await ids(ann.books.order_by("id")) == [1, 2]  # type: ignore[attr-defined]
    made = await ann.books.create(title="new")  # type: ignore[attr-defined]
    assert made.author is ann and await ann.books.filter(title="new").count() == 1  # type: ignore[attr-defined]


# -- order and slices ---------------------------------------------------------------------------------


async def test_order_by() -> None:
    objects = Book.objects
    assert await ids(objects.order_by("-id")) == [6, 5, 4, 3, 2, 1]
    assert await ids(objects.order_by("pages", "-id")) == [5, 3, 1, 2, 4, 6]
    assert await ids(objects.order_by(Book.pages.desc(nulls="last"), "id")) == [4, 2, 1, 3, 5, 6]
    assert await ids(objects.order_by(Book.pages.asc(nulls="first"), F("id").desc())) == [6, 5, 3, 1, 2, 4]
    assert await ids(objects.order_by("author__name", "-author__publisher__name", "id")) == [1, 2, 3, 5, 4, 6]
    assert await ids(objects.order_by(Book.author.desc(), Book.id)) == [4, 6, 3, 5, 1, 2]
    assert await ids(objects.order_by(F("stock") * -1, "id")) == [4, 1, 2, 3, 6, 5]
    assert await ids(objects.order_by("added__year", "pages", "id")) == [1, 2, 3, 4, 5, 6]
    assert await ids(objects.order_by("-id").order_by("id")) == [1, 2, 3, 4, 5, 6], "the last call counts"
    assert "ORDER" not in sql(objects.order_by("id").order_by())
    assert await ids(objects.order_by("pages", "id").reverse()) == [6, 4, 2, 3, 1, 5]
    assert await ids(objects.order_by(Book.pages.asc(nulls="first"), "id").reverse()) == [4, 2, 3, 1, 5, 6]
    assert await ids(objects.reverse()) == [6, 5, 4, 3, 2, 1]
    assert await ids(objects.reverse().reverse().order_by("id")) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(FieldError, match="nulls="):
        Book.pages.desc(nulls="middle")
    with pytest.raises(FieldError, match=r"order_by\(\) takes names and expressions, not 5"):
        objects.order_by(5)  # type: ignore[arg-type]


async def test_default_order(db: Any) -> None:
    Shelf: Any = type(
        "Shelf",
        (Model,),
        {
            "__module__": __name__,
            "id": field(BigInt, primary_key=True),
            "Meta": type("M", (), {"ordering": ("-id",)}),
        },
    )
    await db.create_tables(Shelf)
    for _ in range(3):
        await Shelf.objects.create()
    assert await ids(Shelf.objects.all()) == [3, 2, 1]
    assert await ids(Shelf.objects.reverse()) == [1, 2, 3]
    assert (await Shelf.objects.first()).id == 3 and (await Shelf.objects.last()).id == 1
    assert "ORDER" not in sql(Shelf.objects.order_by())


async def test_slices() -> None:
    assert await ids(BOOKS[1:3]) == [2, 3]
    assert await ids(BOOKS[:2]) == [1, 2] and await ids(BOOKS[4:]) == [5, 6]
    assert await ids(BOOKS[2:][1:3]) == [4, 5] and await ids(BOOKS[1:4][2:9]) == [4]
    assert await ids(BOOKS[5:2]) == [] and await ids(BOOKS[0:0]) == []
    assert await ids(BOOKS.limit(2).offset(3)) == [4, 5]
    assert await ids(BOOKS.limit(2).limit(None).offset(4)) == [5, 6]
    assert (await BOOKS[3]).id == 4
    with pytest.raises(IndexError, match="no row 6"):
        await BOOKS[6]
    assert await BOOKS[1:3].count() == 2 and await BOOKS[:100].count() == 6 and not await BOOKS[6:].exists()
    for wrong in (lambda: BOOKS[-1], lambda: BOOKS[-2:], lambda: BOOKS[::2], lambda: BOOKS[:-1]):
        with pytest.raises(FieldError, match="negative"):
            wrong()
    for value in (-1, "5", 2.0, True):
        with pytest.raises(FieldError, match="limit is a number of rows"):
            BOOKS.limit(value)  # type: ignore[arg-type]
    for narrow in (lambda: BOOKS[:2].filter(id=1), lambda: BOOKS.limit(1).exclude(id=1)):
        with pytest.raises(FieldError, match="sliced query cannot be filtered"):
            narrow()
    with pytest.raises(DataError, match="limit"):
        await BOOKS.limit(2**70)


async def test_distinct() -> None:
    assert await Book.objects.order_by("author_id").values_list("author_id", flat=True).distinct() == [
        1,
        2,
        3,
    ]
    assert await Book.objects.values("author_id").distinct().count() == 3
    assert await Book.objects.values("author__name").distinct().count() == 3
    first = Book.objects.order_by("author_id", "-id").distinct("author_id")
    assert await ids(first) == [2, 5, 6] and await first.count() == 3
    named = Book.objects.order_by("author__name", "id").distinct("author__name")
    assert await ids(named) == [1, 3, 4]
    with pytest.raises(FieldError, match="Book has no field 'nope'"):
        Book.objects.distinct("nope").to_sql()


# -- what comes back ----------------------------------------------------------------------------------


async def test_values() -> None:
    query = BOOKS.filter(id=2)
    assert await query.values("id", "kind", "author__name") == [
        {"id": 2, "kind": Kind.POETRY, "author__name": "Ann"}
    ]
    assert set((await query.values())[0]) == {c.attribute for c in Book.__table__.columns}
    assert await query.values("author", "pk") == [{"author": 1, "pk": 2}]
    assert await query.values("id", more=F("pages") + 1, name=F("author__name")) == [
        {"id": 2, "more": 251, "name": "Ann"}
    ]
    assert await query.values("added__year") == [{"added__year": 2020}]
    assert await query.values_list("id", "title") == [(2, "100% alpha_beta")]
    assert await query.values_list("id") == [(2,)]
    assert await BOOKS.values_list("pages", flat=True) == [100, 250, 100, 320, 0, None]
    assert await query.values_list(Book.title, F("pages") * 2) == [("100% alpha_beta", 500)]
    assert await query.values_list(F("pages") * 2, flat=True) == [500]
    (row,) = await query.values_list("id", "author__name", named=True)
    assert row.id == 2 and row.author__name == "Ann"
    assert await query.values("kind").get() == {"kind": Kind.POETRY}
    assert await BOOKS.values_list("id", flat=True).first() == 1
    assert [r async for r in BOOKS.values_list("id", flat=True)[:3]] == [1, 2, 3]
    with pytest.raises(FieldError, match="exactly one field, not 2"):
        query.values_list("id", "title", flat=True)
    with pytest.raises(FieldError, match="flat or named"):
        query.values_list("id", flat=True, named=True)
    with pytest.raises(FieldError, match="ends in the lookup 'gt'"):
        query.values("pages__gt").to_sql()


async def test_only_and_defer() -> None:
    book = await BOOKS.only("title").get(id=1)
    assert book.title == "Alpha" and book.id == 1
    for name in ("pages", "author_id", "kind"):
        with pytest.raises(NotLoaded, match=rf'Book\.{name} was not loaded.*refresh\("{name}"\)'):
            getattr(book, name)
    await book.refresh("pages")
    assert book.pages == 100
    book.title = "Beta"
    await book.save()
    assert (await BOOKS.get(id=1)).title == "Beta" and (await BOOKS.get(id=1)).kind is Kind.NOVEL
    rest = await BOOKS.defer("data", "title").get(id=2)
    assert rest.pages == 250
    with pytest.raises(NotLoaded, match=r"Book\.title"):
        _ = rest.title
    assert (await BOOKS.only("author").get(id=1)).author_id == 1
    assert (await BOOKS.only("title", "pages").defer("pages").get(id=1)).title == "Beta"
    with pytest.raises(FieldError, match="Book has no field 'nope'"):
        BOOKS.only("nope")
    with pytest.raises(NotLoaded, match=r"Book\.pages"):
        await (await BOOKS.only("title").get(id=1)).save(update_fields=["pages"])


async def test_single_rows() -> None:
    assert (await Book.objects.get(id=3)).title == "back\\slash"
    assert (await BOOKS.get(Book.title == "", stock=-3)).id == 5
    with pytest.raises(Book.DoesNotExist, match=r"no Book matches \(id=99\)"):
        await Book.objects.get(id=99)
    with pytest.raises(Book.MultipleObjectsReturned, match=r"more than one Book matches \(pages=100\)"):
        await Book.objects.get(pages=100)
    assert issubclass(Book.DoesNotExist, DoesNotExist) and not issubclass(
        Book.DoesNotExist, Author.DoesNotExist
    )
    assert issubclass(Book.MultipleObjectsReturned, MultipleObjectsReturned)
    assert (await Book.objects.first()).id == 1 and (await Book.objects.last()).id == 6  # type: ignore[union-attr]
    assert (await BOOKS.order_by("-pages").last()).id == 5  # type: ignore[union-attr]
    assert (
        await Book.objects.filter(id=99).first() is None and await Book.objects.filter(id=99).last() is None
    )
    assert (await BOOKS[2:4].first()).id == 3  # type: ignore[union-attr]
    with pytest.raises(FieldError, match=r"last\(\) of a slice"):
        await BOOKS[:2].last()
    dated = Book.objects.filter(added__isnull=False)
    assert (await dated.earliest("added")).id == 1 and (await dated.latest("added")).id == 4
    assert (await dated.latest("kind", "id")).id == 4 and (await dated.earliest("-id")).id == 4
    with pytest.raises(FieldError, match="need the name of a field"):
        await Book.objects.latest()
    with pytest.raises(Book.DoesNotExist):
        await Book.objects.none().earliest("id")


async def test_counting() -> None:
    assert await BOOKS.count() == 6 and await BOOKS.filter(author__name="Ann").count() == 2
    assert await BOOKS.exists() and not await BOOKS.filter(id=99).exists()
    book = await BOOKS.get(id=1)
    assert await BOOKS.contains(book) and not await BOOKS.filter(pages=0).contains(book)
    assert await BOOKS.select_for_update().count() == 6
    assert await BOOKS.select_related("author").exists()


async def test_in_bulk() -> None:
    found = await Book.objects.in_bulk([1, 3, 99])
    assert {key: row.title for key, row in found.items()} == {1: "Alpha", 3: "back\\slash"}
    assert set(await Book.objects.in_bulk()) == {1, 2, 3, 4, 5, 6} and await Book.objects.in_bulk([]) == {}
    assert (await Publisher.objects.in_bulk(["small press"], field="name"))["small press"].id == 2
    with pytest.raises(FieldError, match="is for instances"):
        await BOOKS.values("id").in_bulk([1])


# -- streams, locks, other databases, plans -----------------------------------------------------------


async def test_streaming_uses_a_cursor_and_ends_cleanly(db: Any) -> None:
    kinds: list[str] = []
    db.hooks.add(lambda event: kinds.append(event.kind))
    assert [row.id async for row in BOOKS] == [1, 2, 3, 4, 5, 6]
    assert "cursor" in kinds and "fetch" not in kinds
    assert [row.id async for row in BOOKS.iterator(chunk_size=2)] == [1, 2, 3, 4, 5, 6]
    async for row in BOOKS.iterator(chunk_size=1):
        if row.id == 2:
            break
    for _ in range(5):
        await asyncio.sleep(0.01)
    assert await BOOKS.count() == 6
    assert db.pool.figures.idle == db.pool.figures.size, "the connection of the broken loop is back"
    with pytest.raises(FieldError, match="chunk_size is a whole number from 1"):
        async for _ in BOOKS.iterator(chunk_size=0):
            pass
    async with db.transaction():
        await Book.objects.filter(id=6).delete()
        assert [row.id async for row in BOOKS] == [1, 2, 3, 4, 5]


async def test_select_for_update(db: Any, dsn: str) -> None:
    other = await chakra.connect(dsn)

    async def locked(model: Any) -> Any:
        async with other.transaction():
            return await model.objects.using(other).select_for_update(nowait=True).get(id=1)

    try:
        async with db.transaction():
            await Book.objects.select_for_update().filter(author__name="Ann", sequel_of__title=None).get()
            with pytest.raises(QueryCancelled):
                await locked(Book)
            async with other.transaction():
                left = await Book.objects.using(other).select_for_update(skip_locked=True).order_by("id")
            assert [b.id for b in left] == [2, 3, 4, 5, 6]
            assert (await locked(Author)).name == "Ann"
        async with db.transaction():
            await (
                BOOKS.select_for_update(of=["author"], no_key=True)
                .select_related("author", "sequel_of")
                .get(id=1)
            )
            with pytest.raises(QueryCancelled):
                await locked(Author)
            await locked(Book)
    finally:
        await other.close()
    with pytest.raises(FieldError, match="nowait or skip_locked"):
        BOOKS.select_for_update(nowait=True, skip_locked=True)
    with pytest.raises(
        FieldError, match="'title' is a field, not a relation of Book; its relations are author, sequel_of"
    ):
        BOOKS.select_for_update(of=["title"]).to_sql()
    with pytest.raises(FieldError, match="COPY takes no row locks"):
        await BOOKS.select_for_update().to_arrow()


async def test_using_another_database(db: Any, dsn: str) -> None:
    other = await chakra.connect(dsn)
    try:
        async with db.transaction():
            await Publisher.objects.create(name="unseen")
            assert await Publisher.objects.count() == 3
            assert await Publisher.objects.using(other).count() == 2, "its own connection, its own snapshot"
        found = await Author.objects.using(other).get(id=1)
        seen: list[str] = []
        other.hooks.add(lambda event: seen.append(event.sql))
        assert (await found.publisher).name == "Big House"  # type: ignore[union-attr]
        found.name = "Anna"
        await found.save()
        await found.books.count()  # type: ignore[attr-defined]
        assert len(seen) == 6, "an instance stays with the database it came from"
    finally:
        await other.close()


async def test_explain() -> None:
    text = await BOOKS.filter(title__contains="x", id__gt=5).explain()
    assert "books" in text and "Filter" in text
    tree = await BOOKS.filter(id=1).explain(analyze=True, format="json")
    tree = tree if not isinstance(tree, str) else __import__("json").loads(tree)
    assert tree[0]["Plan"]["Actual Rows"] in (1, 1.0)
    with pytest.raises(FieldError, match='"text" or "json"'):
        await BOOKS.explain(format="xml; drop table books")


async def test_to_sql_and_repr() -> None:
    query = BOOKS.filter(title="x'y", added__gt=stamp("2020-01-01"), kind=Kind.NOVEL)
    text, params = query.to_sql()
    assert params == ["x'y", stamp("2020-01-01"), "novel"] and "x'y" not in text and "$3" in text
    assert "x'y" in repr(query)
