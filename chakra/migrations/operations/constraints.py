"""Operations on keys and conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chakra.migrations.facts import Facts
from chakra.migrations.online import index_steps, key, not_null_steps, validated_steps
from chakra.migrations.operations.base import Operation
from chakra.migrations.parts import (
    GROUPS,
    Constraint,
    column_of,
    constraint_of,
    edited,
    with_one,
    without_one,
)
from chakra.migrations.state import State, key_of, quoted
from chakra.migrations.steps import Lock, Refusal, Step
from chakra.pg.quoting import quote_block, quote_identifier, quote_string
from chakra.schema import Check, ForeignKeyConstraint, Index, Table, Unique
from chakra.schema.naming import object_name
from chakra.schema.terms import changed
from chakra.sql.ddl.constraints import constraint_line, foreign_key


@dataclass(frozen=True)
class AddConstraint:
    """``ADD CONSTRAINT``: a ``Unique``, ``Check``, ``Exclude`` or ``ForeignKey``, with its name.

    Of a table in use, rows that are there are checked under a weak lock: a foreign key or a check is added without
    them and validated then, the index of a unique key is built concurrently first. For ``Exclude`` the server has
    no such way.
    """

    table: str
    constraint: Constraint

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        one = self.constraint
        if isinstance(one, ForeignKeyConstraint):
            target = state.table((one.target_schema, one.target))
            for name in one.target_columns:
                column_of(target, name)
        return state.with_changed("tables", where, with_one(state.table(where), one))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table, one = before.table(key_of(self.table)), self.constraint
        after = with_one(table, one)
        name = str(one.name)
        if isinstance(one, ForeignKeyConstraint):
            line = foreign_key(after, one)
            targets = [quoted((one.target_schema, one.target))]
            lock = Lock.SHARE_ROW_EXCLUSIVE
        else:
            line = constraint_line(after, one, name)
            targets = []
            lock = Lock.ACCESS_EXCLUSIVE
        at_once = Step(f"ALTER TABLE {table.quoted} ADD {line}", lock, (table.quoted, *targets), scan=True)
        partitioned = table.partition_by is not None
        if not facts.in_use(key(table)):
            return [at_once]
        if isinstance(one, Check) or (
            isinstance(one, ForeignKeyConstraint) and (not partitioned or facts.server >= 18)
        ):
            made = validated_steps(after, name, line, lock, targets)
            return [replace(made[0], refuse=_broken(table, one)), *made[1:]]
        if isinstance(one, Unique) and not partitioned:
            index = Index(
                *one.terms,
                name=name,
                unique=True,
                include=one.include,
                nulls_not_distinct=one.nulls_not_distinct,
            )
            using = f"ALTER TABLE {table.quoted} ADD CONSTRAINT {quote_identifier(name)} UNIQUE USING INDEX "
            using += quote_identifier(name)
            if one.deferrable:
                using += f" DEFERRABLE INITIALLY {one.deferrable.upper()}"
            return [*index_steps(table, index, facts), Step(using, Lock.ACCESS_EXCLUSIVE, (table.quoted,))]
        return [
            replace(
                at_once,
                note="rows are checked under a lock that keeps writers out; the server has no other way",
            )
        ]

    def reverse(self, before: State) -> list[Operation]:
        return [DropConstraint(self.table, str(self.constraint.name))]

    def describe(self) -> str:
        return f"add constraint {self.constraint.name} to {self.table}"


def _broken(table: Table, one: Check | ForeignKeyConstraint) -> Refusal:
    """Rows that a constraint would refuse."""
    if isinstance(one, Check):
        return Refusal(
            f"EXISTS (SELECT FROM {table.quoted} WHERE NOT ({one.condition}))",
            f"{table.name} has rows that {one.name} forbids. Find them: SELECT * FROM {table.quoted} WHERE NOT "
            f"({one.condition}). Change or delete them in a migration before this one",
        )
    own, theirs = map(quote_identifier, one.columns), map(quote_identifier, one.target_columns)
    pairs = list(zip(own, theirs, strict=True))
    held = " AND ".join(f"own.{mine} IS NOT NULL" for mine, _ in pairs)
    same = " AND ".join(f"other.{yours} = own.{mine}" for mine, yours in pairs)
    target = quoted((one.target_schema, one.target))
    find = f"FROM {table.quoted} own WHERE {held} AND NOT EXISTS (SELECT FROM {target} other WHERE {same})"
    return Refusal(
        f"EXISTS (SELECT {find})",
        f"{table.name} has rows whose {', '.join(one.columns)} leads to no row of {one.target}, which {one.name} "
        f"forbids. Find them: SELECT own.* {find}. Correct or delete them in a migration before this one",
    )


@dataclass(frozen=True)
class DropConstraint:
    """``DROP CONSTRAINT``."""

    table: str
    name: str

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        table = state.table(where)
        return state.with_changed("tables", where, without_one(table, constraint_of(table, self.name)))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.table))
        one = constraint_of(table, self.name)
        others = [quoted((one.target_schema, one.target))] if isinstance(one, ForeignKeyConstraint) else []
        sql = f"ALTER TABLE {table.quoted} DROP CONSTRAINT {quote_identifier(self.name)}"
        return [Step(sql, Lock.ACCESS_EXCLUSIVE, (table.quoted, *others))]

    def reverse(self, before: State) -> list[Operation]:
        return [AddConstraint(self.table, constraint_of(before.table(key_of(self.table)), self.name))]

    def describe(self) -> str:
        return f"drop constraint {self.name} of {self.table}"


@dataclass(frozen=True)
class RenameConstraint:
    """``RENAME CONSTRAINT``."""

    table: str
    old: str
    new: str

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        table = state.table(where)
        one = constraint_of(table, self.old)
        group = GROUPS[type(one)]
        ones = tuple([changed(c, name=self.new) if c.name == self.old else c for c in getattr(table, group)])
        return state.with_changed("tables", where, edited(table, **{group: ones}))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.table))
        constraint_of(table, self.old)
        sql = (
            f"ALTER TABLE {table.quoted} RENAME CONSTRAINT {quote_identifier(self.old)} "
            f"TO {quote_identifier(self.new)}"
        )
        return [Step(sql, Lock.ACCESS_EXCLUSIVE, (table.quoted,))]

    def reverse(self, before: State) -> list[Operation]:
        return [RenameConstraint(self.table, self.new, self.old)]

    def describe(self) -> str:
        return f"rename constraint {self.old} of {self.table} to {self.new}"


@dataclass(frozen=True)
class SetPrimaryKey:
    """Another primary key, the first one, or (of no columns) none. The server refuses where foreign keys lead to the
    one of before.

    Args:
        columns: of the key; they become NOT NULL.
        nullable: columns of the key of before that may be NULL then.
    """

    table: str
    columns: Sequence[str]
    nullable: Sequence[str] = ()

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        table = state.table(where)
        columns = [
            replace(column, nullable=column.name in self.nullable)
            if column.name in (*self.columns, *self.nullable)
            else column
            for column in table.columns
        ]
        for name in self.columns:
            column_of(table, name)
        made = edited(table, primary_key=tuple(self.columns), columns=tuple(columns))
        return state.with_changed("tables", where, made)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.table))
        where = (table.quoted,)
        made: list[Step] = []
        drop = _drop_key(table) if table.primary_key else ""
        for name in self.nullable:
            drop += f";\nALTER TABLE {table.quoted} ALTER COLUMN {quote_identifier(name)} DROP NOT NULL"
        if not self.columns:
            return [Step(drop, Lock.ACCESS_EXCLUSIVE, where, note=_gone(table))] if drop else []
        listed = ", ".join(map(quote_identifier, self.columns))
        if not facts.in_use(key(table)) or table.partition_by is not None:
            add = f"ALTER TABLE {table.quoted} ADD PRIMARY KEY ({listed})"
            return [Step(";\n".join(filter(None, (drop, add))), Lock.ACCESS_EXCLUSIVE, where, scan=True)]
        for name in self.columns:
            if column_of(table, name).nullable:
                made += not_null_steps(table, name, facts)
        name = object_name(table.name, "pkey")
        if table.primary_key:
            name = object_name(table.name, *self.columns, "pkey")
        made += index_steps(table, Index(*self.columns, name=name, unique=True), facts)
        add = f"ALTER TABLE {table.quoted} ADD CONSTRAINT {quote_identifier(name)} PRIMARY KEY USING INDEX "
        add += quote_identifier(name)
        made.append(
            Step(";\n".join(filter(None, (drop, add))), Lock.ACCESS_EXCLUSIVE, where, note=_gone(table))
        )
        return made

    def reverse(self, before: State) -> list[Operation]:
        table = before.table(key_of(self.table))
        nullable = [name for name in self.columns if column_of(table, name).nullable]
        return [SetPrimaryKey(self.table, table.primary_key, nullable)]

    def describe(self) -> str:
        return (
            f"set primary key of {self.table} to ({', '.join(self.columns)})"
            if self.columns
            else (f"drop primary key of {self.table}")
        )


def _gone(table: Table) -> str:
    if not table.primary_key:
        return ""
    key = ", ".join(table.primary_key)
    return f"the index of ({key}) goes with the key: what finds rows by it reads the whole table, where no other is"


def _drop_key(table: Table) -> str:
    # Its name is the server's: that of a table that was renamed is from before.
    return quote_block(
        "EXECUTE (SELECT pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) "
        f"FROM pg_catalog.pg_constraint WHERE conrelid = {quote_string(table.quoted)}::regclass AND contype = 'p');"
    )


__all__ = ["AddConstraint", "DropConstraint", "RenameConstraint", "SetPrimaryKey"]
