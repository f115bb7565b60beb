"""URLs: every parameter of libpq works or is refused by name, and no password shows in any error."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from chakra import errors
from chakra.config import DatabaseSettings, Settings
from chakra.db import Database
from chakra.db.address import Address
from chakra.db.parameters import PARAMETERS
from tests.db.conftest import Open
from tests.db.leaks import MARK, everything
from tests.db.proxy import Proxy


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of libpq and no file in the home folder decides."""
    for parameter in PARAMETERS.values():
        if parameter.env:
            monkeypatch.delenv(parameter.env, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def read(url: str, **settings: Any) -> Address:
    return Address.read(url, DatabaseSettings(**settings))


def url_with(dsn: str, **parameters: str) -> str:
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return dsn + ("&" if "?" in dsn else "?") + pairs


# -- what a URL says ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://", {}),
        ("postgres://h", {"host": ["h"]}),
        ("POSTGRESQL://h/", {"host": ["h"]}),
        ("postgresql://h:5/x", {"host": ["h"], "port": [5], "database": "x"}),
        ("postgresql://u@h/x", {"user": "u", "database": "x"}),
        ("postgresql://u:p@h/x", {"user": "u", "password": "p"}),
        ("postgresql://u:p%40%2F%3A%25@h/x", {"password": "p@/:%"}),
        ("postgresql://u:a@b@h/x", {"user": "u", "password": "a@b", "host": ["h"]}),
        ("postgresql://u:hun?ter2@h/x", {"password": "hun?ter2", "host": ["h"]}),
        ("postgresql://u:hun#ter2@h/x", {"password": "hun#ter2", "host": ["h"]}),
        ("postgresql://u:p@h?user=me@corp", {"user": "me@corp", "password": "p", "host": ["h"]}),
        ("postgresql://:p@h", {"user": None, "password": "p"}),
        ("postgresql:///x?host=/run/pg&port=7", {"host": ["/run/pg"], "port": [7], "database": "x"}),
        ("postgresql://%2Frun%2Fpg/x", {"host": ["/run/pg"]}),
        ("postgresql://[::1]:7/x", {"host": ["::1"], "port": [7]}),
        ("postgresql://h1:1,h2:2/x", {"host": ["h1", "h2"], "port": [1, 2]}),
        ("postgresql://h1,h2:2/x", {"host": ["h1", "h2"], "port": [5432, 2]}),
        ("postgresql://h/x?host=a,b&port=1,2", {"host": ["a", "b"], "port": [1, 2]}),
        ("postgresql://h/x?dbname=y&user=v&password=q", {"database": "y", "user": "v", "password": "q"}),
        ("postgresql://h/x?database=y", {"database": "y"}),
        (" postgresql://h/x\n", {"host": ["h"], "database": "x"}),
        ("postgresql://h/x?sslmode=require", {"ssl": "require"}),
        ("postgresql://h/x?requiressl=1", {"ssl": "require"}),
        ("postgresql://h/x?ssl=true", {"ssl": "require"}),
        ("postgresql://h/x?sslmode=verify-full&sslnegotiation=direct", {"direct_tls": True}),
        ("postgresql://h/x?passfile=/f", {"passfile": "/f"}),
        ("postgresql://h/x?target_session_attrs=standby", {"target_session_attrs": "standby"}),
        ("postgresql://h/x?krbsrvname=k&gsslib=gssapi", {"krbsrvname": "k", "gsslib": "gssapi"}),
    ],
)
def test_what_a_url_says(url: str, expected: dict[str, Any]) -> None:
    arguments = read(url).arguments
    assert {name: arguments.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("postgresql://me:hush@h:5/x?password=hush", "h:5/x"),
        ("postgresql:///x", "the local server/x"),
        ("postgresql:///x?host=/run/pg", "the socket /run/pg/.s.PGSQL.5432, database x"),
        ("postgresql://[::1]:5/x", "[::1]:5/x"),
        ("postgresql://h1,h2:2/x", "h1:5432, h2:2/x"),
        ("postgresql://h/me%3Ahush%40h", "h"),
    ],
)
def test_what_messages_call_it(url: str, where: str) -> None:
    assert read(url).where == where


# Every parameter of the manual's section 34.1.2 (PostgreSQL 18): texts that work, and texts that are refused.
CASES: dict[str, tuple[list[str], list[str]]] = {
    "host": (["h", "/run/pg", "a,b"], ["", "a,,b"]),
    "hostaddr": ([], ["127.0.0.1"]),
    "port": (["1", "65535"], ["0", "65536", "-1", "x", "", "1,2,3", " 5"]),
    "dbname": (["x"], []),
    "user": (["u"], []),
    "password": (["p", "p@:/?#"], []),
    "passfile": (["/f"], []),
    "require_auth": ([], ["scram-sha-256", "none"]),
    "channel_binding": (["disable", "prefer"], ["require", "x", ""]),
    "connect_timeout": (["1", "30"], ["0", "-1", "x", "", "1.5", "5s", "99999999999"]),
    "client_encoding": (["UTF8", "utf-8", "UNICODE", "auto"], ["latin1", "SQL_ASCII", ""]),
    "options": (["-c work_mem=1MB"], []),
    "application_name": (["a b"], []),
    "fallback_application_name": (["a"], []),
    "keepalives": (["0", "1"], ["2", "on", ""]),
    "keepalives_idle": (["0", "30"], ["-1", "x", "1s"]),
    "keepalives_interval": (["0", "30"], ["-1", "x"]),
    "keepalives_count": (["0", "3"], ["-1", "x", "128"]),
    "tcp_user_timeout": (["0", "30000"], ["-1", "x"]),
    "replication": (["false", "0"], ["true", "database"]),
    "gssencmode": (["disable", "prefer"], ["require", ""]),
    "sslmode": (["disable", "allow", "prefer", "require", "verify-ca", "verify-full"], ["verify", "on", ""]),
    "requiressl": (["0", "1"], ["2", ""]),
    "ssl": (["true", "false"], ["1"]),
    "sslnegotiation": (["postgres"], ["direct", "x"]),  # direct without sslmode
    "sslcompression": (["0"], ["1"]),
    "sslcert": ([], ["/nowhere.crt", "."]),
    "sslkey": ([], []),
    "sslpassword": (["x"], []),
    "sslcertmode": (["allow"], ["require", "disable"]),
    "sslkeylogfile": ([], ["/f"]),
    "sslrootcert": (["system"], ["/nowhere.crt", "."]),
    "sslcrl": ([], ["/nowhere.crl"]),
    "sslcrldir": ([], ["/d"]),
    "sslsni": (["1"], ["0"]),
    "requirepeer": ([], ["postgres"]),
    "ssl_min_protocol_version": (["TLSv1.2", "TLSv1.3"], ["TLSv9", "SSLv3", ""]),
    "ssl_max_protocol_version": (["TLSv1.3"], ["x"]),
    "min_protocol_version": (["3.0"], ["3.2", "latest"]),
    "max_protocol_version": (["3.0", "3.2", "latest"], ["2.0"]),
    "krbsrvname": (["k"], []),
    "gsslib": (["gssapi", "sspi"], ["x"]),
    "gssdelegation": (["0"], ["1"]),
    "scram_client_key": ([], ["x"]),
    "scram_server_key": ([], ["x"]),
    "service": ([], ["nowhere"]),
    "servicefile": (["/f"], []),
    "target_session_attrs": (
        ["any", "primary", "standby", "prefer-standby", "read-write", "read-only"],
        ["master", ""],
    ),
    "load_balance_hosts": (["disable", "random"], ["x"]),
    "oauth_issuer": ([], ["x"]),
    "oauth_client_id": ([], ["x"]),
    "oauth_client_secret": ([], ["x"]),
    "oauth_scope": ([], ["x"]),
}


def test_every_parameter_has_its_cases() -> None:
    assert CASES.keys() == PARAMETERS.keys()


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, (good, _) in CASES.items() for text in good]
)
def test_a_parameter_that_works(name: str, text: str) -> None:
    read(url_with("postgresql://h/x", **{name: text}))


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, (_, bad) in CASES.items() for text in bad])
def test_a_parameter_that_is_refused_is_named(name: str, text: str) -> None:
    more = {"sslmode": "verify-full"} if name in ("sslcrl", "sslrootcert") else {}
    with pytest.raises(errors.ConfigError, match=rf"\b{name}\b"):
        read(url_with("postgresql://h/x", **{name: text}, **more))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("sslmod", "sslmode"),
        ("aplication_name", "application_name"),
        ("channelbinding", "channel_binding"),
        ("conect_timeout", "connect_timeout"),
        ("keepalive", "keepalives"),
        ("target_session_attr", "target_session_attrs"),
    ],
)
def test_a_misspelt_parameter_is_named(name: str, meant: str) -> None:
    with pytest.raises(
        errors.ConfigError, match=f"unknown connection parameter {name}.*did you mean {meant}"
    ):
        read(f"postgresql://h/x?{name}=1")


@pytest.mark.parametrize(
    ("name", "text"), [("nowhere", "1"), ("statement_timeout", "x"), ("max_connections", "3"), ("x", "")]
)
async def test_what_the_server_does_not_take_is_named(dsn: str, name: str, text: str) -> None:
    with pytest.raises(errors.ConfigError, match=name):
        await Database.connect(url_with(dsn, **{name: text}))


async def test_settings_of_the_session(open_db: Open, dsn: str, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(url_with(dsn, statement_timeout="7s", search_path="a, b") + "&app.tenant=t")
    assert await db.fetchval("show statement_timeout") == "7s"
    assert await db.fetchval("show search_path") == "a, b"
    assert await db.fetchval("select current_setting('app.tenant')") == "t"
    names = {row[0] for row in await pg.fetch("select name from pg_settings where context = 'user'")}
    for name in names - PARAMETERS.keys():
        read(f"postgresql://h/x?{name}=1")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"sslrootcert": "/nowhere/root.crt"}, ["sslrootcert", "/nowhere/root.crt", "No such file"]),
        ({"sslcrl": "/nowhere/root.crl"}, ["sslcrl", "/nowhere/root.crl", "No such file"]),
        ({"sslcert": "/nowhere/a.crt"}, ["sslcert", "/nowhere/a.crt", "No such file"]),
        ({"sslrootcert": "FILE"}, ["sslrootcert", "FILE", "PEM"]),
        ({"sslcert": "FILE", "sslkey": "/nowhere/a.key"}, ["sslkey", "/nowhere/a.key", "No such file"]),
        ({"sslcert": "FILE", "sslkey": "FILE"}, ["sslcert and sslkey", "FILE", "PEM"]),
    ],
)
def test_a_file_of_tls_is_named(parameters: dict[str, str], words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("no certificate")
    given = {name: text.replace("FILE", str(file)) for name, text in parameters.items()}
    with pytest.raises(errors.ConfigError) as caught:
        read(url_with("postgresql://h/x?sslmode=verify-ca", **given))
    for word in words:
        assert word.replace("FILE", str(file)) in str(caught.value)


def test_a_file_of_tls_that_the_driver_looks_for_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").write_text("no certificate")
    with pytest.raises(errors.ConfigError, match=r"sslrootcert: cannot use .*root\.crt"):
        read("postgresql://h/x?sslmode=require")


def test_the_authorities_of_the_system_need_full_verification() -> None:
    assert read("postgresql://h/x?sslrootcert=system").arguments["ssl"].check_hostname
    with pytest.raises(errors.ConfigError, match="verify-full"):
        read("postgresql://h/x?sslrootcert=system&sslmode=require")


def test_files_of_tls_reach_the_driver(tmp_path: Path) -> None:
    dsn = read("postgresql://h/x?ssl_min_protocol_version=TLSv1.3&sslpassword=a%26b").arguments["dsn"]
    assert dsn == "postgresql://?sslpassword=a%26b&ssl_min_protocol_version=TLSv1.3"


def test_hosts_in_any_order() -> None:
    address = read("postgresql://h1:1,h2:2,h3:3/x?load_balance_hosts=random")
    orders = {tuple(attempt.where for attempt in address.attempts()) for _ in range(200)}
    assert len(orders) == 6
    assert {host for order in orders for host in order} == {"h1:1", "h2:2", "h3:3"}


@pytest.mark.parametrize(
    ("url", "attempts"),
    [
        ("postgresql://h:1/x", ["h:1/x any"]),
        ("postgresql://h1,h2/x?port=7", ["h1:7 any", "h2:7 any"]),
        ("postgresql://h1,[::1]:7/x?target_session_attrs=primary", ["h1:5432 primary", "[::1]:7 primary"]),
        (
            "postgresql://h1:1,h2:2/x?target_session_attrs=prefer-standby",
            ["h1:1 standby", "h2:2 standby", "h1:1 any", "h2:2 any"],
        ),
        (
            "postgresql:///x?host=/a,/b",
            ["the socket /a/.s.PGSQL.5432 any", "the socket /b/.s.PGSQL.5432 any"],
        ),
    ],
)
def test_what_is_tried_in_which_order(url: str, attempts: list[str]) -> None:
    found = [f"{a.where} {a.arguments['target_session_attrs']}" for a in read(url).attempts()]
    assert found == attempts


async def test_each_host_has_its_time(open_db: Open, dsn: str, proxy: Proxy) -> None:
    parts = proxy.url.partition("@")
    port = parts[2].partition(":")[2].partition("/")[0]
    async with Proxy(proxy.address, dsn) as silent:
        silent.hush()
        gone = silent.url.partition("@")[2].partition("/")[0]
        hosts = f"{parts[0]}@{gone},127.0.0.1:1,127.0.0.1:{port}/{parts[2].partition('/')[2]}"
        db = await open_db(f"{hosts}&connect_timeout=1")
        assert [connection.host for connection in db.stats().connections] == [f"127.0.0.1:{port}"]
        with pytest.raises(
            errors.ConnectionLost,
            match=rf"{gone}: no answer.*; cannot connect to 127.0.0.1:1: .*"
            rf"; cannot connect to 127.0.0.1:{port}: it is not what target_session_attrs",
        ):
            await Database.connect(f"{hosts}&connect_timeout=1&target_session_attrs=standby")
        db = await open_db(f"{hosts}&connect_timeout=1&target_session_attrs=prefer-standby")
        assert await db.fetchval("select 1") == 1


# -- service files and the environment ------------------------------------------------------------------


@pytest.fixture
def service(tmp_path: Path) -> Path:
    file = tmp_path / ".pg_service.conf"
    file.write_text(
        "# comment\n[other]\nhost=o\n\n[mine]\nhost=s\nport=7\nuser=u\npassword=p w\nkeepalives=0\n[next]\n"
    )
    return file


def test_a_service(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGUSER", "from the environment")
    monkeypatch.setenv("PGDATABASE", "e")
    for address in (
        read("postgresql://?service=mine&port=8"),
        read(f"postgresql://?service=mine&port=8&servicefile={service}"),
    ):
        arguments = address.arguments
        assert (arguments["host"], arguments["port"], arguments["user"]) == (["s"], [8], "u")
        assert (arguments["password"], arguments["database"]) == ("p w", "e")
        assert not address.keepalive.on
    monkeypatch.setenv("PGSERVICE", "other")
    assert read("postgresql://").arguments["host"] == ["o"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[mine]\nhost = s\n", "line 2"),
        ("[mine]\nhunter2\n", "line 2"),
        ("[mine]\nhunter2=1\n", "line 2"),
        ("[mine]\nservice=mine\n", "line 2"),
        ("[mine]\nport=hunter2\n", "port in the service file"),
        ("[else]\n", "no section of the service"),
    ],
)
def test_a_service_that_cannot_be_used(service: Path, text: str, words: str) -> None:
    service.write_text(text)
    with pytest.raises(errors.ConfigError, match=words) as caught:
        read("postgresql://?service=mine")
    assert MARK not in everything(caught.value)


def test_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCHANNELBINDING", "require")
    with pytest.raises(errors.ConfigError, match="channel_binding in the environment variable PGCHANNELBIND"):
        read("postgresql://h/x")
    assert read("postgresql://h/x?channel_binding=prefer")


# -- on a connection ------------------------------------------------------------------------------------


async def test_parameters_that_hosts_hand_out(open_db: Open, dsn: str) -> None:
    db = await open_db(
        url_with(
            dsn,
            channel_binding="prefer",
            connect_timeout="5",
            keepalives="1",
            gssencmode="disable",
            sslmode="prefer",
            target_session_attrs="read-write",
            options="-c work_mem=123kB",
            client_encoding="utf8",
        )
    )
    assert await db.fetchval("show work_mem") == "123kB"


@pytest.mark.parametrize(
    ("parameters", "setting", "name"),
    [
        ({}, "chakra", "chakra"),
        ({"fallback_application_name": "f"}, "chakra", "f"),
        ({"fallback_application_name": "f"}, "s", "s"),
        ({"application_name": "a", "fallback_application_name": "f"}, "s", "a"),
    ],
)
async def test_who_names_the_application(
    open_db: Open, dsn: str, parameters: dict[str, str], setting: str, name: str
) -> None:
    url = url_with(dsn, **parameters) if parameters else dsn
    db = await open_db(url, application_name=setting)
    assert await db.fetchval("show application_name") == name


async def test_no_host_is_what_is_asked_for(dsn: str) -> None:
    with pytest.raises(errors.ConnectionLost, match="target_session_attrs"):
        await Database.connect(url_with(dsn, target_session_attrs="standby"))


async def test_the_next_host(open_db: Open, proxy: Proxy) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    host = re.search(r"127\.0\.0\.1:\d+", proxy.url)
    assert host is not None
    db = await open_db(proxy.url.replace(host[0], f"127.0.0.1:{port},{host[0]}"))
    assert await db.fetchval("select 1") == 1


async def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.ConnectionLost, match=r"the socket .*/\.s\.PGSQL\.77.*No such file"):
        await Database.connect(f"postgresql://u:{MARK}@/x?host={tmp_path}&port=77")


@pytest.mark.parametrize(
    "parameters", [{}, {"keepalives_idle": "33", "tcp_user_timeout": "44000"}, {"keepalives": "0"}]
)
async def test_tcp_looks_after_the_connection(
    open_db: Open, proxy: Proxy, parameters: dict[str, str]
) -> None:
    url = url_with(proxy.url, **parameters) if parameters else proxy.url
    db = await open_db(url, max_connections=1, keepalives_interval="7s", keepalives_count=5)
    (session,) = db.pool._idle
    sock = session.raw._transport.get_extra_info("socket")

    def option(level: int, name: str) -> int:
        return int(sock.getsockopt(level, getattr(socket, name)))

    on = parameters.get("keepalives") != "0"
    assert bool(option(socket.SOL_SOCKET, "SO_KEEPALIVE")) is on
    if on:
        tcp = socket.IPPROTO_TCP
        assert option(tcp, "TCP_KEEPIDLE") == int(parameters.get("keepalives_idle", 60))
        assert (option(tcp, "TCP_KEEPINTVL"), option(tcp, "TCP_KEEPCNT")) == (7, 5)
        assert option(tcp, "TCP_USER_TIMEOUT") == int(parameters.get("tcp_user_timeout", 60_000))


async def test_connect_timeout_of_the_url() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, nobody reads
        address = read(f"postgresql://h:{silent.getsockname()[1]}/x?connect_timeout=7", connect_timeout=3.0)
    assert address.timeout == 7
    with pytest.raises(errors.ConfigError, match=r"database\.connect_timeout .* above 0"):
        Settings().with_values({"database.connect_timeout": 0}, "connect()")


def test_the_page_of_parameters_is_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "connections.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE))
    assert rows.keys() == PARAMETERS.keys()
    for name, parameter in PARAMETERS.items():
        assert rows[name].endswith(parameter.does)
        assert rows[name].startswith("refused") is (parameter.read is None)
        assert all(text in rows[name] for text in parameter.idle)
