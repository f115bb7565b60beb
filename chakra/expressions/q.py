"""Conditions by keyword: ``Q(age__gte=18) | Q(name="x")``, and how keyword filters become shapes.

Keyword filters are kept as they were written until a statement must be compiled: for a known shape only the
names are looked at. ``keyword_shape`` (every call) and ``keyword_conditions`` (once per shape) must agree on which
values are literals and in which order; they stand together for that reason.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from chakra.errors import FieldError
from chakra.expressions.base import (
    PLAIN,
    SEQUENCES,
    Condition,
    Expression,
    Lookup,
    Not,
    Slot,
    as_condition,
    compare,
    literal,
    models_of,
    operand,
)
from chakra.pg.conversion.comparing import INT8_DIGITS, beyond_digits, beyond_integers


class Q(Condition):
    """Conditions by keyword, joined by AND; positional arguments are further conditions.

    Raises:
        TypeError: a positional argument is not a condition.
    """

    __slots__ = ("conditions", "keywords")

    def __init__(self, /, *conditions: Expression, **keywords: Any) -> None:
        for condition in conditions:
            if not isinstance(condition, Expression):
                raise TypeError(f"Q() takes conditions and keywords, not {condition!r}")
        self.conditions = tuple(map(as_condition, conditions))
        self.keywords = keywords

    def shape(self, values: list[Any]) -> Hashable:
        inner = tuple(condition.shape(values) for condition in self.conditions)
        return (Q, inner, keyword_shape(self.keywords, values))

    def __invert__(self) -> Condition:
        return Not(self) if self else self

    @property
    def says_nothing(self) -> bool:
        return not self

    def __bool__(self) -> bool:
        """Whether the Q says anything: an empty one joins as if it were not there."""
        return bool(self.keywords) or not all(c.says_nothing for c in self.conditions)

    def __repr__(self) -> str:
        parts = [repr(c) for c in self.conditions] + [f"{k}={v!r}" for k, v in self.keywords.items()]
        return f"Q({', '.join(parts)})"


BEYOND = "beyond bigint"
"""What shapes call a number that may be none of ``bigint``."""
BIGINT = 2**63
FRACTIONS = frozenset({float, Decimal})


def _says_isnull(name: str) -> bool:
    return name == "isnull" or name.endswith("__isnull")


def keyword_shape(keywords: Mapping[str, Any], values: list[Any]) -> Hashable:
    """The structural key of keyword filters; literals are appended to ``values``."""
    parts: list[Hashable] = []
    for name, value in keywords.items():
        cls = type(value)
        if cls in PLAIN:
            if cls is int:
                beyond = not -BIGINT <= value < BIGINT
            else:
                beyond = cls in FRACTIONS or (
                    cls is str and len(value) > INT8_DIGITS and beyond_digits(value)
                )
            parts.append((name, BEYOND) if beyond else name)
            values.append(value)
        elif value is None or (cls is bool and _says_isnull(name)):
            parts.append((name, value))
        elif cls in SEQUENCES:
            plain = literal(value)
            parts.append(name if plain is value else (name, models_of(value)))
            values.append(plain)
        else:
            plain = operand(value)
            if isinstance(plain, Expression):
                parts.append((name, plain.shape(values)))
            else:
                if plain is not value:
                    parts.append((name, models_of(value)))
                else:
                    parts.append((name, BEYOND) if beyond_integers(value) else name)
                values.append(plain)
    return tuple(parts)


def keyword_conditions(
    keywords: Mapping[str, Any],
    resolve: Callable[[str], tuple[Expression, str]],
    number: Callable[[Expression], Expression],
    next_index: Callable[[], int],
    check: Callable[[Expression, frozenset[Any]], None],
) -> Iterator[Condition]:
    """Yield one condition per keyword, in order.

    Args:
        resolve: turns ``author__name__icontains`` into the value it names and the lookup's word.
        number: resolves an expression on the right side, numbering its literals.
        next_index: gives the position of the next literal.
        check: refuses instances of models whose keys the left side does not hold.
    """
    for name, value in keywords.items():
        left, word = resolve(name)
        cls = type(value)
        if value is None or (cls is bool and _says_isnull(name)):
            if value is not None and word != "isnull":
                raise FieldError(f"{name}={value!r} is ambiguous; write {name}__exact={value!r}")
            yield compare(left, word, value)
            continue
        models = models_of(value)
        if models:
            check(left, models)
        if cls not in PLAIN and cls not in SEQUENCES:
            value = operand(value)
        if isinstance(value, Expression):
            yield Lookup(left, word, number(value))
        elif word == "isnull":
            yield compare(left, word, value)
        else:
            yield Lookup(left, word, Slot(next_index(), value))


__all__ = ["PLAIN", "SEQUENCES", "Q", "keyword_conditions", "keyword_shape"]
