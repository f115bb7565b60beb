"""Staged text that becomes values of its types on the server, and which of it does not; I/O, but no SQL text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from chakra.errors import DatabaseError, DataError
from chakra.pg.conversion import shown
from chakra.pg.types import without_binary
from chakra.schema import Column
from chakra.sql import staging as sql
from chakra.sql.textual import count_read, text_at

if TYPE_CHECKING:
    from chakra.db.executor import Executor


async def type_staged(
    db: Executor, columns: Sequence[Column], script: Callable[[Executor, str], Awaitable[None]]
) -> None:
    """Turn text that stands in for types without a binary format into values of those types.

    Args:
        script: runs statements of ours.

    Raises:
        DataError: a text is none of its type; names row and column.
    """
    text = sql.staged_types(columns)
    if text is None:
        return
    try:
        async with db.transaction():  # a savepoint: after a failure the staging table can still be asked
            await script(db, text)
    except (DataError, DatabaseError) as error:
        raise await _unread(db, columns) or error from error.__cause__


async def _unread(db: Executor, columns: Sequence[Column]) -> DataError | None:
    """The error about the first text of a column that is no value of its type."""
    for column in columns:
        if without_binary(column.type, to="write") is None:
            continue
        _, rows = await _row(db, text_at(column.quoted, sql.STAGED, 0))
        first, reason = 0, await _refused(db, column, 0, rows)
        if reason is None:
            continue
        while rows > 1:
            half = rows // 2
            found = await _refused(db, column, first, half)
            if found is None:
                first, rows = first + half, rows - half
            else:
                reason, rows = found, half
        text, _ = await _row(db, text_at(column.quoted, sql.STAGED, first))
        return DataError(
            f'row {first}, column "{column.attribute}": {shown(text)} does not fit {column.type.sql}: {reason}',
            row=first,
            column=column.attribute,
        )
    return None


async def _refused(db: Executor, column: Column, first: int, rows: int) -> str | None:
    """What the server says of the text of some rows; ``None`` if all of it is values."""
    try:
        async with db.transaction():
            await db.run_fetchrow(count_read(column.quoted, column.type.sql, sql.STAGED, first, rows))
    except (DataError, DatabaseError) as error:
        return str(error).splitlines()[0]
    return None


async def _row(db: Executor, statement: str) -> tuple[str | None, int]:
    row = await db.run_fetchrow(statement)
    assert row is not None
    return row[0], row[1]


__all__ = ["type_staged"]
