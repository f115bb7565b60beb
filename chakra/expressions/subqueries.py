"""Queries that stand for values: of one row, of all rows as an array, in a list, or for whether there are any.

A query inside of another may name values of the one around it, ``OuterRef("id")``. What a node holds is the query as
data, which has the interface of a tree: ``shape`` and ``numbered``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from chakra.errors import FieldError
from chakra.expressions.base import MAKE, Condition, Expression


class QueryExpression(Expression):
    """A query inside of another one.

    Attributes:
        query: the SELECT as data.
        database: weak reference to the database that it was said to run on; ``None`` = that of the query around.
    """

    __slots__ = ("database", "query")

    def __init__(self, queryset: Any) -> None:
        taken = getattr(type(queryset), "__chakra_query__", None)
        if taken is None:
            raise FieldError(f"{type(self).__name__}() takes a query, not {queryset!r}")
        self.query, self.database = taken(queryset)

    def shape(self, values: list[Any]) -> Hashable:
        query = self.query
        return (type(self), query.table, self.database, query.shape(values))

    def numbered(self, numbers: Iterator[int]) -> Any:
        new = object.__new__(type(self))
        new.query, new.database = self.query.numbered(numbers), self.database
        return new

    @property
    def title(self) -> str:
        """What errors call the table that the query is about."""
        found: str = getattr(self.query, "select", self.query).table.title
        return found

    def __repr__(self) -> str:
        return f"{type(self).__name__}(query of {self.title})"


class Rows(QueryExpression):
    """A queryset as it stands beside a field: ``author__in=Author.objects.filter(…)``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"the query of {self.title}"


class Subquery(QueryExpression):
    """The one value of a query's one row, NULL if there is none: ``Subquery(posts.values("title")[:1])``.

    In ``in`` it stands for the values of all rows. Of a query for instances, the value is the primary key.

    Args:
        queryset: of one field. ``OuterRef`` in it names values of the query around.

    Raises:
        FieldError: not a query.
    """

    __slots__ = ()


class ArraySubquery(QueryExpression):
    """The values of all rows of a query of one field as an array, in the query's order; empty if there are none."""

    __slots__ = ()


class Exists(QueryExpression, Condition):
    """True if a query has a row: ``filter(Exists(posts.filter(author=OuterRef("pk"))))``, ``~Exists(…)``."""

    __slots__ = ()


class OuterRef(Expression):
    """A value of the query around the one it stands in, by its path: ``OuterRef("pk")``, ``OuterRef("author__name")``.

    Args:
        path: of the field, or another ``OuterRef``: of the query around that one.
    """

    __slots__ = ("path",)

    def __init__(self, path: str | OuterRef) -> None:
        if not (isinstance(path, OuterRef) or (isinstance(path, str) and path)):
            raise FieldError(f"OuterRef() takes the name of a field, or another OuterRef, not {path!r}")
        self.path = path

    def own_shape(self) -> Hashable:
        return self.path if isinstance(self.path, str) else self.path.own_shape(), type(self.path)

    def __repr__(self) -> str:
        return f"OuterRef({self.path!r})"


MAKE.rows = Rows

__all__ = ["ArraySubquery", "Exists", "OuterRef", "QueryExpression", "Rows", "Subquery"]
