"""What is in a database and in a table, seen without reading data; and frames into tables made for them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from chakra.errors import DatabaseError, DataError, FieldError
from chakra.query.catalogue import ColumnInfo, TableInfo


@pytest.fixture
async def house(db: Any) -> Any:
    await db.execute("""
        CREATE SCHEMA sales;
        CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(20) NOT NULL UNIQUE,
            joined timestamptz DEFAULT now(), tags text[]);
        CREATE TABLE sales.orders (no int, line int, person int REFERENCES people, amount numeric(8, 2) NOT NULL,
            PRIMARY KEY (no, line));
        CREATE TABLE sales.log (at date, what text) PARTITION BY RANGE (at);
        CREATE TABLE sales.log_24 PARTITION OF sales.log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        CREATE VIEW names AS SELECT name FROM people;
        CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n FROM people;
        INSERT INTO people (name) SELECT 'p' || i FROM generate_series(1, 1234) i;
        INSERT INTO sales.log SELECT '2024-02-01', 'x' FROM generate_series(1, 50);
        ANALYZE people, sales.log
    """)
    return db


async def test_tables(house: Any, statements: list[str]) -> None:
    found = await house.tables()
    assert list(found) == [
        TableInfo("public", "counts", "materialized view", None),
        TableInfo("public", "names", "view", None),
        TableInfo("public", "people", "table", 1234),
        TableInfo("sales", "log", "partitioned table", 50),
        TableInfo("sales", "orders", "table", None),
    ]
    assert [table.name for table in await house.tables("sales")] == ["log", "orders"]
    assert "public  people  table              1,234" in repr(found)
    assert "<td>people</td><td>table</td><td>1,234</td>" in found._repr_html_()
    assert len(statements) == 2 and not any(
        name in sql for sql in statements for name in ("people", "orders")
    )


async def test_no_tables(db: Any) -> None:
    assert await db.tables() == []
    assert repr(await db.tables()) == "no tables"


async def test_columns(house: Any, statements: list[str]) -> None:
    assert list(await house.table("people").columns) == [
        ColumnInfo("id", "integer", False, "identity", "primary key"),
        ColumnInfo("name", "character varying(20)", False, None, "unique"),
        ColumnInfo("joined", "timestamp with time zone", True, "now()", ""),
        ColumnInfo("tags", "text[]", True, None, ""),
    ]
    orders = await house.table("sales.orders").columns
    assert [(c.name, c.key) for c in orders] == [
        ("no", "primary key"),
        ("line", "primary key"),
        ("person", "→ public.people.id"),
        ("amount", ""),
    ]
    assert orders["amount"].type == "numeric(8, 2)" and orders[-1] is orders["amount"]
    with pytest.raises(KeyError, match="there are no, line, person, amount"):
        orders["price"]
    assert not any("FROM people" in sql or "orders" in sql for sql in statements)


async def test_describe(house: Any) -> None:
    found = await house.table("people").describe()
    assert found.table == TableInfo("public", "people", "table", 1234)
    lines = repr(found).splitlines()
    assert lines[0] == "table public.people, about 1,234 rows"
    assert lines[1].split() == ["column", "type", "null", "default", "key"]
    assert lines[3].split() == ["id", "integer", "NOT", "NULL", "identity", "primary", "key"]
    assert "<b>table public.people, about 1,234 rows</b>" in found._repr_html_()
    assert (await house.table("names").describe()).table.kind == "view"
    assert (await house.table("sales.log_24").describe()).columns["what"].type == "text"


# -- tables made for frames ---------------------------------------------------------------------------------

WHOLE = pa.table(
    {
        "id": pa.array([1, 2], pa.int32()),
        "big": pa.array([2**40, None], pa.int64()),
        "unsigned": pa.array([2**64 - 1, 0], pa.uint64()),
        "price": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
        "ratio": pa.array([0.5, None]),
        "ok": pa.array([True, None]),
        "name of it": pa.array(["x", None]),
        "raw": pa.array([b"\0", None]),
        "day": pa.array([dt.date(2024, 2, 29), None]),
        "at": pa.array([dt.datetime(2024, 1, 1), None], pa.timestamp("us")),
        "when": pa.array([dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None], pa.timestamp("us", "UTC")),
        "clock": pa.array([dt.time(1, 2), None], pa.time64("us")),
        "took": pa.array([dt.timedelta(days=1), None], pa.duration("us")),
        "kind": pa.array(["a", "b"]).dictionary_encode(),
        "list": pa.array([[1, 2], None]),
    }
)
TYPES = {
    "id": "integer",
    "big": "bigint",
    "unsigned": "numeric(20,0)",
    "price": "numeric(9,2)",
    "ratio": "double precision",
    "ok": "boolean",
    "name of it": "text",
    "raw": "bytea",
    "day": "date",
    "at": "timestamp without time zone",
    "when": "timestamp with time zone",
    "clock": "time without time zone",
    "took": "interval",
    "kind": "text",
    "list": "bigint[]",
}


async def types_of(db: Any, table: str) -> dict[str, str]:
    rows = await db.fetch(
        "SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute "
        "WHERE attrelid = $1::text::regclass AND attnum > 0 ORDER BY attnum",
        table,
    )
    return {row["name"]: row["type"] for row in rows}


async def test_a_table_is_made_from_the_arrow_schema(db: Any) -> None:
    result = await db.table("made").bulk_insert(WHOLE, create=True)
    assert result.inserted == 2
    assert await types_of(db, "made") == TYPES
    rows = await db.table("made").order_by("id")
    assert rows[0]["price"] == Decimal("1.50") and rows[0]["list"] == [1, 2] and rows[1]["big"] is None
    assert all(column.nullable for column in await db.table("made").columns)
    await db.table("made").bulk_insert(WHOLE, create=True)  # is there already: rows are added
    assert await db.table("made").count() == 4


async def test_our_own_frames_make_the_same_table(db: Any) -> None:
    await db.execute(
        "CREATE TABLE t (a smallint, b varchar(5), c numeric(6,2), d uuid, e jsonb, f inet, g int4range, h text[][])"
    )
    await db.execute(
        "INSERT INTO t VALUES (1, 'x', 1.5, gen_random_uuid(), '{\"a\": 1}', '::1', '[1,2)', '{{a}}')"
    )
    table = await db.table("t").to_arrow()
    await db.table("copy").bulk_insert(table, create=True)
    first, second = await types_of(db, "t"), await types_of(db, "copy")
    assert second == first
    assert await db.table("copy") == await db.table("t")


async def batches() -> AsyncIterator[pa.RecordBatch]:
    for batch in WHOLE.to_batches(max_chunksize=1):
        yield batch


@pytest.mark.parametrize(
    "make",
    [
        WHOLE.to_reader,
        lambda: WHOLE.to_batches(max_chunksize=1),
        lambda: iter(WHOLE.to_batches(max_chunksize=1)),
        batches,
        lambda: {name: WHOLE[name] for name in WHOLE.column_names},
    ],
    ids=["reader", "list", "iterator", "async", "dict"],
)
async def test_data_that_can_be_read_once(db: Any, make: Any) -> None:
    await db.table("made").bulk_insert(make(), create=True)
    assert await types_of(db, "made") == TYPES
    assert await db.table("made").count() == 2


async def test_frames(db: Any) -> None:
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [[1.5], []]})
    await db.table("polars").bulk_insert(frame, create=True)
    assert await types_of(db, "polars") == {"a": "bigint", "b": "text", "c": "double precision[]"}
    await db.table("pandas").bulk_insert(
        pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})[1:], create=True
    )
    assert await types_of(db, "pandas") == {"a": "bigint", "b": "text"}
    assert await db.table("pandas").count() == 2


PYTHON: dict[str, tuple[list[Any], str]] = {
    "int": ([1, None], "bigint"),
    "big int": ([1, 2**70], "numeric"),
    "float": ([1.5, 2], "double precision"),
    "decimal": ([Decimal("1.5"), 2], "numeric"),
    "text": (["a", None], "text"),
    "bool": ([True, None], "boolean"),
    "uuid": ([uuid.UUID(int=1)], "uuid"),
    "aware": ([dt.datetime(2024, 1, 1, tzinfo=dt.UTC)], "timestamp with time zone"),
    "naive": ([dt.datetime(2024, 1, 1)], "timestamp without time zone"),
    "date": ([dt.date(2024, 1, 1)], "date"),
    "dict": ([{"a": [1]}, None], "jsonb"),
    "list": ([[1, 2], []], "bigint[]"),
    "lists of lists": ([[["a"]], None], "text[]"),
    "nothing": ([None, None], "text"),
}


@pytest.mark.parametrize(("values", "type_"), PYTHON.values(), ids=PYTHON)
@pytest.mark.parametrize("as_rows", [False, True], ids=["columns", "rows"])
async def test_python_values(db: Any, values: list[Any], type_: str, as_rows: bool) -> None:
    data: Any = [{"v": value} for value in values] if as_rows else {"v": values}
    await db.table("made").bulk_insert(data, create=True)
    assert await types_of(db, "made") == {"v": type_}
    assert [row["v"] for row in await db.table("made")] == values


@pytest.mark.parametrize("values", [[1, "a"], [uuid.UUID(int=1), 2], [object()]], ids=["texts among numbers", "numbers among uuids", "objects"])
async def test_values_of_no_one_type(db: Any, values: list[Any]) -> None:
    with pytest.raises(DataError, match=r'column "v" has values of .* create the table first') as caught:
        await db.table("made").bulk_insert({"v": values}, create=True)
    assert caught.value.column == "v"
    assert await db.tables() == []


async def test_modes(db: Any) -> None:
    table = db.table("t")
    await db.execute("CREATE TABLE t (a int NOT NULL CHECK (a > 0), b text DEFAULT 'd')")
    await table.bulk_insert({"a": [1, 2]})
    await table.bulk_insert({"a": [3]}, mode="append")
    assert await table.count() == 3
    await table.bulk_insert({"a": [7, 8]}, mode="truncate")
    assert await table.order_by("a") == [{"a": 7, "b": "d"}, {"a": 8, "b": "d"}]
    await table.bulk_insert({"x": ["new"]}, mode="replace")
    assert await table == [{"x": "new"}]
    await db.table("other").bulk_insert({"x": [1]}, mode="replace")
    await db.table("third").bulk_insert({"x": [1]}, mode="truncate", create=True)
    assert [t.name for t in await db.tables()] == ["other", "t", "third"]


@pytest.mark.parametrize("mode", ["truncate", "replace"])
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a transaction"])
async def test_data_that_does_not_fit_leaves_the_table_as_it_was(db: Any, mode: str, inside: bool) -> None:
    await db.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    bad = {"a": pa.chunked_array([pa.array([2], pa.int64())] * 1), "b": ["x\0"]}
    if mode == "truncate":
        await db.execute("ALTER TABLE t ADD b text")
    before = await db.table("t")

    async def load() -> None:
        with pytest.raises(DataError, match="NUL"):
            await db.table("t").bulk_insert(bad, mode=mode)

    if inside:
        async with db.transaction():
            await load()
            assert await db.table("t") == before
    else:
        await load()
    assert await db.table("t") == before


async def test_others_that_depend_on_the_table(db: Any) -> None:
    await db.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT a FROM t")
    with pytest.raises(DatabaseError, match="depend"):
        await db.table("t").bulk_insert({"a": [2]}, mode="replace")
    assert await db.table("v") == [{"a": 1}]
    await db.table("t").bulk_insert({"a": [2]}, mode="truncate")
    assert await db.table("v") == [{"a": 2}]


async def test_dry_run(db: Any, statements: list[str]) -> None:
    made = db.table("made")
    assert await made.bulk_insert({"a": [1], "B b": ["x"]}, create=True, dry_run=True) == (
        'BEGIN;\nCREATE TABLE "made" (\n    "a" bigint,\n    "B b" text\n);\n'
        'COPY "made" ("a", "B b") FROM STDIN (FORMAT binary);\nCOMMIT;'
    )
    await db.execute("CREATE TABLE made (a int)")
    sql = await made.bulk_insert({"a": [1]}, mode="replace", dry_run=True)
    assert sql.startswith('BEGIN;\nDROP TABLE "made";\nCREATE TABLE "made" (')
    sql = await made.bulk_insert({"a": [1]}, mode="truncate", dry_run=True)
    assert sql.splitlines() == [
        "BEGIN;",
        'TRUNCATE "made";',
        'COPY "made" ("a") FROM STDIN (FORMAT binary);',
        "COMMIT;",
    ]
    assert await made.bulk_insert({"a": [1]}, dry_run=True) == 'COPY "made" ("a") FROM STDIN (FORMAT binary);'
    assert not any(sql.startswith(("DROP", "TRUNCATE", "COPY")) for sql in statements)
    assert await made.count() == 0


async def test_options_reach_the_insert(db: Any) -> None:
    table = db.table("s.t")
    await db.execute("CREATE SCHEMA s")
    result = await table.bulk_insert({"a": [1, 2]}, create=True, batch_rows=1, timeout=30)
    assert result.inserted == 2
    await table.bulk_insert({"a": [3], "z": [4]}, mode="truncate", extra="ignore")
    assert await table == [{"a": 3}]
    with pytest.raises(FieldError, match="mode is one of 'append', 'replace', 'truncate', not 'upsert'"):
        await table.bulk_insert({"a": [3]}, mode="upsert")
    with pytest.raises(FieldError, match="has no option 'if_exists'"):
        await table.bulk_insert({"a": [3]}, if_exists="replace")
    with pytest.raises(FieldError, match="no table 'nowhere'"):
        await db.table("nowhere").bulk_insert({"a": [3]}, mode="truncate")
    with pytest.raises(FieldError, match=r"no table 'nowhere'.*create=True"):
        await db.table("nowhere").bulk_insert({"a": [3]})
