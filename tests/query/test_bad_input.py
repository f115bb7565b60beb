"""Values that do not fit: the right error, naming the field, at every entry point, and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from chakra import F, Q
from chakra.errors import ChakraError, DataError, FieldError, NotNullViolation
from tests.query.library import Author, Book, Publisher

pytestmark = pytest.mark.usefixtures("library")

# field → value that does not fit, what the message must say besides Book.<field>
WRONG: list[tuple[str, Any, str]] = [
    ("pages", "many", "bigint"),
    ("pages", 2**63, "out of"),
    ("pages", 1.5, "1.5 does not fit bigint: it is not a whole number"),
    ("pages", Decimal("1.5"), "is not a whole number"),
    ("pages", float("nan"), "is not a whole number"),
    ("pages", True, "a whole number"),
    ("pages", [1], "bigint"),
    ("stock", 32768, "out of"),
    ("stock", -32769, "out of"),
    ("title", 5, "text"),
    ("title", "nul\0byte", "text"),
    ("title", "lone \ud800 surrogate", "text"),
    ("title", b"bytes", "text"),
    ("price", "abc", "numeric"),
    ("rating", "high", "double precision"),
    ("kind", "drama", "novel, poetry"),
    ("kind", 5, "a member of Kind or its label"),
    ("printed", "2020-13-01", "date"),
    ("added", "yesterday", "timestamp"),
    ("opens", 5, "time"),
    ("loan", 5, "interval"),
    ("cover", "text", "bytea"),
    ("code", "no-uuid", "uuid"),
    ("tags", ["a", 5], "text"),
    ("tags", ["nul\0"], "text"),
    ("author_id", "x", "bigint"),
]


def compares(field: str, value: Any) -> bool:
    """Whether a value that no column of the type holds is a number all the same, larger or smaller than others."""
    return field in ("pages", "stock") and isinstance(value, int | float | Decimal) and value is not True


def fits_nowhere(field: str, value: Any) -> dict[str, Callable[[], Any]]:
    """Every way a value reaches the server, by name."""

    async def save() -> None:
        book = await Book.objects.get(id=1)
        setattr(book, field, value)
        await book.save()

    base = {"title": "t", "author_id": 1, field: value}
    asked: dict[str, Callable[[], Any]] = {
        "filter": lambda: Book.objects.filter(**{field: value}),
        "exclude": lambda: Book.objects.exclude(**{field: value}).count(),
        "typed": lambda: Book.objects.filter(getattr(Book, field) == value).exists(),
        "q": lambda: Book.objects.filter(Q(**{field: value}) | Q(id=1)).first(),
        "get": lambda: Book.objects.get(**{field: value}),
        "delete": lambda: Book.objects.filter(**{field: value}).delete(),
    }
    return (asked if not compares(field, value) else {}) | {
        "create": lambda: Book.objects.create(**base),
        "save": save,
        "update": lambda: Book.objects.filter(id=1).update(**{field: value}),
        "update_or_create": lambda: Book.objects.update_or_create(id=1, defaults={field: value}),
        "get_or_create": lambda: Book.objects.get_or_create(id=99, defaults=base),
        "bulk_create": lambda: Book.objects.bulk_create([Book(title="ok", author_id=1), Book(**base)]),
    }


@pytest.mark.parametrize(("field", "value", "says"), WRONG, ids=lambda item: repr(item)[:20])
async def test_wrong_values_are_named(db: Any, field: str, value: Any, says: str) -> None:
    before = await db.fetch("select * from books order by id")
    wrong: list[tuple[str, Any]] = []
    for entry, run in fits_nowhere(field, value).items():
        try:
            await run()
        except DataError as error:
            text = str(error)
            # Rows of bulk_create are checked before there is a statement: row and column name the value.
            bulk = entry == "bulk_create" and error.column == field
            if not bulk and (f"Book.{field}" not in text or says not in text):
                wrong.append((entry, text))
        except Exception as error:
            wrong.append((entry, error))
        else:
            wrong.append((entry, "accepted"))
    assert wrong == []
    assert await db.fetch("select * from books order by id") == before


async def test_bulk_create_of_many_names_row_and_field(db: Any) -> None:
    books = [Book(title=f"b{i}", author_id=1) for i in range(200)]
    for field, value, _ in WRONG:
        if field in ("author_id",):
            continue
        broken = list(books)
        broken[150] = Book(**{"title": "x", "author_id": 1, field: value})
        with pytest.raises(DataError) as caught:
            await Book.objects.bulk_create(broken)
        assert caught.value.row == 150 and caught.value.column == field, (field, value, str(caught.value))
    assert await Book.objects.count() == 6


async def test_lookup_arguments_of_the_wrong_kind() -> None:
    for keyword, value in (
        ("pages__in", 5),
        ("pages__in", "12"),
        ("pages__in", [1, "x"]),
        ("pages__in", [1, True]),
        ("pages__range", (1, None)),
        ("pages__range", 5),
        ("pages__range", (1, 2, 3)),
        ("pages__range", (1, "x")),
        ("title__regex", "(unclosed"),
        ("title__contains", "nul\0"),
        ("kind__in", ["novel", "drama"]),
        ("added__year", "x"),
    ):
        with pytest.raises(DataError) as caught:
            await Book.objects.filter(**{keyword: value})
        assert keyword == "title__regex" or "Book." in str(caught.value), (keyword, str(caught.value))
    for keyword, value in (
        ("pages__isnull", 1),
        ("pages__isnull", "yes"),
        ("pages__gt", None),
        ("title__contains", None),
        ("pages__in", None),
        ("pages__in", [F("stock")]),
    ):
        with pytest.raises(FieldError):
            await Book.objects.filter(**{keyword: value})


UNKNOWN: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: Book.objects.filter(titel="x"),
        r"Book has no field 'titel'; it has id, title.*Did you mean 'title'",
    ),
    (
        lambda: Book.objects.filter(title__contain="x"),
        r"'contain' is no lookup for 'title' of type text.*'contains'",
    ),
    (lambda: Book.objects.filter(pages__year=1), "'year' is no lookup for 'pages' of type bigint"),
    (lambda: Book.objects.filter(author__nmae="x"), r"Author has no field 'nmae' \(in 'author__nmae'\)"),
    (lambda: Book.objects.filter(title__name="x"), "'name' is no lookup"),
    (lambda: Book.objects.filter(title__exact__gt="x"), "'exact' is no lookup"),
    (lambda: Book.objects.filter(pages__overlap=[1]), "'overlap' is no lookup for 'pages'"),
    (lambda: Book.objects.filter(author__publisher__year=1), "'year'|Publisher has no field 'year'"),
    (lambda: Book.objects.order_by("nope"), "Book has no field 'nope'"),
    (lambda: Book.objects.order_by("pages__gt"), "ends in the lookup 'gt'"),
    (lambda: Book.objects.values("nope"), "Book has no field 'nope'"),
    (lambda: Book.objects.filter(F("pages")), "only boolean values are conditions"),  # type: ignore[arg-type]
    (lambda: Book.objects.filter("pages > 5"), "takes conditions and keywords"),  # type: ignore[arg-type]
    (lambda: Book.objects.filter(Author.name == "x"), r"Author\.name cannot be used in a query over Book"),
    (lambda: Book.objects.filter(Book.pages.lookup("nope", 1)), "'nope' is no lookup for 'Book.pages'"),
]


@pytest.mark.parametrize("case", range(len(UNKNOWN)))
async def test_unknown_names_say_what_exists(statements: list[str], case: int) -> None:
    make, message = UNKNOWN[case]
    with pytest.raises(FieldError, match=message):
        await make()
    assert statements == []


async def test_a_missing_required_column_is_named() -> None:
    for run in (
        lambda: Publisher.objects.create(city="x"),
        lambda: Publisher(city="x").save(),
        lambda: Publisher.objects.get_or_create(city="nowhere"),
        lambda: Publisher.objects.update_or_create(city="nowhere", defaults={}),
        lambda: Publisher.objects.filter(id=1).update(name=None),
        lambda: Publisher.objects.bulk_create([Publisher(city="x")]),
        lambda: Publisher.objects.create(name=None),
    ):
        with pytest.raises(NotNullViolation) as caught:
            await run()
        assert caught.value.table == "publishers" and caught.value.column == "name"
    with pytest.raises(ChakraError, match="name"):
        await Publisher.objects.bulk_create([Publisher(city="x") for _ in range(100)])
    assert await Publisher.objects.count() == 2


async def test_wrong_calls() -> None:
    with pytest.raises(TypeError, match="Q\\(\\) takes conditions"):
        Q("x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="combine conditions"):
        _ = (Book.pages > 1) & True  # type: ignore[operator]
    with pytest.raises(TypeError, match="not a truth value"):
        _ = 1 < Book.pages < 5
    with pytest.raises(FieldError, match="takes the name of a field"):
        F("")
