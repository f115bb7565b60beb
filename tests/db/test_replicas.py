"""Replicas and other databases by name: who serves which read, what a task sees of its writes, and who steps in.

The replica is the same server behind a proxy, so it always has everything; where it must be behind, what it answers to
``REPLAYED`` is put in its place.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import chakra
from chakra import Field, Model, config, errors, field
from chakra.db import replicas
from chakra.db.statements import Own
from tests.db.faults import cancelled_everywhere, settled
from tests.db.leaks import MARK, everything
from tests.db.proxy import Proxy

WHO = "select current_setting('transaction_read_only') as read_only"


class Note(Model, table="notes"):
    id: Field[int] = field(primary_key=True)
    text: Field[str]


@pytest.fixture
async def two(pg: asyncpg.Connection[Any], dsn: str, proxy: Proxy) -> AsyncIterator[Any]:
    """The default database, with one replica behind the proxy."""
    async with chakra.connect(
        dsn, replicas=[proxy.url], replica_wait="60ms", replica_retry="30ms", max_connections=3, alias=None
    ) as db:
        await db.create_tables(Note)
        yield db


def behind(monkeypatch: pytest.MonkeyPatch, position: int | None) -> None:
    told = "NULL" if position is None else str(position)
    monkeypatch.setattr(replicas, "REPLAYED", Own(f"SELECT {told}::int8"))


def served(db: Any) -> tuple[int, int]:
    """How often a connection of a replica was lent, and how often one of the primary in its place."""
    replica, stand_in = db.stats().replicas
    assert (replica.role, stand_in.role) == ("replica", "stand_in")
    return replica.pool.lent, stand_in.pool.lent


def apart(work: Any) -> asyncio.Task[Any]:
    """A task that has written nothing."""
    return asyncio.create_task(work, context=contextvars.Context())


async def test_reads_go_to_the_replica_and_rows_are_written_at_home(two: Any, proxy: Proxy) -> None:
    before = proxy.round_trips
    await Note.objects.create(text="a")
    assert proxy.round_trips == before == 0  # nothing was asked of it yet, not even to connect
    note = await Note.objects.using("replica").get()
    assert proxy.round_trips > 0
    note.text = "b"
    await note.save()  # a row that was read there belongs to the primary
    assert (await two.replica.fetchval("select text from notes")) == "b"
    at = proxy.round_trips
    await note.refresh()
    assert proxy.round_trips == at
    for read in (
        Note.objects.using("replica").count(),
        Note.objects.using(two.replica).filter(text="b").to_arrow(),
        two.replica.table("notes").first(),
        chakra.raw("select * from notes", "replica").all(),
        two.table("notes").using("replica").values("text"),
    ):
        at = proxy.round_trips
        assert await read
        assert proxy.round_trips > at
    assert [len(batch) async for batch in Note.objects.using("replica").arrow_batches()] == [1]
    async with two.replica.transaction(readonly=True), two.replica.acquire() as other:
        assert (
            await Note.objects.using("replica").count()
            == await other.fetchval("select count(*) from notes")
            == 1
        )
    await settled(two.replica, await _outside(two))


async def _outside(db: Any) -> Any:
    session = await db.pool.acquire()
    db.pool.release(session)
    return session.raw


async def test_a_task_reads_what_it_has_written(
    two: Any, pg: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    who = two.replica.fetchrow
    await apart(who(WHO))
    behind(monkeypatch, 0)
    assert (
        await apart(who(WHO)) and served(two)[1] == 0
    )  # who has written nothing is served whatever is there
    await Note.objects.create(text="a")
    assert (await who(WHO))[
        "read_only"
    ] == "on"  # it has waited in vain: the primary serves, and takes no writes
    assert served(two)[1] == 1
    with pytest.raises(errors.TransactionError, match="read-only transaction; it is a replica, or"):
        await two.replica.execute("delete from notes")
    assert await apart(who(WHO)) and served(two)[1] == 2
    task = asyncio.create_task(who(WHO))  # a child inherits
    assert (await task)["read_only"] == "on"
    behind(monkeypatch, None)  # a server that never was a replica, and does not say
    assert (await who(WHO))["read_only"] == "on"
    behind(monkeypatch, await two.write_position())
    assert (await who(WHO))["read_only"] == "off"
    asked = [row[0] for row in await pg.fetch("select query from pg_stat_activity")]
    assert asked  # the position was kept: the primary is asked once for each write
    count = two.stats().queries
    for _ in range(3):
        await who(WHO)
    assert two.stats().queries == count
    await two.execute("update notes set text = 'b'")
    assert (await who(WHO))["read_only"] == "on"


async def test_what_is_written_in_a_transaction_is_waited_for_at_its_end(
    two: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two.transaction():
        await Note.objects.create(text="a")
        assert await Note.objects.using("replica").count() == 0  # another connection: not before the commit
        inside = await two.write_position()
    behind(monkeypatch, inside)
    assert await Note.objects.using("replica").count() == 1
    assert served(two)[1] == 1  # what was known inside is not enough


async def test_waiting_ends_when_the_replica_is_there(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await two.replica.fetchval("select 1")
    position = await two.write_position() + 10**9  # further than was seen
    asked: list[int] = []
    real = replicas.Session.fetch_quietly

    async def answers(session: Any, statement: Any, args: Any) -> Any:
        if statement is not replicas.REPLAYED:
            return await real(session, statement, args)
        asked.append(1)
        return [(position if len(asked) > 2 else 0,)]

    monkeypatch.setattr(replicas.Session, "fetch_quietly", answers)
    two.read_after(position)
    assert await two.replica.fetchval("select 1") == 1
    assert len(asked) == 3 and served(two)[1] == 0
    assert await two.replica.fetchval("select 1") == 1
    assert len(asked) == 3  # it is known to be so far


async def test_a_position_for_another_process(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    position = await two.write_position()
    behind(monkeypatch, position - 1)

    async def other(after: int | None) -> tuple[int, int]:
        two.read_after(after)
        await two.replica.fetchval("select 1")
        return served(two)

    assert (await apart(other(position - 1)))[1] == 0
    assert (await apart(other(position)))[1] == 1
    assert (await apart(other(None)))[1] == 2


async def test_a_replica_that_is_down(two: Any, proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "chakra.db")
    who = two.replica.fetchrow
    assert (await who(WHO))["read_only"] == "off"
    address, proxy.address = proxy.address, "/nowhere/at/all"
    proxy.cut()
    await _until(lambda: all(session.closed for session in two.replica.pool._idle))
    found = await asyncio.gather(*(who(WHO) for _ in range(20)))
    assert {row["read_only"] for row in found} == {"on"}
    assert two.stats().replicas[1].pool.size <= 3
    assert "cannot be reached" in caplog.text
    failed = two.stats().replicas[0].pool.failed
    await who(WHO)
    assert two.stats().replicas[0].pool.failed == failed  # nobody waits for it; it is tried behind the scenes
    proxy.address = address
    await _until(lambda: "can be reached again" in caplog.text)
    assert (await who(WHO))["read_only"] == "off"
    assert MARK not in caplog.text


async def test_without_a_fallback(
    pg: asyncpg.Connection[Any], dsn: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {"replica_fallback": "error", "replica_wait": "20ms", "replica_retry": "1h"}
    async with chakra.connect(dsn, replicas=[proxy.url], **given) as db:
        behind(monkeypatch, 0)
        db.read_after(None)
        with pytest.raises(
            errors.PoolTimeout, match=r"the replica 127.0.0.1:\d+ has not caught up within 0.02 s"
        ):
            await db.replica.fetchval("select 1")
        assert await apart(db.replica.fetchval("select 1")) == 1
        proxy.address = "/nowhere/at/all"
        proxy.cut()
        await _until(lambda: all(session.closed for session in db.replica.pool._idle))
        for _ in range(2):
            with pytest.raises(errors.ConnectionLost, match=r"cannot connect|no replica can be reached"):
                await apart(db.replica.fetchval("select 1"))
        assert await db.fetchval("select 1") == 1


async def test_reads_are_spread_over_replicas(pg: asyncpg.Connection[Any], dsn: str, proxy: Proxy) -> None:
    async with Proxy(proxy.address, dsn) as second:
        urls = [proxy.url, second.url, "postgresql://postgres@127.0.0.1:1/x"]
        async with chakra.connect(dsn, replicas=urls, max_connections=4) as db:
            async with db.replica.acquire(), db.replica.acquire(), db.replica.acquire(), db.replica.acquire():
                hosts = sorted(connection.host for connection in db.stats().replicas[0].connections)
            expected = sorted(url.partition("@")[2].partition("/")[0] for url in urls[:2] for _ in range(2))
            assert hosts == expected
            assert served(db)[1] == 0


async def test_a_password_that_is_wrong_there_is_no_fallback(dsn: str, pg: Any, proxy: Proxy) -> None:
    url = proxy.url.replace("postgres@", f"nobody_here:{MARK}@")
    async with chakra.connect(dsn, replicas=[url]) as db:
        with pytest.raises(errors.ChakraError, match="nobody_here") as caught:
            await db.replica.fetchval("select 1")
        assert MARK not in everything(caught.value)
        assert MARK not in repr(db.replica) + repr(db.settings)


async def _until(true: Any) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


# -- a router -------------------------------------------------------------------------------------------


async def test_a_router_decides_where_what_names_no_database_goes(
    two: Any, dsn: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, bool]] = []

    async def seen(work: Any) -> tuple[bool, list[tuple[Any, bool]]]:
        """Whether it went to the replica, and what the router was asked."""
        before = proxy.round_trips
        asked.clear()
        await work
        return proxy.round_trips > before, list(dict.fromkeys(asked))

    async def all_of(stream: Any) -> None:
        async for _ in stream():
            pass

    def by_purpose(model: Any, writes: bool) -> Any:
        asked.append((model, writes))
        return None if writes else "replica"

    monkeypatch.setattr("chakra.db.default.router", None)
    assert chakra.route(by_purpose) is by_purpose
    notes = Note.objects
    assert await seen(notes.create(text="a")) == (False, [(Note, True)])
    assert await seen(Note(text="b").save()) == (False, [(Note, True)])
    assert await seen(notes.bulk_create([Note(text="c")])) == (False, [(Note, True)])
    assert await seen(notes.filter(text="c").update(text="d")) == (False, [(Note, True)])
    assert await seen(notes.filter(text="d").delete()) == (False, [(Note, True)])
    for read in (
        notes.all(),
        notes.first(),
        notes.get(text="a"),
        notes.count(),
        notes.exists(),
        notes.values_list("text", flat=True),
        notes.in_bulk([1]),
        notes.aggregate(n=chakra.Count("id")),
        notes.order_by("id").to_arrow(),
        notes.order_by("id").to_polars(),
        all_of(notes.iterator),
        all_of(notes.arrow_batches),
        notes.order_by("id").page(2),
    ):
        assert await seen(read) == (True, [(Note, False)]), read
    note = await notes.get(text="a")
    note.text = "z"
    assert (await seen(note.save()))[0] is False
    assert await seen(notes.using(two).count()) == (False, [])
    async with two.transaction():
        await notes.create(text="new")
        assert await notes.filter(text="new").count() == 1  # what is not committed is nowhere else
        assert await seen(notes.count()) == (False, [(Note, False)])
    chakra.route(lambda model, writes: "replica")  # writes never go there
    assert await seen(notes.create(text="x")) == (False, [])
    async with chakra.connect(dsn, alias="other") as other:
        chakra.route(lambda model, writes: "other")
        assert (await notes.create(text="y"))._state.database is other
        chakra.route(lambda model, writes: other)
        assert (await notes.first())._state.database is other
    for wrong in (5, object()):
        chakra.route(lambda model, writes, wrong=wrong: wrong)  # type: ignore[misc]
        with pytest.raises(errors.ConfigError, match="the router gave"):
            await notes.count()

    async def awaited(model: type | None, writes: bool) -> None: ...

    for no_router in (5, "replica", awaited):
        with pytest.raises(chakra.ConfigError, match="takes a plain function"):
            chakra.route(no_router)  # type: ignore[arg-type]
    chakra.route(None)
    assert await seen(notes.count()) == (False, [])


# -- databases by name ----------------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("CHAKRA_DATABASE_URL", "CHAKRA_REPLICAS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    config.reset()
    yield tmp_path / "chakra.toml"
    config.reset()


async def test_databases_by_name(pg: asyncpg.Connection[Any], dsn: str, proxy: Proxy, written: Path) -> None:
    written.write_text(
        f'[database]\nurl = "{dsn}"\n[pool]\nmax_connections = 3\n[replicas]\nurls = ["{proxy.url}"]\n'
        f'[databases.reports]\nurl = "{proxy.url}"\nmax_connections = 2\nreplicas = "{dsn} {proxy.url}"\n'
    )
    reports = await chakra.connect(alias="reports")
    with pytest.raises(errors.ConfigError, match="no database is connected"):
        await Note.objects.count()  # one with a name is no default
    async with chakra.connect() as db, reports:
        await db.create_tables(Note)
        assert (reports.settings.pool.max_connections, db.settings.pool.max_connections) == (2, 3)
        assert len(reports.settings.replicas.urls) == 2 and len(db.settings.replicas.urls) == 1
        assert (await Note.objects.using("reports").create(text="a"))._state.database is reports
        assert await Note.objects.using("default").count() == await Note.objects.using("reports").count() == 1
        note = Note(text="b")
        await note.validate(using="reports")
        await note.save(using="reports")
        assert note._state.database is reports
        await note.refresh(using="default")
        assert await note.delete(using="reports") == 1
        with pytest.raises(
            errors.ConfigError, match=r"no database called 'other'.*known: default, replica, reports"
        ):
            Note.objects.using("other")
        with pytest.raises(errors.ConfigError, match="'reports' is connected already"):
            await chakra.connect(dsn, alias="reports")
        with pytest.raises(
            errors.ConfigError, match=r"no \[databases.other\] in the settings.*known are: reports"
        ):
            await chakra.connect(alias="other")
        for alias in ("replica", "default", "a b", ""):
            with pytest.raises(errors.ConfigError, match="alias= takes letters"):
                await chakra.connect(dsn, alias=alias)
    with pytest.raises(errors.ConfigError, match="no database called 'reports'"):
        Note.objects.using("reports")


async def test_there_are_no_replicas(pg: Any, dsn: str) -> None:
    async with chakra.connect(dsn) as db:
        for ask in (lambda: db.replica, lambda: Note.objects.using("replica"), lambda: db.read_after(1)):
            with pytest.raises(errors.ConfigError, match="has no replicas: write"):
                ask()
        assert db.stats().replicas == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[replicas]\nurls = []\n", ["replicas.urls", "URLs"]),
        ("[replicas]\nurls = [5]\n", ["replicas.urls", "URLs"]),
        ('[replicas]\nfallback = "maybe"\n', ["replicas.fallback", "primary, error"]),
        ('[replicas]\nretry = "0s"\n', ["replicas.retry", "above 0"]),
        ("[replicas]\nurl = 1\n", ["replicas.url", "did you mean"]),
        ("[databases.a]\nmax_conections = 1\n", ["databases.a", "did you mean pool.max_connections"]),
        ("[databases.a]\nmax_connections = 0\n", ["databases.a", "at least 1"]),
        ('[databases.a]\nacquire_timeout = "soon"\n', ["databases.a.acquire_timeout", "soon"]),
        ("[databases.a]\ndebug = true\n", ["databases.a", "debug"]),
        ('[databases.replica]\nurl = "x"\n', ["name of a database", "replica"]),
        ('[databases."a b"]\nurl = "x"\n', ["name of a database", "letters"]),
        ("[databases]\na = 1\n", ["databases"]),
    ],
)
def test_a_mistake_in_the_file_is_named(written: Path, text: str, words: list[str]) -> None:
    written.write_text(text)
    with pytest.raises(errors.ConfigError) as caught:
        config.load(environ={})
    for word in words:
        assert word in str(caught.value)


def test_where_they_can_be_said(written: Path) -> None:
    written.write_text('[databases.a_b]\nurl = "postgresql://file/x"\nmax_connections = 3\n')
    environ = {
        "CHAKRA_REPLICAS": "postgresql://r1/x  postgresql://r2/x",
        "CHAKRA_REPLICAS_WAIT": "2s",
        "CHAKRA_DATABASES_A_B_URL": f"postgresql://u:{MARK}@env/x",
        "CHAKRA_DATABASES_A_B_REPLICA_WAIT": "3s",
    }
    found = config.load(environ=environ)
    assert (found.replicas.urls, found.replicas.wait) == (("postgresql://r1/x", "postgresql://r2/x"), 2.0)
    other = found.of("a_b")
    assert (other.database.url, other.pool.max_connections) == (f"postgresql://u:{MARK}@env/x", 3)
    assert (other.replicas.wait, other.replicas.urls) == (3.0, ())
    assert MARK not in repr(found) + repr(other)
    with pytest.raises(errors.ConfigError, match="CHAKRA_DATABASES_A_B ends with no setting's name"):
        config.load(environ={"CHAKRA_DATABASES_A_B": "x"})
    for wrong in ("CHAKRA_REPLICAS", "CHAKRA_DATABASES_A_URL", "CHAKRA_DATABASES_REPLICA_URL"):
        with pytest.raises(errors.ConfigError) as caught:
            config.load(environ={wrong: " " if wrong != "CHAKRA_DATABASES_REPLICA_URL" else MARK})
        assert MARK not in everything(caught.value)


# -- cancellation ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["waiting", "answered"])
@pytest.mark.parametrize("state", ["fresh", "behind", "down"])
async def test_a_read_is_cancelled_anywhere(
    two: Any,
    dsn: str,
    pg: asyncpg.Connection[Any],
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    moment: Any,
) -> None:
    """Whichever await of the way to a replica, or to the primary in its place, is struck: both pools are whole."""
    await two.replica.fetchval("select 1")
    if state == "behind":
        behind(monkeypatch, 0)
    if state == "down":
        proxy.address = "/nowhere/at/all"
        proxy.cut()
        await _until(lambda: all(session.closed for session in two.replica.pool._idle))

    async def work() -> None:
        two.read_after(None)
        assert await two.replica.fetchval("select 1") == 1

    runs = 0
    async for _ in cancelled_everywhere(work, moment=moment):
        runs += 1
        await asyncio.gather(
            *two.replica.pool._tasks, *two.replica.pool.stand_in._tasks, return_exceptions=True
        )
    assert runs > 1
    for stats in two.stats().replicas:
        assert (stats.pool.borrowed, stats.pool.waiting) == (0, 0), stats
    # One that is down is tried again meanwhile.
    await _until(lambda: not any(stats.pool.opening for stats in two.stats().replicas))
    assert await two.replica.fetchval("select 1") == 1
    await settled(two, pg)


async def test_closing_while_replicas_are_down(pg: asyncpg.Connection[Any], dsn: str, proxy: Proxy) -> None:
    before = asyncio.all_tasks()
    db = await chakra.connect(dsn, replicas=[proxy.url], replica_retry="1ms", connect_timeout="5s")
    proxy.address = "/nowhere/at/all"
    reads = [asyncio.create_task(db.replica.fetchval("select pg_sleep(0.05)")) for _ in range(3)]
    await _until(lambda: db.stats().replicas[1].pool.borrowed == 3)
    await db.close()
    await asyncio.gather(*reads)
    assert db.stats().replicas[1].pool.size == db.stats().replicas[0].pool.size == 0
    with pytest.raises(errors.ConnectionLost, match="closed"):
        await db.replica.fetchval("select 1")
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() <= before | {asyncio.current_task()}
