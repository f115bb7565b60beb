"""Cutting SQL text into tokens, as far as telling code from strings, names and comments needs.

Lexical rules: PostgreSQL manual, section 4.1. No SQL is ever rewritten by a regular expression over the whole
text: ``$1`` inside a string or a comment is not a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*)
  | (?P<comment>/\*)
  | (?P<escape>[eE]'(?:[^'\\]|\\.|'')*')
  | (?P<string>(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*')
  | (?P<quoted>(?:[uU]&)?"(?:[^"]|"")*")
  | (?P<param>\$\d+)
  | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?\$)
  | (?P<word>[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
  | (?P<number>\d[\d_.]*(?:[eE][+-]?\d+)?)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def tokens(sql: str) -> Iterator[tuple[str, str]]:
    """Yield ``(kind, text)``; joined, the texts are ``sql`` again.

    Kinds: ``space``, ``comment``, ``string``, ``escape``, ``quoted``, ``dollar``, ``param``, ``word``,
    ``number``, ``other``. A comment or a dollar quote that is not closed reaches to the end; a quote mark that is
    not closed is ``other``.
    """
    position = 0
    while position < len(sql):
        found = _TOKEN.match(sql, position)
        assert found is not None  # the last alternative takes any character
        kind, end = found.lastgroup or "other", found.end()
        if kind == "comment":
            end = _comment_end(sql, end)
        elif kind == "dollar":
            closing = sql.find(found.group(), end)
            end = len(sql) if closing < 0 else closing + len(found.group())
        yield kind, sql[position:end]
        position = end


def _comment_end(sql: str, position: int) -> int:
    """Where a comment ends; they nest."""
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(sql, position)
        if edge is None:
            return len(sql)
        depth += 1 if edge.group() == "/*" else -1
        position = edge.end()
    return position


def split_parameters(sql: str) -> Iterator[str | int]:
    """Yield the text between parameters, and for each parameter its number."""
    for kind, text in tokens(sql):
        yield int(text[1:]) if kind == "param" else text


_CONSTANTS = frozenset({"string", "escape", "dollar", "number"})


def without_constants(sql: str) -> str:
    """The text with ``?`` in place of its string constants and numbers, without comments, on one line.

    It is what may be shown of SQL of which nobody knows what was written into it, and the same for all values. A quote
    that is not closed hides all that follows.
    """
    found: list[str] = []
    for kind, text in tokens(sql):
        if kind in _CONSTANTS:
            found.append("?")
        elif kind in ("space", "comment"):
            found.append(" ")
        elif text == "'":
            found.append("?…")
            break
        else:
            found.append(text)
    return " ".join("".join(found).split())


__all__ = ["split_parameters", "tokens", "without_constants"]
