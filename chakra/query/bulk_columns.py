"""The door from columns to the server, for bulk writes; opens ``chakra.columnar`` when used.

Instances that are updated take it, too: their values become columns first.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Any, TypeAlias

from chakra.errors import DatabaseError, DataError, FieldError
from chakra.query import sequences, tracking, undone
from chakra.query.bulk import written_within
from chakra.query.bulk_returning import Back, back_of
from chakra.query.computed import named
from chakra.query.described import on_stored
from chakra.query.groups import Group, check_class
from chakra.query.hydrate import SLOT
from chakra.query.lost import moved_on
from chakra.query.moment_fields import moments_set, with_moments
from chakra.query.options import checked, names
from chakra.query.privileges import refused
from chakra.query.verbs import InsertOptions, UpdateOptions
from chakra.schema import Column, Table
from chakra.sql.staging import version_column
from chakra.sql.stored import check_written
from chakra.sql.targets import named_columns

if TYPE_CHECKING:
    from chakra.columnar import InsertResult
    from chakra.db import Database

ARROW = ("__arrow_c_stream__", "__arrow_c_array__")
"""What marks columns, as opposed to instances."""


Opened: TypeAlias = "Callable[[Table], Awaitable[tuple[Table, Any]]]"


async def insert(
    table: Table, database: Database, data: Any, options: InsertOptions, opened: Opened | None = None
) -> InsertResult:
    """Insert columns of any Arrow producer; see :func:`chakra.columnar.staging.insert_table`.

    Args:
        opened: of data that is opened for the table as it is stored, a file: gives the table to write, and its source.
    """
    from chakra.columnar.staging import insert_table

    given = checked("bulk_insert", options, InsertOptions)
    timeout, sync_sequences = given.pop("timeout", None), given.pop("sync_sequences", False)
    back = None
    if given.get("returning") != "keys":
        changes = given.get("on_conflict") == "update"
        back = given["returning"] = back_of(
            table, database, "bulk_insert", given.get("returning"), keys=True, changes=changes
        )

    async def insert_into(stored: Table) -> InsertResult:
        into, rows = (stored, data) if opened is None else await opened(stored)
        if not sync_sequences:
            return await insert_table(database, into, rows, **given)
        async with database.transaction():
            result = await insert_table(database, into, rows, **given)
            await sequences.sync_sequences(table, database)
        return result

    async def write() -> InsertResult:
        found = await on_stored(database, table, insert_into, data)
        return found if back is None else replace(found, rows=back.made(found.rows))

    async with _closed_on_failure(data), named_errors(table, database):
        if timeout is None:
            return await write()
        return await written_within(timeout, database, write)


async def update(table: Table, database: Database, rows: Any, fields: Any, options: UpdateOptions) -> Any:
    """Update rows from columns, or from instances; returns the number of rows found and updated, or what ``returning``
    asks for.
    """
    given, fields = checked("bulk_update", options, UpdateOptions), names("fields", fields)
    timeout = given.pop("timeout", None)
    given["returning"] = back_of(table, database, "bulk_update", given.get("returning"))
    async with _closed_on_failure(rows), named_errors(table, database):
        if timeout is None:
            return await _update(table, database, rows, fields, given)
        return await written_within(timeout, database, lambda: _update(table, database, rows, fields, given))


@asynccontextmanager
async def _closed_on_failure(data: Any) -> AsyncIterator[None]:
    """Close a source that is not read to its end; who keeps the exception would keep it open, and its connection."""
    try:
        yield
    except BaseException:
        aclose = getattr(data, "aclose", None)
        if isinstance(data, AsyncIterable) and aclose is not None:
            await aclose()
        elif isinstance(data, Generator):
            data.close()
        raise


@asynccontextmanager
async def named_errors(table: Table, database: Database) -> AsyncIterator[None]:
    """Name the column of the data that the server computes itself, or that the role may not write."""
    try:
        yield
    except DatabaseError as error:
        found = named(error, table)
        if found is not error:
            raise found from error
        await refused(database, error.sql or "", error)
        raise


async def _update(table: Table, database: Database, rows: Any, fields: Any, options: dict[str, Any]) -> Any:
    from chakra.columnar.rows_of_dicts import as_columns
    from chakra.columnar.staging import update_table

    rows = as_columns(rows)
    back: Back | None = options["returning"]

    async def write_columns(stored: Table) -> Any:
        found = await update_table(database, stored, rows, fields=fields, **options)
        return found if back is None else back.made(*found)

    if isinstance(rows, Mapping | AsyncIterable) or any(hasattr(rows, name) for name in ARROW):
        return await on_stored(database, table, write_columns, rows)
    rows = rows if isinstance(rows, list) else list(rows)
    if table.row_class is None or (rows and any(hasattr(rows[0], name) for name in ARROW)):
        return await on_stored(database, table, write_columns, rows)
    if options.get("key") is not None:
        raise FieldError("key says which rows columns mean; bulk_update finds instances by their primary key")
    if fields is None:
        raise FieldError(
            'bulk_update of instances takes the fields to write: bulk_update(instances, ["name"])'
        )
    fields = with_moments(table, fields)
    with moments_set(table, rows, update=True):
        return await on_stored(
            database, table, lambda stored: _update_instances(stored, database, rows, fields, options), rows
        )


async def _update_instances(
    table: Table, database: Database, instances: list[Any], fields: Any, options: dict[str, Any]
) -> Any:
    from chakra.columnar.inputs import Source
    from chakra.columnar.staging import naive_of, specs_of, update_table
    from chakra.columnar.write import batch_of

    if not table.primary_key:
        raise FieldError(f"{table.title} has no primary key; single rows cannot be told apart")
    written = named_columns(table, fields, "fields")
    keys = [c.attribute for c in written if c in table.key_columns]
    if keys:
        raise FieldError(f"bulk_update finds instances by {', '.join(keys)}, and so cannot write it")
    check_class(table, instances, "bulk_update")
    for instance in instances:
        if instance._state.undo:
            undone.settle(instance)
    back: Back | None = options["returning"]
    if not instances and back is None:
        return 0
    written = tuple([c for c in written if c.attribute != table.version])
    columns = [*table.key_columns, *version_column(table), *written]
    check_written(table, columns)
    values = [_values_of(table, column, instances) for column in columns]
    group = Group(instances, columns, values, range(len(instances)))
    for column, found in zip(table.key_columns, values, strict=False):
        if None in found:
            row = found.index(None)
            raise DataError(
                f"bulk_update of {table.title}: row {row} has no {column.attribute}; it was never saved",
                row=row,
                column=column.attribute,
            )
    names, rounded = [c.attribute for c in written], options.get("allow_truncate", False)
    specs = specs_of(columns, naive_of(database, options.get("naive_datetimes")))
    batch = batch_of([replace(spec, rounded=rounded) for spec in specs], group.values)
    source = Source(batch.schema.names, [batch], instances=True)
    options = {name: value for name, value in options.items() if name != "key"}
    held = [tracking.images(o, table, names) if o._state.held else {} for o in instances]
    updated = await update_table(database, table, source, fields=names, **options)
    later = _set_meanwhile(instances, names, values[len(columns) - len(written) :])
    block = database.current_transaction()
    for row, (instance, noted) in enumerate(zip(instances, held, strict=True)):
        state = instance._state
        was = None
        if block is not None and (table.version or not state.shared):
            was = undone.before(instance, block, table)
        if not state.shared:
            tracking.written(instance, names, noted, later.get(row))
        moved_on(instance, table)
        if was is not None or state.undo:
            undone.note(instance, was, names)
    return updated if back is None else back.made(*updated, into=instances)


def _set_meanwhile(
    instances: list[Any], names: list[str], values: list[list[Any]]
) -> dict[int, dict[str, Any]]:
    """By row, what somebody set while the values were on their way to the server: that is still to be written."""
    found: dict[int, dict[str, Any]] = {}
    for name, sent in zip(names, values, strict=True):
        now = list(map(attrgetter(SLOT + name), instances))
        if not all(map(is_, sent, now)):
            for row, (before, value) in enumerate(zip(sent, now, strict=True)):
                if before is not value:
                    found.setdefault(row, {})[name] = value
    return found


def _values_of(table: Table, column: Column, instances: list[Any]) -> list[Any]:
    try:
        return list(map(attrgetter(SLOT + column.attribute), instances))
    except AttributeError:
        row = next(i for i, o in enumerate(instances) if not hasattr(o, SLOT + column.attribute))
        raise DataError(
            f"bulk_update of {table.title}: row {row} has no value for {column.attribute}; it was not loaded "
            "(only(), defer()) or never set",
            row=row,
            column=column.attribute,
        ) from None


__all__ = ["insert", "named_errors", "update"]
