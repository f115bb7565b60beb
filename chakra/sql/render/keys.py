"""Rows of the table: primary keys of several columns, ``filter(pk=(a, b))``, ``filter(pk__in=[(a, b), …])``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chakra.errors import DataError, FieldError
from chakra.expressions import Lookup, Slot
from chakra.pg.conversion.comparing import WHOLE, beyond_integers, may_be_integer
from chakra.pg.showing import shown
from chakra.pg.types import INT8, NUMERIC, array_of
from chakra.schema import Column
from chakra.sql.adapting import ToColumn, ToType
from chakra.sql.literals import bare_type
from chakra.sql.nodes import InnerQuery, KeyRef, plain_type
from chakra.sql.render.base import render, render_list
from chakra.sql.sources import ColumnRef
from chakra.sql.statement import Writer

_OPERATORS = {"exact": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_ROWS = (tuple, list)


def key(node: KeyRef, writer: Writer) -> None:
    """Write it as a value: NULL where there is no key, else a record of which every driver knows the types."""
    missing = node.missing
    if missing:
        writer.write("CASE WHEN ")
        _each_null(missing, " IS NOT NULL AND ", " IS NOT NULL", writer)
        writer.write(" THEN ")
    writer.write("(")
    for position, part in enumerate(node.parts):
        writer.write(", " if position else "")
        render(part, writer)
        writer.write(f"::{bare_type(plain_type(part.column.type))}")
    writer.write(") END" if missing else ")")


def key_isnull(node: KeyRef, yes: bool, writer: Writer) -> None:
    """Write whether there is no key."""
    parts = node.missing or node.parts[:1]
    writer.write("(" if len(parts) > 1 else "")
    if yes:
        _each_null(parts, " IS NULL OR ", " IS NULL", writer)
    else:
        _each_null(parts, " IS NOT NULL AND ", " IS NOT NULL", writer)
    writer.write(")" if len(parts) > 1 else "")


def _each_null(parts: tuple[ColumnRef, ...], between: str, end: str, writer: Writer) -> None:
    for position, part in enumerate(parts):
        writer.write(between if position else "")
        render(part, writer)
    writer.write(end)


def _row(node: KeyRef, writer: Writer) -> None:
    writer.write("(")
    render_list(node.parts, writer)
    writer.write(")")


def key_lookup(left: KeyRef, node: Lookup, writer: Writer) -> None:
    """Write a comparison with a tuple, or with a list of tuples.

    Raises:
        FieldError: the lookup has no meaning for rows, or the right side is neither plain values nor another key.
    """
    slot, operator = node.right, _OPERATORS.get(node.name)
    if operator is not None and node.name != "exact" and left.missing:
        # One part may decide where another is NULL.
        writer.write("(")
        _each_null(left.missing, " IS NOT NULL AND ", " IS NOT NULL AND ", writer)
        _comparison(left, node, writer)
        writer.write(")")
        return
    if isinstance(slot, KeyRef) and operator is not None and len(slot.parts) == len(left.parts):
        _row(left, writer)
        writer.write(f" {operator} ")
        _row(slot, writer)
        return
    _comparison(left, node, writer)


def _comparison(left: KeyRef, node: Lookup, writer: Writer) -> None:
    slot, operator = node.right, _OPERATORS.get(node.name)
    if operator is None and node.name != "in":
        words = ", ".join([*_OPERATORS, "in", "isnull"])
        raise FieldError(f"{left!r} has several columns, and the lookups {words}, not {node.name!r}")
    if isinstance(slot, InnerQuery):
        _row(left, writer)
        writer.write(f" {operator or 'IN'} ")
        render(slot, writer)
        return
    if not isinstance(slot, Slot):
        raise FieldError(f"{left!r} has several columns and takes tuples of {left.names}, not {slot!r}")
    _row(left, writer)
    if operator is not None:
        writer.write(f" {operator} (")
        for position, part in enumerate(left.parts):
            writer.write(", " if position else "")
            _one(left, position, part.column, slot, writer)
        writer.write(")")
        return
    writer.write(" IN (SELECT * FROM unnest(")
    for position, part in enumerate(left.parts):
        writer.write(", " if position else "")
        column = part.column
        type_ = INT8 if _is_whole(column) else column.type
        adapt = (*slot.steps, _parts(left, position), ToColumn(column.attribute, (type_,)))
        writer.parameter(slot.index, adapt, array_of(type_), _label(left, column))
    writer.write("))")


def _one(key: KeyRef, position: int, column: Column, slot: Slot, writer: Writer) -> None:
    """Write one value of a tuple."""
    type_, to_type = column.type, ToType(column.type)
    if _is_whole(column):
        beyond = isinstance(slot.sample, _ROWS) and any(map(beyond_integers, slot.sample))
        type_ = NUMERIC if beyond else INT8
        to_type = ToType(column.type, "beyond" if beyond else "compared")
    adapt = (*slot.steps, _part(key, position), to_type)
    writer.parameter(slot.index, adapt, type_, _label(key, column), beside_column=True)


def _is_whole(column: Column) -> bool:
    return column.type.base.kind == "base" and column.type.base.name in WHOLE


def _label(key: KeyRef, column: Column) -> str:
    return f"{key.table.title}.{column.attribute}"


def _part(key: KeyRef, position: int) -> Callable[[Any], Any]:
    count = len(key.parts)

    def part(value: Any) -> Any:
        if not isinstance(value, tuple | list) or len(value) != count:
            raise DataError(f"{key!r} takes a tuple of {key.names}, not {shown(value)}", column=repr(key))
        return value[position]

    return part


def _parts(key: KeyRef, position: int) -> Callable[[Any], Any]:
    part = _part(key, position)
    wholes = [_part(key, i) for i, other in enumerate(key.parts) if _is_whole(other.column)]

    def parts(values: Any) -> list[Any]:
        if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
            raise DataError(f"in takes several values, not the single {shown(values)}")
        found = [value for value in values if value is not None]
        if wholes:  # keys that no row can have
            found = [value for value in found if all(may_be_integer(one(value)) for one in wholes)]
        return [part(value) for value in found]

    return parts
