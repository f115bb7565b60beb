"""N+1 queries: one relation, awaited row by row for the rows of one result.

It goes by the origin of the instances, which their shared state carries (``query.state.Fetch``), not by the text of
statements: ``get()`` in a loop has another origin each time, and is none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias
from weakref import finalize

from chakra.debug.call_site import CallSite, call_site
from chakra.debug.shown import brief
from chakra.errors import NPlusOneError

Mode: TypeAlias = Literal["off", "warn", "raise", "peers"]

log = logging.getLogger("chakra.debug")


class Watch:
    """What the settings say, ready to be looked at for every result.

    Attributes:
        on: whether results have to know anything; the one thing that is looked at where they do not.
        mode: ``"off"``, ``"warn"``, ``"raise"``, or ``"peers"``.
        threshold: rows of one result for which a relation is awaited before it counts as N+1.
    """

    __slots__ = ("mode", "on", "threshold")

    def __init__(self) -> None:
        self.set("off", 3)

    def set(self, mode: str, threshold: int) -> None:
        """Take what was configured; results that were read before go on as they began."""
        self.on = mode != "off"
        self.mode = mode
        self.threshold = threshold

    @contextmanager
    def during(self, mode: Mode, threshold: int = 3) -> Iterator[None]:
        """Another mode while a block runs, for the whole process."""
        before = self.mode, self.threshold
        self.set(mode, threshold)
        try:
            yield
        finally:
            self.set(*before)


watch = Watch()
"""The one of this process."""


class Access:
    """How often one relation was awaited for the rows of one result.

    Attributes:
        label: ``Post.author``.
        path: to the relation, from the rows of the query.
        several: whether several rows may be behind it.
        made: what loaded the rows.
        site: where it was awaited.
    """

    __slots__ = ("label", "made", "path", "rows", "seen", "several", "site", "told")

    def __init__(self, label: str, path: str, several: bool, made: Made) -> None:
        self.label = label
        self.path = path
        self.several = several
        self.made = made
        self.seen: set[int] = set()
        self.site: CallSite | None = None
        self.told = False

    def message(self) -> str:
        """What was seen, where, and what to do."""
        calls = f'.prefetch_related("{self.path}")'
        if not self.several:
            calls = f'.select_related("{self.path}") or {calls}'
        at = f" at {self.site}" if self.site is not None else ""
        way = (
            f'load it for all of them with one query more (await chakra.prefetch(rows, "{self.path}"))'
            if self.made.raw
            else f"load both with that query ({calls}), or let the first access load it for all of them "
            '(.fetch_mode("peers"))'
        )
        return (
            f"N+1 query detected - {self.label} accessed {len(self.seen)} times{at}, one query each; its rows were "
            f"loaded{self.made.where} by {self.made.statement}: {way}"
        )

    def tell(self) -> None:
        """Log it, once."""
        if not self.told:
            self.told = True
            log.warning("%s", self.message())


class Made:
    """What loaded some rows.

    Attributes:
        raw: it was SQL of the caller's own, which loads nothing along.
    """

    __slots__ = ("raw", "site", "sql")

    def __init__(self, sql: str, site: CallSite | None, *, raw: bool) -> None:
        self.raw = raw
        self.sql = sql
        self.site = site

    @property
    def statement(self) -> str:
        """The statement, short."""
        return brief(self.sql)

    @property
    def where(self) -> str:
        """Where it was sent, as part of a sentence."""
        return "" if self.site is None else f" at {self.site}"


class Origin:
    """What the rows of one result have in common: the statement that loaded them, and what was awaited since."""

    __slots__ = ("__weakref__", "accesses", "made")

    def __init__(self, sql: str, *, raw: bool = False) -> None:
        self.made = Made(sql, call_site(), raw=raw)
        self.accesses: dict[tuple[type, str], Access] = {}

    def awaited(self, instance: Any, name: str, path: str, rows: int, several: bool) -> None:
        """Note that a relation of one of the rows is asked for.

        The warning comes when the number is certain: the relation was awaited for every row, or the rows are gone; at
        the latest when the process ends.

        Args:
            path: from the rows of the query to the relation.
            rows: of the result, at this place; 0 = unknown.
            several: whether several rows may be behind it.

        Raises:
            NPlusOneError: in the mode ``"raise"``, when the threshold is reached.
        """
        key = (type(instance), path)
        access = self.accesses.get(key)
        if access is None:
            label = f"{type(instance).__name__}.{name}"
            access = self.accesses[key] = Access(label, path, several, self.made)
        seen = access.seen
        if id(instance) in seen:
            return
        seen.add(id(instance))
        count = len(seen)
        if count < watch.threshold or access.told:
            return
        if access.site is None:
            access.site = call_site()
            if watch.mode == "warn":
                finalize(self, access.tell)
        if watch.mode == "raise":
            raise NPlusOneError(access.message())
        if count == rows and watch.mode == "warn":
            access.tell()


__all__ = ["Mode", "Origin", "Watch", "watch"]
