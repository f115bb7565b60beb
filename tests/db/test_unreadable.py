"""Values of the server that no Python object can hold: an error with row and column, and a connection as before."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from chakra import errors, raw
from chakra.db import Database
from tests.db.conftest import Open

BEYOND = [
    ("date", "0044-03-15 BC", "0044-03-15 BC"),
    ("date", "10000-01-01", "10000-01-01"),
    ("date", "5874897-12-31", "5874897-12-31"),
    ("date", "4713-01-01 BC", "4713-01-01 BC"),
    ("date", "0001-12-31 BC", "0001-12-31 BC"),
    ("timestamp", "12000-01-01 01:02:03.5", "12000-01-01 01:02:03.500000"),
    ("timestamp", "294276-12-31 23:59:59", "294276-12-31 23:59:59"),
    ("timestamptz", "0001-12-31 23:59:59+00 BC", "0001-12-31 23:59:59 BC"),
    ("timestamptz", "4714-11-24 00:00:00+00 BC", "4714-11-24 00:00:00 BC"),
    ("time", "24:00:00", "24:00:00"),
    ("timetz", "24:00:00+01", "24:00:00"),
    ("interval", "178000000 years", "2136000000 mons"),
    ("interval", "infinity", "infinity"),
    ("interval", "-infinity", "-infinity"),
    ("date[]", "{2020-01-01,NULL,20000-01-01}", "20000-01-01"),
    ("tsrange", "[10000-01-01,)", "10000-01-01 00:00:00"),
    ("datemultirange", "{[2020-01-01,2020-02-01),[10000-01-01,)}", "10000-01-01"),
    ("day", "0044-03-15 BC", "0044-03-15 BC"),
    ("visit", "(1,0044-03-15 BC)", "0044-03-15 BC"),
    ("visit[]", '{"(1,2020-01-01)","(1,20000-01-01)"}', "20000-01-01"),
]


@pytest.mark.parametrize(("type_", "text", "shown"), BEYOND)
async def test_the_error_names_row_and_column(db: Database, type_: str, text: str, shown: str) -> None:
    if "infinity" in text and db.server_version < (17, 0):
        pytest.skip("intervals have infinities from PostgreSQL 17 on")
    await db.execute(
        "create domain day as date; create type visit as (n int, on_ date); "
        f"create table t (id int primary key, sure date, v {type_});"
        f"insert into t values (1, '2020-01-01', null), (2, null, null), (3, '2020-01-01', '{text}')"
    )
    compiled = 'SELECT id, sure, v FROM t WHERE sure < $1 OR v IS NULL ORDER BY "id"'
    for _ in range(2):
        with pytest.raises(errors.DataError, match=r"to_arrow.*cast it to text") as found:
            await db.run_fetch(compiled, (dt.date(2021, 1, 1),))
        assert (found.value.row, found.value.column) == (2, "v")
        assert shown in str(found.value)
    with pytest.raises(errors.DataError) as found:
        await db.run_fetchrow("SELECT v FROM t WHERE id = $1", (3,))
    assert (found.value.row, found.value.column) == (0, "v")
    for running in (raw("select * from t order by id", db), db.fetch("table t")):
        with pytest.raises(errors.DataError) as found:
            await running
        assert (found.value.row, found.value.column) == (2, "v")
    with pytest.raises(errors.DataError) as found:  # a function might do something: it is not run again
        await db.fetch("select id, coalesce(v, null) as found from t order by id")
    assert (found.value.row, found.value.column) == (None, "found")
    assert await db.fetchval("select sure from t where id = 1") == dt.date(2020, 1, 1)


async def test_several_columns(db: Database) -> None:
    with pytest.raises(errors.DataError, match=r'one of the columns "a", "b"') as found:
        await db.fetch("select date '10000-01-01' as a, null::timestamp as b, now()::text as c, 5 as d")
    assert found.value.column is None


async def test_a_transaction_goes_on(db: Database) -> None:
    await db.execute("create table t (d date); insert into t values ('0044-03-15 BC')")
    async with db.transaction():
        await db.execute("insert into t values ('2020-01-01')")
        for _ in range(2):
            with pytest.raises(errors.DataError, match=r'row 0, column "d"'):
                await db.run_fetch("SELECT d FROM t", ())
        with pytest.raises(errors.DataError, match='column "d"'):
            await db.run_fetch("INSERT INTO t VALUES ('10000-01-01') RETURNING d", ())
        with pytest.raises(errors.DataError, match='column "d"'):
            async for _ in db.run_cursor("SELECT d FROM t"):
                pass
        assert await db.fetchval("select count(*) from t") == 3
    assert await db.fetchval("select count(*) from t") == 3


async def test_parameters_of_every_kind_are_bound_again(db: Database) -> None:
    await db.execute("create table t (d date); insert into t values ('0044-03-15 BC')")
    moment = dt.datetime(2020, 1, 2, 3, 4, 5, 6)
    values: list[tuple[str, Any]] = [
        ("date", dt.date(2020, 1, 2)),
        ("date", dt.date.max),
        ("timestamp", moment),
        ("timestamp", dt.date(2020, 1, 2)),
        ("timestamp", dt.datetime.min),
        ("timestamptz", moment.replace(tzinfo=dt.timezone(dt.timedelta(hours=2)))),
        ("timestamptz", dt.datetime.max),
        ("time", dt.time(1, 2, 3, 4)),
        ("timetz", dt.time(1, 2, 3, 4, dt.timezone(dt.timedelta(hours=-2, seconds=1)))),
        ("interval", dt.timedelta(-1, 5, 6)),
    ]
    for type_, value in values:
        text = await db.fetchval(f"select $1::{type_}::text", value)
        sql = f"SELECT CASE WHEN $1::{type_} = '{text}'::{type_} THEN d END AS found FROM t"
        with pytest.raises(errors.DataError, match='row 0, column "found"'):
            await db.run_fetch(sql, (value,))


async def test_infinities_are_the_ends_of_time(db: Database) -> None:
    row = await db.fetchrow(
        "select 'infinity'::date, '-infinity'::date, 'infinity'::timestamp, '-infinity'::timestamptz, "
        "array['infinity'::date], daterange('-infinity', 'infinity')"
    )
    assert tuple(row)[:5] == (dt.date.max, dt.date.min, dt.datetime.max, dt.datetime.min, [dt.date.max])
    assert (row[5].lower, row[5].upper) == (dt.date.min, dt.date.max)


async def test_without_kept_statements(open_db: Open) -> None:
    db = await open_db(prepared_statements=False)
    with pytest.raises(errors.DataError, match='row 0, column "d"'):
        await db.fetch("select date '10000-01-01' as d")


async def test_sql_that_is_no_text(db: Database) -> None:
    with pytest.raises(UnicodeEncodeError):
        await db.fetch("select '\ud800' as d, $1::int", 1)
    assert await db.fetchval("select 1") == 1
