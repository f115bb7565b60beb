"""LISTEN and NOTIFY: what arrives, what is said of what does not, and that nothing is left when the loop ends."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import asyncpg
import pytest

from chakra import sync
from chakra.db import Backoff, Database
from chakra.db.listening import Hub, Note
from chakra.errors import ConnectionLost, DataError, QueryError
from tests.db.conftest import Open
from tests.db.faults import Moment, cancelled_everywhere, settled

LISTENS = (
    "select pid from pg_stat_activity where datname = current_database() and query like 'LISTEN%' "
    "and backend_type = 'client backend'"
)
KILL = f"select pg_terminate_backend(pid) from ({LISTENS}) l"


async def take(notes: Any, count: int) -> list[tuple[str, str]]:
    async with asyncio.timeout(10):
        found = [await anext(notes) for _ in range(count)]
    assert not any(note.missed for note in found)
    return [(note.channel, note.payload) for note in found]


@pytest.fixture
async def db(open_db: Open) -> Database:
    database = await open_db(max_connections=3)
    database._hub = Hub(database.core, Backoff(first=0.001, most=0.01))
    return database


async def test_what_arrives(db: Database, pg: asyncpg.Connection[Any]) -> None:
    odd = 'Odd "name"; drop'
    async with db.listen("news", odd) as notes, db.listen("news") as others:
        assert len(await pg.fetch(LISTENS)) == 1  # one connection for all
        await db.notify("news", "one")
        await db.notify("elsewhere", "never")
        await db.notify(odd)
        await pg.execute("notify news, 'two'")
        assert await take(notes, 3) == [("news", "one"), (odd, ""), ("news", "two")]
        assert await take(others, 2) == [("news", "one"), ("news", "two")]
        with pytest.raises(KeyError):
            async with db.transaction():
                await db.notify("news", "undone")
                raise KeyError
        async with db.transaction():
            await db.notify("news", "of a transaction")
            await db.notify("news", "of a transaction")
            await db.notify("news", "x" * 7999)
            with pytest.raises(TimeoutError):  # nothing before the commit
                async with asyncio.timeout(0.02):
                    await anext(notes)
        note = await anext(notes)
        assert note == Note("news", "of a transaction", note.pid) and note.pid > 0
        assert await take(notes, 1) == [("news", "x" * 7999)]
        assert await take(others, 2) == [("news", "of a transaction"), ("news", "x" * 7999)]
    await settled(db, pg)


async def test_what_is_refused(db: Database, open_db: Open) -> None:
    for wrong in ("", "a\0b", "x" * 64, 5):
        with pytest.raises(QueryError, match="channel"):
            db.listen("fine", wrong)  # type: ignore[arg-type]
        with pytest.raises(QueryError, match="channel"):
            await db.notify(wrong)  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="names of channels"):
        db.listen()
    with pytest.raises(QueryError, match="limit is how many"):
        db.listen("x", limit=0)
    for payload in ({}, b"x", None, 5):
        with pytest.raises(DataError, match=r"json\.dumps"):
            await db.notify("x", payload)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="too long"):
        await db.notify("x", "x" * 8000)
    small = await open_db(max_connections=1)
    with pytest.raises(QueryError, match="max_connections is 1"):
        await anext(small.listen("x"))
    pooled = await open_db(max_connections=2, pgbouncer=True)
    with pytest.raises(QueryError, match="pooler"):
        await anext(pooled.listen("x"))
    async with db.listen("x") as notes:
        waiting = asyncio.create_task(take(notes, 1))
        await asyncio.sleep(0)
        with pytest.raises(QueryError, match="two tasks"):
            await anext(notes)
        await db.notify("x", "1")
        assert await waiting == [("x", "1")]


async def test_the_connection_breaks(db: Database, pg: asyncpg.Connection[Any]) -> None:
    async with db.listen("a") as notes, db.listen("b") as others:
        for n in range(3):
            await db.notify("a", f"before {n}")
            assert await take(notes, 1) == [("a", f"before {n}")]
            await pg.execute(KILL)
            for each in (notes, others):
                async with asyncio.timeout(10):
                    note = await anext(each)
                assert note.channel == "" and "may be missing" in note.missed
            await db.notify("a", f"after {n}")
            assert await take(notes, 1) == [("a", f"after {n}")]
        async with db.listen("a") as late:  # it has missed nothing
            await db.notify("a", "all")
            assert await take(late, 1) == [("a", "all")]
    await settled(db, pg)


async def test_the_server_is_away_for_a_while(open_db: Open, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(max_connections=3)
    db._hub = Hub(db.core, Backoff(first=0.001, most=0.01))
    async with db.listen("a") as notes:
        down, attempts = True, 0
        open_session = db.pool._open_session

        async def refused() -> Any:
            nonlocal attempts
            attempts += 1
            if down:
                raise ConnectionLost("nobody answers")
            return await open_session()

        db.pool._open_session = refused
        for session in db.pool._idle:
            session.terminate()
        await pg.execute(KILL)
        while attempts < 3:
            await asyncio.sleep(0)
        with pytest.raises(ConnectionLost, match="nobody answers"):  # who begins to listen meanwhile is told
            await anext(db.listen("a"))
        down = False
        async with asyncio.timeout(10):
            assert "may be missing" in (await anext(notes)).missed
        await db.notify("a", "again")
        assert await take(notes, 1) == [("a", "again")]


async def test_too_many_wait(db: Database, pg: asyncpg.Connection[Any]) -> None:
    async with db.listen("a", limit=3) as notes, db.listen("a") as all_:
        for n in range(8):
            await db.notify("a", str(n))
        assert len(await take(all_, 8)) == 8
        assert await take(notes, 3) == [("a", "0"), ("a", "1"), ("a", "2")]
        await db.notify("a", "8")
        assert len(await take(all_, 1)) == 1
        note = await anext(notes)
        assert note.channel == "" and note.missed.startswith("5 notes were dropped: 3 waited")
        assert await take(notes, 1) == [("a", "8")]
    await settled(db, pg)


async def test_left_early(db: Database, pg: asyncpg.Connection[Any]) -> None:
    async def first() -> str:
        async for note in db.listen("a", "b"):
            return note.payload
        return "none"

    async def send() -> None:
        heard = f"{LISTENS} and query = 'LISTEN \"b\"' and state = 'idle'"
        while not await pg.fetch(heard):
            await asyncio.sleep(0)
        await pg.execute("notify a, 'one'")

    assert (await asyncio.gather(first(), send()))[0] == "one"
    gc.collect()
    await settled(db, pg)
    listener = db.listen("a")
    await listener.__aenter__()
    del listener  # nobody can read it any more
    await settled(db, pg)
    async with db.listen("a") as kept:
        async with db.listen("b"):
            pass
        await db.notify("b")
        await db.notify("a", "still")
        assert await take(kept, 1) == [("a", "still")]
    assert [note async for note in kept] == []
    await kept.aclose()
    # A listener of a transaction's block, or under a deadline, is no part of it.
    with pytest.raises(KeyError):
        async with db.deadline(10), db.transaction(), db.listen("a") as notes:
            await pg.execute("notify a, 'from outside'")
            assert await take(notes, 1) == [("a", "from outside")]
            raise KeyError
    await settled(db, pg)
    async with db.listen("a") as notes:
        waiting = asyncio.create_task(take(notes, 1))
        await asyncio.sleep(0)
        await db.close()
        with pytest.raises(StopAsyncIteration):
            await _unwrapped(waiting)
    with pytest.raises(ConnectionLost, match="the database is closed"):
        await anext(db.listen("a"))
    async with asyncio.timeout(10):
        while await pg.fetch(LISTENS):  # a process of the server takes a moment to end
            await asyncio.sleep(0)


async def _unwrapped(waiting: asyncio.Task[Any]) -> None:
    try:
        await waiting
    except RuntimeError as error:  # a coroutine cannot raise StopAsyncIteration
        assert isinstance(error.__cause__, StopAsyncIteration)
        raise error.__cause__ from None
    except StopAsyncIteration:
        raise


@pytest.mark.parametrize("moment", ["waiting", "answered"])
async def test_cancelled_everywhere(db: Database, pg: asyncpg.Connection[Any], moment: Moment) -> None:
    async def work() -> None:
        async with db.listen("a", "b") as notes:
            await db.notify("a")
            assert (await anext(notes)).channel == "a"

    async for _ in cancelled_everywhere(work, moment=moment):
        await settled(db, pg)


def test_plain_calls(dsn: str) -> None:
    with sync.connect(dsn, max_connections=3) as db:
        with db.listen("a") as notes:
            db.notify("a", "one")
            db.notify("a", "two")
            assert [next(notes).payload, next(notes).payload] == ["one", "two"]
            assert notes.get(timeout=0.01) is None
            with db.transaction():
                db.notify("a", "three")
            note = notes.get(timeout=10)
            assert note is not None and note.payload == "three"
        assert [*notes] == []
