"""Names of objects that nobody named, as the server makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from chakra.schema.constraints import Check, Exclude, ForeignKeyConstraint, Unique
from chakra.schema.indexes import Index
from chakra.schema.terms import Term

MAX_NAME = 63  # bytes; NAMEDATALEN - 1


class Names(NamedTuple):
    """The names of what a table has, in the order in which it has them."""

    uniques: tuple[str, ...]
    exclusions: tuple[str, ...]
    checks: tuple[str, ...]
    foreign_keys: tuple[str, ...]
    indexes: tuple[str, ...]


def object_name(*parts: str) -> str:
    """``table_column_key``; a name too long for PostgreSQL keeps its start and end around a hash."""
    name = "_".join(parts)
    if len(name.encode()) <= MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    tail = f"_{digest}_{parts[-1]}"
    head = name.encode()[: MAX_NAME - len(tail.encode())].decode(errors="ignore")
    return head + tail


def names_of(
    table: str,
    column: Callable[[str], str],
    uniques: Sequence[Unique],
    exclusions: Sequence[Exclude],
    checks: Sequence[Check],
    foreign_keys: Sequence[ForeignKeyConstraint],
    indexes: Sequence[Index],
) -> Names:
    """The names of a table's constraints and indexes. Those that are not given are made of the columns, and a number
    where two would have the same otherwise.

    Args:
        column: the name of the column behind an attribute.
    """
    every: list[Unique | Exclude | Check | ForeignKeyConstraint | Index] = [
        *uniques,
        *exclusions,
        *checks,
        *foreign_keys,
        *indexes,
    ]
    taken = {one.name for one in every if one.name is not None}

    def parts(terms: tuple[Term, ...]) -> list[str]:
        return ["expr" if term.column is None else column(term.column) for term in terms]

    def made(name: str | None, words: Iterable[str], ending: str, number: int = 0) -> str:
        known = tuple(words)
        while name is None:
            found = object_name(table, *known, f"{ending}{number or ''}")
            name, number = (None if found in taken else found), number + 1
        taken.add(name)
        return name

    return Names(
        tuple([made(one.name, parts(one.terms), "key") for one in uniques]),
        tuple([made(one.name, parts(one.terms), "excl") for one in exclusions]),
        tuple([made(one.name, (), "check", number) for number, one in enumerate(checks)]),
        tuple([made(one.name, one.columns, "fkey") for one in foreign_keys]),
        tuple([made(one.name, parts(one.terms), "key" if one.unique else "idx") for one in indexes]),
    )


__all__ = ["Names", "names_of", "object_name"]
