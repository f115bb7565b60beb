"""Compiling a SELECT: literals are numbered, names resolved, SQL written; runs once per shape."""

from __future__ import annotations

import chakra.sql.aggregates
import chakra.sql.brackets
import chakra.sql.chosen
import chakra.sql.inner
import chakra.sql.positions
import chakra.sql.rows  # noqa: F401 - queries inside of others, and rows of values
from chakra.sql.render import write_select
from chakra.sql.resolve import resolve_select
from chakra.sql.rowplan import Compiled
from chakra.sql.select import Select, numbered
from chakra.sql.statement import Writer


def compile_select(select: Select, held: int) -> Compiled:
    """Resolve and render a query.

    Args:
        held: how many values its shape has listed.

    Raises:
        FieldError: a name or lookup is unknown, or parts of the query contradict each other.
    """
    query = numbered(select, held)
    parts = resolve_select(query)
    writer = Writer()
    outputs = write_select(query, parts, writer)
    statement = writer.finish(outputs, reads=True, locks=select.clauses.lock is not None)
    return Compiled(statement, parts.plan, select.result, keys=parts.keys)


__all__ = ["compile_select"]
