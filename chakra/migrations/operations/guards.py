"""Operations on what stands around a table's rows: row security, policies, triggers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chakra.errors import MigrationError
from chakra.migrations.facts import Facts
from chakra.migrations.operations.base import Operation
from chakra.migrations.state import State, key_of
from chakra.migrations.steps import Lock, Step
from chakra.pg.quoting import quote_identifier
from chakra.schema import Guard, Policy, Trigger
from chakra.sql.ddl.guards import create_policy, create_trigger, row_security


@dataclass(frozen=True)
class SetRowSecurity:
    """Whether policies of a table count, and whether for its owner as well."""

    table: str
    enabled: bool = True
    forced: bool = False

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        state.table(where)
        return state.with_guard(where, replace(state.guard(where), enabled=self.enabled, forced=self.forced))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.table))
        sql = row_security(table, enabled=self.enabled, forced=self.forced)
        note = (
            "without a policy that lets them through, rows are hidden from all but the owner"
            if self.enabled and not before.guard(key_of(self.table)).policies
            else ""
        )
        return [Step(sql, Lock.ACCESS_EXCLUSIVE, (table.quoted,), note=note)]

    def reverse(self, before: State) -> list[Operation]:
        guard = before.guard(key_of(self.table))
        return [SetRowSecurity(self.table, guard.enabled, guard.forced)]

    def describe(self) -> str:
        return f"{'enable' if self.enabled else 'disable'} row security of {self.table}"


@dataclass(frozen=True)
class CreatePolicy:
    """``CREATE POLICY``."""

    table: str
    name: str
    policy: Policy

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        state.table(where)
        guard = state.guard(where)
        if self.name in guard.policies:
            raise MigrationError(f"{self.table} has a policy {self.name} already")
        return state.with_guard(where, replace(guard, policies={**guard.policies, self.name: self.policy}))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.table))
        return [Step(create_policy(table, self.name, self.policy), Lock.ACCESS_EXCLUSIVE, (table.quoted,))]

    def reverse(self, before: State) -> list[Operation]:
        return [DropPolicy(self.table, self.name)]

    def describe(self) -> str:
        return f"create policy {self.name} of {self.table}"


@dataclass(frozen=True)
class DropPolicy:
    """``DROP POLICY``."""

    table: str
    name: str

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        guard = state.guard(where)
        _of(guard.policies, self.name, f"{self.table} has no policy")
        rest = {name: one for name, one in guard.policies.items() if name != self.name}
        return state.with_guard(where, replace(guard, policies=rest))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.table))
        sql = f"DROP POLICY {quote_identifier(self.name)} ON {table.quoted}"
        return [Step(sql, Lock.ACCESS_EXCLUSIVE, (table.quoted,))]

    def reverse(self, before: State) -> list[Operation]:
        return [CreatePolicy(self.table, self.name, before.guard(key_of(self.table)).policies[self.name])]

    def describe(self) -> str:
        return f"drop policy {self.name} of {self.table}"


@dataclass(frozen=True)
class CreateTrigger:
    """``CREATE TRIGGER``; its function is there already (``RunSQL``).

    Args:
        trigger: what stands behind the name, with ``{table}`` in place of the table.
    """

    table: str
    name: str
    trigger: Trigger

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        state.table(where)
        guard = state.guard(where)
        if self.name in guard.triggers:
            raise MigrationError(f"{self.table} has a trigger {self.name} already")
        return state.with_guard(where, replace(guard, triggers={**guard.triggers, self.name: self.trigger}))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.table))
        return [
            Step(create_trigger(table, self.name, self.trigger), Lock.SHARE_ROW_EXCLUSIVE, (table.quoted,))
        ]

    def reverse(self, before: State) -> list[Operation]:
        return [DropTrigger(self.table, self.name)]

    def describe(self) -> str:
        return f"create trigger {self.name} of {self.table}"


@dataclass(frozen=True)
class DropTrigger:
    """``DROP TRIGGER``."""

    table: str
    name: str

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        guard = state.guard(where)
        _of(guard.triggers, self.name, f"{self.table} has no trigger")
        rest = {name: one for name, one in guard.triggers.items() if name != self.name}
        return state.with_guard(where, replace(guard, triggers=rest))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.table))
        sql = f"DROP TRIGGER {quote_identifier(self.name)} ON {table.quoted}"
        return [Step(sql, Lock.ACCESS_EXCLUSIVE, (table.quoted,))]

    def reverse(self, before: State) -> list[Operation]:
        return [CreateTrigger(self.table, self.name, before.guard(key_of(self.table)).triggers[self.name])]

    def describe(self) -> str:
        return f"drop trigger {self.name} of {self.table}"


def _of(known: Mapping[str, object], name: str, message: str) -> None:
    if name not in known:
        raise MigrationError(f"{message} {name}; it has {', '.join(known) or 'none'}")


def guard_operations(table: str, guard: Guard) -> list[Operation]:
    """The operations that put all of it around a table's rows; row security last, when the policies are there."""
    made: list[Operation] = [CreatePolicy(table, name, one) for name, one in guard.policies.items()]
    made += [CreateTrigger(table, name, one) for name, one in guard.triggers.items()]
    return (
        [*made, SetRowSecurity(table, guard.enabled, guard.forced)] if guard.enabled or guard.forced else made
    )


__all__ = ["CreatePolicy", "CreateTrigger", "DropPolicy", "DropTrigger", "SetRowSecurity", "guard_operations"]
