"""Instances out of columns: large results read through COPY and the columnar decoder instead of records.

Ten thousand seven-column instances take 6.1 ms this way where asyncpg's ``fetch`` of bare records takes 7.8 and
instances out of records 8.9 (docs/decisions/0009-rows-from-columns.md). The values are the same: only types
whose lists equal what asyncpg returns take this path, and whatever it cannot hold (an infinite timestamp, a year
beyond 9999) sends the query down the row path.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from chakra.db import StaleTypes
from chakra.errors import DataError
from chakra.pg.types import PgType
from chakra.query.described import Described, described_outputs, key_of
from chakra.query.execute import one_database
from chakra.sql import Compiled, Output, Select

if TYPE_CHECKING:
    from chakra.db import Database

COLUMNAR_FROM_ROWS = 2_000
"""Rows a statement shape must have returned last time; below, planning and the decoder's setup outweigh the
gain (the two cross at about 1,000 rows of seven columns)."""


def pays(compiled: Compiled, select: Select, database: Database) -> bool:
    """Whether to read this shape as columns: it was large last time, its types allow it, and the engine is
    there. The engine is never loaded for this: that would make a request wait for half a second of imports."""
    return compiled.last_rows >= COLUMNAR_FROM_ROWS and why_records(compiled, select, database) is None


def why_records(compiled: Compiled, select: Select, database: Database) -> str | None:
    """Why the rows of a query are read as records when it is awaited the next time; ``None`` = they are not.

    What it is about comes first, then what may be otherwise another time.
    """
    if not database.settings.database.columnar_rows:
        return "the setting database.columnar_rows is off"
    if select.clauses.lock is not None:
        return "they are locked, which COPY cannot"
    if not compiled.statement.reads:
        return "the query writes, and is never run twice"
    loaded = "chakra.columnar.decode" in sys.modules
    if compiled.not_columns is None and loaded:
        compiled.not_columns = _refused(
            compiled.statement.outputs, [o.type for o in compiled.statement.outputs]
        )
    known: Described | None = database.descriptions.get(key_of(database, compiled.statement.sql))
    refused = compiled.not_columns or (known.not_columns if known is not None else "")
    if refused:
        return refused
    if not loaded:
        return (
            "the columnar engine is not loaded, and no query loads it for rows: import chakra.columnar does"
        )
    if compiled.last_rows < COLUMNAR_FROM_ROWS:
        return _FEW
    return None


_FEW = f"the query did not give {COLUMNAR_FROM_ROWS:,} rows last time, from which on columns are faster"


def how_read(compiled: Compiled, select: Select, database: Database) -> str:
    """A line for ``explain``: as what the rows are read when the query is awaited, and why."""
    why = why_records(compiled, select, database)
    if why is None:
        return f"Rows are read as columns, by COPY: the query gave {compiled.last_rows:,} last time"
    return f"Rows are read as records: {why}"


def _refused(outputs: Sequence[Output], types: Sequence[PgType | None]) -> str:
    """The first column whose lists are not what the driver gives; ``""`` = there is none."""
    from chakra.columnar.sinks.lists import LISTABLE

    for output, type_ in zip(outputs, types, strict=True):
        if type_ is None:
            return f"the type of {output.name} is not known before the query is sent"
        if type_.name not in LISTABLE:
            return f"{output.name} is {type_.sql}, which columns give in another form than records"
    return ""


async def fetch_columns(
    database: Database, compiled: Compiled, values: list[Any]
) -> tuple[Iterator[tuple[Any, ...]], int] | None:
    """Run a query through COPY; return its rows as tuples and their number, or ``None`` if the row path must.

    The values are those of the server's types, as in records, whatever the model declares.

    Raises:
        DatabaseError, ConnectionLost: from the server.
    """
    from chakra.columnar import ColumnSpec, Decoder
    from chakra.columnar.sinks.lists import to_lists

    statement = compiled.statement
    one_database(database, statement)
    try:
        sql = statement.literal_sql(values, database.naive)
    except DataError:
        return None  # the row path refuses the value, naming its field
    described = await described_outputs(database, statement, sql)
    types = [type_.base for type_ in described.types]
    if described.not_columns is None:
        described.not_columns = _refused(statement.outputs, types)
        if any(types[position].name in ("json", "jsonb") for position in statement.texts):
            described.not_columns = "a column declared as text is json in the database"
    if described.not_columns:
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
        compiled.not_columns = "a value had no place in columns, or in Python"
        return None
    return zip(*lists, strict=True), decoder.rows


__all__ = ["COLUMNAR_FROM_ROWS", "fetch_columns", "how_read", "pays", "why_records"]
