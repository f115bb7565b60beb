"""Queries and staging tables over types without a binary format, whose values travel as text; pure text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chakra.pg.types import PgType, without_binary


def select_as_text(types: Sequence[PgType]) -> Callable[[str], str] | None:
    """What turns a query into one that gives text where a column's type has no binary output function.

    The server answers COPY in binary with "no binary output function available" for such a column. The query stands
    in WITH, so that it may be an INSERT … RETURNING, too; PostgreSQL reads it in its own order.

    Returns:
        ``None`` if every column has one.
    """
    stand_ins = [without_binary(type_, to="read") for type_ in types]
    if not any(stand_ins):
        return None
    names = ", ".join(f"c{i}" for i in range(len(types)))
    picked = ", ".join(
        f"c{i}" if stand_in is None else f"c{i}::{stand_in.sql}" for i, stand_in in enumerate(stand_ins)
    )
    return lambda sql: f"WITH q({names}) AS ({sql}) SELECT {picked} FROM q"


__all__ = ["select_as_text"]
