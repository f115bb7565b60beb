"""One migration: what a file says."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from chakra.errors import Irreversible, MigrationError
from chakra.migrations.facts import Facts
from chakra.migrations.files.source import file_source
from chakra.migrations.operations import AddColumn, AlterColumn, Operation, RunPython
from chakra.migrations.state import State
from chakra.migrations.steps import Step


class Name(NamedTuple):
    """Which migration: its app and the name of its file; of a project with one app the app is empty."""

    app: str
    name: str

    def __str__(self) -> str:
        return f"{self.app}:{self.name}" if self.app else self.name


@dataclass(frozen=True)
class Migration:
    """One step of the history.

    Attributes:
        key: app and name.
        title: the first line of the file's docstring.
        operations: in their order; a file with functions ``forward`` and ``backward`` alone runs those.
        requires: what has to be applied before.
        replaces: migrations that it stands for, once squashed.
        functions: of the file, by name, for ``RunPython``.
        path: of the file; ``None`` = it was made by hand.
    """

    key: Name
    operations: tuple[Operation, ...] = ()
    requires: tuple[Name, ...] = ()
    title: str = ""
    replaces: tuple[Name, ...] = ()
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    path: Path | None = None

    @property
    def checksum(self) -> str:
        """What it does, as a hash: of its operations and functions. Comments and layout of the file do not count."""
        text = file_source(self.operations, title="", requires=map(str, self.requires))
        for name, function in sorted(self.functions.items()):
            text += f"{name}\n{_source(function)}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def apply(self, state: State) -> State:
        """The state after it.

        Raises:
            MigrationError: an operation does not fit; names it.
        """
        for number, operation in enumerate(self.operations, 1):
            try:
                state = operation.apply(state)
            except MigrationError as error:
                raise MigrationError(
                    f"{self.key}, operation {number} ({operation.describe()}): {error}"
                ) from error
        return state

    def steps(self, state: State, facts: Facts) -> list[Step]:
        """All steps, in order. Tables that it makes itself are empty while it runs."""
        return _steps(self.key, self.operations, state, facts)

    def back(self, state: State) -> tuple[Operation, ...]:
        """The operations that take it back.

        Args:
            state: before it.

        Raises:
            Irreversible: one of its operations has none; names it.
        """
        made: list[Operation] = []
        for number, operation in enumerate(self.operations, 1):
            try:
                made[:0] = operation.reverse(state)
            except Irreversible as error:
                raise Irreversible(f"{self.key}, operation {number}: {error}") from error
            state = operation.apply(state)
        for one in made:
            if isinstance(one, RunPython) and one.forward and one.forward not in self.functions:
                raise Irreversible(f"{self.key} has no function {one.forward}(), which would take it back")
        return tuple(made)

    def back_steps(
        self, state: State, facts: Facts, fills: Mapping[tuple[str, str], str] | None = None
    ) -> list[Step]:
        """The steps that take it back.

        Args:
            state: before it.
            fills: SQL of values for rows that are there, by table and column.
        """
        back = tuple([_filled(one, fills or {}) for one in self.back(state)])
        return _steps(self.key, back, self.apply(state), facts)


def _filled(one: Operation, fills: Mapping[tuple[str, str], str]) -> Operation:
    if isinstance(one, AddColumn | AlterColumn):
        value = fills.get((one.table, one.column.name))
        return one if value is None else replace(one, fill=value)
    return one


def _steps(key: Name, operations: tuple[Operation, ...], state: State, facts: Facts) -> list[Step]:
    made: list[Step] = []
    for number, operation in enumerate(operations, 1):
        try:
            after = operation.apply(
                state
            )  # says more of what does not fit than the server's statements would
            made += operation.steps(state, facts)
        except MigrationError as error:
            raise MigrationError(f"{key}, operation {number} ({operation.describe()}): {error}") from error
        facts = facts.with_empty(after.tables.keys() - state.tables.keys() if _makes(operation) else ())
        state = after
    return made


def _makes(operation: Operation) -> bool:
    return type(operation).__name__ == "CreateTable"


def _source(function: Callable[..., Any]) -> str:
    try:
        lines = inspect.getsource(function).splitlines()
    except (OSError, TypeError):
        return ""
    return "\n".join(line.rstrip() for line in lines if line.strip() and not line.lstrip().startswith("#"))


__all__ = ["Migration", "Name"]
