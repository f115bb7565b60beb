"""What every queryset is made of: a Select, which it never changes, and the database it runs on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar
from weakref import ref

from chakra._late import late
from chakra.errors import ConfigError, QueryError
from chakra.query.not_a_list import NotAList
from chakra.query.state import Behind
from chakra.schema import Table
from chakra.sql import Select

if TYPE_CHECKING:
    from chakra.db import Database
    from chakra.db import default as databases
    from chakra.db.default import default_database
    from chakra.pg.conversion import Naive
    from chakra.query.prefetch import Prefetch
    from chakra.query.shown import query_html, query_text
else:
    late(globals(), "chakra.db", "databases=default")
    late(globals(), "chakra.db.default", "default_database")
    late(globals(), "chakra.query.shown", "query_html query_text")

_new = object.__new__
R_co = TypeVar("R_co", covariant=True)


class Base(NotAList, Generic[R_co]):
    """A question about one table; see ``QuerySet``."""

    __slots__ = ("_database", "_mode", "_prefetches", "_select")

    def __init__(self, table: Table, database: Database | None = None, select: Select | None = None) -> None:
        self._select = select if select is not None else Select(table)
        self._database = database
        self._prefetches: tuple[Prefetch, ...] = ()
        self._mode: str | None = None

    def _with(self, select: Select) -> Self:
        """The same queryset with another question; one that carries more than this overrides it."""
        new: Self = _new(type(self))
        new._select = select
        new._database = self._database
        new._prefetches = self._prefetches
        new._mode = self._mode
        return new

    def _unbound(self, select: Select) -> Self:
        """Another question, about rows that need not be those of a related set's owner."""
        return self._with(select)

    @staticmethod
    def __chakra_query__(query: Base[Any]) -> tuple[Select, Any]:
        """What the query is inside of another one: its SELECT, and a weak reference to the database it was given."""
        database = query._database
        return query._select, None if database is None else ref(database)

    def __chakra_on__(self, database: Any) -> Self:
        """The query as ``db.gather()`` runs it: on that database, unless it was given one."""
        if self._database is not None:
            return self
        new = self._with(self._select)
        new._database = database
        return new

    def _clauses(self, **changes: Any) -> Self:
        return self._with(self._select.with_clauses(**changes))

    def _given(self) -> dict[str, Any]:
        """What every new row of the set has: of a related set, its owner."""
        return {}

    def _known(self) -> Mapping[str, Behind] | None:
        """What is known of relations of the rows before they are read: of a related set, its owner."""
        return None

    def _rows_as(self, result: str) -> Self:
        select = self._select.copy()
        select.result = result
        return self._with(select)

    @property
    def table(self) -> Table:
        """The table the query reads."""
        return self._select.table

    @property
    def database(self) -> Database:
        """The database the query runs on.

        Raises:
            ConfigError: none was named and none is connected.
        """
        return self._database or (
            default_database()
            if databases.router is None
            else databases.routed(self._select.table.row_class, True)
        )

    @property
    def _source(self) -> Database:
        """The database the query is read from: a router may send it elsewhere than what it writes."""
        return self._database or (
            default_database()
            if databases.router is None
            else databases.routed(self._select.table.row_class, False)
        )

    @property
    def _naive(self) -> Naive:
        """What a datetime without a zone means for the query's database, if there is one."""
        try:
            return self.database.naive
        except ConfigError:
            return "error"

    def __repr__(self) -> str:
        return query_text(self.__class__.__name__, self._select, self._naive)

    def _repr_html_(self) -> str:
        return query_html(self.__class__.__name__, self._select, self._naive)

    def _for_instances(self, method: str) -> None:
        if self._select.result != "instances":
            raise QueryError(
                f"{method}() is for instances; where rows are plain, values() names their fields"
            )

    def _not_sliced(self, what: str, instead: str) -> None:
        if self._select.sliced:
            raise QueryError(f"a sliced query cannot be {what}; {instead} first, then slice")


__all__ = ["Base", "R_co"]
