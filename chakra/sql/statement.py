"""A compiled statement and the writer that makes one; knows no connections, and of tables what is written to.

A statement is SQL text cut at its parameters, so the same compilation serves both ways values travel: bound
(``$1::bigint``) on the row path, rendered as literals on the COPY path, which takes no parameters. Both carry the
declared type (docs/decisions/0014-types-of-parameters.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

from chakra.errors import FieldError
from chakra.expressions import python_type
from chakra.pg.conversion import Naive
from chakra.pg.quoting import quote_identifier
from chakra.pg.text import SqlText, Touch
from chakra.pg.types import BY_OID, PgType
from chakra.schema import Table
from chakra.sql.adapting import SAID, binder, step_of
from chakra.sql.literals import bare_type, render_literal


@dataclass(slots=True)
class Parameter:
    """Where the value of one ``$n`` comes from.

    Attributes:
        index: position in the query's values, or ``SAID``.
        adapt: conversions applied to it, first to last: functions, or what makes them (``chakra.sql.adapting``).
        type: PostgreSQL type, or ``None`` where the server alone knows.
        label: the field it is compared with or stored in, for error messages.
        typed: whether the text names the type; without it the server takes that of the place.
    """

    index: int
    adapt: tuple[Any, ...]
    type: PgType | None
    label: str
    typed: bool = True

    def sent(self, values: Sequence[Any], naive: Naive) -> Any:
        """What is sent for a query's values, as the statement's binder makes it.

        Raises:
            DataError: the value does not fit.
        """
        value = None if self.index == SAID else values[self.index]
        for adapt in self.adapt:
            step = step_of(adapt, naive)
            if value is not None or not hasattr(adapt, "step"):
                value = step.convert(value)
        return value


class Output(NamedTuple):
    """One result column.

    Attributes:
        name: its name to the user.
        type: what it is declared as, or is expected to be; ``None`` = only the server knows.
        nullable: whether NULL can occur.
        load: what turns a row value into the instance's.
        column: the ``Model.field`` that declares it; ``None`` = it is computed, or of a table without a model.
    """

    name: str
    type: PgType | None
    nullable: bool
    load: Callable[[Any], Any] | None = None
    column: str | None = None


@dataclass(eq=False)
class Statement:
    """SQL with its parameters and result columns; never changed once it is made.

    Attributes:
        pieces: the text between parameters; one more than there are ``uses``.
        uses: which parameter stands after each piece.
        parameters: in the order of ``$1``, ``$2``, ….
        outputs: result columns, in order.
        relations: the tables (quoted) it reads or writes, and whether it writes them.
        pure: whether it calls nothing that is not Chakra's own; what the relations call is not known here.
        databases: weak references to those that queries in it were said to run on.
        reads: whether it is a SELECT that writes nothing: it may be run again.
        locks: whether it is one that locks its rows, which are unlocked when the transaction ends.
        bound_to: whether it does not run everywhere: on certain databases, or in a transaction.
        writes: what queries in WITH write: tables, and the attributes that literals are assigned to.
        sql: the text with ``$1::bigint``, ``$2``, … for the parameters.
        touches: the relations, or ``None`` where they do not say everything.

    It is what the connection layer wants of a statement (``chakra.db.Statement``), and goes down there as it is.
    """

    pieces: tuple[str, ...]
    uses: tuple[int, ...]
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...] = ()
    relations: tuple[Touch, ...] = ()
    pure: bool = True
    databases: tuple[Any, ...] = ()
    reads: bool = False
    locks: bool = False
    writes: tuple[tuple[Table, tuple[str, ...]], ...] = ()
    bound_to: bool = field(init=False)
    sql: str = field(init=False)
    touches: tuple[Touch, ...] | None = field(init=False)

    def __post_init__(self) -> None:
        self.sql = self._text()
        self.bound_to = self.locks or bool(self.databases)
        self.touches = self.relations if self.pure else None

    @property
    def author(self) -> Literal["compiler"]:
        """Who wrote it."""
        return "compiler"

    @cached_property
    def texts(self) -> tuple[int, ...]:
        """Positions of the result columns that a model declares as text and that come as they are."""
        return tuple(
            position
            for position, o in enumerate(self.outputs)
            if o.column is not None
            and o.load is None
            and o.type is not None
            and (o.type.element.base if o.type.element is not None else o.type.base).name in _TEXT_LIKE
        )

    @cached_property
    def key(self) -> tuple[str, tuple[int, ...]]:
        """What tells apart statements of one text whose models declare other columns as text."""
        return self.sql, self.texts

    def as_text(self) -> str:
        """The text of a query with the values of :attr:`texts` turned into text by the server, whatever they are."""
        names = ", ".join(f"c{position}" for position in range(len(self.outputs)))
        picked = ", ".join(f"c{position}{self._cast(position)}" for position in range(len(self.outputs)))
        return f"WITH q({names}) AS ({self.sql}) SELECT {picked} FROM q"

    def _cast(self, position: int) -> str:
        if position not in self.texts:
            return ""
        type_ = self.outputs[position].type
        return "::text[]" if type_ is not None and type_.kind == "array" else "::text"

    def _text(self) -> str:
        names = [
            f"${number}::{bare_type(p.type)}" if p.typed and p.type is not None else f"${number}"
            for number, p in enumerate(self.parameters, 1)
        ]
        parts = [self.pieces[0]]
        for use, piece in zip(self.uses, self.pieces[1:], strict=True):
            parts.append(names[use])
            parts.append(piece)
        return "".join(parts)

    @cached_property
    def bind(self) -> Callable[[list[Any]], Sequence[Any]]:
        """Turns a query's values into the parameters of the statement."""
        return self.bind_for("error")

    def bind_for(self, naive: Naive) -> Callable[[list[Any]], Sequence[Any]]:
        """``bind`` for databases whose setting ``naive_datetimes`` is ``naive``."""
        found = self._binders.get(naive)
        if found is None:
            found = self._binders[naive] = self._binder(naive)
        return found

    @cached_property
    def _binders(self) -> dict[str, Callable[[list[Any]], Sequence[Any]]]:
        return {}

    def _binder(self, naive: Naive) -> Callable[[list[Any]], Sequence[Any]]:
        parameters = self.parameters
        if all(p.index == i and not p.adapt for i, p in enumerate(parameters)):
            count = len(parameters)
            return lambda values: values if len(values) == count else values[:count]
        return binder(tuple([(p.index, p.adapt) for p in parameters]), naive)

    def literal_sql(self, values: list[Any], naive: Naive = "error") -> SqlText:
        """The text with every parameter rendered as a literal, typed like the parameter, for COPY.

        Args:
            naive: as for :meth:`bind_for`.

        Raises:
            DataError: a value does not fit the type of its place.
        """
        bound = self.bind_for(naive)(values)
        rendered = [
            render_literal(value, _known(parameter, value), typed=parameter.typed)
            for value, parameter in zip(bound, self.parameters, strict=True)
        ]
        parts = [self.pieces[0]]
        for use, piece in zip(self.uses, self.pieces[1:], strict=True):
            parts.append(rendered[use])
            parts.append(piece)
        return SqlText("".join(parts), self.touches, self.sql, self.reads)


def _known(parameter: Parameter, value: Any) -> PgType:
    found = parameter.type or python_type(value)
    if found is None:
        raise FieldError(
            f"the type of a literal compared with {parameter.label} is not known, and COPY needs it; "
            "give it: Value(…, type) with a type from chakra.types"
        )
    return found


_TEXT_LIKE = frozenset({"text", "varchar", "bpchar", "name", "citext"})


def names_itself(type_: PgType | None) -> bool:
    """Whether a value beside a column names its type, or takes the column's.

    Numbers, dates and the like do: a driver that was told another type changes such values in silence (2.75 → 2). Texts
    do not: their bytes are the same whichever of the text types the column has, and another one beside it means
    another comparison (``bpchar`` pads, ``citext`` folds case) and no index. Neither does a type outside
    ``pg_catalog`` whose schema nobody said, nor an array of a domain, which only equals its own kind.
    """
    if type_ is None:
        return False
    found = type_.element if type_.kind == "array" else type_.base
    if found is None or found.kind == "domain" or (found.schema is None and found.name in _TEXT_LIKE):
        return False
    return found.oid in BY_OID or found.schema is not None


Piece = tuple[list[str], list[int]]
"""Text cut at its parameters, and which stand between."""


class Heads:
    """The queries in WITH of a statement, all of which stand in front of it, whoever refers to them.

    Attributes:
        names: what they are called, quoted, by the identity of each.
        held: those of ``names``, so that their identities stay theirs.
        open: those that are being written, each with the depth at which.
        done: what is written, in the order in which it may refer to each other.
        recursive: whether one of them asks itself again.
        locks: whether one of them locks rows.
        writes: what they write: tables, and the attributes that literals are assigned to.
    """

    __slots__ = ("done", "held", "locks", "names", "open", "recursive", "writes")

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.held: list[Any] = []
        self.open: dict[int, int] = {}
        self.done: dict[int, Piece] = {}
        self.recursive = False
        self.locks = False
        self.writes: list[tuple[Table, tuple[str, ...]]] = []

    def name(self, query: Any, name: str) -> None:
        """Give a query a name, unless it has one; one that is taken gets a number behind it."""
        if id(query) in self.names:
            return
        free, number = name, 1
        while quote_identifier(free) in self.names.values():
            number += 1
            free = f"{name}_{number}"
        self.names[id(query)] = quote_identifier(free)
        self.held.append(query)

    def before(self, pieces: list[str], uses: list[int], touched: Iterable[str]) -> Piece:
        """The queries with the statement behind them.

        Raises:
            FieldError: one has the name of a table, which would be another one there.
        """
        for taken in set(touched).intersection(self.names.values()):
            raise FieldError(
                f"with_(): {taken} is a table that the query reads, too, and would not find any more; "
                "take another name"
            )
        texts, numbers = ["WITH RECURSIVE " if self.recursive else "WITH "], list[int]()
        for position, (found, asked) in enumerate(self.done.values()):
            texts[-1] += (", " if position else "") + found[0]
            texts += found[1:]
            numbers += asked
        texts[-1] += " " + pieces[0]
        return [*texts, *pieces[1:]], [*numbers, *uses]


class Writer:
    """Collects SQL text and parameters; the same value used twice the same way is sent once."""

    __slots__ = (
        "_databases",
        "_known",
        "_text",
        "_touched",
        "depth",
        "heads",
        "parameters",
        "pieces",
        "pure",
        "qualify",
        "uses",
        "write",
    )

    def __init__(self, *, qualify: bool = False) -> None:
        self.qualify = qualify  # whether columns are written with their table's alias
        self._text: list[str] = []
        self.write = self._text.append
        """Append SQL text."""
        self._known: dict[int, list[int]] = {}  # positions of the parameters that send a value
        self.pieces: list[str] = []
        self.uses: list[int] = []
        self.parameters: list[Parameter] = []
        self.pure = True
        self._touched: dict[str, bool] = {}
        self._databases: dict[Any, None] = {}
        self.heads: Heads | None = None  # queries in WITH; ``None`` = there are none
        self.depth = 0  # of queries that are values, inside of which is being written

    def aside(self, write: Callable[[], None]) -> Piece:
        """Let something be written apart from the statement, which shares its parameters."""
        outside = self._text, self.write, self.pieces, self.uses, self.qualify
        self._text, self.pieces, self.uses, self.qualify = [], [], [], False
        self.write = self._text.append
        try:
            write()
            return [*self.pieces, "".join(self._text)], self.uses
        finally:
            self._text, self.write, self.pieces, self.uses, self.qualify = outside

    def writes(self, table: Table, assigned: Iterable[str]) -> None:
        """Note that a query in WITH writes to a table, and to which of its attributes it assigns literals."""
        assert self.heads is not None
        self.heads.writes.append((table, tuple(assigned)))

    def touch(self, relation: str, *, write: bool = False) -> None:
        """Note a relation (quoted) that the statement reads, or writes."""
        self._touched[relation] = write or self._touched.get(relation, False)

    def on(self, database: Any) -> None:
        """Note a database (a weak reference) that a query inside of the statement was said to run on."""
        if database is not None:
            self._databases[database] = None

    def parameter(
        self,
        index: int,
        adapt: tuple[Any, ...],
        type_: PgType | None,
        label: str,
        *,
        beside_column: bool = False,
    ) -> None:
        """Append a parameter with its type.

        Args:
            beside_column: it is compared with a column or stored in one, whose type it can take.
        """
        typed = not beside_column or names_itself(type_)
        same = self._known.setdefault(index, [])
        for position in same:
            known = self.parameters[position]
            if known.adapt == adapt and known.type == type_ and known.typed == typed:
                break
        else:
            position = len(self.parameters)
            same.append(position)
            self.parameters.append(Parameter(index, adapt, type_, label, typed))
        self.pieces.append("".join(self._text))
        self._text.clear()
        self.uses.append(position)

    def finish(
        self, outputs: Sequence[Output] = (), *, reads: bool = False, locks: bool = False
    ) -> Statement:
        """Return the statement written so far.

        Args:
            reads: it is a SELECT.
            locks: one that locks its rows.

        Raises:
            FieldError: a query in WITH has the name of a table of the statement.
        """
        pieces, uses = [*self.pieces, "".join(self._text)], self.uses
        if self.heads is not None:
            pieces, uses = self.heads.before(pieces, uses, self._touched)
            # A write keeps what it found locked for as long as it has to.
            locks = locks or (reads and self.heads.locks and not self.heads.writes)
            reads = reads and not self.heads.writes
        return Statement(
            tuple(pieces),
            tuple(uses),
            tuple(self.parameters),
            tuple(outputs),
            tuple(self._touched.items()),
            self.pure,
            tuple(self._databases),
            reads,
            locks,
            () if self.heads is None else tuple(self.heads.writes),
        )


__all__ = ["Output", "Parameter", "Statement", "Writer", "names_itself"]
