"""QuerySet: a lazy, immutable question to the database. It says what is wanted; others compile, run and build.

Its methods stand by verb: ``base`` (what it is made of), ``narrowing``, ``reading``, ``writing``, and here those that
choose what rows hold.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, overload

from chakra._late import late
from chakra.errors import FieldError, QueryError
from chakra.expressions import Condition, Expression, F
from chakra.expressions.base import MAKE, Valued
from chakra.query.base import R_co
from chakra.query.columns import ColumnReads
from chakra.query.grouping import Grouped
from chakra.query.managers import Starting, check_kind
from chakra.query.not_a_list import check_field
from chakra.query.verbs import runs
from chakra.query.writing import Writing
from chakra.sql import Select, field_paths

if TYPE_CHECKING:
    from chakra.db import Database
    from chakra.expressions.aggregates import has_aggregate, named_values
    from chakra.expressions.windows import Over
    from chakra.query import bulk
    from chakra.query.checks import is_attribute, value_name
    from chakra.query.ctes import Query
    from chakra.query.limited import limited
    from chakra.query.moments import Direction, dates_of, datetimes_of
    from chakra.query.nested import nested_select
    from chakra.query.prefetch import Prefetch, as_prefetch, check_paths
    from chakra.sql import as_made, of_own_rows
else:
    late(globals(), "chakra.expressions.aggregates", "has_aggregate named_values")
    late(globals(), "chakra.expressions.windows", "Over")
    late(globals(), "chakra.query", "bulk")
    late(globals(), "chakra.query.checks", "is_attribute value_name")
    late(globals(), "chakra.query.limited", "limited")
    late(globals(), "chakra.query.moments", "dates_of datetimes_of")
    late(globals(), "chakra.query.nested", "nested_select")
    late(globals(), "chakra.query.prefetch", "as_prefetch check_paths")
    late(globals(), "chakra.sql", "as_made of_own_rows")


M = TypeVar("M")
Q_co = TypeVar("Q_co", covariant=True)
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")
T6 = TypeVar("T6")

MODES = ("one", "peers", "raise")
MOST_NAMES = 1_000
"""Names of computed values that a table keeps; a program has tens, unless it makes them of data."""


class QuerySet(Writing[R_co], Grouped[R_co], ColumnReads):
    """Rows of one table, as objects of type ``R_co``; every method that narrows it returns a new one.

    ``await qs`` gives a list; ``async for row in qs`` streams through a cursor; ``qs[10:20]`` slices.

    A model may have querysets of its own: ``class PostQuerySet(QuerySet["Post"])`` with further methods, and
    ``objects = PostQuerySet.as_manager()`` in the class body of ``Post``.
    """

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__dictoffset__ and not any(base.__dictoffset__ for base in cls.__mro__[1:]):
            cls._with = _with_attributes(cls)  # type: ignore[method-assign]
            if "all" not in vars(cls):
                cls.all = _copied  # type: ignore[method-assign]

    @classmethod
    def as_manager(cls, *conditions: Condition, **lookups: Any) -> Manager[Self]:
        """Make the attribute of a model at which queries of this class begin: ``objects = PostQuerySet.as_manager()``.

        The manager named ``objects`` is the model's default one: sets of rows behind relations (``author.posts``,
        ``post.tags``), what is prefetched of them, and partitions are querysets of its class and begin with its query.
        Rows behind a foreign key, ``save``, ``delete`` and ``refresh`` of instances, and conditions across relations
        see all rows.

        Args:
            conditions, lookups: what all rows of the manager have in common, as for ``filter``:
                ``as_manager(deleted_at=None)``.

        Raises:
            FieldError: the class has slots of its own.
        """
        check_kind(cls)
        return Manager(cls, conditions, lookups)

    def initial(self) -> Self:
        """The query that all queries of the class's managers begin with: all rows, unless a subclass overrides it.

        It is asked once for each model and manager; it may filter, sort, annotate and load along, not slice.
        """
        return self

    def select_related(self, *relations: str | None) -> Self:
        """Load the rows behind foreign keys in the same query: ``select_related("author__publisher")``.

        ``None`` takes back what was said before.

        Raises:
            FieldError: what is given is no name.
        """
        self._for_instances("select_related")
        if len(relations) == 1 and relations[0] is None:
            return self._clauses(related=())
        names = dict.fromkeys(self._select.clauses.related)
        for name in relations:
            if not isinstance(name, str):
                raise QueryError(f"select_related() takes names of relations, not {name!r}")
            names[name] = None
        return self._clauses(related=tuple(names))

    def prefetch_related(self, *paths: str | Prefetch | None) -> Self:
        """Load what stands behind relations, one statement for each: ``prefetch_related("posts__tags", Prefetch(…))``.

        ``None`` takes back what was said before.

        Raises:
            FieldError: a path that does not lead along relations; names those there are.
        """
        self._for_instances("prefetch_related")
        new = self._with(self._select)
        if len(paths) == 1 and paths[0] is None:
            new._prefetches = ()
            return new
        added = tuple(as_prefetch(path) for path in paths)
        computed = dict(self._select.clauses.annotations)
        for each in added:
            if each.to_attr in computed and "__" not in each.path:
                raise FieldError(
                    f"{each!r}: to_attr={each.to_attr!r} is the name of an annotation of the query"
                )
        new._prefetches = (*self._prefetches, *added)
        check_paths(self.table, new._prefetches)
        return new

    def fetch_mode(self, mode: Literal["one", "peers", "raise"]) -> Self:
        """Say what awaiting a relation does that was not loaded: ``await post.author``, ``await author.posts``.

        Rows that are loaded along, by ``select_related`` and ``prefetch_related`` and by awaiting, take the mode over.

        Args:
            mode: ``"one"`` asks for the one row. ``"peers"`` loads the relation for all rows of the same result (of a
                stream: of the same block) that are still in use, in one statement: a loop over them asks once; so does
                ``refresh("field")`` with a field that was left out. ``"raise"`` raises ``NotLoaded``, which names the
                call to add.

        Raises:
            FieldError: another mode, or a query of values.
        """
        self._for_instances("fetch_mode")
        if mode not in MODES:
            raise QueryError(f"fetch_mode is one of {', '.join(map(repr, MODES))}, not {mode!r}")
        new = self._with(self._select)
        new._mode = mode
        return new

    def timeout(self, seconds: float) -> Self:
        """Say how long a verb of this query may take: ``await qs.timeout(0.5)``, ``await qs.timeout(0.5).count()``.

        Waiting for a connection counts, and what is prefetched, too; as in ``async with db.deadline(seconds)``, which
        is for several statements, and for streams. Inside of another query it says nothing.

        Args:
            seconds: after which the verb is stopped, on the server too.

        Raises:
            DeadlineExceeded: raised by the verb, when it took longer.
            QueryError: that is no number of seconds.
        """
        return limited(self, seconds)  # type: ignore[no-any-return]

    def only(self, *fields: str) -> Self:
        """Load only these fields, keys besides; reading another raises ``NotLoaded``.

        Paths are about what is loaded along: ``select_related("author").only("title", "author__name")``. A relation
        none of whose fields is named is loaded with all of them. Primary keys and the keys by which relations are
        loaded are there in any case.

        Another call of ``only`` stands in place of the one before; what ``defer`` named before it stays left out.

        Raises:
            FieldError: a name is none of a field; lists what exists.
        """
        clauses = self._select.clauses
        deferred = clauses.deferred if clauses.only is None else frozenset()
        return self._clauses(only=self._paths("only", fields), deferred=deferred)

    def defer(self, *fields: str | None) -> Self:
        """Leave these fields out, also such of relations that are loaded along; reading one raises ``NotLoaded``.

        Calls add up, and take from what ``only`` named. ``None`` takes back both.

        Raises:
            FieldError: a name is none of a field; lists what exists.
        """
        if len(fields) == 1 and fields[0] is None:
            return self._clauses(only=None, deferred=frozenset())
        return self._clauses(deferred=self._select.clauses.deferred | self._paths("defer", fields))

    def _paths(self, method: str, names: Sequence[Any]) -> frozenset[str]:
        self._for_instances(method)
        for name in names:
            check_field(method, name)
        return frozenset(path for name in names for path in field_paths(self.table, name, method))

    def annotate(self, /, *unnamed: Expression, **values: Expression | Query) -> Self:
        """Add computed values; they become attributes of instances and keys of ``values()``.

        The first aggregate decides what the query is grouped by: the fields that ``values()`` named before it, or
        else each row. Where values of each row were chosen among which are aggregates of its partners, further
        aggregates are of those values: ``annotate(n=Count("posts")).values("n").annotate(authors=Count("*"))``.

        Args:
            unnamed: aggregates of a field, named after it and themselves: ``Count("posts")`` → ``posts__count``.
            values: expressions, and queries of one value in one row, as in ``Subquery``.
        """
        return self._annotated(named_values("annotate", unnamed, values))

    def alias(self, /, *unnamed: Expression, **values: Expression | Query) -> Self:
        """Name computed values that are not returned: to filter, sort and compute by.

        ``annotate(x=F("x"))`` behind it returns one as well, and so does ``values("x")``.

        Args:
            unnamed: as for ``annotate``.
        """
        return self._annotated(named_values("alias", unnamed, values), hidden=True)

    def window(self, /, **windows: Over) -> Self:
        """Name windows that expressions share: ``window(w=Over(order_by="day"))``, then ``Window(Rank(), over="w")``.

        One may go on from another that was named before: ``window(v=Over("w", frame=Frame.rows(-1, 1)))``.

        Raises:
            FieldError: no plain name, one that is taken, or no ``Over(…)``.
        """
        known = dict(self._select.clauses.windows)
        for name, window in windows.items():
            if not isinstance(window, Over):
                raise QueryError(f"window(): {name}= takes Over(…), not {window!r}")
            if value_name(name) in known:
                raise FieldError(f"window(): there is a window {name!r} already")
            if window.over is not None and window.over.name not in known:
                names = ", ".join(known) or "none"
                raise FieldError(
                    f"window(): {name} goes on from {window.over.name!r}, which is not named before; there are {names}"
                )
            known[name] = window
        return self._clauses(windows=tuple(known.items()))

    def _annotated(self, values: dict[str, Any], *, hidden: bool = False) -> Self:
        for name, value in values.items():
            if self._taken(name):
                raise FieldError(
                    f"annotation {name!r} has the name of a field or method of {self.table.title}"
                )
            if not isinstance(value, Expression):
                if not hasattr(type(value), "__chakra_query__"):
                    raise FieldError(
                        f"annotation {name!r} must be an expression (Value(…), F(…)), not {value!r}"
                    )
                values = {
                    **values,
                    name: MAKE.rows(value),
                }  # a query of one row, or the error that it is none
            for each in self._prefetches:
                if each.to_attr == name and "__" not in each.path:
                    raise FieldError(
                        f"annotation {name!r} has the name of the list of a Prefetch of the query"
                    )
        clauses = self._select.clauses
        for name in clauses.queries if clauses.withs or clauses.joins else ():
            if name in values:
                raise FieldError(f"annotation {name!r} has the name of a query in with_() or join()")
        select = self._select
        given = [*values.values()]
        grouped = None
        if clauses.groups is None and has_aggregate(*given):
            grouped = tuple([value for _, value in clauses.outputs])
        elif (
            clauses.outputs
            and clauses.groups == ()
            and has_aggregate(*given)
            and of_own_rows(self.table, given)
        ):
            # Values of each row were chosen, aggregates of its partners among them: how often is each there?
            grouped = tuple([value for _, value in clauses.outputs])
        if grouped and select.chosen:
            select = as_made(select)
            clauses = select.clauses
        select, more = select.opened()
        if grouped is not None:
            if more.groups == ():
                more.of_rows = len(more.annotations)
            more.groups = grouped
        more.annotations += (*values.items(),)
        more.after += (len(select.filters),) * len(values)
        if more.outputs:
            # What is annotated after values() is wanted, too; what is hidden from now on is not.
            kept = [output for output in more.outputs if output[1] not in values]
            more.outputs = (*kept, *[(name, name) for name in (() if hidden else values)])
        if hidden:
            more.hidden = more.hidden.union(values)
        elif more.hidden:
            more.hidden = more.hidden.difference(values)
        return self._with(select)

    def _taken(self, name: str) -> bool:
        """Whether a name for a computed value is that of a field or method.

        Raises:
            FieldError: it is no name for a value at all.
        """
        table = self.table
        found = table.taken.get(name)  # 0.1 µs, and 1.9 to look
        if found is None:
            value_name(name)
            found = (
                name in table.by_attribute or name in table.relations or is_attribute(table.row_class, name)
            )
            if len(table.taken) < MOST_NAMES:
                table.taken[name] = found
        return found

    def values(
        self, /, *fields: str | Expression, **expressions: Expression | Query | str
    ) -> QuerySet[dict[str, Any]]:
        """Return rows as dicts of these fields (all of them if none are named)."""
        return self._plain("dict", fields, expressions)

    @overload
    def values_list(self, a: Valued[T1], /, *, flat: Literal[True]) -> QuerySet[T1]: ...

    @overload
    def values_list(self, a: Valued[T1], /) -> QuerySet[tuple[T1]]: ...

    @overload
    def values_list(self, a: Valued[T1], b: Valued[T2], /) -> QuerySet[tuple[T1, T2]]: ...

    @overload
    def values_list(self, a: Valued[T1], b: Valued[T2], c: Valued[T3], /) -> QuerySet[tuple[T1, T2, T3]]: ...

    @overload
    def values_list(
        self, a: Valued[T1], b: Valued[T2], c: Valued[T3], d: Valued[T4], /
    ) -> QuerySet[tuple[T1, T2, T3, T4]]: ...

    @overload
    def values_list(
        self, a: Valued[T1], b: Valued[T2], c: Valued[T3], d: Valued[T4], e: Valued[T5], /
    ) -> QuerySet[tuple[T1, T2, T3, T4, T5]]: ...

    @overload
    def values_list(
        self, a: Valued[T1], b: Valued[T2], c: Valued[T3], d: Valued[T4], e: Valued[T5], f: Valued[T6], /
    ) -> QuerySet[tuple[T1, T2, T3, T4, T5, T6]]: ...

    @overload
    def values_list(self, *fields: str | Expression) -> QuerySet[tuple[Any, ...]]: ...

    @overload
    def values_list(
        self, *fields: str | Expression, flat: bool = ..., named: bool = ...
    ) -> QuerySet[Any]: ...

    def values_list(
        self, *fields: str | Expression, flat: bool = False, named: bool = False
    ) -> QuerySet[Any]:
        """Return rows as tuples; ``flat=True`` gives the values of a single field, ``named=True`` namedtuples."""
        if flat and named:
            raise QueryError("values_list() takes flat or named, not both")
        if flat and len(fields) != 1:
            raise QueryError(f"values_list(flat=True) takes exactly one field, not {len(fields)}")
        return self._plain("flat" if flat else "named" if named else "tuple", fields, {})

    def _plain(
        self, result: str, fields: Sequence[str | Expression], expressions: Mapping[str, Any]
    ) -> QuerySet[Any]:
        outputs: list[tuple[str, Any]] = []
        for item in fields:
            if isinstance(item, str):
                outputs.append((item, item))
                continue
            check_field("values_list" if result != "dict" else "values", item, computed=True)
            bound = getattr(item, "bind_column", None)
            outputs.append((f"column{len(outputs) + 1}" if bound is None else bound[1], item))
        select, more = self._select.opened()
        for name in more.queries if expressions and (more.withs or more.joins) else ():
            if name in expressions:
                raise FieldError(f"values(): {name!r} is the name of a query in with_() or join()")
        for name, expression in expressions.items():
            value: Any = expression
            if not isinstance(value, Expression):
                value = MAKE.rows(value) if hasattr(type(value), "__chakra_query__") else F(value)
            if not self._taken(name):  # so that it can be sorted and filtered by
                more.annotations += ((name, value),)
                more.after += (len(select.filters),)
                value = name
            outputs.append((name, value))
        more.outputs = tuple(outputs)
        if more.groups is None:
            computed = [v for _, v in (*more.annotations, *outputs) if isinstance(v, Expression)]
            if computed and has_aggregate(*computed):
                more.groups = ()
        select.result = result
        new = self._with(select)
        new._prefetches = ()  # rows of values have no relations to load
        return new

    def dates(self, field: str, kind: str, order: Direction = "ASC") -> QuerySet[dt.date]:
        """The dates there are in a field, cut to a ``kind``, each once and sorted; NULL is none.

        Args:
            kind: ``"year"``, ``"quarter"``, ``"month"``, ``"week"`` or ``"day"``; days of a ``timestamptz`` are those
                in UTC.

        Raises:
            FieldError: no field of dates or moments, another kind or order, or a query that is sliced or grouped.
        """
        self._not_sliced("cut to dates", "dates()")
        return self._values_of(dates_of(self, field, kind, order))

    def datetimes(
        self, field: str, kind: str, order: Direction = "ASC", *, tz: str | dt.tzinfo | None = None
    ) -> QuerySet[dt.datetime]:
        """The moments there are in a field, cut to a ``kind``, each once and sorted; NULL is none.

        Args:
            kind: as for ``dates``, or ``"hour"``, ``"minute"`` or ``"second"``.
            tz: the zone in which they are cut, its name or a ``ZoneInfo``; UTC if left out.

        Raises:
            FieldError: as for ``dates``, or no zone.
        """
        self._not_sliced("cut to moments", "datetimes()")
        return self._values_of(datetimes_of(self, field, kind, order, tz))

    def _values_of(self, select: Select) -> QuerySet[Any]:
        new = self._with(select)
        new._prefetches = ()  # rows of values have no relations to load
        return new

    @runs
    async def column_source(self, database: Database, *, nested: bool = False) -> bulk.ColumnSource:
        """Compile the query for COPY: values as literals, result columns, and what may be cut into parts.

        Args:
            nested: with what is loaded along, in lists of structs and in structs.

        Raises:
            FieldError: the query locks rows, which COPY cannot, or nothing is loaded along that could be nested.
        """
        select = nested_select(self._select, self._prefetches, database) if nested else self._select
        return await bulk.source_of(select, database)


def _with_attributes(kind: Any) -> Any:
    """``_with`` of a queryset class whose objects have attributes of their own: they go along."""

    def _with(self: Any, select: Select) -> Any:
        new = super(kind, self)._with(select)
        new.__dict__.update(self.__dict__)
        return new

    return _with


def _copied(self: Any) -> Any:
    """``all()`` of such a class: another object, which may be given an attribute."""
    return copy(self)


class Objects(Starting):
    """``Model.objects``: a queryset over all rows of the model it is read from."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __get__(self, instance: Any, owner: type[M]) -> QuerySet[M]: ...


class Manager(Objects, Generic[Q_co]):
    """A manager that gives querysets of one's own class; ``as_manager()`` of the class makes it."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __get__(self, instance: Any, owner: Any) -> Q_co: ...  # type: ignore[override]


__all__ = ["Manager", "Objects", "QuerySet"]
