"""Settings of a transaction: they hold inside the block, are gone after it, and are never anything but values."""

from __future__ import annotations

import enum
import uuid
from typing import Any

import asyncpg
import pytest

import chakra
from chakra import errors
from chakra.db import Database, QueryEvent
from chakra.db.local_settings import NAME
from chakra.db.search_path import SearchPath
from tests.db.conftest import Open
from tests.db.proxy import Proxy

REFUSED = (errors.DatabaseError, errors.DataError)


@pytest.fixture
async def one(open_db: Open) -> Database:
    return await open_db(max_connections=1)


async def tenant(db: Any, name: str = "app.tenant") -> str:
    row = await db.run_fetchrow("select current_setting($1, true)", (name,))
    return row[0] or ""


async def test_they_hold_in_the_block(one: Database) -> None:
    async with one.transaction(settings={"app.tenant": "a", "statement_timeout": "5s", "app.other": "b"}):
        assert [await tenant(one), await tenant(one, "statement_timeout")] == ["a", "5s"]
        assert await tenant(one, "app.other") == "b"
    assert [await tenant(one), await tenant(one, "statement_timeout")] == ["", "0"]
    with pytest.raises(ZeroDivisionError):
        async with one.transaction(settings={"app.tenant": "a"}):
            raise ZeroDivisionError
    assert await tenant(one) == ""


@pytest.mark.parametrize("reports", [True, False])
async def test_they_cost_no_round_trip(
    open_db: Open, proxy: Proxy, reports: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also on servers before 18, which do not report the search path: it is not looked for without need."""
    if not reports:
        monkeypatch.setattr(SearchPath, "_reported", lambda self: None)
    db = await open_db(proxy.url, max_connections=1)
    proxy.sent.clear()
    async with db.transaction(settings={"app.tenant": "a"}), db.transaction(settings={"app.tenant": "b"}):
        pass
    assert proxy.round_trips == 4


async def test_nested(one: Database) -> None:
    async with one.transaction(settings={"app.tenant": "a"}):
        async with one.transaction(settings={"app.tenant": "b", "app.other": "x"}):
            assert await tenant(one) == "b"
            async with one.transaction(settings={"app.tenant": "c"}):
                assert await tenant(one) == "c"
                await one.execute("set local app.tenant = 'changed'")
            assert await tenant(one) == "b"
            async with one.transaction():
                assert await tenant(one) == "b"
            with pytest.raises(ZeroDivisionError):
                async with one.transaction(settings={"app.tenant": "d"}):
                    raise ZeroDivisionError
            assert [await tenant(one), await tenant(one, "app.other")] == ["b", "x"]
        assert [await tenant(one), await tenant(one, "app.other")] == ["a", ""]
    assert await tenant(one) == ""


async def test_nested_in_a_block_without_them(one: Database) -> None:
    async with one.transaction():
        for name in ("a", "b"):
            async with one.transaction(settings={"app.tenant": name, "work_mem": "1MB"}):
                assert await tenant(one) == name
            assert [await tenant(one), await tenant(one, "work_mem")] == ["", "4MB"]


async def test_on_a_pinned_connection_the_sessions_own_comes_back(one: Database) -> None:
    async with one.acquire() as connection:
        await connection.execute("set app.tenant = 'session'")
        async with connection.transaction(settings={"app.tenant": "a"}):
            assert await tenant(connection) == "a"
            async with connection.transaction(settings={"app.tenant": "b"}):
                assert await tenant(connection) == "b"
            assert await tenant(connection) == "a"
        assert await tenant(connection) == "session"
        async with connection.transaction():
            async with connection.transaction(settings={"app.tenant": "b"}):
                pass
            assert await tenant(connection) == "session"
    assert await tenant(one) == ""


async def test_as_a_function_and_on_the_default_database(one: Database, dsn: str) -> None:
    @one.transaction(settings={"app.tenant": "a"})
    async def decorated() -> str:
        return await tenant(one)

    assert await decorated() == "a" == await decorated()
    assert await one.transaction(retries=2, settings={"app.tenant": "b"}).run(tenant, one) == "b"
    async with chakra.connect(dsn) as db, chakra.transaction(settings={"app.tenant": "c"}):
        assert await tenant(db) == "c"


async def test_with_the_other_options(one: Database) -> None:
    async with one.transaction("serializable", readonly=True, deferrable=True, settings={"app.tenant": "a"}):
        assert await tenant(one) == "a"
        assert await tenant(one, "transaction_isolation") == "serializable"
        assert await tenant(one, "transaction_read_only") == "on"


class Name(str, enum.Enum):  # noqa: UP042 - str() of it is not its value
    A = "a"


VALUES = [
    ("a", "a"),
    ("", ""),
    ("it's", "it's"),
    ("\\", "\\"),
    ("\\'; drop table t --", "\\'; drop table t --"),
    ("'); select 1; --", "'); select 1; --"),
    ("$1 %s {} :x ?", "$1 %s {} :x ?"),
    ("能\\') é\n\r\t", "能\\') é\n\r\t"),
    (7, "7"),
    (True, "on"),
    (False, "off"),
    (1.5, "1.5"),
    (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (Name.A, "a"),
]


@pytest.mark.parametrize(("value", "text"), VALUES)
async def test_values(one: Database, value: object, text: str) -> None:
    for nested in (False, True):
        outer, inner = ({}, {"app.tenant": value})[:: -1 if not nested else 1]
        async with one.transaction(settings=outer), one.transaction(settings=inner):
            assert await tenant(one) == text


@pytest.mark.parametrize("value", [None, b"a", ["a"], object(), {"a": 1}])
async def test_values_that_are_none(one: Database, value: object) -> None:
    with pytest.raises(errors.TransactionError, match=r"settings: the value of app\.tenant is"):
        one.transaction(settings={"app.tenant": value})


@pytest.mark.parametrize("value", ["a\0b", "a\ud800"])
async def test_values_that_no_text_can_hold(one: Database, value: str) -> None:
    for _ in range(2):
        with pytest.raises(errors.DataError, match="PostgreSQL string cannot hold"):
            async with one.transaction(settings={"app.tenant": value}):
                pass
        async with one.transaction():
            with pytest.raises(errors.DataError, match="PostgreSQL string cannot hold"):
                async with one.transaction(settings={"app.tenant": value}):
                    pass
            assert await tenant(one) == ""
    assert str(one.pool.figures) == "size 1 of 1, idle 1, waiting 0"


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a;b", "a'b", 'a"b', "a--", "app.", ".tenant", "a..b", "1a", "a.1", "a=b", "a\n", "é", "a\0", 7, None,
     "app.tenant', 'x', false); --", "a$b"],
)  # fmt: skip
async def test_names_that_are_none(one: Database, name: Any) -> None:
    assert not isinstance(name, str) or NAME.match(name) is None
    for make in (one.transaction, Database.transaction.__get__(one)):
        with pytest.raises(errors.TransactionError, match="is no name of a setting"):
            make(settings={name: "a"})


@pytest.mark.parametrize(
    "settings", [{"statement_timeout": "soon"}, {"no_such_setting": "1"}, {"max_connections": 5}]
)
async def test_what_the_server_refuses(one: Database, settings: dict[str, object]) -> None:
    """Neither the connection nor a transaction around it is left in the middle of something."""
    with pytest.raises(REFUSED):
        async with one.transaction(settings=settings):
            pytest.fail("the block was entered")
    assert str(one.pool.figures) == "size 1 of 1, idle 1, waiting 0"
    async with one.transaction(settings={"app.tenant": "a"}):
        with pytest.raises(REFUSED):
            async with one.transaction(settings=settings):
                pytest.fail("the block was entered")
        assert await tenant(one) == "a"
    async with one.acquire() as connection:
        with pytest.raises(REFUSED):
            async with connection.transaction(settings=settings):
                pytest.fail("the block was entered")
        assert await tenant(connection) == ""
        assert not connection.in_transaction


async def test_in_an_aborted_transaction(one: Database) -> None:
    with pytest.raises(errors.TransactionError, match="aborted"):
        async with one.transaction():
            with pytest.raises(errors.DataError):
                await one.run_fetch("select 1 / 0")
            async with one.transaction(settings={"app.tenant": "a"}):
                pytest.fail("the block was entered")
    assert str(one.pool.figures) == "size 1 of 1, idle 1, waiting 0"


async def test_values_are_not_shown(one: Database) -> None:
    seen: list[QueryEvent] = []
    one.hooks.add(seen.append)
    with pytest.raises(REFUSED) as caught:
        async with one.transaction(settings={"app.tenant": "secret", "statement_timeout": "nonsense"}):
            pass
    assert [e.sql for e in seen[:1]] == ["BEGIN; SET LOCAL app.tenant TO …; SET LOCAL statement_timeout TO …"]
    assert not any("secret" in event.sql for event in seen)
    assert "secret" not in str(vars(caught.value))


async def test_other_encodings(one: Database, pg: asyncpg.Connection[Any]) -> None:
    async with one.acquire() as connection:
        await connection.execute("set client_encoding to 'LATIN1'")
        async with connection.transaction(settings={"app.tenant": "a"}):
            assert await tenant(connection) == "a"
        with pytest.raises(errors.ConfigError, match="client_encoding is LATIN1"):
            async with connection.transaction(settings={"app.tenant": "é"}):
                pass
        assert not connection.in_transaction
