"""What a path of names leads to, asked without a query."""

from __future__ import annotations

from chakra.pg.types import PgType
from chakra.schema import Table
from chakra.sql.infer import type_of
from chakra.sql.scope import Scope


def type_at(table: Table, path: str) -> PgType | None:
    """The type of the value at the end of a path; ``None`` where only the server knows it.

    Raises:
        FieldError: the path leads to no value; lists what exists.
    """
    return type_of(Scope(table).resolve_value(path))


__all__ = ["type_at"]
