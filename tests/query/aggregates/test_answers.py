"""Every aggregate, in every place it may stand: answers worked out by hand, and those of SQL written by hand."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

import chakra
from chakra import (
    AnyValue,
    ArrayAgg,
    Avg,
    BitAnd,
    BitOr,
    BitXor,
    BoolAnd,
    BoolOr,
    Corr,
    Count,
    CovarPop,
    CovarSamp,
    CumeDistOf,
    DenseRankOf,
    Every,
    F,
    JsonAgg,
    JsonObjectAgg,
    Max,
    Min,
    Mode,
    PercentileCont,
    PercentileDisc,
    PercentRankOf,
    Q,
    RangeAgg,
    RangeIntersectAgg,
    RankOf,
    RegrAvgX,
    RegrAvgY,
    RegrCount,
    RegrIntercept,
    RegrR2,
    RegrSlope,
    RegrSXX,
    RegrSXY,
    RegrSYY,
    StdDev,
    StringAgg,
    Sum,
    Value,
    Variance,
    Window,
)
from chakra.expressions.aggregates import Aggregate
from chakra.functions import Concat
from chakra.pg.types import BY_OID
from chakra.sql import select_statement
from tests.plugins.needs import ServerFacts
from tests.query.aggregates.sales import MODELS, Sale, Shop, Size, fill
from tests.relations.conftest import SHARED

__all__ = ["MODELS", "fill"]
pytestmark = SHARED

D = Decimal
HOURS = [dt.timedelta(hours=n) for n in range(7)]
ANYTHING = object()
"""The value is whichever comes."""

Make = Callable[[str], Aggregate]

CASES: dict[str, tuple[Make, str, Any, str]] = {
    # name: the aggregate of fields behind a prefix, the same in SQL, its value of all six rows, its Arrow type
    "count": (lambda p: Count(f"{p}id"), "count(s.id)", 6, "int64"),
    "count values": (lambda p: Count(f"{p}pages"), "count(s.pages)", 5, "int64"),
    "count distinct": (lambda p: Count(f"{p}pages", distinct=True), "count(DISTINCT s.pages)", 4, "int64"),
    "count distinct rows": (
        lambda p: Count(f"{p}region", f"{p}size", distinct=True),
        "count(DISTINCT (s.region, s.size))",
        4,
        "int64",
    ),
    "sum": (lambda p: Sum(f"{p}price"), "sum(s.price)", D("18.49"), "decimal128(38, 2)"),
    "sum of big": (lambda p: Sum(f"{p}big"), "sum(s.big)", D(21 * 10**12), "decimal128(38, 0)"),
    "sum of intervals": (
        lambda p: Sum(f"{p}lasts"),
        "sum(s.lasts)",
        dt.timedelta(hours=21),
        "month_day_nano_interval",
    ),
    "average": (
        lambda p: Avg(f"{p}small", filter=Q(**{f"{p}id__lt": 3})),
        "avg(s.small) FILTER (WHERE s.id < 3)",
        D(11),
        "decimal128",
    ),
    "least text": (lambda p: Min(f"{p}code"), "min(s.code)", "c0", "string"),
    "greatest enum": (lambda p: Max(f"{p}size"), "max(s.size)", Size.LARGE, "dictionary"),
    "true in all": (lambda p: BoolAnd(f"{p}paid"), "bool_and(s.paid)", False, "bool"),
    "every": (
        lambda p: Every(f"{p}paid", filter=Q(**{f"{p}region": "east"})),
        "every(s.paid) FILTER (WHERE s.region = 'east')",
        True,
        "bool",
    ),
    "true in any": (lambda p: BoolOr(f"{p}paid"), "bool_or(s.paid)", True, "bool"),
    "a condition in all": (
        lambda p: BoolAnd(Q(**{f"{p}small__gt": 2}) & ~Q(**{f"{p}region": "south"})),
        "bool_and(s.small > 2 AND s.region <> 'south')",
        True,
        "bool",
    ),
    "bits of all": (
        lambda p: BitAnd(f"{p}small", filter=Q(**{f"{p}id__lt": 3})),
        "bit_and(s.small) FILTER (WHERE s.id < 3)",
        8,
        "int16",
    ),
    "bits of any": (lambda p: BitOr(f"{p}pages"), "bit_or(s.pages)", 31, "int32"),
    "bits of odd numbers": (lambda p: BitXor(f"{p}big"), "bit_xor(s.big)", ANYTHING, "int64"),
    "bit strings": (lambda p: BitOr(f"{p}bits"), "bit_or(s.bits)", ANYTHING, "string"),
    "array": (
        lambda p: ArrayAgg(f"{p}pages", order_by=f"-{p}id"),
        "array_agg(s.pages ORDER BY s.id DESC)",
        [20, 5, 20, None, 30, 10],
        "list<item: int32>",
    ),
    "array of distinct": (
        lambda p: ArrayAgg(f"{p}code", distinct=True, order_by=F(f"{p}code").desc()),
        "array_agg(DISTINCT s.code ORDER BY s.code DESC)",
        ["c2", "c1", "c0"],
        "list<item: string>",
    ),
    "array of numerics": (
        lambda p: ArrayAgg(f"{p}price", filter=Q(**{f"{p}id__lte": 2}), order_by=f"{p}price"),
        "array_agg(s.price ORDER BY s.price) FILTER (WHERE s.id <= 2)",
        [D("1.50"), D("9.99")],
        "list<item: decimal128(12, 2)>",
    ),
    "array of arrays": (
        lambda p: ArrayAgg(f"{p}tags", filter=Q(**{f"{p}id__lte": 2}), order_by=f"{p}id"),
        "array_agg(s.tags ORDER BY s.id) FILTER (WHERE s.id <= 2)",
        [["t1"], ["t2"]],
        "list<item: list<item: string>>",
    ),
    "text": (
        lambda p: StringAgg(f"{p}city", "; ", order_by=[f"{p}city", f"{p}id"]),
        "string_agg(s.city, '; ' ORDER BY s.city, s.id)",
        "Ayr; Ayr; Bath; Cork; Cork",
        "string",
    ),
    "text of numbers": (
        lambda p: StringAgg(f"{p}pages", "", order_by=f"{p}id"),
        "string_agg(s.pages::text, '' ORDER BY s.id)",
        "103020520",
        "string",
    ),
    "text, a delimiter for each": (
        lambda p: StringAgg(f"{p}code", Concat(Value("'"), f"{p}region", Value("--")), order_by=f"{p}id"),
        "string_agg(s.code, '''' || s.region || '--' ORDER BY s.id)",
        "c1'east--c2'east--c0'west--c1'west--c2'west--c0",
        "string",
    ),
    "bytes": (
        lambda p: StringAgg(f"{p}blob", b"\x00", order_by=f"{p}id", filter=Q(**{f"{p}id__lt": 3})),
        "string_agg(s.blob, '\\x00'::bytea ORDER BY s.id) FILTER (WHERE s.id < 3)",
        b"\x01\x00\x02",
        "binary",
    ),
    "documents": (
        lambda p: JsonAgg(f"{p}pages", order_by=f"{p}id"),
        "jsonb_agg(s.pages ORDER BY s.id)",
        [10, 30, None, 20, 5, 20],
        "json",
    ),
    "documents that are there": (
        lambda p: JsonAgg(f"{p}pages", strict=True, order_by=f"{p}id", filter=Q(**{f"{p}region": "east"})),
        "jsonb_agg(s.pages ORDER BY s.id) FILTER (WHERE s.region = 'east' AND s.pages IS NOT NULL)",
        [10, 30],
        "json",
    ),
    "object": (
        lambda p: JsonObjectAgg(f"{p}id", f"{p}price"),
        "jsonb_object_agg(s.id::text, s.price)",
        {"1": 1.5, "2": 9.99, "3": 3.0, "4": None, "5": 2.0, "6": 2.0},
        "json",
    ),
    "object, the last one counts": (
        lambda p: JsonObjectAgg(f"{p}region", f"{p}id", strict=True, order_by=f"{p}id"),
        "jsonb_object_agg(s.region, s.id ORDER BY s.id)",
        {"east": 3, "west": 6},
        "json",
    ),
    "ranges": (lambda p: RangeAgg(f"{p}span"), "range_agg(s.span)", ANYTHING, "list<item: struct"),
    "common range": (
        lambda p: RangeIntersectAgg(f"{p}span", filter=Q(**{f"{p}id__in": [1, 2, 5]})),
        "range_intersect_agg(s.span) FILTER (WHERE s.id IN (1, 2, 5))",
        ANYTHING,
        "struct",
    ),
    "correlation": (
        lambda p: Corr(f"{p}small", f"{p}real"),
        "corr(s.small, s.real)",
        ANYTHING,
        "double",
    ),
    "covariance": (
        lambda p: CovarPop(f"{p}small", f"{p}id", filter=Q(**{f"{p}id__lte": 2})),
        "covar_pop(s.small, s.id) FILTER (WHERE s.id <= 2)",
        -0.5,
        "double",
    ),
    "covariance of a sample": (
        lambda p: CovarSamp(f"{p}small", f"{p}id", filter=Q(**{f"{p}id__lte": 2})),
        "covar_samp(s.small, s.id) FILTER (WHERE s.id <= 2)",
        -1.0,
        "double",
    ),
    "mean of x": (
        lambda p: RegrAvgX(f"{p}small", f"{p}pages"),
        "regr_avgx(s.small, s.pages)",
        17.0,
        "double",
    ),
    "mean of y": (
        lambda p: RegrAvgY(f"{p}price", f"{p}pages"),
        "regr_avgy(s.price, s.pages)",
        3.8725,
        "double",
    ),
    "rows with both": (
        lambda p: RegrCount(f"{p}price", f"{p}pages"),
        "regr_count(s.price, s.pages)",
        4,
        "int64",
    ),
    "intercept": (lambda p: RegrIntercept(f"{p}big", f"{p}id"), "regr_intercept(s.big, s.id)", 0.0, "double"),
    "determination": (lambda p: RegrR2(f"{p}big", f"{p}id"), "regr_r2(s.big, s.id)", 1.0, "double"),
    "slope": (lambda p: RegrSlope(f"{p}real", f"{p}id"), "regr_slope(s.real, s.id)", 0.5, "double"),
    "sxx": (lambda p: RegrSXX(f"{p}small", f"{p}id"), "regr_sxx(s.small, s.id)", 17.5, "double"),
    "sxy": (lambda p: RegrSXY(f"{p}real", f"{p}id"), "regr_sxy(s.real, s.id)", 8.75, "double"),
    "syy": (lambda p: RegrSYY(f"{p}real", f"{p}id"), "regr_syy(s.real, s.id)", 4.375, "double"),
    "a literal beside a field": (lambda p: RegrAvgX(f"{p}small", 3), "regr_avgx(s.small, 3)", 3.0, "double"),
    "deviation": (
        lambda p: StdDev(f"{p}real", filter=Q(**{f"{p}id__lte": 2})),
        "stddev_pop(s.real) FILTER (WHERE s.id <= 2)",
        0.25,
        "double",
    ),
    "variance": (lambda p: Variance(f"{p}small", sample=True), "var_samp(s.small)", ANYTHING, "decimal128"),
    "median": (
        lambda p: PercentileCont(f"{p}pages", 0.5),
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY s.pages)",
        20.0,
        "double",
    ),
    "quartiles": (
        lambda p: PercentileCont(f"{p}real", [0.25, D("0.5"), 1]),
        "percentile_cont(ARRAY[0.25, 0.5, 1]) WITHIN GROUP (ORDER BY s.real)",
        [1.125, 1.75, 3.0],
        "list<item: double>",
    ),
    "from the other end": (
        lambda p: PercentileCont(f"-{p}real", 0.25, filter=Q(**{f"{p}id__lt": 6})),
        "percentile_cont(0.25) WITHIN GROUP (ORDER BY s.real DESC) FILTER (WHERE s.id < 6)",
        2.0,
        "double",
    ),
    "median of intervals": (
        lambda p: PercentileCont(f"{p}lasts", 0.5),
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY s.lasts)",
        dt.timedelta(hours=3, minutes=30),
        "month_day_nano_interval",
    ),
    "middle date": (
        lambda p: PercentileDisc(f"{p}day", 0.5),
        "percentile_disc(0.5) WITHIN GROUP (ORDER BY s.day)",
        dt.date(2026, 1, 3),
        "date32[day]",
    ),
    "prices at": (
        lambda p: PercentileDisc(F(f"{p}price").desc(nulls="last"), (0, 1)),
        "percentile_disc(ARRAY[0, 1]) WITHIN GROUP (ORDER BY s.price DESC NULLS LAST)",
        [D("9.99"), D("1.50")],
        "list<item: decimal128(12, 2)>",
    ),
    "most frequent": (
        lambda p: Mode(f"{p}size"),
        "mode() WITHIN GROUP (ORDER BY s.size)",
        Size.LARGE,
        "dictionary",
    ),
    "most frequent, the last": (
        lambda p: Mode(f"-{p}pages", filter=Q(**{f"{p}id__lt": 3})),
        "mode() WITHIN GROUP (ORDER BY s.pages DESC) FILTER (WHERE s.id < 3)",
        30,
        "int32",
    ),
    "rank of": (
        lambda p: RankOf(D("2.00"), f"-{p}price", filter=Q(**{f"{p}price__isnull": False})),
        "rank(2.00) WITHIN GROUP (ORDER BY s.price DESC) FILTER (WHERE s.price IS NOT NULL)",
        3,
        "int64",
    ),
    "rank of a text": (
        lambda p: RankOf("Bath", f"{p}city"),
        "rank('Bath') WITHIN GROUP (ORDER BY s.city)",
        3,
        "int64",
    ),
    "rank of two": (
        lambda p: DenseRankOf(("east", 3), (f"{p}region", f"-{p}id")),
        "dense_rank('east', 3) WITHIN GROUP (ORDER BY s.region, s.id DESC)",
        1,
        "int64",
    ),
    "share before": (
        lambda p: PercentRankOf(dt.date(2026, 1, 4), f"{p}day"),
        "percent_rank('2026-01-04'::date) WITHIN GROUP (ORDER BY s.day)",
        0.5,
        "double",
    ),
    "share up to": (
        lambda p: CumeDistOf(6, f"{p}small"),
        "cume_dist(6) WITHIN GROUP (ORDER BY s.small)",
        4 / 7,
        "double",
    ),
    "any value": (
        lambda p: AnyValue(f"{p}code", filter=Q(**{f"{p}id": 2})),
        "any_value(s.code) FILTER (WHERE s.id = 2)",
        "c2",
        "string",
    ),
    "a default": (
        lambda p: ArrayAgg(f"{p}pages", filter=Q(**{f"{p}id": 0}), default=[]),
        "coalesce(array_agg(s.pages) FILTER (WHERE s.id = 0), '{}')",
        [],
        "list<item: int32>",
    ),
    "a document as default": (
        lambda p: JsonAgg(f"{p}pages", filter=Q(**{f"{p}id": 0}), default={"a": 1}),
        "coalesce(jsonb_agg(s.pages) FILTER (WHERE s.id = 0), '{\"a\": 1}')",
        {"a": 1},
        "json",
    ),
    "an enum as default": (
        lambda p: Mode(f"{p}size", filter=Q(**{f"{p}id": 0}), default=Size.SMALL),
        "coalesce(mode() WITHIN GROUP (ORDER BY s.size) FILTER (WHERE s.id = 0), 'small')",
        Size.SMALL,
        "dictionary",
    ),
    "a default with more digits": (
        lambda p: Sum(f"{p}price", filter=Q(**{f"{p}id": 0}), default=D("0.125")),
        "coalesce(sum(s.price) FILTER (WHERE s.id = 0), 0.125)",
        D("0.125"),
        "decimal128(38, 3)",
    ),
    "a truth as default": (
        lambda p: BoolAnd(f"{p}paid", filter=Q(**{f"{p}id": 0}), default=True),
        "coalesce(bool_and(s.paid) FILTER (WHERE s.id = 0), true)",
        True,
        "bool",
    ),
}
NEWER = {"any value": 16}
"""What older servers do not have, and the first one that has."""


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def loaded(value: Any) -> Any:
    """A value of the bare driver as queries give it."""
    return Size(value) if value in ("small", "large") else value


async def sql(db: Any, text: str) -> list[Any]:
    import json

    found = []
    for row in await db.fetch(text):
        value = row["x"]
        if isinstance(value, str) and value[:1] in "[{" and value[-1:] in "]}":
            value = json.loads(value)
        found.append(loaded(value))
    return found


@pytest.mark.parametrize("name", CASES)
async def test_every_place(rows: Any, server_facts: ServerFacts, name: str) -> None:
    if server_facts.major < NEWER.get(name, 0):
        pytest.skip(f"came with PostgreSQL {NEWER[name]}")
    make, text, expected, arrow = CASES[name]
    wrong: list[str] = []

    def check(place: str, found: list[Any], right: list[Any]) -> None:
        if len(found) != len(right) or not all(map(same, found, right)):
            wrong.append(f"{place}: {found}, and not {right}")

    whole = await Sale.objects.aggregate(x=make(""))
    check("all rows", [whole["x"]], await sql(rows, f"SELECT {text} AS x FROM sales s"))
    if expected is not ANYTHING:
        check("by hand", [whole["x"]], [expected])
    grouped = Sale.objects.values("region").annotate(x=make("")).order_by("region")
    of_groups = await sql(rows, f"SELECT {text} AS x FROM sales s GROUP BY region ORDER BY region")
    check("groups", [row["x"] for row in await grouped], of_groups)
    shops = Shop.objects.annotate(x=make("sales__")).order_by("id")
    subquery = f"SELECT (SELECT {text} FROM sales s WHERE s.shop_id = shops.id) AS x FROM shops ORDER BY id"
    of_shops = await sql(rows, subquery)
    check("partners", await shops.values_list("x", flat=True), of_shops)
    check("instances", [shop.x for shop in await shops], of_shops)
    if make("").rule.windows and not (make("").distinct or make("").order):
        over = Sale.objects.annotate(x=Window(make(""), partition_by="region")).order_by("id")
        head, _, default = text.partition(", '") if text.startswith("coalesce") else (text, "", "")
        inner = f"{head.removeprefix('coalesce(')}" if default else text
        written = f"{inner} OVER (PARTITION BY s.region)"
        if default or text.startswith("coalesce"):
            written = text.replace(
                " FILTER (WHERE s.id = 0)", " FILTER (WHERE s.id = 0) OVER (PARTITION BY s.region)"
            )
        check(
            "windows",
            await over.values_list("x", flat=True),
            await sql(rows, f"SELECT {written} AS x FROM sales s ORDER BY s.id"),
        )
    columns = (await grouped.values("x").to_arrow())["x"]
    raw = (await chakra.raw(f"SELECT {text} AS x FROM sales s GROUP BY region ORDER BY region").to_arrow())[
        "x"
    ]
    shown = str(columns.type)
    if arrow not in shown:
        wrong.append(f"Arrow type {shown}, and not {arrow}")
    check("columns", columns.to_pylist(), raw.to_pylist())
    check(
        "columns of partners",
        (await shops.values("x").to_arrow())["x"].to_pylist(),
        (await chakra.raw(subquery).to_arrow())["x"].to_pylist(),
    )
    output = select_statement(grouped._select)[0].statement.outputs[1]
    (oid,) = {row["t"] for row in await rows.fetch(f"SELECT pg_typeof({text})::oid AS t FROM sales s")}
    if output.type is None or (output.type.base.oid and output.type.base.oid != oid):
        wrong.append(f"type {output.type}, and not {BY_OID.get(oid, oid)}")
    if not output.nullable and None in of_groups + of_shops:
        wrong.append("it is said never to be NULL, and is")
    assert not wrong, "\n".join(wrong)
