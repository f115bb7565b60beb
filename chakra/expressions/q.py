"""Conditions by keyword: ``Q(age__gte=18) | Q(name="x")``, and how keyword filters become shapes.

Keyword filters are kept as they were written until a statement must be compiled: for a known shape only the
names are looked at. ``keyword_shape`` (every call) and ``keyword_conditions`` (once per shape) must agree on which
values are literals and in which order; they stand together for that reason.
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from chakra.errors import FieldError
from chakra.expressions.base import Combined, Condition, Expression, Lookup, Slot, as_expression, compare

# Types whose values never change the shape of a statement. bool is not among them: isnull=True and
# isnull=False are two statements.
PLAIN = frozenset(
    {int, str, float, bytes, decimal.Decimal, dt.datetime, dt.date, dt.time, dt.timedelta, uuid.UUID}
)
SEQUENCES: tuple[type, ...] = (list, tuple, set, frozenset, range, type({}.keys()), type({}.values()))


class Q(Condition):
    """Conditions by keyword, joined by AND; positional arguments are further conditions.

    Raises:
        TypeError: a positional argument is not a condition.
    """

    __slots__ = ("conditions", "keywords")

    def __init__(self, *conditions: Condition, **keywords: Any) -> None:
        for condition in conditions:
            if not isinstance(condition, Condition):
                raise TypeError(f"Q() takes conditions and keywords, not {condition!r}")
        self.conditions = conditions
        self.keywords = keywords

    def shape(self, values: list[Any]) -> Hashable:
        inner = tuple(condition.shape(values) for condition in self.conditions)
        return (Q, inner, keyword_shape(self.keywords, values))

    def __and__(self, other: Condition) -> Condition:
        return _join("AND", self, other)

    def __or__(self, other: Condition) -> Condition:
        return _join("OR", self, other)

    def __bool__(self) -> bool:
        """Whether the Q says anything: an empty one joins as if it were not there."""
        return bool(self.conditions or self.keywords)

    def __repr__(self) -> str:
        parts = [repr(c) for c in self.conditions] + [f"{k}={v!r}" for k, v in self.keywords.items()]
        return f"Q({', '.join(parts)})"


def _join(connector: str, left: Q, right: Condition) -> Condition:
    if not isinstance(right, Condition):
        raise TypeError(f"& and | combine conditions, not {right!r}")
    if not left:
        return right
    if isinstance(right, Q) and not right:
        return left
    return Combined(connector, (left, right))


def _says_isnull(name: str) -> bool:
    return name == "isnull" or name.endswith("__isnull")


def keyword_shape(keywords: Mapping[str, Any], values: list[Any]) -> Hashable:
    """The structural key of keyword filters; literals are appended to ``values``."""
    parts: list[Hashable] = []
    for name, value in keywords.items():
        cls = type(value)
        if cls in PLAIN:
            parts.append(name)
            values.append(value)
        elif value is None or (cls is bool and _says_isnull(name)):
            parts.append((name, value))
        elif cls in SEQUENCES:
            parts.append(name)
            values.append(literal(value))
        else:
            value = operand(value)
            if isinstance(value, Expression):
                parts.append((name, value.shape(values)))
            else:
                parts.append(name)
                values.append(value)
    return tuple(parts)


def keyword_conditions(
    keywords: Mapping[str, Any],
    resolve: Callable[[str], tuple[Expression, str]],
    number: Callable[[Expression], Expression],
    next_index: Callable[[], int],
) -> Iterator[Condition]:
    """Yield one condition per keyword, in order.

    Args:
        resolve: turns ``author__name__icontains`` into the value it names and the lookup's word.
        number: resolves an expression on the right side, numbering its literals.
        next_index: gives the position of the next literal.
    """
    for name, value in keywords.items():
        left, word = resolve(name)
        cls = type(value)
        if value is None or (cls is bool and _says_isnull(name)):
            if value is not None and word != "isnull":
                raise FieldError(f"{name}={value!r} is ambiguous; write {name}__exact={value!r}")
            yield compare(left, word, value)
            continue
        if cls not in PLAIN and cls not in SEQUENCES:
            value = operand(value)
        if isinstance(value, Expression):
            yield Lookup(left, word, number(value))
        elif word == "isnull":
            yield compare(left, word, value)
        else:
            yield Lookup(left, word, Slot(next_index(), value))


def operand(value: Any) -> Any:
    """What a right side stands for: model instances for their key, querysets for a subquery."""
    key = getattr(type(value), "__chakra_key__", None)
    if key is not None:
        return key(value)
    if isinstance(value, Expression) or not hasattr(value, "as_expression"):
        return value
    return as_expression(value)


def literal(value: Any) -> Any:
    """A sequence of plain values; model instances among them stand for their keys.

    Raises:
        FieldError: an expression is among them.
    """
    for item in value:
        if type(item) in PLAIN:
            continue
        if isinstance(item, Expression):
            raise FieldError(f"a list of values cannot hold the expression {item!r}")
        if hasattr(type(item), "__chakra_key__"):
            return [operand(v) for v in value]
    return value


__all__ = ["PLAIN", "Q", "keyword_conditions", "keyword_shape"]
