"""Statements as reports and logs show them: without values, short enough to be read."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from chakra.pg.lexing import tokens, without_constants
from chakra.pg.showing import shown

MOST_VALUES = 20
"""Values of a statement that are shown."""

SHORT_LIST = 24
"""Characters of a list of columns that are shown; a longer one is ``…``."""


@lru_cache(maxsize=1024)
def shape_of(sql: str) -> str:
    """What is the same for all values of a statement."""
    return without_constants(sql)


@lru_cache(maxsize=1024)
def brief(sql: str, limit: int = 100) -> str:
    """A statement on one line, without its constants, quotes that say nothing, and long lists of columns:
    ``SELECT … FROM posts WHERE author_id = ANY($1::bigint[])``.
    """
    text = _without_list("".join(_plain_names(without_constants(sql))))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _plain_names(sql: str) -> list[str]:
    """The tokens, with names that need no quotes without them."""
    found = []
    for kind, text in tokens(sql):
        name = text[1:-1]
        plain = kind == "quoted" and name.isidentifier() and name == name.lower() and name.isascii()
        found.append(name if plain else text)
    return found


def _without_list(sql: str) -> str:
    """The text with ``…`` in place of what stands between its first SELECT and the FROM that belongs to it, if that is
    long; the same for the columns that an INSERT returns.
    """
    depth, start, position = 0, -1, 0
    for _, text in tokens(sql):
        word = text.upper()
        if text == "(":
            depth += 1
        elif text == ")":
            depth -= 1
        elif word in ("SELECT", "RETURNING") and depth == 0:
            start = position + len(text) + 1
        elif word == "FROM" and depth == 0 and start >= 0:
            if position - start > SHORT_LIST:
                return f"{sql[:start]}… {sql[position:]}"
            return sql
        position += len(text)
    if start >= 0 and len(sql) - start > SHORT_LIST:
        return sql[:start] + "…"
    return sql


def shown_values(values: Any) -> str:
    """What a statement is run with: ``['a', 5]``; of what can be read only once, its class."""
    if not isinstance(values, list | tuple):
        return f"<{type(values).__name__}>"
    return f"[{', '.join(map(shown, values[:MOST_VALUES]))}{', …' if len(values) > MOST_VALUES else ''}]"


def milliseconds(seconds: float) -> str:
    """``15.3ms``, and ``2.15s`` from a second on."""
    return f"{seconds:.2f}s" if seconds >= 1 else f"{seconds * 1e3:.1f}ms"


def amount(number: float) -> str:
    """``91.0 MB``."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


__all__ = ["amount", "brief", "milliseconds", "shape_of", "shown_values"]
