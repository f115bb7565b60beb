"""Rows 11 to 13: bytes of an object, of a connection and a query, and the peak of a large read."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

from asv_bench.harness import data
from asv_bench.harness.bench import Bench, User
from asv_bench.harness.child import run_child
from asv_bench.harness.measure import Case, Timing, Timings, Value, settle
from asv_bench.harness.peers import PEERS
from asv_bench.harness.target import Goal, Outcome, Target, ratio_to
from asv_bench.harness.weights import WAYS

QUERIES = 1_000


def traced() -> int:
    """Bytes allocated through Python's allocators since tracing began."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


class Memory(Target):
    """Sizes are not timed: ``samples`` hold bytes."""

    async def cases(self, bench: Bench) -> list[Case]:
        return []

    async def run(self, bench: Bench) -> Outcome:
        return self.outcome(Timings((t.name, t) for t in await self.sizes(bench)))

    async def sizes(self, bench: Bench) -> list[Timing]:
        """Bytes by contender."""
        raise TypeError(f"{type(self).__name__} measures nothing")


class ObjectMemory(Memory):
    """An instance of seven columns without the values in it: what the model layer itself needs for a row."""

    number, id, title = 11, "object_memory", "memory of an object"
    goals = (Goal("bytes", "seven columns, values not counted", 160, "bytes", promised=200),)

    async def sizes(self, bench: Bench) -> list[Timing]:
        count = bench.size.many
        found = [await self._size("chakra", lambda: User.objects.order_by("id").limit(count), count)]
        for peer in await bench.peers("many"):
            found.append(await self._size(peer.name, lambda peer=peer: peer.many(count), count))
        return found

    async def _size(self, name: str, fetch: Any, count: int) -> Timing:
        await settle(fetch())
        tracemalloc.start()
        try:
            before = traced()
            objects = await settle(fetch())
            values = [getattr(o, column) for o in objects for column in data.COLUMNS]
            total = traced() - before - sys.getsizeof(values)
            del objects
            rest = traced() - before - sys.getsizeof(values)
            del values
        finally:
            tracemalloc.stop()
        return Timing(name, [(total - rest) / count])

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        size = timings["chakra"].minimum
        return {"bytes": Value(size, size)}


class ConnectionMemory(Memory):
    """What one more pooled connection and one more unsent query cost the client.

    Connections are counted in processes of their own: by what Python allocates, which is the figure, and by what the
    process grows, which counts the buffers of libpq too.
    """

    number, id, title = 12, "connection_memory", "memory of a connection and of a query"
    goals = (
        Goal("connection", "one connection of the pool", 50, "KB"),
        Goal("query", "one queryset of two conditions, an order and a limit", 0.5, "KB"),
        Goal("resident", "one connection of the pool, resident memory", 50, "KB"),
    )

    async def sizes(self, bench: Bench) -> list[Timing]:
        opened = {peer.name for peer in await bench.peers("get")}
        found = []
        for name in WAYS:
            if name not in PEERS or name in opened:
                sizes = run_child("asv_bench.harness.weights", name, bench.url)
                found += [
                    Timing(f"{name}, connection", [sizes["traced"]]),
                    Timing(f"{name}, connection, resident", [max(sizes["resident"], 1)]),
                ]
        asked = {"chakra": unsent} | {peer.name: peer.unsent for peer in await bench.peers("unsent")}
        return [*found, *(Timing(f"{name}, query", [self._query(ask)]) for name, ask in asked.items())]

    def _query(self, ask: Callable[[int], Any]) -> float:
        ask(0)  # what the first one of a model leaves behind
        tracemalloc.start()
        try:
            before = traced()
            kept = [ask(age) for age in range(QUERIES)]
            size = traced() - before - sys.getsizeof(kept)
        finally:
            tracemalloc.stop()
        return size / QUERIES

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        sizes = {
            "connection": timings["chakra, connection"].minimum,
            "query": timings["chakra, query"].minimum,
            "resident": timings["chakra, connection, resident"].minimum,
        }
        return {name: Value(size, size) for name, size in sizes.items()}


def unsent(age: int) -> Any:
    """The query of row 6, of which nothing was built yet."""
    return User.objects.filter(age__gte=age, is_active=True).order_by("-created_at").limit(10)


class ColumnMemory(Memory):
    """Growth of the process's resident memory at its peak, in a process of its own, against the finished table."""

    number, id, title = 13, "column_memory", "memory of to_arrow and arrow_batches"
    goals = (
        Goal("peak", "to_arrow: peak by the size of the finished table", 1.3),
        Goal("flat", "arrow_batches: peak for all rows against half of them", 1.2),
    )

    async def sizes(self, bench: Bench) -> list[Timing]:
        rows = bench.size.users
        # Batches of 65,536 rows reach their level after some 300,000 rows (7, 10, 15, 17, 17 and 17 MB for 65,
        # 100, 200, 300, 500 and 1,000 thousand): half a million is on it.
        wanted = {
            "chakra": ("chakra_table", rows),
            "chakra, arrow_batches": ("chakra_batches", rows),
            "chakra, arrow_batches of half": ("chakra_batches", rows // 2),
        }
        opened = {peer.name for peer in await bench.peers("reads")}
        wanted |= {
            name: (function, rows)
            for name, function in (("ADBC", "adbc_table"), ("ConnectorX", "connectorx_table"))
            if name in opened
        }
        found = []
        for name, (function, count) in wanted.items():
            answer = run_child("asv_bench.harness.peaks", function, bench.url, str(count))
            found.append(Timing(name, [answer["peak"]]))
            if "table" in answer and name == "chakra":
                found.append(Timing("the finished table", [answer["table"]]))
        return found

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {
            "peak": ratio_to(timings, "chakra", "the finished table"),
            "flat": ratio_to(timings, "chakra, arrow_batches", "chakra, arrow_batches of half"),
        }
