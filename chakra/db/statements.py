"""What the connection layer knows of a statement, whoever made it; never the values it is run with.

A compiled statement (``chakra.sql.Statement``) says all of this itself and is handed down as it is. ``Own``, ``Told``
and ``Foreign`` are what there is only text of: questions of Chakra's about the server, its texts over tables of users,
and the SQL of users.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, Protocol, TypeAlias

from chakra.pg.lexing import tokens
from chakra.pg.text import SqlText, Touch

Author: TypeAlias = Literal["chakra", "compiler", "user"]
"""Who wrote a statement: Chakra, as a question of its own; its compiler, out of a query; or the user."""


class Statement(Protocol):
    """One SQL statement (or script), the same object for all its values."""

    @property
    def sql(self) -> str:
        """The text, with ``$1``, ``$2``, … or nothing at all in place of values."""
        ...

    @property
    def reads(self) -> bool:
        """Whether it only reads rows, so that running it once more changes nothing."""
        ...

    @property
    def touches(self) -> tuple[Touch, ...] | None:
        """The relations it reads and writes; ``None`` = it may do more than that."""
        ...

    @property
    def author(self) -> Author:
        """Who wrote it."""
        ...


class _Text:
    """A statement of which there is only the text."""

    __slots__ = ("sql",)

    def __init__(self, sql: str) -> None:
        self.sql = sql

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {shortened(self.sql)!r}>"


class Own(_Text):
    """A text of Chakra's own that calls nothing but the server's functions: it leaves nothing behind on a session."""

    __slots__ = ()

    touches: tuple[Touch, ...] | None = ()
    author: Author = "chakra"

    @property
    def reads(self) -> bool:
        return self.sql.lstrip()[:6].upper() == "SELECT"


class Foreign(_Text):
    """The SQL of a user, which may do anything."""

    __slots__ = ()

    touches: tuple[Touch, ...] | None = None
    author: Author = "user"

    @property
    def reads(self) -> bool:
        text = self.sql.lstrip().lower()
        return text.startswith(("select", "values", "table")) and "(" not in text


class Told(_Text):
    """A text of Chakra's with what its maker says of it.

    Args:
        reads: whether it only reads rows.
        touches: the relations it reads and writes.
    """

    __slots__ = ("reads", "touches")

    author: Author = "compiler"

    def __init__(self, sql: str, touches: tuple[Touch, ...] | None, *, reads: bool) -> None:
        self.sql = sql
        self.touches = touches
        self.reads = reads


def behind(text: str) -> Statement:
    """The statement behind a finished query, which has its values in it; of others' SQL nothing is known."""
    if isinstance(text, SqlText):
        return Told(text.key, text.touches, reads=text.reads)
    return Foreign(text)


_QUOTES = re.compile(r"'|\$(?!\d)")
"""What begins a constant; most compiled statements have none, and are not cut into tokens."""

_CONSTANTS = frozenset({"string", "escape", "dollar"})


def shortened(sql: str, limit: int = 80) -> str:
    """The beginning of an SQL text on one line, without its string constants: a COPY carries values in them."""
    start = sql[: 4 * limit]
    if _QUOTES.search(start):
        start = "".join(_hidden(start))
    text = " ".join(start.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _hidden(sql: str) -> Iterator[str]:
    for kind, text in tokens(sql):
        if kind == "other" and text == "'":  # it is not closed here: all behind it may be of the constant
            yield "'…'"
            return
        yield "'…'" if kind in _CONSTANTS else text


__all__ = ["Author", "Foreign", "Own", "Statement", "Told", "behind", "shortened"]
