"""Rows 6 and 7: what happens before the first byte is sent. Building a query, borrowing a connection."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from asv_bench.harness.bench import Bench, User
from asv_bench.harness.measure import Case, Timings, Value
from asv_bench.harness.target import Goal, Target, ratio_to_best

ORMS = ("SQLAlchemy", "Django", "Tortoise", "Piccolo")


def query(age: int) -> tuple[str, Any]:
    """The query of row 6, to SQL and parameters."""
    found = User.objects.filter(age__gte=age, is_active=True).order_by("-created_at").limit(10)
    return found.to_sql()


class Build(Target):
    """``filter(age__gte=…, is_active=True).order_by("-created_at").limit(10)`` to (SQL, parameters), no I/O."""

    number, id, title = 6, "build", "building a query"
    goals = (
        Goal("known", "shape built before", 8, "µs", promised=10),
        Goal("new", "shape not built before", 60, "µs"),
        Goal("peers", "shape built before: the fastest of the other ORMs takes", 5.0, at_least=True),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        shapes = User.__table__.statements

        def new(age: int) -> tuple[str, Any]:
            shapes.clear()
            return query(age)

        def case(name: str, build: Any) -> Case:
            age = count(18)

            # Every value is used once: nobody can have kept the whole query.
            def call() -> Any:
                return build(next(age))

            return Case(name, call, _facts)

        cases = [case("chakra", query), case("chakra, new", new)]
        for peer in await bench.peers("build_known"):
            cases.append(case(peer.name, peer.build_known))
            if peer.build_new != peer.build_known:
                cases.append(case(f"{peer.name}, new", peer.build_new))
        return cases

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {
            "known": Value(timings["chakra"].minimum, timings["chakra"].median),
            "new": Value(timings["chakra, new"].minimum, timings["chakra, new"].median),
            "peers": ratio_to_best(timings, ORMS),
        }


def _facts(result: Any) -> Any:
    """Whether the SQL is that of the query and carries the first value."""
    sql, params = result
    values = list(params.values()) if isinstance(params, dict) else list(params)
    words = " ".join(sql.replace('"', "").upper().split())
    return all(part in words for part in ("FROM USERS", "AGE", "IS_ACTIVE", "CREATED_AT DESC", "LIMIT")), [
        int(getattr(value, "obj", value)) for value in values[:1]
    ]


class Acquire(Target):
    """``async with db.acquire(): pass`` beside asyncpg's pool."""

    number, id, title = 7, "acquire", "connection acquire + release"
    goals = (Goal("time", "nothing changed on the connection", 15, "µs", promised=100),)

    async def cases(self, bench: Bench) -> list[Case]:
        async def ours() -> None:
            async with bench.db.acquire():
                pass

        async def theirs() -> None:
            async with bench.pool.acquire():
                pass

        return [Case("chakra", ours), Case("asyncpg, pool", theirs)]

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {"time": Value(timings["chakra"].minimum, timings["chakra"].median)}
