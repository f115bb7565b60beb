"""What is known of a resolved expression without asking the server: its type, and whether it can be NULL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from chakra.expressions import (
    ArrayOf,
    Call,
    Case,
    Cast,
    Choice,
    Collate,
    Combined,
    Condition,
    Expression,
    IsTrue,
    Lookup,
    Not,
    NullIf,
    Operation,
    Prefixed,
    Slot,
    python_type,
)
from chakra.expressions.aggregates import Aggregate
from chakra.expressions.infer import DIGITS, places_of
from chakra.expressions.lookups import find_lookup
from chakra.expressions.rows import Row
from chakra.expressions.rules import (
    ADDRESSES,
    BIT_STRINGS,
    NUMBERS,
    SHIFTS,
    SPANS,
    TEXT_TYPES,
    VECTORS,
    WHOLE,
    WIDTHS,
    common_type,
    numeric,
    operation_type,
)
from chakra.expressions.windows import Window, WindowFunction
from chakra.pg.conversion.comparing import beyond_integers, compared_type
from chakra.pg.types import (
    BIT,
    BOOL,
    DATE,
    FLOAT8,
    INET,
    INT4,
    INT8,
    JSONB,
    NUMERIC,
    RECORD,
    TEXT,
    PgType,
    array_of,
)
from chakra.schema import load_for
from chakra.sql.nodes import (
    GroupKey,
    HasPartner,
    InnerArray,
    InnerExists,
    InnerQuery,
    KeyRef,
    PartnerAggregate,
    plain_type,
)
from chakra.sql.sources import ColumnRef


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
    if isinstance(node, Call):
        taken = [type_of(argument) for argument in node.arguments]
        return node.function.result([leading_type(node), *taken[1:]] if node.function.widest else taken)
    if isinstance(node, Prefixed):
        inner = type_of(node.value)
        bits = inner is not None and inner.base.name in BIT_STRINGS
        return BIT if bits else None if inner is None else inner.base
    if isinstance(node, Choice):
        found = _chosen(node)
        return _array_of(found) if isinstance(node, ArrayOf) else found
    if isinstance(node, Collate):
        inner = type_of(node.value)
        return None if inner is None else inner.base
    if isinstance(node, Aggregate):
        types = map(type_of, node.arguments)
        return node.result_or_default([None if type_ is None else type_.base for type_ in types])
    if isinstance(node, Window):
        return _over_window(node)
    if isinstance(node, PartnerAggregate):
        return type_of(node.aggregate)
    if isinstance(node, InnerQuery | GroupKey):
        return type_of(node.value)
    if isinstance(node, InnerArray):
        element = type_of(node.value)
        return None if element is None or element.kind == "array" else array_of(element)
    if isinstance(node, Row):
        return _record(node)
    given: PgType | None = getattr(node, "type", None)
    return given


def leading_type(node: Call[Any]) -> PgType | None:
    """The type that says what a function does: that of its first argument, or of the widest number."""
    if not node.arguments:
        return None
    types = [type_of(argument) for argument in node.arguments if not isinstance(argument, Slot)]
    numbers = [type_.base for type_ in types if type_ is not None and type_.base.name in WIDTHS]
    if not node.function.widest or not numbers:
        return type_of(node.arguments[0])
    return max(numbers, key=lambda type_: WIDTHS.index(type_.name))


def _record(node: Row) -> PgType | None:
    """The type of a row where it is returned: a record of plain types."""
    types = [type_of(part) for part in node.parts]
    known = [plain_type(type_) for type_ in types if type_ is not None]
    names = [part.column.attribute if isinstance(part, ColumnRef) else "" for part in node.parts]
    fields = [(name if name and names.count(name) == 1 else f"f{i + 1}") for i, name in enumerate(names)]
    if len(known) < len(types):
        return None
    return replace(RECORD, kind="composite", fields=tuple(zip(fields, known, strict=True)))


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
        left = _digits(operand_type(node.left, right, node.operator), node.left.sample)
    if isinstance(node.right, Slot) and left is not None:
        right = _digits(operand_type(node.right, left, node.operator), node.right.sample)
    if left is None or right is None:
        return None
    return operation_type(node.operator, left.base, right.base)


def operand_type(slot: Slot, other: PgType | None, operator: str) -> PgType | None:
    """The type of a literal beside a value of type ``other``: the other's where Python's number fits it."""
    if slot.type is not None:
        return slot.type
    own = python_type(slot.sample)
    if own is INT8 and operator in SHIFTS:
        return INT4  # a number of places, which is an integer beside numbers of any width
    if other is None:
        return own
    base = other.base
    if base.kind in SPANS or base.name in VECTORS:
        return base
    if operator == "||" and base.name not in TEXT_TYPES and own is not TEXT:
        return replace(base, typmod=-1) if own is None or own.kind == "array" or own is JSONB else own
    if own is TEXT and base.name in BIT_STRINGS:
        return replace(base, typmod=-1)
    if own is TEXT and base.name in ADDRESSES:
        return INET
    if own is None:
        return own
    if own is INT8 and base.name in WHOLE:
        return INT8  # not the column's: smallint * 1000 would overflow, where SQL computes in integer
    if own is INT8 and base.name in NUMBERS:
        return NUMERIC if base.name == "numeric" else base
    if own is INT8 and base is DATE:
        return INT4
    if own is FLOAT8 and base.name == "numeric":
        return NUMERIC
    return own


def beside_of(nodes: Sequence[Expression]) -> PgType | None:
    """The type of values of which one is taken, apart from literals, which take it."""
    known = [type_of(node) for node in nodes if not isinstance(node, Slot)]
    return common_type([type_ for type_ in known if type_ is not None])


def chosen_type(slot: Slot, beside: PgType | None) -> PgType | None:
    """The type of a literal that may stand in the place of values of a type."""
    own = slot.type or python_type(slot.sample)
    if beside is None or slot.type is not None:
        return _digits(own, slot.sample)
    base = beside.base
    if base.name in NUMBERS and own is not None and own.name in NUMBERS:
        sent = compared_type(base, slot.sample)
        return _digits(NUMERIC if sent.name == "numeric" else sent, slot.sample)
    if base.name in TEXT_TYPES:
        return own or beside
    if base.name in ("json", "jsonb"):
        return beside
    return own if own is not None and own.name in NUMBERS else beside


def _digits(type_: PgType | None, value: object) -> PgType | None:
    """A numeric with the digits of a literal, as far as they are part of the shape."""
    if type_ is not NUMERIC:
        return type_
    if isinstance(value, int) and not beyond_integers(value):
        return numeric(DIGITS, 0)
    places = places_of(value)
    return NUMERIC if places is None or isinstance(value, int) else numeric(DIGITS + places, places)


def is_null(node: Expression) -> bool:
    """Whether a value is the literal NULL, which has no type of its own."""
    return isinstance(node, Slot) and node.sample is None and node.type is None


def _chosen(node: Choice) -> PgType | None:
    """The type of what is one of several values."""
    beside = beside_of(node.values)
    types = [
        _taken_type(value, beside) if isinstance(value, Slot) else type_of(value)
        for value in node.values
        if not is_null(value)
    ]
    known = [type_ for type_ in types if type_ is not None]
    if len(known) < len(types):
        return None
    found = common_type(known)
    if isinstance(node, NullIf) and found is not None and known[0].base.name in WHOLE and found.name in WHOLE:
        return known[0].base  # integers of two widths are compared as they are
    if (
        isinstance(node, NullIf)
        and len(known) == 2
        and found is not None
        and found.name == known[0].base.name
    ):
        return known[0].base
    return found


def _taken_type(slot: Slot, beside: PgType | None) -> PgType | None:
    """The type that the server takes a literal for: beside a text of any type, a text without one is of that type."""
    found = chosen_type(slot, beside)
    if beside is not None and slot.type is None and found is TEXT and beside.base.name in TEXT_TYPES:
        return replace(beside.base, typmod=-1)
    return found


def _array_of(element: PgType | None) -> PgType | None:
    """The type of an array of values of a type, which may be arrays."""
    if element is None:
        return None
    base = element.base
    if base.kind != "array" or base.element is None:
        return array_of(element)
    return array_of(base.element, max(base.ndims, 1) + 1) if base.ndims < 6 else None


def load_of(node: Expression) -> Callable[[Any], Any] | None:
    """What turns a returned value into the one that instances have; ``None`` where nothing is to do."""
    while isinstance(node, InnerQuery | GroupKey):
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
    if isinstance(node, Choice) and not isinstance(node, ArrayOf):
        return _choice_may_be_null(node)
    if isinstance(node, Call):
        function = node.function
        return not function.strict or function.partial or any(map(may_be_null, node.arguments))
    if isinstance(node, Slot):
        return node.sample is None  # which is part of the shape
    if isinstance(node, Window):
        inner = node.function
        return may_be_null(inner) if isinstance(inner, Aggregate) else not inner.never_null
    if isinstance(node, Aggregate):
        return not node.rule.never_null and (node.default is None or may_be_null(node.default))
    if isinstance(node, PartnerAggregate):
        return type(node) is not PartnerAggregate or may_be_null(node.aggregate)
    if isinstance(node, _NEVER) or (isinstance(node, Lookup) and node.name == "isnull"):
        return False
    if isinstance(node, Lookup) and _is_unsure(node):
        return True
    if isinstance(node, Cast) and _is_document(node.value):
        return True  # JSON's null is NULL as another type, from PostgreSQL 18 on
    return not isinstance(node, _AS_PARTS) or any(map(may_be_null, node.children))


def _is_document(node: Expression) -> bool:
    found = type_of(node)
    return found is not None and found.base.name in ("json", "jsonb")


def _is_unsure(node: Lookup) -> bool:
    """Whether a lookup may be NULL where neither side is, as for a value that is not among others one of which is."""
    left, right = type_of(node.left), node.right
    rule = find_lookup(node.name, left)
    if rule is not None and rule.unsure:
        return True
    others = (
        type_of(right)
        if node.name == "in" and isinstance(right, Expression) and not isinstance(right, Slot)
        else None
    )
    return others is not None and others.base.kind == "array"


def _choice_may_be_null(node: Choice) -> bool:
    if isinstance(node, NullIf) or (isinstance(node, Case) and not node.defaults):
        return True
    some = map(may_be_null, node.values)
    return any(some) if isinstance(node, Case) else all(some)


_NEVER = (ArrayOf, HasPartner, InnerExists, InnerArray)
_AS_PARTS = (Lookup, Combined, Not, IsTrue, Operation, Prefixed, Cast, Collate, Row)
"""What is NULL only if one of its parts is."""


__all__ = [
    "beside_of",
    "chosen_type",
    "default_of",
    "default_type",
    "is_null",
    "leading_type",
    "load_of",
    "may_be_null",
    "operand_type",
    "type_of",
]
