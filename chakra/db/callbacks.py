"""Calling what waits for the end of a transaction: plain functions and ``async def`` ones, all of them."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from chakra.errors import QueryError

T = TypeVar("T")

_log = logging.getLogger("chakra.db")


def checked(callback: Callable[[], object], where: str) -> Callable[[], object]:
    """Refuse what cannot be called while nothing is committed or undone yet.

    Args:
        where: the function that was given it.

    Raises:
        QueryError: it is no function.
    """
    given: Any = callback
    if not callable(given):
        if inspect.iscoroutine(given):
            given.close()
        raise QueryError(
            f"{where}() takes a function, plain or async def, that is called later with no arguments, not a value of "
            f"type {type(given).__name__}: write {where}(f) or {where}(lambda: f(…)), not {where}(f(…))"
        )
    return callback


def coroutine_of(func: Callable[..., object], result: T) -> T:
    """What a decorated function gave, which has to be awaited inside the transaction.

    Raises:
        QueryError: it is nothing to await: the function is no ``async def``, or yields.
    """
    if not inspect.isawaitable(result):
        kind = (
            "an async generator" if inspect.isasyncgen(result) else f"a value of type {type(result).__name__}"
        )
        raise QueryError(
            f"retries are for async def functions that return; {getattr(func, '__qualname__', func)}() gave {kind}"
        )
    return result


async def call_committed(callbacks: Sequence[Callable[[], object]]) -> None:
    """Call what waits for a commit, and raise what the first one raised that failed."""
    first: Exception | None = None
    for callback in callbacks:
        try:
            await _call(callback)
        except Exception as error:
            if first is None:
                first = error
                continue
            _log.exception("a callback of on_commit() failed after another one: %r", callback)
            first.add_note(f"another callback of on_commit() failed as well: {error!r}")
    if first is not None:
        raise first


async def call_undone(callbacks: Sequence[Callable[[], object]], cause: BaseException) -> None:
    """Call what waits for a rollback.

    Args:
        cause: the error that leaves the block; it is told of callbacks that fail.
    """
    for callback in callbacks:
        try:
            await _call(callback)
        except Exception as error:
            _log.exception("a callback of on_rollback() failed: %r", callback)
            cause.add_note(f"a callback of on_rollback() failed as well: {error!r}")


async def call_alone(callback: Callable[[], object], result: object) -> None:
    """Await what a callback gave outside of any transaction; nobody waits for it, so a failure is logged."""
    try:
        if inspect.isawaitable(result):
            await result
    except Exception:
        _log.exception("a callback of on_commit() failed: %r", callback)


async def _call(callback: Callable[[], object]) -> None:
    result = callback()
    if inspect.isawaitable(result):
        await result


__all__ = ["call_alone", "call_committed", "call_undone", "checked", "coroutine_of"]
