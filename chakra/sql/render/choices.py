"""Rows of the table: one of several values, and one value under another type or collation."""

from __future__ import annotations

from chakra.expressions import (
    ArrayOf,
    Case,
    Cast,
    Coalesce,
    Collate,
    Expression,
    Greatest,
    Least,
    NullIf,
    Slot,
)
from chakra.pg.quoting import quote_qualified
from chakra.pg.types import PgType
from chakra.sql.infer import beside_of, chosen_type, is_null
from chakra.sql.render.base import render
from chakra.sql.render.nodes import compared
from chakra.sql.statement import Writer


def case(node: Case, writer: Writer) -> None:
    beside = beside_of(node.values)
    writer.write("CASE")
    for condition, value in zip(node.conditions, node.values, strict=False):
        writer.write(" WHEN ")
        render(condition, writer)
        writer.write(" THEN ")
        _value(value, beside, writer)
    if node.defaults:
        writer.write(" ELSE ")
        _value(node.values[-1], beside, writer)
    writer.write(" END")


def one_of(node: Coalesce | Greatest | Least | NullIf, writer: Writer) -> None:
    beside = beside_of(node.values)
    writer.write(f"{node.function}(")
    for position, value in enumerate(node.values):
        writer.write(", " if position else "")
        _value(value, beside, writer)
    writer.write(")")


def array_of(node: ArrayOf, writer: Writer) -> None:
    beside = beside_of(node.values)
    writer.write("ARRAY[")
    for position, value in enumerate(node.values):
        writer.write(", " if position else "")
        _value(value, beside, writer)
    writer.write("]")


def _value(node: Expression, beside: PgType | None, writer: Writer) -> None:
    """Write one of several values: a literal takes the type of the others, as it does beside an operator."""
    if is_null(node):
        writer.write("NULL")
    elif isinstance(node, Slot):
        type_ = chosen_type(node, beside)
        writer.parameter(
            node.index, (*node.steps, *compared(type_)), type_, "value", beside_column=beside is not None
        )
    else:
        render(node, writer)


def cast(node: Cast, writer: Writer) -> None:
    writer.write("CAST(")
    render(node.value, writer)
    writer.write(f" AS {node.type.sql})")


def collate(node: Collate, writer: Writer) -> None:
    writer.write("(")
    render(node.value, writer)
    writer.write(f" COLLATE {quote_qualified(node.schema, node.collation)})")
