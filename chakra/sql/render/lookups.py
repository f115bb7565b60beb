"""Rows of the table: lookups, by the rules of ``chakra.expressions.lookups``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from chakra.errors import FieldError
from chakra.expressions import Call, Condition, Expression, Lookup, Slot
from chakra.expressions.calls import Function
from chakra.expressions.library.documents import DOCUMENTS, ToJsonb, text_of
from chakra.expressions.lookups import LookupRule, find_lookup, known_words
from chakra.expressions.rows import Quantified, Row
from chakra.expressions.rules import TEXT_TYPES
from chakra.pg.conversion.comparing import WHOLE, compared_type
from chakra.pg.types import INT8, JSONB, NUMERIC, TEXT, PgType, array_of
from chakra.sql.adapting import ToType, WholeBounds
from chakra.sql.elements import Element, Elements, elements_in, of_one
from chakra.sql.infer import type_of
from chakra.sql.literals import bare_type, input_text
from chakra.sql.nodes import InnerQuery, KeyRef
from chakra.sql.render import fulltext, spans
from chakra.sql.render.base import render
from chakra.sql.render.keys import key_isnull, key_lookup
from chakra.sql.render.nodes import compared, label_of
from chakra.sql.render.rows import quantified_lookup, row_lookup
from chakra.sql.render.templates import split
from chakra.sql.sources import ColumnRef
from chakra.sql.statement import Writer


def lookup(node: Lookup, writer: Writer) -> None:
    left, right = node.left, node.right
    if isinstance(left, ColumnRef) and isinstance(right, Slot):
        type_ = left.column.type
        plain = None if type_.base.name in _DOCUMENTS else find_lookup(node.name, type_)
        if plain is not None and plain.right in _OF_ONE_VALUE:  # what most conditions are: 1 µs less
            for kind, text in split(plain.sql):
                if kind == "text":
                    writer.write(text)
                elif kind == "l":
                    _left(left, type_, plain, writer)
                else:
                    _RIGHT[plain.right](right, kind, left, type_, plain, writer)
            return
    elements = elements_in(left)
    if elements is not None:
        _of_elements(node, elements, writer)
        return
    if node.name == "isnull" and isinstance(left, KeyRef):
        key_isnull(left, bool(right), writer)
        return
    if node.name == "isnull" and not isinstance(left, Row):
        _operand(left, writer)
        writer.write(" IS NULL" if right else " IS NOT NULL")
        return
    if isinstance(left, KeyRef):
        key_lookup(left, node, writer)
        return
    if isinstance(left, Row):
        row_lookup(left, node, writer, _same)
        return
    left_type = type_of(left)
    rule = find_lookup(node.name, left_type)
    if rule is None:
        raise FieldError(f"unknown lookup {node.name!r}; there are {known_words(left_type)}")
    assert isinstance(right, Expression)
    if isinstance(right, Quantified):
        quantified_lookup(node, rule, partial(_left, left, left_type, rule, writer), writer)
        return
    if rule.right == "span of":
        spans.contained(left, left_type, right, writer)
        return
    if rule.right == "query" and fulltext.search(
        node.name, left, left_type, right, writer, partial(_left, left, left_type, rule, writer)
    ):
        return
    twice = _bilateral(left, left_type)
    if twice is not None and rule.right in ("same", "text"):
        right = Call(twice, (right,))
    elif twice is not None and isinstance(right, Slot):
        _each(twice, left, left_type, right, rule, writer)
        return
    left, right = beside_documents(left, left_type, right, rule)
    if left is not node.left:
        left_type = JSONB
        rule = find_lookup(node.name, left_type) or rule
    template = rule.sql if isinstance(right, Slot) else rule.dynamic or rule.sql
    if node.name == "in" and _is_array(right):
        template = "{l} = ANY({r})"
    for kind, text in split(template):
        if kind == "text":
            writer.write(text)
        elif kind == "l":
            _left(left, left_type, rule, writer)
        elif isinstance(right, Slot):
            _RIGHT[rule.right](right, kind, left, left_type, rule, writer)
        elif kind == "r" and rule.right == "member":
            spans.computed_member(right, left_type, writer)
        elif kind == "r":
            _operand(right, writer)
        else:
            raise FieldError(f"{node.name} takes plain values, not {right!r}")


_DOCUMENTS = frozenset({"json", "jsonb"})
_OF_ONE_VALUE = frozenset({"same", "text"})


def _bilateral(left: Expression, type_: PgType | None) -> Function[Any] | None:
    """The function that both sides go through, if the left one does."""
    if type_ is None or type_.base.name not in TEXT_TYPES:
        return None
    while isinstance(left, Call) and left.arguments:
        if left.function.bilateral:
            return left.function
        left = left.arguments[0]
    return None


def _each(
    function: Function[Any],
    left: Expression,
    type_: PgType | None,
    right: Slot,
    rule: LookupRule,
    writer: Writer,
) -> None:
    """Write a lookup of several values, each of which goes through a function."""
    before, after = function.template(type_).split("{0}")
    _left(left, type_, rule, writer)
    if rule.right == "pair":
        for word, part in ((" BETWEEN ", "r0"), (" AND ", "r1")):
            writer.write(f"{word}{before}")
            _pair(right, part, left, TEXT, rule, writer)
            writer.write(after)
        return
    writer.write(f" IN (SELECT {before}v{after} FROM unnest(")
    steps = (*_first_of_all(right, rule), ToType(TEXT, "member list"))
    writer.parameter(right.index, steps, array_of(TEXT), label_of(left))
    writer.write(") AS u(v))")


def _is_array(right: Expression) -> bool:
    """Whether a value is an array that the server computes."""
    found = None if isinstance(right, Slot | InnerQuery) else type_of(right)
    return found is not None and found.base.kind == "array"


def _of_elements(node: Lookup, elements: Elements, writer: Writer) -> None:
    """Write that a condition holds for one element, or for all: an array that is NULL has none of which it could."""
    outside, writer.qualify = writer.qualify, True  # no column goes by the name that stands for the element
    writer.write("NOT EXISTS (SELECT FROM unnest(" if elements.every else "EXISTS (SELECT FROM unnest(")
    render(elements.value, writer)
    writer.write(f") AS {_ELEMENT} WHERE ")
    writer.write("(" if elements.every else "")
    lookup(Lookup(of_one(node.left, elements), node.name, node.right), writer)
    writer.write(") IS NOT TRUE) AND " if elements.every else ")")
    if elements.every:
        render(elements.value, writer)
        writer.write(" IS NOT NULL")
    writer.qualify = outside


_ELEMENT = "chakra_elements(element)"


def element(node: Element, writer: Writer) -> None:
    writer.write("chakra_elements.element")


def elements(node: Elements, writer: Writer) -> None:
    raise FieldError(
        f"{node!r} stands for elements in a condition, such as {node!r}=…, and is no value; one element is "
        f"{node.value!r}[0], a slice {node.value!r}[0:2]"
    )


def _left(left: Expression, type_: PgType | None, rule: LookupRule, writer: Writer) -> None:
    if rule.text and type_ is not None and type_.base.name in DOCUMENTS:
        render(text_of(left), writer)
    elif rule.text and (type_ is None or type_.base.name not in TEXT_TYPES):
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


def beside_documents(
    left: Expression, type_: PgType | None, right: Expression, rule: LookupRule
) -> tuple[Expression, Expression]:
    """Both sides of a lookup: beside a document, another value is one as well; a text is compared with its text."""
    if isinstance(right, Slot | InnerQuery):
        return left, right
    document = type_ is not None and type_.base.name in DOCUMENTS
    other = type_of(right)
    if rule.right == "text":
        is_document = other is not None and other.base.name in DOCUMENTS
        return left, text_of(right) if is_document else right
    if rule.right != "same":
        return left, right
    if document and (other is None or other.base.name != "jsonb"):
        return left, ToJsonb(right)
    if not document and other is not None and other.base.name in DOCUMENTS and type_ is not None:
        return ToJsonb(left), right if other.base.name == "jsonb" else ToJsonb(right)
    return left, right


# What a literal on the right becomes, by the kind of right side that the rule names.


def _first_of_all(slot: Slot, rule: LookupRule) -> tuple[Any, ...]:
    """What is done to the literal whatever is on the left."""
    return slot.steps if rule.adapt is None else (*slot.steps, rule.adapt)


def _same(
    slot: Slot, part: str, left: Expression, type_: PgType | None, rule: LookupRule, writer: Writer
) -> None:
    adapt = _first_of_all(slot, rule)
    sent = None
    if type_ is not None:
        sent = compared_type(type_, slot.sample)
        beyond = sent is NUMERIC and _is_whole(type_)
        adapt += (ToType(type_, "beyond"),) if beyond else compared(type_)
    writer.parameter(slot.index, adapt, sent, label_of(left), beside_column=isinstance(left, _OF_COLUMNS))


def _text(
    slot: Slot, part: str, left: Expression, type_: PgType | None, rule: LookupRule, writer: Writer
) -> None:
    writer.parameter(slot.index, _first_of_all(slot, rule), TEXT, label_of(left))


def _array(
    slot: Slot, part: str, left: Expression, type_: PgType | None, rule: LookupRule, writer: Writer
) -> None:
    adapt = _first_of_all(slot, rule)
    if type_ is None:
        writer.parameter(slot.index, adapt, None, label_of(left), beside_column=isinstance(left, _OF_COLUMNS))
        return
    adapt += (ToType(type_, "member list"),)
    base = type_.base
    if base.kind in _AS_TEXTS:
        # There is no array of arrays, and the driver takes a list of lists for one: each travels as its text.
        writer.write("SELECT unnest(")
        writer.parameter(slot.index, (*adapt, _texts(base)), array_of(TEXT), label_of(left))
        writer.write(f")::{bare_type(base)}")
        return
    sent = array_of(compared_type(base, None))
    writer.parameter(slot.index, adapt, sent, label_of(left), beside_column=isinstance(left, _OF_COLUMNS))


def _pair(
    slot: Slot, part: str, left: Expression, type_: PgType | None, rule: LookupRule, writer: Writer
) -> None:
    adapt = _first_of_all(slot, rule)
    bound, sent = _first if part == "r0" else _second, None
    if type_ is None:
        adapt = (*adapt, bound)
    elif _is_whole(type_):
        sent = INT8
        adapt = (*adapt, WholeBounds(type_), bound)
    else:
        sent = compared_type(type_, slot.sample)
        adapt = (*adapt, bound, *compared(type_))
    writer.parameter(slot.index, adapt, sent, label_of(left), beside_column=isinstance(left, _OF_COLUMNS))


def _given(
    slot: Slot, part: str, left: Expression, type_: PgType | None, rule: LookupRule, writer: Writer
) -> None:
    assert rule.given is not None
    steps = () if rule.given is TEXT else (ToType(rule.given),)
    writer.parameter(slot.index, (*_first_of_all(slot, rule), *steps), rule.given, label_of(left))


_RIGHT: dict[str, Callable[[Slot, str, Expression, PgType | None, LookupRule, Writer], None]] = {
    "same": _same,
    "text": _text,
    "array": _array,
    "pair": _pair,
    "member": spans.member,
    "span": spans.span,
    "given": _given,
    "query": _same,
}

_OF_COLUMNS = (ColumnRef, Call)


_AS_TEXTS = frozenset({"array", "multirange"})
"""Kinds of values that are lists."""


def _is_whole(type_: PgType) -> bool:
    base = type_.base
    return base.kind == "base" and base.name in WHOLE


def _texts(type_: PgType) -> Callable[[list[Any]], list[str]]:
    """What turns a list of values into their input texts."""
    text = input_text(type_)
    return lambda values: list(map(text, values))


def _first(value: Any) -> Any:
    return value[0]


def _second(value: Any) -> Any:
    return value[1]
