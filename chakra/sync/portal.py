"""The portal: an event loop in a thread of its own, into which other threads call. Nothing here knows of databases."""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import inspect
import os
import threading
from collections.abc import Callable
from typing import Any

from chakra.db.deadlines import Limit, current
from chakra.errors import ChakraError, ConnectionLost, QueryCancelled
from chakra.sync.selector import Selector

_HERE = __file__
PATIENCE = 5.0
"""Seconds after which a thread that waits looks whether there is still something to wait for."""


class Portal:
    """An event loop that runs in the background; started by the first call, ended with the process.

    Calls may come from any thread, also from one in which another event loop runs (a notebook): that thread waits. A
    call takes about 50 µs on top of what is called, 20 of them for two threads to wake each other.

    Attributes:
        ident: the thread of the loop; ``None`` = not started.
        loop: the loop; ``None`` = not started.
    """

    def __init__(self) -> None:
        self.ident: int | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self._selector: Any = None
        self._lock = threading.Lock()
        self._at_exit: list[Callable[[], object]] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)
        atexit.register(self._close)

    @property
    def inside(self) -> bool:
        """Whether this is the thread of the loop, in which nobody may wait for it."""
        return threading.get_ident() == self.ident

    def call(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,
        context: contextvars.Context | None = None,
        **kw: Any,
    ) -> Any:
        """Call a function in the loop, await what it gives if that can be awaited, and return the result.

        Args:
            context: what context variables the call has, and sets; default: a copy of those here.

        Raises:
            RuntimeError: called in the thread of the loop itself, which would wait for itself.
        """
        if threading.get_ident() == self.ident:
            raise RuntimeError(
                "a plain call inside of the loop of chakra.sync would wait for itself: await the same thing here"
            )
        loop = self.loop
        if loop is None:
            loop = self._started()
        call = _Call(
            loop,
            self._selector,
            function,
            args,
            kw,
            contextvars.copy_context() if context is None else context,
        )
        self._selector.hand_over(call.begin)
        return call.outcome()

    def at_exit(self, close: Callable[[], object]) -> None:
        """Call ``close`` when the process ends, while the loop still runs."""
        self._at_exit.append(close)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            loop = self.loop
            if loop is None:
                self._selector = Selector()
                loop = asyncio.SelectorEventLoop(self._selector)
                ready = threading.Event()
                loop.call_soon(ready.set)
                thread = threading.Thread(target=_serve, args=(loop,), name="chakra.sync", daemon=True)
                thread.start()
                ready.wait()
                self.loop, self.ident = loop, thread.ident
        return loop

    def _forked(self) -> None:
        self.ident = self.loop = None  # the thread stayed in the parent
        self._lock = threading.Lock()
        self._at_exit.clear()

    def _close(self) -> None:
        """Close what is open, then the loop; runs when the process ends."""
        if self.loop is not None:
            for close in self._at_exit:
                close()
            self.loop.call_soon_threadsafe(self.loop.stop)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    stopped = False
    while not stopped:
        try:
            loop.run_forever()
            stopped = True
        except (SystemExit, KeyboardInterrupt):
            pass  # asyncio lets these out of run_forever(); the call that raised one has it, too
    loop.close()


class _Call:
    """One call on its way: begun in the thread of the loop, waited for in another one."""

    __slots__ = (
        "_args",
        "_begun",
        "_context",
        "_done",
        "_error",
        "_function",
        "_kw",
        "_loop",
        "_result",
        "_selector",
        "_task",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        selector: Selector,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kw: dict[str, Any],
        context: contextvars.Context,
    ) -> None:
        self._loop = loop
        self._selector = selector
        self._function = function
        self._args = args
        self._kw = kw
        self._context = context
        self._done = threading.Lock()  # an Event takes 5 µs more
        self._done.acquire()
        self._begun = False
        self._task: asyncio.Task[Any] | None = None
        self._result: Any = None
        self._error: BaseException | None = None

    def begin(self) -> None:
        """Make the task, whose changes of context variables are made in the call's context."""
        self._task = self._loop.create_task(self._run(), context=self._context)

    async def _run(self) -> None:
        self._begun = True
        try:
            limit = current.get()
            if limit is None:
                result = self._function(*self._args, **self._kw)
                self._result = await result if inspect.isawaitable(result) else result
            else:
                self._result = await self._in_time(limit)
        except asyncio.CancelledError:
            self._error = _cancelled()
        except BaseException as error:
            self._error = error  # also what would end the loop: who calls gets it
        self._selector.release(self._done)  # a done callback would be another turn of the loop, 5 µs

    async def _in_time(self, limit: Limit) -> Any:
        """The call under a deadline of the caller's thread."""
        timer = asyncio.timeout_at(limit.end)
        try:
            async with timer:
                result = self._function(*self._args, **self._kw)
                return await result if inspect.isawaitable(result) else result
        except TimeoutError as error:
            if not timer.expired() or isinstance(error, ChakraError):
                raise
            raise limit.exceeded(error.__cause__) from error
        except QueryCancelled as error:
            if not limit.is_behind(error):
                raise
            raise limit.exceeded(error) from error

    def outcome(self) -> Any:
        """Wait for the end; an interrupt (Ctrl-C) cancels the call, on the server too, before it goes on."""
        try:
            self._wait()
        except BaseException:
            self._loop.call_soon_threadsafe(self._cancel)
            self._wait()
            raise
        error = self._error
        if error is None:
            return self._result
        try:
            # Python adds the frames of the caller's thread; those of the portal say nothing.
            trace = error.__traceback__
            while trace is not None and trace.tb_frame.f_code.co_filename == _HERE:
                trace = trace.tb_next
            raise error.with_traceback(trace)
        finally:
            self._error = self._task = error = None  # else error and frame would hold each other

    def _wait(self) -> None:
        while not self._done.acquire(timeout=PATIENCE):
            if self._loop.is_closed() or (self._task is not None and self._task.done()):
                if not self._done.acquire(blocking=False):  # cancelled before it began: nothing of it ran
                    self._error = _cancelled()
                return

    def _cancel(self) -> None:
        if self._begun and self._task is not None:
            self._task.cancel()
        else:
            self._loop.call_soon(
                self._cancel
            )  # what is cancelled before it began would never say that it ended


def _cancelled() -> ConnectionLost:
    return ConnectionLost("the call was cancelled: its database was closed, or the process ends")


portal = Portal()
"""The one of the process: databases in it share the thread."""


__all__ = ["Portal", "portal"]
