"""Row 16: the time per row as results grow."""

from __future__ import annotations

from collections.abc import Mapping

from asv_bench.harness.bench import Bench, User
from asv_bench.harness.measure import Case, Timing, Timings, Value
from asv_bench.harness.target import Goal, Target
from asv_bench.harness.targets.columns import column_facts

SHARES = (100, 10, 1)


def name_of(share: int) -> str:
    """How a share of the table is called."""
    return "chakra" if share == 1 else f"chakra, 1/{share} of the rows"


class Growth(Target):
    """``to_arrow`` of a hundredth, a tenth and all of ``users``, per row."""

    number, id, title = 16, "growth", "growth of to_arrow, time per row"
    patience = 0.5
    goals = (Goal("last", "per row, all rows against a tenth of them", 1.1),)

    async def cases(self, bench: Bench) -> list[Case]:
        self.rows = {name_of(share): bench.size.users // share for share in SHARES}

        def case(name: str, rows: int) -> Case:
            # LIMIT keeps the plan the same for all: a condition on the key would be answered from the index
            # while it selects little, and by a scan of the table when it selects all.
            query = User.objects.limit(rows)
            return Case(name, query.to_arrow, lambda table: column_facts(table)[0] == rows)

        return [case(name, rows) for name, rows in self.rows.items()]

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        per_row = Timings(
            (name, Timing(name, [sample / self.rows[name] for sample in timing.samples]))
            for name, timing in timings.items()
        )
        return {"last": per_row.ratio(name_of(1), name_of(10))}
