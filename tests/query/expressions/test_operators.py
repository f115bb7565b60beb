"""Operators over fields: what they compute, and which type PostgreSQL gives the result."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from chakra import F, Value
from chakra.pg.types import (
    DATE,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSONB,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    PgType,
    array_of,
)
from tests.query.expressions.agree import BOOKS, wrong_about
from tests.query.library import Book, ids, stamp

DAY = dt.timedelta(days=1)

CASES: list[tuple[Any, str, PgType | None]] = [
    (-F("price"), "-price", NUMERIC(10, 2)),
    (-F("stock"), "-stock", INT2),
    (-F("loan"), "-loan", INTERVAL),
    (-(F("pages") + 1), "-(pages + 1)", INT8),
    (F("price") + F("price"), "price + price", NUMERIC(11, 2)),
    (F("price") - 1, "price - 1", NUMERIC(22, 2)),
    (F("price") * 2, "price * 2", NUMERIC(29, 2)),
    (F("price") * Decimal("1.19"), "price * 1.19", NUMERIC(31, 4)),
    (Decimal("0.5") - F("price"), "0.5 - price", NUMERIC(22, 2)),
    (F("price") * F("price") * F("price") * F("price"), "price * price * price * price", NUMERIC),
    (F("price") / 3, "price / 3", NUMERIC),
    (F("price") % 3, "price % 3", NUMERIC(21, 2)),
    (F("price") * 1.5, "price * 1.5", NUMERIC),
    (F("pages") % 3, "pages % 3", INT8),
    (1000 % (F("pages") + 1), "1000 % (pages + 1)", INT8),
    (F("stock") % 7, "stock % 7::int8", INT8),
    (F("pages") / 3, "pages / 3", INT8),
    (F("pages") ** 2, "pages ^ 2", FLOAT8),
    (2 ** F("id"), "2 ^ id", FLOAT8),
    (F("price") ** 2, "price ^ 2", NUMERIC),
    (F("rating") ** 2, "rating ^ 2", FLOAT8),
    (F("price") * F("rating"), "price * rating", FLOAT8),
    (F("stock").bitand(6), "stock & 6::int8", INT8),
    (F("stock").bitor(F("stock")), "stock | stock", INT2),
    (F("stock").bitxor(F("pages")), "stock # pages", INT8),
    (F("stock").bitnot(), "~stock", INT2),
    (F("stock").bitleftshift(1), "stock << 1", INT2),
    (F("pages").bitrightshift(3), "pages >> 3", INT8),
    (F("title") + "!", "title || '!'", TEXT),
    (F("title") + F("title"), "title || title", TEXT),
    (F("title").concat(F("pages")), "title || pages", TEXT),
    (F("pages").concat(" pages"), "pages || ' pages'", TEXT),
    (F("tags").concat(["x"]), "tags || '{x}'", array_of(TEXT)),
    (F("tags").concat(F("tags")), "tags || tags", array_of(TEXT)),
    (F("data").concat({"z": 1}), "data || '{\"z\": 1}'", JSONB),
    (F("printed") + DAY, "printed + interval '1 day'", TIMESTAMP),
    (F("printed") + 1, "printed + 1", DATE),
    (F("printed") - 1, "printed - 1", DATE),
    (F("printed") + F("pages"), "printed + pages::int", DATE),  # the server adds only integers to dates
    (F("printed") - F("stock") % 7, "printed - (stock % 7::int8)::int", DATE),
    (F("printed") + Value(3, INT8), "printed + 3", DATE),
    (F("stock").bitleftshift(F("pages") % 3), "stock << (pages % 3)::int", INT2),
    (F("pages").bitrightshift(Value(2, INT8)), "pages >> 2", INT8),
    (Value([1], array_of(INT4)).concat([2]), "'{1}'::int[] || '{2}'::int[]", array_of(INT4)),
    (F("rating") + Value(None, FLOAT8), "rating + NULL::float8", FLOAT8),
    (Value(None, TEXT), "NULL::text", TEXT),
    (F("printed") - dt.date(2020, 1, 1), "printed - date '2020-01-01'", INT4),
    (F("printed") + F("opens"), "printed + opens", TIMESTAMP),
    (F("opens") + dt.timedelta(hours=20), "opens + interval '20 hours'", TIME),
    (F("opens") - F("opens"), "opens - opens", INTERVAL),
    (F("added") - DAY, "added - interval '1 day'", TIMESTAMPTZ),
    (F("added") - stamp("2020-01-01T00:00:00"), "added - timestamptz '2020-01-01Z'", INTERVAL),
    (F("local") - F("printed"), "local - printed", INTERVAL),
    (F("loan") * 2, "loan * 2", INTERVAL),
    (1.5 * F("loan"), "1.5 * loan", INTERVAL),
    (F("loan") / 2, "loan / 2", INTERVAL),
    (F("loan") + DAY, "loan + interval '1 day'", INTERVAL),
]


async def test_results_and_types(library: Any) -> None:
    wrong = [
        (expression, found)
        for expression, sql, type_ in CASES
        if (found := await wrong_about(library, expression, sql, type_)) is not None
    ]
    assert wrong == []


async def test_in_conditions(library: Any) -> None:
    assert await ids(BOOKS.filter(F("pages") % 50 == 20)) == [4]
    assert await ids(BOOKS.filter(Book.stock.bitand(4) == 4)) == [1, 4, 5]
    assert await ids(BOOKS.filter(Book.pages**2 > 10_000)) == [2, 4]
    assert await ids(BOOKS.filter(-Book.stock > 0)) == [5]
    assert await ids(BOOKS.filter(pages__gt=F("stock") ** 2)) == [1, 2, 3]
    assert await ids(BOOKS.filter(Book.added - Book.added == dt.timedelta(0))) == [1, 2, 3, 4]


async def test_in_writes(library: Any) -> None:
    assert await BOOKS.filter(id__lt=3).update(stock=-F("stock"), tags=F("tags").concat(["x"])) == 2
    assert await BOOKS.filter(id__lt=3).values_list("stock", "tags") == [
        (-5, ["new", "blue", "x"]),
        (-1, ["old", "x"]),
    ]


@pytest.mark.parametrize("value", [Value(2), 2, 2.0, Decimal(2)], ids=repr)
async def test_numbers_of_any_class(library: Any, value: Any) -> None:
    query = BOOKS.annotate(x=F("price") * value).values_list("x", flat=True)
    assert await query[:2] == [Decimal(20), Decimal(41)]


async def test_a_literal_null_is_null(library: Any) -> None:
    """Conditions with one are NULL, and `~` is true where they are."""
    assert await ids(BOOKS.filter(~(F("pages") > Value(None, INT4)))) == [1, 2, 3, 4, 5, 6]
    assert await ids(BOOKS.exclude(pages=Value(None, INT4))) == [1, 2, 3, 4, 5, 6]
    assert await ids(BOOKS.filter(F("pages") > Value(None, INT4))) == []
