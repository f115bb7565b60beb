"""One pinned connection: the same calls as a database, all on one session until it is given back."""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from types import TracebackType

from chakra.db.coordination import Coordination
from chakra.db.core import Core
from chakra.db.scope import Isolation, Scope
from chakra.db.session import Session
from chakra.db.transactions import Transaction
from chakra.errors import ConnectionLost


class Connection(Coordination):
    """A connection pinned by ``async with db.acquire() as connection``.

    What it sets on the session (``SET``, temporary tables, advisory locks) holds for its own statements and
    is undone when it is given back. Its transactions are its own: calls on the database inside them are not
    part of them.
    """

    def __init__(self, core: Core, session: Session) -> None:
        super().__init__(core)
        self._session: Session | None = session

    @property
    def session(self) -> Session:
        """The session underneath. Whoever takes it may do anything to it, so it is reset when it is given back.

        Raises:
            ConnectionLost: the connection was given back already, or another event loop asks for it.
        """
        session = self.held_session()
        self.note(session)
        return session

    def held_session(self) -> Session:
        if self._session is None:
            raise ConnectionLost("this connection was given back to the pool; its acquire() block is over")
        if get_running_loop() is not self.pool.loop:
            raise ConnectionLost(
                "this connection belongs to another event loop (another thread, or a second asyncio.run); acquire one "
                "in the loop that uses it"
            )
        return self._session

    def _pinned(self) -> Session:
        return self.held_session()

    def current_transaction(self) -> Scope | None:
        return self.held_session().transaction

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
        """A transaction block on this connection, or inside one a savepoint; see ``Transaction``."""
        return Transaction(
            self.core,
            isolation=isolation,
            readonly=readonly,
            deferrable=deferrable,
            retries=retries,
            settings=settings,
            timeout=timeout,
            session=self.held_session(),
        )

    def acquire(self, timeout: float | None = None) -> AbstractAsyncContextManager[Connection]:
        """This connection itself: it is pinned already, so that there is no ``timeout`` to wait for."""
        return nullcontext(self)

    def detach(self) -> Session | None:
        """Take the session away; afterwards the connection refuses every call."""
        session, self._session = self._session, None
        return session


class PinnedConnection:
    """The context manager behind ``db.acquire()``."""

    __slots__ = ("_connection", "_core", "_timeout")

    def __init__(self, core: Core, timeout: float | None) -> None:
        self._core = core
        self._timeout = timeout
        self._connection: Connection | None = None

    async def __aenter__(self) -> Connection:
        pool = self._core.pool
        session = pool.take() or await pool.acquire(self._timeout)
        self._connection = Connection(self._core, session)
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._connection is not None
        session = self._connection.detach()
        assert session is not None
        pool = self._core.pool
        if error is not None and not isinstance(error, Exception):
            pool.release(session)
        else:
            await pool.release_changed(session)


__all__ = ["Connection", "PinnedConnection"]
