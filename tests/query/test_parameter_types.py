"""Parameters say their declared type where a driver could change a value; texts take the column's."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from chakra import Model, field
from chakra.errors import DataError
from chakra.pg.types import PgType
from chakra.types import (
    Array,
    BigInt,
    Bit,
    Char,
    CiText,
    Date,
    Domain,
    Double,
    Integer,
    Jsonb,
    Name,
    Numeric,
    Real,
    SmallInt,
    Text,
    Timestamp,
    TimestampTz,
    Varchar,
)

UTC = dt.UTC
DAY = dt.datetime(2024, 2, 29, 12, 30, tzinfo=UTC)


def declared(type_: PgType) -> Any:
    """A model of the table ``declared`` that says its column is of a type, whatever it is."""
    columns = {"__module__": __name__, "id": field(Integer, primary_key=True), "v": field(type_, null=True)}
    return type("Declared", (Model,), columns, table="declared")


async def column_of(pg: asyncpg.Connection[Any], type_: str) -> None:
    await pg.execute("create extension if not exists citext; drop table if exists declared")
    await pg.execute(f"create table declared (id int primary key, v {type_})")


TEXTS = {"text": Text, "varchar(8)": Varchar(8), "char(4)": Char(4), "name": Name, "citext": CiText}
STORED = ("ab", "ab  ", "AB", "aB", "abc", "ABCD", "b", "a%", "a_", "")
CONDITIONS: list[tuple[str, Any, str]] = [
    *(("v", value, f"v = '{value}'") for value in ("ab", "ab ", "AB", "abcd", "")),
    ("v__ne", "ab ", "v <> 'ab '"),
    ("v__gt", "ab", "v > 'ab'"),
    ("v__lte", "AB", "v <= 'AB'"),
    ("v__in", ["ab ", "b", "ABC "], 'v = ANY(\'{"ab ",b,"ABC "}\')'),
    ("v__range", ("a", "ab "), "v BETWEEN 'a' AND 'ab '"),
    ("v__contains", "b", "v LIKE '%b%'"),
    ("v__startswith", "a%", "v LIKE 'a\\%%'"),
    ("v__iexact", "aB", "lower(v) = lower('aB')"),
    ("v__regex", "^A", "v ~ '^A'"),
]


@pytest.mark.parametrize("said", TEXTS)
@pytest.mark.parametrize("actual", TEXTS)
async def test_texts_compare_as_the_column_does(
    db: Any, pg: asyncpg.Connection[Any], said: str, actual: str
) -> None:
    await column_of(pg, actual)
    await pg.executemany("insert into declared values ($1, $2)", list(enumerate(STORED)))
    rows = declared(TEXTS[said]).objects.order_by("id")
    for name, value, condition in CONDITIONS:
        want = [r[0] for r in await pg.fetch(f"select id from declared where {condition} order by id")]
        found = rows.filter(**{name: value}).values_list("id", flat=True)
        assert await found == want, (name, value)
        assert (await found.to_arrow())["id"].to_pylist() == want, (name, value)


INDEXED: list[tuple[PgType, str, Any]] = [
    *((type_, actual, 5) for type_ in (SmallInt, Integer, BigInt) for actual in ("int2", "int4", "int8")),
    (Numeric, "numeric(8,2)", Decimal(5)),
    (BigInt, "numeric", 5),
    (Real, "float4", 0.5),
    (Double, "float4", 0.5),
    (Real, "float8", 0.5),
    (Date, "timestamptz", DAY.date()),
    (TimestampTz, "timestamptz(0)", DAY),
    (TimestampTz, "timestamp", DAY),
    (TimestampTz, "date", DAY),
    (Timestamp, "timestamptz", DAY.replace(tzinfo=None)),
    *((type_, actual, "ab") for type_ in TEXTS.values() for actual in TEXTS),
    (Domain("short", Varchar(8)), "short", "ab"),
    (Bit(4), "bit(4)", asyncpg.BitString("0101")),
    (Array(Integer), "int[]", [1]),
    (Array(Varchar(8)), "varchar(8)[]", ["ab"]),
]


@pytest.mark.parametrize(("said", "actual", "value"), INDEXED, ids=lambda v: getattr(v, "name", str(v)))
async def test_an_index_is_used(
    db: Any, pg: asyncpg.Connection[Any], said: PgType, actual: str, value: Any
) -> None:
    await pg.execute("create domain short as varchar(8)")
    await column_of(pg, actual)
    await pg.execute("create index on declared (v)")
    rows = declared(said).objects.values("id")
    queries = [rows.filter(v=value), rows.filter(v__gt=value)]
    if said.kind != "array":
        queries.append(rows.filter(v__in=[value]))
    for query in queries:
        sql, params = query.to_sql()
        async with db.transaction():
            await db.execute("set local enable_seqscan = off; set local plan_cache_mode = force_generic_plan")
            plan = "\n".join(r[0] for r in await db.fetch(f"explain {sql}", *params))
        assert "Index Cond" in plan, (sql, plan)


UNCUT: list[tuple[PgType, str, Any, str]] = [
    (Varchar(3), "varchar(3)", "abcd", "value too long"),
    (Char(1), "char(1)", "ab", "value too long"),
    (Char, "char(2)", "abc", "value too long"),
    (Bit(2), "bit(2)", asyncpg.BitString("011"), "bit string length 3|3 bits"),
    (Numeric(5, 2), "numeric(5,2)", Decimal("1000"), "more than 3 digits before the point"),
    (Array(Varchar(2)), "varchar(2)[]", ["abc"], "value too long"),
]


@pytest.mark.parametrize(("said", "actual", "value", "refusal"), UNCUT, ids=lambda v: getattr(v, "sql", None))
async def test_a_cast_cuts_nothing(
    db: Any, pg: asyncpg.Connection[Any], said: PgType, actual: str, value: Any, refusal: str
) -> None:
    await column_of(pg, actual)
    await pg.execute("insert into declared (id) values (1)")
    model = declared(said)
    with pytest.raises(Exception, match=refusal):
        await model.objects.create(id=2, v=value)
    with pytest.raises(Exception, match=refusal):
        await model.objects.filter(id=1).update(v=value)
    assert await model.objects.filter(v=value).count() == 0
    assert await pg.fetchval("select count(v) from declared") == 0


MIXED: list[tuple[PgType, str, Any, str | None]] = [
    (BigInt, "int4", 2**40, None),
    (BigInt, "int4", 7, "7"),
    (BigInt, "numeric", 7, "7"),
    (BigInt, "float8", 7, "7"),
    (BigInt, "text", 7, None),
    (BigInt, "bool", 7, None),
    (Numeric, "int8", Decimal("2.5"), None),
    (Numeric, "int8", Decimal("2"), "2"),
    (Numeric, "float8", Decimal("2.5"), "2.5"),
    (Double, "int8", 2.5, None),
    (Double, "numeric", 0.1, "0.1"),
    (Double, "float4", 0.1, "0.1"),
    (Real, "float8", 0.5, "0.5"),
    (TimestampTz, "timestamp", DAY, None),
    (TimestampTz, "date", DAY, None),
    (Date, "timestamp", DAY.date(), None),
    (Text, "int4", "7", None),
    (Text, "varchar(3)", "abc", "abc"),
    (Text, "varchar(3)", "abcd", None),
    (Jsonb, "json", {"a": 1}, '{"a":1}'),
    (Jsonb, "text", {"a": 1}, None),
]


@pytest.mark.parametrize(
    ("said", "actual", "value", "stored"), MIXED, ids=lambda v: getattr(v, "name", str(v))
)
async def test_another_type_than_declared_stores_the_value_or_nothing(
    db: Any, pg: asyncpg.Connection[Any], said: PgType, actual: str, value: Any, stored: str | None
) -> None:
    await db.execute("set time zone 'UTC'")
    await column_of(pg, actual)
    try:
        await declared(said).objects.create(id=1, v=value)
    except Exception as error:
        assert stored is None, error
    assert await pg.fetchval("select v::text from declared") == stored


ARRAYS = [
    (Array(Integer), "int[]", [[1, 2], None, [], [3]], [[3], [1, 2]]),
    (Array(Text), "text[]", [["a,b"], ['"'], ["{}"], [None]], [['"'], [None], ["x"]]),
    (Array(Varchar(3)), "varchar(3)[]", [["a"], ["b"]], [["b"]]),
    (Array(Date), "date[]", [[DAY.date()], []], [[]]),
]


@pytest.mark.parametrize(
    ("said", "actual", "stored", "wanted"), ARRAYS, ids=lambda v: getattr(v, "sql", None)
)
async def test_arrays_among_arrays(
    db: Any, pg: asyncpg.Connection[Any], said: PgType, actual: str, stored: list[Any], wanted: list[Any]
) -> None:
    await column_of(pg, actual)
    await pg.executemany("insert into declared values ($1, $2)", list(enumerate(stored)))
    for query in (declared(said).objects, db.table("declared")):
        found = query.filter(v__in=[*wanted, None]).values_list("id", flat=True).order_by("id")
        want = [i for i, value in enumerate(stored) if value in wanted and value is not None]
        assert await found == want
        assert (await found.to_arrow())["id"].to_pylist() == want
        with pytest.raises(DataError, match=r"eclared.v"):
            await query.filter(v__in=[5])
