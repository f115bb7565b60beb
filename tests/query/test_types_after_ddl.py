"""DDL by another session between two statements, and under a waiting one: what follows is right at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pyarrow as pa
import pytest

from chakra import Field, Model, Sum, field
from chakra.errors import DatabaseError, DataError, FieldError
from chakra.query import bulk_write, columnar_rows
from chakra.types import BigInt, Double, Text

ROWS = 12


class Number(Model, table="t"):
    id: Field[int] = field(BigInt, primary_key=True)
    v: Field[float | None] = field(Double)


class Word(Model, table="t"):
    id: Field[int] = field(BigInt, primary_key=True)
    v: Field[str | None] = field(Text)


class Whole(Model, table="t"):
    id: Field[int] = field(BigInt, primary_key=True)
    v: Field[int | None] = field(BigInt)


@pytest.fixture
async def small(db: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A database in which few rows count as many, with the columnar engine loaded."""
    import chakra.columnar.decode  # noqa: F401

    monkeypatch.setattr(columnar_rows, "COLUMNAR_FROM_ROWS", ROWS)
    monkeypatch.setattr(bulk_write, "COPY_FROM_ROWS", ROWS)
    yield db


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    yield


def around(db: Any, where: str) -> Any:
    return db.transaction() if where == "in a transaction" else nothing()


WHERE = ["in autocommit", "in a transaction"]

CHANGES: dict[str, tuple[str, list[tuple[str, Any]]]] = {
    # what the column is first, and what it becomes: SQL, and the value that is there then
    "numbers of one width": (
        "int8",
        [
            ("alter table t alter v type float8 using 2.5", 2.5),
            ("alter table t alter v type int8 using 3", 3),
        ],
    ),
    "numbers of other widths": (
        "int4",
        [
            ("alter table t alter v type float4 using 2.5", 2.5),
            ("alter table t alter v type int2 using 4", 4),
        ],
    ),
    "column made anew": (
        "int4",
        [("alter table t drop v; alter table t add v float4; update t set v = 1.5", 1.5)],
    ),
    "columns that change places": (
        "float8",
        [
            (
                "alter table t add w int8; update t set w = 7; alter table t rename v to x; "
                "alter table t rename w to v",
                7,
            )
        ],
    ),
    "table made anew": (
        "float8",
        [
            (
                f"drop table t; create table t (v int8, id bigint primary key); "
                f"insert into t select 5, i from generate_series(1, {ROWS}) i",
                5,
            )
        ],
    ),
}


async def arrow(model: Any) -> list[Any]:
    return (await model.objects.order_by("id").to_arrow()).column("v").to_pylist()


async def batches(model: Any) -> list[Any]:
    found: list[Any] = []
    async for batch in model.objects.order_by("id").arrow_batches(max_rows=5):
        found += batch.column("v").to_pylist()
    return found


async def parts(model: Any) -> list[Any]:
    return (await model.objects.to_arrow(partitions=3)).column("v").to_pylist()


async def rows(model: Any) -> list[Any]:
    return [row.v for row in await model.objects.order_by("id")]


async def total(model: Any) -> list[Any]:
    table = await model.objects.values("id").annotate(total=Sum("v")).to_arrow()
    return table.column("total").to_pylist()


READS: dict[str, Callable[[Any], Awaitable[list[Any]]]] = {
    "to_arrow": arrow,
    "arrow_batches": batches,
    "partitions": parts,
    "Sum": total,
}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("how", READS)
@pytest.mark.parametrize("change", CHANGES)
async def test_reads(small: Any, pg: Any, change: str, how: str, where: str) -> None:
    first, steps = CHANGES[change]
    read = READS[how]
    await pg.execute(f"create table t (id bigint primary key, v {first})")
    await pg.execute(f"insert into t select i, 1 from generate_series(1, {ROWS}) i")
    assert await read(Number) == [1] * ROWS
    for sql, value in steps:
        await pg.execute(sql)
        for _ in range(2):
            async with around(small, where):
                assert await read(Number) == [value] * ROWS
                assert await Number.objects.count() == ROWS  # the transaction is usable


async def test_rows_out_of_columns(small: Any, pg: Any) -> None:
    await pg.execute("create table t (id bigint primary key, v int8)")
    await pg.execute(f"insert into t select i, 1 from generate_series(1, {ROWS}) i")
    for _ in range(2):
        assert await rows(Number) == [1] * ROWS
    for sql, value in CHANGES["numbers of one width"][1]:
        await pg.execute(sql)
        for _ in range(3):
            found = await rows(Number)
            assert found == [value] * ROWS and {type(v) for v in found} == {type(value)}


@pytest.mark.parametrize("where", WHERE)
async def test_texts_that_become_labels_and_documents(small: Any, pg: Any, where: str) -> None:
    await pg.execute("create type mood as enum ('1', '2'); create table t (id bigint primary key, v text)")
    await pg.execute(f"insert into t select i, '1' from generate_series(1, {ROWS}) i")
    for change, value in (
        ("select", "1"),
        ("alter table t alter v type mood using v::mood", "1"),
        ("alter type mood rename value '1' to 'one'", "one"),
        ("alter type mood rename value '2' to '1'; alter type mood rename value 'one' to '2'", "2"),
        ("alter table t alter v type jsonb using v::text::jsonb", "2"),
        ("alter table t alter v type name using '3'", "3"),
    ):
        await pg.execute(change)
        async with around(small, where):
            assert await arrow(Word) == [value] * ROWS
            assert await arrow(Word) == [value] * ROWS


@pytest.mark.parametrize("where", WHERE)
async def test_attributes_of_composites(small: Any, pg: Any, where: str) -> None:
    await pg.execute("create type pair as (x int, y int); create table t (id int, v pair, l pair[])")
    await pg.execute("insert into t values (1, (1, 2), array[row(3, 4)::pair])")
    swap = "alter type pair rename attribute x to t; alter type pair rename attribute y to x; " + (
        "alter type pair rename attribute t to y"
    )
    for change in (
        "select",
        swap,
        "alter type pair rename attribute x to z",
        "alter type pair add attribute n text",
    ):
        await pg.execute(change)
        server = await pg.fetchrow("select to_jsonb(v)::text as v, to_jsonb(l)::text as l from t")
        for _ in range(2):
            async with around(small, where):
                (found,) = (await small.table("t").to_arrow()).to_pylist()
                assert (found["v"], found["l"]) == (json.loads(server["v"]), json.loads(server["l"]))


async def test_a_column_that_does_not_fit_any_more_is_refused_by_name(small: Any, pg: Any) -> None:
    await pg.execute("create table t (id bigint primary key, v int8); insert into t values (1, 1)")
    assert await arrow(Number) == [1]
    await pg.execute("alter table t alter v type text")
    for read in (arrow, batches, parts):
        with pytest.raises(FieldError, match=r"Number\.v is declared as double precision, but .* is text"):
            await read(Number)
    await pg.execute("alter table t alter v type float8 using 2.5")
    assert await arrow(Number) == [2.5]
    await pg.execute("alter table t drop v")
    with pytest.raises(DatabaseError, match='"v" does not exist'):
        await arrow(Number)
    await pg.execute("drop table t")
    with pytest.raises(DatabaseError, match='"t" does not exist'):
        await arrow(Number)


# -- writes ---------------------------------------------------------------------------------------------


def instances(count: int) -> list[Any]:
    return [Whole(id=i, v=5) for i in range(count)]


async def few(db: Any) -> None:
    await Whole.objects.bulk_create(instances(2))


async def many(db: Any) -> None:
    await Whole.objects.bulk_create(instances(ROWS))


async def upsert(db: Any) -> None:
    await Whole.objects.bulk_create(instances(3), on_conflict="update")


async def columns(db: Any) -> None:
    await db.table("t").bulk_insert({"id": [1, 2], "v": [5, 5]})


async def arrow_table(db: Any) -> None:
    await Whole.objects.bulk_insert(pa.table({"id": [1, 2], "v": [5, 5]}))


async def update(db: Any) -> None:
    await pg_rows(db)
    await Whole.objects.bulk_update(instances(2), ["v"])


async def update_columns(db: Any) -> None:
    await pg_rows(db)
    await db.table("t").bulk_update({"id": [0, 1], "v": [5, 5]})


async def pg_rows(db: Any) -> None:
    await db.execute("insert into t (id) values (0), (1)")


WRITES = {f.__name__: f for f in (few, many, upsert, columns, arrow_table, update, update_columns)}

WIDTHS = ["int8", "int4", "int2", "int8", "int4"]


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("how", WRITES)
async def test_writes(small: Any, pg: Any, how: str, where: str) -> None:
    await pg.execute("create table t (id bigint primary key, v int4)")
    await WRITES[how](small)
    for kind in WIDTHS:
        await pg.execute("truncate t")
        await pg.execute(f"alter table t alter v type {kind} using 0")
        async with around(small, where):
            await WRITES[how](small)
            assert await Whole.objects.count() >= 2  # the transaction is usable
        assert {r[0] for r in await pg.fetch("select v::text from t")} == {"5"}, kind


async def test_few_rows_in_a_transaction(small: Any, pg: Any) -> None:
    """They go in an INSERT, which has no savepoint around it: one error, then right."""
    await pg.execute("create table t (id bigint primary key, v float4)")
    await small.table("t").bulk_insert({"id": [1], "v": [1.5]})
    numbers = [Number(id=2, v=1.5), Number(id=3, v=1.5)]
    await Number.objects.bulk_create(numbers[:1])
    await pg.execute("alter table t alter v type float8")
    with pytest.raises(DatabaseError, match=r"columns of Number were changed.*nothing was written"):
        async with small.transaction():
            await Number.objects.bulk_create(numbers[1:])
    async with small.transaction():
        await Number.objects.bulk_create(numbers[1:])
    await pg.execute("alter table t alter v type int8")
    with pytest.raises(DataError, match=r"1\.5 does not fit bigint: it is not a whole number"):
        await Number.objects.bulk_create([Number(id=4, v=1.5)])
    assert await pg.fetchval("select count(*) from t") == 3


@pytest.mark.parametrize("where", WHERE)
async def test_numbers_of_one_width(small: Any, pg: Any, where: str) -> None:
    """The bytes of 5 as int8 are a float8, too, of 2.5e-323."""
    await pg.execute("create table t (id bigint primary key, v int8)")
    table = small.table("t")
    for kind in ("int8", "float8", "int8"):
        await pg.execute(f"truncate t; alter table t alter v type {kind} using 0")
        async with around(small, where):
            await table.bulk_insert({"id": [1], "v": [5]})
            await table.bulk_insert({"id": [1], "v": [5]}, on_conflict="update")
        assert await pg.fetchval("select v::text from t") == "5"
    await Whole.objects.bulk_create(instances(ROWS)[2:])
    await pg.execute("alter table t alter v type float8 using 0")
    for write in (few, many, upsert, arrow_table, update):
        await pg.execute("truncate t")
        await write(small)  # numbers among numbers go by their value
        assert {row[0] for row in await pg.fetch("select v from t")} <= {5.0}


async def test_data_that_can_be_read_once(small: Any, pg: Any) -> None:
    """Some of it may be gone when the guard fails: one error, then right; nothing is half-written."""
    await pg.execute("create table t (id bigint primary key, v int8)")

    def data() -> Any:
        yield pa.record_batch({"id": [1], "v": [5]})
        yield pa.record_batch({"id": [2], "v": [5]})

    await Whole.objects.bulk_insert(data())
    await pg.execute("truncate t; alter table t alter v type int4")
    with pytest.raises(DatabaseError, match=r"changed by another session.*nothing was written"):
        await Whole.objects.bulk_insert(data())
    assert await Whole.objects.count() == 0
    assert (await Whole.objects.bulk_insert(data())).inserted == 2


async def test_a_table_made_anew_and_one_of_another_schema(small: Any, pg: Any) -> None:
    await pg.execute("create table t (id bigint primary key, v int8)")
    await many(small)
    await pg.execute("drop table t; create table t (v int2, id int4 primary key)")
    await many(small)
    await pg.execute("create schema b; create table b.t (id int8 primary key, v oid)")
    for schema in ("b", "public", "b"):
        await pg.execute(f"truncate {schema}.t")
        async with small.transaction():
            await small.execute(f"set local search_path to {schema}")
            await many(small)
            assert await arrow(Whole) == [5] * ROWS
        assert await pg.fetchval(f"select array_agg(distinct v::text) from {schema}.t") == ["5"]


async def waiting(pg: Any) -> None:
    """Wait until a statement of another session waits for a lock."""
    for _ in range(500):
        if await pg.fetchval(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' "
            "and datname = current_database() and pid <> pg_backend_pid()"
        ):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nothing waits")


@pytest.mark.parametrize("how", ["many", "columns", "arrow_table", "upsert"])
async def test_a_write_that_waits_for_ddl(small: Any, pg: Any, how: str) -> None:
    await pg.execute("create table t (id bigint primary key, v int8)")
    await WRITES[how](small)
    await pg.execute("truncate t")
    ddl = pg.transaction()
    await ddl.start()
    await pg.execute("alter table t alter v type int4")
    writing = asyncio.create_task(WRITES[how](small))
    await waiting(pg)
    await ddl.commit()
    await writing
    assert {r[0] for r in await pg.fetch("select v::text from t")} == {"5"}


@pytest.mark.parametrize("how", READS)
async def test_a_read_that_waits_for_ddl(small: Any, pg: Any, how: str) -> None:
    await pg.execute("create table t (id bigint primary key, v int8)")
    await pg.execute(f"insert into t select i, 1 from generate_series(1, {ROWS}) i")
    await READS[how](Number)
    ddl = pg.transaction()
    await ddl.start()
    await pg.execute("alter table t alter v type float8 using v")
    reading = asyncio.create_task(READS[how](Number))
    await waiting(pg)
    await ddl.commit()
    assert await reading == [1] * ROWS
