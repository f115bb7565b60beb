"""The types of aggregates of values that are something else: domains, texts with a length, arrays, ranges."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import (
    ArrayAgg,
    Avg,
    BitAnd,
    Field,
    Max,
    Min,
    Mode,
    Model,
    PercentileCont,
    PercentileDisc,
    RangeAgg,
    RangeIntersectAgg,
    RegrSlope,
    StdDev,
    StringAgg,
    Sum,
    Variance,
    XmlAgg,
    field,
)
from chakra.sql import select_statement
from chakra.types import (
    Array,
    Bit,
    Char,
    Domain,
    Integer,
    Interval,
    Money,
    Numeric,
    NumRange,
    Real,
    Varchar,
    Xml,
)


class Odd(Model, table="odds"):
    id: Field[int] = field(primary_key=True)
    short: Field[str] = field(Varchar(20))
    padded: Field[str] = field(Char(3))
    exact: Field[object] = field(Domain("exact", Numeric(8, 3)))
    amount: Field[object] = field(Money)
    span: Field[object] = field(NumRange)
    many: Field[object] = field(Array(Integer))
    flags: Field[object] = field(Bit(4))
    piece: Field[object] = field(Xml)
    lasts: Field[object] = field(Interval)
    real: Field[float] = field(Real)


CASES: dict[str, tuple[Any, str]] = {
    "the least text": (Min("short"), "text"),
    "the greatest padded text": (Max("padded"), "character(3)"),
    "the most frequent text": (Mode("short"), "character varying(20)"),
    "one of a domain": (PercentileDisc("exact", 0.5), "numeric(8, 3)"),
    "some of a domain": (PercentileDisc("exact", [0.5]), "numeric(8, 3)[]"),
    "between two of a domain": (PercentileCont("exact", 0.5), "double precision"),
    "between intervals": (PercentileCont("lasts", (0.1, 0.9)), "interval[]"),
    "a sum of a domain": (Sum("exact"), "numeric(38, 3)"),
    "all of a domain": (ArrayAgg("exact"), "numeric(8, 3)[]"),
    "a mean of a domain": (Avg("exact"), "numeric"),
    "a variance of a domain": (Variance("exact"), "numeric"),
    "a deviation of floats": (StdDev("real"), "double precision"),
    "a slope of a domain": (RegrSlope("exact", "real"), "double precision"),
    "a sum of floats": (Sum("real"), "real"),
    "a sum of money": (Sum("amount"), "money"),
    "a sum of intervals": (Sum("lasts"), "interval"),
    "ranges": (RangeAgg("span"), "nummultirange"),
    "a range": (RangeIntersectAgg("span"), "numrange"),
    "the greatest array": (Max("many"), "integer[]"),
    "arrays": (ArrayAgg("many"), "integer[][]"),
    "bits": (BitAnd("flags"), "bit"),
    "pieces": (XmlAgg("piece", order_by="id"), "xml"),
    "a text of numbers": (StringAgg("exact"), "text"),
}


@pytest.mark.parametrize("name", CASES)
def test_types(name: str) -> None:
    made, expected = CASES[name]
    (output,) = select_statement(Odd.objects.values(value=made)._select)[0].statement.outputs
    assert output.type is not None
    assert output.type.sql == expected
