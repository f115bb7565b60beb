"""Rows 1 to 3: one row by key, ten thousand instances, one insert."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

from asv_bench.harness import data
from asv_bench.harness.bench import Bench, User, user_facts, users_facts
from asv_bench.harness.measure import Case, Timings, Value
from asv_bench.harness.models import NewUser
from asv_bench.harness.target import Goal, Outcome, Target, ratio_to
from chakra.sql import insert_statement

FLOOR = "asyncpg, prepared"
PROFILED = "chakra, profiled"


def slower_than_us(timings: Timings, peer: str) -> Value | None:
    """How many times as long as Chakra a peer takes."""
    return ratio_to(timings, peer, "chakra")


class Get(Target):
    """``await User.objects.get(id=…)``; the floor is the same SQL on a held prepared statement."""

    number, id, title = 1, "get", "objects.get(id=…), one row"
    goals = (
        Goal("overhead", "over a held prepared statement", 25, "µs", promised=50),
        Goal("pool", "of asyncpg's pool.fetchrow", 1.0),
        Goal("yara", "of yara-orm", 1.0),
        Goal("sqlalchemy", "SQLAlchemy takes", 2.0, at_least=True),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        sql, params = User.objects.filter(id=1).limit(2).to_sql()
        self.sql = (sql,)
        statement = await bench.prepare(sql)
        # The LIMIT of get() may be written in or bound; the key comes first in any case.
        rest = tuple(params[1:])
        plain = "SELECT id, name, email, age, is_active, score, created_at FROM users WHERE id = $1"

        def case(name: str, get: Any) -> Case:
            key = bench.keys()
            return Case(name, lambda: get(key()), user_facts)

        return [
            case("chakra", lambda key: User.objects.get(id=key)),
            case(FLOOR, lambda key: statement.fetchrow(key, *rest)),
            case("asyncpg, pool.fetchrow", lambda key: bench.pool.fetchrow(plain, key)),
            *(case(peer.name, peer.get) for peer in await bench.peers("get")),
        ]

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {
            "overhead": timings.difference("chakra", FLOOR),
            "pool": ratio_to(timings, "chakra", "asyncpg, pool.fetchrow"),
            "yara": ratio_to(timings, "chakra", "yara-orm"),
            "sqlalchemy": slower_than_us(timings, "SQLAlchemy"),
        }


class Profiled(Target):
    """The same with a ``QueryProfiler`` around it, beside itself without one, in turns."""

    number, id, title = 1, "profiled", "objects.get(id=…) while a QueryProfiler runs"
    goals = (
        Goal("overhead", "over get() without a profiler", 15, "µs"),
        Goal("ratio", "of get() without a profiler", 1.2),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        from chakra.debug import QueryProfiler

        profiler: QueryProfiler | None = None

        def stop() -> None:
            nonlocal profiler
            if profiler is not None:
                profiler.__exit__(None, None, None)
                profiler = None

        def start() -> None:
            nonlocal profiler
            stop()
            profiler = QueryProfiler()
            profiler.__enter__()

        async def get(key: int) -> Any:
            return await User.objects.get(id=key)

        plain, watched = bench.keys(), bench.keys()
        self._stop = stop
        return [
            Case("chakra", lambda: get(plain()), user_facts, before=stop),
            Case(PROFILED, lambda: get(watched()), user_facts, before=start),
        ]

    async def run(self, bench: Bench) -> Outcome:
        """As any other, and no profiler is left running."""
        try:
            return await super().run(bench)
        finally:
            self._stop()

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {
            "overhead": timings.difference(PROFILED, "chakra"),
            "ratio": ratio_to(timings, PROFILED, "chakra"),
        }


class Instances(Target):
    """``await User.objects.order_by("id").limit(10_000)``; the floor fetches bare records with the same SQL."""

    number, id, title = 2, "instances", "10k model instances"
    goals = (
        Goal("overhead", "over fetch() of bare records", 2.5, "ms", promised=5),
        Goal("sqlalchemy", "SQLAlchemy takes", 5.0, at_least=True),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        many = bench.size.many
        query = User.objects.order_by("id").limit(many)
        sql, params = query.to_sql()
        self.sql = (sql,)
        statement = await bench.prepare(sql)

        async def chakra() -> Any:
            return await User.objects.order_by("id").limit(many)

        return [
            Case("chakra", chakra, users_facts),
            Case(FLOOR, lambda: statement.fetch(*params), users_facts),
            *(
                Case(peer.name, lambda peer=peer: peer.many(many), users_facts)
                for peer in await bench.peers("many")
            ),
        ]

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {
            "overhead": timings.difference("chakra", FLOOR),
            "sqlalchemy": slower_than_us(timings, "SQLAlchemy"),
        }


class CreateOne(Target):
    """``await NewUser.objects.create(…)``; the floor is the same INSERT … RETURNING, prepared."""

    number, id, title = 3, "create", "insert one row"
    goals = (
        Goal("overhead", "over a held prepared statement", 40, "µs", promised=100),
        Goal("sqlalchemy", "SQLAlchemy takes", 2.0, at_least=True),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        rows = data.new_rows(1_000)
        table = NewUser.__table__
        self.sql = (insert_statement(table, data.COLUMNS[1:], ("id",)).sql,)
        statement = await bench.prepare(self.sql[0])

        async def empty() -> None:
            await bench.connection.execute("TRUNCATE new_users")

        async def written(_: Any) -> list[Any]:
            row = await bench.connection.fetchrow("SELECT * FROM new_users ORDER BY id DESC LIMIT 1")
            return list(row)[1:]

        def case(name: str, create: Any) -> Case:
            row = cycle(rows)
            return Case(name, lambda: create(next(row)), written, before=empty)

        return [
            case("chakra", lambda row: NewUser.objects.create(**row)),
            case(FLOOR, lambda row: statement.fetchrow(*row.values())),
            *(case(peer.name, peer.create) for peer in await bench.peers("create")),
        ]

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {
            "overhead": timings.difference("chakra", FLOOR),
            "sqlalchemy": slower_than_us(timings, "SQLAlchemy"),
        }
