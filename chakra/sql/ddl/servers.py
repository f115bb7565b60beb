"""What servers of older versions cannot create, refused before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chakra.errors import FieldError
from chakra.schema import Index, Table, Unique

SET_COLUMNS_FROM = 15
"""The server's major version from which a foreign key can say which of its columns ON DELETE sets."""
NULLS_FROM = 15
"""That from which UNIQUE may count two NULLs as equal."""
VIRTUAL_FROM = 18
"""That from which a column may be computed when it is read."""


def check_server(tables: Iterable[Table], major: int) -> None:
    """Refuse what a server of this major version cannot create.

    Raises:
        FieldError: a word of a table that only newer servers know; says from which on.
    """
    for table in tables:
        for what, since, instead in _needs(table):
            if major < since:
                raise FieldError(
                    f"{table.title}: {what} needs PostgreSQL {since}; the server is {major}. {instead}"
                )


def _needs(table: Table) -> Iterator[tuple[str, int, str]]:
    """What a table asks for that not every server has: what it is, since when there is, and what to do without."""
    for key in table.foreign_keys:
        if key.set_columns:
            kept = ", ".join(name for name in key.columns if name not in key.set_columns)
            columns = ", ".join(key.columns)
            what = f"on_delete={key.on_delete!r} of the key ({columns}) has to leave {kept} as it is, which"
            yield what, SET_COLUMNS_FROM, "Use another on_delete"
    uniques: list[Unique | Index] = [*table.uniques, *table.indexes]
    for unique in uniques:
        if unique.nulls_not_distinct:
            what = f"nulls_not_distinct= of {type(unique).__name__}({', '.join(unique.columns)})"
            yield what, NULLS_FROM, "Use an index over Coalesce(…), or nullable fields no more"
    for column in table.columns:
        if column.virtual:
            yield f"the computed field {column.attribute} with stored=False", VIRTUAL_FROM, "Use stored=True"


__all__ = ["check_server"]
