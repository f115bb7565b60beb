"""Row 21: many tasks at once that each read one row; throughput, and the time from a call to its answer."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any

import asyncpg

import chakra
from asv_bench.harness.bench import Bench, User, user_facts
from asv_bench.harness.measure import Case, Timing, Timings, Value, check
from asv_bench.harness.peers import LOAD_CONNECTIONS
from asv_bench.harness.target import Goal, Outcome, Target

TASKS = (1, 10, 100, 1_000)
POOL = "asyncpg, pool.fetchrow"
PEERS = ("SQLAlchemy", "Tortoise")
READS, READS_OF_PEERS = 4_000, 1_000
"""Reads of one block, whatever the number of tasks: at 1,000 tasks each reads four rows. The ORMs, whose figure is
far from its goal, read one each: a round of theirs took three quarters of the time."""

P50, P99 = 0.50, 0.99


def name_of(contender: str, tasks: int, what: str = "") -> str:
    """How a contender is called at a level; ``what`` for one of its percentiles."""
    level = f"{contender}, {tasks:,} task{'s' if tasks > 1 else ''}"
    return f"{level}, {what}" if what else level


def percentile(times: list[float], share: float) -> float:
    """The time that so large a share of the reads does not go beyond."""
    times = sorted(times)
    return times[min(len(times) - 1, int(share * len(times)))]


async def block(get: Callable[[], Awaitable[Any]], tasks: int, reads: int) -> tuple[float, list[float]]:
    """Seconds until all tasks have done their share of the reads, and the seconds of each read."""
    times: list[float] = []

    async def work(count: int) -> None:
        for _ in range(count):
            start = perf_counter()
            await get()
            times.append(perf_counter() - start)

    share = max(1, reads // tasks)
    start = perf_counter()
    await asyncio.gather(*(work(share) for _ in range(tasks)))
    return perf_counter() - start, times


class Load(Target):
    """``await User.objects.get(id=…)`` in 1 to 1,000 tasks, over pools of ten connections each.

    The time of a contender is that of all reads by their number: its inverse is the throughput.
    """

    number, id, title = 21, "load", "get in 1, 10, 100, 1,000 tasks at once, per read"
    goals = (
        *(Goal(f"per_read_{n}", f"time per read, {n:,} at once, of asyncpg's pool", 1.0) for n in TASKS),
        *(Goal(f"p99_{n}", f"99th percentile, {n:,} at once, of asyncpg's pool", 1.0) for n in TASKS),
        *(Goal(f"{peer.lower()}", f"{peer} takes, 100 at once", 2.0, at_least=True) for peer in PEERS),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        plain = "SELECT id, name, email, age, is_active, score, created_at FROM users WHERE id = $1"
        users = User.objects.using(self._db)

        def case(name: str, get: Any) -> Case:
            key = bench.keys()
            return Case(name, lambda: get(key()), user_facts)

        peers = {peer.name: peer for peer in await bench.peers("get")}
        return [
            case("chakra", lambda key: users.get(id=key)),
            case(POOL, lambda key: self._pool.fetchrow(plain, key)),
            *(case(name, peers[name].get) for name in PEERS if name in peers),
        ]

    async def run(self, bench: Bench) -> Outcome:
        """Check, then take rounds of one block for each contender at each level, begun by the next one."""
        size = {"min_connections": LOAD_CONNECTIONS, "max_connections": LOAD_CONNECTIONS}
        async with (
            chakra.connect(bench.url, **size, max_waiting=10 * max(TASKS), alias=None) as self._db,
            asyncpg.create_pool(
                bench.url, min_size=LOAD_CONNECTIONS, max_size=LOAD_CONNECTIONS
            ) as self._pool,
        ):
            cases = await self.cases(bench)
            await check(cases)
            timings = Timings()
            for case in cases:  # every connection of every pool has prepared its statement
                await block(case.call, LOAD_CONNECTIONS, 20 * LOAD_CONNECTIONS)
            gc.collect()
            gc.freeze()
            try:
                deadline, turn = perf_counter() + bench.seconds * self.patience * len(cases), 0
                while turn < bench.size.min_rounds or perf_counter() < deadline:
                    start = turn % len(cases)
                    for tasks in TASKS:
                        for case in (*cases[start:], *cases[:start]):
                            reads = READS_OF_PEERS if case.name in PEERS else READS
                            await self._block(case, tasks, reads if bench.size.seconds else 20, timings)
                    turn += 1
                    if bench.tick is not None:
                        bench.tick()
            finally:
                gc.unfreeze()
        return self.outcome(timings, self._throughput(timings))

    async def _block(self, case: Case, tasks: int, reads: int, timings: Timings) -> None:
        gc.collect(0)
        seconds, times = await block(case.call, tasks, reads)
        for what, value in (
            ("", seconds / len(times)),
            ("p50", percentile(times, P50)),
            ("p99", percentile(times, P99)),
        ):
            name = name_of(case.name, tasks, what)
            timings.setdefault(name, Timing(name)).samples.append(value)

    def _throughput(self, timings: Timings) -> list[str]:
        notes = []
        for tasks in TASKS:
            found = {
                contender: timings[name_of(contender, tasks)].median
                for contender in ("chakra", POOL, *PEERS)
                if name_of(contender, tasks) in timings
            }
            rates = ", ".join(f"{name} {1 / seconds:,.0f}" for name, seconds in found.items())
            notes.append(f"reads a second in {tasks:,} task{'s' if tasks > 1 else ''}: {rates}")
        return notes

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        found: dict[str, Value | None] = {}
        for n in TASKS:
            found[f"per_read_{n}"] = timings.ratio(name_of("chakra", n), name_of(POOL, n))
            found[f"p99_{n}"] = timings.ratio(name_of("chakra", n, "p99"), name_of(POOL, n, "p99"))
        for peer in PEERS:
            name = name_of(peer, 100)
            found[peer.lower()] = timings.ratio(name, name_of("chakra", 100)) if name in timings else None
        return found
