"""A database with everything that can fail, and what has to hold after each fault."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import psycopg

import chakra
from chakra import errors
from chakra.db import endings
from tests.db.faults import settled
from tests.faults import library
from tests.faults.operations import BLOCKS, Operation
from tests.faults.strikes import Moment, Strike, count_in
from tests.faults.wire import Wire

KILL = (
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
    "WHERE application_name = 'chakra' AND datname = current_database()"
)


class Quiet(logging.Handler):
    """Keeps what was logged from WARNING on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()}")


class World:
    """A database over a line that can be cut, seen from outside by ``pg``.

    Attributes:
        expected: what an undisturbed run of an operation gave, its suspensions, its bytes by side, and the tables then.
        prepares: whether the server keeps prepared transactions.
    """

    def __init__(self, db: Any, pg: asyncpg.Connection[Any], killer: Any, wire: Wire, log: Quiet) -> None:
        self.db, self.pg, self.killer, self.wire, self.log = db, pg, killer, wire, log
        self.before = ""
        self.expected: dict[str, tuple[Any, int, dict[str, int], str]] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self.prepares = self.killed = False

    def kill(self, *_: object) -> None:
        """End all backends, and come back when they are gone: the loop does not turn meanwhile."""
        self.killer.execute(KILL)
        self.killed = True

    async def noticed(self) -> None:
        """Wait until the driver has read that the backends are gone: no borrower is to be the first to know."""
        alive = {row["pid"] for row in await self.pg.fetch("SELECT pid FROM pg_stat_activity")}
        async with asyncio.timeout(5):
            while any(not s.closed and s.raw.get_server_pid() not in alive for s in self.db.pool._idle):
                await asyncio.sleep(0.002)
        self.killed = False

    async def undisturbed(self, operation: Operation) -> tuple[Any, int, dict[str, int], str]:
        """What the operation does when nothing disturbs it; run twice, the first time to look everything up."""
        if operation.name not in self.expected:
            for _ in range(2):
                await self.restore()
                self.wire.calm()
                strike = Strike()
                result = await strike.run(lambda: operation.work(self.db))
                await self.rest()
                passed = dict(self.wire.passed)
                state = await library.state(self.pg)
                assert (state != self.before) == operation.writes, f"{operation.name} writes, or does not"
                self.expected[operation.name] = result, strike.count, passed, state
            await self.restore()
        return self.expected[operation.name]

    async def again(self) -> None:
        """After a fault that was found: go on as if nothing had been."""
        self.wire.calm()
        self.wire.cut()
        await self.wire.up()
        self.kill()
        await self.restore()
        await self.rest()

    async def restore(self) -> None:
        """Put the tables back, and what was prepared away."""
        if self.prepares:
            for row in await self.pg.fetch(
                "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"
            ):
                await self.pg.execute(f"ROLLBACK PREPARED '{row['gid']}'")
        if not self.before or await library.state(self.pg) != self.before:
            await library.fill(self.pg)
            self.before = await library.state(self.pg)

    async def rest(self) -> None:
        """Nothing of what ran is left: no statement, transaction, lock, loan, task or log line."""
        await settled(self.db, self.pg)
        for _ in range(200):
            left = [
                task for task in asyncio.all_tasks() - self.tasks - {asyncio.current_task()} if _ours(task)
            ]
            if not left:
                break
            await asyncio.sleep(0.005)
        assert left == [], f"tasks are left: {left}"

    async def tried(
        self, operation: Operation, strike: Strike, *, calm: bool = False, limit: float = 0
    ) -> str:
        """Run an operation under a fault and check all that has to hold; returns what came of it in a word.

        Args:
            calm: the fault is one that only slows down: the operation has to succeed.
            limit: seconds after which the operation is to give up by itself.
        """
        expected, _, _, changed = self.expected[operation.name]
        self.log.lines.clear()
        error: BaseException | None = None
        result = None

        async def limited() -> Any:
            async with self.db.deadline(limit):
                return await operation.work(self.db)

        try:
            result = await strike.run((lambda: operation.work(self.db)) if not limit else limited)
        except (
            asyncio.CancelledError,
            errors.ConnectionLost,
            errors.DeadlineExceeded,
            errors.LockLost,
        ) as it:
            error = it
        self.wire.calm()
        await self.wire.up()
        if self.killed:
            await self.noticed()
        await self.rest()
        state = await library.state(self.pg)
        allowed = {self.before, changed}
        known = isinstance(error, errors.ConnectionLost) and not isinstance(error, errors.CommitUnknown)
        if error is None:
            assert result == expected, "a wrong result"
            allowed = {changed}
        elif operation.sure and known:
            allowed = {self.before}
        if not operation.writes and operation.work not in BLOCKS:
            assert not isinstance(error, errors.CommitUnknown), "it reads, and nobody knows whether it wrote"
        assert state in allowed, f"half of it is written, or not what {error!r} says"
        assert not calm or error is None, f"a slow line, and {error!r}"
        assert self.log.lines == [], self.log.lines
        await self.restore()
        return "done" if error is None else type(error).__name__


def _ours(task: asyncio.Task[Any]) -> bool:
    """Whether a task is of Chakra or of an operation: those of the line end when its peer closes."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code is None or not any(part in code.co_filename for part in ("/tests/faults/wire", "asyncio/"))


@asynccontextmanager
async def world(dsn: str, pg: asyncpg.Connection[Any]) -> AsyncIterator[World]:
    """Open one on an emptied database; statements that get no answer are given up soon."""
    loop = asyncio.get_running_loop()
    log = Quiet()
    recovery = endings.RECOVERY_TIMEOUT
    factory = loop.get_task_factory()
    async with (
        Wire(pg._addr, dsn) as wire,
        chakra.connect(
            wire.url, replicas=[dsn], max_connections=4, min_connections=2, acquire_timeout="5s", alias=None
        ) as db,
    ):
        with psycopg.connect(dsn, autocommit=True) as killer:
            made = World(db, pg, killer, wire, log)
            made.prepares = await pg.fetchval("SHOW max_prepared_transactions") != "0"
            await library.make(db, pg)
            logging.getLogger().addHandler(log)
            loop.set_exception_handler(lambda _, context: log.lines.append(f"asyncio: {context}"))
            count_in(loop)
            endings.RECOVERY_TIMEOUT = 0.2
            made.tasks = asyncio.all_tasks()
            try:
                yield made
            finally:
                endings.RECOVERY_TIMEOUT = recovery
                loop.set_task_factory(factory)
                loop.set_exception_handler(None)
                logging.getLogger().removeHandler(log)


__all__ = ["Moment", "World", "world"]
