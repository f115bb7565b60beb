"""The hook chain: whoever wants to see statements adds a callable; knows none of those who listen."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from threading import Lock
from typing import Any, Literal, TypeAlias
from weakref import WeakSet, ref

from chakra.db.statements import Statement, shortened
from chakra.pg.lexing import without_constants
from chakra.pg.showing import showing

Phase = Literal["before", "after"]
Kind = Literal["fetch", "fetchrow", "execute", "executemany", "cursor", "copy_out", "copy_in", "transaction"]

_log = logging.getLogger("chakra.db")


class Passing(str):
    """A comment that will not come again, such as one with the number of a trace: what is sent with it is not kept
    prepared.
    """

    __slots__ = ()


class QueryEvent:
    """One statement on its way; the same object is passed before and after.

    It does not hold the values a statement is run with, so what a hook keeps, logs or sends elsewhere tells nothing of
    them, unless the setting ``show_values`` is on. Where Chakra itself writes values into a text (COPY, ``SET LOCAL``),
    the text here is without them. What a user writes into SQL of their own stands there.

    Attributes:
        statement: what is run: the same object each time for a compiled query, so it can be counted by.
        kind: which call it came through.
        phase: ``"before"`` or ``"after"``.
        duration: seconds from send to answer; 0.0 before.
        rows: rows returned or affected, ``None`` if unknown.
        error: what was raised, or ``None``; its message is for whoever ran the statement, and may quote a value.
        first: seconds from send to the first bytes of a COPY or the first block of a cursor, which tells the server's
            work from the transfer; ``None`` where the answer comes in one piece.
        bytes: of a COPY stream; ``None`` of anything else.
        chain: the hook chain of the database it is run on.
        context: free room for a hook to keep something from before to after.
        comment: ``/*…*/`` that a hook wants behind the text that is sent; of the class ``Passing`` where it will not
            come again.
        values: what the statement is run with, where values are shown, else ``None``.
        sent: the text that is sent, where values stand in it and are shown, else ``None``.
    """

    __slots__ = (
        "bytes",
        "chain",
        "comment",
        "context",
        "duration",
        "error",
        "first",
        "kind",
        "phase",
        "rows",
        "sent",
        "started",
        "statement",
        "values",
    )

    def __init__(self, statement: Statement, kind: Kind, chain: HookChain) -> None:
        self.comment = ""
        self.values: Any = None
        self.sent: str | None = None
        self.statement = statement
        self.chain = chain
        self.first: float | None = None
        self.bytes: int | None = None
        self.kind = kind
        self.phase: Phase = "before"
        self.duration = 0.0
        self.rows: int | None = None
        self.error: BaseException | None = None
        self.context: dict[Any, Any] = {}
        self.started = 0.0

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
        owner: the database whose statements these are, weakly.
    """

    __slots__ = ("__weakref__", "added", "owner")

    def __init__(self) -> None:
        self.owner: ref[Any] | None = None
        with _lock:
            self.added: tuple[Hook, ...] = _everywhere
            _chains.add(self)

    def __bool__(self) -> bool:
        return bool(self.added)

    def __len__(self) -> int:
        return len(self.added)

    @property
    def database(self) -> Any:
        """The database whose statements these are; ``None`` if it is gone."""
        return None if self.owner is None else self.owner()

    def add(self, hook: Hook) -> Callable[[], None]:
        """Add a hook; call what is returned to remove it again."""
        self.added = (*self.added, hook)
        return lambda: self.remove(hook)

    def remove(self, hook: Hook) -> None:
        """Remove a hook; one that is not there is no error."""
        self.added = tuple(h for h in self.added if h is not hook)

    def before(
        self, statement: Statement, kind: Kind, values: Any = None, sent: str | None = None
    ) -> QueryEvent:
        """Announce a statement; the returned event goes to ``after``.

        Args:
            values: what it is run with.
            sent: what is sent, if values stand in it.
        """
        event = QueryEvent(statement, kind, self)
        if showing.values:
            event.values, event.sent = values, sent
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


_lock = Lock()
_chains: WeakSet[HookChain] = WeakSet()
_everywhere: tuple[Hook, ...] = ()


def everywhere(hook: Hook) -> Callable[[], None]:
    """Add a hook to the chains of all databases of this process, and of those that are connected later; call what is
    returned to remove it again.
    """
    global _everywhere
    with _lock:
        _everywhere = (*_everywhere, hook)
        for chain in tuple(_chains):
            chain.add(hook)

    def remove() -> None:
        global _everywhere
        with _lock:
            _everywhere = tuple(h for h in _everywhere if h is not hook)
            for chain in tuple(_chains):
                chain.remove(hook)

    return remove


class Meter:
    """Counts what goes through a COPY stream, for the hooks."""

    __slots__ = ("bytes", "first")

    def __init__(self) -> None:
        self.bytes = 0
        self.first = 0.0

    def count(self, chunk: Any) -> None:
        """Note one chunk."""
        if not self.first:
            self.first = time.perf_counter()
        self.bytes += memoryview(chunk).nbytes

    def sink(self, sink: Callable[[bytes], object]) -> Callable[[bytes], object]:
        """The same sink, counted."""

        def counted(chunk: bytes) -> object:
            self.count(chunk)
            return sink(chunk)

        return counted

    def source(self, step: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
        """The same source of chunks, counted."""

        async def counted() -> Any:
            chunk = await step()
            self.count(chunk)
            return chunk

        return counted

    def tell(self, event: QueryEvent) -> None:
        """Write the figures into the event of the stream."""
        event.bytes = self.bytes
        event.first = self.first - event.started if self.first else None


def databases() -> list[Any]:
    """The databases of this process that are not gone."""
    with _lock:
        chains = tuple(_chains)
    return [database for chain in chains if (database := chain.database) is not None]


def log_slow(threshold: float) -> Hook:
    """A hook that logs statements slower than ``threshold`` seconds. Values may be secret and are not there: neither
    those that are sent nor those that somebody wrote into the text.
    """

    def hook(event: QueryEvent) -> None:
        if event.phase == "after" and event.duration > threshold:
            text = without_constants(event.sql) if event.sent is None else event.sent
            told = {"sql": text, "kind": event.kind, "seconds": event.duration, "rows": event.rows}
            extra = {"chakra": told}
            _log.warning("slow query: %.3f s, %s rows: %s", event.duration, event.rows, text, extra=extra)

    return hook


__all__ = [
    "Hook",
    "HookChain",
    "Kind",
    "Meter",
    "Passing",
    "Phase",
    "QueryEvent",
    "databases",
    "everywhere",
    "log_slow",
]
