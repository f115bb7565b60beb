"""Rendering: resolved expression trees become SQL text and parameters, one small function a node class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from chakra.errors import FieldError
from chakra.expressions import (
    Combined,
    Condition,
    Expression,
    IsTrue,
    Lookup,
    Not,
    Operation,
    Order,
    Slot,
    python_type,
)
from chakra.expressions.lookups import LookupRule, find_lookup, known_words
from chakra.pg.conversion.comparing import WHOLE, compared_type
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
from chakra.sql.adapting import TEXTS, ToType, WholeBounds
from chakra.sql.keys import KeyRef
from chakra.sql.literals import bare_type, input_text
from chakra.sql.partners import HasPartner
from chakra.sql.scope import type_of
from chakra.sql.sources import ColumnRef, Transformed
from chakra.sql.statement import Writer

_TEXT_TYPES = frozenset({"text", "varchar", "bpchar", "name", "citext"})
_WHOLE = frozenset({"int2", "int4", "int8"})
_NUMBERS = _WHOLE | {"numeric", "float4", "float8"}


def render(node: Expression, writer: Writer) -> None:
    """Write one resolved expression.

    Raises:
        FieldError: the node's class is none that SQL can express.
    """
    renderer = _RENDERERS.get(type(node))
    if renderer is not None:
        renderer(node, writer)
        return
    own = getattr(node, "render_sql", None)
    if own is None:
        raise FieldError(f"{node!r} cannot be written as SQL")
    if not type(node).__module__.startswith("chakra."):
        writer.pure = False  # a node of the caller's own may write anything
    own(writer, render)


def render_order(term: Order, writer: Writer) -> None:
    """Write one term of ORDER BY."""
    render(term.expression, writer)
    if term.descending:
        writer.write(" DESC")
    if term.nulls is not None:
        writer.write(f" NULLS {term.nulls.upper()}")


def render_conditions(conditions: list[Condition], writer: Writer, keyword: str = " WHERE ") -> None:
    """Write conditions joined by AND behind ``keyword``; nothing if there are none."""
    for position, condition in enumerate(conditions):
        writer.write(" AND " if position else keyword)
        alone = len(conditions) == 1 and keyword != " AND "
        if isinstance(condition, Combined) and condition.connector == "OR" and not alone:
            writer.write("(")
            render(condition, writer)
            writer.write(")")
        else:
            render(condition, writer)


def render_slot(slot: Slot, writer: Writer, type_: PgType | None, label: str) -> None:
    """Write a literal with its type spelled out, where the place alone does not say which it is."""
    type_ = slot.type or type_ or python_type(slot.sample)
    writer.parameter(slot.index, (*slot.steps, *_compared(type_)), type_, label)


def _compared(type_: PgType | None) -> tuple[ToType, ...]:
    if type_ is None or type_.base.name in TEXTS:
        return ()
    return (ToType(type_, "compared"),)


def _column(node: ColumnRef, writer: Writer) -> None:
    if writer.qualify:
        writer.write(f"{node.source.alias}.{node.column.quoted}")
    else:
        writer.write(node.column.quoted)


def _transformed(node: Transformed, writer: Writer) -> None:
    before, _, after = node.transform.sql.partition("{l}")
    writer.write(before)
    if node.inner_type.name == "timestamptz":
        writer.write("(")
        render(node.inner, writer)
        writer.write(" AT TIME ZONE 'UTC')")
    else:
        render(node.inner, writer)
    writer.write(after)


def _slot(node: Slot, writer: Writer) -> None:
    render_slot(node, writer, None, "value")


def _operation(node: Operation, writer: Writer) -> None:
    writer.write("(")
    left, right = node.left, node.right
    operator = node.operator
    if operator == "+" and _is_text(left) and _is_text(right):
        operator = "||"
    for position, (side, other) in enumerate(((left, right), (right, left))):
        if position:
            writer.write(f" {operator} ")
        if isinstance(side, Slot):
            render_slot(side, writer, _operand_type(side, type_of_node(other), node.operator), "value")
        else:
            render(side, writer)
    writer.write(")")


def _is_text(node: Expression) -> bool:
    """Whether ``+`` beside the value means that texts are put together."""
    found = type_of_node(node)
    return found is not None and found.base.name in _TEXT_TYPES


def _operand_type(slot: Slot, other: PgType | None, operator: str) -> PgType | None:
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


def type_of_node(node: Expression) -> PgType | None:
    """The type a resolved node gives, as far as it can be told without asking the server."""
    if isinstance(node, Condition):
        return BOOL
    if isinstance(node, Slot):
        return node.type or python_type(node.sample)
    if not isinstance(node, Operation):
        return type_of(node)
    left, right = type_of_node(node.left), type_of_node(node.right)
    if isinstance(node.left, Slot) and right is not None:
        left = _operand_type(node.left, right, node.operator)
    if isinstance(node.right, Slot) and left is not None:
        right = _operand_type(node.right, left, node.operator)
    if left is None or right is None:
        return None
    return operation_type(node.operator, left.base, right.base)


def operation_type(operator: str, left: PgType, right: PgType) -> PgType | None:
    """The result type of an operator (manual, "Mathematical" and "Date/Time Operators"), else ``None``."""
    if operator == "||":
        return TEXT if left.name in _TEXT_TYPES or right.name in _TEXT_TYPES else None
    names = {left.name, right.name}
    if operator == "+" and names <= _TEXT_TYPES:
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


def _lookup(node: Lookup, writer: Writer) -> None:
    left, right = node.left, node.right
    if node.name == "isnull":
        _operand(left, writer)
        writer.write(" IS NULL" if right else " IS NOT NULL")
        return
    if isinstance(left, KeyRef):
        left.render_lookup(node, writer, render)
        return
    left_type = type_of_node(left)
    rule = find_lookup(node.name, left_type)
    if rule is None:
        raise FieldError(f"unknown lookup {node.name!r}; there are {known_words(left_type)}")
    assert isinstance(right, Expression)
    template = rule.sql if isinstance(right, Slot) else rule.dynamic or rule.sql
    for kind, text in split_template(template):
        if kind == "text":
            writer.write(text)
        elif kind == "l":
            _left(left, left_type, rule, writer)
        elif isinstance(right, Slot):
            _right(right, kind, left, left_type, rule, writer)
        elif kind == "r":
            _operand(right, writer)
        else:
            raise FieldError(f"{node.name} takes plain values, not {right!r}")


def _left(left: Expression, type_: PgType | None, rule: LookupRule, writer: Writer) -> None:
    if rule.text and (type_ is None or type_.base.name not in _TEXT_TYPES):
        # The text of an inet ends in its mask, which nobody means who asks for an address that ends in "2".
        host = type_ is not None and type_.base.name == "inet"
        writer.write("host(" if host else "(")
        render(left, writer)
        writer.write(")" if host else ")::text")
    else:
        _operand(left, writer)


def _operand(node: Expression, writer: Writer) -> None:
    """Write a value beside an operator; comparisons do not chain, so conditions are put in parentheses."""
    if isinstance(node, Condition):
        writer.write("(")
        render(node, writer)
        writer.write(")")
    else:
        render(node, writer)


def _right(
    slot: Slot, kind: str, left: Expression, left_type: PgType | None, rule: LookupRule, writer: Writer
) -> None:
    label = label_of(left)
    adapt: list[Any] = [*slot.steps]
    if rule.adapt is not None:
        adapt.append(rule.adapt)
    type_: PgType | None
    if rule.right == "text":
        writer.parameter(slot.index, tuple(adapt), TEXT, label)
        return
    if rule.right == "array" and left_type is not None and left_type.base.kind == "array":
        # There is no array of arrays: each of them travels as its text.
        adapt += (ToType(left_type, "member list"), _texts(left_type.base))
        writer.write("SELECT unnest(")
        writer.parameter(slot.index, tuple(adapt), array_of(TEXT), label)
        writer.write(f")::{bare_type(left_type.base)}")
        return
    if rule.right in ("member", "bound") and left_type is not None:
        # The operators of ranges take the bounds' own type and no other.
        type_ = _member_type(left_type.base, slot.sample, rule)
        writer.parameter(slot.index, (*slot.steps, ToType(type_)), type_, label)
        return
    whole = left_type is not None and left_type.base.kind == "base" and left_type.base.name in WHOLE
    if left_type is None:
        type_ = None
    elif rule.right == "array":
        type_ = array_of(compared_type(left_type.base, None))
        adapt.append(ToType(left_type, "member list"))
    elif rule.right == "pair" and whole:
        type_ = INT8
        adapt.append(WholeBounds(left_type))
    else:
        type_ = compared_type(left_type, slot.sample)
    if rule.right == "pair":
        adapt.append(_first if kind == "r0" else _second)
    if left_type is not None and rule.right != "array" and not (rule.right == "pair" and whole):
        adapt += (ToType(left_type, "beyond"),) if whole and type_ is NUMERIC else _compared(left_type)
    writer.parameter(
        slot.index, tuple(adapt), type_, label, beside_column=isinstance(left, ColumnRef | Transformed)
    )


def _member_type(base: PgType, sample: Any, rule: LookupRule) -> PgType:
    """The type of what a range holds: its bounds', or its own for what is a range itself."""
    if rule.right == "member" and isinstance(sample, list | str):
        return base
    one = base.element if base.kind == "multirange" and base.element is not None else base
    if rule.right == "member" and (isinstance(sample, tuple | dict) or hasattr(sample, "lower_inc")):
        return one
    return one.base.element or base


def _texts(type_: PgType) -> Callable[[list[Any]], list[str]]:
    """What turns a list of values into their input texts."""
    text = input_text(type_)
    return lambda values: list(map(text, values))


def _first(value: Any) -> Any:
    return value[0]


def _second(value: Any) -> Any:
    return value[1]


def label_of(node: Expression) -> str:
    """What error messages call a value: the field it is compared with, where there is one."""
    while isinstance(node, Transformed):
        node = node.inner
    return repr(node) if isinstance(node, ColumnRef) else "value"


def split_template(template: str) -> Iterator[tuple[str, str]]:
    """Cut ``{l} LIKE {r}`` into ``("l", …)``, ``("text", " LIKE ")``, ``("r", …)``."""
    rest = template
    while rest:
        text, brace, rest = rest.partition("{")
        if text:
            yield "text", text
        if brace:
            name, _, rest = rest.partition("}")
            yield name, name


def _combined(node: Combined, writer: Writer) -> None:
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


def _not(node: Not, writer: Writer) -> None:
    if isinstance(node.inner, HasPartner):
        writer.write("NOT ")
        render(node.inner, writer)
    elif may_be_null(node.inner):
        writer.write("(")
        render(node.inner, writer)
        writer.write(") IS NOT TRUE")
    else:
        writer.write("NOT (")
        render(node.inner, writer)
        writer.write(")")


def may_be_null(node: Expression) -> bool:
    """Whether a resolved expression can give NULL."""
    if isinstance(node, ColumnRef):
        return node.nullable
    if isinstance(node, Slot | HasPartner) or (isinstance(node, Lookup) and node.name == "isnull"):
        return False
    if isinstance(node, Lookup | Combined | Not | IsTrue | Operation | Transformed):
        return any(may_be_null(child) for child in node.children)
    return True


_RENDERERS: dict[type, Callable[[Any, Writer], None]] = {
    ColumnRef: _column,
    Transformed: _transformed,
    Slot: _slot,
    Operation: _operation,
    Lookup: _lookup,
    Combined: _combined,
    Not: _not,
}

__all__ = [
    "label_of",
    "may_be_null",
    "operation_type",
    "render",
    "render_conditions",
    "render_order",
    "render_slot",
    "type_of_node",
]
