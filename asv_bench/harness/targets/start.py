"""Rows 14 and 15: what a new process waits for."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping

from asv_bench.harness.bench import Bench
from asv_bench.harness.child import run_child
from asv_bench.harness.measure import Case, Timing, Timings, Value
from asv_bench.harness.peers import PEERS
from asv_bench.harness.target import Goal, Outcome, Target, ratio_to

HEAVY = ("numba", "pyarrow", "polars", "pandas")


PROGRAM = "chakra, a program with models"


class ImportTime(Target):
    """``import chakra`` in a new process, without what the interpreter itself takes; and what a program does before its
    first query, since ``import chakra`` loads what it is asked for, and little before that.
    """

    number, id, title = 14, "import", "import chakra"
    goals = (
        Goal("asyncpg", "of import asyncpg", 1.5),
        Goal(
            "program", "of import asyncpg, for a program's imports, two models and a query that was said", 2.0
        ),
        Goal("heavy", f"of {', '.join(HEAVY)} loaded by it", 0, ""),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        return []

    async def run(self, bench: Bench) -> Outcome:
        modules = {"chakra": "chakra", "asyncpg": "asyncpg", PROGRAM: "asv_bench.harness.program"}
        for name, module in (("SQLAlchemy", "sqlalchemy.ext.asyncio"), ("Tortoise", "tortoise")):
            if not PEERS[name].missing():
                modules[name] = module
        timings = Timings((name, Timing(name)) for name in modules)
        heavy: set[str] = set()
        for turn in range(max(bench.size.min_rounds * 2, 2) + 1):
            for name, module in modules.items():
                answer = run_child("asv_bench.harness.starts", "import", module)
                if turn:  # the first one may have had to compile
                    timings[name].samples.append(answer["seconds"])
                if name in ("chakra", PROGRAM):
                    heavy |= set(answer["modules"]) & set(HEAVY)
        self.heavy = len(heavy)
        return self.outcome(timings, [f"import chakra loads {name}" for name in sorted(heavy)])

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {
            "asyncpg": ratio_to(timings, "chakra", "asyncpg"),
            "program": ratio_to(timings, PROGRAM, "asyncpg"),
            "heavy": Value(self.heavy, self.heavy),
        }


WARM, FRESH = "chakra, kernels cached", "chakra, fresh install"


class FirstRead(Target):
    """The first ``to_arrow`` of a process, imports and kernels included; connecting is not."""

    number, id, title = 15, "first_read", "first to_arrow of a process"
    goals = (
        Goal("warm", "kernels in the cache", 1.0, "s"),
        Goal("fresh", "fresh install: kernels are compiled", 10.0, "s"),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        return []

    async def run(self, bench: Bench) -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            cache = {"NUMBA_CACHE_DIR": folder}
            fresh = run_child("asv_bench.harness.starts", "read", bench.url, environment=cache)
            warm = [
                run_child("asv_bench.harness.starts", "read", bench.url, environment=cache)["seconds"]
                for _ in range(bench.size.min_rounds)
            ]
        return self.outcome(
            Timings({WARM: Timing(WARM, warm), FRESH: Timing(FRESH, [fresh["seconds"]])}),
        )

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {
            "warm": Value(timings[WARM].minimum, timings[WARM].median),
            "fresh": Value(timings[FRESH].minimum, timings[FRESH].median),
        }
