"""Names from outside: every public entry point that takes one refuses what is no plain name, and sends nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from chakra import CTE, F, Model, OuterRef, Over, Q, Rank, Row, Window
from chakra import Any as Any_
from chakra.errors import DataError, FieldError
from chakra.functions import Upper
from tests.query.library import Author, Book, Publisher, ids

pytestmark = pytest.mark.usefixtures("library")

PAYLOADS = [
    "'", '"', "x'; drop table books; --", 'id" = 1 or 1=1 --', "--", "id--", "/*", "%", "%s", "id%", "::", "id::text",
    ";", "id;", "(select 1)", "\0", "id\0", "id ", " id", "id,title", "*", "$1", "?", "id.title", "id[0]", "a->>'b'",
    "__class__", "__init__", "__dict__", "_state", "_v_title", "title__class__", "author__", "__author",
    "author____name",     "objects", "save", "self", "_connector", "_negated", "", "-", "--id", "日本", "ID", "x" * 64,
]  # fmt: skip

Entry = Callable[[str], Any]
ENTRIES: dict[str, Entry] = {
    "filter": lambda n: Book.objects.filter(**{n: 1}),
    "filter null": lambda n: Book.objects.filter(**{n: None}),
    "filter lookup": lambda n: Book.objects.filter(**{f"title__{n}": "x"}),
    "filter across": lambda n: Book.objects.filter(**{f"author__{n}": "x"}),
    "exclude": lambda n: Book.objects.exclude(**{n: 1}),
    "get": lambda n: Book.objects.get(**{n: 1}),
    "q": lambda n: Book.objects.filter(Q(**{n: 1}) | Q(id=1)),
    "typed lookup": lambda n: Book.objects.filter(Book.title.lookup(n, "x")),
    "f": lambda n: Book.objects.filter(id=F(n)),
    "order_by": Book.objects.order_by,
    "order_by descending": lambda n: Book.objects.order_by(f"-{n}"),
    "values": Book.objects.values,
    "values alias": lambda n: Book.objects.values(**{n: F("id")}),
    "values_list": lambda n: Book.objects.values_list(n, flat=True),
    "annotate": lambda n: Book.objects.annotate(**{n: F("id")}),
    "alias": lambda n: Book.objects.alias(**{n: F("id")}),
    "window": lambda n: Book.objects.window(**{n: Over(order_by="id")}),
    "window, gone on from": lambda n: Book.objects.window(w=Over(n, order_by="id")),
    "window, used": lambda n: Book.objects.annotate(r=Window(Rank(), over=n)),
    "dates": lambda n: Book.objects.dates(n, "year"),
    "dates kind": lambda n: Book.objects.dates("printed", n),
    "dates order": lambda n: Book.objects.dates("printed", "year", n),  # type: ignore[arg-type]
    "datetimes": lambda n: Book.objects.datetimes(n, "year"),
    "datetimes kind": lambda n: Book.objects.datetimes("added", n),
    "after": lambda n: Book.objects.order_by("title").page(2, after=n),
    "before": lambda n: Book.objects.order_by("title").page(2, before=n),
    "order of a page": lambda n: Book.objects.order_by(n).page(2),
    "row": lambda n: Book.objects.filter(Row(n, "id") > (1, 2)),
    "any": lambda n: Book.objects.filter(id=Any_(n)),
    "create computed": lambda n: Book.objects.create(title=Upper(n), author_id=1),
    "distinct expression": lambda n: Book.objects.distinct(F(n)),
    "sample method": lambda n: Book.objects.sample(1, method=n),  # type: ignore[arg-type]
    "only": Book.objects.only,
    "defer": Book.objects.defer,
    "select_related": Book.objects.select_related,
    "select_related deep": lambda n: Book.objects.select_related(f"author__{n}"),
    "select_for_update": lambda n: Book.objects.select_for_update(of=[n]),
    "distinct": Book.objects.distinct,
    "earliest": Book.objects.earliest,
    "latest": Book.objects.latest,
    "in_bulk": lambda n: Book.objects.in_bulk([1], field=n),
    "update": lambda n: Book.objects.update(**{n: 1}),
    "create": lambda n: Book.objects.create(**{"title": "x", "author_id": 1, n: 1}),
    "get_or_create": lambda n: Book.objects.get_or_create(**{n: 1}),
    "get_or_create defaults": lambda n: Book.objects.get_or_create(id=1, defaults={n: 1}),
    "update_or_create": lambda n: Book.objects.update_or_create(**{n: 1}),
    "update_or_create defaults": lambda n: Book.objects.update_or_create(id=1, defaults={n: 1}),
    "explain format": lambda n: Book.objects.explain(format=n),
    "columns": lambda n: Book.objects.values(n).to_arrow(),
    "aggregate": lambda n: Book.objects.aggregate(**{n: _count()}),
    "with": lambda n: Book.objects.with_(**{n: Author.objects.all()}),
    "with path": lambda n: Book.objects.with_(x=Author.objects.all()).values(f"x__{n}"),
    "join": lambda n: Book.objects.join(**{n: Author.objects.all()}),
    "join again": lambda n: Book.objects.with_(x=Author.objects.all()).join(n),
    "join on": lambda n: Book.objects.join(x=Author.objects.all(), on=n),
    "lateral": lambda n: Book.objects.lateral(**{n: Author.objects.filter(id=OuterRef("author"))}),
    "outer ref": lambda n: Book.objects.lateral(x=Author.objects.filter(id=OuterRef(n))),
    "cte name": lambda n: CTE(Book.objects.all(), name=n).objects,
    "recursive by": lambda n: _recursive(search="depth", by=n),
    "recursive order": lambda n: _recursive(search="depth", by="id", order=n),
    "recursive search": lambda n: _recursive(search=n, by="id"),
    "recursive cycle": lambda n: _recursive(cycle=n),
    "recursive mark": lambda n: _recursive(cycle="id", mark=n),
    "recursive path": lambda n: _recursive(cycle="id", path=n),
    "updating": lambda n: Book.objects.updating(**{n: 1}).objects,
    "updating returning": lambda n: Book.objects.updating(n, stock=1).objects,
    "deleting": lambda n: Book.objects.deleting(n).objects,
    "inserting": lambda n: Book.objects.inserting(Book.objects.values(**{n: F("id")})).objects,
    "inserting returning": lambda n: Book.objects.inserting(Book.objects.values("id"), n).objects,
}

ALIAS_ENTRIES = {
    "values alias",
    "annotate",
    "aggregate",
    "alias",
    "window",
    "with",
    "join",
    "lateral",
    "cte name",
}
ALIAS_ENTRIES |= {"recursive order", "recursive mark", "recursive path"}


def _recursive(**options: Any) -> Any:
    return CTE.recursive(Book.objects.values("id"), lambda r: r.objects.filter(id=0), **options).objects


def _count() -> Any:
    from chakra.expressions.aggregates import Count

    return Count("*")


def allowed(entry: str, payload: str) -> bool:
    """Aliases may be any plain word; annotations must not hide what instances have."""
    if entry in ALIAS_ENTRIES:
        taken = entry in ("annotate", "alias") and payload in ("objects", "save")
        return re.fullmatch("[A-Za-z][A-Za-z0-9_]{0,62}", payload) is not None and not taken
    return entry == "select_for_update" and payload == "self"


@pytest.mark.parametrize("entry", ENTRIES)
async def test_names_from_outside(entry: str, statements: list[str]) -> None:
    wrong: list[tuple[str, Any]] = []
    for payload in PAYLOADS:
        if allowed(entry, payload):
            continue
        try:
            found = ENTRIES[entry](payload)
            await found
        except FieldError:
            pass
        except DataError as error:
            if entry not in ("after", "before"):
                wrong.append((payload, error))
        except Exception as error:
            wrong.append((payload, error))
        else:
            wrong.append((payload, "accepted"))
        if statements:
            wrong.append((payload, list(statements)))
            statements.clear()
    assert wrong == []


async def test_internal_names_cannot_be_assigned() -> None:
    book = await Book.objects.get(id=1)
    for name in ("_state", "__class__", "__dict__"):
        with pytest.raises(FieldError):
            await Book.objects.update_or_create(id=1, defaults={name: Model})
        with pytest.raises(FieldError):
            Book(**{name: Model})
    assert type(book) is Book


VALUES = [
    "'",
    '"',
    "\\",
    "\\'",
    "'; drop table books; --",
    "$1",
    "%s",
    "{}",
    "E'",
    "$$",
    "\n",
    "\u2028",
    "''",
    "-1",
    "--",
]


async def test_values_from_outside_are_only_values(db: Any) -> None:
    for value in VALUES:
        book = await Book.objects.create(title=value, author_id=1, tags=[value], data={value: value})
        same = Book.objects.filter(title=value, tags__contains=[value], data__contains={value: value})
        assert await ids(same) == [book.id]
        assert await ids(Book.objects.filter(title__contains=value, title__startswith=value, id=book.id)) == [
            book.id
        ]
        assert (await same.values("title", "tags").to_arrow()).to_pylist() == [
            {"title": value, "tags": [value]}
        ]
        assert await Book.objects.filter(id=book.id).update(title=value) == 1
        assert await book.delete() == 1
    assert (
        await Book.objects.count() == 6
        and await Author.objects.count() == 3
        and await Publisher.objects.count() == 2
    )


async def test_negative_numbers_in_literals(db: Any) -> None:
    for query in (
        Book.objects.annotate(x=F("pages") - -1).filter(x__gt=-1, stock__gte=-3),
        Book.objects.filter(stock=-3),
        Book.objects.filter(rating__lt=-0.5),
    ):
        table = await query.values("id").order_by("id").to_arrow()
        assert table["id"].to_pylist() == await ids(query.order_by("id"))


async def test_json_input_never_becomes_an_expression() -> None:
    for value in ({"as_expression": 1}, {"path": "id"}, ["F('id')"]):
        assert await Book.objects.filter(data=value).count() == 0
