"""Ranges and multiranges: operators, bounds, constructors, each as rows and columns, against SQL by hand."""

# ruff: noqa: RUF005 - a range with a literal is no concatenation

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from chakra import Count, F, Field, Func, Model, Q, Value, field, functions
from chakra.errors import DatabaseError, DataError, FieldError
from chakra.expressions import library
from chakra.expressions.range_lookups import RANGE_LOOKUPS
from chakra.functions import (
    IsEmpty,
    LowerInc,
    LowerInf,
    MultiRangeOf,
    RangeLower,
    RangeMerge,
    RangeOf,
    RangeUpper,
    UpperInc,
    UpperInf,
)
from chakra.pg.types import (
    BOOL,
    DATE,
    DATEMULTIRANGE,
    DATERANGE,
    INT4,
    INT4MULTIRANGE,
    INT4RANGE,
    INT8RANGE,
    NUMERIC,
    NUMRANGE,
    TIMESTAMPTZ,
    TSTZRANGE,
    PgType,
)
from chakra.types import (
    Array,
    DateRange,
    Double,
    Int4MultiRange,
    Int4Range,
    Int8Range,
    Integer,
    MultiRange,
    Numeric,
    NumRange,
    Range,
    SmallInt,
    Timestamp,
    TsTzRange,
)
from tests.query.search.agree import wrong_about, wrong_rows
from tests.query.search.conftest import SHARED

pytestmark = SHARED

R = asyncpg.Range
DAY = dt.date
FloatRange = Range("floats", Double)
FloatMultiRange = MultiRange("many_floats", FloatRange)
BEFORE = "CREATE TYPE floats AS RANGE (subtype = float8, multirange_type_name = many_floats)"


class Stay(Model, table="stays"):
    id: Field[int] = field(primary_key=True)
    n: Field[int | None] = field(Integer, default=None)
    small: Field[int | None] = field(SmallInt, default=None)
    big: Field[int | None] = field(default=None)
    price: Field[Decimal | None] = field(Numeric(8, 2), default=None)
    ratio: Field[float | None] = field(default=None)
    first: Field[dt.date | None] = field(default=None)
    last: Field[dt.date | None] = field(default=None)
    at: Field[dt.datetime | None] = field(default=None)
    local: Field[dt.datetime | None] = field(Timestamp, default=None)
    span: Field[object] = field(Int4Range, null=True, default=None)
    other: Field[object] = field(Int4Range, null=True, default=None)
    wide: Field[object] = field(Int8Range, null=True, default=None)
    days: Field[object] = field(DateRange, null=True, default=None)
    open: Field[object] = field(TsTzRange, null=True, default=None)
    prices: Field[object] = field(NumRange, null=True, default=None)
    spans: Field[object] = field(Int4MultiRange, null=True, default=None)
    floats: Field[object] = field(FloatRange, null=True, default=None)
    many: Field[object] = field(FloatMultiRange, null=True, default=None)
    slots: Field[object] = field(Array(Int4Range), null=True, default=None)


MODELS = (Stay,)


def moment(hour: int) -> dt.datetime:
    return dt.datetime(2024, 1, 1, hour, tzinfo=dt.UTC)


async def fill() -> None:
    naive = dt.datetime(2024, 1, 1)
    rows: list[dict[str, Any]] = [
        {"n": 3, "small": 3, "big": 2**40, "price": "2.50", "ratio": 0.5, "first": DAY(2024, 1, 1),
         "last": DAY(2024, 1, 9), "at": moment(8), "local": naive, "span": (0, 5), "other": (5, 9), "wide": (0, 2**40),
         "days": (DAY(2024, 1, 1), DAY(2024, 2, 1)), "open": (moment(8), moment(18)), "prices": (1, "9.99"),
         "spans": [(0, 2), (4, 6)], "floats": R(0.5, 2.0, upper_inc=True), "many": [(0.0, 1.0), (2.0, 3.0)],
         "slots": [(0, 5), (7, 8)]},
        {"n": 5, "small": -3, "big": 5, "price": "9.99", "ratio": 2.0, "first": DAY(2023, 1, 1),
         "last": DAY(2024, 5, 1), "at": moment(18), "span": (4, 9), "other": (3, 6), "wide": (5, None),
         "days": (None, DAY(2024, 1, 1)), "open": (None, moment(9)), "prices": R("1.5", "2.5", upper_inc=True),
         "spans": [], "floats": (2.0, 3.0), "many": []},
        {"n": 2**31 - 1, "small": 2**15 - 1, "big": 2**63 - 1, "price": "0.01", "ratio": float("nan"),
         "span": (5, None), "other": (None, 5), "wide": (None, None), "days": R(empty=True), "open": (moment(9), None),
         "prices": (None, None), "spans": [(None, 4), (9, None)], "floats": (None, None)},
        {"n": -2**31, "span": (None, None), "other": R(empty=True), "spans": [(None, None)], "days": (None, None)},
        {"n": 0, "span": R(empty=True), "other": (0, 1), "spans": [(5, 6)], "prices": R(empty=True)},
        {},
    ]  # fmt: skip
    for row in rows:
        await Stay.objects.create(**row)


def interval(low: Any, high: Any, bounds: str = "[)") -> dict[str, Any]:
    return {"lower": low, "upper": high, "lower_inc": bounds[0] == "[", "upper_inc": bounds[1] == "]"}


CONDITIONS: list[tuple[Any, str]] = [
    # an element, a range, a multirange in a range or multirange
    (Q(span__contains=4), "span @> 4"),
    (Q(span__contains=F("n")), "span @> n"),
    (Q(span__contains=F("small")), "span @> small::int"),
    (Q(wide__contains=F("n")), "wide @> n::bigint"),
    (Q(span__contains=Value(4, Integer)), "span @> 4"),
    (Q(span__contains=(4, 5)), "span @> '[4,5)'::int4range"),
    (Q(span__contains=[4, 5]), "span @> '[4,5)'::int4range"),
    (Q(span__contains="[4,5]"), "span @> '[4,5]'::int4range"),
    (Q(span__contains=interval(3, 5, "(]")), "span @> '(3,5]'::int4range"),
    (Q(span__contains=range(4, 6)), "span @> '[4,6)'::int4range"),
    (Q(span__contains=()), "span @> 'empty'::int4range"),
    (Q(span__contains=[(0, 1), (3, 4)]), "span @> '{[0,1),[3,4)}'::int4multirange"),
    (Q(span__contains=Value((4, 6), Int4Range)), "span @> '[4,6)'::int4range"),
    (Q(span__contains=F("other")), "span @> other"),
    (Q(span__contains=F("spans")), "span @> spans"),
    (Q(days__contains=DAY(2024, 1, 1)), "days @> '2024-01-01'::date"),
    (Q(days__contains=F("first")), "days @> first"),
    (Q(open__contains=moment(9)), "open @> '2024-01-01 09:00+00'::timestamptz"),
    (Q(prices__contains=Decimal("2.5")), "prices @> 2.5"),
    (Q(prices__contains=2), "prices @> 2.0"),
    (Q(prices__contains=F("price")), "prices @> price"),
    (Q(prices__contains=F("n")), "prices @> n::numeric"),
    (Q(spans__contains=5), "spans @> 5"),
    (Q(spans__contains=(0, 2)), "spans @> '[0,2)'::int4range"),
    (Q(spans__contains=[0, 2]), "spans @> '[0,2)'::int4range"),
    (Q(spans__contains=(None, 3)), "spans @> '(,3)'::int4range"),
    (Q(spans__contains=[]), "spans @> '{}'::int4multirange"),
    (Q(spans__contains=[R(4, 5), (0, 1)]), "spans @> '{[4,5),[0,1)}'::int4multirange"),
    (Q(spans__contains=((4, 5),)), "spans @> '{[4,5)}'::int4multirange"),
    (Q(spans__contains=F("span")), "spans @> span"),
    (Q(floats__contains=1.5), "floats @> 1.5::float8"),
    (Q(floats__contains=F("ratio")), "floats @> ratio"),
    (Q(floats__contains=(0.75, 1)), "floats @> '[0.75,1)'::floats"),
    (Q(many__contains=0.5), "many @> 0.5::float8"),
    (Q(many__contains=F("floats")), "many @> floats"),
    # the other way round
    (Q(span__contained_by=(0, 6)), "span <@ '[0,6)'::int4range"),
    (Q(span__contained_by=[(0, 5), (5, 9)]), "span <@ '{[0,5),[5,9)}'::int4multirange"),
    (Q(span__contained_by=F("spans")), "span <@ spans"),
    (Q(spans__contained_by=(0, 6)), "spans <@ '[0,6)'::int4range"),
    (Q(spans__contained_by=[R(0, 6)]), "spans <@ '{[0,6)}'::int4multirange"),
    (Q(spans__contained_by=F("span")), "spans <@ span"),
    (Q(n__contained_by=(3, 5)), "n <@ '[3,5)'::int4range"),
    (Q(n__contained_by=interval(3, 5, "[]")), "n <@ '[3,5]'::int4range"),
    (Q(n__contained_by=interval(3, 5, "(]")), "n = 5"),
    (Q(n__contained_by=interval(Decimal(3), Decimal(5), "()")), "n > 3 AND n < 5"),
    (Q(n__contained_by=(3, None)), "n <@ '[3,)'::int4range"),
    (Q(n__contained_by=(3, 2**40)), "n <@ '[3,)'::int4range"),
    (Q(n__contained_by=(2**31 - 1, 2**31)), "n = 2147483647"),
    (Q(n__contained_by=(2**31, 2**40)), "n > 5 AND n < 3"),
    (Q(n__contained_by=(-(2**70), 2.5)), "n <= 2"),
    (Q(n__contained_by=interval(2.5, 5.0, "(]")), "n > 2.5 AND n <= 5"),
    (Q(n__contained_by=(float("-inf"), Decimal("3.000"))), "n < 3"),
    (Q(n__contained_by=interval(Decimal("-Infinity"), Decimal("Infinity"), "[]")), "n IS NOT NULL"),
    (Q(n__contained_by=[(0, 1), (4, 2**50)]), "n <@ '{[0,1),[4,)}'::int4multirange"),
    (Q(n__contained_by=F("span")), "n <@ span"),
    (Q(n__contained_by=F("wide")), "n::bigint <@ wide"),
    (Q(n__contained_by=F("spans")), "n <@ spans"),
    (Q(small__contained_by=(0, 4)), "small::int <@ '[0,4)'::int4range"),
    (Q(small__contained_by=(4, 2**20)), "small >= 4"),
    (Q(small__contained_by=F("span")), "small::int <@ span"),
    (Q(big__contained_by=(6, 2**80)), "big >= 6"),
    (Q(big__contained_by=F("wide")), "big <@ wide"),
    (Q(price__contained_by=(1, Decimal("9.99"))), "price <@ '[1,9.99)'::numrange"),
    (Q(price__contained_by=F("prices")), "price <@ prices"),
    (Q(n__contained_by=F("prices")), "n::numeric <@ prices"),
    (Q(ratio__contained_by=F("floats")), "ratio <@ floats"),
    (Q(first__contained_by=(DAY(2024, 1, 1), DAY(2024, 1, 2))), "first <@ '[2024-01-01,2024-01-02)'::daterange"),
    (Q(first__contained_by=("2024-01-01", "2024-01-02")), "first <@ '[2024-01-01,2024-01-02)'::daterange"),
    (Q(first__contained_by=F("days")), "first <@ days"),
    (Q(at__contained_by=(moment(8), moment(9))), "at <@ '[2024-01-01 08:00+00,2024-01-01 09:00+00)'::tstzrange"),
    (Q(first__contained_by=(None, None)), "first IS NOT NULL"),
    (Q(at__contained_by=(None, None)), "at IS NOT NULL"),
    (Q(local__contained_by=(None, None)), "local IS NOT NULL"),
    (Q(price__contained_by=(None, None)), "price IS NOT NULL"),
    (Q(n__contained_by=(None, None)), "n IS NOT NULL"),
    (Q(local__contained_by=(dt.datetime(2024, 1, 1), None)), "local <@ '[2024-01-01,)'::tsrange"),
    # beside each other
    (Q(span__overlap=(4, 5)), "span && '[4,5)'::int4range"),
    (Q(span__overlap=[(5, 6), (20, 30)]), "span && '{[5,6),[20,30)}'::int4multirange"),
    (Q(span__overlap=F("other")), "span && other"),
    (Q(spans__overlap=(5, 50)), "spans && '[5,50)'::int4range"),
    (Q(spans__overlap=F("span")), "spans && span"),
    (Q(span__fully_lt=(6, 8)), "span << '[6,8)'::int4range"),
    (Q(span__fully_lt=F("other")), "span << other"),
    (Q(spans__fully_lt=(6, 8)), "spans << '[6,8)'::int4range"),
    (Q(span__fully_gt=(0, 4)), "span >> '[0,4)'::int4range"),
    (Q(span__fully_gt=[(0, 1), (2, 4)]), "span >> '{[0,1),[2,4)}'::int4multirange"),
    (Q(spans__fully_gt=F("other")), "spans >> other"),
    (Q(span__not_lt=(4, 6)), "span &> '[4,6)'::int4range"),
    (Q(spans__not_lt=[(4, 6)]), "spans &> '{[4,6)}'::int4multirange"),
    (Q(span__not_gt=(0, 5)), "span &< '[0,5)'::int4range"),
    (Q(spans__not_gt=F("span")), "spans &< span"),
    (Q(span__adjacent_to=(5, 6)), "span -|- '[5,6)'::int4range"),
    (Q(span__adjacent_to=F("other")), "span -|- other"),
    (Q(spans__adjacent_to=(6, 8)), "spans -|- '[6,8)'::int4range"),
    # equality and order
    (Q(span=(0, 5)), "span = '[0,5)'"),
    (Q(span__ne=interval(0, 4, "[]")), "span <> '[0,5)'"),
    (Q(span__in=[(0, 5), R(empty=True)]), "span IN ('[0,5)', 'empty')"),
    (Q(span__gt=(0, 5)), "span > '[0,5)'"),
    (Q(spans=[(0, 2), (4, 6)]), "spans = '{[0,2),[4,6)}'"),
    (Q(spans=[]), "spans = '{}'"),
    # bounds
    (Q(span__startswith=0), "lower(span) = 0"),
    (Q(span__startswith__gt=2**40), "lower(span) > 1099511627776"),
    (Q(span__endswith__lte=5.5), "upper(span) <= 5.5"),
    (Q(span__lower__in=[0, 4]), "lower(span) IN (0, 4)"),
    (Q(span__upper__isnull=True), "upper(span) IS NULL"),
    (Q(days__startswith__year=2024), "extract(year FROM lower(days)) = 2024"),
    (Q(spans__lower=0), "lower(spans) = 0"),
    (Q(spans__upper__gt=F("n")), "upper(spans) > n"),
    (Q(span__isempty=True), "isempty(span)"),
    (Q(spans__isempty=False), "NOT isempty(spans)"),
    (Q(span__lower_inf=True), "lower_inf(span)"),
    (Q(days__upper_inf=True), "upper_inf(days)"),
    (Q(prices__upper_inc=True), "upper_inc(prices)"),
    (Q(prices__lower_inc=False), "NOT lower_inc(prices)"),
    (Q(floats__upper=2), "upper(floats) = 2"),
    (Q(span__multirange__contains=[(0, 1)]), "multirange(span) @> '{[0,1)}'"),
    # as typed expressions, over computed values
    (Stay.span.contains(4), "span @> 4"),
    (Stay.span.lookup("overlap", (4, 5)), "span && '[4,5)'"),
    (Stay.span.lookup("lower__gt", 0), "lower(span) > 0"),
    (Stay.span.startswith(0), "lower(span) = 0"),  # type: ignore[arg-type]
    ((F("span") * F("other")).lookup("isempty", False), "NOT isempty(span * other)"),
    ((F("span") * (0, 6)) == (4, 6),
     "span * '[0,6)'::int4range = '[4,6)'"),
    (RangeLower("span") < RangeLower("other"), "lower(span) < lower(other)"),
    (IsEmpty("span") & ~LowerInf("other"), "isempty(span) AND NOT lower_inf(other)"),
]  # fmt: skip


async def test_conditions(filled: Any) -> None:
    wrong = [
        (condition, sql, found)
        for condition, sql in CONDITIONS
        if (found := await wrong_rows(filled, Stay, condition, sql)) is not None
    ]
    assert wrong == []


VALUES: list[tuple[Any, str, PgType | None]] = [
    (RangeLower("span"), "lower(span)", INT4),
    (RangeUpper("days"), "upper(days)", DATE),
    (RangeLower("open"), "lower(open)", TIMESTAMPTZ),
    (RangeUpper("spans"), "upper(spans)", INT4),
    (RangeLower("floats"), "lower(floats)", Double),
    (RangeUpper("prices"), "upper(prices)", NUMERIC),
    (IsEmpty("span"), "isempty(span)", BOOL),
    (LowerInc("prices"), "lower_inc(prices)", BOOL),
    (UpperInc("prices"), "upper_inc(prices)", BOOL),
    (LowerInf("spans"), "lower_inf(spans)", BOOL),
    (UpperInf("span"), "upper_inf(span)", BOOL),
    (RangeMerge("span", "other"), "range_merge(span, other)", INT4RANGE),
    (RangeMerge("span", (7, 9)), "range_merge(span, '[7,9)')", INT4RANGE),
    (RangeMerge("spans"), "range_merge(spans)", INT4RANGE),
    (RangeMerge("floats", "floats"), "range_merge(floats, floats)", FloatRange),
    (MultiRangeOf("span"), "multirange(span)", INT4MULTIRANGE),
    (MultiRangeOf("span", "other"), "multirange(span) + multirange(other)", INT4MULTIRANGE),
    (MultiRangeOf("days", "days"), "multirange(days)", DATEMULTIRANGE),
    (MultiRangeOf("floats"), "multirange(floats)", None),
    (F("span") * F("other"), "span * other", INT4RANGE),
    (F("span") * (4, 100), "span * '[4,100)'::int4range", INT4RANGE),
    (F("span") - (None, 2), "span - '(,2)'::int4range", INT4RANGE),
    (F("spans") - [(1, 5)], "spans - '{[1,5)}'::int4multirange", INT4MULTIRANGE),
    (F("spans") + [R(1, 5)], "spans + '{[1,5)}'::int4multirange", INT4MULTIRANGE),
    (MultiRangeOf("span") - MultiRangeOf("other"), "multirange(span) - multirange(other)", INT4MULTIRANGE),
    (F("floats") * (0, 1.5), "floats * '[0,1.5)'::floats", FloatRange),
    (RangeOf(RangeLower("days"), RangeUpper("days")), "daterange(lower(days), upper(days))", DATERANGE),
    (RangeOf("n", None), "int4range(n, NULL)", INT4RANGE),
    (RangeOf("small", 32767, bounds="[]"), "int4range(small, 32767, '[]')", INT4RANGE),
    (RangeOf("big", 2**63 - 1), "int8range(big, 9223372036854775807)", INT8RANGE),
    (RangeOf("price", 10, bounds="(]"), "numrange(price, 10, '(]')", NUMRANGE),
    (RangeOf("at", moment(20)), "tstzrange(at, '2024-01-01 20:00+00')", TSTZRANGE),
    (RangeOf(None, "n", type=Int8Range, bounds="()"), "int8range(NULL, n, '()')", INT8RANGE),
    (RangeOf("n", Value(Decimal("1e10")), type=NumRange), "numrange(n, 1e10)", NUMRANGE),
    (RangeOf("ratio", None, type=FloatRange, bounds="(]"), "floats(ratio, NULL, '(]')", FloatRange),
    (Func("range_merge", "span", "other", type=Int4Range), "range_merge(span, other)", INT4RANGE),
]  # fmt: skip


async def test_values(filled: Any) -> None:
    wrong = [
        (expression, found)
        for expression, sql, type_ in VALUES
        if (found := await wrong_about(filled, Stay, expression, sql, type_)) is not None
    ]
    assert wrong == []


WORDS = {
    word
    for condition, _ in CONDITIONS
    if isinstance(condition, Q)
    for keyword in condition.keywords
    for word in keyword.split("__")[1:]
}


async def test_every_row_is_tried() -> None:
    assert {word for word, _ in RANGE_LOOKUPS} - WORDS == set()
    named = {node.function.name for e, *_ in VALUES for node in (e, *e.children) if hasattr(node, "function")}
    assert set(library.ranges.__all__) - named == set()
    assert set(library.ranges.__all__) <= set(functions.__all__)


async def test_where_they_stand(filled: Any) -> None:
    """Orders, groups, aggregates, updates."""
    query = Stay.objects
    by_width = query.filter(span__lower_inf=False, span__upper_inf=False, span__isempty=False)
    assert await by_width.order_by((RangeUpper("span") - RangeLower("span")).desc(), "id").values_list(
        "id", flat=True
    ) == [1, 2]
    groups = query.values(e=IsEmpty("span")).annotate(c=Count("*")).order_by("e")
    assert await groups.values_list("e", "c") == [(False, 4), (True, 1), (None, 1)]
    assert (await query.aggregate(n=Count("id", filter=Q(span__contains=4))))["n"] == 3
    assert await query.filter(n=3).update(span=F("span") + (5, 6)) == 1
    assert (await query.get(n=3)).span == R(0, 6)
    assert await query.filter(n=3).update(span=F("span") - (5, 6)) == 1
    assert await query.filter(n=3).values_list("span", "slots") == [(R(0, 5), [R(0, 5), R(7, 8)])]


async def test_one_shape_for_all_values(filled: Any) -> None:
    statements = Stay.__table__.statements
    for first, others in (
        ((4, 5), [[4, 5], (None, 5), (4, None)]),
        ([(4, 5)], [((1, 2), (3, 4))]),
        (R(1, 2), [R(empty=True)]),
    ):
        statements.clear()
        for value in (first, *others):
            Stay.objects.filter(spans__contains=value).to_sql()
        assert len(statements) <= 2, value


OBJECTS = Stay.objects
WRONG: list[tuple[Any, type[Exception], str]] = [
    (
        lambda: RangeOf("first", "last", bounds="[)'"),
        FieldError,
        r"bounds= is one of \[\), \[\], \(\], \(\), not",
    ),
    (lambda: RangeOf("first", "last", type=Integer), FieldError, "type= is a range of chakra.types"),
    (
        lambda: OBJECTS.values(x=RangeOf("local", "at", type=TsTzRange)),
        FieldError,
        "with time zone here, not Stay.local",
    ),
    (
        lambda: OBJECTS.values(x=RangeOf("ratio", 3)),
        FieldError,
        r"RangeOf\(\) takes int2, int4, int8, .*, not double",
    ),
    (lambda: OBJECTS.values(x=RangeLower("n")), FieldError, "takes a range or a multirange here, not Stay.n"),
    (MultiRangeOf, FieldError, "takes ranges"),
    (lambda: MultiRange("m", Integer), FieldError, "takes a range"),
    (
        lambda: OBJECTS.filter(ratio__contained_by=(0, 1)),
        FieldError,
        "the server has no range of double precision",
    ),
    (
        lambda: OBJECTS.filter(floats__overlap=[(0, 1)]),
        DataError,
        "one of a type of your own are a multirange",
    ),
    (lambda: OBJECTS.filter(span__overlap=[None, (0, 1)]), DataError, "one of them is NULL"),
    (lambda: OBJECTS.filter(span__overlap=(5, 1)), DataError, "its lower bound is above its upper one"),
    (lambda: OBJECTS.filter(span__overlap=(1, 2, 3)), DataError, "a range has two bounds"),
    (lambda: OBJECTS.filter(span__overlap={"lower": 1}), DataError, "upper, lower_inc, upper_inc is missing"),
    (lambda: OBJECTS.filter(span__contains="'; DROP"), DataError, "expected the text of a range"),
    (lambda: OBJECTS.filter(span__fully_lt=None), FieldError, "cannot use None"),
    (lambda: OBJECTS.filter(n__overlap=(0, 1)), FieldError, "'overlap' is no lookup for 'n'"),
    (lambda: OBJECTS.filter(span__lower__lower=1), FieldError, "'lower' is no lookup for 'span__lower'"),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
async def test_what_they_do_not_take(filled: Any, case: int) -> None:
    made, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        await made()


async def test_what_the_server_refuses(filled: Any) -> None:
    with pytest.raises(DataError, match="would not be contiguous"):
        await Stay.objects.values(x=F("span") + (50, 60))
    with pytest.raises(DataError, match="lower bound"):
        await Stay.objects.values(x=RangeOf("last", "first"))
    with pytest.raises(DatabaseError, match="operator does not exist"):
        await Stay.objects.filter(span__contains=F("first"))
