"""Constraints of CREATE TABLE and ALTER TABLE."""

from __future__ import annotations

from collections.abc import Iterator

from chakra.errors import FieldError
from chakra.pg.quoting import quote_identifier, quote_qualified
from chakra.schema import ForeignKeyConstraint, Table, Unique
from chakra.schema.constraints import ON_DELETE
from chakra.sql.ddl.names import object_name


def constraint_lines(table: Table) -> Iterator[str]:
    """The keys and conditions of a table, apart from its foreign keys."""
    if table.primary_key:
        yield f"PRIMARY KEY ({', '.join(c.quoted for c in table.key_columns)})"
    for unique in table.uniques:
        columns = [table.column(name) for name in unique.columns]
        name = unique_name(table, unique)
        yield f"CONSTRAINT {quote_identifier(name)} UNIQUE ({', '.join(c.quoted for c in columns)})"
    for number, check in enumerate(table.checks):
        name = check.name or object_name(table.name, f"check{number or ''}")
        yield f"CONSTRAINT {quote_identifier(name)} CHECK ({check.condition})"


def unique_name(table: Table, unique: Unique) -> str:
    """The name of a UNIQUE constraint, made of its columns if it has none."""
    return unique.name or object_name(table.name, *(table.column(n).name for n in unique.columns), "key")


def foreign_key(table: Table, constraint: ForeignKeyConstraint) -> str:
    """One foreign key."""
    name = object_name(table.name, *constraint.columns, "fkey")
    own = ", ".join(quote_identifier(c) for c in constraint.columns)
    other = ", ".join(quote_identifier(c) for c in constraint.target_columns)
    target = quote_qualified(constraint.target_schema, constraint.target)
    line = f"CONSTRAINT {quote_identifier(name)} FOREIGN KEY ({own}) REFERENCES {target} ({other})"
    if constraint.on_delete not in ON_DELETE:
        raise FieldError(f"on_delete={constraint.on_delete!r}: use one of {', '.join(ON_DELETE)}")
    if constraint.on_delete != "no action":
        line += f" ON DELETE {constraint.on_delete.upper()}"
    if constraint.set_columns:
        line += f" ({', '.join(map(quote_identifier, constraint.set_columns))})"
    return line + (" DEFERRABLE INITIALLY DEFERRED" if constraint.deferrable else "")


__all__ = ["constraint_lines", "foreign_key", "unique_name"]
