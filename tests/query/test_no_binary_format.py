"""Types without a binary format: read as text by themselves, written from text, in every column and container."""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from chakra import Database, DataError, raw
from chakra.errors import DatabaseError

BOOK = "978-0-393-04002-9"


@pytest.fixture
async def books(db: Database) -> Any:
    await db.execute(
        "create extension isn; create domain code as isbn13; create type tagged as (n int, i isbn13);"
        "create table books (id int primary key, i isbn13, l isbn13[], m isbn13[][], d code, t tagged, r aclitem[]);"
        f"insert into books values (1, '{BOOK}', array['{BOOK}', null]::isbn13[], array[array['{BOOK}']]::isbn13[], "
        f"'{BOOK}', row(1, '{BOOK}'), array['=r/postgres'::aclitem])"
    )
    await db.execute("insert into books (id) select n from generate_series(2, 400) n")
    return db.table("books")


ROW = {
    "id": 1,
    "i": BOOK,
    "l": [BOOK, None],
    "m": [[BOOK]],
    "d": BOOK,
    "t": f"(1,{BOOK})",
    "r": ["=r/postgres"],
}


async def test_columns_are_text(books: Any, db: Database) -> None:
    table = await books.order_by("id").to_arrow()
    assert table.slice(0, 1).to_pylist() == [ROW]
    assert table.num_rows == 400
    assert table.column("l").type == pa.list_(pa.field("item", pa.string()))
    for partitions in (1, 3):
        found = await books.filter(id__lte=400).to_arrow(partitions=partitions)
        assert sorted(found.column("id").to_pylist()) == list(range(1, 401))
        assert found.schema == table.schema
    cut = await books.to_arrow(partitions=2, partition_by="id")
    assert cut.filter(pa.compute.equal(cut.column("id"), 1)).to_pylist() == [ROW]
    assert (await books.arrow_schema()) == table.schema
    assert [b.num_rows async for b in books.arrow_batches(max_rows=200)] == [200, 200]
    assert (await books.values("i").order_by("-id").to_polars())["i"].to_list() == [None] * 399 + [BOOK]
    for sql, params in (
        ("select i, l from books where id < $1 order by id -- all", [2]),
        ("with b as (select * from books) select i, l from b where id = $1", [1]),
        ("update books set id = id where id = $1 returning i, l;", [1]),
    ):
        found = await raw(sql, db, params=params).to_arrow()
        assert found.select(["i", "l"]).to_pylist() == [{"i": BOOK, "l": [BOOK, None]}]


async def test_rows_are_written_again(books: Any, db: Database) -> None:
    row = (await books.filter(id=1))[0]
    del row["t"]  # a composite with such a field is a record in rows
    await books.create(**{**row, "id": 1001})
    columns = await books.filter(id=1).to_arrow()
    given = columns.drop_columns(["m", "r"])
    for number, (data, how) in enumerate(
        [
            (given, {}),
            (pl.from_arrow(given), {}),
            ({"id": [1], "i": [BOOK], "l": [[BOOK, None]], "d": [BOOK], "t": [f"(1,{BOOK})"]}, {}),
            (given, {"on_conflict": "update"}),
            (given, {"returning": "keys"}),
        ]
    ):
        await db.execute("delete from books where id = 1")
        assert (await books.bulk_insert(data, **how)).inserted == 1, number
        assert (await books.filter(id=1).to_arrow()).drop_columns(["m", "r"]).to_pylist() == given.to_pylist()
    assert await books.bulk_update({"id": [2, 3], "i": [BOOK, None], "l": [[BOOK], None]}) == 2
    assert await db.fetchval("select i::text || l::text from books where id = 2") == f"{BOOK}{{{BOOK}}}"
    async with db.transaction():
        await books.bulk_insert({"id": [500], "i": [BOOK]})
        await books.bulk_insert({"id": [501], "i": ["0-393-04002-X"]})
    assert await db.fetchval("select i::text from books where id = 501") == BOOK
    with pytest.raises((DataError, DatabaseError), match=r"isbn13|ISBN"):
        await books.bulk_insert({"id": [600], "i": ["nonsense"]})
    assert not await books.filter(id=600).exists()


async def test_the_server_s_own_tables(db: Database) -> None:
    await db.execute(
        "create table s (a int, b int); insert into s select n, n % 3 from generate_series(1, 100) n"
    )
    await db.execute("create statistics x on (a + b), a, b from s")
    await db.execute("analyze s")
    assert (
        await db.table("pg_catalog.pg_stats").filter(tablename="s").values_list("histogram_bounds", flat=True)
    )
    names = await db.fetch(
        "select c.relname from pg_class c where relnamespace = 'pg_catalog'::regnamespace and relkind in ('r', 'v') "
        "and has_table_privilege(c.oid, 'select')"
    )
    assert len(names) > 100
    broken = []
    for (name,) in names:
        query = db.table(f"pg_catalog.{name}")
        try:
            await query.limit(1000).to_arrow()
            await query.limit(1000)
        except Exception as error:  # whatever it is, it is listed
            if "NUMA" not in str(error):
                broken.append((name, type(error).__name__, str(error)[:200]))
    assert broken == []
