"""One side: measures what it is told on stdin, a line of JSON each, and answers on stdout.

Which Chakra it imports is up to PYTHONPATH; the harness is the same for both sides.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from typing import Any, TextIO

from asv_bench.compare.counts import all_counts
from asv_bench.compare.watched import SIZE, WATCHED, Watched, compared
from asv_bench.harness import bench as harness
from asv_bench.harness import measure as clock
from asv_bench.harness.measure import Case, check, measure

BLOCK_SECONDS = 0.004
"""A block of the harness lasts 20 ms, in which a machine with more to do than cores interrupts everybody; of blocks
this short some are whole, and the minimum is one of them."""


class Worker:
    """What was made once and is measured again and again."""

    def __init__(self, bench: harness.Bench) -> None:
        self.bench = bench
        self.cases: dict[str, tuple[list[Case], str]] = {}

    async def do(self, order: dict[str, Any]) -> dict[str, Any]:
        """The answer to one order; an error is an answer, too: the other side may be able to do it."""
        try:
            if order["do"] == "counts":
                counts, why = await all_counts(self.bench)
                return {"counts": counts, "why": why}
            watched = next(w for w in WATCHED if w.target.id == order["target"])
            return await self._measure(watched)
        except Exception as error:
            return {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}

    async def _measure(self, watched: Watched) -> dict[str, Any]:
        target = watched.target()
        if watched.is_size:
            outcome = await target.run(self.bench)
            samples = {name: timing.samples for name, timing in outcome.timings.items()}
            return {"samples": samples, "reference": None}
        if target.id not in self.cases:
            cases, reference = compared(watched, await target.cases(self.bench))
            await check(cases)
            self.cases[target.id] = cases, reference
        cases, reference = self.cases[target.id]
        size = self.bench.size
        timings = await measure(cases, seconds=size.seconds * len(cases), min_rounds=size.min_rounds)
        return {"samples": {name: t.samples for name, t in timings.items()}, "reference": reference}


async def serve(url: str, tiny: bool, answers: TextIO) -> None:
    """Answer orders until there are no more."""
    clock.BLOCK_SECONDS = BLOCK_SECONDS
    size = replace(SIZE, users=2_000, many=200, some=100, seconds=0.0) if tiny else SIZE
    async with harness.opened(url, size, peers=frozenset()) as bench:
        worker = Worker(bench)
        print(json.dumps({"ready": True}), file=answers, flush=True)
        for line in sys.stdin:  # the loop stands still meanwhile, which is what the other side needs
            print(json.dumps(await worker.do(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    stdout, sys.stdout = sys.stdout, sys.stderr  # what the harness prints is no answer
    asyncio.run(serve(sys.argv[1], "tiny" in sys.argv[2:], stdout))
