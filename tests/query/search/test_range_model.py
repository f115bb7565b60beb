"""Ranges of whole numbers and of days against a model in Python: empty, open and missing ones among them."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chakra import F, Field, Model, field
from chakra.functions import IsEmpty, LowerInf, RangeLower, RangeMerge, RangeUpper, UpperInf
from chakra.types import DateRange, Int4Range, Integer
from tests.query.search.conftest import SHARED

pytestmark = SHARED

EPOCH = dt.date(2024, 1, 1)
EMPTY = (0, 0)
INF = math.inf


class Pair(Model, table="pairs"):
    id: Field[int] = field(primary_key=True)
    x: Field[int] = field(Integer)
    a: Field[object] = field(Int4Range, null=True)
    b: Field[object] = field(Int4Range, null=True)
    d: Field[object] = field(DateRange, null=True)
    e: Field[object] = field(DateRange, null=True)
    day: Field[dt.date]


MODELS = (Pair,)


async def fill() -> None:
    """Every example makes its own rows."""


def made(draw: Any) -> Any:
    """A range: ``None`` = NULL, ``EMPTY``, or the half-open interval of two numbers, ±∞ where it is open."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return None
    if kind == 1:
        return EMPTY
    low = draw(st.integers(-4, 6))
    high = draw(st.integers(low + 1, 8))
    return -INF if draw(st.integers(0, 5)) == 0 else low, INF if draw(st.integers(0, 5)) == 0 else high


@st.composite
def rows(draw: Any) -> list[Any]:
    return [(draw(st.integers(-6, 9)), made(draw), made(draw)) for _ in range(draw(st.integers(1, 6)))]


def number(bound: float) -> Any:
    return None if math.isinf(bound) else int(bound)


def day(bound: float) -> Any:
    return None if math.isinf(bound) else EPOCH + dt.timedelta(days=int(bound))


def as_range(interval: Any, convert: Any) -> Any:
    if interval is None:
        return None
    if interval == EMPTY:
        return asyncpg.Range(empty=True)
    return asyncpg.Range(*map(convert, interval))


def both(one: Any, other: Any) -> bool:
    return one != EMPTY and other != EMPTY  # type: ignore[no-any-return]


def inside(one: Any, other: Any) -> bool:
    return one == EMPTY or (other != EMPTY and other[0] <= one[0] and one[1] <= other[1])  # type: ignore[no-any-return]


MODEL = {
    "exact": lambda a, b: a == b,
    "contains": lambda a, b: inside(b, a),
    "contained_by": inside,
    "overlap": lambda a, b: both(a, b) and max(a[0], b[0]) < min(a[1], b[1]),
    "fully_lt": lambda a, b: both(a, b) and a[1] <= b[0],
    "fully_gt": lambda a, b: both(a, b) and a[0] >= b[1],
    "not_lt": lambda a, b: both(a, b) and a[0] >= b[0],
    "not_gt": lambda a, b: both(a, b) and a[1] <= b[1],
    "adjacent_to": lambda a, b: both(a, b) and (a[1] == b[0] or b[1] == a[0]),
}


def shared(a: Any, b: Any) -> Any:
    low, high = max(a[0], b[0]), min(a[1], b[1])
    return (low, high) if both(a, b) and low < high else EMPTY


def merged(a: Any, b: Any) -> Any:
    return (min(a[0], b[0]), max(a[1], b[1])) if both(a, b) else a if b == EMPTY else b


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=rows(), literal=st.composite(lambda draw: made(draw) or EMPTY)())
async def test_the_model(filled: Any, data: list[Any], literal: Any) -> None:
    await Pair.objects.all().delete()
    await Pair.objects.bulk_create(
        [
            Pair(
                id=i, x=x, a=as_range(a, number), b=as_range(b, number), d=as_range(a, day), e=as_range(b, day),
                day=day(x),
            )
            for i, (x, a, b) in enumerate(data)
        ]
    )  # fmt: skip
    for word, model in MODEL.items():
        for one, other, convert in (("a", "b", number), ("d", "e", day)):
            for value, right in ((F(other), None), (as_range(literal, convert), literal)):
                wanted = [
                    i
                    for i, (_, a, b) in enumerate(data)
                    if a is not None and (r := b if right is None else right) is not None and model(a, r)
                ]
                found = (
                    Pair.objects.filter(**{f"{one}__{word}": value})
                    .order_by("id")
                    .values_list("id", flat=True)
                )
                assert await found == wanted, (word, one, value)
                others = Pair.objects.exclude(**{f"{one}__{word}": value}).values_list("id", flat=True)
                assert sorted(await others) == [i for i in range(len(data)) if i not in wanted], (
                    word,
                    one,
                    value,
                )
    for name, span, element, convert in (("a", "x", number(0), number), ("d", "day", day(0), day)):
        point = [i for i, (x, a, _) in enumerate(data) if a is not None and a[0] <= x < a[1]]
        zero = [i for i, (_, a, _) in enumerate(data) if a is not None and a[0] <= 0 < a[1]]
        within = [i for i, (x, *_) in enumerate(data) if literal[0] <= x < literal[1]]
        for keyword, value, wanted in (
            (f"{name}__contains", F(span), point),
            (f"{name}__contains", element, zero),
            (f"{span}__contained_by", F(name), point),
            (f"{span}__contained_by", as_range(literal, convert), within),
        ):
            found = Pair.objects.filter(**{keyword: value}).order_by("id").values_list("id", flat=True)
            assert await found == wanted, (keyword, value)
    values = await (
        Pair.objects.order_by("id")
        .values(
            low=RangeLower("a"), high=RangeUpper("a"), none=IsEmpty("a"), left=LowerInf("a"), right=UpperInf("a"),
            shared=F("a") * F("b"), days=F("d") * F("e"), merged=RangeMerge("a", "b"),
        )
        .to_arrow()
    )  # fmt: skip
    for found, (_, a, b) in zip(values.to_pylist(), data, strict=True):
        if a is None:
            assert set(found.values()) == {None}
            continue
        low, high = (None, None) if a == EMPTY else map(number, a)
        assert (found["low"], found["high"], found["none"]) == (low, high, a == EMPTY)
        assert (found["left"], found["right"]) == (a[0] == -INF, a[1] == INF)
        if b is not None:
            assert found["shared"] == struct(shared(a, b), number)
            assert found["days"] == struct(shared(a, b), day)
            assert found["merged"] == struct(merged(a, b), number)


def struct(interval: Any, convert: Any) -> dict[str, Any]:
    low, high = (None, None) if interval == EMPTY else map(convert, interval)
    return {
        "lower": low, "upper": high, "lower_inc": low is not None, "upper_inc": False, "empty": interval == EMPTY,
    }  # fmt: skip
