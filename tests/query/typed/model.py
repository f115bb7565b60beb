"""A table with a field of each type, called like the type."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from decimal import Decimal
from typing import Any

from chakra import Field, Model, field
from chakra.pg.types import PgType
from chakra.types import (
    Array,
    Bit,
    Char,
    DateRange,
    Inet,
    Int4MultiRange,
    Int4Range,
    Integer,
    Interval,
    Json,
    Jsonb,
    Numeric,
    NumRange,
    Real,
    SmallInt,
    Text,
    Timestamp,
    TsQuery,
    TsTzRange,
    TsVector,
    Varchar,
)


class Mood(enum.Enum):
    SAD = "sad"
    HAPPY = "happy"


class Thing(Model, table="things"):
    id: Field[int] = field(primary_key=True)
    smallint: Field[int] = field(SmallInt)
    integer: Field[int] = field(Integer)
    bigint: Field[int]
    numeric: Field[Decimal]
    numeric_12_2: Field[Decimal] = field(Numeric(12, 2))
    real: Field[float] = field(Real)
    double: Field[float]
    text: Field[str]
    varchar: Field[str] = field(Varchar(20))
    char: Field[str] = field(Char(5))
    boolean: Field[bool]
    date: Field[dt.date]
    timestamp: Field[dt.datetime] = field(Timestamp)
    timestamptz: Field[dt.datetime]
    time: Field[dt.time]
    interval: Field[dt.timedelta] = field(Interval)
    bytea: Field[bytes]
    uuid: Field[uuid.UUID]
    text_array: Field[list[str]] = field(Array(Text))
    integer_array: Field[list[int]] = field(Array(Integer))
    jsonb: Field[Any] = field(Jsonb)
    json: Field[Any] = field(Json)
    inet: Field[Any] = field(Inet)
    bit: Field[Any] = field(Bit(3))
    int4range: Field[Any] = field(Int4Range)
    numrange: Field[Any] = field(NumRange)
    daterange: Field[Any] = field(DateRange)
    tstzrange: Field[Any] = field(TsTzRange)
    int4multirange: Field[Any] = field(Int4MultiRange)
    tsvector: Field[str] = field(TsVector)
    tsquery: Field[str] = field(TsQuery)
    mood: Field[Mood]


UTC = dt.UTC
ROW: dict[str, Any] = {
    "id": 1, "smallint": 2, "integer": 3, "bigint": 4, "numeric": Decimal("5.5"), "numeric_12_2": Decimal("0.75"),
    "real": 0.5, "double": 0.25, "text": "text", "varchar": "va", "char": "c", "boolean": True,
    "date": dt.date(2024, 2, 29), "timestamp": dt.datetime(2024, 2, 29, 12, 30),
    "timestamptz": dt.datetime(2024, 2, 29, 12, 30, tzinfo=UTC), "time": dt.time(12, 30),
    "interval": dt.timedelta(hours=5), "bytea": b"abc", "uuid": uuid.UUID(int=7), "text_array": ["a", "b"],
    "integer_array": [1, 2], "jsonb": {"a": [1, 2], "b": None}, "json": {"a": 1}, "inet": "10.0.0.1", "bit": "101",
    "int4range": "[1,5)", "numrange": "[1.5,2.5)", "daterange": "[2024-01-01,2024-02-01)",
    "tstzrange": "[2024-01-01 00:00+00,2024-02-01 00:00+00)", "int4multirange": ["[1,5)", "[7,9)"],
    "tsvector": "'cat':1 'dog':2", "tsquery": "'cat' & 'dog'", "mood": Mood.HAPPY,
}  # fmt: skip
FIELDS: dict[str, PgType] = {c.attribute: c.type for c in Thing.__table__.columns if c.attribute != "id"}

EXTENSIONS = ("pg_trgm", "unaccent", "hstore", "ltree", "vector")
"""What some samples need. Without them the server says so, or that it knows no such function, operator or type."""


async def fill(db: Any, there: frozenset[str]) -> set[str]:
    """Make the table with its one row, and those extensions that are there; returns the names of the others."""
    for extension in sorted(there.intersection(EXTENSIONS)):
        await db.execute(f"CREATE EXTENSION {extension}")
    await db.create_tables(Thing)
    await Thing.objects.create(**ROW)
    return set(EXTENSIONS) - there


__all__ = ["EXTENSIONS", "FIELDS", "ROW", "Thing", "fill"]
