"""``validate()``: what is said of instances before they are written, by field, and where it is asked for."""

from __future__ import annotations

import datetime as dt
import enum
import pickle
from decimal import Decimal
from typing import Any

import pytest

from chakra import F, Field, ForeignKey, Index, Model, Unique, ValidationError, field, foreign_key
from chakra.errors import DataError, FieldError, UniqueViolation
from chakra.types import Array, Char, Integer, Numeric, SmallInt, Text, Varchar
from tests.relations.conftest import SHARED, rows, sends, shared_tables

__all__ = ["rows", "shared_tables"]

pytestmark = SHARED


class Kind(enum.Enum):
    TALK = "talk"
    GAME = "game"


def short(value: str) -> None:
    if len(value) > 5:
        raise ValueError(f"{value} is too long")


def even(value: int) -> bool:
    return value % 2 == 0


async def known(value: str) -> None:
    if value == "nobody":
        raise ValidationError(["nobody is nobody", "and has no name"])


class Room(Model, table="va_rooms"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(unique=True)


class Event(Model, table="va_events"):
    id: Field[int] = field(primary_key=True)
    title: Field[str] = field(Varchar(8), validators=[short])
    code: Field[str | None] = field(Char(3), default=None, unique=True)
    host: Field[str] = field(default="ann", validators=[known, str.islower])
    seats: Field[int] = field(SmallInt, default=2, validators=[even])
    price: Field[Decimal] = field(Numeric(4, 2), default=Decimal(1))
    kind: Field[Kind] = field(Text, choices=Kind, default=Kind.TALK)
    days: Field[list[int]] = field(Array(Integer), choices=[1, 2, 3], default_factory=list)
    starts: Field[dt.datetime] = field(db_default="now()")
    ends: Field[dt.datetime | None] = field(default=None)
    made: Field[dt.datetime] = field(auto_now_add=True)
    twice: Field[int] = field(SmallInt, generated=F("seats") * 2)
    room: ForeignKey[Room] = foreign_key(related_name="events", default=1)
    place: Field[int] = field(default=0)

    class Meta:
        constraints = (Unique("room", "place", where="place > 0"), Unique("room", "title"))
        indexes = (Index("host", "title", unique=True),)

    async def clean(self) -> None:
        if self.title == "never":
            raise ValidationError({"title": "is no title", "ends": ["never", "ever"]})
        assert self.title != "none", "there is none"
        if self.title == "":
            raise ValueError("an event has a title")


MODELS = (Room, Event)


async def fill() -> None:
    await Room.objects.create(name="hall")
    await Event.objects.create(title="there", code="abc")


NOW = dt.datetime(2024, 5, 6, tzinfo=dt.UTC)
ALL = ValidationError.ALL

FAULTS: dict[str, tuple[dict[str, Any], dict[str, list[str]]]] = {
    "nothing": ({"title": "a", "ends": NOW}, {}),
    "no value": ({}, {"title": ["it has no value"]}),
    "null": ({"title": None, "price": None}, {"title": ["it has no value"], "price": ["it has no value"]}),
    "a key that is made": ({"title": "a", "id": None}, {}),
    "several fields": (
        {"title": "too long a title", "seats": 40000, "days": [1, 4]},
        {
            "title": [
                "'too long a title' does not fit character varying(8): it has 16 characters, and the column takes 8"
            ],
            "seats": ["40000 does not fit smallint: it is out of range: -32768 to 32767"],
            "days": ["4 is none of its choices, 1, 2, 3"],
        },
    ),
    "digits": (
        {"title": "a", "price": Decimal("100.00")},
        {
            "price": [
                "Decimal('100.00') does not fit numeric(4, 2): it has more than 2 digits before the point"
            ]
        },
    ),
    "another class": (
        {"title": 5, "starts": dt.datetime(2024, 1, 1)},
        {
            "title": ["5 does not fit character varying(8): expected a str, found int"],
            "starts": [
                "datetime.datetime(2024, 1, 1, 0, 0) does not fit timestamp with time zone: it has no zone"
            ],
        },
    ),
    "a choice by its value": ({"title": "a", "kind": "game"}, {}),
    "no choice": ({"title": "a", "kind": "x"}, {"kind": ["'x' is none of its choices, 'talk', 'game'"]}),
    "validators": (
        {"title": "longer", "seats": 3, "host": "nobody"},
        {
            "title": ["longer is too long"],
            "host": ["nobody is nobody", "and has no name"],
            "seats": ["3 is refused by even"],
        },
    ),
    "one that says nothing": ({"title": "a", "host": "ANN"}, {"host": ["'ANN' is refused by islower"]}),
    "an expression": ({"title": "a", "seats": F("id"), "code": F("host")}, {}),
    "clean, by field": ({"title": "never"}, {"title": ["is no title"], "ends": ["never", "ever"]}),
    "clean, as a whole": ({"title": ""}, {ALL: ["an event has a title"]}),
    "clean, an assertion": ({"title": "none"}, {ALL: ["there is none"]}),
    "clean comes behind fields": ({"title": "never", "seats": 3}, {"seats": ["3 is refused by even"]}),
    "a key of one field": ({"title": "a", "code": "abc"}, {"code": ["another Event has this code"]}),
    "keys of two": (
        {"title": "there"},
        {ALL: ["another Event has this room_id and title", "another Event has this host and title"]},
    ),
    "a primary key": ({"title": "a", "id": 1}, {"id": ["another Event has this id"]}),
}


def alike(found: dict[str, list[str]], expected: dict[str, list[str]]) -> bool:
    """Whether they say the same; of long messages the expected beginning."""
    return list(found) == list(expected) and all(
        len(found[name]) == len(wanted) and all(map(str.startswith, found[name], wanted))
        for name, wanted in expected.items()
    )


async def test_what_is_said(rows: Any) -> None:
    for case, (values, expected) in FAULTS.items():
        event = Event(**values)
        try:
            await event.validate()
        except ValidationError as error:
            assert alike(error.errors, expected), (case, error.errors)
            assert str(error).startswith("Event is not valid: ") and isinstance(error, DataError)
            if ALL not in expected:
                assert error.column == next(iter(expected)), case
            with pytest.raises(ValidationError):
                await event.save(validate=True)
            with pytest.raises(ValidationError):
                await Event.objects.create(validate=True, **values)
        else:
            assert expected == {}, case
    assert await Event.objects.count() == 1


async def test_of_rows_that_are_there(rows: Any) -> None:
    await Event.objects.create(title="other")
    event = await Event.objects.only("title", "code", "room").get(title="there")
    with sends(rows, 0):  # nothing changed, and no other row can have its keys
        await event.validate()
    event.code = "abc"
    with sends(rows, 1):
        await event.validate()
    event.title = "other"
    with pytest.raises(ValidationError) as caught:
        await event.validate(["title", "room"])
    assert caught.value.errors == {ALL: ["another Event has this room_id and title"]}
    with sends(rows, 0):
        await event.validate(unique=False)
    with pytest.raises(UniqueViolation):  # reads and plain writes check nothing
        await event.save()
    await rows.execute("UPDATE va_events SET kind = 'talk', seats = 3 WHERE title = 'other'")
    other = await Event.objects.get(title="other")
    other.place = 5
    await other.save(update_fields=["place"], validate=True)  # what is not written is not checked
    with pytest.raises(ValidationError, match="Event is not valid: seats: 3 is refused by even"):
        await other.save(validate=True)
    with pytest.raises(FieldError, match="has no field 'nothing'"):
        await other.validate(["nothing"])
    with pytest.raises(
        FieldError, match=r"takes a list of names: \['title'\]"
    ):  # each letter would be a field
        await other.validate("title")


async def test_batches(rows: Any) -> None:
    events = [Event(title="a"), Event(title="too long"), Event(title="c", seats=1), Event(title="there")]
    with sends(rows, 0), pytest.raises(ValidationError) as caught:
        await Event.objects.bulk_create(events, validate=True)
    error = caught.value
    assert error.rows == {1: {"title": ["too long is too long"]}, 2: {"seats": ["1 is refused by even"]}}
    assert (error.row, error.errors) == (1, error.rows[1])
    assert str(error) == (
        "2 of the Event rows are not valid; row 1: Event is not valid: title: too long is too long; row 2: Event is "
        "not valid: seats: 1 is refused by even"
    )
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.rows, copy.row) == (str(error), error.rows, 1)
    events[1].title, events[2].seats = "b", 4
    with pytest.raises(UniqueViolation):
        await Event.objects.bulk_create(events, validate=True)
    await Event.objects.bulk_create(events[:3], validate=True)
    events[0].seats = 5
    with pytest.raises(ValidationError, match="row 0: Event is not valid: seats: 5 is refused by even"):
        await Event.objects.bulk_update(events[:3], ["seats"], validate=True)
    assert await Event.objects.bulk_update(events[:3], ["title"], validate=True) == 3
    for wrong, message in (
        (lambda: Event.objects.bulk_update([{"id": 1, "seats": 3}], validate=True), "checks instances"),
        (
            lambda: Event.objects.bulk_create([Event(title="x")], validate=1),
            "validate is True or False, not 1",
        ),
        (
            lambda: Event.objects.bulk_insert([{"title": "x"}], validate=True),
            "bulk_insert.. has no option 'validate'",
        ),
        (lambda: rows.table("va_events").create(title="x", validate=True), "goes by what a model says"),
    ):
        with pytest.raises(FieldError, match=message):
            await wrong()
    row = await Event.objects.create(
        title="there", on_conflict="update", conflict_fields=["room", "title"], validate=True, code="xyz"
    )
    assert row.code == "xyz"


async def test_plain_calls_and_no_database(rows: Any) -> None:
    class Loose(Model, table="va_loose"):
        id: Field[int] = field(primary_key=True)
        clean: Field[bool] = field(default=True)  # a field of that name is no method

    with pytest.raises(ValidationError, match="id: 'x' does not fit bigint"):
        await Loose(id="x").validate(unique=False)
    await Loose().validate(unique=False)
    assert ValidationError("a").errors == {ALL: ["a"]}
    assert str(ValidationError({"a": ["b", "c"], ALL: "d"})) == "a: b, c; d"
