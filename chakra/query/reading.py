"""The verbs of a queryset that ask the server: rows, one row, a number, a plan."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

from chakra._late import late
from chakra.errors import DataError, DoesNotExist, FieldError, MultipleObjectsReturned, QueryError
from chakra.expressions import Expression, Order
from chakra.query.aggregated import standing
from chakra.query.base import R_co
from chakra.query.narrowing import turned
from chakra.query.not_a_list import check_field, check_key, given_items
from chakra.query.pending import awaited
from chakra.query.returning import Returning
from chakra.query.verbs import runs
from chakra.sql import Select, loaded_of

if TYPE_CHECKING:
    from chakra.db.streams import Stream
    from chakra.debug.explain import ExplainOptions
    from chakra.expressions.aggregates import has_aggregate, named_values
    from chakra.pg.conversion import shown
    from chakra.pg.showing import showing
    from chakra.query import explaining, prefetch, run
    from chakra.query.checks import value_name
    from chakra.query.options import flag
    from chakra.query.read_only import read_only
    from chakra.query.stream import rows_of
    from chakra.sql import over_rows, select_statement
else:
    late(globals(), "chakra.db.streams", "Stream")
    late(globals(), "chakra.expressions.aggregates", "has_aggregate named_values")
    late(globals(), "chakra.pg.conversion", "shown")
    late(globals(), "chakra.pg.showing", "showing")
    late(globals(), "chakra.query", "explaining prefetch run")
    late(globals(), "chakra.query.checks", "value_name")
    late(globals(), "chakra.query.options", "flag")
    late(globals(), "chakra.query.read_only", "read_only")
    late(globals(), "chakra.query.stream", "rows_of")
    late(globals(), "chakra.sql", "over_rows select_statement")


GET_LIMIT = 2
"""Rows ``get`` asks for: the second one is enough to know that there are several."""

MOST_AT_ONCE = 2**31 - 1  # rows a portal can be asked for (message Execute, manual, 54.7)
ITERATOR_ROWS = 2_000
"""Rows per round trip of ``async for``. Between 500 and 10,000 the time per row differs by less than 5 %."""


class Reading(Returning[R_co]):
    """The methods of ``QuerySet`` that read."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, list[R_co]]:
        return self._fetch().__await__()

    async def _fetch(self) -> list[R_co]:
        select = self._whole if self._prefetches else self._select
        database = self._source
        rows = await run.rows(database, select, self._mode)
        if self._prefetches:
            await prefetch.load(database, rows, self._prefetches, loaded_of(select))
        return rows

    @property
    def _whole(self) -> Select:
        """The question, with the keys that what is prefetched needs."""
        return prefetch.with_keys(self._select, self._prefetches)

    async def _row(self, select: Select) -> R_co | None:
        select = prefetch.with_keys(select, self._prefetches)
        database = self._source
        row: R_co | None = await run.row(database, select, self._mode)
        if self._prefetches and row is not None:
            await prefetch.load(database, [row], self._prefetches, loaded_of(select))
        return row

    def __aiter__(self) -> Stream[R_co]:
        return self.iterator()

    def iterator(self, chunk_size: int = ITERATOR_ROWS) -> Stream[R_co]:
        """Stream rows through a cursor, ``chunk_size`` per round trip; memory stays flat.

        The loop may be left at any point. Where a reference to the stream is kept, ``async with`` ends it.

        Raises:
            FieldError: ``chunk_size`` is no whole number from 1 on.
        """
        if type(chunk_size) is not int or not 1 <= chunk_size <= MOST_AT_ONCE:
            raise QueryError(f"chunk_size is a whole number from 1 to {MOST_AT_ONCE}, not {chunk_size!r}")
        return Stream(
            lambda reader: rows_of(
                self._whole,
                self._source,
                chunk_size,
                reader,
                self._prefetches,
                self._mode,
                self._known(),
            )
        )

    @overload
    def __getitem__(self, key: slice) -> Self: ...

    @overload
    def __getitem__(self, key: int) -> Awaitable[R_co]: ...

    def __getitem__(self, key: slice | int) -> Any:
        """``qs[a:b]`` is a query for those rows; ``await qs[3]`` gives one row.

        Raises:
            FieldError: a negative or stepped slice, or no position at all.
        """
        check_key(key)
        if isinstance(key, int):
            return self._slice(slice(key, key + 1))._single(key)
        return self._slice(key)

    async def _single(self, position: int) -> R_co:
        rows = await self._fetch()
        if not rows:
            raise IndexError(f"the query has no row {position}")
        return rows[0]

    @runs
    async def get(self, /, *conditions: Expression, **lookups: Any) -> R_co:
        """Return the one row that matches.

        Raises:
            DoesNotExist: none matches (``Model.DoesNotExist``).
            MultipleObjectsReturned: more than one does.
        """
        found = self._filtered(False, conditions, lookups) if conditions or lookups else self
        select = found._select
        if select.limit is None:
            if found is self:  # else the copy is nobody else's
                select = select.copy()
            select.limit = GET_LIMIT
            if select.more is None or select.more.distinct is None:
                select.order = ()
        if self._prefetches:
            select = prefetch.with_keys(select, self._prefetches)
        database = self._source
        rows = await run.some_rows(database, select, self._mode)
        if len(rows) == 1:
            if self._prefetches:
                await prefetch.load(database, rows, self._prefetches, loaded_of(select))
            return rows[0]  # type: ignore[no-any-return]
        raise self._not_one(rows, conditions, lookups)

    def _not_one(self, rows: Sequence[Any], conditions: Any, lookups: dict[str, Any]) -> Exception:
        cls = self.table.row_class
        asked = ", ".join([shown(c) for c in conditions] + [f"{k}={_asked(v)}" for k, v in lookups.items()])
        if not rows:
            kind = getattr(cls, "DoesNotExist", DoesNotExist)
            return kind(f"no {self.table.title} matches ({asked})")
        kind = getattr(cls, "MultipleObjectsReturned", MultipleObjectsReturned)
        return kind(f"more than one {self.table.title} matches ({asked})")

    @runs
    @awaited
    async def first(self) -> R_co | None:
        """Return the first row, by primary key if there is no order; ``None`` if there is none."""
        return await self._row(self._ordered(backwards=False))

    @runs
    @awaited
    async def last(self) -> R_co | None:
        """Return the last row, by primary key if there is no order; ``None`` if there is none."""
        if self._select.sliced:
            raise QueryError("last() of a slice is not defined; take the list and its last element")
        return await self._row(self._ordered(backwards=True))

    def _ordered(self, *, backwards: bool) -> Select:
        select = self._select.copy()
        if not select.ordered_by:
            select.order = () if select.clauses.groups else self.table.primary_key
        select.backwards = select.backwards != backwards
        select.limit = 1 if select.limit is None else min(select.limit, 1)
        return select

    @runs
    async def earliest(self, *fields: str | Order | Expression) -> R_co:
        """Return the row that comes first by these fields, named as in ``order_by``.

        Raises:
            DoesNotExist: there is no row.
        """
        return await self._first_by(fields, fields)

    @runs
    async def latest(self, *fields: str | Order | Expression) -> R_co:
        """Return the row that comes last by these fields, named as in ``order_by``.

        Raises:
            DoesNotExist: there is no row.
        """
        return await self._first_by(fields, [turned(field) for field in fields])

    async def _first_by(self, fields: Sequence[Any], terms: Sequence[Any]) -> R_co:
        if not fields:
            raise QueryError("earliest() and latest() need the name of a field to order by")
        ordered = self.order_by(*terms)
        row = await ordered._row(ordered._ordered(backwards=False))
        if row is None:
            raise self._not_one((), (), {})
        return row

    @runs
    @awaited
    async def count(self) -> int:
        """Return the number of rows."""
        return int(await run.scalar(self._source, self._select.for_scalar("count")))

    @runs
    @awaited
    async def exists(self) -> bool:
        """Return whether there is any row."""
        return bool(await run.scalar(self._source, self._select.for_scalar("exists")))

    def _totals(self, /, *unnamed: Expression, **values: Expression) -> Select:
        """The query of one row that ``aggregate`` asks."""
        values = named_values("aggregate", unnamed, values)
        if not values:
            raise QueryError('aggregate() needs at least one aggregate, e.g. total=Sum("price")')
        for name, value in values.items():
            value_name(name)
            if not isinstance(value, Expression) or not has_aggregate(value):
                raise QueryError(f"aggregate(): {name}={value!r} is no aggregate")
        select = self._select.with_clauses(related=(), lock=None)
        clauses = select.clauses
        if select.sliced or clauses.distinct is not None or clauses.groups is not None or select.windowed:
            if clauses.hidden and not clauses.outputs and clauses.distinct is None:
                select = select.with_clauses(hidden=frozenset())  # names that the aggregates may be of
            select = over_rows(select)
        select = select.with_clauses(outputs=tuple(values.items()))
        select.order, select.backwards, select.result = (), False, "dict"
        return select

    @runs
    @standing(_totals)
    async def aggregate(self, /, *unnamed: Expression, **values: Expression) -> dict[str, Any]:
        """Return aggregates over all rows: ``await Post.objects.aggregate(total=Sum("price"))`` → a dict.

        Not awaited, one of them stands for its value in another query:
        ``filter(price__gt=Post.objects.aggregate(mean=Avg("price")))``; ``to_arrow()`` and its kin read one row.

        Args:
            unnamed: aggregates of a field, named after it and themselves: ``Sum("price")`` → ``price__sum``.

        Raises:
            FieldError: a value is no aggregate, or names a field that the rows do not have: of a query that is sliced,
                distinct or grouped, those it returns.
        """
        rows: list[dict[str, Any]] = await run.some_rows(self._source, self._totals(*unnamed, **values))
        return rows[0]

    @runs
    @awaited
    async def contains(self, instance: Any) -> bool:
        """Return whether the row of an instance is among the query's."""
        self._for_instances("contains")
        return await self.filter(pk=instance).exists()

    @runs
    async def in_bulk(self, keys: Iterable[Any] | None = None, *, field: str = "pk") -> dict[Any, R_co]:
        """Return rows by primary key (or another unique field), for all rows or those with the given keys.

        Raises:
            FieldError: several rows can have the same value in the field, or the keys are no list.
        """
        self._for_instances("in_bulk")
        check_field("in_bulk", field)
        name = "pk" if field == "pk" else self.table.column(field).attribute
        if name != "pk" and not self.table.is_unique(name):
            raise FieldError(
                f"in_bulk(field={field!r}): several rows of {self.table.title} can have the same {field}, and a dict "
                "holds one of each; a unique field is needed"
            )
        wanted = (
            self if keys is None else self.filter(**{f"{field}__in": given_items("in_bulk()", keys, "keys")})
        )
        return {getattr(row, name): row for row in await wanted}

    def to_sql(self) -> tuple[str, list[Any]]:
        """Return the SQL text and its parameters, without running anything.

        A datetime without a zone is what the setting ``database.naive_datetimes`` of the query's database says; where
        none is connected, it is refused for ``timestamptz``.
        """
        compiled, values = select_statement(self._whole)
        statement = compiled.statement
        try:
            return statement.sql, list(statement.bind(values))
        except DataError:
            naive = self._naive  # asked for only where it matters
            if naive == "error":
                raise
            return statement.sql, list(statement.bind_for(naive)(values))

    @runs
    async def explain(
        self,
        *,
        update: Mapping[str, Any] | None = None,
        delete: bool = False,
        columns: bool = False,
        **options: Unpack[ExplainOptions],
    ) -> Any:
        """Return the server's plan: as text with notes on what stands out, or with ``format="json"`` as a tree; both
        have ``root``, ``walk()``, ``steps()`` and ``notes``.

        The text ends with a line that says whether rows are read as records or, large results, as columns when the
        query is awaited, and why.

        Args:
            update: show the plan of ``update(**update)`` instead.
            delete: that of ``delete()``.
            columns: that of the query as ``to_arrow()`` sends it, with its values in it.
            options: ``analyze, buffers, verbose, settings, wal, memory, serialize, generic_plan, timing, costs,
                format``; see ``chakra.debug.explain.ExplainOptions``. ``analyze=True`` runs the statement; what it
                writes is rolled back.

        Raises:
            FieldError: an option that is none, that this server does not have, or that contradicts another.
        """
        flag("delete", delete)
        flag("columns", columns)
        if (update is not None or delete) and self.table.read_only:
            raise read_only(self.table, "update()" if update is not None else "delete()")
        return await explaining.explain(self.database, self._whole, {**options}, update, delete, columns)


def _asked(value: Any) -> str:
    return shown(value) if showing.values else "…"


__all__ = ["Reading"]
