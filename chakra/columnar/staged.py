"""Staged writes: rows by COPY into a temporary table, and from there by one statement; I/O, but no SQL text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import pyarrow as pa

from chakra.columnar.derived import extended
from chakra.columnar.inputs import Source
from chakra.columnar.opening import sent, specs_of
from chakra.columnar.options import InfinityOption
from chakra.columnar.progress import Progress
from chakra.columnar.read import read_table
from chakra.columnar.result import InsertResult
from chakra.columnar.staged_types import type_staged
from chakra.columnar.write import copy_source
from chakra.columnar.write_facts import default_of, no_arbiter, no_privilege, rows_filled, with_constraint
from chakra.db.statements import Own, behind
from chakra.errors import DatabaseError, DataError
from chakra.pg.conversion import Naive
from chakra.pg.text import SqlText
from chakra.pg.types import INT8
from chakra.schema import Column, Table
from chakra.sql import merging
from chakra.sql import staging as sql
from chakra.sql.stored import copy_guard
from chakra.sql.targets import Target
from chakra.sql.writes import Returned

if TYPE_CHECKING:
    from chakra.db.executor import Executor
    from chakra.db.statements import Statement
    from chakra.sql import Statement as Compiled

SAME_ROW_TWICE = "21000"  # cardinality_violation: ON CONFLICT DO UPDATE met a row of its own statement
NO_ARBITER = "42P10"  # invalid_column_reference: no unique index over the conflict fields
NOT_SUPPORTED = "0A000"


class Taker(Protocol):
    """What reads the rows that a write returns.

    Attributes:
        names: the attributes that are returned.
    """

    names: tuple[Returned, ...]

    async def __call__(self, statement: Compiled, values: list[Any]) -> tuple[Any, list[Any]]:
        """Run the write; return its rows, and the values of the column behind those of ``names``."""
        ...


async def insert_staged(
    db: Executor,
    merge: sql.Merge,
    source: Source,
    *,
    keys: bool | Literal["records"],
    taker: Taker | None = None,
    batch_rows: int | None = None,
    progress: Progress = None,
    allow_truncate: bool = False,
    naive: Naive = "error",
    infinity: InfinityOption = "error",
) -> InsertResult:
    """Insert through a staging table, as a plan says.

    Parameters:
        keys: whether the primary keys come in the result, as an Arrow array or as records.
        taker: reads the rows that were written, which come in the result.

    Raises:
        FieldError: no unique index is over the conflict fields; names those there are.
        Others: as for :func:`~chakra.columnar.staging.insert_table`.
    """
    how: dict[str, Any] = {
        "batch_rows": batch_rows,
        "progress": progress,
        "allow_truncate": allow_truncate,
        "naive": naive,
        "infinity": infinity,
    }
    try:
        return await _insert_staged(db, merge, source, keys, taker, **how)
    except DatabaseError as error:
        if error.sqlstate != NO_ARBITER or not merge.target:
            raise
        raise await no_arbiter(db, merge) from error


async def _insert_staged(
    db: Executor,
    merge: sql.Merge,
    source: Source,
    keys: bool | Literal["records"],
    taker: Taker | None,
    **how: Any,
) -> InsertResult:
    table = merge.table
    columns = merge.written
    if keys:
        source = extended(source, merge.ordinal, numbers)
        columns = (*columns, Column(merge.ordinal, INT8))
    nested = db.in_transaction
    async with db.transaction():
        merge = await with_constraint(db, merge)
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
        await script(db, sql.create_staging(merge, ordinal=bool(keys), defaults=defaults))
        copied = await stage(db, table, source, columns, **how)
        staged = copied.inserted
        await type_staged(db, merge.written, script)
        found, rows = None, None
        if undrawable is not None and taker is None:
            found = await _returned(db, merge, staged)
            inserted, updated = len(found), 0
        else:
            inserted, updated, rows = await _merge(db, merge, taker)
        if keys and found is None:
            there = inserted + updated == staged and not await rows_filled(db, table)
            statement = sql.staged_keys(merge, all_there=there)
            records = keys == "records"
            found = await (db.run_fetch(behind(statement)) if records else _keys(db, statement, table))
        if nested:
            await script(db, sql.DROP_STAGING)
    return InsertResult(inserted, updated, staged - inserted - updated, found, rows)


async def _merge(
    db: Executor, merge: sql.Merge, taker: Taker | None, marked: bool = False
) -> tuple[int, int, Any]:
    """Move the staged rows on; returns how many were inserted and updated, and what ``taker`` made of them."""
    names = () if taker is None else taker.names
    statement, values = merging.insert_staged(merge, db.server_version, marked=marked, returning=names)
    arguments = statement.bind_for(merge.naive)(values)
    try:
        if merge.action != "update" and taker is None:
            return await db.run_execute(statement, arguments), 0, None
        async with db.transaction():  # a savepoint: after a failure the staging table can still be asked
            if taker is None:
                inserted, updated = await one_row(db, statement, *arguments)
                return inserted, updated, None
            rows, fresh = await taker(statement, values)
        return fresh.count(True), fresh.count(False), rows
    except DatabaseError as error:
        if error.sqlstate == SAME_ROW_TWICE:
            told = None  # which rows a predicate holds for is not to be seen in the staging table
            if merge.target.predicate is None and (merge.target.columns or merge.target.computed):
                told = await duplicate(db, merge.table, merge.target)
            raise told or DataError(
                f"several rows of the data are the same row of {merge.table.title} by {merge.target.names}"
            ) from error
        # "Cannot retrieve a system column", in whatever language: the ``xmax`` of a partitioned table's rows.
        if error.sqlstate == NOT_SUPPORTED and merge.action == "update" and not marked:
            return await _merge(db, merge, taker, marked=True)
        raise


async def duplicate(db: Executor, table: Table, target: Target) -> DataError | None:
    """The error for two staged rows that are the same row to ``target``, if there are any."""
    found = await db.run_fetchrow(sql.find_duplicate(table, target))
    if found is None:
        return None
    first, second = found[0]
    return DataError(
        f"row {second} has the same {target.names} as row {first}: which of them to write is not defined",
        row=second,
        column=target.columns[0].attribute if target.columns else None,
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


async def _keys(db: Executor, statement: str, target: Table) -> pa.Array:
    specs = [replace(spec, nullable=True) for spec in specs_of(target.key_columns)]
    table = await read_table(db, statement, specs)
    if table.num_columns == 1:
        return table.column(0).combine_chunks()
    return table.to_struct_array().combine_chunks()


# -- statements and data --------------------------------------------------------------------------------


async def stage(
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


def numbers(first: int, rows: int) -> pa.Array:
    return pa.array(np.arange(first, first + rows, dtype=np.int64))


async def script(db: Executor, text: str) -> None:
    """Run statements of ours: what they make goes with the transaction. What the table behind it calls may stay, for
    this and all that follows in the transaction.
    """
    session = await db.held_session().begun()  # type: ignore[union-attr]
    statement = behind(text) if isinstance(text, SqlText) else Own(text)
    if not await db.is_harmless(statement):
        db.note(session)
    await session.script(statement, text=str(text))


async def one_row(db: Executor, statement: Statement | str, *args: Any) -> Any:
    """The row of a statement that always gives one."""
    row = await db.run_fetchrow(statement, args)
    assert row is not None
    return row


__all__ = [
    "Taker",
    "duplicate",
    "insert_staged",
    "numbers",
    "one_row",
    "script",
    "stage",
]
