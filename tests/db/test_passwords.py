"""No password shows: in errors of malformed URLs of every kind, in what is behind them, in logs and representations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chakra import config, connect, errors
from chakra.config import DatabaseSettings
from chakra.db import Database
from chakra.db.address import Address
from tests.db.conftest import Open
from tests.db.leaks import MARK, everything
from tests.db.proxy import Proxy


def read(url: str) -> Address:
    return Address.read(url, DatabaseSettings())


WRITTEN_WRONG = [
    f'"postgresql://u:{MARK}@h/x"',
    f"'postgresql://u:{MARK}@h/x'",
    f"host=h user=u password={MARK} dbname=x",
    f"password={MARK}",
    f"password={MARK}://x",
    f"DATABASE_URL=postgresql://u:{MARK}@h/x",
    f"export DATABASE_URL=postgresql://u:{MARK}@h/x",
    f"mysql://u:{MARK}@h/x",
    f"postgresql+asyncpg://u:{MARK}@h/x",
    f"jdbc:postgresql://h/x?user=u&password={MARK}",
    f"{MARK}://u@h/x",
    MARK,
    f"u:{MARK}@h/x",
    f"postgresql:u:{MARK}@h/x",
    f"postgresql:/u:{MARK}@h/x",
    f"postgres//u:{MARK}@h/x",
    f"postgresql://u:a/{MARK}@h/x",
    f"postgresql://u:{MARK}/a@h/x",
    f"postgresql://u:12/{MARK}@h/x",
    f"postgresql://u:a?{MARK}@h:x/x",
    f"postgresql://u:a?b={MARK}/@h/x",
    f"postgresql://u:a/b?{MARK}=c@h/x",
    f"postgresql://u:a/b?c={MARK}@h/x",
    f"postgresql://u:a/b#{MARK}@h/x",
    f"postgresql://u:a#b/{MARK}@h/x",
    f"postgresql://u:{MARK}%zz@h/x",
    f"postgresql://u:{MARK}%@h/x",
    f"postgresql://u:{MARK}%00@h/x",
    f"postgresql://u:{MARK}%ff@h/x",
    f"postgresql://u:{MARK}@[::1/x",
    f"postgresql://u:{MARK}@h:port/x",
    f"postgresql://u:{MARK}@h:99999999/x",
    f"postgresql://u:{MARK}@h /x",
    f"postgresql://u:{MARK} x@h/x",
    f"postgresql://u:{MARK}\n@h/x",
    f"postgresql://u:{MARK}",
    f"postgresql://u:[{MARK}]@h/x?nope",
    f"postgresql://h/x?password={MARK}&sslmode=nope",
    f"postgresql://h/x?password={MARK}&pasword={MARK}",
    f"postgresql://h/x?sslmode={MARK}",
    f"postgresql://h/x?password={MARK}%",
    f"embedded://u:{MARK}@h/x",
    f"embedded:u:{MARK}@h/x",
    f"embedded:///x?{MARK}@h",
    f"embedded:///x?a-{MARK}=h",
    f"embedded:///x#{MARK}",
    f"embedded://[{MARK}/x",
]


@pytest.mark.parametrize("url", WRITTEN_WRONG)
async def test_no_password_in_errors(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(errors.ChakraError) as caught:
        await connect(url)
    assert isinstance(caught.value, errors.ConfigError)
    assert MARK not in everything(caught.value)
    assert MARK not in caplog.text


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        (WRITTEN_WRONG[0], "quotes"),
        (WRITTEN_WRONG[2], "key=value"),
        (WRITTEN_WRONG[5], "name of a variable"),
        (WRITTEN_WRONG[7], "mysql://"),
        (WRITTEN_WRONG[8], "postgresql\\+asyncpg://"),
        (WRITTEN_WRONG[16], "%2F"),
        ("", "empty|no database URL"),
        (b"postgresql://h/x", "bytes"),
        (Path("x"), "Path"),
    ],
)
async def test_what_was_probably_meant(
    url: Any, hint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CHAKRA_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    config.reset()
    with pytest.raises(errors.ConfigError, match=hint):
        await connect(url)
    config.reset()


WORDS = r"""postgresql: postgres: / // :// : @ ? # & = % %4 %zz %2F , [ ] u h x 5432 ' " + ; é
    sslmode= password= host= options="""
PIECES = st.sampled_from([*WORDS.split(), " ", "\n", "\0"])


@given(st.lists(PIECES, max_size=8), st.lists(PIECES, max_size=8), st.booleans())
def test_no_part_of_a_malformed_url_shows(before: list[str], after: list[str], credentials: bool) -> None:
    begin = "postgresql://u:" if credentials else ""
    url = begin + "".join(before) + MARK + "".join(after)
    try:
        address = read(url)
    except errors.ConfigError as error:
        assert MARK not in everything(error)
    else:
        assert MARK not in repr(address).replace(address.where, "")


@given(st.text(min_size=1), st.sampled_from(["h", "h:1", "[::1]:2", "h1:1,h2:2", ""]))
def test_a_quoted_password_arrives_and_does_not_show(password: str, host: str) -> None:
    if "\0" in password or any("\ud800" <= c <= "\udfff" for c in password):
        return
    address = read(f"postgresql://u:{quote(password, safe='')}@{host}/x?sslmode=disable")
    assert address.arguments["password"] == password
    assert "arguments" not in repr(address)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHAKRA_DATABASE_URL", raising=False)
    config.reset()
    yield tmp_path / "chakra.toml"
    config.reset()


@pytest.mark.parametrize(
    "text",
    [
        f'[database]\nurl = ["postgresql://u:{MARK}@h/x"]\n',
        f'[database.url]\npassword = "{MARK}"\n',
        f'[database]\nurl = {{password = "{MARK}"}}\n',
        f'[database]\nurl = "postgresql://u:{MARK}@h:port/x"\n',
        f"[database]\nurl = postgresql://u:{MARK}@h/x\n",
        f'[database]\nurl = "postgresql://u:{MARK}@h/x\n',
        f'[database]\nurl = "postgresql://u:\\{MARK}@h/x"\n',
        f'url = "postgresql://u:{MARK}@h/x"\n',
        f'[database]\npassword = "{MARK}"\n',
        f'[nowhere]\npassword = "{MARK}"\n',
        f'"postgresql://u:{MARK}@h/x" = 1\n',
        f'["postgresql://u:{MARK}@h/x"]\n',
        f'[database]\n"postgresql://u:{MARK}@h/x" = 1\n',
        f'[database]\nurl = "postgresql://u:{MARK}@h/x\udcff"\n',
    ],
)
async def test_no_password_of_the_file_in_errors(written: Path, text: str) -> None:
    written.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(errors.ConfigError) as caught:
        await connect()
    assert MARK not in everything(caught.value)


def test_no_password_in_representations(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"postgresql://u:{MARK}@h/x?sslpassword={MARK}"
    settings = config.load(environ={"CHAKRA_DATABASE_URL": url})
    assert settings.database.url == url
    assert MARK not in repr(settings)
    assert MARK not in repr(connect(url))
    assert MARK not in repr(read(url))


async def test_a_refused_password_does_not_show(
    dsn: str, open_db: Open, pg: asyncpg.Connection[Any], proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    url = proxy.url.replace("postgres@", f"nobody_here:{MARK}@")
    with pytest.raises(errors.ChakraError) as caught:
        await Database.connect(url)
    assert MARK not in everything(caught.value)
    db = await open_db(proxy.url.replace("postgres@", f"postgres:{MARK}@"))
    assert MARK not in repr(db)
    proxy.cut()
    proxy._server.close()
    with pytest.raises(errors.ConnectionLost) as lost:
        for _ in range(3):
            await db.fetch("select 1")
    assert MARK not in everything(lost.value)
    assert MARK not in caplog.text


def test_no_password_on_the_command_line_shows(tmp_path: Path) -> None:
    testing = pytest.importorskip("click.testing")
    import click

    from chakra.cli.group import Commands

    @click.command("go")
    def go() -> None:
        Address.read(f"postgresql://u:{MARK}@h:port/x", DatabaseSettings())

    group = Commands(name="chakra")
    group.get_command = lambda ctx, name: go  # type: ignore[method-assign]
    result = testing.CliRunner().invoke(group, ["go"])
    assert result.exit_code == 1
    assert MARK not in result.output
    assert MARK not in everything(result.exception)


async def test_a_function_gives_the_password_of_each_connection(
    open_db: Open, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncpg

    sent: list[str] = []
    real = asyncpg.connect

    async def connect(**given: Any) -> Any:
        sent.append(given["password"])
        return await real(**given)

    monkeypatch.setattr(asyncpg, "connect", connect)
    given: list[str] = []

    def token() -> str:
        given.append(f"token {len(given)}")
        return given[-1]

    async def later() -> str:
        return token()

    for source in (token, later, later):
        db = await open_db(password=source, max_connections=2)
        async with db.acquire(), db.acquire():
            pass
    assert sent == given == [f"token {n}" for n in range(6)]
    await open_db(dsn.replace("postgres@", "postgres:other@"), password=MARK)
    assert sent[-1] == MARK


def _fails() -> str:
    raise RuntimeError(MARK)


async def _waits() -> str:
    import asyncio

    await asyncio.sleep(30)
    return ""


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        (_fails, errors.ConfigError, r"_fails\(\), which gives the password, raised RuntimeError"),
        (lambda: None, errors.ConfigError, "a value of type NoneType, expected the password as text"),
        (lambda: "", errors.ConfigError, "an empty or unusable text"),
        (lambda: f"{MARK}\0", errors.ConfigError, "an empty or unusable text"),
        (MARK.encode, errors.ConfigError, "a value of type bytes"),
        (_waits, errors.ConnectionLost, r"_waits\(\) gave no password within connect_timeout"),
    ],
    ids=["fails", "nothing", "empty", "unusable", "bytes", "late"],
)
async def test_a_function_that_gives_no_password(
    dsn: str, source: Any, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        await Database.connect(dsn, password=source, connect_timeout="50ms")
    assert MARK not in str(caught.value)
    assert MARK not in repr(Address.read(dsn, DatabaseSettings(), MARK))


async def test_what_is_no_password_is_refused(dsn: str) -> None:
    for wrong in (5, b"x", ["x"]):
        with pytest.raises(errors.ConfigError, match="password= takes a text or a function"):
            await Database.connect(dsn, password=wrong)  # type: ignore[arg-type]
