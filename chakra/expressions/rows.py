"""Several values beside several others: rows of values, and one value beside all or any of many."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar

from chakra.errors import DataError, FieldError
from chakra.expressions.base import MAKE, Condition, Expression
from chakra.expressions.conditions import Lookup
from chakra.expressions.infer import SEQUENCES
from chakra.expressions.values import Value, as_argument, as_expression
from chakra.pg.conversion.comparing import beyond_integers
from chakra.pg.showing import shown


class Row(Expression):
    """Values that are compared together, the first ones first: ``Row("year", "number") > (2024, 7)``.

    A pair of them is compared as SQL does: what decides is the first pair of values that differ, and the answer is NULL
    where a NULL comes before that. ``filter`` drops such rows, ``exclude`` keeps them.

    Args:
        parts: two or more: names of fields and expressions.

    Raises:
        FieldError: fewer.
    """

    __slots__ = ("parts",)
    __hash__ = Expression.__hash__

    def __init__(self, *parts: Any) -> None:
        if len(parts) < 2:
            raise FieldError(f"Row() takes two values or more, not {len(parts)}")
        self.parts = tuple(map(as_argument, parts))

    @property
    def children(self) -> tuple[Expression, ...]:
        return self.parts

    def rebuild(self, children: tuple[Expression, ...]) -> Row:
        new = object.__new__(Row)
        new.parts = children
        return new

    def _beside(self, word: str, other: Any) -> Condition:
        if isinstance(other, tuple | list):
            if len(other) != len(self.parts):
                raise DataError(
                    f"{self!r} has {len(self.parts)} values, and is compared with {len(other)}: {shown(other)}"
                )
            row = object.__new__(Row)
            row.parts = tuple(map(as_expression, other))
            other = row
        elif hasattr(type(other), "__chakra_query__"):
            other = MAKE.rows(other)
        if isinstance(other, Row) and len(other.parts) != len(self.parts):
            raise FieldError(
                f"{self!r} has {len(self.parts)} values, and is compared with {len(other.parts)}: {shown(other)}"
            )
        if not isinstance(other, Expression):
            raise DataError(f"{self!r} is compared with as many values, not {shown(other)}")
        return Lookup(self, word, other)

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return self._beside("exact", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return self._beside("ne", other)

    def __lt__(self, other: Any) -> Condition:
        return self._beside("lt", other)

    def __le__(self, other: Any) -> Condition:
        return self._beside("lte", other)

    def __gt__(self, other: Any) -> Condition:
        return self._beside("gt", other)

    def __ge__(self, other: Any) -> Condition:
        return self._beside("gte", other)

    def in_(self, values: Any) -> Condition:
        """True where the values are one of ``values``: a list of tuples, or a query of as many fields."""
        if hasattr(type(values), "__chakra_query__"):
            return Lookup(self, "in", MAKE.rows(values))
        if isinstance(values, str | bytes) or not isinstance(values, SEQUENCES):
            raise DataError(f"{self!r}.in_() takes a list of tuples, or a query, not {shown(values)}")
        rows: list[Any] = [*values]  # type: ignore[misc]
        for row in rows:
            if not isinstance(row, tuple | list) or len(row) != len(self.parts):
                raise DataError(f"{self!r}.in_() takes tuples of {len(self.parts)} values, not {shown(row)}")
            if any(isinstance(value, Expression) for value in row):
                raise FieldError(
                    f"{self!r}.in_() takes plain values; beside expressions, write == and |: {shown(row)}"
                )
        return Lookup(self, "in", Value(rows))

    def not_in(self, values: Any) -> Condition:
        """True where the values are none of ``values``."""
        found: Condition = ~self.in_(values)
        return found

    def between(self, low: Any, high: Any) -> Condition:
        """True where ``low <= values <= high``."""
        return MAKE.joined("AND", self._beside("gte", low), self._beside("lte", high))

    def __repr__(self) -> str:
        return f"Row({', '.join(map(repr, self.parts))})"


class Quantified(Expression):
    """Many values, of which one or each has to be what a comparison says."""

    word: ClassVar[str] = ""

    __slots__ = ("values",)

    def __init__(self, values: Any) -> None:
        if isinstance(values, SEQUENCES):
            values = Value([*values])  # type: ignore[misc]
        self.values: Expression = as_argument(values)
        if isinstance(self.values, Value) and not isinstance(self.values.value, list):
            raise FieldError(
                f"{type(self).__name__}() takes a query, an array or a list, not {shown(values)}"
            )

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.values,)

    def rebuild(self, children: tuple[Expression, ...]) -> Quantified:
        new = object.__new__(type(self))
        new.values = children[0]
        return new

    def own_shape(self) -> Hashable:
        found = self.values
        return isinstance(found, Value) and any(map(beyond_integers, found.value))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.values!r})"


class Any_(Quantified):
    """True if a comparison is, for one of the values: ``F("price") > Any(query)``, ``filter(size=Any("sizes"))``.

    Args:
        values: a query of one field, the name of an array, an expression that gives one, or a list.

    Raises:
        FieldError: something else.
    """

    word = "ANY"
    __slots__ = ()


class All(Quantified):
    """True if a comparison is, for each of the values, and where there are none; else as ``Any``."""

    word = "ALL"
    __slots__ = ()


Any_.__name__ = Any_.__qualname__ = "Any"

__all__ = ["All", "Any_", "Quantified", "Row"]
