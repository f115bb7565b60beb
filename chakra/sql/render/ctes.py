"""Rows of the table: queries in WITH, written where they are first referred to, and put in front of the statement."""

from __future__ import annotations

from typing import Any

from chakra.errors import FieldError
from chakra.sql.ctes import Cte, NumberedCte
from chakra.sql.nodes import Reference, RowsInFrom, Withs
from chakra.sql.render.base import render
from chakra.sql.render.select import write_select
from chakra.sql.resolve import resolve_select
from chakra.sql.scope import Scope
from chakra.sql.select import Numbered
from chakra.sql.statement import Heads, Writer

UNNAMED = "cte"
"""What a query in WITH is called to which nobody gave a name."""


def reference(node: Reference, writer: Writer) -> None:
    """The name of a query in WITH.

    Raises:
        FieldError: a recursive one names itself where no server takes that.
    """
    writer.write(_define(node.numbered_cte, writer))


def withs(node: Withs, writer: Writer) -> None:
    """The queries that a query has in WITH, in their order, whether it reads them or not."""
    heads = _heads(writer)
    for each in node.queries:
        heads.name(each.cte.cte, each.said.name)
    for each in node.queries:
        _define(each.cte, writer)


def _define(numbered: NumberedCte, writer: Writer) -> str:
    """Write a query in WITH, if it is not yet there, and return its name."""
    heads, cte = _heads(writer), numbered.cte
    identity = id(cte)
    heads.name(cte, cte.name or UNNAMED)
    if identity in heads.open:
        _check_reference(cte, heads, writer)
    elif identity not in heads.done:
        writer.on(cte.database)
        heads.open[identity] = writer.depth
        piece = writer.aside(lambda: _write(numbered, heads, writer))
        del heads.open[identity]
        heads.done[identity] = piece
    return heads.names[identity]


def _heads(writer: Writer) -> Heads:
    if writer.heads is None:
        writer.heads = Heads()
    return writer.heads


def _check_reference(cte: Cte, heads: Heads, writer: Writer) -> None:
    innermost = next(reversed(heads.open))
    if innermost != id(cte):
        raise FieldError(
            "CTE.recursive(): a query in WITH inside of the step reads the rows of the recursion, which are there only "
            "in the step itself; join its query, join(name=…), or read the result of the recursion"
        )
    if writer.depth > heads.open[innermost]:
        raise FieldError(
            "CTE.recursive(): the step asks in a subquery for the rows of the recursion, which no server allows; join "
            "them: .join(name=rows, on=…)"
        )


def _write(numbered: NumberedCte, heads: Heads, writer: Writer) -> None:
    cte = numbered.cte
    names = ", ".join(column.quoted for column in cte.columns)
    kind = "" if cte.materialized is None else "MATERIALIZED " if cte.materialized else "NOT MATERIALIZED "
    writer.write(f"{heads.names[id(cte)]} ({names}) AS {kind}(")
    if numbered.step is None:
        _write_query(numbered.query, writer)
    else:
        heads.recursive = True
        for position, part in enumerate((numbered.query, numbered.step)):
            writer.write(f" {cte.word} (" if position else "(")
            _write_query(part, writer)
            writer.write(")")
    writer.write(")")
    if cte.search is not None:
        way, by, name = cte.search
        writer.write(f" SEARCH {way} FIRST BY {', '.join(by)} SET {name}")
    if cte.cycle is not None:
        by, mark, path = cte.cycle
        writer.write(f" CYCLE {', '.join(by)} SET {mark} USING {path}")


def _write_query(query: Any, writer: Writer) -> None:
    """Write a SELECT, or a write that returns rows."""
    if not isinstance(query, Numbered):
        render(query, writer)
        return
    heads = _heads(writer)
    heads.locks = heads.locks or query.select.clauses.lock is not None
    write_select(query, resolve_select(query, Scope(query.select.table)), writer)


def rows_in_from(node: RowsInFrom, writer: Writer) -> None:
    """A query in FROM; what it is called stands behind it."""
    writer.on(node.database)
    writer.write("LATERAL (" if node.lateral else "(")
    write_select(node.query, node.parts, writer)
    writer.write(")")


__all__ = ["reference", "rows_in_from", "withs"]
