"""Running statements: the calls ``Database`` and ``Connection`` share, over whichever session serves them."""

from __future__ import annotations

import abc
from collections.abc import AsyncGenerator, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from chakra.db import driver
from chakra.db.cache import StatementCache
from chakra.db.catalog import Types, with_modifier
from chakra.db.copy_in import Source, copy_in, copy_in_statement
from chakra.db.copy_out import Sink, copy_out
from chakra.db.core import Core
from chakra.db.cursor import CursorStream
from chakra.db.descriptions import Descriptions
from chakra.db.hooks import HookChain
from chakra.db.pool import Pool
from chakra.db.scope import Isolation, Scope
from chakra.db.session import Record, Session, rows_of
from chakra.db.session_effects import Effect, effects_of
from chakra.db.statements import Foreign, Own, Statement, behind
from chakra.db.stream_sessions import CopyOutContext, StreamSession
from chakra.db.streams import Reader, Stream
from chakra.db.transactions import Transaction
from chakra.pg.conversion import Naive
from chakra.pg.text import SqlText
from chakra.pg.types import PgType

DEFAULT_PREFETCH = 500


class Executor(abc.ABC):
    """Statements in, rows out.

    ``run_*`` take statements that say what they are: compiled ones, and questions of Chakra's own, of which the text
    is enough. They are prepared, and what leaves nothing behind on its session costs no reset. ``execute``, ``fetch``,
    … and COPY take anybody's SQL: the session is reset before anybody else gets it.

    Attributes:
        core: what all connections of the database share.
        pool, hooks, harmless, as_text, documents, naive, descriptions: those of the core, at hand.
        primary: of a database of replicas, the one that takes the writes of what was read here.
    """

    primary: Executor | None = None

    def __init__(self, core: Core) -> None:
        self.core = core
        self.pool: Pool = core.pool
        self.hooks: HookChain = core.hooks
        self.harmless: set[str] = core.harmless
        self.as_text: dict[Hashable, Statement] = core.as_text
        self.documents: StatementCache[frozenset[int]] = core.documents
        self.naive: Naive = core.naive
        self.descriptions: Descriptions = core.descriptions

    @abc.abstractmethod
    def held_session(self) -> Session | None:
        """The session these statements are bound to now, or ``None``: borrow one for each."""

    @abc.abstractmethod
    def current_transaction(self) -> Scope | None:
        """Innermost open transaction that statements run here would be part of."""

    @property
    def types(self) -> Types:
        """What the server says about types; known to all connections of the database, asked for here."""
        return Types(self.core.types, self.run_fetch, self._path)

    def _path(self) -> Hashable:
        held = self.held_session()
        return None if held is None else held.path.elsewhere

    @property
    def server_version(self) -> tuple[int, int]:
        """Of the server, as ``(18, 6)``."""
        return self.core.server_version

    @property
    def in_transaction(self) -> bool:
        """Whether a statement run here now would be part of a transaction."""
        return self.current_transaction() is not None

    # -- what a session carries on ------------------------------------------------------------------

    async def is_harmless(self, statement: Statement) -> bool:
        """Whether a statement leaves nothing behind, over the relations it touches; see ``Core``."""
        held = self.held_session()
        if held is not None and held.lazy:
            held = await held.begun()
        return await self.core.is_harmless(statement, held)

    def note(self, session: Session) -> None:
        """Remember that a session must be reset; call before what may leave something on it is sent."""
        self.core.note(session)

    # -- statements that say what they are ----------------------------------------------------------

    async def run_fetch(self, statement: Statement | str, args: Sequence[Any] = ()) -> list[Record]:
        """Run a statement; returns all rows.

        Args:
            statement: a compiled one, or the text of a question of Chakra's own.
            args: values of ``$1``, ``$2``, …
        """
        if isinstance(statement, str):
            statement = Own(statement)
        elif statement.sql not in self.harmless and not await self.is_harmless(statement):
            return await self._run_noted(statement, args, Session.fetch)  # type: ignore[no-any-return]
        session = self.held_session()
        if session is not None and session.lazy:
            session = await session.begun()
        if session is not None:
            return await session.fetch(statement, args)
        pool = self.pool
        session = pool.take() or await pool.acquire()
        try:
            return await session.fetch(statement, args)
        finally:
            pool.release(session)

    async def run_fetchrow(self, statement: Statement | str, args: Sequence[Any] = ()) -> Record | None:
        """Run a statement; returns its first row or ``None``. Arguments as for ``run_fetch``."""
        if isinstance(statement, str):
            statement = Own(statement)
        elif statement.sql not in self.harmless and not await self.is_harmless(statement):
            return await self._run_noted(statement, args, Session.fetchrow)
        session = self.held_session()
        if session is not None and session.lazy:
            session = await session.begun()
        if session is not None:
            return await session.fetchrow(statement, args)
        pool = self.pool
        session = pool.take() or await pool.acquire()
        try:
            return await session.fetchrow(statement, args)
        finally:
            pool.release(session)

    async def run_execute(self, statement: Statement | str, args: Sequence[Any] = ()) -> int:
        """Run a statement; returns the number of rows it affected. Arguments as for ``run_fetch``."""
        if isinstance(statement, str):
            statement = Own(statement)
        elif statement.sql not in self.harmless and not await self.is_harmless(statement):
            return rows_of(await self._run_noted(statement, args, Session.execute))
        session = self.held_session()
        if session is not None and session.lazy:
            session = await session.begun()
        if session is not None:
            return rows_of(await session.execute(statement, args))
        pool = self.pool
        session = pool.take() or await pool.acquire()
        try:
            return rows_of(await session.execute(statement, args))
        finally:
            pool.release(session)

    async def ask(self, sql: str, args: Sequence[Any] = ()) -> list[Record]:
        """Run a question of Chakra's own about the server, past the hooks; returns all rows.

        Raises:
            ConfigError: a text of a statement of ours stands in it, and the connection would read it as another.
        """
        question = Own(str(sql))
        # Planning a statement with its values in it may call what its relations call.
        if isinstance(sql, SqlText) and not await self.is_harmless(behind(sql)):
            return await self._run_noted(question, args, Session.fetch_quietly)  # type: ignore[no-any-return]
        session = self.held_session()
        if session is not None and session.lazy:
            session = await session.begun()
        if session is not None:
            return await session.fetch_quietly(question, args)
        session = self.pool.take() or await self.pool.acquire()
        try:
            return await session.fetch_quietly(question, args)
        finally:
            self.pool.release(session)

    def run_cursor(
        self, statement: Statement | str, args: Sequence[Any] = (), *, prefetch: int = DEFAULT_PREFETCH
    ) -> Stream[list[Record]]:
        """Run a query through a server cursor; yields blocks of at most ``prefetch`` rows.

        Outside a transaction one is opened, on a connection of its own, for as long as the cursor lives. The
        iterator may be left at any point.

        Raises:
            TransactionError: on a pinned connection, another statement is run before the cursor's end.
        """
        if isinstance(statement, str):
            statement = Own(statement)
        return Stream(lambda reader: self.cursor_blocks(statement, args, reader, prefetch=prefetch))

    async def cursor_blocks(
        self, statement: Statement, args: Sequence[Any], reader: Reader, *, prefetch: int
    ) -> AsyncGenerator[list[Record], None]:
        """Like ``run_cursor``, for a stream around this one, whose ``reader`` is what may be dropped."""
        harmless = statement.sql in self.harmless or await self.is_harmless(statement)
        async with StreamSession(self.core, self.held_session, reader) as session:
            if not harmless:
                self.note(session)
            async for block in await CursorStream(session, statement, args, prefetch, reader).open():
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
        """Run a query and return all rows; ``sql``, ``args`` and what is raised are as for ``execute``."""
        return await self._run_foreign(sql, args, Session.fetch)  # type: ignore[no-any-return]

    async def fetchrow(self, sql: str, *args: Any) -> Record | None:
        """Run a query and return its first row, or ``None``; ``sql``, ``args`` and errors are as for ``execute``."""
        return await self._run_foreign(sql, args, Session.fetchrow)

    async def fetchval(self, sql: str, *args: Any, column: int = 0) -> Any:
        """Run a query and return one value of its first row, or ``None``; the rest is as for ``execute``.

        Args:
            sql, args: one query, and the values of ``$1``, ``$2``, … in it.
            column: the place of the value in the row, counted from 0.
        """
        row = await self._run_foreign(sql, args, Session.fetchrow)
        return None if row is None else row[column]

    async def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each sequence of arguments, all or nothing; what is raised is as for ``execute``.

        Args:
            sql: one statement with ``$1``, ``$2``, … for its arguments.
            rows: the arguments of each run.
        """
        await self._run_foreign(sql, rows, Session.executemany)

    async def _run_foreign(self, sql: str, args: Any, run: Any) -> Any:
        """Run SQL that is not ours on the held or a borrowed session, which is reset before anybody else gets it."""
        statement = Foreign(sql)
        effect = effects_of(sql, single=run is not _script)
        held = self.held_session()
        if held is not None and held.lazy:
            held = await held.begun()
        session = held or self.pool.take() or await self.pool.acquire()
        self.core.note(session)
        try:
            result = await run(session, statement, args)
            if run is not _script and (held is not None or not self.pool.resets):
                await session.follow_path(sql)  # a script has looked, and a reset sets it back
            if effect & Effect.STATEMENTS:
                session.lose_statements()
            if effect & Effect.SCHEMA:
                self.core.schema_changed(effect, session)
                await session.forget_statements()
            if session.effects and not session.in_transaction:  # this was the COMMIT
                self.core.settle_effects(session)
        except BaseException as error:
            if effect & Effect.SCHEMA:
                self.core.schema_changed(effect, session)  # a script may have committed before it failed
            if held is None:
                await self.pool.release_after(error, session)
            raise
        if held is None:
            await self.pool.release_changed(session)
        return result

    async def _run_noted(self, statement: Statement, args: Any, run: Any) -> Any:
        """Run a statement that may leave something behind, on the held or a borrowed session."""
        held = self.held_session()
        if held is not None and held.lazy:
            held = await held.begun()
        session = held or self.pool.take() or await self.pool.acquire()
        self.core.note(session)
        try:
            result = await run(session, statement, args)
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
        statement = behind(sql)
        if not await self.is_harmless(statement):
            return await self._run_noted(statement, (sql, sink, guard), _copy_out)  # type: ignore[no-any-return]
        session = self.held_session()
        if session is not None and session.lazy:
            session = await session.begun()
        if session is not None:
            return await copy_out(session, statement, sql, sink, guard)
        session = self.pool.take() or await self.pool.acquire()
        try:
            return await copy_out(session, statement, sql, sink, guard)
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
        reader = reader or Reader()
        session = StreamSession(self.core, self.held_session, reader)
        return CopyOutContext(session, behind(sql), sql, reader, guard)

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
        statement = copy_in_statement(schema, table, columns)
        # Of temporary tables only our own are on a session that is not reset anyway; who made it has looked.
        harmless = schema == "pg_temp" or await self.is_harmless(statement)
        held = self.held_session()
        if held is not None and held.lazy:
            held = await held.begun()
        session = held or self.pool.take() or await self.pool.acquire()
        if not harmless:
            self.core.note(session)
        try:
            copied = await copy_in(session, statement, source, guard)
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
        timeout: float | None = None,
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
        if session is not None and session.lazy:
            session = await session.begun()
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
        types = await self.types.resolve_many([*parameters, *(oid for _, oid, _ in columns)])
        return [types[oid] for oid in parameters], [
            (name, _undeclared(types[oid], modifier)) for name, oid, modifier in columns
        ]


def _undeclared(type_: PgType, modifier: int) -> PgType:
    """The type of a result column, of which nobody declared how many dimensions its arrays have."""
    known = with_modifier(type_, modifier) if modifier >= 0 else type_
    return replace(known, ndims=0) if type_.kind == "array" else known


async def _copy_out(session: Session, statement: Statement, args: Any) -> int:
    return await copy_out(session, statement, *args)


async def _script(session: Session, statement: Statement, args: Any) -> str:
    return await session.script(statement)


__all__ = ["DEFAULT_PREFETCH", "Executor"]
