"""What is known of a resolved expression without asking the server: its type, and whether it can be NULL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chakra.expressions import (
    Combined,
    Condition,
    Expression,
    IsTrue,
    Lookup,
    Not,
    Operation,
    Slot,
    python_type,
)
from chakra.expressions.aggregates import Aggregate
from chakra.expressions.windows import Window, WindowFunction
from chakra.pg.types import (
    BOOL,
    DATE,
    FLOAT8,
    INT4,
    INT8,
    INTERVAL,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    PgType,
    array_of,
)
from chakra.schema import load_for
from chakra.sql.nodes import HasPartner, InnerArray, InnerExists, InnerQuery, KeyRef, PartnerAggregate
from chakra.sql.sources import ColumnRef, Transformed

TEXT_TYPES = frozenset({"text", "varchar", "bpchar", "name", "citext"})
_WHOLE = frozenset({"int2", "int4", "int8"})
_NUMBERS = _WHOLE | {"numeric", "float4", "float8"}


def type_of(node: Expression) -> PgType | None:
    """The type that a resolved node gives, or ``None`` where only the server knows."""
    if isinstance(node, ColumnRef):
        return node.column.type
    if isinstance(node, Condition):
        return BOOL
    if isinstance(node, Slot):
        return node.type or python_type(node.sample)
    if isinstance(node, Operation):
        return _operation(node)
    if isinstance(node, Aggregate):
        argument = type_of(node.argument)
        return node.result_or_default(None if argument is None else argument.base)
    if isinstance(node, Window):
        return _over_window(node)
    if isinstance(node, PartnerAggregate):
        return type_of(node.aggregate)
    if isinstance(node, InnerQuery):
        return type_of(node.value)
    if isinstance(node, InnerArray):
        element = type_of(node.value)
        return None if element is None or element.kind == "array" else array_of(element)
    found: PgType | None = getattr(node, "type", None)
    return found


def _over_window(node: Window) -> PgType | None:
    function = node.function
    if isinstance(function, Aggregate):
        return type_of(function)
    if function.type is not None:
        return function.type
    value, *_ = function.arguments
    found = type_of(value)
    default = default_of(function)
    if found is None or default is None:
        return found
    other = default_type(found) if isinstance(default, Slot) else type_of(default)
    return default_type(found) if other is not None and default_type(other) == default_type(found) else None


def default_of(function: WindowFunction) -> Expression | None:
    """What stands for a value of a row that is not there."""
    return function.arguments[2] if len(function.arguments) > 2 else None


def default_type(value: PgType) -> PgType:
    """The type of a literal that may stand for a value: without the modifiers, which would cut it or round it."""
    base = value.base
    return TEXT if base.name in TEXT_TYPES else NUMERIC if base.name == "numeric" else base


def _operation(node: Operation) -> PgType | None:
    left, right = type_of(node.left), type_of(node.right)
    if isinstance(node.left, Slot) and right is not None:
        left = operand_type(node.left, right, node.operator)
    if isinstance(node.right, Slot) and left is not None:
        right = operand_type(node.right, left, node.operator)
    if left is None or right is None:
        return None
    return operation_type(node.operator, left.base, right.base)


def operand_type(slot: Slot, other: PgType | None, operator: str) -> PgType | None:
    """The type of a literal beside a value of type ``other``: the other's where Python's number fits it."""
    own = slot.type or python_type(slot.sample)
    if own is None or other is None:
        return own
    base = other.base
    if own is INT8 and base.name in _WHOLE:
        return INT8  # not the column's: smallint * 1000 would overflow, where SQL computes in integer
    if own is INT8 and base.name in _NUMBERS:
        return NUMERIC if base.name == "numeric" else base
    if own is INT8 and base is DATE:
        return INT4
    if own is FLOAT8 and base.name == "numeric":
        return NUMERIC
    if operator == "||" and own is TEXT:
        return TEXT
    return own


def operation_type(operator: str, left: PgType, right: PgType) -> PgType | None:
    """The result type of an operator (manual, "Mathematical" and "Date/Time Operators"), else ``None``."""
    if operator == "||":
        return TEXT if left.name in TEXT_TYPES or right.name in TEXT_TYPES else None
    names = {left.name, right.name}
    if operator == "+" and names <= TEXT_TYPES:
        return TEXT
    if names <= _NUMBERS:
        if names <= {"float4"}:
            return left
        if names & {"float4", "float8"}:
            return FLOAT8
        if "numeric" in names:
            return NUMERIC
        return max(left, right, key=lambda t: t.size)
    if operator == "-" and left.name == right.name and left.name in ("timestamp", "timestamptz"):
        return INTERVAL
    if operator == "-" and names == {"date"}:
        return INT4
    if operator in "+-" and "interval" in names:
        other = right if left.name == "interval" else left
        return TIMESTAMP if other.name == "date" else other
    if operator in "+-" and "date" in names and names & _WHOLE:
        return DATE
    return None


def load_of(node: Expression) -> Callable[[Any], Any] | None:
    """What turns a returned value into the one that instances have; ``None`` where nothing is to do."""
    while isinstance(node, InnerQuery):
        node = node.value
    if isinstance(node, KeyRef):
        return node.load
    if isinstance(node, ColumnRef):
        return node.column.load
    found = type_of(node)
    return None if found is None else load_for(found)


def may_be_null(node: Expression) -> bool:
    """Whether a resolved expression can give NULL."""
    if isinstance(node, ColumnRef):
        return node.nullable
    if isinstance(node, KeyRef):
        return bool(node.missing)
    if isinstance(node, Window):
        return isinstance(node.function, Aggregate) or not node.function.never_null
    if isinstance(node, _NEVER) or (isinstance(node, Lookup) and node.name == "isnull"):
        return False
    return not isinstance(node, _AS_PARTS) or any(map(may_be_null, node.children))


_NEVER = (Slot, HasPartner, InnerExists, InnerArray)
_AS_PARTS = (Lookup, Combined, Not, IsTrue, Operation, Transformed)
"""What is NULL only if one of its parts is."""


__all__ = [
    "TEXT_TYPES",
    "default_of",
    "default_type",
    "load_of",
    "may_be_null",
    "operand_type",
    "operation_type",
    "type_of",
]
