"""Behind PgBouncer: session mode as it is, transaction mode with ``pgbouncer=True``."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from chakra import errors
from tests.db.conftest import Open
from tests.db.proxy import Proxy

pytestmark = pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="pgbouncer is not installed")


@pytest.fixture
async def bouncer(
    dsn: str, proxy: Proxy, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[str]:
    """URL of a PgBouncer of the mode in the test's parameter, with two server connections.

    It reaches the server through the proxy: PgBouncer does not run as root, and as somebody else it may not
    be allowed to the server's socket.
    """
    server = urlsplit(proxy.url)
    database = server.path[1:]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = free.getsockname()[1]
    (tmp_path / "pgbouncer.ini").write_text(
        f"[databases]\n{database} = host=127.0.0.1 port={server.port} user={server.username}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {listen}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = {request.param}\ndefault_pool_size = 2\n"
    )
    command = ["pgbouncer", "-q", str(tmp_path / "pgbouncer.ini")]
    if os.getuid() == 0:
        os.chmod(tmp_path, 0o777)
        for folder in tmp_path.parents[:2]:
            os.chmod(folder, 0o755)
        command[1:1] = ["-u", "nobody"]
    process = await asyncio.create_subprocess_exec(*command)
    for _ in range(200):
        try:
            (await asyncio.open_connection("127.0.0.1", listen))[1].close()
            break
        except OSError:
            await asyncio.sleep(0.02)
    yield f"postgresql://{server.username}@127.0.0.1:{listen}/{database}?sslmode=disable"
    process.terminate()
    await process.wait()


async def work(db: Any) -> None:
    await db.execute("create table if not exists t (id int primary key, j jsonb)")
    for n in range(5):
        assert await db.run_execute("insert into t values ($1, $2)", (n, {"n": n})) == 1
    assert [r["j"]["n"] for r in await db.run_fetch("select j from t where id > $1 order by id", (2,))] == [
        3,
        4,
    ]
    await asyncio.gather(*(db.fetchval("select $1::int from pg_sleep(0.002)", n) for n in range(30)))
    async with db.transaction():
        await db.run_execute("delete from t where id = $1", (0,))
        with pytest.raises(errors.UniqueViolation):
            async with db.transaction():
                await db.run_execute("insert into t values ($1)", (1,))
    blocks = [len(b) async for b in db.run_cursor("select * from t where id > $1", (0,), prefetch=3)]
    assert blocks == [3, 1]
    async for _ in db.run_cursor("select * from generate_series(1, 1000)", prefetch=3):
        break
    chunks: list[bytes] = []
    assert await db.copy_out("select id from t", chunks.append) == 4
    await db.execute("delete from t")
    assert await db.copy_in("t", ["id"], chunks) == 4
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await db.fetch("select pg_sleep(10)")
    assert await db.fetchval("select count(*) from t") == 4


@pytest.mark.parametrize("bouncer", ["session"], indirect=True)
async def test_session_mode(open_db: Open, bouncer: str) -> None:
    await work(await open_db(bouncer, max_connections=2))


@pytest.mark.parametrize("bouncer", ["transaction"], indirect=True)
async def test_transaction_mode(open_db: Open, bouncer: str) -> None:
    await work(await open_db(bouncer, max_connections=5, pgbouncer=True))
    for _ in range(2):
        db = await open_db(bouncer, max_connections=5, pgbouncer=True)
        await asyncio.gather(*(db.fetchval("select $1::int", n) for n in range(40)))
    assert await db.fetchval("select count(*) from pg_prepared_statements where name <> ''") == 0


@pytest.mark.parametrize("bouncer", ["transaction"], indirect=True)
async def test_the_reset_script_is_not_sent_where_it_would_hit_another(open_db: Open, bouncer: str) -> None:
    db = await open_db(bouncer, max_connections=1, pgbouncer=True)
    seen: list[str] = []
    db.hooks.add(lambda event: seen.append(event.sql))
    await db.execute("set work_mem = '1MB'")
    assert await db.fetchval("select 1") == 1
    assert not [sql for sql in seen if "RESET" in sql]


async def test_without_prepared_statements(open_db: Open) -> None:
    db = await open_db(max_connections=2, prepared_statements=False)
    await work(db)
    async with db.acquire() as one:
        assert await one.fetchval("select count(*) from pg_prepared_statements where name <> ''") == 0


@pytest.mark.parametrize("bouncer", ["transaction"], indirect=True)
async def test_what_goes_wrong_without_the_switch_names_it(open_db: Open, bouncer: str) -> None:
    db = await open_db(bouncer, max_connections=4)
    assert db.stats().pooler
    assert (await open_db(bouncer, max_connections=1, pgbouncer=True)).stats().pooler
    assert await db.run_fetch("select 1") and await db.run_fetch("select 1")
    other = await open_db(bouncer, max_connections=1, pgbouncer=True)
    with pytest.raises(errors.DatabaseError, match="pgbouncer = true") as caught:
        for _ in range(20):  # until its server connection is another
            async with other.transaction():
                await other.run_fetch("select 1")
                async with db.transaction():
                    await db.run_fetch("select 2")
            async with db.transaction():
                async with other.transaction():
                    await other.run_fetch("select 1")
                await db.run_fetch("select 2")
    assert caught.value.sqlstate == "26000"  # type: ignore[attr-defined]


@pytest.mark.parametrize("bouncer", ["statement"], indirect=True)
async def test_statement_mode(open_db: Open, bouncer: str) -> None:
    """Single statements work, and transactions say why they do not."""
    db = await open_db(bouncer, max_connections=4, pgbouncer=True)
    await db.execute("create table t (id int primary key)")
    await asyncio.gather(*(db.run_execute("insert into t values ($1)", (n,)) for n in range(20)))
    assert await db.copy_out("select * from t", lambda chunk: None) == 20
    for block in (db.transaction(), db.transaction(readonly=True)):
        with pytest.raises(errors.TransactionError, match="pool_mode = statement"):
            async with block:
                pass
    with pytest.raises(errors.TransactionError, match="pool_mode = statement"):
        async for _ in db.run_cursor("select * from t"):
            pass
    assert await db.fetchval("select count(*) from t") == 20


@pytest.mark.parametrize("bouncer", ["session"], indirect=True)
async def test_settings_that_it_does_not_pass_on(open_db: Open, bouncer: str) -> None:
    for setting in ("statement_timeout=5s", "search_path=a", "options=-c%20work_mem%3D1MB"):
        with pytest.raises(errors.ConfigError, match=f"PgBouncer takes no {setting.partition('=')[0]}"):
            await open_db(f"{bouncer}&{setting}")
    assert not (await open_db()).stats().pooler
