"""Bulk writes of a described table, straight by COPY or through a staging table; I/O, but no SQL text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from chakra.columnar.staged import (
    Taker,
    duplicate,
    insert_staged,
    numbers,
    one_row,
    script,
    stage,
)
from chakra.columnar.staged_types import type_staged
from chakra.columnar.write import copy_source
from chakra.columnar.write_facts import insert_facts, missing_columns, unowned_default
from chakra.errors import DataError, FieldError, StaleData
from chakra.expressions import Expression
from chakra.pg.conversion import Naive
from chakra.pg.types import INT8, without_binary
from chakra.schema import Column, Table
from chakra.sql import merging
from chakra.sql import staging as sql
from chakra.sql.stored import check_written, copy_guard
from chakra.sql.targets import Target, named_columns
from chakra.sql.write_facts import DRAWN_FACTS

if TYPE_CHECKING:
    from chakra.db.executor import Executor


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
    conflict_fields: Iterable[str | Expression] | None = None,
    update_fields: Iterable[str] | Mapping[str, Any] | None = None,
    conflict_where: Any = None,
    conflict_constraint: str | None = None,
    where: Any = None,
    returning: Literal["keys"] | Taker | None = None,
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
        conflict_fields: fields, and expressions (``Lower("email")``), with a unique index that decide what is in
            conflict. Default for ``"update"``: the primary key; for ``"ignore"``: any unique index.
        update_fields: what ``"update"`` overwrites; default: the data's fields but the conflict fields and
            the primary key. A dict has values and expressions, in which ``F`` is of the row that is there and
            ``Excluded`` of the one in the data.
        conflict_where: condition of a partial unique index over ``conflict_fields`` (``Q(active=True)``), which
            is then what decides.
        conflict_constraint: the name of a constraint that decides, in place of ``conflict_fields``.
        where: condition on the rows that are there, and on ``Excluded`` ones, for ``"update"``; rows for which it
            does not hold stay as they are, and count as skipped.
        returning: ``"keys"`` = give the primary keys back, in the order of the data. An ignored row gives
            the key of the row it was in conflict with if ``conflict_fields`` are named, else NULL; so does a
            row that a trigger left out or gave another key, and one found by ``NULLS NOT DISTINCT``.
            Or what reads the rows that were written.
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
    taker = returning if callable(returning) else None
    keys = returning == "keys"
    if keys and not table.primary_key:
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
            conflict_constraint,
            draw_keys=keys,
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
            return await insert_staged(db, merge, source, keys=keys, taker=taker, **how)
        if taker is not None:
            return await insert_staged(db, merge, source, keys=False, taker=taker, **how)
        if not keys:
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


async def update_table(
    db: Executor,
    table: Table,
    data: Any,
    *,
    key: Iterable[str] | None = None,
    fields: Iterable[str] | None = None,
    returning: Taker | None = None,
    batch_rows: int | None = None,
    progress: Progress = None,
    allow_truncate: bool = False,
    naive_datetimes: str | None = None,
    infinity: Literal["error", "sentinel"] = "error",
) -> Any:
    """Update rows from columns, through a staging table and one UPDATE; returns the number of rows updated, or what
    ``returning`` gives.

    Rows of the data that the table does not have (any more) are left out of the number, and are no error.

    Parameters:
        data: as in :func:`insert_table`.
        key: fields that say which row is meant; default: the primary key, and with it the version, if the table and
            the data have one: rows that have another one by now are an error.
        fields: what to write; default: the data's other fields.
        returning: what reads the rows that were written; its rows, and the number of each in the data, are returned.
        Others: as in :func:`insert_table`.

    Raises:
        FieldError: an unknown field, no key, or nothing to write.
        DataError: a value does not fit its column, or two rows of the data have the same key.
        StaleData: a row has another version than the data says.
        DatabaseError, ConnectionLost: from the server.
    """
    if key is None and not table.primary_key:
        raise FieldError(f"{table.title} has no primary key; name the fields that tell rows apart: key=[…]")
    keys = table.key_columns if key is None else named_columns(table, key, "key")
    version, unique = sql.version_column(table), keys == table.key_columns
    naive = naive_of(db, naive_datetimes)
    source, given = await open_data(data, table, table.columns, naive, rounded=allow_truncate)
    with source.closed_on_failure():
        if fields is None:
            written = tuple(c for c in given if c not in keys and c not in version)
            if not written:
                raise FieldError("bulk_update has nothing to write: the data has no column beside the key")
        else:
            written = named_columns(table, fields, "fields")
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
        sent_columns = columns
        if returning is not None:
            number = Column(sql.free_name(table), INT8)
            source, sent_columns = extended(source, number.name, numbers), (*columns, number)
        nested = db.in_transaction
        async with db.transaction():
            await script(db, sql.create_update_staging(table, columns, ordinal=returning is not None))
            copied = await stage(
                db,
                table,
                source,
                sent_columns,
                batch_rows=batch_rows,
                progress=progress,
                allow_truncate=allow_truncate,
                naive=naive,
                infinity=_infinity(infinity),
            )
            await type_staged(db, columns, script)
            if seen:
                await _refuse_stale(db, table)
            rows: tuple[Any, list[int]] | None = None
            if returning is None:
                updated = await db.run_execute(merging.update_staged(table, keys, written))
            else:
                rows = await returning(merging.update_staged(table, keys, written, returning.names), [])
                updated = len(rows[1])
            # A row of the table named twice is updated once, by either. Keys are unique, so that shows in the
            # count; other fields may stand in several rows.
            if updated != copied.inserted or not unique:
                twice = await duplicate(db, table, Target(tuple(keys)))
                if twice is not None:
                    raise twice
            if nested:
                await script(db, sql.DROP_STAGING)
        return updated if rows is None else rows


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
    indirect, low, high, *_ = await one_row(db, statement, *args, *(() if whole else (names,)))
    if indirect:
        return None
    if low is None:
        if (await one_row(db, sql.SEQUENCE_OF, table.quoted, column.name))[0] is not None:
            return (
                None  # the role may insert, and then the server draws for it, but it may not draw by itself
            )
        return await _drawn(db, table, column, rows, await unowned_default(db, table, column), names)
    if high - low == rows - 1:
        return range(low, high + 1)
    return (await one_row(db, sql.RESERVE_SCATTERED_KEYS, *args))[0]


async def _drawn(
    db: Executor, table: Table, column: Column, rows: int, default: str, names: list[str]
) -> pa.Array | None:
    if (await one_row(db, DRAWN_FACTS, table.quoted, [*names, column.name]))[0]:
        return None
    drawn = await read_table(db, sql.drawn_values(column, rows, default), specs_of([column]))
    return drawn.column(0).combine_chunks()


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


__all__ = [
    "as_array",
    "draw_keys",
    "insert_staged",
    "insert_table",
    "naive_of",
    "specs_of",
    "update_table",
]
