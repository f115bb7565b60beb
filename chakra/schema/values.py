"""How row values become instance values and back, by column type; the row path's only conversions.

asyncpg already speaks Python for most types. What is left: enums (the server knows labels, Python knows
members) and containers of them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from chakra.errors import DataError
from chakra.pg.types import PgType


def enum_labels(cls: type[enum.Enum]) -> tuple[str, ...]:
    """The labels of a Python enum in PostgreSQL: its values if all are strings, else its names."""
    members = list(cls)
    if all(isinstance(m.value, str) for m in members):
        return tuple(m.value for m in members)
    return tuple(m.name for m in members)


def _enum_class(type_: PgType) -> type[enum.Enum] | None:
    """The Python enum whose members instances hold, if the type was made from one."""
    python = type_.python
    return python if isinstance(python, type) and issubclass(python, enum.Enum) else None


def load_for(type_: PgType) -> Callable[[Any], Any] | None:
    """The conversion from a row value of ``type_``, or ``None`` where the value is right as it comes."""
    cls = _enum_class(type_)
    if cls is not None:
        members: dict[Any, Any] = dict(zip(enum_labels(cls), cls, strict=True))
        members[None] = None
        return members.__getitem__
    if type_.kind == "array" and type_.element is not None:
        inner = load_for(type_.element)
        return None if inner is None else lambda value: _map_nested(inner, value)
    return None


def dump_for(type_: PgType) -> Callable[[Any], Any] | None:
    """The conversion to a statement parameter of ``type_``, or ``None`` where none is needed."""
    cls = _enum_class(type_)
    if cls is not None:
        labels: dict[Any, str] = dict(zip(cls, enum_labels(cls), strict=True))
        known = frozenset(labels.values())

        def dump(value: Any) -> Any:
            if value is None:
                return None
            if isinstance(value, cls):
                return labels[value]
            if value in known:
                return value
            raise DataError(
                f"{value!r} is not a member of {cls.__name__}; its labels are {', '.join(labels.values())}"
            )

        return dump
    if type_.kind == "array" and type_.element is not None:
        inner = dump_for(type_.element)
        return None if inner is None else lambda value: _map_nested(inner, value)
    return None


def dump_values(column: str, convert: Callable[[Any], Any] | None, values: list[Any]) -> list[Any]:
    """Convert the values of one column; an error names the row.

    Raises:
        DataError: a value is none of the column's.
    """
    if convert is None:
        return values
    try:
        return list(map(convert, values))
    except DataError:
        for row, value in enumerate(values):
            try:
                convert(value)
            except DataError as error:
                raise DataError(f'row {row}, column "{column}": {error}', row=row, column=column) from None
        raise


def _map_nested(convert: Callable[[Any], Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return [_map_nested(convert, item) for item in value]
    return convert(value)
