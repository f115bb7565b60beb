"""Several awaitables at once, over several connections, or one by one: all their results, or the first error."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any

from chakra.errors import QueryError


async def in_turn(given: Sequence[Awaitable[Any]]) -> list[Any]:
    """Await one after the other; nothing is begun behind one that fails."""
    try:
        return [await each for each in given]
    finally:
        drop(given)


async def at_once(given: Sequence[Awaitable[Any]], limit: int) -> list[Any]:
    """Await all, at most ``limit`` of them at a time, each in a task of its own; begun in their order.

    What runs still when one fails, or when the caller is cancelled, is cancelled and waited for.
    """
    tasks: list[asyncio.Task[Any]] = []
    running: set[asyncio.Task[Any]] = set()
    try:
        while len(tasks) < len(given) or running:
            while len(tasks) < len(given) and len(running) < limit:
                task = asyncio.get_running_loop().create_task(_awaited(given[len(tasks)]))
                tasks.append(task)
                running.add(task)
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            if any(task.cancelled() or task.exception() is not None for task in done):
                break
    finally:
        await _ended(running)
        drop(given)
    _raise_first(tasks)
    return [task.result() for task in tasks]


async def _awaited(given: Awaitable[Any]) -> Any:
    return await given


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait for their end, also when the caller is cancelled (again) meanwhile."""
    for task in tasks:
        task.cancel()
    late: asyncio.CancelledError | None = None
    while any(not task.done() for task in tasks):
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError as cancel:
            late = cancel
    for task in tasks:
        if not task.cancelled():
            task.exception()  # it is looked at: asyncio has nothing to complain of
    if late is not None:
        raise late


def _raise_first(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Raise the error of the first one that failed by itself, with a note for each other one."""
    errors = [error for task in tasks if not task.cancelled() and (error := task.exception()) is not None]
    if errors:
        for other in errors[1:]:
            errors[0].add_note(f"another one of what was gathered failed as well: {other!r}")
        raise errors[0]
    for task in tasks:
        task.result()  # CancelledError, if one was cancelled from elsewhere


def checked(given: Sequence[Any]) -> None:
    """Refuse what cannot be awaited.

    Raises:
        QueryError: says which one.
    """
    seen: set[int] = set()
    for number, each in enumerate(given, 1):
        if isinstance(each, Coroutine):
            if id(each) in seen:
                raise QueryError(
                    f"gather() was given the same call twice, the second time as number {number}: a call runs once; "
                    "write it once for each time it is to run"
                )
            seen.add(id(each))
        if not inspect.isawaitable(each):
            raise QueryError(
                f"gather() takes what is awaited: querysets and calls, such as db.gather(Post.objects.all(), "
                f"Post.objects.count()); number {number} is {type(each).__name__}"
            )


def drop(given: Sequence[Any]) -> None:
    """Close the coroutines that were not begun, of which Python would complain."""
    for each in given:
        if isinstance(each, Coroutine):
            each.close()  # does nothing to one that has ended


__all__ = ["at_once", "checked", "drop", "in_turn"]
