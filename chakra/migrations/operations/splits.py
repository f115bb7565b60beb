"""Another type for a column in use, without a rewrite: a second column beside it, kept in step, filled in batches, and
swapped in under a lock that is over at once. Each of the operations leads back the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chakra.errors import MigrationError
from chakra.migrations.facts import Facts
from chakra.migrations.in_step import (
    cast_of,
    drop_sql,
    function_sql,
    out_of_step,
    trigger_name,
    trigger_of,
    with_trigger,
    without_trigger,
)
from chakra.migrations.online import backfill_steps, not_null_steps
from chakra.migrations.operations.base import Operation
from chakra.migrations.operations.columns import AddColumn
from chakra.migrations.operations.swapping import check_splittable, swap_step, twins
from chakra.migrations.parts import column_of, edited, replaced_column, with_column, without_column
from chakra.migrations.state import State, key_of
from chakra.migrations.steps import Lock, Refusal, Step
from chakra.schema import Column
from chakra.sql.ddl.guards import create_trigger

_WIDER = frozenset(
    {
        *(("int2", "int4"), ("int2", "int8"), ("int4", "int8"), ("float4", "float8"), ("int2", "numeric")),
        *(("int4", "numeric"), ("int8", "numeric"), ("varchar", "text"), ("json", "jsonb"), ("int4", "text")),
        *(("int8", "text"), ("uuid", "text"), ("bool", "text"), ("timestamp", "timestamptz")),
    }
)
"""Casts that take every value, where the new type has no length."""


@dataclass(frozen=True)
class ExpandColumn:
    """A second column beside one, and a trigger that keeps both in step, whichever is written.

    Args:
        table: with the schema, if it has one.
        name: the column that is there.
        column: the one beside it; it may be NULL, since rows that are there have no value yet.
        forward: SQL over the column's name that makes the value beside it: ``number::bigint``.
        backward: the other way round, under the same name: ``number::integer``.
    """

    table: str
    name: str
    column: Column
    forward: str
    backward: str

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        table = state.table(where)
        check_splittable(state, table, self.name, self.column)
        state = state.with_changed("tables", where, with_column(table, self.column))
        return with_trigger(state, table, self.column.name)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        where = key_of(self.table)
        table = before.table(where)
        old, new = column_of(table, self.name), self.column
        made: list[Step] = []
        plain = self.forward == cast_of(old.name, new) and new.type.typmod < 0
        if facts.in_use(where) and not (plain and (old.type.name, new.type.name) in _WIDER):
            # Values that the new type does not take would else fail writers from the trigger on.
            look = f"SELECT pg_catalog.count(CAST(({self.forward}) AS {new.type.sql})) FROM {table.quoted}"
            made.append(Step(look, scan=True, own=True))
        added = AddColumn(self.table, new).steps(before, facts.with_empty([where]))
        trigger = create_trigger(table, trigger_name(table, new.name), trigger_of(table, new.name))
        function = function_sql(table, old, new, self.forward, self.backward)
        sql = ";\n".join([*[step.sql for step in added], function, trigger])
        note = f"from here on, rows whose {self.name} has no value in the other type are refused"
        made.append(Step(sql, Lock.ACCESS_EXCLUSIVE, (table.quoted,), note=note if made else ""))
        return made

    def reverse(self, before: State) -> list[Operation]:
        return [ContractColumn(self.table, self.name, self.column.name, self.forward, self.backward)]

    def describe(self) -> str:
        return f"expand column {self.table}.{self.name} by {self.column.name}"


@dataclass(frozen=True)
class FillColumn:
    """A value for the rows that have NULL in a column, in batches of transactions of their own; rows of which the value
    is NULL stay as they are.

    Args:
        value: SQL, which may name other columns.
    """

    table: str
    name: str
    value: str

    def apply(self, state: State) -> State:
        column_of(state.table(key_of(self.table)), self.name)
        return state

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.table))
        found = []
        for step in backfill_steps(table, self.name, self.value, facts):
            work = step.backfill
            assert work is not None
            where = f"{work.where} AND ({self.value}) IS NOT NULL"
            found.append(replace(step, backfill=replace(work, where=where)))
        return found

    def reverse(self, before: State) -> list[Operation]:
        return []

    def describe(self) -> str:
        return f"fill column {self.table}.{self.name}"


@dataclass(frozen=True)
class SwapColumn:
    """The column beside one takes its name and its place: its keys, conditions, indexes, default, numbers, rights and
    what else names it. The one of before is kept beside it, in step.

    All of it is built and checked first, while others read and write; then it is exchanged in one transaction.

    Args:
        table: with the schema, if it has one.
        name: of the column.
        new: the one beside it.
        old: what the one of before is called from now on.
        column: as it is then.
        forward, backward: as ``ExpandColumn`` has them; they change places.
    """

    table: str
    name: str
    new: str
    old: str
    column: Column
    forward: str
    backward: str

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        table = state.table(where)
        before, beside = column_of(table, self.name), column_of(table, self.new)
        if self.column.name != self.name:
            raise MigrationError(f"SwapColumn of {self.table}.{self.name} says a column {self.column.name}")
        if trigger_name(table, self.new) not in state.guard(where).triggers:
            raise MigrationError(f"{self.table}.{self.new} is not kept in step: ExpandColumn comes first")
        check_splittable(state, table, self.name, beside)
        rest = without_column(table, self.new)
        after = with_column(replaced_column(rest, self.name, self.column), self.kept(before))
        state = without_trigger(state.with_changed("tables", where, after), table, self.new)
        return with_trigger(state, table, self.old)

    def kept(self, before: Column) -> Column:
        """The column of before, as it is kept."""
        plain = replace(before, name=self.old, attribute=self.old, nullable=True, db_default=None)
        return replace(plain, identity=False, always=False, sequence=None, comment=None)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        where = key_of(self.table)
        table = before.table(where)
        main, beside = column_of(table, self.name), column_of(table, self.new)
        made: list[Step] = []
        if not self.column.nullable:
            filled = edited(
                table,
                columns=tuple(
                    [replace(c, nullable=False) if c.name == self.new else c for c in table.columns]
                ),
            )
            made += not_null_steps(filled, self.new, facts)
        state = before
        for twin in twins(before, table, self.name, self.new):
            made += twin.operation.steps(state, facts)
            state = twin.operation.apply(state)
        if facts.in_use(where):
            differ = out_of_step(beside, self.forward)
            made.append(
                Step(
                    f"ANALYZE {table.quoted} ({beside.quoted})",
                    Lock.SHARE_UPDATE_EXCLUSIVE,
                    (table.quoted,),
                    own=True,
                    refuse=Refusal(
                        f"EXISTS (SELECT FROM {table.quoted} WHERE {differ})",
                        f"{self.table} has rows whose {self.new} does not belong to their {self.name}, as while the "
                        f"trigger was disabled. Find them: SELECT * FROM {table.quoted} WHERE {differ}. Then "
                        f"UPDATE {table.quoted} SET {beside.quoted} = {self.forward} WHERE {differ}",
                    ),
                )
            )
        names, conversions = (self.name, self.new, self.old), (self.backward, self.forward)
        made.append(swap_step(state, table, names, self.column, conversions, self.kept(main), facts))
        return made

    def reverse(self, before: State) -> list[Operation]:
        column = column_of(before.table(key_of(self.table)), self.name)
        return [SwapColumn(self.table, self.name, self.old, self.new, column, self.backward, self.forward)]

    def describe(self) -> str:
        return f"swap column {self.table}.{self.name} with {self.new}"


@dataclass(frozen=True)
class ContractColumn:
    """The column beside one is dropped, and the trigger that kept them in step.

    Args:
        table: with the schema, if it has one.
        name: the column that stays.
        other: the one that goes.
        forward, backward: as ``ExpandColumn`` has them, for the way back.
    """

    table: str
    name: str
    other: str
    forward: str
    backward: str

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        table = state.table(where)
        state = state.with_changed("tables", where, without_column(table, self.other))
        return without_trigger(state, table, self.other)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.table))
        gone = column_of(table, self.other)
        sql = f"{drop_sql(table, gone.name)};\nALTER TABLE {table.quoted} DROP COLUMN {gone.quoted}"
        return [Step(sql, Lock.ACCESS_EXCLUSIVE, (table.quoted,))]

    def reverse(self, before: State) -> list[Operation]:
        gone = column_of(before.table(key_of(self.table)), self.other)
        return [
            ExpandColumn(self.table, self.name, gone, self.forward, self.backward),
            FillColumn(self.table, self.other, self.forward),
        ]

    def describe(self) -> str:
        return f"contract column {self.table}.{self.name}: drop {self.other}"


__all__ = ["ContractColumn", "ExpandColumn", "FillColumn", "SwapColumn"]
