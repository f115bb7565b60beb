"""Names in declarations of a table: its own columns and nothing else, for what is about one row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chakra.errors import FieldError
from chakra.expressions import Expression, OuterRef, QueryExpression
from chakra.expressions.aggregates import Aggregate
from chakra.expressions.calls import find_transform
from chakra.expressions.lookups import find_lookup
from chakra.expressions.windows import Window
from chakra.schema import Column, Table
from chakra.schema.storage import NextValue
from chakra.sql.scope import Path, Scope
from chakra.sql.sources import ColumnRef

_REFUSED: tuple[tuple[type, str], ...] = (
    (Aggregate, "an aggregate"),
    (Window, "a window"),
    (QueryExpression, "a query"),
    (OuterRef, "a value of a query around"),
)


class TableScope(Scope):
    """Names of one table's own columns.

    Other tables are not looked at: they may be described later, and may refer to this one.

    Args:
        keys: the attributes that hold the key of a relation, by its name.
        fixed: why no column may be named; empty = they may.
    """

    def __init__(self, table: Table, keys: Mapping[str, tuple[str, ...]], fixed: str = "") -> None:
        super().__init__(table)
        self._keys = keys
        self._fixed = fixed

    def resolve(self, expression: Expression) -> Expression:
        kind = type(expression)
        if getattr(kind, "bind_column", None) is not None:
            owner: Any = getattr(expression, "owner", None)
            attribute: Any = getattr(expression, "attribute", None)
            if owner is not self.root.table.row_class:
                raise FieldError(
                    f"{expression!r} is no field of {self.root.table.title}, and it is about its own"
                )
            return self.resolve_value(attribute)
        for refused, what in _REFUSED:
            if isinstance(expression, refused):
                raise FieldError(f"{expression!r} is {what}, and it is about one row of the table")
        return super().resolve(expression)

    def resolve_path(self, path: str) -> Path:
        """A column of the table and its transforms; a relation stands for the field that holds its key."""
        table = self.root.table
        if isinstance(path, NextValue):
            raise FieldError(
                "Sequence.next() is a default by itself, and no part of an expression; of a sequence that is there "
                "already, nextval() may stand in a default that is SQL text"
            )
        parts = path.split("__")
        if self._fixed:
            raise FieldError(f"{path!r}: {self._fixed}")
        column = table.by_attribute.get(parts[0])
        if column is None and parts[0] == "pk":
            column = table.column("pk")
        if column is None and parts[0] in self._keys:
            column = self._key(parts, path)
        if column is None:
            raise self._unknown(table, parts[0], path)
        return self._transform(ColumnRef(self.root, column), parts, 1, path)

    def _key(self, parts: list[str], path: str) -> Column:
        held = self._keys[parts[0]]
        title = self.root.table.title
        if len(held) != 1:
            raise FieldError(
                f"{path!r}: the key of {title}.{parts[0]} has several fields; name {', '.join(held)}"
            )
        name = held[0]
        column = self.root.table.by_attribute[name]
        if len(parts) > 1 and parts[1] == "pk":
            del parts[1]
        following = parts[1] if len(parts) > 1 else "isnull"
        known = (
            following == "isnull"
            or find_transform(following, column.type)
            or find_lookup(following, column.type)
        )
        if not known:
            raise FieldError(
                f"{path!r} is a value of the row behind {title}.{parts[0]}, and it is about one row of {title}; of the "
                f"relation it has the key: {name!r}"
            )
        return column


__all__ = ["TableScope"]
