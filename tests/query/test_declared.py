"""Every declared type over every type of a column: the server's value on every path, or an error that names both."""

from __future__ import annotations

import datetime as dt
import enum
import json
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from chakra import Model, field
from chakra.errors import DataError, FieldError
from chakra.pg.types import PgType
from chakra.query import bulk_write, columnar_rows
from chakra.schema.declared import reading, storing
from chakra.types import (
    Array,
    BigInt,
    Boolean,
    Bytea,
    Char,
    Composite,
    Date,
    Domain,
    Double,
    Enum,
    Inet,
    Int4Range,
    Integer,
    Interval,
    Json,
    Jsonb,
    Money,
    Name,
    Numeric,
    Oid,
    Real,
    SmallInt,
    Text,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Varchar,
)

ROWS = 12
"""More than COPY_FROM_ROWS and COLUMNAR_FROM_ROWS are set to here, so that few rows take the ways of many."""


class Grade(enum.Enum):
    FIVE = "5"
    SIX = "6"


DECLARED: dict[str, tuple[PgType, Any, str]] = {
    # a type, a value of it in an instance, and the same in SQL
    "int2": (SmallInt, 5, "'5'::int2"),
    "int4": (Integer, 5, "'5'::int4"),
    "int8": (BigInt, 5, "'5'::int8"),
    "oid": (Oid, 5, "'5'::oid"),
    "float4": (Real, 1.5, "'1.5'::float4"),
    "float8": (Double, 1.1, "'1.1'::float8"),
    "numeric": (Numeric, Decimal("1.5"), "'1.5'::numeric"),
    "numeric(8,2)": (Numeric(8, 2), Decimal("1.50"), "'1.50'::numeric(8,2)"),
    "bool": (Boolean, True, "true"),
    "text": (Text, "5", "'5'::text"),
    "varchar(9)": (Varchar(9), "5", "'5'::varchar"),
    "char(3)": (Char(3), "5", "'5'::char(3)"),
    "name": (Name, "5", "'5'::name"),
    "bytea": (Bytea, b"5", "'5'::bytea"),
    "date": (Date, dt.date(2024, 5, 6), "'2024-05-06'::date"),
    "time": (Time, dt.time(7, 8), "'07:08'::time"),
    "timestamp": (Timestamp, dt.datetime(2024, 5, 6, 7), "'2024-05-06 07:00'::timestamp"),
    "timestamptz": (
        TimestampTz,
        dt.datetime(2024, 5, 6, 7, tzinfo=dt.UTC),
        "'2024-05-06 07:00Z'::timestamptz",
    ),
    "interval": (Interval, dt.timedelta(days=1), "'1 day'::interval"),
    "uuid": (Uuid, uuid.UUID(int=5), f"'{uuid.UUID(int=5)}'::uuid"),
    "json": (Json, [5], "'[5]'::json"),
    "jsonb": (Jsonb, [5], "'[5]'::jsonb"),
    "inet": (Inet, "10.0.0.5", "'10.0.0.5'::inet"),
    "int4range": (Int4Range, None, "null::int4range"),
    "enum": (Enum(Grade), Grade.FIVE, "'5'::grade"),
    "domain": (Domain("positive", Integer), 5, "'5'::positive"),
    "pair": (Composite("pair", a=Integer, b=Text), (5, "x"), "row(5, 'x')::pair"),
    "int4[]": (Array(Integer), [5, None], "'{5,null}'::int4[]"),
    "int8[]": (Array(BigInt), [5, None], "'{5,null}'::int8[]"),
    "text[]": (Array(Text), ["5"], "'{5}'::text[]"),
}

ACTUAL = [
    *(sql for sql in DECLARED if sql not in ("enum", "domain")),
    "grade",
    "positive",
    "grade[]",
    "positive[]",
    "mood",
    "riap",
    "text[]",
    "varchar[]",
]

SAMPLES = {
    **dict.fromkeys(("int2", "int4", "int8", "oid", "positive"), "7"),
    **dict.fromkeys(("float4", "float8", "numeric", "numeric(8,2)"), "2.6"),
    **dict.fromkeys(("text", "varchar(9)", "char(3)", "name", "grade", "bytea"), "6"),
    **dict.fromkeys(("int4[]", "int8[]", "positive[]", "text[]", "varchar[]", "grade[]"), "{6,NULL}"),
    "bool": "true",
    "date": "2023-01-02",
    "time": "03:04:05",
    "timestamp": "2023-01-02 03:04:05",
    "timestamptz": "2023-01-02 03:04:05Z",
    "interval": "2 days",
    "uuid": str(uuid.UUID(int=6)),
    "json": '{"a": 1}',
    "jsonb": '{"a": 1}',
    "inet": "10.0.0.6",
    "int4range": "[1,5)",
    "mood": "ok",
    "pair": "(6,y)",
    "riap": "(y,6)",
}

SCHEMA = """
create type grade as enum ('5', '6');
create type mood as enum ('sad', 'ok');
create domain positive as int4 check (value > 0);
create type pair as (a int4, b text);
create type riap as (b text, a int8);
"""


@pytest.fixture
async def small(db: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A database in which few rows count as many, with the columnar engine loaded."""
    import chakra.columnar.decode  # noqa: F401

    monkeypatch.setattr(columnar_rows, "COLUMNAR_FROM_ROWS", ROWS)
    monkeypatch.setattr(bulk_write, "COPY_FROM_ROWS", ROWS)
    await db.execute(SCHEMA)
    yield db


def declare(type_: PgType) -> Any:
    body = {
        "__module__": __name__,
        "id": field(BigInt, primary_key=True),
        "v": field(type_, null=True),
        "Meta": type("Meta", (), {"table": "t"}),
    }
    return type("Row", (Model,), body)


def plain(value: Any) -> Any:
    """A value without what only its container adds: NULLs of a numeric's scale, records, JSON as text or as objects."""
    if isinstance(value, str):
        try:
            return plain(json.loads(value)) if value[:1] in '[{"' else value
        except ValueError:
            return value
    if hasattr(value, "isempty"):
        return (value.lower, value.upper, value.lower_inc, value.upper_inc)
    if isinstance(value, dict) and "lower_inc" in value:
        return (value["lower"], value["upper"], value["lower_inc"], value["upper_inc"])
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if hasattr(value, "keys"):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple) and hasattr(value, "months"):
        return dt.timedelta(days=value.days, microseconds=value.nanoseconds // 1000)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.value
    return str(value) if "ipaddress" in type(value).__module__ else value


async def named(pg: Any) -> str:
    """The type of the column, as the server calls it."""
    sql = "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 't'::regclass and attname = 'v'"
    return str(await pg.fetchval(sql))


def names_both(error: FieldError, declared: PgType, actual: str) -> bool:
    text, shown = str(error).replace('"public".', ""), declared.sql.replace('"public".', "")
    if actual != '"char"':
        text, shown = text.replace('"', ""), shown.replace('"', "")
    text, shown = text.replace(", 2)", ",2)"), shown.replace(", 2)", ",2)")
    head, _, tail = text.partition(", but the column in the database is ")
    return head.startswith(f"Row.v is declared as {shown}") and tail.startswith(actual)


@pytest.mark.parametrize("actual", ACTUAL)
async def test_reading(small: Any, pg: Any, actual: str) -> None:
    """Rows, first and second time, and columns: the same value."""
    sample = SAMPLES[actual]
    await pg.execute(f"create table t (id bigint primary key, v {actual})")
    await pg.execute(f"insert into t select i, $1::text::{actual} from generate_series(1, {ROWS}) i", sample)
    readable, real = set(), await named(pg)
    for name, (type_, _, _) in DECLARED.items():
        model = declare(type_)
        query = model.objects.order_by("id")
        try:
            first = [row.v for row in await query]
        except (DataError, TypeError):
            assert name == "enum"  # a value that is no label of the Python enum
            continue
        second = [row.v for row in await query]
        assert second == first, (name, actual)
        assert set(map(type, second)) == set(map(type, first)), (name, actual)
        try:
            table = await query.to_arrow()
        except FieldError as error:
            assert names_both(error, type_, real), error
            continue
        except DataError as error:
            assert 'row 0, column "v"' in str(error), (name, actual)
            continue
        readable.add(name)
        assert table.schema.field("v").type == (await query.arrow_schema(numeric="float64")).field(
            "v"
        ).type or ("numeric" in name)
        assert [plain(v) for v in table.column("v").to_pylist()] == [plain(v) for v in first], (name, actual)
        batches = [b async for b in query.arrow_batches(numeric=(38, 2), max_rows=5)]
        streamed = [value for batch in batches for value in batch.column("v").to_pylist()]
        assert [plain(v) for v in streamed] == [plain(v) for v in first], (name, actual)
        parts = await query.order_by().to_arrow(partitions=2)
        assert parts.num_rows == ROWS and parts.schema.field("v").type == table.schema.field("v").type
    assert readable or actual in ("mood", "riap", "positive[]", "grade[]", "varchar[]")


@pytest.mark.parametrize("actual", ACTUAL)
async def test_writing(small: Any, pg: Any, actual: str) -> None:
    """Instances, few and many, columns and updates: what the server makes of the value, or nothing at all."""
    await pg.execute(f"create table t (id bigint primary key, v {actual})")
    written, real = 0, await named(pg)
    for name, (type_, value, literal) in DECLARED.items():
        model = declare(type_)
        expected = []
        if value is not None:
            try:
                async with pg.transaction():
                    expected = [await pg.fetchval(f"select (({literal})::text::{actual})::text")]
            except Exception:
                expected = []  # a text that is no value of the column's type

        def made(count: int, model: Any = model, value: Any = value) -> list[Any]:
            return [model(id=i, v=value) for i in range(count)]

        plain_value = value.value if isinstance(value, enum.Enum) else value

        async def update(model: Any = model, value: Any = value) -> Any:
            await pg.execute("insert into t (id) values (0)")
            return await model.objects.bulk_update([model(id=0, v=value)], ["v"])

        async def save(model: Any = model, value: Any = value) -> None:
            await pg.execute("insert into t (id) values (0)")
            one = await model.objects.only("id").get(id=0)
            one.v = value
            await one.save()

        async def update_rows(model: Any = model, value: Any = value) -> None:
            await pg.execute("insert into t (id) values (0)")
            await model.objects.update(v=value)

        ways = {
            "one": lambda model=model, value=value: model.objects.create(id=1, v=value),
            "save": save,
            "update rows": update_rows,
            "2 instances": lambda made=made, model=model: model.objects.bulk_create(made(2)),
            "many instances": lambda made=made, model=model: model.objects.bulk_create(made(ROWS)),
            "upsert": lambda made=made, model=model: model.objects.bulk_create(made(2), on_conflict="update"),
            "columns": lambda model=model, v=plain_value: model.objects.bulk_insert({"id": [1], "v": [v]}),
            "update": update,
        }
        outcomes: set[str] = set()
        for way, write in ways.items():
            await pg.execute("delete from t")  # truncate would make a new file each time
            try:
                await write()
            except FieldError as error:
                assert names_both(error, type_, real), error
                outcomes.add("refused")
            except DataError:
                outcomes.add("no value of the column's")
            else:
                outcomes.add("written")
                stored = {row[0] for row in await pg.fetch("select v::text from t")}
                assert stored == set(expected or [None]), (name, actual, way)
                written += 1
                continue
            assert not await pg.fetchval("select count(v) from t"), (name, actual, way)
        assert len(outcomes) == 1, (name, actual, outcomes)
    assert written or actual in ("riap", "mood")


@pytest.mark.parametrize(("declared", "actual"), [(BigInt, Integer), (Integer, SmallInt), (BigInt, SmallInt)])
async def test_a_number_too_large_for_the_column_is_refused(
    small: Any, pg: Any, declared: PgType, actual: PgType
) -> None:
    await pg.execute(f"create table t (id bigint primary key, v {actual.sql})")
    model = declare(declared)
    low = 2 ** (8 * actual.size - 1)
    for count in (2, ROWS):
        with pytest.raises(DataError, match='row 1, column "v"'):
            await model.objects.bulk_create([model(id=i, v=i * low) for i in range(count)])
    with pytest.raises(DataError, match='row 1, column "v"'):
        await model.objects.bulk_insert({"id": [1, 2], "v": [0, low]})
    assert await model.objects.count() == 0


async def test_a_number_too_large_for_the_declared_type_names_its_row(small: Any, pg: Any) -> None:
    await pg.execute("create table t (id bigint primary key, v int8)")
    await pg.execute("insert into t values (1, 5), (2, null), (3, 3000000000)")
    narrow, real = declare(Integer), declare(Double)
    with pytest.raises(
        DataError, match=r'row 2, column "v": 3000000000 does not fit integer.*Row\.v.*bigint'
    ):
        await narrow.objects.order_by("id").to_arrow()
    await pg.execute("update t set v = 9007199254740993 where id = 3")
    with pytest.raises(DataError, match='row 2, column "v": 9007199254740993 does not fit double precision'):
        await real.objects.order_by("id").to_arrow()
    assert [row.v for row in await real.objects.order_by("id")] == [5, None, 9007199254740993]


async def test_arrays_and_records_are_converted_inside(small: Any, pg: Any) -> None:
    await pg.execute("create table t (id bigint primary key, v riap[])")
    await pg.execute("insert into t values (1, array[row('y', 6)::riap, null]), (2, '{}'), (3, null)")
    model = declare(Array(Composite("riap", a=Integer, b=Varchar)))
    table = await model.objects.order_by("id").to_arrow()
    assert table.column("v").to_pylist() == [[{"a": 6, "b": "y"}, None], [], None]
    assert str(table.schema.field("v").type) == "list<item: struct<a: int32, b: string>>"
    with pytest.raises(FieldError, match=r"Row\.v is declared as .*reading it is possible"):
        await model.objects.bulk_insert({"id": [4], "v": [[(6, "y")]]})


def test_every_pair_that_is_written_is_read() -> None:
    types = {name: type_ for name, (type_, _, _) in DECLARED.items()}
    for declared in types.values():
        for actual in types.values():
            if storing(declared, actual) is not None and actual.name != "oid":
                assert reading(declared, actual) is not None, (declared.sql, actual.sql)


async def test_money_of_other_currencies_is_not_written(db: Any, pg: Any, monkeypatch: Any) -> None:
    """Servers of the suite have no such locale: their answer stands in for one."""
    await pg.execute("create table t (id bigint primary key, v money, many money[])")
    model = type(
        "Row",
        (Model,),
        {"__module__": __name__, "id": field(BigInt, primary_key=True), "v": field(Money, null=True)},
        table="t",
    )
    amount = Decimal("12.50")
    await model.objects.create(id=1, v=amount)
    monkeypatch.setattr("chakra.query.described._MONEY", "SELECT false AS alike, 'ja_JP' AS locale")
    await db.execute("alter table t alter id set default 5")  # so that the table is described anew
    for write in (
        lambda: model.objects.create(id=2, v=amount),
        lambda: model.objects.filter(id=1).update(v=amount),
        lambda: model.objects.bulk_create([model(id=n, v=amount) for n in range(2, 4)]),
        lambda: model.objects.bulk_create([model(id=n, v=amount) for n in range(2, 604)]),
        lambda: model.objects.bulk_update([model(id=1, v=amount)], ["v"]),
        lambda: db.table("t").create(id=2, v=amount),
        lambda: db.table("t").filter(id=1).update(v=amount),
        lambda: db.table("t").bulk_insert([{"id": 2, "v": amount}]),
        lambda: db.table("t").bulk_insert([{"id": 2, "many": [amount]}]),
    ):
        with pytest.raises(FieldError, match=r"lc_monetary \(ja_JP\) has no two decimals"):
            await write()
    await db.table("t").create(id=2)
    assert await pg.fetchval("select sum(v)::text from t") == "$12.50"
