"""Models by name, for relations that name a model before it exists; knows nothing of what models are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

_by_scope: WeakValueDictionary[tuple[str, str], Any] = WeakValueDictionary()
_open: dict[str, list[Reference]] = {}


def scope_of(cls: Any) -> str:
    """Where a class stands: its module and the function or class around it."""
    return scope(cls.__module__, cls.__qualname__)


def scope(module: str, qualname: str) -> str:
    """The same of a class that is about to be made."""
    return f"{module}.{qualname.rpartition('.')[0]}"


def register(cls: Any) -> None:
    """Note a model and offer it to the references that name it."""
    _by_scope[scope_of(cls), cls.__name__] = cls
    for reference in list(_open.get(cls.__name__, ())):
        reference.offer(cls)


def find(name: str, scope: str) -> Any:
    """The model of that name that code in ``scope`` means, or ``None`` while there is none.

    The same place comes first, then places around it, then places inside it; a model elsewhere is meant only if
    no other has the name.
    """
    found = nearest(name, scope)
    known = [cls for (_, named), cls in list(_by_scope.items()) if named == name]
    return known[0] if found is None and len(known) == 1 else found


def nearest(name: str, scope: str) -> Any:
    """The same, but none that is elsewhere: the one that is meant may come after such a one."""
    known = [cls for (_, found), cls in list(_by_scope.items()) if found == name]
    near = [cls for cls in known if _nearness(scope, scope_of(cls))]
    return max(reversed(near), key=lambda cls: _nearness(scope, scope_of(cls))) if near else None


def everything() -> list[Any]:
    """All models there are, by module and name."""
    return [cls for _, cls in sorted(_by_scope.items(), key=lambda item: item[0])]


class Reference:
    """A model meant by name.

    Until somebody needs it (``settle``) a nearer model of the name may still come: the name may stand before the
    class, and functions that define models may run several times.

    Args:
        name: of the model.
        scope: where the name is written.
        changed: called with the model whenever another one is meant, and with the one meant before, or ``None``.
    """

    def __init__(self, name: str, scope: str, changed: Callable[[Any, Any], None]) -> None:
        self.name = name
        self.scope = scope
        self.model: Any = None
        self._changed = changed
        _open.setdefault(name, []).append(self)
        found = find(name, scope)
        if found is not None:
            self._mean(found)

    def offer(self, cls: Any) -> None:
        """Mean ``cls`` if it is nearer than the model meant so far; in the same place it is the one, for good."""
        nearness = _nearness(self.scope, scope_of(cls))
        if nearness == SAME_PLACE:
            self._mean(cls)
            self.settle()
        elif nearness and (self.model is None or nearness > _nearness(self.scope, scope_of(self.model))):
            self._mean(cls)

    def _mean(self, cls: Any) -> None:
        before, self.model = self.model, cls
        self._changed(cls, before)

    def settle(self) -> Any:
        """The model meant, for good; ``None`` while there is none."""
        if self.model is None:
            found = find(self.name, self.scope)
            if found is None:
                return None
            self._mean(found)
        waiting = _open.get(self.name, [])
        if self in waiting:
            waiting.remove(self)
        return self.model


SAME_PLACE = 3


def _nearness(scope: str, other: str) -> int:
    """How near names defined in ``other`` are to code in ``scope``; 0 = elsewhere."""
    if scope == other:
        return SAME_PLACE
    return 2 if scope.startswith(other) else 1 if other.startswith(scope) else 0


__all__ = ["Reference", "everything", "find", "nearest", "register", "scope", "scope_of"]
