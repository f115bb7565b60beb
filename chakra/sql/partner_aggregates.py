"""Aggregates of the rows behind a to-many relation, one value for each row of the query.

Each is a subquery of its own. A join with GROUP BY would do for one of them; two joined relations multiply each
other's rows, and one multiplies what else the query returns.
"""

from __future__ import annotations

from typing import Any

from chakra.expressions import Condition, Expression
from chakra.pg.types import PgType
from chakra.sql.partners import write_join, write_link
from chakra.sql.sources import Correlated, Source


class PartnerAggregate(Correlated, Expression):
    """A scalar subquery over the partners of a row.

    Attributes:
        aggregate: resolved.
        sources: in the order of their joins; the first hangs on a row of the query around.
        conditions: what a partner has to fulfil to be counted in: those of the ``filter`` before.
    """

    __slots__ = ("aggregate", "conditions", "sources")

    def __init__(self, aggregate: Expression, sources: list[Source], conditions: list[Condition]) -> None:
        self.aggregate = aggregate
        self.sources = sources
        self.conditions = conditions

    @property
    def type(self) -> PgType | None:
        found: PgType | None = getattr(self.aggregate, "type", None)
        return found

    def render_sql(self, writer: Any, render: Any) -> None:
        """Write the subquery."""
        first = self.sources[0]
        writer.write("(SELECT ")
        render(self.aggregate, writer)
        writer.touch(first.table.quoted)
        writer.write(f" FROM {first.table.quoted} AS {first.alias}")
        for source in self.sources[1:]:
            write_join(source, "LEFT JOIN", writer)
        writer.write(" WHERE ")
        write_link(first, writer)
        for condition in self.conditions:
            writer.write(" AND (")
            render(condition, writer)
            writer.write(")")
        writer.write(")")

    def __repr__(self) -> str:
        return repr(self.aggregate)


__all__ = ["PartnerAggregate"]
