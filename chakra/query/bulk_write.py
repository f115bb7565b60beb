"""The door from new instances to the server, for bulk writes; opens ``chakra.columnar`` when used.

Rows of Python values become columns in one pass of C code per column, and those are encoded by the columnar
engine; what comes back goes into the slots of the instances the same way.
"""

from __future__ import annotations

import re
from asyncio import create_task, sleep
from collections import deque
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from chakra.db import stale_types
from chakra.db.generators import helping_task
from chakra.errors import DatabaseError, DataError, FieldError, NotNullViolation, UniqueViolation
from chakra.pg.conversion import Naive
from chakra.query import sequences
from chakra.query.bulk import written_within
from chakra.query.bulk_columns import named_errors
from chakra.query.bulk_returning import Back, back_of
from chakra.query.described import on_stored
from chakra.query.execute import behind, execute, fetch_written
from chakra.query.groups import Group, all_unset, check_class, groups_of, rows_named_by
from chakra.query.hydrate import SLOT
from chakra.query.lost import forget_version
from chakra.query.state import NEW, RowState, Undo, own_state
from chakra.query.write import written_values
from chakra.schema import Column, Table
from chakra.sql import Statement, insert_columns_statement, insert_rows_statement, takes_columns
from chakra.sql.staging import plan_merge
from chakra.sql.stored import check_written, copy_guard

if TYPE_CHECKING:
    from chakra.db import Database

Clause: TypeAlias = "tuple[Any, ...]"
"""The arguments ``on_conflict``, ``conflict_fields``, ``update_fields``, ``conflict_where``, ``where`` and
``conflict_constraint``."""

COPY_FROM_ROWS = 500
"""Instances from which ``bulk_create`` uses COPY, which takes two round trips (keys, then rows); fewer go in one
INSERT from an array for each column. For rows of seven columns the lines cross between 300 and 1,000
(docs/decisions/0006-copy-or-values.md)."""

COPY_SEQUENCES_FROM_ROWS = 20
"""The same for tables with columns that arrays cannot carry: fewer go in an INSERT … VALUES, whose text depends on
their number, so that it is mostly a new one for the server and takes 4.5 ms for 40 rows where COPY takes 2.7."""

PARAMETERS = 32_767
"""Most parameters a statement can have in asyncpg, which counts them as int16 (message Bind)."""

INSERTED_AT_ONCE = 50_000
"""Instances of one INSERT where COPY is not the way; a message to the server must stay below 1 GiB."""

UNDEFINED_TABLE = "42P01"
NOT_SUPPORTED = "0A000"
_FEWER = re.compile(r"\bchakra_inserted_(\d+)\b")


async def create(
    table: Table,
    database: Database,
    instances: list[Any],
    *,
    on_conflict: str | None = None,
    conflict_fields: Iterable[Any] | None = None,
    update_fields: Any = None,
    conflict_where: Any = None,
    conflict_constraint: str | None = None,
    where: Any = None,
    returning: Any = None,
    timeout: float | None = None,
    sync_sequences: bool = False,
) -> Any:
    """Insert instances, all or none, and fill in their generated keys.

    Behind a conflict clause an updated row gives the instance its key. So does, if ``conflict_fields`` are
    named, the row an ignored instance was in conflict with; otherwise the instance keeps what it had.
    Instances that have their key in the end count as saved.

    Args:
        on_conflict, conflict_fields, update_fields, conflict_where, conflict_constraint, where, timeout,
            sync_sequences: as for ``bulk_insert``.
        returning: what is returned in place of the instances: those that were written with all values of their rows,
            or these as dicts or a table.

    Raises:
        DataError: something else than an instance of the model, or a value that does not fit its column.
        FieldError: an unknown field, or options that contradict each other.
        QueryCancelled: the timeout passed; nothing was written.
    """
    check_class(table, instances, "bulk_create")
    rest = (conflict_fields, update_fields, conflict_where, where, conflict_constraint)
    if on_conflict is None and any(option is not None for option in rest):
        raise FieldError(
            "conflict_fields and update_fields, conflict_where, conflict_constraint and where, "
            'need on_conflict="ignore" or "update"'
        )
    back = back_of(
        table, database, "bulk_create", returning, changes=on_conflict == "update", also=table.primary_key
    )
    clause = (on_conflict, *rest) if on_conflict is not None else None
    if not instances and clause is not None:  # a mistake is one without rows as well
        plan_merge(table, [c for c in table.columns if c.computed is None], *clause, naive=database.naive)
    if not instances and (back is None or back.found != "arrow"):
        return instances

    async def create_and_sync(stored: Table) -> None:
        async with database.transaction():
            await _create_groups(stored, database, clause, instances, back)
            await sequences.sync_sequences(table, database)

    async def create_in(stored: Table) -> None:
        if sync_sequences:
            await _unless_undone(table, instances, create_and_sync(stored))
        else:
            await _create_groups(stored, database, clause, instances, back)

    async def write() -> None:
        await on_stored(database, table, create_in, instances)

    async with named_errors(table, database):
        with _sequences_explained(table, instances):
            if timeout is None:
                await write()
            else:
                await _unless_undone(table, instances, written_within(timeout, database, write))
    if clause is not None and table.version:
        for instance in instances:
            forget_version(instance, table)
    if clause is not None and table.primary_key:
        keys = [SLOT + name for name in table.primary_key]
        saved = [o for o in instances if all(getattr(o, key, None) is not None for key in keys)]
        _mark_saved(table.row_class, database, saved)
    else:
        _mark_saved(table.row_class, database, instances)
    return instances if back is None else back.gathered(instances)


@contextmanager
def _sequences_explained(table: Table, instances: list[Any]) -> Iterator[None]:
    try:
        yield
    except UniqueViolation as error:
        given = [c.attribute for c in table.key_columns if not all_unset(c, instances)]
        sequences.explain(error, table, given)
        raise


async def _create_groups(
    table: Table, database: Database, clause: Clause | None, instances: list[Any], back: Back | None
) -> None:
    """Insert instances, all or none; many are gathered while the server draws their keys."""
    if back is not None:
        back.parts.clear()
    if (
        clause is None
        and back is None
        and len(instances) >= COPY_FROM_ROWS
        and await _create_alike(table, database, instances)
    ):
        return
    groups = groups_of(table, instances)
    for group in groups:
        check_written(table, group.columns)
    if len(groups) == 1:
        await _create_group(table, database, clause, groups[0], back)
        return

    async def create_all() -> None:
        async with database.transaction():
            for group in groups:
                with rows_named_by(group.positions):
                    await _create_group(table, database, clause, group, back)

    await _unless_undone(table, instances, create_all())


async def _unless_undone(table: Table, instances: list[Any], work: Awaitable[None]) -> None:
    """Await work that fills in keys; if it fails, take them back: the rows that gave them are rolled back."""
    made = [(c, [o for o in instances if all_unset(c, [o])]) for c in table.key_columns if c.generated]
    try:
        await work
    except BaseException:
        for column, without in made:
            deque(map(getattr(table.row_class, SLOT + column.attribute).__set__, without, repeat(None)), 0)
        raise


async def _create_alike(table: Table, database: Database, instances: list[Any]) -> bool:
    """Insert instances through COPY if all have the same attributes set; else do nothing and return ``False``.

    The server draws the keys while values are gathered and the first of them converted.
    """
    from chakra.columnar.staging import draw_keys, specs_of
    from chakra.columnar.write import RowStream, copy_stream
    from chakra.columnar.write_facts import insert_facts

    given = [table.by_attribute[name] for name in written_values(instances[0], table)[0]]
    lacking = [c for c in table.key_columns if c.generated and all_unset(c, instances)]

    async def draw() -> list[Any]:
        if not lacking:
            facts = await insert_facts(database, table, given)
            if facts.filled:
                rows.allow_null()
            asked.extend(facts.asked)
            return [None] if facts.insert_only else []
        return [await draw_keys(database, table, column, len(instances), given) for column in lacking]

    rows = RowStream(len(instances))
    asked: list[Column] = []
    with helping_task():
        drawing = create_task(draw())
    try:
        await sleep(0)  # lets the request go out
        groups = groups_of(table, instances)
        if len(groups) == 1:
            check_written(table, groups[0].columns)
            for spec, values in zip(
                specs_of(groups[0].columns, database.naive), groups[0].values, strict=True
            ):
                rows.add(spec, values)
            rows.prepare()
    finally:
        keys = await drawing
    if len(groups) > 1:
        return False
    if any(made is None for made in keys):
        async with database.transaction():
            await _create_parts(table, database, groups[0], INSERTED_AT_ONCE)
        return True
    for spec, made in zip(specs_of(lacking), keys, strict=True):
        rows.add(spec, made)
    for spec in specs_of(asked):
        rows.add(spec, [None] * len(instances))
    columns = (*groups[0].columns, *lacking, *asked)
    names, guard = [c.name for c in columns], copy_guard(table, columns)
    await copy_stream(database, table.name, table.schema, names, rows, guard=guard)
    for column, made in zip(lacking, keys, strict=True):
        _fill(table.row_class, column, instances, made)
    return True


async def _create_group(
    table: Table, database: Database, clause: Clause | None, group: Group, back: Back | None
) -> None:
    if clause is not None and back is None:
        await _create_staged(table, database, clause, group, back)
    elif clause is not None:
        async with database.transaction():  # what cannot be told apart undoes the write
            await _create_staged(table, database, clause, group, back)
    elif back is not None and (back.found == "arrow" or _copies(group)):
        async with database.transaction():
            await _create_returned(table, database, group, back)
    elif _copies(group):
        await _create_alike(table, database, group.instances)
    else:
        await _create_few(table, database, group, back, group.positions)


def _copies(group: Group) -> bool:
    """Whether COPY is the way to write the group; always, where no column has a value, for many rows."""
    few = COPY_FROM_ROWS if all(map(takes_columns, group.columns)) else COPY_SEQUENCES_FROM_ROWS
    return len(group.instances) >= few or not group.columns


async def _create_staged(
    table: Table, database: Database, clause: Clause, group: Group, back: Back | None
) -> None:
    from chakra.columnar.inputs import Source
    from chakra.columnar.staging import insert_staged, specs_of
    from chakra.columnar.write import batch_of

    merge = plan_merge(table, group.columns, *clause, draw_keys=True, naive=database.naive)
    batch = batch_of(specs_of(group.columns, database.naive), group.values)
    # Rows found by their key have it already; whatever else decides, the server tells which key that made.
    by_key = set(merge.target.columns) == set(table.key_columns) and not merge.target.computed
    asked: Any = bool(table.primary_key) and (back is not None or not by_key)
    result = await insert_staged(
        database,
        merge,
        Source(batch.schema.names, [batch], instances=True),
        keys="records" if asked and back is not None else asked,
        taker=back,
    )
    if result.keys is None:
        if back is not None:
            back.add(group.positions, result.rows)
        return
    if back is not None:
        made: list[Any] = result.keys
        back.add_met(group.positions, result.rows, made)
        columns = list(zip(*made, strict=True)) or [()] * len(table.key_columns)
        for column, keys in zip(table.key_columns, columns, strict=True):
            _fill_known(table.row_class, column, group.instances, keys)
        return
    parts = result.keys.flatten() if len(table.primary_key) > 1 else [result.keys]
    for column, keys in zip(table.key_columns, parts, strict=True):
        if keys.null_count:
            _fill_known(table.row_class, column, group.instances, keys.to_pylist())
        else:
            _fill(table.row_class, column, group.instances, keys)


def _fill_known(cls: type, column: Column, instances: list[Any], values: Iterable[Any]) -> None:
    known = [(instance, key) for instance, key in zip(instances, values, strict=True) if key is not None]
    _fill(cls, column, [i for i, _ in known], [key for _, key in known])


async def _create_returned(table: Table, database: Database, group: Group, back: Back) -> None:
    """Insert many instances through a staging table, whose INSERT returns rows as COPY does not."""
    from chakra.columnar.inputs import Source
    from chakra.columnar.staging import insert_staged, specs_of
    from chakra.columnar.write import batch_of

    if not group.columns:  # a key alone: neither COPY nor an INSERT of several rows goes without a column
        if back.found == "arrow":
            raise DataError(
                f'bulk_create of {table.title}: returning="arrow" needs a value for one of the columns; '
                "returning=[…] does without"
            )
        for part in group.parts(1):
            await _create_few(table, database, part, back, [group.positions[part.positions[0]]])
        return
    await _refuse_nulls(table, database, group)
    columns = [replace(column, nullable=True) for column in group.columns]
    merge = plan_merge(table, columns, None, None, None, naive=database.naive)
    batch = batch_of(specs_of(columns, database.naive), group.values)
    source = Source(batch.schema.names, [batch], instances=True)
    result = await insert_staged(database, merge, source, keys=False, taker=back)
    if result.inserted != len(group.instances):
        raise _left_out(table, result.inserted, len(group.instances))
    for column in table.key_columns:
        if column.generated and column not in group.columns:
            _fill(table.row_class, column, group.instances, back.column(result.rows, column.attribute))
    back.add(group.positions, result.rows)


async def _create_parts(
    table: Table, database: Database, group: Group, rows: int, back: Back | None = None
) -> None:
    for part in group.parts(rows):
        with rows_named_by(part.positions):
            positions = [group.positions[position] for position in part.positions]
            await _create_few(table, database, part, back, positions)


async def _create_few(
    table: Table, database: Database, group: Group, back: Back | None, positions: Sequence[int]
) -> None:
    """Insert instances and get their keys in one round trip, and what else of their rows is asked for."""
    await _refuse_nulls(table, database, group)
    if not all(map(takes_columns, group.columns)) and len(group.instances) * len(group.columns) > PARAMETERS:
        await _create_parts(table, database, group, PARAMETERS // len(group.columns), back)
        return
    names = tuple(c.attribute for c in group.columns)
    # Only keys, as with COPY: what is filled in does not depend on the number of instances.
    keys = tuple(c.attribute for c in table.key_columns if c.generated and c.attribute not in names)
    returning = keys if back is None else tuple(dict.fromkeys((*back.names, *keys)))
    if group.columns and all(map(takes_columns, group.columns)):
        statement, values = insert_columns_statement(table, names, returning), group.values
    else:
        statement = insert_rows_statement(table, names, len(group.instances), returning)
        values = [value for row in zip(*group.values, strict=True) for value in row]
    try:
        if not returning:
            await execute(database, statement, values)
            return
        # PostgreSQL returns the rows in the order of the arrays, or of the VALUES: the plan is one scan of them.
        if database.in_transaction:
            rows = await fetch_written(database, statement, values)
        else:
            count = (
                "cardinality($1)" if statement.parameters and values is group.values else len(group.instances)
            )
            rows = await fetch_written(database, _all_or_none(statement, count), values)
    except DataError as error:
        stale = stale_types(error)
        if stale is not None:
            stale.aborting = database.in_transaction
            raise stale from error
        if isinstance(error, NotNullViolation):
            raise
        named = _named(group, error, database.naive)
        raise named from behind(named, error)
    except DatabaseError as error:
        left = _FEWER.search(str(error)) if error.sqlstate == UNDEFINED_TABLE else None
        if left is not None:
            raise _left_out(table, int(left[1]), len(group.instances)) from error
        if error.sqlstate != NOT_SUPPORTED or database.in_transaction:
            raise
        async with database.transaction():  # the table has a rule, which WITH does not take
            await _create_few(table, database, group, back, positions)
        return
    if len(rows) != len(group.instances):
        raise _left_out(table, len(rows), len(group.instances))
    for name in keys:
        position = returning.index(name)
        made = [row[position] for row in rows]
        _fill(table.row_class, table.by_attribute[name], group.instances, made)
    if back is not None:
        back.outputs = statement.outputs
        back.add(positions, rows)


async def _refuse_nulls(table: Table, database: Database, group: Group) -> None:
    """Refuse NULL where the table takes none and nothing fills it in: the server would abort a transaction for it.

    Raises:
        NotNullViolation: names row and column.
    """
    for column, given in zip(group.columns, group.values, strict=True):
        if not column.nullable and None in given:
            from chakra.columnar.write_facts import rows_filled

            if await rows_filled(database, table):
                return
            from chakra.columnar.encode import null_refused

            raise null_refused(given.index(None), column.attribute)


@lru_cache(maxsize=256)
def _all_or_none(statement: Statement, count: str | int) -> Statement:
    """The INSERT … RETURNING as one that fails on the server if triggers left out some of the rows.

    It costs no round trip, which a transaction around the statement would. There is no SQL to raise an error with a
    text, so a table is looked up that does not exist, with the number of the rows in its name.
    """
    first, *rest = statement.pieces
    tail = (
        f") SELECT * FROM made WHERE CASE WHEN (SELECT count(*) FROM made) = {count} THEN true ELSE "
        "('chakra_inserted_' || (SELECT count(*) FROM made))::regclass IS NOT NULL END"
    )
    pieces = [f"WITH made AS ({first}", *rest]
    pieces[-1] += tail
    return replace(statement, pieces=tuple(pieces))


def _left_out(table: Table, made: int, count: int) -> DatabaseError:
    return DatabaseError(
        f"bulk_create of {table.title}: a trigger or rule of the table let in {made} of {count} rows, and the "
        "server does not tell which, so no instance could get a key and no row is written; bulk_insert() does "
        "without keys. In a transaction leave its block with this error, which rolls the rows back"
    )


def _named(group: Group, error: Exception, naive: Naive) -> Exception:
    """The error as COPY would have raised it, with row and column, if the columnar engine minds the same."""
    from chakra.columnar.encode import Encoder
    from chakra.columnar.staging import specs_of
    from chakra.columnar.write import batch_of

    specs = specs_of(group.columns, naive)
    try:
        list(Encoder(specs).encode(batch_of(specs, group.values)))
    except DataError as found:
        return found
    return error


def _fill(cls: type, column: Column, instances: list[Any], values: Any) -> None:
    """Set one slot of many instances without a Python loop; ``values`` as rows or Arrow hold them."""
    if hasattr(values, "to_pylist"):
        values = values.to_pylist()
    if column.load is not None:
        values = map(column.load, values)
    deque(map(getattr(cls, SLOT + column.attribute).__set__, instances, values), maxlen=0)


def _mark_saved(cls: type, database: Database, instances: list[Any]) -> None:
    states = list(map(attrgetter("_state"), instances))
    block = database.current_transaction()
    undo = () if block is None else (Undo(block.mark(), False, frozenset(), {}),)
    if states.count(NEW) == len(states):
        shared = RowState(database, True, shared=True)
        shared.undo = undo
        deque(map(cls._state.__set__, instances, repeat(shared)), maxlen=0)  # type: ignore[attr-defined]
        return
    for instance in instances:
        state = own_state(instance)
        state.database = database
        state.saved = True
        state.changed.clear()
        state.held = {}
        state.undo = undo


__all__ = ["create"]
