"""Functions of the server by name: what is bound, what is quoted, which type comes back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from chakra import Count, F, Func, Max, Q, Sum, Value
from chakra.errors import DatabaseError, FieldError
from chakra.types import BigInt, Boolean, Numeric, Text
from tests.query.library import Book, ids

# Titles: "Alpha", "100% alpha_beta", "back\slash", "Ünïcode 日本", "", "alphabet"; stocks 5, 1, 0, 32767, -3, 0.
BOOKS = Book.objects.order_by("id")


async def test_values_of_fields(library: Any) -> None:
    rows = await BOOKS.annotate(x=Func("abs", "stock")).values_list("x", flat=True)
    assert rows == [5, 1, 0, 32767, 3, 0]
    assert [book.x for book in await BOOKS.annotate(x=Func("Upper", F("title")))[:2]] == [
        "ALPHA",
        "100% ALPHA_BETA",
    ]


async def test_texts_name_fields_and_values_are_bound(library: Any) -> None:
    query = BOOKS.annotate(x=Func("replace", "title", Value("alpha"), Value("'; DROP TABLE books --")))
    sql, params = query.to_sql()
    assert "DROP" not in sql
    assert params == ["alpha", "'; DROP TABLE books --"]
    assert [book.x for book in await query[5:]] == ["'; DROP TABLE books --bet"]
    assert (await query.values("x").to_arrow())["x"].to_pylist()[5] == "'; DROP TABLE books --bet"
    with pytest.raises(FieldError, match="has no field 'alpha'"):
        BOOKS.annotate(x=Func("replace", "title", "alpha", "beta")).to_sql()


async def test_two_calls_of_one_shape_share_a_statement(library: Any) -> None:
    Book.__table__.statements.clear()
    for least, found in ((5, [5, 5, 5, 32767, 5, 5]), (-1, [5, 1, 0, 32767, -1, 0])):
        query = BOOKS.annotate(x=Func("greatest", "stock", least)).values_list("x", flat=True)
        assert await query == found
    assert len(Book.__table__.statements) == 1


async def test_as_conditions(library: Any) -> None:
    """Like fields that are conditions by themselves; of one whose type is not known the server judges."""
    where = Func("starts_with", "title", Value("al"))
    assert await ids(BOOKS.filter(where)) == [6]
    assert await ids(BOOKS.exclude(where)) == [1, 2, 3, 4, 5]
    assert await ids(BOOKS.filter(where | Q(stock=5))) == [1, 6]
    with pytest.raises(FieldError, match="only boolean values are conditions"):
        BOOKS.filter(Func("abs", "stock", type=BigInt)).to_sql()
    assert await ids(BOOKS.filter(Func("starts_with", "title", Value("al"), type=Boolean))) == [6]
    with pytest.raises(DatabaseError, match="must be type boolean"):
        await BOOKS.filter(Func("abs", "stock"))


async def test_denied_functions_take_null_as_not_true(library: Any) -> None:
    """``starts_with(NULL, …)`` is NULL: the complement has those rows."""
    city = Func("starts_with", "author__publisher__city", Value("Ber"))
    assert await ids(BOOKS.filter(city)) == [1, 2]
    assert await ids(BOOKS.exclude(city)) == [3, 4, 5, 6]


async def test_the_type_is_a_cast(library: Any) -> None:
    """What ``type=`` says is true afterwards, for lookups, arithmetic and columns."""
    known = BOOKS.annotate(x=Func("abs", "stock", type=BigInt))
    assert 'abs("stock")::bigint' in known.to_sql()[0]
    assert (await known.values("x").to_arrow()).schema.field("x").type == pa.int64()
    assert (await BOOKS.values(x=Func("abs", "stock")).to_arrow()).schema.field("x").type == pa.int16()
    assert await ids(known.filter(x__in=[3, 5])) == [1, 5]
    roots = BOOKS.annotate(x=Func("sqrt", "price", type=Numeric(6, 2))).values_list("x", flat=True)
    assert await roots[:2] == [Decimal("3.16"), Decimal("4.53")]
    text = BOOKS.annotate(x=Func("abs", "stock", type=Text)).filter(x__startswith="3")
    assert await ids(text) == [4, 5]


async def test_with_aggregates(library: Any) -> None:
    assert await Book.objects.aggregate(x=Sum(Func("abs", "stock", type=BigInt))) == {"x": Decimal(32776)}
    assert await Book.objects.aggregate(x=Func("round", Max("price"))) == {"x": Decimal(21)}
    groups = (
        Book.objects.values(even=Func("mod", "id", 2)).annotate(n=Count("*"), s=Sum("stock")).order_by("even")
    )
    assert await groups.values_list("even", "n", "s") == [(0, 3, 32768), (1, 3, 2)]


async def test_in_writes(library: Any) -> None:
    assert await Book.objects.filter(id=5).update(title=Func("concat", Value("no. "), "id")) == 1
    assert (await Book.objects.get(id=5)).title == "no. 5"


async def test_a_function_of_a_schema(library: Any) -> None:
    await library.execute("CREATE SCHEMA app")
    try:
        await library.execute(
            "CREATE FUNCTION app.double(n bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 2 * n'"
        )
        query = BOOKS.annotate(x=Func("app.double", "id")).values_list("x", flat=True)
        assert await query[:3] == [2, 4, 6]
    finally:
        await library.execute("DROP SCHEMA app CASCADE")


async def test_what_a_function_leaves_behind_ends_with_the_query(library: Any) -> None:
    """It may set what it likes: the next borrower of the connection has the settings of the server."""
    before = await library.fetch("SHOW application_name")
    setting = Func("set_config", Value("application_name"), Value("mine"), Value(False))
    assert await BOOKS.annotate(x=setting).values_list("x", flat=True)[:1] == ["mine"]
    assert await library.fetch("SHOW application_name") == before


NO_NAMES = ["", "a b", "abs(1), pg_sleep", "1abs", "a.", ".a", "a..b", '"abs"', "abs--", "é", "a\n", None, 3]


@pytest.mark.parametrize("name", NO_NAMES, ids=ascii)
def test_no_names(name: Any) -> None:
    with pytest.raises(FieldError, match="Func\\(\\) takes the name of a function"):
        Func(name, "stock")


@pytest.mark.parametrize("type_", ["bigint", int], ids=str)
def test_no_types(type_: Any) -> None:
    with pytest.raises(FieldError, match=r"type= is one of chakra\.types"):
        Func("abs", "stock", type=type_)
