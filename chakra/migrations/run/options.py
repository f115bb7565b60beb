"""How carefully a migration is carried out, and who hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from chakra.migrations.files.migration import Name
from chakra.migrations.steps import Step

Hear: TypeAlias = "Callable[[Name, Step, str], object]"
"""Called with the migration, the step, and what happens: ``begin``, ``done``, ``wait: …``, ``12 of 40 pages``."""


@dataclass(frozen=True)
class Options:
    """What may be chosen.

    Attributes:
        lock_timeout: seconds a statement waits for a lock; what queues behind it waits no longer than that.
        attempts: how often a transaction that did not get its locks is begun, with growing pauses between.
        statement_timeout: seconds a statement in a transaction may take; 0 = no limit. Builds of indexes and checks of
            rows, which keep nobody out, have none.
        allow_rewrite: whether tables may be written anew under a lock that keeps everybody out.
        large: rows from which on such a table counts as large; below, it is done without a word.
        hear: told of each step.
        sleep, random: of the pauses; replaced in tests.
    """

    lock_timeout: float = 2.0
    attempts: int = 30
    statement_timeout: float = 60.0
    allow_rewrite: bool = False
    large: int = 10_000
    hear: Hear | None = None
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    random: Random = field(default_factory=Random)

    def pause(self, attempt: int) -> float:
        """Seconds before another attempt: 0.5 to 10, growing, and never the same for two runners."""
        return min(10.0, 0.5 * 1.5**attempt) * self.random.uniform(0.5, 1.0)


__all__ = ["Hear", "Options"]
