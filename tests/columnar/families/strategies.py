"""Hypothesis strategies: columns of values of any type, made of the types themselves."""

from __future__ import annotations

import datetime as dt
import ipaddress
import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from chakra.pg import types as t
from chakra.pg.types import PgType, array_of, enum_type
from tests.columnar import reference_textsearch as textsearch
from tests.columnar.reference_families import address_text

I32 = st.integers(-(2**31), 2**31 - 1)
I64 = st.integers(-(2**63), 2**63 - 1)
MOOD = enum_type("mood", ("sad", "ok", "", "ünïcode"))
PAIR = PgType("pair", oid=99001, kind="composite", fields=(("a", t.INT4), ("b", array_of(t.TEXT))))
NUMERIC20 = t.NUMERIC(20, 6)
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8)
FLOAT = st.floats(allow_nan=False)
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
POINT = st.fixed_dictionaries({"x": FLOAT, "y": FLOAT})


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    limit = 10**precision - 1
    return st.integers(-limit, limit).map(lambda n: _scaled(n, scale))


def _scaled(n: int, scale: int) -> Decimal:
    return Decimal((int(n < 0), tuple(map(int, str(abs(n)))), -scale))


def _inet(cidr: bool) -> st.SearchStrategy[str]:
    def text(found: tuple[Any, int]) -> str:
        address, prefix = found
        prefix = min(prefix, address.max_prefixlen)
        if cidr:
            address = ipaddress.ip_network((address, prefix), strict=False).network_address
        shown = address_text(address.packed)
        return f"{shown}/{prefix}" if cidr or prefix < address.max_prefixlen else shown

    words = st.lists(st.sampled_from([0, 0, 1, 0xFFFF, 0x12]), min_size=8, max_size=8)
    v6 = words.map(lambda w: ipaddress.IPv6Address(b"".join(n.to_bytes(2, "big") for n in w)))
    return st.tuples(st.ip_addresses(v=4) | v6, st.integers(0, 128)).map(text)


def _sparse() -> st.SearchStrategy[Any]:
    def build(pairs: dict[int, float]) -> dict[str, Any]:
        keys = sorted(pairs)
        return {"dimensions": 50, "indices": keys, "values": [pairs[k] for k in keys]}

    return st.dictionaries(st.integers(0, 49), FLOAT32, max_size=5).map(build)


def _range(bounds: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def build(lower: Any, upper: Any, inc: tuple[bool, bool], empty: bool) -> dict[str, Any]:
        if empty:
            return {"lower": None, "upper": None, "lower_inc": False, "upper_inc": False, "empty": True}
        flags = {"lower_inc": inc[0] and lower is not None, "upper_inc": inc[1] and upper is not None}
        return {"lower": lower, "upper": upper, **flags, "empty": False}

    side = st.none() | bounds
    return st.builds(build, side, side, st.tuples(st.booleans(), st.booleans()), st.booleans())


def _nested(element: st.SearchStrategy[Any], ndims: int) -> st.SearchStrategy[Any]:
    if ndims == 1:
        return st.lists(st.none() | element, max_size=4)

    def build(shape: list[int]) -> st.SearchStrategy[Any]:
        found = st.none() | element
        for size in reversed(shape):
            found = st.lists(found, min_size=size, max_size=size)
        return found

    return st.just([]) | st.lists(st.integers(1, 3), min_size=ndims, max_size=ndims).flatmap(build)


CHARACTER = st.sampled_from("abé'\\ :&1") | st.characters(exclude_characters="\0", codec="utf-8")
WORD = st.text(CHARACTER, min_size=1, max_size=20)


def _written(flags: str) -> st.SearchStrategy[str]:
    """A quoted word with one of the flags, or none."""
    return st.tuples(WORD.map(textsearch.quote), st.sampled_from(["", *flags.split()])).map("".join)


def _vectors() -> st.SearchStrategy[str]:
    """Text as the server writes it: every word once, in order."""
    words = st.lists(_written(":1 :16383A :2,3B,4C :7D,7,1"), max_size=5).map(" ".join)
    return words.map(lambda text: textsearch.vector_text(textsearch.vector_wire(text)))


def _queries() -> st.SearchStrategy[str]:
    """Text as the server writes it, of trees that lean to the left, as they are read from text."""

    def grow(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operators = st.sampled_from(["&", "|", "<->", "<0>", "<16384>"])
        pairs = st.tuples(part, operators, part).map(" ".join)
        return pairs | part.map("!{}".format) | part.map("( {} )".format)

    def canonical(text: str) -> str:
        for _ in range(2):
            text = textsearch.query_text(textsearch.query_wire(text))
        return text

    return st.recursive(_written(":* :A :*BD :ABCD"), grow, max_leaves=8).map(canonical)


BITS = st.text("01", max_size=20)
MAC = st.binary(min_size=6, max_size=6).map(lambda b: b.hex(":"))
DATES = st.dates()
TIMES = st.times()
DATETIMES = st.datetimes()
INTERVALS = st.tuples(I32, I32, st.integers(-(2**63) // 1000 + 1, 2**63 // 1000 - 1)).map(
    lambda v: pa.MonthDayNano([v[0], v[1], v[2] * 1000])
)

VALUES: tuple[tuple[PgType, st.SearchStrategy[Any]], ...] = (
    (t.BOOL, st.booleans()),
    (t.INT2, st.integers(-32768, 32767)),
    (t.INT4, I32),
    (t.INT8, I64),
    (t.OID, st.integers(0, 2**32 - 1)),
    (t.XID8, st.integers(0, 2**64 - 1)),
    (t.FLOAT4, FLOAT32),
    (t.FLOAT8, FLOAT),
    (t.TEXT, TEXT),
    (t.BYTEA, st.binary(max_size=9)),
    (t.JSONB, TEXT),
    (t.UUID, st.uuids(version=4) | st.just(uuid.UUID(int=0))),
    (t.DATE, DATES),
    (t.TIME, TIMES),
    (t.TIMESTAMP, DATETIMES),
    (t.TIMESTAMPTZ, DATETIMES.map(lambda d: d.replace(tzinfo=dt.UTC))),
    (t.TIMETZ, st.fixed_dictionaries({"time": TIMES, "offset_seconds": st.integers(-57599, 57599)})),
    (t.INTERVAL, INTERVALS),
    (t.NUMERIC(9, 2), decimals(9, 2)),
    (t.NUMERIC(18, 5), decimals(18, 5)),
    (NUMERIC20, decimals(20, 6)),
    (t.NUMERIC(38, 0), decimals(38, 0)),
    (t.NUMERIC(38, 19), decimals(38, 19)),
    (t.NUMERIC(76, 39), decimals(76, 39)),
    (MOOD, st.sampled_from(MOOD.labels)),
    (t.INET, _inet(False)),
    (t.CIDR, _inet(True)),
    (t.MACADDR, MAC),
    (t.MACADDR8, st.binary(min_size=8, max_size=8).map(lambda b: b.hex(":"))),
    (t.VARBIT, BITS),
    (t.TSVECTOR, _vectors()),
    (t.TSQUERY, _queries()),
    (t.POINT, POINT),
    (t.BOX, st.fixed_dictionaries({n: FLOAT for n in ("x1", "y1", "x2", "y2")})),
    (t.TID, st.fixed_dictionaries({"block": st.integers(0, 2**32 - 1), "offset": st.integers(0, 65535)})),
    (t.POLYGON, st.lists(POINT, min_size=1, max_size=3)),
    (
        t.PATH,
        st.fixed_dictionaries({"closed": st.booleans(), "points": st.lists(POINT, min_size=1, max_size=3)}),
    ),
    (t.HSTORE, st.dictionaries(TEXT, st.none() | TEXT, max_size=4).map(lambda d: list(d.items()))),
    (t.VECTOR, st.lists(FLOAT32, min_size=1, max_size=4)),
    (t.VECTOR(3), st.lists(FLOAT32, min_size=3, max_size=3)),
    (
        t.HALFVEC(2),
        st.lists(st.floats(width=16, allow_nan=False, allow_infinity=False), min_size=2, max_size=2),
    ),
    (t.SPARSEVEC, _sparse()),
    (array_of(t.INT4), _nested(I32, 1)),
    (array_of(t.TEXT, 2), _nested(TEXT, 2)),
    (array_of(t.BOOL, 3), _nested(st.booleans(), 3)),
    (array_of(NUMERIC20), _nested(decimals(20, 6), 1)),
    (
        array_of(PAIR),
        _nested(st.fixed_dictionaries({"a": st.none() | I32, "b": st.none() | _nested(TEXT, 1)}), 1),
    ),
    (PAIR, st.fixed_dictionaries({"a": st.none() | I32, "b": st.none() | _nested(TEXT, 1)})),
    (t.INT4RANGE, _range(I32)),
    (t.TSRANGE, _range(DATETIMES)),
    (t.INT8MULTIRANGE, st.lists(_range(I64), max_size=3)),
    (array_of(t.INT4RANGE), _nested(_range(I32), 1)),
)


def columns() -> st.SearchStrategy[tuple[PgType, list[Any]]]:
    """A type and up to eight values of it, some NULL."""

    def of(pair: tuple[PgType, st.SearchStrategy[Any]]) -> st.SearchStrategy[tuple[PgType, list[Any]]]:
        return st.tuples(st.just(pair[0]), st.lists(st.none() | pair[1], max_size=8))

    return st.sampled_from(VALUES).flatmap(of)
