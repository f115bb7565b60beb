"""Pages of a query, by keys: rows with the cursors of the pages around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from chakra._late import late
from chakra.errors import QueryError
from chakra.query.base import R_co
from chakra.query.reading import Reading
from chakra.query.verbs import runs
from chakra.sql import loaded_of

if TYPE_CHECKING:
    from chakra.query import prefetch, run
    from chakra.query.cursors import cursor
else:
    late(globals(), "chakra.query", "prefetch run")
    late(globals(), "chakra.query.cursors", "cursor")


R = TypeVar("R")

MOST_ROWS = 100_000
"""Rows of a page; more are read with ``iterator()`` or as columns."""


class Page(list[R]):
    """Rows of a query, and where the pages around them are.

    Attributes:
        next: the cursor for ``page(after=…)``; ``None`` = there are no rows behind these.
        previous: the cursor for ``page(before=…)``; ``None`` = these are the first ones.
    """

    __slots__ = ("next", "previous")

    def __init__(self, rows: list[R], next: str | None = None, previous: str | None = None) -> None:
        super().__init__(rows)
        self.next = next
        self.previous = previous

    def __repr__(self) -> str:
        return f"<page of {len(self)} rows: {list.__repr__(self)}>"


class Paging(Reading[R_co]):
    """The methods of ``QuerySet`` that read pages."""

    __slots__ = ()

    @runs
    async def page(self, rows: int, *, after: Any = None, before: Any = None) -> Page[R_co]:
        """Read one page: ``page = await posts.order_by("-created").page(20, after=cursor)``, then ``page.next``.

        Cursors are texts for links. They hold the values by which a row is sorted, can be made by anybody, and name a
        position and nothing else: which rows there are is said by the query alone.

        Args:
            rows: how many, at most.
            after: the page begins behind this position: ``page.next`` of the page before, or what ``after()`` takes.
            before: the page ends before this position: ``page.previous`` of the page behind.

        Raises:
            FieldError: both, no number of rows, or as for ``after()``.
            DataError: no cursor of this query.
        """
        if type(rows) is not int or not 1 <= rows <= MOST_ROWS:
            raise QueryError(f"page() takes a number of rows from 1 to {MOST_ROWS}, not {rows!r}")
        if after is not None and before is not None:
            raise QueryError("page() takes after= or before=, not both")
        ordered = self._beyond(after if before is None else before, before is None)
        terms = ordered._select.order or ()
        if before is not None:
            ordered = ordered.reverse()
        select = prefetch.with_keys(ordered._select.with_clauses(keyed=True), self._prefetches)
        select.limit = rows + 1
        database = self._source
        found, keys = await run.keyed(database, select, self._mode)
        more = len(found) > rows
        del found[rows:], keys[rows:]
        if before is not None:
            found.reverse()
            keys.reverse()
        if self._prefetches and found:
            await prefetch.load(database, found, self._prefetches, loaded_of(select))
        page: Page[R_co] = Page(found)
        title = self.table.title
        if found and (more or before is not None):
            page.next = cursor(title, terms, keys[-1])
        if found and (more if before is not None else after is not None):
            page.previous = cursor(title, terms, keys[0])
        return page


__all__ = ["Page", "Paging"]
