"""Hand-written statements and odd results as columns: what follows a statement, modifiers, no rows, no columns."""

from __future__ import annotations

import asyncio
from typing import Any

import pyarrow as pa
import pytest

import chakra
from chakra.errors import DataError, FieldError
from tests.plugins.needs import needs_extension


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 as a -- why",
        "select 1 as a; -- why",
        "select 1 as a ; /* a; /* b */ */ ;",
        "-- why\nselect 1 as a",
        "/* why */ (select 1 as a)",
        "with x as (select 1 as a) table x;",
    ],
)
async def test_comments_and_semicolons_around_a_statement(db: Any, sql: str) -> None:
    table = await chakra.raw(sql, db).to_arrow()
    assert table.to_pylist() == [{"a": 1}]


@pytest.mark.parametrize(
    "sql", ["explain select 1", "show timezone", "", " ; -- nothing", "create table zz ()"]
)
async def test_statements_that_copy_does_not_take(db: Any, sql: str) -> None:
    with pytest.raises(FieldError, match="this statement begins with"):
        await chakra.raw(sql, db).to_arrow()
    assert (await chakra.raw("select 1 as a", db).to_arrow()).num_rows == 1


@needs_extension("vector")
async def test_modifiers_of_plain_columns_are_known_to_raw_queries(db: Any) -> None:
    await db.execute("create extension vector")
    await db.execute("create domain price as numeric(9, 3)")
    await db.execute(
        "create table t (n numeric(15, 2), w numeric(50, 10), v vector(3), a numeric(5, 1)[], d price, s varchar(7))"
    )
    await db.execute("insert into t values (1.5, 2, '[1,2,3]', '{1.5}', 2, 'x')")
    query = chakra.raw("select *, n * 2 as double from t", db)
    table = await query.to_arrow()
    assert table.schema.types == [
        pa.decimal128(15, 2),
        pa.decimal256(50, 10),
        pa.list_(pa.float32(), 3),
        pa.list_(pa.decimal128(5, 1)),
        pa.decimal128(9, 3),
        pa.string(),
        pa.decimal128(38, 2),
    ]
    assert b'"sql": "numeric(15, 2)"' in table.schema.field("n").metadata[b"postgresql:type"]
    plain = chakra.raw("select n, w, v, d from t where n = $1", db, params=[1.5])
    assert (await plain.arrow_schema()).equals((await plain.to_arrow()).schema, check_metadata=True)


async def test_rows_without_columns_are_counted(db: Any) -> None:
    await db.execute("create table t ()")
    await db.execute("insert into t select from generate_series(1, 40000)")
    query = chakra.raw("select from t", db)
    assert (await query.to_arrow()).num_rows == 40_000
    assert sum([batch.num_rows async for batch in query.arrow_batches(max_rows=1000)]) == 40_000


@pytest.mark.parametrize("type_", ["json[]", "uuid[]", "int4range[]", "numeric[]", "mood", "pair", "hstore"])
async def test_empty_results_of_every_shape(db: Any, type_: str) -> None:
    await db.execute("create extension hstore")
    await db.execute("create type mood as enum ('sad', 'ok')")
    await db.execute("create type pair as (u uuid, j jsonb[])")
    await db.execute(f"create table t (v {type_})")
    empty = await db.table("t").to_arrow()
    await db.execute("insert into t values (null)")
    assert empty.num_rows == 0
    assert empty.schema.equals((await db.table("t").to_arrow()).schema, check_metadata=True)


async def test_arrays_of_views_have_the_dimensions_of_their_data(db: Any) -> None:
    await db.execute("create table t (m int[][], j json[])")
    await db.execute("insert into t values ('{{1,2},{3,4}}', '{1}'), (null, null)")
    await db.execute("create view seen as select * from t")
    await db.execute("create table made as select * from t")
    for name in ("seen", "made"):
        table = await db.table(name).to_arrow()
        assert table.column("m").to_pylist() == [[[1, 2], [3, 4]], None]
        assert table.column("j").to_pylist() == [["1"], None]


async def test_two_columns_of_one_name(db: Any) -> None:
    query = chakra.raw("select 1 as a, 2 as a", db)
    assert [column.to_pylist() for column in (await query.to_arrow()).columns] == [[1], [2]]
    for read in (query.to_numpy, query.to_polars):
        with pytest.raises(FieldError, match='two columns have the name "a"'):
            await read()


async def test_intervals_uuids_and_views_inside_other_types(db: Any) -> None:
    await db.execute("create type span as (i interval, b bytea)")
    query = chakra.raw(
        "select array[interval '1 day', null] as i, row(interval '2 mons', 'x')::span as s, "
        "array[row(interval '3 us', null)::span, null] as n, "
        "array['12345678-1234-5678-1234-567812345678'::uuid] as u, array['x'] as t",
        db,
    )
    frame = await query.to_polars()
    day = {"months": 0, "days": 1, "nanoseconds": 0}
    assert frame["i"].to_list() == [[day, None]]
    assert frame["s"].to_list() == [{"i": {"months": 2, "days": 0, "nanoseconds": 0}, "b": b"x"}]
    nested = {"i": {"months": 0, "days": 0, "nanoseconds": 3000}, "b": None}
    assert frame["n"].to_list() == [[nested, None]] or frame["n"].to_list()[0][0] == nested
    for strings in ("utf8", "large_utf8", "view"):
        pdf = await query.to_pandas(strings=strings)
        assert list(pdf["t"][0]) == ["x"]
        assert list(pdf["u"][0]) == [bytes.fromhex("12345678123456781234567812345678")]


async def test_dates_python_has_no_object_for(db: Any) -> None:
    dates = chakra.raw("select date '4713-01-01 BC' as d", db)
    assert str((await dates.to_pandas())["d"].dtype) == "datetime64[ms]"
    nested = chakra.raw("select array[timestamp '294246-01-01'] as d", db)
    with pytest.raises(DataError, match=r'column "d": .*has no Python object'):
        await nested.to_numpy()


@pytest.mark.parametrize("who", ["this database", "another process"])
async def test_reads_after_types_and_tables_changed(db: Any, pg: Any, who: str) -> None:
    change = db.execute if who == "this database" else pg.execute
    await change("create type mood as enum ('sad')")
    await change("create type pair as (a int)")
    await change("create table t (m mood, p pair, x int4)")
    await change("insert into t values ('sad', row(1), 1)")
    raw, reflected = chakra.raw("select * from t", db), db.table("t")
    await asyncio.gather(*[raw.to_arrow() for _ in range(4)], reflected.to_arrow())
    await change("alter table t alter x type float4 using 1.5")  # the same width on the wire
    for query in (raw, reflected):
        assert (await query.to_arrow()).column("x").to_pylist() == [1.5]
    await change("alter type mood add value 'ok'")
    await change("update t set m = 'ok'")
    await change("alter type pair add attribute b text")
    for query in (reflected, raw):
        found = await query.to_arrow()
        assert found.column("m").to_pylist() == ["ok"]
        assert found.column("p").to_pylist() == [{"a": 1, "b": None}]
