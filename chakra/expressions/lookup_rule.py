"""What a row of the lookups table says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Right = Literal["same", "array", "pair", "text", "member", "span", "span of"]


@dataclass(frozen=True, slots=True)
class LookupRule:
    """How to write one lookup.

    Attributes:
        sql: template over ``{l}`` (left), ``{r}`` (right) and, for pairs, ``{r0}`` and ``{r1}``.
        right: type of the right side: that of the left (``same``), an ``array`` or a ``pair`` of it, ``text``; beside a
            range, one of the same family (``span``), or that or an element of it (``member``), beside a value a range
            of such (``span of``).
        adapt: applied to a literal right side before it is sent.
        dynamic: template for a right side computed by the server, where ``adapt`` cannot run.
        text: whether the left side is read as text (cast if it is not).
    """

    sql: str
    right: Right = "same"
    adapt: Callable[[Any], Any] | None = None
    dynamic: str | None = None
    text: bool = False


__all__ = ["LookupRule", "Right"]
