"""Faults at random places for as long as told: ``python -m tests.faults --seconds 600 --dsn URL``.

``--all`` tries every place once instead: each await, each byte. ``--only bulk_insert --fault killed --place 7`` is one
again, as a finding says it. The database is emptied.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg

from tests.faults.matrix import FAULTS, Fault
from tests.faults.operations import FILES, OPERATIONS, Operation
from tests.faults.world import World, world
from tests.plugins.database import EMPTY


async def _cases(world: World, given: argparse.Namespace) -> AsyncIterator[tuple[Fault, Operation, int]]:
    faults = [FAULTS[name] for name in given.fault or FAULTS]
    operations = [OPERATIONS[name] for name in given.only or OPERATIONS]
    if not world.prepares:
        operations = [operation for operation in operations if operation.name != "in_two_phases"]
    if given.all or given.place:
        for operation in operations:
            for fault in faults:
                for place in (
                    [given.place] if given.place else range(1, await fault.places(world, operation) + 1)
                ):
                    yield fault, operation, place
        return
    drawn = random.Random(given.seed)
    end = time.monotonic() + given.seconds
    while time.monotonic() < end:
        fault, operation = drawn.choice(faults), drawn.choice(operations)
        yield fault, operation, drawn.randint(1, max(1, await fault.places(world, operation)))


async def run(given: argparse.Namespace) -> int:
    """Try, print what came of it, and return how many findings there were."""
    pg = await asyncpg.connect(given.dsn)
    await pg.execute(EMPTY)
    came: Counter[tuple[str, str]] = Counter()
    findings = 0
    with tempfile.TemporaryDirectory() as folder:
        FILES.folder = Path(folder)
        async with world(given.dsn, pg) as made:
            async for fault, operation, place in _cases(made, given):
                await made.undisturbed(operation)
                try:
                    came[fault.name, await fault.strike(made, operation, place)] += 1
                except Exception as error:
                    findings += 1
                    print(
                        f"{operation.name}, {fault.name} at {place}: {type(error).__name__}: {error}",
                        flush=True,
                    )
                    await made.again()
    await pg.close()
    for (fault, what), count in sorted(came.items()):
        print(f"{fault:22} {what:18} {count:6}")
    print(f"{came.total()} runs, {findings} findings")
    return findings


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--dsn", required=True, help="a database that may be emptied")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", action="append", choices=OPERATIONS)
    parser.add_argument("--fault", action="append", choices=FAULTS)
    parser.add_argument("--place", type=int, default=0)
    return 1 if asyncio.run(run(parser.parse_args())) else 0


if __name__ == "__main__":
    raise SystemExit(main())
