"""Bulk writes as beginners make them: without the columns that have defaults, from lists of dicts, from frames with too
many columns, and with keys of their own."""

from __future__ import annotations

import enum
import io
import itertools
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from chakra import Field, Model, Q, field
from chakra.errors import DataError, FieldError, UniqueViolation
from chakra.types import Array, Integer, Text


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


numbers = itertools.count(1)


class Job(Model, table="jobs"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    status: Field[str | None] = field(default="new")
    tries: Field[int] = field(Integer, default=0, column="tried")
    mood: Field[Mood] = field(default=Mood.BAD)
    tags: Field[list[str]] = field(Array(Text), default=list)
    token: Field[uuid.UUID] = field(default=uuid.uuid4)
    number: Field[int] = field(default=lambda: next(numbers))
    note: Field[str | None] = field(default=None, db_default="'server'")


class Ticket(Model, table="tickets"):
    """The key is made in Python."""

    id: Field[uuid.UUID] = field(primary_key=True, default=uuid.uuid4)
    name: Field[str] = field(unique=True)
    state: Field[str] = field(default="open")


JOBS = Job.objects


@pytest.fixture
async def jobs(db: Any) -> Any:
    await db.create_tables(Job, Ticket)
    return db


async def batches(table: pa.Table) -> AsyncIterator[pa.RecordBatch]:
    for batch in table.to_batches(max_chunksize=2):
        yield batch


NAMES = {"name": ["a", "b", "c"]}
CONTAINERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "dict": lambda columns: columns,
    "list of dicts": lambda columns: [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ],
    "arrow": pa.table,
    "batches": lambda columns: pa.table(columns).to_batches(max_chunksize=2),
    "async batches": lambda columns: batches(pa.table(columns)),
    "polars": pl.DataFrame,
    "pandas": pd.DataFrame,
}


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize(
    "options", [{}, {"returning": "keys"}, {"on_conflict": "ignore"}, {"sync_sequences": True}], ids=repr
)
async def test_python_defaults_are_applied(jobs: Any, container: Any, options: dict[str, Any]) -> None:
    result = await JOBS.bulk_insert(container(NAMES), **options)
    assert result.inserted == 3
    found = await JOBS.order_by("id")
    assert [job.name for job in found] == ["a", "b", "c"]
    one = await JOBS.create(name="one")
    for job in found:
        for name in ("status", "tries", "mood", "tags", "note"):
            assert getattr(job, name) == getattr(one, name), name
    assert len({job.token for job in found}) == 3
    assert [job.number - found[0].number for job in found] == [0, 1, 2]


async def test_data_goes_before_defaults(jobs: Any) -> None:
    await JOBS.bulk_insert({"name": ["a", "b"], "status": [None, "old"], "tried": [5, 6]})
    assert await JOBS.order_by("id").values_list("status", "tries") == [(None, 5), ("old", 6)]


async def test_rows_that_are_there_keep_what_the_data_does_not_have(jobs: Any) -> None:
    await JOBS.create(name="a", status="old", tries=9)
    data = {"id": [1, 50], "name": ["A", "B"]}
    result = await JOBS.bulk_insert(data, on_conflict="update")
    assert (result.inserted, result.updated) == (1, 1)
    assert await JOBS.order_by("id").values_list("name", "status", "tries") == [
        ("A", "old", 9),
        ("B", "new", 0),
    ]
    with pytest.raises(FieldError, match="update_fields names 'status', which the data does not have"):
        await JOBS.bulk_insert(data, on_conflict="update", update_fields=["status"])


async def test_a_key_made_in_python(jobs: Any) -> None:
    result = await Ticket.objects.bulk_insert({"name": ["a", "b"]}, returning="keys")
    assert [t.id for t in await Ticket.objects.order_by("name")] == [
        uuid.UUID(str(k)) for k in result.keys.to_pylist()
    ]
    options: dict[str, Any] = {"on_conflict": "update", "conflict_fields": ["name"]}
    before = await Ticket.objects.get(name="a")
    with pytest.raises(FieldError, match="nothing to update"):
        await Ticket.objects.bulk_insert({"name": ["a"]}, **options)
    await Ticket.objects.bulk_insert({"name": ["a", "c"], "state": ["shut", "shut"]}, **options)
    assert await Ticket.objects.order_by("name").values_list("name", "state") == [
        ("a", "shut"),
        ("b", "open"),
        ("c", "shut"),
    ]
    assert (await Ticket.objects.get(name="a")).id == before.id


async def test_a_factory_that_gives_nonsense(jobs: Any) -> None:
    class Bad(Model, table="bad"):
        id: Field[int] = field(primary_key=True)
        name: Field[str]
        size: Field[int] = field(default=lambda: "many")

    await jobs.create_tables(Bad)
    with pytest.raises(DataError, match='row 0, column "size"'):
        await Bad.objects.bulk_insert({"name": ["a"]})
    assert await Bad.objects.count() == 0


async def test_defaults_go_by_the_types_the_server_has(jobs: Any) -> None:
    await jobs.execute("ALTER TABLE jobs ALTER tried TYPE smallint, ALTER status TYPE varchar(5)")
    await JOBS.bulk_insert(NAMES)
    await JOBS.create(name="d")
    assert set(await JOBS.values_list("status", "tries")) == {("new", 0)}
    await jobs.execute("ALTER TABLE jobs ALTER tried TYPE text USING '0'")
    for write in (lambda: JOBS.create(name="e"), lambda: JOBS.bulk_insert({"name": ["e"]})):
        with pytest.raises(FieldError, match=r"Job\.tries .*text"):
            await write()
    assert await jobs.fetchval("SELECT count(*) FROM jobs") == 4


async def test_defaults_beside_conditions_of_an_upsert(jobs: Any) -> None:
    await jobs.execute("CREATE UNIQUE INDEX ON jobs (name) WHERE tried = 0")
    upsert: dict[str, Any] = {"conflict_fields": ["name"], "conflict_where": Q(tries=0)}
    await JOBS.bulk_insert({"name": ["a", "b"], "note": ["x", "y"], "status": ["old", "old"]})
    result = await JOBS.bulk_insert(
        [{"name": "a", "note": "X"}, {"name": "b", "note": "Y"}, {"name": "c", "note": "Z"}],
        on_conflict="update",
        where=Q(note="x"),
        sync_sequences=True,
        **upsert,
    )
    assert (result.inserted, result.updated, result.skipped) == (1, 1, 1)
    made = await JOBS.bulk_create(
        [Job(name="c"), Job(name="d")], on_conflict="ignore", sync_sequences=True, **upsert
    )
    assert [job.id is not None for job in made] == [True, True]
    assert await JOBS.order_by("name").values_list("name", "note", "status") == [
        ("a", "X", "old"),
        ("b", "y", "old"),
        ("c", "Z", "new"),
        ("d", "server", "new"),
    ]


# -- lists of dicts, and too many columns -------------------------------------------------------------------

DIFFERENT_KEYS: dict[str, tuple[list[Any], str, int]] = {
    "lacks one": ([{"name": "a", "note": "x"}, {"name": "b"}], 'row 1 has no "note"', 1),
    "has another": (
        [{"name": "a"}, {"name": "b"}, {"name": "c", "note": 1}],
        'row 2 has "note", which row 0',
        2,
    ),
    "misspelt": ([{"name": "a"}, {"nmae": "b"}], 'row 1 has no "name"', 1),
    "no dict": ([{"name": "a"}, 5], "row 1 is 5", 1),
}


@pytest.mark.parametrize(("rows", "says", "row"), DIFFERENT_KEYS.values(), ids=DIFFERENT_KEYS)
async def test_rows_of_different_keys(jobs: Any, rows: list[Any], says: str, row: int) -> None:
    with pytest.raises(DataError, match=says) as caught:
        await JOBS.bulk_insert(rows)
    assert caught.value.row == row
    assert await JOBS.count() == 0


async def test_a_list_of_dicts_into_a_table_and_as_an_update(jobs: Any) -> None:
    await JOBS.bulk_insert([{"name": "a"}, {"name": "b"}])
    table = jobs.table("jobs")
    assert await table.bulk_update([{"id": 2, "name": "B"}]) == 1
    assert await JOBS.bulk_update([{"id": 1, "name": "A"}]) == 1
    assert await JOBS.order_by("id").values_list("name", flat=True) == ["A", "B"]


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("options", [{}, {"returning": "keys"}, {"on_conflict": "ignore"}], ids=repr)
async def test_columns_that_the_table_does_not_have(
    jobs: Any, container: Any, options: dict[str, Any]
) -> None:
    columns = {"first": [1, 2, 3], **NAMES, "tried": [4, 5, 6], "last": ["x", "y", "z"]}
    with pytest.raises(DataError, match=r'no column "first".*extra="ignore"'):
        await JOBS.bulk_insert(container(columns), **options)
    result = await JOBS.bulk_insert(container(columns), extra="ignore", **options)
    assert result.inserted == 3
    assert await JOBS.order_by("id").values_list("name", "tries") == [("a", 4), ("b", 5), ("c", 6)]


async def test_extra_is_no_guess(jobs: Any) -> None:
    with pytest.raises(FieldError, match='extra is "error" or "ignore", not True'):
        await JOBS.bulk_insert(NAMES, extra=True)
    with pytest.raises(DataError, match=r"none of the data's columns \(nmae\)"):
        await JOBS.bulk_insert({"nmae": ["a"]}, extra="ignore")
    with pytest.raises(DataError, match='no column "name", which is NOT NULL'):
        await JOBS.bulk_insert({"nmae": ["a"], "tries": [1]}, extra="ignore")


# -- sequences ----------------------------------------------------------------------------------------------

SEQUENCES = {
    "identity": "id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    "serial": "id serial PRIMARY KEY",
    "small": "id smallserial PRIMARY KEY",
    "by ten": "id int GENERATED BY DEFAULT AS IDENTITY (INCREMENT 10 START 5) PRIMARY KEY",
    "cached": "id int GENERATED BY DEFAULT AS IDENTITY (CACHE 5) PRIMARY KEY",
}


@pytest.mark.parametrize("column", SEQUENCES.values(), ids=SEQUENCES)
async def test_rows_with_keys_move_the_sequence(db: Any, column: str) -> None:
    await db.execute(f'CREATE SCHEMA "S x"; CREATE TABLE "S x"."T" ({column}, name text)')
    table = db.table('"S x"."T"')
    await table.bulk_insert({"id": [3, 42], "name": ["a", "b"]}, sync_sequences=True)
    made = await table.create(name="c")
    assert made["id"] > 42
    assert await table.sync_sequences() == {}
    await table.bulk_insert({"id": [20_000], "name": ["d"]})  # far enough for setval()
    assert (await table.sync_sequences())["id"] >= 20_000
    assert (await table.create(name="e"))["id"] > 20_000


async def test_an_identity_that_takes_no_values_of_others(db: Any) -> None:
    await db.execute("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)")
    with pytest.raises(DataError, match="GENERATED ALWAYS"):
        await db.table("t").bulk_insert({"id": [42], "name": ["a"]}, sync_sequences=True)
    await db.execute("INSERT INTO t (id, name) OVERRIDING SYSTEM VALUE VALUES (42, 'a')")
    assert await db.table("t").sync_sequences() == {"id": 42}
    assert await db.table("t").create(name="b") == {"id": 43, "name": "b"}


async def test_a_sequence_is_never_moved_back(db: Any) -> None:
    await db.execute("CREATE TABLE t (id serial PRIMARY KEY, name text); SELECT setval('t_id_seq', 100)")
    table = db.table("t")
    assert await table.sync_sequences() == {}  # no rows
    await table.bulk_insert({"id": [7], "name": ["a"]}, sync_sequences=True)
    assert (await table.create(name="b"))["id"] == 101


async def test_descending_and_several_sequences(db: Any) -> None:
    await db.execute(
        "CREATE TABLE t (id int GENERATED BY DEFAULT AS IDENTITY (INCREMENT -1) PRIMARY KEY, b serial, c text)"
    )
    await db.table("t").bulk_insert({"id": [-5, 3], "b": [1, 9], "c": ["x", "y"]})
    assert await db.table("t").sync_sequences() == {"id": -5, "b": 9}
    assert await db.table("t").create(c="z") == {"id": -6, "b": 10, "c": "z"}


async def test_instances_with_keys_move_the_sequence(jobs: Any) -> None:
    await JOBS.bulk_create([Job(id=9, name="a"), Job(name="b")], sync_sequences=True)
    assert (await JOBS.create(name="c")).id == 10
    rows = [Job(id=n, name="x") for n in range(100, 800)]
    await JOBS.bulk_create(rows, sync_sequences=True)
    assert (await JOBS.create(name="d")).id == 800
    assert await JOBS.sync_sequences() == {}


@pytest.mark.parametrize("count", [3, 700])
async def test_sequences_move_though_another_session_changed_the_table(
    jobs: Any, pg: Any, count: int
) -> None:
    ids = list(range(2, 2 + count))
    await JOBS.bulk_create([Job(name="x") for _ in range(count)])
    await JOBS.delete()
    await pg.execute("ALTER TABLE jobs ALTER tried TYPE bigint, ALTER name TYPE varchar(20)")
    await JOBS.bulk_insert({"id": ids, "name": ["a"] * count}, sync_sequences=True)
    await pg.execute("ALTER TABLE jobs ALTER tried TYPE smallint, ALTER name TYPE text")
    rows = [Job(id=count + n, name="b") for n in ids]
    await JOBS.bulk_create(rows, sync_sequences=True)
    assert await JOBS.count() == 2 * count
    assert (await JOBS.create(name="c")).id == 2 * count + 2


async def test_a_sequence_that_cannot_be_moved_undoes_the_rows(jobs: Any) -> None:
    await jobs.execute("ALTER SEQUENCE jobs_id_seq MAXVALUE 50")
    with pytest.raises(Exception, match="maximum value of sequence"):
        await JOBS.bulk_insert({"id": [99], "name": ["a"]}, sync_sequences=True)
    job = Job(id=99, name="a")
    made = Job(name="b")
    with pytest.raises(Exception, match="maximum value of sequence"):
        await JOBS.bulk_create([job, made], sync_sequences=True)
    assert await JOBS.count() == 0
    assert made.id is None and not made._state.saved and not job._state.saved


async def test_a_key_the_server_made_explains_its_collision(jobs: Any) -> None:
    await JOBS.bulk_insert({"id": [1, 2], "name": ["a", "b"]})
    table = jobs.table("jobs")
    tuple_of = {"name": "t", "tried": 0, "mood": "bad", "tags": [], "token": uuid.UUID(int=1), "number": 1}
    await jobs.execute("SELECT setval('jobs_id_seq', 1, false)")
    for write in (
        lambda: JOBS.create(name="x"),
        lambda: table.create(**tuple_of),
    ):
        with pytest.raises(
            UniqueViolation, match=r'sequence is behind.*db\.table\("(public\.)?jobs"\)\.sync_seq'
        ):
            await write()
    for count in (1, 30, 600):
        await jobs.execute("SELECT setval('jobs_id_seq', 1, false)")
        with pytest.raises(UniqueViolation, match="sequence is behind"):
            await JOBS.bulk_create([Job(name="x") for _ in range(count)])
    assert await JOBS.sync_sequences() == {} or True
    assert (await JOBS.create(name="y")).id > 2


async def test_other_collisions_are_not_explained_so(jobs: Any) -> None:
    job = await JOBS.create(name="x")
    await Ticket.objects.create(name="a")
    for write in (
        lambda: JOBS.create(id=job.id, name="y"),
        lambda: JOBS.bulk_create([Job(id=job.id, name="y")]),
        lambda: Ticket.objects.create(name="a"),
    ):
        with pytest.raises(UniqueViolation) as caught:
            await write()
        assert "sequence" not in str(caught.value)


async def test_whole_numbers_with_gaps_of_pandas(db: Any) -> None:
    """They are integers to integer columns; beside a text the error says how to read them."""
    await db.execute("create table gaps (id int8, v text)")
    table = db.table("gaps")
    await table.bulk_insert(pd.read_csv(io.StringIO("id,v\n1,a\n,b\n")))
    assert [tuple(row) for row in await db.fetch("select * from gaps order by v")] == [(1, "a"), (None, "b")]
    with pytest.raises(DataError, match=r"row 0, column \"v\": .*read_csv\(…, dtype_backend=\"pyarrow\"\)"):
        await table.bulk_insert(pd.read_csv(io.StringIO("id,v\n1,5\n2,\n")))
    large = "id,v\n9007199254740993,a\n,b\n"
    with pytest.raises(DataError, match=r"row 0, column \"id\": .* may have been another whole number"):
        await table.bulk_insert(pd.read_csv(io.StringIO(large)))
    await table.bulk_insert(pd.read_csv(io.StringIO(large), dtype_backend="pyarrow"))
    assert await db.fetchval("select id from gaps where v = 'a' order by id desc limit 1") == 9007199254740993
    await table.bulk_insert(pd.read_csv(io.StringIO("id,v\n2,5\n3,\n"), dtype={"v": str}))
    assert await db.fetchval("select v from gaps where id = 2") == "5"
