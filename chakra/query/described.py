"""What a server says the columns of statements and tables are: asked once, kept until DDL, checked by guards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from chakra.db import StaleTypes, with_modifier
from chakra.errors import ChakraError, DatabaseError, DataError, FieldError, IntegrityError
from chakra.pg.marks import STALE_TYPES
from chakra.pg.quoting import quote_qualified
from chakra.pg.text import SqlText
from chakra.pg.types import RECORD, PgType
from chakra.query.privileges import refused
from chakra.schema import Table
from chakra.schema.declared import composites_in, reading, refusal
from chakra.sql import Output, Statement
from chakra.sql.guards import ReadGuard, describe_query
from chakra.sql.stored import holds_money, with_stored

if TYPE_CHECKING:
    from chakra.columnar import ColumnSpec
    from chakra.db import Database

T = TypeVar("T")

_TABLE = """
SELECT c.oid AS oid, n.nspname::text AS schema, c.relname::text AS relation, a.attname::text AS name,
    a.atttypid AS type, a.atttypmod AS typmod, a.attndims::int AS ndims
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = pg_catalog.to_regclass($1)
ORDER BY a.attnum
"""


# cash_in() and numeric_cash() go by the locale (src/backend/utils/adt/cash.c): yen have no decimals, and a point groups
# digits where the comma is decimal.
_MONEY = "SELECT ('1.23'::money)::numeric = 1.23 AS alike, current_setting('lc_monetary') AS locale"


@dataclass(slots=True)
class Described:
    """The result columns of one statement.

    Attributes:
        key: what the description is kept by: under another search path the same text means other tables.
        types: of the columns, as the server has them; of computed ones with modifiers where it tells.
        guard: fails if they are others.
        not_columns: why rows are not made of columns; ``""`` = they may be, ``None`` = nobody has asked.
    """

    key: Hashable
    types: tuple[PgType, ...]
    guard: ReadGuard
    not_columns: str | None = None


async def described_outputs(database: Database, statement: Statement, sql: str) -> Described:
    """Describe the result columns of a statement, at its first use in this database with two round trips.

    Args:
        sql: the statement with its values written in.

    Raises:
        DatabaseError: the server does not take the statement.
    """
    key = key_of(database, statement.sql)
    found: Described | None = database.descriptions.get(key)
    if found is None:
        found = await _describe(database, statement.outputs, sql, key)
        database.descriptions.put(key, found)
    return found


def key_of(database: Database, what: Hashable) -> Hashable:
    """What the description of a statement's text or a table is kept by."""
    held = database.held_session()
    elsewhere = None if held is None else held.path.elsewhere
    return what if elsewhere is None else (elsewhere, what)


async def _describe(database: Database, outputs: Sequence[Output], sql: str, key: Hashable) -> Described:
    if not outputs:
        return Described(key, (), ReadGuard(()))
    try:
        question = describe_query(sql, len(outputs))
        if isinstance(sql, SqlText):
            question = SqlText(question, sql.touches, sql.key, reads=True)
        (row,) = await database.ask(question)
    except DatabaseError as error:
        await refused(database, sql, error)
        raise
    oids = tuple(row["types"])
    known = await database.types.resolve_many(oids)
    types = [replace(t, ndims=0) if t.kind == "array" else t for t in (known[oid] for oid in oids)]
    if any(o.column is None and _unknown(o.type, t) for o, t in zip(outputs, types, strict=True)):
        types = await _with_modifiers(database, sql, types)
    composites = {c.oid: c for type_ in types for c in composites_in(type_)}
    return Described(key, tuple(types), ReadGuard(oids, tuple(composites.values())))


async def _with_modifiers(database: Database, sql: str, types: Sequence[PgType]) -> list[PgType]:
    """The types with what only the statement's row description tells: precision and length. It does not tell how many
    dimensions arrays have.
    """
    described = await database.describe(sql)
    return [
        replace(found, ndims=type_.ndims) if found.oid == type_.oid else type_
        for type_, (_, found) in zip(types, described, strict=True)
    ]


def _unknown(expected: PgType | None, actual: PgType) -> bool:
    """Whether a modifier that matters to columns may be missing from the actual type."""
    if expected is None:
        return True
    found = reading(expected, actual)
    inner = actual.element if actual.kind == "array" and actual.element is not None else actual
    return (found is None or found.declared is not None) and inner.base.name in _MODIFIED


_MODIFIED = frozenset({"numeric", "vector", "halfvec", "sparsevec"})  # the Arrow type depends on the modifier


def _computed(expected: PgType | None, actual: PgType) -> PgType:
    """The type of a computed value: the server's, with what compiling knows of it where that is the same type."""
    if expected is not None and expected.oid == actual.oid == RECORD.oid:
        return expected  # the server does not tell its fields, and its values do
    found = None if expected is None else reading(expected, actual)
    return actual if found is None or found.declared is not None else found.wire


async def described_columns(
    database: Database, statement: Statement, sql: str
) -> tuple[Described, list[ColumnSpec]]:
    """A statement's description, and its result columns for the decoder: columns of tables as their models declare
    them, computed ones as they are.

    Raises:
        FieldError: a column is declared as what its values cannot become; names table, column and both types.
    """
    known = database.descriptions.get(key_of(database, statement.sql)) is not None
    described = await described_outputs(database, statement, sql)
    try:
        return described, _specs(described, statement.outputs)
    except FieldError:
        if known:  # refused on the word of a description that may be out of date
            database.descriptions.forget(described.key)
            described = await described_outputs(database, statement, sql)
    described.types = tuple(await _with_modifiers(database, sql, described.types))  # for the message
    if described.guard.composites:  # their attributes may be renamed back, which nothing else would tell
        database.descriptions.forget(described.key)
    else:
        database.descriptions.drop(described.key)
    return described, _specs(described, statement.outputs)


def _specs(described: Described, outputs: Sequence[Output]) -> list[ColumnSpec]:
    from chakra.columnar import ColumnSpec

    specs = []
    for output, actual in zip(outputs, described.types, strict=True):
        if output.column is None or output.type is None:
            specs.append(ColumnSpec(output.name, _computed(output.type, actual), output.nullable))
            continue
        found = reading(output.type, actual)
        if found is None:
            raise refusal("read", output.column, output.type, actual, reading)
        specs.append(ColumnSpec(output.name, found.wire, output.nullable, found.declared, output.column))
    return specs


async def stored_table(database: Database, table: Table) -> Table:
    """The table with its columns as this database has them; what it does not have stays as declared."""
    key = key_of(database, table)
    found: Table | None = database.descriptions.get(key)
    if found is None:
        rows = await database.ask(_TABLE, (table.quoted,))
        if not rows:
            return table  # the server will say what is wrong with it
        known = await database.types.resolve_many([row["type"] for row in rows])
        types = {r["name"]: with_modifier(known[r["type"]], r["typmod"], r["ndims"]) for r in rows}
        name = quote_qualified(rows[0]["schema"], rows[0]["relation"])
        other_money = None
        if any(map(holds_money, types.values())):
            (money,) = await database.ask(_MONEY)
            other_money = None if money["alike"] else money["locale"]
        found = with_stored(table, rows[0]["oid"], name, types, other_money)
        database.descriptions.put(key, found)
    return found


async def checked_table(database: Database, table: Table, attributes: Iterable[str]) -> Table:
    """The table as this database has it, for a write of some fields.

    It is described at its first write, with one round trip; afterwards this is two lookups.

    Raises:
        FieldError: the server's column does not take the values a field is declared to have, or would round them in
            silence; names table, column, both types and the cure.
    """
    if table.row_class is None and not any(holds_money(c.type) for c in table.columns):
        return table  # declared by nobody: the types came from the server
    refused_fields: Mapping[str, str] = {}
    found: str | None = None
    for _ in range(2):
        key = key_of(database, table)
        stored: Table = database.descriptions.get(key) or await stored_table(database, table)
        refused_fields = {} if stored.stored is None else stored.stored.refused
        by_value: frozenset[str] = frozenset() if stored.stored is None else stored.stored.by_value
        found = (
            next((n for n in attributes if n in refused_fields and n not in by_value), None)
            if refused_fields
            else None
        )
        if found is None:
            return stored
        database.descriptions.forget(key)  # refused on the word of a description that may be out of date
    raise FieldError(refused_fields[str(found)])


async def outdated(
    database: Database,
    table: Table,
    described: Table,
    attributes: Iterable[str],
    error: DataError | DatabaseError,
) -> bool:
    """Whether a row was refused on the word of an old description of its table; the description is forgotten then.

    One round trip where columns are not what the model declares, or the server objects to a type; otherwise nothing.

    Args:
        described: the table as it was described for the write.

    Raises:
        DatabaseError: it was, in a transaction, which cannot go on.
    """
    stored = described.stored
    if stored is None or isinstance(error, IntegrityError):
        return False
    if STALE_TYPES in str(error):
        database.descriptions.drop(key_of(database, table))
        if database.in_transaction:
            raise DatabaseError(
                f"the columns of {table.title} were changed by another session; nothing was written, but this "
                "transaction is aborted: run it again in a new one"
            ) from error
        return True
    others = any(described.by_attribute[name].declared is not None for name in attributes)
    if not others and error.sqlstate[:2] != "42":
        return False
    key = key_of(database, table)
    try:
        rows = await database.ask(_TABLE, (table.quoted,))
    except ChakraError:  # an aborted transaction cannot be asked; the next one begins with a description
        database.descriptions.drop(key)
        return False
    if {row["name"]: row["type"] for row in rows} == {name: t.oid for name, t in stored.types.items()}:
        return False
    database.descriptions.drop(key)
    return True


async def on_stored(
    database: Database, table: Table, work: Callable[[Table], Awaitable[T]], data: Any = ()
) -> T:
    """Run a write with the table as the server has it; once more if that turns out to be out of date.

    Args:
        data: what is written; an iterator of which some may be gone is not asked a second time.

    Raises:
        DatabaseError: the types changed while the data was on its way, which cannot be read twice, or keep changing.
    """
    for last in (False, True):
        key = key_of(database, table)
        known = database.descriptions.get(key) is not None
        stored = await stored_table(database, table)
        try:
            return await work(stored)
        except FieldError:
            if not known or stored.stored is None or not stored.stored.refused:
                raise
            database.descriptions.forget(key)  # it may have been refused on the word of an old description
            if last or not _again(data):
                raise
        except StaleTypes as stale:
            database.descriptions.forget(key)
            if last:
                raise lasting(stale) from None
            if stale.aborting and database.in_transaction:
                raise DatabaseError(
                    f"the columns of {table.title} were changed by another session; nothing was written, but this "
                    "transaction is aborted: run it again in a new one"
                ) from stale
            if not _again(data):
                raise DatabaseError(
                    f"the columns of {table.title} were changed by another session, and some of the data, which can "
                    "be read only once, is gone; nothing was written: run it again with the data from its start"
                ) from stale
        except (DataError, DatabaseError) as error:
            refused_by_type = isinstance(error, DataError) or error.sqlstate[:2] == "42"
            if last or not known or not refused_by_type or not await _changed(database, table, stored):
                raise
            if not _again(data):
                raise
    raise AssertionError("unreachable")


async def _changed(database: Database, table: Table, stored: Table) -> bool:
    """Whether a table is another than described; a value was refused on the word of the description."""
    database.descriptions.forget(key_of(database, table))
    try:
        fresh = await stored_table(database, table)
    except ChakraError:
        return False  # an aborted transaction cannot be asked
    return fresh.stored != stored.stored


def _again(data: Any) -> bool:
    """Whether data can be read a second time: what can say how much it holds has it all."""
    if hasattr(data, "__next__") or hasattr(data, "read_next_batch"):
        return False
    return hasattr(data, "__len__") or hasattr(data, "num_rows")


def lasting(stale: StaleTypes) -> BaseException:
    """The error to raise when a guard fails with a description that was just made: the server's own, if it has one."""
    return stale.__cause__ if stale.sqlstate and stale.__cause__ is not None else stale


__all__ = [
    "Described",
    "checked_table",
    "described_columns",
    "described_outputs",
    "key_of",
    "lasting",
    "on_stored",
    "outdated",
    "stored_table",
]
