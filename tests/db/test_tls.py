"""Over TLS: which certificates are taken, and that rows, COPY, cancelling and losing a server work as without it.

Twice: by a server's own TLS, where it has it (the wheel's has not), and by a relay that speaks TLS in front of the
server of the other tests.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pyarrow as pa
import pytest

import chakra
from chakra import errors
from chakra.db import Database
from tests.db.conftest import Open
from tests.db.tls import Certificates, TlsRelay, make_certificates
from tests.servers import TcpServer, tcp_server

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="the program openssl is not installed"
)

BUILT_WITHOUT = "this PostgreSQL is built without TLS"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def tls_server(certificates: Certificates) -> Iterator[TcpServer | None]:
    """A server that takes TLS alone, and from the database ``certain`` on a client's certificate, too."""

    def prepare(pgdata: Path, give: Any) -> None:
        for source, name in (
            (certificates.root, "root.crt"),
            (certificates.server, "server.crt"),
            (certificates.server_key, "server.key"),
        ):
            shutil.copy(source, pgdata / name)
            give(pgdata / name)
        (pgdata / "pg_hba.conf").write_text(
            "hostssl certain all 127.0.0.1/32 trust clientcert=verify-ca\n"
            "hostnossl certain all 127.0.0.1/32 reject\n"
            "hostssl all all 127.0.0.1/32 trust\n"
        )

    with ExitStack() as stack:
        server = None
        try:
            server = stack.enter_context(tcp_server({"ssl": True, "ssl_ca_file": "root.crt"}, prepare))
        except RuntimeError as error:
            if "SSL is not supported by this build" not in str(error):
                raise
        yield server


@dataclass
class Tls:
    """Where to connect over TLS: ``port`` on localhost, and one that asks for a client's certificate."""

    certificates: Certificates
    user: str
    database: str
    port: int
    asking_port: int
    asking_database: str

    def url(
        self, host: str = "localhost", *, port: int = 0, database: str = "", **parameters: str | Path
    ) -> str:
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://{self.user}@{host}:{port or self.port}/{database or self.database}?{query}"

    def verified(self) -> str:
        return self.url(sslmode="verify-full", sslrootcert=self.certificates.root)


@pytest.fixture(params=["server", "relay"])
async def tls(
    request: pytest.FixtureRequest,
    certificates: Certificates,
    tls_server: TcpServer | None,
    pg: asyncpg.Connection[Any],
) -> AsyncIterator[Tls]:
    if request.param == "server":
        if tls_server is None:
            pytest.skip(BUILT_WITHOUT)
        one = await asyncpg.connect(f"{tls_server.url}?sslmode=require")
        await one.execute("drop schema public cascade; create schema public")
        if not await one.fetchval("select count(*) from pg_database where datname = 'certain'"):
            await one.execute("create database certain")
        await one.close()
        yield Tls(certificates, "postgres", "postgres", tls_server.port, tls_server.port, "certain")
    else:
        user, database = pg._params.user, pg._params.database
        async with (
            TlsRelay(pg._addr, certificates) as relay,
            TlsRelay(pg._addr, certificates, ask_client=True) as asking,
        ):
            yield Tls(certificates, user, database, relay.port, asking.port, database)


def cipher(one: Any) -> Any:
    """What the client says of its own end of the line; ``None`` without TLS."""
    return one._session.raw._transport.get_extra_info("cipher")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
async def test_the_right_root(open_db: Open, tls: Tls, mode: str, host: str) -> None:
    url = tls.url(host, sslmode=mode, sslrootcert=tls.certificates.root)
    if mode == "verify-full" and host != "localhost":  # the certificate names localhost alone
        with pytest.raises(errors.ConnectionLost, match=r"127\.0\.0\.1.*certificate.*127\.0\.0\.1"):
            await open_db(url)
        return
    db = await open_db(url)
    assert await db.fetchval("select 6 * 7") == 42
    async with db.acquire() as one:
        assert cipher(one) is not None


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_another_root(open_db: Open, tls: Tls, mode: str) -> None:
    """With ``sslmode=require`` a root file is looked at, too: as in libpq (manual, section 34.19.1)."""
    with pytest.raises(errors.ConnectionLost, match=r"localhost.*certificate verify failed"):
        await open_db(tls.url(sslmode=mode, sslrootcert=tls.certificates.other_root))


async def test_without_a_root_nothing_is_looked_at(
    open_db: Open, tls: Tls, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # no ~/.postgresql/root.crt
    assert await (await open_db(tls.url(sslmode="require"))).fetchval("select 1") == 1


async def test_no_tls_where_it_is_demanded(open_db: Open, tls: Tls) -> None:
    with pytest.raises((errors.ConnectionLost, errors.DatabaseError)):
        await open_db(tls.url(sslmode="disable"))


async def test_tls_where_there_is_none(
    open_db: Open, dsn: str, pg: asyncpg.Connection[Any], certificates: Any
) -> None:
    if pg._transport.get_extra_info("cipher") is not None:
        pytest.skip("the server of the tests has TLS")

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(b"N")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        for mode in ("require", "verify-full"):
            with pytest.raises(errors.ConnectionLost, match=rf"127\.0\.0\.1:{port}.*SSL"):
                url = (
                    f"postgresql://postgres@127.0.0.1:{port}/x?sslmode={mode}&sslrootcert={certificates.root}"
                )
                await open_db(url)


async def test_a_certificate_of_the_client(open_db: Open, tls: Tls) -> None:
    place = {"port": tls.asking_port, "database": tls.asking_database, "sslmode": "require"}
    mine = {"sslcert": tls.certificates.client, "sslkey": tls.certificates.client_key}
    assert await (await open_db(tls.url(**place, **mine))).fetchval("select 1") == 1  # type: ignore[arg-type]
    with pytest.raises((errors.ConnectionLost, errors.DatabaseError), match=f"localhost:{tls.asking_port}"):
        await open_db(tls.url(**place))  # type: ignore[arg-type]


async def test_columns_both_ways(tls: Tls) -> None:
    rows = 200_000  # 7 MB: many TLS records, and more than any buffer takes
    data = pa.table({"id": pa.array(range(rows), pa.int64()), "name": [f"name {n} é" for n in range(rows)]})
    async with chakra.connect(tls.verified(), max_connections=2) as db:
        await db.execute("create table t (id bigint primary key, name text)")
        table = db.table("t")
        assert (await table.bulk_insert(data)).inserted == rows
        read = await table.order_by("id").to_arrow()
        assert read.column("id").equals(data.column("id"))
        assert read.column("name").cast(pa.string()).equals(data.column("name"))
        with pytest.raises(errors.UniqueViolation):
            await table.bulk_insert(data.slice(0, 1))
        assert await table.count() == rows


async def test_cancelled_statements_and_streams(open_db: Open, tls: Tls) -> None:
    """The cancel request goes over TLS, too, and the connection is used again."""
    db = await open_db(tls.verified(), max_connections=1)
    pid = await db.fetchval("select pg_backend_pid()")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await db.fetch("select pg_sleep(30)")
    assert await db.fetchval("select pg_backend_pid()") == pid
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await db.copy_out("select pg_sleep(30)", lambda chunk: None)
    assert await db.fetchval("select 1") == 1
    async for _ in db.run_cursor("select * from generate_series(1, 100000)", prefetch=100):
        break
    await db.execute("create table t (id int)")
    with pytest.raises(ZeroDivisionError):
        await db.copy_in("t", ["id"], _broken())
    assert await db.fetchval("select count(*) from t") == 0


def _broken() -> Iterator[bytes]:
    yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
    raise ZeroDivisionError


async def test_a_backend_that_is_ended(open_db: Open, tls: Tls) -> None:
    db: Database = await open_db(tls.verified(), max_connections=2)
    async with db.acquire() as one:
        pid = await one.fetchval("select pg_backend_pid()")
        running = asyncio.create_task(one.fetchval("select pg_sleep(30)"))
        while not await db.fetchval(
            "select count(*) from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'", pid
        ):
            await asyncio.sleep(0.01)
        await db.fetchval("select pg_terminate_backend($1)", pid)
        with pytest.raises(errors.ConnectionLost):
            await running
    assert await db.fetchval("select 1") == 1
