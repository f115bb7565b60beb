"""Intervals as Python values: what a plain timedelta says is one, the rest keeps its parts."""

from __future__ import annotations

import copy
import datetime as dt
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chakra import Interval
from chakra.pg.interval import interval_of, interval_parts

PARTS = st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(-(10**12), 10**12))


@given(PARTS)
def test_parts_stay(parts: tuple[int, int, int]) -> None:
    value = interval_of(*parts)
    assert interval_parts(value) == parts
    for again in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert (again, interval_parts(again)) == (value, parts)
    assert type(value) in (dt.timedelta, Interval)
    assert interval_parts(-value) == (-parts[0], -parts[1], -parts[2]) or type(value) is dt.timedelta


@given(PARTS, PARTS)
def test_sums(one: tuple[int, int, int], two: tuple[int, int, int]) -> None:
    left, right = Interval(*one), interval_of(*two)
    added = tuple(a + b for a, b in zip(one, two, strict=True))
    assert interval_parts(left + right) == interval_parts(right + left) == added
    assert interval_parts(left - right) == tuple(a - b for a, b in zip(one, two, strict=True))
    assert interval_parts(left * 3) == interval_parts(3 * left) == tuple(3 * a for a in one)


def test_it_is_the_timedelta_it_was() -> None:
    month = Interval(months=14, days=3, microseconds=-1)
    assert month == dt.timedelta(365 + 60 + 3, 0, -1)
    assert (month.months, month.parts.days, month.days) == (14, 3, 427)
    assert isinstance(month, dt.timedelta)
    assert hash(Interval(1)) == hash(dt.timedelta(30))
    assert dt.date(2024, 1, 1) + Interval(1) == dt.date(2024, 1, 31)
    assert dt.datetime(2024, 1, 31) - Interval(1) == dt.datetime(2024, 1, 1)
    assert dt.timedelta(5) - Interval(1, 2) == Interval(-1, 3)
    assert Interval(1) * 0.5 == dt.timedelta(15)
    assert repr(month) == "Interval(months=14, days=3, microseconds=-1)"
    assert str(month) == "14 mons 3 days -00:00:00.000001"
    assert Interval() == dt.timedelta()


def test_what_it_refuses() -> None:
    for wrong in ({"months": 1.5}, {"days": True}, {"microseconds": "1"}):
        with pytest.raises(TypeError, match="whole numbers"):
            Interval(**wrong)  # type: ignore[arg-type]
    with pytest.raises(OverflowError):
        Interval(months=2**31 - 1)
    with pytest.raises(TypeError):
        Interval(1) + 5
