"""Rows of the table: lookups, by the rules of ``chakra.expressions.lookups``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from chakra.errors import FieldError
from chakra.expressions import Condition, Expression, Lookup, Slot
from chakra.expressions.lookups import LookupRule, find_lookup, known_words
from chakra.pg.conversion.comparing import WHOLE, compared_type
from chakra.pg.types import INT8, NUMERIC, TEXT, PgType, array_of
from chakra.sql.adapting import ToType, WholeBounds
from chakra.sql.infer import TEXT_TYPES, type_of
from chakra.sql.literals import bare_type, input_text
from chakra.sql.nodes import KeyRef
from chakra.sql.render.base import render
from chakra.sql.render.keys import key_isnull, key_lookup
from chakra.sql.render.nodes import compared
from chakra.sql.sources import ColumnRef, Transformed
from chakra.sql.statement import Writer


def lookup(node: Lookup, writer: Writer) -> None:
    left, right = node.left, node.right
    if node.name == "isnull" and isinstance(left, KeyRef):
        key_isnull(left, bool(right), writer)
        return
    if node.name == "isnull":
        _operand(left, writer)
        writer.write(" IS NULL" if right else " IS NOT NULL")
        return
    if isinstance(left, KeyRef):
        key_lookup(left, node, writer)
        return
    left_type = type_of(left)
    rule = find_lookup(node.name, left_type)
    if rule is None:
        raise FieldError(f"unknown lookup {node.name!r}; there are {known_words(left_type)}")
    assert isinstance(right, Expression)
    template = rule.sql if isinstance(right, Slot) else rule.dynamic or rule.sql
    for kind, text in _split(template):
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
    if rule.text and (type_ is None or type_.base.name not in TEXT_TYPES):
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
    label = _label_of(left)
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
        adapt += (ToType(left_type, "beyond"),) if whole and type_ is NUMERIC else compared(left_type)
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


def _label_of(node: Expression) -> str:
    """What error messages call a value: the field it is compared with, where there is one."""
    while isinstance(node, Transformed):
        node = node.inner
    return repr(node) if isinstance(node, ColumnRef) else "value"


def _split(template: str) -> Iterator[tuple[str, str]]:
    """Cut ``{l} LIKE {r}`` into ``("l", …)``, ``("text", " LIKE ")``, ``("r", …)``."""
    rest = template
    while rest:
        text, brace, rest = rest.partition("{")
        if text:
            yield "text", text
        if brace:
            name, _, rest = rest.partition("}")
            yield name, name
