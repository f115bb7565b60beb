"""Expression trees: what a query says about values, without knowing tables, aliases or SQL text.

Every node answers three questions. ``shape(values)`` returns a hashable key of the tree's structure and appends
its literal values, in order, to ``values``: two trees of one shape share one compiled statement. ``numbered`` gives the
tree with ``Slot`` in place of those literals, numbered in the same order; a slot may then be dropped, moved or
repeated. ``children`` and ``rebuild`` let the compiler walk and replace parts without knowing node classes.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from chakra.errors import FieldError
from chakra.pg.conversion.comparing import beyond_integers
from chakra.pg.types import BY_PYTHON, INT8, NUMERIC, TIMESTAMP, PgType, array_of

T = TypeVar("T")

# Types whose values never change the shape of a statement. bool is not among them: isnull=True and
# isnull=False are two statements.
PLAIN = frozenset(
    {int, str, float, bytes, decimal.Decimal, dt.datetime, dt.date, dt.time, dt.timedelta, uuid.UUID}
)
SEQUENCES: tuple[type, ...] = (list, tuple, set, frozenset, range, type({}.keys()), type({}.values()))


class Expression:
    """A value computed by the server. Operators build larger expressions and conditions."""

    __slots__ = ()

    @property
    def children(self) -> tuple[Expression, ...]:
        """The parts of the node that are expressions themselves, in a fixed order."""
        return ()

    def rebuild(self, children: tuple[Expression, ...]) -> Expression:
        """Return the node with other parts in place of ``children``."""
        return self

    def own_shape(self) -> Hashable:
        """What tells this node from others of its class, apart from its children."""
        return None

    def shape(self, values: list[Any]) -> Hashable:
        """Return the structural key of the tree; append its literal values to ``values``."""
        parts: list[Any] = [child.shape(values) for child in self.children]
        return (type(self), self.own_shape(), *parts)

    def numbered(self, numbers: Iterator[int]) -> Expression:
        """The tree with slots for its literals, numbered in the order in which ``shape`` appends their values."""
        children = self.children
        return self.rebuild(tuple([child.numbered(numbers) for child in children])) if children else self

    # Python gives comparisons no other use on a lazily evaluated value, so they build conditions.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return compare(self, "exact", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return compare(self, "ne", other)

    def __lt__(self, other: Any) -> Condition:
        return compare(self, "lt", other)

    def __le__(self, other: Any) -> Condition:
        return compare(self, "lte", other)

    def __gt__(self, other: Any) -> Condition:
        return compare(self, "gt", other)

    def __ge__(self, other: Any) -> Condition:
        return compare(self, "gte", other)

    def __add__(self, other: Any) -> Expression:
        return Operation("+", self, as_expression(other))

    def __radd__(self, other: Any) -> Expression:
        return Operation("+", as_expression(other), self)

    def __sub__(self, other: Any) -> Expression:
        return Operation("-", self, as_expression(other))

    def __rsub__(self, other: Any) -> Expression:
        return Operation("-", as_expression(other), self)

    def __mul__(self, other: Any) -> Expression:
        return Operation("*", self, as_expression(other))

    def __rmul__(self, other: Any) -> Expression:
        return Operation("*", as_expression(other), self)

    def __truediv__(self, other: Any) -> Expression:
        return Operation("/", self, as_expression(other))

    def __rtruediv__(self, other: Any) -> Expression:
        return Operation("/", as_expression(other), self)

    def __mod__(self, other: Any) -> Expression:
        return Operation("%", self, as_expression(other))

    def __neg__(self) -> Expression:
        return Operation("*", self, Value(-1))

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r} is a condition for the server, not a truth value here; "
            "combine conditions with & | ~, and test columns with .is_null() or .in_()"
        )

    # A boolean column is a condition by itself: Book.sold_out & (Book.pages > 10), ~Book.sold_out.

    def __and__(self, other: Expression) -> Condition:
        return _join("AND", as_condition(self), other)

    def __or__(self, other: Expression) -> Condition:
        return _join("OR", as_condition(self), other)

    def __invert__(self) -> Condition:
        return Not(as_condition(self))

    def in_(self, values: Any) -> Condition:
        """True where the value is one of ``values`` (an iterable, or a queryset of one column)."""
        return compare(self, "in", values)

    def not_in(self, values: Any) -> Condition:
        """True where the value is none of ``values``."""
        return ~compare(self, "in", values)

    def is_null(self, yes: bool = True) -> Condition:
        """True where the value is NULL (``is_null(False)``: where it is not)."""
        return compare(self, "isnull", yes)

    def is_not_null(self) -> Condition:
        """True where the value is not NULL."""
        return compare(self, "isnull", False)

    def between(self, low: Any, high: Any) -> Condition:
        """True where ``low <= value <= high``."""
        return compare(self, "range", (low, high))

    def contains(self, other: Any) -> Condition:
        """True where the text holds ``other`` (arrays, ranges and JSONB: contains the value)."""
        return compare(self, "contains", other)

    def icontains(self, other: str) -> Condition:
        """``contains`` without regard to case."""
        return compare(self, "icontains", other)

    def startswith(self, other: str) -> Condition:
        """True where the text starts with ``other``."""
        return compare(self, "startswith", other)

    def istartswith(self, other: str) -> Condition:
        """``startswith`` without regard to case."""
        return compare(self, "istartswith", other)

    def endswith(self, other: str) -> Condition:
        """True where the text ends with ``other``."""
        return compare(self, "endswith", other)

    def iendswith(self, other: str) -> Condition:
        """``endswith`` without regard to case."""
        return compare(self, "iendswith", other)

    def iexact(self, other: str) -> Condition:
        """Equality without regard to case."""
        return compare(self, "iexact", other)

    def matches(self, pattern: str) -> Condition:
        """True where the text matches a POSIX regular expression (``~``)."""
        return compare(self, "regex", pattern)

    def lookup(self, name: str, value: Any) -> Condition:
        """Apply any lookup by its name, as keyword filters do: ``User.age.lookup("gte", 18)``, also behind
        transforms: ``User.joined.lookup("year__gte", 2020)``.
        """
        return compare(self, name, value)

    def asc(self, *, nulls: str | None = None) -> Order:
        """Sort by this value ascending; ``nulls="first"`` or ``"last"`` places the NULLs."""
        return Order(self, False, nulls)

    def desc(self, *, nulls: str | None = None) -> Order:
        """Sort by this value descending; ``nulls="first"`` or ``"last"`` places the NULLs."""
        return Order(self, True, nulls)


class TypedExpression(Expression, Generic[T]):
    """An expression whose Python value is known to type checkers as ``T``."""

    __slots__ = ()
    __hash__ = Expression.__hash__

    if TYPE_CHECKING:

        def __eq__(self, other: T | Expression | None) -> Condition: ...  # type: ignore[override]

        def __ne__(self, other: T | Expression | None) -> Condition: ...  # type: ignore[override]

        def __lt__(self, other: T | Expression) -> Condition: ...

        def __le__(self, other: T | Expression) -> Condition: ...

        def __gt__(self, other: T | Expression) -> Condition: ...

        def __ge__(self, other: T | Expression) -> Condition: ...

        def in_(self, values: Iterable[T] | Any) -> Condition: ...


class Value(Expression):
    """A literal, sent as a parameter. ``type`` says which PostgreSQL type it has; else Python's decides."""

    __slots__ = ("models", "type", "value")

    def __init__(self, value: Any, type: PgType | None = None) -> None:
        self.models = models_of(value)
        self.value = operand(value) if value.__class__ not in SEQUENCES else literal(value)
        self.type = type

    def own_shape(self) -> Hashable:
        return self.type

    def shape(self, values: list[Any]) -> Hashable:
        value = self.value
        values.append(value)
        type_: Any = self.type or python_type(value) or type(value)
        if isinstance(value, str) and beyond_integers(value):
            type_ = (type_, "beyond bigint")
        return (Value, type_, self.models) if self.models else (Value, type_)

    def numbered(self, numbers: Iterator[int]) -> Slot:
        return Slot(next(numbers), self.value, self.type, self.models)

    def __repr__(self) -> str:
        return f"Value({self.value!r})"


class Slot(Expression):
    """A literal whose value is kept apart from the statement: position ``index`` of the query's values.

    Made by the compiler out of ``Value`` and of keywords; ``sample`` is the value of the query that was compiled first
    and may be looked at for its Python type only, which is part of the shape.
    """

    __slots__ = ("index", "models", "sample", "type")

    def __init__(
        self, index: int, sample: Any, type: PgType | None = None, models: frozenset[Any] = frozenset()
    ) -> None:
        self.index = index
        self.sample = sample
        self.type = type
        self.models = models

    def __repr__(self) -> str:
        return "…"


class F(Expression):
    """A field by its path from the query's model: ``F("price")``, ``F("author__name")``."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        if not isinstance(path, str) or not path:
            raise FieldError(f"F() takes the name of a field, not {path!r}")
        self.path = path

    def own_shape(self) -> Hashable:
        return self.path

    def shape(self, values: list[Any]) -> Hashable:
        return (F, self.path)

    def __repr__(self) -> str:
        return f"F({self.path!r})"


class Operation(Expression):
    """Two values joined by an arithmetic operator."""

    __slots__ = ("left", "operator", "right")

    OPERATORS = frozenset({"+", "-", "*", "/", "%", "||"})

    def __init__(self, operator: str, left: Expression, right: Expression) -> None:
        if operator not in self.OPERATORS:
            raise FieldError(f"unknown operator {operator!r}; known are {' '.join(sorted(self.OPERATORS))}")
        self.operator = operator
        self.left = left
        self.right = right

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.left, self.right)

    def rebuild(self, children: tuple[Expression, ...]) -> Operation:
        return Operation(self.operator, *children)

    def own_shape(self) -> Hashable:
        return self.operator

    def __repr__(self) -> str:
        return f"({self.left!r} {self.operator} {self.right!r})"


class Condition(Expression):
    """Something true, false or NULL. ``&``, ``|`` and ``~`` combine conditions."""

    __slots__ = ()

    @property
    def says_nothing(self) -> bool:
        """Whether the condition is empty (``Q()``) and joins others as if it were not there."""
        return False

    if TYPE_CHECKING:

        def numbered(self, numbers: Iterator[int]) -> Condition: ...


class IsTrue(Condition):
    """A boolean value as a condition: ``filter(Book.sold_out)``."""

    __slots__ = ("inner",)

    def __init__(self, inner: Expression) -> None:
        self.inner = inner

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.inner,)

    def rebuild(self, children: tuple[Expression, ...]) -> IsTrue:
        return IsTrue(children[0])

    def resolve_in(self, scope: Any) -> Condition:
        """Resolve the value, whose type is known then.

        Raises:
            FieldError: it is no boolean; says what to write.
        """
        inner = scope.resolve(self.inner)
        found = getattr(inner, "type", None)
        if found is None or found.base.name == "bool":
            return inner if isinstance(inner, Condition) else IsTrue(inner)
        raise FieldError(
            f"{self.inner!r} is {found.sql}, and only boolean values are conditions by themselves: write what it "
            f"has to be, e.g. {self.inner!r} == …, {self.inner!r} > … or {self.inner!r}.is_not_null()"
        )

    def render_sql(self, writer: Any, render: Any) -> None:
        """Write the value as it is."""
        render(self.inner, writer)

    def __repr__(self) -> str:
        return repr(self.inner)


class Lookup(Condition):
    """``left <lookup> right``: one row of the lookups table applied to a value."""

    __slots__ = ("left", "name", "right")

    def __init__(self, left: Expression, name: str, right: Expression | bool | None) -> None:
        self.left = left
        self.name = name
        self.right = right

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.left, self.right) if isinstance(self.right, Expression) else (self.left,)

    def rebuild(self, children: tuple[Expression, ...]) -> Lookup:
        return Lookup(children[0], self.name, children[1] if len(children) > 1 else self.right)

    def own_shape(self) -> Hashable:
        return (self.name, None if isinstance(self.right, Expression) else (self.right,))

    def __repr__(self) -> str:
        return f"{self.left!r}.{self.name}({self.right!r})"


class Combined(Condition):
    """Conditions joined by AND or OR; none at all is true."""

    __slots__ = ("connector", "parts")

    def __init__(self, connector: str, parts: tuple[Condition, ...]) -> None:
        self.connector = connector
        self.parts = parts

    @property
    def children(self) -> tuple[Expression, ...]:
        return self.parts

    def rebuild(self, children: tuple[Expression, ...]) -> Combined:
        return Combined(self.connector, children)  # type: ignore[arg-type]

    def own_shape(self) -> Hashable:
        return self.connector

    def __repr__(self) -> str:
        return "(" + f" {self.connector} ".join(map(repr, self.parts)) + ")"


class Not(Condition):
    """True where the inner condition is not true: rows for which it is NULL count in, as in ``exclude``."""

    __slots__ = ("inner",)

    def __init__(self, inner: Condition) -> None:
        self.inner = inner

    @property
    def children(self) -> tuple[Expression, ...]:
        return (self.inner,)

    def rebuild(self, children: tuple[Expression, ...]) -> Not:
        return Not(children[0])  # type: ignore[arg-type]

    def __invert__(self) -> Condition:
        return self.inner

    def __repr__(self) -> str:
        return f"~{self.inner!r}"


class Order:
    """One term of ORDER BY."""

    __slots__ = ("descending", "expression", "nulls")

    def __init__(self, expression: Expression, descending: bool, nulls: str | None = None) -> None:
        if nulls not in (None, "first", "last"):
            raise FieldError(f'nulls= is "first" or "last", not {nulls!r}')
        self.expression = expression
        self.descending = descending
        self.nulls = nulls

    def reversed(self) -> Order:
        """The same term in the opposite direction; a given place of the NULLs is turned round as well."""
        turned = {None: None, "first": "last", "last": "first"}[self.nulls]
        return Order(self.expression, not self.descending, turned)

    def shape(self, values: list[Any]) -> Hashable:
        """The structural key, as for expressions."""
        return (self.descending, self.nulls, self.expression.shape(values))

    def numbered(self, numbers: Iterator[int]) -> Order:
        """The term with slots for its literals, as for expressions."""
        return Order(self.expression.numbered(numbers), self.descending, self.nulls)

    def __repr__(self) -> str:
        return f"{self.expression!r}.{'desc' if self.descending else 'asc'}()"


def as_expression(value: Any) -> Expression:
    """Return expressions as they are and wrap anything else as a ``Value``."""
    return value if isinstance(value, Expression) else Value(value)


def models_of(value: Any) -> frozenset[Any]:
    """The models whose instances ``value`` is, or holds if it is a sequence."""
    cls = value.__class__
    if cls in PLAIN:
        return _NO_MODELS
    items = value if cls in SEQUENCES else (value,)
    found = [
        item for item in items if item.__class__ not in PLAIN and hasattr(type(item), "__chakra_model__")
    ]
    return frozenset(type(item).__chakra_model__(item) for item in found) if found else _NO_MODELS


_NO_MODELS: frozenset[Any] = frozenset()


def operand(value: Any) -> Any:
    """What a right side stands for: a model instance for its key, anything else for itself.

    Raises:
        FieldError: the value can be read only once, or is a query.
    """
    key = getattr(type(value), "__chakra_key__", None)
    if key is not None:
        return key(value)
    if isinstance(value, Iterator):
        raise FieldError(f"{value!r} can be read only once, and a query may run twice; pass a list of it")
    if hasattr(type(value), "__aiter__"):
        raise FieldError(
            "a query cannot stand for a value; read it first: field__in=await query, or a list of its values"
        )
    return value


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


def compare(left: Expression, name: str, value: Any) -> Condition:
    """Build a lookup; what ``None`` and booleans mean is part of its shape, not a value.

    Raises:
        FieldError: ``isnull`` with anything but a boolean, or ``None`` with a lookup that has no use for it.
    """
    path, _, word = name.rpartition("__")
    prefix = f"{path}__" if path else ""
    if word == "isnull":
        if not isinstance(value, bool):
            raise FieldError(f"isnull takes True or False, not {value!r}")
        return Lookup(left, name, value)
    if value is None:
        if word in ("exact", "iexact"):
            return Lookup(left, f"{prefix}isnull", True)
        if word == "ne":
            return Lookup(left, f"{prefix}isnull", False)
        raise FieldError(f"cannot use None with {name!r}; use isnull to test for NULL")
    return Lookup(left, name, as_expression(value))


def as_condition(value: Expression) -> Condition:
    """Return conditions as they are, and other expressions as the condition that they are true."""
    return value if isinstance(value, Condition) else IsTrue(value)


def _join(connector: str, left: Condition, other: Expression) -> Condition:
    if not isinstance(other, Expression):
        raise TypeError(f"& and | combine conditions, not {other!r}")
    right = as_condition(other)
    if left.says_nothing:
        return right
    return left if right.says_nothing else Combined(connector, (left, right))


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
    "PLAIN",
    "SEQUENCES",
    "Combined",
    "Condition",
    "Expression",
    "F",
    "IsTrue",
    "Lookup",
    "Not",
    "Operation",
    "Order",
    "Slot",
    "TypedExpression",
    "Value",
    "as_condition",
    "as_expression",
    "compare",
    "literal",
    "models_of",
    "operand",
    "python_type",
]
