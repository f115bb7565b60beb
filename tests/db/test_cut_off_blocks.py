"""Blocks and streams that are cut off at any await, by a timeout that the borrower of the connection survives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg
import pytest

import chakra
from chakra.db import Database
from chakra.errors import ConnectionLost, TransactionError
from tests.db.conftest import Open
from tests.db.faults import Moment, cut_off_everywhere, settled

NUMBERS = "select generate_series(1, 2000) as n"


@pytest.fixture
async def one(open_db: Open, pg: asyncpg.Connection[Any]) -> Database:
    await pg.execute("create table log (v text)")
    return await open_db(max_connections=1, acquire_timeout=5)


async def logged(pg: asyncpg.Connection[Any]) -> list[str]:
    return [row["v"] for row in await pg.fetch("delete from log returning v")]


async def write(on: Any, text: str) -> None:
    await on.execute("insert into log values ($1)", text)


async def tenant(on: Any) -> str:
    return str(await on.fetchval("select current_setting('app.tenant', true)"))


async def plain(on: Any) -> None:
    async with on.transaction():
        await write(on, "inner")


async def with_settings(on: Any) -> None:
    async with on.transaction(settings={"app.tenant": "b"}):
        await write(on, "inner")


async def leaving_streams(on: Any) -> None:
    """The streams are ended by the end of the block."""
    async with on.transaction():
        await write(on, "inner")
        rows = on.run_cursor(NUMBERS, prefetch=10)
        await anext(rows)
        kept = chakra.raw(NUMBERS, on).arrow_batches(max_rows=100)
        await anext(kept)


BLOCKS: dict[str, Callable[[Any], Awaitable[None]]] = {
    "plain": plain,
    "with settings": with_settings,
    "leaving streams": leaving_streams,
}


@pytest.mark.parametrize("moment", ["waiting", "answered"])
@pytest.mark.parametrize("block", BLOCKS)
async def test_a_pinned_connection_goes_on_outside_of_the_block(
    block: str, moment: Moment, one: Database, pg: asyncpg.Connection[Any]
) -> None:
    """What is written next is in no transaction that nobody commits."""
    times = 0
    async for cut_off in cut_off_everywhere(moment=moment):
        expected = ["outer"]
        async with one.acquire() as connection:
            await cut_off(BLOCKS[block](connection))
            assert not connection.in_transaction
            try:
                assert await tenant(connection) in ("", "None")
                await write(connection, "outer")
            except ConnectionLost:
                expected = []
        assert [v for v in await logged(pg) if v == "outer"] == expected
        await settled(one, pg)
        times += 1
    assert times > 2


@pytest.mark.parametrize("moment", ["waiting", "answered"])
@pytest.mark.parametrize("block", BLOCKS)
async def test_the_block_around_a_block(
    block: str, moment: Moment, one: Database, pg: asyncpg.Connection[Any]
) -> None:
    """It keeps its own settings and nothing of what the one that was cut off has written."""
    times = 0
    async for cut_off in cut_off_everywhere(moment=moment):
        expected: list[str] = []
        with suppress(ConnectionLost):
            async with one.transaction(settings={"app.tenant": "a"}):
                finished = await cut_off(BLOCKS[block](one))
                assert await tenant(one) == "a"
                await write(one, "outer")
            expected = ["inner", "outer"] if finished else ["outer"]
        assert sorted(await logged(pg)) == expected
        await settled(one, pg)
        times += 1
    assert times > 2


@pytest.mark.parametrize("moment", ["waiting", "answered"])
async def test_a_block_around_a_stream(moment: Moment, one: Database, pg: asyncpg.Connection[Any]) -> None:
    """A stream that is cut off anywhere, at the release of its savepoint too, takes nothing with it."""

    async def read() -> None:
        async for _ in chakra.raw(NUMBERS, one).arrow_batches(max_rows=500):
            pass

    async for cut_off in cut_off_everywhere(moment=moment):
        async with one.transaction():
            await cut_off(read())
            await write(one, "outer")
        assert await logged(pg) == ["outer"]
        await settled(one, pg)


async def test_a_commit_that_another_task_keeps_from_being_sent(
    one: Database, pg: asyncpg.Connection[Any]
) -> None:
    """On a pinned connection nothing that is written afterwards is lost without an error."""
    async with one.acquire() as connection:
        with pytest.raises(TransactionError, match="two tasks"):
            async with connection.transaction():
                sleeping = asyncio.create_task(connection.execute("select pg_sleep(0.2)"))
                await asyncio.sleep(0)
        await sleeping
        await write(connection, "outer")
    assert await logged(pg) == ["outer"]
    await settled(one, pg)


async def test_a_stream_is_named_to_a_block_with_settings(one: Database) -> None:
    """The refusal sends nothing, and the stream goes on."""
    async with one.acquire() as connection:
        rows = connection.run_cursor(NUMBERS, prefetch=1000)
        assert len(await anext(rows)) == 1000
        with pytest.raises(TransactionError, match="reading a stream"):
            async with connection.transaction(settings={"app.tenant": "a"}):
                pytest.fail("the block was entered")
        assert [len(block) async for block in rows] == [1000]


class Note(chakra.Model, table="notes"):
    id: chakra.Field[int] = chakra.field(primary_key=True)
    text: chakra.Field[str]


TRIGGER = "create trigger t before insert on notes for each row execute function leave()"


async def by_block(connection: Any, meanwhile: Awaitable[Any]) -> None:
    async with connection.transaction():
        await connection.execute(TRIGGER)
        await meanwhile


async def by_hand(connection: Any, meanwhile: Awaitable[Any]) -> None:
    await connection.execute("begin")
    await connection.execute(TRIGGER)
    await meanwhile
    await connection.execute("commit")


@pytest.mark.parametrize("transaction", [by_block, by_hand])
async def test_others_learn_at_commit_what_a_pinned_connection_changed(
    transaction: Any, open_db: Open, pg: asyncpg.Connection[Any]
) -> None:
    """What they looked up while it was not committed, a table without the trigger, does not count any more."""
    db = await open_db(max_connections=2, acquire_timeout=5)
    await pg.execute(
        "create table notes (id bigint primary key generated by default as identity, text text not null); "
        "create function leave() returns trigger language plpgsql as "
        "$$ begin perform set_config('app.tenant', 'left', false); return new; end $$"
    )

    async def read() -> None:
        await Note.objects.using(db).filter(id=1)

    async with db.acquire() as connection:
        await transaction(connection, read())
    await Note.objects.using(db).create(text="x")
    assert await tenant(db) in ("", "None")


@pytest.mark.parametrize("pinned", [False, True])
async def test_a_nested_block_is_undone_behind_another_tasks_statement(
    pinned: bool, one: Database, pg: asyncpg.Connection[Any]
) -> None:
    """``gather`` raises what one task raises while the others still run; the block around goes on."""

    async def refused() -> None:
        raise LookupError

    async with one.acquire() if pinned else one.transaction() as held:
        on: Any = held if pinned else one
        async with on.transaction():
            with pytest.raises(LookupError):
                async with on.transaction():
                    await write(on, "inner")
                    sleeping = asyncio.create_task(on.execute("select pg_sleep(0.1)"))
                    await asyncio.gather(sleeping, refused())
            await sleeping
            await write(on, "outer")
    assert await logged(pg) == ["outer"]
    await settled(one, pg)
