"""A commit without an answer says so, is never called cancelled, and is never repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from chakra import errors
from chakra.db import Database
from chakra.query.bulk import written_within
from tests.db.conftest import Open
from tests.db.faults import settled
from tests.db.proxy import Proxy

Way = Callable[[Database], Awaitable[Any]]


@pytest.fixture
async def table(pg: asyncpg.Connection[Any]) -> None:
    await pg.execute("create table t (id int)")


async def insert(db: Database) -> None:
    await db.run_execute("insert into t values (1)")


async def block(db: Database) -> None:
    async with db.transaction():
        await insert(db)


async def pinned(db: Database) -> None:
    async with db.acquire() as connection, connection.transaction():
        await connection.run_execute("insert into t values (1)")


async def with_retries(db: Database) -> None:
    await db.transaction(isolation="serializable", retries=5).run(insert, db)


async def decorated(db: Database) -> None:
    await db.transaction(retries=5)(insert)(db)


async def with_timeout(db: Database) -> None:
    await written_within(30, db, lambda: insert(db))


async def nested(db: Database) -> None:
    async with db.transaction():
        await with_timeout(db)


WAYS: list[Way] = [block, pinned, with_retries, decorated, with_timeout, nested]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_the_answer_is_lost(
    open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any], table: None, way: Way
) -> None:
    db = await open_db(proxy.url, max_connections=2)
    begun: list[str] = []
    db.hooks.add(lambda event: begun.append(event.sql) if event.phase == "before" else None)
    proxy.when(b"COMMIT", proxy.cut)
    with pytest.raises(errors.CommitUnknown, match="it may have happened") as caught:
        await way(db)
    assert isinstance(caught.value, errors.ConnectionLost)
    assert await pg.fetchval("select count(*) from t") == 1  # it has happened, once
    assert begun.count("COMMIT") == 1
    await settled(db, pg)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_command_timeout_passes_during_the_commit(
    open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any], table: None, way: Way
) -> None:
    db = await open_db(proxy.url, max_connections=2, command_timeout="200ms")
    proxy.when(b"COMMIT", lambda: None)  # only this answer is lost; what is asked next gets through
    with pytest.raises(errors.CommitUnknown, match="command_timeout"):
        await way(db)
    assert await pg.fetchval("select count(*) from t") == 1


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_the_server_is_shut_down_during_the_commit(
    open_db: Open, pg: asyncpg.Connection[Any], table: None, way: Way
) -> None:
    await pg.execute(
        "create function f() returns trigger language plpgsql as "
        "$$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$; "
        "create constraint trigger c after insert on t initially deferred for each row execute function f()"
    )
    db = await open_db(max_connections=2)
    with pytest.raises(errors.CommitUnknown):
        await way(db)
    await settled(db, pg)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_a_refused_commit_is_what_the_server_says(
    open_db: Open, pg: asyncpg.Connection[Any], way: Way
) -> None:
    await pg.execute(
        "create table p (id int primary key);"
        "create table t (id int references p deferrable initially deferred)"
    )
    db = await open_db(max_connections=2)
    with pytest.raises(errors.ForeignKeyViolation):
        await way(db)
    await settled(db, pg)


async def test_a_refused_value_in_the_commit(open_db: Open, pg: asyncpg.Connection[Any], table: None) -> None:
    await pg.execute(
        "create function f() returns trigger language plpgsql as $$ begin perform 1 / 0; end $$;"
        "create constraint trigger c after insert on t initially deferred for each row execute function f()"
    )
    db = await open_db(max_connections=1)
    with pytest.raises(errors.DataError, match="division by zero") as caught:
        await block(db)
    assert caught.value.sqlstate == "22012"
    await settled(db, pg)


async def test_a_connection_that_broke_before_the_commit_is_not_unknown(
    open_db: Open, pg: asyncpg.Connection[Any], table: None
) -> None:
    db = await open_db(max_connections=1)
    with pytest.raises(errors.ConnectionLost, match="rolled it back") as caught:
        async with db.transaction():
            await insert(db)
            assert db.current_transaction().session.raw._transport.abort() is None  # type: ignore[union-attr]
            await asyncio.sleep(0)
    assert not isinstance(caught.value, errors.CommitUnknown)
    assert await pg.fetchval("select count(*) from t") == 0


async def test_a_commit_that_was_never_sent_is_not_unknown(
    open_db: Open, pg: asyncpg.Connection[Any], table: None
) -> None:
    db = await open_db(max_connections=1)
    with pytest.raises(errors.TransactionError, match="busy"):
        async with db.transaction():
            await insert(db)
            other = asyncio.create_task(db.fetch("select pg_sleep(0.5)"))
            await asyncio.sleep(0)
    await other  # it had its end waited for, and was rolled back with the rest
    assert await pg.fetchval("select count(*) from t") == 0
    await settled(db, pg)


# -- a cancel while COMMIT is on its way ----------------------------------------------------------------


async def test_a_cancel_is_delivered_after_the_commit(
    open_db: Open, pg: asyncpg.Connection[Any], table: None
) -> None:
    db = await open_db(max_connections=1)
    called: list[int] = []

    async def work() -> None:
        async with db.transaction() as transaction:
            await insert(db)
            transaction.on_commit(lambda: called.append(1))

    def cancel(event: Any) -> None:
        if event.phase == "before" and event.sql == "COMMIT":
            asyncio.get_running_loop().call_soon(task.cancel)

    remove = db.hooks.add(cancel)
    task = asyncio.create_task(work())
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    remove()
    assert any("was committed before the cancel" in note for note in caught.value.__notes__)
    assert called == [1]
    assert await pg.fetchval("select count(*) from t") == 1
    await settled(db, pg)


async def test_a_timeout_during_the_commit_stays_a_timeout(
    open_db: Open, pg: asyncpg.Connection[Any], table: None
) -> None:
    db = await open_db(max_connections=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as clock:
            once = iter([lambda: clock.reschedule(0)])
            db.hooks.add(lambda event: next(once, int)() if event.sql == "COMMIT" else None)
            await block(db)
    assert await pg.fetchval("select count(*) from t") == 1
    await settled(db, pg)


async def test_a_cancel_during_a_commit_that_is_never_answered(
    open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any], table: None
) -> None:
    db = await open_db(proxy.url, max_connections=1)
    reached = proxy.when(b"COMMIT", proxy.hush)
    task = asyncio.create_task(block(db))
    await reached.wait()
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
    assert any("it may have happened" in note for note in caught.value.__notes__)
    assert await pg.fetchval("select count(*) from t") == 1
    proxy.cut()


# -- COPY in outside a transaction: its end is its commit -----------------------------------------------


async def stream(db: Database) -> list[bytes]:
    chunks: list[bytes] = []
    await db.copy_out("select 1::int4 from generate_series(1, 3)", chunks.append)
    return chunks


async def test_the_answer_to_a_copy_is_lost(
    open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any], table: None
) -> None:
    db = await open_db(proxy.url, max_connections=1)
    chunks = await stream(db)

    async def source() -> Any:
        for chunk in chunks:
            yield chunk
        proxy.when(b"", proxy.cut)  # CopyDone is next

    with pytest.raises(errors.CommitUnknown, match='COPY "t"'):
        await db.copy_in("t", ["id"], source())
    async with asyncio.timeout(10):  # the server may still be about to read the end, which it was sent
        while await pg.fetchval("select count(*) from t") != 3:
            await asyncio.sleep(0.01)


async def test_a_copy_that_breaks_before_its_end_is_not_unknown(
    open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any], table: None
) -> None:
    db = await open_db(proxy.url, max_connections=1)
    chunks = await stream(db)

    async def source() -> Any:
        for chunk in chunks:
            yield chunk
        proxy.cut()
        while True:
            yield b""
            await asyncio.sleep(0)

    with pytest.raises(errors.ConnectionLost) as caught:
        async with asyncio.timeout(10):
            await db.copy_in("t", ["id"], source())
    assert not isinstance(caught.value, errors.CommitUnknown)
    assert await pg.fetchval("select count(*) from t") == 0


async def test_a_copy_in_a_transaction_leaves_the_question_to_the_commit(
    open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any], table: None
) -> None:
    db = await open_db(proxy.url, max_connections=1)
    chunks = await stream(db)

    async def source() -> Any:
        for chunk in chunks:
            yield chunk
        proxy.when(b"", proxy.cut)

    with pytest.raises(errors.ConnectionLost) as caught:
        async with db.transaction():
            await db.copy_in("t", ["id"], source())
    assert not isinstance(caught.value, errors.CommitUnknown)
    assert await pg.fetchval("select count(*) from t") == 0


async def test_a_cancel_after_all_of_a_copy_was_sent(
    open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any], table: None
) -> None:
    db = await open_db(proxy.url, max_connections=1)
    chunks = await stream(db)
    reached: list[asyncio.Event] = []

    async def source() -> Any:
        for chunk in chunks:
            yield chunk
        reached.append(proxy.when(b"", proxy.hush))

    task = asyncio.create_task(db.copy_in("t", ["id"], source()))
    while not (reached and reached[0].is_set()):
        await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
    assert any("it may have been written" in note for note in caught.value.__notes__)
    proxy.cut()


async def test_a_write_of_its_own_that_took_too_long_may_stand(open_db: Open, table: None) -> None:
    db = await open_db(max_connections=1, command_timeout="50ms")
    with pytest.raises(errors.QueryCancelled, match="may stand all the same"):
        await db.execute("insert into t select 1 from pg_sleep(30)")
    with pytest.raises(errors.QueryCancelled) as caught:
        await db.fetch("select pg_sleep(30)")
    assert "may stand" not in str(caught.value)
