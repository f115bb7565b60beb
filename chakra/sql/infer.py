"""What is known of a resolved expression without asking the server: its type, and whether it can be NULL."""

from __future__ import annotations

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
    if isinstance(node, PartnerAggregate):
        return type_of(node.aggregate)
    if isinstance(node, InnerQuery):
        return type_of(node.value)
    if isinstance(node, InnerArray):
        element = type_of(node.value)
        return None if element is None or element.kind == "array" else array_of(element)
    found: PgType | None = getattr(node, "type", None)
    return found


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


def may_be_null(node: Expression) -> bool:
    """Whether a resolved expression can give NULL."""
    if isinstance(node, ColumnRef):
        return node.nullable
    if isinstance(node, KeyRef):
        return bool(node.missing)
    if isinstance(node, _NEVER) or (isinstance(node, Lookup) and node.name == "isnull"):
        return False
    return not isinstance(node, _AS_PARTS) or any(map(may_be_null, node.children))


_NEVER = (Slot, HasPartner, InnerExists, InnerArray)
_AS_PARTS = (Lookup, Combined, Not, IsTrue, Operation, Transformed)
"""What is NULL only if one of its parts is."""


__all__ = ["TEXT_TYPES", "may_be_null", "operand_type", "operation_type", "type_of"]
