"""Bulk writes under faults: part of their transaction, and nothing left after errors, cancels and lost backends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pyarrow as pa
import pytest

from chakra.db import Database
from chakra.errors import ConnectionLost, DatabaseError, DataError
from tests.columnar.accounts import counts, make_accounts, rows
from tests.db.faults import Moment, cancelled_everywhere, settled


@pytest.fixture
async def accounts(pg: asyncpg.Connection[Any], db: Database) -> Any:
    return await make_accounts(pg, db)


async def test_it_is_part_of_the_surrounding_transaction(
    accounts: Any, pg: asyncpg.Connection[Any], db: Database
) -> None:
    with pytest.raises(KeyError):
        async with db.transaction():
            for n in (1, 2):  # the second staging table finds no trace of the first
                await accounts.bulk_insert(
                    {"email": ["a", f"t{n}"], "n": [n, n]}, on_conflict="update", conflict_fields=["email"]
                )
                await accounts.bulk_update({"id": [2], "n": [n]})
            assert await accounts.count() == 4
            with pytest.raises(DataError):
                await accounts.bulk_insert({"email": ["ok", "\0"]}, on_conflict="ignore")
            with pytest.raises(DataError, match="row 1"):
                await accounts.bulk_insert(
                    {"email": ["s", "s"], "n": [1, 2]}, on_conflict="update", conflict_fields=["email"]
                )
            assert await accounts.count() == 4  # the transaction is alive
            assert await db.fetchval("select count(*) from pg_class where relname = 'chakra_staging'") == 0
            raise KeyError
    assert await rows(pg) == {"a": 1, "b": 2}


async def test_the_connection_goes_back_clean(
    accounts: Any, pg: asyncpg.Connection[Any], db: Database
) -> None:
    seen: list[str] = []
    db.hooks.add(lambda event: seen.append(event.sql) if event.phase == "before" else None)
    await accounts.bulk_insert({"email": ["q"]}, on_conflict="ignore")
    await accounts.bulk_update({"id": [1], "n": [5]})
    assert not [sql for sql in seen if "DISCARD" in sql]
    assert not any(session.dirty for session in db.pool._idle)
    assert await pg.fetchval("select count(*) from pg_class where relname = 'chakra_staging'") == 0


async def _upsert(db: Database) -> None:
    names = [f"c{i}" for i in range(2_000)]
    async with db.transaction():
        await db.table("accounts").bulk_insert(
            {"email": [*names, "a"], "n": [0] * 2_001},
            on_conflict="update",
            conflict_fields=["email"],
            returning="keys",
            batch_rows=700,
        )
        raise _Enough


async def _update(db: Database) -> None:
    async with db.transaction():
        await db.table("accounts").bulk_update({"id": list(range(2_000)), "n": [0] * 2_000})
        raise _Enough


async def _insert_keys(db: Database) -> None:
    table = pa.table({"email": [f"c{i}" for i in range(500)]})
    async with db.transaction():
        await db.table("accounts").bulk_insert(table, returning="keys")
        raise _Enough


class _Enough(Exception):
    """Rolls back what got through, so that every run starts from the same rows."""


@pytest.mark.parametrize("moment", ["waiting", "answered"])
@pytest.mark.parametrize("work", [_upsert, _update, _insert_keys])
async def test_cancelled_at_every_await(
    accounts: Any, pg: asyncpg.Connection[Any], db: Database, work: Any, moment: Moment
) -> None:
    async def run() -> None:
        with pytest.raises(_Enough):
            await work(db)

    strikes = 0
    async for k in cancelled_everywhere(run, moment=moment, limit=50):
        strikes = k
        await settled(db, pg)
        assert await rows(pg) == {"a": 1, "b": 2}
        assert await pg.fetchval("select count(*) from pg_class where relname = 'chakra_staging'") == 0
    assert strikes >= 5


STAGES = ["BEGIN", "CREATE TEMPORARY TABLE", "COPY", "SAVEPOINT", "INSERT INTO", "COMMIT"]


@pytest.mark.parametrize("stage", STAGES)
async def test_the_backend_is_terminated(
    accounts: Any, pg: asyncpg.Connection[Any], db: Database, stage: str
) -> None:
    """At each statement: nothing is visible, and the next write gets through."""
    struck = []

    def strike(event: Any) -> None:
        if event.phase == "before" and stage in event.sql and not struck:
            struck.append(event.sql)
            # Before the statement is sent, from another thread: a hook is no coroutine.
            pids = {session.raw.get_server_pid() for session in db.pool._borrowed}
            _terminate(pg, pids)

    remove = db.hooks.add(strike)
    data = {"email": [f"c{i}" for i in range(3_000)], "n": [0] * 3_000}
    with pytest.raises((ConnectionLost, DatabaseError)):
        await accounts.bulk_insert(data, on_conflict="update", conflict_fields=["email"])
    assert struck
    remove()
    assert await rows(pg) == {"a": 1, "b": 2}
    result = await accounts.bulk_insert(data, on_conflict="update", conflict_fields=["email"])
    assert counts(result) == (3_000, 0, 0)
    assert await pg.fetchval("select count(*) from pg_class where relname = 'chakra_staging'") == 0


def _terminate(pg: asyncpg.Connection[Any], pids: set[int]) -> None:
    async def run() -> None:
        address, parameters = pg._addr, pg._params
        connection = await asyncpg.connect(
            host=address[0] if isinstance(address, tuple) else address.rpartition("/")[0],
            port=address[1] if isinstance(address, tuple) else int(address.rpartition(".")[2]),
            user=parameters.user,
            database=parameters.database,
        )
        await connection.execute("select pg_terminate_backend(p, 5000) from unnest($1::int[]) p", list(pids))
        await connection.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    thread.join()


async def test_terminated_amid_the_copy(accounts: Any, pg: asyncpg.Connection[Any], db: Database) -> None:
    async def batches() -> AsyncIterator[pa.RecordBatch]:
        for i in range(40):
            if i == 20:
                pids = [session.raw.get_server_pid() for session in db.pool._borrowed]
                await pg.execute("select pg_terminate_backend(p, 5000) from unnest($1::int[]) p", pids)
            yield pa.record_batch({"email": [f"{i}-{j}" for j in range(2_000)]})

    with pytest.raises(ConnectionLost):
        await accounts.bulk_insert(batches(), on_conflict="ignore")
    assert await rows(pg) == {"a": 1, "b": 2}
    assert counts(await accounts.bulk_insert({"email": ["x"]}, on_conflict="ignore")) == (1, 0, 0)


async def test_data_that_raises(accounts: Any, pg: asyncpg.Connection[Any], db: Database) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"email": ["x"]})
        raise ZeroDivisionError

    async with db.transaction():
        with pytest.raises(ZeroDivisionError):
            await accounts.bulk_insert(batches(), on_conflict="ignore")
        assert await accounts.count() == 2
    await settled(db, pg)


async def test_lock_timeout_of_the_merge(accounts: Any, pg: asyncpg.Connection[Any], db: Database) -> None:
    async with pg.transaction():
        await pg.execute("update accounts set n = 5 where email = 'a'")
        async with db.transaction():
            await db.execute("set local lock_timeout = '50ms'")
            with pytest.raises(DatabaseError, match="lock"):
                await accounts.bulk_insert(
                    {"email": ["a"], "n": [1]}, on_conflict="update", conflict_fields=["email"]
                )
            assert await accounts.count() == 2
