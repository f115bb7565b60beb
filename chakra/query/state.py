"""What an instance knows about its row: where it came from, what changed since, which relations are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chakra.db import Database


class RowState:
    """State of one instance, or, while nothing changed, of all instances that one query loaded.

    Sharing saves about 100 bytes an instance: a query makes one state and 10,000 rows point at it. Whoever
    wants to note something calls ``own`` first.

    Attributes:
        database: the database the row came from or was saved to; ``None`` = the default one.
        saved: whether the row is in the database.
        changed: attributes set since the row was loaded or saved.
        loaded: relation and annotation values by name.
        shared: whether other instances may hold the same state.
    """

    __slots__ = ("changed", "database", "loaded", "saved", "shared")

    def __init__(self, database: Database | None, saved: bool, *, shared: bool = False) -> None:
        self.database = database
        self.saved = saved
        self.shared = shared
        self.changed: set[str] = _NOTHING_CHANGED if shared else set()
        self.loaded: dict[str, Any] = _NOTHING_LOADED if shared else {}


_NOTHING_CHANGED: Any = frozenset()
_NOTHING_LOADED: dict[str, Any] = {}

NEW = RowState(None, False, shared=True)
"""The state of instances that were never saved."""


def own_state(instance: Any) -> RowState:
    """Return the instance's state, made its own if it was shared."""
    state: RowState = instance._state
    if state.shared:
        state = RowState(state.database, state.saved)
        instance._state = state
    return state


__all__ = ["NEW", "RowState", "own_state"]
