"""A guard in front of a COPY: one message with it, and what is left of a transaction when the guard fails."""

from __future__ import annotations

from chakra.db.errors import stale_types
from chakra.db.session import Session
from chakra.db.statements import Own
from chakra.errors import ChakraError

_SAVEPOINT = "chakra_guard"
_UNDO = Own(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}; RELEASE SAVEPOINT {_SAVEPOINT}")


def guarded(session: Session, guard: str | None, copy: str) -> str:
    """The text of a COPY behind its guard.

    In a transaction the guard stands behind a savepoint, so that its failure costs one ROLLBACK TO.
    """
    if guard is None:
        return copy
    if session.in_transaction:
        return f"SAVEPOINT {_SAVEPOINT}; {guard}; RELEASE SAVEPOINT {_SAVEPOINT}; {copy}"
    return f"{guard}; {copy}"


async def raise_if_stale(session: Session, error: ChakraError) -> None:
    """Raise for the failure of a guard before its COPY began; a surrounding transaction is usable then.

    Raises:
        StaleTypes: the failure was that of a guard.
    """
    found = stale_types(error)
    if found is None:
        return
    if session.in_transaction:
        await session.script_now(_UNDO, "transaction")
    raise found from error


__all__ = ["guarded", "raise_if_stale"]
