"""What queries say about values and conditions: trees without tables, aliases or SQL text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chakra._late import exported

if TYPE_CHECKING:
    from chakra.expressions.base import Condition, Expression, Order, TypedExpression
    from chakra.expressions.calls import Call
    from chakra.expressions.choices import (
        ArrayOf,
        Case,
        Cast,
        Choice,
        Coalesce,
        Collate,
        Greatest,
        Least,
        NullIf,
        When,
    )
    from chakra.expressions.conditions import Combined, IsTrue, Lookup, Not, as_condition, compare
    from chakra.expressions.excluded import Excluded
    from chakra.expressions.functions import Func
    from chakra.expressions.infer import python_type
    from chakra.expressions.q import Q
    from chakra.expressions.sides import New, Old
    from chakra.expressions.subqueries import ArraySubquery, Exists, OuterRef, QueryExpression, Rows, Subquery
    from chakra.expressions.values import F, Operation, Prefixed, Slot, Value, as_expression
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "chakra.expressions.base": "Condition Expression Order TypedExpression",
            "chakra.expressions.calls": "Call",
            "chakra.expressions.choices": "ArrayOf Case Cast Choice Coalesce Collate Greatest Least NullIf When",
            "chakra.expressions.conditions": "Combined IsTrue Lookup Not as_condition compare",
            "chakra.expressions.excluded": "Excluded",
            "chakra.expressions.functions": "Func",
            "chakra.expressions.infer": "python_type",
            "chakra.expressions.q": "Q",
            "chakra.expressions.sides": "New Old",
            "chakra.expressions.subqueries": "ArraySubquery Exists OuterRef QueryExpression Rows Subquery",
            "chakra.expressions.values": "F Operation Prefixed Slot Value as_expression",
        },
    )

__all__ = [
    "ArrayOf",
    "ArraySubquery",
    "Call",
    "Case",
    "Cast",
    "Choice",
    "Coalesce",
    "Collate",
    "Combined",
    "Condition",
    "Excluded",
    "New",
    "Old",
    "Exists",
    "Expression",
    "F",
    "Func",
    "Greatest",
    "IsTrue",
    "Least",
    "Lookup",
    "Not",
    "NullIf",
    "Operation",
    "Order",
    "OuterRef",
    "Prefixed",
    "Q",
    "QueryExpression",
    "Rows",
    "Slot",
    "Subquery",
    "TypedExpression",
    "Value",
    "When",
    "as_condition",
    "as_expression",
    "compare",
    "python_type",
]
