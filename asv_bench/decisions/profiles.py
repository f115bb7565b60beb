"""Figures of docs/profiles.md: ``python asv_bench/decisions/profiles.py URL [--write]``

Where the time of an operation goes. A timer of the wall clock (``ITIMER_REAL``) interrupts the process every 0.7 ms,
and the function that runs is noted: waiting for the server is a function like others (``select``). What C code does
(records of asyncpg, compiled kernels, pyarrow) stands under the Python function that called it. ``--write`` puts the
tables into the page.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import statistics
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from types import FrameType
from typing import Any

from asv_bench.decisions.written import DOCS, put, table, where_and_when
from asv_bench.harness import bench as harness
from asv_bench.harness import targets
from asv_bench.harness.bench import Bench
from asv_bench.harness.measure import settle
from asv_bench.harness.targets.bulk import FLOOR as READY
from asv_bench.harness.targets.columns import DRAIN
from asv_bench.harness.targets.related import FLOOR as RECORDS
from asv_bench.harness.targets.rows import FLOOR as PREPARED

ROOT = Path(__file__).parents[2]
EVERY = 0.0007
SECONDS = 3.0
SHOWN = 7

DRIVER = "asyncpg: messages into records (C)"
FUNCTIONS = {"_SelectorSocketTransport.write": "sending", "BaseEventLoop.call_soon": DRIVER}
"""The timer is heard at the next line of Python: ``call_soon`` stands for what asyncpg did before it has a result."""

PLACES = (
    ("selectors.py", "waiting for the server"),
    ("asyncio/selector_events.py", DRIVER),
    ("asyncpg/", "asyncpg, its Python"),
    ("asyncio/", "event loop"),
    ("chakra/columnar/", "columns: kernels and what calls them"),
    ("chakra/query/hydrate.py", "instances"),
    ("chakra/models/", "models: attributes and sets that are read"),
    ("chakra/query/", "queries: what runs when, relations"),
    ("chakra/sql/", "SQL: shapes, statements, values"),
    ("chakra/expressions/", "SQL: shapes, statements, values"),
    ("chakra/pg/", "SQL: shapes, statements, values"),
    ("chakra/db/", "connection: pool, sessions, events"),
    ("pyarrow/", "pyarrow"),
)
OTHER = "everything else"
"""Beginning of a file's path inside a library → what is told of it, the first one that fits."""


@dataclass(frozen=True)
class Operation:
    """What is looked at.

    Attributes:
        call: does it once.
        before: outside the clock, before each call.
        floor: the same for asyncpg alone, where there is such a thing.
    """

    title: str
    call: Callable[[], Awaitable[Any]]
    before: Callable[[], Any] | None = None
    floor: Callable[[], Awaitable[Any]] | None = None
    floor_before: Callable[[], Any] | None = None


class Sampler:
    """Notes the innermost Python function each time the timer rings."""

    def __init__(self) -> None:
        self.found: Counter[tuple[str, str]] = Counter()
        self.on = False

    def __enter__(self) -> Sampler:
        self._before = signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, EVERY, EVERY)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    def _ring(self, _: int, frame: FrameType | None) -> None:
        if self.on and frame is not None:
            code = frame.f_code
            self.found[code.co_filename, code.co_qualname] += 1


def short(path: str) -> str:
    """A file by its path inside its library."""
    if path == "<string>":
        return "chakra/query/hydrate.py, generated"
    if path.startswith("<"):
        return path
    for mark in ("/site-packages/", "/lib/python"):
        if mark in path:
            found = path.rpartition(mark)[2]
            return found.partition("/")[2] if mark == "/lib/python" else found
    return path.removeprefix(f"{ROOT}/")


def place(path: str, name: str) -> str:
    """What is told of a function."""
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    return next((title for beginning, title in PLACES if path.startswith(beginning)), OTHER)


async def timed(call: Callable[[], Awaitable[Any]], before: Callable[[], Any] | None) -> tuple[float, float]:
    """Wall clock and CPU of one call."""
    if before is not None:
        await settle(before())
    cpu, start = process_time(), perf_counter()
    await call()
    return perf_counter() - start, process_time() - cpu


async def profile(operation: Operation) -> tuple[list[str], list[tuple[str, float]], list[tuple[str, float]]]:
    """The line of an operation, the shares of its places, and those of its functions."""
    for _ in range(5):
        await timed(operation.call, operation.before)
        if operation.floor is not None:
            await timed(operation.floor, operation.floor_before)
    ours: list[tuple[float, float]] = []
    floors: list[tuple[float, float]] = []
    # Small calls in blocks: what a call after another one takes is not what it takes after a server was changed.
    calls = max(1, min(200, int(0.02 / max((await timed(operation.call, operation.before))[0], 1e-6))))
    until = perf_counter() + SECONDS
    while perf_counter() < until or len(ours) < 5:
        ours += [await timed(operation.call, operation.before) for _ in range(calls)]
        if operation.floor is not None:
            floors += [await timed(operation.floor, operation.floor_before) for _ in range(calls)]
    found: Counter[tuple[str, str]] = Counter()
    with Sampler() as sampler:
        until = perf_counter() + SECONDS
        while perf_counter() < until:
            if operation.before is not None:
                await settle(operation.before())
            sampler.on = True
            await operation.call()
            sampler.on = False
        found = sampler.found
    every = max(1, sum(found.values()))
    places: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for (path, name), count in found.items():
        file = short(path)
        places[place(file, name)] += count
        functions[f"`{name}` of {file}"] += count

    def cell(runs: list[tuple[float, float]], which: int) -> str:
        values = [run[which] for run in runs]
        return f"{spoken(min(values))} ({spoken(statistics.median(values))})" if values else ""

    line = [operation.title, cell(ours, 0), cell(ours, 1), cell(floors, 0), cell(floors, 1)]
    return (
        line,
        [(title, count / every) for title, count in places.most_common()],
        [(title, count / every) for title, count in functions.most_common(SHOWN)],
    )


def spoken(seconds: float) -> str:
    """Milliseconds, or microseconds where they are few."""
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"


async def operations(bench: Bench) -> list[Operation]:
    """What the page tells of."""
    await bench.library()

    async def of(title: str, target: type[Any], floor: str) -> Operation:
        cases = {case.name: case for case in await target().cases(bench)}
        ours, plain = cases["chakra"], cases.get(floor)
        return Operation(
            title,
            lambda: _awaited(ours.call()),
            ours.before,
            None if plain is None else lambda: _awaited(plain.call()),
            None if plain is None else plain.before,
        )

    return [
        await of("`get(id=…)`", targets.Get, PREPARED),
        await of("10,000 instances", targets.Instances, PREPARED),
        await of("`select_related`, 10,000 with 1,000", targets.SelectRelated, RECORDS),
        await of("`prefetch_related`, 1,000 with 10 each", targets.PrefetchRelated, RECORDS),
        await of("`prefetch_related`, many-to-many, 1,000 with 10 each", targets.PrefetchMany, RECORDS),
        await of("`to_arrow`, users", targets.ToArrowUsers, DRAIN),
        await of("`bulk_create`, 10,000", targets.BulkCreate, READY),
    ]


async def _awaited(found: Any) -> Any:
    return await settle(found)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--only", default="", help="operations whose title has this in it")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/profiles.md")
    given = parser.parse_args()
    lines, shares, functions = [], [], []
    async with harness.opened(given.url, harness.FULL, peers=frozenset(), say=print) as bench:
        server = await bench.connection.fetchval("SHOW server_version")
        for operation in await operations(bench):
            if given.only not in operation.title:
                continue
            line, places, most = await profile(operation)
            lines.append(line)
            shares.append((operation.title, dict(places)))
            functions.append((operation.title, most))
    titles = list(dict.fromkeys([PLACES[0][1], "sending", *(title for _, title in PLACES), OTHER]))
    titles = [title for title in titles if any(found.get(title, 0) >= 0.005 for _, found in shares)]
    written = {
        "machine": where_and_when(server),
        "times": table(["", "wall", "client CPU", "floor, wall", "floor, client CPU"], lines),
        "places": table(
            ["share of the wall clock, %", *(title for title, _ in shares)],
            [[title, *(f"{found.get(title, 0) * 100:.0f}" for _, found in shares)] for title in titles],
        ),
        "functions": "\n\n".join(
            f"{title}\n\n" + table(["function", "%"], [[name, f"{share * 100:.0f}"] for name, share in most])
            for title, most in functions
        ),
    }
    for name, part in written.items():
        print(f"\n{name}\n\n{part}")
    if given.write:
        put(DOCS / "profiles.md", "profiles.py", written)


if __name__ == "__main__":
    asyncio.run(main())
