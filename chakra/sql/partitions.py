"""Cutting a query into parts that together give its rows once each: ranges of the root table's rows.

The ranges are of row addresses (``ctid``), or of a column the caller names. They leave no gap and overlap nowhere,
so every row of a snapshot is in exactly one part, wherever the bounds lie: those are only a matter of balance.
The first and the last range are open, so tables that grow while they are read lose nothing.

A row address is (page, item); PostgreSQL 14 and newer read a range of them without touching other pages (manual,
EXPLAIN: "Tid Range Scan").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from chakra.expressions import Value
from chakra.pg.conversion import Naive
from chakra.pg.text import SqlText
from chakra.pg.types import BY_NAME
from chakra.schema import Column
from chakra.sql.literals import ServerText
from chakra.sql.nodes import RootColumn, RowRange
from chakra.sql.select import Select
from chakra.sql.shapes import select_statement
from chakra.sql.textual import AsText

ADDRESS = Column("ctid", BY_NAME["tid"])
"""The column of row addresses, which every table has and no table declares."""

SAMPLE = 0.01
"""Share of the rows that quantiles are taken of. All keys of 1.7M rows: 290 ms for integers, 1,080 for texts of 32
characters, most of it sorting; one in a hundred: 92 and 97, where counting alone takes 89."""


def whole_reason(select: Select) -> str | None:
    """Why a query must be read in one part, or ``None`` if it may be cut.

    Rows of a cut query come in no order, and what is computed over all rows cannot be computed over parts.
    """
    if select.sliced:
        return "it has a limit or an offset"
    if select.ordered_by or select.backwards:
        return "it has an order"
    if select.clauses.distinct is not None:
        return "it is distinct"
    if select.clauses.groups is not None or select.aggregates:
        return "it aggregates"
    if select.windowed:
        return "windows see more rows than those of a part"
    if select.clauses.sample is not None:
        return "it is a sample, for which each part would read the whole table"
    if select.clauses.inner is not None:
        return "its rows are those of another query"
    if select.clauses.withs or select.clauses.joins:
        return "it reads other queries"
    return None


Range = tuple[Any, Any]
"""First value of a part, and the value behind its last one; ``None`` = from the start, or to the end."""


@dataclass(frozen=True)
class Cut:
    """A query that is read in parts, as data: what to ask for the bounds, and the SQL of each part.

    Attributes:
        select: a query for which ``whole_reason`` has none.
        parts: how many there shall be.
        column: the column of the root table to cut by; ``None`` = row addresses.
        as_text: makes text of the columns whose type has no binary format; ``None`` = all have one.
        naive: what a datetime without a zone means in its values.
    """

    select: Select
    parts: int
    column: Column | None = None
    as_text: AsText | None = None
    naive: Naive = "error"

    @property
    def relation(self) -> str:
        """The root table, quoted."""
        return self.select.table.quoted

    def page_ranges(self, pages: int) -> list[Range]:
        """Ranges of row addresses with about the same number of pages each."""
        return _between([(pages * number // self.parts, 0) for number in range(1, self.parts)])

    def ranges(self, bounds: Iterable[str]) -> list[Range]:
        """Ranges between ascending values of the column, which are text of the server's; one that fills several parts
        bounds only one.
        """
        return _between([ServerText(bound) for bound in dict.fromkeys(bounds)])

    def sql(self, low: Any = None, high: Any = None) -> SqlText:
        """The SELECT of the rows in ``[low, high)``, finished; NULLs are in the range that has no ``low``."""
        part = self.select
        if low is not None or high is not None:
            column = ADDRESS if self.column is None else self.column
            ends = (None if bound is None else Value(bound, column.type) for bound in (low, high))
            part = part.filtered(False, (RowRange(RootColumn(column), *ends),), {})
        text = self._finished(part)
        return text if self.as_text is None else self.as_text.around(text)

    def keys(self, column: Column) -> SqlText:
        """The SELECT of the values of the column to cut by, finished."""
        keys = self.select.with_clauses(outputs=((column.attribute, column.attribute),))
        keys.result = "tuple"
        return self._finished(keys)

    def _finished(self, select: Select) -> SqlText:
        compiled, values = select_statement(select)
        return compiled.statement.literal_sql(values, self.naive)


def _between(bounds: Sequence[Any]) -> list[Range]:
    return list(pairwise((None, *bounds, None)))


def quantiles(keys: str, parts: int, share: float = SAMPLE) -> str:
    """SQL for one row of ``bounds``, the values that cut the rows into parts of about one size, as text (asyncpg reads
    no date before Christ), and ``sampled``, the number of values they were taken of.

    Args:
        keys: a SELECT of the key as its one column, finished.
        share: of the rows, how many to look at; 1 = all.
    """
    shares = ",".join(str(number / parts) for number in range(1, parts))
    some = "" if share == 1 else f" FILTER (WHERE pg_catalog.random() < {share})"
    return (
        f"SELECT (percentile_disc('{{{shares}}}'::float8[]) WITHIN GROUP (ORDER BY key){some})::text[] AS bounds, "
        f"count(key){some} AS sampled FROM ({keys}) AS keys (key)"
    )


__all__ = ["ADDRESS", "SAMPLE", "Cut", "Range", "quantiles", "whole_reason"]
