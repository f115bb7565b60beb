"""Rows of the table: aggregates, all by their rules, and what groups are made by."""

from __future__ import annotations

from collections.abc import Callable

from chakra.errors import FieldError
from chakra.expressions import Expression, Slot
from chakra.expressions.aggregates import Aggregate, Count, Max, Min, Star
from chakra.expressions.grouping import GroupingSets
from chakra.expressions.rules import NUMBERS, TEXT_TYPES, lacks_ends
from chakra.pg.types import PgType
from chakra.sql.infer import chosen_type, default_type, is_null, type_of
from chakra.sql.nodes import GroupKey, KeyRef
from chakra.sql.render.base import render, render_list, render_order
from chakra.sql.render.calls import write_argument
from chakra.sql.render.nodes import compared, placed
from chakra.sql.statement import Writer


def aggregate(node: Aggregate, writer: Writer) -> None:
    write_aggregate(node, writer, None)


def write_aggregate(node: Aggregate, writer: Writer, write_over: Callable[[], None] | None) -> None:
    """Write an aggregate.

    Args:
        write_over: writes the window that it is over.
    """
    writer.pure = writer.pure and node.rule.known
    if node.default is not None:
        writer.write("COALESCE(")
    end = _end_of_sorted(node)
    if end is not None and write_over is not None:
        raise FieldError(
            f"{node!r} cannot stand over a window: the server has no {node.call_name()} of such values; "
            "FirstValue(…, order_by=…) is one of them"
        )
    writer.write(f"{node.call_name()}(" if end is None else "")
    if end is not None:
        writer.write(f"percentile_disc({end}) WITHIN GROUP (ORDER BY ")
        _write_arguments(node, writer)
        writer.write(")")
    elif node.rule.within:
        _write_within(node, writer)
    else:
        writer.write("DISTINCT " if node.distinct else "")
        several = isinstance(node, Count) and len(node.extra) > 0
        writer.write("(" if several else "")
        _write_arguments(node, writer)
        writer.write(")" if several else "")
        render_order(node.order, writer)
        writer.write(")")
    if node.condition is not None:
        writer.write(" FILTER (WHERE ")
        render(node.condition, writer)
        writer.write(")")
    if write_over is not None:
        write_over()
    if node.default is not None:
        writer.write(", ")
        _write_default(node, node.default, writer)
        writer.write(")")


def _end_of_sorted(node: Aggregate) -> int | None:
    """Where among sorted values that is which an aggregate means, 0 or 1, if the server only has their order."""
    if not isinstance(node, Min | Max):
        return None
    type_ = type_of(node.argument)
    return int(isinstance(node, Max)) if type_ is not None and lacks_ends(type_) else None


def _write_arguments(node: Aggregate, writer: Writer) -> None:
    first = type_of(node.argument)
    for position, argument in enumerate(node.arguments):
        writer.write(", " if position else "")
        write_argument(argument, node.kind(position, first), writer, type(node).__name__, node.arguments)


def _write_within(node: Aggregate, writer: Writer) -> None:
    """Write the arguments that have one value a group, then what rows are sorted by."""
    terms = node.sorted_by
    for position, argument in enumerate(node.extra):
        writer.write(", " if position else "")
        # Those of a row that is not there are of the types of the terms, each beside its own.
        beside = type_of(terms[position].expression) if position < len(terms) else None
        type_ = node.kind(position + 1, None).literal or (None if beside is None else default_type(beside))
        placed(argument, writer, type_, "value")
    writer.write(") WITHIN GROUP (")
    render_order(terms, writer)
    writer.write(")")


def _write_default(node: Aggregate, default: Expression, writer: Writer) -> None:
    """Write what stands for no rows: a literal takes the type of the result, as one of several values does."""
    if not isinstance(default, Slot) or is_null(default):
        render(default, writer)
        return
    types = [None if type_ is None else type_.base for type_ in map(type_of, node.arguments)]
    beside = node.result(types)
    type_ = default.type or _default_type(default, beside)
    writer.parameter(
        default.index, (*default.steps, *compared(type_)), type_, "default", beside_column=beside is not None
    )


def _default_type(default: Slot, beside: PgType | None) -> PgType | None:
    if beside is None or beside.base.name in NUMBERS or beside.base.name in TEXT_TYPES:
        return chosen_type(default, beside)
    return beside


def star(node: Star, writer: Writer) -> None:
    writer.write("*")


def grouping_sets(node: GroupingSets, writer: Writer) -> None:
    writer.write(f"{node.word} (")
    for position, terms in enumerate(node.elements()):
        writer.write(", " if position else "")
        alone = len(terms) == 1
        writer.write("" if alone else "(")
        render_list(terms, writer)
        writer.write("" if alone else ")")
    writer.write(")")


def group_key(node: GroupKey, writer: Writer) -> None:
    value = node.value
    if not isinstance(value, KeyRef) or value.missing:
        render(value, writer)
        return
    writer.write("CASE WHEN ")
    render(value.parts[0], writer)  # it is grouped by all of them, or by none
    writer.write(" IS NOT NULL THEN ")
    render(value, writer)
    writer.write(" END")
