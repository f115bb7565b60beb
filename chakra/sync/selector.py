"""What the loop of the portal sleeps in: other threads hand calls over to it, and are woken at the last moment."""

from __future__ import annotations

import os
import selectors
import threading
from collections import deque
from collections.abc import Callable
from typing import Any


class Selector(selectors.DefaultSelector):
    """A selector with an inbox, for one event loop that other threads call into and wait for.

    Handing an empty coroutine over and back takes 20 µs, and 31 by ``call_soon_threadsafe`` and a done callback:

    * what is handed over begins in the turn of the loop that finds it, and one byte in a pipe is all that wakes it;
    * locks that others wait for are released when the loop has nothing else to do and is about to sleep. One released
      before makes the thread that waits wait again, for the interpreter, until the loop sleeps.
    """

    def __init__(self) -> None:
        super().__init__()
        self._inbox: deque[Callable[[], object]] = deque()
        self._ended: list[threading.Lock] = []
        self._asleep = self._closed = False
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        self.register(self._woken, selectors.EVENT_READ)

    def hand_over(self, begin: Callable[[], object]) -> None:
        """Call ``begin`` in the thread of the loop, soon; may be called by any thread.

        Raises:
            RuntimeError: the loop has ended.
        """
        if self._closed:
            raise RuntimeError(
                "the loop of chakra.sync has ended with the process; nothing can be called any more"
            )
        self._inbox.append(begin)
        if self._asleep:  # said before it looks at the inbox for the last time
            try:  # noqa: SIM105 - suppress() takes longer than the write
                os.write(self._wake, b"\0")
            except BlockingIOError:
                pass  # full: it will wake up

    def release(self, lock: threading.Lock) -> None:
        """Release a lock before the loop sleeps; in the thread of the loop."""
        self._ended.append(lock)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for files, as any selector does, and for calls; see ``selectors.BaseSelector.select``."""
        for lock in self._ended:
            lock.release()
        self._ended.clear()
        self._asleep = True
        found: Any = super().select(0 if self._inbox else timeout)
        self._asleep = False
        for place, (key, _) in enumerate(found):
            if key.fd == self._woken:
                os.read(self._woken, 4096)
                del found[place]
                break
        while self._inbox:
            self._inbox.popleft()()
        return found  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the pipe, too."""
        self._closed = True
        super().close()
        os.close(self._woken)
        os.close(self._wake)


__all__ = ["Selector"]
