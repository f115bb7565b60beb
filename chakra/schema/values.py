"""How row values become instance values and back, by column type; the row path's only conversions.

asyncpg already speaks Python for most types. What is left: enums (the server knows labels, Python knows
members), composites (whose records it reads, but takes for lists inside arrays), and containers of them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from chakra.errors import DataError
from chakra.pg.composites import fields_of
from chakra.pg.server_text import ServerText
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
    base = type_.base
    if base.kind == "composite" and base.fields:
        return _composite_dump(base)
    if base.kind == "array" and base.element is not None:
        inner = dump_for(base.element)
        element = base.element.base
        if element.kind == "composite":
            return None if inner is None else lambda value: _map_lists(inner, value)
        if element.name in _SEQUENCES:
            return lambda value: _map_lists(tuple, value, inner=_numbers)
        return None if inner is None else lambda value: _map_nested(inner, value)
    return None


_SEQUENCES = frozenset({"vector", "halfvec"})
"""Types whose values are lists in rows, which the driver takes for inner arrays when they stand in one."""


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, int | float) for item in value)


def _composite_dump(type_: PgType) -> Callable[[Any], Any]:
    """Turns what stands for a composite into a tuple of its fields, each as the driver takes it."""
    names = [name for name, _ in type_.fields]
    dumps = [dump_for(field) for _, field in type_.fields]
    title = type_.sql

    def dump(value: Any) -> Any:
        if value is None or type(value) is ServerText:
            return value
        try:
            given = fields_of(value, names, title)
        except (TypeError, ValueError) as error:
            raise DataError(str(error)) from None
        return tuple(v if one is None else one(v) for one, v in zip(dumps, given, strict=True))

    return dump


def _map_lists(convert: Callable[[Any], Any], value: Any, inner: Callable[[Any], bool] | None = None) -> Any:
    """Convert the elements of lists in lists, of which only those for which ``inner`` says so are elements."""
    if value is None or type(value) is ServerText or (inner is not None and not isinstance(value, list)):
        return value
    if not isinstance(value, list | tuple):
        raise DataError(f"expected a list, got {type(value).__name__}")
    found = []
    for item in value:
        if inner is not None:
            found.append(convert(item) if inner(item) else _map_lists(convert, item, inner))
        else:
            found.append(_map_lists(convert, item) if isinstance(item, list) else convert(item))
    return found


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
