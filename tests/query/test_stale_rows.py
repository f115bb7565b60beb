"""Another session changes types under prepared statements: rows are right, or there is one error and then they are."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

import chakra
from chakra import Model, field
from chakra.errors import ChakraError, DataError
from chakra.pg.types import PgType
from chakra.types import (
    Array,
    BigInt,
    Char,
    CiText,
    Date,
    Double,
    Enum,
    Integer,
    Interval,
    Json,
    Jsonb,
    Numeric,
    Real,
    Text,
    Time,
    Timestamp,
    TimestampTz,
    Varchar,
)
from tests.db.conftest import proxy  # noqa: F401
from tests.db.proxy import Proxy

DAY = dt.datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=dt.UTC)


class Mood(enum.StrEnum):
    sad = "sad"
    ok = "ok"


def model_of(type_: PgType) -> Any:
    columns = {"id": field(Integer, primary_key=True), "v": field(type_, null=True)}
    return type("Changed", (Model,), {"__module__": __name__, **columns}, table="changed")


# Declared type; types of the column before and after; a value that fits before, and one to write after.
ALTERED: list[tuple[PgType, str, str, Any, Any]] = [
    (Numeric, "int", "numeric", Decimal(1), Decimal("2.75")),
    (Numeric, "numeric(5,1)", "numeric", Decimal(1), Decimal("2.75")),
    (Numeric, "numeric", "int", Decimal(1), Decimal("2.75")),
    (Double, "real", "double precision", 0.5, 0.1),
    (Double, "int", "double precision", 1.0, 0.1),
    (Real, "double precision", "real", 0.5, 0.1),
    (BigInt, "int", "bigint", 1, 2**40),
    (BigInt, "bigint", "numeric", 1, 2**40),
    (BigInt, "bigint", "text", 1, 2**40),
    (Date, "date", "timestamptz", DAY.date(), DAY.date()),
    (TimestampTz, "date", "timestamptz", DAY, DAY),
    (TimestampTz, "timestamp", "timestamptz", DAY, DAY),
    (TimestampTz, "timestamptz(0)", "timestamptz", DAY, DAY),
    (Timestamp, "date", "timestamp", DAY.replace(tzinfo=None), DAY.replace(tzinfo=None)),
    (Time, "time(0)", "time", DAY.time(), DAY.time()),
    (Interval, "interval(0)", "interval", dt.timedelta(1), dt.timedelta(0, 1, 5)),
    (Text, "varchar(3)", "text", "ab", "abcdef"),
    (Text, "text", "varchar(3)", "ab", "abc"),
    (Text, "text", "changed_mood", "sad", "ok"),
    (Text, "changed_mood", "text", "sad", "neither"),
    (Varchar(9), "char(9)", "varchar(9)", "ab", "abc"),
    (Char(9), "varchar(9)", "char(9)", "ab", "ab "),
    (CiText, "text", "citext", "ab", "AB"),
    (Enum(Mood, "changed_mood"), "text", "changed_mood", "sad", Mood.ok),
    (Jsonb, "json", "jsonb", {"a": 1}, {"b": [1.5, None]}),
    (Json, "jsonb", "json", {"a": 1}, {"b": [1.5, None]}),
    (Array(Numeric), "int[]", "numeric[]", [Decimal(1)], [Decimal("2.75")]),
    (Array(Text), "varchar(2)[]", "text[]", ["a"], ["abc"]),
]


async def answers(model: Any, database: Any, id_: int, value: Any) -> list[Any]:
    """What the ways to write and find a value give: results, or the classes of errors."""
    rows = model.objects.using(database)

    async def create() -> Any:
        await rows.create(id=id_, v=value)

    async def update() -> Any:
        return await rows.filter(id=id_).update(v=value)

    ways: list[Callable[[], Awaitable[Any]]] = [
        create,
        update,
        lambda: rows.filter(id=id_, v=value).count(),
        lambda: rows.filter(id=id_, v__in=[value]).count(),
        lambda: rows.filter(id=id_).values_list("v", flat=True),
        lambda: rows.bulk_create([model(id=id_ + 1, v=value)]),
    ]
    found: list[Any] = []
    for way in ways:
        try:
            result = await way()
            found.append(
                len(result)
                if isinstance(result, list) and result and isinstance(result[0], Model)
                else result
            )
        except ChakraError as error:
            found.append(type(error))
    return found


@pytest.mark.parametrize(
    ("said", "before", "after", "first", "value"), ALTERED, ids=lambda v: getattr(v, "sql", v)
)
async def test_a_known_statement_does_what_a_new_one_does(
    dsn: str, pg: asyncpg.Connection[Any], said: PgType, before: str, after: str, first: Any, value: Any
) -> None:
    await pg.execute(
        "create extension if not exists citext; create type changed_mood as enum ('sad', 'ok');"
        f"create table changed (id int primary key, v {before})"
    )
    model = model_of(said)
    async with chakra.connect(dsn, max_connections=1) as known, chakra.connect(dsn, max_connections=1) as new:
        for round_ in range(2):
            await answers(model, known, 100 + 10 * round_, first)
        await pg.execute(f"alter table changed alter v type {after} using v::text::{after}")
        # One clear error is allowed; the rows are compared for what is stored in the end.
        await answers(model, known, 10, value)
        assert await answers(model, known, 20, value) == await answers(model, new, 30, value)
    stored = {r["id"]: r["v"] for r in await pg.fetch("select id, v::text from changed where id < 100")}
    for offset in (0, 1):
        assert stored.get(20 + offset) == stored.get(30 + offset)
        assert stored.get(10 + offset) in (stored.get(30 + offset), None)


async def test_raw_statements_take_the_types_of_now(db: Any, pg: asyncpg.Connection[Any]) -> None:
    await pg.execute("create table changed (id int, v int)")
    insert, find = "insert into changed values ($1, $2)", "select id from changed where v = $1"
    for n in range(2):
        await db.execute(insert, n, n)
        assert len(await db.fetch(find, n)) == 1
    await pg.execute("alter table changed alter v type bigint")
    await db.execute(insert, 5, 2**40)
    assert [r["id"] for r in await db.fetch(find, 2**40)] == [5]
    await pg.execute("alter table changed alter v type text")
    await db.execute(insert, 6, "six")
    assert [r["id"] for r in await db.fetch(find, "six")] == [6]
    with pytest.raises(DataError):
        await db.execute(insert, 6, 6)
    async with db.transaction():
        await pg.execute("alter table changed alter v type int using 0")
        await db.execute(insert, 7, 7)  # refused by the driver first, which leaves the transaction as it is


async def test_labels_of_an_enum(db: Any, pg: asyncpg.Connection[Any]) -> None:
    await pg.execute(
        "create type changed_mood as enum ('sad', 'good'); create table changed (id int primary key, v changed_mood)"
    )
    model = model_of(Enum(Mood, "changed_mood"))
    await model.objects.create(id=1, v=Mood.sad)
    assert await model.objects.filter(v=Mood.sad).count() == 1
    with pytest.raises(ChakraError, match="ok"):
        await model.objects.create(id=2, v=Mood.ok)
    await pg.execute("alter type changed_mood rename value 'good' to 'ok'")
    await model.objects.create(id=2, v=Mood.ok)
    assert [m.v for m in await model.objects.order_by("id")] == [Mood.sad, Mood.ok]
    await pg.execute("alter type changed_mood add value 'glad'; ")
    await pg.execute("insert into changed values (3, 'glad')")
    with pytest.raises(DataError, match=r"'glad', which is not a member of Mood; its labels are 'sad', 'ok'"):
        await model.objects.get(id=3)
    await pg.execute(
        "drop table changed; drop type changed_mood; create type changed_mood as enum ('ok', 'sad');"
        "create table changed (id int primary key, v changed_mood)"
    )
    for id_ in (1, 2):
        await model.objects.create(id=id_, v=Mood.sad)
    assert await model.objects.filter(v__in=[Mood.sad]).count() == 2


COMPOSITE = "create type pair as (x int, y int); create type outer_pair as (p pair, ps pair[], n int);"
HOLDING = {
    "composite": ("pair", "(1,2)"),
    "array": ("pair[]", '{"(1,2)"}'),
    "nested": ("outer_pair", '("(1,2)","{""(1,2)""}",3)'),
}
ATTRIBUTES = {
    "renamed": "alter type pair rename attribute x to z",
    "swapped": "alter type pair rename attribute x to t; alter type pair rename attribute y to x; "
    "alter type pair rename attribute t to y",
    "added": "alter type pair add attribute z int",
    "dropped": "alter type pair drop attribute x",
    "quoted": """alter type pair rename attribute x to "it's, {""a""}" """,
}


def plain(value: Any) -> Any:
    """Records as lists of pairs, so that names count."""
    if isinstance(value, asyncpg.Record):
        return [(k, plain(v)) for k, v in value.items()]
    return [plain(item) for item in value] if isinstance(value, list) else value


async def _streamed(db: Any) -> list[Any]:
    return [row async for row in db.table("changed").iterator()]


READERS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "rows": lambda db: db.table("changed").order_by("id"),
    "values": lambda db: db.table("changed").filter(id=1).values_list("v", flat=True),
    "get": lambda db: db.table("changed").get(id=1),
    "raw": lambda db: db.fetch("select v from changed where id = $1", 1),
    "row": lambda db: db.fetchrow("select c from changed c order by id limit 1"),
    "returning": lambda db: db.fetchrow("update changed set id = id where id = $1 returning v", 1),
    "cursor": _streamed,
}


@pytest.mark.parametrize("change", ATTRIBUTES)
@pytest.mark.parametrize("holder", HOLDING)
async def test_attributes_of_composites(
    dsn: str, pg: asyncpg.Connection[Any], holder: str, change: str
) -> None:
    type_, value = HOLDING[holder]
    await pg.execute(f"{COMPOSITE} create table changed (id int primary key, v {type_})")
    await pg.execute(f"insert into changed values (1, '{value}')")
    async with chakra.connect(dsn, max_connections=1) as known, chakra.connect(dsn, max_connections=1) as new:
        for read in READERS.values():
            await read(known)
        await pg.execute(ATTRIBUTES[change])
        for name, read in READERS.items():
            assert plain(list(await read(known))) == plain(list(await read(new))), name


async def test_attributes_of_composites_in_a_transaction(db: Any, pg: asyncpg.Connection[Any]) -> None:
    await pg.execute(f"{COMPOSITE} create table changed (id int primary key, v pair)")
    await pg.execute("insert into changed values (1, '(1,2)')")
    for read in READERS.values():
        await read(db)
    await pg.execute(ATTRIBUTES["swapped"])
    with pytest.raises(ChakraError, match="attributes of a composite type were changed by another session"):
        async with db.transaction():
            await READERS["raw"](db)
    async with db.transaction():
        for name in ("raw", "rows", "returning"):
            found = await READERS[name](db)
            assert plain(found[0]["v"] if isinstance(found, list) else found["v"]) == [("y", 1), ("x", 2)]


async def test_the_check_of_composites_costs_no_round_trip(
    pg: asyncpg.Connection[Any],
    proxy: Proxy,  # noqa: F811
) -> None:
    await pg.execute(f"{COMPOSITE} create table changed (id int primary key, v pair)")
    async with chakra.connect(proxy.url, max_connections=1) as db:
        for _ in range(3):
            proxy.sent.clear()
            await db.run_fetch("select v from changed")
        assert proxy.round_trips == 1
        for n in range(2):
            assert await db.execute("insert into changed values ($1, null) returning v", n) == "INSERT 0 1"
