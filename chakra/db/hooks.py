"""The hook chain: whoever wants to see statements adds a callable; knows none of those who listen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

Phase = Literal["before", "after"]
Kind = Literal["fetch", "fetchrow", "execute", "executemany", "cursor", "copy_out", "copy_in", "transaction"]

_log = logging.getLogger("chakra.db")


class QueryEvent:
    """One statement on its way; the same object is passed before and after.

    Attributes:
        sql, args: the statement and its parameters.
        kind: which call it came through.
        phase: ``"before"`` or ``"after"``.
        duration: seconds from send to answer; 0.0 before.
        rows: rows returned or affected, ``None`` if unknown.
        error: what was raised, or ``None``.
        context: free room for a hook to keep something from before to after.
    """

    __slots__ = ("args", "context", "duration", "error", "kind", "phase", "rows", "sql", "started")

    def __init__(self, sql: str, args: Any, kind: Kind) -> None:
        self.sql = sql
        self.args = args
        self.kind = kind
        self.phase: Phase = "before"
        self.duration = 0.0
        self.rows: int | None = None
        self.error: BaseException | None = None
        self.context: dict[Any, Any] = {}
        self.started = time.perf_counter()

    def __repr__(self) -> str:
        return f"<QueryEvent {self.phase} {self.kind} {self.sql[:60]!r} {self.duration * 1e3:.3f} ms>"


Hook: TypeAlias = Callable[[QueryEvent], object]


class HookChain:
    """Hooks in the order they were added; false when empty, so an unused chain costs one truth test.

    A hook that raises in the ``before`` phase stops the statement. What it raises in the ``after`` phase
    is logged and dropped: the statement has taken effect and its result must not be lost.
    """

    __slots__ = ("_hooks",)

    def __init__(self) -> None:
        self._hooks: tuple[Hook, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def __len__(self) -> int:
        return len(self._hooks)

    def add(self, hook: Hook) -> Callable[[], None]:
        """Add a hook; call what is returned to remove it again."""
        self._hooks = (*self._hooks, hook)
        return lambda: self.remove(hook)

    def remove(self, hook: Hook) -> None:
        """Remove a hook; one that is not there is no error."""
        self._hooks = tuple(h for h in self._hooks if h is not hook)

    def before(self, sql: str, args: Any, kind: Kind) -> QueryEvent:
        """Announce a statement; the returned event goes to ``after``."""
        event = QueryEvent(sql, args, kind)
        for hook in self._hooks:
            hook(event)
        event.started = time.perf_counter()
        return event

    def after(self, event: QueryEvent, rows: int | None = None, error: BaseException | None = None) -> None:
        """Report the end of a statement."""
        event.duration = time.perf_counter() - event.started
        event.phase = "after"
        event.rows = rows
        event.error = error
        for hook in self._hooks:
            try:
                hook(event)
            except Exception:
                _log.exception("a query hook failed after %r", event)


def log_slow(threshold: float) -> Hook:
    """A hook that logs statements slower than ``threshold`` seconds; their values may be secret and stay out."""

    def hook(event: QueryEvent) -> None:
        if event.phase == "after" and event.duration > threshold:
            _log.warning("slow query: %.3f s, %s rows: %s", event.duration, event.rows, event.sql)

    return hook


__all__ = ["Hook", "HookChain", "Kind", "Phase", "QueryEvent", "log_slow"]
