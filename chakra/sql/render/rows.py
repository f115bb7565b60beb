"""Rows of the table: rows of values, and comparisons with any or all of many values."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chakra.errors import FieldError
from chakra.expressions import Expression, Lookup, Slot
from chakra.expressions.lookup_rule import LookupRule
from chakra.expressions.lookups import find_lookup
from chakra.expressions.rows import Quantified, Row
from chakra.pg.conversion import Naive, Unfit, unfit
from chakra.pg.conversion.base import ODD
from chakra.pg.conversion.comparing import WHOLE, beyond_integers, comparison_of, may_be_integer
from chakra.pg.types import FLOAT8, INT8, NUMERIC, PgType, array_of
from chakra.sql.adapting import Step, ToColumn
from chakra.sql.infer import type_of
from chakra.sql.literals import bare_type
from chakra.sql.nodes import InnerQuery, plain_type
from chakra.sql.render.base import render
from chakra.sql.render.nodes import label_of
from chakra.sql.statement import Writer

OPERATORS = {"exact": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

Literal = Callable[[Slot, str, Expression, "PgType | None", LookupRule, Writer], None]
"""What writes a literal beside a value: that of ordinary comparisons."""


def row(node: Row, writer: Writer) -> None:
    """Write a row as a value: a record of which every driver knows the types."""
    writer.write("(")
    for position, part in enumerate(node.parts):
        writer.write(", " if position else "")
        render(part, writer)
        type_ = type_of(part)
        if type_ is not None:
            writer.write(f"::{bare_type(plain_type(type_))}")
    writer.write(")")


def _bare(node: Row, writer: Writer, beside: Row | None = None, literal: Literal | None = None) -> None:
    """Write a row as an operand, whose literals take the types of the values beside them."""
    rule = find_lookup("exact", None)
    assert rule is not None
    writer.write("(")
    for position, part in enumerate(node.parts):
        writer.write(", " if position else "")
        other = None if beside is None else beside.parts[position]
        if (
            isinstance(part, Slot)
            and other is not None
            and not isinstance(other, Slot)
            and literal is not None
        ):
            literal(part, "r", other, type_of(other), rule, writer)
        else:
            render(part, writer)
    writer.write(")")


def row_lookup(left: Row, node: Lookup, writer: Writer, literal: Literal) -> None:
    """Write a comparison with another row, with a list of them, or with those of a query.

    Raises:
        FieldError: the lookup has no meaning for rows, or the right side is no row.
    """
    right, operator = node.right, OPERATORS.get(node.name)
    if node.name == "isnull":
        _bare(left, writer)
        writer.write(" IS NULL" if right else " IS NOT NULL")
    elif node.name == "in" and isinstance(right, Slot):
        _in_list(left, right, writer)
    elif operator is None and node.name != "in":
        words = ", ".join([*OPERATORS, "in", "isnull"])
        raise FieldError(f"{left!r} has several values, and the lookups {words}, not {node.name!r}")
    elif isinstance(right, Row):
        _bare(left, writer, right, literal)
        writer.write(f" {operator} ")
        _bare(right, writer, left, literal)
    elif isinstance(right, InnerQuery):
        _bare(left, writer)
        writer.write(f" {operator or 'IN'} ")
        render(right, writer)
    elif isinstance(right, Quantified) and isinstance(right.values, InnerQuery):
        _bare(left, writer)
        writer.write(f" {operator} {right.word} ")
        render(right.values, writer)
    else:
        raise FieldError(f"{left!r} is compared with a tuple, another Row or a query, not {right!r}")


def _in_list(left: Row, slot: Slot, writer: Writer) -> None:
    types: list[PgType] = []
    for part in left.parts:
        type_ = type_of(part)
        if type_ is None or type_.base.kind == "array":
            why = "not known" if type_ is None else f"{type_.sql}, of which there are no lists"
            raise FieldError(f"{left!r}.in_(…): the type of {part!r} is {why}; compare with == and |")
        types.append(INT8 if _is_whole(type_) else type_)
    wholes = tuple([i for i, type_ in enumerate(types) if type_ is INT8])
    _bare(left, writer)
    writer.write(" IN (SELECT * FROM unnest(")
    for position, (part, type_) in enumerate(zip(left.parts, types, strict=True)):
        writer.write(", " if position else "")
        label = label_of(part)
        adapt = (_Column(position, wholes), ToColumn(label, (type_,)))
        writer.parameter(slot.index, adapt, array_of(type_), label)
    writer.write("))")


def _is_whole(type_: PgType) -> bool:
    return type_.base.kind == "base" and type_.base.name in WHOLE


class _Column:
    """One value of each tuple; those that no row can have drop out: with a NULL, or a number that is no integer."""

    __slots__ = ("position", "wholes")

    def __init__(self, position: int, wholes: tuple[int, ...]) -> None:
        self.position = position
        self.wholes = wholes

    def __call__(self, rows: list[Any]) -> list[Any]:
        return [
            row[self.position]
            for row in rows
            if None not in row and all(may_be_integer(row[whole]) for whole in self.wholes)
        ]


@dataclass(frozen=True, slots=True)
class EachCompared:
    """Conversion of a list of values each of which is compared with a value of a type."""

    type: PgType
    beyond: bool

    def step(self, naive: Naive) -> Step:
        """The conversion for databases of one setting ``naive_datetimes``."""
        convert = comparison_of(self.type, naive, self.beyond).convert

        def one(value: Any) -> Any:
            try:
                return None if value is None else convert(value)
            except Unfit as error:
                raise unfit(value, self.type, error) from None
            except ODD as error:
                raise unfit(value, self.type, error) from error

        return Step(frozenset(), None, lambda values: [one(value) for value in values])


_PLAIN = re.compile(r"\{l\} \S+ \{r\}")


def quantified_lookup(node: Lookup, rule: LookupRule, left: Callable[[], None], writer: Writer) -> None:
    """Write a comparison with any or all of many values.

    Args:
        left: writes the left side.

    Raises:
        FieldError: the lookup is no operator.
    """
    right = node.right
    assert isinstance(right, Quantified)
    if not _PLAIN.fullmatch(rule.sql) or rule.adapt is not None:
        raise FieldError(
            f"{right!r} stands beside operators ({', '.join(OPERATORS)}), not beside {node.name!r}"
        )
    operator = rule.sql[len("{l} ") : -len(" {r}")]
    left()
    writer.write(f" {operator} {right.word} ")
    values = right.values
    if isinstance(values, InnerQuery):
        render(values, writer)
        return
    writer.write("(")
    if isinstance(values, Slot):
        _list(values, node.left, writer)
    else:
        type_ = type_of(values)
        if type_ is not None and type_.base.kind != "array":
            raise FieldError(f"{right!r} takes a query, an array or a list, and {values!r} is {type_.sql}")
        render(values, writer)
    writer.write(")")


def _list(slot: Slot, left: Expression, writer: Writer) -> None:
    type_ = type_of(left)
    if isinstance(left, Slot) or type_ is None:
        render(slot, writer)
        return
    base = type_.base
    if base.kind == "array":
        raise FieldError(f"{left!r} is an array; beside a list of arrays, use .in_(…)")
    beyond = _is_whole(base) and any(map(beyond_integers, slot.sample))
    sent = NUMERIC if beyond else INT8 if _is_whole(base) else FLOAT8 if base.name == "float4" else base
    writer.parameter(slot.index, (EachCompared(type_, beyond),), array_of(sent), label_of(left))


__all__ = ["quantified_lookup", "row", "row_lookup"]
