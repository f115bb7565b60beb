"""Queries in WITH and in FROM, as data: what a ``Select`` says of them, and the same with its literals numbered.

What refers to a query in WITH holds the object itself, so that two references are told apart from two queries that look
alike: in a list of values it stands for itself where it is met first, and later references only say where that was.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from chakra.errors import FieldError
from chakra.schema import Column, Table

# A SELECT stands above this module: here it is a tree with ``shape`` and ``numbered``, like any query in an expression.


if TYPE_CHECKING:
    _Count = count[int]
else:
    _Count = count


class Numbers(_Count):
    """The numbers of a query's literals; it knows which queries in WITH were numbered already."""

    __slots__ = ("known",)

    known: dict[int, NumberedCte]


class Cte:
    """A query in WITH. It is its object; treated as immutable once it is made.

    Attributes:
        columns: what its values are called in WITH; ``table`` has them, and others that only the server fills.
        table: describes its rows to paths that lead there.
        query: a SELECT, or what writes and returns rows.
        step: the query that is asked for more, with the rows it gave last in place of this one's; ``None`` = none is.
        word: ``UNION`` or ``UNION ALL`` between the two.
        materialized: whether it is computed by itself; ``None`` = the server decides.
        search: ``DEPTH`` or ``BREADTH``, the columns it goes by, and the one it sets, quoted.
        cycle: the columns that tell rows apart, and the two it sets, quoted.
        database: weak reference to the one that it was said to run on, or ``None``.
        name: what it is called where the query around says nothing else; ``""`` = anything.
        described: what is known of its rows (``chakra.sql.withs.Described``).
    """

    __slots__ = (
        "columns",
        "cycle",
        "database",
        "described",
        "materialized",
        "name",
        "query",
        "search",
        "step",
        "table",
        "word",
    )

    def __init__(
        self,
        query: Any,
        columns: tuple[Column, ...],
        table: Table,
        *,
        materialized: bool | None = None,
        database: Any = None,
        name: str = "",
    ) -> None:
        self.query = query
        self.columns = columns
        self.table = table
        self.materialized = materialized
        self.database = database
        self.name = name
        self.described: Any = None
        self.step: Any = None
        self.word = ""
        self.search: tuple[str, tuple[str, ...], str] | None = None
        self.cycle: tuple[tuple[str, ...], str, str] | None = None

    def shape(self, values: list[Any]) -> Hashable:
        """The structural key. Where the query is met first it is one of the values, which no parameter sends."""
        for position, value in enumerate(values):
            if value is self:
                return Cte, position
        values.append(self)
        said = (self.materialized, self.word, self.search, self.cycle, self.name, self.database)
        names = tuple([column.name for column in self.columns])
        query = (self.query.table, self.query.shape(values))
        step = None if self.step is None else (self.step.table, self.step.shape(values))
        return Cte, said, names, query, step

    def numbered(self, numbers: Iterator[int]) -> NumberedCte:
        """The query with slots for its literals, in the order of ``shape``; the same object for every reference.

        Raises:
            FieldError: it stands in what is no query.
        """
        if not isinstance(numbers, Numbers):
            raise FieldError("a query in WITH (CTE) stands in queries only, not in what a table declares")
        known = getattr(numbers, "known", None)
        if known is None:
            known = numbers.known = {}
        found = known.get(id(self))
        if found is None:
            next(numbers)
            found = known[id(self)] = NumberedCte(self)
            found.query = self.query.numbered(numbers)
            found.step = None if self.step is None else self.step.numbered(numbers)
        return found


class NumberedCte:
    """``Cte`` with slots for its literals."""

    __slots__ = ("cte", "query", "step")

    def __init__(self, cte: Cte) -> None:
        self.cte = cte
        self.query: Any = None
        self.step: Any = None


class With(NamedTuple):
    """A query in WITH under its name, by which paths lead there.

    Attributes:
        on: attributes of the table around and of its rows, which are equal; empty = there is no path.
        many: whether several of its rows may belong to one row around.
    """

    name: str
    cte: Cte
    on: tuple[tuple[str, str], ...]
    many: bool

    def shape(self, values: list[Any]) -> Hashable:
        """The structural key; literals are appended to ``values``."""
        return self.name, self.on, self.many, self.cte.shape(values)

    def numbered(self, numbers: Iterator[int]) -> NumberedWith:
        """The query with slots for its literals, in the order of ``shape``."""
        return NumberedWith(self, self.cte.numbered(numbers))


class NumberedWith(NamedTuple):
    """``With`` with slots for its literals."""

    said: With
    cte: NumberedCte


class Join(NamedTuple):
    """A query whose rows are joined to those of the query around.

    Attributes:
        name: by which paths lead to its values.
        rows: a query in WITH, or a SELECT that stands in FROM.
        table: describes its rows.
        on: a condition, or pairs of attributes that are equal; ``None`` = every row belongs to every other.
        left: whether rows without a partner stay.
        lateral: whether the query may name values of the query around.
        database: weak reference to the one that the query was said to run on, or ``None``.
    """

    name: str
    rows: Any
    table: Table
    on: Any
    left: bool
    lateral: bool = False
    database: Any = None

    def shape(self, values: list[Any]) -> Hashable:
        """The structural key; literals are appended to ``values``."""
        on = self.on if self.on is None or isinstance(self.on, tuple) else self.on.shape(values)
        said = (self.name, self.left, self.lateral, self.database)
        return said, on, self.table, self.rows.table, self.rows.shape(values)

    def numbered(self, numbers: Iterator[int]) -> NumberedJoin:
        """The join with slots for its literals, in the order of ``shape``."""
        on = self.on if self.on is None or isinstance(self.on, tuple) else self.on.numbered(numbers)
        return NumberedJoin(self, on, self.rows.numbered(numbers))


class NumberedJoin(NamedTuple):
    """``Join`` with slots for its literals."""

    said: Join
    on: Any
    rows: Any


__all__ = ["Cte", "Join", "NumberedCte", "NumberedJoin", "NumberedWith", "Numbers", "With"]
