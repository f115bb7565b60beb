"""Rows inside of rows: records of what a query joins, and the condition that finds the rows behind a relation.

They are anonymous records, which carry the types of their fields on the wire (docs/decisions/0024-nested-columns.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chakra.expressions import Condition, Expression
from chakra.pg.quoting import quote_identifier
from chakra.schema import Hop
from chakra.sql.sources import ColumnRef, Source
from chakra.sql.statement import Writer


class Record(Expression):
    """The row of a joined source as one value; NULL where there is none.

    Attributes:
        fields: values, and the type each is cast to; ``""`` = none.
        there: the column that is NULL where there is no row; ``None`` = there is always one.
    """

    __slots__ = ("fields", "there")

    def __init__(self, fields: tuple[tuple[Expression, str], ...], there: Expression | None) -> None:
        self.fields = fields
        self.there = there

    @property
    def children(self) -> tuple[Expression, ...]:
        return tuple([value for value, _ in self.fields])

    def render_sql(self, writer: Writer, render: Callable[[Expression, Writer], None]) -> None:
        """Write the record."""
        if self.there is not None:
            writer.write("CASE WHEN ")
            render(self.there, writer)
            writer.write(" IS NOT NULL THEN ")
        writer.write("ROW(")
        for position, (value, cast) in enumerate(self.fields):
            writer.write(", " if position else "")
            render(value, writer)
            writer.write(f"::{cast}" if cast else "")
        writer.write(")" if self.there is None else ") END")


class Behind(Condition):
    """True for rows of one source that stand behind a relation of the row of another.

    Rows behind a table between come once, however often it links the two.

    Attributes:
        around: the source the relation starts from, in the query around.
        target: the source it leads to.
        hops: its steps.
        alias: for the table between.
    """

    __slots__ = ("alias", "around", "hops", "target")

    def __init__(self, around: Source, target: Source, hops: Sequence[Hop], alias: str) -> None:
        self.around = around
        self.target = target
        self.hops = hops
        self.alias = alias

    @property
    def outer(self) -> list[ColumnRef]:
        """The columns of the query around by which the rows are found."""
        return [ColumnRef(self.around, self.around.table.by_attribute[name]) for name in self.hops[0].columns]

    def render_sql(self, writer: Writer, render: object) -> None:
        """Write the equations between the columns."""
        if len(self.hops) == 1:
            writer.write(_equal(self.around, self.hops[0], self.target))
            return
        first, second = self.hops
        between = Source(first.target, quote_identifier(self.alias), self.around, first, False)
        writer.touch(between.table.quoted)
        writer.write(
            f"EXISTS (SELECT 1 FROM {between.table.quoted} AS {between.alias} "
            f"WHERE {_equal(self.around, first, between)} AND {_equal(between, second, self.target)})"
        )


def _equal(source: Source, hop: Hop, target: Source) -> str:
    pairs = zip(hop.columns, hop.target_columns, strict=True)
    return " AND ".join(
        f"{target.alias}.{target.table.by_attribute[theirs].quoted} = "
        f"{source.alias}.{source.table.by_attribute[own].quoted}"
        for own, theirs in pairs
    )


__all__ = ["Behind", "Record"]
