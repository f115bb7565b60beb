"""The table that random expressions are about: a column of every type, rows at the edges, NULLs, and a parent."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from chakra import Field, ForeignKey, Model, field, foreign_key
from chakra.types import Array, Integer, Interval, Jsonb, Numeric, Real, SmallInt, Text, Timestamp, Varchar

UTC = dt.UTC


class Parent(Model, table="parents"):
    id: Field[int] = field(primary_key=True)
    t: Field[str]
    i4: Field[int | None] = field(Integer, default=None)
    n: Field[Decimal | None] = field(Numeric(12, 2), default=None)
    d: Field[dt.date | None] = field(default=None)


class Tree(Model, table="trees"):
    id: Field[int] = field(primary_key=True)
    g: Field[int] = field(Integer)
    parent: ForeignKey[Parent | None] = foreign_key(related_name="trees", default=None)
    i2: Field[int | None] = field(SmallInt)
    i4: Field[int | None] = field(Integer)
    i8: Field[int | None]
    n: Field[Decimal | None] = field(Numeric(12, 2))
    n0: Field[Decimal | None]
    f4: Field[float | None] = field(Real)
    f8: Field[float | None]
    t: Field[str | None]
    v: Field[str | None] = field(Varchar(20))
    b: Field[bool | None]
    d: Field[dt.date | None]
    ts: Field[dt.datetime | None] = field(Timestamp)
    tz: Field[dt.datetime | None]
    tm: Field[dt.time | None]
    iv: Field[dt.timedelta | None] = field(Interval)
    by: Field[bytes | None]
    u: Field[uuid.UUID | None]
    at: Field[list[str] | None] = field(Array(Text))
    ai: Field[list[int] | None] = field(Array(Integer))
    j: Field[dict | None] = field(Jsonb)


COLUMNS: dict[str, tuple[str, ...]] = {
    "i2": ("i2",), "i4": ("i4", "g", "parent__i4"), "i8": ("i8", "id"), "n": ("n", "n0", "parent__n"), "f4": ("f4",),
    "f8": ("f8",), "t": ("t", "parent__t"), "b": ("b",), "d": ("d", "parent__d"), "ts": ("ts",), "tz": ("tz",),
    "tm": ("tm",), "iv": ("iv",), "by": ("by",), "u": ("u",), "at": ("at",), "ai": ("ai",), "j": ("j",),
}  # fmt: skip
"""The paths of each kind of value."""

SQL_TYPES = {
    "i2": "smallint", "i4": "integer", "i8": "bigint", "n": "numeric", "f4": "real", "f8": "double precision",
    "t": "text", "b": "boolean", "d": "date", "ts": "timestamp", "tz": "timestamptz", "tm": "time", "iv": "interval",
    "by": "bytea", "u": "uuid", "at": "text[]", "ai": "integer[]", "j": "jsonb",
}  # fmt: skip

D = Decimal
LITERALS: dict[str, tuple[Any, ...]] = {
    "i2": (0, 1, -1, 7, -3, 32767),
    "i4": (0, 1, -1, 2, 10, -7, 2**31 - 1),
    "i8": (0, 1, -1, 3, 12, -2, 2**40),
    "n": (D(0), D(1), D("-1.5"), D("2.25"), D("0.001"), D("-12345678901234567890.5")),
    "f4": (0.0, 1.0, -1.5, 0.25),
    "f8": (0.0, 1.0, -0.0, 2.5, -1e300, 1e-300, 0.1),
    "t": ("", "a", "ab", "A%_\\", "it's", '"q"', "Zoë 日本", "-- x", "$1", "%(x)s", "{0}", "NULL"),
    "b": (True, False),
    "d": (dt.date(2020, 2, 29), dt.date(1999, 12, 31), dt.date(1, 1, 2), dt.date(2024, 7, 1)),
    "ts": (dt.datetime(2020, 2, 29, 23, 59, 59, 999999), dt.datetime(1970, 1, 1), dt.datetime(1, 1, 2)),
    "tz": (dt.datetime(2020, 2, 29, 12, tzinfo=UTC), dt.datetime(1969, 12, 31, 23, 59, tzinfo=UTC)),
    "tm": (dt.time(0, 0), dt.time(23, 59, 59, 999999), dt.time(9, 30)),
    "iv": (dt.timedelta(0), dt.timedelta(days=1), dt.timedelta(days=-40, seconds=5), dt.timedelta(microseconds=-1)),
    "by": (b"", b"\x00\xff", b"abc'\\"),
    "u": (uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)),
    "at": ([], ["a"], ["a", None, "it's, {x}"], ["-- y", '"', "\\"]),
    "ai": ([], [1], [3, None, -2]),
    "j": ({"a": 1}, [1, "x'", None], "s", 5, True, {}, {"k'\"": {"b": [1.5]}}),
}  # fmt: skip


NAMES = tuple(column.attribute for column in Tree.__table__.columns[3:])
"""The columns with values of all kinds."""


def _rows() -> list[dict[str, Any]]:
    rows = []
    names = {"n0": "n", "v": "t"}
    for position in range(10):
        row: dict[str, Any] = {"id": position + 1, "g": position % 3}
        for shift, name in enumerate(NAMES):
            pool = (None, *LITERALS[names.get(name, name)])
            value = pool[(position + shift) % len(pool)]
            row[name] = D("99.99") if name == "n" and value is not None and abs(value) > 1e9 else value
            if name == "n" and value == D("0.001"):
                row[name] = D("0.01")
        row["parent_id"] = None if position % 4 == 3 else position % 4 + 1
        rows.append(row)
    return rows


async def fill(db: Any) -> None:
    """Three parents, ten trees."""
    await db.create_tables(Parent, Tree)
    await Parent.objects.create(id=1, t="root", i4=5, n=D("1.25"), d=dt.date(2021, 3, 4))
    await Parent.objects.create(id=2, t="")
    await Parent.objects.create(id=3, t="Ab", i4=-(2**31), n=D("-0.01"), d=dt.date(1, 1, 3))
    for row in _rows():
        await Tree.objects.create(**row)


__all__ = ["COLUMNS", "LITERALS", "SQL_TYPES", "Parent", "Tree", "fill"]
