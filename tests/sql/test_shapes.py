"""The shape cache: what shares a statement, what does not, and how many Python calls the hot paths make."""

from __future__ import annotations

import datetime as dt
import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chakra import F, Field, Model, Q, RowNumber, Value, Window, field
from chakra.query.hydrate import loader
from chakra.query.state import RowState
from chakra.sql import select_statement, shapes
from tests.query.library import Author, Book, Kind

BOOKS = Book.objects


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Queries that were compiled since the test began, with an empty cache at its start."""
    seen: list[Any] = []
    original = shapes.compile_select

    def counting(select: Any, held: int) -> Any:
        seen.append(select)
        return original(select, held)

    monkeypatch.setattr(shapes, "compile_select", counting)
    Book.__table__.statements.clear()
    yield seen
    Book.__table__.statements.clear()


SAME: list[tuple[str, Callable[[Any], Any], list[Any]]] = [
    ("values", lambda v: BOOKS.filter(title=v), ["a", "b", "", "x" * 1000]),
    ("lengths of in", lambda v: BOOKS.filter(id__in=v), [[1], [1, 2, 3], [], (4,), {5}, range(3)]),
    ("lengths of typed in", lambda v: BOOKS.filter(Book.id.in_(v)), [[1], [1, 2, 3], (4,)]),
    ("limits", lambda v: BOOKS.order_by("id").limit(v), [1, 5, 10_000]),
    ("slices", lambda v: BOOKS[v : v + 5], [1, 2, 3]),
    ("typed values", lambda v: BOOKS.filter(Book.pages > v), [1, 2]),
    ("Q values", lambda v: BOOKS.filter(Q(pages=v) | ~Q(stock=v)), [1, 2]),
    ("enum members", lambda v: BOOKS.filter(kind=v), [Kind.NOVEL, Kind.POETRY]),
    ("annotations", lambda v: BOOKS.annotate(x=F("pages") + v), [1, 2]),
    (
        "stamps",
        lambda v: BOOKS.filter(added__lt=v),
        [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime.now(dt.UTC)],
    ),
    ("keys and instances", lambda v: BOOKS.filter(author=v), [Author(id=1), Author(id=2)]),
]


@pytest.mark.parametrize("case", SAME, ids=lambda case: case[0])
def test_one_statement_for_many_values(compiled: list[Any], case: Any) -> None:
    _, make, values = case
    statements = set()
    for value in values:
        sql, params = make(value).to_sql()
        statements.add(sql)
        assert params
    assert len(compiled) == len(statements) == 1


DIFFERENT: list[tuple[str, list[Any]]] = [
    ("isnull", [BOOKS.filter(pages__isnull=True), BOOKS.filter(pages__isnull=False)]),
    ("None", [BOOKS.filter(pages=None), BOOKS.filter(pages=1)]),
    ("typed isnull", [BOOKS.filter(Book.pages.is_null()), BOOKS.filter(Book.pages.is_null(False))]),
    ("lookups", [BOOKS.filter(pages__gt=1), BOOKS.filter(pages__gte=1)]),
    ("negation", [BOOKS.filter(pages=1), BOOKS.exclude(pages=1)]),
    ("connector", [BOOKS.filter(Q(pages=1) | Q(stock=1)), BOOKS.filter(Q(pages=1) & Q(stock=1))]),
    (
        "order",
        [BOOKS.order_by("id"), BOOKS.order_by("-id"), BOOKS.order_by(), BOOKS.order_by("pages").reverse()],
    ),
    ("nulls", [BOOKS.order_by(Book.pages.asc(nulls="first")), BOOKS.order_by(Book.pages.asc(nulls="last"))]),
    ("limit", [BOOKS.limit(1), BOOKS.offset(1), BOOKS.limit(1).offset(1)]),
    ("columns", [BOOKS.only("title"), BOOKS.only("pages"), BOOKS.values("pages", "title")]),
    ("joins", [BOOKS.select_related("author"), BOOKS.select_related("sequel_of")]),
    (
        "lock",
        [
            BOOKS.select_for_update(),
            BOOKS.select_for_update(nowait=True),
            BOOKS.select_for_update(no_key=True),
        ],
    ),
    ("value types", [BOOKS.annotate(x=Value(1)), BOOKS.annotate(x=Value("1")), BOOKS.annotate(x=Value(1.0))]),
    ("annotation names", [BOOKS.annotate(x=F("id") + 1), BOOKS.annotate(y=F("id") + 1)]),
    ("nothing", [BOOKS.filter(id=1), BOOKS.filter(id=1).none()]),
    ("distinct", [BOOKS.distinct(), BOOKS.distinct("id"), BOOKS.all()]),
]


@pytest.mark.parametrize("case", DIFFERENT, ids=lambda case: case[0])
def test_statements_that_must_not_be_shared(compiled: list[Any], case: Any) -> None:
    _, queries = case
    for _ in range(2):
        assert len({query.to_sql()[0] for query in queries}) == len(queries)
    assert len(compiled) == len(queries)


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch, compiled: list[Any]) -> None:
    monkeypatch.setattr(shapes, "MAX_SHAPES", 5)
    for n in range(20):
        BOOKS.annotate(**{f"a{n}": F("id")}).to_sql()
    assert len(Book.__table__.statements) == 5


def calls(function: Callable[[], Any]) -> int:
    """Python-level calls that a function makes."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    gc.disable()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count - 1  # the function itself


def build() -> Any:
    return BOOKS.filter(title="x", pages__gt=5).order_by("-added").limit(10).to_sql()


def rich() -> Any:
    keys = Author.objects.filter(name="x").values_list("id")
    numbered = BOOKS.annotate(n=Window(RowNumber(), partition_by="author_id", order_by="id"))
    typed = (Book.pages > 5, Book.title == "x", Book.rating < 3.5, Book.stock != 0)
    return numbered.filter(*typed, author_id__in=keys).order_by("id").limit(10).to_sql()


KNOWN: dict[str, tuple[int, Callable[[], Any]]] = {
    "keywords, order and limit": (18, build),
    "a typed condition": (16, lambda: Book.objects.filter(Book.pages > 5).to_sql()),
    "four typed conditions": (
        28,
        lambda: Book.objects.filter(
            Book.pages > 5, Book.title == "x", Book.rating < 3.5, Book.stock != 0
        ).to_sql(),
    ),
    "a join": (13, lambda: Book.objects.filter(author__name="x", pages__gt=5).to_sql()),
    "relations the other way": (
        13,
        lambda: Author.objects.filter(books__pages__gt=5, books__title="x").to_sql(),
    ),
    "a subquery, a window and four conditions": (92, rich),
}
"""Python calls of building a query whose shape is known (3.11: those of comprehensions are among them)."""


@pytest.mark.parametrize("case", KNOWN)
def test_a_known_shape_costs_few_calls(case: str) -> None:
    most, make = KNOWN[case]
    make()
    assert calls(make) <= most


def test_a_new_shape_costs_more() -> None:
    build()
    Book.__table__.statements.clear()
    # Of 22 columns; what is said of them is half of it.
    assert 200 < calls(build) <= 500


def test_all_rows_of_a_model_are_one_query() -> None:
    """It is never changed; what is made of it is another one."""
    assert Book.objects is Book.objects
    assert Book.objects.all().filter(id=1) is not Book.objects
    assert Book.objects.to_sql()[1] == []


def test_a_query_is_small() -> None:
    """Bytes of a query of two conditions, an order and a limit."""
    count = 1_000
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = [
            Book.objects.filter(pages__gte=n, sold_out=True).order_by("-added").limit(10)
            for n in range(count)
        ]
        size = tracemalloc.get_traced_memory()[0] - before - sys.getsizeof(kept)
    finally:
        tracemalloc.stop()
    assert size / count <= 500


def test_hydration_makes_no_call_per_row() -> None:
    class Plain(Model):
        id: Field[int] = field(primary_key=True)
        name: Field[str]
        note: Field[str | None]

    found, _ = select_statement(Plain.objects.all()._select)
    load = loader(found)
    state = RowState(None, True, shared=True)

    def rows(count: int) -> list[Any]:
        return [(n, "x", None) for n in range(count)]

    few, many = rows(10), rows(5_000)
    assert calls(lambda: load(many, state)) == calls(lambda: load(few, state)) <= 2
    for style, query in (
        ("dict", Plain.objects.values()),
        ("tuple", Plain.objects.values_list("id", "name", "note")),
    ):
        plain = loader(select_statement(query._select)[0])
        cost = calls(lambda plain=plain: plain(many, state))
        assert cost == calls(lambda plain=plain: plain(few, state)) <= 3, style


def test_related_and_annotated_rows_make_no_call_per_row() -> None:
    """One state for all instances of a place in the plan; what each row loads along is a tuple of its own."""
    query = Author.objects.select_related("publisher").annotate(shout=F("name"))
    load = loader(select_statement(query._select)[0])
    state = RowState(None, True, shared=True)

    def rows(count: int) -> list[Any]:
        return [(n, "x", "y", n, n, "p", None, "X") for n in range(count)]

    few, many = rows(10), rows(5_000)
    assert calls(lambda: load(many, state)) == calls(lambda: load(few, state)) <= 4
    authors = load(few, state)
    assert [(a.publisher.id, a.shout) for a in authors] == [(n, "X") for n in range(10)]
    assert len({id(a._state) for a in authors}) == len({id(a.publisher._state) for a in authors}) == 1
    authors[0].name = "changed"
    assert authors[0]._state is not state
    assert (authors[0].publisher.id, authors[0].shout, authors[1].shout) == (0, "X", "X")
    authors[0].publisher = authors[1].publisher
    assert (authors[0].publisher_id, authors[1].publisher.id) == (1, 1)
