"""Rows of a query one block after the other, through a server cursor."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from chakra.debug.nplusone import watch
from chakra.errors import DatabaseError, DataError
from chakra.query import prefetch
from chakra.query.execute import behind, bound, check_writes, holds_documents, name_field, sent_for
from chakra.query.hydrate import hydrate, joined, loader
from chakra.query.prefetch import Prefetch
from chakra.query.privileges import refused
from chakra.query.state import Behind, RowState
from chakra.sql import Select, Statement, loaded_of, select_statement

if TYPE_CHECKING:
    from chakra.db import Database
    from chakra.db.streams import Reader


async def rows_of(
    select: Select,
    database: Database,
    block: int,
    reader: Reader,
    prefetches: Sequence[Prefetch] = (),
    mode: str | None = None,
    known: Mapping[str, Behind] | None = None,
) -> AsyncGenerator[Any, None]:
    """Yield what the query gives, ``block`` rows per round trip; ``reader`` is of the iterator around this one.

    Rows of one block are peers.

    Args:
        known: what is known of relations of the rows before they are read.
    """
    compiled, values = select_statement(select)
    load = loader(compiled)
    state = RowState(database, True, shared=True)
    async with aclosing(_blocks(database, compiled.statement, values, block, reader)) as blocks:
        async for rows in blocks:
            if prefetches or mode or watch.on:
                state = RowState(
                    database, True, shared=True
                )  # it will know what is behind the rows of this block
            if known:
                state.behind = known
            found = joined(hydrate(len(rows), load, rows, state), compiled, mode)
            if prefetches:
                await prefetch.load(database, found, prefetches, loaded_of(select))
            for row in found:
                yield row


async def _blocks(
    database: Database, statement: Statement, values: list[Any], block: int, reader: Reader
) -> AsyncGenerator[list[Any], None]:
    if statement.writes:
        await check_writes(database, statement)
    try:
        arguments = bound(database, statement, values)
        first = True
        while first:
            sent = sent_for(database, statement)
            blocks = database.cursor_blocks(sent, arguments, reader, prefetch=block)
            async with aclosing(blocks):
                async for rows in blocks:
                    if first and holds_documents(database, statement):
                        break
                    first = False
                    yield rows
                else:
                    first = False
    except DatabaseError as error:
        raise await refused(database, statement.sql, error) from error.__cause__
    except DataError as error:
        named = name_field(error, statement, values, database.naive)
        raise named from behind(named, error)


__all__ = ["rows_of"]
