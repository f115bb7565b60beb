"""What a row of the lookups table says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from chakra.errors import DataError
from chakra.pg.showing import shown
from chakra.pg.types import PgType

Right = Literal["same", "array", "pair", "text", "member", "span", "span of", "given", "query"]


@dataclass(frozen=True, slots=True)
class LookupRule:
    """How to write one lookup.

    Attributes:
        sql: template over ``{l}`` (left), ``{r}`` (right) and, for pairs, ``{r0}`` and ``{r1}``.
        right: type of the right side: that of the left (``same``), an ``array`` or a ``pair`` of it, ``text``; beside a
            range, one of the same family (``span``), or that or an element of it (``member``), beside a value a range
            of such (``span of``); one that is always the same (``given``); or beside a search vector a
            ``query``.
        adapt: applied to a literal right side before it is sent.
        dynamic: template for a right side computed by the server, where ``adapt`` cannot run.
        text: whether the left side is read as text (cast if it is not).
        given: the type of the right side where that is always the same.
        unsure: whether it may be NULL where neither side is.
    """

    sql: str
    right: Right = "same"
    adapt: Callable[[Any], Any] | None = None
    dynamic: str | None = None
    text: bool = False
    given: PgType | None = None
    unsure: bool = False


def as_list(value: Any) -> list[Any]:
    """The members of an ``in`` list; NULL is never equal to anything, so ``None`` drops out."""
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        raise DataError(f"in takes several values, not the single {shown(value)}")
    return [item for item in value if item is not None]


def pair(value: Any) -> tuple[Any, Any]:
    """The two bounds of ``range``."""
    try:
        low, high = value
    except (TypeError, ValueError):
        raise DataError(f"range takes a pair (low, high), not {shown(value)}") from None
    return low, high


__all__ = ["LookupRule", "Right", "as_list", "pair"]
