"""Each type as a field of a model: its default, what is taken for it, how it comes back, and what the server has."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from asyncpg import BitString, Range

import chakra
from chakra import Field, Model, ValidationError, field
from chakra.types import (
    Array,
    BigInt,
    Bit,
    Boolean,
    Bytea,
    Char,
    Cidr,
    Date,
    DateRange,
    Double,
    Inet,
    Int4Range,
    Integer,
    Interval,
    Json,
    Jsonb,
    MacAddr,
    Name,
    Numeric,
    Point,
    Real,
    SmallInt,
    Text,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Varchar,
)
from tests.relations.conftest import SHARED, rows, sends, shared_tables

__all__ = ["rows", "shared_tables"]

pytestmark = SHARED


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


UTC = dt.UTC
KEY = UUID("00000000-0000-4000-8000-000000000001")
MOMENT = dt.datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)

# Type, default, another value, what that is when it comes back, the server's text of both, and what is no such value.
TABLE: dict[str, tuple[Any, Any, Any, Any, str, str, Any]] = {
    "flag": (Boolean, False, True, True, "false", "true", "yes"),
    "small": (SmallInt, 1, "2", 2, "1", "2", 2**15),
    "whole": (Integer, -1, 2.0, 2, "-1", "2", 1.5),
    "big": (BigInt, 2**62, Decimal(3), 3, "4611686018427387904", "3", 2**63),
    "single": (Real, 0.5, 1, 1.0, "0.5", "1", "x"),
    "double": (Double, 0.1, Decimal("0.25"), 0.25, "0.1", "0.25", "x"),
    "exact": (Numeric(4, 2), Decimal("1.1"), "2.25", Decimal("2.25"), "1.10", "2.25", Decimal("1.005")),
    "text": (Text, "", "a'b\\c", "a'b\\c", "", "a'b\\c", 5),
    "short": (Varchar(3), "abc", "dé", "dé", "abc", "dé", "abcd"),
    "padded": (Char(3), "a", "bc", "bc ", "a", "bc", "abcd"),
    "ident": (Name, "a", "b", "b", "a", "b", 5),
    "bytes": (Bytea, b"\x00", bytearray(b"\xff"), b"\xff", "\\x00", "\\xff", "a"),
    "key": (Uuid, KEY, str(KEY), KEY, str(KEY), str(KEY), "0"),
    "day": (Date, dt.date(2001, 2, 3), "2002-03-04", dt.date(2002, 3, 4), "2001-02-03", "2002-03-04", "soon"),
    "hour": (Time, dt.time(1, 2), "03:04:05", dt.time(3, 4, 5), "01:02:00", "03:04:05", "25:00"),
    "wall": (
        Timestamp,
        dt.datetime(2001, 2, 3),
        "2002-03-04T05:06:07",
        dt.datetime(2002, 3, 4, 5, 6, 7),
        "2001-02-03 00:00:00",
        "2002-03-04 05:06:07",
        MOMENT,
    ),
    "moment": (
        TimestampTz,
        MOMENT,
        "2001-02-03T06:05:06+02:00",
        MOMENT,
        "2001-02-03 04:05:06+00",
        "2001-02-03 04:05:06+00",
        dt.datetime(2001, 2, 3),
    ),
    "long": (Interval, dt.timedelta(1), dt.timedelta(0, 90), dt.timedelta(0, 90), "1 day", "00:01:30", "x y"),
    "doc": (Jsonb, {"a": 1}, [1, None], [1, None], '{"a": 1}', "[1, null]", {1, 2}),
    "old": (Json, "x", {"b": "é"}, {"b": "é"}, '"x"', '{"b":"é"}', {1, 2}),
    "list": (Array(Integer), [1], [2, None], [2, None], "{1}", "{2,NULL}", ["x"]),
    "grid": (Array(Text, 2), [["a"]], [["b", "c"]], [["b", "c"]], "{{a}}", "{{b,c}}", [[1]]),
    "host": (
        Inet,
        ipaddress.ip_address("10.0.0.1"),
        "10.0.0.1/8",
        ipaddress.ip_interface("10.0.0.1/8"),
        "10.0.0.1/32",
        "10.0.0.1/8",
        "10.0.0",
    ),
    "net": (
        Cidr,
        ipaddress.ip_network("10.0.0.0/8"),
        "::/0",
        ipaddress.ip_network("::/0"),
        "10.0.0.0/8",
        "::/0",
        "10.0.0.1/8",
    ),
    "card": (
        MacAddr,
        "08:00:2b:01:02:03",
        "08002b-010204",
        "08:00:2b:01:02:04",
        "08:00:2b:01:02:03",
        "08:00:2b:01:02:04",
        5,
    ),
    "bits": (Bit(3), "101", "011", BitString("011"), "101", "011", "01"),
    "span": (Int4Range, (1, 5), "[2,3]", Range(2, 4), "[1,5)", "[2,4)", (5, 1)),
    "days": (
        DateRange,
        (dt.date(2001, 1, 1), None),
        "empty",
        Range(empty=True),
        "[2001-01-01,)",
        "empty",
        (1,),
    ),
    "spot": (Point, (1.0, 2.0), (3, 4), (3.0, 4.0), "(1,2)", "(3,4)", "x"),
}


def declared() -> Any:
    """A model with a field for each row of the table, and one that may be NULL."""
    fields: dict[str, Any] = {"id": field(BigInt, primary_key=True)}
    for name, (type_, default, *_) in TABLE.items():
        shared = isinstance(default, list | dict)
        fields[name] = (
            field(type_, default_factory=lambda value=default: value)
            if shared
            else field(type_, default=default)
        )
        fields[name + "0"] = field(type_, null=True, default=None)
    return type("Holder", (Model,), {"__module__": __name__, "__qualname__": "Holder", **fields})


Holder: Any = declared()


class Painted(Model, table="mf_painted"):
    id: Field[int] = field(primary_key=True)
    color: Field[Color] = field(default=Color.RED)
    colors: Field[list[Color]] = field(default_factory=lambda: [Color.BLUE])


MODELS = (Holder, Painted)


async def fill() -> None: ...


async def texts() -> list[dict[str, str]]:
    """What the server has, as it writes it itself."""
    columns = ", ".join(f'"{name}"::text AS "{name}"' for name in TABLE)
    found = await chakra.raw(f"SELECT {columns} FROM holders ORDER BY id").all()
    return [{name: row[name] for name in TABLE} for row in found]


async def test_defaults_and_values(rows: Any) -> None:
    first = TABLE.items()
    defaults = {name: default for name, (_, default, *_) in first}
    new = Holder()
    assert {name: getattr(new, name) for name in TABLE} == defaults
    await rows.execute("SET timezone TO 'UTC'")
    await new.save()
    await Holder.objects.bulk_create([Holder()])
    await Holder.objects.bulk_insert({"id": [3]}, sync_sequences=True)
    values = {name: other for name, (_, _, other, *_) in first}
    given = await Holder.objects.create(**values)
    await Holder.objects.bulk_create([Holder(**values)])
    await new.__class__.objects.filter(id=3).update(**values)
    assert {name: getattr(given, name) for name in TABLE} == values  # as they were set, until they are read
    want = [{name: row[at] for name, row in first} for at in (4, 4, 5, 5, 5)]
    async with rows.transaction(settings={"timezone": "UTC"}):
        assert await texts() == want
    back = {name: row[3] for name, row in first}
    found = await Holder.objects.order_by("id")
    for one in found[2:]:
        read = {name: getattr(one, name) for name in TABLE}
        assert {name: (read[name], back[name]) for name in TABLE if read[name] != back[name]} == {}
        assert {getattr(one, name + "0") for name in TABLE} == {None}
    await given.refresh()
    assert {name: getattr(given, name) for name in TABLE} == back
    assert await Holder.objects.filter(id=4).values(*TABLE) == [back]


async def test_what_is_no_value(rows: Any) -> None:
    wrong = Holder(**{name: row[6] for name, row in TABLE.items()})
    with sends(rows, 0), pytest.raises(ValidationError) as caught:
        await wrong.validate()
    assert list(caught.value.errors) == list(TABLE)
    missing = Holder(**dict.fromkeys(TABLE))
    with sends(rows, 0), pytest.raises(ValidationError) as caught:
        await missing.validate()
    assert caught.value.errors == {name: ["it has no value"] for name in TABLE}
    good = Holder(**{name: row[2] for name, row in TABLE.items()})
    await good.validate()
    # pydantic takes the same, of what JSON can say.
    In = Holder.pydantic("create")
    for name, (_, default, *_, bad) in TABLE.items():
        data = In.model_validate({name: default})
        assert getattr(In.model_validate_json(data.model_dump_json(exclude_unset=True)), name) == getattr(
            data, name
        ), name
        if name not in ("flag", "doc", "old"):  # "yes" is true there, and a set no JSON
            with pytest.raises(ValueError):
                In.model_validate({name: bad})


async def test_enums_of_the_server(rows: Any) -> None:
    for make in (Painted, lambda: Painted(color="red", colors=["blue"])):
        one = await Painted.objects.create() if make is Painted else make()
        await one.save()
    await Painted.objects.bulk_create([Painted(color=Color.BLUE), Painted(colors=[])])
    found = await Painted.objects.order_by("id").values_list("color", "colors")
    assert found == [
        (Color.RED, [Color.BLUE]),
        (Color.RED, [Color.BLUE]),
        (Color.BLUE, [Color.BLUE]),
        (Color.RED, []),
    ]
    with pytest.raises(ValidationError, match="the labels of color are red, blue"):
        await Painted(color="green").validate()
