"""Callbacks that wait for the end of a block: noted in the loop, called in the thread that ends it."""

from __future__ import annotations

import logging
from collections.abc import Callable

_log = logging.getLogger("chakra.db")


class Later:
    """What is to be called once the call that ends a block is back.

    Attributes:
        committed: what waited for the commit.
        undone: what waited for the rollback.
    """

    def __init__(self) -> None:
        self.committed: list[Callable[[], object]] = []
        self.undone: list[Callable[[], object]] = []

    def call_committed(self) -> None:
        """Call what waited for the commit, and raise what the first one raised that failed."""
        first: Exception | None = None
        for callback in self.committed:
            try:
                callback()
            except Exception as error:
                if first is None:
                    first = error
                else:
                    first.add_note(f"another callback of on_commit() failed as well: {error!r}")
        if first is not None:
            raise first

    def call_undone(self, cause: BaseException) -> None:
        """Call what waited for the rollback; ``cause``, which leaves the block, is told of failures."""
        for callback in self.undone:
            try:
                callback()
            except Exception as error:
                _log.exception("a callback of on_rollback() failed: %r", callback)
                cause.add_note(f"a callback of on_rollback() failed as well: {error!r}")


__all__ = ["Later"]
