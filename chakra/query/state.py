"""What an instance knows about its row: where it came from, what changed since, what was loaded along with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

if TYPE_CHECKING:
    from chakra.db import Database
    from chakra.db.scope import Mark
    from chakra.debug.nplusone import Origin


class Behind(NamedTuple):
    """What was prefetched of a relation.

    Attributes:
        read: gives the key of an instance, part by part where it has several.
        held: what is behind the relation, for each key.
        some: whether it is what a query of one's own gave, which may not be all of it.
    """

    read: Callable[[Any], Any]
    held: dict[Any, Any]
    some: bool


class Undo(NamedTuple):
    """How to take back one write.

    Attributes:
        mark: says whether it was rolled back.
        saved: whether there was a row before.
        changed: fields that were written, and are to be written again.
        values: by field, what the instance had before, and what the write gave it.
        deleted: what an instance had when its row was deleted: what is set afterwards, nobody notes as changed.
    """

    mark: Mark
    saved: bool
    changed: frozenset[str]
    values: dict[str, tuple[Any, Any]]
    deleted: Mapping[str, Any] = MappingProxyType({})


class Fetch:
    """What the query of some rows said about relations that are awaited before they were loaded.

    Attributes:
        mode: ``"one"``, ``"peers"`` or ``"raise"``.
        path: from the rows of the query to these, with ``__`` behind it.
        peers: for ``"peers"``, the rows that came with them; weakly, so that rows nobody keeps are not held.
        running: relations that are being loaded, by name and transaction.
        awaited: relations that were loaded by awaiting them: where they lead nowhere, they can be awaited again.
        origin: where N+1 queries are looked for, what loaded the rows, which counts what is awaited.
        count: and how many they are; 0 = unknown.
        beyond: and the same for rows that were loaded by awaiting a relation, by its name.
    """

    __slots__ = ("awaited", "beyond", "count", "mode", "origin", "path", "peers", "running")

    def __init__(self, mode: str, path: str = "", peers: list[ref[Any]] | None = None) -> None:
        self.mode = mode
        self.path = path
        self.origin: Origin | None = None
        self.count = 0
        self.beyond: dict[str, Fetch] = {}
        self.peers = peers or []
        self.running: dict[Any, asyncio.Event] = {}
        self.awaited: set[str] = set()

    def behind(self, name: str) -> Fetch:
        """What rows have in common that are loaded one by one, by awaiting a relation of these."""
        found = self.beyond.get(name)
        if found is None:
            found = self.beyond[name] = Fetch(self.mode, f"{self.path}{name}__")
            found.origin = self.origin
        return found

    def alone(self) -> Fetch:
        """The same for a copy of a row, which has no peers."""
        new = Fetch(self.mode, self.path)
        new.awaited.update(self.awaited)
        return new


class RowState:
    """State of one instance, or, while nothing changed, of all instances that one query loaded.

    Sharing saves about 100 bytes an instance: a query makes one state and 10,000 rows point at it. What a shape loads
    along with each row (relations, annotations) stands in a tuple of the instance, ``_along``, and its shared state
    says at which position. Whoever wants to note something about an instance calls ``own_state`` first.

    Attributes:
        database: the database the row came from or was saved to; ``None`` = the default one.
        saved: whether the row is in the database.
        changed: attributes set since the row was loaded or saved; of a shared state none.
        held: what values were that can be changed in place and that somebody may hold; of a shared state none.
        loaded: relation and annotation values by name; of a shared state none.
        places: of a shared state, the positions of such values in ``_along``.
        behind: relations that were prefetched.
        fetch: how relations are loaded that are awaited; ``None`` = each by itself. Rows of a result share it.
        shared: whether other instances may hold the same state.
        undo: how to take back writes whose transaction may be rolled back; see ``chakra.query.undone``.
    """

    __slots__ = (
        "behind",
        "changed",
        "database",
        "fetch",
        "held",
        "loaded",
        "places",
        "saved",
        "shared",
        "undo",
    )

    def __init__(self, database: Database | None, saved: bool, *, shared: bool = False) -> None:
        self.database = database
        self.saved = saved
        self.shared = shared
        self.fetch: Fetch | None = None
        self.places: Mapping[str, int] = _NO_PLACES
        self.behind: Mapping[str, Behind] = _NOTHING_BEHIND
        self.changed: set[str] = _NOTHING_CHANGED if shared else set()
        self.held: dict[str, Any] = _NOTHING_HELD
        self.loaded: dict[str, Any] = _NOTHING_LOADED if shared else {}
        self.undo: tuple[Undo, ...] = ()

    def along(self, places: Mapping[str, int]) -> RowState:
        """The state of instances that are made beside those of this one, with other values loaded along."""
        new = RowState(self.database, True, shared=True)
        new.places = places
        return new


_NOTHING_CHANGED: Any = frozenset()
_NOTHING_LOADED: dict[str, Any] = {}
_NOTHING_HELD: dict[str, Any] = {}
_NO_PLACES: dict[str, int] = {}
_NOTHING_BEHIND: dict[str, Behind] = {}

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
            own.loaded = {name: instance._along[place] for name, place in state.places.items()}
        own.behind, own.fetch, own.undo = state.behind, state.fetch, state.undo
        state = instance._state = own
    return state


def loaded_value(instance: Any, name: str) -> Any:
    """A relation or annotation that was loaded with the instance, or ``NOT_LOADED``."""
    state: RowState = instance._state
    if state.shared:
        place = state.places.get(name)
        if place is not None:
            return instance._along[place]
    elif name in state.loaded:
        return state.loaded[name]
    if name in state.behind:
        read, held, _ = state.behind[name]
        try:
            key = read(instance)
        except AttributeError:  # left out, of a row that was gone when its peers' keys were read
            return NOT_LOADED
        if key is None or (type(key) is tuple and None in key):
            return None
        # For a key that was changed since, to one whose row was not asked for, nothing is loaded.
        return held.get(key, NOT_LOADED)
    return NOT_LOADED


def loaded_values(instance: Any) -> dict[str, Any]:
    """All of them by name; a dict of the caller's own."""
    state: RowState = instance._state
    names = dict.fromkeys((*state.behind, *(state.places if state.shared else state.loaded)))
    found = {name: loaded_value(instance, name) for name in names}
    return {name: value for name, value in found.items() if value is not NOT_LOADED}


def change_loaded(instance: Any, name: str, change: Callable[[list[Any]], list[Any]] | None) -> None:
    """Bring what was loaded of a to-many relation of an instance up to date with what was written.

    Args:
        change: makes the list of what is there now; ``None`` = only a query can tell. What a query of one's own gave is
            forgotten: whether it would give the same is not known.
    """
    found = loaded_value(instance, name)
    if found is NOT_LOADED:
        return
    state: RowState = instance._state
    behind = state.behind.get(name)
    if change is None or (behind is not None and behind.some and name not in state.loaded):
        forget_loaded(instance, name)
    else:
        own_state(instance).loaded[name] = change(found)


def forget_loaded(instance: Any, name: str) -> None:
    """Forget what was loaded of a relation of an instance: it was changed."""
    state = own_state(instance)
    state.loaded.pop(name, None)
    if name in state.behind:
        state.behind = {other: held for other, held in state.behind.items() if other != name}


__all__ = [
    "NEW",
    "NOT_LOADED",
    "Behind",
    "Fetch",
    "RowState",
    "Undo",
    "change_loaded",
    "forget_loaded",
    "loaded_value",
    "loaded_values",
    "own_state",
]
