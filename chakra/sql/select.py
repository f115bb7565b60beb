"""SELECT as data: what querysets carry and share, and the key under which a compiled statement is kept.

Eight slots hold what nearly every query says; the rest are ``Clauses``, which most queries do without. Everything that
changes the SQL is part of ``shape``; ``numbered`` gives the compiler the same query with its literals as slots,
numbered in the order of the shape, so that it may put them anywhere, in any order, and as often as it likes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from chakra._late import late
from chakra.expressions import Condition, Expression, F, Order
from chakra.schema import Table

if TYPE_CHECKING:
    from chakra.expressions import Q
    from chakra.expressions.aggregates import has_aggregate
    from chakra.expressions.grouping import GroupingSets
    from chakra.expressions.q import keyword_shape, numbered_keywords
    from chakra.expressions.windows import has_window
    from chakra.sql.ctes import Cte, Join, NumberedCte, NumberedJoin, NumberedWith, Numbers, With
else:
    late(globals(), "chakra.expressions", "Q")
    late(globals(), "chakra.expressions.aggregates", "has_aggregate")
    late(globals(), "chakra.expressions.grouping", "GroupingSets")
    late(globals(), "chakra.expressions.q", "keyword_shape numbered_keywords")
    late(globals(), "chakra.expressions.windows", "has_window")
    late(globals(), "chakra.sql.ctes", "Numbers")

Filter: TypeAlias = "tuple[bool | None, tuple[Condition, ...], tuple[str, ...], tuple[Any, ...]]"
"""One call of ``filter`` or ``exclude``: whether negated, positional conditions, names and values of keywords (of two,
128 bytes; a dict has 192). ``None`` in place of ``False`` says only whose set the rows are of, and nothing of the
partners that later values and aggregates mean.
"""

_new = object.__new__

Named: TypeAlias = "tuple[tuple[str, Any], ...]"
"""Output names with the path or expression behind each."""


class Clauses:
    """What few queries say. Treated as immutable, like ``Select``.

    Attributes:
        outputs: what ``values`` returns, by name; empty = all columns.
        annotations: computed values by name.
        after: of each annotation, how many calls of ``filter`` and ``exclude`` stand before it.
        each: the path, or the fields, for each value of which the slice is taken; ``None`` = it is one of all rows.
        inner: the query, or several, or the one in WITH, whose rows stand in place of a table's; ``None`` = the
            table's own. ``table`` describes them.
        groups: what a query with aggregates is grouped by (paths and expressions); ``None`` = it is not.
        of_rows: how many annotations are values of each row, though the query is grouped by others: those that were
            there before its groups.
        only: attributes to load of instances, or ``None`` for all but the deferred ones.
        deferred: attributes not to load.
        related: relation paths to load along.
        distinct: ``None``, ``()`` for DISTINCT, or names and expressions for DISTINCT ON.
        hidden: names of annotations that are not returned unless they are asked for.
        keyed: whether the rows are sorted by what a position in them was named by (``after``), which no other order may
            take the place of; ``True`` = they bring these values along.
        lock: strength (``UPDATE``, …), relations whose rows are locked, and whether to wait; or ``None``.
        nested: rows behind relations that come along in one value of each row.
        texts: values inside records that travel as text, by their path, and as which type: those without a binary
            format.
        nothing: whether the query is known to be empty (``none()``).
        sample: which share of the table's rows are looked at; ``None`` = all.
        windows: what windows share, by name.
        withs: queries in WITH.
        joins: queries whose rows are joined to those of this one.
    """

    __slots__ = (
        "after",
        "annotations",
        "deferred",
        "distinct",
        "each",
        "groups",
        "hidden",
        "inner",
        "joins",
        "keyed",
        "lock",
        "nested",
        "nothing",
        "of_rows",
        "only",
        "outputs",
        "related",
        "sample",
        "texts",
        "windows",
        "withs",
    )

    outputs: Named
    annotations: Named
    after: tuple[int, ...]
    each: str | tuple[str, ...] | None
    inner: Select | Combined | Cte | None
    groups: tuple[Any, ...] | None
    only: frozenset[str] | None
    deferred: frozenset[str]
    related: tuple[str, ...]
    distinct: tuple[Any, ...] | None
    hidden: frozenset[str]
    keyed: bool | None
    lock: tuple[str, tuple[str, ...], str] | None
    nested: tuple[Nested, ...]
    texts: tuple[tuple[tuple[str, ...], str], ...]
    nothing: bool
    sample: Sample | None
    windows: Named
    of_rows: int
    withs: tuple[With, ...]
    joins: tuple[Join, ...]

    def __init__(self) -> None:
        self.outputs = ()
        self.annotations = ()
        self.after = ()
        self.each = None
        self.inner = None
        self.groups = None
        self.only = None
        self.deferred = frozenset()
        self.related = ()
        self.distinct = None
        self.hidden = frozenset()
        self.keyed = None
        self.lock = None
        self.nested = ()
        self.texts = ()
        self.nothing = False
        self.sample = None
        self.windows = ()
        self.of_rows = 0
        self.withs = ()
        self.joins = ()

    def copy(self) -> Clauses:
        """Return a copy to be changed before anybody else sees it."""
        new: Clauses = _new(Clauses)
        new.outputs = self.outputs
        new.annotations = self.annotations
        new.after = self.after
        new.each = self.each
        new.inner = self.inner
        new.groups = self.groups
        new.only = self.only
        new.deferred = self.deferred
        new.related = self.related
        new.distinct = self.distinct
        new.hidden = self.hidden
        new.keyed = self.keyed
        new.lock = self.lock
        new.nested = self.nested
        new.texts = self.texts
        new.nothing = self.nothing
        new.sample = self.sample
        new.windows = self.windows
        new.of_rows = self.of_rows
        new.withs = self.withs
        new.joins = self.joins
        return new

    @property
    def queries(self) -> tuple[str, ...]:
        """The names of queries in WITH and in FROM, by which paths lead there."""
        return (*(each.name for each in self.withs), *(each.name for each in self.joins))

    def shape(self, values: list[Any]) -> Hashable:
        """The structural key; literals are appended to ``values``."""
        return (
            tuple([(name, v.shape(values)) for name, v in self.annotations]) if self.annotations else (),
            _terms_shape(self.outputs, values) if self.outputs else (),
            None if self.groups is None else self._groups_shape(values),
            None if self.distinct is None else tuple([_term_shape(v, values) for v in self.distinct]),
            tuple([(name, v.shape(values)) for name, v in self.windows]) if self.windows else (),
            None if self.sample is None else self.sample.shape(values),
            None if self.inner is None else self.inner.shape(values),
            tuple([(n.name, n.relation, n.select.shape(values)) for n in self.nested]) if self.nested else (),
            tuple([each.shape(values) for each in self.withs]) if self.withs else (),
            tuple([each.shape(values) for each in self.joins]) if self.joins else (),
            _words_of(self),
        )

    def numbered(self, numbers: Iterator[int]) -> Clauses:
        """The clauses with slots for their literals, in the order of ``shape``."""
        new = self.copy()
        new.annotations = tuple([(name, _numbered(v, numbers)) for name, v in self.annotations])
        new.outputs = tuple([(name, _numbered(v, numbers)) for name, v in self.outputs])
        if self.groups is not None:
            known = {id(v): n for (_, v), (_, n) in zip(self.outputs, new.outputs, strict=True)}
            new.groups = tuple([_numbered_again(v, numbers, known) for v in self.groups])
        if self.distinct:
            new.distinct = tuple([_numbered(v, numbers) for v in self.distinct])
        if self.windows:
            new.windows = tuple([(name, v.numbered(numbers)) for name, v in self.windows])
        if self.sample is not None:
            new.sample = self.sample.numbered(numbers)
        return new

    def _groups_shape(self, values: list[Any]) -> Hashable:
        """The key of what is grouped by, and which values of it are returned as well: these have one number."""
        assert self.groups is not None
        if all([type(term) is str for term in self.groups]):
            return self.groups
        returned = {id(value): at for at, (_, value) in enumerate(self.outputs) if type(value) is not str}
        terms = [
            part
            for term in self.groups
            for part in (term.terms if isinstance(term, GroupingSets) else (term,))
        ]
        at = tuple([returned.get(id(term)) for term in terms]) if returned else ()
        return at, *[_term_shape(term, values) for term in self.groups]


WORDS = (
    "after",
    "each",
    "related",
    "only",
    "deferred",
    "hidden",
    "keyed",
    "lock",
    "texts",
    "nothing",
    "of_rows",
)
"""Clauses that hold names and words; each is its own key."""

_words_of = attrgetter(*WORDS)


class Sample(NamedTuple):
    """A part of a table's rows, drawn at random.

    Attributes:
        method: ``SYSTEM`` or ``BERNOULLI``.
        percent: of the rows.
        seed: what makes the same part come again; ``None`` = another one each time.
    """

    method: str
    percent: Expression
    seed: Expression | None

    def shape(self, values: list[Any]) -> Hashable:
        """The structural key; the numbers are appended to ``values``."""
        return (
            self.method,
            self.percent.shape(values),
            None if self.seed is None else self.seed.shape(values),
        )

    def numbered(self, numbers: Iterator[int]) -> Sample:
        """The sample with slots for its numbers, in the order of ``shape``."""
        percent = self.percent.numbered(numbers)
        return Sample(self.method, percent, None if self.seed is None else self.seed.numbered(numbers))


class Nested(NamedTuple):
    """Rows behind a relation, as one value of each row: a list of records, or one of them.

    Attributes:
        name: of the value.
        relation: its name in the table of the query around.
        select: which rows, with what in them, and in which order; a slice is one for each row of the query around.
    """

    name: str
    relation: str
    select: Select


class Combined(NamedTuple):
    """The rows of several queries as those of one.

    Attributes:
        word: ``UNION``, ``INTERSECT`` or ``EXCEPT``, with ``ALL`` or without.
        parts: queries of as many values.
        columns: what these are called outside, quoted.
    """

    word: str
    parts: tuple[Select, ...]
    columns: tuple[str, ...]

    def shape(self, values: list[Any]) -> Hashable:
        """The structural key; literals of all parts are appended to ``values``."""
        return (self.word, self.columns, *[(part.table, part.shape(values)) for part in self.parts])

    def numbered(self, numbers: Iterator[int]) -> NumberedParts:
        """The parts with slots for their literals, in the order of ``shape``."""
        return NumberedParts(self.word, tuple([part.numbered(numbers) for part in self.parts]), self.columns)


NONE = Clauses()
"""The clauses of a query that has none."""


class Select:
    """What a query reads. Treated as immutable: every change is made on a ``copy``.

    Attributes:
        table: the root table.
        result: ``instances``; ``nested``: all that instances hold, with what is loaded along in records; ``dict``,
            ``tuple``, ``flat`` or ``named`` rows of values; ``count`` or ``exists``.
        filters: calls of ``filter`` and ``exclude``, in order.
        order: names, ``Order`` terms or expressions; ``None`` = the table's ordering, ``()`` = none.
        backwards: whether the order is turned round.
        limit, offset: numbers of rows, or ``None``.
        more: the other clauses; ``None`` = it has none.
    """

    __slots__ = ("backwards", "filters", "limit", "more", "offset", "order", "result", "table")

    table: Table
    result: str
    filters: tuple[Filter, ...]
    order: tuple[Any, ...] | None
    backwards: bool
    limit: int | None
    offset: int | None
    more: Clauses | None

    def __init__(self, table: Table) -> None:
        self.table = table
        self.result = "instances"
        self.filters = ()
        self.order = None
        self.backwards = False
        self.limit = None
        self.offset = None
        self.more = None

    def copy(self) -> Select:
        """Return a copy to be changed before anybody else sees it."""
        new: Select = _new(Select)
        new.table = self.table
        new.result = self.result
        new.filters = self.filters
        new.order = self.order
        new.backwards = self.backwards
        new.limit = self.limit
        new.offset = self.offset
        new.more = self.more
        return new

    def filtered(
        self, negated: bool | None, conditions: tuple[Condition, ...], keywords: Mapping[str, Any]
    ) -> Select:
        """Return a copy with one more call of ``filter``, or of ``exclude`` if it is negated (``Filter``)."""
        new = self.copy()
        new.filters = (*self.filters, (negated, conditions, (*keywords,), (*keywords.values(),)))
        return new

    def with_clauses(self, **changes: Any) -> Select:
        """Return a copy with some of the other clauses changed."""
        new, more = self.opened()
        for name, value in changes.items():
            setattr(more, name, value)
        return new

    def opened(self) -> tuple[Select, Clauses]:
        """Return a copy and its own clauses, to be changed before anybody else sees them."""
        new = self.copy()
        more = new.more = (self.more or NONE).copy()
        return new, more

    @property
    def clauses(self) -> Clauses:
        """The other clauses, to be read."""
        return self.more or NONE

    @property
    def sliced(self) -> bool:
        """Whether only some of the rows are wanted, by their number."""
        return self.limit is not None or self.offset is not None

    @property
    def ordered_by(self) -> tuple[Any, ...]:
        """The terms of the order, the table's own if the query names none."""
        return self.table.ordering if self.order is None else self.order

    def for_write(self) -> Select:
        """The rows of an UPDATE or DELETE: without what only matters where rows are returned."""
        new = self.copy()
        new.result, new.order, new.backwards = "instances", (), False
        if new.more is not None:
            new = new.with_clauses(related=(), outputs=(), lock=None)
        return new

    def for_scalar(self, result: str) -> Select:
        """The query that asks for ``count`` or ``exists``."""
        new = self.copy()
        new.result, new.order, new.backwards = result, (), False
        if new.more is not None:
            # The outputs stay: where the query is distinct or grouped they decide how many rows there are.
            new = new.with_clauses(related=(), lock=None)
        return new

    def shape(self, values: list[Any]) -> Hashable:
        """Return the key of the statement and append the query's literal values to ``values``."""
        order, limit, offset, more = self.order, self.limit, self.offset, self.more
        key: list[Any] = [self.result, order is None, self.backwards, limit is None, offset is None]
        for negated, conditions, names, given in self.filters:
            key += negated, len(conditions)
            for condition in conditions:
                key.append(condition.shape(values))
            if names:
                key.append(keyword_shape(names, given, values))
        key.append(None)
        for term in self.table.ordering if order is None else order:
            key.append(term if term.__class__ is str else term.shape(values))
        if limit is not None:
            values.append(limit)
        if offset is not None:
            values.append(offset)
        if more is not None:
            key += None, more.shape(values)
        return tuple(key)

    def numbered(self, numbers: Iterator[int]) -> Numbered:
        """The query with slots for its literals, in the order of ``shape``."""
        new = self.copy()
        new.filters = tuple(
            [
                (
                    negated,
                    tuple([c.numbered(numbers) for c in conditions]),
                    names,
                    numbered_keywords(names, given, numbers),
                )
                for negated, conditions, names, given in self.filters
            ]
        )
        # The terms may be the table's own, which an order that was given is told from by ``order`` of the query.
        terms = tuple([t if type(t) is str else t.numbered(numbers) for t in self.ordered_by])
        limit = None if self.limit is None else next(numbers)
        offset = None if self.offset is None else next(numbers)
        inner: Numbered | NumberedParts | NumberedCte | None = None
        nested: tuple[Numbered, ...] = ()
        withs: tuple[NumberedWith, ...] = ()
        joins: tuple[NumberedJoin, ...] = ()
        if self.more is not None:
            new.more = self.more.numbered(numbers)
            inner = None if self.more.inner is None else self.more.inner.numbered(numbers)
            nested = tuple([each.select.numbered(numbers) for each in self.more.nested])
            withs = tuple([each.numbered(numbers) for each in self.more.withs])
            joins = tuple([each.numbered(numbers) for each in self.more.joins])
        return Numbered(new, terms, limit, offset, inner, nested, withs, joins)

    @property
    def aggregates(self) -> bool:
        """Whether any value that the query computes is an aggregate."""
        more = self.more
        if more is None:
            return False
        return any(
            isinstance(value, Expression) and has_aggregate(value)
            for _, value in (*more.annotations, *more.outputs)
        )

    @property
    def one_row(self) -> bool:
        """Whether it makes one row of all rows: it aggregates them, and has no groups."""
        return self.clauses.groups is None and self.aggregates

    @property
    def windowed(self) -> bool:
        """Whether any value that the query computes, sorts or filters by is over a window."""
        more = self.more or NONE
        said = [value for _, value in (*more.annotations, *more.outputs)]
        said += [term.expression if isinstance(term, Order) else term for term in self.order or ()]
        return self.filtered_by_window or any(isinstance(v, Expression) and has_window(v) for v in said)

    @property
    def filtered_by_window(self) -> bool:
        """Whether any condition is about a window, or about a value that is made of one."""
        computed = {name for name, value in self.clauses.annotations if has_window(value)}
        for _, conditions, names, values in self.filters:
            said = [value for value in (*conditions, *values) if isinstance(value, Expression)]
            if any(has_window(value) for value in said):
                return True
            if computed and (
                any(_begins(name, computed) for name in names) or any(_names(each, computed) for each in said)
            ):
                return True
        return False

    @property
    def chosen(self) -> bool:
        """Whether groups of its rows are groups of rows that are made first: of a slice, the first of each, those
        behind a position, or with what is computed over others. Another DISTINCT is about the groups.
        """
        clauses = self.clauses
        return self.sliced or bool(clauses.distinct) or clauses.keyed is not None or self.windowed


def _begins(path: str, names: set[str]) -> bool:
    return path in names or any(path.startswith(f"{name}__") for name in names)


def _names(value: Expression, names: set[str]) -> bool:
    """Whether a tree names one of some values."""
    if isinstance(value, F) and _begins(value.path, names):
        return True
    if isinstance(value, Q) and any(_begins(name, names) for name in value.keywords):
        return True
    return any(_names(child, names) for child in value.children)


def _terms_shape(terms: Named, values: list[Any]) -> Hashable:
    for _, term in terms:
        if term.__class__ is not str:
            return tuple([(name, _term_shape(v, values)) for name, v in terms])
    return terms  # names of fields are their own key


def _term_shape(term: Any, values: list[Any]) -> Hashable:
    return term if type(term) is str else term.shape(values)


def _numbered(term: Any, numbers: Iterator[int]) -> Any:
    return term if type(term) is str else term.numbered(numbers)


def _numbered_again(term: Any, numbers: Iterator[int], known: Mapping[int, Any]) -> Any:
    """A term of GROUP BY; one that is returned as well has the numbers that it has there."""
    if isinstance(term, GroupingSets):
        return term.rebuild(tuple([_numbered_again(part, numbers, known) for part in term.terms]))
    found = _numbered(term, numbers)
    return found if type(term) is str else known.get(id(term), found)


class Numbered(NamedTuple):
    """A query whose literals are slots.

    Attributes:
        order: the terms of its order, the table's own if it names none.
        limit, offset: the numbers of these two among the values; ``None`` = there is none.
        inner: the query, or several, whose rows stand in place of a table's.
        nested, withs, joins: the queries of these ``Clauses``, in their order.
    """

    select: Select
    order: tuple[Any, ...]
    limit: int | None
    offset: int | None
    inner: Numbered | NumberedParts | NumberedCte | None
    nested: tuple[Numbered, ...] = ()
    withs: tuple[NumberedWith, ...] = ()
    joins: tuple[NumberedJoin, ...] = ()


class NumberedParts(NamedTuple):
    """``Combined`` with slots for its literals."""

    word: str
    parts: tuple[Numbered, ...]
    columns: tuple[str, ...]


def numbered(select: Select, held: int) -> Numbered:
    """Number the literals of a query, in the order in which its shape lists their values.

    Args:
        held: how many values the shape has listed.

    Raises:
        AssertionError: a node's ``shape`` and ``numbered`` do not speak of the same literals.
    """
    numbers = Numbers()
    found = select.numbered(numbers)
    given = next(numbers)
    assert given == held, f"{given} literals numbered, and {held} in the shape"
    return found


__all__ = [
    "NONE",
    "Clauses",
    "Combined",
    "Filter",
    "Named",
    "Nested",
    "Numbered",
    "NumberedParts",
    "Sample",
    "Select",
    "numbered",
]
