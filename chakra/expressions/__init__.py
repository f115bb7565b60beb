"""What queries say about values and conditions: trees without tables, aliases or SQL text."""

from chakra.expressions.base import (
    Combined,
    Condition,
    Expression,
    F,
    IsTrue,
    Lookup,
    Not,
    Operation,
    Order,
    Slot,
    TypedExpression,
    Value,
    as_condition,
    as_expression,
    compare,
    python_type,
)
from chakra.expressions.q import Q

__all__ = [
    "Combined",
    "Condition",
    "Expression",
    "F",
    "IsTrue",
    "Lookup",
    "Not",
    "Operation",
    "Order",
    "Q",
    "Slot",
    "TypedExpression",
    "Value",
    "as_condition",
    "as_expression",
    "compare",
    "python_type",
]
