"""Terms of indexes and constraints, names of the catalog, and storage parameters."""

from __future__ import annotations

from collections.abc import Iterable

from chakra.pg.quoting import quote_identifier, quote_qualified, quote_string
from chakra.schema import Table, Term
from chakra.schema.terms import Name


def quoted_name(name: Name) -> str:
    """A name of the catalog, with its schema if it has one."""
    return quote_identifier(name) if isinstance(name, str) else quote_qualified(*name)


def term_sql(table: Table, term: Term) -> str:
    """One term: a column or an expression, its collation, operator class and direction."""
    # Parentheses around each expression: the grammar asks for them unless it is a call (CREATE INDEX, manual).
    line = f"({term.expression})" if term.column is None else table.column(term.column).quoted
    if term.collation is not None:
        line += f" COLLATE {quoted_name(term.collation)}"
    if term.opclass is not None:
        line += f" {quoted_name(term.opclass)}"
    if term.options:
        line += f" ({parameter_list(term.options)})"
    if term.descending:
        line += " DESC"
    if term.nulls is not None:
        line += f" NULLS {term.nulls.upper()}"
    return line


def term_list(table: Table, terms: Iterable[Term]) -> str:
    """Terms with commas between them."""
    return ", ".join(term_sql(table, term) for term in terms)


def include_clause(table: Table, attributes: Iterable[str]) -> str:
    """``INCLUDE (…)`` with a space in front, or nothing."""
    names = ", ".join(table.column(attribute).quoted for attribute in attributes)
    return f" INCLUDE ({names})" if names else ""


def parameter_list(parameters: Iterable[tuple[str, str]]) -> str:
    """Storage parameters, whose values are constants."""
    return ", ".join(f"{quote_identifier(name)} = {quote_string(value)}" for name, value in parameters)


def deferrable_clause(deferrable: object) -> str:
    """``DEFERRABLE INITIALLY …`` with a space in front, or nothing."""
    if not deferrable:
        return ""
    return (
        " DEFERRABLE INITIALLY IMMEDIATE" if deferrable == "immediate" else " DEFERRABLE INITIALLY DEFERRED"
    )


__all__ = ["deferrable_clause", "include_clause", "parameter_list", "quoted_name", "term_list", "term_sql"]
