"""Rows of several querysets as those of one: ``union``, ``intersection``, ``difference``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from chakra._late import late
from chakra.errors import QueryError
from chakra.query.base import Base, R_co
from chakra.query.narrowing import Narrowing

if TYPE_CHECKING:
    from chakra.query.options import flag
    from chakra.sql.combined import combined
else:
    late(globals(), "chakra.query.options", "flag")
    late(globals(), "chakra.sql.combined", "combined")


class Combining(Narrowing[R_co]):
    """The methods of ``QuerySet`` that put its rows together with those of others.

    The result is a queryset like any other. What was said of the parts stays inside of them, their orders too, which
    matter where a part is sliced; what is loaded along is what the first says.
    """

    __slots__ = ()

    def union(self, *others: Base[Any], all: bool = False) -> Self:
        """The rows that are in any of the queries, each once; with ``all=True`` as often as they are there.

        Raises:
            FieldError: rows of another kind, other columns or types, another database, or locked rows.
        """
        return self._combined("union", "UNION", others, all)

    def intersection(self, *others: Base[Any], all: bool = False) -> Self:
        """The rows that are in all of the queries; ``all`` and errors as for ``union``."""
        return self._combined("intersection", "INTERSECT", others, all)

    def difference(self, *others: Base[Any], all: bool = False) -> Self:
        """The rows of this query that are in none of the others; ``all`` and errors as for ``union``."""
        return self._combined("difference", "EXCEPT", others, all)

    def _combined(self, method: str, word: str, others: tuple[Any, ...], all: bool) -> Self:
        flag("all", all)
        for other in others:
            if not isinstance(other, Base):
                raise QueryError(f"{method}() takes querysets, not {other!r}")
        if not others:
            return self
        named = [query._database for query in (self, *others) if query._database is not None]
        for database in named[1:]:
            if database.pool is not named[0].pool:
                raise QueryError(
                    f"{method}(): the queries run on two databases, {named[0]!r} and {database!r}; put their lists "
                    "together"
                )
        words = f"{word} ALL" if all else word
        new = self._unbound(combined(words, [self._select, *(other._select for other in others)]))
        new._database = named[0] if named else None
        return new


__all__ = ["Combining"]
