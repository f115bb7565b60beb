"""One server session: an asyncpg connection with its prepared statements and what is known of its state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from secrets import randbits
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

import asyncpg

from chakra.db import driver
from chakra.db.errors import commit_unknown, is_out_of_step, lost, translate, was_answered
from chakra.db.hooks import HookChain, Kind
from chakra.db.records import composites_in, documents_in, guard_records
from chakra.db.relations import Fetch, Run
from chakra.db.reset import DEALLOCATE, FOUND_OTHERS, reset_script
from chakra.db.search_path import PathStatements, SearchPath
from chakra.db.second_try import prepared_again
from chakra.db.session_effects import Effect
from chakra.db.statements import StatementCache
from chakra.db.streams import OpenStream, clear_wire, end_streams
from chakra.errors import ChakraError, DataError, TransactionError

if TYPE_CHECKING:
    from chakra.db.transactions import Transaction

T = TypeVar("T")

Record: TypeAlias = asyncpg.Record

# What calls on a connection that was cut meanwhile end in, beside asyncpg's own errors: asyncio's and uvloop's
# transports raise RuntimeError, and asyncpg (0.32) writes to a transport that is None.
_AFTER_THE_END = (asyncpg.InterfaceError, RuntimeError, AttributeError, EOFError)


class Session:
    """A connection of the pool. Not safe for two tasks at once: asyncpg refuses the second statement.

    Attributes:
        raw: the asyncpg connection.
        loan: how often it was given back; what was begun under another number (a transaction, a stream) must not
            touch the wire any more.
        busy: statements on their way.
        streams: queries that are being read from it.
        dirty: something may have been left on the session; it is reset before anyone else gets it.
        effects: what its open transaction has changed in the catalog, which others cannot see yet.
        suspect: a statement was cut off; whether the connection is usable must be found out first.
        documents: see ``Executor``; filled in when a statement is prepared.
        records: attributes of composite types by their OIDs, as they were before the driver asked for them.
        parsed: how many statements had been run when the last one was prepared.
        transaction: innermost open transaction, or ``None``.
        ending: a rollback or commit that goes on though the task it was for was cancelled; see ``Pool.finish``.
        created, idle_since: clock readings of ``time.monotonic()``.
        generation: catalog generation the cached statements belong to.
        path: the search path its statements run under.
        statements: those prepared under that path.
    """

    __slots__ = (
        "_away",
        "_home",
        "_quiet",
        "busy",
        "created",
        "dirty",
        "documents",
        "effects",
        "ending",
        "generation",
        "hooks",
        "idle_since",
        "loan",
        "named",
        "parsed",
        "path",
        "raw",
        "records",
        "statements",
        "streams",
        "suspect",
        "transaction",
    )

    def __init__(
        self,
        raw: driver.RawConnection,
        hooks: HookChain,
        statement_limit: int,
        documents: StatementCache[frozenset[int]],
    ) -> None:
        self.raw = raw
        self.documents = documents
        self.hooks = hooks
        self._home: StatementCache[driver.RawStatement] = StatementCache(statement_limit)
        self._away: StatementCache[driver.RawStatement] = StatementCache(statement_limit)
        self.statements: StatementCache[driver.RawStatement] | PathStatements[driver.RawStatement] = (
            self._home
        )
        self.path = SearchPath(raw)
        self.named = statement_limit > 0
        self.loan = 0
        self.busy = 0
        self.streams: list[OpenStream] = []
        self._quiet: asyncio.Future[None] | None = None
        self.dirty = False
        self.effects = Effect.CLEAN
        self.suspect = False
        self.parsed = -1
        self.records: dict[str, str] = {}
        self.transaction: Transaction | None = None
        self.ending: asyncio.Task[Any] | None = None
        self.generation = 0
        self.created = self.idle_since = time.monotonic()

    # -- statements ---------------------------------------------------------------------------------

    async def fetch(self, sql: str, args: Sequence[Any], *, pure: bool = True) -> list[Record]:
        """Run a statement and return all its rows."""
        if self.streams:
            await clear_wire(self)
        self.busy += 1
        try:
            if self.hooks:
                return await self._watched(self.fetch_unwatched, sql, args, "fetch", pure)  # type: ignore[no-any-return]
            return await self.fetch_unwatched(sql, args, pure)
        finally:
            self.statement_ended()

    async def fetch_unwatched(self, sql: str, args: Sequence[Any], pure: bool = True) -> list[Record]:
        """Like ``fetch``, past the hook chain: for what Chakra asks on its own account."""
        try:
            statement = self.statements.get(sql)
            if statement is None:
                statement = await self.prepare(sql)
            return await statement.fetch(*args)  # type: ignore[no-any-return]
        except BaseException as error:
            statement = await prepared_again(self, error, sql, pure, args)
        try:
            return await statement.fetch(*args)  # type: ignore[no-any-return]
        except BaseException as error:
            await self.settle(error)
            self.fail(error, sql)

    async def fetch_quietly(self, sql: str, args: Sequence[Any]) -> list[Record]:
        """Like ``fetch``, past the hook chain."""
        if self.streams:
            await clear_wire(self)
        if not args:
            driver.check_text(self.raw)  # values may stand in the text
        self.busy += 1
        try:
            return await self.fetch_unwatched(sql, args)
        finally:
            self.statement_ended()

    async def fetch_once(self, sql: str) -> list[Record]:
        """Run a query whose text will not come again: it is not kept, so there is no plan of it to be out of date."""
        if self.streams:
            await clear_wire(self)
        self.busy += 1
        try:
            if self.hooks:
                return await self._watched(self._fetch_once, sql, (), "fetch", True)  # type: ignore[no-any-return]
            return await self._fetch_once(sql, (), True)
        finally:
            self.statement_ended()

    async def _fetch_once(self, sql: str, args: Sequence[Any], pure: bool) -> list[Record]:
        try:
            return await (await self.raw.prepare(sql, name="")).fetch(*args)  # type: ignore[no-any-return]
        except BaseException as error:
            self.suspect |= not self.raw.is_in_transaction()  # nothing may have ended what the Parse began
            self.fail(error, sql)

    async def fetchrow(self, sql: str, args: Sequence[Any], *, pure: bool = True) -> Record | None:
        """Run a statement and return its first row, or ``None``."""
        if self.streams:
            await clear_wire(self)
        self.busy += 1
        try:
            if self.hooks:
                return await self._watched(self._fetchrow, sql, args, "fetchrow", pure)
            return await self._fetchrow(sql, args, pure)
        finally:
            self.statement_ended()

    async def _fetchrow(self, sql: str, args: Sequence[Any], pure: bool) -> Record | None:
        try:
            statement = self.statements.get(sql)
            if statement is None:
                statement = await self.prepare(sql)
            return await statement.fetchrow(*args)
        except BaseException as error:
            statement = await prepared_again(self, error, sql, pure, args)
        try:
            return await statement.fetchrow(*args)
        except BaseException as error:
            await self.settle(error)
            self.fail(error, sql)

    async def execute(self, sql: str, args: Sequence[Any], *, pure: bool = True) -> str:
        """Run a statement and return its status tag (``"UPDATE 3"``)."""
        if self.streams:
            await clear_wire(self)
        self.busy += 1
        try:
            if self.hooks:
                return await self._watched(self._execute, sql, args, "execute", pure)  # type: ignore[no-any-return]
            return await self._execute(sql, args, pure)
        finally:
            self.statement_ended()

    async def _execute(self, sql: str, args: Sequence[Any], pure: bool) -> str:
        try:
            statement = self.statements.get(sql)
            if statement is None:
                statement = await self.prepare(sql, rows=False)
            await statement.fetch(*args)
            return statement.get_statusmsg() or ""
        except BaseException as error:
            statement = await prepared_again(self, error, sql, pure, args)
        try:
            await statement.fetch(*args)
            return statement.get_statusmsg() or ""
        except BaseException as error:
            await self.settle(error)
            self.fail(error, sql)

    async def script(self, sql: str, kind: Kind = "execute", shown: str | None = None) -> str:
        """Run SQL without parameters, several statements if need be, in one round trip; returns the tag.

        Args:
            shown: what hooks and errors get to see, if values stand in the text.
        """
        if self.streams:
            await clear_wire(self)
        return await self.script_now(sql, kind, shown)

    async def script_now(self, sql: str, kind: Kind = "execute", shown: str | None = None) -> str:
        """Like ``script``, for a stream's own statements: the others are not looked at.

        Args:
            shown: what hooks and errors get to see, if values stand in the text.
        """
        if self.hooks:
            return await self.watch(lambda: self._script(sql, shown), shown or sql, kind)
        self.busy += 1
        try:
            return await self._script(sql, shown)
        finally:
            self.statement_ended()

    async def _script(self, sql: str, shown: str | None) -> str:
        if self.ending is not None:
            await self.rest()
        try:
            status = await self.raw.execute(sql)
            await self.follow_path(shown or sql)
            return status  # type: ignore[no-any-return]
        except BaseException as error:
            self.fail(error, shown or sql)

    async def commit(self) -> str:
        """Send COMMIT; returns its tag, ``ROLLBACK`` where the transaction was aborted.

        Raises:
            CommitUnknown: no answer came; neither this nor another error tells whether it happened.
        """
        try:
            return await self.script_now("COMMIT", "transaction")
        except ChakraError as error:
            if was_answered(error) or isinstance(error, TransactionError):  # busy: it was not sent
                raise
            raise commit_unknown(error, "COMMIT") from error

    async def executemany(self, sql: str, rows: Any) -> None:
        """Run a statement once for each sequence of arguments, all or nothing, pipelined by the driver."""
        if self.streams:
            await clear_wire(self)
        self.busy += 1
        try:
            if self.hooks:
                await self._watched(self._executemany, sql, rows, "executemany", False)
            else:
                await self._executemany(sql, rows, False)
        finally:
            self.statement_ended()

    async def _executemany(self, sql: str, rows: Any, pure: bool) -> None:
        try:
            statement = self.statements.get(sql)
            if statement is None:
                statement = await self.prepare(sql)
            await self._run_many(statement, rows)
        except BaseException as error:
            if not isinstance(rows, Sequence):  # a generator is used up; there is no second try
                await self.settle(error)
                self.fail(error, sql)
            statement = await prepared_again(self, error, sql, pure, ())
        else:
            return
        try:
            await self._run_many(statement, rows)
        except BaseException as error:
            await self.settle(error)
            self.fail(error, sql)

    async def _run_many(self, statement: driver.RawStatement, rows: Any) -> None:
        fresh = self.just_parsed
        try:
            await statement.executemany(rows)
        except BaseException:
            if fresh:  # the driver counts it as run when it has refused the first values
                self.parsed = driver.statements_run(self.raw)
            raise

    async def prepare(self, sql: str, *, rows: bool = True) -> driver.RawStatement:
        """Prepare a statement and keep it for its next use.

        Args:
            rows: whether its rows are wanted, or only its status tag.

        The driver parses without a Sync, which leaves the server in a transaction until something is executed:
        whoever does not go on to that calls :meth:`settle`.
        """
        statement = await self.parse(sql)
        documents = documents_in(statement) if rows else None
        if documents:
            self.documents.put(sql, documents)
        if self.named:
            composites = composites_in(statement) if rows else []
            if composites:
                statement = await guard_records(self, sql, statement, composites)
            self.statements.put(sql, statement)
        return statement

    async def parse(self, sql: str) -> driver.RawStatement:
        """Prepare a statement as it is, and leave it to the caller."""
        self.parsed = driver.statements_run(self.raw)
        statement = await self.raw.prepare(sql, name=f"chakra_{randbits(63)}" if self.named else "")
        self.parsed = driver.statements_run(self.raw)  # the driver may have asked for types
        return statement

    async def describe(self, sql: str) -> tuple[list[int], list[tuple[str, int, int]]]:
        """Return the type OIDs of a query's parameters; name, type OID and modifier (-1 = none, or not known) of
        its columns. Nothing is run.
        """
        if self.streams:
            await clear_wire(self)
        if self.ending is not None:
            await self.rest()
        try:
            # Never from the cache: a statement prepared before another process changed the table would describe
            # columns that COPY, planned anew, does not send, and types of one width would swap unnoticed.
            statement = await self.parse(sql)
            parameters = [p.oid for p in statement.get_parameters()]
            attributes = statement.get_attributes()
            modifiers = driver.result_modifiers(statement) or [-1] * len(attributes)
            await self.settle()
            return parameters, [
                (a.name, a.type.oid, modifier) for a, modifier in zip(attributes, modifiers, strict=True)
            ]
        except BaseException as error:
            await self.settle(error)
            self.fail(error, sql)

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

    @property
    def unfinished(self) -> bool:
        """Whether anything is left to be ended or found out before somebody else may have the session."""
        return bool(self.suspect or self.busy or self.streams or self.raw.is_in_transaction())

    def statement_ended(self) -> None:
        """Count one statement less on its way."""
        self.busy -= 1
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

    async def ask(self, work: Callable[[Run, Fetch], Awaitable[T]]) -> T:
        """Look something up for Chakra's own use, past the hook chain: ``work`` is given what runs a query."""
        if self.streams:
            await clear_wire(self)
        self.busy += 1
        try:
            return await work(self.raw.execute, lambda sql: self.fetch_unwatched(sql, ()))
        except BaseException as error:
            self.fail(error, "(a look into the catalog)")
        finally:
            self.statement_ended()

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

    async def reset(self, *, everything: bool = True) -> None:
        """Bring the session back to its first state: roll back, and undo whatever a borrower left.

        Args:
            everything: run the reset script; without it only an open transaction is rolled back.
        """
        await end_streams(self)
        await self.quiet()
        # What is known of a suspect session is as old as its last answer: BEGIN may have been cut off.
        script = "ROLLBACK" if self.suspect or self.raw.is_in_transaction() else ""
        if everything:
            names = [s.get_name() for kept in (self._home, self._away) for s in kept.values()]
            undo = reset_script([*names, *driver.prepared_by_driver(self.raw)])
            script = f"{script}; {undo}" if script else undo
        if script and await self.raw.execute(script) == FOUND_OTHERS and everything:
            await self.raw.execute(DEALLOCATE)
            self.lose_statements()
        if everything:
            self.path.returned()
            self.statements = self._home
        elif script:
            await self.follow_path(script)
        self.transaction = None
        self.dirty = self.suspect = False

    def lose_statements(self) -> None:
        """Forget the prepared statements, which are not on the server any more."""
        self._home.clear()
        self._away.clear()
        driver.forget_prepared(self.raw)

    def terminate(self) -> None:
        """Cut the connection without a word to the server."""
        self.raw.terminate()

    async def free(self) -> None:
        """Wait until the next statement can be sent.

        Raises:
            TransactionError: a stream that is being read occupies the connection.
        """
        if self.streams:
            await clear_wire(self)
        if self.ending is not None:
            await self.rest()

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
        if found is error:
            raise error
        raise found from error

    async def watch(self, run: Callable[[], Awaitable[str]], sql: str, kind: Kind) -> str:
        """Await ``run()``, which returns a status tag, between the two calls of the hook chain."""
        self.busy += 1
        try:
            if not self.hooks:
                return await run()
            event = self.hooks.before(sql, (), kind)
            try:
                status = await run()
            except BaseException as error:
                self.hooks.after(event, None, error)
                raise
            self.hooks.after(event, rows_of(status))
            return status
        finally:
            self.statement_ended()

    async def _watched(self, run: Any, sql: str, args: Any, kind: Kind, pure: bool) -> Any:
        event = self.hooks.before(sql, args, kind)
        try:
            result = await run(sql, args, pure)
        except BaseException as error:
            self.hooks.after(event, None, error)
            raise
        rows: int | None = None
        if isinstance(result, list):
            rows = len(result)
        elif isinstance(result, str):
            rows = rows_of(result)
        elif kind == "fetchrow":
            rows = int(result is not None)
        self.hooks.after(event, rows)
        return result


def rows_of(status: str) -> int:
    """The number of rows in a status tag: 3 for ``UPDATE 3`` and ``INSERT 0 3``, 0 for ``CREATE TABLE``."""
    last = status.rpartition(" ")[2]
    return int(last) if last.isdecimal() else 0


__all__ = ["Record", "Session", "rows_of"]
