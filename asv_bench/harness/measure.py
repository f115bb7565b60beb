"""The clock: callables timed in turn, in blocks, in one process; knows nothing of databases.

Absolute times drift on shared machines, so every figure of this project is a ratio or a difference between
things measured within the same second. Blocks rather than single calls alternate: two server processes that take
turns call by call push each other out of the caches, and each call then pays for a wake-up of its own.
"""

from __future__ import annotations

import gc
import inspect
import statistics
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

BLOCK_SECONDS = 0.02
"""How long one block is to last; a call that takes longer is a block of its own."""

MAX_CALLS = 100
"""Calls of one block at most: blocks of two contenders must be near each other in time."""

WARM_SHARE = 10
"""One call in so many is made before the clock starts, to warm up what the last block pushed out."""

MIN_ROUNDS = 5

SLOW, SLOW_ROUNDS = 1.0, 3
"""A contender whose call takes more seconds than that is done after so many rounds: what takes long varies little."""

SETTLED_ROUNDS = 30
"""Rounds after which it is asked whether more of them would still change anything."""

SAME_MINIMUM, SAME_MEDIAN = 1.005, 1.02
"""By how much the minimum of the last third and the median of the second half may differ where it would not."""


class ResultsDiffer(AssertionError):
    """Two contenders do not give the same result; their times must not be compared."""


@dataclass
class Case:
    """One contender.

    Attributes:
        name: unique within a target; ``chakra`` is ours.
        call: does the thing once; plain, or returning an awaitable.
        facts: what the result of a call comes down to; must be equal for all contenders. ``None`` = the result
            is not compared, and ``differs`` says why.
        before: run before each block, outside the clock.
        single: a block is one call (``before`` undoes what a call did).
        differs: what this contender gives that the others do not.
    """

    name: str
    call: Callable[[], Any]
    facts: Callable[[Any], Any] | None = None
    before: Callable[[], Any] | None = None
    single: bool = False
    differs: str = ""


Tick = Callable[[], None]
"""Called between rounds, when no clock runs: for who shows how far it is."""


@dataclass
class Timing:
    """Seconds per call, one number per block, in the order they were taken."""

    name: str
    samples: list[float] = field(default_factory=list)
    differs: str = ""

    @property
    def minimum(self) -> float:
        return min(self.samples)

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def spread(self) -> float:
        """Half the width of the middle half of the samples: what stands behind ±."""
        if len(self.samples) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.samples, n=4, method="inclusive")
        return (high - low) / 2

    def settled(self) -> bool:
        """Whether the last samples say what the first ones did."""
        count = len(self.samples)
        if count < SETTLED_ROUNDS:
            return False
        early = min(self.samples[: count * 2 // 3])
        first, second = (
            statistics.median(half) for half in (self.samples[: count // 2], self.samples[count // 2 :])
        )
        return early <= self.minimum * SAME_MINIMUM and max(first, second) <= min(first, second) * SAME_MEDIAN


@dataclass(frozen=True)
class Value:
    """A figure twice: from the minima, and as the median over rounds."""

    minimum: float
    median: float


class Timings(dict[str, Timing]):
    """Timings of one target by contender, and the figures that come of them."""

    def ratio(self, name: str, to: str) -> Value:
        """Time of ``name`` divided by the time of ``to``, over the rounds that both were in."""
        pairs = list(zip(self[name].samples, self[to].samples, strict=False))
        a, b = zip(*pairs, strict=True)
        return Value(min(a) / min(b), statistics.median([x / y for x, y in pairs]))

    def difference(self, name: str, to: str) -> Value:
        """Seconds that ``name`` takes more than ``to``, over the rounds that both were in."""
        pairs = list(zip(self[name].samples, self[to].samples, strict=False))
        a, b = zip(*pairs, strict=True)
        return Value(min(a) - min(b), statistics.median([x - y for x, y in pairs]))

    def fastest(self, names: Sequence[str]) -> str:
        """The contender with the smallest minimum among ``names``."""
        return min(names, key=lambda name: self[name].minimum)


async def settle(value: Any) -> Any:
    """The value, awaited if it can be."""
    return await value if inspect.isawaitable(value) else value


Facts = tuple[str, Any]
"""Who was asked first, and what its result came down to."""


async def check(cases: Sequence[Case], first: Facts | None = None) -> Facts | None:
    """Call every contender once and compare what comes out.

    Args:
        first: what a former check gave back; the others are held to it.

    Raises:
        ResultsDiffer: names the two contenders and shows the beginning of both results.
    """
    for case in cases:
        if case.before is not None:
            await settle(case.before())
        result = await settle(case.call())
        if case.facts is None:
            continue
        facts = await settle(case.facts(result))
        if first is None:
            first = (case.name, facts)
        elif facts != first[1]:
            raise ResultsDiffer(
                f"{case.name} gives something else than {first[0]}: {_difference(facts, first[1])}"
            )
    return first


def _difference(a: Any, b: Any) -> str:
    if isinstance(a, list) and isinstance(b, list):
        for position, (x, y) in enumerate(zip(a, b, strict=False)):
            if x != y:
                return f"item {position}: {x!r:.300} and {y!r:.300}"
        return f"{len(a)} and {len(b)} items"
    return f"{a!r:.300} and {b!r:.300}"


async def measure(
    cases: Sequence[Case], *, seconds: float, min_rounds: int = MIN_ROUNDS, tick: Tick | None = None
) -> Timings:
    """Time contenders in rounds of one block each, beginning each round with the next one.

    Each contender has its share of the time: who has used it up leaves, so that one that takes ten times as long
    as the others does not take their rounds too. When the times of all that are left have settled, it is over.
    The cyclic collector runs as it would in a program; what exists before the clock starts is frozen, so that
    nobody pays for walking the objects of others.

    Args:
        seconds: how long to go on at most, for all contenders together.
        min_rounds: rounds to take however long they last; ``SLOW_ROUNDS`` for who is slow.
        tick: called between rounds.
    """
    timings = Timings((case.name, Timing(case.name, differs=case.differs)) for case in cases)
    spent = dict.fromkeys(timings, 0.0)
    share, turn, left = seconds / max(len(cases), 1), 0, list(cases)

    def goes_on(case: Case) -> bool:
        timing = timings[case.name]
        least = min(min_rounds, SLOW_ROUNDS) if timing.minimum > SLOW else min_rounds
        return turn < least or spent[case.name] < share

    with frozen():
        calls = {case.name: await _calibrate(case) for case in cases}
        while left:
            # The contenders of a round are rotated: the place after a slow one is not always the same's.
            start = turn % len(left)
            for case in (*left[start:], *left[:start]):
                began = perf_counter()
                timings[case.name].samples.append(await _block(case, calls[case.name]))
                spent[case.name] += perf_counter() - began
            turn += 1
            if tick is not None:
                tick()
            left = [case for case in left if goes_on(case)]
            if all(timings[case.name].settled() for case in left):
                break
    return timings


@contextmanager
def frozen() -> Iterator[None]:
    """Keep the cyclic collector away from what exists; inside another one nothing is done.

    A target of a hundred lines freezes once for all of them: walking all objects of a process takes 0.1 s.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def _calibrate(case: Case) -> int:
    """Calls of one block; the check of the results has warmed everything up."""
    once = await _block(case, 1)
    if case.single or once > BLOCK_SECONDS:
        return 1
    once = min([once, *[await _block(case, 1) for _ in range(2)]])
    return max(1, min(MAX_CALLS, int(BLOCK_SECONDS / max(once, 1e-9))))


async def _block(case: Case, calls: int) -> float:
    if case.before is not None:
        await settle(case.before())
    gc.collect(0)
    call = case.call
    if calls == 1:
        start = perf_counter()
        result = call()
        if inspect.isawaitable(result):
            result = await result
        return perf_counter() - start
    result = call()
    if not inspect.isawaitable(result):
        return _plain_block(call, calls)
    await result
    return await _async_block(call, calls)


def _plain_block(call: Callable[[], Any], calls: int) -> float:
    for _ in range(calls // WARM_SHARE):
        call()
    start = perf_counter()
    for _ in range(calls):
        call()
    return (perf_counter() - start) / calls


async def _async_block(call: Callable[[], Awaitable[Any]], calls: int) -> float:
    for _ in range(calls // WARM_SHARE):
        await call()
    start = perf_counter()
    for _ in range(calls):
        await call()
    return (perf_counter() - start) / calls
