"""One server session: a connection that is lent, runs statements past the hook chain, and is given back as new."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import Any, ClassVar, NoReturn, TypeAlias, TypeVar

import asyncpg

from chakra.db import driver
from chakra.db.cache import StatementCache
from chakra.db.counters import Counters
from chakra.db.errors import commit_unknown, was_answered
from chakra.db.hooks import HookChain, Kind, Meter
from chakra.db.relations import Fetch, Run
from chakra.db.reset import DEALLOCATE, FOUND_OTHERS, reset_script
from chakra.db.scope import Scope
from chakra.db.second_try import prepared_again
from chakra.db.session_effects import Effect
from chakra.db.statements import Own, Statement
from chakra.db.streams import OpenStream, clear_wire, end_streams
from chakra.db.wire import Wire
from chakra.errors import ChakraError, TransactionError
from chakra.pg.showing import showing

T = TypeVar("T")

Record: TypeAlias = asyncpg.Record

COMMIT = Own("COMMIT")

# read_only_sql_transaction (manual, appendix A).
_READ_ONLY = "25006"

_LOOK = "(a look into the catalog)"


class Session(Wire):
    """A connection of the pool.

    Attributes:
        hooks: what sees every statement.
        loan: how often it was given back; what was begun under another number (a transaction, a stream) must not
            touch the wire any more.
        lent: how often it was borrowed and given back.
        streams: queries that are being read from it.
        dirty: something may have been left on the session; it is reset before anyone else gets it.
        effects: what its open transaction has changed in the catalog, which others cannot see yet.
        transaction: innermost open transaction, or ``None``.
        created, idle_since, expires: clock readings of ``time.monotonic()``.
        seen: another one: when it was last known to answer.
        generation: catalog generation the cached statements belong to.
    """

    __slots__ = (
        "created",
        "dirty",
        "effects",
        "expires",
        "generation",
        "hooks",
        "idle_since",
        "lent",
        "loan",
        "seen",
        "streams",
        "transaction",
    )

    def __init__(
        self,
        raw: driver.RawConnection,
        hooks: HookChain,
        statement_limit: int,
        documents: StatementCache[frozenset[int]],
        counters: Counters | None = None,
    ) -> None:
        super().__init__(raw, statement_limit, documents, counters)
        self.hooks = hooks
        self.loan = self.lent = 0
        self.streams: list[OpenStream] = []
        self.dirty = False
        self.effects = Effect.CLEAN
        self.transaction: Scope | None = None
        self.generation = 0
        self.created = self.idle_since = self.seen = time.monotonic()
        self.expires = inf

    lazy: ClassVar[bool] = False
    """Whether it stands for a session that is yet to be had; see ``chakra.db.lazy``."""

    async def begun(self) -> Session:
        """The session itself; of a lazy one, the one that has begun."""
        return self

    # -- statements ---------------------------------------------------------------------------------

    async def fetch(self, statement: Statement, args: Sequence[Any]) -> list[Record]:
        """Run a statement and return all its rows."""
        if self.streams:
            await clear_wire(self.streams)
        self.busy += 1
        try:
            if self.hooks.added:
                return await self._watched(self._fetch, statement, args, "fetch")  # type: ignore[no-any-return]
            return await self._fetch(statement, args)
        finally:
            self.statement_ended()

    async def _fetch(self, statement: Statement, args: Sequence[Any], comment: str = "") -> list[Record]:
        sql = statement.sql
        try:
            prepared = None if comment else self.statements.get(sql)
            if prepared is None:
                prepared = await self.prepare(sql, comment=comment)
            return await prepared.fetch(*args)  # type: ignore[no-any-return]
        except BaseException as error:
            prepared = await prepared_again(self, error, statement, args, comment)
        try:
            return await prepared.fetch(*args)  # type: ignore[no-any-return]
        except BaseException as error:
            await self.settle(error)
            self.fail(error, sql)

    async def fetch_quietly(self, statement: Statement, args: Sequence[Any]) -> list[Record]:
        """Like ``fetch``, past the hook chain: for what Chakra asks on its own account."""
        if self.streams:
            await clear_wire(self.streams)
        if not args:
            driver.check_text(self.raw)  # values may stand in the text
        self.busy += 1
        try:
            return await self._fetch(statement, args)
        finally:
            self.statement_ended()

    async def fetch_once(self, statement: Statement, text: str | None = None) -> list[Record]:
        """Run a query whose text will not come again: it is not kept, so there is no plan of it to be out of date.

        Args:
            text: what is sent, if values stand in it.
        """
        if self.streams:
            await clear_wire(self.streams)
        sql = statement.sql if text is None else text
        self.busy += 1
        try:
            if self.hooks.added:
                return await self._watched(self._fetch_once, statement, sql, "fetch", sql)  # type: ignore[no-any-return]
            return await self._fetch_once(statement, sql)
        finally:
            self.statement_ended()

    async def _fetch_once(self, statement: Statement, text: str, comment: str = "") -> list[Record]:
        try:
            return await (await self.raw.prepare(text + comment, name="")).fetch()  # type: ignore[no-any-return]
        except BaseException as error:
            self.suspect |= not self.raw.is_in_transaction()  # nothing may have ended what the Parse began
            self.fail(error, text if showing.values else statement.sql)

    async def fetchrow(self, statement: Statement, args: Sequence[Any]) -> Record | None:
        """Run a statement and return its first row, or ``None``."""
        if self.streams:
            await clear_wire(self.streams)
        self.busy += 1
        try:
            if self.hooks.added:
                return await self._watched(self._fetchrow, statement, args, "fetchrow")
            return await self._fetchrow(statement, args)
        finally:
            self.statement_ended()

    async def _fetchrow(self, statement: Statement, args: Sequence[Any], comment: str = "") -> Record | None:
        sql = statement.sql
        try:
            prepared = None if comment else self.statements.get(sql)
            if prepared is None:
                prepared = await self.prepare(sql, comment=comment)
            return await prepared.fetchrow(*args)
        except BaseException as error:
            prepared = await prepared_again(self, error, statement, args, comment)
        try:
            return await prepared.fetchrow(*args)
        except BaseException as error:
            await self.settle(error)
            self.fail(error, sql)

    async def execute(self, statement: Statement, args: Sequence[Any]) -> str:
        """Run a statement and return its status tag (``"UPDATE 3"``)."""
        if self.streams:
            await clear_wire(self.streams)
        self.busy += 1
        try:
            if self.hooks.added:
                return await self._watched(self._execute, statement, args, "execute")  # type: ignore[no-any-return]
            return await self._execute(statement, args)
        finally:
            self.statement_ended()

    async def _execute(self, statement: Statement, args: Sequence[Any], comment: str = "") -> str:
        sql = statement.sql
        try:
            prepared = None if comment else self.statements.get(sql)
            if prepared is None:
                prepared = await self.prepare(sql, rows=False, comment=comment)
            await prepared.fetch(*args)
            return prepared.get_statusmsg() or ""
        except BaseException as error:
            prepared = await prepared_again(self, error, statement, args, comment)
        try:
            await prepared.fetch(*args)
            return prepared.get_statusmsg() or ""
        except BaseException as error:
            await self.settle(error)
            self.fail(error, sql)

    async def executemany(self, statement: Statement, rows: Any) -> None:
        """Run a statement once for each sequence of arguments, all or nothing, pipelined by the driver."""
        if self.streams:
            await clear_wire(self.streams)
        self.busy += 1
        try:
            if self.hooks.added:
                await self._watched(self._executemany, statement, rows, "executemany")
            else:
                await self._executemany(statement, rows)
        finally:
            self.statement_ended()

    async def _executemany(self, statement: Statement, rows: Any, comment: str = "") -> None:
        sql = statement.sql
        try:
            prepared = None if comment else self.statements.get(sql)
            if prepared is None:
                prepared = await self.prepare(sql, comment=comment)
            await self._run_many(prepared, rows)
        except BaseException as error:
            if not isinstance(rows, Sequence):  # a generator is used up; there is no second try
                await self.settle(error)
                self.fail(error, sql)
            prepared = await prepared_again(self, error, statement, (), comment)
        else:
            return
        try:
            await self._run_many(prepared, rows)
        except BaseException as error:
            await self.settle(error)
            self.fail(error, sql)

    async def _run_many(self, prepared: driver.RawStatement, rows: Any) -> None:
        fresh = self.just_parsed
        try:
            await prepared.executemany(rows)
        except BaseException:
            if fresh:  # the driver counts it as run when it has refused the first values
                self.parsed = driver.statements_run(self.raw)
            raise

    async def script(self, statement: Statement, kind: Kind = "execute", text: str | None = None) -> str:
        """Run SQL without parameters, several statements if need be, in one round trip; returns the tag.

        Args:
            text: what is sent, if values stand in it; hooks and errors get to see the statement.
        """
        if self.streams:
            await clear_wire(self.streams)
        return await self.script_now(statement, kind, text)

    async def script_now(self, statement: Statement, kind: Kind = "execute", text: str | None = None) -> str:
        """Like ``script``, for a stream's own statements: the others are not looked at."""
        if self.hooks.added:
            return await self.watch(
                lambda comment: self._script(statement.sql, text, comment), statement, kind, sent=text
            )
        self.busy += 1
        try:
            return await self._script(statement.sql, text)
        finally:
            self.statement_ended()

    async def _script(self, sql: str, text: str | None, comment: str = "") -> str:
        if self.ending is not None:
            await self.rest()
        try:
            status = await self.raw.execute((sql if text is None else text) + comment)
            await self.follow_path(sql)
            return status  # type: ignore[no-any-return]
        except BaseException as error:
            self.fail(error, sql)

    async def commit(self) -> str:
        """Send COMMIT; returns its tag, ``ROLLBACK`` where the transaction was aborted.

        Raises:
            CommitUnknown: no answer came; neither this nor another error tells whether it happened.
        """
        try:
            return await self.script_now(COMMIT, "transaction")
        except ChakraError as error:
            if was_answered(error) or isinstance(error, TransactionError):  # busy: it was not sent
                raise
            raise commit_unknown(error, "COMMIT") from error

    async def describe(self, sql: str) -> tuple[list[int], list[tuple[str, int, int]]]:
        """Return the type OIDs of a query's parameters; name, type OID and modifier (-1 = none, or not known) of
        its columns. Nothing is run.
        """
        if self.streams:
            await clear_wire(self.streams)
        if self.ending is not None:
            await self.rest()
        try:
            # Never from the cache: a statement prepared before another process changed the table would describe
            # columns that COPY, planned anew, does not send, and types of one width would swap unnoticed.
            prepared = await self.parse(sql)
            parameters = [p.oid for p in prepared.get_parameters()]
            attributes = prepared.get_attributes()
            modifiers = driver.result_modifiers(prepared) or [-1] * len(attributes)
            await self.settle()
            return parameters, [
                (a.name, a.type.oid, modifier) for a, modifier in zip(attributes, modifiers, strict=True)
            ]
        except BaseException as error:
            await self.settle(error)
            self.fail(error, sql)

    async def ask(self, work: Callable[[Run, Fetch], Awaitable[T]]) -> T:
        """Look something up for Chakra's own use, past the hook chain: ``work`` is given what runs a query."""
        if self.streams:
            await clear_wire(self.streams)
        self.busy += 1
        try:
            return await work(self.raw.execute, lambda sql: self._fetch(Own(sql), ()))
        except BaseException as error:
            self.fail(error, _LOOK)
        finally:
            self.statement_ended()

    def fail(self, error: BaseException, sql: str) -> NoReturn:
        if getattr(error, "sqlstate", None) == _READ_ONLY:
            self.dirty = (
                True  # of a server that was demoted, perhaps: the pool looks before it lends it again
            )
        super().fail(error, sql)

    # -- state --------------------------------------------------------------------------------------

    @property
    def unfinished(self) -> bool:
        """Whether anything is left to be ended or found out before somebody else may have the session."""
        return bool(self.suspect or self.busy or self.streams or self.raw.is_in_transaction())

    async def free(self) -> None:
        """Wait until the next statement can be sent.

        Raises:
            TransactionError: a stream that is being read occupies the connection.
        """
        if self.streams:
            await clear_wire(self.streams)
        if self.ending is not None:
            await self.rest()

    async def reset(self, *, everything: bool = True) -> None:
        """Bring the session back to its first state: roll back, and undo whatever a borrower left.

        Args:
            everything: run the reset script; without it only an open transaction is rolled back.
        """
        await end_streams(self.streams)
        await self.quiet()
        # What is known of a suspect session is as old as its last answer: BEGIN may have been cut off.
        script = "ROLLBACK" if self.suspect or self.raw.is_in_transaction() else ""
        if everything:
            undo = reset_script(self.prepared_names())
            script = f"{script}; {undo}" if script else undo
        if script and await self.raw.execute(script) == FOUND_OTHERS and everything:
            await self.raw.execute(DEALLOCATE)
            self.lose_statements()
        if everything:
            self.returned_home()
        elif script:
            await self.follow_path(script)
        self.transaction = None
        self.dirty = self.suspect = False

    # -- hooks --------------------------------------------------------------------------------------

    async def watch(
        self,
        run: Callable[[str], Awaitable[str]],
        statement: Statement,
        kind: Kind,
        meter: Meter | None = None,
        sent: str | None = None,
    ) -> str:
        """Await ``run(comment)``, which returns a status tag, between the two calls of the hook chain.

        Args:
            meter: of a COPY stream, what counts its bytes.
            sent: what is sent, if values stand in it.
        """
        self.busy += 1
        try:
            if not self.hooks.added:
                return await run("")
            event = self.hooks.before(statement, kind, None, sent)
            try:
                status = await run(event.comment)
            except BaseException as error:
                if meter is not None:
                    meter.tell(event)
                self.hooks.after(event, None, error)
                raise
            if meter is not None:
                meter.tell(event)
            self.hooks.after(event, rows_of(status))
            return status
        finally:
            self.statement_ended()

    async def _watched(
        self, run: Any, statement: Statement, args: Any, kind: Kind, sent: str | None = None
    ) -> Any:
        event = self.hooks.before(statement, kind, args, sent)
        try:
            if event.comment:
                result = await run(statement, args, event.comment)
            else:
                result = await run(statement, args)
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


__all__ = ["COMMIT", "Record", "Session", "rows_of"]
