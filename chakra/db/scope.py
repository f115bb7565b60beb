"""One transaction block as data: where it stands, what is nested in it, who may use it. It sends nothing.

Sessions know the innermost block that is open on them, and streams the one they were opened in; what begins and ends
blocks on the server is ``chakra.db.transactions``.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any, Final, Literal

from chakra.db.callbacks import checked
from chakra.db.generators import SuspendedFrame
from chakra.db.statements import Own
from chakra.errors import TransactionError

Isolation = Literal["read_committed", "repeatable_read", "serializable"]

_ISOLATION = {
    "read_committed": "READ COMMITTED",
    "repeatable_read": "REPEATABLE READ",
    "serializable": "SERIALIZABLE",
}

PLAIN: Final = Own("BEGIN")
"""The beginning of a block that asks for nothing: the only one that can stand inside another."""


def beginning(isolation: Isolation | None, *, readonly: bool, deferrable: bool) -> Own:
    """The BEGIN of an outermost block.

    Raises:
        TransactionError: there is no such isolation level.
    """
    if isolation is not None and isolation not in _ISOLATION:
        raise TransactionError(f"unknown isolation level {isolation!r}; known are {', '.join(_ISOLATION)}")
    words = [PLAIN.sql]
    if isolation is not None:
        words.append("ISOLATION LEVEL " + _ISOLATION[isolation])
    if readonly:
        words.append("READ ONLY")
    if deferrable:
        words.append("DEFERRABLE")
    return Own(" ".join(words))


class Mark:
    """Whether a block was rolled back, for those who look at it when it is over; it holds nothing of the block.

    Attributes:
        rolled_back: whether it was.
        outer: of a block that was left, and was a savepoint, the mark of the one around it.
    """

    __slots__ = ("outer", "rolled_back")

    def __init__(self) -> None:
        self.rolled_back = False
        self.outer: Mark | None = None

    @property
    def undone(self) -> bool:
        """Whether the block, or one around it, was rolled back."""
        mark: Mark | None = self
        while mark is not None:
            if mark.rolled_back:
                return True
            mark = mark.outer
        return False


class Scope:
    """What is known of one transaction block.

    Attributes:
        parent: the block it is a savepoint of, or ``None``.
        state: whether it has begun, and is over, by itself or with a block around it; ``"ended"`` = it was ended on the
            server before its block was, which can run nothing more.
        depth: how many blocks are around it.
        callbacks: what is to be called once the outermost block has committed.
        until: when it has to end, by the clock of the event loop, as far as the server was told.
        undoings: what is to be called once this block, or one around it, has been rolled back.
        committed: it was the outermost block, and has.
        marked: the mark that writes in it look at later; ``None`` = nobody asked for one.
    """

    __slots__ = (
        "_generator",
        "_loan",
        "_owner",
        "callbacks",
        "committed",
        "depth",
        "marked",
        "parent",
        "state",
        "undoings",
        "until",
    )

    def __init__(self) -> None:
        self.parent: Scope | None = None
        self.until = math.inf
        self.depth = 0
        self.callbacks: list[Callable[[], object]] = []
        self.undoings: list[Callable[[], object]] = []
        self.marked: Mark | None = None
        self.committed = False
        self.state: Literal["new", "open", "ended", "done"] = "new"
        self._owner: asyncio.Task[Any] | None = None
        self._loan = 0
        self._generator: SuspendedFrame | None = None

    @property
    def is_open(self) -> bool:
        """Whether statements can run in it now."""
        return self.state == "open"

    def mark(self) -> Mark:
        """What says later whether the block, or one around it, was rolled back; one for all writes in it."""
        if self.marked is None:
            self.marked = Mark()
        return self.marked

    def on_commit(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` (plain or ``async def``) once the outermost block has committed.

        Not called when this block or one around it rolls back. All callbacks run, in the order they were given, also
        after one that raises; its error leaves the block then, with notes of those of others. The transaction stays
        committed.
        """
        if self.state in ("ended", "done"):
            raise TransactionError("on_commit() came too late: the transaction is over")
        self.callbacks.append(checked(callback, "on_commit"))

    def on_rollback(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` (plain or ``async def``) once this block, or one around it, has been rolled back.

        It is called right behind the rollback: of a savepoint, inside the block around it. Not called after a commit,
        nor where nobody knows (``CommitUnknown``). All callbacks run, in the order they were given; what one raises is
        logged and noted on the error that leaves the block, and does not take its place.
        """
        if self.state in ("ended", "done"):
            raise TransactionError("on_rollback() came too late: the transaction is over")
        self.undoings.append(checked(callback, "on_rollback"))

    # -- its life -----------------------------------------------------------------------------------

    def nest(self, parent: Scope, innermost: Scope | None, begin: Own) -> None:
        """Become a savepoint of the block around it.

        Args:
            innermost: the block that is open on the connection.
            begin: what it would begin with if it were the outermost one.

        Raises:
            TransactionError: it asks for what only an outermost block can have, or blocks would overlap.
        """
        if begin is not PLAIN:
            raise TransactionError(
                "isolation, readonly and deferrable belong to the outermost transaction; this one is inside "
                "another and becomes a savepoint"
            )
        if innermost is not parent:
            raise TransactionError(
                "two tasks opened nested transactions in one transaction at the same time; savepoints must "
                "close in the order they opened, so run them one after the other"
            )
        self.depth = parent.depth + 1
        self.parent = parent

    def opened(self, loan: int, generator: SuspendedFrame | None = None) -> None:
        """It has begun, for the running task.

        Args:
            loan: of the session it has begun on.
            generator: the asynchronous generator whose body holds the block.
        """
        self.state = "open"
        self._owner = asyncio.current_task()
        self._loan = loan
        self._generator = generator

    def leave(self, loan: int) -> bool:
        """End it, before anything is sent; returns whether it still has its session.

        Args:
            loan: of that session by now.
        """
        self.state = "done"
        return loan == self._loan

    def unwind(self, innermost: Scope | None) -> None:
        """End the blocks that are still open inside it."""
        scope = innermost
        while scope is not None and scope is not self:
            scope.state = "done"
            self.hand_over(scope)
            scope = scope.parent

    def hand_over(self, inner: Scope) -> None:
        """Take from a block inside that is over what waits for whether this one is rolled back.

        Args:
            inner: that block.
        """
        self.undoings += inner.undoings
        inner.undoings = []
        if inner.marked is not None:
            inner.marked.outer = self.mark()

    # -- who may use it -----------------------------------------------------------------------------

    def check_usable(self, loan: int, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether a statement of this task may run here; ``False`` = over, look further out.

        Args:
            loan: of its session by now.
            loop: the event loop of the session.

        Raises:
            TransactionError: the block is over, and the task was started inside it: what it still does
                would silently happen outside the transaction.
        """
        if self.state == "open":
            if loan == self._loan:
                self._check_place(loop)
                return True
            self.state = "done"  # its connection was taken away from it
        if self.state == "ended":
            raise TransactionError(
                "prepare() has ended the transaction, and its block can run nothing more: leave it, then await "
                "db.commit_prepared(…) or db.rollback_prepared(…)"
            )
        if self._owner is not asyncio.current_task():
            raise TransactionError(
                "the transaction this task was started in is over. Await the task inside the block, or "
                "start it with asyncio.create_task(..., context=contextvars.Context()) to keep it apart"
            )
        return False

    def _check_place(self, loop: asyncio.AbstractEventLoop) -> None:
        """Refuse statements from another event loop, and those that only seem to belong to the block.

        Raises:
            TransactionError: says which.
        """
        if asyncio.get_running_loop() is not loop:
            raise TransactionError(
                "this transaction belongs to another event loop (another thread, or a second asyncio.run): its "
                "connection cannot be used from here. Run the statement in the loop of the block, or start the thread "
                "with an empty context (contextvars.Context().run) and connect there"
            )
        if self._generator is not None and not self._generator.runs(self._owner):
            raise TransactionError(
                f"this statement stands outside of the async generator {self._generator}, but would run in the "
                "transaction that the generator has open, and be lost if that rolls back. Open the transaction around "
                "the loop over the generator instead of in it, or run the generator's statements on a connection of "
                "its own (async with db.acquire() as connection: async with connection.transaction())"
            )

    # -- what is sent for it ------------------------------------------------------------------------

    @property
    def savepoint(self) -> str:
        """Name of its savepoint, if it is nested."""
        return f"chakra_{self.depth}"

    @property
    def undo(self) -> str:
        """What takes back all of it."""
        if self.parent is None:
            return "ROLLBACK"
        return f"ROLLBACK TO SAVEPOINT {self.savepoint}; RELEASE SAVEPOINT {self.savepoint}"


__all__ = ["PLAIN", "Isolation", "Scope", "beginning"]
