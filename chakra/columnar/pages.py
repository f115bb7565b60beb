"""Pages of fresh memory, asked of the operating system by a thread just before the row kernel writes to them.

Memory that a process never touched costs a page fault at its first write: the system finds a page and clears it, while
the server waits because nobody reads from the socket. Where there is a core to spare, a thread can be ahead.
docs/decisions/0011-memory.md has the figures.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TypeAlias

from chakra.columnar.buffers import AnyArray

_MADV_POPULATE_WRITE = 23  # Linux 5.14, include/uapi/asm-generic/mman-common.h

Range: TypeAlias = "tuple[AnyArray, int, int]"
"""An array, and the bytes of it from where to where."""


class _Thread:
    """One for the process; daemonic, and made anew in a child process."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Sequence[Range]] | None = None
        self._lock = threading.Lock()

    def put(self, ranges: Sequence[Range]) -> None:
        if self._queue is None:
            with self._lock:
                if self._queue is None:
                    queue: SimpleQueue[Sequence[Range]] = SimpleQueue()
                    threading.Thread(target=_work, args=(queue,), name="chakra-pages", daemon=True).start()
                    self._queue = queue
        self._queue.put(ranges)


def _work(queue: SimpleQueue[Sequence[Range]]) -> None:
    advise = _madvise()
    while True:
        _populate(advise, queue.get())  # no name holds on to the memory afterwards


def _populate(advise: Callable[[int, int, int], int], ranges: Sequence[Range]) -> None:
    page = mmap.PAGESIZE
    for array, start, stop in ranges:
        first = (array.ctypes.data + start) // page * page
        last = (array.ctypes.data + stop) // page * page
        if first < last:
            advise(first, last - first, _MADV_POPULATE_WRITE)  # refused by older kernels, which does no harm


def _madvise() -> Callable[[int, int, int], int]:
    function = ctypes.CDLL(None).madvise
    function.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    function.restype = ctypes.c_int
    advise: Callable[[int, int, int], int] = function
    return advise


_thread = _Thread()


def _forget_thread() -> None:
    global _thread
    _thread = _Thread()


if sys.platform == "linux":
    os.register_at_fork(after_in_child=_forget_thread)

CAN_POPULATE = sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1
"""With one core the thread would only take the reader's time. Other systems have no such call."""


def populate(ranges: Sequence[Range]) -> None:
    """Let the pages of parts of arrays be there soon; what is in them stays as it is, also while it is written."""
    _thread.put(ranges)


__all__ = ["CAN_POPULATE", "Range", "populate"]
