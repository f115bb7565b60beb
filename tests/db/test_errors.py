"""What the server and the driver raise comes out as chakra.errors, with where it happened."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from chakra import errors
from chakra.db import Database
from chakra.db.errors import translate
from tests.db.conftest import Open
from tests.db.faults import settled

SCHEMA = """
create table parent (id int primary key);
create table child (
    id int primary key,
    parent int constraint child_parent references parent,
    name varchar(3) not null,
    age int constraint adult check (age >= 18),
    during int4range, constraint no_overlap exclude using gist (during with &&)
);
insert into parent values (1);
insert into child values (1, 1, 'a', 20, '[1,5)');
"""


@pytest.mark.parametrize(
    ("sql", "kind", "constraint", "column"),
    [
        ("insert into child values (1, 1, 'b', 20)", errors.UniqueViolation, "child_pkey", None),
        ("insert into child values (2, 9, 'b', 20)", errors.ForeignKeyViolation, "child_parent", None),
        ("insert into child values (2, 1, null, 20)", errors.NotNullViolation, None, "name"),
        ("insert into child values (2, 1, 'b', 3)", errors.CheckViolation, "adult", None),
        ("insert into child values (2, 1, 'b', 20, '[2,3)')", errors.ExclusionViolation, "no_overlap", None),
    ],
)
async def test_constraints_are_named(
    db: Database, sql: str, kind: type[errors.IntegrityError], constraint: str | None, column: str | None
) -> None:
    await db.execute(SCHEMA)
    with pytest.raises(kind) as caught:
        await db.run_execute(sql)
    assert caught.value.table == "child"
    assert (caught.value.constraint, caught.value.column) == (constraint, column)
    assert caught.value.sql == sql
    assert isinstance(caught.value.__cause__, asyncpg.PostgresError)
    assert caught.value.sqlstate == caught.value.__cause__.sqlstate
    if caught.value.detail and kind is errors.UniqueViolation:
        assert "(id)=(1)" in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "args", "words"),
    [
        ("insert into parent values ($1)", ("x",), ["$1", "'x'"]),
        ("insert into parent values ($1)", (2**31,), ["$1", "2147483648"]),
        ("select $1::int, $2::bool, $3::date", (1, True, "tomorrow"), ["$3", "tomorrow"]),
        ("select $1::int", (), ["expects 1 argument", "0 were passed"]),
        ("select 1", (1,), ["expects 0 arguments"]),
        ("select $1::jsonb", ({"a": float("nan")},), ["$1", "JSON"]),
        ("select $1::jsonb", ({"a": object()},), ["$1", "not JSON serializable"]),
        ("select $1::text", ("a\0b",), ["0x00"]),
        ("insert into child values (5, 1, 'too long', 20)", (), ["character varying(3)"]),
        ("select 1 / $1::int", (0,), ["division by zero"]),
        ("select $1::text::int", ("abc",), ["integer", "abc"]),
    ],
)
async def test_a_value_that_does_not_fit(db: Database, sql: str, args: Any, words: list[str]) -> None:
    await db.execute(SCHEMA)
    with pytest.raises(errors.DataError) as caught:
        await db.run_fetch(sql, args)
    for word in words:
        assert word in str(caught.value)
    assert db.pool.figures.idle == db.pool.figures.size  # no connection was lost over it


async def test_the_parameter_and_the_row_are_named(db: Database) -> None:
    await db.execute(SCHEMA)
    with pytest.raises(errors.DataError) as caught:
        await db.run_fetchrow("select $1::int, $2::int", (1, "x"))
    assert caught.value.column == "$2"
    with pytest.raises(errors.DataError) as caught:
        await db.executemany("insert into parent values ($1)", [(5,), (6,), ("x",)])
    assert (caught.value.row, caught.value.column) == (2, "$1")
    assert await db.fetchval("select count(*) from parent") == 1


async def test_a_mistake_in_sql_keeps_its_sqlstate(db: Database) -> None:
    for sql, state in [("selec 1", "42601"), ("select * from nowhere", "42P01"), ("select nope", "42703")]:
        with pytest.raises(errors.DatabaseError) as caught:
            await db.fetch(sql)
        assert type(caught.value) is errors.DatabaseError
        assert (caught.value.sqlstate, caught.value.sql) == (state, sql)


async def test_timeouts_of_the_server(db: Database, pg: asyncpg.Connection[Any]) -> None:
    await pg.execute("create table t (a int)")
    await pg.execute("begin; lock table t")
    async with db.transaction():
        await db.execute("set local statement_timeout = '30ms'")
        with pytest.raises(errors.QueryCancelled, match="statement timeout"):
            async with db.transaction():
                await db.fetch("select pg_sleep(10)")
        await db.execute("set local lock_timeout = '30ms'; set local statement_timeout = 0")
        with pytest.raises(errors.QueryCancelled, match="lock timeout"):
            async with db.transaction():
                await db.fetch("select * from t")
        assert await db.fetchval("select 1") == 1


async def test_the_server_ends_an_idle_transaction(db: Database, pg: asyncpg.Connection[Any]) -> None:
    with pytest.raises(errors.ConnectionLost):
        async with db.transaction():
            await db.execute("set local idle_in_transaction_session_timeout = '20ms'")
            await asyncio.sleep(0.15)
            await db.fetch("select 1")
    with pytest.raises(errors.ConnectionLost, match="rolled it back"):
        async with db.transaction():
            await db.execute("set local idle_in_transaction_session_timeout = '20ms'")
            await asyncio.sleep(0.15)
    await settled(db, pg)


async def test_the_clients_own_timeout(open_db: Open) -> None:
    db = await open_db(max_connections=1, command_timeout="80ms")
    with pytest.raises(errors.QueryCancelled, match="command_timeout"):
        await db.fetch("select pg_sleep(10)")
    assert await db.fetchval("select 1") == 1


async def test_a_deadlock_can_be_retried(db: Database) -> None:
    await db.execute("create table t (id int primary key, n int); insert into t values (1, 0), (2, 0)")
    both = asyncio.Barrier(2)

    async def cross(first: int, second: int) -> None:
        async with db.transaction():
            await db.execute("set local deadlock_timeout = '20ms'")
            await db.run_execute("update t set n = n + 1 where id = $1", (first,))
            await both.wait()
            await db.run_execute("update t set n = n + 1 where id = $1", (second,))

    results = await asyncio.gather(cross(1, 2), cross(2, 1), return_exceptions=True)
    failed = [r for r in results if r is not None]
    assert len(failed) == 1
    assert isinstance(failed[0], errors.SerializationError)
    assert failed[0].sqlstate == "40P01"


def test_errors_of_others_are_left_alone() -> None:
    for error in (ValueError("x"), KeyError(1), asyncio.CancelledError(), errors.FieldError("y")):
        assert translate(error) is error
    assert isinstance(translate(ConnectionResetError("gone")), errors.ConnectionLost)
    assert isinstance(translate(TimeoutError()), errors.QueryCancelled)


async def test_shutdown_of_the_server_is_a_lost_connection() -> None:
    for state in ("57P01", "57P05", "25P03", "08006"):
        error = asyncpg.PostgresError.new({"C": state, "M": "bye", "S": "FATAL"})
        assert isinstance(translate(error), errors.ConnectionLost)


CONTEXT = "COPY t, line {line}, column a"


@pytest.mark.parametrize(
    ("state", "line", "row"),
    [
        ("22003", 3, 2),
        ("23514", 1, 0),
        ("P0001", 7, 6),
        ("57014", 5, None),  # a timeout: the row it struck at is not to blame
        ("55P03", 2, None),
        ("40P01", 2, None),
        ("53100", 9, None),
        ("57014", 0, None),  # before the first row
        ("22P04", 0, None),
        ("42501", 0, None),
    ],
)
def test_the_row_of_a_copy_is_named_where_a_row_is_to_blame(state: str, line: int, row: int | None) -> None:
    fields = {"S": "ERROR", "V": "ERROR", "C": state, "M": "refused", "W": CONTEXT.format(line=line)}
    error = translate(asyncpg.PostgresError.new(fields))
    assert ("row" in str(error)) is (row is not None)
    assert "row -1" not in str(error)
    if isinstance(error, errors.DataError):
        assert (error.row, error.sqlstate) == (row, state)
    if row is not None:
        assert f"row {row}, " in str(error)
