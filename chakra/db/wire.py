"""One connection to the server: the statements prepared on it, and what is known of its state.

It knows neither hooks nor streams nor who has borrowed it; that is the ``Session`` above it.
"""

from __future__ import annotations

import asyncio
from secrets import randbits
from typing import Any, NoReturn

import asyncpg

from chakra.db import driver
from chakra.db.cache import StatementCache
from chakra.db.counters import Counters
from chakra.db.errors import is_out_of_step, lost, translate
from chakra.db.hooks import Passing
from chakra.db.records import composites_in, documents_in, with_check
from chakra.db.search_path import PathStatements, SearchPath
from chakra.errors import DataError

# What calls on a connection that was cut meanwhile end in, beside asyncpg's own errors: asyncio's and uvloop's
# transports raise RuntimeError, and asyncpg (0.32) writes to a transport that is None.
_AFTER_THE_END = (asyncpg.InterfaceError, RuntimeError, AttributeError, EOFError)


class Wire:
    """A connection. Not safe for two tasks at once: asyncpg refuses the second statement.

    Attributes:
        raw: the asyncpg connection.
        busy: statements on their way.
        suspect: a statement was cut off; whether the connection is usable must be found out first.
        ending: a rollback or commit that goes on though the task it was for was cancelled; see ``Pool.finish``.
        documents: see ``Core``; filled in when a statement is prepared.
        records: attributes of composite types by their OIDs, as they were before the driver asked for them.
        parsed: how many statements had been run when the last one was prepared.
        named: whether prepared statements have names, and are kept.
        path: the search path its statements run under.
        statements: those prepared under that path.
        counters: of all connections of the pool.
        pid, host: its server process, or what a pooler calls so, and where it is.
        ran: statements that were run on it.
        misses, again: statements that were prepared on it, and those of them that the catalog had changed under.
    """

    __slots__ = (
        "_away",
        "_home",
        "_quiet",
        "again",
        "busy",
        "counters",
        "documents",
        "ending",
        "host",
        "misses",
        "named",
        "parsed",
        "path",
        "pid",
        "ran",
        "raw",
        "records",
        "statements",
        "suspect",
    )

    def __init__(
        self,
        raw: driver.RawConnection,
        statement_limit: int,
        documents: StatementCache[frozenset[int]],
        counters: Counters | None = None,
    ) -> None:
        self.raw = raw
        self.documents = documents
        self.counters = counters or Counters()
        self.pid, self.host = driver.other_end(raw)
        self.ran = self.misses = self.again = 0
        self._home: StatementCache[driver.RawStatement] = StatementCache(statement_limit)
        self._away: StatementCache[driver.RawStatement] = StatementCache(statement_limit)
        self.statements: StatementCache[driver.RawStatement] | PathStatements[driver.RawStatement] = (
            self._home
        )
        self.path = SearchPath(raw)
        self.named = statement_limit > 0
        self.busy = 0
        self.suspect = False
        self.ending: asyncio.Task[Any] | None = None
        self.parsed = -1
        self.records: dict[str, str] = {}
        self._quiet: asyncio.Future[None] | None = None

    # -- prepared statements ------------------------------------------------------------------------

    async def prepare(self, sql: str, *, rows: bool = True, comment: str = "") -> driver.RawStatement:
        """Prepare a statement and keep it for its next use.

        Args:
            rows: whether its rows are wanted, or only its status tag.
            comment: what a hook wants to stand behind it. With it, it is another statement to the server, and is kept
                as that, unless the comment is a passing one.

        The driver parses without a Sync, which leaves the server in a transaction until something is executed:
        whoever does not go on to that calls :meth:`settle`.
        """
        key = sql + comment
        keep = self.named and not isinstance(comment, Passing)
        if comment and keep and (kept := self.statements.get(key)) is not None:
            return kept
        self.misses += 1
        statement = await self.parse(key, keep=keep)
        documents = documents_in(statement) if rows else None
        if documents:
            self.documents.put(sql, documents)
        if keep:
            composites = composites_in(statement) if rows else []
            if composites:
                statement = await self._checking(sql, statement, composites)
            self.statements.put(key, statement)
        return statement

    async def _checking(
        self, sql: str, statement: driver.RawStatement, composites: list[int]
    ) -> driver.RawStatement:
        """The statement with a check of the composites in its rows; where it takes none, as it is."""
        inside = self.in_transaction
        text = await with_check(self.raw, sql, composites, self.records, inside=inside)
        if text is None:
            return statement
        try:
            return await self.parse(text)
        except asyncpg.PostgresError:
            if self.in_transaction:
                raise
            return statement

    async def parse(self, sql: str, *, keep: bool = True) -> driver.RawStatement:
        """Prepare a statement as it is, and leave it to the caller.

        Args:
            keep: whether it may be run more than once.
        """
        self.parsed = driver.statements_run(self.raw)
        statement = await self.raw.prepare(sql, name=f"chakra_{randbits(63)}" if self.named and keep else "")
        self.parsed = driver.statements_run(self.raw)  # the driver may have asked for types
        return statement

    async def follow_path(self, sql: str) -> None:
        """Keep to statements prepared under the search path that holds behind a statement."""
        if self.named and await self.path.follow(sql):
            elsewhere = self.path.elsewhere
            self.statements = self._home if elsewhere is None else PathStatements(elsewhere, self._away)

    async def forget_statements(self) -> None:
        """Drop prepared statements and the driver's type cache after the catalog changed."""
        self._home.clear()
        self._away.clear()
        self.records.clear()
        await self.raw.reload_schema_state()

    def lose_statements(self) -> None:
        """Forget the prepared statements, which are not on the server any more."""
        self._home.clear()
        self._away.clear()
        driver.forget_prepared(self.raw)

    def returned_home(self) -> None:
        """The search path is that of the beginning again."""
        self.path.returned()
        self.statements = self._home

    def prepared_names(self) -> list[str]:
        """Names of all statements that are prepared on the server."""
        ours = [s.get_name() for kept in (self._home, self._away) for s in kept.values()]
        return [*ours, *driver.prepared_by_driver(self.raw)]

    async def settle(self, error: BaseException | None = None) -> None:
        """End the transaction that a Parse without Sync has opened on the server, if nothing was executed since.

        It would hold the locks of planning, and give later statements its time as ``now()``. One round trip, only
        behind a description and a value that the driver refused; an error of the server has ended it already, and
        a session amid something is not spoken to.
        """
        if not self.just_parsed:
            return
        refused = isinstance(error, Exception) and not isinstance(error, OSError)
        if error is not None and (not refused or getattr(error, "severity", None) is not None):
            return
        if self.raw.is_closed() or self.raw.is_in_transaction():
            return
        try:
            await self.raw.execute("SELECT")  # the driver takes no empty statement
        except asyncpg.InterfaceError:
            pass  # another task's statement is under way, which ends the transaction
        except BaseException:
            self.suspect = True
            if error is None:
                raise

    @property
    def hits(self) -> int:
        """How often a statement was found prepared."""
        return self._home.hits + self._away.hits

    @property
    def kept(self) -> int:
        """Statements that are kept prepared."""
        return len(self._home) + len(self._away)

    @property
    def just_parsed(self) -> bool:
        """Whether nothing was run since the last statement was prepared."""
        return self.parsed == driver.statements_run(self.raw)

    # -- state --------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return bool(self.raw.is_closed())

    @property
    def in_transaction(self) -> bool:
        """Whether the server has a transaction open on this session."""
        return not self.raw.is_closed() and bool(self.raw.is_in_transaction())

    def statement_ended(self) -> None:
        """Count one statement less on its way."""
        self.busy -= 1
        self.ran += 1
        if self._quiet is not None and not self.busy:
            self._quiet.set_result(None)
            self._quiet = None

    async def quiet(self) -> None:
        """Wait until no statement is on its way."""
        while self.busy:
            if self._quiet is None:
                self._quiet = asyncio.get_running_loop().create_future()
            await asyncio.wait(
                (self._quiet,)
            )  # others may wait for it, too: it is not cancelled with one of them

    def terminate(self) -> None:
        """Cut the connection without a word to the server."""
        self.raw.terminate()

    async def rest(self) -> None:
        """Wait for the end of a rollback or commit whose task was cancelled; no-op within it."""
        ending = self.ending
        if ending is not None and ending is not asyncio.current_task():
            await asyncio.wait((ending,))

    def ended(self, ending: asyncio.Task[Any]) -> None:
        """Note the end of a rollback or commit."""
        if self.ending is ending:
            self.ending = None

    # -- failure ------------------------------------------------------------------------------------

    def fail(self, error: BaseException, sql: str) -> NoReturn:
        """Raise what stands for a failure, noting whether the connection may be amid something."""
        if not isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
            self.suspect = True
        if is_out_of_step(error):
            self.raw.terminate()
        found = translate(error, sql)
        if self.raw.is_closed() and isinstance(error, _AFTER_THE_END) and not isinstance(found, DataError):
            found = lost(error)
        self.counters.error(found)
        if found is error:
            raise error
        raise found from error


__all__ = ["Wire"]
