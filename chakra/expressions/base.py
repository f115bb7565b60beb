"""The root of all expressions: what a query says about values, without knowing tables, aliases or SQL text.

Nodes are data. ``shape(values)`` returns a hashable key of the tree's structure and appends its literal values, in
order, to ``values``: two trees of one shape share one compiled statement. ``numbered`` gives the tree with ``Slot`` in
place of those literals, numbered in the same order; a slot may then be dropped, moved or repeated. ``children`` and
``rebuild`` let the compiler walk and replace parts without knowing node classes. Text is written by
``chakra.sql.render`` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, overload

from chakra.errors import FieldError

if TYPE_CHECKING:
    from decimal import Decimal

T = TypeVar("T")


class Makers:
    """What operators of expressions make. The nodes are expressions themselves and stand in modules above this one,
    which put their makers here when the package is imported.
    """

    __slots__ = ("compare", "denied", "item", "joined", "operation", "prefixed", "rows")

    operation: Callable[[str, Any, Any], Expression]
    prefixed: Callable[[str, Expression], Expression]
    compare: Callable[[Expression, str, Any], Condition]
    joined: Callable[[str, Expression, Expression], Condition]
    denied: Callable[[Expression], Condition]
    rows: Callable[[Any], Expression]
    item: Callable[[Expression, Any], Expression]


MAKE = Makers()


class Expression:
    """A value computed by the server. Operators build larger expressions and conditions."""

    __slots__ = ()

    token: Hashable = None
    """The key of a node that is always the same one: a field of a model."""

    bind_column: Any = None
    """The table and the attribute that a field of a model stands for."""

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
        return MAKE.compare(self, "exact", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return MAKE.compare(self, "ne", other)

    def __lt__(self, other: Any) -> Condition:
        return MAKE.compare(self, "lt", other)

    def __le__(self, other: Any) -> Condition:
        return MAKE.compare(self, "lte", other)

    def __gt__(self, other: Any) -> Condition:
        return MAKE.compare(self, "gt", other)

    def __ge__(self, other: Any) -> Condition:
        return MAKE.compare(self, "gte", other)

    def __add__(self, other: Any) -> Expression:
        return MAKE.operation("+", self, other)

    def __radd__(self, other: Any) -> Expression:
        return MAKE.operation("+", other, self)

    def __sub__(self, other: Any) -> Expression:
        return MAKE.operation("-", self, other)

    def __rsub__(self, other: Any) -> Expression:
        return MAKE.operation("-", other, self)

    def __mul__(self, other: Any) -> Expression:
        return MAKE.operation("*", self, other)

    def __rmul__(self, other: Any) -> Expression:
        return MAKE.operation("*", other, self)

    def __truediv__(self, other: Any) -> Expression:
        return MAKE.operation("/", self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return MAKE.operation("/", other, self)

    def __mod__(self, other: Any) -> Expression:
        return MAKE.operation("%", self, other)

    def __rmod__(self, other: Any) -> Expression:
        return MAKE.operation("%", other, self)

    def __pow__(self, other: Any) -> Expression:
        return MAKE.operation("^", self, other)

    def __rpow__(self, other: Any) -> Expression:
        return MAKE.operation("^", other, self)

    def __neg__(self) -> Expression:
        return MAKE.prefixed("-", self)

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r} is a condition for the server, not a truth value here; "
            "combine conditions with & | ~, and test columns with .is_null() or .in_()"
        )

    # A boolean column is a condition by itself: Book.sold_out & (Book.pages > 10), ~Book.sold_out.

    def __and__(self, other: Expression) -> Condition:
        return MAKE.joined("AND", self, other)

    def __or__(self, other: Expression) -> Condition:
        return MAKE.joined("OR", self, other)

    def __invert__(self) -> Condition:
        return MAKE.denied(self)

    def __getitem__(self, key: Any) -> Expression:
        """A part of the value: of JSON what is at a key or a position, of an array an element or a slice (counted from
        0), of an hstore the text at a key: ``F("data")["address"]["lines"][0]``, ``Post.tags[0:2]``.
        """
        return MAKE.item(self, key)

    # Python would loop over whatever has __getitem__, and this without an end.
    __iter__ = None
    __contains__ = None

    # In Python, & | ~ combine conditions, so bits have words.

    def bitand(self, other: Any) -> Expression:
        """The bits that both whole numbers have (``&``)."""
        return MAKE.operation("&", self, other)

    def bitor(self, other: Any) -> Expression:
        """The bits that one of two whole numbers has (``|``)."""
        return MAKE.operation("|", self, other)

    def bitxor(self, other: Any) -> Expression:
        """The bits that one of two whole numbers has, and the other has not (``#``)."""
        return MAKE.operation("#", self, other)

    def bitnot(self) -> Expression:
        """The bits turned round (``~``)."""
        return MAKE.prefixed("~", self)

    def bitleftshift(self, bits: Any) -> Expression:
        """The bits moved up by a number of places (``<<``)."""
        return MAKE.operation("<<", self, bits)

    def bitrightshift(self, bits: Any) -> Expression:
        """The bits moved down by a number of places (``>>``)."""
        return MAKE.operation(">>", self, bits)

    def concat(self, other: Any) -> Expression:
        """The value with another behind it (``||``): texts, arrays, JSONB objects and arrays, bytes."""
        return MAKE.operation("||", self, other)

    def in_(self, values: Any) -> Condition:
        """True where the value is one of ``values`` (an iterable, or a query of one field or for instances)."""
        return MAKE.compare(self, "in", values)

    def not_in(self, values: Any) -> Condition:
        """True where the value is none of ``values``."""
        return ~MAKE.compare(self, "in", values)

    def is_null(self, yes: bool = True) -> Condition:
        """True where the value is NULL (``is_null(False)``: where it is not)."""
        return MAKE.compare(self, "isnull", yes)

    def is_not_null(self) -> Condition:
        """True where the value is not NULL."""
        return MAKE.compare(self, "isnull", False)

    def between(self, low: Any, high: Any) -> Condition:
        """True where ``low <= value <= high``."""
        return MAKE.compare(self, "range", (low, high))

    def contains(self, other: Any) -> Condition:
        """True where the text holds ``other`` (arrays, ranges and JSONB: contains the value)."""
        return MAKE.compare(self, "contains", other)

    def icontains(self, other: str) -> Condition:
        """``contains`` without regard to case."""
        return MAKE.compare(self, "icontains", other)

    def startswith(self, other: str) -> Condition:
        """True where the text starts with ``other``."""
        return MAKE.compare(self, "startswith", other)

    def istartswith(self, other: str) -> Condition:
        """``startswith`` without regard to case."""
        return MAKE.compare(self, "istartswith", other)

    def endswith(self, other: str) -> Condition:
        """True where the text ends with ``other``."""
        return MAKE.compare(self, "endswith", other)

    def iendswith(self, other: str) -> Condition:
        """``endswith`` without regard to case."""
        return MAKE.compare(self, "iendswith", other)

    def iexact(self, other: str) -> Condition:
        """Equality without regard to case."""
        return MAKE.compare(self, "iexact", other)

    def matches(self, pattern: str) -> Condition:
        """True where the text matches a POSIX regular expression (``~``)."""
        return MAKE.compare(self, "regex", pattern)

    def lookup(self, name: str, value: Any) -> Condition:
        """Apply any lookup by its name, as keyword filters do: ``User.age.lookup("gte", 18)``, also behind
        transforms: ``User.joined.lookup("year__gte", 2020)``.
        """
        return MAKE.compare(self, name, value)

    def asc(self, *, nulls: Literal["first", "last"] | None = None) -> Order:
        """Sort by this value ascending; ``nulls="first"`` or ``"last"`` places the NULLs."""
        return Order(self, False, nulls)

    def desc(self, *, nulls: Literal["first", "last"] | None = None) -> Order:
        """Sort by this value descending; ``nulls="first"`` or ``"last"`` places the NULLs."""
        return Order(self, True, nulls)


class TypedExpression(Expression, Generic[T]):
    """An expression whose Python value is known to type checkers as ``T``."""

    __slots__ = ()
    __hash__ = Expression.__hash__

    if TYPE_CHECKING:
        # Whole numbers stand for themselves beside a Decimal: Post.price > 10.

        @overload  # type: ignore[override]
        def __eq__(self: OfDecimal, other: Decimal | int | Expression | None) -> Condition: ...

        @overload
        def __eq__(self, other: T | Expression | None) -> Condition: ...

        def __eq__(  # pyright: ignore[reportIncompatibleMethodOverride]
            self, other: object
        ) -> Condition: ...

        @overload  # type: ignore[override]
        def __ne__(self: OfDecimal, other: Decimal | int | Expression | None) -> Condition: ...

        @overload
        def __ne__(self, other: T | Expression | None) -> Condition: ...

        def __ne__(  # pyright: ignore[reportIncompatibleMethodOverride]
            self, other: object
        ) -> Condition: ...

        @overload
        def __lt__(self: OfDecimal, other: Decimal | int | Expression) -> Condition: ...

        @overload
        def __lt__(self, other: T | Expression) -> Condition: ...

        def __lt__(self, other: Any) -> Condition: ...

        @overload
        def __le__(self: OfDecimal, other: Decimal | int | Expression) -> Condition: ...

        @overload
        def __le__(self, other: T | Expression) -> Condition: ...

        def __le__(self, other: Any) -> Condition: ...

        @overload
        def __gt__(self: OfDecimal, other: Decimal | int | Expression) -> Condition: ...

        @overload
        def __gt__(self, other: T | Expression) -> Condition: ...

        def __gt__(self, other: Any) -> Condition: ...

        @overload
        def __ge__(self: OfDecimal, other: Decimal | int | Expression) -> Condition: ...

        @overload
        def __ge__(self, other: T | Expression) -> Condition: ...

        def __ge__(self, other: Any) -> Condition: ...

        def in_(self, values: Iterable[T] | Any) -> Condition: ...


if TYPE_CHECKING:
    OfDecimal: TypeAlias = TypedExpression[Decimal] | TypedExpression[Decimal | None]


class Valued(TypedExpression[T]):
    """One that rows of values have the value of; of a relation they have its key."""

    __slots__ = ()


class Condition(Expression):
    """Something true, false or NULL. ``&``, ``|`` and ``~`` combine conditions."""

    __slots__ = ()

    @property
    def says_nothing(self) -> bool:
        """Whether the condition is empty (``Q()``) and joins others as if it were not there."""
        return False

    if TYPE_CHECKING:

        def numbered(self, numbers: Iterator[int]) -> Condition: ...


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


__all__ = ["MAKE", "Condition", "Expression", "Order", "TypedExpression", "Valued"]
