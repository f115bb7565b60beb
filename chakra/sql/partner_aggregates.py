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
        writer.write("(SELECT ")
        render(self.aggregate, writer)
        self._write_partners(writer, render)
        writer.write(")")

    def _write_partners(self, writer: Any, render: Any) -> None:
        first = self.sources[0]
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

    def __repr__(self) -> str:
        return repr(self.aggregate)


class FirstPartner(PartnerAggregate):
    """The value of the partner that comes first by it: what a row is sorted by. A partner without a value is none.

    Attributes:
        aggregate: the value; what ``min`` and ``max`` would give, for every type that can be sorted.
        descending: whether the largest comes first.
    """

    __slots__ = ("descending",)

    def __init__(
        self, value: Expression, sources: list[Source], conditions: list[Condition], descending: bool
    ) -> None:
        super().__init__(value, sources, conditions)
        self.descending = descending

    def _write_partners(self, writer: Any, render: Any) -> None:
        super()._write_partners(writer, render)
        writer.write(f" ORDER BY 1{' DESC' if self.descending else ''} NULLS LAST LIMIT 1")


__all__ = ["FirstPartner", "PartnerAggregate"]
