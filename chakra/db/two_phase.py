"""Transactions that are prepared now and committed later, perhaps by another program (two-phase commit)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chakra.db import driver
from chakra.db.core import Core
from chakra.db.errors import commit_unknown, was_answered
from chakra.db.session import Record, Session
from chakra.db.statements import Own
from chakra.errors import ChakraError, DatabaseError, QueryError, TransactionError
from chakra.pg.quoting import quote_string

# Bytes of a global identifier: GIDSIZE - 1 (``xact.h``).
GID_BYTES: Final = 199

LIST: Final = (
    "SELECT gid, prepared, owner::text FROM pg_catalog.pg_prepared_xacts "
    "WHERE database = pg_catalog.current_database() ORDER BY prepared, gid"
)

_DISABLED: Final = "55000"
"""object_not_in_prerequisite_state: the server keeps no room for prepared transactions."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A transaction that waits for its commit; it holds its locks until then.

    Attributes:
        gid: what it was called.
        since: when it was prepared.
        owner: the role that prepared it, which alone may end it, besides superusers.
    """

    gid: str
    since: datetime
    owner: str


def prepared_of(rows: list[Record]) -> list[Prepared]:
    """What the server listed."""
    return [Prepared(*row) for row in rows]


def checked_gid(gid: str) -> str:
    """The name of a prepared transaction.

    Raises:
        QueryError: it is none.
    """
    if not isinstance(gid, str) or not gid or "\0" in gid or len(gid.encode()) > GID_BYTES:
        raise QueryError(f"a prepared transaction is named by a text of 1 to {GID_BYTES} bytes, not {gid!r}")
    return gid


async def prepare(session: Session, gid: str) -> str:
    """Send PREPARE TRANSACTION; returns its tag, ``ROLLBACK`` where the transaction was aborted.

    Raises:
        CommitUnknown: no answer came.
        DatabaseError: the server refused, and rolled back.
    """
    return await _send(session, f"PREPARE TRANSACTION {quote_string(gid)}")


def rollback(gid: str) -> Own:
    """The statement that undoes a prepared transaction."""
    return Own(f"ROLLBACK PREPARED {quote_string(gid)}")


async def finish(core: Core, held: Session | None, gid: str, *, commit: bool) -> None:
    """Commit or roll back a prepared transaction.

    Raises:
        TransactionError: a transaction is open here, in which the server does not do that.
        DatabaseError: there is none of that name, or it is somebody else's.
        CommitUnknown: no answer came.
    """
    what = "commit_prepared" if commit else "rollback_prepared"
    text = f"{'COMMIT' if commit else 'ROLLBACK'} PREPARED {quote_string(checked_gid(gid))}"
    if held is not None and held.in_transaction:
        raise TransactionError(f"{what}() cannot be part of a transaction: call it outside of the block")
    session = held or core.pool.take() or await core.pool.acquire()
    try:
        await _send(session, text)
    except BaseException as error:
        if held is None:
            await core.pool.release_after(error, session)
        raise
    if held is None:
        core.pool.release(session)


async def _send(session: Session, text: str) -> str:
    driver.check_text(session.raw)  # the name is written into it
    try:
        return await session.script_now(Own(text), "transaction")
    except ChakraError as error:
        if isinstance(error, DatabaseError) and error.sqlstate == _DISABLED:
            error.args = (
                f"{error.args[0]}: the server has to be started with max_prepared_transactions above 0 for two-phase "
                "commit",
            )
        if was_answered(error) or isinstance(error, TransactionError):
            raise
        raise commit_unknown(error, text) from error


__all__ = ["LIST", "Prepared", "checked_gid", "finish", "prepare", "prepared_of", "rollback"]
