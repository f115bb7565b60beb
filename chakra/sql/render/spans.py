"""Rows of the table: what stands beside a range or a multirange."""

from __future__ import annotations

from chakra.errors import FieldError
from chakra.expressions import Expression, Slot
from chakra.expressions.library.ranges import MULTIRANGE_OF, RANGE_OF, range_of
from chakra.expressions.lookup_rule import LookupRule
from chakra.expressions.rules import SPANS
from chakra.pg.types import PgType
from chakra.sql.adapting import ToType
from chakra.sql.infer import type_of
from chakra.sql.literals import bare_type
from chakra.sql.render.base import render
from chakra.sql.render.nodes import label_of
from chakra.sql.spans import ToSpan, is_many, span_type
from chakra.sql.statement import Writer

_WIDTHS = ("int2", "int4", "int8", "numeric")
"""Numbers that can be cast to any type behind theirs without a loss."""


def span(
    slot: Slot, part: str, left: Expression, type_: PgType | None, rule: LookupRule, writer: Writer
) -> None:
    """Write a literal that is a range or a multirange."""
    if type_ is None:
        writer.parameter(slot.index, slot.steps, None, label_of(left))
        return
    sent = slot.type or span_type(type_, slot.sample)
    writer.parameter(slot.index, (*slot.steps, ToSpan(sent)), sent, label_of(left))


def member(
    slot: Slot, part: str, left: Expression, type_: PgType | None, rule: LookupRule, writer: Writer
) -> None:
    """Write a literal that is such, or an element."""
    if type_ is None or (is_span(slot.sample) if slot.type is None else slot.type.base.kind in SPANS):
        span(slot, part, left, type_, rule, writer)
        return
    element = slot.type or range_of(type_).element
    assert element is not None
    writer.parameter(slot.index, (*slot.steps, ToType(element.base)), element.base, label_of(left))


def is_span(value: object) -> bool:
    """Whether a literal beside a range is no element, by its class: texts are those of ranges."""
    return isinstance(value, str | list | tuple | dict | range) or hasattr(value, "isempty")


def computed_member(node: Expression, left: PgType | None, writer: Writer) -> None:
    """Write a value that the server computes: a number of a smaller type is cast to that of the range's elements."""
    found = type_of(node)
    element = None if left is None else range_of(left).element
    _cast(node, found, element, writer)


def contained(left: Expression, type_: PgType | None, right: Expression, writer: Writer) -> None:
    """Write that a value is in a range or a multirange of such values."""
    if isinstance(right, Slot):
        base = None if type_ is None else type_.base
        one = None if base is None else RANGE_OF.get(base.name)
        if base is None or one is None:
            raise FieldError(
                f"{left!r}: the server has no range of {'its type' if base is None else base.sql}; compare it with a "
                "field or an expression that is a range"
            )
        sent = MULTIRANGE_OF[one.name] if is_many(right.sample) else one
        _cast(left, base, one.element, writer)
        writer.write(" <@ ")
        writer.parameter(right.index, (*right.steps, ToSpan(sent, base)), sent, label_of(left))
        return
    found = type_of(right)
    spans = found is not None and found.base.kind in SPANS
    _cast(left, type_, range_of(found).element if found is not None and spans else None, writer)
    writer.write(" <@ ")
    render(right, writer)


def _cast(node: Expression, type_: PgType | None, wanted: PgType | None, writer: Writer) -> None:
    one = None if type_ is None else type_.base.name
    other = None if wanted is None else wanted.base.name
    wider = one in _WIDTHS and other in _WIDTHS and _WIDTHS.index(one) < _WIDTHS.index(other)
    render(node, writer)
    if wider and wanted is not None:
        writer.write(f"::{bare_type(wanted.base)}")
