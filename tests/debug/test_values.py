"""Values stand in no error, traceback, log or report unless somebody asks for them: ways to fail, with a canary."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

import chakra
from chakra import Check, Field, ForeignKey, Model, field, foreign_key, types
from chakra.debug import QueryProfiler
from chakra.errors import ChakraError, DataError, UniqueViolation
from tests.relations.conftest import SHARED

pytestmark = SHARED

CANARY = "731973197"
TEXT = f"canary'{CANARY}\""  # with quotes, in which messages put values
LONG = int(CANARY * 3)


class Mood(StrEnum):
    GOOD = "good"


class Owner(Model, table="owners"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(unique=True)
    home: Field[str | None] = field(types.Inet)


class Pet(Model, table="pets"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(types.Varchar(4), default="")
    secret: Field[str] = field(default="")
    age: Field[int] = field(types.Integer, default=0)
    price: Field[Decimal] = field(types.Numeric(6, 2), default=Decimal(0))
    born: Field[Any | None] = field(types.Date)
    token: Field[Any | None] = field(types.Uuid)
    mood: Field[Mood | None]
    document: Field[Any | None] = field(types.Jsonb)
    tags: Field[list[int] | None]
    owner: ForeignKey[Owner | None] = foreign_key(Owner, related_name="pets")

    class Meta:
        constraints = (
            Check("secret not like 'canary%'", name="no_canary"),
            Check("age < 7000", name="young"),
        )


MODELS = (Owner, Pet)
COLUMNS = ("name", "age", "price", "born", "token", "mood", "document", "tags", "owner_id")


async def fill() -> None:
    await Owner.objects.create(name=TEXT)


Way = Callable[[Any], Awaitable[Any]]


async def _stream(query: Any) -> None:
    async for _ in query:
        pass


def _raw(sql: str, *values: Any) -> Way:
    return lambda db: db.fetch(sql, *values)


WAYS: dict[str, Way] = {
    "unique": lambda db: Owner.objects.create(name=TEXT),
    "unique, in bulk": lambda db: Owner.objects.bulk_insert({"name": [TEXT]}),
    "unique, by update": lambda db: db.fetch("insert into owners (name) select name from owners"),
    "foreign key": lambda db: Pet.objects.create(owner_id=int(CANARY)),
    "foreign key, in bulk": lambda db: Pet.objects.bulk_insert({"owner_id": [int(CANARY)]}),
    "check": lambda db: Pet.objects.create(secret=TEXT),
    "check, in bulk": lambda db: Pet.objects.bulk_insert({"secret": [TEXT]}),
    "not null, beside a value": _raw("insert into pets (secret, name) values ($1, null)", TEXT),
    "no such row": lambda db: Owner.objects.get(name=TEXT + "x", home=None),
    "no such row, by a condition": lambda db: Pet.objects.get(Pet.secret == TEXT),
    "cast of a text": _raw("select $1::text::int", TEXT),
    "cast of a constant": _raw(f"select '{CANARY}x'::int"),
    "date": _raw("select $1::text::date", TEXT),
    "json": _raw("select $1::text::jsonb", TEXT),
    "array": _raw("select $1::text::int[]", TEXT),
    "label": _raw("select $1::text::mood", TEXT),
    "range": _raw("select $1::text::int4range", TEXT),
    "regular expression": _raw("select 'a' ~ $1", TEXT + "("),
    "tsquery": _raw("select $1::text::tsquery", TEXT + "&&"),
    "jsonpath": _raw("select $1::text::jsonpath", TEXT),
    "uuid": _raw("select $1::text::uuid", TEXT),
    "inet": _raw("select $1::text::inet", TEXT),
    "timezone": _raw("select now() at time zone $1", TEXT),
    "refused by the driver": _raw("select $1::int", TEXT),
    "out of range, by the driver": _raw("select $1::int", LONG),
    "date, by the driver": _raw("select $1::date", TEXT),
    "array, by the driver": _raw("select $1::int[]", [TEXT]),
    "executemany": lambda db: db.executemany("insert into pets (age) values ($1)", [(1,), (TEXT,)]),
    "raw": lambda db: chakra.raw("select $1::int as x", params=[TEXT]).to_arrow(),
    "raw, literals of COPY": lambda db: chakra.raw("select $1::text::int as x", params=[TEXT]).to_arrow(),
    "COPY": lambda db: Owner.objects.filter(chakra.Cast(chakra.F("name"), types.Integer) == LONG).to_arrow(),
    "COPY, a value of a row": lambda db: Owner.objects.annotate(
        x=chakra.Cast(chakra.F("name"), types.Integer)
    ).to_arrow(),
    "setting": lambda db: _enter(db.transaction(settings={"work_mem": TEXT})),
    "raw, no row": lambda db: chakra.raw(f"select 1 as x where 'x' = '{CANARY}'").one(),
    "raw, several rows": lambda db: chakra.raw(f"select '{CANARY}' from generate_series(1, 2)").one(),
    **{
        f"a stream of {constant}": lambda db, constant=constant: _busy(db, constant)
        for constant in (
            f"'{CANARY}'",
            f"$${CANARY}$$",
            f"$q${CANARY}$q$",
            f"E'it\\'s {CANARY}'",
            f"'{' ' * 310}{CANARY}'",
        )
    },
    "cursor of a page": lambda db: Pet.objects.order_by("id").after(TEXT),
    "keys in": lambda db: Pet.objects.filter(id__in=LONG).all(),
    "range of one": lambda db: Pet.objects.filter(age__range=TEXT).all(),
    "bytes that are no text": lambda db: Pet.objects.bulk_insert({"secret": [f"\ud800{CANARY}"]}),
    "NUL": lambda db: Pet.objects.create(secret=f"\0{CANARY}"),
    **{
        f"{how} of {column}": lambda db, ask=ask, column=column, bad=bad: ask(column, bad)
        for column in COLUMNS
        for how, ask in {
            "filter": lambda column, bad: Pet.objects.filter(**{column: bad}).all(),
            "columns": lambda column, bad: Pet.objects.filter(**{column: bad}).to_arrow(),
            "stream": lambda column, bad: _stream(Pet.objects.filter(**{column: bad})),
            "create": lambda column, bad: Pet.objects.create(**{column: bad}),
            "update": lambda column, bad: Pet.objects.update(**{column: bad}),
            "bulk_insert": lambda column, bad: Pet.objects.bulk_insert({column: [None, bad]}),
            "bulk_create": lambda column, bad: Pet.objects.bulk_create([Pet(**{column: bad})] * 200),
        }.items()
        for bad in ({CANARY: {CANARY}} if column == "document" else LONG if column == "name" else TEXT,)
    },
}


async def _busy(db: Any, constant: str) -> None:
    async with db.transaction():
        query = chakra.raw(f"select n, {constant}::text as s from generate_series(1, 100000) n", db)
        async for _ in query.arrow_batches(max_rows=1000):
            await db.fetch("select 1")


async def _enter(block: Any) -> None:
    async with block:
        pass


async def _failures(db: Any, shown: dict[str, str]) -> list[str]:
    passed = []
    for name, way in WAYS.items():
        try:
            await way(db)
        except ChakraError as error:
            told = "".join(traceback.format_exception(error))
            lines = [
                line for line in told.splitlines() if not line.startswith("    ")
            ]  # of the tests' own source
            kept = {key: value for key, value in vars(error).items() if key != "detail"}
            shown[name] = "\n".join([*lines, str(kept)])
        else:
            passed.append(name)
    return passed


async def test_no_message_holds_a_value(rows: Any, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("chakra", "asyncio", "asyncpg"):
        caplog.set_level(logging.DEBUG, name)
    chakra.configure(show_values=False, debug=True, slow_query=0.000001)
    try:
        with QueryProfiler() as profiler:
            hidden: dict[str, str] = {}
            passed = await _failures(rows, hidden)
        leaks = {name: text for name, text in hidden.items() if CANARY in text}
        assert not leaks, "\n\n".join(f"{name}:\n{text}" for name, text in leaks.items())
        assert not passed
        logged = "\n".join(record.getMessage() + str(vars(record)) for record in caplog.records)
        assert logged.count("chakra.db") > 50 and CANARY not in logged
        assert CANARY not in profiler.report() + profiler.to_json()
    finally:
        chakra.configure(show_values=True, debug=False, slow_query=0)


async def test_details_are_kept(rows: Any) -> None:
    for shown in (False, True):
        chakra.configure(show_values=shown)
        with pytest.raises(UniqueViolation) as found:
            await Owner.objects.create(name=TEXT)
        assert found.value.detail == f"Key (name)=({TEXT}) already exists."
        assert (TEXT in str(found.value), TEXT in str(found.value.__cause__)) == (shown, shown)
        assert "violates unique constraint" in str(found.value)
        with pytest.raises(DataError) as refused:
            await rows.fetch("select $1::text::int", TEXT)
        assert TEXT in (refused.value.detail or "")
        assert str(refused.value) == f'invalid input syntax for type integer: "{TEXT if shown else "…"}"'
    chakra.configure(show_values=False)
    asked = Owner.objects.annotate(x=chakra.Cast(chakra.F("name"), types.Integer)).values("x")
    for way in (asked.all, asked.first, asked.filter(x=1).count, lambda: _stream(asked)):
        with pytest.raises(DataError) as refused:
            await way()
        assert type(refused.value.__cause__).__module__.startswith("asyncpg"), "of the driver, and not itself"
    with pytest.raises(DataError) as refused:
        await _enter(rows.transaction(settings={"work_mem": TEXT}))
    assert str(refused.value) == 'invalid value for parameter "work_mem": "…"'
    chakra.configure(show_values=True)
    with pytest.raises(DataError, match=CANARY):
        await Pet.objects.bulk_insert({"age": [TEXT]})
