"""Which database is the default, and what closing does, across event loops, threads and forked processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import chakra
from chakra import errors
from chakra.db.default import default_database

pytestmark = pytest.mark.usefixtures("pg")
ROOT = Path(__file__).parents[2]

HEAD = """
import asyncio, gc, logging, multiprocessing, os, sys, threading, warnings
warnings.simplefilter("error")
logging.basicConfig(level=logging.DEBUG)
import chakra
from chakra.db.default import default_database
DSN = sys.argv[1]
pid = lambda db=None: chakra.raw("select pg_backend_pid() as pid", db).one()
async def said(work):
    try: return await work
    except chakra.ChakraError as error: return f"{type(error).__name__}: {error}"
"""

# install() goes by event loop policies, which Python 3.14 deprecates; the code here is the same with and without it.
UVLOOP = """
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import uvloop; uvloop.install()
"""


def run(code: str, dsn: str, *, uvloop: bool = False) -> list[str]:
    """What a process prints; anything on its stderr, warnings and log included, is a failure."""
    head = HEAD + (UVLOOP if uvloop else "")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONASYNCIODEBUG": ""}
    result = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", head + code, dsn],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment,
    )
    noise = [line for line in result.stderr.splitlines() if "Using selector" not in line]
    assert (result.returncode, noise) == (0, [])
    return result.stdout.splitlines()


FORGOTTEN = """
async def begin():
    db = await chakra.connect(DSN, replicas=[DSN])
    await db.replica.fetch("select 1")
    return db
first = asyncio.run(begin())
async def later():
    print(await said(pid()))
    async with chakra.connect(DSN) as db:
        print(default_database() is db, bool(await pid()))
        print(await said(pid(first)))
        await first.close()
    print(await said(pid()))
asyncio.run(later())
gc.collect()
"""


def test_a_database_that_was_never_closed(dsn: str) -> None:
    lines = run(FORGOTTEN, dsn)
    assert "no database is connected in this event loop (the one before was never closed" in lines[0]
    assert lines[1] == "True True"
    assert "connected in an event loop that is over; connect again in this one" in lines[2]
    assert lines[3].startswith("ConfigError: no database is connected")


FORK = """
def child(db, queue):
    async def go():
        queue.put(await said(pid()))
        queue.put(await said(pid(db)))
        await db.close()
        async with chakra.connect(DSN) as own:
            queue.put(str(default_database() is own and bool(await pid())))
    asyncio.run(go())
    del db
    gc.collect()
async def main():
    db = await chakra.connect(DSN, min_connections=2)
    before = await pid()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=child, args=(db, queue))
    async with db.transaction():
        process.start()
        for _ in range(3):
            print(await asyncio.to_thread(queue.get, True, 30))
        await asyncio.to_thread(process.join)
        print((await pid())["pid"] == before["pid"], process.exitcode)
    print(await db.fetchval("select count(*) from pg_stat_activity where application_name = 'chakra'"
                            " and datname = current_database()"))
    await db.close()
asyncio.run(main())
"""


@pytest.mark.parametrize("uvloop", [False, True])
def test_a_forked_child(dsn: str, uvloop: bool) -> None:
    lines = run(FORK, dsn, uvloop=uvloop)
    assert "no database is connected in this process" in lines[0]
    assert "the process this one was forked from; connect again in this process" in lines[1]
    assert lines[2:] == ["True", "True 0", "2"]


THREADS = """
async def main():
    db = await chakra.connect(DSN)
    def other():
        async def go():
            print(await said(pid()))
            print(await said(db.close()))
            async with chakra.connect(DSN) as own:
                print(default_database() is own)
        asyncio.run(go())
    await asyncio.to_thread(other)
    print(default_database() is db, bool(await pid()))
    await db.close()
asyncio.run(main())
"""


@pytest.mark.parametrize("uvloop", [False, True])
def test_a_loop_in_another_thread(dsn: str, uvloop: bool) -> None:
    lines = run(THREADS, dsn, uvloop=uvloop)
    assert "no database is connected in this event loop (1 in another loop" in lines[0]
    assert lines[1].startswith(
        "ConnectionLost: this database was connected in another event loop, which is still"
    )
    assert lines[2:] == ["True", "True True"]


CLOSED_LATER = """
db = asyncio.run(chakra.connect(DSN, min_connections=2)._connect())
asyncio.run(db.close())
asyncio.run(db.close())
print(db.pool.figures)
async def count():
    async with chakra.connect(DSN) as other:
        print(await other.fetchval("select count(*) from pg_stat_activity where application_name = 'chakra'"
                                   " and datname = current_database()"))
asyncio.run(count())
gc.collect()
"""


def test_closing_what_belongs_to_a_loop_that_is_over(dsn: str) -> None:
    lines = run(CLOSED_LATER, dsn)
    assert lines[0] == "size 0 of 10, idle 0, waiting 0"
    assert lines[1] == "1"


async def test_the_first_one_open_is_the_default(dsn: str) -> None:
    one = await chakra.connect(dsn)
    two = await chakra.connect(dsn)
    assert default_database() is one
    await one.close()
    assert default_database() is two
    await two.close()
    with pytest.raises(errors.ConfigError, match=r"no database is connected: call"):
        default_database()


async def test_outside_a_loop_it_is_the_first_one_open(dsn: str, pg: asyncpg.Connection[Any]) -> None:
    async with chakra.connect(dsn) as db:
        assert await asyncio.to_thread(default_database) is db
