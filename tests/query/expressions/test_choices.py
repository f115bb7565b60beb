"""``Case``, ``Coalesce`` and what else is one of several values: results, types, and where they may stand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from chakra import (
    Case,
    Cast,
    Coalesce,
    Collate,
    Count,
    F,
    Greatest,
    Least,
    NullIf,
    Prefetch,
    Q,
    Sum,
    Value,
    When,
)
from chakra.errors import DataError, FieldError
from chakra.pg.types import BOOL, DATE, FLOAT8, INT2, INT8, NUMERIC, TEXT, TIMESTAMPTZ, PgType
from tests.query.expressions.agree import BOOKS, wrong_about
from tests.query.library import Author, Book, Kind, ids, stamp

MONEY = NUMERIC(10, 2)
LONG = Case(When(pages__gt=100, then=Value("long")), default=Value("short"))

CASES: list[tuple[Any, str, PgType | None]] = [
    (Case(When(pages__gt=100, then="price")), "CASE WHEN pages > 100 THEN price END", MONEY),
    (LONG, "CASE WHEN pages > 100 THEN 'long' ELSE 'short' END", TEXT),
    (Case(When(pages__gt=100, then=1), default=0), "CASE WHEN pages > 100 THEN 1::int8 ELSE 0 END", INT8),
    (
        Case(When(pages__gt=100, then="price"), default=Decimal("0.5")),
        "CASE WHEN pages > 100 THEN price ELSE 0.5 END",
        NUMERIC(21, 2),
    ),
    (
        Case(When(pages__gt=100, then="price"), default=Decimal("0.125")),
        "CASE WHEN pages > 100 THEN price ELSE 0.125 END",
        NUMERIC(22, 3),
    ),
    (Case(When(pages=None, then=1), default=2.5), "CASE WHEN pages IS NULL THEN 1 ELSE 2.5::float8 END", FLOAT8),
    (
        Case(When(Q(pages=0) | Q(title="Alpha"), then=True), default=False),
        "pages IS NOT DISTINCT FROM 0 OR title = 'Alpha'",
        BOOL,
    ),
    (Case(When(~Q(pages__gt=100), then=1), default=0), "CASE WHEN pages > 100 THEN 0::int8 ELSE 1 END", INT8),
    (
        Case(When(Book.stock > 1, title__startswith="A", then=1), When(author__name="Ann", then=2), default=3),
        "CASE WHEN stock > 1 AND title LIKE 'A%' THEN 1::int8"
        " WHEN author_id = (SELECT id FROM authors WHERE name = 'Ann') THEN 2 ELSE 3 END",
        INT8,
    ),
    (Case(When(pages=100, then=None), default="pages"), "CASE WHEN pages = 100 THEN NULL ELSE pages END", INT8),
    (
        Case(When(pages=100, then=Q(stock=5)), default=Q(stock=0)),
        "CASE WHEN pages = 100 THEN stock = 5 ELSE stock = 0 END",
        BOOL,
    ),
    (Coalesce("pages", "stock"), "COALESCE(pages, stock)", INT8),
    (Coalesce("stock", 70_000), "COALESCE(stock, 70000::int8)", INT8),
    (Coalesce("price", 0), "COALESCE(price, 0)", NUMERIC(21, 2)),
    (Coalesce("price", 2**70), "COALESCE(price, 1180591620717411303424)", NUMERIC),
    (Coalesce("price", "price", Decimal("0.00")), "COALESCE(price, 0)", NUMERIC(21, 2)),
    (Coalesce("price", "rating"), "COALESCE(price, rating)", FLOAT8),
    (Coalesce("pages", 1.5), "COALESCE(pages, 1.5)", NUMERIC),
    (Coalesce("rating", 1), "COALESCE(rating, 1)", FLOAT8),
    (Coalesce("printed", dt.date(1999, 12, 31)), "COALESCE(printed, '1999-12-31')", DATE),
    (Coalesce("printed", Value("1999-12-31")), "COALESCE(printed, '1999-12-31')", DATE),
    (Coalesce("added", stamp("2020-01-01T00:00:00")), "COALESCE(added, '2020-01-01Z')", TIMESTAMPTZ),
    (Coalesce("title", Value("x")), "COALESCE(title, 'x')", TEXT),
    (Coalesce(None, "pages"), "COALESCE(NULL, pages)", INT8),
    (Coalesce("author__publisher__city", "title"),
        "COALESCE((SELECT p.city FROM authors a JOIN publishers p ON p.id = a.publisher_id WHERE a.id = author_id),"
        " title)",
        TEXT,
    ),
    (Greatest("pages", "stock"), "GREATEST(pages, stock)", INT8),
    (Greatest("pages", 100), "GREATEST(pages, 100)", INT8),
    (Least("pages", "price"), "LEAST(pages, price)", NUMERIC(21, 2)),
    (Least("printed", dt.date(2020, 6, 1), "printed"), "LEAST(printed, '2020-06-01')", DATE),
    (NullIf("stock", 0), "NULLIF(stock, 0)", INT2),
    (NullIf("price", 5), "NULLIF(price, 5)", MONEY),
    (NullIf("title", Value("")), "NULLIF(title, '')", TEXT),
    (NullIf("pages", 0.5), "NULLIF(pages, 0.5)", NUMERIC),
    (Cast("stock", TEXT), "stock::text", TEXT),
    (Cast("price", NUMERIC(8, 1)), "price::numeric(8, 1)", NUMERIC(8, 1)),
    (Cast(F("pages") / 3, INT2), "(pages / 3)::int2", INT2),
    (Cast(Value("12"), INT8), "'12'::int8", INT8),
    (Collate("title", "C"), 'title COLLATE "C"', TEXT),
]  # fmt: skip


async def test_results_and_types(library: Any) -> None:
    wrong = [
        (expression, found)
        for expression, sql, type_ in CASES
        if (found := await wrong_about(library, expression, sql, type_)) is not None
    ]
    assert wrong == []


async def test_enums_take_members_and_labels(library: Any) -> None:
    for novel in (Kind.NOVEL, Value("novel")):
        query = BOOKS.annotate(x=Coalesce("kind", novel)).filter(x=Kind.NOVEL)
        assert await ids(query) == [1, 3, 5, 6]
        assert (await query.values("id").to_arrow())["id"].to_pylist() == [1, 3, 5, 6]


async def test_columns_are_exact(library: Any) -> None:
    price = Case(When(pages__gt=100, then="price"), default=Decimal("0.50"))
    column = (await BOOKS.values(x=price).to_arrow())["x"]
    assert column.type == pa.decimal128(21, 2)
    assert [str(x) for x in column.to_pylist()] == ["0.50", "20.50", "0.50", "15.25", "0.50", "0.50"]
    assert (await BOOKS.values(x=Case(When(pages=1, then="price"))).to_arrow())["x"].type == pa.decimal128(
        10, 2
    )


async def test_conditions_about_partners_are_about_any_of_them(library: Any) -> None:
    """And no row is repeated for each."""
    fat = Case(When(books__pages__gte=250, books__stock__gt=1, then=Value("fat")), default=Value("thin"))
    query = Author.objects.annotate(x=fat).order_by("id").values_list("name", "x")
    assert await query == [("Ann", "thin"), ("Bob", "thin"), ("Zoë", "fat")]
    none = Case(When(~Q(books__pages__gte=250), then=True), default=False)
    assert await Author.objects.filter(none).values_list("name", flat=True) == ["Bob"]
    assert await Author.objects.exclude(none).order_by("id").values_list("name", flat=True) == ["Ann", "Zoë"]
    assert await Author.objects.order_by(fat, "id").values_list("name", flat=True) == ["Zoë", "Ann", "Bob"]


async def test_conditions_in_aggregates_are_about_the_rows_they_take_in(library: Any) -> None:
    hundred = Sum(Case(When(books__pages__gte=100, then=1), default=0))
    query = Author.objects.annotate(x=hundred, n=Count("books")).order_by("id")
    assert await query.values_list("name", "x", "n") == [("Ann", 2, 2), ("Bob", 1, 2), ("Zoë", 1, 2)]
    long = await Book.objects.annotate(x=LONG).aggregate(
        n=Count("id", filter=Q(x="long") | Q(stock=5)), cheap=Sum(Case(When(price__lt=6, then="price")))
    )
    assert long == {"n": 3, "cheap": Decimal("5.99")}


async def test_conditions_beside_values_of_the_same_partner(library: Any) -> None:
    """A value of a partner and a condition about one stand for one row."""
    title = Case(When(books__pages__gte=250, then="books__title"), default=Value("-"))
    rows = await Author.objects.values("name", x=title).order_by("books__id")
    assert [(row["name"], row["x"]) for row in rows] == [
        ("Ann", "-"), ("Ann", "100% alpha_beta"), ("Bob", "-"), ("Zoë", "Ünïcode 日本"), ("Bob", "-"), ("Zoë", "-"),
    ]  # fmt: skip
    assert await Author.objects.filter(Q(id__gt=0), Coalesce("books__pages", 0) == 0).order_by(
        "id"
    ).values_list("name", flat=True) == ["Bob", "Zoë"]


async def test_grouping_by_a_case(library: Any) -> None:
    rows = await Book.objects.values(x=LONG).annotate(n=Count("*"), total=Sum("price")).order_by("x")
    assert rows == [
        {"x": "long", "n": 2, "total": Decimal("35.75")},
        {"x": "short", "n": 4, "total": Decimal("15.99")},
    ]
    assert await Book.objects.values(x=LONG).annotate(n=Count("*")).filter(n__gt=2).values_list("x", "n") == [
        ("short", 4)
    ]


async def test_in_writes_and_prefetches(library: Any) -> None:
    tier = Case(
        When(pages__gt=200, then=Value("L")), When(author__isnull=True, then=Value("?")), default=F("title")
    )
    assert await Book.objects.update(title=tier) == 6
    assert await BOOKS.values_list("title", flat=True) == ["Alpha", "L", "back\\slash", "L", "", "alphabet"]
    count = await Author.objects.update(name=Case(When(books__pages=0, then=Value("Nil")), default="name"))
    assert count == 3
    assert await Author.objects.order_by("id").values_list("name", flat=True) == ["Ann", "Nil", "Zoë"]
    author = await Author.objects.prefetch_related(
        Prefetch("books", queryset=Book.objects.annotate(x=LONG).filter(x="long").order_by(LONG, "id"))
    ).get(name="Ann")
    assert [(book.id, book.x) for book in author.books] == [(2, "long")]


async def test_collations_sort_and_compare(library: Any) -> None:
    """Under "C" capitals and digits stand before small letters."""
    assert await ids(Book.objects.order_by(Collate("title", "C"))) == [5, 2, 1, 6, 3, 4]
    assert await ids(Book.objects.filter(Collate("title", "C") < "a").order_by("id")) == [1, 2, 5]
    hostile = Collate("title", 'C"; DROP TABLE books --')
    with pytest.raises(Exception, match="does not exist"):
        await Book.objects.order_by(hostile)
    assert await Book.objects.count() == 6


async def test_values_are_bound_and_statements_shared(library: Any) -> None:
    Book.__table__.statements.clear()
    for least, word, found in ((100, "x'; DROP", [2, 4]), (0, "y", [1, 2, 3, 4])):
        case = Case(When(pages__gt=least, then=Value(word)), default=Value("z"))
        assert await ids(BOOKS.annotate(x=case).filter(x=word)) == found
    assert len(Book.__table__.statements) == 1
    assert "DROP" not in BOOKS.annotate(x=case).to_sql()[0]


@pytest.mark.parametrize(
    "made",
    [
        lambda: When(then=1),
        lambda: When(Q(), then=1),
        lambda: When("pages", then=1),
        lambda: Case(*()),
        lambda: Case(1),
        lambda: Coalesce("pages"),
        lambda: Cast("pages", int),
        lambda: Cast("pages", "bigint"),
        lambda: Collate("title", ""),
        lambda: Collate("title", "a\0"),
    ],
    ids=list("abcdefghij"),
)
def test_what_they_do_not_take(made: Any) -> None:
    with pytest.raises(FieldError):
        made()


async def test_what_the_types_do_not_take(library: Any) -> None:
    with pytest.raises(DataError, match="date"):
        await BOOKS.annotate(x=Coalesce("printed", Value("someday")))
    with pytest.raises(Exception, match="cannot be matched"):
        await BOOKS.annotate(x=Coalesce("title", 5))
    with pytest.raises(FieldError, match="has no field 'nothing'"):
        BOOKS.annotate(x=Case(When(nothing=1, then=2))).to_sql()
