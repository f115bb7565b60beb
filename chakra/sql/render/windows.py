"""The clause WINDOW of a SELECT: windows that several values share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chakra.expressions import Expression
from chakra.expressions.windows import Window
from chakra.pg.quoting import quote_identifier
from chakra.sql.render.base import render
from chakra.sql.scope import Scope
from chakra.sql.statement import Writer


def write_windows(scope: Scope, written: Iterable[Expression], writer: Writer) -> None:
    """Write WINDOW with those that the values of a SELECT share; nothing if there are none. Counting writes no values,
    and an order that nothing needs would be one of columns outside of the count.
    """
    wanted = {name for value in written for name in _shared(value)}
    for name, node in reversed(scope.defined.items()):  # those that others go on from stand before these
        if name in wanted and node.over is not None:
            wanted.add(node.over.name)
    keyword = " WINDOW "
    for name, node in scope.defined.items():
        if name in wanted:
            writer.write(keyword)
            writer.write(f"{quote_identifier(name)} AS ")
            render(node, writer)
            keyword = ", "


def _shared(node: Expression) -> Iterator[str]:
    """The names of the windows that a tree has in common with others."""
    if isinstance(node, Window) and node.over is not None:
        yield node.over.name
    for child in node.children:
        yield from _shared(child)
