"""The hook chain: whoever wants to see statements adds a callable; knows none of those who listen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from chakra.db.statements import Statement, shortened

Phase = Literal["before", "after"]
Kind = Literal["fetch", "fetchrow", "execute", "executemany", "cursor", "copy_out", "copy_in", "transaction"]

_log = logging.getLogger("chakra.db")


class QueryEvent:
    """One statement on its way; the same object is passed before and after.

    It does not hold the values a statement is run with, so what a hook keeps, logs or sends elsewhere tells nothing of
    them. Where Chakra itself writes values into a text (COPY, ``SET LOCAL``), the text here is without them. What a
    user writes into SQL of their own stands there.

    Attributes:
        statement: what is run: the same object each time for a compiled query, so it can be counted by.
        kind: which call it came through.
        phase: ``"before"`` or ``"after"``.
        duration: seconds from send to answer; 0.0 before.
        rows: rows returned or affected, ``None`` if unknown.
        error: what was raised, or ``None``; its message is for whoever ran the statement, and may quote a value.
        context: free room for a hook to keep something from before to after.
    """

    __slots__ = ("context", "duration", "error", "kind", "phase", "rows", "started", "statement")

    def __init__(self, statement: Statement, kind: Kind) -> None:
        self.statement = statement
        self.kind = kind
        self.phase: Phase = "before"
        self.duration = 0.0
        self.rows: int | None = None
        self.error: BaseException | None = None
        self.context: dict[Any, Any] = {}
        self.started = time.perf_counter()

    @property
    def sql(self) -> str:
        """The statement's text."""
        return self.statement.sql

    @property
    def label(self) -> str:
        """The beginning of the text on one line, for messages and reports."""
        return shortened(self.statement.sql)

    def __repr__(self) -> str:
        return f"<QueryEvent {self.phase} {self.kind} {self.label!r} {self.duration * 1e3:.3f} ms>"


Hook: TypeAlias = Callable[[QueryEvent], object]


class HookChain:
    """Hooks in the order they were added; an unused chain costs one truth test, of ``added``.

    A hook that raises in the ``before`` phase stops the statement. What it raises in the ``after`` phase
    is logged and dropped: the statement has taken effect and its result must not be lost.

    Attributes:
        added: the hooks there are now.
    """

    __slots__ = ("added",)

    def __init__(self) -> None:
        self.added: tuple[Hook, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added)

    def __len__(self) -> int:
        return len(self.added)

    def add(self, hook: Hook) -> Callable[[], None]:
        """Add a hook; call what is returned to remove it again."""
        self.added = (*self.added, hook)
        return lambda: self.remove(hook)

    def remove(self, hook: Hook) -> None:
        """Remove a hook; one that is not there is no error."""
        self.added = tuple(h for h in self.added if h is not hook)

    def before(self, statement: Statement, kind: Kind) -> QueryEvent:
        """Announce a statement; the returned event goes to ``after``."""
        event = QueryEvent(statement, kind)
        for hook in self.added:
            hook(event)
        event.started = time.perf_counter()
        return event

    def after(self, event: QueryEvent, rows: int | None = None, error: BaseException | None = None) -> None:
        """Report the end of a statement."""
        event.duration = time.perf_counter() - event.started
        event.phase = "after"
        event.rows = rows
        event.error = error
        for hook in self.added:
            try:
                hook(event)
            except Exception:
                _log.exception("a query hook failed after %r", event)


def log_slow(threshold: float) -> Hook:
    """A hook that logs statements slower than ``threshold`` seconds; their values may be secret and are not there."""

    def hook(event: QueryEvent) -> None:
        if event.phase == "after" and event.duration > threshold:
            _log.warning("slow query: %.3f s, %s rows: %s", event.duration, event.rows, event.sql)

    return hook


__all__ = ["Hook", "HookChain", "Kind", "Phase", "QueryEvent", "log_slow"]
