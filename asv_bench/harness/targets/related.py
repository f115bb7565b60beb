"""Rows 17 and 18: rows with what stands behind their relations, in one statement or in one for each relation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from asv_bench.harness.bench import Bench
from asv_bench.harness.data import AUTHOR_COLUMNS, POST_COLUMNS, TAG_COLUMNS
from asv_bench.harness.measure import Case, Timings, Value, settle
from asv_bench.harness.models import Author, Post
from asv_bench.harness.peers import Peer
from asv_bench.harness.target import Goal, Target, ratio_to, ratio_to_best

FLOOR = "asyncpg, bare records"
ORMS = ("SQLAlchemy", "Django", "Tortoise", "Piccolo", "yara-orm", "oxyde")

RECORDS = Goal("records", "of the bare records of the same SQL", 1.4)
OTHERS = Goal("orms", "the fastest of the other ORMs takes", 1.0, at_least=True)


def walked(load: Callable[[], Any], walk: Callable[[Any], object]) -> Callable[[], Any]:
    """Load, and read what was loaded: who makes objects only when they are asked for pays for it here."""

    async def call() -> Any:
        found = await settle(load())
        walk(found)
        return found

    return call


def values(row: Any, columns: tuple[str, ...]) -> list[Any]:
    """The values of an instance of anybody's model."""
    return [getattr(row, column) for column in columns]


class Related(Target):
    """Figures of both rows."""

    goals: ClassVar[tuple[Goal, ...]] = (RECORDS, OTHERS)

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {"records": ratio_to(timings, "chakra", FLOOR), "orms": ratio_to_best(timings, ORMS)}


class SelectRelated(Related):
    """``await Post.objects.order_by("id").select_related("author")``; the name of each author is read."""

    number, id, title = 17, "select_related", "10k rows (7 columns) with their partners (5) in one JOIN"

    async def cases(self, bench: Bench) -> list[Case]:
        await bench.library()

        def query() -> Any:
            return Post.objects.order_by("id").select_related("author")

        sql, params = query().to_sql()
        self.sql = (sql,)
        statement = await bench.prepare(sql)
        name = len(POST_COLUMNS) + AUTHOR_COLUMNS.index("name")

        def facts(posts: Any) -> list[Any]:
            return [values(post, POST_COLUMNS) + values(post.author, AUTHOR_COLUMNS) for post in posts]

        def read(posts: Any) -> int:
            return sum([len(post.author.name) for post in posts])

        return [
            Case("chakra", walked(query, read), facts),
            Case(
                FLOOR,
                walked(lambda: statement.fetch(*params), lambda rows: sum([len(row[name]) for row in rows])),
                lambda rows: list(map(list, rows)),
            ),
            *(
                Case(peer.name, walked(lambda peer=peer: peer.related(bench.size.many), read), facts)
                for peer in await bench.peers("related")
            ),
        ]


class Prefetched(Related):
    """A query and one for a to-many relation behind it. The floor sends both statements, their parameters ready."""

    sets: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    partner_columns: ClassVar[tuple[str, ...]]
    ability: ClassVar[str]

    def query(self, bench: Bench) -> Any:
        """The query and its relation."""
        raise TypeError(f"{type(self).__name__} asks nothing")

    def load(self, peer: Peer, bench: Bench) -> Any:
        """What another library does for it."""
        return getattr(peer, self.ability)(bench.size.some)

    async def cases(self, bench: Bench) -> list[Case]:
        await bench.library()
        query = self.query(bench)
        self.sql = tuple(await _sent(bench, query))
        rows, partners = [await bench.prepare(sql) for sql in self.sql]
        arguments = query.to_sql()[1]
        keys = [row[0] for row in await rows.fetch(*arguments)]
        label = self.partner_columns.index("title" if "title" in self.partner_columns else "name")
        # Behind the columns stands whose a row is, if they do not say it themselves.
        owner = (*self.partner_columns, "owner").index("author_id" if self.sets == "posts" else "owner")

        async def fetch() -> Any:
            return await rows.fetch(*arguments), await partners.fetch(keys)

        def facts_of_records(fetched: Any) -> list[Any]:
            width = len(self.partner_columns)
            held: dict[Any, list[Any]] = {row[0]: [] for row in fetched[0]}
            for partner in fetched[1]:
                held[partner[owner]].append(list(partner)[:width])
            return [[*row, sorted(held[row[0]])] for row in fetched[0]]

        def case(name: str, load: Callable[[], Any], members: Callable[[Any, str], Any]) -> Case:
            column, sets = self.partner_columns[label], self.sets

            def read(found: Any) -> int:
                return sum([len(getattr(p, column)) for row in found for p in members(row, sets)])

            def facts(found: Any) -> list[Any]:
                return [
                    [
                        *values(row, self.columns),
                        sorted(values(p, self.partner_columns) for p in members(row, sets)),
                    ]
                    for row in found
                ]

            return Case(name, walked(load, read), facts)

        return [
            case("chakra", lambda: self.query(bench), getattr),
            Case(
                FLOOR,
                walked(fetch, lambda fetched: sum([len(partner[label]) for partner in fetched[1]])),
                facts_of_records,
            ),
            *(
                case(peer.name, lambda peer=peer: self.load(peer, bench), peer.members)
                for peer in await bench.peers(self.ability)
            ),
        ]


class PrefetchRelated(Prefetched):
    """``await Author.objects.order_by("id").prefetch_related("posts")``; the title of each post is read."""

    number, id, title = 18, "prefetch_related", "1,000 rows with ten partners each, a statement a level"
    sets, ability = "posts", "prefetched"
    columns, partner_columns = AUTHOR_COLUMNS, POST_COLUMNS

    def query(self, bench: Bench) -> Any:
        return Author.objects.order_by("id").prefetch_related("posts")


class PrefetchMany(Prefetched):
    """The same over a table between: ``Post.objects.filter(id__lte=…).order_by("id").prefetch_related("tags")``."""

    number, id, title = 18, "prefetch_many", "the same over a table between (many-to-many)"
    sets, ability = "tags", "tagged"
    columns, partner_columns = POST_COLUMNS, TAG_COLUMNS

    def query(self, bench: Bench) -> Any:
        return Post.objects.filter(id__lte=bench.size.some).order_by("id").prefetch_related("tags")


async def _sent(bench: Bench, query: Any) -> list[str]:
    """The statements that a query sends, in a run that reads records."""
    sent: list[str] = []

    def note(event: Any) -> None:
        if event.phase == "before" and event.kind == "fetch" and " pg_" not in event.sql:
            sent.append(event.sql)

    for model in (Author, Post, *(r.target.row_class for r in Post.__table__.relations.values())):
        model.__table__.statements.clear()  # shapes that were large before might be read as columns
    remove = bench.db.hooks.add(note)
    try:
        await query.using(bench.db)
    finally:
        remove()
    return sent
