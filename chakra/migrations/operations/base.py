"""What every operation of a migration can do."""

from __future__ import annotations

from typing import Protocol

from chakra.migrations.facts import Facts
from chakra.migrations.state import State
from chakra.migrations.steps import Step


class Operation(Protocol):
    """One change of a database: frozen data, written into migration files as the call that makes it."""

    def apply(self, state: State) -> State:
        """The state after it.

        Raises:
            MigrationError: it does not fit: there is no such table, or there is one already.
        """
        ...

    def steps(self, before: State, facts: Facts) -> list[Step]:
        """The statements, in order. Each leaves the database usable for what runs meanwhile."""
        ...

    def reverse(self, before: State) -> list[Operation]:
        """The operations that lead back, from what was there before.

        Raises:
            Irreversible: there is none.
        """
        ...

    def describe(self) -> str:
        """What it does, in a few words that begin with a verb: ``add column posts.slug``."""
        ...


__all__ = ["Operation"]
