"""SQL text that knows which relations it touches; the compiler says it, the connection layer asks."""

from __future__ import annotations

from typing import Final, TypeAlias

Touch: TypeAlias = tuple[str, bool]
"""A relation's name as SQL writes it (quoted), and whether it is written to."""

TEMPORARY_TABLE: Final[Touch] = ("", True)
"""In place of a relation: the statement makes a temporary table, which event triggers get to know of."""


class SqlText(str):
    """Text of a statement Chakra compiled, with its values in it, on its way to a COPY.

    Every COPY of a query has a text of its own, so what is known of a statement cannot be kept by it.

    Attributes:
        key: what is the same for all texts of the statement.
        touches: the relations the statement reads and writes; ``None`` = it may do more than that.
        reads: whether it is a SELECT.
    """

    __slots__ = ("key", "reads", "touches")

    key: str
    touches: tuple[Touch, ...] | None
    reads: bool

    def __new__(
        cls, text: str, touches: tuple[Touch, ...] | None, key: str = "", reads: bool = False
    ) -> SqlText:
        made = super().__new__(cls, text)
        made.key = key or str(text)
        made.touches = touches
        made.reads = reads
        return made

    def __reduce__(self) -> tuple[type[SqlText], tuple[str, tuple[Touch, ...] | None, str, bool]]:
        return SqlText, (str(self), self.touches, self.key, self.reads)


__all__ = ["TEMPORARY_TABLE", "SqlText", "Touch"]
