"""Conditions by keyword: ``Q(age__gte=18) | Q(name="x")``, and how keyword filters become shapes.

Keyword filters are kept as they were written until a statement must be compiled: for a known shape only names and
the types of values are looked at. ``keyword_shape`` (every call), and ``numbered_keywords`` and ``keyword_conditions``
(once per shape) must agree on which values are literals and in which order; they stand together for that reason.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from chakra.errors import FieldError
from chakra.expressions.base import MAKE, Condition, Expression
from chakra.expressions.conditions import Combined, Lookup, Not, as_condition, compare
from chakra.expressions.infer import BEYOND, HIGHEST, LOWEST, PLAIN, SEQUENCES, literal, models_of, operand
from chakra.expressions.values import Slot
from chakra.pg.conversion.comparing import beyond_digits, beyond_integers
from chakra.pg.types import INT8_DIGITS


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

    @property
    def children(self) -> tuple[Expression, ...]:
        """What is said in it: a Q is resolved, and never rebuilt of these."""
        given = [value for value in self.keywords.values() if isinstance(value, Expression)]
        return (*self.conditions, *given)

    def shape(self, values: list[Any]) -> Hashable:
        inner = tuple(condition.shape(values) for condition in self.conditions)
        return (Q, inner, keyword_shape(tuple(self.keywords), self.keywords.values(), values))

    def numbered(self, numbers: Iterator[int]) -> Q:
        conditions = [condition.numbered(numbers) for condition in self.conditions]
        new = Q(*conditions)
        given = numbered_keywords(tuple(self.keywords), self.keywords.values(), numbers)
        new.keywords = dict(zip(self.keywords, given, strict=True))
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


BEYOND_TEXT = (str, BEYOND)


def _says_isnull(name: str) -> bool:
    return name == "isnull" or name.endswith("__isnull")


def keyword_shape(names: tuple[str, ...], given: Iterable[Any], values: list[Any]) -> Hashable:
    """The structural key of keyword filters: names, the types of values, and what else decides about the SQL.

    Literals are appended to ``values``.
    """
    key: list[Any] = [*names]
    for position, value in enumerate(given):
        cls = value.__class__
        if cls is int:
            key.append(cls if LOWEST <= value <= HIGHEST else BEYOND)
            values.append(value)
        elif cls is str:
            key.append(BEYOND_TEXT if len(value) > INT8_DIGITS and beyond_digits(value) else cls)
            values.append(value)
        elif cls in PLAIN or (cls is bool and not _says_isnull(names[position])):
            key.append(cls)
            values.append(value)
        elif value is None or cls is bool:
            key.append(value)
        elif cls in SEQUENCES:
            plain = literal(value)
            # ``in`` takes the type of its left side; elsewhere the items may decide.
            inner: Any = None
            if not names[position].endswith("in"):
                inner = type(next(iter(value), None))
                if any(map(beyond_integers, value)):
                    inner = (inner, BEYOND)
            key.append((list, models_of(value) or inner))
            values.append(plain)
        elif hasattr(cls, "__chakra_query__"):
            key.append((Expression, MAKE.rows(value).shape(values)))
        else:
            plain = operand(value)
            if isinstance(plain, Expression):
                key.append((Expression, plain.shape(values)))
            else:
                key.append(models_of(value) or (cls, BEYOND if beyond_integers(value) else None))
                values.append(plain)
    return tuple(key)


def numbered_keywords(
    names: tuple[str, ...], given: Iterable[Any], numbers: Iterator[int]
) -> tuple[Any, ...]:
    """The values of keywords with slots in place of literals, numbered in the order of ``keyword_shape``."""
    found: list[Any] = []
    for name, value in zip(names, given, strict=True):
        cls = value.__class__
        if cls in PLAIN or (cls is bool and not _says_isnull(name)):
            found.append(Slot(next(numbers), value))
        elif value is None or cls is bool:
            found.append(value)
        elif isinstance(value, Expression):
            found.append(value.numbered(numbers))
        else:
            plain = literal(value) if cls in SEQUENCES else operand(value)
            if isinstance(plain, Expression):
                found.append(plain.numbered(numbers))
            else:
                found.append(Slot(next(numbers), plain, None, models_of(value)))
    return tuple(found)


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
