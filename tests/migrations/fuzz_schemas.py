"""Random pairs of schemas for as long as one likes: ``python -m tests.migrations.fuzz_schemas --seconds N --dsn URL``.

The database is emptied again and again.
"""

from __future__ import annotations

import argparse
import asyncio
import time

from tests.migrations.test_random_pairs import there_and_back


async def run(dsn: str, seconds: float, first: int) -> None:
    until, seed, seen = time.monotonic() + seconds, first, set[str]()
    while time.monotonic() < until:
        try:
            seen |= await there_and_back(dsn, seed)
        except BaseException:
            print(f"seed {seed}")
            raise
        seed += 1
    print(f"{seed - first} pairs from seed {first} on; operations: {', '.join(sorted(seen))}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--first", type=int, default=1000)
    parser.add_argument("--dsn", required=True)
    given = parser.parse_args()
    asyncio.run(run(given.dsn, given.seconds, given.first))
