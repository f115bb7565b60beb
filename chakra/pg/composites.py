"""The fields of a composite value, in the order of its type; what every writer takes for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def fields_of(value: Any, names: Sequence[str], title: str, *, partial: bool = False) -> Sequence[Any]:
    """The values of a composite's fields.

    Args:
        value: a tuple or list in the order of the fields; a mapping, or a record of a row, by their names.
        names: of the type's fields.
        title: of the type, for errors.
        partial: names that are missing stand for NULL, as the driver takes parameters of SQL of one's own.

    Raises:
        ValueError: a field too many, or one that is missing.
        TypeError: something else.
    """
    if isinstance(value, Mapping) or (hasattr(value, "keys") and not isinstance(value, str)):
        given = list(value.keys())
        if given == list(names):
            return list(value.values())
        unknown = [name for name in given if name not in names]
        missing = [name for name in names if name not in given]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not one of the fields {', '.join(names)}")
        if missing and not partial:
            raise ValueError(f"the field {missing[0]!r} of {title} is missing; None stands for NULL")
        return [value[name] if name in given else None for name in names]
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise TypeError(f"expected a tuple or a mapping, found {type(value).__name__}")
    if len(value) != len(names):
        raise ValueError(f"expected {len(names)} fields ({', '.join(names)}), found {len(value)}")
    return value


__all__ = ["fields_of"]
