"""Bulk writes of a described table, straight by COPY or through a staging table; I/O, but no SQL text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pyarrow as pa

from chakra.columnar.derived import extended, mapped
from chakra.columnar.inputs import Source
from chakra.columnar.opening import known_rows, open_data, sent, specs_of, with_defaults
from chakra.columnar.options import InfinityOption
from chakra.columnar.progress import Progress
from chakra.columnar.read import read_table
from chakra.columnar.result import InsertResult
from chakra.columnar.write import copy_source
from chakra.columnar.write_facts import (
    default_of,
    insert_facts,
    missing_columns,
    no_arbiter,
    no_privilege,
    rows_filled,
    unowned_default,
)
from chakra.db.statements import Own, Told, behind
from chakra.errors import DatabaseError, DataError, FieldError, StaleData
from chakra.pg.conversion import Naive
from chakra.pg.text import SqlText
from chakra.pg.types import INT8, without_binary
from chakra.schema import Column, Table
from chakra.sql import staging as sql
from chakra.sql.stored import check_written, copy_guard
from chakra.sql.write_facts import DRAWN_FACTS

if TYPE_CHECKING:
    from chakra.db.executor import Executor
    from chakra.db.statements import Statement

SAME_ROW_TWICE = "21000"  # cardinality_violation: ON CONFLICT DO UPDATE met a row of its own statement
NO_ARBITER = "42P10"  # invalid_column_reference: no unique index over the conflict fields
NOT_SUPPORTED = "0A000"


def naive_of(db: Executor, option: str | None) -> Naive:
    """What a datetime without a zone means: as the call says, or the database's setting.

    Raises:
        FieldError: the option is none of the setting's words.
    """
    if option is None:
        return db.naive
    if option not in ("error", "utc", "local"):
        raise FieldError(f'naive_datetimes is "error", "utc" or "local", not {option!r}')
    return cast(Naive, option)


def _infinity(option: str) -> InfinityOption:
    """What writes take of ``infinity=``.

    Raises:
        FieldError: it is something else.
    """
    if option not in ("error", "sentinel"):
        raise FieldError(f'infinity={option!r}: for writes it is "error" or "sentinel"')
    return cast(InfinityOption, option)


async def insert_table(
    db: Executor,
    table: Table,
    data: Any,
    *,
    on_conflict: str | None = None,
    conflict_fields: Iterable[str] | None = None,
    update_fields: Iterable[str] | None = None,
    conflict_where: Any = None,
    where: Any = None,
    returning: str | None = None,
    batch_rows: int | None = None,
    progress: Progress = None,
    allow_truncate: bool = False,
    naive_datetimes: str | None = None,
    infinity: Literal["error", "sentinel"] = "error",
    extra: str = "error",
) -> InsertResult:
    """Insert columns into a table, all rows or none.

    Without a conflict clause the data goes straight into the table by COPY. With one, and into a view or a table
    with rules or row security, it goes into a temporary table by COPY and from there by one INSERT, in one
    transaction: the surrounding one, or its own.

    Parameters:
        data: anything with ``__arrow_c_stream__`` or ``__arrow_c_array__``, a dict of NumPy arrays or lists,
            an iterable or asynchronous iterable of record batches. Columns are matched by field name (or by
            the name in the database); those absent from the data get their defaults: those of the model's
            fields, else the server's.
        on_conflict: ``"ignore"`` keeps the row that is there, and the first of several equal ones in the
            data; ``"update"`` overwrites it. ``None``: a conflict is an error.
        conflict_fields: fields with a unique constraint that decide what is in conflict. Default for
            ``"update"``: the primary key; for ``"ignore"``: any unique constraint.
        update_fields: what ``"update"`` overwrites; default: the data's fields but the conflict fields and
            the primary key.
        conflict_where: condition of a partial unique index over ``conflict_fields`` (``Q(active=True)``), which
            is then what decides.
        where: condition on the rows that are there, for ``"update"``; rows for which it does not hold stay as
            they are, and count as skipped.
        returning: ``"keys"`` = give the primary keys back, in the order of the data. An ignored row gives
            the key of the row it was in conflict with if ``conflict_fields`` are named, else NULL; so does a
            row that a trigger left out or gave another key, and one found by ``NULLS NOT DISTINCT``.
        batch_rows: rows prepared at a time, default 65,536.
        progress: see :data:`~chakra.columnar.progress.Progress`.
        allow_truncate: let nanoseconds be cut to microseconds, and decimals be rounded to the column's scale.
        naive_datetimes: what a datetime (or date) without a zone means for ``timestamptz``: ``"utc"``, ``"local"``
            (the zone of this process), or ``"error"``; default: the setting ``database.naive_datetimes``.
        infinity: ``"sentinel"`` = ±(2**63 - 1) of timestamps mean infinity, as DuckDB has it; else they are errors.
        extra: ``"ignore"`` leaves out columns of the data that the table does not have.

    Raises:
        FieldError: an unknown option or field.
        DataError: an unknown column, a missing NOT NULL column, a value that does not fit its column, or, for
            ``"update"``, two rows of the data with the same conflict fields. Nothing is visible in the table.
        DatabaseError, ConnectionLost: from the server.
    """
    if returning not in (None, "keys"):
        raise FieldError(f'returning is "keys" or None, not {returning!r}')
    if returning and not table.primary_key:
        raise FieldError(f'{table.title} has no primary key; returning="keys" has nothing to give back')
    naive = naive_of(db, naive_datetimes)
    source, given = await open_data(data, table, table.columns, naive, extra, rounded=allow_truncate)
    with source.closed_on_failure():
        source, columns = with_defaults(source, given, table, naive)
        check_written(table, columns)
        merge = sql.plan_merge(
            table,
            [column for column in columns if column in given or column.attribute in table.moments],
            on_conflict,
            conflict_fields,
            update_fields,
            conflict_where,
            where,
            draw_keys=returning is not None,
            naive=naive,
        ).with_written(columns)
        how: dict[str, Any] = {
            "batch_rows": batch_rows,
            "progress": progress,
            "allow_truncate": allow_truncate,
            "naive": naive,
            "infinity": _infinity(infinity),
        }
        staged = merge.action != "insert" or returning is not None
        if staged and missing_columns(table, columns):
            await insert_facts(db, table, columns)
        if merge.action != "insert":
            return await insert_staged(db, merge, source, keys=returning is not None, **how)
        if returning is None:
            facts = await insert_facts(db, table, columns)
            if facts.filled:  # NULL, too, may be what a trigger fills in
                columns = tuple(replace(c, nullable=True) for c in columns)
                merge = replace(merge, written=columns)
            if facts.insert_only or any(without_binary(c.type, to="write") for c in columns):
                return await insert_staged(db, merge, source, keys=False, **how)
            for column in facts.asked:
                source = extended(source, column.name, lambda _, rows: pa.nulls(rows, pa.string()))
            columns = (*columns, *facts.asked)
            return await _copy(db, table, source, columns, **how)
        rows = known_rows(data, source)
        made = None
        if rows is not None and len(table.key_columns) == 1 and merge.drawn:
            made = await draw_keys(db, table, merge.drawn[0], rows, columns)
        if made is None or any(without_binary(c.type, to="write") for c in columns):
            return await insert_staged(db, merge, source, keys=True, **how)
        drawn, keys = merge.drawn[0], as_array(made)
        source = extended(source, drawn.attribute, keys.slice)
        return replace(await _copy(db, table, source, (*columns, drawn), **how), keys=keys)


async def insert_staged(
    db: Executor,
    merge: sql.Merge,
    source: Source,
    *,
    keys: bool,
    batch_rows: int | None = None,
    progress: Progress = None,
    allow_truncate: bool = False,
    naive: Naive = "error",
    infinity: InfinityOption = "error",
) -> InsertResult:
    """Insert through a staging table, as a plan says; with ``keys``, the primary keys come in the result.

    Raises:
        FieldError: no unique index is over the conflict fields; names those there are.
        Others: as for :func:`insert_table`.
    """
    how: dict[str, Any] = {
        "batch_rows": batch_rows,
        "progress": progress,
        "allow_truncate": allow_truncate,
        "naive": naive,
        "infinity": infinity,
    }
    try:
        return await _insert_staged(db, merge, source, keys, **how)
    except DatabaseError as error:
        if error.sqlstate != NO_ARBITER or not merge.conflict:
            raise
        raise await no_arbiter(db, merge) from error


async def _insert_staged(
    db: Executor, merge: sql.Merge, source: Source, keys: bool, **how: Any
) -> InsertResult:
    table = merge.table
    columns = merge.written
    if keys:
        source = extended(source, merge.ordinal, _numbers)
        columns = (*columns, Column(merge.ordinal, INT8))
    nested = db.in_transaction
    async with db.transaction():
        defaults, undrawable = {}, None
        for column in merge.drawn:
            default = await default_of(db, table, column)
            if default is None:
                undrawable = column
            else:
                defaults[column.name] = default
        if undrawable is not None:
            if merge.action != "insert":
                raise no_privilege(table, undrawable)
            merge = replace(merge, drawn=())
        await _script(db, sql.create_staging(merge, ordinal=keys, defaults=defaults))
        copied = await _stage(
            db,
            table,
            source,
            columns,
            **how,
        )
        staged = copied.inserted
        await _type_staged(db, merge.written)
        found = None
        if undrawable is not None:
            found = await _returned(db, merge, staged)
            inserted, updated = len(found), 0
        else:
            inserted, updated = await _merge(db, merge)
        if keys and found is None:
            there = inserted + updated == staged and not await rows_filled(db, table)
            found = await _staged_keys(db, merge, all_there=there)
        if nested:
            await _script(db, sql.DROP_STAGING)
    return InsertResult(inserted, updated, staged - inserted - updated, found)


async def _merge(db: Executor, merge: sql.Merge, marked: bool = False) -> tuple[int, int]:
    """Move the staged rows on; returns how many were inserted and updated."""
    text, arguments = sql.insert_staged(merge, db.server_version, marked=marked)
    statement = Told(text, ((merge.table.quoted, True),), reads=False)
    try:
        if merge.action != "update":
            return await db.run_execute(statement, arguments), 0
        async with db.transaction():  # a savepoint: after a failure the staging table can still be asked
            inserted, updated = await _row(db, statement, *arguments)
        return inserted, updated
    except DatabaseError as error:
        names = ", ".join(c.attribute for c in merge.conflict)
        if error.sqlstate == SAME_ROW_TWICE:
            told = None  # which rows a predicate holds for is not to be seen in the staging table
            if merge.predicate is None:
                told = await _duplicate(db, merge.table, merge.conflict)
            raise told or DataError(
                f"several rows of the data are the same row of {merge.table.title} by {names}"
            ) from error
        # "Cannot retrieve a system column", in whatever language: the ``xmax`` of a partitioned table's rows.
        if error.sqlstate == NOT_SUPPORTED and merge.action == "update" and not marked:
            return await _merge(db, merge, marked=True)
        raise


async def _duplicate(db: Executor, table: Table, columns: Sequence[Column]) -> DataError | None:
    """The error for two staged rows with the same values in ``columns``, if there are any."""
    found = await db.run_fetchrow(sql.find_duplicate(table, columns))
    if found is None:
        return None
    first, second = found[0]
    names = ", ".join(c.attribute for c in columns)
    return DataError(
        f"row {second} has the same {names} as row {first}: which of them to write is not defined",
        row=second,
        column=columns[0].attribute,
    )


async def _returned(db: Executor, merge: sql.Merge, staged: int) -> pa.Array:
    """Insert the staged rows and return the keys the server made.

    Raises:
        DatabaseError: triggers left rows out, so that nobody knows which row has which key.
    """
    found = await _keys(db, sql.insert_returning(merge), merge.table)
    if len(found) != staged:
        raise DatabaseError(
            f"a trigger or rule of {merge.table.title} let in {len(found)} of {staged} rows, and the server does not "
            "tell which: no row is written. Grant the role USAGE on the key's sequence, or insert without keys"
        )
    return found


async def _staged_keys(db: Executor, merge: sql.Merge, *, all_there: bool) -> pa.Array:
    return await _keys(db, sql.staged_keys(merge, all_there=all_there), merge.table)


async def _keys(db: Executor, statement: str, target: Table) -> pa.Array:
    specs = [replace(spec, nullable=True) for spec in specs_of(target.key_columns)]
    table = await read_table(db, statement, specs)
    if table.num_columns == 1:
        return table.column(0).combine_chunks()
    return table.to_struct_array().combine_chunks()


async def update_table(
    db: Executor,
    table: Table,
    data: Any,
    *,
    key: Iterable[str] | None = None,
    fields: Iterable[str] | None = None,
    batch_rows: int | None = None,
    progress: Progress = None,
    allow_truncate: bool = False,
    naive_datetimes: str | None = None,
    infinity: Literal["error", "sentinel"] = "error",
) -> int:
    """Update rows from columns, through a staging table and one UPDATE; returns the number of rows updated.

    Rows of the data that the table does not have (any more) are left out of the number, and are no error.

    Parameters:
        data: as in :func:`insert_table`.
        key: fields that say which row is meant; default: the primary key, and with it the version, if the table and
            the data have one: rows that have another one by now are an error.
        fields: what to write; default: the data's other fields.
        Others: as in :func:`insert_table`.

    Raises:
        FieldError: an unknown field, no key, or nothing to write.
        DataError: a value does not fit its column, or two rows of the data have the same key.
        StaleData: a row has another version than the data says.
        DatabaseError, ConnectionLost: from the server.
    """
    if key is None and not table.primary_key:
        raise FieldError(f"{table.title} has no primary key; name the fields that tell rows apart: key=[…]")
    keys = table.key_columns if key is None else sql.named_columns(table, key, "key")
    version, unique = sql.version_column(table), keys == table.key_columns
    naive = naive_of(db, naive_datetimes)
    source, given = await open_data(data, table, table.columns, naive, rounded=allow_truncate)
    with source.closed_on_failure():
        if fields is None:
            written = tuple(c for c in given if c not in keys and c not in version)
            if not written:
                raise FieldError("bulk_update has nothing to write: the data has no column beside the key")
        else:
            written = sql.named_columns(table, fields, "fields")
        source, with_moments = with_defaults(source, given, table, naive, update=True)
        written = (*written, *with_moments[len(given) :])
        given = with_moments
        seen = tuple(c for c in version if c in given and c not in written)
        if seen and set(keys) != set(table.key_columns):
            raise FieldError(
                f"the data has {table.version}, which is compared with that of the row of a primary key, and rows are "
                f"found by {', '.join(c.attribute for c in keys)}: leave it out"
            )
        keys = (*keys, *seen)
        for column in (*keys, *written):
            if column not in given:
                raise DataError(f'the data has no column "{column.attribute}"', column=column.attribute)
        both = [c.attribute for c in written if c in keys]
        if both:
            raise FieldError(f"{', '.join(both)} cannot be both the key of a bulk update and written by it")
        columns = (*keys, *written)
        check_written(table, columns)
        names = [c.attribute for c in columns]
        if names != source.names:
            picked = mapped(source, lambda batch: batch.select(names))
            source = replace(source, names=names, batches=picked)
        nested = db.in_transaction
        async with db.transaction():
            await _script(db, sql.create_update_staging(table, columns))
            copied = await _stage(
                db,
                table,
                source,
                columns,
                batch_rows=batch_rows,
                progress=progress,
                allow_truncate=allow_truncate,
                naive=naive,
                infinity=_infinity(infinity),
            )
            await _type_staged(db, columns)
            if seen:
                await _refuse_stale(db, table)
            updated = await db.run_execute(
                Told(sql.update_staged(table, keys, written), ((table.quoted, True),), reads=False)
            )
            # A row of the table named twice is updated once, by either. Keys are unique, so that shows in the
            # count; other fields may stand in several rows.
            if updated != copied.inserted or not unique:
                twice = await _duplicate(db, table, keys)
                if twice is not None:
                    raise twice
            if nested:
                await _script(db, sql.DROP_STAGING)
        return updated


async def _refuse_stale(db: Executor, table: Table) -> None:
    """Lock the rows that are to be updated.

    Raises:
        StaleData: one of them has another version than the data says.
    """
    found = await db.run_fetchrow(sql.stale_staged(table))
    if found is None:
        return
    *key, seen, there = found
    shown = ", ".join(f"{name}={value!r}" for name, value in zip(table.primary_key, key, strict=True))
    raise StaleData(
        f"{table.title} with {shown} was not updated, nor any other row: its {table.version} is {there} in the "
        f"database, and {seen} in what was given; somebody else wrote to it since it was read",
        model=table.row_class,
        key=key[0] if len(key) == 1 else tuple(key),
        expected=seen,
        found=there,
    )


# -- keys -----------------------------------------------------------------------------------------------


async def draw_keys(db: Executor, table: Table, column: Column, rows: int, given: Sequence[Column]) -> Any:
    """Draw ``rows`` values of a generated column; no other session can get the same from a sequence.

    Parameters:
        given: the columns that are written beside it.

    Returns:
        A ``range``, a list of integers, or, for a column with a default, an Arrow array. ``None`` if COPY is not
        the way: triggers may leave out rows or change their keys, rows get in by INSERT only, or the role may not
        draw from the sequence.

    Raises:
        FieldError: an identity column without sequence.
    """
    names = [c.name for c in given]
    if not column.identity:
        return await _drawn(db, table, column, rows, column.db_default or "NULL", names)
    if not rows:
        return range(0)
    whole = len({*names, column.name}) == len(table.columns)
    statement = sql.reserve_keys(alone=not db.in_transaction, whole=whole)
    args = (table.quoted, column.name, rows)
    indirect, low, high, *_ = await _row(db, statement, *args, *(() if whole else (names,)))
    if indirect:
        return None
    if low is None:
        if (await _row(db, sql.SEQUENCE_OF, table.quoted, column.name))[0] is not None:
            return (
                None  # the role may insert, and then the server draws for it, but it may not draw by itself
            )
        return await _drawn(db, table, column, rows, await unowned_default(db, table, column), names)
    if high - low == rows - 1:
        return range(low, high + 1)
    return (await _row(db, sql.RESERVE_SCATTERED_KEYS, *args))[0]


async def _drawn(
    db: Executor, table: Table, column: Column, rows: int, default: str, names: list[str]
) -> pa.Array | None:
    if (await _row(db, DRAWN_FACTS, table.quoted, [*names, column.name]))[0]:
        return None
    drawn = await read_table(db, sql.drawn_values(column, rows, default), specs_of([column]))
    return drawn.column(0).combine_chunks()


async def _row(db: Executor, statement: Statement | str, *args: Any) -> Any:
    """The row of a statement that always gives one."""
    row = await db.run_fetchrow(statement, args)
    assert row is not None
    return row


def as_array(keys: Any) -> pa.Array:
    """Drawn keys as an Arrow array."""
    if isinstance(keys, range):
        return pa.array(np.arange(keys.start, keys.stop, dtype=np.int64))
    return pa.array(keys, pa.int64()) if isinstance(keys, list) else keys


# -- data -----------------------------------------------------------------------------------------------


async def _copy(
    db: Executor,
    table: Table,
    source: Source,
    columns: Sequence[Column],
    *,
    naive: Naive = "error",
    **how: Any,
) -> InsertResult:
    """Copy straight into the table."""
    names, guard = [c.name for c in columns], copy_guard(table, columns)
    specs = sent(columns, naive)
    return await copy_source(db, table.name, table.schema, source, specs, names=names, guard=guard, **how)


async def _stage(
    db: Executor,
    table: Table,
    source: Source,
    columns: Sequence[Column],
    *,
    naive: Naive = "error",
    **how: Any,
) -> InsertResult:
    """Copy into the staging table, whose columns have the types those of ``table`` had when it was made."""
    names, guard = [c.name for c in columns], copy_guard(table, columns, sql.STAGED)
    specs = sent(columns, naive)
    return await copy_source(
        db, sql.STAGING, sql.STAGING_SCHEMA, source, specs, names=names, guard=guard, **how
    )


async def _type_staged(db: Executor, columns: Sequence[Column]) -> None:
    """Turn text that stands in for types without a binary format into values of those types.

    Raises:
        DataError: a text is none of its type.
    """
    script = sql.staged_types(columns)
    if script is not None:
        await _script(db, script)


def _numbers(first: int, rows: int) -> pa.Array:
    return pa.array(np.arange(first, first + rows, dtype=np.int64))


async def _script(db: Executor, text: str) -> None:
    """Run statements of ours: what they make goes with the transaction. What the table behind it calls may stay, for
    this and all that follows in the transaction.
    """
    session = await db.held_session().begun()  # type: ignore[union-attr]
    script = behind(text) if isinstance(text, SqlText) else Own(text)
    if not await db.is_harmless(script):
        db.note(session)
    await session.script(script, text=str(text))


__all__ = [
    "as_array",
    "draw_keys",
    "insert_staged",
    "insert_table",
    "naive_of",
    "specs_of",
    "update_table",
]
