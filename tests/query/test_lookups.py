"""Every lookup and transform, each in three forms: keyword, typed expression, and literals inside COPY."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from chakra.expressions.calls import TRANSFORMS
from chakra.expressions.lookups import CONTAINER_LOOKUPS, LOOKUPS
from chakra.expressions.range_lookups import RANGE_LOOKUPS
from chakra.expressions.search_lookups import VECTOR_LOOKUPS
from tests.query import test_container_lookups as container_lookups
from tests.query.containers import documents, test_arrays, test_attributes, test_edges, test_networks
from tests.query.library import UTC, Author, Book, Kind, ids, stamp
from tests.query.search import test_fulltext, test_ranges, test_trigrams, test_vectors

# keyword → value → ids of the books that match (1 Alpha, 2 100% alpha_beta, 3 back\slash, 4 Ünïcode 日本,
# 5 the empty title, 6 alphabet with NULL wherever that is possible).
CASES: list[tuple[str, Any, list[int]]] = [
    ("title", "Alpha", [1]),
    ("title__exact", "", [5]),
    ("pages", None, [6]),
    ("pages__exact", None, [6]),
    ("pages__ne", None, [1, 2, 3, 4, 5]),
    ("title__ne", "Alpha", [2, 3, 4, 5, 6]),
    ("pages__ne", 100, [2, 4, 5]),
    ("pages__gt", 100, [2, 4]),
    ("pages__gte", 100, [1, 2, 3, 4]),
    ("pages__lt", 100, [5]),
    ("pages__lte", 100, [1, 3, 5]),
    ("pages__in", [100, 320], [1, 3, 4]),
    ("pages__in", (), []),
    ("pages__in", {0, None}, [5]),
    ("pages__in", range(99, 101), [1, 3]),
    ("kind__in", [Kind.NOVEL], [1, 3]),
    ("pages__range", (100, 250), [1, 2, 3]),
    ("printed__range", [dt.date(2020, 1, 1), dt.date(2021, 12, 31)], [2, 3]),
    ("pages__isnull", True, [6]),
    ("pages__isnull", False, [1, 2, 3, 4, 5]),
    ("title__iexact", "ALPHA", [1]),
    ("title__iexact", "ünÏcode 日本", [4]),
    ("pages__iexact", None, [6]),
    ("title__contains", "alpha", [2, 6]),
    ("title__contains", "%", [2]),
    ("title__contains", "_", [2]),
    ("title__contains", "\\", [3]),
    ("title__contains", "", [1, 2, 3, 4, 5, 6]),
    ("title__icontains", "ALPHA", [1, 2, 6]),
    ("title__icontains", "%_", []),
    ("title__startswith", "al", [6]),
    ("title__startswith", "100%", [2]),
    ("title__startswith", "1_0", []),
    ("title__istartswith", "AL", [1, 6]),
    ("title__istartswith", "BACK\\", [3]),
    ("title__endswith", "beta", [2]),
    ("title__endswith", "%", []),
    ("title__iendswith", "SLASH", [3]),
    ("title__iendswith", "日本", [4]),
    ("title__regex", "^al", [6]),
    ("title__regex", r"\\s", [3]),
    ("title__iregex", "^al.*a$", [1]),
    ("pages__contains", "0", [1, 2, 3, 4, 5]),
    ("price__exact", Decimal("20.50"), [2]),
    ("price__lt", 1, [3]),
    ("price", 0.99, [3]),
    ("price__in", [0.99, 15.25], [3, 4]),
    ("price__range", (0.5, 5), [3, 5]),
    ("pages", 100.0, [1, 3]),
    ("pages__in", [Decimal(250)], [2]),
    ("price__in", [Decimal("0.99"), 10], [1, 3]),
    ("rating", float("inf"), [3]),
    ("rating__lt", -0.0, [4]),
    ("stock", -3, [5]),
    ("sold_out", True, [2]),
    ("sold_out", False, [1, 3, 4, 5, 6]),
    ("kind", Kind.POETRY, [2, 4]),
    ("kind", "poetry", [2, 4]),
    ("kind__ne", Kind.POETRY, [1, 3]),
    ("added", stamp("2021-07-04T12:00:00"), [3]),
    ("added", dt.datetime(2021, 7, 4, 14, tzinfo=dt.timezone(dt.timedelta(hours=2))), [3]),
    ("added__gte", stamp("2021-07-04T12:00:00"), [3, 4]),
    ("local__lt", dt.datetime(2020, 2, 1), [1]),
    ("opens__gt", dt.time(10, 0), [3]),
    ("loan__lt", dt.timedelta(0), [3]),
    ("loan", dt.timedelta(hours=5), [2]),
    ("cover", b"\x00\xff", [1]),
    ("cover", b"", [2]),
    ("code", uuid.UUID(int=3), [3]),
    ("code__in", [uuid.UUID(int=1), uuid.UUID(int=2)], [1, 2]),
    ("tags", ["old"], [2]),
    ("tags__contains", ["new"], [1, 4]),
    ("tags__contained_by", ["old", "new", "blue"], [1, 2, 3]),
    ("tags__overlap", ["old", "日本"], [2, 4]),
    ("data__contains", {"a": 1}, [1]),
    ("data__contains", {"b": {"c": [2]}}, [1]),
    ("data__contained_by", {"a": 2}, [2, 3]),
    ("span__contains", asyncpg.Range(2, 3), [2]),
    ("span__contained_by", asyncpg.Range(0, 20), [2]),
    ("span__overlap", asyncpg.Range(9, 30), [2]),
    ("added__date", dt.date(2020, 1, 5), [1]),
    ("added__date__gt", dt.date(2021, 1, 1), [3, 4]),
    ("added__time__lt", dt.time(1, 0), [1, 4]),
    ("added__year", 2020, [1, 2]),
    ("printed__year__in", [2019, 2022], [1, 4]),
    ("printed__iso_year", 2021, [3, 4]),
    ("printed__iso_year", 2020, [1, 2]),
    ("added__quarter", 3, [3]),
    ("added__month", 1, [1, 4]),
    ("added__month__range", (2, 7), [2, 3]),
    ("printed__week", 1, [1]),
    ("printed__week", 52, [4]),
    ("added__day", 29, [2]),
    ("added__week_day", 1, [1, 3]),
    ("added__week_day", 7, [2, 4]),
    ("added__iso_week_day", 7, [1, 3]),
    ("added__hour", 23, [2]),
    ("opens__minute", 30, [1]),
    ("added__second", 59, [2]),
    ("added__second__gte", 15, [1, 2]),
    ("added__year__isnull", True, [5, 6]),
    ("local__year", 2022, [4]),
    ("printed__day_of_year", 1, [4]),
    ("added__epoch", 1625400000, [3]),
    ("loan__epoch__lt", 0, [3]),
    ("title__lower", "alpha", [1]),
    ("title__lower__startswith", "alpha", [1, 6]),
    ("title__upper__in", ["ALPHA", "ALPHABET"], [1, 6]),
    ("title__initcap", "Alphabet", [6]),
    ("title__length", 5, [1]),
    ("title__length__gt", 9, [2, 3, 4]),
    ("title__octet_length__gt", 14, [2, 4]),
    ("title__trim", "", [5]),
    ("title__ltrim__contains", "100%", [2]),
    ("title__rtrim__endswith", "bet", [6]),
    ("title__reverse__startswith", "teb", [6]),
    ("title__ord", 97, [6]),
    ("title__md5", "d41d8cd98f00b204e9800998ecf8427e", [5]),
    ("stock__abs", 3, [5]),
    ("price__ceil", 1, [3]),
    ("price__floor", 15, [4]),
    ("price__round", 21, [2]),
    ("rating__round", -1, [4]),
    ("stock__sign", -1, [5]),
    ("pages__sqrt", 10, [1, 3]),
    ("rating__cbrt", 0, [5]),
    ("pages__exp", 1, [5]),
    ("id__ln", 0, [1]),
    ("id__log10__gt", 0.7, [6]),
]


def words(keyword: str) -> set[str]:
    return set(keyword.split("__")[1:]) or {"exact"}


def test_the_table_covers_every_lookup_and_transform() -> None:
    elsewhere = [(f"{name}__{words}",) for name in ("data", "plain") for words, *_ in documents.LOOKUPS]
    elsewhere += [
        (words,)
        for cases in (test_arrays, test_attributes, test_edges, test_networks)
        for words, *_ in cases.LOOKUPS
    ]
    tried = set().union(*(words(keyword) for keyword, *_ in [*CASES, *elsewhere]))
    known = {*LOOKUPS, *TRANSFORMS, "isnull", *(name for name, _ in CONTAINER_LOOKUPS)}
    searched = (test_ranges, test_fulltext, test_trigrams, test_vectors)
    assert known - tried.union(*(module.WORDS for module in searched)) == set()
    kinds = {"tags": "array", "data": "jsonb", "span": "range"}
    containers = {
        (w, names[k.split("__")[0]])
        for cases, names in (
            (CASES, kinds),
            (container_lookups.CASES, container_lookups.KINDS),
            (elsewhere, {"data": "jsonb", "plain": "json", "attrs": "hstore", "place": "ltree"}),
            (elsewhere, {"addr": "inet", "net": "cidr", "folded": "citext"}),
            (elsewhere, {name: name for name in ("point", "box", "polygon", "circle")}),
        )
        for k, *_ in cases
        if k.split("__")[0] in names
        for w in words(k)
    }
    assert set(CONTAINER_LOOKUPS) - containers - set(RANGE_LOOKUPS | VECTOR_LOOKUPS) == set()


@pytest.fixture
async def books(library: Any) -> Any:
    await library.execute("update books set span = '[1,10)' where id = 2")
    return Book.objects.order_by("id")


async def test_lookups_by_keyword(books: Any) -> None:
    wrong = [
        (keyword, value, found)
        for keyword, value, expected in CASES
        if (found := await ids(books.filter(**{keyword: value}))) != expected
    ]
    assert wrong == []


async def test_lookups_as_typed_expressions(books: Any) -> None:
    wrong = []
    for keyword, value, expected in CASES:
        name, _, word = keyword.partition("__")
        found = await ids(books.filter(getattr(Book, name).lookup(word or "exact", value)))
        if found != expected:
            wrong.append((keyword, value, found))
    assert wrong == []


async def test_lookups_through_copy(books: Any) -> None:
    wrong = []
    for keyword, value, expected in CASES:
        found = (await books.filter(**{keyword: value}).values("id").to_arrow())["id"].to_pylist()
        if found != expected:
            wrong.append((keyword, value, found))
    assert wrong == []


async def test_exclude_keeps_what_does_not_match_nulls_included(books: Any) -> None:
    everything = {1, 2, 3, 4, 5, 6}
    wrong = []
    for keyword, value, expected in CASES:
        for query in (books.exclude(**{keyword: value}), books.filter(~Book.id.in_(expected))):
            found = await ids(query)
            if set(found) != everything - set(expected):
                wrong.append((keyword, value, found))
    assert wrong == []


METHODS: list[tuple[Any, list[int]]] = [
    (Book.title == "Alpha", [1]),
    (Book.title != "Alpha", [2, 3, 4, 5, 6]),
    (Book.pages == None, [6]),  # noqa: E711
    (Book.pages != None, [1, 2, 3, 4, 5]),  # noqa: E711
    (Book.pages < 100, [5]),
    (Book.pages <= 100, [1, 3, 5]),
    (Book.pages > 250, [4]),
    (Book.pages >= 250, [2, 4]),
    (Book.pages.in_([0, 320]), [4, 5]),
    (Book.pages.not_in([0, 320]), [1, 2, 3, 6]),
    (Book.pages.is_null(), [6]),
    (Book.pages.is_null(False), [1, 2, 3, 4, 5]),
    (Book.pages.is_not_null(), [1, 2, 3, 4, 5]),
    (Book.pages.between(1, 100), [1, 3]),
    (Book.title.contains("alpha"), [2, 6]),
    (Book.title.icontains("ALPHA"), [1, 2, 6]),
    (Book.title.startswith("A"), [1]),
    (Book.title.istartswith("A"), [1, 6]),
    (Book.title.endswith("t"), [6]),
    (Book.title.iendswith("A"), [1, 2]),
    (Book.title.iexact("alpha"), [1]),
    (Book.title.matches("^.{5}$"), [1]),
    (Book.tags.contains(["new"]), [1, 4]),
    (Book.pages * 2 > 500, [4]),
    ((Book.pages > 100) | (Book.title == ""), [2, 4, 5]),
    ((Book.pages > 100) & (Book.kind == Kind.POETRY), [2, 4]),
    (~(Book.pages > 100), [1, 3, 5, 6]),
    (~~(Book.pages > 100), [2, 4]),
    (Book.sequel_of == 1, [2, 4]),
    (Book.sequel_of.is_null(), [1, 3, 5, 6]),
]


async def test_methods_and_operators_of_columns(books: Any) -> None:
    wrong = [
        (condition, found)
        for condition, expected in METHODS
        if (found := await ids(books.filter(condition))) != expected
    ]
    assert wrong == []


async def test_lookups_against_other_columns(books: Any) -> None:
    from chakra import F

    assert await ids(books.filter(pages__gt=F("stock"))) == [1, 2, 3, 5]
    assert await ids(books.filter(title__contains=F("title"))) == [1, 2, 3, 4, 5, 6]
    assert await ids(books.filter(title__startswith=F("author__name"))) == []
    assert await ids(books.filter(title__icontains=F("title"), title__iendswith=F("title"))) == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
    await Author.objects.filter(id=3).update(name="%")
    assert await ids(books.filter(title__contains=F("author__name"))) == [], "a column's % matches itself"


async def test_naive_and_aware_times_say_the_same_on_both_paths(books: Any) -> None:
    moment = dt.datetime(2021, 7, 4, 12, tzinfo=UTC)
    for query in (books.filter(added__lte=moment), books.filter(printed=moment.date())):
        assert (await query.values("id").to_arrow())["id"].to_pylist() == await ids(query)
