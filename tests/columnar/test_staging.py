"""Bulk writes through the staging table: conflict clauses, keys, updates; against a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from chakra.db import Database
from chakra.errors import (
    CheckViolation,
    DataError,
    FieldError,
    ForeignKeyViolation,
    UniqueViolation,
)
from tests.columnar.accounts import counts, make_accounts, rows
from tests.plugins.needs import needs_server


@pytest.fixture
async def accounts(pg: asyncpg.Connection[Any], db: Database) -> Any:
    return await make_accounts(pg, db)


# -- conflict clauses -----------------------------------------------------------------------------------


async def test_update_overwrites_and_counts(accounts: Any, pg: asyncpg.Connection[Any]) -> None:
    data = pa.table({"email": ["b", "c", "a"], "n": [20, 30, 10]})
    result = await accounts.bulk_insert(data, on_conflict="update", conflict_fields=["email"])
    assert counts(result) == (1, 2, 0)
    assert result.keys is None
    assert await rows(pg) == {"a": 10, "b": 20, "c": 30}


async def test_ignore_keeps_what_is_there_and_the_first_of_equals(
    accounts: Any, pg: asyncpg.Connection[Any]
) -> None:
    data = {"email": ["c", "a", "c", "d"], "n": [1, 99, 2, 3]}
    assert counts(await accounts.bulk_insert(data, on_conflict="ignore")) == (2, 0, 2)
    assert await rows(pg) == {"a": 1, "b": 2, "c": 1, "d": 3}


async def test_the_first_of_equals_wins_whatever_the_size_of_rows(
    accounts: Any, pg: asyncpg.Connection[Any]
) -> None:
    """Free space on early pages of the staging table must not be filled by later rows."""
    await pg.execute("alter table accounts alter column note type text")
    sizes = [10, 7_000, 10, 7_500, 3_000, 10] * 300
    data = {
        "email": [f"e{i // 3}" for i in range(len(sizes))],
        "n": list(range(len(sizes))),
        "note": [chr(97 + i % 26) * size for i, size in enumerate(sizes)],
    }
    result = await accounts.bulk_insert(data, on_conflict="ignore")
    assert counts(result) == (600, 0, 1200)
    found = await pg.fetch("select email, n from accounts where id > 2")
    assert {r["email"]: r["n"] for r in found} == {f"e{i}": 3 * i for i in range(600)}


async def test_primary_key_decides_by_default(accounts: Any, pg: asyncpg.Connection[Any]) -> None:
    result = await accounts.bulk_insert({"id": [1, 50], "email": ["x", "y"]}, on_conflict="update")
    assert counts(result) == (1, 1, 0)
    found = await pg.fetch("select id, email, n from accounts order by id")
    # n is not in the data: it keeps its value where there was a row, and gets its default where there was none.
    assert [tuple(r) for r in found] == [(1, "x", 1), (2, "b", 2), (50, "y", 7)]


async def test_update_fields_limit_what_is_overwritten(accounts: Any, pg: asyncpg.Connection[Any]) -> None:
    data = {"id": [900, 901], "email": ["a", "z"], "n": [5, 6], "note": ["new", "new"]}
    await accounts.bulk_insert(data, on_conflict="update", conflict_fields=["email"], update_fields=["note"])
    found = await pg.fetch("select id, email, n, note from accounts order by id")
    assert [tuple(r) for r in found] == [(1, "a", 1, "new"), (2, "b", 2, None), (901, "z", 6, "new")]


async def test_the_primary_key_of_a_row_that_exists_is_not_overwritten(
    accounts: Any, pg: asyncpg.Connection[Any]
) -> None:
    data = {"id": [900], "email": ["a"], "n": [5]}
    result = await accounts.bulk_insert(
        data, on_conflict="update", conflict_fields=["email"], returning="keys"
    )
    assert result.keys.to_pylist() == [1]
    assert await pg.fetchval("select n from accounts where id = 1") == 5


async def test_null_is_in_conflict_with_nothing(accounts: Any, pg: asyncpg.Connection[Any]) -> None:
    for clause in ("update", "ignore"):
        result = await accounts.bulk_insert(
            {"email": [None, "a", None], "n": [4, 5, 6]},
            on_conflict=clause,
            conflict_fields=["email"],
            returning="keys",
        )
        assert result.inserted == 2
        first, second, third = result.keys.to_pylist()
        assert second == 1
        assert await pg.fetchval("select n from accounts where id = $1", first) == 4
        assert await pg.fetchval("select n from accounts where id = $1", third) == 6


async def test_a_row_twice_in_an_update_is_named(accounts: Any, pg: asyncpg.Connection[Any]) -> None:
    data = {"email": ["q", "a", "r", "s", "a", "r"], "n": [1] * 6}
    with pytest.raises(DataError, match="row 4 has the same email as row 1") as caught:
        await accounts.bulk_insert(data, on_conflict="update", conflict_fields=["email"])
    assert (caught.value.row, caught.value.column) == (4, "email")
    assert await rows(pg) == {"a": 1, "b": 2}


@pytest.mark.parametrize("clause", ["update", "ignore"])
async def test_counts_are_exact_beside_other_writers(accounts: Any, db: Database, clause: str) -> None:
    """Eight writers of overlapping keys: every row is inserted once, and each insert is counted once."""
    names = [f"k{i}" for i in range(400)]

    async def write(seed: int) -> Any:
        # The same order in all of them, or they would deadlock.
        chosen = [n for i, n in enumerate(names) if (i * 7 + seed) % 3]
        result = await db.table("accounts").bulk_insert(
            {"email": chosen, "n": [seed] * len(chosen)}, on_conflict=clause, conflict_fields=["email"]
        )
        assert sum(counts(result)) == len(chosen)
        return result

    results = await asyncio.gather(*map(write, range(8)))
    assert sum(r.inserted for r in results) == 400
    assert await accounts.count() == 402


async def test_update_counts_a_row_that_appears_while_it_runs(
    accounts: Any, pg: asyncpg.Connection[Any]
) -> None:
    """The statement waits for another transaction's insert and then finds its row: updated, not inserted."""
    async with pg.transaction():
        await pg.execute("insert into accounts (email, n) values ('late', 1)")
        writing = asyncio.create_task(
            accounts.bulk_insert(
                {"email": ["late", "new"], "n": [8, 9]},
                on_conflict="update",
                conflict_fields=["email"],
                returning="keys",
            )
        )
        await asyncio.sleep(0.2)
        assert not writing.done()
    result = await writing
    assert counts(result) == (1, 1, 0)
    assert result.keys[0].as_py() == await pg.fetchval("select id from accounts where email = 'late'")
    assert (await rows(pg))["late"] == 8


async def test_a_trigger_that_refuses_rows_makes_them_skipped(
    accounts: Any, pg: asyncpg.Connection[Any]
) -> None:
    await pg.execute(
        """create function refuse() returns trigger language plpgsql as
           $$ begin if new.n < 0 then return null; end if; return new; end $$;
           create trigger refuse before insert or update on accounts
           for each row execute function refuse()"""
    )
    data = {"email": ["a", "b", "c", "d"], "n": [-1, 5, -1, 5]}
    result = await accounts.bulk_insert(data, on_conflict="update", conflict_fields=["email"])
    assert counts(result) == (1, 1, 2)


async def test_partitions_of_another_layout(pg: asyncpg.Connection[Any], db: Database) -> None:
    await pg.execute(
        """create table parts (id int primary key, k int, v int) partition by range (id);
           create table low (v int, k int, id int not null);
           alter table parts attach partition low for values from (0) to (10);
           create table high partition of parts for values from (10) to (20);
           insert into parts values (1, 1, 1), (11, 1, 1)"""
    )
    data = {"id": [1, 2, 11, 12], "v": [9, 9, 9, 9]}
    assert counts(await db.table("parts").bulk_insert(data, on_conflict="update")) == (2, 2, 0)
    await pg.execute(
        """create function left_out() returns trigger language plpgsql as $$ begin return null; end $$;
           create trigger t before update on low for each row execute function left_out()"""
    )
    data = {"id": [1, 3, 11, 13], "v": [8, 8, 8, 8]}
    result = await db.table("parts").bulk_insert(data, on_conflict="update")
    assert counts(result) == (2, 1, 1)  # which rows are which, before PostgreSQL 18 as well
    assert counts(await db.table("parts").bulk_insert(data, on_conflict="ignore"))[1:] != (0, 0)


async def test_identities_and_names_that_need_quotes(pg: asyncpg.Connection[Any], db: Database) -> None:
    await pg.execute(
        'create table "Odd ""t" ("K""ey" int generated by default as identity primary key, '
        '"select" text unique, chakra_row int)'
    )
    table = db.table('"Odd ""t"')
    await table.bulk_insert({'K"ey': [5], "select": ["a"]})
    result = await table.bulk_insert(
        {'K"ey': [5, 6], "select": ["x", "y"], "chakra_row": [1, 2]},
        on_conflict="update",
        returning="keys",
    )
    assert counts(result) == (1, 1, 0)
    assert result.keys == pa.array([5, 6], pa.int32())
    assert await pg.fetchval('select "select" from "Odd ""t" where "K""ey" = 5') == "x"
    await pg.execute('alter table "Odd ""t" alter "K""ey" set generated always')
    with pytest.raises(DataError, match=r'"K"ey" of Odd "t is GENERATED ALWAYS.*COLUMN "K""ey" SET'):
        await table.bulk_insert({'K"ey': [9], "select": ["a"]}, on_conflict="update")
    drawn = await table.bulk_insert({"select": ["drawn", "x"]}, on_conflict="ignore", returning="keys")
    assert counts(drawn) == (1, 0, 1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"on_conflict": "replace"}, 'is "ignore", "update" or None'),
        ({"on_conflict": "update"}, "has no column 'id'"),
        ({"on_conflict": "update", "conflict_fields": "email"}, "takes a list of names"),
        ({"on_conflict": "update", "conflict_fields": []}, "conflict_fields is empty"),
        ({"on_conflict": "update", "conflict_fields": ["emial"]}, "no field 'emial'"),
        ({"on_conflict": "update", "conflict_fields": ["n"]}, "no primary key or unique constraint"),
        ({"on_conflict": "ignore", "conflict_fields": ["n", "email"]}, "over exactly these fields"),
        ({"on_conflict": "update", "conflict_fields": ["email", "n"]}, "nothing to update"),
        (
            {"on_conflict": "update", "conflict_fields": ["email"], "update_fields": ["note"]},
            "'note', which the data does not have",
        ),
        ({"on_conflict": "ignore", "update_fields": ["n"]}, 'needs on_conflict="update"'),
        ({"conflict_fields": ["email"]}, "need on_conflict"),
        ({"update_fields": ["n"]}, "need on_conflict"),
        ({"returning": "id"}, 'returning is "keys", "arrow", True or a list'),
        ({"batch_rows": 0}, "batch_rows=0"),
        ({"conflict": "ignore"}, "no option 'conflict'"),
        (
            {"on_conflict": "update", "conflict_fields": ['email") do nothing; drop table accounts; --']},
            "no field",
        ),
    ],
)
async def test_options_are_checked(
    accounts: Any, pg: asyncpg.Connection[Any], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(FieldError, match=says.replace("(", r"\(")):
        await accounts.bulk_insert({"email": ["x"], "n": [1]}, **options)
    assert await rows(pg) == {"a": 1, "b": 2}


# -- what is refused before anything is visible ---------------------------------------------------------


BAD = [
    ({"email": ["x", "a\0b"], "n": [1, 2]}, 1, "email"),
    ({"email": ["x", "y", "z"], "n": [1, 2, None]}, 2, "n"),
    ({"email": ["x", "y"], "n": [1, 2**40]}, 1, "n"),
    ({"email": pa.array([b"ok", b"\xff"]).view(pa.string()), "n": [1, 2]}, 1, "email"),
    ({"email": ["x"], "m": [1]}, None, "m"),
]


@pytest.mark.parametrize("options", [{"on_conflict": "ignore"}, {"returning": "keys"}, {}])
@pytest.mark.parametrize(("data", "row", "column"), BAD)
async def test_bad_values_are_named(
    accounts: Any,
    pg: asyncpg.Connection[Any],
    data: Any,
    row: int | None,
    column: str,
    options: dict[str, Any],
) -> None:
    with pytest.raises(DataError) as caught:
        await accounts.bulk_insert(data, **options)
    assert (caught.value.row, caught.value.column) == (row, column)
    assert await rows(pg) == {"a": 1, "b": 2}


async def test_rows_are_numbered_across_batches(accounts: Any, pg: asyncpg.Connection[Any]) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"email": ["x", "y"], "n": [1, 2]})
        yield pa.record_batch({"email": ["z", "bad\0"], "n": [1, 2]})

    with pytest.raises(DataError) as caught:
        await accounts.bulk_insert(batches(), on_conflict="update", conflict_fields=["email"])
    assert (caught.value.row, caught.value.column) == (3, "email")
    assert await rows(pg) == {"a": 1, "b": 2}


async def test_a_missing_column_is_named(pg: asyncpg.Connection[Any], db: Database) -> None:
    await pg.execute("create table strict (id int primary key, v int not null)")
    with pytest.raises(DataError, match='has no column "v"'):
        await db.table("strict").bulk_insert({"id": [1]}, on_conflict="ignore")


async def test_a_later_batch_of_other_columns(accounts: Any, pg: asyncpg.Connection[Any]) -> None:
    batches = [pa.record_batch({"email": ["x"], "n": [1]}), pa.record_batch({"n": [1], "mail": ["y"]})]
    with pytest.raises(DataError, match="the first one had"):
        await accounts.bulk_insert(batches, on_conflict="ignore", returning="keys")
    assert await rows(pg) == {"a": 1, "b": 2}


async def test_constraints_are_the_servers(accounts: Any, pg: asyncpg.Connection[Any]) -> None:
    await pg.execute("alter table accounts add check (n < 100), add column boss bigint references accounts")
    with pytest.raises(CheckViolation):
        await accounts.bulk_insert({"email": ["x"], "n": [100]}, on_conflict="ignore")
    with pytest.raises(ForeignKeyViolation):
        await accounts.bulk_insert({"email": ["x"], "boss": [77]}, on_conflict="ignore")
    with pytest.raises(UniqueViolation):  # the conflict is not over the fields that were named
        await accounts.bulk_insert(
            {"id": [1], "email": ["x"]}, on_conflict="ignore", conflict_fields=["email"]
        )
    with pytest.raises(UniqueViolation):
        await accounts.bulk_insert({"email": ["a"]}, returning="keys")
    assert await rows(pg) == {"a": 1, "b": 2}


# -- keys -----------------------------------------------------------------------------------------------


def _stream(table: pa.Table) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=7))


async def _asynchronous(table: pa.Table) -> AsyncIterator[pa.RecordBatch]:
    for batch in table.to_batches(max_chunksize=7):
        yield batch
        await asyncio.sleep(0)


SHAPES = {
    "table": lambda t: t,
    "batch": lambda t: t.combine_chunks().to_batches()[0],
    "polars": pl.from_arrow,
    "pandas": lambda t: t.to_pandas(),
    "dict": lambda t: {"email": t["email"].to_pylist(), "n": np.array(t["n"])},
    "stream": _stream,
    "batches": lambda t: t.to_batches(max_chunksize=7),
    "asynchronous": _asynchronous,
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_keys_come_in_the_order_of_the_data(
    accounts: Any, pg: asyncpg.Connection[Any], shape: str
) -> None:
    table = pa.table({"email": [f"m{i * 37 % 50}" for i in range(50)], "n": list(range(50))})
    result = await accounts.bulk_insert(SHAPES[shape](table), returning="keys")
    assert result.inserted == 50
    found = {r["id"]: r["email"] for r in await pg.fetch("select id, email from accounts")}
    assert [found[key] for key in result.keys.to_pylist()] == table["email"].to_pylist()


async def test_keys_do_not_race(accounts: Any, pg: asyncpg.Connection[Any], db: Database) -> None:
    """While others draw from the same sequence, every writer gets the keys of its own rows."""

    async def write(name: int) -> None:
        emails = [f"w{name}-{i}" for i in range(300)]
        result = await db.table("accounts").bulk_insert({"email": emails}, returning="keys")
        found = await db.fetch(
            "select email from accounts where id = any ($1) order by id", result.keys.to_pylist()
        )
        assert sorted(r["email"] for r in found) == sorted(emails)

    async def nibble() -> None:
        for _ in range(200):
            await pg.fetchval("select nextval('accounts_id_seq')")

    await asyncio.gather(nibble(), *map(write, range(6)))


@pytest.mark.parametrize("clause", ["update", "ignore"])
@pytest.mark.parametrize("shape", ["table", "stream"])
async def test_keys_behind_a_conflict_clause(
    accounts: Any, pg: asyncpg.Connection[Any], clause: str, shape: str
) -> None:
    table = pa.table({"email": ["z", "b", "y", "a", "x"], "n": [5] * 5})
    result = await accounts.bulk_insert(
        SHAPES[shape](table), on_conflict=clause, conflict_fields=["email"], returning="keys"
    )
    assert result.inserted == 3
    found = {r["id"]: r["email"] for r in await pg.fetch("select id, email from accounts")}
    assert [found[key] for key in result.keys.to_pylist()] == table["email"].to_pylist()


async def test_ignored_rows_have_no_key_where_nobody_says_what_they_met(
    accounts: Any, pg: asyncpg.Connection[Any]
) -> None:
    result = await accounts.bulk_insert(
        {"email": ["a", "new", "new"]}, on_conflict="ignore", returning="keys"
    )
    key = await pg.fetchval("select id from accounts where email = 'new'")
    assert result.keys.to_pylist() == [None, key, None]


async def test_keys_made_by_a_default(pg: asyncpg.Connection[Any], db: Database) -> None:
    await pg.execute("create table tokens (id uuid primary key default gen_random_uuid(), name text unique)")
    table = db.table("tokens")
    for data in ({"name": ["a", "b"]}, _stream(pa.table({"name": ["c", "d"]}))):
        result = await table.bulk_insert(data, returning="keys")
        found = await pg.fetch(
            "select name from tokens where id = any ($1) order by name", result.keys.to_pylist()
        )
        assert len(found) == 2
    result = await table.bulk_insert(
        {"name": ["b", "e"]}, on_conflict="ignore", conflict_fields=["name"], returning="keys"
    )
    found = {r["id"]: r["name"] for r in await pg.fetch("select id, name from tokens")}
    assert [found[key] for key in result.keys.to_pylist()] == ["b", "e"]


async def test_serial_and_composite_keys(pg: asyncpg.Connection[Any], db: Database) -> None:
    await pg.execute("create table s (a serial, b int, v int, primary key (a, b))")
    result = await db.table("s").bulk_insert({"b": [10, 20], "v": [1, 2]}, returning="keys")
    assert result.keys.to_pylist() == [{"a": 1, "b": 10}, {"a": 2, "b": 20}]
    result = await db.table("s").bulk_insert(
        {"a": [1, 9], "b": [10, 9], "v": [5, 6]}, on_conflict="update", returning="keys"
    )
    assert counts(result) == (1, 1, 0)
    assert result.keys.to_pylist() == [{"a": 1, "b": 10}, {"a": 9, "b": 9}]


async def test_no_rows(accounts: Any, pg: asyncpg.Connection[Any]) -> None:
    empty = pa.table({"email": pa.array([], pa.string())})
    for data in (empty, _stream(empty)):
        result = await accounts.bulk_insert(data, returning="keys")
        assert (result.inserted, len(result.keys), result.keys.type) == (0, 0, pa.int64())
    result = await accounts.bulk_insert(
        {"email": [], "n": []}, on_conflict="update", conflict_fields=["email"]
    )
    assert counts(result) == (0, 0, 0)


async def test_keys_need_a_primary_key(pg: asyncpg.Connection[Any], db: Database) -> None:
    await pg.execute("create table heap (v int)")
    with pytest.raises(FieldError, match="no primary key"):
        await db.table("heap").bulk_insert({"v": [1]}, returning="keys")


# -- bulk_update ----------------------------------------------------------------------------------------


async def test_update_from_columns(accounts: Any, pg: asyncpg.Connection[Any]) -> None:
    data = pa.table({"n": [10, 20, 30], "id": [1, 2, 99], "note": ["x", None, "z"]})
    assert await accounts.bulk_update(data) == 2
    found = await pg.fetch("select id, email, n, note from accounts order by id")
    assert [tuple(r) for r in found] == [(1, "a", 10, "x"), (2, "b", 20, None)]


async def test_update_of_some_fields_by_another_key(accounts: Any, pg: asyncpg.Connection[Any]) -> None:
    await pg.execute("insert into accounts (email, n) values ('c', 1)")
    data = {"n": [1, 2], "note": ["one", "two"], "email": ["ignored", "ignored"]}
    assert await accounts.bulk_update(data, fields=["note"], key=["n"]) == 3
    found = await pg.fetch("select email, note from accounts order by id")
    assert [tuple(r) for r in found] == [("a", "one"), ("b", "two"), ("c", "one")]


@pytest.mark.parametrize(
    ("data", "options", "error", "says"),
    [
        ({"id": [1, 2, 1], "n": [1, 2, 3]}, {}, DataError, "row 2 has the same id as row 0"),
        (
            {"email": ["a", "a", "b"], "n": [1, 2, 3]},
            {"key": ["email"]},
            DataError,
            "row 1 has the same email",
        ),
        ({"id": [1], "n": [None]}, {}, DataError, "NOT NULL"),
        ({"id": [1], "m": [3]}, {}, DataError, 'no column "m"'),
        ({"n": [1]}, {}, DataError, 'no column "id"'),
        ({"id": [1]}, {}, FieldError, "nothing to write"),
        ({"id": [1], "n": [1]}, {"fields": ["id"]}, FieldError, "both the key"),
        ({"id": [1], "n": [1]}, {"fields": ["x"]}, FieldError, "no field 'x'"),
        ({"id": [1], "n": [1]}, {"keys": ["id"]}, FieldError, "no option 'keys'"),
    ],
)
async def test_updates_that_are_refused(
    accounts: Any, pg: asyncpg.Connection[Any], data: Any, options: Any, error: Any, says: str
) -> None:
    with pytest.raises(error, match=says):
        await accounts.bulk_update(data, **options)
    assert await rows(pg) == {"a": 1, "b": 2}


# -- what the table does on its own ---------------------------------------------------------------------


async def test_serial_keys_of_four_bytes(pg: asyncpg.Connection[Any], db: Database) -> None:
    await pg.execute("create table s (id serial primary key, n int)")
    result = await db.table("s").bulk_insert({"n": [5, 6]}, returning="keys")
    assert result.keys.to_pylist() == [1, 2]
    assert [tuple(r) for r in await pg.fetch("select * from s order by id")] == [(1, 5), (2, 6)]


@needs_server(15, "NULLS NOT DISTINCT")
async def test_nulls_not_distinct(pg: asyncpg.Connection[Any], db: Database) -> None:
    """NULL finds a row; that it has another key than the staged one must not be hidden."""
    await pg.execute("create table k (id serial primary key, k int, v int, unique nulls not distinct (k))")
    await pg.execute("insert into k (k, v) values (null, 0), (1, 1)")
    data = {"k": [None, 1, 2], "v": [10, 11, 12]}
    result = await db.table("k").bulk_insert(
        data, on_conflict="update", conflict_fields=["k"], returning="keys"
    )
    assert counts(result) == (1, 2, 0)
    made = await pg.fetchval("select id from k where k = 2")
    assert result.keys.to_pylist() == [None, 2, made]
    assert await pg.fetchval("select v from k where id = 1") == 10


TRIGGER = """
create function guard() returns trigger language plpgsql as $$ begin {body} end $$;
create trigger guard before insert on accounts for each row execute function guard()
"""
SKIP = "if new.n % 2 = 0 then return null; end if; return new;"
RENUMBER = "new.id := new.id + 1000; return new;"


@pytest.mark.parametrize(
    ("body", "data", "options", "expected"),
    [
        (SKIP, {"n": [11, 12, 13]}, {}, [3, None, 5]),
        (SKIP, {"id": [91, 92], "n": [11, 12]}, {}, [91, None]),
        (SKIP, {"id": [91, 92], "n": [11, 12]}, {"on_conflict": "update"}, [91, None]),
        (RENUMBER, {"n": [11, 12]}, {}, [None, None]),
        (RENUMBER, {"id": [91], "n": [11]}, {"on_conflict": "ignore", "conflict_fields": ["id"]}, [None]),
    ],
)
async def test_no_row_gets_a_key_it_does_not_have(
    accounts: Any, pg: asyncpg.Connection[Any], body: str, data: Any, options: Any, expected: list[int | None]
) -> None:
    await pg.execute(TRIGGER.format(body=body))
    result = await accounts.bulk_insert(data, returning="keys", **options)
    assert result.keys.to_pylist() == expected
    there = {r["id"]: r["n"] for r in await pg.fetch("select id, n from accounts")}
    assert [there[key] for key in expected if key] == [
        n for n, key in zip(data["n"], expected, strict=True) if key
    ]
