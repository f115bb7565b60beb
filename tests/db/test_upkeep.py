"""The pool over time: silent and ageing connections, servers that come and go, roles that change, and its figures."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import asyncpg
import pytest

from chakra import errors
from chakra.db import Database
from chakra.db.counters import WAIT_STEPS
from chakra.db.stats import Stats
from tests.db.conftest import Open
from tests.db.faults import settled
from tests.db.proxy import Proxy

PID = "select pg_backend_pid()"


async def until(true: Any) -> None:
    """Wait for something that happens behind the scenes."""
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


async def test_idle_connections_are_checked_when_it_is_due(open_db: Open, proxy: Proxy) -> None:
    db = await open_db(proxy.url, max_connections=3, min_connections=3, check_after="30ms")

    def since() -> dict[int, float]:
        return {session.pid: session.idle_since for sessions in db.pool.sessions() for session in sessions}

    before = since()
    await until(lambda: db.stats().pool.checked >= 6)
    assert since() == before  # as long idle as before
    assert proxy.sent[b"Q"] >= 3
    proxy.cut()
    await until(lambda: db.stats().pool.lost == 3 and db.pool.figures.idle == 3)
    assert not before.keys() & since().keys()


async def test_what_is_used_is_not_checked(open_db: Open) -> None:
    db = await open_db(max_connections=1, check_after="1h", idle_timeout="20ms", min_connections=1)
    await db.fetchval("select 1")
    db.pool._reap()
    assert db.stats().pool.checked == 0


async def test_a_silent_connection_is_found_before_it_is_lent(
    open_db: Open, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chakra.db.endings.RECOVERY_TIMEOUT", 0.05)
    db = await open_db(proxy.url, max_connections=1, check_after="20ms")
    proxy.hush()
    await until(lambda: db.stats().pool.lost)
    proxy.silent = False
    assert await db.fetchval("select 1") == 1


async def test_connections_of_one_age_do_not_end_together(open_db: Open) -> None:
    db = await open_db(max_connections=8, min_connections=8, max_lifetime="100s")
    lives = [session.expires - session.created for session in db.pool._idle]
    assert all(90 <= life <= 100 for life in lives)
    assert len(set(lives)) == 8


async def test_all_who_wait_learn_that_nobody_answers(open_db: Open, proxy: Proxy) -> None:
    db = await open_db(proxy.url, max_connections=2, acquire_timeout="20s")
    address, proxy.address = proxy.address, "/nowhere/at/all"
    proxy.cut()
    await until(lambda: all(session.closed for session in db.pool._idle))
    async with asyncio.timeout(5):  # and nobody sits out acquire_timeout
        asked = await asyncio.gather(*(db.fetchval("select 1") for _ in range(40)), return_exceptions=True)
    assert {type(error) for error in asked} == {errors.ConnectionLost}
    assert len({id(error) for error in asked}) == 40  # a traceback belongs to one task
    proxy.address = address
    assert await asyncio.gather(*(db.fetchval("select $1::int", n) for n in range(40))) == list(range(40))
    stats = db.stats()
    assert stats.pool.failed >= 2
    assert (stats.pool.size, stats.pool.waiting) == (2, 0)


async def test_a_server_without_room_is_waited_for(
    open_db: Open, pg: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    db = await open_db(max_connections=3)

    async def full() -> Any:
        raise errors.DatabaseError("sorry, too many clients already", sqlstate="53300")

    with monkeypatch.context() as patch:
        patch.setattr(db.pool, "_open_session", full)
        async with asyncio.timeout(5):
            assert await asyncio.gather(*(db.fetchval("select $1::int", n) for n in range(9))) == list(
                range(9)
            )
        async with db.acquire(), asyncio.timeout(5):
            waiting = asyncio.create_task(db.fetchval("select 5"))
            await until(lambda: db.stats().pool.failed)
        assert await waiting == 5
    await settled(db, pg)


async def test_a_restart_of_the_server(
    open_db: Open, dsn: str, proxy: Proxy, pg: asyncpg.Connection[Any]
) -> None:
    """The line breaks, nobody listens, the server says that it is starting, and then it is there again."""
    db = await open_db(proxy.url, max_connections=4, min_connections=2, acquire_timeout="10s")
    port = proxy._server.sockets[0].getsockname()[1]
    busy = [asyncio.create_task(db.fetchval("select pg_sleep(0.5)")) for _ in range(3)]
    await until(lambda: proxy.sent[b"Q"] + proxy.sent[b"S"] + proxy.sent[b"H"] >= 5)
    proxy._server.close()
    proxy.cut()
    for error in await asyncio.gather(*busy, return_exceptions=True):
        assert isinstance(error, errors.ConnectionLost)
    with pytest.raises(errors.ConnectionLost, match="cannot connect"):
        await db.fetchval("select 1")

    async def starting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
        writer.write(b"E" + (4 + len(fields)).to_bytes(4) + fields)
        writer.close()

    async with await asyncio.start_server(starting, "127.0.0.1", port):
        with pytest.raises(errors.ConnectionLost, match="starting up"):
            await db.fetchval("select 1")
    proxy._server = await asyncio.start_server(proxy._serve, "127.0.0.1", port)
    assert await asyncio.gather(*(db.fetchval("select $1::int", n) for n in range(20))) == list(range(20))
    await settled(db, pg)


async def test_a_failover_to_another_host(open_db: Open, dsn: str, proxy: Proxy) -> None:
    """Of two hosts the first is the primary; then it is gone, and the second is promoted."""
    async with Proxy(proxy.address, dsn) as second:
        head, _, rest = proxy.url.partition("@")
        first, tail = rest.split("/", 1)
        other = second.url.partition("@")[2].partition("/")[0]
        db = await open_db(f"{head}@{first},{other}/{tail}&target_session_attrs=primary", max_connections=3)
        assert {connection.host for connection in db.stats().connections} == {first}
        proxy._server.close()
        proxy.cut()
        await until(lambda: all(session.closed for session in db.pool._idle))
        assert await db.fetchval("select 1") == 1
        assert {connection.host for connection in db.stats().connections} == {other}


async def test_a_server_that_was_demoted_gets_no_more_writes(open_db: Open, dsn: str) -> None:
    """It refuses writes from then on, and says so by a setting it reports; the other sessions are looked at, too."""
    db = await open_db(
        f"{dsn}{'&' if '?' in dsn else '?'}target_session_attrs=read-write",
        max_connections=3,
        min_connections=3,
    )
    await db.execute("create table t (a int)")
    pids = {connection.pid for connection in db.stats().connections}
    for session in db.pool._idle:
        await session.raw.execute("set default_transaction_read_only = on")
    db.pool.resets = False  # or they would be set back
    with pytest.raises(errors.TransactionError, match="read-only"):
        await db.run_execute("insert into t values (1)")
    await until(lambda: db.stats().pool.lost == 3 and db.pool.figures.idle == 3)
    assert not pids & {connection.pid for connection in db.stats().connections}
    assert await db.run_execute("insert into t values (1)") == 1


# -- figures --------------------------------------------------------------------------------------------


async def test_figures(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=2, acquire_timeout="50ms", max_waiting=2)
    assert isinstance(db.stats(), Stats)
    before = db.stats()
    await db.execute("create table t (id int primary key, a text)")
    insert = "insert into t values ($1, $2)"
    for n in range(3):
        await db.run_execute(insert, (n, "x"))
    with pytest.raises(errors.UniqueViolation):
        await db.run_execute(insert, (1, "x"))
    chunks: list[bytes] = []
    assert await db.copy_out("select * from t", chunks.append) == 3
    await db.execute("delete from t")
    assert await db.copy_in("t", None, chunks) == 3
    size = sum(map(len, chunks))
    assert len(await db.run_fetch("select * from t")) == 3
    await pg.execute("alter table t add column b int")
    assert len(await db.run_fetch("select * from t")) == 3  # prepared again behind the scenes
    stats = db.stats()
    assert stats.errors == {"UniqueViolation": 1}
    assert (stats.copied_out, stats.copied_in) == (size, size)
    assert stats.statements.prepared_again == 1
    assert stats.statements.hits - before.statements.hits >= 3
    assert 0 < stats.statements.hit_rate < 1
    assert stats.queries - before.queries >= 10
    assert stats.pool.lent - before.pool.lent >= 10
    assert (stats.pool.size, stats.pool.idle, stats.pool.borrowed, stats.pool.opened) == (1, 1, 0, 1)
    [connection] = stats.connections
    assert connection.statements == stats.queries
    assert (connection.kept, connection.lent) == (stats.statements.kept, stats.pool.lent)
    assert connection.hits == stats.statements.hits
    assert connection.pid == await db.fetchval(PID)

    async with db.acquire(), db.acquire():
        held = db.stats().pool
        assert (held.borrowed, held.idle, held.opened) == (2, 0, 2)
        asked = await asyncio.gather(*(db.fetchval("select 1") for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in asked] == [errors.PoolTimeout] * 3
    waits = db.stats().pool.waits
    assert (waits.timeouts, waits.refused) == (2, 1)
    assert waits.count == 3  # the one for the second connection, too
    assert list(waits.up_to) == [*WAIT_STEPS, float("inf")]
    assert list(waits.up_to.values()) == sorted(waits.up_to.values())
    assert waits.up_to[float("inf")] == 3 and waits.up_to[0.01] <= 1
    assert waits.seconds > 0.05


async def test_figures_outlive_connections(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=1)
    for _ in range(5):
        await db.run_fetch("select 1")
    before = db.stats()
    await pg.fetchval("select pg_terminate_backend($1)", before.connections[0].pid)
    await until(lambda: db.pool._idle[0].closed)
    await db.run_fetch("select 1")
    after = db.stats()
    assert (after.queries, after.pool.lent) == (before.queries + 1, before.pool.lent + 1)
    assert after.statements.hits == before.statements.hits
    assert after.statements.misses == before.statements.misses + 1
    assert (after.pool.opened, after.pool.closed, after.pool.lost) == (2, 1, 1)
    await db.close()
    end = db.stats()
    assert (end.pool.size, end.pool.opened, end.pool.closed, end.pool.lost) == (0, 2, 2, 1)
    assert (end.queries, end.connections) == (after.queries, ())


SAMPLE = re.compile(
    r'[a-z_]+\{database="(?:[^"\\\n]|\\.)*",role="\w+"(?:,\w+="[^"\n]*")*\} (?:[0-9.e+-]+|\+Inf)'
)


async def test_as_text_and_as_data(open_db: Open, db: Database) -> None:
    await db.fetch("select 1")
    with pytest.raises(errors.DataError):
        await db.fetch("select 1 / 0")
    stats = db.stats()
    data = json.loads(json.dumps(stats.as_dict()))
    assert data["pool"]["waits"]["up_to"].keys() == {*(f"{step:g}" for step in WAIT_STEPS), "+Inf"}
    assert data["connections"][0]["pid"] == stats.connections[0].pid
    text = stats.prometheus()
    families: list[str] = []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            families.append(line.split()[2])
        elif line.startswith("# TYPE "):
            assert line.split()[2] == families[-1]
        else:
            assert SAMPLE.fullmatch(line), line
            assert line.startswith(families[-1])
    assert len(families) == len(set(families))
    labels = f'database="{db.name}",role="primary"'
    assert f'chakra_errors_total{{{labels},error="DataError"}} 1' in text.splitlines()
    assert f"chakra_queries_total{{{labels}}} {stats.queries}" in text.splitlines()
    assert f'chakra_pool_wait_seconds_bucket{{{labels},le="0.001"}} ' in text
    assert stats.prometheus("app").startswith("# HELP app_pool_connections ")
