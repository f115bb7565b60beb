"""Strike at the k-th suspension of an operation, in whichever of its tasks that is."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import Callable, Coroutine
from typing import Any, Literal

Moment = Literal["waiting", "answered"]
"""Before what is waited for is there, or in the moment it is there and nobody has been woken with it."""

_current: contextvars.ContextVar[Strike | None] = contextvars.ContextVar("strike", default=None)


class Strike:
    """Counts the suspensions of an operation and all tasks it starts, and acts at one of them.

    Attributes:
        at: which one, from 1 on; 0 only counts.
        count: how many there were.
        struck: whether it acted.
    """

    def __init__(self, at: int = 0, act: Callable[[asyncio.Task[Any]], object] | None = None) -> None:
        self.at = at
        self.act = act
        self.moment: Moment = "waiting"
        self.count = 0
        self.struck = False
        self.over = False
        self.root: asyncio.Task[Any] | None = None

    def suspended(self, future: Any) -> None:
        if self.over:
            return
        self.count += 1
        if self.count != self.at or self.act is None or self.root is None:
            return
        self.struck = True
        act, root = self.act, self.root
        if self.moment == "answered" and future is not None:
            # Called before the task is woken with the answer: the answer is there and is lost.
            future.add_done_callback(lambda _: None if self.over else act(root))
        elif self.moment == "answered":
            asyncio.get_running_loop().call_soon(act, root)
        else:
            act(root)

    async def run(self, work: Callable[[], Coroutine[Any, Any, Any]], patience: float = 10) -> Any:
        """Await ``work()`` in a task of its own.

        Raises:
            AssertionError: it did not end within ``patience`` seconds; with where it stands.
        """
        token = _current.set(self)
        try:
            self.root = asyncio.create_task(work(), name="operation")  # type: ignore[arg-type]
        finally:
            _current.reset(token)
        done, _ = await asyncio.wait((self.root,), timeout=patience)
        self.over = True
        if not done:
            stack = _standing(self.root.get_coro())
            self.root.cancel()
            await asyncio.wait((self.root,), timeout=patience)
            raise AssertionError(f"it hangs in {' > '.join(stack)}")
        return self.root.result()


def _standing(waiting: Any) -> list[str]:
    """Where a coroutine stands, from outside to what it waits for."""
    found = []
    while waiting is not None:
        if type(waiting).__name__ in ("async_generator_asend", "async_generator_athrow"):
            waiting = next(held for held in gc.get_referents(waiting) if hasattr(held, "ag_code"))
        for kind in ("cr", "gi", "ag"):
            code = getattr(waiting, f"{kind}_code", None)
            if code is not None:
                frame = getattr(waiting, f"{kind}_frame", None)
                found.append(f"{code.co_qualname}:{frame.f_lineno if frame else 0}")
                waiting = getattr(waiting, f"{kind}_await", getattr(waiting, f"{kind}_yieldfrom", None))
                break
        else:
            found.append(repr(waiting)[:200])
            break
    return found


class _Counted(Coroutine[Any, Any, Any]):
    """A coroutine whose suspensions are counted."""

    def __init__(self, inner: Coroutine[Any, Any, Any], strike: Strike) -> None:
        self._inner = inner
        self._strike = strike
        self.__name__ = getattr(inner, "__name__", "coroutine")
        self.__qualname__ = getattr(inner, "__qualname__", "coroutine")

    def __await__(self) -> Any:
        return self._inner.__await__()

    def send(self, value: Any) -> Any:
        future = self._inner.send(value)
        self._strike.suspended(future)
        return future

    def throw(self, *error: Any) -> Any:
        future = self._inner.throw(*error)
        self._strike.suspended(future)
        return future

    def close(self) -> None:
        self._inner.close()

    def __getattr__(self, name: str) -> Any:  # cr_code, cr_frame, …: for what shows tasks
        return getattr(self._inner, name)


def count_in(loop: asyncio.AbstractEventLoop) -> None:
    """Let strikes see the tasks that operations start in this loop."""

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **named: Any) -> asyncio.Task[Any]:
        strike = _current.get()
        if strike is not None and not strike.over:
            coroutine = _Counted(coroutine, strike)
        return asyncio.Task(coroutine, loop=loop, **named)

    loop.set_task_factory(factory)  # type: ignore[arg-type]
