"""The door between querysets and the columnar engine; the only module of the row path that may open it.

``chakra.columnar`` loads numba and pyarrow, about half a second of imports, so it is imported when the first
bulk call is made and not before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol

from chakra.errors import DataError, FieldError, TransactionError
from chakra.query.execute import execute, fetch
from chakra.query.hydrate import SLOT
from chakra.query.state import NEW, RowState, own_state
from chakra.query.write import written_values
from chakra.schema import Column, Table
from chakra.sql import Output, insert_rows_statement

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from chakra.columnar import ColumnSpec, InsertResult
    from chakra.columnar.parallel import ReadPlan
    from chakra.db import Database


@dataclass(frozen=True)
class ColumnSource:
    """A query as the columnar engine takes it.

    Attributes:
        sql: a SELECT with its values written in as literals.
        columns: its result columns.
        relation: quoted name of the table by whose pages the query may be cut.
        split: makes the SELECTs of the parts, given pages and number of parts; ``None`` = the query must be
            read in one part (it is ordered, limited, distinct or aggregated, or it is not ours).
    """

    sql: str
    columns: list[ColumnSpec]
    relation: str = ""
    split: Callable[[int, int], list[str]] | None = None

    def parts(self, partitions: int) -> Callable[[int | None], list[str]]:
        """What turns a number of pages into the SELECTs of ``partitions`` parts; one part if it cannot be cut."""
        split = self.split
        return lambda pages: [self.sql] if split is None or pages is None else split(pages, partitions)


class Readable(Protocol):
    """What can be read as columns: querysets and raw queries."""

    async def column_source(self, database: Database) -> ColumnSource:
        """Compile the query for COPY."""
        ...


COPY_FROM_ROWS = 40
"""Instances from which ``bulk_create`` uses COPY; below, one INSERT … VALUES … RETURNING takes one round trip
where COPY takes two (keys, then rows). The lines cross between 30 and 60 rows of seven columns
(docs/decisions/0006-copy-or-values.md)."""

MAX_PARAMETERS = 32_767
"""Parameters of one statement (protocol, message Bind: the count is an int16; asyncpg refuses more)."""

KEYS = """
WITH keys AS MATERIALIZED (
    SELECT nextval(s) AS k
    FROM (SELECT pg_get_serial_sequence($1, $2)::regclass AS s OFFSET 0) AS q, generate_series(1, $3::bigint)
)
SELECT min(k), max(k), CASE WHEN max(k) - min(k) = $3 - 1 THEN NULL ELSE array_agg(k) END FROM keys
"""
"""Reserves keys in one round trip. They are nearly always one unbroken range, which two numbers describe; the
array comes only when another session drew from the sequence in between."""


# -- reading ------------------------------------------------------------------------------------------


async def to_arrow(
    query: Readable, database: Database, *, partitions: int = 1, progress: Any = None, **options: Any
) -> pyarrow.Table:
    """Read a query into one ``pyarrow.Table``, over several connections if ``partitions`` says so.

    Inside a transaction, and where the query must not be cut, one connection reads all of it.
    """
    from chakra.columnar import Options

    made = _options(Options, options)
    _check_partitions(partitions)
    source = await query.column_source(database)
    if partitions == 1 or source.split is None or database.in_transaction:
        from chakra.columnar.read import read_table

        return await read_table(database, source.sql, source.columns, made, progress=progress)
    from chakra.columnar.parallel import read_parts

    return await read_parts(
        database,
        source.relation,
        source.parts(partitions),
        source.columns,
        made,
        workers=partitions,
        progress=progress,
    )


async def read_plan(query: Readable, database: Database, *, partitions: int = 1, **options: Any) -> ReadPlan:
    """Cut a query into picklable tasks over one exported snapshot."""
    from chakra.columnar import Options
    from chakra.columnar.parallel import plan_reads

    made = _options(Options, options)
    _check_partitions(partitions)
    if database.in_transaction:
        raise TransactionError(
            "read_plan() inside a transaction would not see what the transaction wrote; make the plan outside"
        )
    source = await query.column_source(database)
    return await plan_reads(database, source.relation, source.parts(partitions), source.columns, made)


async def arrow_schema(query: Readable, database: Database, **options: Any) -> pyarrow.Schema:
    """The schema that ``arrow_batches`` gives, without reading anything."""
    from chakra.columnar import Decoder, Options

    made = _options(Options, {**options, "streaming": True})
    source = await query.column_source(database)
    return Decoder(source.columns, made).schema


def _check_partitions(partitions: int) -> None:
    from chakra.columnar.parallel import MAX_PARTS

    if type(partitions) is not int or not 1 <= partitions <= MAX_PARTS:
        raise FieldError(f"partitions is a whole number from 1 to {MAX_PARTS}, not {partitions!r}")


async def to_polars(query: Readable, database: Database, **options: Any) -> polars.DataFrame:
    """Read a query into a ``polars.DataFrame``."""
    table = await to_arrow(query, database, **options)
    from chakra.columnar.sinks import to_polars as sink

    return sink(table)


async def to_pandas(query: Readable, database: Database, **options: Any) -> pandas.DataFrame:
    """Read a query into a ``pandas.DataFrame``."""
    table = await to_arrow(query, database, **options)
    from chakra.columnar.sinks import to_pandas as sink

    return sink(table)


async def to_numpy(query: Readable, database: Database, **options: Any) -> dict[str, Any]:
    """Read a query into arrays by column name."""
    table = await to_arrow(query, database, **options)
    from chakra.columnar.sinks import to_numpy as sink

    return sink(table)


async def arrow_batches(
    query: Readable,
    database: Database,
    *,
    max_rows: int | None = 65_536,
    max_bytes: int | None = None,
    progress: Any = None,
    **options: Any,
) -> AsyncIterator[pyarrow.RecordBatch]:
    """Stream a query as record batches."""
    from chakra.columnar import Options
    from chakra.columnar.read import read_batches

    made = _options(Options, options)
    source = await query.column_source(database)
    batches = read_batches(
        database, source.sql, source.columns, made, max_rows=max_rows, max_bytes=max_bytes, progress=progress
    )
    try:
        async for batch in batches:
            yield batch
    finally:
        await batches.aclose()


def _options(cls: Any, options: dict[str, Any]) -> Any:
    try:
        return cls(**options)
    except TypeError:
        known = ", ".join(sorted(cls.__dataclass_fields__))
        unknown = ", ".join(sorted(set(options) - set(cls.__dataclass_fields__)))
        raise FieldError(f"unknown option {unknown}; columns can be read with {known}, progress") from None


async def column_specs(database: Database, sql: str, outputs: Sequence[Output]) -> list[ColumnSpec]:
    """Describe result columns for the decoder; what the query does not know, the server is asked for."""
    from chakra.columnar import ColumnSpec

    described: list[Any] = []
    if any(output.type is None for output in outputs):
        described = await database.describe(sql)
    return [
        ColumnSpec(output.name, output.type or described[position][1], output.nullable)
        for position, output in enumerate(outputs)
    ]


# -- writing ------------------------------------------------------------------------------------------


def table_specs(table: Table) -> list[ColumnSpec]:
    """Describe a table's columns, by database name, for the encoder."""
    from chakra.columnar import ColumnSpec

    return [ColumnSpec(c.name, c.type, c.nullable) for c in table.columns]


async def insert(table: Table, database: Database, data: Any, **options: Any) -> InsertResult:
    """Insert columns of any Arrow producer through COPY; all rows or none."""
    from chakra.columnar.write import insert_data

    generated = {c.name for c in table.columns if c.generated}
    return await insert_data(
        database,
        table.name,
        table.schema,
        table_specs(table),
        data,
        generated=generated,
        **options,
    )


async def create(table: Table, database: Database, instances: list[Any]) -> list[Any]:
    """Insert instances, all or none, and fill in their generated keys.

    Raises:
        DataError: something else than an instance of the model, or a value that does not fit its column.
    """
    if not instances:
        return instances
    _check_class(table, instances)
    groups = _groups(table, instances)
    if len(groups) == 1:
        await _create_group(table, database, *groups[0])
    else:
        async with database.transaction():
            for group in groups:
                await _create_group(table, database, *group)
    _mark_saved(table.row_class, database, instances)
    return instances


def _check_class(table: Table, instances: list[Any]) -> None:
    cls = table.row_class
    if set(map(type, instances)) == {cls}:
        return
    for position, instance in enumerate(instances):
        if not isinstance(instance, cls):
            raise DataError(
                f"bulk_create of {table.title}: row {position} is {instance!r}, not a {table.title}",
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
    instances: list[Any],
    columns: list[Column],
    gathered: list[list[Any]],
) -> None:
    if len(instances) < COPY_FROM_ROWS and columns and len(instances) * len(columns) <= MAX_PARAMETERS:
        await _create_by_values(table, database, instances, columns, gathered)
        return
    from chakra.columnar import ColumnSpec
    from chakra.columnar.write import copy_rows

    key = _generated_key(table, columns)
    if key is not None:
        keys = await reserve_keys(database, table, key, len(instances))
        columns = [key, *columns]
        gathered = [keys, *gathered]
    values = [
        values if column.dump is None else list(map(column.dump, values))
        for column, values in zip(columns, gathered, strict=True)
    ]
    specs = [ColumnSpec(c.name, c.type, c.nullable) for c in columns]
    await copy_rows(database, table.name, table.schema, specs, values, len(instances))
    if key is not None:
        _fill(table.row_class, key.attribute, instances, gathered[0])


async def _create_by_values(
    table: Table,
    database: Database,
    instances: list[Any],
    columns: list[Column],
    gathered: list[list[Any]],
) -> None:
    names = tuple(c.attribute for c in columns)
    returning = tuple(c.attribute for c in table.columns if c.generated and c.attribute not in names)
    statement = insert_rows_statement(table, names, len(instances), returning)
    values = [value for row in zip(*gathered, strict=True) for value in row]
    if not returning:
        await execute(database, statement, values)
        return
    # PostgreSQL returns the rows of a VALUES list in its order: the plan is one scan over the list.
    rows = await fetch(database, statement, values)
    for position, output in enumerate(statement.outputs):
        load = output.load
        _fill(
            table.row_class,
            output.name,
            instances,
            [load(row[position]) if load else row[position] for row in rows],
        )


def _generated_key(table: Table, columns: Sequence[Column]) -> Column | None:
    """The identity column whose values must be drawn before COPY, which returns nothing."""
    for column in table.key_columns:
        if column.identity and column not in columns:
            return column
    return None


async def reserve_keys(database: Database, table: Table, column: Column, count: int) -> Any:
    """Draw ``count`` values from an identity column's sequence; no other session can get the same."""
    row = await database.run_fetchrow(KEYS, (table.quoted, column.name, count))
    assert row is not None
    low, high, scattered = row
    return list(range(low, high + 1)) if scattered is None else scattered


def _fill(cls: type, attribute: str, instances: list[Any], values: Any) -> None:
    """Set one slot of many instances without a Python loop."""
    deque(map(getattr(cls, SLOT + attribute).__set__, instances, values), maxlen=0)


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


__all__ = [
    "arrow_batches",
    "column_specs",
    "create",
    "insert",
    "to_arrow",
    "to_numpy",
    "to_pandas",
    "to_polars",
]
