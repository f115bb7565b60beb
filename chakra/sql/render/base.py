"""One expression as SQL: the function that the table has for the node's class writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from chakra.errors import FieldError
from chakra.expressions import Combined, Condition, Expression, Order
from chakra.expressions.aggregates import Aggregate
from chakra.expressions.windows import WindowFunction
from chakra.sql.statement import Writer

Renderer: TypeAlias = "Callable[[Any, Writer], None]"

RENDERERS: dict[type, Renderer] = {}
"""``chakra.sql.render.table``, put here by the package: the functions that are its rows render parts of their nodes."""


def render(node: Any, writer: Writer) -> None:
    """Write one resolved expression, or a write in WITH.

    Aggregates are written alike, by their rules. A class of the caller's own, which the table does not know, may write
    itself: ``render_sql(writer, render)``.

    Raises:
        FieldError: the node's class is none that SQL can express.
    """
    renderer = RENDERERS.get(Aggregate if isinstance(node, Aggregate) else type(node))
    if renderer is not None:
        renderer(node, writer)
        return
    own = getattr(node, "render_sql", None)
    if own is None:
        if isinstance(node, WindowFunction):
            raise FieldError(f"{node!r} is a value of a row in a window: Window({node!r}, order_by=…)")
        raise FieldError(
            f"{node!r} cannot be written as SQL: {type(node).__name__} is no expression of Chakra's. A function of the "
            'server is called by its name: Func("name", …); another class writes itself in render_sql(writer, render)'
        )
    writer.pure = False  # what the caller writes, nobody here knows
    own(writer, render)


def render_list(nodes: Sequence[Expression], writer: Writer) -> None:
    """Write expressions with commas between them."""
    for position, node in enumerate(nodes):
        if position:
            writer.write(", ")
        render(node, writer)


def render_order(terms: Sequence[Order], writer: Writer) -> None:
    """Write ORDER BY; nothing if there are no terms."""
    for position, term in enumerate(terms):
        writer.write(", " if position else " ORDER BY ")
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


__all__ = ["RENDERERS", "Renderer", "render", "render_conditions", "render_list", "render_order"]
