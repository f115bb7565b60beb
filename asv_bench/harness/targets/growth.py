"""Row 16: the time per row as results grow."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import chakra
from asv_bench.harness.bench import Bench, User
from asv_bench.harness.measure import Case, Timing, Timings, Value
from asv_bench.harness.target import Goal, Target
from asv_bench.harness.targets.columns import column_facts

TIMES = (Fraction(1, 100), Fraction(1, 10), Fraction(1), Fraction(10))
"""Parts of the table; ten times its rows come from a UNION ALL of ten scans."""


def name_of(times: Fraction) -> str:
    """How a part of the table is called."""
    return "chakra" if times == 1 else f"chakra, {times} × the rows"


STREAMED = "chakra, 10 × the rows as a stream"
"""New memory has a price that grows with the result: on a virtual machine whose host hands memory out at first touch,
2 ms a MB were seen, more than all else together. A stream needs none, and shows what is Chakra's part in it."""


class Growth(Target):
    """``to_arrow`` of a hundredth and a tenth of ``users``, of all, and of ten times all, and as a stream, per row."""

    number, id, title = 16, "growth", "growth of to_arrow, time per row"
    patience = 0.5
    goals = (
        Goal("last", "per row, all rows against a tenth of them", 1.1),
        Goal("beyond", "per row, ten times the rows against all of them", 1.1),
        Goal("streamed", "per row, ten times the rows as a stream against all of them", 1.1),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        self.rows = {name_of(times): int(bench.size.users * times) for times in TIMES}
        most = self.rows[name_of(TIMES[-1])]
        sql, _ = User.objects.all().to_sql()
        self.sql = (sql,)
        ten_times = chakra.raw(" UNION ALL ".join([sql] * int(TIMES[-1])))

        async def stream() -> int:
            return sum([batch.num_rows async for batch in ten_times.arrow_batches()])

        def case(name: str, rows: int) -> Case:
            if rows > bench.size.users:
                return Case(name, ten_times.to_arrow, lambda table: column_facts(table)[0] == rows)
            # LIMIT keeps the plan the same for all: a condition on the key would be answered from the index
            # while it selects little, and by a scan of the table when it selects all.
            query = User.objects.limit(rows)
            return Case(name, query.to_arrow, lambda table: column_facts(table)[0] == rows)

        cases = [case(name, rows) for name, rows in self.rows.items()]
        self.rows[STREAMED] = most
        return [*cases, Case(STREAMED, stream, lambda rows: rows == most)]

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        per_row = Timings(
            (name, Timing(name, [sample / self.rows[name] for sample in timing.samples]))
            for name, timing in timings.items()
        )
        whole = name_of(Fraction(1))
        return {
            "last": per_row.ratio(whole, name_of(Fraction(1, 10))),
            "beyond": per_row.ratio(name_of(Fraction(10)), whole),
            "streamed": per_row.ratio(STREAMED, whole),
        }
