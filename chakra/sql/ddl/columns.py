"""One column of CREATE TABLE, and what is said of it behind."""

from __future__ import annotations

from collections.abc import Iterator

from chakra.pg.quoting import quote_identifier, quote_string
from chakra.schema import Column, Identity, Table
from chakra.sql.ddl.sequences import SERIAL, of_own_sequence
from chakra.sql.ddl.terms import quoted_name


def column_line(column: Column) -> str:
    """Name, type and what the server makes its values of."""
    line = f"{column.quoted} {SERIAL[column.type.name] if column.serial else column.type.sql}"
    if column.compression is not None:
        line += f" COMPRESSION {quote_identifier(column.compression)}"
    if column.collation is not None:
        line += f" COLLATE {quoted_name(column.collation)}"
    if column.computed is not None:
        line += f" GENERATED ALWAYS AS ({column.computed}) {'VIRTUAL' if column.virtual else 'STORED'}"
    elif column.identity and not column.serial:
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


_LARGEST = {"int2": (1 << 15) - 1, "int4": (1 << 31) - 1, "int8": (1 << 63) - 1}


def sequence_options(column: Column, word: str = "") -> str:
    """All numbers of the sequence of a column, those that are its type's own included.

    Args:
        word: what stands before each: ``SET`` in ``ALTER COLUMN``, nothing in ``ALTER SEQUENCE``.
    """
    said = column.sequence or Identity()
    largest = _LARGEST.get(column.type.name, _LARGEST["int8"])
    low, high = (1, largest) if said.increment > 0 else (-largest - 1, -1)
    low = low if said.minimum is None else said.minimum
    high = high if said.maximum is None else said.maximum
    first = low if said.increment > 0 else high
    start = first if said.start is None else said.start
    options = (
        f"INCREMENT BY {said.increment}",
        f"MINVALUE {low}",
        f"MAXVALUE {high}",
        f"START WITH {start}",
        f"CACHE {said.cache}",
        "CYCLE" if said.cycle else "NO CYCLE",
    )
    return " ".join([f"{word} {option}" if word else option for option in options])


def column_statements(table: Table) -> Iterator[str]:
    """What is said of columns once the table is there."""
    for column in table.columns:
        if column.serial and column.nullable:
            yield f"ALTER TABLE {table.quoted} ALTER COLUMN {column.quoted} DROP NOT NULL"
        if column.serial and column.sequence is not None:
            yield of_own_sequence(
                table.quoted, column.name, "ALTER SEQUENCE ", f" {sequence_options(column)} RESTART"
            )
        if column.storage is not None:  # CREATE TABLE takes it from 16 on
            storage = quote_identifier(column.storage)
            yield f"ALTER TABLE {table.quoted} ALTER COLUMN {column.quoted} SET STORAGE {storage}"
    yield from column_comments(table)


def column_comments(table: Table) -> Iterator[str]:
    """What is said of columns."""
    for column in table.columns:
        if column.comment is not None:
            yield f"COMMENT ON COLUMN {table.quoted}.{column.quoted} IS {quote_string(column.comment)}"


__all__ = ["column_comments", "column_line", "column_statements", "identity_options", "sequence_options"]
