"""Cutting a query into parts that together give its rows once each: ranges of the root table's row addresses.

A row address (``ctid``) is (page, item). Ranges that leave no gap and overlap nowhere put every row of a
snapshot into exactly one part, whatever the pages hold, so the page count is only a matter of balance; the last
range is open, and tables that grow while they are read lose nothing. PostgreSQL 14 and newer read such a range
without touching other pages (manual, EXPLAIN: "Tid Range Scan").
"""

from __future__ import annotations

from typing import Any

from chakra.expressions import Condition, Expression, Value
from chakra.expressions.aggregates import has_aggregate
from chakra.pg.types import BY_NAME
from chakra.sql.scope import Scope, Source
from chakra.sql.select import Select
from chakra.sql.statement import Writer

_TID = BY_NAME["tid"]


class PageRange(Condition):
    """True for rows of the query's root table whose page is in a range.

    Args:
        low: first page.
        high: page behind the last one, or ``None`` = no end.
    """

    __slots__ = ("high", "low", "source")

    def __init__(self, low: Expression, high: Expression | None) -> None:
        self.low = low
        self.high = high
        self.source: Source | None = None

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.low,) if self.high is None else (self.low, self.high)

    def resolve_in(self, scope: Scope) -> PageRange:
        """Bind the range to the root table of the query."""
        low = scope.resolve(self.low)
        resolved = PageRange(low, None if self.high is None else scope.resolve(self.high))
        resolved.source = scope.root
        return resolved

    def render_sql(self, writer: Writer, render: Any) -> None:
        """Write the comparison with the row address."""
        assert self.source is not None
        column = f"{self.source.alias}.ctid" if writer.qualify else "ctid"
        writer.write(f"{column} >= ")
        render(self.low, writer)
        if self.high is not None:
            writer.write(f" AND {column} < ")
            render(self.high, writer)


def whole_reason(select: Select) -> str | None:
    """Why a query must be read in one part, or ``None`` if it may be cut.

    Rows of a cut query come in no order, and what is computed over all rows cannot be computed over parts.
    """
    if select.limit is not None or select.offset is not None:
        return "it has a limit or an offset"
    if select.order or (select.order is None and select.table.ordering) or select.backwards:
        return "it has an order"
    if select.distinct is not None:
        return "it is distinct"
    expressions = [e for _, e in select.annotations] + [f for f in select.fields if isinstance(f, Expression)]
    if any(has_aggregate(expression) for expression in expressions):
        return "it aggregates"
    return None


def split(select: Select, pages: int, parts: int) -> list[Select]:
    """Cut a query into ``parts`` ranges of about the same number of pages."""
    bounds = [pages * number // parts for number in range(parts)]
    found = []
    for number, low in enumerate(bounds):
        high = bounds[number + 1] if number + 1 < parts else None
        part = select.copy()
        condition = PageRange(_address(low), None if high is None else _address(high))
        part.filters = (*part.filters, (False, (condition,), {}))
        found.append(part)
    return found


def _address(page: int) -> Value:
    return Value((page, 0), _TID)


__all__ = ["PageRange", "split", "whole_reason"]
