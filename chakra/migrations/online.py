"""Steps that leave a table in use meanwhile: what is built or checked under weak locks, and swapped in then.

Lock levels are those of the manual's ALTER TABLE and CREATE INDEX pages, and measured (docs/migrations.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chakra.migrations.facts import Facts
from chakra.migrations.state import Key
from chakra.migrations.steps import Backfill, Lock, Refusal, Step
from chakra.pg.quoting import quote_identifier, quote_qualified, quote_string
from chakra.schema import Index, Table
from chakra.schema.naming import object_name
from chakra.schema.terms import changed
from chakra.sql.ddl.indexes import create_index


def key(table: Table) -> Key:
    """The name of a table in states and facts."""
    return table.schema, table.name


def index_steps(table: Table, index: Index, facts: Facts) -> list[Step]:
    """An index: built concurrently where the table is in use; of a partitioned one, partition by partition."""
    name = str(index.name)
    where = (table.quoted,)
    if not facts.in_use(key(table)):
        return [Step(create_index(table, index, name), Lock.SHARE, where, scan=True)]
    if table.partition_by is None:
        return [_concurrently(table, index, name)]
    leaves = facts.partitions.get(key(table))
    if leaves is None:
        note = "writers wait: a partitioned table's index is built under one lock where its partitions are not known"
        return [Step(create_index(table, index, name), Lock.SHARE, where, scan=True, note=note)]
    made = [Step(create_index(table, index, name, only=True), Lock.SHARE, where)]
    for schema, leaf in leaves:
        part = table.part(schema, leaf)
        own = object_name(leaf, name)
        made.append(_concurrently(part, changed(index, name=own), own))
        attach = f"ALTER INDEX {quote_qualified(table.schema, name)} ATTACH PARTITION {quote_qualified(schema, own)}"
        # The partition's index is locked as strongly as can be, and whoever plans a query of the partition opens it.
        made.append(Step(attach, Lock.ACCESS_EXCLUSIVE, (part.quoted, table.quoted)))
    return made


def _concurrently(table: Table, index: Index, name: str) -> Step:
    full = quote_qualified(table.schema, name)
    return Step(
        create_index(table, index, name, concurrently=True),
        Lock.SHARE_UPDATE_EXCLUSIVE,
        (table.quoted,),
        scan=True,
        transactional=False,
        own=True,
        done=(
            "EXISTS (SELECT FROM pg_catalog.pg_index "
            f"WHERE indexrelid = pg_catalog.to_regclass({quote_string(full)}) AND indisvalid)"
        ),
        undo=(f"DROP INDEX CONCURRENTLY IF EXISTS {full}",),
        refuse=_duplicates(table, index) if index.unique else None,
    )


def _duplicates(table: Table, index: Index) -> Refusal | None:
    """Rows that a unique index would refuse; only of plain columns, which can be shown."""
    columns = [term.column for term in index.terms]
    if any(column is None for column in columns):
        return None
    names = [quote_identifier(str(column)) for column in columns]
    conditions = [] if index.nulls_not_distinct else [f"{name} IS NOT NULL" for name in names]
    if isinstance(index.where, str):
        conditions.append(f"({index.where})")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    listed = ", ".join(names)
    found = f"SELECT FROM {table.quoted}{where} GROUP BY {listed} HAVING count(*) > 1"
    return Refusal(
        f"EXISTS ({found})",
        f"{table.name} has rows that agree in {', '.join(map(str, columns))}, which {index.name} forbids. Find them: "
        f"SELECT {listed}, count(*) FROM {table.quoted}{where} GROUP BY {listed} HAVING count(*) > 1. Merge or "
        "delete them in a migration before this one",
    )


def drop_index_steps(table: Table, name: str, facts: Facts) -> list[Step]:
    """An index dropped, concurrently where the table is in use."""
    full = quote_qualified(table.schema, name)
    if table.partition_by is not None or table.partition_of is not None or not facts.in_use(key(table)):
        return [Step(f"DROP INDEX {full}", Lock.ACCESS_EXCLUSIVE, (table.quoted,))]
    return [
        Step(
            f"DROP INDEX CONCURRENTLY IF EXISTS {full}",
            Lock.SHARE_UPDATE_EXCLUSIVE,
            (table.quoted,),
            transactional=False,
            own=True,
            done=f"pg_catalog.to_regclass({quote_string(full)}) IS NULL",
        )
    ]


def validated_steps(
    table: Table, name: str, definition: str, lock: Lock, others: Sequence[str] = ()
) -> list[Step]:
    """A CHECK or FOREIGN KEY constraint: added without a look at the rows, which are checked under a weak lock then.

    Args:
        definition: what stands behind ADD, name included.
        lock: what adding it takes.
        others: quoted tables that are locked as well.
    """
    one = quote_identifier(name)
    where = (table.quoted, *others)
    return [
        Step(f"ALTER TABLE {table.quoted} ADD {definition} NOT VALID", lock, where),
        Step(
            f"ALTER TABLE {table.quoted} VALIDATE CONSTRAINT {one}",
            Lock.SHARE_UPDATE_EXCLUSIVE,
            where,
            scan=True,
            own=True,
        ),
    ]


def not_null_steps(table: Table, column: str, facts: Facts) -> list[Step]:
    """``SET NOT NULL``: proven by a checked constraint first where the table is in use, so that the server does not
    read it all under the strongest lock (manual, ALTER TABLE, SET NOT NULL).
    """
    one = quote_identifier(column)
    alter = f"ALTER TABLE {table.quoted} ALTER COLUMN {one} SET NOT NULL"
    refuse = Refusal(
        f"EXISTS (SELECT FROM {table.quoted} WHERE {one} IS NULL)",
        f"{table.name} has rows without {column}, which is to be NOT NULL. Give them a value first: fill= of the "
        f"operation, or UPDATE {table.quoted} SET {one} = … WHERE {one} IS NULL",
    )
    if not facts.in_use(key(table)):
        return [Step(alter, Lock.ACCESS_EXCLUSIVE, (table.quoted,), scan=True)]
    name = object_name(table.name, column, "not_null_check")
    made = validated_steps(
        table,
        name,
        f"CONSTRAINT {quote_identifier(name)} CHECK ({one} IS NOT NULL)",
        Lock.ACCESS_EXCLUSIVE,
    )
    # In one ALTER TABLE the constraint would be gone before the server looks for it.
    swap = f"{alter};\nALTER TABLE {table.quoted} DROP CONSTRAINT {quote_identifier(name)}"
    return [
        replace(made[0], refuse=refuse),
        *made[1:],
        Step(swap, Lock.ACCESS_EXCLUSIVE, (table.quoted,)),
    ]


def backfill_steps(table: Table, column: str, value: str, facts: Facts) -> list[Step]:
    """A value for the rows that have NULL in a column, in batches."""
    one = quote_identifier(column)
    leaves = facts.partitions.get(key(table), ()) if table.partition_by is not None else ()
    names = [quote_qualified(*leaf) for leaf in leaves] or [table.quoted]
    return [
        Step(
            lock=Lock.ROW_EXCLUSIVE,
            tables=(name,),
            scan=True,
            transactional=False,
            own=True,
            backfill=Backfill(name, f"{one} = {value}", f"{one} IS NULL"),
        )
        for name in names
    ]


__all__ = ["backfill_steps", "drop_index_steps", "index_steps", "key", "not_null_steps", "validated_steps"]
