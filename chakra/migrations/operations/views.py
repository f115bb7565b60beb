"""Operations on views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chakra.migrations.facts import Facts
from chakra.migrations.operations.base import Operation
from chakra.migrations.state import State, key_of, title
from chakra.migrations.steps import Lock, Step
from chakra.schema import Column, Index, Table, View
from chakra.sql.ddl.privileges import Privileges, privilege_statements
from chakra.sql.ddl.views import create_view, view_kind


@dataclass(frozen=True)
class CreateView:
    """``CREATE VIEW`` or ``CREATE MATERIALIZED VIEW``.

    Args:
        name: with the schema, if it has one.
        query: its SELECT, with values written in.
        columns: what it has, as models describe it; the names it gives to the query's columns are ``names``.
        materialized: whether its rows are stored until they are refreshed.
        indexes: of a materialized one.
        comment, storage, tablespace: as ``Meta`` takes them.
    """

    name: str
    query: str
    columns: Sequence[Column] = ()
    names: Sequence[str] = ()
    materialized: bool = False
    indexes: Sequence[Index] = ()
    comment: str | None = None
    storage: Sequence[tuple[str, str]] = ()
    tablespace: str | None = None

    @classmethod
    def of(cls, table: Table) -> CreateView:
        """The operation that makes a view of a state."""
        view = table.view
        assert view is not None
        return cls(
            title((table.schema, table.name)),
            view.sql,
            table.columns,
            view.columns,
            view.materialized,
            table.indexes,
            table.comment,
            table.storage,
            table.tablespace,
        )

    @property
    def table(self) -> Table:
        """What it makes."""
        schema, name = key_of(self.name)
        return Table(
            name=name,
            schema=schema,
            columns=tuple(self.columns),
            indexes=tuple(self.indexes),
            comment=self.comment,
            storage=tuple(self.storage),
            tablespace=self.tablespace,
            view=View(self.query, self.materialized, tuple(self.names)),
        )

    def apply(self, state: State) -> State:
        return state.with_new("tables", key_of(self.name), self.table)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        # One of that name that was there when facts were looked for is dropped by now, and comes back.
        given = facts.privileges.get(key_of(self.name), Privileges())
        sql = [*create_view(self.table), *privilege_statements(self.table, given)]
        return [Step(";\n".join(sql), scan=self.materialized)]

    def reverse(self, before: State) -> list[Operation]:
        return [DropView(self.name)]

    def describe(self) -> str:
        return f"create view {self.name}"


@dataclass(frozen=True)
class ReplaceView:
    """``CREATE OR REPLACE VIEW``: another query for a view with the same columns, and possibly more behind them. What
    depends on it stays.
    """

    view: CreateView

    def apply(self, state: State) -> State:
        return state.with_changed("tables", key_of(self.view.name), self.view.table)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = self.view.table
        return [Step(";\n".join(create_view(table, replace=True)), Lock.ACCESS_EXCLUSIVE, (table.quoted,))]

    def reverse(self, before: State) -> list[Operation]:
        old = CreateView.of(before.table(key_of(self.view.name)))
        names = [column.name for column in self.view.columns]
        if names == [column.name for column in old.columns]:
            return [ReplaceView(old)]
        return [DropView(self.view.name), old]  # the server takes no columns away from a view

    def describe(self) -> str:
        return f"replace view {self.view.name}"


@dataclass(frozen=True)
class DropView:
    """``DROP VIEW`` or ``DROP MATERIALIZED VIEW``; the server refuses where another view reads it."""

    name: str

    def apply(self, state: State) -> State:
        return state.without("tables", key_of(self.name))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.name))
        return [Step(f"DROP {view_kind(table)} {table.quoted}", Lock.ACCESS_EXCLUSIVE, (table.quoted,))]

    def reverse(self, before: State) -> list[Operation]:
        return [CreateView.of(before.table(key_of(self.name)))]

    def describe(self) -> str:
        return f"drop view {self.name}"


__all__ = ["CreateView", "DropView", "ReplaceView"]
