"""Columns of texts and numbers that hold the values of members of a Python enum."""

from __future__ import annotations

import enum
from functools import cache
from typing import Any

from chakra.errors import DataError
from chakra.pg.showing import shown


def check_member(value: Any, cls: enum.EnumMeta) -> None:
    """Check that a value of a column is that of a member, as it is there for reads to find; of an array each element.

    Raises:
        DataError: it is not.
    """
    if value is None:
        return
    if isinstance(value, list | tuple):
        for item in value:
            check_member(item, cls)
        return
    known = _values_of(cls)
    if value in known or (isinstance(value, str) and value.rstrip(" ") in known):
        return
    raise DataError(
        f"{shown(value)} is not a member of {cls.__name__}; its values are {', '.join(map(repr, known))}, and what is "
        "none of them could not be read again"
    )


@cache
def _values_of(cls: enum.EnumMeta) -> dict[Any, None]:
    members: list[Any] = list(cls)
    return dict.fromkeys([member.value for member in members])


__all__ = ["check_member"]
