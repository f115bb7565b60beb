"""The door from querysets to columns, for reading; writing has its own, ``bulk_write``.

``chakra.columnar`` loads numba and pyarrow, about half a second of imports, so it is imported when the first
bulk call is made and not before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from chakra.db import StaleTypes
from chakra.errors import DatabaseError, DataError, FieldError, QueryCancelled, TransactionError
from chakra.pg.conversion import Naive
from chakra.pg.types import without_binary
from chakra.query.described import described_columns, lasting
from chakra.query.execute import one_database
from chakra.query.nested import nested_columns
from chakra.query.options import checked
from chakra.query.privileges import refused
from chakra.query.verbs import BatchOptions, PlanOptions, ReadOptions, TableOptions
from chakra.sql import Output, Statement, select_statement
from chakra.sql.partitions import Cut, whole_reason
from chakra.sql.textual import AsText

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from chakra.columnar import ColumnSpec, Options
    from chakra.columnar.parallel import ReadPlan
    from chakra.db import Database
    from chakra.db.streams import Reader
    from chakra.query.described import Described
    from chakra.sql.guards import ReadGuard
    from chakra.sql.select import Select

T = TypeVar("T")

BATCH_ROWS = 65_536
"""Rows of a batch of ``arrow_batches`` if nothing is said."""


@dataclass(frozen=True)
class ColumnSource:
    """A query as the columnar engine takes it.

    Attributes:
        sql: a SELECT with its values written in as literals.
        columns: its result columns.
        select: what it was compiled from; ``None`` = SQL of the caller, of which nothing else is known.
        described: where the types of the columns come from; ``None`` = they were asked for just now.
        as_text: what makes text of the columns whose type has no binary format, for the parts of the query.
        asked: the query before that.
    """

    sql: str
    columns: list[ColumnSpec]
    select: Select | None = None
    described: Described | None = None
    as_text: AsText | None = None
    asked: str | None = None

    def __post_init__(self) -> None:
        as_text = AsText.of([column.type for column in self.columns])
        if as_text is not None:
            columns = [
                replace(column, type=without_binary(column.type, to="read") or column.type)
                for column in self.columns
            ]
            changed = {
                "asked": self.sql,
                "sql": as_text.around(self.sql),
                "as_text": as_text,
                "columns": columns,
            }
            for name, value in changed.items():
                object.__setattr__(self, name, value)

    @property
    def guard(self) -> ReadGuard | None:
        """What goes in front of a COPY of the query, or of a part of it."""
        found = self.described
        if found is None or not found.types:
            return None
        guard = found.guard
        return guard if self.asked is None or guard.asked is not None else replace(guard, asked=self.asked)

    @property
    def whole(self) -> bool:
        """Whether one connection must read all of it."""
        return self.select is None or self.select.clauses.nothing or whole_reason(self.select) is not None

    def parts(self, partitions: int, by: str | None, naive: Naive) -> Cut | str:
        """The query to be cut into ``partitions`` parts, by the column ``by`` or by row addresses; where it must not be
        cut, its SELECT.

        Raises:
            FieldError: the number of parts is none, or the query has no such column.
        """
        from chakra.columnar.parallel import MAX_PARTS

        if type(partitions) is not int or not 1 <= partitions <= MAX_PARTS:
            raise FieldError(f"partitions is a whole number from 1 to {MAX_PARTS}, not {partitions!r}")
        if by is not None and self.select is None:
            raise FieldError(
                f"partition_by={by!r}: SQL of your own is read in one part; read a view of it with db.table() instead"
            )
        column = None
        if by is not None and self.select is not None:
            if not isinstance(by, str):
                raise FieldError(f"partition_by is the name of a field, not {by!r}")
            try:
                column = self.select.table.column(by)
            except FieldError as error:
                raise FieldError(f"partition_by: {error}") from None
        if self.select is None or self.whole or partitions == 1:
            return self.sql
        return Cut(self.select, partitions, column, self.as_text, naive)


async def source_of(select: Select, database: Database) -> ColumnSource:
    """Compile a query for COPY: values as literals, and its result columns as the server and the models have them.

    Raises:
        FieldError: the query locks rows, which COPY cannot, or a column is declared as what it cannot be read as.
    """
    if select.clauses.lock is not None:
        raise FieldError("COPY takes no row locks; drop select_for_update() to read columns")
    if select.result == "nested":
        _check_reads(select_statement(select)[0].statement)
        described, columns, select = await nested_columns(database, select)
        compiled, values = select_statement(select)
        return ColumnSource(
            compiled.statement.literal_sql(values, database.naive), columns, select, described
        )
    if select.clauses.related:
        select = select.with_clauses(related=())
    compiled, values = select_statement(select)
    _check_reads(compiled.statement)
    one_database(database, compiled.statement)
    sql = compiled.statement.literal_sql(values, database.naive)
    described, columns = await described_columns(database, compiled.statement, sql)
    return ColumnSource(sql, columns, select, described)


def _check_reads(statement: Statement) -> None:
    """Refuse a query that writes: its types are asked for first, and a read whose types changed is done again.

    Raises:
        FieldError: a query in it writes.
    """
    if not statement.reads:
        title = statement.writes[0][0].title
        raise FieldError(
            f"the query writes rows of {title}, and columns may be read more than once: await the rows, or write first "
            "and read then"
        )


class Readable(Protocol):
    """What can be read as columns: querysets and raw queries."""

    async def column_source(self, database: Database, *, nested: bool = False) -> ColumnSource:
        """Compile the query for COPY; ``nested``: with what is loaded along."""
        ...


async def to_arrow(
    query: Readable, database: Database, options: TableOptions, verb: str = "to_arrow"
) -> pyarrow.Table:
    """Read a query into one ``pyarrow.Table``, over several connections if ``partitions`` says so.

    Inside a transaction, and where the query must not be cut, one connection reads all of it.

    Args:
        verb: the call whose options they are, for errors.
    """
    given = checked(verb, options, TableOptions, reading=True)
    timeout = given.pop("timeout", None)
    if timeout is None:
        return await _to_arrow(query, database, given)
    return await within(timeout, _to_arrow(query, database, given))


async def _to_arrow(query: Readable, database: Database, given: dict[str, Any]) -> pyarrow.Table:
    partitions, partition_by = given.pop("partitions", 1), given.pop("partition_by", None)
    progress = given.pop("progress", None)
    again = Again(query, database, given)
    made = _made(given)

    async def read(source: ColumnSource) -> pyarrow.Table:
        parts, guard = source.parts(partitions, partition_by, database.naive), source.guard
        if partitions == 1 or source.whole or database.in_transaction:
            from chakra.columnar.read import read_table

            return await read_table(
                database, source.sql, source.columns, made, progress=progress, guard=guard
            )
        from chakra.columnar.parallel import read_parts

        return await read_parts(
            database, parts, source.columns, made, workers=partitions, progress=progress, guard=guard
        )

    while True:
        source = await again.source()
        try:
            return await read(_undeclared(source))
        except (StaleTypes, DataError) as error:
            await again.after(error)
        except DatabaseError as error:
            await refused(database, source.sql, error)
            raise


async def written_table(
    select: Select,
    database: Database,
    statement: Statement,
    literals: list[Any],
    beside: Output | None = None,
) -> pyarrow.Table:
    """The rows that an UPDATE or DELETE returns, as a table. It is run once, in a transaction (or a savepoint): what
    the table cannot hold undoes the write.

    Args:
        select: a query for the same columns, by which their types are known: a write cannot be asked before it is run.
        beside: a column of Chakra's own behind these.

    Raises:
        DataError: a value has no place in its Arrow type; nothing is written.
        FieldError: a column has a type that the server cannot send in binary form.
    """
    from chakra.columnar.read import read_table

    source = _undeclared(await source_of(select, database))
    if source.as_text is not None:
        raise FieldError(
            f'returning="arrow": {select.table.title} has a column of a type that the server has no binary form of; '
            'name fields: returning=["…"]'
        )
    one_database(database, statement)
    sql, guard = statement.literal_sql(literals, database.naive), source.guard
    if guard is not None:
        guard = replace(guard, asked=source.sql)
    columns = list(source.columns)
    if beside is not None:
        from chakra.columnar import ColumnSpec

        assert beside.type is not None
        columns.append(ColumnSpec(beside.name, beside.type, False))
    try:
        async with database.transaction():
            return await read_table(database, sql, columns, _made({}), guard=guard)
    except StaleTypes as error:
        raise lasting(error) from error
    except DatabaseError as error:
        await refused(database, sql, error)
        raise


def _undeclared(source: ColumnSource) -> ColumnSource:
    """The source of a table without a model, whose arrays have the dimensions the data says; nobody declared them."""
    if source.select is None or source.select.table.row_class is not None:
        return source
    columns = [
        replace(column, type=replace(column.type, ndims=0)) if column.type.kind == "array" else column
        for column in source.columns
    ]
    return replace(source, columns=columns)


class Again:
    """A read that is done once more if the types it went by turn out to be out of date.

    A guard tells before anything is read. What it does not see (labels of an enum, a precision) shows as a value that
    does not fit: then the types are asked for again, and the read is repeated if they are others now.
    """

    def __init__(self, query: Readable, database: Database, given: dict[str, Any]) -> None:
        self._query = query
        self._database = database
        self._nested: bool = given.pop("nested", False)
        self._first: ColumnSource | None = None
        self._second: ColumnSource | None = None

    async def source(self) -> ColumnSource:
        """What to read now."""
        if self._second is not None:
            return self._second
        self._first = await self._query.column_source(self._database, nested=self._nested)
        return self._first

    async def after(self, error: StaleTypes | DataError, *, begun: bool = False) -> None:
        """Return if the read shall be done again, else raise.

        Args:
            begun: something was given to the caller already.

        Raises:
            DataError, DatabaseError: the error, if it is not the types.
        """
        first, database = self._first, self._database
        assert first is not None
        if first.described is not None:
            database.descriptions.forget(first.described.key)
        else:
            database.types.invalidate()
        stale = isinstance(error, StaleTypes)
        if self._second is not None or begun or first.described is None:
            raise lasting(error) if isinstance(error, StaleTypes) else error
        try:
            self._second = await self._query.column_source(database, nested=self._nested)
        except DatabaseError:
            if stale:
                raise
            raise error from None  # an aborted transaction cannot be asked
        if not stale and self._second.columns == first.columns:
            raise error


async def read_plan(query: Readable, database: Database, options: PlanOptions) -> ReadPlan:
    """Cut a query into picklable tasks over one exported snapshot."""
    from chakra.columnar.parallel import plan_reads

    given = checked("read_plan", options, PlanOptions, reading=True)
    partitions, partition_by = given.pop("partitions", 1), given.pop("partition_by", None)
    nested = given.pop("nested", False)
    made = _made(given)
    if database.in_transaction:
        raise TransactionError(
            "read_plan() inside a transaction would not see what the transaction wrote; make the plan outside"
        )
    source = await query.column_source(database, nested=nested)
    return await plan_reads(
        database,
        source.parts(partitions, partition_by, database.naive),
        source.columns,
        made,
        guard=source.guard,
    )


async def arrow_schema(query: Readable, database: Database, options: ReadOptions) -> pyarrow.Schema:
    """The schema that ``arrow_batches`` gives, without reading anything."""
    from chakra.columnar import Decoder

    given = checked("arrow_schema", options, ReadOptions, reading=True)
    nested = given.pop("nested", False)
    made = _made(given, streaming=True)
    source = await query.column_source(database, nested=nested)
    return Decoder(source.columns, made).schema


async def within(timeout: float, work: Awaitable[T]) -> T:
    """Await a bulk read for at most ``timeout`` seconds; cancelling it cancels the statement on the server.

    Raises:
        QueryCancelled: the time passed.
    """
    try:
        async with asyncio.timeout(timeout):
            return await work
    except TimeoutError as error:
        raise _took_longer(timeout) from error


async def written_within(timeout: float, database: Database, work: Callable[[], Awaitable[T]]) -> T:
    """Await a bulk write for at most ``timeout`` seconds, in a transaction (or a savepoint) of its own.

    Its commit is not timed: a write that was told to stop while the server's answer was on its way would be
    reported as cancelled, and be there. So either the time passes and nothing is written, or it is written.

    Raises:
        QueryCancelled: the time passed; nothing was written.
    """
    try:
        async with asyncio.timeout(timeout) as clock, database.transaction():
            result = await work()
            if clock.expired():  # in the same turn of the event loop as the last answer
                raise TimeoutError
            clock.reschedule(None)
        return result
    except TimeoutError as error:
        raise _took_longer(timeout) from error


def _took_longer(timeout: float) -> QueryCancelled:
    return QueryCancelled(f"the bulk operation took longer than timeout={timeout:g} s and was stopped")


async def to_polars(query: Readable, database: Database, options: TableOptions) -> polars.DataFrame:
    """Read a query into a ``polars.DataFrame``."""
    table = await to_arrow(query, database, options, "to_polars")
    from chakra.columnar.sinks import to_polars as sink

    return sink(table)


async def to_pandas(query: Readable, database: Database, options: TableOptions) -> pandas.DataFrame:
    """Read a query into a ``pandas.DataFrame``."""
    table = await to_arrow(query, database, options, "to_pandas")
    from chakra.columnar.sinks import to_pandas as sink

    return sink(table)


async def to_numpy(query: Readable, database: Database, options: TableOptions) -> dict[str, Any]:
    """Read a query into arrays by column name."""
    table = await to_arrow(query, database, options, "to_numpy")
    from chakra.columnar.sinks import to_numpy as sink

    return sink(table)


async def arrow_batches(
    query: Readable, database: Database, reader: Reader, options: BatchOptions
) -> AsyncGenerator[pyarrow.RecordBatch, None]:
    """Stream a query as record batches; ``reader`` is of the iterator around it."""
    from chakra.columnar.read import read_batches

    given = checked("arrow_batches", options, BatchOptions, reading=True)
    max_rows, max_bytes = given.pop("max_rows", BATCH_ROWS), given.pop("max_bytes", None)
    progress = given.pop("progress", None)
    again, begun = Again(query, database, given), False
    made = _made(given)
    while True:
        source = await again.source()
        batches = read_batches(
            database,
            source.sql,
            source.columns,
            made,
            max_rows=max_rows,
            max_bytes=max_bytes,
            progress=progress,
            guard=source.guard,
            reader=reader,
        )
        try:
            async with aclosing(batches):
                async for batch in batches:
                    begun = True
                    yield batch
            return
        except (StaleTypes, DataError) as error:
            await again.after(error, begun=begun)
        except DatabaseError as error:
            await refused(database, source.sql, error)
            raise


def _made(given: dict[str, Any], *, streaming: bool = False) -> Options:
    """The decoder's options out of those of a call that are left.

    Raises:
        FieldError: a value that one of them does not take.
    """
    from chakra.columnar import Options

    return Options(**given, streaming=streaming)


__all__ = [
    "arrow_batches",
    "source_of",
    "to_arrow",
    "to_numpy",
    "to_pandas",
    "to_polars",
    "within",
    "written_table",
    "written_within",
]
