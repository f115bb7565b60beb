"""What Python values stand for in a query: their PostgreSQL type, the models of instances, lists of values."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from chakra._late import late
from chakra.errors import FieldError
from chakra.expressions.base import MAKE, Expression
from chakra.pg.types import BY_PYTHON, INT8, INT8_DIGITS, NUMERIC, TIMESTAMP, PgType, array_of

if TYPE_CHECKING:
    from chakra.pg.conversion.comparing import beyond_integers
else:
    late(globals(), "chakra.pg.conversion.comparing", "beyond_integers")


# Classes whose values are neither instances of models nor hold any, and that stand for themselves. bool is not among
# them: isnull=True and isnull=False are two statements.
PLAIN = frozenset(
    {int, str, float, bytes, decimal.Decimal, dt.datetime, dt.date, dt.time, dt.timedelta, uuid.UUID}
)
SEQUENCES: tuple[type, ...] = (list, tuple, set, frozenset, range, type({}.keys()), type({}.values()))

NO_MODELS: frozenset[Any] = frozenset()

ALIKE = frozenset({bool, float, bytes, decimal.Decimal, dt.date, dt.time, dt.timedelta, uuid.UUID})
"""Classes all of whose values make one statement. Of integers, and of digits in texts, those beyond ``bigint`` make
another one, and of datetimes those without a zone.
"""
LOWEST, HIGHEST = -(2**63), 2**63 - 1
BEYOND = "beyond bigint"
"""What keys call a number that may be none of ``bigint``."""


def literal_key(value: Any) -> Hashable:
    """What about a literal decides about the SQL of its query: mostly its class."""
    cls = value.__class__
    if (
        cls in ALIKE
        or (cls is int and LOWEST <= value <= HIGHEST)
        or (cls is str and len(value) <= INT8_DIGITS)
    ):
        return cls  # type: ignore[no-any-return]
    if cls is dt.datetime:
        return cls, value.tzinfo is None
    if cls in SEQUENCES:
        return list, literal_key(next((item for item in value if item is not None), None))
    return python_type(value) or cls, BEYOND if beyond_integers(value) else None


def models_of(value: Any) -> frozenset[Any]:
    """The models whose instances ``value`` is, or holds if it is a sequence."""
    cls = value.__class__
    if cls in PLAIN:
        return NO_MODELS
    items = value if cls in SEQUENCES else (value,)
    found = [
        item for item in items if item.__class__ not in PLAIN and hasattr(type(item), "__chakra_model__")
    ]
    return frozenset(type(item).__chakra_model__(item) for item in found) if found else NO_MODELS


def operand(value: Any) -> Any:
    """A right side as it is, a query as its rows; of a model instance it is known later which of its values is meant.

    Raises:
        FieldError: the value can be read only once.
    """
    if hasattr(type(value), "__chakra_query__"):
        return MAKE.rows(value)
    if isinstance(value, Iterator):
        raise FieldError(f"{value!r} can be read only once, and a query may run twice; pass a list of it")
    if hasattr(type(value), "__aiter__"):
        raise FieldError(
            f"{value!r} is read by awaiting, and cannot stand for a value; read it first: a list of its values"
        )
    return value


def literal(value: Any) -> Any:
    """A sequence of plain values and model instances, as it is.

    Raises:
        FieldError: an expression is among them.
    """
    for item in value:
        if type(item) not in PLAIN and isinstance(item, Expression):
            raise FieldError(f"a list of values cannot hold the expression {item!r}")
    return value


def places_of(value: Any) -> int | None:
    """Digits behind the point of a number; ``None`` = nobody can tell, or it has more before it than ``bigint``."""
    if isinstance(value, int):
        return 0
    if isinstance(value, decimal.Decimal) and value.is_finite() and value.adjusted() < DIGITS:
        return max(-int(value.as_tuple().exponent), 0)
    return None


DIGITS = 19
"""Digits of ``bigint``."""


def python_type(value: Any) -> PgType | None:
    """The PostgreSQL type a bare Python value stands for, or ``None`` if it does not say."""
    if isinstance(value, enum.Enum):
        return python_type(value.value) if isinstance(value, str | int) else None
    found = BY_PYTHON.get(type(value))
    if found is not None:
        if found is INT8 and beyond_integers(value):
            return NUMERIC
        if found.name == "timestamptz" and value.tzinfo is None:
            return TIMESTAMP
        return found
    if isinstance(value, list | tuple) and value:
        inner = next((python_type(v) for v in value if v is not None), None)
        return None if inner is None or inner.kind == "array" else array_of(inner)
    for cls in type(value).__mro__[1:-1]:
        if cls in BY_PYTHON:
            return BY_PYTHON[cls]
    return None


__all__ = [
    "ALIKE",
    "BEYOND",
    "HIGHEST",
    "LOWEST",
    "NO_MODELS",
    "PLAIN",
    "SEQUENCES",
    "literal",
    "literal_key",
    "models_of",
    "operand",
    "places_of",
    "python_type",
]
