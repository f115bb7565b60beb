"""Values as SQL texts for random tables, and what the row path and the column path give for them made comparable."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import re
import uuid
from typing import Any

import asyncpg
import pyarrow as pa
from hypothesis import strategies as st

from chakra.pg.json_text import load_json

NO_ARROW = re.compile(r"infinity|nan|24:00:00|2942(4[7-9]|[5-9].)-", re.IGNORECASE)
"""In the text of a value: some of it has no place in Arrow, and ``infinity="null"`` makes that NULL."""

NO_PYTHON = re.compile(r"BC|\d{5,}-\d\d-\d\d|infinity|24:00:00")
"""In the text of a value: the driver cannot give it, or gives something else (24:00 is 00:00 in Python)."""

TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30)
YEARS = st.sampled_from((1, 4, 1582, 1899, 1970, 1999, 2000, 2024, 9999, 10000, 294246, 294276))
MOMENTS = st.builds(
    "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}".format,
    YEARS, st.integers(1, 12), st.integers(1, 28), st.integers(0, 23), st.integers(0, 59),
    st.integers(0, 59), st.sampled_from((0, 1, 500_000, 999_999)) | st.integers(0, 999_999),
)  # fmt: skip
WITH_ENDS = MOMENTS | st.sampled_from(("infinity", "-infinity", "4714-11-24 00:00:00 BC"))


def numeric(whole: int, fraction: int) -> st.SearchStrategy[str]:
    """Numbers of up to so many digits before and after the point."""
    digits = st.text("0123456789", max_size=whole) | st.text("09", max_size=whole)
    after = st.text("0123456789", max_size=fraction) | st.text("09", max_size=fraction)
    return st.builds("{}0{}.{}".format, st.sampled_from(("", "-")), digits, after)


INT4S = st.integers(-(2**31), 2**31 - 1).map(str)
FLOATS = st.floats().map(repr) | st.sampled_from(("-0", "5e-324", "1.7976931348623157e308"))
EXTREMES = st.sampled_from(("NaN", "Infinity", "-Infinity"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def array_text(values: Any) -> str:
    """An array as PostgreSQL's text input takes it."""
    if values is None:
        return "NULL"
    if isinstance(values, list):
        return "{" + ",".join(map(array_text, values)) + "}"
    return '"' + str(values).replace("\\", "\\\\").replace('"', '\\"') + '"'


def boxes(element: st.SearchStrategy[str], dimensions: int) -> st.SearchStrategy[str]:
    """Arrays of the same size in every row of a dimension, with NULLs."""

    def build(shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
        found: st.SearchStrategy[Any] = st.none() | element
        for size in reversed(shape):
            found = st.lists(found, min_size=size, max_size=size)
        return found

    shapes = st.tuples(*[st.integers(1, 3)] * dimensions)
    return st.just("{}") | shapes.flatmap(build).map(array_text)


VALUES: dict[str, st.SearchStrategy[str]] = {
    "boolean": st.sampled_from(("t", "f")),
    "smallint": st.integers(-(2**15), 2**15 - 1).map(str),
    "integer": INT4S,
    "bigint": st.integers(-(2**63), 2**63 - 1).map(str),
    "real": st.floats(width=32).map(repr),
    "double precision": FLOATS,
    "oid": st.integers(0, 2**32 - 1).map(str),
    "text": TEXTS,
    "varchar(40)": TEXTS,
    "character(6)": st.text("aé 日", max_size=6),
    "bytea": st.binary(max_size=40).map(lambda b: "\\x" + b.hex()),
    "uuid": st.uuids().map(str),
    "jsonb": JSON.map(json.dumps),
    "json": JSON.map(json.dumps),
    "date": st.builds("{:04}-{:02}-{:02}".format, st.sampled_from((1, 1970, 2000, 9999, 10000, 5874897)),
        st.integers(1, 12), st.integers(1, 28)) | st.sampled_from(("infinity", "-infinity", "4714-11-24 BC")),
    "time": MOMENTS.map(lambda text: text.split()[1]) | st.just("24:00"),
    "timetz": st.builds("{}{:+03}:30".format, MOMENTS.map(lambda m: m.split()[1]), st.integers(-15, 14)),
    "timestamp": WITH_ENDS,
    "timestamptz": WITH_ENDS,
    "interval": st.builds(
        # "… microseconds" takes 32 bits of them before PostgreSQL 15
        "{} mons {} days {}{}:{:02}:{:02}.{:06}".format,
        st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6), st.sampled_from("+-"),
        st.integers(0, 320_000), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999_999),
    ),
    "numeric(12,2)": numeric(10, 2) | st.just("NaN"),
    "numeric(38,10)": numeric(28, 10) | st.just("NaN"),
    "numeric(76,38)": numeric(38, 38),
    "numeric": numeric(22, 16) | EXTREMES,
    "inet": st.ip_addresses().map(str) | st.sampled_from(("10.0.0.0/8", "::1/7")),
    "cidr": st.ip_addresses().map(str),
    "macaddr": st.binary(min_size=6, max_size=6).map(lambda b: b.hex(":")),
    "bit varying": st.text("01", max_size=70),
    "bit(9)": st.text("01", min_size=9, max_size=9),
    "int4range": st.tuples(*[st.integers(-(2**31), 2**31 - 2)] * 2).map(lambda p: f"[{min(p)},{max(p)}]")
    | st.sampled_from(("empty", "(,)", "[5,)")),
    "tstzrange": MOMENTS.filter(lambda m: len(m) == 26).map(lambda m: f'["{m}+00",)'),
    "numrange": st.tuples(*[st.decimals(-(10**9), 10**9, places=3)] * 2).map(lambda p: f"({min(p)},{max(p)}]"),
    "int4multirange": st.sampled_from(("{}", "{[1,3),[7,)}", "{(,)}")),
    "integer[]": boxes(INT4S, 1),
    "integer[][]": boxes(INT4S, 2),
    "text[]": boxes(TEXTS, 1),
    "text[][][]": boxes(TEXTS, 3),
    "double precision[]": boxes(FLOATS, 1),
    "numeric(12,2)[]": boxes(numeric(9, 2), 1),
    "timestamptz[]": boxes(WITH_ENDS, 1),
    "mood": st.sampled_from(("sad", "ok", "it's", "grüß")),
    "mood[]": boxes(st.sampled_from(("sad", "ok", "it's", "grüß")), 1),
    "positive": st.integers(1, 2**31 - 1).map(str),
    "inventory": st.builds(
        lambda name, number, price, tags: "(" + ",".join('"' + v.replace("\\", "\\\\").replace('"', '""') + '"'
            for v in (name, number, price, tags)) + ")",
        TEXTS, INT4S, numeric(6, 2), boxes(TEXTS, 1),
    ),
    "hstore": st.dictionaries(TEXTS, TEXTS, max_size=3).map(
        lambda d: ",".join(f"{array_text(k)}=>{array_text(v)}" for k, v in d.items())
    ),
    "vector(3)": st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=3, max_size=3).map(json.dumps),
    "point": st.tuples(FLOATS, FLOATS).map(lambda p: f"({p[0]},{p[1]})"),
}  # fmt: skip

SETUP = """
create extension hstore;
create type mood as enum ('sad', 'ok', 'it''s', 'grüß');
create domain positive as int check (value > 0);
create type inventory as (name text, supplier int, price numeric(10, 2), tags text[])
"""


def row_value(value: Any) -> Any:
    """A value of the row path in the form Arrow's has."""
    match value:
        case asyncpg.BitString():
            return value.as_string().replace(" ", "")
        case asyncpg.Range():
            flags = {"lower_inc": value.lower_inc, "upper_inc": value.upper_inc, "empty": value.isempty}
            return {"lower": row_value(value.lower), "upper": row_value(value.upper), **flags}
        case asyncpg.Point():
            return {"x": value.x, "y": value.y}
        case uuid.UUID():
            return uuid.UUID(int=value.int)  # the driver has a class of its own
        case asyncpg.Record():
            return {name: row_value(inner) for name, inner in value.items()}
        case dt.time() if value.tzinfo is not None:
            offset = value.utcoffset()
            assert offset is not None
            return {"time": value.replace(tzinfo=None), "offset_seconds": round(offset.total_seconds())}
        case list() | tuple():
            return [row_value(inner) for inner in value]
        case _:
            return value


def both(type_: str, arrow: Any, row: Any) -> tuple[Any, Any]:
    """An Arrow value and a row's value of one cell in a common form."""
    if type_ in ("json", "jsonb"):
        return (None if arrow is None else load_json(arrow)), row
    if arrow is None or row is None:
        return arrow, row
    if type_ in ("inet", "cidr"):
        return ipaddress.ip_interface(arrow), ipaddress.ip_interface(str(row))
    if type_ == "interval":
        months = arrow.months
        years = int(months / 12)  # the driver counts 365 days a year and 30 a month, towards zero
        days = years * 365 + (months - years * 12) * 30 + arrow.days
        return dt.timedelta(days=days, microseconds=arrow.nanoseconds // 1000), row
    if type_ == "hstore":
        return dict(arrow), row
    return arrow, row_value(row)


def values_of(column: pa.ChunkedArray) -> list[Any] | None:
    """The values, if Python can hold all of them."""
    try:
        return column.to_pylist()  # type: ignore[no-any-return]
    except (ValueError, OverflowError):
        return None


__all__ = ["NO_ARROW", "NO_PYTHON", "SETUP", "VALUES", "both", "values_of"]
