"""Transactions that begin with their first statement: a block in which nothing is asked takes no connection."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from chakra.db.callbacks import call_committed
from chakra.db.session import Session
from chakra.db.transactions import Transaction, active, current_for
from chakra.db.two_phase import checked_gid
from chakra.errors import TransactionError


class Unbegun:
    """Stands for the session of a block that has not begun, until somebody needs it."""

    __slots__ = ("block",)

    lazy = True
    path = SimpleNamespace(elsewhere=None)
    """No statement was run, so the search path is that of the beginning."""

    def __init__(self, block: LazyTransaction) -> None:
        self.block = block

    async def begun(self) -> Session:
        """Begin."""
        return await self.block.begin()


class LazyTransaction(Transaction):
    """Like ``Transaction``; BEGIN is sent with the first statement. Inside another block it is a plain savepoint.

    Attributes:
        let_go: what tasks that were started inside still ask when the block is over is outside of it, in place of an
            error.
    """

    __slots__ = ("_beginning", "let_go", "unbegun")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.unbegun: Unbegun | None = None
        self.let_go = False
        self._beginning = asyncio.Lock()

    async def _open(self) -> Transaction:
        if self.state != "new" or self.unbegun is not None:
            raise TransactionError("a transaction object is for one block; call db.transaction() again")
        if current_for(self.core) is not None:
            return await super()._open()
        self.outer = active.get()
        self.unbegun = Unbegun(self)
        self._owner = asyncio.current_task()
        self._token = active.set(self)
        return self

    async def begin(self) -> Session:
        """Send BEGIN, if nobody has."""
        async with self._beginning:  # several tasks may be the first
            if self.session is None:
                if self.state != "new":
                    raise TransactionError("the transaction was over before its first statement")
                owner = self._owner
                session = await self._enter_outermost(None)
                self.session = session
                self.opened(session.loan)
                self._owner = owner
                session.transaction = self
            return self.session

    async def prepare(self, gid: str) -> None:
        if self.unbegun is not None and self.session is None and self.state == "new":
            checked_gid(gid)
            await self.begin()
        await super().prepare(gid)

    def usable_unbegun(self) -> bool:
        return self.state == "new" or self.check_usable(0, self.core.pool.loop)

    def check_usable(self, loan: int, loop: asyncio.AbstractEventLoop) -> bool:
        if self.let_go and self.state == "done":
            return False
        return super().check_usable(loan, loop)

    async def _end(self, error: BaseException | None) -> None:
        async with self._beginning:
            begun = self.session is not None or self.unbegun is None
            if not begun:
                self._leave_context()
                self.state = "done"
        if begun:
            await super()._end(error)
        elif error is None:
            self.committed = True
            await call_committed(self.callbacks)


__all__ = ["LazyTransaction", "Unbegun"]
