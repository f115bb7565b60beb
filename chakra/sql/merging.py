"""What moves staged rows into their table: INSERT … ON CONFLICT and UPDATE, and what these return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chakra.errors import FieldError
from chakra.pg.quoting import quote_identifier, quote_string
from chakra.pg.types import BOOL, INT8
from chakra.schema import Column, Table
from chakra.sql.ctes import Numbers
from chakra.sql.dml import returned
from chakra.sql.staging import STAGING_TABLE, Merge, free_name, version_column
from chakra.sql.statement import Output, Statement, Writer
from chakra.sql.stored import row_check
from chakra.sql.upserts import TARGET, Conflict, write_conflict
from chakra.sql.writes import Returned

OLD_ROWS_FROM = (18, 0)
"""First server whose RETURNING knows the row as it was before (``old``). Older ones leave the row's ``xmax``:
0 for an inserted row, our transaction, which locked it, for one that ON CONFLICT found (``heapam.c``,
``heap_update``)."""

_FLAG = "'chakra.updated'"
"""A setting of the transaction in which rows of partitioned tables, whose ``xmax`` no RETURNING sees, say on those
servers whether ON CONFLICT updated them: each row of the source takes the mark away, SET puts it there, RETURNING reads
it. What a trigger leaves out is returned by neither."""


def _marking(word: str) -> str:
    """The condition that is true, and sets the mark where it is evaluated."""
    return f"set_config({_FLAG}, {quote_string(word)}, true) IS NOT NULL"


def insert_staged(
    merge: Merge,
    server_version: tuple[int, int],
    *,
    marked: bool = False,
    returning: Sequence[Returned] = (),
) -> tuple[Statement, list[Any]]:
    """The statement that inserts the staged rows, and its values.

    The predicate of a partial index stands in the text: the server finds no index by a parameter.

    With ``returning`` it gives these attributes of the rows that were written, in the order of the data, and behind
    them whether each was inserted. Without it gives one row for ``update``, how many were inserted and how many
    updated; else its status tag counts.

    The rows are taken as they lie in the staging table, which is the order of the data: COPY into a table of
    the same transaction only appends (``copyfrom.c``, TABLE_INSERT_SKIP_FSM), and scans of temporary tables
    start at their first block (``heapam.c``, ``initscan``). So of equal rows the first one wins.

    Args:
        marked: of a partitioned table, on servers before ``OLD_ROWS_FROM``: rows say by a mark what was done to them.
    """
    table, updates = merge.table, merge.action == "update"
    values: list[Any] = []
    conflict = None
    if merge.action != "insert":
        given = Conflict(merge.target.sql(table), dict(merge.update) if updates else None, merge.where)
        given.shape(values)
        conflict = given.numbered(Numbers())
    writer = Writer()
    counted = updates and not returning
    if counted:
        writer.write("WITH written AS (")
    names = ", ".join(column.quoted for column in merge.staged)
    # Keys drawn of a column GENERATED ALWAYS are the server's own; values of the caller are refused there.
    overriding = "OVERRIDING SYSTEM VALUE " if any(c.identity for c in merge.drawn) else ""
    picked = [column.quoted for column in merge.staged]
    if marked:
        picked[0] = f"CASE WHEN {_marking('no')} THEN {picked[0]} END"
    source = ", ".join(picked)
    writer.touch(table.quoted, write=True)
    writer.write(
        f"INSERT INTO {table.quoted} AS {TARGET} ({names}) {overriding}SELECT {source} FROM {STAGING_TABLE}"
    )
    if conflict is not None:
        check = row_check(table, conflict.sent(table), assigned=True)
        if check is not None:
            writer.write(f" WHERE {check}")
        write_conflict(table, conflict, writer, mark=_marking("yes") if marked else None)
        if writer.heads is not None:
            raise FieldError(
                "on_conflict can use no queries in WITH (CTE); they have no place in front of it"
            )
    fresh = _fresh(merge, server_version, marked) if updates else "TRUE"
    if counted:
        writer.write(
            f" RETURNING {fresh} AS fresh) "
            "SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM written"
        )
        return writer.finish(), values
    if not returning:
        return writer.finish(), values
    outputs = returned(writer, table, returning)
    writer.write(f", {fresh} AS {quote_identifier(free_name(table))}")
    return writer.finish([*outputs, Output(free_name(table), BOOL, False)]), values


def _fresh(merge: Merge, server_version: tuple[int, int], marked: bool) -> str:
    """Whether a row that is returned was inserted, as SQL."""
    if server_version >= OLD_ROWS_FROM:
        # Only a column that is never NULL tells: NULLS NOT DISTINCT finds rows by NULL.
        known = [c for c in (*merge.target.columns, *merge.table.key_columns) if not c.nullable]
        return f"old.{known[0].quoted} IS NULL" if known else "old IS NOT DISTINCT FROM NULL"
    return f"current_setting({_FLAG}) = 'no'" if marked else f"{TARGET}.xmax = 0"


def update_staged(
    table: Table, key: Sequence[Column], fields: Sequence[Column], returning: Sequence[Returned] = ()
) -> Statement:
    """The statement that writes the staged ``fields`` to the rows that have the staged ``key``; their version
    is counted up, unless it is among the fields.

    Args:
        returning: attributes of the rows that were written, as they are afterwards; behind them stands the number of
            the staged row, which the staging table has then.
    """
    written = [f"{c.quoted} = staged.{c.quoted}" for c in fields]
    written += [f"{c.quoted} = target.{c.quoted} + 1" for c in version_column(table) if c not in fields]
    sets = ", ".join(written)
    matches = " AND ".join(f"target.{c.quoted} = staged.{c.quoted}" for c in key)
    writer = Writer()
    writer.touch(table.quoted, write=True)
    writer.write(f"UPDATE {table.quoted} AS target SET {sets} FROM {STAGING_TABLE} AS staged WHERE {matches}")
    if not returning:
        return writer.finish()
    outputs = returned(writer, table, returning, alias="target")
    number = free_name(table)
    writer.write(f", staged.{quote_identifier(number)}")
    return writer.finish([*outputs, Output(number, INT8, False)])


__all__ = ["insert_staged", "update_staged"]
