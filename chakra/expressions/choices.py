"""One of several values (``Case``, ``Coalesce``, …), and one value under another type or collation."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar, Self

from chakra.errors import FieldError
from chakra.expressions.base import Condition, Expression
from chakra.expressions.conditions import as_condition
from chakra.expressions.infer import places_of
from chakra.expressions.q import Q, all_of
from chakra.expressions.values import Value, as_argument
from chakra.pg.types import PgType


class When:
    """A condition, and the value that stands where it is the first one that holds.

    Args:
        conditions: conditions, joined by AND.
        then: the value: an expression, the name of a field, or a plain value; a text is ``Value("…")``.
        lookups: further conditions, as in ``filter``.

    Raises:
        FieldError: no condition was given, or an empty one.
    """

    __slots__ = ("condition", "then")

    def __init__(self, *conditions: Expression, then: Any, **lookups: Any) -> None:
        for given in conditions:
            if not isinstance(given, Expression):
                raise FieldError(f"When() takes conditions, not {given!r}; the value is named: then=…")
        parts = [as_condition(given) for given in conditions]
        if lookups:
            parts.append(Q(**lookups))
        if not parts or any(part.says_nothing for part in parts):
            raise FieldError('When() needs a condition: When(price__gt=10, then=Value("dear"))')
        self.condition: Condition = all_of(parts)
        self.then = as_argument(then)

    def __repr__(self) -> str:
        return f"When({self.condition!r}, then={self.then!r})"


class Choice(Expression):
    """A value that is one of several ones. What is known of the digits of literals is part of the shape."""

    __slots__ = ("places", "values")

    values: tuple[Expression, ...]
    """The values of which it is one."""
    places: tuple[int | None, ...]

    def _choose(self, values: tuple[Expression, ...]) -> None:
        self.values = values
        self.places = tuple([places_of(v.value) if type(v) is Value else None for v in values])

    @property
    def children(self) -> tuple[Expression, ...]:
        return self.values

    def rebuild(self, children: tuple[Expression, ...]) -> Self:
        new = object.__new__(type(self))
        new.values, new.places = children, self.places
        return new

    def own_shape(self) -> Hashable:
        return self.places

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.values))})"


class Case(Choice):
    """The value of the first ``When`` whose condition holds: ``Case(When(price__gt=10, then=Value("dear")))``.

    Conditions are those of ``filter``, about rows behind to-many relations too: there is such a row. Inside of an
    aggregate they are about the rows that it takes in.

    Args:
        whens: in the order in which they are tried.
        default: the value where none holds; NULL if left out.

    Raises:
        FieldError: something else than a ``When`` was given.
    """

    __slots__ = ("conditions", "defaults")

    conditions: tuple[Condition, ...]
    defaults: bool
    """Whether the last of the values stands where no condition holds."""

    def __init__(self, *whens: When, default: Any = None) -> None:
        for when in whens:
            if not isinstance(when, When):
                raise FieldError(f"Case() takes When(…) and default=, not {when!r}")
        if not whens:
            raise FieldError("Case() needs a When(…): Case(When(price__gt=10, then=…), default=…)")
        self.conditions = tuple([when.condition for when in whens])
        self.defaults = default is not None
        last = (as_argument(default),) if self.defaults else ()
        self._choose((*(when.then for when in whens), *last))

    @property
    def children(self) -> tuple[Expression, ...]:
        return (*self.conditions, *self.values)

    def rebuild(self, children: tuple[Expression, ...]) -> Self:
        count = len(self.conditions)
        new = super().rebuild(children[count:])
        new.conditions, new.defaults = children[:count], self.defaults  # type: ignore[assignment]
        return new

    def own_shape(self) -> Hashable:
        return self.defaults, self.places

    def __repr__(self) -> str:
        pairs = zip(self.conditions, self.values, strict=False)
        parts = [f"When({condition!r}, then={value!r})" for condition, value in pairs]
        if self.defaults:
            parts.append(f"default={self.values[-1]!r}")
        return f"Case({', '.join(parts)})"


class _OfArguments(Choice):
    """A function of two or more values whose result is one of these: names of fields, expressions, plain values."""

    function: ClassVar[str]

    __slots__ = ()

    def __init__(self, *values: Any) -> None:
        if len(values) < 2:
            raise FieldError(f"{type(self).__name__}() takes two or more values, not {len(values)}")
        self._choose(tuple(map(as_argument, values)))


class Coalesce(_OfArguments):
    """The first value that is not NULL: ``Coalesce("nickname", "name", Value("nobody"))``."""

    function = "COALESCE"
    __slots__ = ()


class Greatest(_OfArguments):
    """The largest value; NULLs are left out, and it is NULL only if all are."""

    function = "GREATEST"
    __slots__ = ()


class Least(_OfArguments):
    """The smallest value; NULLs are left out, and it is NULL only if all are."""

    function = "LEAST"
    __slots__ = ()


class NullIf(_OfArguments):
    """NULL where two values are equal, else the first one: ``NullIf("city", Value(""))``."""

    function = "NULLIF"
    __slots__ = ()

    def __init__(self, value: Any, other: Any) -> None:
        super().__init__(value, other)


class ArrayOf(Choice):
    """An array of values: ``ArrayOf("title", "subtitle", Value("x"))``. Of arrays it makes one of a dimension more.

    Args:
        values: names of fields, expressions and plain values, of one type; numbers of several widths are of the widest.

    Raises:
        FieldError: there are none, of which the type could not be known.
    """

    __slots__ = ()

    def __init__(self, *values: Any) -> None:
        if not values:
            raise FieldError(
                "ArrayOf() needs values to know its type; an empty array is Value([], Array(Text))"
            )
        self._choose(tuple(map(as_argument, values)))


class Cast(Expression):
    """A value as another type: ``Cast("code", Integer)``.

    Args:
        value: the name of a field, an expression, or a plain value.
        type: one of ``chakra.types``; with modifiers (``Numeric(12, 2)``) the server rounds or cuts to them.

    Raises:
        FieldError: the type is none.
    """

    __slots__ = ("type", "value")

    def __init__(self, value: Any, type: PgType) -> None:
        if not isinstance(type, PgType):
            raise FieldError(f"Cast() takes one of chakra.types, such as Integer, not {type!r}")
        self.value = as_argument(value)
        self.type = type

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.value,)

    def rebuild(self, children: tuple[Expression, ...]) -> Cast:
        return Cast(children[0], self.type)

    def own_shape(self) -> Hashable:
        return self.type

    def __repr__(self) -> str:
        return f"Cast({self.value!r}, {self.type.sql})"


class Collate(Expression):
    """A text under another collation: ``order_by(Collate("name", "C"))``.

    Args:
        value: the name of a field, or an expression.
        collation: its name as the catalog has it: ``"C"``, ``"en-x-icu"``.
        schema: the collation's, where the search path does not find it.
    """

    __slots__ = ("collation", "schema", "value")

    def __init__(self, value: Any, collation: str, *, schema: str | None = None) -> None:
        for name in (collation, *(() if schema is None else (schema,))):
            if not isinstance(name, str) or not name or "\0" in name:
                raise FieldError(f'Collate() takes the name of a collation, such as "C", not {name!r}')
        self.value = as_argument(value)
        self.collation = collation
        self.schema = schema

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.value,)

    def rebuild(self, children: tuple[Expression, ...]) -> Collate:
        return Collate(children[0], self.collation, schema=self.schema)

    def own_shape(self) -> Hashable:
        return self.collation, self.schema

    def __repr__(self) -> str:
        return f"Collate({self.value!r}, {self.collation!r})"


__all__ = ["ArrayOf", "Case", "Cast", "Choice", "Coalesce", "Collate", "Greatest", "Least", "NullIf", "When"]
