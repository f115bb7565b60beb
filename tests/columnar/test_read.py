"""Reading from a server: tables, batches, back-pressure, transactions, faults, progress."""

from __future__ import annotations

import asyncio
import contextlib
import io
from typing import Any

import pyarrow as pa
import pytest

from chakra.columnar import ColumnSpec, Options
from chakra.columnar.read import read_batches, read_table
from chakra.columnar.types import specs_from
from chakra.errors import ConfigError, DatabaseError, DataError, FieldError

SQL = "select i::int8 as i, 'text ' || i as t, (i / 3.0)::numeric(12,2) as n from generate_series(1, {}) i"
SPECS = specs_from({"i": "bigint", "t": "text", "n": "numeric(12,2)"})


async def test_table(db: Any) -> None:
    table = await read_table(db, SQL.format(50_000), SPECS)
    assert table.num_rows == 50_000
    assert table["i"].to_pylist() == list(range(1, 50_001))
    assert table["t"][49_999].as_py() == "text 50000"
    assert str(table["n"][0].as_py()) == "0.33"


async def test_empty_result_has_its_schema(db: Any) -> None:
    table = await read_table(db, SQL.format(0), SPECS)
    assert (table.num_rows, table.schema.names) == (0, ["i", "t", "n"])
    assert [b async for b in read_batches(db, SQL.format(0), SPECS)] == []


async def test_numeric_of_unknown_scale(db: Any) -> None:
    sql = "select x from (values (1.5), (2.25), (null), (3)) v(x)"
    table = await read_table(db, sql, specs_from({"x": "numeric"}))
    assert [str(v) for v in table["x"].to_pylist()] == ["1.50", "2.25", "None", "3.00"]
    with pytest.raises(FieldError, match='column "x"'):
        await anext(read_batches(db, sql, specs_from({"x": "numeric"})))
    batches = [b async for b in read_batches(db, sql, specs_from({"x": "numeric"}), Options(numeric=(10, 2)))]
    assert batches[0].schema.field("x").type == pa.decimal128(10, 2)


async def test_batches_have_the_size_and_the_rows(db: Any) -> None:
    batches = [b async for b in read_batches(db, SQL.format(10_000), SPECS, max_rows=3000)]
    assert [b.num_rows for b in batches] == [3000, 3000, 3000, 1000]
    assert pa.Table.from_batches(batches)["i"].to_pylist() == list(range(1, 10_001))
    small = [b async for b in read_batches(db, SQL.format(1000), SPECS, max_rows=None, max_bytes=5000)]
    assert len(small) > 5
    assert sum(b.num_rows for b in small) == 1000


async def test_closing_early_stops_the_query(db: Any) -> None:
    sql = "select i::int8 as i, repeat('x', 999) as t, 0::numeric(9,2) as n from generate_series(1, 90000) i"
    batches = read_batches(db, sql, SPECS, max_rows=100)
    assert (await anext(batches)).num_rows == 100
    await asyncio.wait_for(batches.aclose(), 10)
    running = (
        "select count(*) from pg_stat_activity where query like 'COPY%' and state = 'active' "
        "and datname = current_database()"
    )
    for _ in range(50):
        if await db.fetchval(running) == 0:
            break
        await asyncio.sleep(0.05)
    assert await db.fetchval(running) == 0


async def test_sees_the_writes_of_its_transaction(db: Any) -> None:
    await db.execute("create table seen (i bigint)")
    async with db.transaction():
        await db.execute("insert into seen values (7)")
        assert (await read_table(db, "select i from seen", SPECS[:1]))["i"].to_pylist() == [7]
        batches = read_batches(db, "select i from seen, generate_series(1, 100000)", SPECS[:1], max_rows=1)
        assert (await anext(batches))["i"].to_pylist() == [7]
        await batches.aclose()
        assert await db.fetchval("select count(*) from seen") == 1  # the transaction is usable


async def test_a_refused_value_stops_the_query_and_names_its_row(db: Any) -> None:
    sql = (
        "select case when i = 70001 then 'infinity'::timestamptz else now() end as c, i::int8 as i "
        "from generate_series(1, 100000) i"
    )
    specs = specs_from({"c": "timestamptz", "i": "bigint"})
    with pytest.raises(DataError, match=r'row 70000, column "c": infinity.*infinity="null"') as caught:
        await read_table(db, sql, specs)
    assert (caught.value.row, caught.value.column) == (70_000, "c")
    assert await db.fetchval("select 1") == 1
    table = await read_table(db, sql, specs, Options(infinity="null"))
    assert table["c"].null_count == 1
    with pytest.raises(DataError, match="row 70000"):
        async for _ in read_batches(db, sql, specs):
            pass
    assert await db.fetchval("select 1") == 1


async def test_columns_that_are_not_the_query_s(db: Any) -> None:
    with pytest.raises(DataError, match="a tuple of 1 fields"):
        await read_table(db, "select 1::int8, 2::int8", SPECS[:1])
    with pytest.raises(DataError, match='column "i": expected 8 bytes of bigint'):
        await read_table(db, "select 1::int4", SPECS[:1])
    with pytest.raises(DatabaseError, match="nowhere"):
        await read_table(db, "select 1 from nowhere", SPECS[:1])


async def test_progress(db: Any) -> None:
    seen: list[tuple[int, int]] = []
    await read_table(db, SQL.format(100_000), SPECS, progress=lambda rows, size: seen.append((rows, size)))
    assert len(seen) >= 3
    assert seen == sorted(seen)
    assert seen[-1][0] == 100_000
    with contextlib.redirect_stdout(io.StringIO()):
        await read_table(db, SQL.format(10), SPECS, progress=True)
    with pytest.raises(ConfigError, match="callable"):
        await read_table(db, SQL.format(10), SPECS, progress="yes")  # type: ignore[arg-type]


async def test_every_column_may_be_null(db: Any) -> None:
    specs = [ColumnSpec("i", SPECS[0].type, nullable=False)]
    assert (await read_table(db, "select null::int8", specs))["i"].to_pylist() == [None]
