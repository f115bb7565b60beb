"""What tables are beside columns and keys, as data: how they are cut, the query of a view, sequences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from chakra._late import late
from chakra.errors import FieldError

if TYPE_CHECKING:
    from chakra.pg.quoting import quote_identifier, quote_qualified, quote_string
else:
    late(globals(), "chakra.pg.quoting", "quote_identifier quote_qualified quote_string")


Strategy = Literal["range", "list", "hash"]
STRATEGIES: tuple[Strategy, ...] = ("range", "list", "hash")


@dataclass(frozen=True)
class Partitioning:
    """``PARTITION BY strategy (keys)``.

    Attributes:
        strategy: ``range``, ``list`` or ``hash``.
        keys: attribute names, or SQL expressions in parentheses: ``"(lower(name))"``.
    """

    strategy: Strategy
    keys: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", tuple(self.keys))  # migration files write a list


@dataclass(frozen=True)
class PartitionOf:
    """What a partition is a part of.

    Attributes:
        schema, name: of the table it belongs to.
        bound: which rows it takes, as SQL: ``FOR VALUES FROM … TO …``, ``FOR VALUES IN …``, ``FOR VALUES WITH …`` or
            ``DEFAULT``; empty where nobody asked.
    """

    schema: str | None
    name: str
    bound: str


@dataclass(frozen=True)
class View:
    """The query of a view, finished: no parameters, values written in.

    Attributes:
        sql: the query. The server keeps it parsed, and writes it in its own words when it is asked.
        materialized: whether its rows are stored until they are refreshed.
        columns: names the view gives to the query's columns, in their order; empty = their own.
    """

    sql: str
    materialized: bool = False
    columns: tuple[str, ...] = field(default=(), compare=False)


IntegerType = Literal["smallint", "integer", "bigint"]
LARGEST = {"smallint": (1 << 15) - 1, "integer": (1 << 31) - 1, "bigint": (1 << 63) - 1}


class NextValue(str):
    """SQL that draws the next number of a sequence; it stands wherever an SQL expression of a default does."""

    __slots__ = ("sequence",)

    sequence: Sequence

    def __new__(cls, sequence: Sequence) -> NextValue:
        made = super().__new__(cls, f"nextval({quote_string(sequence.quoted)}::regclass)")
        made.sequence = sequence
        return made

    def __reduce__(self) -> tuple[type[NextValue], tuple[Sequence]]:
        return NextValue, (self.sequence,)


@dataclass(frozen=True)
class Sequence:
    """A sequence of numbers that belongs to no column by itself; several may draw from it.

    As a default: ``number: Field[int] = field(db_default=Sequence("invoice_numbers", start=1000).next())``. It is made
    with the first table that draws from it, and dropped with the last one.

    Args:
        name, schema: where it is; without a schema the search path decides.
        start: the first number; default: the smallest one, or of a descending sequence the largest.
        increment: the step; below 0 the sequence descends.
        minimum, maximum: the range; default: 1 and the largest number of the type, or -1 and the smallest.
        cycle: begin anew where the range ends; otherwise drawing fails then.
        cache: numbers that a session takes at once.
        type: ``smallint``, ``integer`` or ``bigint``.

    Raises:
        FieldError: a number is none, or out of range.
    """

    name: str
    schema: str | None = field(default=None, kw_only=True)
    start: int | None = field(default=None, kw_only=True)
    increment: int = field(default=1, kw_only=True)
    minimum: int | None = field(default=None, kw_only=True)
    maximum: int | None = field(default=None, kw_only=True)
    cycle: bool = field(default=False, kw_only=True)
    cache: int = field(default=1, kw_only=True)
    type: IntegerType = field(default="bigint", kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not (self.schema is None or isinstance(self.schema, str)):
            raise FieldError(
                f"Sequence() takes its name and schema as text, not {self.name!r}, {self.schema!r}"
            )
        quote_identifier(self.name)
        where = f"Sequence({self.name!r})"
        if self.type not in LARGEST:
            raise FieldError(f"{where}: type is one of {', '.join(LARGEST)}, not {self.type!r}")
        for word in ("start", "increment", "minimum", "maximum", "cache"):
            value = getattr(self, word)
            if type(value) is not int and not (value is None and word in ("start", "minimum", "maximum")):
                raise FieldError(f"{where}: {word} is a whole number, not {value!r}")
        if not self.increment or self.cache < 1:
            raise FieldError(f"{where}: increment is not 0, and cache is 1 or more")
        largest = LARGEST[self.type]
        up = self.increment > 0
        # What was left out is filled in, so that sequences are equal if the server makes the same of them.
        low = self.minimum if self.minimum is not None else 1 if up else -largest - 1
        high = self.maximum if self.maximum is not None else largest if up else -1
        start = self.start if self.start is not None else low if up else high
        if not -largest - 1 <= low <= start <= high <= largest:
            raise FieldError(
                f"{where}: start={start} must lie between minimum={low} and maximum={high}, which a {self.type} "
                "has to hold"
            )
        for word, value in (("minimum", low), ("maximum", high), ("start", start)):
            object.__setattr__(self, word, value)

    @property
    def quoted(self) -> str:
        """The sequence as SQL writes it."""
        return quote_qualified(self.schema, self.name)

    def next(self) -> NextValue:
        """The default of a column that draws the next number: ``field(db_default=sequence.next())``."""
        return NextValue(self)


__all__ = ["STRATEGIES", "NextValue", "PartitionOf", "Partitioning", "Sequence", "Strategy", "View"]
