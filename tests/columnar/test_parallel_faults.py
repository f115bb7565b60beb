"""Reads with ``partitions=`` under faults: the right error, the other parts stopped, no transaction left open."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import psycopg
import pytest

import chakra
from chakra.db.session import Session
from chakra.db.statements import Own, Statement
from chakra.errors import ConnectionLost, QueryCancelled
from tests.db.faults import Moment, cancelled_everywhere, settled

# 40 MB: more than the buffers between server and client hold, so every part is still being read. Over TCP that is so
# as long as nothing large was read before: the kernel makes the buffers larger for who reads much.
ROWS = 100_000
PARTS = 3


@pytest.fixture
async def three(dsn: str, pg: asyncpg.Connection[Any]) -> AsyncIterator[Any]:
    """A pool with as many connections as parts, all open."""
    await pg.execute(
        f"create table wide as select i::int8, repeat('x', 400) t from generate_series(1, {ROWS}) i"
    )
    await pg.execute("create table small as select i::int8 from generate_series(1, 2000) i")
    db = await chakra.connect(dsn, max_connections=PARTS, acquire_timeout=5)
    await db.table("small").to_arrow(partitions=PARTS)
    assert db.pool.figures.size == PARTS
    yield db
    await db.close(timeout=1)


class Strike:
    """Hits one backend from outside once all parts are being read, while the client holds still.

    Args:
        function: ``pg_terminate_backend`` or ``pg_cancel_backend``.
        holder: whether to hit the connection that exported the snapshot, or another one.
    """

    def __init__(self, db: Any, dsn: str, function: str, *, holder: bool) -> None:
        self.dsn, self.function, self.holder = dsn, function, holder
        self.exporter = self.victim = 0
        self.copies = 0
        self.db = db
        db.hooks.add(self.watch)

    def watch(self, event: Any) -> None:
        if event.phase == "before" and "pg_export_snapshot" in event.sql:
            (session,) = self.db.pool._borrowed
            self.exporter = session.raw.get_server_pid()
        self.copies += event.phase == "before" and event.kind == "copy_out"

    def __call__(self, rows: int, size: int) -> None:
        if self.victim or self.copies < PARTS:
            return
        pids = {session.raw.get_server_pid() for session in self.db.pool._borrowed}
        assert len(pids) == PARTS
        victim = self.exporter if self.holder else min(pids - {self.exporter})
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            # Its COPY may be on its way yet: a cancel would come too early and do nothing.
            hit = connection.execute(
                f"select {self.function}(pid) from pg_stat_activity "
                "where pid = %s and state = 'active' and query ~ 'COPY'",
                (victim,),
            ).fetchone()
        self.victim = victim if hit else 0


@pytest.mark.parametrize("holder", [False, True], ids=["worker", "holder"])
@pytest.mark.parametrize(
    ("function", "error"),
    [("pg_terminate_backend", ConnectionLost), ("pg_cancel_backend", QueryCancelled)],
)
async def test_one_backend_is_hit(
    three: Any, dsn: str, pg: asyncpg.Connection[Any], function: str, error: type[Exception], holder: bool
) -> None:
    strike = Strike(three, dsn, function, holder=holder)
    with pytest.raises(error):
        await three.table("wide").to_arrow(partitions=PARTS, progress=strike)
    assert strike.victim and strike.exporter
    await settled(three, pg)
    assert (await three.table("wide").to_arrow(partitions=PARTS)).num_rows == ROWS


async def test_statement_timeout_of_a_part(three: Any, dsn: str, pg: asyncpg.Connection[Any]) -> None:
    name = await pg.fetchval("select quote_ident(current_database())")
    await pg.execute(f"alter database {name} set statement_timeout = '300ms'")
    try:
        async with chakra.connect(dsn, max_connections=PARTS) as db:
            with pytest.raises(QueryCancelled, match="statement timeout"):
                await db.table("wide").to_arrow(partitions=PARTS, progress=lambda *_: time.sleep(0.4))
            await settled(db, pg)
    finally:
        await pg.execute(f"alter database {name} reset statement_timeout")


@pytest.mark.parametrize("moment", ["waiting", "answered"])
async def test_cancelled_at_every_await(three: Any, pg: asyncpg.Connection[Any], moment: Moment) -> None:
    async def run() -> None:
        assert (await three.table("small").to_arrow(partitions=PARTS)).num_rows == 2000

    strikes = 0
    async for k in cancelled_everywhere(run, moment=moment, limit=40):
        strikes = k
        await settled(three, pg)
    assert strikes >= 5


@pytest.mark.parametrize("moment", ["waiting", "answered"])
async def test_a_plan_cancelled_at_every_await(
    three: Any, pg: asyncpg.Connection[Any], moment: Moment
) -> None:
    async def run() -> None:
        async with await three.table("small").read_plan(partitions=2) as plan:
            assert sum([(await task.read(three)).num_rows for task in plan.tasks]) == 2000

    strikes = 0
    async for k in cancelled_everywhere(run, moment=moment, limit=40):
        strikes = k
        await settled(three, pg)
    assert strikes >= 5


async def test_the_snapshot_of_a_plan_is_lost(three: Any, dsn: str, pg: asyncpg.Connection[Any]) -> None:
    strike = Strike(three, dsn, "pg_terminate_backend", holder=True)
    with pytest.raises((chakra.TransactionError, ConnectionLost)):
        async with await three.table("small").read_plan(partitions=2) as plan:
            await pg.execute("select pg_terminate_backend($1, 5000)", strike.exporter)
            with pytest.raises(chakra.TransactionError, match="gone"):
                await plan.tasks[0].read(three)
    await settled(three, pg)


@pytest.mark.parametrize(
    "snapshot", ["no identifier", "00000000-00000001-1"], ids=["22023 as up to 17", "42704"]
)
async def test_a_task_whose_snapshot_is_gone(three: Any, pg: asyncpg.Connection[Any], snapshot: str) -> None:
    async with await three.table("small").read_plan(partitions=2) as plan:
        stale = replace(plan.tasks[0], snapshot=snapshot)
    with pytest.raises(chakra.TransactionError, match="keep the plan open"):
        await stale.read(three)
    await settled(three, pg)


async def test_a_task_whose_plan_ends_while_it_begins(three: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of the snapshot is there yet, and the server does not find who exported it."""
    script = Session.script

    async def ended(self: Session, statement: Statement, *arguments: Any, **more: Any) -> str:
        if statement.sql.startswith("SET TRANSACTION SNAPSHOT"):
            statement = Own(
                "do $$ begin raise 'could not import the requested snapshot' using errcode = '55000'; end $$"
            )
        return await script(self, statement, *arguments, **more)

    async with await three.table("small").read_plan(partitions=2) as plan:
        monkeypatch.setattr(Session, "script", ended)
        with pytest.raises(chakra.TransactionError, match="keep the plan open"):
            await plan.tasks[0].read(three)
