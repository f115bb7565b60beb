"""Numbers, digits, ISO strings and moments in filters: comparisons answer like mathematics, and never fail."""

from __future__ import annotations

import datetime as dt
import math
import operator
import uuid
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import chakra
from chakra import Field, Model, Q, field
from chakra.errors import DataError
from chakra.types import Double, Integer, Numeric, Real, SmallInt, Timestamp

HELD: dict[str, list[Any]] = {
    "small": [-(2**15), -1, 0, 1, 2, 2**15 - 1],
    "whole": [-(2**31), -1, 0, 1, 2, 2**31 - 1],
    "big": [-(2**63), -1, 0, 1, 2, 2**63 - 1],
    "real": [-1.5, 0.0, 0.5, 1.0, 2.0**100],
    "double": [-1.5, 0.0, 0.1, 1.0, 1e300],
    "exact": [Decimal(v) for v in ("-1.5", "0", "0.10", "1", "1e40")],
}


class Number(Model, table="compared_numbers"):
    id: Field[int] = field(primary_key=True)
    small: Field[int | None] = field(SmallInt, default=None)
    whole: Field[int | None] = field(Integer, default=None)
    big: Field[int | None] = field(default=None)
    real: Field[float | None] = field(Real, default=None)
    double: Field[float | None] = field(Double, default=None)
    exact: Field[Decimal | None] = field(Numeric, default=None)


class Moment(Model, table="compared_moments"):
    id: Field[int] = field(primary_key=True)
    day: Field[dt.date]
    at: Field[dt.datetime]
    clock: Field[dt.datetime] = field(Timestamp)
    key: Field[uuid.UUID]


@pytest.fixture
async def numbers(db: Any) -> None:
    await db.create_tables(Number)
    await Number.objects.bulk_create(
        [Number(**{name: value}) for name, held in HELD.items() for value in held]
    )


WORDS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
ASKED: list[Any] = [
    *(-1, 0, 1, 2, 2**15, 2**31, 2**40, 2**63, -(2**63) - 1, 2**70, -(2**70), 10**400),
    *(1.0, 1.5, -0.5, 1e300, -1e300, 2.0**63, math.inf, -math.inf),
    *(Decimal("1"), Decimal("1.5"), Decimal("1e40"), Decimal("9223372036854775807.5")),
    *(np.int16(1), np.uint64(2**64 - 1), np.float64(1.5), np.float32(0.5)),
    *("1", " 2 ", "-1", "9" * 30, f"-{'9' * 19}", f" {'0' * 40}2 ", "1" * 700),
]


def exactly(value: Any) -> Any:
    if isinstance(value, str):
        return Fraction(value.strip())
    number = value.item() if hasattr(value, "item") else value
    return number if isinstance(number, float) and not math.isfinite(number) else Fraction(number)


@pytest.mark.parametrize("asked", ASKED, ids=lambda v: f"{type(v).__name__}:{v!s:.25}")
@pytest.mark.usefixtures("numbers")
async def test_numbers_compare_as_numbers(asked: Any) -> None:
    for name, held in HELD.items():
        for word, compare in WORDS.items():
            expected = [v for v in held if compare(exactly(v), exactly(asked))]
            found = await Number.objects.filter(**{f"{name}__{word}": asked}).order_by(name)
            assert [getattr(o, name) for o in found] == expected, (name, word)
            rest = [v for v in held if v not in expected]
            left = (
                await Number.objects.exclude(**{f"{name}__{word}": asked})
                .filter(**{f"{name}__isnull": False})
                .order_by(name)
            )
            assert [getattr(o, name) for o in left] == rest, (name, word)
        members = await Number.objects.filter(**{f"{name}__in": [asked, 2]}).order_by(name)
        assert [getattr(o, name) for o in members] == [
            v for v in held if exactly(v) in (exactly(asked), 2)
        ], name
        between = await Number.objects.filter(**{f"{name}__range": (-1, asked)}).order_by(name)
        assert [getattr(o, name) for o in between] == [
            v for v in held if -1 <= exactly(v) <= exactly(asked)
        ], name
        if not isinstance(asked, str):
            typed = await Number.objects.filter(getattr(Number, name) > asked).order_by(name)
            assert [getattr(o, name) for o in typed] == [v for v in held if exactly(v) > exactly(asked)], name


@pytest.mark.usefixtures("numbers")
async def test_numbers_compare_as_numbers_in_copy() -> None:
    for name, held in HELD.items():
        for asked in (2**70, 1.5, Decimal("0.5"), 1):
            query = Number.objects.filter(**{f"{name}__gt": asked}).order_by(name)
            table = await query.to_arrow()
            found = [exactly(v) for v in table.column(name).to_pylist()]
            assert found == [exactly(v) for v in held if exactly(v) > exactly(asked)], (name, asked)


@pytest.mark.usefixtures("numbers")
async def test_a_key_out_of_range_is_not_there() -> None:
    keys = (
        2**40,
        2**70,
        -(2**70),
        1.5,
        Decimal("2.5"),
        "12345678901234",
        "9" * 30,
        "-" + "9" * 30,
        "7" * 5000,
    )
    for key in (*keys, 10**5000, 10**200_000, "9" * 200_000, Decimal("1e-30000")):
        for name in ("id", "pk", "small", "whole__gt", "exact"):
            with pytest.raises(Number.DoesNotExist):
                await Number.objects.get(**{name: key}, id__lt=0)
        assert await Number.objects.filter(Number.id == key).count() == 0
        assert (await Number.objects.filter(whole=key).to_arrow()).num_rows == 0
    assert await Number.objects.filter(Q(whole=2**40) | Q(whole=1.5) | Q(whole=1)).count() == 1
    assert await Number.objects.filter(pk__in=[1, 1.5, 2**70, "2"]).count() == 2
    assert await Number.objects.filter(whole__range=(0.5, 1.5)).count() == 1
    assert await Number.objects.filter(whole__range=(2**40, 2**41)).count() == 0


@pytest.mark.parametrize("value", [True, np.bool_(False), "1.5", "one", b"1", [1]], ids=repr)
@pytest.mark.usefixtures("numbers")
async def test_what_is_no_number_is_refused(value: Any) -> None:
    for name in ("small", "big"):
        with pytest.raises(DataError, match=f"Number.{name}"):
            await Number.objects.filter(**{name: value})


async def test_strings_that_say_it_all(db: Any) -> None:
    await db.create_tables(Moment)
    at = dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.UTC)
    made = await Moment.objects.create(
        day=at.date(), at=at, clock=at.replace(tzinfo=None), key=uuid.UUID(int=7)
    )
    for keywords in (
        {"id": str(made.id)},
        {"day": "2024-02-29"},
        {"day__range": ("2024-02-01", dt.datetime(2024, 3, 1))},
        {"day__in": ["2024-02-29", dt.date(2024, 1, 1)]},
        {"at": "2024-02-29T14:30:00+02:00"},
        {"at__gte": "2024-02-29 12:30:00Z"},
        {"at__lt": "infinity"},
        {"clock": "2024-02-29 12:30"},
        {"clock__gt": dt.date(2024, 2, 29)},
        {"key": str(made.key).upper()},
        {"clock": np.datetime64("2024-02-29T12:30")},
    ):
        assert await Moment.objects.get(**keywords) == made, keywords


async def test_a_moment_without_a_zone(db: Any, dsn: str) -> None:
    await db.create_tables(Moment)
    noon = dt.datetime(2024, 2, 29, 12)
    values = {"day": noon.date(), "clock": noon, "key": uuid.UUID(int=1)}
    for run in (
        lambda: Moment.objects.create(at=noon, **values),
        lambda: Moment.objects.bulk_create([Moment(at=noon, **values)] * 2),
        lambda: Moment.objects.filter(id=1).update(at=noon),
        lambda: Moment.objects.filter(at__gt=noon),
        lambda: Moment.objects.filter(at__gt=noon.date()),
        lambda: Moment.objects.filter(at__in=[noon]),
        lambda: Moment.objects.filter(at__gt=noon).to_arrow(),
    ):
        with pytest.raises(DataError, match="naive_datetimes"):
            await run()
    for run in (
        lambda: Moment.objects.filter(clock=noon.replace(tzinfo=dt.UTC)),
        lambda: Moment.objects.filter(id=1).update(clock=noon.replace(tzinfo=dt.UTC)),
    ):
        with pytest.raises(DataError, match="it has a zone"):
            await run()
    for setting, zone in (("utc", dt.UTC), ("local", None)):
        async with chakra.connect(dsn, naive_datetimes=setting) as other:
            moments = Moment.objects.using(other)
            meant = noon.replace(tzinfo=dt.UTC) if zone else noon.astimezone()
            made = await moments.create(at=noon, **values)
            many = await moments.bulk_create([Moment(at=noon, **values) for _ in range(3)])
            await moments.filter(id=many[0].id).update(at=noon)
            for one in (made, *many):
                assert (await Moment.objects.get(id=one.id)).at == meant
            assert await moments.filter(at=noon).count() == 4
            assert (await moments.filter(at=noon).to_arrow()).num_rows == 4
            assert moments.filter(at=noon).to_sql()[1] == [meant]
            assert repr(meant) in repr(moments.filter(at=noon)) and "naive" not in repr(
                moments.filter(at=noon)
            )
            await moments.filter(id__gt=made.id).delete()
            await other.execute(f"create unique index on compared_moments (key) where at = '{meant}'")
            changed = Moment(at=noon, **(values | {"day": dt.date(2000, 1, 1)}))
            earlier, later = noon - dt.timedelta(hours=1), noon + dt.timedelta(hours=1)
            for where, hit in (({"at__lt": earlier}, 0), ({"at__range": (earlier, later)}, 1)):
                clause: dict[str, Any] = {
                    "on_conflict": "update", "conflict_fields": ["key"], "update_fields": ["day"],
                    "conflict_where": Q(at=noon), "where": Q(**where),
                }  # fmt: skip
                await moments.bulk_create([changed], **clause)
                result = await moments.bulk_insert(
                    [{"at": noon, **values, "day": dt.date(2001, 1, 1)}], **clause
                )
                assert result.updated == hit
            # An option of the call goes before the setting.
            refused = {"naive_datetimes": "error", "on_conflict": "update", "where": Q(at__gt=noon)}
            with pytest.raises(DataError, match="naive_datetimes"):
                await moments.bulk_insert([{"id": made.id, **values, "at": meant}], **refused)
            await moments.filter().delete()
            await other.execute("drop index compared_moments_key_idx")


@pytest.mark.parametrize("make", [float, np.float64, Decimal, int], ids=lambda c: c.__name__)
async def test_floats_beside_integers_count_by_all_their_digits(db: Any, make: Any) -> None:
    await db.create_tables(Number)
    for number in (2**53, 2**62, -(2**60)):
        row = await Number.objects.create(big=make(number))
        assert row.big == number
        assert await Number.objects.filter(big=make(number)).count() == 1
        assert await Number.objects.filter(big__in=[make(number), 1.5]).count() == 1
        assert await Number.objects.filter(big__range=(make(number), make(number))).count() == 1
        assert await Number.objects.filter(big__gt=make(number), id=row.id).count() == 0
