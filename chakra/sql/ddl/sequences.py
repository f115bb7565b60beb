"""CREATE and DROP of sequences that columns draw from, and how numbers are drawn."""

from __future__ import annotations

from collections.abc import Iterable

from chakra.pg.quoting import quote_block, quote_string
from chakra.schema import Sequence, Table


def create_sequences(tables: Iterable[Table]) -> list[str]:
    """Statements that make the sequences of tables, each once; one of the same facts may be there already."""
    return [create_sequence(sequence) for sequence in dict.fromkeys(s for t in tables for s in t.sequences)]


def create_sequence(sequence: Sequence) -> str:
    """``CREATE SEQUENCE``; a sequence of that name and the same facts may exist already."""
    facts = (
        f"{quote_string(sequence.type)}::regtype, {sequence.start}::int8, {sequence.increment}::int8, "
        f"{sequence.minimum}::int8, {sequence.maximum}::int8, {sequence.cache}::int8, "
        f"{'true' if sequence.cycle else 'false'}"
    )
    message = quote_string(
        f"the sequence {sequence.name} exists with other numbers; drop it, alter it, or declare it as it is"
    )
    return quote_block(
        f"CREATE SEQUENCE {sequence.quoted} AS {sequence.type} INCREMENT BY {sequence.increment} "
        f"MINVALUE {sequence.minimum} MAXVALUE {sequence.maximum} START WITH {sequence.start} "
        f"CACHE {sequence.cache}{' CYCLE' if sequence.cycle else ''}; "
        "EXCEPTION WHEN duplicate_table THEN "
        "IF (SELECT (seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle) "
        f"FROM pg_catalog.pg_sequence WHERE seqrelid = {quote_string(sequence.quoted)}::regclass) "
        f"IS DISTINCT FROM ({facts}) "
        f"THEN RAISE EXCEPTION USING ERRCODE = 'duplicate_object', MESSAGE = {message}; END IF;"
    )


SERIAL = {"int2": "smallserial", "int4": "serial", "int8": "bigserial"}
"""What stands for a type whose column gets a sequence of its own (manual, 8.1.4)."""


def of_own_sequence(quoted: str, column: str, before: str, after: str = "") -> str:
    """A statement about the sequence that belongs to a column, whatever it is called.

    Args:
        quoted: the table.
        column: its name, unquoted.
        before, after: what stands around the sequence in the statement.
    """
    found = f"pg_catalog.pg_get_serial_sequence({quote_string(quoted)}, {quote_string(column)})"
    return quote_block(f"EXECUTE {quote_string(before)} || {found} || {quote_string(after)};")


def drop_sequences(tables: Iterable[Table]) -> list[str]:
    """Statements that drop the sequences of tables which nobody else draws from."""
    ignored = "EXCEPTION WHEN dependent_objects_still_exist THEN NULL"
    return [
        quote_block(f"DROP SEQUENCE IF EXISTS {sequence.quoted}; {ignored};")
        for sequence in dict.fromkeys(s for t in tables for s in t.sequences)
    ]


__all__ = ["SERIAL", "create_sequence", "create_sequences", "drop_sequences", "of_own_sequence"]
