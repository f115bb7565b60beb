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


SPELLED = {
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": 1,
}
"""Settings by which text of values can be read again by any server, whatever its own settings are."""


def all_text(sql: str, columns: int) -> str:
    """The query whose columns are the text of those of another, as COPY writes it: what output functions give.

    A cast to text is another thing: of ``boolean``, ``inet`` and ``char(n)`` it is other text. ``IS NULL`` holds for
    composites of NULLs as well, which are values.
    """
    names = [f"c{i}" for i in range(columns)]
    picked = [
        f"CASE WHEN {n} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {n}) END AS {n}" for n in names
    ]
    text = f"WITH q({', '.join(names)}) AS ({sql}) SELECT {', '.join(picked)} FROM q"
    if not isinstance(sql, SqlText):
        return text
    return SqlText(text, sql.touches, all_text(sql.key, columns), sql.reads)


def count_read(column: str, type_: str, table: str, first: int, rows: int) -> str:
    """The query that reads the text of some rows of a table as values, which fails if one of them is none.

    Args:
        column, type_, table: SQL, quoted.
        first, rows: which rows, as they lie in the table.
    """
    some = f"SELECT {column} AS v FROM {table} OFFSET {int(first)} LIMIT {int(rows)}"
    return f"SELECT count(s.v::{type_}) FROM ({some}) AS s"


def text_at(column: str, table: str, row: int) -> str:
    """The query for the text of one row of a table, and how many there are."""
    return f"SELECT (SELECT {column} FROM {table} OFFSET {int(row)} LIMIT 1), (SELECT count(*) FROM {table})"


__all__ = ["SPELLED", "AsText", "all_text", "count_read", "text_at"]
