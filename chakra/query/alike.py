"""What is behind a relation, found by keys as the server compares them.

An instance may hold a key as it was given, ``"1"`` where the server has 1, and some types have several texts for one
value. Python finds none of these by the other, so such keys are looked up by what is the same for all of them.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Hashable, Sequence
from typing import Any

from chakra.errors import DataError
from chakra.pg.conversion import convert
from chakra.pg.types import PgType

_FOLDED = {"bpchar": lambda text: text.rstrip(" "), "citext": str.lower}


class Alike(dict[Any, Any]):
    """A dict whose keys are set, and found, by all that the server takes to be equal to them.

    Args:
        keys: the only ones it will have.
        types: of their parts.
        many: whether they have lists of their own, which equal ones share; else ``None``, until they are set.
    """

    def __init__(self, keys: Collection[Any], types: Sequence[PgType], many: bool) -> None:
        self._types = types
        self._equal: dict[Hashable, list[Any]] = {}
        for key in keys:
            self._equal.setdefault(self._same(key), []).append(key)
        for equal in self._equal.values():
            held: list[Any] | None = [] if many else None
            self.update((key, held) for key in equal)

    def _same(self, key: Any) -> Hashable:
        """What is one value for all keys that are equal."""
        return same_for_all((key,) if len(self._types) == 1 else key, self._types)

    def __missing__(self, key: Any) -> Any:
        return self[self._equal[self._same(key)][0]]

    def __setitem__(self, key: Any, value: Any) -> None:
        for equal in self._equal.get(self._same(key), ()):
            super().__setitem__(equal, value)


def same_for_all(parts: Sequence[Any], types: Sequence[PgType]) -> Hashable:
    """What is one value for all keys that are equal for the server; of those that fit no type, only for the same."""
    return tuple([_same(part, type_) for part, type_ in zip(parts, types, strict=True)])


def _same(value: Any, type_: PgType) -> Hashable:
    try:
        found = convert(value, type_)
    except DataError:  # the server will say so
        return (type(value), repr(value))
    fold = _FOLDED.get(type_.base.name)
    return fold(found) if fold is not None and isinstance(found, str) else found  # type: ignore[no-any-return]


def by_key(keys: Collection[Any], types: Sequence[PgType], many: bool) -> dict[Any, Any]:
    """A dict for what is behind a relation: a list for each key, or ``None``."""
    parts = [keys] if len(types) == 1 else list(zip(*keys, strict=True))
    if all(map(_plain, parts, types)):
        return {key: [] for key in keys} if many else dict.fromkeys(keys)
    return Alike(keys, types, many)


def _plain(values: Collection[Any], type_: PgType) -> bool:
    """Whether values of a type are equal in Python if they are for the server."""
    base = type_.base
    made = base.python
    return base.name not in _FOLDED and (
        not isinstance(made, type)
        or made is object
        or all(issubclass(kind, made) and not issubclass(kind, enum.Enum) for kind in set(map(type, values)))
    )


__all__ = ["Alike", "by_key", "same_for_all"]
