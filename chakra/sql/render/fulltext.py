"""Rows of the table: what is searched in texts and search vectors."""

from __future__ import annotations

from collections.abc import Callable

from chakra.errors import FieldError
from chakra.expressions import Call, Expression, Slot
from chakra.expressions.library.fulltext import config_of, query_function, vector_function
from chakra.expressions.rules import TEXT_TYPES
from chakra.pg.types import TEXT, PgType
from chakra.sql.infer import type_of
from chakra.sql.render.base import render
from chakra.sql.render.nodes import label_of
from chakra.sql.render.templates import split
from chakra.sql.sources import ColumnRef
from chakra.sql.statement import Writer


def search(
    word: str,
    left: Expression,
    type_: PgType | None,
    right: Expression,
    writer: Writer,
    as_text: Callable[[], None],
) -> bool:
    """Write that a text or a vector has what a query looks for.

    Args:
        as_text: writes the left side as a text.

    Returns:
        Whether that is what is meant: ``exact`` beside a stored vector, or another one, is equality.
    """
    found = right.type if isinstance(right, Slot) else type_of(right)
    name = None if found is None else found.base.name
    if type_ is not None and type_.base.name == "tsquery":
        return _turned(word, left, right, name, writer)
    if word == "exact" and (name == "tsvector" or (name is None and isinstance(left, ColumnRef))):
        return False
    if type_ is not None and type_.base.name == "tsvector":
        render(left, writer)
    else:
        writer.write("to_tsvector(COALESCE(")
        as_text()
        writer.write(", ''))")
    writer.write(" @@ ")
    if name == "tsquery":
        render(right, writer)
    elif isinstance(right, Slot) or name in TEXT_TYPES:
        _plain(left, right, writer)
    else:
        raise FieldError(
            f"{left!r} is searched for a text or a SearchQuery, not for {right!r}"
            + ("" if found is None else f", which is {found.sql}")
        )
    return True


def _turned(word: str, query: Expression, right: Expression, name: str | None, writer: Writer) -> bool:
    """Write that a query finds something in a vector, or a text."""
    if word == "exact" and name != "tsvector":
        return False
    render(query, writer)
    writer.write(" @@ ")
    if name == "tsvector":
        render(right, writer)
    elif isinstance(right, Slot) or name in TEXT_TYPES:
        render(Call(_AS_VECTOR, (right,)), writer)
    else:
        raise FieldError(f"{query!r} looks for something in a text or a SearchVector, not in {right!r}")
    return True


_AS_VECTOR = vector_function(None)


def _plain(left: Expression, text: Expression, writer: Writer) -> None:
    """Write the query for all words of a text, in the configuration of the vector."""
    config = config_of(left)
    if isinstance(config, Expression):
        render(Call(query_function("plain", True), (text, config)), writer)
        return
    function = query_function("plain", config)
    if not isinstance(text, Slot):
        render(Call(function, (text,)), writer)
        return
    for place, piece in split(function.template(None)):
        if place == "text":
            writer.write(piece)
        else:
            writer.parameter(text.index, text.steps, TEXT, label_of(left))


__all__ = ["search"]
