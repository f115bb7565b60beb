"""Rollbacks, commits and resets that go on though whoever waited for them was cancelled: tasks of the pool."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from chakra.db.session import Session
from chakra.db.statements import Statement

T = TypeVar("T")

_log = logging.getLogger("chakra.db")

# How long a session may take to come back from a cancelled statement or a reset before it is cut off.
RECOVERY_TIMEOUT = 10.0

# How long a task that is being cancelled waits for its session to come back; then that goes on without it. A
# server that is there answers a ROLLBACK within a round trip; one that is silent must not hold up a cancel.
PATIENCE = 0.25


class Endings:
    """The tasks in which what was begun on sessions is brought to its end.

    Attributes:
        loop: the event loop the sessions live in.
    """

    __slots__ = ("_tasks", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()

    def run_to_end(self, session: Session, script: Statement) -> asyncio.Task[None]:
        """Run a rollback as a task of the pool, so that it ends even if whoever waits for it is cancelled."""
        return self.finish(session, lambda: self._run_to_end(session, script))

    def finish(self, session: Session, work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """Run a rollback or commit as a task of the pool: what comes next on the session waits for its end."""
        before = session.ending
        task = self._spawn(work() if before is None else _in_turn(before, work))
        session.ending = task
        task.add_done_callback(session.ended)
        return task

    @staticmethod
    async def settle(task: asyncio.Task[Any], patience: float = PATIENCE) -> bool:
        """Wait for a task of the pool; returns whether it is over.

        Args:
            patience: seconds after which a caller that is being cancelled goes on without it.
        """
        caller = asyncio.current_task()
        cancelled = caller is not None and caller.cancelling()
        await asyncio.wait((task,), timeout=patience if cancelled else None)
        return task.done()

    async def _run_to_end(self, session: Session, script: Statement) -> None:
        try:
            async with asyncio.timeout(RECOVERY_TIMEOUT):
                await session.quiet()  # a statement of another task
                await session.script(script, "transaction")
            session.suspect = False  # a whole round trip has passed since the statement that was cut off
        except BaseException as error:
            session.terminate()
            if not isinstance(error, Exception):
                raise
            _log.debug("a connection could not be rolled back and was closed: %s", error)

    def run_behind(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something as a task that ``close()`` waits for, and cancels if it takes too long."""
        return self._spawn(work)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _in_turn(before: asyncio.Task[Any], work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Await ``work()`` once the task before it is over."""
    await asyncio.wait((before,))
    return await work()


__all__ = ["PATIENCE", "RECOVERY_TIMEOUT", "Endings"]
