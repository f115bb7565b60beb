"""The loop behind plain calls: from threads, from running loops, interrupts, forks and the end of the process."""

from __future__ import annotations

import asyncio
import importlib
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from chakra import sync
from chakra.errors import ConfigError, ConnectionLost
from chakra.sync.portal import _Call, portal
from chakra.sync.selector import Selector
from tests.sync.models import Author


def test_many_threads_at_once(db: sync.Database) -> None:
    def work(n: int) -> int:
        Author.objects.using(db).create(name=f"author {n}")
        return Author.objects.using(db).filter(name=f"author {n}").count()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(40))) == [1] * 40
    assert Author.objects.using(db).count() == 42


def test_inside_of_a_running_loop(db: sync.Database) -> None:
    """As in a notebook: each task has its own transaction, though all of them wait in one thread."""

    async def cell(name: str, turn: asyncio.Barrier) -> int:
        with db.transaction():
            Author.objects.using(db).create(name=name)
            await turn.wait()
            found = Author.objects.using(db).count()
            await turn.wait()
        return found

    async def notebook() -> list[int]:
        assert Author.objects.using(db).first() == Author(id=1, name="Ann")
        turn = asyncio.Barrier(2)
        return await asyncio.gather(cell("Cid", turn), cell("Dan", turn))

    assert asyncio.run(notebook()) == [3, 3]
    assert Author.objects.using(db).count() == 4


SLEEPING = """
    select count(*) from pg_stat_activity
     where query = 'select pg_sleep(600)' and state = 'active' and datname = current_database()
"""


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Python's own answer to SIGINT, which a process that a shell began in the background ignores."""
    outside = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, outside)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_stops_the_statement(db: sync.Database) -> None:
    """Ctrl-C, while the server works; afterwards nothing of it runs any more, and the database goes on."""
    main = threading.main_thread().ident
    assert main == threading.get_ident()

    def press() -> None:
        while not db.fetchval(SLEEPING):
            pass
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        db.execute("select pg_sleep(600)")
    thread.join()
    assert db.fetchval("select 1") == 1
    while db.fetchval(SLEEPING):
        pass


def test_a_wait_for_itself_is_refused(db: sync.Database) -> None:
    async def inside() -> None:
        db.fetch("select 1")

    with pytest.raises(RuntimeError, match="await the same thing"):
        db.run(inside())


def test_closed(dsn: str) -> None:
    with sync.connect(dsn) as other:
        assert other.fetchval("select 1") == 1
    other.close()  # once more
    with pytest.raises(ConnectionLost):
        other.fetchval("select 1")
    with pytest.raises(ConfigError, match="max_conections"):
        sync.connect(dsn, max_conections=5)


PROGRAMS = {
    "left open": """
        db = sync.connect(dsn)
        print(db.fetchval("select 7"))
    """,
    "raised": """
        db = sync.connect(dsn)
        try:
            with db, db.transaction():
                raise SystemExit(7)
        except SystemExit as error:
            print(error.code)
    """,
    "forked": """
        db = sync.connect(dsn)
        child = os.fork()
        if not child:
            try:
                db.fetchval("select 1")
            except chakra.ConnectionLost as error:
                assert "fork" in str(error), error
            own = sync.connect(dsn)
            os._exit(own.fetchval("select 7"))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        assert db.fetchval("select 1") == 1
    """,
    "none connected": """
        try:
            sync.raw("select 1")
        except chakra.ConfigError as error:
            print(7 if "sync.connect" in str(error) else error)
    """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(dsn: str, name: str) -> None:
    """Programs of their own print 7, end by themselves, and complain of nothing."""
    lines = [line.removeprefix("        ") for line in PROGRAMS[name].splitlines()]
    code = "\n".join(["import os, sys, chakra", "from chakra import sync", f"dsn = {dsn!r}", *lines])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore::DeprecationWarning"},
    )  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode) == ("7\n", "", 0)


def test_one_thread_serves_all(db: sync.Database, dsn: str) -> None:
    before = portal.ident
    with sync.connect(dsn) as other:
        assert other.fetchval("select 1") == 1
    assert portal.ident == before and [t.name for t in threading.enumerate()].count("chakra.sync") == 1


async def _nothing() -> int:
    return 7


def test_turns_of_the_loop(db: sync.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that waits for nothing begins and ends in the turn that finds it: one sleep of the loop, one byte."""
    slept: list[float | None] = []
    ask, write = selectors.DefaultSelector.select, os.write

    def select(self: selectors.DefaultSelector, timeout: float | None = None) -> object:
        slept.append(timeout)
        return ask(self, timeout)

    written: list[bytes] = []
    portal.call(_nothing)
    monkeypatch.setattr(selectors.DefaultSelector, "select", select)
    monkeypatch.setattr(os, "write", lambda fd, data: (written.append(data), write(fd, data))[1])
    for _ in range(20):
        assert portal.call(_nothing) == 7
    monkeypatch.undo()
    assert len(slept) <= 22 and len(written) <= 20, (slept, written)


def test_calls_that_come_to_nothing(db: sync.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled before they begin, by others or by an interrupt, or after the loop ended: nobody waits for ever."""
    begin = _Call.begin

    def cancelled(call: _Call) -> None:
        begin(call)
        assert call._task is not None
        call._task.cancel()

    def interrupted(call: _Call) -> None:
        call._cancel()
        begin(call)

    monkeypatch.setattr(importlib.import_module("chakra.sync.portal"), "PATIENCE", 0.01)
    for early in (cancelled, interrupted):
        monkeypatch.setattr(_Call, "begin", early)
        with pytest.raises(ConnectionLost, match="cancelled"):
            portal.call(asyncio.sleep, 60)
    monkeypatch.undo()
    assert db.fetchval("select 7") == 7
    ended = Selector()
    ended.close()
    with pytest.raises(RuntimeError, match="has ended"):
        ended.hand_over(lambda: None)
