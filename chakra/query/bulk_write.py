"""The door from instances and columns to the server, for bulk writes; opens ``chakra.columnar`` when used.

Rows of Python values become columns in one pass of C code per column, and those are encoded by the columnar
engine; what comes back goes into the slots of the instances the same way.
"""

from __future__ import annotations

from asyncio import create_task, sleep
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from chakra.errors import DataError, FieldError
from chakra.query.execute import execute, fetch
from chakra.query.hydrate import SLOT
from chakra.query.state import NEW, RowState, own_state
from chakra.query.write import written_values
from chakra.schema import Column, Table
from chakra.sql import insert_rows_statement
from chakra.sql.staging import named_columns, plan_merge

if TYPE_CHECKING:
    from chakra.columnar import InsertResult
    from chakra.db import Database

Clause: TypeAlias = "tuple[str, Iterable[str] | None, Iterable[str] | None]"
"""The arguments ``on_conflict``, ``conflict_fields`` and ``update_fields``."""

COPY_FROM_ROWS = 40
"""Instances from which ``bulk_create`` uses COPY; below, one INSERT … VALUES … RETURNING takes one round trip
where COPY takes two (keys, then rows). The lines cross between 30 and 60 rows of seven columns
(docs/decisions/0006-copy-or-values.md)."""

ARROW = ("__arrow_c_stream__", "__arrow_c_array__")
"""What marks columns, as opposed to instances."""

MAX_PARAMETERS = 32_767
"""Parameters of one statement (protocol, message Bind: the count is an int16; asyncpg refuses more)."""


async def insert(table: Table, database: Database, data: Any, **options: Any) -> InsertResult:
    """Insert columns of any Arrow producer; see :func:`chakra.columnar.staging.insert_table`."""
    from chakra.columnar.staging import insert_table

    return await insert_table(database, table, data, **_known(insert_table, options, "bulk_insert"))


async def update(table: Table, database: Database, rows: Any, fields: Any, **options: Any) -> int:
    """Update rows from columns, or from instances; returns the number of rows found and updated."""
    from chakra.columnar.staging import update_table

    _known(update_table, options, "bulk_update")
    if isinstance(rows, Mapping | AsyncIterable) or any(hasattr(rows, name) for name in ARROW):
        return await update_table(database, table, rows, fields=fields, **options)
    rows = rows if isinstance(rows, list) else list(rows)
    if table.row_class is None or (rows and any(hasattr(rows[0], name) for name in ARROW)):
        return await update_table(database, table, rows, fields=fields, **options)
    if fields is None or options.get("key") is not None:
        raise FieldError(
            'bulk_update of instances takes the fields to write: bulk_update(instances, ["name"])'
        )
    return await _update_instances(table, database, rows, fields)


def _known(function: Callable[..., Any], options: dict[str, Any], what: str) -> dict[str, Any]:
    """The options, if the function takes all of them."""
    known = function.__kwdefaults__ or {}
    for name in options:
        if name not in known:
            raise FieldError(f"{what}() has no option {name!r}; it has {', '.join(known)}")
    return options


async def _update_instances(table: Table, database: Database, instances: list[Any], fields: Any) -> int:
    from chakra.columnar.staging import specs_of, update_table
    from chakra.columnar.write import batch_of

    if not table.primary_key:
        raise FieldError(f"{table.title} has no primary key; single rows cannot be told apart")
    written = named_columns(table, fields, "fields")
    _check_class(table, instances, "bulk_update")
    if not instances:
        return 0
    columns = (*table.key_columns, *written)
    gathered = [_values_of(table, column, instances) for column in columns]
    for column, values in zip(table.key_columns, gathered, strict=False):
        if None in values:
            row = values.index(None)
            raise DataError(
                f"bulk_update of {table.title}: row {row} has no {column.attribute}; it was never saved",
                row=row,
                column=column.attribute,
            )
    batch = batch_of(specs_of(columns), _dumped(columns, gathered), len(instances))
    updated = await update_table(database, table, batch, fields=[c.attribute for c in written])
    names = [c.attribute for c in written]
    for instance in instances:
        state = instance._state
        if not state.shared:
            state.changed.difference_update(names)
    return updated


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


async def create(
    table: Table,
    database: Database,
    instances: list[Any],
    *,
    on_conflict: str | None = None,
    conflict_fields: Iterable[str] | None = None,
    update_fields: Iterable[str] | None = None,
) -> list[Any]:
    """Insert instances, all or none, and fill in their generated keys.

    Behind a conflict clause an updated row gives the instance its key. So does, if ``conflict_fields`` are
    named, the row an ignored instance was in conflict with; otherwise the instance keeps what it had.
    Instances that have their key in the end count as saved.

    Args:
        on_conflict, conflict_fields, update_fields: as for ``bulk_insert``.

    Raises:
        DataError: something else than an instance of the model, or a value that does not fit its column.
        FieldError: an unknown field, or options that contradict each other.
    """
    _check_class(table, instances, "bulk_create")
    if on_conflict is None and (conflict_fields is not None or update_fields is not None):
        raise FieldError('conflict_fields and update_fields need on_conflict="ignore" or "update"')
    if not instances:
        return instances
    groups = _groups(table, instances)
    clause = (on_conflict, conflict_fields, update_fields) if on_conflict is not None else None
    if len(groups) == 1:
        await _create_group(table, database, clause, *groups[0])
    else:
        async with database.transaction():
            for group in groups:
                await _create_group(table, database, clause, *group)
    if clause is not None and table.primary_key:
        keys = [SLOT + name for name in table.primary_key]
        saved = [o for o in instances if all(getattr(o, key, None) is not None for key in keys)]
        _mark_saved(table.row_class, database, saved)
    else:
        _mark_saved(table.row_class, database, instances)
    return instances


def _check_class(table: Table, instances: list[Any], what: str) -> None:
    cls = table.row_class
    if not instances or set(map(type, instances)) == {cls}:
        return
    for position, instance in enumerate(instances):
        if not isinstance(instance, cls):
            raise DataError(
                f"{what} of {table.title}: row {position} is {instance!r}, not a {table.title}",
                row=position,
            )


def _groups(table: Table, instances: list[Any]) -> list[tuple[list[Any], list[Column], list[list[Any]]]]:
    """Instances by the attributes they have set, with the values of those column by column.

    Nearly always all instances have the same ones; then each column is one pass of ``map``, and no Python
    runs per value.
    """
    columns: list[Column] = []
    gathered: list[list[Any]] = []
    for column in table.columns:
        try:
            values = list(map(attrgetter(SLOT + column.attribute), instances))
        except AttributeError:
            if any(hasattr(instance, SLOT + column.attribute) for instance in instances):
                return _mixed_groups(table, instances)
            continue
        if column.generated:
            missing = values.count(None)
            if missing == len(values):
                continue
            if missing:
                return _mixed_groups(table, instances)
        columns.append(column)
        gathered.append(values)
    return [(instances, columns, gathered)]


def _mixed_groups(
    table: Table, instances: list[Any]
) -> list[tuple[list[Any], list[Column], list[list[Any]]]]:
    by_names: dict[tuple[str, ...], list[Any]] = {}
    for instance in instances:
        by_names.setdefault(written_values(instance, table)[0], []).append(instance)
    return [
        (
            members,
            [table.by_attribute[name] for name in names],
            [list(map(attrgetter(SLOT + name), members)) for name in names],
        )
        for names, members in by_names.items()
    ]


async def _create_group(
    table: Table,
    database: Database,
    clause: Clause | None,
    instances: list[Any],
    columns: list[Column],
    gathered: list[list[Any]],
) -> None:
    if clause is not None:
        await _create_staged(table, database, clause, instances, columns, gathered)
        return
    if len(instances) < COPY_FROM_ROWS and columns and len(instances) * len(columns) <= MAX_PARAMETERS:
        await _create_by_values(table, database, instances, columns, gathered)
        return
    from chakra.columnar import ColumnSpec
    from chakra.columnar.staging import as_array, draw_keys
    from chakra.columnar.values import array_of
    from chakra.columnar.write import copy_rows

    drawn = [c for c in table.key_columns if c.generated and c not in columns]
    specs = [ColumnSpec(c.name, c.type, c.nullable) for c in (*columns, *drawn)]
    drawing = [create_task(draw_keys(database, table, c, len(instances))) for c in drawn[:1]]
    try:
        await sleep(0)  # the request goes out: the server draws keys while the values are converted here
        arrays = list(map(array_of, _dumped(columns, gathered), specs))
    finally:
        keys = [await task for task in drawing]
    keys += [await draw_keys(database, table, c, len(instances)) for c in drawn[1:]]
    await copy_rows(database, table.name, table.schema, specs, [*arrays, *map(as_array, keys)], len(instances))
    for column, made in zip(drawn, keys, strict=True):
        _fill(table.row_class, column, instances, made)


async def _create_staged(
    table: Table,
    database: Database,
    clause: Clause,
    instances: list[Any],
    columns: list[Column],
    gathered: list[list[Any]],
) -> None:
    from chakra.columnar.inputs import Source
    from chakra.columnar.staging import insert_staged, specs_of
    from chakra.columnar.write import batch_of

    merge = plan_merge(table, columns, *clause, draw_keys=True)
    batch = batch_of(specs_of(columns), _dumped(columns, gathered), len(instances))
    # Rows found by their key have it already; whatever else decides, the server tells which key that made.
    asked = bool(table.primary_key) and set(merge.conflict) != set(table.key_columns)
    result = await insert_staged(database, merge, Source(batch.schema.names, [batch]), keys=asked)
    if result.keys is None:
        return
    parts = result.keys.flatten() if len(table.primary_key) > 1 else [result.keys]
    for column, made in zip(table.key_columns, parts, strict=True):
        if made.null_count:
            known = [(o, key) for o, key in zip(instances, made.to_pylist(), strict=True) if key is not None]
            _fill(table.row_class, column, [o for o, _ in known], [key for _, key in known])
        else:
            _fill(table.row_class, column, instances, made)


def _dumped(columns: Sequence[Column], gathered: list[list[Any]]) -> list[Any]:
    """Instance values as the driver and the encoder take them."""
    return [
        values if column.dump is None else list(map(column.dump, values))
        for column, values in zip(columns, gathered, strict=True)
    ]


async def _create_by_values(
    table: Table,
    database: Database,
    instances: list[Any],
    columns: list[Column],
    gathered: list[list[Any]],
) -> None:
    names = tuple(c.attribute for c in columns)
    # Only keys, as with COPY: what is filled in does not depend on the number of instances.
    returning = tuple(c.attribute for c in table.key_columns if c.generated and c not in columns)
    statement = insert_rows_statement(table, names, len(instances), returning)
    values = [value for row in zip(*gathered, strict=True) for value in row]
    if not returning:
        await execute(database, statement, values)
        return
    # PostgreSQL returns the rows of a VALUES list in its order: the plan is one scan over the list.
    rows = await fetch(database, statement, values)
    for position, name in enumerate(returning):
        _fill(table.row_class, table.by_attribute[name], instances, [row[position] for row in rows])


def _fill(cls: type, column: Column, instances: list[Any], values: Any) -> None:
    """Set one slot of many instances without a Python loop; ``values`` as rows or Arrow hold them."""
    if hasattr(values, "to_pylist"):
        values = values.to_pylist()
    if column.load is not None:
        values = map(column.load, values)
    deque(map(getattr(cls, SLOT + column.attribute).__set__, instances, values), maxlen=0)


def _mark_saved(cls: type, database: Database, instances: list[Any]) -> None:
    states = list(map(attrgetter("_state"), instances))
    if states.count(NEW) == len(states):
        shared = RowState(database, True, shared=True)
        deque(map(cls._state.__set__, instances, repeat(shared)), maxlen=0)  # type: ignore[attr-defined]
        return
    for instance in instances:
        state = own_state(instance)
        state.database = database
        state.saved = True
        state.changed.clear()


__all__ = ["create", "insert", "update"]
