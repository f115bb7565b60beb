"""How a target becomes benchmarks of asv: one ``track_`` for each figure, measured once for all of them.

``CHAKRA_BENCH_SIZE`` (``full``, ``quick``, ``tiny``) and ``CHAKRA_BENCH_URL`` choose size and server.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any, TypeVar

from asv_bench.harness import bench
from asv_bench.harness.main import SIZES
from asv_bench.harness.measure import Case, settle
from asv_bench.harness.target import Target

C = TypeVar("C", bound=type)

VERSION = "1"
"""asv shows no result whose benchmark has another version, and by default that is a hash of its source: every edit
would hide the history. So it is set by hand, and raised for what no longer measures the same thing."""

URL = os.environ.get("CHAKRA_BENCH_URL")
SIZE = SIZES[os.environ.get("CHAKRA_BENCH_SIZE", "quick")]


def measured(target: type[Target]) -> dict[str, float | None]:
    """Run a target with every peer that is installed; each figure in its goal's unit, from the minima."""

    async def run() -> dict[str, float | None]:
        async with bench.opened(URL, SIZE) as opened:
            outcome = await target().run(opened)
        return {f.goal.id: None if f.value is None else f.shown(f.value.minimum) for f in outcome.figures}

    return asyncio.run(run())


def figures(target: type[Target]) -> Callable[[C], C]:
    """Give a class one ``track_<id>`` for each goal of a target.

    The class has a ``setup_cache`` of its own that returns ``measured(target)``: asv tells caches apart by the
    line they are written on, so it cannot be inherited.
    """

    def decorate(cls: C) -> C:
        for goal in target.goals:

            def track(self: Any, cache: dict[str, float | None], id: str = goal.id) -> float:
                value = cache.get(id)
                return float("nan") if value is None else value

            track.__name__ = f"track_{goal.id}"
            track.__doc__ = f"{target.title}: {goal.what}, goal {goal}"
            track.unit = goal.unit  # type: ignore[attr-defined]
            track.version = VERSION  # type: ignore[attr-defined]
            setattr(cls, track.__name__, track)
        cls.timeout = 1_800.0
        return cls

    return decorate


class Timed:
    """One contender of a target, called ``calls`` times; asv divides nothing, so the name says how often.

    ``setup`` opens the server anew for each sample of a benchmark that writes.
    """

    target: type[Target]
    case = "chakra"
    calls = 1
    timeout = 600.0
    version = VERSION

    def setup(self) -> None:
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.context = bench.opened(URL, SIZE, peers=frozenset())
        self.loop.run_until_complete(self._open())

    async def _open(self) -> None:
        opened = await self.context.__aenter__()
        cases: list[Case] = await self.target().cases(opened)
        self.chosen = next(case for case in cases if case.name == self.case)
        await self._before()
        await settle(self.chosen.call())  # imports and kernels are not what is timed
        await self._before()

    async def _before(self) -> None:
        if self.chosen.before is not None:
            await settle(self.chosen.before())

    def teardown(self) -> None:
        self.loop.run_until_complete(self.context.__aexit__(None, None, None))
        self.loop.close()

    def run(self) -> None:
        """Call the contender ``calls`` times."""
        self.loop.run_until_complete(self._run())

    async def _run(self) -> None:
        call = self.chosen.call
        for _ in range(self.calls):
            await settle(call())
