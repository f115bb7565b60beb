"""What ``aggregate()`` gives: awaited a dict, and before that a query of one row, for other queries and for columns."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias, TypeVar
from weakref import ref

from chakra._late import late
from chakra.query.columns import ColumnReads
from chakra.query.pending import Pending
from chakra.sql import Select

if TYPE_CHECKING:
    from chakra.db import Database
    from chakra.query import bulk
    from chakra.sql import select_statement
else:
    late(globals(), "chakra.query", "bulk")
    late(globals(), "chakra.sql", "select_statement")

P = ParamSpec("P")
Q = TypeVar("Q")

Totals: TypeAlias = "dict[str, Any]"


class Aggregated(ColumnReads, Pending[Totals]):
    """Aggregates over all rows of a query: ``await`` gives a dict.

    Not awaited, one aggregate stands for its value in other queries, and ``to_arrow()`` and its kin read one row.
    """

    __slots__ = ("_made", "_query", "_run", "_select")

    def __init__(
        self, query: Any, select: Callable[[], Select], run: Callable[[], Coroutine[Any, Any, Totals]]
    ) -> None:
        self._query = query
        self._select = select
        self._run = run
        self._made: Coroutine[Any, Any, Totals] | None = None
        self._call = "aggregate(…)"
        self._owner = "query"

    @property
    def _coroutine(self) -> Coroutine[Any, Any, Totals]:  # type: ignore[override]
        # Made when it is needed: Python warns of one that nobody awaits, and as a value nobody does.
        if self._made is None:
            self._made = self._run()
        return self._made

    @staticmethod
    def __chakra_query__(asked: Aggregated) -> tuple[Select, Any]:
        """What it is inside of another query, as for querysets."""
        database = asked._query._database
        return asked._select(), None if database is None else ref(database)

    @property
    def database(self) -> Database:
        """The database it runs on."""
        found: Database = self._query.database
        return found

    @property
    def _source(self) -> Database:
        found: Database = self._query._source
        return found

    async def column_source(self, database: Database, *, nested: bool = False) -> bulk.ColumnSource:
        """Compile it for COPY, as for querysets; nothing is loaded along."""
        return await bulk.source_of(self._select(), database)

    def to_sql(self) -> tuple[str, list[Any]]:
        """Return the SQL text and its parameters, without running anything."""
        compiled, values = select_statement(self._select())
        return compiled.statement.sql, list(compiled.statement.bind_for(self._query._naive)(values))


def standing(
    select: Callable[Concatenate[Any, P], Select],
) -> Callable[
    [Callable[Concatenate[Q, P], Coroutine[Any, Any, Totals]]], Callable[Concatenate[Q, P], Aggregated]
]:
    """Let a verb give an ``Aggregated``.

    Args:
        select: what it asks, for the query and the arguments of the verb.
    """

    def made(
        verb: Callable[Concatenate[Q, P], Coroutine[Any, Any, Totals]],
    ) -> Callable[Concatenate[Q, P], Aggregated]:
        @functools.wraps(verb)
        def call(query: Q, /, *args: P.args, **kwargs: P.kwargs) -> Aggregated:
            return Aggregated(
                query, lambda: select(query, *args, **kwargs), lambda: verb(query, *args, **kwargs)
            )

        return call

    return made


__all__ = ["Aggregated", "standing"]
