"""Values of every class against columns of every type, by every writer and filter: where they differ, by hand.

``python -m tests.query.fuzz_meaning --dsn URL [--types int4,text] [--seconds 300]``
"""

# ruff: noqa: E501
from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import enum
import ipaddress
import time
import uuid
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

import chakra
from chakra import Model, field
from chakra.errors import ChakraError, DataError
from chakra.pg.conversion import shown
from chakra.pg.types import PgType, parse_type
from chakra.types import Array, BigInt, Enum, Int4Range, Integer, Numeric, Text, TimestampTz

UTC = dt.UTC
NOON = dt.datetime(2024, 2, 29, 12, 0, 0, 1)


class Mood(enum.Enum):
    OK = "ok"


class StrMood(enum.StrEnum):
    OK = "ok"


class IntMood(enum.IntEnum):
    ONE = 1


class MyInt(int):
    pass


class MyStr(str):
    pass


class MyFloat(float):
    pass


class MyDecimal(Decimal):
    pass


class MyDateTime(dt.datetime):
    pass


class MyDate(dt.date):
    pass


class MyBytes(bytes):
    pass


class MyDict(dict):  # type: ignore[type-arg]
    pass


class MyList(list):  # type: ignore[type-arg]
    pass


class OddZone(dt.tzinfo):
    def utcoffset(self, when: Any) -> dt.timedelta:
        return dt.timedelta(hours=5, minutes=30, seconds=15)

    def dst(self, when: Any) -> None:
        return None

    def tzname(self, when: Any) -> str:
        return "odd"


TYPES: dict[str, PgType] = {
    **{
        name: parse_type(name)
        for name in [
            "int2",
            "int4",
            "int8",
            "oid",
            "float4",
            "float8",
            "numeric",
            "numeric(6,2)",
            "money",
            "bool",
            "text",
            "varchar(3)",
            "char(3)",
            "name",
            "bytea",
            "uuid",
            "json",
            "jsonb",
            "date",
            "time",
            "time(0)",
            "timetz",
            "timestamp",
            "timestamp(0)",
            "timestamptz",
            "timestamptz(3)",
            "interval",
            "interval(0)",
            "inet",
            "cidr",
            "macaddr",
            "bit(3)",
            "varbit",
            "xml",
            "point",
            "box",
            "path",
            "polygon",
            "circle",
            "line",
            "int4range",
            "numrange",
            "daterange",
            "tstzrange",
            "int4multirange",
            "tsvector",
            "pg_lsn",
        ]
    },
    "enum": Enum(Mood, "fuzz_mood"),
    "int4[]": Array(Integer),
    "text[]": Array(Text),
    "numeric(6,2)[]": Array(Numeric(6, 2)),
    "timestamptz[]": Array(TimestampTz),
    "int4range[]": Array(Int4Range),
}

VALUES: list[Any] = [
    0, 1, -1, 5, 2**15, 2**31, 2**63, 10**30, True, False, MyInt(5), IntMood.ONE,
    0.0, -0.0, 1.0, 1.5, 0.1, 1.005, 1e-50, 1e300, float("nan"), float("inf"), float("-inf"), MyFloat(2.5),
    Decimal("1"), Decimal("1.50"), Decimal("1.005"), Decimal("-0"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"),
    Decimal("1E+3"), Decimal("1E-7"), MyDecimal("2.5"), Fraction(1, 2), 1 + 0j,
    np.int8(5), np.uint64(2**63), np.float32(0.1), np.float64(1.5), np.float16(1.5), np.bool_(True), np.str_("ok"),
    np.bytes_(b"ok"), np.datetime64("2024-02-29"), np.datetime64("2024-02-29T12:00:00.000001"), np.datetime64("NaT"),
    np.datetime64("2024-02-29T12:00:00.000000001"), np.timedelta64(1, "D"), np.timedelta64(3, "M"), np.timedelta64("NaT"),
    pd.Timestamp(NOON), pd.Timestamp(NOON, tz="UTC"), pd.Timestamp("2024-02-29 12:00:00.000000001"), pd.NaT, pd.NA,
    pd.Timedelta(days=1, hours=2), pd.Timedelta(nanoseconds=1),
    "", " ", "ok", "5", " 5 ", "-0", "1.50", "1e3", "NaN", "true", "t", "a\0b", "\ud800", "éé", "abc   ", "abcd", "null",
    "[1,2]", "[1,5)", "empty", "{1,2}", "2024-02-29", "2024-02-29 12:00", "2024-02-29T12:00:00+01:00", "infinity", "now",
    "12:30", "24:00:00", "12:30+02", "P1DT2H", "1 day", "10.0.0.1", "10.0.0.1/8", "10.0.0.0/8", "08:00:2b:01:02:03", "101",
    "<a/>", "16/B374D848", "(1,2)", "a b", str(uuid.UUID(int=7)),
    MyStr("ok"), StrMood.OK, Mood.OK,
    b"", b"ok", b"\xff", bytearray(b"ok"), memoryview(b"ok"), MyBytes(b"ok"),
    NOON, NOON.replace(microsecond=0), NOON.replace(tzinfo=UTC), NOON.replace(tzinfo=ZoneInfo("Europe/Berlin")),
    dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")), NOON.replace(tzinfo=OddZone()),
    MyDateTime(2024, 2, 29, 12), MyDateTime(2024, 2, 29, tzinfo=UTC), dt.datetime(2024, 2, 29), dt.datetime.max,
    dt.datetime.min, dt.datetime.max.replace(tzinfo=UTC), dt.date(2024, 2, 29), MyDate(2024, 2, 29), dt.date.max, dt.date.min,
    dt.time(12, 30), dt.time(12, 30, 0, 1), dt.time(12, 30, tzinfo=UTC), dt.time(12, 30, tzinfo=ZoneInfo("Europe/Berlin")),
    dt.timedelta(0), dt.timedelta(days=1, microseconds=1), dt.timedelta.max, dt.timedelta.min, dt.timedelta(hours=25),
    chakra.Interval(months=14, days=-3, microseconds=5), chakra.Interval(microseconds=2**62),
    uuid.UUID(int=7), ipaddress.ip_address("10.0.0.1"), ipaddress.ip_network("10.0.0.0/8"),
    ipaddress.ip_interface("10.0.0.1/8"), ipaddress.ip_address("::1"),
    (), (0, 5), (5, 0), (None, 5), [0, 5], [], [1, None], [1.0, 2.0], ["a", None], [[1, 2], [3, 4]], [[]], [(0, 5)], (1, 2, 3),
    [(0, 0), (1, 1)], ((0, 0), (1, 1)), ((0, 0), 1), [NOON], [NOON.replace(tzinfo=UTC)], {1, 2}, frozenset({1}), range(0, 5),
    MyList([1, 2]), np.array([1, 2]), np.array([[1, 2], [3, 4]]), np.array(5),
    {}, {"a": 1}, {"lower": 0, "upper": 5, "lower_inc": True, "upper_inc": False}, {"lower": 0}, {"empty": True},
    {"x": 1, "y": 2}, MyDict(a=1), {1: 2}, {"a": NOON}, {"a": float("nan")}, {"a": {"b": [None, True, 1.5]}},
    object(), int, len, Ellipsis,
]  # fmt: skip


def declared(type_: PgType) -> Any:
    body = {"__module__": __name__, "id": field(BigInt, primary_key=True), "v": field(type_, null=True)}
    return type("Fuzzed", (Model,), body, table="fuzzed")


def objects(value: Any, count: int) -> Any:
    made = np.empty(count, object)
    for i in range(count):
        made[i] = value
    return made


async def _saved(model: Any, value: Any) -> None:
    await model.objects.create(id=0)
    one = await model.objects.get(id=0)
    one.v = value
    await one.save()


async def _updated(model: Any, value: Any) -> None:
    await model.objects.create(id=0)
    await model.objects.filter(id=0).update(v=value)


async def _bulk_updated(model: Any, value: Any) -> None:
    await model.objects.create(id=0)
    await model.objects.bulk_update([model(id=0, v=value)], ["v"])


WRITERS: dict[str, Any] = {
    "create": lambda m, v: m.objects.create(id=0, v=v),
    "save": _saved,
    "update": _updated,
    "bulk_create 2": lambda m, v: m.objects.bulk_create([m(id=n, v=v) for n in range(2)]),
    "bulk_create 600": lambda m, v: m.objects.bulk_create([m(id=n, v=v) for n in range(600)]),
    "bulk_update": _bulk_updated,
    "dicts": lambda m, v: m.objects.bulk_insert([{"id": 0, "v": v}]),
    "table": lambda m, v: m.objects.database.table("fuzzed").create(id=0, v=v),
    "table lists": lambda m, v: m.objects.database.table("fuzzed").bulk_insert({"id": [0], "v": [v]}),
}
COLUMNS: dict[str, Any] = {
    "numpy": lambda m, v: m.objects.bulk_insert({"id": [0], "v": np.array([v])}),
    "objects": lambda m, v: m.objects.bulk_insert({"id": [0], "v": objects(v, 1)}),
    "arrow": lambda m, v: m.objects.bulk_insert(pa.table({"id": [0], "v": pa.array([v])})),
    "polars": lambda m, v: m.objects.bulk_insert(pl.DataFrame({"id": [0], "v": pl.Series([v], strict=True)})),
    "pandas": lambda m, v: m.objects.bulk_insert(pd.DataFrame({"id": [0], "v": pd.Series([v])})),
}
"""Containers whose own types may mean another value; shown apart."""


async def outcome(model: Any, write: Any, value: Any) -> str:
    await model.objects.database.execute("truncate fuzzed")
    try:
        await asyncio.wait_for(write(model, value), 30)
    except DataError:
        result = "DataError"
    except ChakraError as error:
        return f"{type(error).__name__}: {str(error)[:90]}"
    except Exception as error:
        return f"BARE {type(error).__name__}: {str(error)[:90]}"
    else:
        rows = await model.objects.database.fetch("select distinct v::text from fuzzed")
        return repr([row[0] for row in rows])
    left = await model.objects.database.fetch("select count(v) from fuzzed")
    return result if left[0][0] == 0 else f"{result}, and {left[0][0]} rows"


async def found(model: Any, type_: PgType, value: Any, stored: str) -> str | None:
    try:
        count = await model.objects.filter(v=value).count()
    except DataError:
        count = -1
    except Exception as error:
        return f"filter: {type(error).__name__}: {str(error)[:90]}"
    if stored == "DataError":
        return None  # numbers compare where they cannot be stored
    if type_.name in ("numeric", "varchar", "bpchar") and type_.typmod >= 0:
        return None  # what is stored is rounded or padded, what is compared is not
    return None if count == 1 or stored == "[None]" else f"filter finds {count} of what was stored"


async def fuzz(dsn: str, names: list[str], seconds: float, columns: bool) -> int:
    deadline, cells, differences = time.monotonic() + seconds, 0, 0
    async with chakra.connect(dsn) as db:
        for name in names:
            type_ = TYPES[name]
            model = declared(type_)
            await db.execute("drop table if exists fuzzed")
            await db.drop_tables(model)
            await db.create_tables(model)
            for value in VALUES:
                if time.monotonic() > deadline:
                    print("out of time at", name)
                    return differences
                results = {way: await outcome(model, write, value) for way, write in WRITERS.items()}
                cells += len(results)
                compares = not type_.name.startswith(
                    ("json", "xml", "point", "box", "path", "polygon", "circle", "line")
                )
                if value is not None and compares:
                    await outcome(model, WRITERS["create"], value)
                    said = await found(model, type_, value, results["create"])
                    if said:
                        results["filter"] = said
                    else:
                        results["filter"] = results["create"]
                if len(set(results.values())) > 1 or any(r.startswith("BARE") for r in results.values()):
                    differences += 1
                    print(f"{name} {shown(value)} ({type(value).__name__})", flush=True)
                    for result in dict.fromkeys(results.values()):
                        print(
                            "    ",
                            result,
                            "<-",
                            ", ".join(w for w, r in results.items() if r == result),
                            flush=True,
                        )
                if columns:
                    expected = results["create"]
                    for way, write in COLUMNS.items():
                        got = await outcome(model, write, value)
                        cells += 1
                        if got != expected and not (got.startswith("BARE") and way != "objects"):
                            print(
                                f"  COLUMN {name} {shown(value)} ({type(value).__name__}) {way}: {got}; rows: {expected}",
                                flush=True,
                            )
        print(cells, "cells,", differences, "differences")
    return differences


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--types", default=",".join(TYPES))
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--columns", action="store_true", help="containers of typed columns as well")
    options = parser.parse_args()
    chosen = list(TYPES) if options.types == ",".join(TYPES) else options.types.split(";")
    raise SystemExit(asyncio.run(fuzz(options.dsn, chosen, options.seconds, options.columns)) > 0)
