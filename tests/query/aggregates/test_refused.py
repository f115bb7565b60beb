"""What aggregates and groups refuse by the names of the query, before the server is asked; and what their keys
tell apart."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import (
    ArrayAgg,
    Avg,
    BitOr,
    BoolAnd,
    BoolOr,
    Corr,
    Count,
    Grouping,
    JsonObjectAgg,
    Max,
    Min,
    Mode,
    PercentileCont,
    PercentileDisc,
    Q,
    RankOf,
    StdDev,
    StringAgg,
    Sum,
    Window,
)
from chakra.errors import FieldError
from chakra.functions import register_aggregate
from chakra.types import Integer
from tests.query.aggregates.sales import Sale, Shop

SALES, SHOPS = Sale.objects, Shop.objects
TOTALS = SALES.values("region", "city", total=Sum("pages"))


def said(*unnamed: Any, **named: Any) -> Any:
    """A query with these aggregates, compiled."""
    return SALES.values("region").annotate(*unnamed, **named).to_sql()


REFUSED: dict[str, tuple[Any, str]] = {
    "texts in a sum": (
        lambda: said(Sum("city")),
        r"Sum\(\) takes numbers, intervals, money or vectors, and Sale.city is text",
    ),
    "texts in a mean": (lambda: said(Avg("city")), r"Avg\(\) takes numbers, intervals or vectors"),
    "dates in a deviation": (lambda: said(StdDev("day")), r"StdDev\(\) takes numbers, and Sale.day is date"),
    "numbers as truth": (
        lambda: said(BoolAnd("pages")),
        r"BoolAnd\(\) takes booleans, and Sale.pages is integer",
    ),
    "bits of fractions": (
        lambda: said(BitOr("price")),
        r"BitOr\(\) takes whole numbers or bits, and Sale.price",
    ),
    "a correlation with a text": (lambda: said(x=Corr("pages", "city")), "and Sale.city is text"),
    "between two dates": (
        lambda: said(PercentileCont("day", 0.5)),
        r"PercentileDisc\(\) takes all that can be sorted",
    ),
    "the least boolean": (lambda: said(Min("paid")), r"BoolAnd\(\) is the least of these"),
    "the greatest boolean": (lambda: said(Max("paid")), r"BoolOr\(\) is the greatest of these"),
    "over a window": (lambda: said(x=Window(BoolAnd("pages"))), r"BoolAnd\(\) takes booleans"),
    "an aggregate of an aggregate": (
        lambda: SALES.values("region").annotate(n=Count("*")).annotate(Sum("n")).to_sql(),
        "is an aggregate, or made of one, and cannot stand in another",
    ),
    "a filter by an aggregate": (
        lambda: (
            SALES.values("region").annotate(n=Count("*")).annotate(Sum("pages", filter=Q(n__gt=1))).to_sql()
        ),
        "cannot stand in another",
    ),
    "distinct, in another order": (
        lambda: said(x=ArrayAgg("code", distinct=True, order_by="id")),
        "it can only be sorted by the value itself, not by Sale.id",
    ),
    "distinct, in the order of its text": (
        lambda: said(x=StringAgg("pages", distinct=True, order_by="pages")),
        r"Sale.pages is integer and becomes text, by which it would be sorted; say so in both: Cast\(…, Text\)",
    ),
    "an order that says nothing": (lambda: BoolOr("paid", order_by="id"), "does not depend on an order"),
    "distinct rows": (lambda: Count("*", distinct=True), "name what is distinct"),
    "several that are not distinct": (
        lambda: Count("region", "city"),
        "different rows of them are counted: distinct=True",
    ),
    "rows and a field": (lambda: Count("*", "city", distinct=True), "different rows of them"),
    "a distinct median": (lambda: PercentileCont("pages", 0.5, distinct=True), "takes no distinct="),
    "an order of sorted values": (lambda: Mode("pages", order_by="id"), "does not depend on an order"),
    "a fraction above one": (
        lambda: PercentileCont("pages", 50),
        "a number from 0 to 1, or several in a list, not 50",
    ),
    "a fraction among several": (lambda: PercentileDisc("pages", [0.5, -1]), "not -1"),
    "a fraction of truth": (lambda: PercentileDisc("pages", True), "not True"),
    "a fraction that is none": (lambda: PercentileDisc("pages", float("nan")), "not nan"),
    "a name as a fraction": (lambda: PercentileDisc("pages", "rate"), "not 'rate'"),
    "one value too many": (lambda: RankOf((1, 2), "pages"), "as many values as terms to sort by"),
    "no values": (lambda: RankOf((), ()), "as many values as terms"),
    "one of two": (lambda: Corr("pages"), r"Corr\(\) takes \(number, number\), not 1 arguments"),
    "one too many": (lambda: Sum("pages", "small"), "not 2 arguments"),
    "a delimiter of another kind": (lambda: StringAgg("code", 3), "a text, bytes or an expression, not 3"),
    "a filter of another kind": (lambda: BoolAnd("paid", filter=True), "takes a condition, not True"),
    "no field": (lambda: BoolAnd(None), "takes the name of a field or an expression, not None"),
    "a median over a window": (
        lambda: Window(PercentileCont("pages", 0.5)),
        "has no PercentileCont over windows",
    ),
    "a mode over a window": (lambda: Window(Mode("pages")), "PostgreSQL has no Mode over windows"),
    "a rank over a window": (lambda: Window(RankOf(1, "pages")), "PostgreSQL has no RankOf over windows"),
    "an order in a window": (lambda: Window(JsonObjectAgg("id", "code", order_by="id")), "have no order_by="),
    "an aggregate of nothing": (lambda: register_aggregate("f"), "needs the types of its arguments"),
    "an aggregate of no type": (
        lambda: register_aggregate("f", "text"),
        "takes chakra.types, such as Integer",
    ),
    "an aggregate without a name": (lambda: register_aggregate("", Integer), "cannot be an SQL identifier"),
    "instances": (lambda: SALES.rollup("region"), r'values\("region", total=Sum\("price"\)\)\.rollup'),
    "no names": (TOTALS.rollup, "rollup.. needs what to group by"),
    "no sets": (TOTALS.grouping_sets, "grouping_sets.. needs what to group by"),
    "an empty element": (lambda: TOTALS.rollup("region", ()), "leave out ()"),
    "too many": (lambda: TOTALS.cube(*"abcdefghijklm"), "at most 12 elements, not 13"),
    "a slice": (lambda: TOTALS[:3].rollup("region"), "a sliced query cannot be grouped"),
    "nothing": (lambda: TOTALS.cube(None), "takes the name of a field or an expression, not None"),
    "an unknown name": (lambda: TOTALS.rollup("regio").to_sql(), "Did you mean 'region'"),
    "a lookup": (lambda: TOTALS.rollup("region__gt").to_sql(), "ends in the lookup 'gt'"),
    "an order by fields": (
        lambda: TOTALS.rollup("region", "city").order_by("pages").to_sql(),
        "Sale.pages has several values in a group",
    ),
    "a filter by fields and aggregates": (
        lambda: TOTALS.rollup("region", "city").filter(Q(total=1) | Q(pages=1)).to_sql(),
        "has several values in a group",
    ),
    "a grouping of what is not grouped by": (
        lambda: SALES.values("region", g=Grouping("city")).rollup("region").to_sql(),
        "the query is not grouped by Sale.city",
    ),
    "a grouping of nothing": (Grouping, "takes 1 to 31 names"),
    "a grouping over a window": (
        lambda: Window(Grouping("region")),
        "PostgreSQL has no Grouping over windows",
    ),
    "a filter of a grouping": (
        lambda: SALES.annotate(g=Grouping("region")).to_sql(),
        "not grouped by Sale.region",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, words = REFUSED[name]
    with pytest.raises(FieldError, match=words):
        make()
