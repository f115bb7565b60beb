"""Windows: a value for each row out of the rows around it. Functions are rows of a table: SQL function and type."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

from chakra.errors import FieldError
from chakra.expressions.aggregates import Aggregate, order_term
from chakra.expressions.base import Expression, Order
from chakra.expressions.values import F, Value, as_expression
from chakra.pg.interval import Interval
from chakra.pg.types import FLOAT8, INT4, INT8, PgType

EXCLUSIONS = {"current": "CURRENT ROW", "group": "GROUP", "ties": "TIES"}
"""What ``Frame(exclude=)`` takes, and the SQL of it."""


class WindowFunction(Expression):
    """A function that is only there over a window.

    Attributes:
        function: its name in SQL.
        type: of its result; ``None`` = that of its first argument.
        never_null: whether it has a value for every row.
    """

    function: ClassVar[str] = ""
    type: ClassVar[PgType | None] = None
    never_null: ClassVar[bool] = False

    __slots__ = ("arguments",)

    def __init__(self) -> None:
        self.arguments: tuple[Expression, ...] = ()

    @property
    def children(self) -> tuple[Expression, ...]:
        return self.arguments

    def rebuild(self, children: tuple[Expression, ...]) -> WindowFunction:
        new = object.__new__(type(self))
        new.arguments = children
        return new

    def own_shape(self) -> Hashable:
        return len(self.arguments)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.arguments))})"


class RowNumber(WindowFunction):
    """The number of the row in its partition, from 1 on."""

    function, type, never_null = "row_number", INT8, True
    __slots__ = ()


class Rank(WindowFunction):
    """The number of the first row that is as good as this one: 1, 2, 2, 4."""

    function, type, never_null = "rank", INT8, True
    __slots__ = ()


class DenseRank(WindowFunction):
    """The number of the row's peers among the groups of peers: 1, 2, 2, 3."""

    function, type, never_null = "dense_rank", INT8, True
    __slots__ = ()


class PercentRank(WindowFunction):
    """``(rank - 1) / (rows - 1)``: from 0 to 1."""

    function, type, never_null = "percent_rank", FLOAT8, True
    __slots__ = ()


class CumeDist(WindowFunction):
    """The share of rows that come before this one or are its peers: above 0, up to 1."""

    function, type, never_null = "cume_dist", FLOAT8, True
    __slots__ = ()


class Ntile(WindowFunction):
    """The number of the row's part, where the partition is cut into ``parts`` as alike in size as can be."""

    function, type, never_null = "ntile", INT4, True
    __slots__ = ()

    def __init__(self, parts: int) -> None:
        self.arguments = (Value(_count("Ntile", parts, 1), INT4),)


class FirstValue(WindowFunction):
    """The value in the first row of the frame."""

    function = "first_value"
    __slots__ = ()

    def __init__(self, expression: str | Expression) -> None:
        self.arguments = (_value(expression),)


class LastValue(FirstValue):
    """The value in the last row of the frame, which ends with the row's peers unless ``frame=`` says otherwise."""

    function = "last_value"
    __slots__ = ()


class NthValue(WindowFunction):
    """The value in row ``n`` of the frame, from 1 on; NULL where it has fewer."""

    function = "nth_value"
    __slots__ = ()

    def __init__(self, expression: str | Expression, n: int) -> None:
        self.arguments = (_value(expression), Value(_count("NthValue", n, 1), INT4))


class Lag(WindowFunction):
    """The value ``offset`` rows before this one in its partition.

    Args:
        default: what stands there where there is no such row, in place of NULL.
    """

    function = "lag"
    __slots__ = ()

    def __init__(self, expression: str | Expression, offset: int = 1, default: Any = None) -> None:
        name = type(self).__name__
        self.arguments = (_value(expression), Value(_count(name, offset, 0), INT4))
        if default is not None:
            self.arguments += (as_expression(default),)


class Lead(Lag):
    """The value ``offset`` rows behind this one in its partition; ``default`` as for ``Lag``."""

    function = "lead"
    __slots__ = ()


def _value(expression: Any) -> Expression:
    return F(expression) if isinstance(expression, str) else as_expression(expression)


def _count(name: str, number: Any, least: int) -> int:
    if type(number) is not int or not least <= number < 2**31:
        raise FieldError(f"{name}() takes a whole number from {least} on, not {number!r}")
    return number


class Frame:
    """Which rows of its partition a row's window has, by where they begin and end: ``Frame.rows(-2, 0)``.

    Of both ends, ``None`` is that of the partition, 0 is the row itself (its peers as well in ``range`` and
    ``groups``), what is below 0 stands before it, and what is above 0 behind it.
    """

    __slots__ = ("bounds", "exclude", "mode", "offsets")

    mode: str
    bounds: tuple[str, str]
    offsets: tuple[Expression, ...]
    exclude: str | None

    def __init__(self) -> None:
        raise FieldError("a frame is Frame.rows(…), Frame.range(…) or Frame.groups(…)")

    @classmethod
    def rows(cls, start: int | None = None, end: int | None = 0, *, exclude: str | None = None) -> Frame:
        """A frame by numbers of rows.

        Args:
            exclude: ``"current"`` leaves out the row, ``"group"`` its peers as well, ``"ties"`` its peers alone.

        Raises:
            FieldError: a bound is no number, the end comes before the start, or another word in ``exclude``.
        """
        return _frame("ROWS", start, end, exclude, _whole)

    @classmethod
    def groups(cls, start: int | None = None, end: int | None = 0, *, exclude: str | None = None) -> Frame:
        """A frame by numbers of groups of peers, those that the order does not tell apart; as ``rows``."""
        return _frame("GROUPS", start, end, exclude, _whole)

    @classmethod
    def range(cls, start: Any = None, end: Any = 0, *, exclude: str | None = None) -> Frame:
        """A frame by distances from the row's value in the order: numbers, or a ``timedelta`` or ``Interval`` for dates
        and times: ``Frame.range(-timedelta(days=7), 0)``; else as ``rows``. Distances need an order by one value.
        """
        return _frame("RANGE", start, end, exclude, _distance)

    def shape(self) -> Hashable:
        """The structure without its offsets, which are literals."""
        return self.mode, self.bounds, self.exclude

    def with_offsets(self, offsets: tuple[Expression, ...]) -> Frame:
        """The same with others in place of ``offsets``."""
        new = object.__new__(Frame)
        new.mode, new.bounds, new.exclude, new.offsets = self.mode, self.bounds, self.exclude, offsets
        return new

    def __repr__(self) -> str:
        return f"Frame.{self.mode.lower()}(…)"


def _frame(mode: str, start: Any, end: Any, exclude: Any, side: Callable[[Any], tuple[int, Any]]) -> Frame:
    if exclude is not None and exclude not in EXCLUSIONS:
        raise FieldError(f"Frame: exclude= is one of {', '.join(map(repr, EXCLUSIONS))}, not {exclude!r}")
    places, offsets, words = [], [], []
    for value, unbounded in ((start, "UNBOUNDED PRECEDING"), (end, "UNBOUNDED FOLLOWING")):
        sign, offset = (0, None) if value is None else side(value)
        places.append(None if value is None else sign)
        if value is None:
            words.append(unbounded)
        elif not sign:
            words.append("CURRENT ROW")
        else:
            words.append("PRECEDING" if sign < 0 else "FOLLOWING")
            offsets.append(Value(offset))
    first, last = places
    if (
        first is not None
        and last is not None
        and (first > last or (first == last != 0 and _before(start, end)))
    ):
        raise FieldError(f"Frame.{mode.lower()}({start!r}, {end!r}) ends before it starts")
    new = object.__new__(Frame)
    new.mode, new.bounds, new.exclude = mode, (words[0], words[1]), exclude
    new.offsets = tuple(offsets)
    return new


def _before(start: Any, end: Any) -> bool:
    """Whether an end is known to come before its start; lengths of intervals in months and days are none of numbers."""
    comparable = type(start) is type(end) and not isinstance(start, Interval)
    return comparable and bool(end < start)


def _whole(value: Any) -> tuple[int, Any]:
    """On which side of the row a bound stands, and how far away."""
    if type(value) is not int:
        raise FieldError(f"Frame: bounds in rows and groups are whole numbers or None, not {value!r}")
    return (value > 0) - (value < 0), abs(value)


def _distance(value: Any) -> tuple[int, Any]:
    if isinstance(value, Interval):
        parts = value.parts
        if min(parts) < 0 < max(parts):
            raise FieldError(f"Frame.range: {value!r} is on both sides of the row; all parts need one sign")
        return (max(parts) > 0) - (min(parts) < 0), Interval(*map(abs, parts))
    if isinstance(value, dt.timedelta):
        zero = dt.timedelta()
        return (value > zero) - (value < zero), abs(value)
    if type(value) in (int, float, Decimal) and value == value:
        return (value > 0) - (value < 0), abs(value)
    raise FieldError(f"Frame.range: bounds are numbers, timedelta, Interval or None, not {value!r}")


class Over(Expression):
    """What windows share: ``query.window(w=Over(partition_by="shop", order_by="day"))``, ``Window(Rank(), over="w")``.

    Args:
        base: the name of another one that this one takes over, and goes on from.
        partition_by, order_by, frame: as for ``Window``.

    Raises:
        FieldError: something else was given.
    """

    __slots__ = ("frame", "order", "over", "partition")

    def __init__(
        self,
        base: str | None = None,
        /,
        *,
        partition_by: str | Expression | Sequence[Any] = (),
        order_by: str | Expression | Order | Sequence[Any] = (),
        frame: Frame | None = None,
    ) -> None:
        if base is not None and (not isinstance(base, str) or not base):
            raise FieldError(f"Over() takes the name of another window, not {base!r}")
        self.over: Taken | None = None if base is None else Taken(base)
        self.partition, self.order, self.frame = _parts_of("Over", partition_by, order_by, frame)
        if base is None:
            check_frame("Over", self.order, frame)

    @property
    def children(self) -> tuple[Expression, ...]:
        return (
            *self.partition,
            *(term.expression for term in self.order),
            *(() if self.frame is None else self.frame.offsets),
        )

    def rebuild(self, children: tuple[Expression, ...]) -> Over:
        partition = len(self.partition)
        order = partition + len(self.order)
        terms = zip(children[partition:order], self.order, strict=True)
        frame = None if self.frame is None else self.frame.with_offsets(children[order:])
        return self.rebuilt(
            children[:partition],
            tuple([Order(e, o.descending, o.nulls) for e, o in terms]),
            frame,
            self.over,
        )

    def rebuilt(
        self,
        partition: tuple[Expression, ...],
        order: tuple[Order, ...],
        frame: Frame | None,
        over: Taken | None,
    ) -> Over:
        """The same with other parts."""
        new = object.__new__(Over)
        new.partition, new.order, new.frame, new.over = partition, order, frame, over
        return new

    def own_shape(self) -> Hashable:
        order = tuple([(term.descending, term.nulls) for term in self.order])
        return self.over, len(self.partition), order, None if self.frame is None else self.frame.shape()

    def __repr__(self) -> str:
        return "Over(…)"


class Taken(NamedTuple):
    """A window that another one goes on from.

    Attributes:
        name: what the query calls it.
        order, frame: once it is resolved: whether the other one has these of its own.
    """

    name: str
    order: bool = False
    frame: bool = False


def _parts_of(
    what: str, partition_by: Any, order_by: Any, frame: Any
) -> tuple[tuple[Expression, ...], tuple[Order, ...], Frame | None]:
    if frame is not None and not isinstance(frame, Frame):
        raise FieldError(f"{what}(): frame= takes Frame.rows(…), .range(…) or .groups(…), not {frame!r}")
    given = partition_by if isinstance(partition_by, tuple | list) else (partition_by,)
    terms = order_by if isinstance(order_by, tuple | list) else (order_by,)
    return tuple([_value(term) for term in given]), tuple([order_term(term) for term in terms]), frame


def check_frame(what: str, order: Sequence[Order], frame: Frame | None) -> None:
    """Check that a frame has the order it needs.

    Raises:
        FieldError: it has not.
    """
    if frame is None:
        return
    if frame.mode == "GROUPS" and not order:
        raise FieldError(f"{what}(): Frame.groups(…) needs order_by=, which says which rows are peers")
    if frame.mode == "RANGE" and frame.offsets and len(order) != 1:
        raise FieldError(
            f"{what}(): distances in Frame.range(…) need order_by= one value, from which they count"
        )


_FUNCTIONS = (WindowFunction, Aggregate)


class Window(Expression):
    """A function over the rows around each row: ``Window(RowNumber(), partition_by="author_id", order_by="-id")``.

    Conditions on windows are kept after all others, whatever the order in which they were said (QUALIFY of other
    databases): those decide which rows windows have.

    Args:
        expression: a window function (``RowNumber()``, ``Lag("price")``) or an aggregate (``Sum("price")``).
        partition_by: names or expressions: rows alike in these are a window's; nothing = all rows of the query.
        order_by: names or expressions; an aggregate with an order is one of all rows up to this one and its peers.
        frame: which rows of the partition, see ``Frame``.
        over: a window that others share, by its name in the query (``query.window(…)``) or itself, from which this one
            takes the partition, and the order and the frame if they are said there.

    Raises:
        FieldError: something else was given, or an aggregate with what windows do not have: ``distinct``, ``order_by``.
    """

    __slots__ = ("frame", "function", "order", "over", "partition")

    def __init__(
        self,
        expression: Expression,
        *,
        partition_by: str | Expression | Sequence[Any] = (),
        order_by: str | Expression | Order | Sequence[Any] = (),
        frame: Frame | None = None,
        over: str | Over | None = None,
    ) -> None:
        if not isinstance(expression, _FUNCTIONS):
            raise FieldError(f"Window() takes a window function or an aggregate, not {expression!r}")
        if isinstance(expression, Aggregate) and not expression.rule.windows:
            raise FieldError(
                f"Window({expression!r}): PostgreSQL has no {type(expression).__name__} over windows; "
                "annotate a Subquery(…) of the rows it is about"
            )
        if isinstance(expression, Aggregate) and (expression.distinct or expression.order):
            said = "distinct=" if expression.distinct else "order_by="
            raise FieldError(
                f"Window({expression!r}): aggregates over windows have no {said}; the order is the window's"
            )
        self.function: WindowFunction | Aggregate = expression
        if isinstance(partition_by, (tuple, list)):
            self.partition = tuple([_value(term) for term in partition_by])
        else:
            self.partition = (_value(partition_by),)
        if isinstance(order_by, (tuple, list)):
            self.order = tuple([order_term(term) for term in order_by])
        else:
            self.order = (order_term(order_by),)
        self.frame = frame
        self.over: Taken | None = None
        if frame is not None and not isinstance(frame, Frame):
            raise FieldError(f"Window(): frame= takes Frame.rows(…), .range(…) or .groups(…), not {frame!r}")
        if isinstance(over, Over):
            self.partition, self.order, self.frame, _ = taken_over(
                "Window()", self, (over.partition, over.order, over.frame)
            )
            self.over = over.over
        elif over is not None:
            if not isinstance(over, str) or not over:
                raise FieldError(f"Window(): over= takes the name of a window or Over(…), not {over!r}")
            self.over = Taken(over)
        if self.over is None and self.frame is not None:
            check_frame("Window", self.order, self.frame)

    @property
    def children(self) -> tuple[Expression, ...]:
        # The parts of the function: it is none of the query's own aggregates.
        parts = [*self.function.children, *self.partition]
        for term in self.order:
            parts.append(term.expression)
        if self.frame is not None:
            parts += self.frame.offsets
        return tuple(parts)

    def rebuild(self, children: tuple[Expression, ...]) -> Window:
        function, partition = len(self.function.children), len(self.partition)
        order = function + partition + len(self.order)
        return self.rebuilt(
            self.function.rebuild(children[:function]),
            children[function : function + partition],
            tuple(
                Order(e, o.descending, o.nulls)
                for e, o in zip(children[function + partition : order], self.order, strict=True)
            ),
            None if self.frame is None else self.frame.with_offsets(children[order:]),
            self.over,
        )

    def rebuilt(
        self,
        function: Any,
        partition: tuple[Expression, ...],
        order: tuple[Order, ...],
        frame: Frame | None,
        over: Taken | None,
    ) -> Window:
        """The same window with other parts."""
        new = object.__new__(Window)
        new.function, new.partition, new.order, new.frame = function, partition, order, frame
        new.over = over
        return new

    def own_shape(self) -> Hashable:
        order = tuple([(term.descending, term.nulls) for term in self.order])
        frame = None if self.frame is None else self.frame.shape()
        return type(self.function), self.function.own_shape(), len(self.partition), order, frame, self.over

    def __repr__(self) -> str:
        return f"Window({self.function!r})"


def taken_over(
    what: str,
    window: Window | Over,
    base: tuple[tuple[Expression, ...], tuple[Order, ...], Frame | None],
) -> tuple[tuple[Expression, ...], tuple[Order, ...], Frame | None, Taken]:
    """The parts of a window that goes on from another one, and which of them are its own (manual, SELECT: "WINDOW
    Clause").

    Raises:
        FieldError: it says again what that one says.
    """
    partition, order, frame = base
    if window.partition:
        raise FieldError(
            f"{what}: what a window is partitioned by is said in the one it goes on from, and not again"
        )
    if window.order and order:
        raise FieldError(f"{what}: the window it goes on from has an order already")
    if frame is not None and (window.order or window.frame is not None):
        raise FieldError(f"{what}: the window it goes on from has a frame, and so it is taken as it is")
    name = "" if window.over is None else window.over.name
    own = Taken(name, bool(window.order), window.frame is not None)
    return partition, window.order or order, window.frame or frame, own


def has_window(expression: Expression) -> bool:
    """Whether a window stands anywhere in the tree."""
    nodes = [expression]
    for node in nodes:  # grows while it is walked
        if isinstance(node, Window):
            return True
        nodes += node.children
    return False


FUNCTIONS = (
    RowNumber, Rank, DenseRank, PercentRank, CumeDist, Ntile, Lag, Lead, FirstValue, LastValue, NthValue,
)  # fmt: skip

__all__ = [
    "EXCLUSIONS",
    "FUNCTIONS",
    "CumeDist",
    "DenseRank",
    "FirstValue",
    "Frame",
    "Lag",
    "LastValue",
    "Lead",
    "NthValue",
    "Ntile",
    "Over",
    "PercentRank",
    "Rank",
    "RowNumber",
    "Taken",
    "Window",
    "WindowFunction",
    "check_frame",
    "has_window",
    "taken_over",
]
