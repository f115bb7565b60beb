"""Whether code runs inside an asynchronous generator that its consumer can leave suspended, and whether it runs now.

A generator shares the context of whoever iterates over it, so a context variable that it sets stays set for the
consumer while the generator waits at its ``yield``.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType
from typing import Any

SETUP_AND_TEARDOWN = frozenset(
    {"anyio", "contextlib", "dishka", "fastapi", "litestar", "pytest_asyncio", "taskiq_dependencies"}
)
"""Packages that drive a generator as a context manager: what stands after its ``yield`` is the end of a block, and the
code that runs meanwhile is the block. ``contextlib.asynccontextmanager`` is the model of them."""


class SuspendedFrame:
    """The frame of a generator, told apart without keeping it (and all its variables) alive."""

    __slots__ = ("_code", "_id", "_line")

    def __init__(self, frame: FrameType) -> None:
        self._id = id(frame)
        self._code: CodeType = frame.f_code
        self._line = frame.f_lineno

    def __str__(self) -> str:
        return f"{self._code.co_qualname}() ({self._code.co_filename}:{self._line})"

    def runs(self, owner: asyncio.Task[Any] | None) -> bool:
        """Whether this code is the generator's: called by it, or in a task it waits for.

        Args:
            owner: the task that iterates over the generator.
        """
        task = asyncio.current_task()
        if owner is None or task is owner:
            frame: FrameType | None = sys._getframe(1)
            while frame is not None:
                if self._is(frame):
                    return True
                frame = frame.f_back
            return False
        return helping.get() or task in self._awaited_by(owner)

    def _is(self, frame: FrameType | None) -> bool:
        return frame is not None and id(frame) == self._id and frame.f_code is self._code

    def _awaited_by(self, owner: asyncio.Task[Any]) -> Sequence[object]:
        """The tasks the generator waits for, with ``await task`` or ``asyncio.gather``; none while it is suspended.

        Python does not tell which generator an ``__anext__()`` belongs to, and which future an iterator; the garbage
        collector does.
        """
        waiting: Any = owner.get_coro()
        reached = False
        while waiting is not None and not isinstance(waiting, asyncio.Future):
            if isinstance(waiting, CoroutineType):
                waiting = waiting.cr_await
            elif isinstance(waiting, AsyncGeneratorType):
                reached = reached or self._is(waiting.ag_frame)
                waiting = waiting.ag_await
            else:
                held = gc.get_referents(waiting)
                waiting = next((o for o in held if isinstance(o, _AWAITED)), None)
        if not reached or waiting is None:
            return ()
        return (waiting, *getattr(waiting, "_children", ()))


_AWAITED = (asyncio.Future, CoroutineType, AsyncGeneratorType)

helping: ContextVar[bool] = ContextVar("chakra_helping", default=False)
"""Whether the running task was started by Chakra on behalf of a statement, which waits for it."""


@contextmanager
def helping_task() -> Iterator[None]:
    """Tasks that are started in the block work on behalf of the statement that starts them."""
    token = helping.set(True)
    try:
        yield
    finally:
        helping.reset(token)


def enclosing_generator() -> SuspendedFrame | None:
    """The innermost asynchronous generator in whose body this code runs, but for those that stand for a block."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        driver = frame.f_back
        if frame.f_code.co_flags & inspect.CO_ASYNC_GENERATOR:
            package = str(driver.f_globals.get("__name__", "")).partition(".")[0] if driver else ""
            if package not in SETUP_AND_TEARDOWN:
                return SuspendedFrame(frame)
        frame = driver
    return None


__all__ = ["SETUP_AND_TEARDOWN", "SuspendedFrame", "enclosing_generator", "helping_task"]
