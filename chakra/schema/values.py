"""How row values become instance values, by column type; the way back is ``chakra.pg.conversion``.

asyncpg already speaks Python for most types. What is left: enums (the server knows labels, Python knows
members), composites (whose records it reads, but takes for lists inside arrays), and containers of them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from chakra.errors import DataError
from chakra.pg.conversion import enum_labels
from chakra.pg.types import PgType


def _enum_class(type_: PgType) -> type[enum.Enum] | None:
    """The Python enum whose members instances hold, if the type was made from one."""
    python = type_.python
    return python if isinstance(python, type) and issubclass(python, enum.Enum) else None


class _Members(dict[Any, Any]):
    """Members of a Python enum by label."""

    cls: type[enum.Enum]

    def __missing__(self, label: Any) -> Any:
        raise DataError(
            f"the database holds {label!r}, which is not a member of {self.cls.__name__}; its labels are "
            f"{', '.join(map(repr, enum_labels(self.cls)))}"
        )


def load_for(type_: PgType) -> Callable[[Any], Any] | None:
    """The conversion from a row value of ``type_``, or ``None`` where the value is right as it comes."""
    cls = _enum_class(type_)
    if cls is not None:
        members = _Members(zip(enum_labels(cls), cls, strict=True))
        members.cls = cls
        members[None] = None
        return members.__getitem__
    if type_.kind == "array" and type_.element is not None:
        inner = load_for(type_.element)
        return None if inner is None else lambda value: _map_nested(inner, value)
    return None


def _map_nested(convert: Callable[[Any], Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return [_map_nested(convert, item) for item in value]
    return convert(value)


__all__ = ["load_for"]
