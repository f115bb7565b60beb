"""Constraints of CREATE TABLE and ALTER TABLE."""

from __future__ import annotations

from collections.abc import Iterator

from chakra.errors import FieldError
from chakra.pg.quoting import quote_identifier, quote_qualified
from chakra.schema import Check, Exclude, ForeignKeyConstraint, Table, Unique
from chakra.schema.constraints import MATCH, ON_DELETE
from chakra.schema.terms import Name
from chakra.sql.ddl.terms import deferrable_clause, include_clause, term_list, term_sql
from chakra.sql.declared import Declaring


def constraint_lines(table: Table) -> Iterator[str]:
    """The keys and conditions of a table, apart from its foreign keys."""
    declaring = Declaring(table)
    names = table.names
    if table.primary_key:
        yield f"PRIMARY KEY ({', '.join(c.quoted for c in table.key_columns)})"
    for unique, name in zip(table.uniques, names.uniques, strict=True):
        yield constraint_line(table, declaring.unique(unique), name)
    for exclusion, name in zip(table.exclusions, names.exclusions, strict=True):
        yield constraint_line(table, declaring.exclusion(exclusion), name)
    for check, name in zip(table.checks, names.checks, strict=True):
        yield constraint_line(table, declaring.check(check), name)


def constraint_line(table: Table, one: Unique | Exclude | Check, name: str) -> str:
    """One key or condition of a table under its name, as CREATE TABLE and ADD take it."""
    if isinstance(one, Unique):
        body = _unique(table, one)
    elif isinstance(one, Exclude):
        body = _exclude(table, one)
    else:
        body = f"CHECK ({one.condition}){' NO INHERIT' if one.no_inherit else ''}"
    return f"CONSTRAINT {quote_identifier(name)} {body}"


def _unique(table: Table, unique: Unique) -> str:
    """What of a UNIQUE constraint stands behind its name.

    Raises:
        FieldError: only an index can say it.
    """
    if not unique.is_constraint:
        raise FieldError(
            f"{table.title}: a UNIQUE constraint is over columns as they are; Unique({', '.join(unique.columns)}) of "
            "this table is Index(…, unique=True)"
        )
    nulls = " NULLS NOT DISTINCT" if unique.nulls_not_distinct else ""
    included = include_clause(table, unique.include)
    deferrable = deferrable_clause(unique.deferrable)
    return f"UNIQUE{nulls} ({term_list(table, unique.terms)}){included}{deferrable}"


def _exclude(table: Table, exclusion: Exclude) -> str:
    pairs = ", ".join(
        f"{term_sql(table, term)} WITH {_operator(operator)}"
        for term, operator in zip(exclusion.terms, exclusion.operators, strict=True)
    )
    line = f"EXCLUDE USING {quote_identifier(exclusion.method)} ({pairs})"
    line += include_clause(table, exclusion.include)
    if exclusion.where is not None:
        line += f" WHERE ({exclusion.where})"
    return line + deferrable_clause(exclusion.deferrable)


def _operator(name: Name) -> str:
    """An operator; what ``Exclude`` takes consists of the signs that operators are made of."""
    return name if isinstance(name, str) else f"OPERATOR({quote_identifier(name[0])}.{name[1]})"


def foreign_key(table: Table, constraint: ForeignKeyConstraint) -> str:
    """One foreign key of a table, under its name."""
    name = table.names.foreign_keys[table.foreign_keys.index(constraint)]
    own = ", ".join(quote_identifier(c) for c in constraint.columns)
    other = ", ".join(quote_identifier(c) for c in constraint.target_columns)
    target = quote_qualified(constraint.target_schema, constraint.target)
    line = f"CONSTRAINT {quote_identifier(name)} FOREIGN KEY ({own}) REFERENCES {target} ({other})"
    for word in (constraint.on_delete, constraint.on_update):
        if word not in ON_DELETE:
            raise FieldError(f"on_delete={word!r}: use one of {', '.join(ON_DELETE)}")
    if constraint.match not in MATCH:
        raise FieldError(f"match={constraint.match!r}: use one of {', '.join(MATCH)}")
    if constraint.match != "simple":
        line += f" MATCH {constraint.match.upper()}"
    if constraint.on_update != "no action":
        line += f" ON UPDATE {constraint.on_update.upper()}"
    if constraint.on_delete != "no action":
        line += f" ON DELETE {constraint.on_delete.upper()}"
    if constraint.set_columns:
        line += f" ({', '.join(map(quote_identifier, constraint.set_columns))})"
    return line + deferrable_clause(constraint.deferrable)


__all__ = ["constraint_line", "constraint_lines", "foreign_key"]
