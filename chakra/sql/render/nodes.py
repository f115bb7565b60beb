"""Rows of the table: values, and what joins conditions."""

from __future__ import annotations

from chakra.expressions import (
    Call,
    Combined,
    Expression,
    IsTrue,
    Operation,
    Prefixed,
    Slot,
    python_type,
)
from chakra.expressions.rules import SHIFTS, SPANS, TEXT_TYPES, VECTORS
from chakra.pg.quoting import quote_output
from chakra.pg.types import PgType
from chakra.sql.adapting import ToType
from chakra.sql.infer import may_be_null, operand_type, type_of
from chakra.sql.nodes import OutputName, RowRange
from chakra.sql.render.base import render
from chakra.sql.sources import ColumnRef
from chakra.sql.statement import Writer


def column(node: ColumnRef, writer: Writer) -> None:
    if writer.qualify:
        writer.write(f"{node.source.alias}.{node.column.quoted}")
    else:
        writer.write(node.column.quoted)


def slot(node: Slot, writer: Writer) -> None:
    typed_slot(node, writer, None)


def typed_slot(node: Slot, writer: Writer, type_: PgType | None) -> None:
    """Write a literal with its type spelled out, where the place alone does not say which it is."""
    type_ = node.type or type_ or python_type(node.sample)
    writer.parameter(node.index, (*node.steps, *compared(type_)), type_, "value")


def placed(node: Expression, writer: Writer, type_: PgType | None, label: str) -> None:
    """A literal that has to be of a type, which its place alone does not say."""
    if not isinstance(node, Slot) or type_ is None:
        render(node, writer)
        return
    type_ = node.type or type_
    steps = (ToType(type_),)
    writer.parameter(node.index, (*node.steps, *steps), type_, label)


def compared(type_: PgType | None) -> tuple[ToType, ...]:
    """What a literal goes through that is compared with a value of that type."""
    if type_ is None:
        return ()
    return (ToType(type_, "compared"),)


def label_of(node: Expression) -> str:
    """What error messages call a value: the field it is compared with, where there is one."""
    while isinstance(node, Call) and node.arguments:
        node = node.arguments[0]
    return repr(node) if isinstance(node, ColumnRef) else "value"


def operation(node: Operation, writer: Writer) -> None:
    writer.write("(")
    left, right = node.left, node.right
    operator = node.operator
    if operator == "+" and (_is_one_of(TEXT_TYPES, left, right) or _is_one_of(_SEARCHED, left, right)):
        operator = "||"
    for position, (side, other) in enumerate(((left, right), (right, left))):
        if position:
            writer.write(f" {operator} ")
        if isinstance(side, Slot):
            type_ = operand_type(side, type_of(other), node.operator)
            if type_ is not None and (type_.kind in SPANS or type_.name in VECTORS):
                writer.parameter(side.index, (*side.steps, ToType(type_)), type_, label_of(other))
            else:
                typed_slot(side, writer, type_)
        else:
            type_ = type_of(side)
            render(side, writer)
        if (
            type_ is not None
            and type_.base.name == "int8"
            and _takes_integer(operator, position, type_of(other))
        ):
            writer.write("::integer")
    writer.write(")")


def _takes_integer(operator: str, position: int, other: PgType | None) -> bool:
    """Whether the server has the operator for ``integer`` only: places of a shift, and days beside a date."""
    if operator in SHIFTS:
        return position == 1
    return operator in "+-" and other is not None and other.base.name == "date"


def prefixed(node: Prefixed, writer: Writer) -> None:
    writer.write(f"({node.operator} ")
    render(node.value, writer)
    writer.write(")")


_SEARCHED = frozenset({"tsvector"})


def _is_one_of(names: frozenset[str], *nodes: Expression) -> bool:
    """Whether ``+`` beside the values means that they are put together."""
    found = [type_of(node) for node in nodes]
    return all(type_ is not None and type_.base.name in names for type_ in found)


def combined(node: Combined, writer: Writer) -> None:
    if not node.parts:
        writer.write("TRUE")
        return
    for position, part in enumerate(node.parts):
        if position:
            writer.write(f" {node.connector} ")
        nested = isinstance(part, Combined) and len(part.parts) > 1 and part.connector != node.connector
        if nested:
            writer.write("(")
        render(part, writer)
        if nested:
            writer.write(")")


def is_true(node: IsTrue, writer: Writer) -> None:
    render(node.inner, writer)


def row_range(node: RowRange, writer: Writer) -> None:
    nulls = node.low is None and node.high is not None and may_be_null(node.column)
    writer.write("(" if nulls else "")
    joint = ""
    for operator, bound in ((">=", node.low), ("<", node.high)):
        if bound is not None:
            writer.write(joint)
            render(node.column, writer)
            writer.write(f" {operator} ")
            render(bound, writer)
            joint = " AND "
    if nulls:
        writer.write(" OR ")
        render(node.column, writer)
        writer.write(" IS NULL)")


def output_name(node: OutputName, writer: Writer) -> None:
    writer.write(quote_output(node.name))
