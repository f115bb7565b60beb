"""How row values become instance values, by column type; the way back is ``chakra.pg.conversion``.

asyncpg already speaks Python for most types. What is left: enums (the server knows labels, Python knows
members), composites (whose records it reads, but takes for lists inside arrays), and containers of them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Any

from chakra.errors import DataError
from chakra.pg.conversion import enum_labels
from chakra.pg.showing import shown
from chakra.pg.types import PgType


def _enum_class(type_: PgType) -> type[enum.Enum] | None:
    """The Python enum whose members instances hold, if the type was made from one."""
    python = type_.python
    return python if isinstance(python, type) and issubclass(python, enum.Enum) else None


class _Members(dict[Any, Any]):
    """Members of a Python enum by label."""

    def __init__(self, cls: enum.EnumMeta, labels: Iterable[Any], what: str) -> None:
        super().__init__(zip(labels, cls, strict=True))
        self.what = what
        self.cls = cls
        self.labels = ", ".join(map(repr, self))
        self[None] = None

    def __missing__(self, label: Any) -> Any:
        if isinstance(label, str) and label != label.rstrip(" ") and label.rstrip(" ") in self:
            return self[label.rstrip(" ")]  # character(n) fills up with spaces
        raise DataError(
            f"the database holds {shown(label)}, which is not a member of {self.cls.__name__}; its {self.what} are "
            f"{self.labels}"
        )


def load_for(type_: PgType) -> Callable[[Any], Any] | None:
    """The conversion from a row value of ``type_``, or ``None`` where the value is right as it comes."""
    cls = _enum_class(type_)
    if cls is not None:
        return _Members(cls, enum_labels(cls), "labels").__getitem__
    if type_.kind == "array" and type_.element is not None:
        inner = load_for(type_.element)
        return None if inner is None else lambda value: _map_nested(inner, value)
    return None


def _members_of(cls: enum.EnumMeta) -> list[enum.Enum]:
    members: list[Any] = list(cls)
    return members


def load_members(type_: PgType, cls: enum.EnumMeta) -> Callable[[Any], Any]:
    """The conversion from values of ``type_``, or arrays of them, to the members of a Python enum that have these."""
    find = _Members(cls, [member.value for member in _members_of(cls)], "values").__getitem__
    return find if type_.kind != "array" else lambda value: _map_nested(find, value)


def _map_nested(convert: Callable[[Any], Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return [_map_nested(convert, item) for item in value]
    return convert(value)


__all__ = ["load_for", "load_members"]
