"""The hook chain: sees every statement, before and after, and costs nothing when empty."""

from __future__ import annotations

import logging

import pytest

from chakra import config, errors
from chakra.db import Database, HookChain, QueryEvent
from tests.db.conftest import Open


async def test_every_kind_of_call_is_seen(db: Database) -> None:
    await db.execute("create table t (id int)")
    seen: list[tuple[str, str, str, int | None]] = []

    def hook(event: QueryEvent) -> None:
        if event.phase == "after":
            assert event.duration > 0
        seen.append((event.phase, event.kind, event.sql, event.rows))

    remove = db.hooks.add(hook)
    await db.run_fetch("select * from generate_series(1, $1::int)", (3,))
    await db.run_fetchrow("select 1 where false")
    await db.run_execute("insert into t values ($1), ($2)", (1, 2))
    await db.execute("delete from t where id = 1")
    await db.executemany("insert into t values ($1)", [(5,), (6,)])
    async with db.transaction():
        pass
    async for _ in db.run_cursor("select * from t", prefetch=2):
        pass
    await db.copy_out("select * from t", lambda data: None)
    await db.copy_in("t", None, [b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff"])
    remove()
    await db.run_fetch("select 1")
    after = [(kind, sql, rows) for phase, kind, sql, rows in seen if phase == "after"]
    assert after == [
        ("fetch", "select * from generate_series(1, $1::int)", 3),
        ("fetchrow", "select 1 where false", 0),
        ("execute", "insert into t values ($1), ($2)", 2),
        ("execute", "delete from t where id = 1", 1),
        ("executemany", "insert into t values ($1)", None),
        ("transaction", "BEGIN", 0),
        ("transaction", "COMMIT", 0),
        ("transaction", "BEGIN", 0),
        ("cursor", "select * from t", 3),
        ("transaction", "COMMIT", 0),
        ("copy_out", "select * from t", 3),
        ("copy_in", 'COPY "t" FROM STDIN (FORMAT binary)', 0),
    ]
    assert [kind for phase, kind, *_ in seen if phase == "before"] == [
        *("fetch", "fetchrow", "execute", "execute", "executemany", "transaction", "transaction"),
        *("transaction", "cursor", "transaction", "copy_out", "copy_in"),
    ]


async def test_errors_and_arguments_are_seen(db: Database) -> None:
    events: list[QueryEvent] = []
    db.hooks.add(events.append)
    with pytest.raises(errors.DataError):
        await db.run_fetch("select 1 / $1::int", (0,))
    with pytest.raises(errors.DatabaseError):
        await db.execute("nonsense")
    assert [type(e.error) for e in events[1::2]] == [errors.DataError, errors.DatabaseError]
    assert events[0].args == (0,)
    assert events[0] is events[1]  # one object, before and after
    assert "nonsense" in repr(events[-1])


async def test_a_hook_can_refuse_a_statement(db: Database) -> None:
    def no_writes(event: QueryEvent) -> None:
        if event.phase == "before" and event.sql.startswith("delete"):
            raise PermissionError(event.sql)

    db.hooks.add(no_writes)
    with pytest.raises(PermissionError):
        await db.execute("delete from pg_class")
    assert await db.fetchval("select 1") == 1
    assert db.pool.figures.idle == db.pool.figures.size


async def test_a_hook_that_fails_afterwards_does_not_lose_the_result(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(event: QueryEvent) -> None:
        if event.phase == "after":
            raise ZeroDivisionError

    db.hooks.add(broken)
    with caplog.at_level(logging.ERROR, "chakra.db"):
        assert await db.fetchval("select 1") == 1
    assert "a query hook failed" in caplog.text


async def test_all_connections_of_a_database_share_the_chain(db: Database) -> None:
    events: list[QueryEvent] = []
    db.hooks.add(lambda event: events.append(event) if event.phase == "after" else None)
    async with db.acquire() as one, db.acquire() as two:
        await one.fetch("select 1")
        await two.fetch("select 2")
    assert [e.sql for e in events] == ["select 1", "select 2"]


def test_the_chain_itself() -> None:
    chain = HookChain()
    assert not chain
    calls: list[str] = []
    remove = chain.add(lambda event: calls.append("a"))
    chain.add(lambda event: calls.append("b"))
    assert chain and len(chain) == 2
    chain.before("x", (), "fetch")
    assert calls == ["a", "b"]
    remove()
    remove()  # twice is no error
    assert len(chain) == 1


async def test_slow_statements_are_logged_without_their_values(
    open_db: Open, caplog: pytest.LogCaptureFixture
) -> None:
    config.configure(slow_query="30ms")
    try:
        db = await open_db()
    finally:
        config.reset()
    with caplog.at_level(logging.WARNING, "chakra.db"):
        await db.fetchval("select $1::text", "hush")
        await db.fetchval("select $1::text from pg_sleep(0.05)", "hush")
    assert [r.message.split(" rows: ")[1] for r in caplog.records] == ["select $1::text from pg_sleep(0.05)"]
    assert "hush" not in caplog.text
