"""What servers of older versions cannot create, refused before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable

from chakra.errors import FieldError
from chakra.schema import Table

SET_COLUMNS_FROM = 15
"""The server's major version from which a foreign key can say which of its columns ON DELETE sets."""


def check_server(tables: Iterable[Table], major: int) -> None:
    """Refuse what a server of this major version cannot create.

    Raises:
        FieldError: a foreign key that would set some of its columns, and leave others, when its target goes.
    """
    for table in tables:
        for key in table.foreign_keys:
            if key.set_columns and major < SET_COLUMNS_FROM:
                kept = ", ".join(name for name in key.columns if name not in key.set_columns)
                raise FieldError(
                    f"{table.title}: on_delete={key.on_delete!r} of the key ({', '.join(key.columns)}) has to leave "
                    f"{kept} as it is, which needs PostgreSQL {SET_COLUMNS_FROM}; the server is {major}. Use another "
                    "on_delete"
                )


__all__ = ["check_server"]
