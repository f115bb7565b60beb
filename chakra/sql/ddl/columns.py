"""One column of CREATE TABLE, and what is said of it behind."""

from __future__ import annotations

from collections.abc import Iterator

from chakra.pg.quoting import quote_identifier, quote_string
from chakra.schema import Column, Identity, Table
from chakra.sql.ddl.terms import quoted_name


def column_line(column: Column) -> str:
    """Name, type and what the server makes its values of."""
    line = f"{column.quoted} {column.type.sql}"
    if column.compression is not None:
        line += f" COMPRESSION {quote_identifier(column.compression)}"
    if column.collation is not None:
        line += f" COLLATE {quoted_name(column.collation)}"
    if column.computed is not None:
        line += f" GENERATED ALWAYS AS ({column.computed}) {'VIRTUAL' if column.virtual else 'STORED'}"
    elif column.identity:
        options = "" if column.sequence is None else f" ({identity_options(column.sequence)})"
        line += f" GENERATED {'ALWAYS' if column.always else 'BY DEFAULT'} AS IDENTITY{options}"
    elif column.db_default is not None:
        line += f" DEFAULT {column.db_default}"
    return line if column.nullable else f"{line} NOT NULL"


def identity_options(sequence: Identity) -> str:
    """The options of an identity column's sequence, as stand in parentheses behind it."""
    words: list[str] = []
    for word, value in (
        ("START", sequence.start),
        ("MINVALUE", sequence.minimum),
        ("MAXVALUE", sequence.maximum),
    ):
        if value is not None:
            words.append(f"{word} {int(value)}")
    if sequence.increment != 1:
        words.append(f"INCREMENT {int(sequence.increment)}")
    if sequence.cache != 1:
        words.append(f"CACHE {int(sequence.cache)}")
    if sequence.cycle:
        words.append("CYCLE")
    return " ".join(words)


def column_statements(table: Table) -> Iterator[str]:
    """What is said of columns once the table is there."""
    for column in table.columns:
        if column.storage is not None:  # CREATE TABLE takes it from 16 on
            storage = quote_identifier(column.storage)
            yield f"ALTER TABLE {table.quoted} ALTER COLUMN {column.quoted} SET STORAGE {storage}"
    yield from column_comments(table)


def column_comments(table: Table) -> Iterator[str]:
    """What is said of columns."""
    for column in table.columns:
        if column.comment is not None:
            yield f"COMMENT ON COLUMN {table.quoted}.{column.quoted} IS {quote_string(column.comment)}"


__all__ = ["column_comments", "column_line", "column_statements", "identity_options"]
