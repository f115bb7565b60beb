"""Queries and staging tables over types without a binary format, whose values travel as text; pure text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from chakra.pg.text import SqlText
from chakra.pg.types import PgType, without_binary


@dataclass(frozen=True)
class AsText:
    """What turns a query into one that gives text where a column's type has no binary output function.

    The server answers COPY in binary with "no binary output function available" for such a column. The query stands
    in WITH, so that it may be an INSERT … RETURNING, too; PostgreSQL reads it in its own order.

    Attributes:
        names: of the columns inside.
        picked: the columns outside, with their casts.
    """

    names: str
    picked: str

    @classmethod
    def of(cls, types: Sequence[PgType]) -> AsText | None:
        """The one for result columns of some types; ``None`` if each has a binary format."""
        stand_ins = [without_binary(type_, to="read") for type_ in types]
        if not any(stand_ins):
            return None
        names = ", ".join(f"c{i}" for i in range(len(types)))
        picked = ", ".join(
            f"c{i}" if stand_in is None else f"c{i}::{stand_in.sql}" for i, stand_in in enumerate(stand_ins)
        )
        return cls(names, picked)

    @overload
    def around(self, sql: SqlText) -> SqlText: ...

    @overload
    def around(self, sql: str) -> str: ...

    def around(self, sql: str) -> str:
        """The query around another one, of which the same is known."""
        text = f"WITH q({self.names}) AS ({sql}) SELECT {self.picked} FROM q"
        if not isinstance(sql, SqlText):
            return text
        return SqlText(text, sql.touches, self.around(sql.key), sql.reads)


__all__ = ["AsText"]
