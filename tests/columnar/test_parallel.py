"""Parallel reads and read plans: the same rows and types as one read, over one snapshot, within the pool."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any
from urllib.parse import quote, urlencode

import pyarrow as pa
import pytest

import chakra
from chakra import Count, Database, F, Field, FieldError, Model, TransactionError, field
from chakra.sql.partitions import Cut, whole_reason

ROWS = 20_000


class Reading(Model, table="readings"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    value: Field[float | None]


@pytest.fixture
async def filled(db: Any) -> AsyncIterator[Any]:
    await db.create_tables(Reading)
    await db.execute(
        "insert into readings select i, 'name ' || i, case when i % 7 > 0 then i / 3.0 end "
        f"from generate_series(1, {ROWS}) i"
    )
    yield db


def by_id(table: pa.Table) -> pa.Table:
    return table.sort_by("id").combine_chunks()


@pytest.mark.parametrize("partitions", [2, 3, 7])
async def test_parts_give_the_same_table(filled: Any, partitions: int) -> None:
    queries = [
        Reading.objects,
        Reading.objects.filter(id__gt=11, value__isnull=False).exclude(name="name 50"),
    ]
    for query in queries:
        whole = await query.to_arrow()
        parts = await query.to_arrow(partitions=partitions)
        assert parts.schema.equals(whole.schema, check_metadata=True)
        assert by_id(parts).equals(by_id(whole))


async def test_parts_come_in_the_order_of_the_table(filled: Any) -> None:
    table = await Reading.objects.to_arrow(partitions=4)
    assert table.column("id").to_pylist() == list(range(1, ROWS + 1))


async def test_more_parts_than_pages(filled: Any) -> None:
    await filled.execute("delete from readings where id > 3")
    await filled.execute("vacuum readings")
    assert by_id(await Reading.objects.to_arrow(partitions=64)).column("id").to_pylist() == [1, 2, 3]
    await filled.execute("truncate readings")
    empty = await Reading.objects.to_arrow(partitions=4)
    assert empty.num_rows == 0 and empty.schema.names == ["id", "name", "value"]


async def test_partitioned_tables_and_views(filled: Any) -> None:
    await filled.execute(
        """create table parted (id int8, name text) partition by range (id);
           create table parted_1 partition of parted for values from (0) to (5000);
           create table parted_2 partition of parted for values from (5000) to (100000);
           insert into parted select id, name from readings;
           create view seen as select id, name from readings"""
    )
    for name in ("parted", "seen"):
        table = await filled.table(name).to_arrow(partitions=3)
        assert sorted(table.column("id").to_pylist()) == list(range(1, ROWS + 1))


async def test_views_are_cut_by_a_column(filled: Any) -> None:
    await filled.execute("create view seen as select id, name, value from readings where id % 10 <> 0")
    seen = filled.table("seen")
    whole = await seen.to_arrow()
    for column in ("id", "name", "value"):  # a seventh of the values is NULL
        for query in (seen, seen.filter(id__gt=700), seen.annotate(twice=F("id") * 2).filter(twice__gt=700)):
            copies = count_copies(filled)
            parts = await query.to_arrow(partitions=4, partition_by=column)
            assert len(copies) == 4
            assert by_id(parts).equals(by_id(await query.to_arrow()))
    async with await seen.read_plan(partitions=4, partition_by="id") as plan:
        sizes = [(await task.read(filled)).num_rows for task in plan.tasks]
    assert sum(sizes) == whole.num_rows and min(sizes) > whole.num_rows / 4 / 2


async def test_a_model_is_cut_by_a_column_and_joined(filled: Any) -> None:
    query = Reading.objects.filter(name__startswith="name 1")
    parts = await query.to_arrow(partitions=3, partition_by="pk")
    assert by_id(parts).equals(by_id(await query.to_arrow()))


KEYS = {
    "bool": "i % 2 = 0",
    "int2": "(i % 7)::int2",
    "numeric": "case when i % 5 = 0 then 'NaN' else i / 7.0 end",
    "float8": "case i % 5 when 0 then 'NaN' when 1 then '-Infinity' when 2 then '-0' else i / 7.0 end",
    "date": "case i % 5 when 0 then 'infinity' when 1 then '-infinity' else date '0044-03-15 BC' + i end",
    "timestamptz": "case i % 5 when 0 then 'infinity' else to_timestamp(i / 3.0) end",
    "time": "time '00:00' + i * interval '1.7 second'",
    "interval": "make_interval(months => i % 3, days => -i, secs => 500 - i)",
    "text": "repeat(chr(i % 200 + 1), i % 3)",
    'text COLLATE "C"': "repeat(chr(i % 200 + 1), i % 3)",
    "bpchar": "repeat(' ', i % 3) || i",
    "bytea": "decode(lpad(to_hex(i), 8, '0'), 'hex')",
    "uuid": "md5(i::text)::uuid",
    "inet": "inet '::1' + i",
    "mood": "(array['a b', 'it''s', 'Ü']::mood[])[i % 4]",
    "positive": "i",
    "pair": "(row(i % 3, 'x,\"' || i))::pair",
    "int4range": "int4range(i % 9, i % 9 + i % 3)",
    "jsonb": "to_jsonb(i % 12)",
    '"char"': 'chr(i % 100 + 1)::"char"',
    "pg_lsn": "pg_lsn '0/0' + i",
    "money": "i::money",
    "tsrange": "tsrange(case when i % 7 > 0 then '2024-02-01'::timestamp + i * interval '1.1 day' end, null)",
}


@pytest.mark.parametrize("type_", KEYS)
async def test_every_type_with_an_order_can_be_cut_by(filled: Any, type_: str) -> None:
    """Together with ends of time, NaN, NULL and values that fill several parts: each row is read once."""
    await filled.execute(
        """create type mood as enum ('it''s', 'Ü', 'a b'); create domain positive as int4 check (value > 0);
           create type pair as (a int4, b text)"""
    )
    await filled.execute(f"create table keyed (id int4, key {type_})")
    await filled.execute(
        f"insert into keyed select i, case when i % 11 > 0 then {KEYS[type_]} end from generate_series(1, 1000) i"
    )
    query = filled.table("keyed").values("id")
    copies = count_copies(filled)
    table = await query.to_arrow(partitions=5, partition_by="key")
    assert sorted(table.column("id").to_pylist()) == list(range(1, 1001))
    assert len(copies) == 3 if type_ == "bool" else 2 <= len(copies) <= 5


@pytest.mark.parametrize("type_", ["date", "timestamptz", "interval", "float8", "bytea", "tsrange"])
async def test_bounds_mean_the_same_to_sessions_of_other_settings(filled: Any, type_: str, dsn: str) -> None:
    await filled.execute(f"create table keyed (id int4, key {type_})")
    await filled.execute(f"insert into keyed select i, {KEYS[type_]} from generate_series(1, 1000) i")
    settings = {
        "datestyle": "SQL, DMY",
        "intervalstyle": "sql_standard",
        "timezone": "Asia/Kolkata",
        "bytea_output": "escape",
        "extra_float_digits": "-10",
    }
    other = await Database.connect(dsn + ("&" if "?" in dsn else "?") + urlencode(settings, quote_via=quote))
    try:
        assert await other.fetchval("show datestyle") == "SQL, DMY"
        plan = await other.table("keyed").values("id").read_plan(partitions=9, partition_by="key")
        async with plan:
            tables = [await task.read(filled) for task in plan.tasks]
    finally:
        await other.close()
    ids = [number for table in tables for number in table.column("id").to_pylist()]
    assert sorted(ids) == list(range(1, 1001))


async def test_few_rows_are_cut_by_a_column_too(filled: Any) -> None:
    query = Reading.objects.filter(id__lte=3)
    assert by_id(await query.to_arrow(partitions=4, partition_by="id")).column("id").to_pylist() == [1, 2, 3]
    assert (await query.filter(id__lt=0).to_arrow(partitions=4, partition_by="id")).num_rows == 0
    assert (await Reading.objects.none().to_arrow(partitions=4, partition_by="id")).num_rows == 0


async def test_quantiles_see_the_snapshot(filled: Any) -> None:
    """Bounds are taken inside the snapshot the parts are read through, of a sample where there are many rows."""
    statements: list[str] = []
    filled.hooks.add(lambda event: statements.append(event.sql) if event.phase == "before" else None)
    await Reading.objects.to_arrow(partitions=4, partition_by="id")
    asked = [sql for sql in statements if "percentile_disc" in sql]
    assert len(asked) == 2 and "random" in asked[0] and "random" not in asked[1]  # 1 % of 20,000 are too few
    statements.clear()
    await Reading.objects.to_arrow(partitions=1, partition_by="id")
    assert not any("percentile_disc" in sql for sql in statements)


async def test_columns_that_nothing_can_be_cut_by(filled: Any) -> None:
    with pytest.raises(FieldError, match=r"no field 'nam'.*id, name, value"):
        await Reading.objects.to_arrow(partitions=2, partition_by="nam")
    with pytest.raises(FieldError, match="no field 'nam'"):
        await Reading.objects.read_plan(partitions=2, partition_by="nam")
    with pytest.raises(FieldError, match=r"SQL of your own .* view"):
        await chakra.raw("select 1 as id").to_arrow(partitions=2, partition_by="id")
    await filled.execute("create table shapes (at point, of int4[])")
    for column, problem in (("at", "ordering operator"), ("of", "array type")):
        with pytest.raises(chakra.DatabaseError, match=problem) as caught:
            await filled.table("shapes").to_arrow(partitions=2, partition_by=column)
        assert f"partition_by='{column}'" in caught.value.__notes__[0]


async def test_numeric_scales_of_parts_are_unified(filled: Any) -> None:
    await filled.execute("create table prices (id int8, price numeric)")
    await filled.execute(
        "insert into prices select i, case when i < 15000 then i::numeric else i + 0.125 end "
        "from generate_series(1, 20000) i"
    )
    whole = await filled.table("prices").to_arrow()
    parts = await filled.table("prices").to_arrow(partitions=5)
    assert parts.schema.field("price").type == pa.decimal128(38, 3)
    assert by_id(parts).equals(by_id(whole))


@pytest.mark.parametrize(
    "query",
    [
        Reading.objects.order_by("-id"),
        Reading.objects.order_by("id").limit(5),
        Reading.objects.offset(ROWS - 3),
        Reading.objects.values("name").distinct(),
        Reading.objects.values("value").annotate(n=Count("id")),
        Reading.objects.reverse(),
    ],
    ids=lambda q: whole_reason(q._select) or "",
)
async def test_what_must_not_be_cut_is_read_whole(filled: Any, query: Any) -> None:
    seen = count_copies(filled)
    parts = await query.to_arrow(partitions=4)
    assert len(seen) == 1
    whole = await query.to_arrow()
    assert parts.num_rows == whole.num_rows
    if query._select.order:
        assert parts.equals(whole)


def count_copies(db: Any) -> list[str]:
    seen: list[str] = []

    def watch(event: Any) -> None:
        if event.kind == "copy_out" and event.phase == "before":
            seen.append(event.sql)

    db.hooks.add(watch)
    return seen


async def test_inside_a_transaction_its_own_writes_are_seen(filled: Any) -> None:
    async with filled.transaction():
        await Reading.objects.create(id=ROWS + 1, name="mine")
        table = await Reading.objects.to_arrow(partitions=4)
        assert table.num_rows == ROWS + 1


async def test_all_parts_see_one_snapshot(filled: Any) -> None:
    """A row moved from the last page to the first between two parts is seen exactly once."""
    async with await Reading.objects.read_plan(partitions=4) as plan:
        first = await plan.tasks[0].read(filled)
        await filled.execute("delete from readings where id <= 5000")
        await filled.execute("insert into readings select i, 'new', 1 from generate_series(50001, 50010) i")
        rest = [await task.read(filled) for task in plan.tasks[1:]]
    assert by_id(pa.concat_tables([first, *rest])).column("id").to_pylist() == list(range(1, ROWS + 1))


async def test_a_read_never_takes_more_connections_than_there_are(filled: Any, dsn: str) -> None:
    small = await chakra.connect(dsn, max_connections=2, acquire_timeout="5s")
    try:
        query = Reading.objects.using(small)
        tables = await asyncio.gather(*(query.to_arrow(partitions=8) for _ in range(6)))
        assert [table.num_rows for table in tables] == [ROWS] * 6
        assert small.pool.figures.size <= 2
    finally:
        await small.close()


async def test_a_failing_part_stops_the_others_and_frees_the_connections(filled: Any) -> None:
    await filled.execute("create table bad (id int8, at timestamp)")
    await filled.execute(
        "insert into bad select i, case when i = 19000 then 'infinity'::timestamp else '2024-01-01' end "
        "from generate_series(1, 20000) i"
    )
    with pytest.raises(chakra.DataError, match="at"):
        await filled.table("bad").to_arrow(partitions=4)
    assert (await filled.table("bad").to_arrow(partitions=4, infinity="null")).column("at").null_count == 1
    figures = filled.pool.figures
    assert figures.idle == figures.size


@pytest.mark.parametrize("partitions", [0, -1, 1.5, True, 1000, "4"])
async def test_a_wrong_number_of_parts(filled: Any, partitions: Any) -> None:
    with pytest.raises(FieldError, match="partitions"):
        await Reading.objects.to_arrow(partitions=partitions)


async def test_plans(filled: Any, dsn: str) -> None:
    plan = await Reading.objects.filter(id__lte=9000).read_plan(partitions=3)
    async with plan:
        copies = pickle.loads(pickle.dumps(plan.tasks))
        assert len(copies) == 3 and "host" not in repr(copies) and dsn not in repr(copies)
        tables = [await task.read() for task in copies]
        assert sum(table.num_rows for table in tables) == 9000
        assert all(task.schema.equals(table.schema) for task, table in zip(copies, tables, strict=True))
    with pytest.raises(TransactionError, match="gone"):
        await copies[0].read()
    with pytest.raises(TransactionError, match="closed"):
        async with plan:
            pass
    async with filled.transaction():
        with pytest.raises(TransactionError, match="transaction"):
            await Reading.objects.read_plan(partitions=2)
    figures = filled.pool.figures
    assert figures.idle == figures.size


def read_elsewhere(dsn: str, task: Any) -> int:
    """Runs in another process, which knows nothing of the models."""

    async def read() -> int:
        async with chakra.connect(dsn):
            return int((await task.read()).num_rows)

    return asyncio.run(read())


@pytest.mark.slow
async def test_tasks_are_read_in_other_processes(filled: Any, dsn: str) -> None:
    async with await Reading.objects.read_plan(partitions=2) as plan:
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
            loop = asyncio.get_running_loop()
            counts = await asyncio.gather(
                *(loop.run_in_executor(processes, read_elsewhere, dsn, task) for task in plan.tasks)
            )
    assert sum(counts) == ROWS and all(counts)


def test_ranges_leave_no_gap_and_have_no_ends() -> None:
    cut = Cut(Reading.objects.filter(id__gt=5)._select, 3)
    assert cut.page_ranges(10) == [(None, (3, 0)), ((3, 0), (6, 0)), ((6, 0), None)]
    where = [cut.sql(low, high).partition(" WHERE ")[2] for low, high in cut.page_ranges(10)]
    assert where == [
        """"id" > ('5'::bigint) AND "ctid" < ('(3,0)'::tid)""",
        """"id" > ('5'::bigint) AND "ctid" >= ('(3,0)'::tid) AND "ctid" < ('(6,0)'::tid)""",
        """"id" > ('5'::bigint) AND "ctid" >= ('(6,0)'::tid)""",
    ]


def test_ranges_of_a_column() -> None:
    table = Reading.__table__
    cut = Cut(Reading.objects.all()._select, 4, table.column("value"))
    ranges = cut.ranges(["1.5", "2", "2"])  # a value that fills two parts bounds only one
    assert [[None if end is None else str(end) for end in ends] for ends in ranges] == [
        [None, "1.5"],
        ["1.5", "2"],
        ["2", None],
    ]
    where = [cut.sql(low, high).partition(" WHERE ")[2] for low, high in ranges]
    assert where == [
        """("value" < ('1.5'::double precision) OR "value" IS NULL)""",
        """"value" >= ('1.5'::double precision) AND "value" < ('2'::double precision)""",
        """"value" >= ('2'::double precision)""",
    ]
    assert cut.ranges([]) == [(None, None)]
    assert cut.sql() == cut.sql(None, None)
    assert "WHERE" not in cut.sql()


async def test_the_schema_is_known_before_the_data(filled: Any) -> None:
    schema = await Reading.objects.arrow_schema()
    assert schema.equals((await Reading.objects.to_arrow()).schema, check_metadata=True)
    assert (await Reading.objects.arrow_schema(strings="large_utf8")).field("name").type == pa.large_string()
    raw = chakra.raw("select 1::int2 as one, $1::text as two", params=["x"])
    assert (await raw.arrow_schema()).types == [pa.int16(), pa.string()]
    with pytest.raises(FieldError, match="numeric"):
        await chakra.raw("select 1::numeric as n").arrow_schema()
    assert (await chakra.raw("select 1::numeric as n").arrow_schema(numeric=(10, 2))).types == [
        pa.decimal128(10, 2)
    ]
