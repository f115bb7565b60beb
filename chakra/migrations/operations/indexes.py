"""Operations on indexes."""

from __future__ import annotations

from dataclasses import dataclass

from chakra.migrations.facts import Facts
from chakra.migrations.online import drop_index_steps, index_steps
from chakra.migrations.operations.base import Operation
from chakra.migrations.parts import edited, named, with_one, without_one
from chakra.migrations.state import State, key_of
from chakra.migrations.steps import Lock, Step
from chakra.pg.quoting import quote_identifier, quote_qualified
from chakra.schema import Index
from chakra.schema.terms import changed


@dataclass(frozen=True)
class AddIndex:
    """``CREATE INDEX``, concurrently where the table is in use; of a partitioned table partition by partition."""

    table: str
    index: Index

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        return state.with_changed("tables", where, with_one(state.table(where), self.index))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        return index_steps(before.table(key_of(self.table)), self.index, facts)

    def reverse(self, before: State) -> list[Operation]:
        return [DropIndex(self.table, str(self.index.name))]

    def describe(self) -> str:
        return f"add index {self.index.name} to {self.table}"


@dataclass(frozen=True)
class DropIndex:
    """``DROP INDEX``, concurrently where the table is in use."""

    table: str
    name: str

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        table = state.table(where)
        return state.with_changed("tables", where, without_one(table, named(table, "indexes", self.name)))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        return drop_index_steps(before.table(key_of(self.table)), self.name, facts)

    def reverse(self, before: State) -> list[Operation]:
        return [AddIndex(self.table, named(before.table(key_of(self.table)), "indexes", self.name))]

    def describe(self) -> str:
        return f"drop index {self.name} of {self.table}"


@dataclass(frozen=True)
class RenameIndex:
    """``ALTER INDEX … RENAME``."""

    table: str
    old: str
    new: str

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        table = state.table(where)
        named(table, "indexes", self.old)
        ones = tuple([changed(one, name=self.new) if one.name == self.old else one for one in table.indexes])
        return state.with_changed("tables", where, edited(table, indexes=ones))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.table))
        sql = f"ALTER INDEX {quote_qualified(table.schema, self.old)} RENAME TO {quote_identifier(self.new)}"
        return [Step(sql, Lock.SHARE_UPDATE_EXCLUSIVE, (table.quoted,))]

    def reverse(self, before: State) -> list[Operation]:
        return [RenameIndex(self.table, self.new, self.old)]

    def describe(self) -> str:
        return f"rename index {self.old} of {self.table} to {self.new}"


__all__ = ["AddIndex", "DropIndex", "RenameIndex"]
