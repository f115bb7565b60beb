"""Descriptions of tables as the server would write them, so that they compare with those that are read.

The server keeps expressions in its own words: ``"price" > ('0'::numeric)`` comes back as ``(price > '0'::numeric)``,
and another version may write it otherwise. It is asked itself: tables of the same columns, constraints and indexes are
made in schemas of their own, read, and rolled back with the transaction. No existing table is touched or locked
(docs/decisions/0030-declared-sql.md).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from chakra.introspect.listing import find
from chakra.introspect.tables import read
from chakra.pg.quoting import quote_identifier
from chakra.schema import ForeignKeyConstraint, Table
from chakra.sql import create_statements

if TYPE_CHECKING:
    from chakra.db import Database


class _Undone(Exception):
    """Rolls back what was made."""


async def normalised(database: Database, tables: Iterable[Table]) -> list[Table]:
    """Tables with their expressions, defaults and conditions as this server writes them, in the order given.

    One of them equals the description that :func:`~chakra.introspect.read` gives of an existing table if nothing has to
    be changed there. Views, and partitions of other tables, are returned as they are.

    Args:
        tables: what models declare; a table without a schema is taken for one of the first schema of the search path.

    Raises:
        DatabaseError: the server cannot make one of them, or the role may not create schemas.
    """
    given = list(tables)
    ((current,),) = await database.run_fetch("SELECT current_schema()::text", ())
    found = {
        position: replace(table, schema=table.schema or current)
        for position, table in enumerate(given)
        if table.view is not None or table.partition_of is not None
    }
    rest = {position: table for position, table in enumerate(given) if position not in found}
    with suppress(_Undone):
        async with database.transaction():
            for position, table in rest.items():
                scratch = f"chakra_{secrets.token_hex(8)}"
                made = replace(
                    table, schema=scratch, foreign_keys=(), statements={}, relations={}, between=()
                )
                statements = [f"CREATE SCHEMA {quote_identifier(scratch)}", *create_statements([made])]
                await database.execute(";\n".join(statements))
                there = await find(database, scratch, table.name)
                assert there is not None
                (one,) = await read(database, [there])
                keys = [
                    _key(key, name, current)
                    for key, name in zip(table.foreign_keys, table.names.foreign_keys, strict=True)
                ]
                found[position] = replace(one, schema=table.schema or current, foreign_keys=tuple(keys))
            raise _Undone
    return [found[position] for position in range(len(given))]


def _key(key: ForeignKeyConstraint, name: str, current: str) -> ForeignKeyConstraint:
    return replace(key, name=name, target_schema=key.target_schema or current)


__all__ = ["normalised"]
