"""Nodes that only the compiler makes, most of them resolved: data, which ``chakra.sql.render`` writes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

from chakra.expressions import Condition, Expression, Order
from chakra.pg.types import BY_OID, RECORD, TEXT, PgType
from chakra.schema import Column, Hop, Table
from chakra.sql.sources import ColumnRef, Correlated, OverSources, Source


class KeyRef(Expression):
    """A key of several columns: of a row, or of the partner whose key a row holds. It compares as a row does in SQL.

    Where one of its parts is NULL there is no key, as for the server, which then looks for no partner (MATCH SIMPLE).

    Attributes:
        name: what queries call it: ``pk``, or the relation.
        fields: the names of its parts; those of the partner's fields.
    """

    __slots__ = ("fields", "name", "parts", "table")

    def __init__(
        self, table: Table, parts: tuple[ColumnRef, ...], name: str = "pk", fields: tuple[str, ...] = ()
    ) -> None:
        self.table = table
        self.parts = parts
        self.name = name
        self.fields = fields or tuple(part.column.attribute for part in parts)

    @property
    def names(self) -> str:
        """The attributes, as errors show a key."""
        return f"({', '.join(part.column.attribute for part in self.parts)})"

    @property
    def missing(self) -> tuple[ColumnRef, ...]:
        """The parts that may be NULL."""
        return tuple(part for part in self.parts if part.nullable)

    @property
    def record(self) -> PgType:
        """The type of its values where they are returned: a record of plain types."""
        types = [plain_type(part.column.type) for part in self.parts]
        return replace(RECORD, kind="composite", fields=tuple(zip(self.fields, types, strict=True)))

    @property
    def load(self) -> Callable[[Any], Any] | None:
        """What turns a returned value into those that instances have; ``None`` where nothing is to do."""
        loads = [part.column.load for part in self.parts]
        if not any(loads):
            return None

        def load(row: Any) -> Any:
            if row is None:
                return None
            return tuple(
                [value if one is None else one(value) for one, value in zip(loads, row, strict=True)]
            )

        return load

    def __repr__(self) -> str:
        return f"{self.table.title}.{self.name}"


def plain_type(type_: PgType) -> PgType:
    """The type in which a value travels inside a record without a name: drivers know no types of users there."""
    base = type_.base
    return base if base.oid in BY_OID and base.kind == "base" else TEXT


class RootKey(Expression):
    """Several columns of the query's root table as a key, by their attributes."""

    __slots__ = ("names",)

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def own_shape(self) -> Hashable:
        return self.names

    def __repr__(self) -> str:
        return f"RootKey({', '.join(self.names)})"


class RootColumn(Expression):
    """A column of the query's root table, which need not be one that the table declares: ``ctid``."""

    __slots__ = ("column",)

    def __init__(self, column: Column) -> None:
        self.column = column

    def own_shape(self) -> Hashable:
        return self.column.name, self.column.nullable

    def __repr__(self) -> str:
        return f"RootColumn({self.column.name!r})"


class RowRange(Condition):
    """True for rows whose value in a column is in ``[low, high)``.

    Args:
        low: first value, or ``None`` = from the start, NULLs among them.
        high: value behind the last one, or ``None`` = no end.
    """

    __slots__ = ("column", "high", "low")

    def __init__(self, column: Expression, low: Expression | None, high: Expression | None) -> None:
        self.column = column
        self.low = low
        self.high = high

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.column, *(bound for bound in (self.low, self.high) if bound is not None))

    def rebuild(self, children: tuple[Expression, ...]) -> RowRange:
        column, *bounds = children
        low = None if self.low is None else bounds[0]
        return RowRange(column, low, None if self.high is None else bounds[-1])

    def own_shape(self) -> Hashable:
        return self.low is None


class OutputName(Expression):
    """A value that the query returns, or a query inside of it, by its name: it is not computed twice."""

    __slots__ = ("name", "type")

    def __init__(self, name: str, type: PgType | None = None) -> None:
        self.name = name
        self.type = type


class GroupKey(Expression):
    """What a query with grouping sets is grouped by, as its rows have it: NULL where they are of all its values."""

    __slots__ = ("value",)

    def __init__(self, value: Expression) -> None:
        self.value = value

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.value,)

    def rebuild(self, children: tuple[Expression, ...]) -> GroupKey:
        return GroupKey(children[0])

    def __repr__(self) -> str:
        return repr(self.value)


class Rank(Expression):
    """The number of a row among those that have one value in common, in the order of the query.

    Attributes:
        linked: whether links stand between, of which a row may have several: it has one number all the same.
    """

    __slots__ = ("each", "linked", "order")

    def __init__(self, each: tuple[Expression, ...], order: list[Order], linked: bool) -> None:
        self.each = each
        self.order = order
        self.linked = linked


class HasPartner(OverSources, Condition):
    """EXISTS over the sources of a block, or of a part of it.

    Attributes:
        sources: in the order of their joins; the first hangs on a row of the query around.
        condition: what a partner has to fulfil; ``None`` = it has to be there.
        required: the sources without a row of which the condition cannot hold; the others are joined by LEFT JOIN.
    """

    __slots__ = ("condition", "required", "sources")

    def __init__(self, sources: list[Source], condition: Condition | None, required: set[int]) -> None:
        self.sources = sources
        self.condition = condition
        self.required = required

    @property
    def children(self) -> tuple[Expression, ...]:
        return () if self.condition is None else (self.condition,)

    def __repr__(self) -> str:
        return f"has {self.sources[0].table.title}"


class PartnerAggregate(OverSources, Expression):
    """An aggregate of the rows behind a to-many relation, one value for each row of the query: a scalar subquery.

    A join with GROUP BY would do for one of them; two joined relations multiply each other's rows, and one multiplies
    what else the query returns.

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


class Inner(Correlated):
    """A query inside of another one, resolved.

    Attributes:
        query: numbered.
        parts: the same resolved.
        references: the columns of queries around it that it names.
        database: weak reference to the one it was said to run on, or ``None``.
    """

    __slots__ = ("database", "parts", "query", "references")

    def __init__(self, query: Any, parts: Any, references: list[ColumnRef], database: Any) -> None:
        self.query = query
        self.parts = parts
        self.references = references
        self.database = database

    @property
    def outer(self) -> list[ColumnRef]:
        """The columns of queries around it that it names."""
        return self.references

    @property
    def value(self) -> Expression:
        """The one value that a row of it has."""
        found: Expression = self.parts.outputs[0][1]
        return found

    def __repr__(self) -> str:
        return f"query of {self.query.select.table.title}"


class InnerQuery(Inner, Expression):
    """The rows of a query, or the value of its one row."""

    __slots__ = ()


class InnerArray(Inner, Expression):
    """The values of a query as an array."""

    __slots__ = ()


class InnerExists(Inner, Condition):
    """Whether a query has a row."""

    __slots__ = ()


class RowsInFrom(Inner, Expression):
    """The rows of a query that stands in FROM.

    Attributes:
        lateral: whether it may name values of what stands in front of it.
    """

    __slots__ = ("lateral",)

    def __init__(
        self, query: Any, parts: Any, references: list[ColumnRef], database: Any, lateral: bool
    ) -> None:
        super().__init__(query, parts, references, database)
        self.lateral = lateral


class Reference(Expression):
    """The rows of a query in WITH.

    Attributes:
        numbered_cte: the query, numbered.
    """

    __slots__ = ("numbered_cte",)

    def __init__(self, numbered_cte: Any) -> None:
        self.numbered_cte = numbered_cte


class Withs(Expression):
    """Queries in WITH, which stand in front of the whole statement."""

    __slots__ = ("queries",)

    def __init__(self, queries: Sequence[Any]) -> None:
        self.queries = queries


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


__all__ = [
    "Behind",
    "FirstPartner",
    "GroupKey",
    "HasPartner",
    "Inner",
    "InnerArray",
    "InnerExists",
    "InnerQuery",
    "KeyRef",
    "OutputName",
    "PartnerAggregate",
    "Rank",
    "Record",
    "Reference",
    "RootColumn",
    "RootKey",
    "RowRange",
    "RowsInFrom",
    "Withs",
    "plain_type",
]
