"""Whether code runs inside an asynchronous generator that its consumer can leave suspended, and whether it runs now.

A generator shares the context of whoever iterates over it, so a context variable that it sets stays set for the
consumer while the generator waits at its ``yield``.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from types import CodeType, CoroutineType, FrameType
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
        """Whether the generator is running now: this code is called by it, or it waits for this code's task.

        Args:
            owner: the task that iterates over the generator.
        """
        if owner is None or asyncio.current_task() is owner:
            frame: FrameType | None = sys._getframe(1)
            while frame is not None:
                if id(frame) == self._id and frame.f_code is self._code:
                    return True
                frame = frame.f_back
            return False
        return _awaits_a_generator(owner)


def _awaits_a_generator(task: asyncio.Task[Any]) -> bool:
    """Whether a task waits inside some asynchronous generator; which one, Python does not tell."""
    waiting: Any = task.get_coro()
    while isinstance(waiting, CoroutineType):
        waiting = waiting.cr_await
    return type(waiting).__name__.startswith("async_generator")


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


__all__ = ["SETUP_AND_TEARDOWN", "SuspendedFrame", "enclosing_generator"]
