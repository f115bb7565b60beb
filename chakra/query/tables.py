"""Tables without a model as users hold them: querysets that wait for the table's description."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from contextlib import aclosing
from html import escape
from types import FunctionType
from typing import TYPE_CHECKING, Any, Unpack

from chakra.db.streams import Reader, Stream
from chakra.errors import FieldError
from chakra.query import catalogue, loading
from chakra.query.checks import given_database
from chakra.query.ctes import CTE
from chakra.query.narrowing import DOOR
from chakra.query.not_a_list import NotAList, check_key
from chakra.query.options import checked
from chakra.query.pending import Pending, awaited, is_awaited
from chakra.query.queryset import QuerySet
from chakra.query.reflect import NoTable, known, parse_name, reflect
from chakra.query.shown import columns_text
from chakra.query.verbs import BatchOptions, LoadOptions, is_running, runs
from chakra.schema import Table

if TYPE_CHECKING:
    from chakra.db import Database


if TYPE_CHECKING:

    class _Verbs(QuerySet[dict[str, Any]]):
        """What type checkers know of the methods that come from ``QuerySet`` (see the end of this module)."""

else:
    _Verbs = NotAList


class TableQuery(_Verbs):
    """Rows of an existing table, as dicts; made by ``db.table("name")``. They have the columns the role may read.

    It has the methods of ``QuerySet``, all of them. The table is looked up when something is run, so making and
    narrowing a query needs no ``await``; a wrong name or field is reported then.
    """

    def __init__(self, database: Database, name: str, calls: tuple[Any, ...] = ()) -> None:
        parse_name(name)
        self._on = database
        self._name = name
        self._calls = calls

    async def reflect(self) -> QuerySet[dict[str, Any]]:
        """Look the table up and return the query as a ``QuerySet``."""
        for _, arguments, options in self._calls:
            for other in (*arguments, *options.values()):
                if isinstance(other, TableQuery):  # union(…) and its kin, join(name=…)
                    await other.reflect()
        return self._over(await reflect(self._on, self._name))

    if not TYPE_CHECKING:

        def using(self, database: Any) -> Any:
            """Return the query on the table of that name in another database."""
            door = getattr(type(database), DOOR, None)
            if door is not None:
                return door(database, self)
            return TableQuery(given_database(database, "using()"), self._name, self._calls)

    def to_sql(self) -> tuple[str, list[Any]]:
        """Return the SQL text and its parameters, without running anything.

        Raises:
            FieldError: the columns are not known yet; ``await`` :meth:`reflect`, or anything else on it, first.
        """
        return self._over(self.table).to_sql()

    @property
    def database(self) -> Database:
        """The database the query runs on."""
        return self._on

    @property
    def table(self) -> Table:
        """The table the query reads, once it was looked up.

        Raises:
            FieldError: it was not; ``await`` :meth:`reflect`, or anything else on it, first.
        """
        table = known(self._on, self._name)
        if table is None:
            raise FieldError(
                f"the columns of table {self._name!r} are not known before it was read; "
                f'(await db.table("{self._name}").reflect()).to_sql() looks them up'
            )
        return table

    def _over(self, table: Table) -> QuerySet[dict[str, Any]]:
        query: Any = QuerySet(table, self._on).values()
        for method, arguments, options in self._calls:
            given = [_looked_up(argument) for argument in arguments]
            named = {name: _looked_up(option) for name, option in options.items()}
            query = getattr(query, method)(*given, **named)
        return query  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        calls = "".join(f".{name}(…)" for name, *_ in self._calls)
        table = known(self._on, self._name)
        if table is None:
            return (
                f"<table {self._name!r}{calls}, not looked at yet: await .columns, .describe(), or the rows>"
            )
        shown = columns_text([(c.name, c.type.sql) for c in table.columns])
        return f"<table {self._name!r}{calls}, not run: {shown}>"

    def _repr_html_(self) -> str:
        table = known(self._on, self._name)
        title = f"<p><b>{escape(repr(self) if table is None else f'table {self._name}')}</b></p>"
        return title if table is None else title + catalogue.columns_of(table)._repr_html_()

    @property
    def columns(self) -> Coroutine[Any, Any, catalogue.Columns]:
        """``await db.table("t").columns``: name, type, default and key of each column. No data is read."""
        return Pending(self._columns(), "columns")

    async def _columns(self) -> catalogue.Columns:
        return catalogue.columns_of(await reflect(self._on, self._name))

    async def describe(self) -> catalogue.TableDescription:
        """The table's kind, about how many rows it has, and its columns; no data is read."""
        return await catalogue.describe(self._on, await reflect(self._on, self._name))

    @runs  # takes what the method it stands for takes, and more
    async def bulk_insert(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, data: Any, **options: Unpack[LoadOptions]
    ) -> Any:
        """Insert columns: whatever ``QuerySet.bulk_insert`` takes, into this table.

        Args:
            options: ``create``: make the table from the data's columns if there is none. ``mode``: ``"append"``,
                ``"truncate"`` (empty the table first) or ``"replace"`` (make it anew from the data); one transaction
                with the insert. ``dry_run``: return the SQL that would be run, and run nothing. The others as for
                ``QuerySet.bulk_insert``.
        """
        given = checked("bulk_insert", options, LoadOptions)
        create, mode = given.pop("create", False), given.pop("mode", "append")
        dry_run = given.pop("dry_run", False)
        if mode == "append" and not (create or dry_run):
            try:
                query = await self.reflect()
            except NoTable as error:
                raise NoTable(f"{error}. bulk_insert(…, create=True) makes it from the data") from None
            return await query.bulk_insert(data, **given)
        return await loading.load(
            self._on, self._name, data, given, create=create, mode=mode, dry_run=dry_run
        )

    def __await__(self) -> Generator[Any, None, list[dict[str, Any]]]:
        return self._all().__await__()

    async def _all(self) -> list[dict[str, Any]]:
        return await (await self.reflect())

    def __aiter__(self) -> Stream[Any]:
        return self.iterator()

    def iterator(self, chunk_size: int = 2_000) -> Stream[Any]:
        """Stream rows through a cursor; see ``QuerySet.iterator``."""
        return Stream(lambda reader: self._streamed(reader, "iterator", chunk_size=chunk_size))

    def arrow_batches(self, **options: Unpack[BatchOptions]) -> Stream[Any]:
        """Stream record batches; see ``QuerySet.arrow_batches``."""
        return Stream(lambda reader: self._streamed(reader, "arrow_batches", **options))

    async def _streamed(self, reader: Reader, name: str, **options: Any) -> AsyncGenerator[Any, None]:
        stream = getattr(await self.reflect(), name)(**options)
        async with aclosing(stream.read_by(reader)) as items:
            async for item in items:
                yield item


def _looked_up(given: Any) -> Any:
    return given._over(given.table) if isinstance(given, TableQuery) else given


def _narrowing(name: str) -> Callable[..., TableQuery]:
    @functools.wraps(getattr(QuerySet, name))
    def method(self: TableQuery, /, *arguments: Any, **options: Any) -> TableQuery:
        if name == "__getitem__":
            check_key(*arguments)
        return TableQuery(self._on, self._name, (*self._calls, (name, arguments, options)))

    return method


def _running(name: str) -> Callable[..., Any]:
    @functools.wraps(getattr(QuerySet, name))
    async def method(self: TableQuery, /, *arguments: Any, **options: Any) -> Any:
        return await getattr(await self.reflect(), name)(*arguments, **options)

    return awaited(method) if is_awaited(getattr(QuerySet, name)) else method


def _verbs() -> Iterator[tuple[str, Callable[..., Any]]]:
    """The methods of a queryset that a query of a table does not have itself: those that are marked run it, the
    others narrow it.
    """
    for name in ("__getitem__", *(name for name in dir(QuerySet) if not name.startswith("_"))):
        verb = getattr(QuerySet, name)
        if isinstance(verb, FunctionType) and name not in vars(TableQuery):
            yield name, _running(name) if is_running(verb) else _narrowing(name)


for _name, _verb in list(_verbs()):
    setattr(TableQuery, _name, _verb)


def _giving(name: str) -> Callable[..., CTE]:
    """A method that gives no query, and needs the columns to do so."""

    @functools.wraps(getattr(QuerySet, name))
    def method(self: TableQuery, /, *arguments: Any, **options: Any) -> CTE:
        made: CTE = getattr(self._over(self.table), name)(*map(_looked_up, arguments), **options)
        return made

    return method


for _name in ("updating", "deleting", "inserting"):
    setattr(TableQuery, _name, _giving(_name))


__all__ = ["TableQuery"]
