"""Samples of types made of other types: arrays, enums, composites, domains, ranges, hstore."""

from __future__ import annotations

import datetime as dt
import uuid

import pyarrow as pa

from chakra.pg import types as t
from chakra.pg.types import PgType, array_of, enum_type
from tests.columnar.samples.base import (
    EMPTY,
    MDN,
    UTC,
    d,
    range_of,
    range_type,
    s,
)

MOOD = enum_type("mood", ("sad", "ok", "happy", "ünïcode", "quo'te", ""))
MOOD_SQL = "create type mood as enum ('sad', 'ok', 'happy', 'ünïcode', 'quo''te', '')"
MANY = enum_type("many", tuple(f"label_{i}" for i in range(300)))
MANY_SQL = f"create type many as enum ({', '.join(repr(label) for label in MANY.labels)})"
INVENTORY = PgType(
    "inventory",
    kind="composite",
    fields=(
        ("name", t.TEXT),
        ("supplier", t.INT4),
        ("price", t.NUMERIC(10, 2)),
        ("tags", array_of(t.TEXT)),
    ),
)
INVENTORY_SQL = "create type inventory as (name text, supplier int, price numeric(10, 2), tags text[])"
INVENTORY_ARROW = pa.struct(
    [
        ("name", pa.string()),
        ("supplier", pa.int32()),
        ("price", pa.decimal128(10, 2)),
        ("tags", pa.list_(pa.string())),
    ]
)
WRAPPER = PgType(
    "wrapper", kind="composite", fields=(("item", INVENTORY), ("mood", MOOD), ("span", t.INT4RANGE))
)
WRAPPER_SQL = (
    f"{INVENTORY_SQL}; {MOOD_SQL}; create type wrapper as (item inventory, mood mood, span int4range)"
)
MOOD_ARROW = pa.dictionary(pa.int8(), pa.string())
POSITIVE = PgType("positive", kind="domain", element=t.INT4)
POSITIVE_SQL = "create domain positive as int check (value > 0)"
POSITIVES = PgType("positives", kind="domain", element=array_of(POSITIVE))
FLOATRANGE = PgType("floatrange", kind="range", element=t.FLOAT8)
NESTED = (
    s(
        array_of(t.INT4),
        pa.list_(pa.int32()),
        ("'{}'", []),
        ("'{1,NULL,-3}'", [1, None, -3]),
        ("'{NULL}'", [None]),
    ),
    s(
        array_of(t.INT8, 2),
        pa.list_(pa.list_(pa.int64())),
        ("'{}'", []),
        ("'{{1,2,3},{4,NULL,6}}'", [[1, 2, 3], [4, None, 6]]),
    ),
    s(
        array_of(t.BOOL, 3),
        pa.list_(pa.list_(pa.list_(pa.bool_()))),
        ("'{{{t},{f}},{{NULL},{t}}}'", [[[True], [False]], [[None], [True]]]),
    ),
    s(
        array_of(t.TEXT),
        pa.list_(pa.string()),
        ('\'{a,"",NULL,"c d"}\'', ["a", "", None, "c d"]),
        ("'{}'", []),
    ),
    s(
        array_of(t.NUMERIC),
        pa.list_(pa.decimal128(38, 3)),
        ("'{1.5,NULL,0.001}'", [d("1.5"), None, d("0.001")]),
        ("'{}'", []),
    ),
    s(array_of(t.NUMERIC(6, 2)), pa.list_(pa.decimal128(6, 2)), ("'{1.5,-2.25}'", [d("1.50"), d("-2.25")])),
    s(
        array_of(t.UUID),
        pa.list_(pa.uuid()),
        ("'{00000000-0000-0000-0000-000000000001}'", [uuid.UUID(int=1)]),
    ),
    s(
        array_of(t.JSONB),
        pa.list_(pa.json_(pa.string())),
        ("array['{\"a\": 1}'::jsonb, null]", ['{"a": 1}', None]),
    ),
    s(array_of(t.DATE), pa.list_(pa.date32()), ("'{2020-01-01,NULL}'", [dt.date(2020, 1, 1), None])),
    s(
        array_of(t.TIMESTAMPTZ),
        pa.list_(pa.timestamp("us", "UTC")),
        ("'{2020-01-01 00:00+00}'", [dt.datetime(2020, 1, 1, tzinfo=UTC)]),
    ),
    s(array_of(MOOD), pa.list_(MOOD_ARROW), ("'{sad,NULL,happy}'", ["sad", None, "happy"]), setup=MOOD_SQL),
    s(
        array_of(INVENTORY),
        pa.list_(INVENTORY_ARROW),
        (
            "array[('x', 1, 2.5, '{a}')::inventory, null]",
            [{"name": "x", "supplier": 1, "price": d("2.50"), "tags": ["a"]}, None],
        ),
        setup=INVENTORY_SQL,
    ),
    s(
        array_of(t.INT4RANGE),
        pa.list_(range_type(pa.int32())),
        ("'{\"[1,2)\",NULL}'", [range_of(1, 2), None]),
    ),
    s(array_of(t.INTERVAL), pa.list_(pa.month_day_nano_interval()), ("'{1 mon}'", [MDN([1, 0, 0])])),
    s(
        MOOD,
        MOOD_ARROW,
        *((f"'{label.replace(chr(39), chr(39) * 2)}'", label) for label in MOOD.labels),
        setup=MOOD_SQL,
    ),
    s(
        MANY,
        pa.dictionary(pa.int16(), pa.string()),
        ("'label_299'", "label_299"),
        ("'label_0'", "label_0"),
        setup=MANY_SQL,
    ),
    s(
        INVENTORY,
        INVENTORY_ARROW,
        (
            "row('fuzzy dice', 42, 1.99, '{a,NULL}')",
            {"name": "fuzzy dice", "supplier": 42, "price": d("1.99"), "tags": ["a", None]},
        ),
        ("row(NULL, NULL, NULL, NULL)", {"name": None, "supplier": None, "price": None, "tags": None}),
        setup=INVENTORY_SQL,
    ),
    s(
        WRAPPER,
        pa.struct([("item", INVENTORY_ARROW), ("mood", MOOD_ARROW), ("span", range_type(pa.int32()))]),
        (
            "row(row('a', 1, 2, '{}')::inventory, 'ok', '[1,)')",
            {
                "item": {"name": "a", "supplier": 1, "price": d("2.00"), "tags": []},
                "mood": "ok",
                "span": range_of(1, None),
            },
        ),
        ("row(NULL, 'sad', NULL)", {"item": None, "mood": "sad", "span": None}),
        setup=WRAPPER_SQL,
    ),
    s(POSITIVE, pa.int32(), ("1", 1), ("2147483647", 2**31 - 1), setup=POSITIVE_SQL),
    s(array_of(POSITIVE), pa.list_(pa.int32()), ("'{1,2}'", [1, 2]), setup=POSITIVE_SQL),
    s(
        POSITIVES,
        pa.list_(pa.int32()),
        ("'{3}'", [3]),
        setup=POSITIVE_SQL + "; create domain positives as positive[]",
    ),
    s(
        t.INT4RANGE,
        range_type(pa.int32()),
        ("'[1,5]'", range_of(1, 6)),
        ("'empty'", EMPTY),
        ("'(,)'", range_of(None, None, False)),
        ("'[3,)'", range_of(3, None)),
    ),
    s(t.INT8RANGE, range_type(pa.int64()), ("'(,9223372036854775807)'", range_of(None, 2**63 - 1, False))),
    s(
        t.NUMRANGE,
        range_type(pa.decimal128(38, 2)),
        ("'(1.5,2.25]'", range_of(d("1.5"), d("2.25"), False, True)),
        ("'empty'", EMPTY),
    ),
    s(
        t.DATERANGE,
        range_type(pa.date32()),
        ("'[2020-01-01,2020-02-01)'", range_of(dt.date(2020, 1, 1), dt.date(2020, 2, 1))),
    ),
    s(
        t.TSRANGE,
        range_type(pa.timestamp("us")),
        ("'[2020-01-01,)'", range_of(dt.datetime(2020, 1, 1), None)),
    ),
    s(
        t.TSTZRANGE,
        range_type(pa.timestamp("us", "UTC")),
        ("'(,2020-01-01 00:00+00]'", range_of(None, dt.datetime(2020, 1, 1, tzinfo=UTC), False, True)),
    ),
    s(
        FLOATRANGE,
        range_type(pa.float64()),
        ("'[0.5,1.5)'", range_of(0.5, 1.5)),
        setup="create type floatrange as range (subtype = float8)",
    ),
    s(
        t.INT4MULTIRANGE,
        pa.list_(range_type(pa.int32())),
        ("'{}'", []),
        ("'{[1,3),[7,)}'", [range_of(1, 3), range_of(7, None)]),
    ),
    s(
        t.NUMMULTIRANGE,
        pa.list_(range_type(pa.decimal128(38, 1))),
        ("'{[1.5,2)}'", [range_of(d("1.5"), d("2.0"))]),
    ),
    s(
        t.HSTORE,
        pa.map_(pa.string(), pa.string()),
        ("''", []),
        ('\'a=>1, bb=>NULL, ""=>"é"\'', [("", "é"), ("a", "1"), ("bb", None)]),
        setup="create extension hstore",
    ),
    s(
        array_of(t.HSTORE),
        pa.list_(pa.map_(pa.string(), pa.string())),
        ("array['a=>1'::hstore, null]", [[("a", "1")], None]),
        setup="create extension hstore",
    ),
)
