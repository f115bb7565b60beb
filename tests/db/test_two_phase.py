"""Prepared transactions: ended by another connection, undone with their block, and what servers without them say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from chakra.db import Database
from chakra.errors import CommitUnknown, DatabaseError, QueryError, TransactionError
from tests.db.conftest import Open
from tests.db.faults import Moment, cancelled_everywhere, settled


@pytest.fixture
async def db(open_db: Open, pg: asyncpg.Connection[Any]) -> AsyncIterator[Database]:
    if await pg.fetchval("show max_prepared_transactions") == "0":
        pytest.skip("this server keeps no prepared transactions")
    database = await open_db(max_connections=2)
    for prepared in await database.prepared():  # of a run that was cut off
        await database.rollback_prepared(prepared.gid)
    await pg.execute("create table t (n int)")
    yield database
    for prepared in await database.prepared():
        await database.rollback_prepared(prepared.gid)


async def count(pg: asyncpg.Connection[Any]) -> int:
    return int(await pg.fetchval("select count(*) from t"))


async def test_prepared_and_ended(db: Database, pg: asyncpg.Connection[Any]) -> None:
    odd = "it's \\ ä" + "x" * 190
    for gid in ("plain", odd):
        for end, rows in ((db.rollback_prepared, 0), (db.commit_prepared, 1)):
            async with db.transaction() as block:
                await db.execute("insert into t values (1)")
                async with db.transaction():
                    await db.execute("insert into t values (2)")
                await block.prepare(gid)
                assert block.gid == gid
            assert not db.in_transaction and await count(pg) == 0
            [prepared] = await db.prepared()
            assert prepared.gid == gid and prepared.owner == await db.fetchval("select current_user")
            with pytest.raises(TransactionError, match="outside of the block"):
                async with db.transaction():
                    await end(gid)
            await end(gid)
            assert await db.prepared() == [] and await count(pg) == 2 * rows
            await settled(db, pg)
        await pg.execute("truncate t")
    async with db.acquire() as connection:
        async with connection.transaction() as block:
            await connection.execute("insert into t values (1)")
            await block.prepare("pinned")
        await connection.commit_prepared("pinned")
        assert await count(pg) == 1
    for end in (db.commit_prepared, db.rollback_prepared):
        with pytest.raises(DatabaseError, match='"nothing" does not exist'):
            await end("nothing")


async def test_what_its_block_may_do(db: Database, pg: asyncpg.Connection[Any]) -> None:
    with pytest.raises(TransactionError, match="can run nothing more"):
        async with db.transaction() as block:
            await db.execute("insert into t values (1)")
            await block.prepare("a")
            await db.execute("insert into t values (2)")
    assert await db.prepared() == [] and await count(pg) == 0  # the error undid it
    with pytest.raises(KeyError):
        async with db.transaction() as block:
            await block.prepare("a")
            with pytest.raises(TransactionError, match="too late"):
                block.on_commit(print)
            with pytest.raises(TransactionError, match="is open"):
                await block.prepare("b")
            raise KeyError
    assert await db.prepared() == []
    async with db.transaction() as block:
        async with db.transaction() as inner:
            for each in (inner, block):
                with pytest.raises(TransactionError, match="outermost block"):
                    await each.prepare("a")
        db.on_rollback(print)
        with pytest.raises(TransactionError, match="callbacks"):
            await block.prepare("a")
        for wrong in ("", "x" * 200, "a\0b", 5):
            with pytest.raises(QueryError, match="1 to 199 bytes"):
                await block.prepare(wrong)  # type: ignore[arg-type]
    with pytest.raises(TransactionError, match="is open"):
        await block.prepare("a")
    with pytest.raises(TransactionError, match="rolled back: a statement in it failed"):
        async with db.transaction() as block:
            with pytest.raises(DatabaseError):
                await db.execute("select nowhere")
            await block.prepare("a")
    async with db.transaction() as block:
        await block.prepare("a")
    with pytest.raises(TransactionError, match="could not be prepared"):
        async with db.transaction() as block:
            await db.execute("insert into t values (1)")
            with pytest.raises(DatabaseError, match="already in use"):
                await block.prepare("a")
    assert [prepared.gid for prepared in await db.prepared()] == ["a"] and await count(pg) == 0
    with pytest.raises(KeyError) as caught:
        async with db.transaction() as block:
            await block.prepare("b")
            await pg.execute("rollback prepared 'b'")  # somebody else was faster
            raise KeyError
    assert "stays prepared" in caught.value.__notes__[0]
    await db.rollback_prepared("a")
    await settled(db, pg)


async def test_no_answer(db: Database, pg: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommitUnknown, match="PREPARE TRANSACTION"):
        async with db.transaction() as block:
            session = block.session
            assert session is not None
            script = session.raw.execute

            async def cut(text: str) -> str:
                status: str = await script(text)
                session.terminate()
                raise ConnectionResetError(status)

            raw = session.raw
            monkeypatch.setattr(type(raw), "execute", lambda self, text: cut(text) if self is raw else None)
            await block.prepare("a")
    monkeypatch.undo()
    assert [prepared.gid for prepared in await db.prepared()] == ["a"]
    await db.commit_prepared("a")
    await settled(db, pg)


@pytest.mark.parametrize("moment", ["waiting", "answered"])
async def test_cancelled_everywhere(db: Database, pg: asyncpg.Connection[Any], moment: Moment) -> None:
    left = False

    async def work() -> None:
        nonlocal left
        left = False
        async with db.transaction() as block:
            await db.execute("insert into t values (1)")
            await block.prepare("a")
        left = True
        await db.commit_prepared("a")
        await db.execute("delete from t")

    async for _ in cancelled_everywhere(work, moment=moment):
        await settled(db, pg)
        for prepared in await db.prepared():
            await db.rollback_prepared(prepared.gid)
        if not left:
            assert await count(pg) == 0
        await pg.execute("truncate t")


async def test_a_server_without(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    if await pg.fetchval("show max_prepared_transactions") != "0":
        pytest.skip("this server keeps prepared transactions")
    db = await open_db(max_connections=1)
    assert await db.prepared() == []
    with pytest.raises(DatabaseError, match="started with max_prepared_transactions above 0"):
        async with db.transaction() as block:
            await db.execute("create table t (n int)")
            await block.prepare("a")
    assert await db.fetchval("select to_regclass('t')") is None
    await settled(db, pg)


async def test_one_that_begins_with_its_first_statement(db: Database, pg: asyncpg.Connection[Any]) -> None:
    async with db.transaction(lazy=True) as block:
        with pytest.raises(QueryError, match="named by a text"):
            await block.prepare("")
        assert db.stats().pool.borrowed == 0
        await block.prepare("empty")
    async with db.transaction(lazy=True) as block:
        await db.execute("insert into t values (1)")
        await block.prepare("full")
    assert {prepared.gid for prepared in await db.prepared()} == {"empty", "full"}
    await db.commit_prepared("empty")
    await db.commit_prepared("full")
    assert await count(pg) == 1
    await settled(db, pg)
