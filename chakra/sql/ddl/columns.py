"""One column of CREATE TABLE."""

from __future__ import annotations

from chakra.schema import Column


def column_line(column: Column) -> str:
    """Name, type and what the server makes its values of."""
    line = f"{column.quoted} {column.type.sql}"
    if column.computed is not None:
        line += f" GENERATED ALWAYS AS ({column.computed}) {'VIRTUAL' if column.virtual else 'STORED'}"
    elif column.identity:
        line += f" GENERATED {'ALWAYS' if column.always else 'BY DEFAULT'} AS IDENTITY"
    elif column.db_default is not None:
        line += f" DEFAULT {column.db_default}"
    return line if column.nullable else f"{line} NOT NULL"


__all__ = ["column_line"]
