"""QuerySet: a lazy, immutable question to the database. It says what is wanted; others compile, run and build."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from chakra.db.default import default_database
from chakra.db.streams import Stream
from chakra.errors import ConfigError, DoesNotExist, FieldError, MultipleObjectsReturned
from chakra.expressions import Condition, Expression, F, Order
from chakra.expressions.aggregates import Aggregate, has_aggregate
from chakra.pg.conversion import Naive, shown
from chakra.query import bulk, bulk_write, columnar_rows, execute, sequences, write
from chakra.query.checks import check_database, row_count, value_name
from chakra.query.columns import ColumnReads
from chakra.query.hydrate import hydrate, loader
from chakra.query.not_a_list import NotAList, check_field, check_key, conditions_of, instances_of
from chakra.query.options import create_options, flag
from chakra.query.pending import awaited
from chakra.query.shown import query_html, query_text
from chakra.query.state import RowState
from chakra.query.stream import rows_of
from chakra.schema import Table
from chakra.sql import Select, select_statement

if TYPE_CHECKING:
    from chakra.columnar import InsertResult
    from chakra.db import Database

R_co = TypeVar("R_co", covariant=True)

GET_LIMIT = 2
"""Rows ``get`` asks for: the second one is enough to know that there are several."""

MOST_AT_ONCE = 2**31 - 1  # rows a portal can be asked for (message Execute, manual, 54.7)
ITERATOR_ROWS = 2_000
"""Rows per round trip of ``async for``. Between 500 and 10,000 the time per row differs by less than 5 %."""


class QuerySet(NotAList, ColumnReads, Generic[R_co]):
    """Rows of one table, as objects of type ``R_co``; every method that narrows it returns a new one.

    ``await qs`` gives a list; ``async for row in qs`` streams through a cursor; ``qs[10:20]`` slices.
    """

    __slots__ = ("_database", "_select", "_style")

    def __init__(self, table: Table, database: Database | None = None, select: Select | None = None) -> None:
        self._select = select if select is not None else Select(table)
        self._database = database
        self._style = "instances"

    def _with(self, select: Select) -> Self:
        new = self.__class__.__new__(self.__class__)
        new._select = select
        new._database = self._database
        new._style = self._style
        return new

    def _changed(self, **changes: Any) -> Self:
        select = self._select.copy()
        for name, value in changes.items():
            setattr(select, name, value)
        return self._with(select)

    @property
    def table(self) -> Table:
        """The table the query reads."""
        return self._select.table

    @property
    def database(self) -> Database:
        """The database the query runs on.

        Raises:
            ConfigError: none was named and none is connected.
        """
        return self._database or default_database()

    @property
    def _naive(self) -> Naive:
        """What a datetime without a zone means for the query's database, if there is one."""
        try:
            return self.database.naive
        except ConfigError:
            return "error"

    def __repr__(self) -> str:
        return query_text(self.__class__.__name__, self._select, self._naive)

    def _repr_html_(self) -> str:
        return query_html(self.__class__.__name__, self._select, self._naive)

    # -- narrowing ------------------------------------------------------------------------------------

    def filter(self, /, *conditions: Expression, **lookups: Any) -> Self:
        """Keep rows for which all conditions hold: ``filter(User.age > 18, User.active, name__startswith="A")``."""
        return self._filtered(False, conditions, lookups)

    def exclude(self, /, *conditions: Expression, **lookups: Any) -> Self:
        """Drop rows for which all conditions hold; rows for which they are NULL stay."""
        return self._filtered(True, conditions, lookups)

    def _filtered(self, negated: bool, given: tuple[Expression, ...], lookups: dict[str, Any]) -> Self:
        select = self._select
        if select.limit is not None or select.offset is not None:
            raise FieldError("a sliced query cannot be filtered; filter first, then slice")
        conditions = conditions_of(given) if given else ()
        if not conditions and not lookups:
            return self
        select = select.copy()
        select.filters = (*select.filters, (negated, conditions, lookups))
        return self._with(select)

    def all(self) -> Self:
        """Return the same rows; ``await qs.all()`` reads like a sentence."""
        return self

    def none(self) -> Self:
        """Return a query without rows."""
        return self._changed(nothing=True)

    def using(self, database: Database) -> Self:
        """Return the query on another database."""
        check_database(database, "using()")
        new = self._with(self._select)
        new._database = database
        return new

    def order_by(self, *terms: str | Order | Expression) -> Self:
        """Sort by names (``"-created_at"``), expressions or ``Order`` terms; none at all removes the order."""
        for term in terms:
            if not isinstance(term, str | Order | Expression):
                raise FieldError(f"order_by() takes names and expressions, not {term!r}")
        select = self._select.copy()
        select.order = terms
        select.backwards = False
        return self._with(select)

    def reverse(self) -> Self:
        """Turn the order round (by primary key if there is none)."""
        return self._changed(backwards=not self._select.backwards)

    def distinct(self, *fields: str) -> Self:
        """Drop duplicate rows; with fields, keep the first row for each combination of them."""
        return self._changed(distinct=fields)

    def limit(self, count: int | None) -> Self:
        """Return at most ``count`` rows; ``None`` lifts a limit."""
        return self._changed(limit=row_count("limit", count))

    def offset(self, count: int | None) -> Self:
        """Skip ``count`` rows."""
        return self._changed(offset=row_count("offset", count) or None)

    def select_related(self, *relations: str) -> Self:
        """Load the rows behind foreign keys in the same query: ``select_related("author__publisher")``."""
        self._for_instances("select_related")
        return self._changed(related=tuple(dict.fromkeys((*self._select.related, *relations))))

    def only(self, *fields: str) -> Self:
        """Load only these fields (and the primary key); reading another raises ``NotLoaded``."""
        self._for_instances("only")
        return self._changed(only=frozenset(self._attribute(name) for name in fields))

    def defer(self, *fields: str) -> Self:
        """Load all fields but these; reading one of them raises ``NotLoaded``."""
        self._for_instances("defer")
        loaded = self._select.only
        if loaded is None:
            loaded = frozenset(c.attribute for c in self.table.columns)
        return self._changed(only=loaded - {self._attribute(name) for name in fields})

    def _for_instances(self, method: str) -> None:
        if self._style != "instances":
            raise FieldError(
                f"{method}() is for instances; where rows are plain, values() names their fields"
            )

    def _attribute(self, name: str) -> str:
        relation = self.table.relations.get(name)
        if relation is not None and name not in self.table.by_attribute and len(relation.columns) == 1:
            return relation.columns[0]
        return self.table.column(name).attribute

    def select_for_update(
        self,
        *,
        nowait: bool = False,
        skip_locked: bool = False,
        of: Sequence[str] = (),
        no_key: bool = False,
    ) -> Self:
        """Lock the rows until the transaction ends; needs one.

        Args:
            nowait: raise ``QueryCancelled`` instead of waiting for another transaction.
            skip_locked: leave out rows that another transaction has locked.
            of: relations whose rows are locked (``"self"`` = the query's own table, and what is locked if
                nothing is named).
            no_key: take the weaker ``FOR NO KEY UPDATE``.
        """
        if nowait and skip_locked:
            raise FieldError("select_for_update() takes nowait or skip_locked, not both")
        strength = "NO KEY UPDATE" if no_key else "UPDATE"
        wait = " NOWAIT" if nowait else " SKIP LOCKED" if skip_locked else ""
        return self._changed(lock=(strength, (of,) if isinstance(of, str) else tuple(of), wait))

    def annotate(self, /, **values: Expression) -> Self:
        """Add computed values; they become attributes of instances and keys of ``values()``."""
        select = self._select.copy()
        select.annotations = self._annotations(values)
        if select.mode == "values" and select.fields:
            # What is annotated after values() is wanted, and grouped by the fields named before.
            select.fields = (*select.fields, *values)
            select.aliases = (*select.aliases, *values)
        return self._with(select)

    def _annotations(self, values: dict[str, Any]) -> tuple[tuple[str, Expression], ...]:
        for name, value in values.items():
            value_name(name)
            if self._taken(name):
                raise FieldError(
                    f"annotation {name!r} has the name of a field or method of {self.table.title}"
                )
            if not isinstance(value, Expression):
                raise FieldError(f"annotation {name!r} must be an expression (Value(…), F(…)), not {value!r}")
        return (*self._select.annotations, *values.items())

    def _taken(self, name: str) -> bool:
        table = self.table
        return name in table.by_attribute or name in table.relations or hasattr(table.row_class, name)

    def values(self, /, *fields: str, **expressions: Expression) -> QuerySet[dict[str, Any]]:
        """Return rows as dicts of these fields (all of them if none are named)."""
        return self._plain("dict", fields, expressions)

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
            raise FieldError("values_list() takes flat or named, not both")
        if flat and len(fields) != 1:
            raise FieldError(f"values_list(flat=True) takes exactly one field, not {len(fields)}")
        return self._plain("flat" if flat else "named" if named else "tuple", fields, {})

    def _plain(
        self, style: str, fields: Sequence[str | Expression], expressions: Mapping[str, Expression]
    ) -> QuerySet[Any]:
        select = self._select.copy()
        select.mode = "values"
        aliases: list[str] = []
        values: list[Any] = []
        for position, item in enumerate(fields):
            check_field(item)
            if isinstance(item, str):
                aliases.append(item)
                values.append(item)
            else:
                aliases.append(getattr(item, "attribute", None) or f"column{position + 1}")
                values.append(item)
        for name, expression in expressions.items():
            aliases.append(value_name(name))
            values.append(expression if isinstance(expression, Expression) else F(expression))
        select.fields, select.aliases = tuple(values), tuple(aliases)
        new: QuerySet[Any] = QuerySet(self.table, self._database, select)
        new._style = style
        return new

    # -- running --------------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, None, list[R_co]]:
        return self._fetch().__await__()

    async def _fetch(self) -> list[R_co]:
        compiled, values = select_statement(self._select)
        database = self._database or default_database()
        load = loader(compiled, self._style)
        state = RowState(database, True, shared=True)
        if self._select.lock is None and columnar_rows.pays(compiled, database):
            found = await columnar_rows.fetch_columns(database, compiled, values)
            if found is not None:
                tuples, compiled.last_rows = found
                return hydrate(load, tuples, state, compiled.last_rows)
        rows = await execute.fetch(database, compiled.statement, values)
        compiled.last_rows = len(rows)
        return hydrate(load, rows, state, len(rows))

    def __aiter__(self) -> Stream[R_co]:
        return self.iterator()

    def iterator(self, chunk_size: int = ITERATOR_ROWS) -> Stream[R_co]:
        """Stream rows through a cursor, ``chunk_size`` per round trip; memory stays flat.

        The loop may be left at any point. Where a reference to the stream is kept, ``async with`` ends it.

        Raises:
            FieldError: ``chunk_size`` is no whole number from 1 on.
        """
        if type(chunk_size) is not int or not 1 <= chunk_size <= MOST_AT_ONCE:
            raise FieldError(f"chunk_size is a whole number from 1 to {MOST_AT_ONCE}, not {chunk_size!r}")
        return Stream(lambda reader: rows_of(self._select, self._style, self.database, chunk_size, reader))

    @overload
    def __getitem__(self, key: slice) -> Self: ...

    @overload
    def __getitem__(self, key: int) -> Any: ...

    def __getitem__(self, key: slice | int) -> Any:
        """``qs[a:b]`` is a query for those rows; ``await qs[3]`` gives one row.

        Raises:
            FieldError: a negative or stepped slice, or no position at all.
        """
        check_key(key)
        if isinstance(key, int):
            return self[key : key + 1]._single(key)
        start = key.start or 0
        offset = (self._select.offset or 0) + start
        limit = None if key.stop is None else max(key.stop - start, 0)
        if self._select.limit is not None:
            rest = max(self._select.limit - start, 0)
            limit = rest if limit is None else min(limit, rest)
        return self._changed(limit=limit, offset=offset or None)

    async def _single(self, position: int) -> R_co:
        rows = await self._fetch()
        if not rows:
            raise IndexError(f"the query has no row {position}")
        return rows[0]

    async def _row(self, select: Select) -> R_co | None:
        """Run a query for at most one row of interest."""
        compiled, values = select_statement(select)
        database = self._database or default_database()
        row = await execute.fetchrow(database, compiled.statement, values)
        if row is None:
            return None
        return loader(compiled, self._style)((row,), RowState(database, True, shared=True))[0]  # type: ignore[no-any-return]

    async def get(self, /, *conditions: Expression, **lookups: Any) -> R_co:
        """Return the one row that matches.

        Raises:
            DoesNotExist: none matches (``Model.DoesNotExist``).
            MultipleObjectsReturned: more than one does.
        """
        found = self._filtered(False, conditions, lookups) if conditions or lookups else self
        select = found._select
        if select.limit is None:
            select = select.copy()
            select.limit = GET_LIMIT
            select.order = () if select.distinct is None else select.order
        compiled, values = select_statement(select)
        database = self._database or default_database()
        rows = await execute.fetch(database, compiled.statement, values)
        if len(rows) == 1:
            return loader(compiled, self._style)(rows, RowState(database, True, shared=True))[0]  # type: ignore[no-any-return]
        raise self._not_one(rows, conditions, lookups)

    def _not_one(self, rows: Sequence[Any], conditions: Any, lookups: dict[str, Any]) -> Exception:
        cls = self.table.row_class
        asked = ", ".join([shown(c) for c in conditions] + [f"{k}={shown(v)}" for k, v in lookups.items()])
        if not rows:
            kind = getattr(cls, "DoesNotExist", DoesNotExist)
            return kind(f"no {self.table.title} matches ({asked})")
        kind = getattr(cls, "MultipleObjectsReturned", MultipleObjectsReturned)
        return kind(f"more than one {self.table.title} matches ({asked})")

    @awaited
    async def first(self) -> R_co | None:
        """Return the first row, by primary key if there is no order; ``None`` if there is none."""
        return await self._row(self._ordered(backwards=False))

    @awaited
    async def last(self) -> R_co | None:
        """Return the last row, by primary key if there is no order; ``None`` if there is none."""
        if self._select.limit is not None or self._select.offset is not None:
            raise FieldError("last() of a slice is not defined; take the list and its last element")
        return await self._row(self._ordered(backwards=True))

    def _ordered(self, *, backwards: bool) -> Select:
        select = self._select.copy()
        if not (select.order or (select.order is None and self.table.ordering)):
            select.order = self.table.primary_key
        select.backwards = select.backwards != backwards
        select.limit = 1 if select.limit is None else min(select.limit, 1)
        return select

    async def earliest(self, *fields: str) -> R_co:
        """Return the row that comes first by these fields."""
        return await self.order_by(*fields)._one_of_order(False, fields)

    async def latest(self, *fields: str) -> R_co:
        """Return the row that comes last by these fields."""
        return await self.order_by(*fields)._one_of_order(True, fields)

    async def _one_of_order(self, backwards: bool, fields: Sequence[str]) -> R_co:
        if not fields:
            raise FieldError("earliest() and latest() need the name of a field to order by")
        row = await self._row(self._ordered(backwards=backwards))
        if row is None:
            raise self._not_one((), (), {})
        return row

    @awaited
    async def count(self) -> int:
        """Return the number of rows."""
        return int(await self._scalar("count"))

    @awaited
    async def exists(self) -> bool:
        """Return whether there is any row."""
        return bool(await self._scalar("exists"))

    async def aggregate(self, /, **values: Aggregate) -> dict[str, Any]:
        """Return aggregates over all rows: ``await Post.objects.aggregate(total=Sum("price"))`` → a dict.

        Raises:
            FieldError: a value is no aggregate, or the query is sliced, distinct or grouped already.
        """
        if not values:
            raise FieldError('aggregate() needs at least one named aggregate, e.g. total=Sum("price")')
        for name, value in values.items():
            if not isinstance(value, Expression) or not has_aggregate(value):
                raise FieldError(f"aggregate(): {name}={value!r} is no aggregate")
        select = self._select
        if select.limit is not None or select.offset is not None or select.distinct is not None:
            raise FieldError("aggregate() of a slice or of distinct rows is not defined; aggregate all rows")
        if any(has_aggregate(expression) for _, expression in select.annotations):
            raise FieldError("aggregate() over a query grouped by annotate() is not defined")
        query = self.order_by()._changed(related=(), lock=None)._plain("dict", (), values)
        rows: list[dict[str, Any]] = await query
        return rows[0]

    @awaited
    async def contains(self, instance: Any) -> bool:
        """Return whether the row of an instance is among the query's."""
        self._for_instances("contains")
        return await self.filter(pk=instance).exists()

    async def _scalar(self, asks: str) -> Any:
        select = self._select.copy()
        select.asks, select.order, select.backwards, select.related = asks, (), False, ()
        select.lock = None
        compiled, values = select_statement(select)
        row = await execute.fetchrow(self.database, compiled.statement, values)
        return row[0]

    async def in_bulk(self, keys: Iterable[Any] | None = None, *, field: str = "pk") -> dict[Any, R_co]:
        """Return rows by primary key (or another unique field), for all rows or those with the given keys."""
        self._for_instances("in_bulk")
        wanted = self if keys is None else self.filter(**{f"{field}__in": list(keys)})
        name = "pk" if field == "pk" else self.table.column(field).attribute
        return {getattr(row, name): row for row in await wanted}

    def to_sql(self) -> tuple[str, list[Any]]:
        """Return the SQL text and its parameters, without running anything.

        A datetime without a zone is what the setting ``database.naive_datetimes`` of the query's database says; where
        none is connected, it is refused for ``timestamptz``.
        """
        compiled, values = select_statement(self._select)
        return compiled.statement.sql, list(compiled.statement.bind_for(self._naive)(values))

    async def explain(self, *, analyze: bool = False, format: str = "text") -> Any:
        """Return the server's plan: text, or the tree with ``format="json"``; ``analyze=True`` runs the query."""
        if format not in ("text", "json"):
            raise FieldError(f'explain format is "text" or "json", not {format!r}')
        flag("analyze", analyze)
        compiled, values = select_statement(self._select)
        prefix = f"EXPLAIN (FORMAT {format.upper()}{', ANALYZE' if analyze else ''}) "
        statement, database = compiled.statement, self.database
        pure = await database.is_harmless(statement.sql, statement.touches)
        bound = execute.bound(database, statement, values)
        rows = await database.run_fetch(prefix + statement.sql, bound, pure=pure)
        return "\n".join(row[0] for row in rows) if format == "text" else rows[0][0]

    # -- writing --------------------------------------------------------------------------------------

    async def create(self, /, **values: Any) -> R_co:
        """Make an instance, save it and return it."""
        if self.table.row_class is None:
            return await write.insert_values(self.table, self.database, values)  # type: ignore[return-value]
        instance = self.table.row_class(**values)
        await write.insert(instance, self.database)
        return instance  # type: ignore[no-any-return]

    async def get_or_create(
        self, /, defaults: dict[str, Any] | None = None, **lookups: Any
    ) -> tuple[R_co, bool]:
        """Return ``(object, created)``: the row that matches, or a new one made of lookups and defaults."""
        return await write.get_or_create(self, defaults or {}, lookups)

    async def update_or_create(
        self, /, defaults: dict[str, Any] | None = None, **lookups: Any
    ) -> tuple[R_co, bool]:
        """Return ``(object, created)``: the matching row with ``defaults`` written to it, or a new one."""
        if self.table.row_class is None:
            return await write.update_or_insert(self, defaults or {}, lookups)  # type: ignore[return-value]
        self._for_instances("update_or_create")
        return await write.update_or_create(self, defaults or {}, lookups)

    async def update(self, /, *given: Any, **values: Any) -> int:
        """Set fields of all rows (to values or expressions); return the number of rows."""
        if given:
            raise FieldError("update() takes fields as keywords: update(name=…), or update(**values)")
        return await write.update_rows(self._select, self.database, values)

    async def delete(self) -> int:
        """Delete all rows; return their number."""
        return await write.delete_rows(self._select, self.database)

    async def bulk_create(
        self,
        instances: Iterable[Any],
        *,
        on_conflict: str | None = None,
        conflict_fields: Iterable[str] | None = None,
        update_fields: Iterable[str] | None = None,
        timeout: float | None = None,
        sync_sequences: bool = False,
        **conditions: Condition,
    ) -> list[R_co]:
        """Insert many instances through COPY, fill in their generated keys, and return them as a list.

        Args:
            on_conflict: ``"ignore"`` or ``"update"`` rows that are there already; else they are an error.
            conflict_fields: what decides that a row is there; default for ``"update"``: the primary key, for
                ``"ignore"``: any unique constraint. If named, ignored instances get the key of that row.
            update_fields: what ``"update"`` overwrites; default: all but conflict fields and primary key.
            timeout, sync_sequences, conditions (``conflict_where``, ``where``): as for ``bulk_insert``.
        """
        options = create_options(
            on_conflict=on_conflict,
            conflict_fields=conflict_fields,
            update_fields=update_fields,
            timeout=timeout,
            sync_sequences=sync_sequences,
            **conditions,
        )
        return await bulk_write.create(
            self.table, self.database, instances_of(self.table, instances), **options
        )

    async def bulk_insert(self, data: Any, **options: Any) -> InsertResult:
        """Insert columns: anything with ``__arrow_c_stream__``, a dict of arrays or a list of dicts, through COPY.

        Args:
            data: columns by field name; for those left out the defaults of the model's fields and the server's.
            options: ``on_conflict, conflict_fields, update_fields, conflict_where, where, returning="keys",
                batch_rows, progress, allow_truncate, extra``; see ``chakra.columnar.staging.insert_table``.
                ``timeout``: seconds after which the server is told to stop, and nothing is written.
                ``sync_sequences``: move the table's sequences past keys that the data brings itself.
        """
        return await bulk_write.insert(self.table, self.database, data, **options)

    async def bulk_update(self, rows: Any, fields: Iterable[str] | None = None, **options: Any) -> int:
        """Write fields of many rows in one UPDATE; return how many rows were found and updated.

        Args:
            rows: instances, or columns (as for ``bulk_insert``) with the key among them.
            fields: what to write; for columns the default is all but the key.
            options: for columns ``key`` (default: the primary key), ``batch_rows, progress,
                allow_truncate``; for all ``timeout``, as for ``bulk_insert``.
        """
        return await bulk_write.update(self.table, self.database, rows, fields, **options)

    async def sync_sequences(self) -> dict[str, int]:
        """Move the sequences of the table's columns past the largest values there, after a load with keys of its own;
        return the columns whose sequence was moved, and where it stands.
        """
        return await sequences.sync_sequences(self.table, self.database)

    # -- columns --------------------------------------------------------------------------------------

    async def column_source(self, database: Database) -> bulk.ColumnSource:
        """Compile the query for COPY: values as literals, result columns, and what may be cut into parts.

        Raises:
            FieldError: the query locks rows, which COPY cannot.
        """
        return await bulk.source_of(self._select, database)


__all__ = ["QuerySet"]
