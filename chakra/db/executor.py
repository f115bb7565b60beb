"""Running statements: the calls ``Database`` and ``Connection`` share, over whichever session serves them."""

from __future__ import annotations

import abc
import asyncio
from collections.abc import AsyncGenerator, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chakra.db import driver, relations
from chakra.db.catalog import with_modifier
from chakra.db.copy_in import Source, copy_in
from chakra.db.copy_out import CopyOutStream, Sink, copy_out
from chakra.db.cursor import CursorStream
from chakra.db.session import Record, Session, rows_of
from chakra.db.session_effects import Effect, effects_of
from chakra.db.streams import Reader, Stream, end_streams
from chakra.pg.quoting import quote_qualified
from chakra.pg.text import SqlText, Touch
from chakra.pg.types import PgType

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from chakra.db.catalog import TypeCatalog
    from chakra.db.database import Database
    from chakra.db.descriptions import Descriptions
    from chakra.db.hooks import HookChain
    from chakra.db.pool import Pool
    from chakra.db.statements import StatementCache
    from chakra.db.transactions import Isolation, Transaction

DEFAULT_PREFETCH = 500


class Executor(abc.ABC):
    """Statements in, rows out.

    ``run_*`` take statements Chakra compiled itself: they are prepared, and leave nothing behind on the session
    unless ``pure=False`` says so. ``execute``, ``fetch``, … and COPY take anybody's SQL: the session is reset before
    anybody else gets it.

    Attributes:
        harmless: texts of compiled statements that are known to leave nothing behind, over whichever relations they
            touch, until the catalog changes; see ``is_harmless``.
        as_text: by what tells a compiled query apart, the text that reads what models declare as text as that; only
            where the database has something else there.
        documents: by the text of a statement, which of its result columns are json or jsonb.
    """

    pool: Pool
    hooks: HookChain
    database: Database
    harmless: set[str]
    as_text: dict[Hashable, str]
    documents: StatementCache[frozenset[int]]

    @abc.abstractmethod
    def held_session(self) -> Session | None:
        """The session these statements are bound to now, or ``None``: borrow one for each."""

    @abc.abstractmethod
    def current_transaction(self) -> Transaction | None:
        """Innermost open transaction that statements run here would be part of."""

    @property
    def types(self) -> TypeCatalog:
        """What the server says about types; shared by all connections of the database."""
        return self.database.type_catalog

    @property
    def descriptions(self) -> Descriptions:
        """What the server said of result columns of statements, and of tables; shared like ``types``."""
        return self.database.kept_descriptions

    @property
    def in_transaction(self) -> bool:
        """Whether a statement run here now would be part of a transaction."""
        return self.current_transaction() is not None

    # -- what a session carries on ------------------------------------------------------------------

    async def is_harmless(self, sql: str, touches: Sequence[Touch] | None) -> bool:
        """Whether a compiled statement leaves nothing behind, over the relations it touches.

        A relation that was not met before costs one round trip; afterwards, until the catalog changes, the text is in
        ``harmless``, which callers look at first.

        Args:
            sql: the statement, or what stands for all of its texts.
            touches: its relations; ``None`` = it calls what is not known.
        """
        if sql in self.harmless or not self.pool.resets:
            return True
        held = self.held_session()
        if touches is None or self.pool.always or (held is not None and held.dirty):
            return False  # a changed session may take names for other relations, and is reset anyway
        facts = self.database.relation_facts
        found = facts.verdict(sql, touches)
        if found is None:
            session = held or self.pool.take() or await self.pool.acquire()
            try:
                known = await session.ask(lambda run, fetch: facts.ask(touches, run, fetch))
            finally:
                if held is None:
                    self.pool.release(session)
            found = known and facts.verdict(sql, touches)
        if found:
            if len(self.harmless) >= relations.MAX_STATEMENTS:
                self.harmless.clear()
            self.harmless.add(sql)
        return bool(found)

    async def leaves_nothing(self, sql: str) -> bool:
        """The same of a query for COPY: ours tell what they touch."""
        return isinstance(sql, SqlText) and await self.is_harmless(sql.key, sql.touches)

    def note(self, session: Session) -> None:
        """Remember that a session must be reset; call before what may leave something on it is sent."""
        if self.pool.resets:
            session.dirty = True

    # -- compiled statements ------------------------------------------------------------------------

    async def run_fetch(self, sql: str, args: Sequence[Any] = (), *, pure: bool = True) -> list[Record]:
        """Run a compiled statement; returns all rows.

        Args:
            args: values of ``$1``, ``$2``, …
            pure: the statement leaves nothing behind; otherwise the session is reset.
        """
        if not pure:
            return await self._run_noted(sql, args, Session.fetch)  # type: ignore[no-any-return]
        session = self.held_session()
        if session is not None:
            return await session.fetch(sql, args)
        pool = self.pool
        session = pool.take() or await pool.acquire()
        try:
            return await session.fetch(sql, args)
        finally:
            pool.release(session)

    async def run_fetchrow(self, sql: str, args: Sequence[Any] = (), *, pure: bool = True) -> Record | None:
        """Run a compiled statement; returns its first row or ``None``."""
        if not pure:
            return await self._run_noted(sql, args, Session.fetchrow)
        session = self.held_session()
        if session is not None:
            return await session.fetchrow(sql, args)
        pool = self.pool
        session = pool.take() or await pool.acquire()
        try:
            return await session.fetchrow(sql, args)
        finally:
            pool.release(session)

    async def run_execute(self, sql: str, args: Sequence[Any] = (), *, pure: bool = True) -> int:
        """Run a compiled statement; returns the number of rows it affected."""
        if not pure:
            return rows_of(await self._run_noted(sql, args, Session.execute))
        session = self.held_session()
        if session is not None:
            return rows_of(await session.execute(sql, args))
        pool = self.pool
        session = pool.take() or await pool.acquire()
        try:
            return rows_of(await session.execute(sql, args))
        finally:
            pool.release(session)

    async def ask(self, sql: str, args: Sequence[Any] = ()) -> list[Record]:
        """Run a question of Chakra's own about the server, past the hooks; returns all rows.

        Raises:
            ConfigError: a text of a statement of ours stands in it, and the connection would read it as another.
        """
        if isinstance(sql, SqlText):
            return await self._ask_about(sql)
        session = self.held_session()
        if session is not None:
            return await session.fetch_quietly(sql, args)
        session = self.pool.take() or await self.pool.acquire()
        try:
            return await session.fetch_quietly(sql, args)
        finally:
            self.pool.release(session)

    async def _ask_about(self, sql: SqlText) -> list[Record]:
        """The same about a statement with its values in it: planning it may call what its relations call."""
        if not await self.leaves_nothing(sql):
            return await self._run_noted(str(sql), (), _quietly)  # type: ignore[no-any-return]
        held = self.held_session()
        session = held or self.pool.take() or await self.pool.acquire()
        try:
            return await _quietly(session, str(sql), ())
        finally:
            if held is None:
                self.pool.release(session)

    def run_cursor(
        self,
        sql: str,
        args: Sequence[Any] = (),
        *,
        prefetch: int = DEFAULT_PREFETCH,
        pure: bool = True,
    ) -> Stream[list[Record]]:
        """Run a compiled query through a server cursor; yields blocks of at most ``prefetch`` rows.

        Outside a transaction one is opened, on a connection of its own, for as long as the cursor lives. The
        iterator may be left at any point.

        Raises:
            TransactionError: on a pinned connection, another statement is run before the cursor's end.
        """
        return Stream(lambda reader: self.cursor_blocks(sql, args, reader, prefetch=prefetch, pure=pure))

    async def cursor_blocks(
        self, sql: str, args: Sequence[Any], reader: Reader, *, prefetch: int, pure: bool
    ) -> AsyncGenerator[list[Record], None]:
        """Like ``run_cursor``, for a stream around this one, whose ``reader`` is what may be dropped."""
        async with StreamSession(self, reader) as session:
            if not pure:
                self.note(session)
            async for block in await CursorStream(session, sql, args, prefetch, reader).open():
                yield block

    # -- anybody's SQL ------------------------------------------------------------------------------

    async def execute(self, sql: str, *args: Any) -> str:
        """Run SQL; returns the status tag (``"UPDATE 3"``). Without arguments, several statements may stand
        in ``sql``, separated by semicolons.

        Raises:
            DatabaseError: the server refused; ``DataError`` for a value that does not fit.
            ConnectionLost: the connection broke.
        """
        if args:
            return await self._run_foreign(sql, args, Session.execute)  # type: ignore[no-any-return]
        return await self._run_foreign(sql, args, _script)  # type: ignore[no-any-return]

    async def fetch(self, sql: str, *args: Any) -> list[Record]:
        """Run a query; returns all rows. Raises as ``execute``."""
        return await self._run_foreign(sql, args, Session.fetch)  # type: ignore[no-any-return]

    async def fetchrow(self, sql: str, *args: Any) -> Record | None:
        """Run a query; returns the first row or ``None``. Raises as ``execute``."""
        return await self._run_foreign(sql, args, Session.fetchrow)

    async def fetchval(self, sql: str, *args: Any, column: int = 0) -> Any:
        """Run a query; returns one value of the first row, or ``None``. Raises as ``execute``."""
        row = await self._run_foreign(sql, args, Session.fetchrow)
        return None if row is None else row[column]

    async def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each sequence of arguments, all or nothing. Raises as ``execute``."""
        await self._run_foreign(sql, rows, _executemany)

    async def _run_foreign(self, sql: str, args: Any, run: Any) -> Any:
        """Run SQL that is not ours on the held or a borrowed session, which is reset before anybody else gets it."""
        effect = effects_of(sql, single=run is not _script)
        held = self.held_session()
        session = held or self.pool.take() or await self.pool.acquire()
        self.note(session)
        try:
            result = await run(session, sql, args, pure=False)
            if run is not _script and (held is not None or not self.pool.resets):
                await session.follow_path(sql)  # a script has looked, and a reset sets it back
            if effect & Effect.STATEMENTS:
                session.lose_statements()
            if effect & Effect.SCHEMA:
                self.database.schema_changed(effect, session)
                await self.database.refresh_session(session)
            if session.effects and not session.in_transaction:  # this was the COMMIT
                self.database.settle_effects(session)
        except BaseException as error:
            if effect & Effect.SCHEMA:
                self.database.schema_changed(effect, session)  # a script may have committed before it failed
            if held is None:
                await self.pool.release_after(error, session)
            raise
        if held is None:
            await self.pool.release_changed(session)
        return result

    async def _run_noted(self, sql: str, args: Any, run: Any) -> Any:
        """Run a compiled statement that may leave something behind, on the held or a borrowed session."""
        held = self.held_session()
        session = held or self.pool.take() or await self.pool.acquire()
        self.note(session)
        try:
            result = await run(session, sql, args)
        except BaseException as error:
            if held is None:
                await self.pool.release_after(error, session)
            raise
        if held is None:
            await self.pool.release_changed(session)
        return result

    # -- COPY ---------------------------------------------------------------------------------------

    async def copy_out(self, sql: str, sink: Sink, *, guard: str | None = None) -> int:
        """Run ``COPY (sql) TO STDOUT (FORMAT binary)`` into ``sink(chunk)``; returns the number of rows.

        Args:
            sql: a query with its values written in as literals.
            sink: called with each chunk of bytes; may return an awaitable, which is waited for. What it
                raises stops the query and comes out here.
            guard: SQL that goes in front of the COPY in the same message (``chakra.sql.guards``).

        Raises:
            StaleTypes: the guard failed; nothing was read.
            ConfigError: the connection was set to an encoding or a quoting in which the query would mean
                something else.
        """
        if not await self.leaves_nothing(sql):
            return await self._run_noted(sql, (sink, guard), _copy_out)  # type: ignore[no-any-return]
        session = self.held_session()
        if session is not None:
            return await copy_out(session, sql, sink, guard)
        session = self.pool.take() or await self.pool.acquire()
        try:
            return await copy_out(session, sql, sink, guard)
        finally:
            self.pool.release(session)

    def copy_out_stream(
        self, sql: str, *, reader: Reader | None = None, guard: str | None = None
    ) -> CopyOutContext:
        """Like ``copy_out``, as a context that gives an asynchronous iterator of chunks.

        At most 1 MiB is read ahead of the consumer. Leaving the context early cancels the query; a
        surrounding transaction stays usable.

        Args:
            reader: of the iterator that stands around this one and is what may be dropped.
            guard: as for ``copy_out``.

        Raises:
            TransactionError: another stream occupies the connection.
        """
        return CopyOutContext(self, sql, reader or Reader(), guard)

    async def copy_in(
        self,
        table: str,
        columns: Sequence[str] | None,
        source: Source,
        *,
        schema: str | None = None,
        guard: str | None = None,
    ) -> int:
        """Run ``COPY schema.table (columns) FROM STDIN (FORMAT binary)``; returns the number of rows.

        Args:
            table, schema: unquoted names.
            columns: unquoted names in the order of the stream; ``None`` = all.
            source: iterable or asynchronous iterable of chunks. What it raises stops the COPY, nothing of
                which is then visible, and comes out here.
            guard: SQL that goes in front of the COPY in the same message (``chakra.sql.guards``).

        Raises:
            StaleTypes: the guard failed; nothing was written.
            ConfigError: the connection was set to an encoding other than UTF-8.
        """
        name = quote_qualified(schema, table)
        # Of temporary tables only our own are on a session that is not reset anyway; who made it has looked.
        harmless = schema == "pg_temp" or await self.is_harmless(f"COPY {name} FROM", ((name, True),))
        held = self.held_session()
        session = held or self.pool.take() or await self.pool.acquire()
        if not harmless:
            self.note(session)
        try:
            copied = await copy_in(session, table, columns, source, schema=schema, guard=guard)
        except BaseException as error:
            if held is None:
                await self.pool.release_after(error, session)
            raise
        if held is None:
            await self.pool.release_changed(session)
        return copied

    # -- sessions and transactions ------------------------------------------------------------------

    @abc.abstractmethod
    def transaction(
        self,
        isolation: Isolation | None = None,
        *,
        readonly: bool = False,
        deferrable: bool = False,
        retries: int = 0,
        settings: Mapping[str, object] | None = None,
    ) -> Transaction:
        """A transaction block, or inside one a savepoint; see ``Transaction``."""

    @abc.abstractmethod
    def acquire(self, timeout: float | None = None) -> AbstractAsyncContextManager[Any]:
        """A context that pins one connection."""

    async def describe(self, sql: str) -> list[tuple[str, PgType]]:
        """Return name and type of each column of a query, without running it; see ``describe_statement``."""
        return (await self.describe_statement(sql))[1]

    async def describe_statement(self, sql: str) -> tuple[list[PgType], list[tuple[str, PgType]]]:
        """Return the types of a statement's parameters, and name and type of its columns, without running it.

        Modifiers (precision, length, dimensions of a vector) are there where the server knows them, as for plain
        columns; ``ndims`` of an array is 0: its dimensions follow from the data.
        """
        session = self.held_session()
        borrowed = session is None
        if session is None:
            session = self.pool.take() or await self.pool.acquire()
        try:
            if isinstance(sql, SqlText):
                driver.check_text(session.raw)
            # Parsing runs nothing of the statement, so there is nothing to reset.
            parameters, columns = await session.describe(str(sql))
        finally:
            if borrowed:
                self.pool.release(session)
        types = await self.types.resolve_many([*parameters, *(oid for _, oid, _ in columns)], executor=self)
        return [types[oid] for oid in parameters], [
            (name, _undeclared(types[oid], modifier)) for name, oid, modifier in columns
        ]


class StreamSession:
    """The session of a stream: the held one, or one borrowed until the stream is over or nobody reads it any more.

    An asynchronous context manager; at its end nothing of the reader's stream is left on the session. Whoever is
    cancelled does not wait for that, and neither does a finaliser: the pool sees to it, or the next statement.
    """

    __slots__ = ("_borrowed", "_executor", "_loan", "_reader", "_session")

    def __init__(self, executor: Executor, reader: Reader) -> None:
        self._executor = executor
        self._reader = reader
        self._borrowed = False
        self._loan = 0
        self._session: Session | None = None

    async def __aenter__(self) -> Session:
        pool = self._executor.pool
        session = self._executor.held_session()
        if session is None:
            self._borrowed = True
            session = pool.take() or await pool.acquire()
            self._reader.watch(lambda: pool.release(session))
        self._session = session
        self._loan = session.loan
        return session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, reader = self._session, self._reader
        assert session is not None
        reader.unwatch()
        if session.loan != self._loan:
            return  # the pool has it back, and ends what is open
        if isinstance(error, asyncio.CancelledError):
            reader.gone = True
        if reader.gone and self._borrowed:
            self._executor.pool.release(session)
        elif self._borrowed:
            await self._executor.pool.release_changed(session)
        elif not reader.gone:
            await end_streams(session, reader)


class CopyOutContext:
    """What ``copy_out_stream`` returns."""

    __slots__ = ("_executor", "_guard", "_reader", "_session", "_sql", "_stream")

    def __init__(self, executor: Executor, sql: str, reader: Reader, guard: str | None) -> None:
        self._executor = executor
        self._session = StreamSession(executor, reader)
        self._sql = sql
        self._guard = guard
        self._reader = reader
        self._stream: CopyOutStream | None = None

    async def __aenter__(self) -> CopyOutStream:
        executor = self._executor
        harmless = await executor.leaves_nothing(self._sql)
        session = await self._session.__aenter__()
        if not harmless:
            executor.note(session)
        try:
            self._stream = await CopyOutStream(session, self._sql, self._reader, self._guard).open()
        except BaseException as error:
            await self._session.__aexit__(type(error), error, None)
            raise
        return self._stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._stream is not None
        try:
            if error is None:
                await self._stream.finish()
        finally:
            await self._session.__aexit__(kind, error, trace)


def _undeclared(type_: PgType, modifier: int) -> PgType:
    """The type of a result column, of which nobody declared how many dimensions its arrays have."""
    known = with_modifier(type_, modifier) if modifier >= 0 else type_
    return replace(known, ndims=0) if type_.kind == "array" else known


async def _copy_out(session: Session, sql: str, args: Any) -> int:
    return await copy_out(session, sql, *args)


async def _quietly(session: Session, sql: str, args: Any) -> list[Record]:
    driver.check_text(session.raw)
    return await session.fetch_quietly(sql, args)


async def _script(session: Session, sql: str, args: Any, pure: bool) -> str:
    return await session.script(sql)


async def _executemany(session: Session, sql: str, rows: Any, pure: bool) -> None:
    await session.executemany(sql, rows)


__all__ = ["DEFAULT_PREFETCH", "Executor"]
