"""Opens the files Chakra keeps in a cluster's folder: never through a link, never anything but a file of our own."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from chakra.errors import EmbeddedError

__all__ = ["open_private"]


def open_private(path: Path, flags: int = 0) -> int:
    """Open a file for reading and writing that nobody else can read (mode 0600), made if it is missing.

    Parameters:
        flags: more flags of ``open(2)``, such as ``os.O_APPEND``.

    Raises:
        EmbeddedError: something else is there: a link, a pipe, a file of another user.
        OSError: it cannot be opened.
    """
    # O_NONBLOCK: opening a pipe must not wait for its other end. O_RDWR fails on folders.
    number = os.open(
        path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | flags, 0o600
    )
    try:
        info = os.fstat(number)
        if not stat.S_ISREG(info.st_mode):
            raise EmbeddedError(f"{path} is not a plain file; remove it and try again")
        ours = {os.geteuid()} if os.geteuid() else {0, path.parent.stat().st_uid}
        if info.st_uid not in ours:
            raise EmbeddedError(f"{path} belongs to user {info.st_uid}; remove it and try again")
        if info.st_mode & 0o077:
            os.fchmod(number, 0o600)
        os.set_blocking(number, True)
    except BaseException:
        os.close(number)
        raise
    return number
