"""Conditions by keyword: ``Q(age__gte=18) | Q(name="x")``, and how keyword filters become shapes.

Keyword filters are kept as they were written until a statement must be compiled: for a known shape only names and
the types of values are looked at. ``keyword_shape`` (every call), and ``numbered_keywords`` and ``keyword_conditions``
(once per shape) must agree on which values are literals and in which order; they stand together for that reason.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from chakra.errors import FieldError
from chakra.expressions.base import Condition, Expression
from chakra.expressions.conditions import Combined, Lookup, Not, as_condition, compare
from chakra.expressions.infer import PLAIN, SEQUENCES, literal, models_of, operand
from chakra.expressions.values import Slot
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

    def numbered(self, numbers: Iterator[int]) -> Q:
        conditions = [condition.numbered(numbers) for condition in self.conditions]
        new = Q(*conditions)
        new.keywords = numbered_keywords(self.keywords, numbers)
        return new

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


def all_of(parts: Sequence[Condition]) -> Condition:
    """Conditions joined by AND; a single one as it is."""
    return parts[0] if len(parts) == 1 else Combined("AND", tuple(parts))


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
            if cls is int:
                beyond = not -BIGINT <= value < BIGINT
            else:
                beyond = cls in FRACTIONS or (
                    cls is str and len(value) > INT8_DIGITS and beyond_digits(value)
                )
            parts += (name, (cls, BEYOND)) if beyond else (name, cls)
            values.append(value)
        elif value is None or (cls is bool and _says_isnull(name)):
            parts.append((name, value))
        elif cls in SEQUENCES:
            plain = literal(value)
            # ``in`` takes the type of its left side; elsewhere the items may decide.
            inner: Any = None
            if not name.endswith("in"):
                inner = type(next(iter(value), None))
                if any(map(beyond_integers, value)):
                    inner = (inner, BEYOND)
            parts += (name, list, models_of(value) or inner)
            values.append(plain)
        else:
            plain = operand(value)
            if isinstance(plain, Expression):
                parts.append((name, plain.shape(values)))
            else:
                models = models_of(value)
                if models:
                    parts.append((name, models))
                else:
                    parts.append((name, cls, BEYOND if beyond_integers(value) else None))
                values.append(plain)
    return tuple(parts)


def numbered_keywords(keywords: Mapping[str, Any], numbers: Iterator[int]) -> dict[str, Any]:
    """The keywords with slots in place of literals, numbered in the order of ``keyword_shape``."""
    found: dict[str, Any] = {}
    for name, value in keywords.items():
        if value is None or (type(value) is bool and _says_isnull(name)):
            found[name] = value
        elif isinstance(value, Expression):
            found[name] = value.numbered(numbers)
        else:
            models = models_of(value)
            plain = literal(value) if type(value) in SEQUENCES else operand(value)
            if isinstance(plain, Expression):
                found[name] = plain.numbered(numbers)
                continue
            found[name] = Slot(next(numbers), plain, None, models)
    return found


def keyword_conditions(
    keywords: Mapping[str, Any],
    resolve: Callable[[str], tuple[Expression, str]],
    inner: Callable[[Expression, str, Expression], Expression],
    keys: Callable[[Expression, Slot], Slot],
) -> Iterator[Condition]:
    """Yield one condition per numbered keyword, in order.

    Args:
        resolve: turns ``author__name__icontains`` into the value it names and the lookup's word.
        inner: resolves an expression on the right side of a value and a lookup's word.
        keys: lets instances of models stand for what the left side is compared with.
    """
    for name, value in keywords.items():
        left, word = resolve(name)
        if not isinstance(value, Expression):
            if value is not None and word != "isnull":
                raise FieldError(f"{name}={value!r} is ambiguous; write {name}__exact={value!r}")
            yield compare(left, word, value)
        elif isinstance(value, Slot):
            if value.models:
                value = keys(left, value)
            yield compare(left, word, value.sample) if word == "isnull" else Lookup(left, word, value)
        else:
            yield Lookup(left, word, inner(left, word, value))


__all__ = ["Q", "all_of", "keyword_conditions", "keyword_shape", "numbered_keywords"]
