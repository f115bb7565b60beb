"""Rows 6, 7 and 19: what happens before the first byte is sent. Building a query, borrowing a connection."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from asv_bench.harness.bench import Bench, User
from asv_bench.harness.measure import Case, Timings, Value
from asv_bench.harness.models import Author, Post
from asv_bench.harness.peers import typed_conditions
from asv_bench.harness.target import Goal, Target, ratio_to, ratio_to_best

ORMS = ("SQLAlchemy", "Django", "Tortoise", "Piccolo")
ENGINES = ("yara-orm", "oxyde")
"""ORMs that build queries in Rust."""


def query(age: int) -> tuple[str, Any]:
    """The query of row 6, to SQL and parameters."""
    found = User.objects.filter(age__gte=age, is_active=True).order_by("-created_at").limit(10)
    return found.to_sql()


class Build(Target):
    """``filter(age__gte=…, is_active=True).order_by("-created_at").limit(10)`` to (SQL, parameters), no I/O."""

    number, id, title = 6, "build", "building a query"
    patience = 0.5
    goals = (
        Goal("known", "shape built before", 8, "µs", promised=10),
        Goal("new", "shape not built before", 60, "µs"),
        Goal("peers", f"shape built before: the fastest of {', '.join(ORMS)} takes", 5.0, at_least=True),
        Goal(
            "engines", f"shape built before: the faster of {' and '.join(ENGINES)} takes", 1.0, at_least=True
        ),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        shapes = User.__table__.statements
        self.sql = (query(18)[0],)

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
            "engines": ratio_to_best(timings, ENGINES),
        }


def _facts(result: Any) -> Any:
    """Whether the SQL is that of the query and carries the first value."""
    sql, params = result
    return _says(sql, "FROM USERS", "AGE", "IS_ACTIVE", "CREATED_AT DESC", "LIMIT"), [
        int(getattr(value, "obj", value)) for value in _values(params)[:1]
    ]


def _says(sql: str, *parts: str) -> bool:
    words = " ".join(sql.replace('"', "").upper().split())
    return all(part in words for part in parts)


def _values(params: Any) -> list[Any]:
    return list(params.values()) if isinstance(params, dict) else list(params)


MOST_CONDITIONS = 4


def typed(parts: int, age: int) -> tuple[str, Any]:
    """The query of row 19 with as many typed conditions, to SQL and parameters."""
    conditions = typed_conditions(User, parts, age)
    return User.objects.filter(*conditions).order_by(User.created_at.desc()).limit(10).to_sql()


def joined(views: int) -> tuple[str, Any]:
    """A condition of the row, and one of the row behind its key."""
    return Post.objects.filter(Post.views > views, author__country="Peru").order_by("id").limit(10).to_sql()


def nested(views: int) -> tuple[str, Any]:
    """Rows whose key is among those of another query."""
    keys = Post.objects.filter(Post.views > views).values_list("author_id")
    return Author.objects.filter(id__in=keys).order_by("id").limit(10).to_sql()


class BuildTyped(Target):
    """Typed expressions to (SQL, parameters), no I/O, shapes that were built before; every value is used once."""

    number, id, title = 19, "build_typed", "building with typed expressions"
    patience = 0.3
    goals = (
        *(Goal(f"typed{n}", f"{n} condition{'s' * (n > 1)}", 8, "µs", promised=10) for n in (1, 2, 3, 4)),
        Goal("join", "with a join", 8, "µs", promised=10),
        Goal("subquery", "with a subquery", 12, "µs"),
        Goal("sqlalchemy", "four conditions: SQLAlchemy takes", 5.0, at_least=True),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        def case(name: str, build: Any, facts: Any) -> Case:
            value = count(18)
            return Case(name, lambda: build(next(value)), facts)

        def said(*parts: str) -> Any:
            # What stands in for the check of equal results: each contender's own SQL says all of it.
            def facts(result: Any) -> Any:
                sql, params = result
                return _says(sql, *parts), 18 in _values(params)

            return facts

        self.sql = (typed(MOST_CONDITIONS, 18)[0], joined(18)[0], nested(18)[0])
        columns = ("AGE >=", "IS_ACTIVE", "SCORE <", "NAME")
        cases = []
        for n in range(1, MOST_CONDITIONS + 1):
            facts = said("FROM USERS", *columns[:n], "CREATED_AT DESC")
            cases.append(case(NAMES[n], lambda age, n=n: typed(n, age), facts))
        join, subquery = (
            said("FROM POSTS", "JOIN", "AUTHORS", "COUNTRY"),
            said("FROM AUTHORS", "SELECT", "FROM POSTS"),
        )
        cases += [case("chakra, join", joined, join), case("chakra, subquery", nested, subquery)]
        for peer in await bench.peers("build_typed"):
            for n in range(1, MOST_CONDITIONS + 1):
                facts = said("FROM USERS", *columns[:n], "CREATED_AT DESC")
                name = peer.name if n == MOST_CONDITIONS else f"{peer.name}, {n}"
                cases.append(case(name, lambda age, n=n, peer=peer: peer.build_typed(n, age), facts))
            cases += [
                case(f"{peer.name}, join", peer.build_join, join),
                case(f"{peer.name}, subquery", peer.build_subquery, subquery),
            ]
        return cases

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        names = {f"typed{n}": name for n, name in NAMES.items()}
        names |= {"join": "chakra, join", "subquery": "chakra, subquery"}
        times = {id: Value(timings[name].minimum, timings[name].median) for id, name in names.items()}
        return {**times, "sqlalchemy": ratio_to(timings, "SQLAlchemy", "chakra")}


NAMES = {n: "chakra" if n == MOST_CONDITIONS else f"chakra, {n}" for n in range(1, MOST_CONDITIONS + 1)}
"""Contenders by number of conditions."""


class Acquire(Target):
    """``async with db.acquire(): pass`` beside asyncpg's pool."""

    number, id, title = 7, "acquire", "connection acquire + release"
    patience = 0.5
    goals = (
        Goal("time", "nothing changed on the connection", 15, "µs", promised=100),
        Goal("sqlalchemy", "SQLAlchemy takes", 1.0, at_least=True),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        async def ours() -> None:
            async with bench.db.acquire():
                pass

        async def theirs() -> None:
            async with bench.pool.acquire():
                pass

        return [
            Case("chakra", ours),
            Case("asyncpg, pool", theirs),
            *(Case(peer.name, peer.acquire) for peer in await bench.peers("acquire")),
        ]

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {
            "time": Value(timings["chakra"].minimum, timings["chakra"].median),
            "sqlalchemy": ratio_to(timings, "SQLAlchemy", "chakra"),
        }
