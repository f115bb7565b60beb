"""Aggregates one by one: their options, and what they give of no rows; hand-computed answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from chakra import ArrayAgg, Avg, Count, F, JsonAgg, Max, Min, Q, StdDev, StringAgg, Sum, Variance
from tests.query.library import Book

# Stocks are 5, 1, 0, 32767, -3, 0; pages 100, 250, 100, 320, 0, NULL.
CASES: list[tuple[str, Any, Any]] = [
    ("count rows", Count("*"), 6),
    ("count values", Count("pages"), 5),
    ("count distinct", Count("pages", distinct=True), 4),
    ("count filtered", Count("*", filter=Q(stock__gt=0)), 3),
    ("sum", Sum("pages"), 770),
    ("sum filtered", Sum("pages", filter=Q(stock__lt=0)), 0),
    ("sum of an expression", Sum(F("pages") * 2), 1540),
    ("average", Avg("pages"), Decimal(154)),
    ("least", Min("pages"), 0),
    ("most", Max("pages"), 320),
    ("population", Variance("pages", filter=Q(id__lte=2)), Decimal(5625)),
    ("sample", Variance("pages", filter=Q(id__lte=2), sample=True), Decimal(11250)),
    ("deviation of a population", StdDev("pages", filter=Q(id__lte=2)), Decimal(75)),
    ("array in order", ArrayAgg("id", order_by="-id", filter=Q(id__lt=4)), [3, 2, 1]),
    ("array in two orders", ArrayAgg("id", order_by=["-pages", "id"], filter=Q(id__lt=4)), [2, 1, 3]),
    (
        "array in a tuple of orders",
        ArrayAgg("id", order_by=("-pages", F("id").desc()), filter=Q(id__lt=4)),
        [2, 3, 1],
    ),
    ("text in order", StringAgg("title", "+", order_by="id", filter=Q(id__in=[1, 6])), "Alpha+alphabet"),
    ("documents", JsonAgg("id", order_by=["id"], filter=Q(id__lt=3)), [1, 2]),
]


@pytest.mark.parametrize("name", [case[0] for case in CASES])
async def test_values(library: Any, name: str) -> None:
    _, aggregate, expected = next(case for case in CASES if case[0] == name)
    found = (await Book.objects.aggregate(x=aggregate))["x"]
    assert (round(found, 6) if isinstance(found, Decimal) else found) == expected
    # The same through columns, whose statement has its values written in.
    column = (await Book.objects.values(x=aggregate).to_arrow())["x"]
    assert len(column) == 6


NOTHING: list[tuple[str, Any, Any]] = [
    ("count", Count("pages"), 0),
    ("sum", Sum("pages"), None),
    ("sum with a default", Sum("pages", default=0), 0),
    ("average with a default", Avg("pages", default=1), Decimal(1)),
    ("least with a default", Min("title", default="none"), "none"),
    ("filtered with a default", Sum("pages", filter=Q(id=-1), default=-5), -5),
    ("text with a default", StringAgg("title", ",", order_by="id", default=""), ""),
]


@pytest.mark.parametrize("name", [case[0] for case in NOTHING])
async def test_of_no_rows(library: Any, name: str) -> None:
    _, aggregate, expected = next(case for case in NOTHING if case[0] == name)
    assert (await Book.objects.none().aggregate(x=aggregate))["x"] == expected


async def test_options_are_part_of_the_shape(library: Any) -> None:
    """Each pair differs in one option, and must not share a statement."""
    two = Q(id__lte=2)
    for one, other in (
        (Variance("pages", filter=two), Variance("pages", filter=two, sample=True)),
        (Sum("pages", filter=Q(id=-1)), Sum("pages", filter=Q(id=-1), default=3)),
        (ArrayAgg("id", order_by="id"), ArrayAgg("id", order_by=["-id"])),
        (Count("pages"), Count("pages", distinct=True)),
    ):
        found = [(await Book.objects.aggregate(x=each))["x"] for each in (one, other)]
        assert found[0] != found[1]
