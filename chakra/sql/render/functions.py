"""Rows of the table: calls of functions, aggregates and windows among them."""

from __future__ import annotations

from chakra.expressions import Func
from chakra.expressions.aggregates import Aggregate, Star
from chakra.sql.nodes import Rank
from chakra.sql.render.base import render, render_list, render_order
from chakra.sql.statement import Writer


def function(node: Func, writer: Writer) -> None:
    writer.pure = False  # what the function does, nobody here knows
    writer.write(f"{node.name}(")
    render_list(node.arguments, writer)
    writer.write(")" if node.type is None else f")::{node.type.sql}")


def aggregate(node: Aggregate, writer: Writer) -> None:
    if node.default is not None:
        writer.write("COALESCE(")
    writer.write(f"{node.call_name()}(")
    if node.distinct:
        writer.write("DISTINCT ")
    render_list((node.argument, *node.extra), writer)
    render_order(node.order, writer)
    writer.write(")")
    if node.condition is not None:
        writer.write(" FILTER (WHERE ")
        render(node.condition, writer)
        writer.write(")")
    if node.default is not None:
        writer.write(", ")
        render(node.default, writer)
        writer.write(")")


def star(node: Star, writer: Writer) -> None:
    writer.write("*")


def rank(node: Rank, writer: Writer) -> None:
    writer.write(f"{'dense_rank' if node.linked else 'row_number'}() OVER (PARTITION BY ")
    render(node.each, writer)
    render_order(node.order, writer)
    writer.write(")")
