"""Faults by kind, and where they strike; ``python -m tests.faults`` tries them all, or as long as told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from tests.faults.operations import Operation
from tests.faults.strikes import Strike
from tests.faults.wire import End, Side
from tests.faults.world import World


def spread(count: int, most: int) -> list[int]:
    """At most ``most`` of the numbers from 1 to ``count``: the first, the last, and some between."""
    if count <= most:
        return list(range(1, count + 1))
    if most == 1:
        return [(count + 1) // 2]
    return sorted({1 + round(n * (count - 1) / (most - 1)) for n in range(most)})


def cancelled(root: asyncio.Task[Any]) -> None:
    """Cancel once the loop turns: a task that runs cannot be cancelled at what it is about to wait for."""
    asyncio.get_running_loop().call_soon(root.cancel)


class Fault:
    """One kind of fault.

    Attributes:
        name: a word.
        share: how many places of an operation the short run tries.
    """

    def __init__(self, name: str, share: int) -> None:
        self.name, self.share = name, share

    async def places(self, world: World, operation: Operation) -> int:
        """How many places there are to strike at."""
        _, count, _, _ = await world.undisturbed(operation)
        return count

    async def strike(self, world: World, operation: Operation, place: int) -> str:
        """Run the operation with the fault at a place, from 1 on; see ``World.tried``."""
        raise NotImplementedError


class AtAwait(Fault):
    """Something happens while an operation is suspended."""

    def __init__(self, name: str, share: int, act: Callable[[World], Any], moment: Any = "waiting") -> None:
        super().__init__(name, share)
        self.act, self.moment = act, moment

    async def strike(self, world: World, operation: Operation, place: int) -> str:
        strike = Strike(place, self.act(world))
        strike.moment = self.moment
        return await world.tried(operation, strike)


class AtByte(Fault):
    """The line ends behind so many bytes of one side."""

    def __init__(self, name: str, share: int, side: Side, end: End) -> None:
        super().__init__(name, share)
        self.side, self.end = side, end

    async def places(self, world: World, operation: Operation) -> int:
        _, _, passed, _ = await world.undisturbed(operation)
        return passed[self.side]

    async def strike(self, world: World, operation: Operation, place: int) -> str:
        world.wire.calm()
        world.wire.limit(self.side, place - 1, self.end)
        return await world.tried(operation, Strike(), limit=0.15 if self.end == "silence" else 0)


class InPieces(Fault):
    """The line passes so many bytes at a time, each behind a turn of the loop."""

    async def places(self, world: World, operation: Operation) -> int:
        await world.undisturbed(operation)
        return 7

    async def strike(self, world: World, operation: Operation, place: int) -> str:
        world.wire.calm()
        _, _, passed, _ = world.expected[operation.name]
        # A stream of 100,000 bytes in pieces of one takes a second, and shows no more than the first thousands.
        world.wire.piece = place + max(passed.values()) // 2000
        return await world.tried(operation, Strike(), calm=True)


FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        AtAwait("cancelled", 3, lambda _: cancelled),
        AtAwait("cancelled, answered", 3, lambda _: lambda root: root.cancel(), "answered"),
        AtAwait("killed", 2, lambda world: world.kill),
        AtAwait("killed, answered", 1, lambda world: world.kill, "answered"),
        AtAwait("cut", 1, lambda world: lambda _: world.wire.cut()),
        AtAwait("shut down", 2, lambda world: lambda _: world.wire.down()),
        AtByte("truncated", 1, "down", "closed"),
        AtByte("dropped", 2, "down", "reset"),
        AtByte("request truncated", 1, "up", "closed"),
        AtByte("request dropped", 1, "up", "reset"),
        AtByte("silent", 1, "down", "silence"),
        InPieces("in pieces", 1),
    )
}


async def places(world: World, fault: Fault, operation: Operation, most: int) -> Iterator[int]:
    """Where to strike: ``most`` places, spread over all there are."""
    return iter(spread(await fault.places(world, operation), most))


__all__ = ["FAULTS", "AtAwait", "AtByte", "Fault", "InPieces", "places", "spread"]
