"""What queries and tables look like in a terminal, a text and a notebook; compiles, and never runs anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from chakra.errors import ChakraError
from chakra.pg.conversion import Naive
from chakra.sql import Select, select_statement

SHOWN_COLUMNS = 12
"""Columns that a text names; a notebook shows all of them."""


def query_text(kind: str, select: Select, naive: Naive = "error") -> str:
    """``<QuerySet of Author: id bigint, name text; SELECT …>``."""
    title = f"{kind} of {select.table.title}"
    try:
        sql, params, columns = _compiled(select, naive)
    except ChakraError as error:
        return f"<{title} that cannot run: {error}>"
    return f"<{title}, not run: {columns_text(columns)}; {sql} {params!r}>"


def query_html(kind: str, select: Select, naive: Naive = "error") -> str:
    """The same as a table of columns above the SQL."""
    title = f"{kind} of {select.table.title}, not run"
    try:
        sql, params, columns = _compiled(select, naive)
    except ChakraError as error:
        return f"<p><b>{escape(title)}</b>: {escape(str(error))}</p>"
    shown = html_table(("column", "type"), columns)
    return f"<p><b>{escape(title)}</b></p>{shown}<p><code>{escape(f'{sql} {params!r}')}</code></p>"


def _compiled(select: Select, naive: Naive) -> tuple[str, list[Any], list[tuple[str, str]]]:
    compiled, values = select_statement(select)
    statement = compiled.statement
    columns = [(o.name, o.type.sql if o.type is not None else "?") for o in statement.outputs]
    return statement.sql, list(statement.bind_for(naive)(values)), columns


def columns_text(columns: Sequence[tuple[str, str]]) -> str:
    """``id bigint, name text, … and 3 more``."""
    text = ", ".join(f"{name} {type_}" for name, type_ in columns[:SHOWN_COLUMNS])
    more = len(columns) - SHOWN_COLUMNS
    return f"{text}, … and {more} more" if more > 0 else text


def text_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns of text under their heads, for terminals."""
    lines = [tuple(heads), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([padded[0], rule, *padded[1:]])


def html_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The same for notebooks."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


__all__ = ["columns_text", "html_table", "query_html", "query_text", "text_table"]
