"""Instances out of columns: large results read through COPY and the columnar decoder instead of records.

Ten thousand seven-column instances take 6.1 ms this way where asyncpg's ``fetch`` of bare records takes 7.8 and
instances out of records 8.9 (docs/decisions/0009-rows-from-columns.md). The values are the same: only types
whose lists equal what asyncpg returns take this path, and whatever it cannot hold (an infinite timestamp, a year
beyond 9999) sends the query down the row path.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from chakra.db import StaleTypes
from chakra.errors import DataError
from chakra.query.described import Described, described_outputs, key_of
from chakra.query.execute import one_database
from chakra.sql import Compiled

if TYPE_CHECKING:
    from chakra.db import Database

COLUMNAR_FROM_ROWS = 2_000
"""Rows a statement shape must have returned last time; below, planning and the decoder's setup outweigh the
gain (the two cross at about 1,000 rows of seven columns)."""


def pays(compiled: Compiled, database: Database) -> bool:
    """Whether to read this shape as columns: it was large last time, its types allow it, and the engine is
    there. The engine is never loaded for this: that would make a request wait for half a second of imports."""
    if compiled.last_rows < COLUMNAR_FROM_ROWS or "chakra.columnar.decode" not in sys.modules:
        return False
    if not database.settings.database.columnar_rows:
        return False
    if compiled.listable is None:
        from chakra.columnar.sinks.lists import LISTABLE

        outputs = compiled.statement.outputs
        compiled.listable = all(o.type is not None and o.type.name in LISTABLE for o in outputs)
    return compiled.listable


async def fetch_columns(
    database: Database, compiled: Compiled, values: list[Any]
) -> tuple[Iterator[tuple[Any, ...]], int] | None:
    """Run a query through COPY; return its rows as tuples and their number, or ``None`` if the row path must.

    The values are those of the server's types, as in records, whatever the model declares.

    Raises:
        DatabaseError, ConnectionLost: from the server.
    """
    from chakra.columnar import ColumnSpec, Decoder
    from chakra.columnar.sinks.lists import LISTABLE, to_lists

    statement = compiled.statement
    known: Described | None = database.descriptions.get(key_of(database, statement.sql))
    if known is not None and known.listable is False:
        return None
    one_database(database, statement)
    try:
        sql = statement.literal_sql(values, database.naive)
    except DataError:
        return None  # the row path refuses the value, naming its field
    described = await described_outputs(database, statement, sql)
    types = [type_.base for type_ in described.types]
    if described.listable is None:
        documents = any(types[position].name in ("json", "jsonb") for position in statement.texts)
        described.listable = not documents and all(type_.name in LISTABLE for type_ in types)
    if not described.listable:
        return None
    outputs = zip(statement.outputs, types, strict=True)
    specs = tuple(ColumnSpec(output.name, type_, output.nullable) for output, type_ in outputs)
    # Decoded after the stream has ended: an error inside it would abort a surrounding transaction.
    chunks: list[bytes] = []
    try:
        await database.copy_out(sql, chunks.append, guard=described.guard.before(sql))
    except StaleTypes:
        database.descriptions.forget(described.key)
        return None
    decoder = Decoder(specs)
    try:
        for chunk in chunks:
            decoder.feed(chunk)
        decoder.finish()
        lists = to_lists(decoder.table(), specs)
    except (DataError, OverflowError, ValueError):
        compiled.listable = False
        return None
    return zip(*lists, strict=True), decoder.rows


__all__ = ["COLUMNAR_FROM_ROWS", "fetch_columns", "pays"]
