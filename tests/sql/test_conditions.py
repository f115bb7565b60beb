"""Random trees of conditions give the same rows as a Python twin with SQL's three-valued logic."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chakra import Field, ForeignKey, Model, Q, field, foreign_key


class Spot(Model):
    id: Field[int] = field(primary_key=True)
    a: Field[int | None]
    b: Field[int]
    t: Field[str | None]
    up: ForeignKey["Spot | None"] = foreign_key(default=None)  # noqa: UP037


ROWS = [
    {"id": 1, "a": 1, "b": 1, "t": "x", "up_id": None},
    {"id": 2, "a": None, "b": 2, "t": "xy", "up_id": 1},
    {"id": 3, "a": 2, "b": 1, "t": None, "up_id": 2},
    {"id": 4, "a": None, "b": 0, "t": None, "up_id": 3},
    {"id": 5, "a": 0, "b": 2, "t": "", "up_id": None},
    {"id": 6, "a": 2, "b": 2, "t": "y%", "up_id": 5},
]
BY_ID = {row["id"]: row for row in ROWS}

Truth = bool | None
Test = Callable[[dict[str, Any]], Truth]

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "exact": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "lte": operator.le,
    "in": lambda left, right: left in right,
}
numbers = st.integers(0, 2)


def value_of(row: dict[str, Any], path: str) -> Any:
    while path.startswith("up__"):
        path = path.removeprefix("up__")
        if row["up_id"] is None:
            return None
        row = BY_ID[row["up_id"]]
    return row[path]


def compare(path: str, word: str, right: Any) -> Test:
    def test(row: dict[str, Any]) -> Truth:
        left = value_of(row, path)
        if word == "isnull":
            return (left is None) is right
        return None if left is None else COMPARE[word](left, right)

    return test


@st.composite
def leaves(draw: st.DrawFn) -> tuple[Any, Test]:
    path = draw(st.sampled_from(["a", "b", "up_id", "up__a", "up__b", "up__up__a"]))
    word = draw(st.sampled_from([*COMPARE, "isnull"]))
    right: Any = draw(
        st.booleans() if word == "isnull" else st.lists(numbers, max_size=2) if word == "in" else numbers
    )
    test = compare(path, word, right)
    if "__" not in path and draw(st.booleans()):
        return getattr(Spot, path).lookup(word, right), test
    return Q(**{f"{path}__{word}": right}), test


def negated(part: tuple[Any, Test]) -> tuple[Any, Test]:
    condition, test = part
    return ~condition, lambda row: test(row) is not True


def joined(parts: tuple[str, tuple[Any, Test], tuple[Any, Test]]) -> tuple[Any, Test]:
    connector, (left, test_left), (right, test_right) = parts

    def both(row: dict[str, Any]) -> Truth:
        truths = {test_left(row), test_right(row)}
        strong = connector == "or"
        return strong if strong in truths else None if None in truths else not strong

    return (left | right if connector == "or" else left & right), both


trees = st.recursive(
    leaves(),
    lambda inner: st.one_of(
        inner.map(negated),
        st.tuples(st.sampled_from(["and", "or"]), inner, inner).map(joined),
    ),
    max_leaves=8,
)


async def test_conditions_mean_what_sql_means(db: Any) -> None:
    await db.create_tables(Spot)
    for row in ROWS:
        await Spot.objects.create(**row)
    spots = Spot.objects.order_by("id")
    drawn: list[tuple[Any, Test]] = []

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(trees)
    def collect(tree: tuple[Any, Test]) -> None:
        drawn.append(tree)

    collect()
    assert len(drawn) >= 100
    wrong = []
    for condition, test in drawn:
        kept = [row["id"] for row in ROWS if test(row) is True]
        dropped = [row["id"] for row in ROWS if test(row) is not True]
        if await spots.filter(condition).values_list("id", flat=True) != kept:
            wrong.append(("filter", condition, kept))
        if await spots.exclude(condition).values_list("id", flat=True) != dropped:
            wrong.append(("exclude", condition, dropped))
        if await spots.filter(condition).count() != len(kept):
            wrong.append(("count", condition, kept))
    assert wrong == []
