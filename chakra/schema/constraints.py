"""Keys, indexes and conditions of tables as data; knows no model, no SQL, no server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chakra.errors import FieldError

OnDelete = Literal["no action", "restrict", "cascade", "set null", "set default"]
ON_DELETE: tuple[str, ...] = ("no action", "restrict", "cascade", "set null", "set default")


@dataclass(frozen=True)
class ForeignKeyConstraint:
    """``FOREIGN KEY (columns) REFERENCES target (target_columns)``, all by database name.

    Attributes:
        set_columns: which of the columns ``on_delete`` sets to NULL or to their defaults; empty = all.
    """

    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    target_schema: str | None = None
    on_delete: OnDelete = "no action"
    deferrable: bool = False
    set_columns: tuple[str, ...] = ()


@dataclass(frozen=True, init=False)
class Index:
    """An index over columns (attribute names; a leading ``-`` means descending).

    Args:
        columns: attribute names, or SQL expressions in parentheses: ``"(lower(name))"``.
        name: name in the database; made of table and columns if not given.
        unique: whether the index forbids duplicates.
        method: access method (``btree``, ``gin``, ``gist``, ``brin``, ``hash``, ``hnsw``, …).
        where: SQL condition of a partial index.
        definition: the statement that makes it, of an existing index of which the other arguments do not say everything
            (operator classes, included columns and the like).
    """

    columns: tuple[str, ...]
    name: str | None
    unique: bool
    method: str
    where: str | None
    definition: str | None

    def __init__(
        self,
        *columns: str,
        name: str | None = None,
        unique: bool = False,
        method: str = "btree",
        where: str | None = None,
        definition: str | None = None,
    ) -> None:
        if not columns:
            raise FieldError("an Index needs at least one column")
        for attribute, value in (
            ("columns", columns),
            ("name", name),
            ("unique", unique),
            ("method", method),
            ("where", where),
            ("definition", definition),
        ):
            object.__setattr__(self, attribute, value)


@dataclass(frozen=True, init=False)
class Unique:
    """A UNIQUE constraint over columns (attribute names)."""

    columns: tuple[str, ...]
    name: str | None

    def __init__(self, *columns: str, name: str | None = None) -> None:
        if not columns:
            raise FieldError("a Unique constraint needs at least one column")
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "name", name)


@dataclass(frozen=True, init=False)
class Check:
    """A CHECK constraint: an SQL condition written by the developer, e.g. ``Check("price > 0")``."""

    condition: str
    name: str | None

    def __init__(self, condition: str, *, name: str | None = None) -> None:
        object.__setattr__(self, "condition", condition)
        object.__setattr__(self, "name", name)


__all__ = ["ON_DELETE", "Check", "ForeignKeyConstraint", "Index", "OnDelete", "Unique"]
