"""Rows of a query as a stream of blocks: a server cursor on one session."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from chakra.db import driver
from chakra.db.hooks import QueryEvent
from chakra.db.session import Record, Session
from chakra.db.session_streams import SessionStream
from chakra.db.statements import Own, Statement
from chakra.db.streams import Reader, clear_wire
from chakra.db.unreadable import undecodable, unreadable

_BEGIN, _ROLLBACK = Own("BEGIN"), Own("ROLLBACK")


class CursorStream(SessionStream):
    """A portal that is read ``prefetch`` rows at a time, in the open transaction or in one of its own.

    Other statements may run between two blocks if the transaction is the user's. In one of its own they would be
    part of that, and undone with it: then the stream is exclusive.
    """

    __slots__ = (
        "_args",
        "_cursor",
        "_event",
        "_exhausted",
        "_failed",
        "_own",
        "_prefetch",
        "_rows",
        "_statement",
    )

    def __init__(
        self, session: Session, statement: Statement, args: Sequence[Any], prefetch: int, reader: Reader
    ) -> None:
        own = not session.in_transaction
        super().__init__(session, statement, reader, exclusive=own)
        self._statement = statement
        self._args = args
        self._prefetch = prefetch
        self._own = own
        self._cursor: Any = None
        self._failed = False
        self._exhausted = False
        self._rows = 0
        self._event: QueryEvent | None = None

    async def _start(self) -> None:
        if self._own:
            await self.session.script_now(_BEGIN, "transaction")
        if self.session.hooks.added:
            self._event = self.session.hooks.before(self._statement, "cursor", self._args)

    def __aiter__(self) -> CursorStream:
        return self

    async def __anext__(self) -> list[Record]:
        """The next block; after the last one the stream's own transaction is committed."""
        if not self._exhausted:
            block = await self._fetch()
            self._exhausted = len(block) < self._prefetch
            if self._event is not None and self._event.first is None:
                self._event.first = time.perf_counter() - self._event.started
            self._rows += len(block)
            if block:
                return block
        self.check_open()
        self._tell(None)
        if self._own:
            await self.session.commit()
        elif self._cursor is not None:
            await self._close_portal()
        self.forget()
        raise StopAsyncIteration

    def forget(self) -> None:
        super().forget()
        self._tell(None)

    def _tell(self, failure: BaseException | None) -> None:
        """Tell the hooks, once, how it ended."""
        event, self._event = self._event, None
        if event is not None:
            self.session.hooks.after(event, self._rows, failure)

    async def _fetch(self) -> list[Record]:
        self.check_open()
        session, sql = self.session, self._statement.sql
        if len(session.streams) > 1:
            await clear_wire(session.streams, but=self)
        if session.ending is not None:
            await session.rest()
        session.busy += 1
        try:
            if self._cursor is None:
                comment = "" if self._event is None else self._event.comment
                prepared = None if comment else session.statements.get(sql)
                if prepared is None:
                    prepared = await session.prepare(sql, comment=comment)
                self._cursor = await prepared.cursor(*self._args)
            return await self._cursor.fetch(self._prefetch)  # type: ignore[no-any-return]
        except BaseException as error:
            self._failed = True
            self._tell(error)
            if undecodable(error):
                raise unreadable(session.statements.get(sql), error) from error
            session.fail(error, sql)
        finally:
            session.statement_ended()

    async def _close_portal(self) -> None:
        try:
            await driver.close_cursor(self._cursor)
        except BaseException as error:
            self.session.fail(error, self._statement.sql)

    async def _stop(self) -> None:
        if self._own:
            # What is known of the session may be older than a BEGIN that was cut off.
            await self.session.script_now(_ROLLBACK, "transaction")
            self.session.suspect = False
        elif self._cursor is not None and not self._failed and self.session.in_transaction:
            await self._close_portal()


__all__ = ["CursorStream"]
