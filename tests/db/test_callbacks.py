"""What is called at the end of a transaction, and what is not: commits, rollbacks, savepoints, doubt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from chakra import sync
from chakra.errors import CommitUnknown, QueryError, TransactionError
from tests.db.conftest import Open
from tests.db.faults import Moment, cancelled_everywhere, settled
from tests.db.proxy import Proxy


class Calls(list[str]):
    """Callbacks that note their call, plain and ``async def`` in turns."""

    def __init__(self, db: Any) -> None:
        super().__init__()
        self.db = db

    def both(self, name: str) -> None:
        """Ask for a call at the commit and one at the rollback of the block around."""
        self.db.on_commit(lambda: self.append(f"{name} committed"))
        self.db.on_rollback(self.later(f"{name} undone"))

    def later(self, what: str) -> Callable[[], object]:
        async def call() -> None:
            await asyncio.sleep(0)
            self.append(what)

        return call


async def commits(db: Any, calls: Calls) -> None:
    async with db.transaction():
        calls.both("outer")
        async with db.transaction():
            calls.both("inner")
        calls.append("body")


async def a_savepoint_is_undone(db: Any, calls: Calls) -> None:
    async with db.transaction():
        calls.both("outer")
        try:
            async with db.transaction():
                calls.both("inner")
                async with db.transaction():
                    calls.both("innermost")
                raise LookupError
        except LookupError:
            calls.append("body")


async def all_is_undone(db: Any, calls: Calls) -> None:
    try:
        async with db.transaction():
            calls.both("outer")
            async with db.transaction():
                calls.both("inner")
            calls.append("body")
            raise LookupError
    except LookupError:
        pass


async def an_error_is_caught_in_the_block(db: Any, calls: Calls) -> None:
    with pytest.raises(TransactionError, match="rolled back"):
        async with db.transaction():
            calls.both("outer")
            with pytest.raises(Exception, match="nowhere"):
                await db.execute("select nowhere")


async def a_block_is_left_open(db: Any, calls: Calls) -> None:
    with pytest.raises(TransactionError, match="still open"):
        async with db.transaction():
            calls.both("outer")
            inner = db.transaction()
            await inner.__aenter__()
            calls.both("inner")
    with pytest.raises(TransactionError):
        await inner.__aexit__(None, None, None)


async def the_connection_breaks(db: Any, calls: Calls) -> None:
    with pytest.raises(Exception, match=r"broke|closed"):
        async with db.transaction():
            calls.both("outer")
            await db.execute("select pg_terminate_backend(pg_backend_pid())")


async def outside(db: Any, calls: Calls) -> None:
    calls.both("outside")
    db.on_commit(calls.later("outside, later"))
    for _ in range(4):
        await asyncio.sleep(0)


CASES: list[tuple[Any, list[str]]] = [
    (commits, ["body", "outer committed", "inner committed"]),
    (a_savepoint_is_undone, ["inner undone", "innermost undone", "body", "outer committed"]),
    (all_is_undone, ["body", "outer undone", "inner undone"]),
    (an_error_is_caught_in_the_block, ["outer undone"]),
    (a_block_is_left_open, ["outer undone", "inner undone"]),
    (the_connection_breaks, ["outer undone"]),
    (outside, ["outside committed", "outside, later"]),
]


async def test_what_is_called(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=2)
    for work, expected in CASES:
        calls = Calls(db)
        await work(db, calls)
        assert calls == expected, work.__name__
        async with db.acquire() as connection:
            calls = Calls(connection)
            await work(connection, calls)
            assert calls == expected, f"{work.__name__}, pinned"
        await settled(db, pg)


async def test_a_callback_stands_behind_its_rollback(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    """Of a savepoint: inside the block around it, and part of it. Of the outermost block: outside."""
    db = await open_db(max_connections=1)
    await pg.execute("create table t (n int)")

    async def write() -> None:
        await db.execute("insert into t select count(*) from t")
        inside.append(db.in_transaction)

    inside: list[bool] = []
    async with db.transaction():
        with pytest.raises(KeyError):
            async with db.transaction():
                await db.execute("insert into t values (7), (8)")
                db.on_rollback(write)
                raise KeyError
        assert await pg.fetchval("select count(*) from t") == 0
    with pytest.raises(KeyError):
        async with db.transaction():
            db.on_rollback(write)
            raise KeyError
    assert [row["n"] for row in await pg.fetch("select n from t order by n")] == [0, 1]
    assert inside == [True, False]


async def test_a_callback_that_fails(
    open_db: Open, pg: asyncpg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    db = await open_db(max_connections=1)
    called: list[int] = []

    def fails() -> None:
        called.append(1)
        raise ValueError("of the callback")

    async def fails_too() -> None:
        called.append(2)
        raise ValueError("of the second")

    with pytest.raises(KeyError, match="of the body") as caught:
        async with db.transaction():
            db.on_rollback(fails)
            db.on_rollback(fails_too)
            db.on_rollback(lambda: called.append(3))
            raise KeyError("of the body")
    assert called == [1, 2, 3]
    assert ["of the callback" in n or "of the second" in n for n in caught.value.__notes__] == [True, True]
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    caplog.clear()
    db.on_commit(fails_too)
    await db.close()  # waits for what runs outside of a transaction
    assert called[3:] == [2] and "on_commit() failed" in caplog.text
    with pytest.raises(ValueError, match="of the callback"):
        db.on_commit(fails)


async def test_nobody_is_called_where_nobody_knows(
    open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any]
) -> None:
    db = await open_db(proxy.url, max_connections=1, command_timeout="50ms")
    await pg.execute(
        "create table t (n int);"
        "create function slow() returns trigger language plpgsql as "
        "$$ begin perform pg_sleep(0.3); return null; end $$;"
        "create constraint trigger slow after insert on t deferrable initially deferred "
        "for each row execute function slow()"
    )
    calls = Calls(db)
    with pytest.raises(CommitUnknown):
        async with db.transaction():
            calls.both("outer")
            await db.execute("insert into t values (1)")
    assert calls == []


@pytest.mark.parametrize("moment", ["waiting", "answered"])
async def test_cancelled_everywhere(open_db: Open, pg: asyncpg.Connection[Any], moment: Moment) -> None:
    """Wherever a cancel strikes: what was called is what happened, seen from outside."""
    db = await open_db(max_connections=2)
    await pg.execute("create table t (n int)")
    begun = 0
    calls: Calls

    async def work() -> None:
        nonlocal begun, calls
        calls = Calls(db)
        async with db.transaction():
            db.on_commit(lambda: calls.append("committed"))
            db.on_rollback(lambda: calls.append("undone"))
            begun += 1
            await db.execute("insert into t values ($1)", begun)

    async for _ in cancelled_everywhere(work, moment=moment):
        await settled(db, pg)
        stands = await pg.fetchval("select count(*) from t where n = $1", begun)
        if calls:  # not one that was cancelled before its first statement
            assert calls == (["committed"] if stands else ["undone"])
        else:
            assert not stands


def test_plain_calls(dsn: str) -> None:
    with sync.connect(dsn) as db:
        called: list[str] = []
        try:
            with db.transaction() as block:
                block.on_rollback(lambda: called.append("of the block"))
                db.on_rollback(lambda: called.append(f"of the database, {db.in_transaction}"))
                with db.transaction():
                    db.on_rollback(lambda: called.append("inner"))
                raise LookupError
        except LookupError:
            assert called == ["of the block", "of the database, False", "inner"]
        with db.transaction():
            db.on_rollback(lambda: called.append("never"))
        db.on_rollback(lambda: called.append("never"))
        attempts: list[int] = []

        @db.retry(times=3)
        def work(result: int) -> int:
            attempts.append(db.fetchval("select 1"))
            if len(attempts) < 3:
                raise sync_conflict()
            return result

        assert work(5) == 5 and len(attempts) == 3 and "never" not in called
        attempts.clear()
        for attempt in db.retrying(times=2):
            with attempt:
                attempts.append(attempt.number)
                if len(attempts) < 3:
                    raise sync_conflict()
        assert attempts == [1, 2, 3]


def sync_conflict() -> Exception:
    from chakra.errors import SerializationError

    return SerializationError("again")


async def test_what_cannot_be_called_is_refused_at_once(open_db: Open, dsn: str) -> None:
    db = await open_db()

    async def mail() -> None: ...

    for ask in (db.on_commit, db.on_rollback):
        for wrong in (None, 5, mail()):
            with pytest.raises(QueryError, match=r"takes a function, plain or async def"):
                ask(wrong)
            async with db.transaction():
                await db.execute("create table kept (x int)")
                with pytest.raises(QueryError, match=ask.__name__):
                    ask(5)  # type: ignore[arg-type]
                await db.execute("drop table kept")

    with sync.connect(dsn) as plain:
        for ask in (plain.on_commit, plain.on_rollback):
            with pytest.raises(QueryError, match=ask.__name__), plain.transaction():
                ask(None)  # type: ignore[arg-type]

    @db.retry(times=2)  # type: ignore[arg-type]
    async def rows() -> Any:
        yield 1

    with pytest.raises(
        QueryError, match=r"async def functions that return; .*rows.. gave an async generator"
    ):
        await rows()
    with pytest.raises(QueryError, match="gave a value of type int"):
        await db.transaction(retries=1).run(lambda: 1)  # type: ignore[arg-type,return-value]
    with pytest.raises(TransactionError, match="settings are a dict"):
        db.transaction(settings="app.tenant")  # type: ignore[arg-type]
