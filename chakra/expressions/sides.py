"""A field of a row as it was before a write, or is after it: what ``returning=[…]`` names besides fields."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from chakra.errors import FieldError
from chakra.expressions.base import Expression


class Side(Expression):
    """A field of a written row; see ``Old`` and ``New``.

    Args:
        name: of the field.
    """

    __slots__ = ("name",)
    word: ClassVar[str] = ""

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise FieldError(f"{type(self).__name__}() takes the name of a field, not {name!r}")
        self.name = name

    def own_shape(self) -> Hashable:
        return self.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class Old(Side):
    """What a field held before an UPDATE or an upsert wrote its row: ``update(price=F("price") * 2, returning=["id",
    Old("price"), New("price")])`` gives dicts with ``old_price`` and ``new_price``. Of a row that was inserted it is
    ``None``. It needs PostgreSQL 18.

    Args:
        name: of the field.
    """

    __slots__ = ()
    word = "old"


class New(Side):
    """What a field holds after a write, beside ``Old`` of it: it is called ``new_price`` then. A name alone means the
    same value.

    Args:
        name: of the field.
    """

    __slots__ = ()
    word = "new"


__all__ = ["New", "Old", "Side"]
