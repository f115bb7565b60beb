"""Migrations carried out in tests: on an emptied database, and cut off wherever one likes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import chakra
from chakra.migrations.diff import diff
from chakra.migrations.files import Graph, Migration, Name, file_source
from chakra.migrations.operations import Operation
from chakra.migrations.run import Options, Runner
from chakra.migrations.splitting import split
from chakra.migrations.state import State
from tests.plugins.database import EMPTY


async def no_pause(_: float) -> None:
    """In place of a pause."""


def quick(**options: Any) -> Options:
    """Options without pauses, with a short wait for locks."""
    return Options(
        **{"lock_timeout": 0.2, "attempts": 3, "sleep": no_pause, "allow_rewrite": True, **options}
    )


def written(operations: Sequence[Operation]) -> list[Operation]:
    """Operations as a migration file has them: written as Python, and read again."""
    names: dict[str, Any] = {}
    exec(file_source(operations, title="", requires=[]), names)
    found: list[Operation] = names["operations"]
    return found


def migration(number: int, operations: Sequence[Operation], **words: Any) -> Migration:
    """One that stands on the one with the number before."""
    requires = (Name("", f"{number - 1:04}_test"),) if number > 1 else ()
    return Migration(Name("", f"{number:04}_test"), tuple(operations), requires, **words)


def history(*steps: Sequence[Operation]) -> Graph:
    """Migrations that follow one another."""
    return Graph([migration(number, operations) for number, operations in enumerate(steps, 1)])


def in_steps(before: Sequence[Operation], wanted: State, **words: Any) -> Graph:
    """A history, and the migrations that lead on without a rewrite, as their files have them."""
    graph = history(before)
    keys, made = [graph.order[0].key], list(graph.order)
    for one in split(graph, "", wanted, **words):
        requires, key = (keys[-1],), Name("", one.name)
        keys.append(key)
        made.append(Migration(key, tuple(written(one.operations)), requires))
    return Graph(made)


async def emptied(dsn: str) -> Any:
    """A database of the tests, connected anew, with nothing in it."""
    database = await chakra.connect(dsn, max_connections=4)
    await database.execute(EMPTY)
    database.schema_changed()
    return database


async def made(dsn: str, state: State) -> Any:
    """A database that is as a state says, with nothing in its tables."""
    database = await emptied(dsn)
    await Runner(database, history(diff(State(), state)), quick()).apply()
    return database


class Strike:
    """Cuts the connections of whoever migrates, at the n-th word that a runner says.

    Args:
        at: which word.
        cut: what cuts them, at once.
    """

    def __init__(self, at: int, cut: Callable[[], object]) -> None:
        self.left = at
        self.struck = False
        self._cut = cut

    def __call__(self, key: Name, step: Any, what: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.struck = True
            self._cut()
