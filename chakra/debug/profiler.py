"""``QueryProfiler``: which statements a block of code sends, how often, from where, and how long they take."""

from __future__ import annotations

import time
from collections import Counter, deque
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from chakra.db.hooks import QueryEvent, everywhere
from chakra.db.statements import Statement
from chakra.debug import report
from chakra.debug.call_site import CallSite, call_site
from chakra.debug.shown import brief, shape_of, shown_values
from chakra.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_RUNS = 10_000
"""Statements of which each run is kept, some 3 MB; the groups go on counting."""


class Run(NamedTuple):
    """One statement that was run.

    Attributes:
        sql: its text, without values.
        kind: ``fetch``, ``fetchrow``, ``execute``, ``executemany``, ``cursor``, ``copy_out`` or ``copy_in``.
        seconds: from send to answer.
        rows: returned or affected; ``None`` = unknown.
        call_site: the line of the user's code it comes from.
        error: the name of the class of what was raised, or ``None``.
        values: what it was run with, or the text that was sent, where values are shown; else ``None``.
    """

    sql: str
    kind: str
    seconds: float
    rows: int | None
    call_site: CallSite | None
    error: str | None
    values: str | None = None


@dataclass(slots=True)
class Query:
    """What all runs of one statement have in common, whatever their values.

    Attributes:
        sql: its text, with ``?`` in place of constants that somebody wrote into it.
        kind: how it was run, see ``Run``.
        count: how often.
        rows: rows returned or affected, of all runs.
        seconds: of all runs.
        fastest, slowest: seconds of one run.
        call_sites: lines of the user's code it comes from, and how often.
        first: seconds until the first rows were there, of the runs that came in pieces (COPY and cursors).
        pieces: the runs that did.
        bytes: of COPY streams.
        errors: runs that failed.
        values: those of its slowest run, where values are shown (the setting ``show_values``), else ``None``.
        plan: of a slow one, where the profiler was told to ask for it (``auto_explain``).
    """

    sql: str
    kind: str
    count: int = 0
    rows: int = 0
    seconds: float = 0.0
    fastest: float = 0.0
    slowest: float = 0.0
    call_sites: Counter[CallSite | None] = field(default_factory=Counter)
    first: float = 0.0
    pieces: int = 0
    bytes: int = 0
    errors: int = 0
    values: str | None = None
    plan: str | None = None

    @property
    def label(self) -> str:
        """The statement, short."""
        return brief(self.sql)

    @property
    def mean(self) -> float:
        """Seconds of one run, on average."""
        return self.seconds / self.count if self.count else 0.0

    @property
    def call_site(self) -> CallSite | None:
        """The line it comes from; of several, the one it comes from most often."""
        return self.call_sites.most_common(1)[0][0] if self.call_sites else None

    @property
    def first_row(self) -> float | None:
        """Seconds until the first rows of a run were there, on average; ``None`` where they come in one piece."""
        return self.first / self.pieces if self.pieces else None

    @property
    def transfer(self) -> float | None:
        """Seconds from the first rows of a run to its last, on average."""
        return None if self.first_row is None else max(0.0, self.mean - self.first_row)

    def add(self, event: QueryEvent, site: CallSite | None, values: str | None) -> None:
        """Count one run."""
        seconds = event.duration
        if seconds < self.fastest or not self.count:
            self.fastest = seconds
        if seconds > self.slowest:
            self.slowest = seconds
            self.values = values
        self.count += 1
        self.rows += event.rows or 0
        self.seconds += seconds
        self.call_sites[site] += 1
        if event.bytes is not None:
            self.bytes += event.bytes
        if event.error is not None:
            self.errors += 1
        if event.first is not None:
            self.first += event.first
            self.pieces += 1


_COMPILED = frozenset({"fetch", "fetchrow", "execute"})
"""Kinds whose statements are the same object each time; a COPY has one of its own."""

_inside: ContextVar[tuple[QueryProfiler, ...]] = ContextVar("chakra_profilers", default=())
_lock = Lock()
_open = 0
_remove: Callable[[], None] | None = None


class QueryProfiler:
    """Records what is sent inside its block: ``with QueryProfiler() as profiler:``, or ``async with``.

    It sees the statements of its block and of the tasks that are started inside, on every database; not those of
    tasks that run beside it. Profilers may stand inside one another. Values are
    recorded only where they are shown (the setting ``show_values``). BEGIN, COMMIT and
    savepoints, and what Chakra asks the server for itself, are counted apart.

    Args:
        auto_explain: seconds; the plan of each statement that takes longer is asked for at the end of an
            ``async with``, without running it again, and stands in ``queries[…].plan`` and in the report.
        call_sites: look where each statement comes from; some microseconds each.

    Attributes:
        wall: seconds from the beginning of the block to its end, or until now.
        runs: each statement in the order of their answers, the last ``MOST_RUNS`` of them.
        transactions: statements that begin and end transactions, and their seconds.
        own: what Chakra asked the server for itself, and the seconds.
    """

    def __init__(self, *, auto_explain: float | None = None, call_sites: bool = True) -> None:
        if auto_explain is not None and (
            isinstance(auto_explain, bool) or not isinstance(auto_explain, int | float) or auto_explain < 0
        ):
            raise FieldError(f"auto_explain is a number of seconds, not {auto_explain!r}")
        self.auto_explain = auto_explain
        self.call_sites = call_sites
        self.runs: deque[Run] = deque(maxlen=MOST_RUNS)
        self.transactions: list[float] = [0, 0.0]
        self.own: list[float] = [0, 0.0]
        self._groups: dict[tuple[str, str], Query] = {}
        self._compiled: dict[Statement, Query] = {}
        self._slow: dict[tuple[str, str], QueryEvent] = {}
        self._token: Token[Any] | None = None
        self._opened_at: CallSite | None = None
        self._began = self._ended = 0.0
        self._recording = False

    # -- the block ------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Begin to record, where there is no block; ``stop`` ends it.

        Raises:
            FieldError: it records already.
        """
        global _open, _remove
        if self._recording:
            raise FieldError("this profiler records already: one block at a time, or another QueryProfiler()")
        self._opened_at = call_site()
        self._token = _inside.set((*_inside.get(), self))
        with _lock:
            if not _open:
                _remove = everywhere(_note)
            _open += 1
        self._recording = True
        self._began, self._ended = time.perf_counter() - self.wall, 0.0
        return self

    def stop(self) -> None:
        """Record no more; what was recorded stays."""
        global _open, _remove
        if not self._recording:
            return
        self._recording = False
        self._ended = time.perf_counter()
        token, self._token = self._token, None
        try:
            assert token is not None
            _inside.reset(token)
        except ValueError:  # ended in another context, as fixtures are: it is in none that goes on
            _inside.set(tuple(each for each in _inside.get() if each is not self))
        with _lock:
            _open -= 1
            if not _open and _remove is not None:
                _remove()
                _remove = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if kind is None:
            await self.explain_slow()

    # -- what was seen --------------------------------------------------------------------------------

    @property
    def wall(self) -> float:
        """Seconds from the beginning of the block to its end, or until now."""
        if not self._began:
            return 0.0
        return (time.perf_counter() if self._recording else self._ended) - self._began

    @property
    def queries(self) -> list[Query]:
        """What was run, by statement; the one that took most time first."""
        return sorted(self._groups.values(), key=lambda query: -query.seconds)

    @property
    def total(self) -> int:
        """How many statements were run."""
        return sum(query.count for query in self._groups.values())

    @property
    def seconds(self) -> float:
        """The time of all of them; of statements that run at the same time, both count."""
        return sum(query.seconds for query in self._groups.values())

    @property
    def rows(self) -> int:
        """Rows returned or affected."""
        return sum(query.rows for query in self._groups.values())

    @property
    def slowest(self) -> Query | None:
        """The statement of which one run took longest."""
        return max(self._groups.values(), key=lambda query: query.slowest, default=None)

    def report(self) -> str:
        """What was seen, as text: the totals, the slowest, and each statement if there are several."""
        return report.text(self)

    def to_json(self, *, indent: int | None = None) -> str:
        """The same as JSON, times in seconds.

        Args:
            indent: by how many spaces parts are set in; ``None`` = all in one line.
        """
        return report.json_text(self, indent)

    def to_polars(self) -> Any:
        """The statements as a Polars ``DataFrame``, one row each.

        Raises:
            ImportError: Polars is not installed.
        """
        return report.frame(self)

    def table(self) -> Any:
        """The statements as a table of ``rich``; a console of it prints the profiler itself as well.

        Raises:
            ImportError: rich is not installed.
        """
        return report.table(self)

    def __rich__(self) -> Any:
        return self.table()

    def __repr__(self) -> str:
        return f"<QueryProfiler: {self.total} queries, {self.seconds * 1e3:.1f} ms>"

    async def explain_slow(self) -> None:
        """Ask for the plans of the statements that took longer than ``auto_explain``, which an ``async with`` does at
        its end. They are not run again: the plan is the one for any value.

        Where there is none to be had (a statement that has no plan, a database that is closed) ``plan`` says why.
        """
        from chakra.debug.auto_explain import plan_of

        slow, self._slow = self._slow, {}
        token = _inside.set(())  # profilers around this one do not see it
        try:
            for key, event in slow.items():
                self._groups[key].plan = await plan_of(event)
        finally:
            _inside.reset(token)

    def _add(self, event: QueryEvent, site: CallSite | None) -> None:
        kind, statement = event.kind, event.statement
        if kind == "transaction":
            place = self.transactions
        elif (author := statement.author) == "chakra":
            place = self.own
        else:
            site = site or self._opened_at
            known = self._compiled.get(statement)  # the same object each time
            if known is not None and known.kind == kind:
                query, sql = known, known.sql
            else:
                sql = shape_of(statement.sql)
                found = self._groups.get((sql, kind))
                query = found or Query(sql, kind)
                self._groups[(sql, kind)] = query
                if author == "compiler" and kind in _COMPILED and len(self._compiled) < MOST_RUNS:
                    self._compiled[statement] = query
            values = _values(event) if event.values is not None or event.sent is not None else None
            query.add(event, site, values)
            error = None if event.error is None else type(event.error).__name__
            self.runs.append(Run(sql, kind, event.duration, event.rows, site, error, values))
            if self.auto_explain is not None and event.duration > self.auto_explain:
                self._slow[(sql, kind)] = event
            return
        place[0] += 1
        place[1] += event.duration


def _note(event: QueryEvent) -> None:
    """The hook of all profilers: a statement belongs to those in whose context it is sent."""
    # Some 7 us a statement in all, 2 of them for the call site; so no generators, and few calls.
    if event.phase == "before":
        inside = _inside.get()
        if inside:
            site = None
            if event.kind != "transaction":
                for each in inside:
                    if each.call_sites and each._recording:
                        site = call_site()
                        break
            event.context[_note] = (inside, site)
        return
    found = event.context.pop(_note, None)
    if found is not None:
        for each in found[0]:
            if each._recording:
                each._add(event, found[1])


def _values(event: QueryEvent) -> str:
    """What a statement was run with, as it is shown."""
    return event.sent if event.sent is not None else shown_values(event.values)


__all__ = ["MOST_RUNS", "Query", "QueryProfiler", "Run"]
