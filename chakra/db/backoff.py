"""How long to wait before something is tried again: longer each time, and by chance."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses between attempts: at most ``first`` seconds before the first retry, twice as long before each further one.

    Each is chosen at random between zero and that, so that two transactions that met once do not meet again.

    Attributes:
        first: limit of the first pause, in seconds.
        most: limit of every pause, in seconds.
        random: gives a number from 0 to 1.
        sleep: waits for so many seconds.
    """

    first: float = 0.01
    most: float = 1.0
    random: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    def seconds(self, retry: int) -> float:
        """The pause before a retry; the first one is number 0."""
        limit = self.most if retry > 60 else min(self.first * 2**retry, self.most)
        return limit * self.random()

    async def pause(self, retry: int) -> None:
        """Wait as long as that."""
        await self.sleep(self.seconds(retry))


USUAL: Final = Backoff()

__all__ = ["USUAL", "Backoff"]
