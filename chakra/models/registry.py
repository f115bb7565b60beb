"""Models by name, for relations that name a model before it exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

_by_scope: WeakValueDictionary[tuple[str, str], Any] = WeakValueDictionary()
_waiting: dict[str, list[tuple[str, Callable[[Any], None]]]] = {}


def scope_of(cls: Any) -> str:
    """Where a class stands: its module and the function or class around it."""
    return f"{cls.__module__}.{cls.__qualname__.rpartition('.')[0]}"


def register(cls: Any) -> None:
    """Note a model and tell those who wait for one of its name, if they stand in the same scope or module."""
    _by_scope[scope_of(cls), cls.__name__] = cls
    waiting = _waiting.pop(cls.__name__, [])
    left = []
    for scope, callback in waiting:
        if _sees(scope, scope_of(cls)):
            callback(cls)
        else:
            left.append((scope, callback))
    if left:
        _waiting[cls.__name__] = left


def find(name: str, scope: str) -> Any:
    """The model of that name that code in ``scope`` means, or ``None`` while there is none."""
    found = _by_scope.get((scope, name))
    if found is not None:
        return found
    candidates = [cls for (_, known), cls in list(_by_scope.items()) if known == name]
    near = [cls for cls in candidates if _sees(scope, scope_of(cls))]
    return near[-1] if near else candidates[0] if len(candidates) == 1 else None


def when_known(name: str, scope: str, callback: Callable[[Any], None]) -> None:
    """Call back with the model of that name, now or when it is made."""
    found = find(name, scope)
    if found is not None:
        callback(found)
    else:
        _waiting.setdefault(name, []).append((scope, callback))


def _sees(scope: str, other: str) -> bool:
    """Whether names defined in ``other`` are visible to code in ``scope``: the same place or one around it."""
    return scope == other or scope.startswith(other) or other.startswith(scope)


__all__ = ["find", "register", "scope_of", "when_known"]
