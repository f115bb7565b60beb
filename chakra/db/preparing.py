"""What a transaction block does to be prepared, and with what was prepared when its block ends."""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from chakra.db import two_phase
from chakra.db.core import Core
from chakra.db.scope import Scope
from chakra.db.session import Session
from chakra.errors import TransactionError


class Preparable(Scope, abc.ABC):
    """A block that can be ended by PREPARE TRANSACTION; how a block ends on the server is said below it."""

    __slots__ = ("gid",)

    core: Core
    session: Session | None
    gid: str | None
    _pinned: Session | None

    @abc.abstractmethod
    async def _send_end(
        self,
        session: Session,
        send: Callable[[], Coroutine[Any, Any, str]],
        what: str,
        late: Callable[[asyncio.CancelledError], None],
    ) -> str:
        """Send what ends the transaction, to its end."""

    @abc.abstractmethod
    async def _undo(self, session: Session) -> None:
        """Roll back to where the block began."""

    @abc.abstractmethod
    async def _give_back(self, session: Session) -> None:
        """Give a session back that was borrowed for the block."""

    @abc.abstractmethod
    async def _end_streams(self, session: Session) -> None:
        """End what is read of the block still."""

    async def prepare(self, gid: str) -> None:
        """End the transaction by PREPARE TRANSACTION, as the last thing in its block.

        It is on disk then, holds its locks, and waits for ``db.commit_prepared(gid)`` or ``db.rollback_prepared(gid)``,
        from any connection, also after a restart of the server.

        An error that leaves the block afterwards rolls it back.

        Args:
            gid: what it is called, in 1 to 199 bytes; no other prepared transaction of the server may have the name.

        Raises:
            TransactionError: it is a savepoint, or not open, or was aborted; callbacks of ``on_commit`` or
                ``on_rollback`` wait for it; or the server keeps no prepared transactions.
            CommitUnknown: no answer came: it may have been prepared, which ``db.prepared()`` tells.
            QueryError: the name is none.
        """
        session = self._to_prepare(two_phase.checked_gid(gid))
        if session.streams:
            await self._end_streams(session)
        self.state = "ended"
        late: list[asyncio.CancelledError] = []
        check_not_aborted(
            await self._send_end(
                session, lambda: two_phase.prepare(session, gid), "PREPARE TRANSACTION", late.append
            )
        )
        self.gid = gid
        if late:
            raise late[0]

    def _to_prepare(self, gid: str) -> Session:
        session = self.session
        if self.state != "open" or session is None:
            raise TransactionError(f"prepare({gid!r}) is for a transaction that is open")
        if self.parent is not None or session.transaction is not self:
            raise TransactionError(
                f"prepare({gid!r}) is for the outermost block, outside of the ones nested in it: savepoints cannot be "
                "prepared"
            )
        if self.callbacks or self.undoings:
            raise TransactionError(
                f"prepare({gid!r}): callbacks of on_commit() or on_rollback() wait for this transaction, which may be "
                "committed by another program; call them yourself after commit_prepared()"
            )
        return session

    async def _end_prepared(self, session: Session, error: BaseException | None) -> None:
        """Leave a block whose transaction was prepared, or could not be."""
        if not self.leave(session.loan):
            return
        session.transaction = None
        try:
            if self.gid is None:
                if session.in_transaction or session.suspect:
                    await self._undo(session)
            elif error is not None:
                await self._undo_prepared(session, self.gid, error)
        finally:
            if session.effects:
                self.core.settle_effects(session)
            if self._pinned is None:
                await self._give_back(session)
        if error is None and self.gid is None:
            raise TransactionError("the transaction could not be prepared, and was rolled back")

    async def _undo_prepared(self, session: Session, gid: str, error: BaseException) -> None:
        pool = self.core.pool
        failed: object = "the connection broke"
        if not session.closed:
            undo = two_phase.rollback(gid)
            work = pool.finish(session, lambda: session.script_now(undo, "transaction"))
            work.add_done_callback(look_at)
            over = await pool.settle(work)
            if not over:
                session.suspect = True
                return
            failed = None if work.cancelled() else work.exception()
        if failed is not None:
            error.add_note(
                f"the transaction stays prepared as {gid!r}, for it could not be rolled back ({failed}): await "
                "db.rollback_prepared(…)"
            )


def check_not_aborted(status: str) -> None:
    """Refuse the server's answer to the end of an aborted transaction."""
    if status == "ROLLBACK":
        raise TransactionError(
            "the transaction was rolled back: a statement in it failed and its error was caught inside "
            "the block. Put the statement that may fail into a nested db.transaction() (a savepoint)",
            sqlstate="25P02",
        )


def look_at(work: asyncio.Task[Any]) -> None:
    """Take note of how a task ended whose caller is gone, so that asyncio does not complain of it."""
    if not work.cancelled():
        work.exception()


__all__ = ["Preparable", "check_not_aborted", "look_at"]
