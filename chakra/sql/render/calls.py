"""Rows of the table: calls of functions, by the rows of ``chakra.expressions.library``."""

from __future__ import annotations

from chakra.errors import FieldError
from chakra.expressions import Call, Condition, Expression, Slot
from chakra.expressions.calls import Kind
from chakra.sql.infer import is_null, type_of
from chakra.sql.render.base import render
from chakra.sql.render.nodes import typed_slot
from chakra.sql.render.templates import split
from chakra.sql.statement import Writer


def call(node: Call[object], writer: Writer) -> None:
    """Write a row of the table of functions, applied to arguments."""
    function, arguments = node.function, node.arguments
    writer.pure = writer.pure and function.known
    template = function.template(type_of(arguments[0]) if arguments else None)
    used: set[int] = set()
    for place, text in split(template):
        if place == "text":
            writer.write(text)
        elif place == "*":
            used.update(range(len(arguments)))
            for position, argument in enumerate(arguments):
                writer.write(", " if position else "")
                _argument(argument, function.kind(position), writer)
        else:
            number, _, otherwise = place.partition("|")
            position = int(number)
            used.add(position)
            if position < len(arguments):
                _argument(arguments[position], function.kind(position), writer)
            else:
                writer.write(otherwise)
    if len(used) < len(arguments):
        raise FieldError(
            f"{node!r}: {arguments[-1]!r} says nothing about a value of the first argument's type"
        )


def _argument(node: Expression, kind: Kind, writer: Writer) -> None:
    """Write an argument: literals with the type it has to have, others cast to it where they are of another."""
    if is_null(node):
        writer.write("NULL" if kind.literal is None else f"NULL::{kind.literal.sql}")
        return
    if isinstance(node, Slot):
        typed_slot(node, writer, kind.literal)
        return
    type_ = type_of(node)
    cast = kind.cast if type_ is not None and type_.base.name not in kind.types else None
    writer.write("(" if cast is not None or isinstance(node, Condition) else "")
    render(node, writer)
    writer.write(")" if cast is not None or isinstance(node, Condition) else "")
    if cast is not None:
        writer.write(f"::{cast.sql}")
