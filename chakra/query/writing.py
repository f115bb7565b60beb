"""The verbs of a queryset that write: rows one by one, the rows of the query, and many rows at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from chakra._late import late
from chakra.errors import DoesNotExist, FieldError, QueryError, UniqueViolation
from chakra.expressions.sides import Side
from chakra.query import hooks, saving
from chakra.query.base import R_co
from chakra.query.not_a_list import instances_of
from chakra.query.paging import Paging
from chakra.query.returning import by_keys
from chakra.query.verbs import (
    CreateHow,
    CreateOptions,
    File,
    InsertOptions,
    LoadCsvOptions,
    LoadParquetOptions,
    Names,
    UpdateHow,
    UpdateOptions,
    runs,
)
from chakra.schema import Table
from chakra.sql import Select

if TYPE_CHECKING:
    from chakra.columnar import InsertResult
    from chakra.query import bulk_columns, bulk_write, file_loads, sequences, write, written
    from chakra.query.groups import check_class, refuse_expressions
    from chakra.query.moment_fields import moments_set
    from chakra.query.options import checked, flag
    from chakra.query.read_only import read_only
    from chakra.query.reports import DeleteReport, reported
    from chakra.query.validating import validate_all
    from chakra.sql import assign
else:
    late(globals(), "chakra.query", "bulk_columns bulk_write file_loads sequences write written")
    late(globals(), "chakra.query.groups", "check_class refuse_expressions")
    late(globals(), "chakra.query.moment_fields", "moments_set")
    late(globals(), "chakra.query.options", "checked flag")
    late(globals(), "chakra.query.read_only", "read_only")
    late(globals(), "chakra.query.reports", "reported")
    late(globals(), "chakra.query.validating", "validate_all")
    late(globals(), "chakra.sql", "assign")

T = TypeVar("T")


class Writing(Paging[R_co]):
    """The methods of ``QuerySet`` that write."""

    __slots__ = ()

    def _writable(self, verb: str) -> None:
        table = self._select.table
        if table.read_only:
            raise read_only(table, f"{verb}()")

    def _batch(self, verb: str, given: Any, work: Callable[[], Awaitable[T]]) -> Awaitable[T]:
        """A write of many rows, between the hooks of the model for it."""
        info = getattr(self.table.row_class, "__chakra__", None)
        if info is None or info.hooks is None:
            return work()
        return hooks.batch(
            info.hooks, verb, self.database, given, work, given if isinstance(given, list) else []
        )

    def _is_manager(self) -> bool:
        """Whether it is what all queries of a manager begin with."""
        info = getattr(self.table.row_class, "__chakra__", None)
        return info is not None and any(start._select is self._select for start in info.rows.values())

    @overload
    async def create(
        self, /, *, on_conflict: Literal["ignore", "update"], returning: Sequence[str | Side], **values: Any
    ) -> dict[str, Any] | None: ...

    @overload
    async def create(
        self,
        /,
        *,
        on_conflict: Literal["ignore", "update"],
        returning: bool | None = None,
        **values: Any,
    ) -> R_co | None: ...

    @overload
    async def create(self, /, *, returning: Sequence[str | Side], **values: Any) -> dict[str, Any]: ...

    @overload
    async def create(self, /, *, returning: bool | None = None, **values: Any) -> R_co: ...

    @runs
    async def create(self, /, **values: Any) -> Any:
        """Make an instance, save it and return it.

        Args:
            values: fields and what they get, values or expressions of which the server makes them. ``returning=True``:
                the instance takes all values that its row has in the end, whatever triggers did to them;
                ``returning=["id", "created"]``: these as a dict. ``validate=True``: the instance is checked first,
                see ``Model.validate``. ``on_conflict="ignore"`` or ``"update"``: what happens
                where the row is there already, found by ``conflict_fields`` (default of ``"update"``: the primary key),
                a partial index of them by ``conflict_where``, or by ``conflict_constraint``. ``update_fields``: names
                of what is overwritten, or a dict of values and expressions, in which ``F`` is of the row that is there
                and ``Excluded`` of the new one; ``where``: which rows are. The answer is the instance as its row is
                then, or ``None`` where the row was left as it is. A model's own field of such a name is meant where it
                has one.

        Raises:
            FieldError: options that contradict each other, or name what is no field.
        """
        table = self._select.table
        if table.read_only:
            raise read_only(table, "create()")
        if not written.CREATE.isdisjoint(values):
            return await written.create(self, values)
        if table.row_class is None:
            return await write.insert_values(table, self.database, values)
        instance = table.row_class(**self._given() | values)
        insert = write.insert if table.row_class.__chakra__.hooks is None else hooks.insert
        await insert(instance, self.database, table if table.partition_of is not None else None)
        return instance

    @runs
    async def get_or_create(
        self, /, defaults: Mapping[str, Any] | None = None, **lookups: Any
    ) -> tuple[R_co, bool]:
        """Return ``(object, created)``: the row that matches, or a new one made of lookups and defaults.

        If another session wins the race for a unique key, its row is returned.
        """
        self._writable("get_or_create")
        if self.table.row_class is not None:
            self._for_instances("get_or_create")
        defaults = _defaults("get_or_create", self.table, defaults)
        try:
            return await self.get(**lookups), False
        except DoesNotExist:
            pass
        values = _creation_values(self.table, lookups, defaults)
        try:
            # Inside a transaction a failed INSERT would abort it: the savepoint keeps it alive.
            async with self.database.transaction():
                return await self.create(**values), True
        except UniqueViolation:
            try:
                return await self.get(**lookups), False
            except DoesNotExist:
                pass
            raise

    @runs
    async def update_or_create(
        self,
        /,
        defaults: Mapping[str, Any] | None = None,
        create_defaults: Mapping[str, Any] | None = None,
        **lookups: Any,
    ) -> tuple[R_co, bool]:
        """Return ``(object, created)``: the matching row, locked, with ``defaults`` written to it, or a new one; in one
        transaction.

        Args:
            defaults: what is written to the row that is there, and to a new one where nothing else is said.
            create_defaults: what a new row gets in their place.
        """
        self._writable("update_or_create")
        new = None if create_defaults is None else _defaults("update_or_create", self.table, create_defaults)
        defaults = _defaults("update_or_create", self.table, defaults)
        new = defaults if new is None else new
        if self.table.row_class is None:
            return await self._update_or_insert(defaults, new, lookups)
        self._for_instances("update_or_create")
        self.filter(**lookups).to_sql()  # unknown names are refused before a transaction is opened
        async with self.database.transaction():
            found, created = await self.select_for_update().get_or_create(new, **lookups)
            if not created:
                for name, value in defaults.items():
                    setattr(found, name, value() if callable(value) else value)
                way = saving if self.table.row_class.__chakra__.hooks is None else hooks
                await way.save(found, database=self.database)
        return found, created

    async def _update_or_insert(
        self, defaults: Mapping[str, Any], new: Mapping[str, Any], lookups: dict[str, Any]
    ) -> tuple[R_co, bool]:
        """The same for a table without a model: the row is a dict, found again by its primary key.

        Raises:
            FieldError: the table has no primary key.
        """
        table, database = self.table, self.database
        if not table.primary_key:
            raise QueryError(f"update_or_create() needs a primary key, which {table.title} does not have")
        rows = self._rows_as("dict")
        rows.filter(**lookups).to_sql()
        found: Any
        async with database.transaction():
            found, created = await rows.select_for_update().get_or_create(new, **lookups)
            if not created and defaults:
                values = {name: v() if callable(v) else v for name, v in defaults.items()}
                # A query of its own: the row may leave the filters by what is written to it.
                everything = rows._with(Select(table))._rows_as("dict")
                key = {name: found[name] for name in table.primary_key}
                await everything.filter(**key).update(**values)
                found = await everything.get(**{name: values.get(name, key[name]) for name in key})
        return found, created

    @overload
    async def update(self, /, *, returning: Literal[True], **values: Any) -> list[R_co]: ...

    @overload
    async def update(self, /, *, returning: Literal["arrow"], **values: Any) -> Any: ...

    @overload
    async def update(self, /, *, returning: Names, **values: Any) -> list[dict[str, Any]]: ...

    @overload
    async def update(self, /, **values: Any) -> int: ...

    @runs
    async def update(self, /, *given: Any, **values: Any) -> Any:
        """Set fields of all rows (to values or expressions); return the number of rows.

        Of a query that is cut or distinct these rows alone are written, found by their keys:
        ``jobs.order_by("id")[:10].update(state="taken")``.

        Args:
            values: fields and what they get. ``returning=True``: the rows are returned as they are afterwards;
                ``returning=["id", "title"]``: these fields of theirs, as dicts; ``returning="arrow"``: a
                ``pyarrow.Table``. They come in no order of their own. A model's own field of that name is meant where
                it has one.
        """
        self._writable("update")
        if given:
            raise QueryError("update() takes fields as keywords: update(name=…), or update(**values)")
        returning = written.asked_for(self._select.table, values) if "returning" in values else None
        if returning is not None:
            return await written.update(self, values, returning)
        return await write.update_rows(by_keys(self)._select, self.database, values)

    @overload
    async def delete(self, *, returning: Literal[True]) -> list[R_co]: ...

    @overload
    async def delete(self, *, returning: Literal["arrow"]) -> Any: ...

    @overload
    async def delete(self, *, returning: list[str] | tuple[str, ...]) -> list[dict[str, Any]]: ...

    @overload
    async def delete(self, *, report: Literal[True]) -> DeleteReport: ...

    @overload
    async def delete(self, *, returning: Literal[False] | None = None) -> int: ...

    @runs
    async def delete(self, *, returning: Any = None, report: bool = False) -> Any:
        """Delete all rows; return their number.

        Args:
            returning: what ``update`` takes; the rows are returned as they were.
            report: return a ``DeleteReport``: how many rows of which tables went along, since foreign keys say so, and
                how many were changed. The server counts them, in one transaction with the delete.
        """
        self._writable("delete")
        if flag("report", report):
            if returning is not None and returning is not False:
                raise FieldError("delete() takes returning= or report=True, not both")
            select = by_keys(self)._select
            return await reported(self.database, lambda: write.delete_rows(select, self.database))
        if returning is not None:
            return await written.delete(self, returning)
        return await write.delete_rows(by_keys(self)._select, self.database)

    @overload
    async def bulk_create(
        self, instances: Iterable[Any], *, returning: Literal["arrow"], **options: Unpack[CreateHow]
    ) -> Any: ...

    @overload
    async def bulk_create(
        self,
        instances: Iterable[Any],
        *,
        returning: Names,
        **options: Unpack[CreateHow],
    ) -> list[dict[str, Any]]: ...

    @overload
    async def bulk_create(
        self, instances: Iterable[Any], *, returning: bool | None = None, **options: Unpack[CreateHow]
    ) -> list[R_co]: ...

    @runs
    async def bulk_create(self, instances: Iterable[Any], **options: Unpack[CreateOptions]) -> Any:
        """Insert many instances through COPY, fill in their generated keys, and return them as a list.

        Args:
            options: see ``chakra.query.verbs.CreateOptions``. ``on_conflict``: ``"ignore"`` or ``"update"`` rows that
                are there already; else they are an error. ``conflict_fields``: what decides that a row is there;
                default for ``"update"``: the primary key, for ``"ignore"``: any unique constraint. If named, ignored
                instances get the key of that row. ``update_fields``: what ``"update"`` overwrites; default: all but
                conflict fields and primary key. The others as for ``bulk_insert``. ``returning=True``: the instances
                whose rows were written are returned, with all values of their rows; ``returning=["id", "name"]``:
                these fields as dicts; ``returning="arrow"``: a ``pyarrow.Table``. They come in the order of the
                instances.
        """
        self._writable("bulk_create")
        given = checked("bulk_create", options, CreateOptions)
        rows = instances_of(self.table, instances)
        check_class(self.table, rows, "bulk_create")
        for name, value in self._given().items():
            for row in rows:
                setattr(row, name, value)
        if given.pop("validate", False):
            await validate_all(self.table, "bulk_create", rows)
        try:
            with moments_set(self.table, rows):
                return await self._batch(
                    "bulk_create", rows, lambda: bulk_write.create(self.table, self.database, rows, **given)
                )
        except TypeError:
            refuse_expressions(self.table, rows)
            raise

    @runs
    async def bulk_insert(self, data: Any, **options: Unpack[InsertOptions]) -> InsertResult:
        """Insert columns: anything with ``__arrow_c_stream__``, a dict of arrays or a list of dicts, through COPY.

        Args:
            data: columns by field name; for those left out the defaults of the model's fields and the server's.
            options: ``on_conflict, conflict_fields, update_fields, conflict_where, conflict_constraint, where,
                batch_rows, progress, allow_truncate, naive_datetimes, infinity, extra``; see
                ``chakra.columnar.staging.insert_table``.
                ``returning="keys"``: the result has the primary keys in the order of the data as ``keys``;
                ``returning=True``, ``["id", "name"]`` or ``"arrow"``: the rows that were written as ``rows``, in that
                order: instances, dicts or a ``pyarrow.Table``.
                ``timeout``: seconds after which the server is told to stop, and nothing is written.
                ``sync_sequences``: move the table's sequences past keys that the data brings itself.
        """
        self._writable("bulk_insert")
        return await self._batch(
            "bulk_insert", data, lambda: bulk_columns.insert(self.table, self.database, data, options)
        )

    @runs
    async def load_parquet(self, file: File, /, **options: Unpack[LoadParquetOptions]) -> InsertResult:
        """Insert the rows of a Parquet file, all or none, in bounded memory.

        Args:
            file: a path, or an open binary file.
            options: those of ``bulk_insert``, and ``columns``: fields by the names the file has for them.

        Raises:
            FieldError, DataError: as for ``bulk_insert``; the message begins with the file.
            OSError: the file cannot be read.
        """
        self._writable("load_parquet")
        return await self._batch(
            "bulk_insert", file, lambda: file_loads.load_parquet(self.table, self.database, file, options)
        )

    @runs
    async def load_csv(self, file: File, /, **options: Unpack[LoadCsvOptions]) -> InsertResult:
        """Insert the rows of a CSV file, all or none, in bounded memory. What has no quotes and no characters is NULL.

        Args:
            file: a path, or an open binary file.
            options: those of ``bulk_insert``; ``delimiter``, ``quote``, ``null``, ``header``, ``encoding`` and
                ``compression`` as for ``to_csv``; ``columns``: fields by the names the file has for them, or the fields
                in the order of the file, which a file without a header needs.

        Raises:
            FieldError, DataError: as for ``bulk_insert``; the message begins with the file and the line.
            OSError: the file cannot be read.
        """
        self._writable("load_csv")
        return await self._batch(
            "bulk_insert", file, lambda: file_loads.load_csv(self.table, self.database, file, options)
        )

    @overload
    async def bulk_update(
        self,
        rows: Any,
        fields: Iterable[str] | None = None,
        *,
        returning: Literal[True],
        **options: Unpack[UpdateHow],
    ) -> list[R_co]: ...

    @overload
    async def bulk_update(
        self,
        rows: Any,
        fields: Iterable[str] | None = None,
        *,
        returning: Literal["arrow"],
        **options: Unpack[UpdateHow],
    ) -> Any: ...

    @overload
    async def bulk_update(
        self,
        rows: Any,
        fields: Iterable[str] | None = None,
        *,
        returning: Names,
        **options: Unpack[UpdateHow],
    ) -> list[dict[str, Any]]: ...

    @overload
    async def bulk_update(
        self,
        rows: Any,
        fields: Iterable[str] | None = None,
        *,
        returning: Literal[False] | None = None,
        **options: Unpack[UpdateHow],
    ) -> int: ...

    @runs
    async def bulk_update(
        self, rows: Any, fields: Iterable[str] | None = None, **options: Unpack[UpdateOptions]
    ) -> Any:
        """Write fields of many rows in one UPDATE; return how many rows were found and updated.

        Args:
            rows: instances, or columns (as for ``bulk_insert``) with the key among them.
            fields: what to write; for columns the default is all but the key.
            options: for columns ``key`` (default: the primary key); ``batch_rows, progress, allow_truncate,
                naive_datetimes, infinity`` and ``timeout``, as for ``bulk_insert``; for instances ``validate``.
                ``returning``: what ``update`` takes; the rows that were found come in the order in which they were
                given, and ``True`` gives the instances themselves all values of their rows.

        Raises:
            FieldError: the query was narrowed, which says nothing about the rows that are given.
        """
        self._writable("bulk_update")
        narrowed = self._select.filters or self._select.sliced or self._select.clauses.nothing
        if narrowed and not self._is_manager():
            raise QueryError(
                "bulk_update() writes the rows it is given, whatever filter() or a slice says, and a set of one "
                f"instance is filtered, too: {self.table.title}.objects.bulk_update(…); update() writes what a "
                "query finds"
            )
        if "validate" in options and flag("validate", options.pop("validate")):
            rows = await validate_all(self.table, "bulk_update", rows, fields)
        return await self._batch(
            "bulk_update", rows, lambda: bulk_columns.update(self.table, self.database, rows, fields, options)
        )

    @runs
    async def sync_sequences(self) -> dict[str, int]:
        """Move the sequences of the table's columns past the largest values there, after a load with keys of its own;
        return the columns whose sequence was moved, and where it stands.
        """
        self._writable("sync_sequences")
        return await sequences.sync_sequences(self.table, self.database)


def _defaults(method: str, table: Table, given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Refuse defaults of no fields before anything runs; what callers pass on may come from outside.

    Raises:
        FieldError: a name is no field, or there are no names at all.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise QueryError(f"{method}(defaults=…) takes a dict of fields and values, not {given!r}")
    for name in given:
        if name != "pk" and name not in table.relations:
            table.column(name)
    if len(given) > 1 and ("pk" in given or not table.relations.keys().isdisjoint(given)):
        assigned: dict[str, Any] = {}
        for name, value in given.items():
            if not callable(value) and (
                name == "pk" or name in table.by_attribute or name in table.relations
            ):
                assign(table, assigned, name, value)
    return given


def _creation_values(table: Table, lookups: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What a new row is made of: exact lookups and defaults; callables among the defaults are called."""
    values: dict[str, Any] = {}
    for lookup, value in lookups.items():
        name = lookup if lookup in table.by_attribute else lookup.removesuffix("__exact")
        if name == "pk" and len(table.primary_key) > 1:
            values.update(zip(table.primary_key, value, strict=True))
        elif "__" not in name or name in table.by_attribute:  # columns without a model may have any name
            values[name] = value
    values.update({name: v() if callable(v) else v for name, v in defaults.items()})
    return values


__all__ = ["Writing"]
