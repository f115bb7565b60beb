"""One value, one meaning: whatever writes it, in any number of rows and from any container, the same text is stored,
or every writer refuses it."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import asyncpg
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import chakra
from chakra import Model, field
from chakra.errors import ChakraError, DataError
from chakra.pg.conversion import shown
from chakra.pg.types import PgType
from chakra.types import (
    Array,
    BigInt,
    Boolean,
    Date,
    DateRange,
    Double,
    Enum,
    Inet,
    Int4Range,
    Integer,
    Interval,
    Jsonb,
    Money,
    Numeric,
    Real,
    SmallInt,
    Text,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Varchar,
)

ROWS = (1, 2, 7, 300, 600, 5000)
NOON = dt.datetime(2024, 2, 29, 12)
UTC = dt.UTC


class Mood(str, enum.Enum):  # noqa: UP042
    OK = "ok"
    SAD = "sad"


class MyDateTime(dt.datetime):
    """As pandas' Timestamp, or what pendulum has."""


class Plain(enum.Enum):
    OK = 1
    SAD = 2


class Number(enum.IntEnum):
    TWO = 2


MOOD = Enum(Mood, "one_mood")
PLAIN = Enum(Plain, "one_plain")

# type, value, its text in the table; None = every writer refuses it
CASES: list[tuple[PgType, Any, str | None]] = [
    *((Integer, v, "5") for v in (5, 5.0, Decimal("5.0"), "5", np.int16(5), np.float64(5))),
    *((Integer, v, None) for v in (1.5, Decimal("1.5"), True, "5.0", 2**31, "x")),
    (SmallInt, 40000, None),
    (BigInt, 2**63, None),
    (Boolean, True, "true"),
    (Boolean, 1, None),
    (Double, 1, "1"),
    (Double, Decimal("0.1"), "0.1"),
    (Double, 2**53 + 1, None),
    (Double, 2**53 + 2, "9.007199254740994e+15"),
    (Double, 2**62 - 1, None),
    (Double, 2**63 - 1, None),
    (Real, 2**31, "2.1474836e+09"),
    (Real, 2**40, "1.0995116e+12"),
    (Real, 2**24 + 1, None),
    (Real, 1.5, "1.5"),
    (Real, 1e-50, None),
    (Real, 1e39, None),
    (Numeric, 0.1, "0.1"),
    (Numeric, 0.1 + 0.2, "0.3"),
    (Numeric, "1.50", "1.50"),
    (Numeric(10, 2), 1.005, "1.01"),
    (Numeric(10, 2), Decimal("1.005"), None),
    (Numeric(10, 2), "1.005", None),
    (Numeric(10, 2, rounding="half_up"), Decimal("1.005"), "1.01"),
    (Numeric(10, 2), Decimal("1.500"), "1.50"),
    (Numeric(5, 2), Decimal(1000), None),
    (Money, Decimal("12.50"), "$12.50"),
    (Money, Decimal("12.505"), None),
    (Text, "a", "a"),
    (Text, Mood.OK, "ok"),
    (Text, 5, None),
    (Text, "a\0b", None),
    (Varchar(2), "abc", None),
    (Uuid, str(uuid.UUID(int=7)).upper(), str(uuid.UUID(int=7))),
    (Uuid, "7", None),
    (MOOD, Mood.SAD, "sad"),
    (MOOD, "sad", "sad"),
    (MOOD, "glad", None),
    (Date, NOON.date(), "2024-02-29"),
    (Date, "2024-02-29", "2024-02-29"),
    (Date, dt.datetime(2024, 2, 29), "2024-02-29"),
    (Date, NOON, None),
    (Time(0), dt.time(1, 2, 3), "01:02:03"),
    (Time(0), dt.time(1, 2, 3, 4), None),
    (Time, "01:02:03.1234560", "01:02:03.123456"),
    (Time, "01:02:03.1234567", None),
    (Timestamp, "2024-02-29 12:00:00.0000001", None),
    (TimestampTz, "2024-02-29 12:00:00.0000001Z", None),
    (Timestamp, NOON, "2024-02-29 12:00:00"),
    (Timestamp, MyDateTime(2024, 2, 29, 12), "2024-02-29 12:00:00"),
    (Timestamp, NOON.date(), "2024-02-29 00:00:00"),
    (Timestamp, NOON.replace(tzinfo=UTC), None),
    (Timestamp(0), NOON.replace(microsecond=1), None),
    (TimestampTz, NOON.replace(tzinfo=UTC), "2024-02-29 12:00:00+00"),
    (TimestampTz, pd.Timestamp(NOON, tz="UTC"), "2024-02-29 12:00:00+00"),
    (TimestampTz, "2024-02-29T13:00:00+01:00", "2024-02-29 12:00:00+00"),
    (TimestampTz, NOON, None),
    (TimestampTz, NOON.date(), None),
    (TimestampTz, pd.Timestamp(NOON), None),
    (Interval, dt.timedelta(days=1, hours=2), "1 day 02:00:00"),
    (Interval(0), dt.timedelta(microseconds=1), None),
    (Inet, "10.0.0.1", "10.0.0.1/32"),
    (Inet, "10.0.0.256", None),
    (Inet, "fe80::1%eth0", None),
    (Jsonb, {"a": [1, None]}, '{"a": [1, null]}'),
    (Int4Range, (0, 5), "[0,5)"),
    (Int4Range, "[0,5]", "[0,6)"),
    (Int4Range, {"lower": 0, "upper": 5}, None),
    (Array(Integer), [1, None], "{1,NULL}"),
    (Array(Integer), [1, 1.5], None),
    # The server counts no dimensions: data has as many as declared, or more.
    (Array(Integer), [[1, 2], [3, None]], "{{1,2},{3,NULL}}"),
    (Array(Integer), [np.array([1, 2]), (3, 4)], "{{1,2},{3,4}}"),
    (Array(Integer), np.arange(8).reshape(2, 2, 2), "{{{0,1},{2,3}},{{4,5},{6,7}}}"),
    (Array(Integer), [[], []], "{}"),
    (Array(Integer), [[1], [2, 3]], None),
    (Array(Integer), [1, [2]], None),
    (Array(Integer), [None, [1]], None),
    (Array(Integer, dimensions=2), [1, 2], None),
    (Array(Text), [["a"], [None]], "{{a},{NULL}}"),
    (Array(Text), ["a", "b"], "{a,b}"),
    (Array(Jsonb), [[1], [[2]]], "{[1],[[2]]}"),
    (Array(Int4Range), [[(0, 5)], [(1, 2)]], '{{"[0,5)"},{"[1,2)"}}'),
    (Array(MOOD), [[Mood.OK], ["sad"]], "{{ok},{sad}}"),
    (Interval, chakra.Interval(months=1, microseconds=2**62), "1 mon 1281023894:00:27.387904"),
    (Interval, chakra.Interval(microseconds=2**63), None),
    (Interval, "P178956971Y", None),
    (Interval, "P9999999999D", None),
    (Array(Interval), [chakra.Interval(microseconds=-(2**63))], "{-2562047788:00:54.775808}"),
    (PLAIN, Plain.SAD, "SAD"),
    (PLAIN, "SAD", "SAD"),
    (PLAIN, 2, None),
    (Text, Plain.SAD, None),
    (Jsonb, {Mood.OK: Number.TWO}, '{"ok": 2}'),
    (Integer, Number.TWO, "2"),
    (Integer, "9" * 5000, None),
    (Integer, 10**5000, None),
    (Numeric(5, 2), 10**5000, None),
    (Text, 10**5000, None),
    (Array(TimestampTz), [NOON], None),
]

Writer = Callable[[Any, Any, int], Awaitable[Any]]


def instances(model: Any, value: Any, rows: int) -> list[Any]:
    return [model(id=n, v=value) for n in range(rows)]


async def save(model: Any, value: Any, rows: int) -> None:
    await model.objects.create(id=0, v=None)
    one = await model.objects.get(id=0)
    one.v = value
    await one.save()


async def update(model: Any, value: Any, rows: int) -> None:
    await model.objects.create(id=0, v=None)
    await model.objects.filter(id=0).update(v=value)


async def bulk_update(model: Any, value: Any, rows: int) -> None:
    await model.objects.bulk_create(instances(model, None, 3))
    await model.objects.bulk_update(instances(model, value, 3), ["v"])


def columns(make: Callable[[list[int], list[Any]], Any]) -> Writer:
    async def write(model: Any, value: Any, rows: int) -> None:
        await model.objects.bulk_insert(make(list(range(3)), [value] * 3))

    return write


def objects(values: list[Any]) -> np.ndarray[Any, Any]:
    made = np.empty(len(values), object)
    made[:] = values
    return made


def frame(ids: list[int], values: list[Any]) -> Any:
    return pl.DataFrame({"id": ids, "v": pl.Series(values, strict=True)})


WRITERS: dict[str, Writer] = {
    "create": lambda model, value, rows: model.objects.create(id=0, v=value),
    "save": save,
    "update": update,
    "bulk_update": bulk_update,
    **{
        f"bulk_create {n}": lambda model, value, rows, n=n: model.objects.bulk_create(
            instances(model, value, n)
        )
        for n in ROWS
    },
    "upsert": lambda model, value, rows: model.objects.bulk_create(
        instances(model, value, 3), on_conflict="update", conflict_fields=["id"]
    ),
    "lists": columns(lambda ids, values: {"id": ids, "v": values}),
    "objects": columns(lambda ids, values: {"id": np.array(ids), "v": objects(values)}),
    "table": lambda model, value, rows: model.objects.database.table("one_meaning").create(id=0, v=value),
    "table lists": lambda model, value, rows: model.objects.database.table("one_meaning").bulk_insert(
        [{"id": n, "v": value} for n in range(3)]
    ),
    "series": columns(lambda ids, values: {"id": ids, "v": pd.Series(values, dtype=object)}),
}
BY_TYPE: dict[str, Writer] = {
    "arrow": columns(lambda ids, values: pa.table({"id": ids, "v": pa.array(values)})),
    "polars": columns(frame),
    "pandas": columns(lambda ids, values: pd.DataFrame({"id": ids, "v": pd.Series(values)})),
}
"""Containers that give their values a type of their own; those that have none for a value, or one that means another
value, are left out for it."""

# What a container of typed columns makes of such values is another value, or none.
OTHERWISE = (
    Decimal,
    MyDateTime,
    enum.Enum,
    tuple,
    dict,
    pd.Timestamp,
    dt.timedelta,
    np.generic,
    np.ndarray,
    list,
)


def declared(type_: PgType) -> Any:
    body = {"__module__": __name__, "id": field(BigInt, primary_key=True), "v": field(type_, null=True)}
    return type("One", (Model,), body, table="one_meaning")


@pytest.mark.parametrize(("type_", "value", "text"), CASES, ids=lambda v: shown(getattr(v, "sql", v))[:40])
async def test_every_writer_means_the_same(
    db: Any, pg: asyncpg.Connection[Any], type_: PgType, value: Any, text: str | None
) -> None:
    model = declared(type_)
    await db.create_tables(model)
    wrong: dict[str, Any] = {}
    huge = isinstance(value, int) and value > 2**100  # polars takes for ever
    writers = WRITERS | ({} if huge or isinstance(value, OTHERWISE) else BY_TYPE)
    for name, write in writers.items():
        if name.startswith("table") and type_.rounding is not None:
            continue  # the database does not know that the model rounds
        await pg.execute("truncate one_meaning")
        try:
            await write(model, value, 0)
        except DataError as error:
            if text is not None:
                wrong[name] = error
            stored = await pg.fetchval("select count(v) from one_meaning")
            if stored:
                wrong[name] = f"{stored} rows in spite of the error"
            continue
        except ChakraError as error:
            wrong[name] = repr(error)
            continue
        except (pa.ArrowException, TypeError, OverflowError):
            assert name in BY_TYPE, name  # the container has no such values
            continue
        rows = await pg.fetch("select v::text from one_meaning")
        found = {row[0] for row in rows}
        if found != {text}:
            wrong[name] = found
    assert wrong == {}


@pytest.mark.parametrize(
    ("type_", "values", "stored"),
    [
        # Not what pyarrow's own casts make of them.
        (Double, pa.array([Decimal("0.12345678901234567890")]), "0.12345678901234568"),
        (Double, pa.array([Decimal("1E-60")]), "1e-60"),
        (Real, pa.array([Decimal("0.1")]), "0.1"),
        (Real, pa.array([Decimal("1E-60")]), None),
        (Real, pa.array([Decimal(10**60)]), None),
        (Date, np.array(["294247-01-10"], "M8[us]"), "infinity"),
        (Date, np.array(["294247-01-10"], "M8[s]"), "infinity"),
        (Date, pa.array([-9223372022400000000], pa.int64()).view(pa.timestamp("us")), "-infinity"),
        (Date, pa.array([106751991], pa.int32()).view(pa.date32()), "294247-01-10"),
        (Date, pa.array([2**31 - 1], pa.int32()).view(pa.date32()), "infinity"),
    ],
    ids=lambda v: getattr(v, "sql", None) or f"{v!s:.40}",
)
async def test_columns_of_other_types(
    db: Any, pg: asyncpg.Connection[Any], type_: PgType, values: Any, stored: str | None
) -> None:
    model = declared(type_)
    await db.create_tables(model)
    data = {"id": [0], "v": values}
    if stored is None:
        with pytest.raises(DataError, match='row 0, column "v"'):
            await model.objects.bulk_insert(data)
    else:
        await model.objects.bulk_insert(data)
        assert await pg.fetchval("select v::text from one_meaning") == stored


@pytest.mark.parametrize(
    ("type_", "text", "stored"),
    [
        (Date, "9999-12-31", "9999-12-31"),
        (Date, "0001-01-01", "0001-01-01"),
        (Timestamp, "0001-01-01", "0001-01-01 00:00:00"),
        (Timestamp, "9999-12-31T23:59:59.999999", "9999-12-31 23:59:59.999999"),
        (TimestampTz, "9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999999+00"),
        (TimestampTz, "0001-01-01T05:00+05:00", "0001-01-01 00:00:00+00"),
        (DateRange, "[2024-01-01,9999-12-31)", "[2024-01-01,9999-12-31)"),
    ],
    ids=lambda v: getattr(v, "sql", v),
)
async def test_a_text_of_the_last_day_is_never_infinity(
    db: Any, pg: asyncpg.Connection[Any], type_: PgType, text: str, stored: str
) -> None:
    """Where rows mean infinity by a day, its text is refused; columns store the day."""
    model = declared(type_)
    await db.create_tables(model)
    rows = {name: write for name, write in WRITERS.items() if name not in ("objects", "series")}
    for write in rows.values():
        await pg.execute("truncate one_meaning")
        with pytest.raises(DataError, match="infinity"):
            await write(model, text, 0)
        assert await pg.fetchval("select count(v) from one_meaning") == 0
    with pytest.raises(DataError, match="infinity"):
        await model.objects.filter(v=text).count()
    objects_too = (
        {} if type_.kind == "range" else {"objects": WRITERS["objects"], "series": WRITERS["series"]}
    )
    for write in (BY_TYPE | objects_too).values():
        await pg.execute("truncate one_meaning")
        await write(model, text, 0)
        assert {row[0] for row in await pg.fetch("select v::text from one_meaning")} == {stored}


async def test_rows_of_different_dimensions(db: Any, pg: asyncpg.Connection[Any]) -> None:
    model = declared(Array(Integer))
    await db.create_tables(model)
    values = [[1], [[2, 3]], None, [], [[[4]]], [None], [[5], [None]]]
    texts = ["{1}", "{{2,3}}", None, "{}", "{{{4}}}", "{NULL}", "{{5},{NULL}}"]
    for copies in (1, 200):
        many = values * copies
        for write in (
            lambda many=many: model.objects.bulk_create([model(id=n, v=v) for n, v in enumerate(many)]),
            lambda many=many: model.objects.bulk_insert({"id": range(len(many)), "v": many}, batch_rows=3),
            lambda many=many: model.objects.bulk_insert(
                {"id": range(len(many)), "v": many}, on_conflict="update", conflict_fields=["id"]
            ),
        ):
            await pg.execute("truncate one_meaning")
            await write()
            rows = await pg.fetch("select v::text from one_meaning order by id")
            assert [row[0] for row in rows] == texts * copies
        with pytest.raises(DataError, match=f"row {len(many) - 1}.*different lengths"):
            await model.objects.bulk_insert({"id": range(len(many)), "v": [*many[:-1], [[1], [2, 3]]]})
        with pytest.raises(DataError, match=f"row {len(many) - 1}"):
            await model.objects.bulk_insert({"id": range(len(many)), "v": [*many[:-1], [[1], ["x"]]]})


async def test_digits_a_column_does_not_keep_are_rounded_on_request(
    db: Any, pg: asyncpg.Connection[Any]
) -> None:
    await pg.execute(
        "create table rounded (n numeric(8, 2), s timestamptz(0), a numeric(6, 1)[], i interval(0), t time(1))"
    )
    rows = {
        "n": [Decimal("1.005"), "2.349"],
        "s": [dt.datetime(2024, 1, 1, 1, 1, 1, 600000, tzinfo=dt.UTC)] * 2,
        "a": [[Decimal("1.25")], []],
        "i": [dt.timedelta(seconds=1.6)] * 2,
        "t": [dt.time(1, 1, 1, 160000)] * 2,
    }
    for name, values in rows.items():
        with pytest.raises(DataError, match=f'row 0, column "{name}"'):
            await db.table("rounded").bulk_insert({name: values})
    await db.table("rounded").bulk_insert(rows, allow_truncate=True)
    found = await pg.fetch("select n::text, s at time zone 'utc', a::text, i::text, t::text from rounded")
    moment = dt.datetime(2024, 1, 1, 1, 1, 2)
    assert [tuple(r) for r in found] == [
        ("1.01", moment, "{1.3}", "00:00:02", "01:01:01.2"),
        ("2.35", moment, "{}", "00:00:02", "01:01:01.2"),
    ]
