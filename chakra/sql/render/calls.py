"""Rows of the table: calls of functions, by the rows of ``chakra.expressions.library``."""

from __future__ import annotations

from collections.abc import Sequence

from chakra.errors import FieldError
from chakra.expressions import Call, Condition, Expression, Slot
from chakra.expressions.calls import Kind
from chakra.expressions.rules import TEXT_TYPES, VECTORS, WHOLE, WIDTHS
from chakra.pg.types import PgType
from chakra.sql.adapting import ToType
from chakra.sql.infer import is_null, leading_type, type_of
from chakra.sql.render.base import render
from chakra.sql.render.nodes import label_of, typed_slot
from chakra.sql.render.templates import split
from chakra.sql.statement import Writer


def call(node: Call[object], writer: Writer) -> None:
    """Write a row of the table of functions, applied to arguments."""
    function, arguments = node.function, node.arguments
    writer.pure = writer.pure and function.known
    template = function.template(leading_type(node))
    used: set[int] = set()
    for place, text in split(template):
        if place == "text":
            writer.write(text)
        elif place == "*":
            used.update(range(len(arguments)))
            for position in range(len(arguments)):
                writer.write(", " if position else "")
                _argument(node, position, writer)
        else:
            number, _, otherwise = place.partition("|")
            position = int(number)
            used.add(position)
            if position < len(arguments):
                _argument(node, position, writer)
            else:
                writer.write(otherwise)
    if len(used) < len(arguments):
        raise FieldError(
            f"{node!r}: {arguments[-1]!r} says nothing about a value of the first argument's type"
        )


def _argument(call: Call[object], position: int, writer: Writer) -> None:
    function = call.function
    write_argument(call.arguments[position], function.kind(position), writer, function.name, call.arguments)


def write_argument(
    node: Expression, kind: Kind, writer: Writer, name: str, arguments: Sequence[Expression]
) -> None:
    """Write an argument: literals with the type it has to have, others cast to it where they are of another.

    Args:
        name: of the function, for errors.
        arguments: all of them.
    """
    if is_null(node):
        writer.write("NULL" if kind.literal is None else f"NULL::{kind.literal.sql}")
        return
    element = _element(arguments) if kind.part else None
    if isinstance(node, Slot):
        beside = element if kind.part else _beside(arguments) if kind.like and node.type is None else None
        if beside is None:
            typed_slot(node, writer, kind.literal)
            own = type_of(node)
            if kind.literal is None and kind.cast is not None and own is not None and not kind.takes(own):
                writer.write(f"::{kind.cast.sql}")
        else:
            other, type_ = beside
            writer.parameter(node.index, (*node.steps, ToType(type_)), type_, label_of(other))
        return
    found = type_of(node)
    taken = found is None or kind.takes(found)
    if not taken and kind.only:
        assert found is not None
        raise FieldError(f"{name}() takes {kind.name} here, not {node!r}, which is {found.sql}")
    if kind.like and kind.only and found is not None and node is not arguments[0]:
        _check_alike(name, node, found, arguments)
    cast = None if taken else kind.cast
    if element is not None and found is not None:
        cast = _as_element(name, element[0], node, found, element[1])
    writer.write("(" if cast is not None or isinstance(node, Condition) else "")
    render(node, writer)
    writer.write(")" if cast is not None or isinstance(node, Condition) else "")
    if cast is not None:
        writer.write(f"::{cast.sql}")


def _check_alike(name: str, node: Expression, found: PgType, arguments: Sequence[Expression]) -> None:
    """Refuse a value that the server does not take for one of the first argument's type, or by the session's zone;
    pgvector's types are cast to each other.

    Raises:
        FieldError: names both types.
    """
    first = type_of(arguments[0])
    if first is None or isinstance(arguments[0], Slot):
        return
    own, other = first.base, found.base
    if own.name == other.name or (own.name, other.name) == ("timestamp", "date") or own.name in VECTORS:
        return
    if own.name in WIDTHS and other.name in WIDTHS:
        return
    if own.element is not None and other.element is not None and own.kind == other.kind == "array":
        names = {own.element.base.name, other.element.base.name}
        if len(names) == 1 or names <= TEXT_TYPES:
            return
    raise FieldError(
        f"{name}(): {node!r} is {found.sql}, and {arguments[0]!r} is {first.sql}; say what is meant: Cast(…, type)"
    )


def _element(arguments: Sequence[Expression]) -> tuple[Expression, PgType] | None:
    """The array that is the first argument, and the type of its elements."""
    array = arguments[0]
    type_ = type_of(array)
    element = None if type_ is None else type_.base.element
    return None if element is None else (array, element)


def _as_element(
    name: str, array: Expression, node: Expression, found: PgType, element: PgType
) -> PgType | None:
    """What a value is cast to that is to stand among elements of a type; ``None`` = it is one.

    Raises:
        FieldError: it would change, or is none.
    """
    names = {found.base.name, element.base.name}
    if len(names) == 1:
        return None
    if names <= WHOLE or names <= TEXT_TYPES:
        return element
    raise FieldError(
        f"{name}(): {node!r} is {found.sql}, and elements of {array!r} are {element.sql}; "
        "say what is meant: Cast(…, type)"
    )


def _beside(arguments: Sequence[Expression]) -> tuple[Expression, PgType] | None:
    """The first argument that is no literal and whose type is known, and that type."""
    for argument in arguments:
        type_ = None if isinstance(argument, Slot) else type_of(argument)
        if type_ is not None:
            return argument, type_.base
    return None
