"""The tables a query reads and how they hang together: sources, and the blocks whose FROM they stand in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chakra.expressions import Condition, Expression
from chakra.pg.types import PgType
from chakra.schema import Column, Hop, Relation, Table


class Source:
    """A table as one query uses it, under an alias.

    Attributes:
        parent, on: the source it is joined to, and how; ``None`` of the first one.
        nullable: whether its columns can be NULL because there is no row.
        present: the columns that are not NULL in any of its rows that count: a link whose key is NULL is none.
        rows: the query whose rows are joined in place of the table's, which describes them; ``None`` = there is none.
        condition: which of these belong to a row of the parent, where no hop says it; ``None`` = all of them.
    """

    __slots__ = ("alias", "condition", "nullable", "on", "parent", "present", "rows", "table")

    def __init__(
        self,
        table: Table,
        alias: str,
        parent: Source | None,
        on: Hop | None,
        nullable: bool,
        present: tuple[Column, ...] = (),
    ) -> None:
        self.table = table
        self.alias = alias
        self.parent = parent
        self.on = on
        self.nullable = nullable
        self.present = present
        self.rows: Expression | None = on.rows if isinstance(on, HopToRows) else None
        self.condition: Condition | None = None


@dataclass(frozen=True, eq=False)
class HopToRows(Hop):
    """A step from a table to the rows of a query.

    Attributes:
        rows: the query.
    """

    rows: Expression


BETWEEN = "+"
"""Added to the name of a many-to-many relation: the way to its table between."""


class Block:
    """Sources of one FROM: of the query itself, or of a subquery about the partners of a row.

    Attributes:
        sources: in the order of their joins.
        joined: the sources of a relation's steps, by the source it starts from and its name.
        many: the first sources of to-many relations: what multiplies rows.
    """

    __slots__ = ("joined", "many", "sources")

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.joined: dict[tuple[int, str], list[Source]] = {}
        self.many: list[Source] = []

    def copy(self) -> Block:
        """Return a block that goes on from here."""
        new = Block()
        new.sources, new.joined, new.many = list(self.sources), dict(self.joined), list(self.many)
        return new

    def head(self, source: Source) -> Source:
        """The source of the block through which another one hangs on what is around it."""
        while source.parent is not None and source.parent in self.sources:
            source = source.parent
        return source

    def known(self, source: Source, relation: Relation) -> list[Source] | None:
        """The sources of a relation's steps, if the block has joined them."""
        return self.joined.get((id(source), relation.name))

    def begun(self, source: Source, relation: Relation) -> list[Source]:
        """The sources of the first steps of a relation, where its table between was joined for the keys it holds."""
        return self.joined.get((id(source), f"{relation.name}{BETWEEN}"), [])

    def add(self, source: Source, relation: Relation, steps: list[Source]) -> None:
        """Note the sources of a relation's steps."""
        self.joined[id(source), relation.name] = steps
        new = [step for step in steps if step not in self.sources]
        self.sources += new
        if relation.many and steps[0] in new:
            self.many.append(steps[0])


class ColumnRef(Expression):
    """A resolved column of a source."""

    __slots__ = ("column", "source")

    def __init__(self, source: Source, column: Column) -> None:
        self.source = source
        self.column = column

    @property
    def type(self) -> PgType:
        return self.column.type

    @property
    def nullable(self) -> bool:
        return self.column.nullable or self.source.nullable

    def __repr__(self) -> str:
        return f"{self.source.table.title}.{self.column.attribute}"


class Correlated:
    """A node that is a subquery, and refers to columns of the query around it: its ``outer`` ones."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def outer(self) -> list[ColumnRef]: ...


class OverSources(Correlated):
    """A subquery over tables, the first of which hangs on a row of the query around it."""

    __slots__ = ()

    sources: list[Source]

    @property
    def outer(self) -> list[ColumnRef]:
        """The columns of the query around it on which its sources hang."""
        found = []
        for source in self.sources:
            parent, hop = source.parent, source.on
            if parent is not None and hop is not None and parent not in self.sources:
                found += [ColumnRef(parent, parent.table.by_attribute[name]) for name in hop.columns]
        return found


__all__ = ["BETWEEN", "Block", "ColumnRef", "Correlated", "HopToRows", "OverSources", "Source"]
