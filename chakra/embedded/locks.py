"""File locks the kernel gives back however their holder ends; no process ids, nothing to go stale."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from chakra.embedded.private import open_private
from chakra.errors import EmbeddedError

__all__ = ["FileLock"]

_POLL_SECONDS = 0.02


class FileLock:
    """``flock(2)`` on a file of ours, opened on construction and closed by :meth:`close`.

    Two instances exclude each other even within one process.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1
        self._fd = open_private(path)

    def try_lock(self, *, shared: bool) -> bool:
        """Take the lock if it is free; a lock already held is converted."""
        try:
            fcntl.flock(self._fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def lock(self, *, shared: bool, timeout: float) -> None:
        """Wait for the lock.

        Raises:
            EmbeddedError: it was not free within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while not self.try_lock(shared=shared):
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"{self.path} is locked by another process for more than {timeout:g} s: it is starting "
                    "or stopping the PostgreSQL in this folder and does not come to an end"
                )
            time.sleep(_POLL_SECONDS)

    def unlock(self) -> None:
        """Give the lock back and keep the file open."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def is_current(self) -> bool:
        """Whether ``path`` still is the file that was opened (a temporary folder may have been deleted)."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Give the lock back and close the file. Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
