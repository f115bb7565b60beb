"""What an instance knows about its row: where it came from, what changed since, what was loaded along with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chakra.db import Database


class RowState:
    """State of one instance, or, while nothing changed, of all instances that one query loaded.

    Sharing saves about 100 bytes an instance: a query makes one state and 10,000 rows point at it. What a shape loads
    along with each row (relations, annotations) stands in a tuple of the instance, ``_along``, and its shared state
    says at which position. Whoever wants to note something about an instance calls ``own_state`` first.

    Attributes:
        database: the database the row came from or was saved to; ``None`` = the default one.
        saved: whether the row is in the database.
        changed: attributes set since the row was loaded or saved; of a shared state none.
        loaded: relation and annotation values by name; of a shared state none.
        places: of a shared state, the positions of such values in ``_along``.
        shared: whether other instances may hold the same state.
    """

    __slots__ = ("changed", "database", "loaded", "places", "saved", "shared")

    def __init__(self, database: Database | None, saved: bool, *, shared: bool = False) -> None:
        self.database = database
        self.saved = saved
        self.shared = shared
        self.places: Mapping[str, int] = _NO_PLACES
        self.changed: set[str] = _NOTHING_CHANGED if shared else set()
        self.loaded: dict[str, Any] = _NOTHING_LOADED if shared else {}

    def along(self, places: Mapping[str, int]) -> RowState:
        """The state of instances that are made beside those of this one, with other values loaded along."""
        new = RowState(self.database, True, shared=True)
        new.places = places
        return new


_NOTHING_CHANGED: Any = frozenset()
_NOTHING_LOADED: dict[str, Any] = {}
_NO_PLACES: dict[str, int] = {}

NEW = RowState(None, False, shared=True)
"""The state of instances that were never saved."""

NOT_LOADED: Any = object()
"""What ``loaded_value`` gives where there is nothing."""


def own_state(instance: Any) -> RowState:
    """Return the instance's state, made its own if it was shared."""
    state: RowState = instance._state
    if state.shared:
        own = RowState(state.database, state.saved)
        if state.places:
            own.loaded = loaded_values(instance)
        state = instance._state = own
    return state


def loaded_value(instance: Any, name: str) -> Any:
    """A relation or annotation that was loaded with the instance, or ``NOT_LOADED``."""
    state: RowState = instance._state
    if state.shared:
        place = state.places.get(name)
        return NOT_LOADED if place is None else instance._along[place]
    return state.loaded.get(name, NOT_LOADED)


def loaded_values(instance: Any) -> dict[str, Any]:
    """All of them by name; a dict of the caller's own."""
    state: RowState = instance._state
    if not state.shared:
        return dict(state.loaded)
    return {name: instance._along[place] for name, place in state.places.items()}


__all__ = ["NEW", "NOT_LOADED", "RowState", "loaded_value", "loaded_values", "own_state"]
