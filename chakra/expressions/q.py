"""Conditions by keyword: ``Q(age__gte=18) | Q(name="x")``, and how keyword filters become shapes.

Keyword filters are kept as they were written until a statement must be compiled: for a known shape only names and
the types of values are looked at. ``keyword_shape`` (every call), ``keyword_literals`` and ``keyword_conditions`` (once
per shape) must agree on which values are literals; they stand together for that reason. A literal is known by its
mapping and its name.
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
    as_condition,
    compare,
    literal,
    models_of,
    operand,
)
from chakra.pg.conversion.comparing import beyond_integers


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

    def literals(self) -> Iterator[Hashable]:
        for condition in self.conditions:
            yield from condition.literals()
        yield from keyword_literals(self.keywords)

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
    """The structural key of keyword filters: names, the types of values, and what else decides about the SQL.

    Literals are appended to ``values``.
    """
    parts: list[Any] = []
    for name, value in keywords.items():
        cls = type(value)
        if cls in PLAIN:
            beyond = not -BIGINT <= value < BIGINT if cls is int else cls in FRACTIONS
            parts += (name, (cls, BEYOND)) if beyond else (name, cls)
            values.append(value)
        elif value is None or (cls is bool and _says_isnull(name)):
            parts.append((name, value))
        elif cls in SEQUENCES:
            plain = literal(value)
            # ``in`` takes the type of its left side; elsewhere the items may decide.
            inner = None if name.endswith("in") else type(next(iter(value), None))
            parts += (name, inner) if plain is value else (name, models_of(value))
            values.append(plain)
        else:
            plain = operand(value)
            if isinstance(plain, Expression):
                parts.append((name, plain.shape(values)))
            else:
                if plain is not value:
                    parts.append((name, models_of(value)))
                else:
                    parts.append((name, cls, BEYOND if beyond_integers(value) else None))
                values.append(plain)
    return tuple(parts)


def keyword_literals(keywords: Mapping[str, Any]) -> Iterator[Hashable]:
    """The identities of the literals among the values, in the order of ``keyword_shape``."""
    for name, value in keywords.items():
        if value is None or (type(value) is bool and _says_isnull(name)):
            continue
        if isinstance(value, Expression):
            yield from value.literals()
        else:
            yield (id(keywords), name)


def keyword_conditions(
    keywords: Mapping[str, Any],
    resolve: Callable[[str], tuple[Expression, str]],
    inner: Callable[[Expression], Expression],
    slot: Callable[[Hashable, Any], Expression],
    check: Callable[[Expression, frozenset[Any]], None],
) -> Iterator[Condition]:
    """Yield one condition per keyword, in order.

    Args:
        resolve: turns ``author__name__icontains`` into the value it names and the lookup's word.
        inner: resolves an expression on the right side.
        slot: gives what stands for a literal in the statement, from its identity and its value.
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
            yield Lookup(left, word, inner(value))
        elif word == "isnull":
            yield compare(left, word, value)
        else:
            yield Lookup(left, word, slot((id(keywords), name), value))


__all__ = ["PLAIN", "SEQUENCES", "Q", "keyword_conditions", "keyword_literals", "keyword_shape"]
