"""Texts that are alike (the extension pg_trgm; manual, F.35), and texts without accents (unaccent; F.48)."""

from __future__ import annotations

from typing import Any

from chakra.expressions.base import Expression
from chakra.expressions.calls import STRING, Call, Function
from chakra.expressions.values import Value, as_argument, as_expression
from chakra.pg.types import FLOAT4, TEXT


def _measure(name: str, sql: str) -> Function[float]:
    return Function[float](name, sql, (STRING, STRING), FLOAT4)


_SIMILARITY = _measure("TrigramSimilarity", "similarity({0}, {1})")
_DISTANCE = _measure("TrigramDistance", "({0} <-> {1})")
_WORD_SIMILARITY = _measure("TrigramWordSimilarity", "word_similarity({0}, {1})")
_WORD_DISTANCE = _measure("TrigramWordDistance", "({0} <<-> {1})")
_STRICT_SIMILARITY = _measure("TrigramStrictWordSimilarity", "strict_word_similarity({0}, {1})")
_STRICT_DISTANCE = _measure("TrigramStrictWordDistance", "({0} <<<-> {1})")


def _string(value: Any) -> Expression:
    """What is looked for: a text is meant as it is."""
    return Value(value, TEXT) if isinstance(value, str) else as_expression(value)


def TrigramSimilarity(expression: Any, string: Any) -> Call[float]:
    """How alike two texts are, from 0 to 1: ``TrigramSimilarity("name", "steven")``.

    Args:
        expression: the name of a field, or an expression.
        string: a text, or an expression.
    """
    return _SIMILARITY(as_argument(expression), _string(string))


def TrigramDistance(expression: Any, string: Any) -> Call[float]:
    """One minus the similarity, an order that a GiST index has: ``order_by(TrigramDistance("name", "steven"))``."""
    return _DISTANCE(as_argument(expression), _string(string))


def TrigramWordSimilarity(string: Any, expression: Any) -> Call[float]:
    """How alike a text is to the part of another one that is most like it.

    Args:
        string: a text, or an expression.
        expression: the name of a field, or an expression, in which it is looked for.
    """
    return _WORD_SIMILARITY(_string(string), as_argument(expression))


def TrigramWordDistance(string: Any, expression: Any) -> Call[float]:
    """One minus the word similarity, an order that a GiST index has."""
    return _WORD_DISTANCE(_string(string), as_argument(expression))


def TrigramStrictWordSimilarity(string: Any, expression: Any) -> Call[float]:
    """As :func:`TrigramWordSimilarity`, where the part begins and ends at words."""
    return _STRICT_SIMILARITY(_string(string), as_argument(expression))


def TrigramStrictWordDistance(string: Any, expression: Any) -> Call[float]:
    """One minus the strict word similarity, an order that a GiST index has."""
    return _STRICT_DISTANCE(_string(string), as_argument(expression))


Unaccent = Function[str]("Unaccent", "unaccent({0})", (STRING,), TEXT, "unaccent", bilateral=True)

__all__ = [
    "TrigramDistance", "TrigramSimilarity", "TrigramStrictWordDistance", "TrigramStrictWordSimilarity",
    "TrigramWordDistance", "TrigramWordSimilarity", "Unaccent",
]  # fmt: skip
