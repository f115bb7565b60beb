"""One server session: an asyncpg connection with its prepared statements and what is known of its state."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import asyncpg

from chakra.db import driver
from chakra.db.errors import is_stale_layout, is_stale_plan, translate
from chakra.db.hooks import HookChain, Kind
from chakra.db.session_effects import Effect, effects_of
from chakra.db.statements import StatementCache
from chakra.db.unreadable import explain, undecodable, unreadable

if TYPE_CHECKING:
    from chakra.db.transactions import Transaction

Record: TypeAlias = asyncpg.Record

RESET = (
    "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; "
    "SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES"
)
"""One round trip that gives a session back as new, but for its prepared statements.

``asyncpg.Connection.reset()`` leaves SET ROLE, temporary tables and sequence state behind; DISCARD ALL would
throw the prepared statements away.
"""

_names = count(1)


class Session:
    """A connection of the pool. Not safe for two tasks at once: asyncpg refuses the second statement.

    Attributes:
        raw: the asyncpg connection.
        dirty: something may have been left on the session; it is reset before anyone else gets it.
        suspect: a statement was cut off; whether the connection is usable must be found out first.
        transaction: innermost open transaction, or ``None``.
        created, idle_since: clock readings of ``time.monotonic()``.
        generation: catalog generation the cached statements belong to.
    """

    __slots__ = (
        "created",
        "dirty",
        "generation",
        "hooks",
        "idle_since",
        "named",
        "raw",
        "statements",
        "suspect",
        "transaction",
    )

    def __init__(self, raw: driver.RawConnection, hooks: HookChain, statement_limit: int) -> None:
        self.raw = raw
        self.hooks = hooks
        self.statements: StatementCache[driver.RawStatement] = StatementCache(statement_limit)
        self.named = statement_limit > 0
        self.dirty = False
        self.suspect = False
        self.transaction: Transaction | None = None
        self.generation = 0
        self.created = self.idle_since = time.monotonic()

    # -- statements ---------------------------------------------------------------------------------

    async def fetch(self, sql: str, args: Sequence[Any], *, pure: bool = True) -> list[Record]:
        """Run a statement and return all its rows."""
        if self.hooks:
            return await self._watched(self.fetch_unwatched, sql, args, "fetch", pure)  # type: ignore[no-any-return]
        return await self.fetch_unwatched(sql, args, pure)

    async def fetch_unwatched(self, sql: str, args: Sequence[Any], pure: bool = True) -> list[Record]:
        """Like ``fetch``, past the hook chain: for what Chakra asks on its own account."""
        try:
            statement = self.statements.get(sql)
            if statement is None:
                statement = await self.prepare(sql)
            return await statement.fetch(*args)  # type: ignore[no-any-return]
        except BaseException as error:
            statement = await self._prepare_again(error, sql, pure, args)
        try:
            return await statement.fetch(*args)  # type: ignore[no-any-return]
        except BaseException as error:
            self.fail(error, sql)

    async def fetchrow(self, sql: str, args: Sequence[Any], *, pure: bool = True) -> Record | None:
        """Run a statement and return its first row, or ``None``."""
        if self.hooks:
            return await self._watched(self._fetchrow, sql, args, "fetchrow", pure)
        return await self._fetchrow(sql, args, pure)

    async def _fetchrow(self, sql: str, args: Sequence[Any], pure: bool) -> Record | None:
        try:
            statement = self.statements.get(sql)
            if statement is None:
                statement = await self.prepare(sql)
            return await statement.fetchrow(*args)
        except BaseException as error:
            statement = await self._prepare_again(error, sql, pure, args)
        try:
            return await statement.fetchrow(*args)
        except BaseException as error:
            self.fail(error, sql)

    async def execute(self, sql: str, args: Sequence[Any], *, pure: bool = True) -> str:
        """Run a statement and return its status tag (``"UPDATE 3"``)."""
        if self.hooks:
            return await self._watched(self._execute, sql, args, "execute", pure)  # type: ignore[no-any-return]
        return await self._execute(sql, args, pure)

    async def _execute(self, sql: str, args: Sequence[Any], pure: bool) -> str:
        try:
            statement = self.statements.get(sql)
            if statement is None:
                statement = await self.prepare(sql)
            await statement.fetch(*args)
            return statement.get_statusmsg() or ""
        except BaseException as error:
            statement = await self._prepare_again(error, sql, pure, args)
        try:
            await statement.fetch(*args)
            return statement.get_statusmsg() or ""
        except BaseException as error:
            self.fail(error, sql)

    async def script(self, sql: str, kind: Kind = "execute") -> str:
        """Run SQL without parameters, several statements if need be, in one round trip; returns the tag."""
        if self.hooks:
            return await self.watch(lambda: self._script(sql), sql, kind)
        return await self._script(sql)

    async def _script(self, sql: str) -> str:
        try:
            return await self.raw.execute(sql)  # type: ignore[no-any-return]
        except BaseException as error:
            self.fail(error, sql)

    async def executemany(self, sql: str, rows: Any) -> None:
        """Run a statement once for each sequence of arguments, all or nothing, pipelined by the driver."""
        if self.hooks:
            await self._watched(self._executemany, sql, rows, "executemany", False)
        else:
            await self._executemany(sql, rows, False)

    async def _executemany(self, sql: str, rows: Any, pure: bool) -> None:
        try:
            statement = self.statements.get(sql)
            if statement is None:
                statement = await self.prepare(sql)
            await statement.executemany(rows)
        except BaseException as error:
            if not isinstance(rows, Sequence):  # a generator is used up; there is no second try
                self.fail(error, sql)
            statement = await self._prepare_again(error, sql, pure, ())
        else:
            return
        try:
            await statement.executemany(rows)
        except BaseException as error:
            self.fail(error, sql)

    async def cursor(
        self, sql: str, args: Sequence[Any], prefetch: int
    ) -> AsyncGenerator[list[Record], None]:
        """Read a result in blocks of ``prefetch`` rows through a portal; needs an open transaction."""
        event = self.hooks.before(sql, args, "cursor") if self.hooks else None
        rows, failure = 0, None
        cursor = None
        try:
            while True:
                try:
                    if cursor is None:
                        statement = self.statements.get(sql) or await self.prepare(sql)
                        cursor = await statement.cursor(*args)
                    block = await cursor.fetch(prefetch)
                except BaseException as error:
                    failure = error
                    if undecodable(error):
                        raise unreadable(self.statements.get(sql), error) from error
                    self.fail(error, sql)
                if block:
                    rows += len(block)
                    yield block
                if len(block) < prefetch:
                    break
        finally:
            if event is not None:
                self.hooks.after(event, rows, failure)
            if cursor is not None and failure is None and self.in_transaction:
                try:
                    await driver.close_cursor(cursor)
                except BaseException as error:
                    self.fail(error, sql)

    async def prepare(self, sql: str) -> driver.RawStatement:
        """Prepare a statement and keep it for its next use."""
        if not self.named:
            return await self.raw.prepare(sql, name="")
        statement = await self.raw.prepare(sql, name=f"chakra_{next(_names)}")
        self.statements.put(sql, statement)
        return statement

    async def describe(self, sql: str) -> tuple[list[int], list[tuple[str, int, int]]]:
        """Return the type OIDs of a query's parameters; name, type OID and modifier (-1 = none, or not known) of
        its columns. Nothing is run.
        """
        try:
            # Never from the cache: a statement prepared before another process changed the table would describe
            # columns that COPY, planned anew, does not send, and types of one width would swap unnoticed.
            statement = await self.prepare(sql)
            parameters = [p.oid for p in statement.get_parameters()]
            attributes = statement.get_attributes()
            modifiers = driver.result_modifiers(statement) or [-1] * len(attributes)
            return parameters, [
                (a.name, a.type.oid, modifier) for a, modifier in zip(attributes, modifiers, strict=True)
            ]
        except BaseException as error:
            self.fail(error, sql)

    # -- state --------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return bool(self.raw.is_closed())

    @property
    def in_transaction(self) -> bool:
        """Whether the server has a transaction open on this session."""
        return not self.raw.is_closed() and bool(self.raw.is_in_transaction())

    def note_effects(self, sql: str) -> Effect:
        """Remember what user SQL may leave behind; call before it is sent."""
        effect = effects_of(sql)
        if effect & Effect.SESSION:
            self.dirty = True
        return effect

    async def forget_statements(self) -> None:
        """Drop prepared statements and the driver's type cache after the catalog changed."""
        self.statements.clear()
        await self.raw.reload_schema_state()

    async def reset(self, *, everything: bool = True) -> None:
        """Bring the session back to its first state: roll back, and undo whatever a borrower left.

        Args:
            everything: run the reset script; without it only an open transaction is rolled back.
        """
        # What is known of a suspect session is as old as its last answer: BEGIN may have been cut off.
        script = "ROLLBACK" if self.suspect or self.raw.is_in_transaction() else ""
        if everything:
            # One simple query is one implicit transaction; DISCARD TEMP is allowed in it, DISCARD ALL is not.
            script = f"{script}; {RESET}" if script else RESET
        if script:
            await self.raw.execute(script)
        self.transaction = None
        self.dirty = self.suspect = False

    def terminate(self) -> None:
        """Cut the connection without a word to the server."""
        self.raw.terminate()

    # -- failure ------------------------------------------------------------------------------------

    async def _prepare_again(
        self, error: BaseException, sql: str, pure: bool, args: Sequence[Any]
    ) -> driver.RawStatement:
        """Prepare a statement anew if the failure was only a stale plan and a second try is safe; else raise.

        Inside a transaction there is no second try: the server has aborted it. After a stale *layout* the
        statement has run, so only a statement compiled by Chakra that just reads is run again.
        """
        if undecodable(error):
            raise await explain(self, sql, args, pure, error) from error
        stale = is_stale_plan(error)
        if stale or is_stale_layout(error):
            await self.forget_statements()
            again = stale or (pure and sql.lstrip()[:6].upper() == "SELECT")
            if again and not self.in_transaction:
                try:
                    return await self.prepare(sql)
                except BaseException as second:
                    self.fail(second, sql)
        self.fail(error, sql)

    def fail(self, error: BaseException, sql: str) -> NoReturn:
        """Raise what stands for a failure, noting whether the connection may be amid something."""
        if not isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
            self.suspect = True
        found = translate(error, sql)
        if found is error:
            raise error
        raise found from error

    async def watch(self, run: Callable[[], Awaitable[str]], sql: str, kind: Kind) -> str:
        """Await ``run()``, which returns a status tag, between the two calls of the hook chain."""
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


__all__ = ["RESET", "Record", "Session", "rows_of"]
