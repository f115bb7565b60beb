"""Parts of values that hold others: ``F("data")["a"][0]``, ``F("tags")[0:2]``. What a key means, says the type, which
is known where names are resolved.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from chakra.errors import FieldError
from chakra.expressions.base import MAKE, Expression
from chakra.expressions.values import Value, as_expression


class Item(Expression):
    """What is at a key or a position of a value.

    Attributes:
        key: a literal (``str`` or ``int``) or an expression; never part of the shape.
        end: whether a position is counted from the end: its literal is negative.
    """

    __slots__ = ("end", "key", "value")

    def __init__(self, value: Expression, key: Expression, end: bool) -> None:
        self.value = value
        self.key = key
        self.end = end

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.value, self.key)

    def rebuild(self, children: tuple[Expression, ...]) -> Item:
        value, key = children
        return Item(value, key, self.end)

    def own_shape(self) -> Hashable:
        return self.end

    def __repr__(self) -> str:
        return f"{self.value!r}[{_shown(self.key)}]"


class Slice(Expression):
    """The elements of an array from one position to another, which is not among them.

    Attributes:
        start, stop: ``None`` = from the first, to the last.
    """

    __slots__ = ("start", "stop", "value")

    def __init__(self, value: Expression, start: Expression | None, stop: Expression | None) -> None:
        self.value = value
        self.start = start
        self.stop = stop

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.value, *(bound for bound in (self.start, self.stop) if bound is not None))

    def rebuild(self, children: tuple[Expression, ...]) -> Slice:
        value, *bounds = children
        start = None if self.start is None else bounds[0]
        return Slice(value, start, None if self.stop is None else bounds[-1])

    def own_shape(self) -> Hashable:
        return self.start is None, self.stop is None

    def __repr__(self) -> str:
        start, stop = ("" if bound is None else _shown(bound) for bound in (self.start, self.stop))
        return f"{self.value!r}[{start}:{stop}]"


def _shown(key: Expression) -> str:
    return repr(key.value) if isinstance(key, Value) else repr(key)


def item(value: Expression, key: Any) -> Expression:
    """A part of a value.

    Raises:
        FieldError: the key is neither a text, a whole number, a slice of these, nor an expression.
    """
    if isinstance(key, slice):
        if key.step is not None:
            raise FieldError(f"{value!r}[…:…:{key.step!r}]: the server's slices have no step")
        return Slice(value, _bound(value, key.start), _bound(value, key.stop))
    if not isinstance(key, Expression | str) and type(key) is not int:
        raise FieldError(
            f"{value!r}[{key!r}]: a part of a value is named by a text (a key), a whole number (a position), or an "
            "expression"
        )
    if type(key) is int:
        return Item(value, Value(_reached(key)), key < 0)
    return Item(value, as_expression(key), False)


def _reached(position: int) -> int:
    """A position as ``bigint`` has it: where none is that far, there is nothing at either."""
    return max(min(position, 2**62), -(2**62))


def _bound(value: Expression, bound: Any) -> Expression | None:
    if bound is None or isinstance(bound, Expression):
        return bound
    if type(bound) is not int or bound < 0:
        raise FieldError(f"{value!r}[…:…] takes positions from 0 on as bounds, not {bound!r}")
    return Value(_reached(bound))


MAKE.item = item

__all__ = ["Item", "Slice", "item"]
