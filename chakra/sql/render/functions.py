"""Rows of the table: calls of functions, aggregates and windows among them."""

from __future__ import annotations

from chakra.expressions import Func, Slot
from chakra.expressions.aggregates import Aggregate
from chakra.expressions.windows import EXCLUSIONS, Frame, Over, Window
from chakra.pg.quoting import quote_identifier
from chakra.pg.types import FLOAT8, INT8, INTERVAL, NUMERIC, PgType
from chakra.sql.infer import default_of, default_type, type_of
from chakra.sql.nodes import Rank
from chakra.sql.render.aggregates import write_aggregate
from chakra.sql.render.base import render_list, render_order
from chakra.sql.render.nodes import placed
from chakra.sql.statement import Writer


def function(node: Func, writer: Writer) -> None:
    writer.pure = False  # what the function does, nobody here knows
    writer.write(f"{node.name}(")
    render_list(node.arguments, writer)
    writer.write(")" if node.type is None else f")::{node.type.sql}")


def rank(node: Rank, writer: Writer) -> None:
    writer.write(f"{'dense_rank' if node.linked else 'row_number'}() OVER (PARTITION BY ")
    render_list(node.each, writer)
    render_order(node.order, writer)
    writer.write(")")


def window(node: Window, writer: Writer) -> None:
    function = node.function
    if isinstance(function, Aggregate):
        write_aggregate(function, writer, lambda: _write_over(node, writer))
        return
    writer.write(f"{function.function}(")
    default = default_of(function)
    if isinstance(default, Slot):
        value, distance, _ = function.arguments
        render_list((value, distance), writer)
        writer.write(", ")
        found = type_of(value)
        placed(default, writer, None if found is None else default_type(found), "default")
    else:
        render_list(function.arguments, writer)
    writer.write(")")
    _write_over(node, writer)


def _write_over(node: Window, writer: Writer) -> None:
    writer.write(" OVER ")
    if node.over is not None and not (node.over.order or node.over.frame):
        writer.write(quote_identifier(node.over.name))
    else:
        over(node, writer)


def over(node: Window | Over, writer: Writer) -> None:
    """Write what a window is made of, behind the name of the one that it goes on from."""
    taken = node.over
    writer.write("(")
    if taken is not None:
        writer.write(quote_identifier(taken.name))
    elif node.partition:
        writer.write("PARTITION BY ")
        render_list(node.partition, writer)
    if taken is None or taken.order:
        render_order(node.order, writer)
    if node.frame is not None and (taken is None or taken.frame):
        _write_frame(node, node.frame, writer)
    writer.write(")")


def _write_frame(node: Window | Over, frame: Frame, writer: Writer) -> None:
    offsets = iter(frame.offsets)
    distance = _distance(node) if frame.mode == "RANGE" else INT8
    writer.write(f" {frame.mode} BETWEEN ")
    for position, words in enumerate(frame.bounds):
        writer.write(" AND " if position else "")
        if words in ("PRECEDING", "FOLLOWING"):
            placed(next(offsets), writer, distance, "frame")
            writer.write(" ")
        writer.write(words)
    if frame.exclude is not None:
        writer.write(f" EXCLUDE {EXCLUSIONS[frame.exclude]}")


def _distance(node: Window | Over) -> PgType | None:
    """The type in which distances are counted between values of the order (``in_range`` in ``pg_amproc.dat``)."""
    found = type_of(node.order[0].expression) if len(node.order) == 1 else None
    return None if found is None else _DISTANCES.get(found.base.name, INTERVAL)


_DISTANCES = {
    "int2": INT8,
    "int4": INT8,
    "int8": INT8,
    "numeric": NUMERIC,
    "float4": FLOAT8,
    "float8": FLOAT8,
}
