"""Random expressions for as long as they are told: `python -m tests.query.fuzz_expressions --seconds 600 --dsn URL`.

Differences are printed with their seed; `--seed 7 --count 1` asks one again.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter

import asyncpg

import chakra
from tests.plugins.database import EMPTY
from tests.query.trees.check import disagreement
from tests.query.trees.grow import seeded
from tests.query.trees.model import fill


async def fuzz(dsn: str, seconds: float, seed: int, count: int | None) -> int:
    """Ask until the time is over; return how many answers differed."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(EMPTY)
    await connection.close()
    deadline = time.monotonic() + seconds
    modes: Counter[str] = Counter()
    wrong = 0
    async with chakra.connect(dsn) as db:
        await fill(db)
        first = seed
        while time.monotonic() < deadline and (count is None or seed < first + count):
            try:
                question = seeded(seed).question()
                said = await disagreement(db, question)
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
                question = None
            if question is not None:
                modes[question.mode] += 1
            if said is not None:
                wrong += 1
                print(f"seed {seed}: {said}\n", flush=True)
            seed += 1
    print(
        f"{sum(modes.values())} questions ({dict(modes)}), {wrong} differences, next seed {seed}", flush=True
    )
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--dsn", required=True, help="of a database that is emptied")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int)
    options = parser.parse_args()
    raise SystemExit(asyncio.run(fuzz(options.dsn, options.seconds, options.seed, options.count)) > 0)
