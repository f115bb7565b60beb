"""A server that is shut down, killed or cut off is ConnectionLost, whatever was going on; the pool heals."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import psycopg
import pytest

import chakra
from chakra import errors
from chakra.db import Database
from chakra.db.errors import translate
from tests.db.conftest import Open
from tests.db.faults import settled
from tests.db.proxy import Proxy
from tests.db.test_cancellation import WORK, Work

# SQLSTATEs the server ends a connection with, and one it never does: the severity alone says so.
FATAL = ["57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04", "40001", "53200", "XX000"]


@pytest.mark.parametrize("state", FATAL)
def test_what_the_server_says_before_it_goes(state: str) -> None:
    fields = {"S": "FATALE", "V": "FATAL", "C": state, "M": "terminating connection"}
    error = translate(asyncpg.PostgresError.new(fields))
    assert isinstance(error, errors.ConnectionLost)
    assert "terminating connection" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "cannot switch to state 15; another operation (2) is in progress",
        'cannot switch to state 11; protocol is in the "failed" state',
        "not connected",
        "got result for unknown protocol state 3",
    ],
)
def test_a_driver_that_lost_step(text: str) -> None:
    assert isinstance(translate(asyncpg.InternalClientError(text)), errors.ConnectionLost)


def test_a_value_the_driver_cannot_decode_is_no_lost_connection() -> None:
    error = asyncpg.InternalClientError("no decoder for composite type element in position 0 of type OID 1")
    assert type(translate(error)) is errors.DatabaseError


class StrikeAt:
    """Awaits ``work`` and does ``strike`` when it is suspended for the ``at``-th time."""

    def __init__(self, work: Awaitable[Any], at: int, strike: Callable[[], None]) -> None:
        self.work, self.at, self.strike = work, at, strike
        self.struck = False

    def __await__(self) -> Any:
        inner = self.work.__await__()
        answer: Any = None
        failure: BaseException | None = None
        for k in range(1, 10_000):
            try:
                future = inner.send(answer) if failure is None else inner.throw(failure)
            except StopIteration as end:
                return end.value
            if k == self.at:
                self.struck = True
                self.strike()
            answer = failure = None
            try:
                answer = yield future
            except BaseException as error:
                failure = error
        raise AssertionError("it does not come to an end")


async def struck_everywhere(
    db: Database, pg: asyncpg.Connection[Any], work: Work, strike: Callable[[], None], limit: int
) -> None:
    await pg.execute("create table t (id int)")
    lost = 0
    for k in range(1, limit):
        strike_at = StrikeAt(work(db), k, strike)
        try:
            async with asyncio.timeout(20):
                await strike_at
        except errors.ConnectionLost:
            lost += 1
        assert await pg.fetchval("select count(*) from t") in (0, 1)
        await pg.execute("truncate t")
        await settled(db, pg)
        if not strike_at.struck:
            break
    assert lost or k < 5  # a short statement had its answer before the strike


def limit_of(work: Work) -> int:
    return 16 if "copy" in work.__name__ else 30


FAILING = [work for work in WORK if work.__name__ != "failing_transaction"]  # it swallows what goes wrong


@pytest.mark.parametrize("work", FAILING, ids=lambda work: work.__name__)
async def test_every_backend_is_terminated_at_every_await(
    open_db: Open, pg: asyncpg.Connection[Any], dsn: str, work: Work
) -> None:
    db = await open_db(max_connections=2)
    with psycopg.connect(dsn, autocommit=True) as other:

        def strike() -> None:
            other.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'chakra' "
                "and datname = current_database()"
            )

        await struck_everywhere(db, pg, work, strike, limit_of(work))


@pytest.mark.parametrize("work", FAILING, ids=lambda work: work.__name__)
async def test_every_line_is_cut_at_every_await(
    open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any], work: Work
) -> None:
    db = await open_db(proxy.url, max_connections=2)
    await struck_everywhere(db, pg, work, proxy.cut, limit_of(work))


@pytest.mark.parametrize("work", FAILING, ids=lambda work: work.__name__)
async def test_the_pool_is_cut_at_every_await(open_db: Open, pg: asyncpg.Connection[Any], work: Work) -> None:
    """As ``close()`` does with borrowers that do not come back in time."""
    db = await open_db(max_connections=2)

    def strike() -> None:
        for session in (*db.pool._idle, *db.pool._borrowed):
            session.terminate()

    await struck_everywhere(db, pg, work, strike, limit_of(work))


async def test_a_stream_under_which_the_database_is_closed(open_db: Open) -> None:
    """What the driver trips over then is nothing to tell: it paused the reading on a transport that is gone."""
    db = await open_db(max_connections=1)
    with pytest.raises(errors.ConnectionLost) as caught:
        async for _ in chakra.raw("select generate_series(1, 1000000) as n", db).arrow_batches(max_rows=100):
            await db.close(timeout=0)
    assert "NoneType" not in str(caught.value)


async def test_copy_in_stops_taking_from_its_source_once_nothing_can_be_sent(
    open_db: Open, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    db = await open_db(max_connections=1)
    await db.execute("create table t (v text)")
    taken = 0

    def rows() -> Iterator[bytes]:
        nonlocal taken
        yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
        with psycopg.connect(dsn, autocommit=True) as other:  # in the loop's thread: it does not get to know
            other.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'chakra' "
                "and datname = current_database()"
            )
        for _ in range(2000):
            taken += 1
            yield b"\0\1\0\0\0\1x"
        yield b"\xff\xff"

    with pytest.raises(errors.ConnectionLost):
        await db.copy_in("t", ["v"], rows())
    assert taken < 1000
    assert not caplog.records  # asyncio complains of what cannot be sent
    assert await db.fetchval("select count(*) from t") == 0
