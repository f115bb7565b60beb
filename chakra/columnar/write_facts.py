"""What the server says about a write before its rows are sent, and what that means for the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chakra.errors import FieldError, NotNullViolation
from chakra.pg.types import TEXT
from chakra.schema import Column, Table
from chakra.sql import staging as sql
from chakra.sql import write_facts as facts

if TYPE_CHECKING:
    from chakra.db.executor import Executor


@dataclass(frozen=True, slots=True)
class InsertFacts:
    """Attributes:
    insert_only: rows get into the table by INSERT only: a view, rules, row security.
    made: names of columns left out for which the server has a default.
    asked: columns left out that COPY has to be given NULL for, so that it asks their domain.
    filled: triggers, or what a view stands for, may fill in whatever is missing.
    """

    insert_only: bool
    made: frozenset[str]
    asked: tuple[Column, ...]
    filled: bool


async def insert_facts(db: Executor, table: Table, given: Sequence[Column]) -> InsertFacts:
    """Ask about an INSERT of the given columns.

    Raises:
        DataError: one of them is an identity GENERATED ALWAYS.
        NotNullViolation: a required one is missing that nothing fills.
    """
    row = await db.run_fetchrow(facts.INSERT_FACTS, (table.quoted, [c.name for c in given]))
    assert row is not None
    insert_only, always, made, unchecked, filled = row
    if always is not None:
        raise facts.computed_error(table, next(c for c in given if c.name == always))
    asked = tuple(Column(name, TEXT, nullable=True) for name in unchecked or ())
    found = InsertFacts(insert_only, frozenset(made or ()), asked, filled)
    if not filled:
        for column in missing_columns(table, given):
            if column.name not in found.made:
                raise NotNullViolation(
                    f'the data has no column "{column.attribute}", which is NOT NULL and has no default',
                    column=column.attribute,
                    sqlstate="23502",
                )
    return found


def missing_columns(table: Table, given: Sequence[Column]) -> list[Column]:
    """The columns that the table, as it was described, needs and the data does not have."""
    return [c for c in table.columns if not c.nullable and not c.generated and c not in given]


async def no_arbiter(db: Executor, merge: sql.Merge) -> FieldError:
    """The error of conflict fields that no unique index is over, with the indexes that there are."""
    table = merge.table
    rows = await db.run_fetch(facts.UNIQUE_INDEXES, (table.quoted,))
    shown = [
        f"({', '.join(columns)})" + ("" if predicate is None else f" WHERE {predicate}")
        for columns, predicate, _ in rows
    ]
    names = merge.target.names
    what = "exactly these fields" + (
        "" if merge.target.predicate is None else " with a predicate like conflict_where"
    )
    there = f"its unique indexes are {', '.join(shown)}" if shown else "it has none"
    return FieldError(
        f"conflict_fields ({names}): {table.title} has no primary key or unique constraint over {what}; {there}. "
        "A partial index takes its predicate in conflict_where=Q(…)"
    )


async def with_constraint(db: Executor, merge: sql.Merge) -> sql.Merge:
    """The plan with the columns of the constraint that decides, if new rows have values for all of them.

    Raises:
        FieldError: there is no such constraint; names those there are.
    """
    name = merge.target.constraint
    if name is None:
        return merge
    found = {row[0]: row[1] for row in await db.run_fetch(facts.ARBITERS, (merge.table.quoted,))}
    if name not in found:
        there = f"it has {', '.join(found)}" if found else "it has none"
        raise FieldError(
            f"conflict_constraint: {merge.table.title} has no primary key, UNIQUE or exclusion constraint {name!r}; "
            f"{there}. A unique index that is no constraint is found by its fields: conflict_fields=[…]"
        )
    written = {column.name: column for column in merge.written}
    columns = tuple([written[column] for column in found[name] or () if column in written])
    if len(columns) < len(found[name] or ()):
        return merge
    return replace(merge, target=replace(merge.target, columns=columns))


async def rows_filled(db: Executor, table: Table) -> bool:
    """Whether triggers, rules or a view may leave rows out, or change or fill in what they hold."""
    row = await db.run_fetchrow(facts.ROWS_REPLACED, (table.quoted,))
    return row is not None and bool(row[0])


async def default_of(db: Executor, table: Table, column: Column) -> str | None:
    """The SQL of a generated column's values; ``None`` if the role may not draw from the column's sequence.

    Raises:
        FieldError: the server has none.
    """
    if not column.identity:
        return column.db_default
    found = await db.run_fetchrow(sql.SEQUENCE_OF, (table.quoted, column.name))
    assert found is not None
    sequence, allowed = found
    if sequence is None:
        return await unowned_default(db, table, column)
    return sql.next_value(sequence) if allowed else None


def no_privilege(table: Table, column: Column) -> FieldError:
    """The error of keys that have to be drawn before the rows are written, by a role that may not draw."""
    return FieldError(
        f"the keys of {table.title}.{column.attribute} have to be drawn from the column's sequence before its rows "
        "are written, and the role has no privilege for that: GRANT USAGE ON SEQUENCE "
        f"(pg_get_serial_sequence('{table.quoted}', '{column.name}') names it)"
    )


async def unowned_default(db: Executor, table: Table, column: Column) -> str:
    """The default of a column that is declared an identity and draws from a sequence that belongs to nobody.

    Raises:
        FieldError: it has no default.
    """
    found = await db.run_fetchrow(facts.DEFAULT_OF, (table.quoted, column.name))
    if found is None:
        raise FieldError(
            f"{table.title}.{column.attribute} is declared as an identity column, but in the database no sequence "
            "belongs to it and it has no default, so its keys cannot be made"
        )
    return str(found[0])


__all__ = [
    "InsertFacts",
    "default_of",
    "insert_facts",
    "missing_columns",
    "no_privilege",
    "rows_filled",
    "unowned_default",
    "with_constraint",
]
