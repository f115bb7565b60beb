"""The row that could not be inserted: what the UPDATE of an upsert computes with."""

from __future__ import annotations

from collections.abc import Hashable

from chakra.errors import FieldError
from chakra.expressions.base import Expression


class Excluded(Expression):
    """The value that a row was to be inserted with: ``create(…, on_conflict="update",
    update_fields={"stock": F("stock") + Excluded("stock")})``. ``F`` is of the row that is there.

    Args:
        name: of the field.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise FieldError(f"Excluded() takes the name of a field, not {name!r}")
        self.name = name

    def own_shape(self) -> Hashable:
        return self.name

    def __repr__(self) -> str:
        return f"Excluded({self.name!r})"


__all__ = ["Excluded"]
