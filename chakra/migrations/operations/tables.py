"""Operations on whole tables: made, dropped, renamed, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chakra.errors import MigrationError
from chakra.migrations.facts import Facts
from chakra.migrations.operations.base import Operation
from chakra.migrations.operations.guards import guard_operations
from chakra.migrations.parts import GROUPS, Constraint, edited, pointing, retargeted
from chakra.migrations.state import State, key_of, quoted, title
from chakra.migrations.steps import Lock, Step
from chakra.pg.quoting import quote_identifier
from chakra.schema import Column, Index, Partitioning, PartitionOf, Table
from chakra.sql.ddl.indexes import create_index
from chakra.sql.ddl.tables import create_table
from chakra.sql.ddl.words import comment_on, storage_clause

_NONE: tuple[Any, ...] = ()


@dataclass(frozen=True)
class CreateTable:
    """``CREATE TABLE`` with its keys, conditions and indexes.

    Args:
        name: with the schema, if it has one.
        columns: in their order.
        primary_key: names of columns.
        constraints: ``Unique``, ``Check``, ``Exclude`` and ``ForeignKey``, each with its name.
        indexes: each with its name.
        comment, unlogged, tablespace, storage, partition_by: as ``Meta`` takes them.
        partition_of: of a partition, what it is a part of.
    """

    name: str
    columns: Sequence[Column]
    primary_key: Sequence[str] = ()
    constraints: Sequence[Constraint] = ()
    indexes: Sequence[Index] = ()
    comment: str | None = None
    unlogged: bool = False
    tablespace: str | None = None
    storage: Sequence[tuple[str, str]] = ()
    partition_by: Partitioning | None = None
    partition_of: PartitionOf | None = None

    @classmethod
    def of(cls, table: Table) -> CreateTable:
        """The operation that makes a table of a state."""
        return cls(
            title((table.schema, table.name)),
            table.columns,
            table.primary_key,
            (*table.uniques, *table.checks, *table.exclusions, *table.foreign_keys),
            table.indexes,
            table.comment,
            table.unlogged,
            table.tablespace,
            table.storage,
            table.partition_by,
            table.partition_of,
        )

    @property
    def table(self) -> Table:
        """What it makes."""
        schema, name = key_of(self.name)
        groups: dict[str, Any] = {group: () for group in GROUPS.values()}
        for one in (*self.constraints, *self.indexes):
            if one.name is None:
                raise MigrationError(f"{self.name}: {one!r} needs a name= in a migration")
            group = GROUPS[type(one)]
            groups[group] = (*groups[group], one)
        return Table(
            name=name,
            schema=schema,
            columns=tuple(self.columns),
            primary_key=tuple(self.primary_key),
            comment=self.comment,
            unlogged=self.unlogged,
            tablespace=self.tablespace,
            storage=tuple(self.storage),
            partition_by=self.partition_by,
            partition_of=self.partition_of,
            **groups,
        )

    def apply(self, state: State) -> State:
        return state.with_new("tables", key_of(self.name), self.table)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = self.table
        own = quoted(key_of(self.name))
        targets = {quoted((one.target_schema, one.target)) for one in table.foreign_keys} - {own}
        whole = table.partition_of
        if whole is not None:
            targets.add(quoted((whole.schema, whole.name)))
        statements = create_table(table, table.foreign_keys, False)
        statements += [create_index(table, index, str(index.name)) for index in table.indexes]
        lock = Lock.NONE
        if whole is not None:
            lock = Lock.ACCESS_EXCLUSIVE
        elif targets:
            lock = Lock.SHARE_ROW_EXCLUSIVE
        return [Step(";\n".join(statements), lock, tuple(sorted(targets)))]

    def reverse(self, before: State) -> list[Operation]:
        return [DropTable(self.name)]

    def describe(self) -> str:
        return f"create table {self.name}"


@dataclass(frozen=True)
class DropTable:
    """``DROP TABLE``, with its rows. The server refuses where views or foreign keys of other tables still need it."""

    name: str

    def apply(self, state: State) -> State:
        key = key_of(self.name)
        for where, one in pointing(state, key):
            if where != key:
                raise MigrationError(
                    f"{title(where)} still refers to {self.name} by {one.name}: drop that first"
                )
        return state.without("tables", key)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        key = key_of(self.name)
        table = before.table(key)
        targets = {quoted((one.target_schema, one.target)) for one in table.foreign_keys} - {table.quoted}
        return [
            Step(
                f"DROP TABLE {table.quoted}",
                Lock.ACCESS_EXCLUSIVE,
                (table.quoted, *sorted(targets)),
                note="its rows are lost, and code of before that still reads it fails",
            )
        ]

    def reverse(self, before: State) -> list[Operation]:
        key = key_of(self.name)
        return [CreateTable.of(before.table(key)), *guard_operations(self.name, before.guard(key))]

    def describe(self) -> str:
        return f"drop table {self.name}"


@dataclass(frozen=True)
class RenameTable:
    """``ALTER TABLE … RENAME`` or ``SET SCHEMA``, or both. Constraints and indexes keep their names."""

    old: str
    new: str

    def apply(self, state: State) -> State:
        old, new = key_of(self.old), key_of(self.new)
        table = state.table(old)
        if new in state.tables:
            raise MigrationError(f"there is a table {self.new} already at this point of the history")
        moved = edited(table, schema=new[0], name=new[1])
        tables = {
            (new if key == old else key): (moved if key == old else one) for key, one in state.tables.items()
        }
        return retargeted(replace(state, tables=tables), old, new=new)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        old, new = key_of(self.old), key_of(self.new)
        table = before.table(old)
        word = "TABLE"
        if table.view is not None:
            word = "MATERIALIZED VIEW" if table.view.materialized else "VIEW"
        made: list[Step] = []
        note = (
            "code of before fails until it is replaced; see docs/migrations.md, renames in a rolling deploy"
        )
        if old[0] != new[0]:
            schema = quote_identifier(new[0] or "public")
            made.append(
                Step(
                    f"ALTER {word} {quoted(old)} SET SCHEMA {schema}",
                    Lock.ACCESS_EXCLUSIVE,
                    (quoted(old),),
                    note=note,
                )
            )
        if old[1] != new[1]:
            there = (new[0] if old[0] != new[0] else old[0], old[1])
            sql = f"ALTER {word} {quoted(there)} RENAME TO {quote_identifier(new[1])}"
            made.append(Step(sql, Lock.ACCESS_EXCLUSIVE, (quoted(there),), note=note))
        return made

    def reverse(self, before: State) -> list[Operation]:
        return [RenameTable(self.new, self.old)]

    def describe(self) -> str:
        return f"rename table {self.old} to {self.new}"


_KEEP: Any = object()


@dataclass(frozen=True)
class AlterTable:
    """What is said of a whole table: comment, storage parameters, tablespace, whether it is logged.

    What is left out stays. Another tablespace and ``unlogged`` write the table anew.
    """

    name: str
    comment: str | None = field(default=_KEEP)
    storage: Sequence[tuple[str, str]] = field(default=_KEEP)
    tablespace: str | None = field(default=_KEEP)
    unlogged: bool = field(default=_KEEP)

    @property
    def _words(self) -> dict[str, Any]:
        words = {w: getattr(self, w) for w in ("comment", "storage", "tablespace", "unlogged")}
        return {
            w: tuple([(n, x) for n, x in v]) if w == "storage" else v
            for w, v in words.items()
            if v is not _KEEP
        }

    def apply(self, state: State) -> State:
        key = key_of(self.name)
        return state.with_changed("tables", key, edited(state.table(key), **self._words))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.name))
        words = self._words
        where = (table.quoted,)
        kind, made = "TABLE", list[Step]()
        if table.view is not None:
            kind = "MATERIALIZED VIEW" if table.view.materialized else "VIEW"
        if "comment" in words and words["comment"] != table.comment:
            sql = comment_on(kind, table.quoted, words["comment"])
            made.append(Step(sql, Lock.SHARE_UPDATE_EXCLUSIVE, where))
        if "storage" in words:
            old, new = dict(table.storage), dict(words["storage"])
            gone = [name for name in old if name not in new]
            given = tuple([(name, value) for name, value in new.items() if old.get(name) != value])
            if gone:
                sql = f"ALTER {kind} {table.quoted} RESET ({', '.join(gone)})"
                made.append(Step(sql, Lock.SHARE_UPDATE_EXCLUSIVE, where))
            if given:
                sql = f"ALTER {kind} {table.quoted} SET{storage_clause(given).removeprefix(' WITH')}"
                made.append(Step(sql, Lock.SHARE_UPDATE_EXCLUSIVE, where))
        if "tablespace" in words and words["tablespace"] != table.tablespace:
            space = quote_identifier(words["tablespace"] or "pg_default")
            sql = f"ALTER {kind} {table.quoted} SET TABLESPACE {space}"
            note = "the whole table is copied, under a lock that keeps everybody out"
            made.append(Step(sql, Lock.ACCESS_EXCLUSIVE, where, rewrite=True, scan=True, note=note))
        if "unlogged" in words and words["unlogged"] != table.unlogged:
            sql = f"ALTER {kind} {table.quoted} SET {'UNLOGGED' if words['unlogged'] else 'LOGGED'}"
            note = "every row is written anew, under a lock that keeps everybody out"
            made.append(Step(sql, Lock.ACCESS_EXCLUSIVE, where, rewrite=True, scan=True, note=note))
        return made

    def reverse(self, before: State) -> list[Operation]:
        table = before.table(key_of(self.name))
        return [AlterTable(self.name, **{word: getattr(table, word) for word in self._words})]

    def describe(self) -> str:
        return f"alter {', '.join(self._words) or 'nothing'} of {self.name}"


__all__ = ["AlterTable", "CreateTable", "DropTable", "RenameTable"]
